"""HTTP within bounds: who is answered, how much is taken, how long a connection may last."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.testing import MemoryReactorClock, StringTransport

from papertrader.net import web
from papertrader.net.clock import Clock
from tests.web_kit import NAME, RawBrowser, WebHouse


@pytest.fixture
def house() -> WebHouse:
    """A worker with a web face."""
    return WebHouse()


def status(raw: RawBrowser) -> int:
    """Return the status of the first answer."""
    return int(raw.octets.split(b" ", 2)[1])


def test_every_answer_forbids_what_the_page_does_not_need(house: WebHouse) -> None:
    """Also those that refuse: no other host, no inline code, no frames."""
    for raw in (house.get("/"), house.get("/nothing"), house.get("/", host="evil.example")):
        head = raw.octets.partition(b"\r\n\r\n")[0].decode()
        for name, value in web.SAFE_HEADERS.items():
            assert f"{name}: {value}" in head
        assert "unsafe" not in head
        assert "access-control-" not in head.lower()
        assert re.search(r"^Content-Type: [a-z]+/[a-z+-]+(; charset=utf-8)?\r?$", head, re.M)


@pytest.mark.parametrize(
    ("host", "headers", "wanted"),
    [
        (NAME, (), 200),
        (f"{NAME}:2050", (f"Origin: https://{NAME}:2050",), 200),
        ("127.0.0.1:2050", (), 200),
        (NAME.upper(), (), 200),
        ("evil.example", (), 403),
        (f"{NAME}.evil.example", (), 403),
        (NAME, ("Origin: https://evil.example",), 403),
        (NAME, (f"Origin: http://{NAME}",), 403),
        (NAME, (f"Origin: https://{NAME}:2051",), 403),
        (NAME, ("Origin: null",), 403),
        ("", (), 403),
    ],
)
def test_only_our_own_name_and_origin(
    house: WebHouse, host: str, headers: tuple[str, ...], wanted: int
) -> None:
    """A page of another site, or a name of another site that points here, gets nothing."""
    raw = house.get("/", *headers, host=host)
    assert status(raw) == wanted
    assert house.worker.web is not None
    assert house.worker.web.gate.refused == (wanted == 403)
    assert (b"<title>" in raw.octets) == (wanted == 200)


@pytest.mark.parametrize("choice", web.STRICT_TRANSPORT)
def test_browsers_are_told_to_come_by_https_alone(choice: str) -> None:
    """On every answer, also one that refuses, under the name that was asked for."""
    house = WebHouse(strict_transport=choice)
    for raw in (house.get("/"), house.get("/nothing"), house.get("/ptwp"), house.get("/health")):
        told = re.findall(
            r"^Strict-Transport-Security: (.*)\r$", raw.octets.decode("latin-1"), re.M
        )
        assert told == [each for each in [web.STRICT_TRANSPORT[choice]] if each]
    assert b"Strict-Transport" not in house.get("/", host="127.0.0.1").octets


@pytest.mark.parametrize(
    "host",
    ["localhost:2050", "nas", "nas.lan", "a.local.", "x.home.arpa", "192.0.2.1:1", "[::1]:2"],
)
def test_names_of_one_house_are_told_nothing(host: str) -> None:
    """Whatever else speaks plain HTTP there must stay within reach; browsers ignore addresses."""
    assert web.strict_transport("subdomains", host) == ""
    assert web.strict_transport("subdomains", "a.example.org:2050")


@pytest.mark.parametrize(
    "method", ["TRACE", "OPTIONS", "PUT", "POST", "DELETE", "CONNECT", "PROPFIND"]
)
def test_other_methods_are_refused(house: WebHouse, method: str) -> None:
    """TRACE above all; and nothing that was sent is repeated."""
    for path in ("/", "/ptwp", "/health"):
        raw = house.get(path, "X-Secret: hunter2", method=method)
        assert status(raw) in (400, 405)
        assert b"hunter2" not in raw.octets
        assert b"<html" not in raw.octets
        if status(raw) == 405:
            assert raw.octets.endswith(b"\r\n\r\nonly GET and HEAD are answered here\n")


def test_a_wildcard_certificate_is_for_one_more_label() -> None:
    """``*.example.org`` answers as a.example.org, not as example.org or a.b.example.org."""
    names = {"a.example.org": True, "example.org": False, "a.b.example.org": False}
    for name, wanted in names.items():
        gate = web.Gate(["*.example.org"], web.Refusal(404, "x"))
        assert gate.admits(_Asked(name)) is wanted  # type: ignore[arg-type]


class _Asked:
    """A request with nothing but a Host."""

    def __init__(self, host: str) -> None:
        self._host = host

    def getHeader(self, name: str) -> str | None:
        """Return the header."""
        return self._host if name == "Host" else None


def test_a_body_is_bounded_whether_its_length_is_told_or_not(house: WebHouse) -> None:
    """413 before anything is stored; the connection is over."""
    told = house.get("/", f"Content-Length: {web.BODY_MAX + 1}", method="POST")
    assert status(told) == 413
    assert told.lost
    chunked = house.get("/", "Transfer-Encoding: chunked", method="POST")
    piece = b"4000\r\n" + bytes(0x4000) + b"\r\n"
    for _ in range(4):
        chunked.say(piece)
        house.settle()
    assert chunked.octets == b""
    chunked.say(piece)
    house.settle()
    assert status(chunked) == 413
    assert chunked.lost


@pytest.mark.parametrize(
    ("head", "wanted"),
    [
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 40_000, 431),
        (b"GET /" + b"a" * 40_000, 431),
        (b"G" * 40_000, 431),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\nits beginning", 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n" + bytes(99_999), 413),
    ],
)
def test_what_is_too_large_is_refused_once_and_closed_at_once(head: bytes, wanted: int) -> None:
    """Each piece behind it was answered again, and TLS stayed open for `IDLE_S`: its transport is
    only shut down when the producer has left it."""
    transport = StringTransport()
    ended: list[Any] = []
    transport.loseConnection = lambda: ended.append(transport.producer)  # type: ignore[method-assign]
    reactor = MemoryReactorClock()
    site = web.WebSite(web.Refusal(404, "nothing"), Clock(reactor), reactor)
    connection = site.build(IPv4Address("TCP", "192.0.2.1", 5))
    connection.makeConnection(transport)
    assert transport.producer is not None
    for _ in range(3):
        connection.dataReceived(head)
    assert ended == [None]
    assert transport.value().startswith(b"HTTP/1.1 %d " % wanted)
    assert transport.value().count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Length: 4", "Transfer-Encoding: chunked"),
        ("Content-Length: 4", "Content-Length: 5"),
        ("Content-Length: +4",),
        ("Transfer-Encoding: chunked, identity",),
    ],
)
def test_a_request_has_one_length(house: WebHouse, headers: tuple[str, ...]) -> None:
    """Two, or one that others read otherwise, end the connection: nothing rides in behind it."""
    raw = house.get("/", *headers, method="POST")
    raw.say(b"0\r\n\r\nGET /health HTTP/1.1\r\nHost: worker.example\r\n\r\n")
    house.settle()
    assert raw.octets.count(b"HTTP/1.1 ") == 1
    assert status(raw) == 400
    assert raw.lost


def test_a_body_at_the_bound_is_taken(house: WebHouse) -> None:
    """It is only the method that is refused then."""
    raw = house.get("/", f"Content-Length: {web.BODY_MAX}", method="POST")
    raw.say(bytes(web.BODY_MAX))
    house.settle()
    assert status(raw) == 405


def test_a_silent_connection_ends_and_a_dripping_one_too(house: WebHouse) -> None:
    """No octet for IDLE_S, or no end within LIFE_S."""
    silent = house.connect_raw()
    house.reactor.advance(web.IDLE_S + 1)
    house.settle()
    assert silent.lost
    dripping = house.connect_raw()
    dripping.say(b"GET / HTTP/1.1\r\nX: ")
    for _ in range(web.LIFE_S // 10 + 1):
        assert not dripping.lost
        dripping.say(b"x")
        house.settle()
        house.reactor.advance(10)
    house.settle()
    assert dripping.lost


def test_the_end_of_a_connection_is_counted(house: WebHouse) -> None:
    """What was admitted is given back, so that an address can come again."""
    assert house.worker.web is not None
    admission = house.worker.web.acceptor.admission
    raw = house.get("/")
    assert admission.connections == 1
    raw.wire.cut()
    house.settle()
    assert admission.connections == 0
    assert house.worker.web.acceptor.counters.accepted == 1


def test_a_head_without_end_is_cut(house: WebHouse) -> None:
    """Twisted's own bound; pinned because we rely on it."""
    raw = house.connect_raw()
    raw.say(b"GET / HTTP/1.1\r\n")
    for _ in range(40):
        raw.say(b"X: " + b"y" * 1000 + b"\r\n")
        house.settle()
    assert raw.lost or status(raw) >= 400


