"""After the handshake OpenSSL has the socket itself: what Twisted's TLS promised is still kept."""

from __future__ import annotations

import gc
import random
import select
import socket
import ssl
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet import main
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.tcp import Connection
from twisted.internet.testing import MemoryReactorClock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from papertrader.net import records
from papertrader.net.clock import Clock
from papertrader.net.handshakes import HandshakeQueue, PacedFactory
from papertrader.net.records import RECORD_MAX, RecordFactory, TlsSocket
from papertrader.net.tls import public_server_factory
from papertrader.net.unsent import octets_unsent
from papertrader.ops.certificates import authority_file, certificate_files
from tests.tls_kit import library_side

TURNS = 4_000


class Ending(Protocol):
    """Keeps what arrives and how it ended; is told when to wait."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.lost: Failure | None = None
        self.waits = False
        self.paused = 0
        self.answer: Callable[[bytes], None] = lambda data: None

    def dataReceived(self, data: bytes) -> None:
        """Keep it."""
        self.received += data
        self.answer(data)

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008
        """Keep it."""
        self.lost = reason

    def pauseProducing(self) -> None:
        """Wait."""
        self.waits = True
        self.paused += 1

    def resumeProducing(self) -> None:
        """Go on."""
        self.waits = False

    def stopProducing(self) -> None:
        """Nothing is produced."""


class Side:
    """One end: a protocol in TLS over a connection of Twisted's, over a real socket."""

    def __init__(self, factory: TLSMemoryBIOFactory, end: socket.socket, reactor: Any) -> None:
        self.tls: Any = factory.buildProtocol(None)
        self.app: Any = self.tls.wrappedProtocol
        self.end = end
        self.number = end.fileno()
        self.reactor = reactor
        self.wire = Connection(end, self.tls, reactor)
        self.wire.connected = True
        self.wire.startReading()
        self.tls.makeConnection(self.wire)

    def turn(self) -> bool:
        """Do what a reactor does; tell whether anything was done."""
        if not self.wire.connected:
            return False
        readable, writable, _ = select.select([self.number], [self.number], [], 0)
        done = False
        if readable and self.wire in self.reactor.getReaders():
            done = True
            self._judge(self.wire.doRead())
        if writable and self.wire.connected and self.wire in self.reactor.getWriters():
            done = True
            self._judge(self.wire.doWrite())
        return done

    def _judge(self, why: Any) -> None:
        if why is not None:
            known = {main.CONNECTION_DONE: ConnectionDone(), main.CONNECTION_LOST: ConnectionLost()}
            self.reactor.removeReader(self.wire)
            self.reactor.removeWriter(self.wire)
            self.wire.connectionLost(Failure(known.get(why, why)))


class Scene:
    """A worker's end and a client's, connected."""

    def __init__(
        self,
        state: Path,
        client: type[TLSMemoryBIOFactory] = RecordFactory,
        first: tuple[bytes, bytes] = (b"", b""),
    ) -> None:
        self.reactor = MemoryReactorClock()
        server = public_server_factory(*certificate_files(state, "worker-1-public"))
        creator = library_side(authority_file(state))
        queue = HandshakeQueue(Clock(self.reactor))
        near, far = socket.socketpair()
        for each in (near, far):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32 * 1024)
        self.ends = near, far
        factory = Factory.forProtocol(Ending)
        self.worker = Side(PacedFactory(server, factory, self.reactor, queue), near, self.reactor)
        self.client = Side(client(creator, True, factory, self.reactor), far, self.reactor)
        # What is written before the handshake is through follows it at once.
        self.worker.tls.write(first[0])
        self.client.tls.write(first[1])
        self.settle()
        assert self.worker.tls._handshakeDone and self.client.tls._handshakeDone

    def settle(self) -> None:
        """Go on until neither end has anything to do."""
        for _ in range(TURNS):
            self.reactor.advance(0)
            if not (self.worker.turn() | self.client.turn()):
                return
        raise AssertionError("the ends never come to rest")

    def close(self) -> None:
        """Let the sockets go."""
        for each in self.ends:
            each.close()


@pytest.fixture(params=[RecordFactory, TLSMemoryBIOFactory], ids=["ours", "twisted"])
def scene(state: Path, request: pytest.FixtureRequest) -> Iterator[Scene]:
    """A worker and a client, which has Twisted's own TLS in one case."""
    it = Scene(state, request.param)
    yield it
    it.close()


def test_the_socket_is_handed_over_when_the_handshake_is_through(scene: Scene) -> None:
    """This version of pyOpenSSL lets us; both directions work; the buffers are gone."""
    # The client's Finished is what the worker has to see before.
    assert scene.worker.tls.is_direct
    assert isinstance(scene.worker.wire.socket, TlsSocket)
    scene.client.tls.write(b"question")
    scene.settle()
    scene.worker.tls.write(b"answer")
    scene.settle()
    assert scene.worker.app.received == b"question"
    assert scene.client.app.received == b"answer"
    with pytest.raises(TypeError):
        scene.worker.tls.getHandle().bio_read(1)


