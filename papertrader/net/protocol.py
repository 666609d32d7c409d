"""Octets to frames and back over a Twisted transport: one write per reactor turn, bounded output.

`FrameProtocol` feeds a sans-I/O `Connection` and carries out what it decides: deadlines, GOODBYE,
closing. Subclasses fill in the hooks `opened`, `frame_received`, `closed`, `congested`, `drained`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import Enum
from typing import Any, Final

import attrs
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from papertrader.core.instants import SECOND
from papertrader.net.clock import Clock, Timer
from papertrader.wire import limits
from papertrader.wire.codec import Fields, Header
from papertrader.wire.connection import Connection, Link, State
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import Status
from papertrader.wire.messages import Goodbye, WorkerRow

WRITE_MAX: Final = 256 * 1024
"""Octets handed to the transport at once; what is above goes in further writes."""
FLUSHES_PER_TURN: Final = 512
"""Connections written to in one reactor turn; the others follow in the next, so that what has just
arrived is not held up by many answers."""
_DELAY_MIN_S: Final = 0.001


class Reason(Enum):
    """Why a connection is of no more use."""

    FAULT = "fault"
    """The peer broke the protocol or one of its limits."""
    GOODBYE = "goodbye"
    """The peer said GOODBYE."""
    OURS = "ours"
    """We said GOODBYE."""
    LOST = "lost"
    """The transport ended without a word."""


@attrs.frozen(kw_only=True)
class Closed:
    """How a connection ended: ``status`` is the code said in GOODBYE, 0 when it was just lost."""

    reason: Reason
    status: int
    text: str = ""
    goodbye: Goodbye | None = None

    def __str__(self) -> str:
        """Say it to people: how, the status, and what was said."""
        try:
            status = Status(self.status).name if self.status else ""
        except ValueError:
            status = f"status {self.status:#06x}"
        return ", ".join(each for each in (self.reason.value, status, self.text) if each)


@attrs.frozen(kw_only=True)
class OutputBounds:
    """Octets that may wait for a peer: `soft` calls `congested`, beyond `hard` it is closed."""

    soft: int = limits.OUTPUT_SOFT
    hard: int = limits.OUTPUT_HARD


@attrs.define(slots=True, kw_only=True)
class Counters:
    """What passed through one connection; ``frames_out`` leaves control frames out."""

    reads: int = 0
    writes: int = 0
    frames_in: int = 0
    frames_out: int = 0


class Gathering:
    """Lets many connections share one timer for "at the end of this reactor turn".

    Each connection waits here once at most, so the queue is never longer than their number.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: list[FrameProtocol] = []
        self._timer: Timer | None = None

    def add(self, protocol: FrameProtocol) -> None:
        """Have ``protocol.flush()`` called in the next turn."""
        self._waiting.append(protocol)
        if self._timer is None:
            self._timer = self._clock.call_later(0, self._flush)

    def _flush(self) -> None:
        batch, self._waiting = (
            self._waiting[:FLUSHES_PER_TURN],
            self._waiting[FLUSHES_PER_TURN:],
        )
        self._timer = self._clock.call_later(0, self._flush) if self._waiting else None
        for protocol in batch:
            protocol.flush()


