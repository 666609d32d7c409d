"""WebSocket: the same protocol, and the bounds that Twisted's WebSocket leaves to us."""

from __future__ import annotations

import pytest
from twisted.logger import LogLevel, capturedLogs
from wsproto.events import CloseConnection

from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import Opcode, Status
from papertrader.worker import websocket
from tests.link_kit import Peer
from tests.web_kit import NAME, Browser, WebHouse
from tests.worker_kit import login


@pytest.fixture
def house() -> WebHouse:
    """A worker with its master, and a web face."""
    house = WebHouse()
    house.connect_master()
    return house


def peer_of(browser: Browser) -> Peer:
    """Return the scripted client of a browser."""
    assert browser.peer is not None
    return browser.peer


@pytest.mark.clause("2.5")
def test_a_browser_is_a_client_like_any_other(house: WebHouse) -> None:
    """HELLO, a request that is relayed octet for octet, its answer; one message for each write."""
    browser = house.connect_browser()
    peer = peer_of(browser)
    assert browser.accepted
    assert peer.connection.peer is not None
    (opened,) = house.told(m.ClientOpen)
    assert opened.port == 5001
    octets = house.ask(peer, login(), correlation=9)
    (up,) = house.relayed()
    assert up.inner == octets
    before = len(browser.messages)
    house.answer(up, m.LoginReply(session=77, account=5), session=77)
    ((header, reply),) = peer.take()
    assert (header.session, reply.account) == (77, 5)
    assert len(browser.messages) == before + 1


