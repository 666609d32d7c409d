"""TLS records go straight to an idle socket, in order, and wait in the transport otherwise."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.tcp import Connection
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from papertrader.net.clock import Clock
from papertrader.net.handshakes import HandshakeQueue, PacedFactory
from papertrader.net.records import RecordFactory
from papertrader.net.tls import public_server_factory
from papertrader.ops.certificates import authority_file, certificate_files
from tests.tls_kit import library_side

CLOSED: Final = Failure(ConnectionDone())


class Socket:
    """A socket that takes ``room`` octets and then none until there is room again."""

    def __init__(self) -> None:
        self.room = 1_000_000
        self.taken = b""
        self.broken = False

    def setblocking(self, blocking: bool) -> None:
        """Nothing: it never blocks."""

    def fileno(self) -> int:
        """Give a number that nobody reads."""
        return -1

    def send(self, data: memoryview) -> int:
        """Take what there is room for."""
        if self.broken:
            raise ConnectionResetError(104, "reset")
        if not self.room:
            raise BlockingIOError(11, "full")
        part = bytes(data[: self.room])
        self.taken += part
        self.room -= len(part)
        return len(part)


class Reader(Protocol):
    """Keeps what arrives."""

    def __init__(self) -> None:
        self.received = b""

    def dataReceived(self, data: bytes) -> None:
        """Keep it."""
        self.received += data


class Scene:
    """A TLS server over a socket that can be full, and its client."""

    def __init__(self, state: Path) -> None:
        self.reactor = MemoryReactorClock()
        self.socket = Socket()
        self.reader = Reader()
        sender = Protocol()
        server = public_server_factory(*certificate_files(state, "worker-1-public"))
        creator = library_side(authority_file(state))
        self.sender: Any = RecordFactory(
            server, False, Factory.forProtocol(lambda: sender), self.reactor
        ).buildProtocol(None)
        self.client: Any = TLSMemoryBIOFactory(
            creator, True, Factory.forProtocol(lambda: self.reader), self.reactor
        ).buildProtocol(None)
        self.wire = Connection(self.socket, self.sender, self.reactor)
        self.wire.connected = True
        self.back = StringTransport()
        self.sender.makeConnection(self.wire)
        self.client.makeConnection(self.back)
        for _ in range(4):
            self.turn()

    def turn(self) -> None:
        """Carry what was sent each way; let the reactor write what it was asked to."""
        self.reactor.advance(0)
        if self.back.value():
            octets = self.back.value()
            self.back.clear()
            self.sender.dataReceived(octets)
        if self.wire in self.reactor.getWriters():
            self.wire.doWrite()
        octets, self.socket.taken = self.socket.taken, b""
        if octets:
            self.client.dataReceived(octets)

    @property
    def watched(self) -> bool:
        """Whether the reactor was asked to say when the socket has room."""
        return self.wire in self.reactor.getWriters()


def test_an_idle_socket_gets_the_record_at_once(state: Path) -> None:
    """It is sent within the call that writes it, and the reactor need not watch the socket."""
    it = Scene(state)
    it.sender.write(b"quote")
    assert it.socket.taken
    assert not it.watched
    it.turn()
    assert it.reader.received == b"quote"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.integers(0, 40_000), st.integers(0, 60_000), st.booleans()),
        min_size=1,
        max_size=8,
    )
)
def test_nothing_is_lost_or_overtakes_however_little_the_socket_takes(
    state: Path, steps: list[tuple[int, int, bool]]
) -> None:
    """Writes of any size meet a socket of any room; the peer reads them whole and in order."""
    it = Scene(state)
    sent = b""
    for number, (size, room, carried) in enumerate(steps):
        it.socket.room = room
        data = bytes([number]) * size
        it.sender.write(data)
        sent += data
        if carried:
            it.turn()
    it.socket.room = 10_000_000
    for _ in range(8):
        it.turn()
    assert it.reader.received == sent
    assert not it.watched


def test_what_waits_is_not_overtaken(state: Path) -> None:
    """While an older record waits for room, a newer one goes behind it, room or not."""
    it = Scene(state)
    it.socket.room = 10
    it.sender.write(b"older" * 100)
    assert it.watched
    taken = len(it.socket.taken)
    it.socket.room = 1_000_000
    it.sender.write(b"newer")
    assert len(it.socket.taken) == taken
    it.turn()
    assert it.reader.received == b"older" * 100 + b"newer"


def test_a_broken_socket_is_found_by_the_reactor(state: Path) -> None:
    """The write itself does not fail: the reactor, told to write, finds the loss as ever."""
    it = Scene(state)
    it.socket.broken = True
    it.sender.write(b"quote")
    assert it.watched
    assert isinstance(it.wire.doWrite(), Exception)


def test_nothing_is_sent_over_a_lost_connection(state: Path) -> None:
    """What is written after the transport is gone is dropped."""
    it = Scene(state)
    it.wire.connected = False
    it.sender.write(b"quote")
    assert it.socket.taken == b""
    assert not it.watched


class Producer(Protocol):
    """Is told when to wait, as the connections of clients are."""

    def connectionMade(self) -> None:
        """Say so."""
        transport: Any = self.transport
        transport.registerProducer(self, True)

    def pauseProducing(self) -> None:
        """Nothing is produced."""

    resumeProducing = stopProducing = pauseProducing


def test_an_ended_connection_is_no_ring(state: Path) -> None:
    """What a peer's end leaves is freed at once: the collector comes rarely and stops all."""
    reactor = MemoryReactorClock()
    tls = public_server_factory(*certificate_files(state, "worker-1-public"))
    factory = PacedFactory(
        tls, Factory.forProtocol(Producer), reactor, HandshakeQueue(Clock(reactor))
    )
    side: Any = factory.buildProtocol(None)
    wire = StringTransport()
    side.makeConnection(wire)
    left = weakref.ref(side), weakref.ref(side.wrappedProtocol)
    gc.collect()
    gc.disable()
    try:
        side.connectionLost(Failure(ConnectionDone()))
        # As a TCP connection does when it is gone.
        wire.producer = None
        del side, wire
        assert [each() for each in left] == [None, None]
    finally:
        gc.enable()