PIECES = (
    b"POST / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\n", b"HEAD /health HTTP/1.0\r\n", b"Host: x\r\n",
    b"Content-Length: 99999999\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Expect: 100-continue\r\n", b"Connection: close\r\n", b" fold\r\n", b"\r\n", b"fffff\r\n",
    b"5\r\n", b"0\r\n\r\n", b"hello", b"\x00\xff", b"a" * 20_000, b"a" * 70_000,
)  # fmt: skip


@given(pieces=st.lists(st.sampled_from(PIECES), max_size=12), at_once=st.booleans())
@example(pieces=[b"0\r\n\r\n", b"\r\n"], at_once=False)
@example(pieces=[PIECES[0], PIECES[4], b"\r\n", b"hello"], at_once=True)
def test_whatever_comes_is_no_mistake_of_ours(pieces: list[bytes], at_once: bool) -> None:
    """Nothing is raised, also by what still comes when a connection is being closed: TLS delivers
    it, and each was two entries at level critical."""
    transport = StringTransport()
    reactor = MemoryReactorClock()
    site = web.WebSite(web.Refusal(404, "nothing"), Clock(reactor), reactor)
    connection = site.build(IPv4Address("TCP", "192.0.2.1", 5))
    connection.makeConnection(transport)
    for data in [b"".join(pieces)] if at_once else pieces:
        connection.dataReceived(data)
    connection.connectionLost()