@implementer(IPushProducer)
class FrameProtocol(Protocol):
    """One end of a link over a transport.

    ``bounds`` limits what may wait for a slow peer. ``gathering`` may be shared by many
    connections. Everything may be called from the reactor's thread only.
    """

    log = Logger()
    connection: Connection

    def __init__(
        self,
        link: Link,
        clock: Clock,
        *,
        bounds: OutputBounds | None = None,
        gathering: Gathering | None = None,
    ) -> None:
        self.link = link
        self.clock = clock
        self.counters = Counters()
        self.is_open = False
        self.is_congested = False
        self.when_lost: Callable[[], None] | None = None
        """Called last, when the transport is gone; set by who keeps account of connections."""
        self._bounds = bounds or OutputBounds()
        self._gathering = gathering or Gathering(clock)
        self._queue: list[bytes] = []
        self._queue_octets = 0
        self._last_write = 0
        self._in_transport = 0
        self._paused = False
        self._reading_paused = False
        self._held: list[tuple[Fields, bytes]] = []
        self._receiving = False
        self._flush_due = False
        self._ended = False
        self._lost = False
        self._timer: Timer | None = None
        self._timer_due = 0
        self._linger: Timer | None = None

    # --- hooks of subclasses --------------------------------------------------------------------

    def opened(self) -> None:
        """HELLO went both ways; `connection.peer` says who is there."""

    def frame_received(self, header: Header, octets: bytes) -> None:
        """Take one whole frame. A `RemoteFault` raised here closes the connection with its code."""
        raise NotImplementedError

    def fields_received(self, fields: Fields, octets: bytes) -> None:
        """Take one whole frame whose header is not made an object of: for what comes often."""
        self.frame_received(Header._make(fields), octets)

    def forestalled(self, data: bytes, now: int) -> int:
        """Deal with whole frames at the beginning of what was read, known by their octets; return
        how many octets those were. Called when no frame waits; ``now`` is the clock's wall time."""
        return 0

    def closed(self, why: Closed) -> None:
        """Take the end of the connection. Called exactly once, even if it never was open."""

    def congested(self) -> None:
        """More than `OutputBounds.soft` octets wait for the peer."""

    def drained(self) -> None:
        """The peer has taken most of what waited; comes after `congested`."""

    # --- sending --------------------------------------------------------------------------------

    @property
    def queued(self) -> int:
        """Octets that wait for the peer: here, and (nearly) in the transport."""
        return self._queue_octets + self._in_transport

    @property
    def ended(self) -> bool:
        """True once `closed` was called: nothing can be sent any more."""
        return self._ended

    def send(self, octets: bytes, frames: int = 1) -> None:
        """Send whole frames with everything else of this turn. After the end they are dropped."""
        if self._ended:
            return
        self.counters.frames_out += frames
        self._queue.append(octets)
        self._queue_octets += len(octets)
        if self._queue_octets > self._bounds.soft:
            self._press()
        if not (self._receiving or self._flush_due):
            self._flush_due = True
            self._gathering.add(self)

    def send_at_once(self, octets: bytes, frames: int, now: int) -> None:
        """Send whole frames within this call, if nothing is to go before them; else as `send`.

        For what comes to very many connections together: there is nothing to gather them with.
        ``now`` is the clock's wall time, read once for all of them.
        """
        if self._queue or self._paused or self._receiving or self._ended:
            self.send(octets, frames)
            return
        counters = self.counters
        counters.frames_out += frames
        counters.writes += 1
        self._last_write = len(octets)
        self.connection.sent(now)
        self.transport.write(octets)  # type: ignore[union-attr]

    def ping(self, token: int) -> None:
        """Send a PING; the answer goes to `connection.on_pong`. Does nothing unless open."""
        if self.connection.state is State.OPEN:
            self.connection.ping(token, self.clock.wall_ns())
            self.flush()

    def say_goodbye(
        self,
        code: int,
        text: str = "",
        retry_after_ms: int = 0,
        workers: Sequence[WorkerRow] = (),
    ) -> None:
        """Send what waits, then GOODBYE, and close; aborted if not closed after LINGER_S."""
        if not self._ended and self.transport is not None:
            self.connection.say_goodbye(code, text, retry_after_ms, tuple(workers))
            self._finish(Closed(reason=Reason.OURS, status=code, text=text))

    def abort(self) -> None:
        """Cut the connection at once; what waits is lost."""
        if not self._lost and self.transport is not None:
            self._transport().abortConnection()

    def flush(self) -> None:
        """Hand what waits to the transport, unless the transport said to wait."""
        self._flush_due = False
        if self._ended:
            return
        self._take_control()
        if self._queue_octets and not self._paused:
            self._write_out()
        if self._queue_octets > self._bounds.soft:
            self._press()

    def _take_control(self) -> None:
        control = self.connection.data_to_send()
        if control:
            # Answers to PING overtake what waits; GOODBYE is the last frame of all.
            last = self.connection.state is State.CLOSED
            self._queue.insert(len(self._queue) if last else 0, control)
            self._queue_octets += len(control)

    def _write_out(self) -> None:
        while self._queue and not self._paused:
            if self._queue_octets <= WRITE_MAX:
                data = b"".join(self._queue)
                self._queue.clear()
            else:
                data = self._first_of_queue()
            self._queue_octets -= len(data)
            self._write(data)

    def _first_of_queue(self) -> bytes:
        size = count = 0
        while size < WRITE_MAX and count < len(self._queue):
            size += len(self._queue[count])
            count += 1
        data = b"".join(self._queue[:count])
        del self._queue[:count]
        return data

    def _write(self, data: bytes) -> None:
        self._last_write = len(data)
        self.counters.writes += 1
        self.connection.sent(self.clock.wall_ns())
        self._transport().write(data)

    def _press(self) -> None:
        """Act on a queue above the soft bound."""
        if not self._paused:
            self._write_out()
        waiting = self.queued
        if waiting > self._bounds.hard:
            text = f"{waiting} octets were not read in time, at most {self._bounds.hard} wait"
            self.connection.say_goodbye(Status.SLOW_CONSUMER, text)
            self._queue.clear()
            self._queue_octets = 0
            self._finish(Closed(reason=Reason.FAULT, status=Status.SLOW_CONSUMER, text=text))
        elif waiting > self._bounds.soft and not self.is_congested:
            self.is_congested = True
            self.congested()

    # --- reading --------------------------------------------------------------------------------

    def pause_reading(self) -> None:
        """Stop taking octets from the peer, so that it feels our back-pressure.

        Frames of what was read already wait as well: they came in one read, so they are few.
        """
        if not self._reading_paused and not self._ended:
            self._reading_paused = True
            self._transport().pauseProducing()

    def resume_reading(self) -> None:
        """Take octets from the peer again. Its silence until now is not held against it."""
        if self._reading_paused:
            self._reading_paused = False
            self._transport().resumeProducing()
            self.connection.receive(b"", self.clock.wall_ns())
            if self._held:
                self.dataReceived(b"")

    def dataReceived(self, data: bytes) -> None:
        """Take octets from the transport."""
        if self._ended:
            return
        counters = self.counters
        counters.reads += 1
        connection = self.connection
        self._receiving = True
        try:
            now = self.clock.wall_ns()
            if self.is_open and not (connection.has_partial or self._held or self._reading_paused):
                data = data[self.forestalled(data, now) :]
            frames = connection.take(data, now)
            if not self.is_open and connection.peer is not None:
                self.is_open = True
                self.opened()
            counters.frames_in += len(frames)
            if self._held:
                frames, self._held = self._held + frames, []
            self._deal(frames)
        except RemoteFault as fault:
            connection.fail(fault)
        except Exception:
            self.log.failure("a frame could not be dealt with")
            self.say_goodbye(Status.INTERNAL, "an error happened here; it was logged")
        finally:
            self._receiving = False
        if connection.state is State.CLOSED:
            self._finish(self._end_by_peer())
        else:
            self.flush()
            self._arm()

    def _deal(self, frames: list[tuple[Fields, bytes]]) -> None:
        """Deal with frames until reading is paused; the rest, of one read, waits for its end."""
        for place, (fields, octets) in enumerate(frames):
            if self._ended:
                return
            if self._reading_paused:
                self._held = frames[place:]
                return
            self.fields_received(fields, octets)

    def _end_by_peer(self) -> Closed:
        fault, goodbye = self.connection.fault, self.connection.goodbye
        if fault is not None:
            return Closed(reason=Reason.FAULT, status=fault.status, text=fault.text)
        if goodbye is None:
            return Closed(reason=Reason.OURS, status=Status.OK)
        return Closed(
            reason=Reason.GOODBYE, status=goodbye.code, text=goodbye.text or "", goodbye=goodbye
        )

    # --- the transport's life -------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Begin: HELLO from the initiator, and the deadline of the peer's."""
        transport = self._transport()
        with suppress(AttributeError):
            transport.setTcpNoDelay(True)
        transport.registerProducer(self, True)
        self.connection = Connection(self.link, self.clock.wall_ns())
        self.flush()
        self._arm()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End: whatever was still thought to be alive is not."""
        self._lost = True
        for timer in (self._timer, self._linger):
            if timer is not None:
                timer.cancel()
        self._timer = self._linger = None
        if not self._ended:
            self._ended = True
            self._tell(Closed(reason=Reason.LOST, status=0, text=reason.getErrorMessage()))
        self._queue.clear()
        self._queue_octets = self._in_transport = 0
        when_lost, self.when_lost = self.when_lost, None
        if when_lost is not None:
            when_lost()
        # What refers to itself waits for the collector, and the collector stops the reactor.
        reason.cleanFailure()

    def _finish(self, why: Closed) -> None:
        """Write the last octets, close, and say so; does nothing the second time."""
        if self._ended:
            return
        self._take_control()
        self._held.clear()
        self.resume_reading()
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        transport = self._transport()
        if self._queue:
            data = b"".join(self._queue)
            self._queue.clear()
            self._queue_octets = 0
            self._write(data)
        # TLS does not shut down while a producer is registered.
        transport.unregisterProducer()
        transport.loseConnection()
        if not self._lost:
            self._linger = self.clock.call_later(limits.LINGER_S, self.abort)
        self._tell(why)

    def _tell(self, why: Closed) -> None:
        try:
            self.closed(why)
        except Exception:
            self.log.failure("the end of a connection could not be dealt with")

    def _transport(self) -> Any:
        if self.transport is None:
            raise RuntimeError("the protocol has no transport yet")
        return self.transport

    # --- back-pressure of the transport ---------------------------------------------------------

    def pauseProducing(self) -> None:
        """The transport's buffer is full: octets wait here from now on."""
        self._paused = True
        self._in_transport = self._last_write

    def resumeProducing(self) -> None:
        """The transport's buffer is empty again."""
        self._paused = False
        self._in_transport = 0
        if self._ended:
            return
        if self._reading_paused:
            # A peer that reads is alive, although we do not listen to it.
            self.connection.receive(b"", self.clock.wall_ns())
        self.flush()
        if self.is_congested and not self._ended and self.queued <= self._bounds.soft // 2:
            self.is_congested = False
            self.drained()

    def stopProducing(self) -> None:
        """The transport is closing; `connectionLost` follows."""

    # --- deadlines ------------------------------------------------------------------------------

    def _arm(self) -> None:
        """Have `_deadline` called when due. A timer that is too early is left as it is: deadlines
        mostly move later, and one timer per interval is enough."""
        due = self.connection.next_deadline()
        if due is None or self._ended:
            return
        if self._timer is not None and self._timer_due <= due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due = due
        seconds = max(_DELAY_MIN_S, (due - self.clock.wall_ns()) / SECOND)
        self._timer = self.clock.call_later(seconds, self._deadline)

    def _deadline(self) -> None:
        self._timer = None
        self.connection.handle_time(self.clock.wall_ns())
        if self.connection.state is State.CLOSED:
            self._finish(self._end_by_peer())
        else:
            self.flush()
            self._arm()