class Failing(Protocol):
    """Raises at whatever comes."""

    def __init__(self) -> None:
        self.came = self.ended = 0

    def dataReceived(self, data: bytes) -> None:
        """Raise."""
        self.came += 1
        raise ZeroDivisionError

    def connectionLost(self, reason: Failure = CLOSED) -> None:
        """Count the ends."""
        self.ended += 1


def test_a_protocol_that_raises_is_told_of_the_end(state: Path) -> None:
    """What came behind was delivered while the connection ended; it raised again, and the
    connection counted for ever, so that a worker could not stop."""
    it = Scene(state)
    failing = Failing()
    it.sender.wrappedProtocol = failing
    for words in (b"one", b"two"):
        it.client.write(words)
        it.reactor.advance(0)
    with pytest.raises(ZeroDivisionError):
        it.sender.dataReceived(it.back.value())
    it.sender.connectionLost(CLOSED)
    assert (failing.came, failing.ended) == (1, 1)


def test_one_that_raises_in_its_turn_is_cut_alone(
    state: Path, flush_logged_errors: Callable[..., list[Failure]]
) -> None:
    """There the reactor does not read: it would stay, and those behind it would wait."""
    reactor = MemoryReactorClock()
    queue = HandshakeQueue(Clock(reactor))
    server = public_server_factory(*certificate_files(state, "worker-1-public"))
    factory = PacedFactory(server, Factory.forProtocol(Protocol), reactor, queue)
    sides: list[Any] = []
    while queue.take():
        pass
    for _ in range(5):
        side: Any = factory.buildProtocol(None)
        side.makeConnection(StringTransport())
        side.dataReceived(b"no TLS")
        sides.append(side)

    def fail() -> None:
        raise ZeroDivisionError

    sides[0]._checkHandshakeStatus = fail
    wires = [side.transport for side in sides]
    for _ in range(5):
        reactor.advance(0)
    assert len(flush_logged_errors(ZeroDivisionError)) == 1
    assert len(queue) == 0
    assert wires[0].disconnected or wires[0].disconnecting
    assert all(wire.disconnecting for wire in wires[1:])
