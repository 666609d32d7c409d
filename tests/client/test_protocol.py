"""The Twisted face: Deferreds, timers and reconnection, on a fake reactor and in memory."""

from __future__ import annotations

from random import Random

import pytest
from twisted.internet import task
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.error import ConnectError, ConnectionDone
from twisted.python.failure import Failure

from papertrader.client import errors
from papertrader.client import updates as u
from papertrader.client.losses import SHUT_OUT, SHUT_OUT_TRIES
from papertrader.client.octetstream import tls_endpoints
from papertrader.client.protocol import TwistedClient
from papertrader.net.clock import Clock
from papertrader.wire.kinds import Opcode, Status
from tests.client_accounts import START
from tests.client_kit import Market, Peer


class MemoryStream:
    """A transport whose octets are carried by `Reactor.pump`."""

    def __init__(self, peer: Peer, protocol: object) -> None:
        self.peer = peer
        self.protocol = protocol
        self.to_peer = b""
        self.disconnecting = False
        self.told = False

    def write(self, octets: bytes) -> None:
        self.to_peer += octets

    def loseConnection(self) -> None:
        self.disconnecting = True

    def abortConnection(self) -> None:
        self.to_peer = b""
        self.disconnecting = True


class Bench:
    """A client, a market and the fake time between them."""

    def __init__(self, **options: object) -> None:
        self.reactor = task.Clock()
        self.market = Market()
        self.market.add("ada", "correct horse")
        clock = Clock(self.reactor, wall_time_ns=lambda: START)
        self.market.clock = clock.wall_ns
        self.streams: list[MemoryStream] = []
        self.shut = 0
        """So many connections are ended before anything is carried."""
        self.client = TwistedClient(
            self.reactor, "127.0.0.1:2049", clock=clock, endpoint_for=self.endpoint_for,
            learn_workers=False, randbits=Random(1).getrandbits, **options,
        )  # fmt: skip
        self.events: list[u.Event] = []
        self.client.listen(self.events.append)

    def endpoint_for(self, endpoint: object) -> Bench:
        self.endpoint = endpoint
        return self

    def connect(self, factory: object) -> Deferred:
        try:
            peer = self.market.dial(self.endpoint)
        except ConnectionRefusedError as error:
            return fail(ConnectError(string=str(error)))
        protocol = factory.buildProtocol(None)
        stream = MemoryStream(peer, protocol)
        self.streams.append(stream)
        if self.shut:
            self.shut -= 1
            stream.disconnecting = True
        protocol.makeConnection(stream)
        return succeed(protocol)

    def pump(self) -> None:
        """Carry octets until nothing moves."""
        for _ in range(200):
            moved = False
            for stream in list(self.streams):
                octets, stream.to_peer = stream.to_peer, b""
                if octets:
                    stream.peer.take(octets)
                    moved = True
                back = stream.peer.give()
                if back and not stream.disconnecting:
                    stream.protocol.dataReceived(back)
                    moved = True
                gone = stream.disconnecting or stream.peer.closed
                if gone and not stream.told and not stream.to_peer:
                    stream.told = True
                    stream.peer.drop()
                    stream.protocol.connectionLost(Failure(ConnectionDone()))
                    moved = True
            if not moved:
                return
        raise RuntimeError("octets go round in circles")

    def result(self, deferred: Deferred, seconds: int = 60) -> object:
        """Let time go by until the Deferred has fired."""
        found: list[object] = []
        deferred.addBoth(found.append)
        for _ in range(seconds * 10):
            self.pump()
            if found:
                break
            self.reactor.advance(0.1)
        if not found:
            raise TimeoutError("the Deferred never fired")
        if isinstance(found[0], Failure):
            found[0].raiseException()
        return found[0]

    def logged_in(self) -> Bench:
        self.result(self.client.login("ada", "correct horse"))
        return self


def test_commands_answer_their_deferreds() -> None:
    """Several requests side by side, each answered by its own result."""
    bench = Bench().logged_in()
    portfolio = bench.client.portfolio()
    order = bench.client.buy("AAPL", 10)
    assert bench.result(order).symbol == "AAPL"
    assert bench.result(portfolio).currency == "USD"


def test_requests_before_the_login_was_answered_wait_for_it() -> None:
    """Login and order may be sent without waiting in between."""
    bench = Bench()
    bench.client.login("ada", "correct horse")
    assert bench.result(bench.client.buy("AAPL", 1)).order_id == 1


def test_a_failed_login_fails_what_waited_for_it() -> None:
    """What waited for the session fails with NotLoggedIn."""
    bench = Bench()
    login = bench.client.login("ada", "wrong password")
    order = bench.client.buy("AAPL", 1)
    with pytest.raises(errors.AuthenticationFailed):
        bench.result(login)
    with pytest.raises(errors.NotLoggedIn):
        bench.result(order)


