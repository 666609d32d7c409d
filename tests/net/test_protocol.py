"""FrameProtocol: gathering, bounds, deadlines, the end said exactly once."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.testing import MemoryReactorClock, StringTransport

from papertrader.net.clock import Clock
from papertrader.net.protocol import (
    FLUSHES_PER_TURN,
    WRITE_MAX,
    Closed,
    FrameProtocol,
    Gathering,
    OutputBounds,
    Reason,
)
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.codec import Header
from papertrader.wire.connection import Link
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import Category, Opcode, Role, Status
from tests.link_kit import WALL_NS, Peer, Wire, client_link, join

SERVER = Link(role=Role.WORKER, initiator=False, frame_max=4096, instance=1, outer=True)


class Recorder(FrameProtocol):
    """Keeps what its hooks are told."""

    raised: Exception | None = None

    def opened(self) -> None:
        self.events = ["opened"]
        self.got: list[bytes] = []

    def frame_received(self, header: Header, octets: bytes) -> None:
        if self.raised is not None:
            raise self.raised
        self.got.append(octets)
        self.send(octets)

    def closed(self, why: Closed) -> None:
        self.ends = [*getattr(self, "ends", []), why]

    def congested(self) -> None:
        self.events.append("congested")

    def drained(self) -> None:
        self.events.append("drained")


@attrs.define
class Scene:
    """A recorder joined to a scripted client."""

    reactor: MemoryReactorClock
    clock: Clock
    near: Recorder
    peer: Peer
    wire: Wire

    def turn(self) -> None:
        """One reactor turn without moving octets."""
        self.reactor.advance(0)


def scene(link: Link = SERVER, bounds: OutputBounds | None = None) -> Scene:
    """Return a connected pair after HELLO."""
    reactor = MemoryReactorClock()
    clock = Clock(reactor, lambda: WALL_NS)
    near = Recorder(link, clock, bounds=bounds)
    peer = Peer(client_link(), clock)
    wire = join(near, peer, reactor, near_is_server=True)
    near.counters.writes = 0
    wire.near.writes.clear()
    return Scene(reactor, clock, near, peer, wire)


def ask(correlation: int, body: bytes = b"") -> bytes:
    """A frame from the client."""
    return codec.frame(Category.COMMAND, Opcode.ACCOUNT_GET, body, correlation=correlation)


def test_all_replies_to_one_chunk_leave_in_one_write() -> None:
    """Whatever is sent while octets are taken in is written once, at the end."""
    it = scene()
    it.peer.send(b"".join(ask(n) for n in range(1, 51)))
    it.wire.flush()
    assert len(it.near.got) == 50
    assert len(it.wire.near.writes) == 1
    assert len(it.peer.frames) == 50
    assert it.near.counters.writes == 1
    assert it.near.counters.frames_out == 50


def test_what_is_sent_at_once_leaves_within_the_call_unless_something_waits() -> None:
    """Nothing overtakes what was sent before."""
    it = scene()
    it.wire.near.writes.clear()
    writes = it.near.counters.writes
    it.near.send_at_once(ask(1), 1, it.clock.wall_ns())
    assert (len(it.wire.near.writes), it.near.counters.writes) == (1, writes + 1)
    it.near.send(ask(2))
    it.near.send_at_once(ask(3), 1, it.clock.wall_ns())
    assert len(it.wire.near.writes) == 1
    it.turn()
    assert b"".join(it.wire.near.writes) == ask(1) + ask(2) + ask(3)
    it.near.pauseProducing()
    it.near.send_at_once(ask(4), 1, it.clock.wall_ns())
    assert it.near.queued >= len(ask(4))


def test_what_is_sent_in_one_turn_leaves_in_one_write_in_the_next() -> None:
    """Outside of dataReceived the writes of a turn are gathered by one timer."""
    it = scene()
    for number in range(1, 21):
        it.near.send(ask(number))
    assert it.wire.near.writes == []
    it.turn()
    assert len(it.wire.near.writes) == 1
    it.wire.flush()
    assert [header.correlation for header, _ in it.peer.frames] == list(range(1, 21))


def test_many_connections_share_one_timer_and_a_turn_is_bounded() -> None:
    """A fan-out uses one timer, and writes to FLUSHES_PER_TURN connections in one turn."""
    reactor = MemoryReactorClock()
    clock = Clock(reactor, lambda: WALL_NS)
    gathering = Gathering(clock)
    crowd = []
    for _ in range(FLUSHES_PER_TURN + 5):
        near = Recorder(SERVER, clock, gathering=gathering)
        transport = StringTransport()
        near.makeConnection(transport)
        crowd.append((near, transport))
    timers = clock.waiting
    for near, _ in crowd:
        near.send(b"x" * 40)
    assert clock.waiting == timers + 1
    written: list[int] = []
    reactor.callLater(0, lambda: written.append(sum(bool(io.value()) for _, io in crowd)))
    reactor.advance(0)
    assert written == [FLUSHES_PER_TURN]
    assert all(transport.value() for _, transport in crowd)
    assert clock.waiting == timers


@pytest.mark.clause("2.3")
@given(st.lists(st.integers(1, 200), min_size=1, max_size=30), st.data())
def test_any_chunking_gives_the_same_frames(sizes: list[int], data: st.DataObject) -> None:
    """Frames arrive whole and in order however the octets are cut."""
    it = scene()
    stream = b"".join(ask(n + 1, b"\0" * size) for n, size in enumerate(sizes))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(stream) - 1), max_size=20)))
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        it.near.dataReceived(stream[start:end])
    assert b"".join(it.near.got) == stream


def test_a_bad_frame_gives_one_goodbye_with_its_code_and_one_end() -> None:
    """After a fault there is one GOODBYE, `closed` once, and silence."""
    it = scene()
    it.peer.send(ask(1) + b"XX" + bytes(40))
    it.wire.flush()
    assert [octets for _, octets in it.peer.frames] == [ask(1)]
    assert it.peer.goodbye is not None
    assert it.peer.goodbye.code == Status.BAD_MAGIC
    assert [end.reason for end in it.near.ends] == [Reason.FAULT]
    assert it.near.ends[0].status == Status.BAD_MAGIC
    assert it.peer.lost
    it.near.send(ask(9))
    it.turn()
    assert len(it.wire.near.writes) == 1


def test_a_fault_raised_by_the_hook_closes_with_its_code() -> None:
    """A subclass judges frames by raising RemoteFault."""
    it = scene()
    it.near.raised = RemoteFault(Status.DUPLICATE_CORRELATION, "twice")
    it.peer.send(ask(1))
    it.wire.flush()
    assert it.peer.goodbye is not None
    assert it.peer.goodbye.code == Status.DUPLICATE_CORRELATION


def test_our_own_error_is_logged_and_closes_only_this_connection(logged_errors) -> None:  # type: ignore[no-untyped-def]
    """An unexpected exception says INTERNAL to the peer, and nothing of its text."""
    it = scene()
    it.near.raised = ZeroDivisionError("secret")
    it.peer.send(ask(1))
    it.wire.flush()
    assert it.peer.goodbye is not None
    assert it.peer.goodbye.code == Status.INTERNAL
    assert b"secret" not in it.peer.raw
    assert len(logged_errors.flush(ZeroDivisionError)) == 1


def test_the_peers_goodbye_ends_it_once() -> None:
    """GOODBYE of the peer is told with its code, and the transport closes."""
    it = scene()
    it.peer.send(codec.encode(m.Goodbye(code=0, text="bye")))
    it.wire.flush()
    assert [(end.reason, end.text) for end in it.near.ends] == [(Reason.GOODBYE, "bye")]
    assert it.peer.lost


def test_a_lost_transport_ends_it_once() -> None:
    """Without a word the end is LOST, and no timer is left."""
    it = scene()
    it.wire.cut()
    assert [end.reason for end in it.near.ends] == [Reason.LOST]
    assert it.clock.waiting == 0


@pytest.mark.clause("8.8")
def test_goodbye_goes_out_after_everything_that_waited() -> None:
    """What was sent before GOODBYE still arrives, even when the transport was full."""
    it = scene()
    it.wire.near.stalled = True
    it.near.send(ask(1))
    it.turn()
    it.near.send(ask(2))
    it.near.say_goodbye(Status.SHUTDOWN, "stop", 500)
    it.wire.near.unstall()
    it.wire.flush()
    assert [header.correlation for header, _ in it.peer.frames] == [1, 2]
    assert it.peer.goodbye is not None
    assert (it.peer.goodbye.code, it.peer.goodbye.retry_after_ms) == (Status.SHUTDOWN, 500)
    assert [end.reason for end in it.near.ends] == [Reason.OURS]


@pytest.mark.clause("8.5")
def test_a_connection_that_does_not_close_is_aborted_after_the_linger() -> None:
    """loseConnection alone would wait for ever for a peer that does not read."""
    it = scene()
    it.wire.near.stalled = True
    it.near.say_goodbye(Status.SHUTDOWN)
    it.reactor.advance(limits.LINGER_S - 0.1)
    assert not it.wire.near.aborted
    it.reactor.advance(0.2)
    assert it.wire.near.aborted
    it.wire.flush()
    assert it.clock.waiting == 0


def test_the_soft_bound_tells_and_the_drain_tells() -> None:
    """`congested` comes once above the soft bound, `drained` once when half of it is left."""
    it = scene(bounds=OutputBounds(soft=1000, hard=10_000))
    it.wire.near.stalled = True
    it.near.send(bytes(600))
    it.turn()
    it.near.send(bytes(600))
    assert it.near.queued == 1200
    it.turn()
    it.near.send(bytes(600))
    it.turn()
    assert it.near.events == ["opened", "congested"]
    assert it.near.is_congested
    it.wire.near.unstall()
    it.turn()
    assert it.near.events == ["opened", "congested", "drained"]
    assert it.near.queued == 0


def test_a_slow_consumer_is_closed_at_the_hard_bound() -> None:
    """Beyond the hard bound: GOODBYE(SLOW_CONSUMER), what waited is dropped, then abort."""
    it = scene(bounds=OutputBounds(soft=1000, hard=5000))
    it.wire.near.stalled = True
    for _ in range(8):
        it.near.send(bytes(600))
        it.turn()
    assert getattr(it.near, "ends", []) == []
    it.near.send(bytes(600))
    it.turn()
    assert it.near.ends[0].status == Status.SLOW_CONSUMER
    assert it.near.ends[0].reason is Reason.FAULT
    assert Status.SLOW_CONSUMER.to_bytes(2, "big") in it.wire.near.writes[-1]
    assert len(it.wire.near.writes[-1]) < 200
    it.reactor.advance(limits.LINGER_S)
    assert it.wire.near.aborted


def test_a_burst_that_the_peer_reads_is_no_slow_consumer() -> None:
    """More than the hard bound in one turn is fine when the transport takes it."""
    it = scene(bounds=OutputBounds(soft=1000, hard=5000))
    for _ in range(100):
        it.near.send(bytes(600))
    it.turn()
    assert getattr(it.near, "ends", []) == []
    assert sum(map(len, it.wire.near.writes)) == 60_000


@pytest.mark.clause("8.8")
def test_large_output_is_written_in_pieces_of_whole_frames() -> None:
    """No write is much above WRITE_MAX, and nothing is lost or reordered."""
    it = scene(bounds=OutputBounds(soft=10 * WRITE_MAX, hard=20 * WRITE_MAX))
    frames = [ask(n, bytes(50_000)) for n in range(1, 21)]
    for each in frames:
        it.near.send(each)
    it.turn()
    assert len(it.wire.near.writes) > 1
    assert max(map(len, it.wire.near.writes)) < WRITE_MAX + 60_000
    assert b"".join(it.wire.near.writes) == b"".join(frames)


def test_reading_can_be_paused_and_a_peer_that_reads_stays_alive() -> None:
    """While we do not listen, the peer's silence is not held against it if it takes octets."""
    it = scene(bounds=OutputBounds(soft=100, hard=100_000))
    it.near.pause_reading()
    assert not it.wire.near.reading
    it.wire.near.stalled = True
    for _ in range(4):
        it.near.send(bytes(200))
        it.reactor.advance(15)
        it.near.resumeProducing()
    assert getattr(it.near, "ends", []) == []
    it.near.resume_reading()
    assert it.wire.near.reading


