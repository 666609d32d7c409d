"""Carrying the event log from memory to its files, in a thread, without anyone waiting for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from papertrader.core.logrecord import Level
from papertrader.core.ringlog import Batch, RingWriter
from papertrader.eventlog.callers import Callers
from papertrader.eventlog.memory import Entry, LogMemory, append_entry, short_piece
from papertrader.eventlog.segments import SegmentFiles
from papertrader.eventlog.settings import EventLogError

BLOCK_BYTES: Final = 64 * 1024
"""Octets of the ring copied and written to disk at one time."""
FLUSH_CALLERS_MAX: Final = 1024
"""Callers that may wait for one flush; one more gets an `EventLogError`."""

Tap = Callable[[list[int], list[str]], None]
"""Sees what has reached the files: the level and the line of JSON of each entry."""


class LogTimer(Protocol):
    """A timer that was set."""

    def cancel(self) -> object:
        """Stop the call from coming; harmless afterwards."""


class LogClock(Protocol):
    """What the log needs of a clock: ``papertrader.net.clock.Clock`` is one."""

    def call_later(
        self, seconds: float, function: Callable[..., object], /, *arguments: Any
    ) -> LogTimer:
        """Call ``function(*arguments)`` on the reactor's thread, ``seconds`` from now."""

    def wall_ns(self) -> int:
        """Return nanoseconds since 1970-01-01 UTC. Any thread may call it."""

    def monotonic_ns(self) -> int:
        """Return nanoseconds of a clock that never steps. Any thread may call it."""


class Flusher:
    """Writes what waits in the memory to the segments, one flush at a time.

    Made in the reactor's thread. ``defer_to_thread`` runs a flush, ``call_from_thread`` brings a
    wish for one to the reactor's thread. A failure is counted, told to the operator when it is
    the first in a row, and tried again by the next flush; nobody else hears of it. ``tap`` is
    shown, in that thread, what has reached the files.
    """

    def __init__(
        self,
        *,
        memory: LogMemory,
        segments: SegmentFiles,
        clock: LogClock,
        callers: Callers,
        defer_to_thread: Callable[[Callable[[], None]], Deferred[None]],
        call_from_thread: Callable[[Callable[[], object]], object],
        say: Callable[[str], None],
        tap: Tap | None = None,
    ) -> None:
        self._memory = memory
        self._segments = segments
        self._clock = clock
        self._callers = callers
        self._defer_to_thread = defer_to_thread
        self._call_from_thread = call_from_thread
        self._say = say
        self._tap = tap
        self._reactor_thread = threading.get_ident()
        # Everything below changes only inside `LogMemory.exclusively`.
        self._running = False
        self._wished = False
        self._target = 0
        self._waiters: list[Deferred[None]] = []
        self._failing = False
        self._errors_told = 0
        self._losses_told = 0

    def flush(self) -> Deferred[None]:
        """Write everything logged so far. Fires when that was done, or was tried in vain.

        Call it in the reactor's thread. Fails with `EventLogError` if FLUSH_CALLERS_MAX wait.
        """
        done: Deferred[None] = Deferred()
        if not self._begin(done):
            done.errback(EventLogError(f"{FLUSH_CALLERS_MAX} callers wait for the log's disk"))
        return done

    def wish(self) -> None:
        """Have a flush soon, from any thread. After a failure only the next `flush` tries again."""
        if not self._memory.exclusively(self._note_wish):
            return
        if threading.get_ident() == self._reactor_thread:
            self._begin(None)
        else:
            self._call_from_thread(lambda: self._begin(None))

    def _note_wish(self, writer: RingWriter) -> bool:
        """Extend the flush that runs, or return whether one must be begun."""
        if self._running:
            self._target = writer.last_seq
        begin = not (self._running or self._wished or self._failing)
        self._wished = self._wished or begin
        return begin

    def _begin(self, done: Deferred[None] | None) -> bool:
        """Begin a flush, or join the one that runs; return False if too many wait for it."""

        def join(writer: RingWriter) -> tuple[bool, bool]:
            begin = not self._running
            if begin:
                self._waiters = []
            self._wished = False
            self._running = True
            self._target = writer.last_seq
            room = done is None or len(self._waiters) < FLUSH_CALLERS_MAX
            if done is not None and room:
                self._waiters.append(done)
            return begin, room

        begin, room = self._memory.exclusively(join)
        if begin:
            self._run(self._waiters)
        return room

    def _run(self, waiters: list[Deferred[None]]) -> None:
        def release(_: object) -> None:
            for waiter in waiters:
                waiter.callback(None)

        def failed(failure: Failure) -> None:
            self._fail(failure.value)

        try:
            running = self._defer_to_thread(self._drain)
        except Exception as error:
            self._fail(error)
            release(None)
        else:
            running.addErrback(failed)
            running.addCallback(release)

    def _drain(self) -> None:
        """Copy the ring to the segments up to the target. Runs in a thread; never raises."""
        try:
            while self._drain_block():
                pass
        except Exception as error:
            self._fail(error)

    def _drain_block(self) -> bool:
        """Write one block, or sync when there is none left; return whether to go on."""
        memory = self._memory
        batch = memory.exclusively(self._take)
        if batch is None:
            self._segments.sync()
            return memory.exclusively(self._goes_on)
        # Rendering and writing happen outside the lock, on a copy: threads that log never wait.
        rendered = batch.render()
        if rendered.lines:
            self._segments.append(("\n".join(rendered.lines) + "\n").encode("ascii"))
            if self._tap is not None:
                self._tap(rendered.levels, rendered.lines)
        memory.exclusively(lambda writer: writer.mark_flushed(rendered))
        memory.exclusively(self._report)
        return True

    def _take(self, writer: RingWriter) -> Batch | None:
        return None if writer.flushed_seq >= self._target else writer.take(BLOCK_BYTES)

    def _goes_on(self, writer: RingWriter) -> bool:
        """End the flush, unless its target moved on meanwhile."""
        self._running = writer.flushed_seq < self._target
        return self._running

    def _report(self, writer: RingWriter) -> None:
        """Log what was lost, now that the disk takes entries again."""
        lost = writer.dropped + self._memory.lost
        if lost > self._losses_told:
            self._log(
                writer,
                f"entries lost before they reached the disk: {lost - self._losses_told}; "
                "more memory for the log would bear a longer stall of it",
            )
            self._losses_told = lost
        if self._failing:
            self._failing = False
            failures = writer.disk_errors - self._errors_told
            self._log(writer, f"the log's disk works again after {failures} failed attempts")
            self._errors_told = writer.disk_errors

    def _log(self, writer: RingWriter, message: str) -> None:
        """Log about the log itself: straight into the ring, and out with the flush that runs."""
        append_entry(
            writer,
            Entry(
                Level.WARNING,
                self._callers.here(),
                [short_piece(message)],
                self._clock.wall_ns(),
                self._clock.monotonic_ns(),
            ),
        )
        self._target = writer.last_seq

    def _fail(self, error: BaseException | None) -> None:
        """End a flush that failed; tell the operator if it is the first in a row."""

        def note(writer: RingWriter) -> bool:
            first = not self._failing
            self._failing = True
            self._running = False
            writer.note_disk_error()
            return first

        if self._memory.exclusively(note):
            self._say(
                f"the event log cannot write its files ({error}); it keeps the newest entries in "
                "memory and tries again. Make room on the disk or set the permissions of the "
                "log directory"
            )