def test_pipelined_orders_survive_a_lost_connection() -> None:
    """Thirty orders at once, connection lost in the middle: each is executed once, in order."""
    bench = Bench().logged_in()
    bench.market.plan(Opcode.ORDER_NEW, *[None] * 9, "drop after")
    orders = [bench.client.buy("AAPL", n + 1) for n in range(30)]
    quantities = [int(bench.result(order).quantity) for order in orders]
    assert quantities == list(range(1, 31))
    mine = bench.market.accounts["ada"].orders
    assert [order.quantity // 10**8 for order in mine] == quantities
    assert len(bench.market.seen(Opcode.ORDER_NEW)) > 30


def test_at_most_64_requests_are_open() -> None:
    """More wait in the client, and beyond its bound a request is refused at once."""
    bench = Bench().logged_in()
    bench.market.plan(Opcode.ACCOUNT_GET, *["silence"] * 64)
    waiting = [bench.client.account() for _ in range(100)]
    bench.pump()
    assert len(bench.market.seen(Opcode.ACCOUNT_GET)) == 64
    with pytest.raises(errors.TooManyCalls):
        waiting.extend(bench.client.account() for _ in range(2_000))
    for deferred in waiting:
        deferred.addErrback(lambda failure: failure.trap(errors.PaperTraderError))
    bench.client.close()


def test_it_reconnects_and_goes_on_delivering_events() -> None:
    """A connection lost while idle is made again after a pause; events go on without a gap."""
    bench = Bench().logged_in()
    bench.result(bench.client.subscribe_account())
    bench.result(bench.client.buy("AAPL", 1))
    bench.streams[0].peer.drop()
    bench.pump()
    bench.market.tick()
    bench.reactor.advance(0.3)
    bench.pump()
    assert [e.sequence for e in bench.events if hasattr(e, "sequence")] == [1, 2, 3]
    assert len(bench.streams) == 2


def test_it_waits_longer_and_longer_for_a_worker() -> None:
    """Dials are spread by a growing pause; the request fails at its deadline only."""
    bench = Bench()
    bench.market.refuse_dials = 1_000
    login = bench.client.login("ada", "correct horse")
    with pytest.raises(errors.ConnectionLost, match="refused"):
        bench.result(login)
    assert 6 < len(bench.market.dials) < 25


def test_an_impatient_client_fails_soon() -> None:
    """patient=False gives up when every worker was tried once."""
    bench = Bench(patient=False)
    bench.market.refuse_dials = 1_000
    with pytest.raises(errors.ConnectionLost):
        bench.result(bench.client.login("ada", "correct horse"), seconds=1)


def test_who_is_shut_out_for_a_moment_comes_in_a_little_later() -> None:
    """The connection stands and ends before a HELLO came: two more tries, then it is told."""
    bench = Bench(patient=False)
    bench.shut = SHUT_OUT_TRIES
    bench.result(bench.client.login("ada", "correct horse"), seconds=1)
    assert len(bench.market.dials) == 1 + SHUT_OUT_TRIES
    bench = Bench(patient=False)
    bench.shut = 100
    with pytest.raises(errors.ConnectionLost, match=SHUT_OUT):
        bench.result(bench.client.login("ada", "correct horse"), seconds=1)
    assert len(bench.market.dials) == 1 + SHUT_OUT_TRIES


def test_one_timer_is_enough() -> None:
    """However many frames pass, the client has one timer."""
    bench = Bench().logged_in()
    for _ in range(50):
        bench.result(bench.client.account())
    assert len(bench.reactor.getDelayedCalls()) == 1


def test_heartbeats_keep_it_alive() -> None:
    """While idle the client sends something every keep-alive interval."""
    bench = Bench().logged_in()
    before = len(bench.market.requests)
    for _ in range(20):
        bench.streams[0].peer.connection.handle_time(bench.market.clock())
        bench.reactor.advance(2)
        bench.pump()
    assert len(bench.streams) == 1
    assert not bench.streams[0].peer.closed
    assert len(bench.market.requests) == before


def test_canceling_forgets_the_request() -> None:
    """A canceled Deferred fails with CancelledError and its late answer is dropped."""
    bench = Bench().logged_in()
    deferred = bench.client.account()
    deferred.cancel()
    with pytest.raises(CancelledError):
        bench.result(deferred)
    assert bench.result(bench.client.account()).username == "ada"


def test_a_listener_that_fails_does_not_harm_others(logged_errors: object) -> None:
    """Listeners are called one by one; a failure is logged."""
    bench = Bench().logged_in()

    def bad(_event: object) -> None:
        raise RuntimeError("listener")

    more: list[object] = []
    bench.client.listen(bad)
    bench.client.listen(more.append)
    bench.result(bench.client.subscribe_quotes("AAPL"))
    bench.pump()
    assert any(isinstance(event, u.QuoteUpdate) for event in more)
    assert logged_errors.flush(RuntimeError)


def test_close_says_goodbye_and_fails_what_is_open() -> None:
    """close: GOODBYE, no timer left, open requests end; a read is lost, a command unknown."""
    bench = Bench().logged_in()
    bench.market.plan(Opcode.ORDER_NEW, "silence")
    bench.market.plan(Opcode.ACCOUNT_GET, "silence")
    order, account = bench.client.buy("AAPL", 1), bench.client.account()
    bench.pump()
    closed = bench.client.close()
    with pytest.raises(errors.OutcomeUnknown):
        bench.result(order)
    with pytest.raises(errors.ConnectionLost):
        bench.result(account)
    assert bench.result(closed) is None
    assert bench.streams[0].peer.connection.goodbye.code == Status.OK
    assert bench.reactor.getDelayedCalls() == []
    with pytest.raises(errors.ConnectionLost):
        bench.client.account()


def test_a_ca_file_that_cannot_be_used_is_named(tmp_path: object) -> None:
    """Missing and unreadable CA files raise ValueError with the path."""
    with pytest.raises(ValueError, match=r"none\.pem"):
        tls_endpoints(task.Clock(), tmp_path / "none.pem")
    (tmp_path / "bad.pem").write_text("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----")
    with pytest.raises(ValueError, match=r"bad\.pem"):
        tls_endpoints(task.Clock(), tmp_path / "bad.pem")