def test_no_hello_in_time_ends_it() -> None:
    """HELLO_TIMEOUT covers the TLS handshake as well: it counts from the connection on."""
    reactor = MemoryReactorClock()
    clock = Clock(reactor, lambda: WALL_NS)
    near = Recorder(SERVER, clock)
    transport = StringTransport()
    near.makeConnection(transport)
    reactor.advance(limits.HELLO_TIMEOUT_S - 0.1)
    assert not transport.disconnecting
    reactor.advance(0.2)
    assert transport.disconnecting
    assert near.ends[0].status == Status.HELLO_TIMEOUT


def test_silence_is_answered_by_heartbeats_then_by_the_end() -> None:
    """A heartbeat per keep-alive from us; 2.5 keep-alives of silence end the connection."""
    it = scene()
    for _ in range(37):
        it.reactor.advance(1)
    assert getattr(it.near, "ends", []) == []
    heartbeats = it.wire.near.writes
    assert len(heartbeats) == 2
    assert all(codec.parse_header(each).opcode == Opcode.HEARTBEAT for each in heartbeats)
    it.reactor.advance(1)
    assert it.near.ends[0].status == Status.KEEPALIVE_TIMEOUT


def test_traffic_needs_no_timer_of_its_own() -> None:
    """A thousand frames leave one timer waiting, and no heartbeat is sent."""
    it = scene()
    for number in range(1, 1001):
        it.peer.send(ask(number))
        it.wire.flush()
    assert it.clock.waiting == 1
    assert len(it.near.got) == 1000