@pytest.mark.parametrize("twisted", [False, True])
def test_what_comes_with_the_handshake_s_end(state: Path, twisted: bool) -> None:
    """The socket is handed over in the middle of a record, and with answers under way."""
    noise = random.Random(5)
    first = noise.randbytes(150_000), noise.randbytes(150_001)
    it = Scene(state, TLSMemoryBIOFactory if twisted else RecordFactory, first)
    assert it.client.app.received == first[0]
    assert it.worker.app.received == first[1]
    it.worker.tls.write(b"more")
    it.client.tls.write(b"more")
    it.settle()
    assert it.client.app.received == first[0] + b"more"
    assert it.worker.app.received == first[1] + b"more"
    assert it.worker.tls.is_direct
    it.close()


def test_without_the_call_all_goes_as_before(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pyOpenSSL that has it no more costs time and nothing else."""
    monkeypatch.setattr(records, "_HANDS_OVER", False)
    it = Scene(state)
    it.client.tls.write(b"question" * 5_000)
    it.settle()
    it.worker.tls.write(b"answer" * 5_000)
    it.settle()
    assert not it.worker.tls.is_direct
    assert (it.worker.app.received, it.client.app.received) == (
        b"question" * 5_000,
        b"answer" * 5_000,
    )
    it.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.integers(0, 90_000), st.booleans(), st.booleans()), max_size=12),
    st.booleans(),
)
def test_nothing_is_lost_or_overtakes(
    state: Path, steps: list[tuple[int, bool, bool]], twisted: bool
) -> None:
    """Writes of any size both ways over small sockets arrive whole, in order, and then the end."""
    it = Scene(state, TLSMemoryBIOFactory if twisted else RecordFactory)
    noise = random.Random(len(steps))
    sent = {it.worker: b"", it.client: b""}
    for size, from_worker, carried in steps:
        side = it.worker if from_worker else it.client
        data = noise.randbytes(size)
        side.tls.write(data)
        sent[side] += data
        if carried:
            it.settle()
    it.worker.tls.loseConnection()
    it.settle()
    assert it.client.app.received == sent[it.worker]
    assert it.worker.app.received == sent[it.client]
    for side in sent:
        assert side.app.lost.check(ConnectionDone), side.app.lost
    it.close()


def test_an_end_read_with_what_was_before_it(state: Path) -> None:
    """A full record and the end arrive together: both are dealt with, for nothing comes after."""
    it = Scene(state)
    it.worker.tls.write(bytes(RECORD_MAX))
    it.worker.tls.loseConnection()
    it.settle()
    assert it.client.app.received == bytes(RECORD_MAX)
    for side in (it.worker, it.client):
        assert side.app.lost.check(ConnectionDone), side.app.lost
    it.close()


def test_a_peer_that_does_not_read_is_felt(scene: Scene) -> None:
    """The producer is told to wait, what was written waits in the transport, and none is lost."""
    worker, client = scene.worker, scene.client
    worker.tls.registerProducer(worker.app, True)
    client.tls.pauseProducing()
    data = random.Random(7).randbytes(400_000)
    worker.tls.write(data)
    for _ in range(20):
        worker.turn()
    assert worker.app.waits
    waiting = octets_unsent(worker.tls)
    assert waiting > 400_000 - 300_000
    worker.tls.write(b"last")
    client.tls.resumeProducing()
    scene.settle()
    assert client.app.received == data + b"last"
    assert (worker.app.waits, worker.app.paused) == (False, 1)
    assert len(worker.wire.dataBuffer) == worker.wire._tempDataLen == 0


def test_the_end_comes_after_what_waits(scene: Scene) -> None:
    """GOODBYE is written and the connection closed while the peer does not read: it gets all."""
    worker, client = scene.worker, scene.client
    client.tls.pauseProducing()
    data = random.Random(8).randbytes(300_000)
    worker.tls.write(data)
    worker.tls.write(b"goodbye")
    worker.tls.loseConnection()
    worker.tls.write(b"too late")
    for _ in range(20):
        worker.turn()
    assert worker.wire.connected
    client.tls.resumeProducing()
    scene.settle()
    assert client.app.received == data + b"goodbye"
    assert client.app.lost.check(ConnectionDone)
    assert worker.app.lost.check(ConnectionDone)


def test_a_peer_that_ends_gets_what_waits(scene: Scene) -> None:
    """Who closes while our answer waits for room reads all of it, if it still reads."""
    worker, client = scene.worker, scene.client
    data = random.Random(9).randbytes(200_000)
    worker.tls.write(data)
    client.tls.loseConnection()
    scene.settle()
    assert client.app.received == data
    assert worker.app.lost.check(ConnectionDone)


def test_a_cut_without_a_word_is_a_loss(scene: Scene) -> None:
    """TCP ends and TLS did not: an attacker could have cut it there."""
    scene.client.end.shutdown(socket.SHUT_RDWR)
    scene.settle()
    assert scene.worker.app.lost.check(ConnectionLost)


def test_what_is_no_tls_ends_it(scene: Scene) -> None:
    """A record that was changed on its way: nothing of it arrives, and the peer is told."""
    scene.client.tls.write(b"before")
    scene.settle()
    scene.client.end.send(b"\x17\x03\x03\x00\x20" + bytes(32))
    scene.settle()
    assert scene.worker.app.received == b"before"
    assert scene.worker.app.lost is not None
    assert not scene.worker.app.lost.check(ConnectionDone)
    assert scene.client.app.lost is not None


def test_abort_does_not_wait(scene: Scene) -> None:
    """With octets that nobody takes, too."""
    scene.client.tls.pauseProducing()
    scene.worker.tls.write(bytes(500_000))
    scene.worker.tls.abortConnection()
    for _ in range(3):
        scene.reactor.advance(0)
    assert scene.worker.app.lost.check(ConnectionAborted)


def test_the_number_of_a_closed_socket_is_nobody_s(scene: Scene) -> None:
    """A late write, close or abort reaches no stranger who has got the number meanwhile."""
    engine = scene.worker.tls.getHandle()
    scene.worker.tls.abortConnection()
    scene.reactor.advance(0)
    assert scene.worker.app.lost is not None
    taken = []
    try:
        for _ in range(64):
            taken += socket.socketpair()
            if taken[-1].fileno() == scene.worker.number:
                break
            if taken[-2].fileno() == scene.worker.number:
                break
        numbers = {each.fileno(): place for place, each in enumerate(taken)}
        assert scene.worker.number in numbers
        place = numbers[scene.worker.number]
        other = taken[place ^ 1]
        other.setblocking(False)
        scene.worker.tls.write(b"late")
        scene.worker.tls.loseConnection()
        scene.worker.tls.abortConnection()
        for late in (lambda: engine.send(b"late"), engine.shutdown):
            with pytest.raises(records.Error):
                late()
        with pytest.raises(BlockingIOError):
            other.recv(1)
    finally:
        for each in taken:
            each.close()


def test_an_ended_connection_is_no_ring(state: Path) -> None:
    """All of it is freed at once: the collector comes rarely, and stops everything."""
    it = Scene(state)
    left = [weakref.ref(each) for each in (it.worker.tls, it.worker.app, it.worker.wire)]
    gc.collect()
    gc.disable()
    try:
        it.client.tls.loseConnection()
        it.settle()
        assert it.worker.app.lost is not None
        del it.worker
        assert [each() for each in left] == [None, None, None]
    finally:
        gc.enable()
    it.close()


def test_full_records_are_read_together(state: Path) -> None:
    """What comes in full records is given in one piece of at most what the connection reads."""
    it = Scene(state)
    sizes: list[int] = []
    it.worker.app.answer = lambda data: sizes.append(len(data))
    it.worker.end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 400_000)
    it.client.end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 400_000)
    it.client.tls.write(bytes(8 * RECORD_MAX + 5))
    it.settle()
    assert sum(sizes) == 8 * RECORD_MAX + 5
    assert max(sizes) > RECORD_MAX
    assert len(sizes) <= 6
    it.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_of_the_standard_library(state: Path, version: ssl.TLSVersion) -> None:
    """Both versions of TLS, by another implementation of the socket's side."""
    it = Scene(state)
    near, far = socket.socketpair()
    context = ssl.create_default_context(cafile=str(authority_file(state)))
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["ptwp/1"])
    server = public_server_factory(*certificate_files(state, "worker-1-public"))
    side = Side(RecordFactory(server, False, Factory.forProtocol(Ending)), near, it.reactor)
    far.setblocking(False)
    client = context.wrap_socket(
        far, server_hostname="localhost", do_handshake_on_connect=False, suppress_ragged_eofs=False
    )

    def until(step: Callable[[], Any]) -> Any:
        for _ in range(TURNS):
            try:
                return step()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                side.turn()
        raise AssertionError("nothing more happens")

    until(client.do_handshake)
    side.turn()
    assert client.send(b"question") == 8
    side.turn()
    assert (side.tls.is_direct, side.app.received) == (True, b"question")
    side.tls.write(b"answer")
    side.tls.loseConnection()
    assert until(lambda: client.recv(100)) == b"answer"
    assert until(lambda: client.recv(100)) == b""
    until(client.unwrap)
    side.turn()
    assert side.app.lost.check(ConnectionDone)
    client.close()
    it.close()
