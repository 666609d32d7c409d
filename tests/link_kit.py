"""In-memory ends of links for tests of net and worker: scripted peers made of real wire frames."""

from __future__ import annotations

from collections.abc import Callable

import attrs
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.test.iosim import FakeTransport, IOPump

from papertrader.net.clock import Clock
from papertrader.wire import codec, limits
from papertrader.wire.codec import Header
from papertrader.wire.connection import Connection, Link, State
from papertrader.wire.derived import Message
from papertrader.wire.kinds import Role
from papertrader.wire.messages import Goodbye

WALL_NS = 1_750_000_000_000_000_000
Frame = tuple[Header, bytes]


class MeteredTransport(FakeTransport):
    """An end that counts writes, and whose peer can be told to stop reading."""

    def __init__(self, protocol: Protocol, is_server: bool, peer: object = None) -> None:
        super().__init__(protocol, is_server, peerAddress=peer)
        self.writes: list[bytes] = []
        self.stalled = False
        self.aborted = False
        self.reading = True
        self.no_delay = False
        self.closing = False

    def write(self, data: bytes) -> None:
        """Take octets; a stalled end tells its producer to wait, as a full socket buffer does."""
        self.writes.append(bytes(data))
        super().write(data)
        if self.stalled and self.producer is not None:
            self.producer.pauseProducing()

    def getOutBuffer(self) -> bytes | None:
        """Give out what was written, unless nobody reads it."""
        if self.stalled and not self.aborted:
            return None
        return super().getOutBuffer()

    def loseConnection(self) -> None:
        """Close once everything is out; a stalled end cannot."""
        self.closing = True
        if not self.stalled:
            super().loseConnection()

    def abortConnection(self) -> None:
        """Cut."""
        self.aborted = True
        self.stream.clear()
        super().abortConnection()

    def pauseProducing(self) -> None:
        """The protocol wants no more octets."""
        self.reading = False

    def resumeProducing(self) -> None:
        """The protocol wants octets again."""
        self.reading = True

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Note that small frames are not to be delayed."""
        self.no_delay = enabled

    def unstall(self) -> None:
        """The peer reads again: what is buffered goes out and more is asked for."""
        self.stalled = False
        if self.producer is not None:
            self.producer.resumeProducing()
        if self.closing:
            super().loseConnection()


class Peer(Protocol):
    """The other end: keeps every frame it gets, says what a test tells it to say."""

    def __init__(self, link: Link, clock: Clock) -> None:
        self.link = link
        self.clock = clock
        self.frames: list[Frame] = []
        self.raw = bytearray()
        self.lost = False
        self.on_frame: Callable[[Header, bytes], None] | None = None

    def connectionMade(self) -> None:
        """Begin, with HELLO if it is ours to say."""
        self.connection = Connection(self.link, self.clock.wall_ns())
        self.push()

    def dataReceived(self, data: bytes) -> None:
        """Keep octets and frames."""
        self.raw += data
        for header, octets in self.connection.receive(data, self.clock.wall_ns()):
            self.frames.append((header, octets))
            if self.on_frame is not None:
                self.on_frame(header, octets)
        self.push()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Note the end."""
        self.lost = True

    def push(self) -> None:
        """Write what the connection itself has to say."""
        octets = self.connection.data_to_send()
        if octets and self.transport is not None:
            self.connection.sent(self.clock.wall_ns())
            self.transport.write(octets)

    def keep_alive(self) -> None:
        """Send a heartbeat if one is due."""
        if self.connection.state is State.OPEN:
            self.connection.handle_time(self.clock.wall_ns())
            self.push()

    def send(self, octets: bytes) -> None:
        """Write whole frames, or what the test wants instead."""
        if self.transport is None:
            raise RuntimeError("not connected")
        self.connection.sent(self.clock.wall_ns())
        self.transport.write(octets)

    @property
    def goodbye(self) -> Goodbye | None:
        """What the other end said last."""
        return self.connection.goodbye

    def take(self) -> list[tuple[Header, Message]]:
        """Return the frames since the last call, decoded."""
        frames, self.frames = self.frames, []
        return [(header, codec.decode_body(header, octets)) for header, octets in frames]


def client_link(instance: int = 7, role: Role = Role.CLIENT) -> Link:
    """What a client is."""
    return Link(role=role, initiator=True, frame_max=limits.FRAME_MAX, instance=instance)


def master_link() -> Link:
    """What a master is on the inner port."""
    return Link(
        role=Role.MASTER,
        initiator=False,
        frame_max=limits.FRAME_MAX,
        instance=1,
        keepalive_s=limits.INNER_KEEPALIVE_S,
    )


@attrs.define(slots=True)
class Wire:
    """Two protocols joined in memory. ``near`` is the end under test."""

    near: MeteredTransport
    far: MeteredTransport
    pump: IOPump

    def flush(self) -> bool:
        """Move everything that waits."""
        return bool(self.pump.flush())

    def cut(self) -> None:
        """Break the connection without a word."""
        self.near.stream.clear()
        self.far.stream.clear()
        self.near.disconnecting = self.far.disconnecting = True
        for end in (self.near, self.far):
            if not end.disconnected:
                end.disconnected = True
                end.reportDisconnect()


def join(
    near: Protocol,
    far: Protocol,
    reactor: MemoryReactorClock,
    *,
    near_is_server: bool,
    peer: object = None,
) -> Wire:
    """Connect two protocols; ``peer`` is the far end's address as the near end sees it."""
    near_io = MeteredTransport(near, near_is_server, peer)
    far_io = MeteredTransport(far, not near_is_server)
    near.makeConnection(near_io)
    far.makeConnection(far_io)
    if near_is_server:
        pump = IOPump(far, near, far_io, near_io, False, clock=reactor)
    else:
        pump = IOPump(near, far, near_io, far_io, False, clock=reactor)
    wire = Wire(near_io, far_io, pump)
    wire.flush()
    return wire