def test_half_a_frame_must_be_finished_in_time() -> None:
    """The deadline of an unfinished frame comes before the keep-alive's."""
    it = scene()
    it.reactor.advance(1)
    it.peer.send(ask(1)[:20])
    it.wire.flush()
    it.reactor.advance(limits.FRAME_TIMEOUT_S - 0.1)
    assert getattr(it.near, "ends", []) == []
    it.reactor.advance(0.2)
    assert it.near.ends[0].status == Status.KEEPALIVE_TIMEOUT


def test_small_frames_are_not_delayed_by_the_system() -> None:
    """TCP_NODELAY is set where the transport knows it."""
    assert scene().wire.near.no_delay


def test_the_account_of_connections_hears_of_the_end_last() -> None:
    """`when_lost` comes once, after `closed`."""
    it = scene()
    seen: list[int] = []
    it.near.when_lost = lambda: seen.append(len(it.near.ends))
    it.wire.cut()
    assert seen == [1]


def test_a_protocol_without_transport_says_nothing() -> None:
    """GOODBYE and abort before the connection is made are harmless; the transport is required."""
    near = Recorder(SERVER, Clock(MemoryReactorClock(), lambda: WALL_NS))
    near.say_goodbye(Status.SHUTDOWN)
    near.abort()
    with pytest.raises(RuntimeError):
        near.connectionMade()


@pytest.mark.parametrize(
    ("closed", "said"),
    [
        (Closed(reason=Reason.GOODBYE, status=Status.SHUTDOWN, text="the worker stops"),
         "goodbye, SHUTDOWN, the worker stops"),
        (Closed(reason=Reason.LOST, status=0), "lost"),
        (Closed(reason=Reason.FAULT, status=0x7FFF, text="what"), "fault, status 0x7fff, what"),
    ],
)  # fmt: skip
def test_an_end_is_said_in_words(closed: Closed, said: str) -> None:
    """As the log shows it."""
    assert str(closed) == said