@pytest.mark.parametrize(
    "headers",
    [
        (),
        ("Upgrade: websocket", "Connection: Upgrade"),
        ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 99"),
        ("Upgrade: h2c", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAA"),
    ],
)
def test_a_request_that_is_no_upgrade(house: WebHouse, headers: tuple[str, ...]) -> None:
    """It is told what is missing; that anybody asks so is no error of ours."""
    with capturedLogs() as logged:
        raw = house.get("/ptwp", *headers)
    assert raw.octets.startswith(b"HTTP/1.1 400 ")
    assert b"here a WebSocket opens" in raw.octets
    assert [each for each in logged if each["log_level"] >= LogLevel.warn] == []


def test_a_browser_that_closes_is_let_go(house: WebHouse) -> None:
    """Its last word is answered, and nothing keeps TLS from shutting down: no producer is left."""
    browser = house.connect_browser()
    near = browser.wire.near
    assert near.producer is not None
    browser.say(browser.socket.send(CloseConnection(1000)))
    house.settle()
    assert (browser.closed_with, browser.lost) == (1000, True)
    assert near.producer is None


@pytest.mark.clause("2.5")
def test_messages_may_cut_the_stream_anywhere(house: WebHouse) -> None:
    """One octet a message, and two frames in one message, are the same to the worker."""
    browser = house.connect_browser()
    octets = codec.encode(login(), correlation=3)
    for place in range(len(octets)):
        browser.message(octets[place : place + 1])
        house.settle()
    browser.message(codec.encode(login(), correlation=4) + codec.encode(login(), correlation=5))
    house.settle()
    assert [codec.parse_header(up.inner).correlation for up in house.relayed()] == [3, 4, 5]


def test_a_fragmented_message_is_one_message(house: WebHouse) -> None:
    """Fragments are put together, within the bound."""
    browser = house.connect_browser()
    octets = codec.encode(login(), correlation=3)
    browser.message(octets[:40], finished=False)
    browser.message(octets[40:])
    house.settle()
    assert len(house.relayed()) == 1


def test_a_message_without_end_is_cut_before_it_is_kept(house: WebHouse) -> None:
    """Of 100 MB in fragments no more than a few reads are ever taken."""
    browser = house.connect_browser()
    house.master.take()
    piece = bytes(16_384)
    sent = 0
    while not browser.lost and sent < 100_000_000:
        browser.message(piece, finished=False)
        house.settle()
        sent += len(piece)
    assert browser.lost
    assert sent <= websocket.MESSAGE_MAX + 4 * len(piece)
    assert house.worker.web is not None
    assert house.worker.web.sockets.counters.too_long == 1
    (closed,) = house.told(m.ClientClose)
    assert closed.code == Status.KEEPALIVE_TIMEOUT


def test_control_frames_count_as_octets_of_the_message(house: WebHouse) -> None:
    """A flood of pings is not answered for ever."""
    browser = house.connect_browser()
    sent = 0
    while not browser.lost and sent < 4_000:
        browser.ping(bytes(125))
        sent += 1
        if sent % 50 == 0:
            house.settle()
    assert browser.lost
    assert sent * 131 <= websocket.MESSAGE_MAX + 150 * 131


def test_text_is_refused(house: WebHouse) -> None:
    """There is no text in this protocol: close code 1003."""
    browser = house.connect_browser()
    browser.text("hello")
    house.settle()
    assert browser.closed_with == websocket.CLOSE_UNSUPPORTED
    assert browser.lost
    assert house.worker.web is not None
    assert house.worker.web.sockets.counters.malformed == 1
    assert len(house.worker.clients) == 0


def test_octets_that_are_no_websocket_frames_end_the_connection(house: WebHouse) -> None:
    """Nothing is logged as an error of ours: the test would fail."""
    browser = house.connect_browser()
    browser.say(b"\xff" * 64)
    house.settle()
    assert browser.lost
    assert browser.closed_with == 1002
    assert len(house.worker.clients) == 0


def test_a_frame_that_breaks_the_protocol_gets_its_goodbye(house: WebHouse) -> None:
    """The client link's own rules hold: one GOODBYE with the code, then the close."""
    browser = house.connect_browser()
    browser.message(b"XX" + bytes(30))
    house.settle()
    goodbye = peer_of(browser).goodbye
    assert goodbye is not None
    assert goodbye.code == Status.BAD_MAGIC
    assert browser.closed_with == websocket.CLOSE_NORMAL
    assert browser.lost


def test_another_origin_gets_no_socket(house: WebHouse) -> None:
    """A malicious page can have the browser try; the upgrade is refused before anything is made."""
    browser = house.connect_browser(Browser(origin="https://evil.example"))
    assert not browser.accepted
    assert browser.status == 403
    assert len(house.worker.clients) == 0


def test_a_program_without_origin_is_no_browser_and_is_taken(house: WebHouse) -> None:
    """Only browsers can be misled, and they always say Origin."""
    assert house.connect_browser(Browser(origin=None)).accepted


def test_a_plain_request_to_the_socket_is_an_answer_of_http(house: WebHouse) -> None:
    """No upgrade, no client."""
    raw = house.get("/ptwp")
    assert b" 400 " in raw.octets.splitlines()[0]
    assert len(house.worker.clients) == 0


def test_pongs_keep_a_page_alive_that_sends_nothing(house: WebHouse) -> None:
    """Browsers slow the timers of hidden pages; a pong is a sign of life."""
    browser = house.connect_browser()
    house.peers.remove(peer_of(browser))
    house.advance(limits.KEEPALIVE_S * 10)
    assert browser.pings >= 10
    assert not browser.lost


def test_a_browser_that_is_gone_is_noticed(house: WebHouse) -> None:
    """No pong, no heartbeat: KEEPALIVE_TIMEOUT, as on every client link."""
    browser = house.connect_browser()
    browser.answers_pings = False
    house.peers.remove(peer_of(browser))
    house.advance(limits.KEEPALIVE_S * 4)
    assert browser.lost
    assert len(house.worker.clients) == 0


def test_a_page_that_does_not_read_is_not_read_from(house: WebHouse) -> None:
    """Its pings wait as well, so that their answers cannot pile up; then it goes on."""
    browser = house.connect_browser()
    browser.wire.near.stalled = True
    house.ask(peer_of(browser), login(), correlation=2)
    (up,) = house.relayed()
    house.answer(up, m.LoginReply(session=77, account=5), session=77)
    assert not browser.wire.near.reading
    browser.wire.near.unstall()
    house.settle()
    assert browser.wire.near.reading
    assert [header.opcode for header, _ in peer_of(browser).take()] == [Opcode.LOGIN]


def test_the_worker_says_goodbye_to_browsers_when_it_stops(house: WebHouse) -> None:
    """With SHUTDOWN, as to every client."""
    browser = house.connect_browser()
    house.worker.stop()
    house.settle()
    goodbye = peer_of(browser).goodbye
    assert goodbye is not None
    assert goodbye.code == Status.SHUTDOWN


def test_a_socket_outlives_the_time_of_an_http_connection(house: WebHouse) -> None:
    """The deadlines of HTTP end with the upgrade."""
    browser = house.connect_browser()
    house.advance(200)
    assert not browser.lost
    assert NAME in browser._request.host
