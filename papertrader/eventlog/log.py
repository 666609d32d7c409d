"""The event log of one process: a ``twisted.logger`` observer over memory that outlives it.

An entry is in the ring, a shared file mapping, when the logging call returns: no crash of the
process loses it. A thread copies the ring to the segment files every second, when half of it
waits, and at once for an error. The disk may be slow, full or gone: callers never wait for it and
are never told; the ring then keeps the newest entries, and what is lost is counted and logged.
"""

from __future__ import annotations

import contextlib
import mmap
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver, LogEvent, LogLevel, LogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from papertrader import __version__
from papertrader.core.logrecord import UNCORRELATED, Correlation, Level, Source
from papertrader.core.redaction import MessageFormatter
from papertrader.core.ringlog import RingIdentity, RingWriter
from papertrader.eventlog.callers import Callers, was_kept_back
from papertrader.eventlog.crashes import dump_ring
from papertrader.eventlog.flushing import Flusher, LogClock, LogTimer, Tap
from papertrader.eventlog.memory import Entry, LogMemory, long_pieces, short_piece
from papertrader.eventlog.ringfile import RingFile
from papertrader.eventlog.segments import SegmentFiles
from papertrader.eventlog.settings import EventLogError, EventLogSettings, checked_process

_LEVELS: Final = {
    LogLevel.debug: Level.DEBUG,
    LogLevel.info: Level.INFO,
    LogLevel.warn: Level.WARNING,
    LogLevel.error: Level.ERROR,
    LogLevel.critical: Level.CRITICAL,
}
_INFO: Final = Level.INFO
_SECOND: Final = 1_000_000_000


@attrs.frozen(kw_only=True)
class LogCounters:
    """What the log has done so far in this life of the process."""

    written: int
    dropped: int
    """Entries lost: overwritten before they reached the disk, or logged inside the log itself."""
    cut: int
    """Messages that were longer than a record."""
    disk_errors: int
    """Flushes that failed."""
    faults: int
    """Entries that could not be made because of an error in the log itself."""
    unflushed_bytes: int


@attrs.define
class _Life:
    """What there is of a log between its start and its stop."""

    mapping: mmap.mmap
    ring_file: RingFile | None
    writer: RingWriter
    memory: LogMemory
    segments: SegmentFiles
    flusher: Flusher
    timer: LogTimer | None = None
    stopping: bool = False


def tell_stderr(sentence: str) -> None:
    """Write a sentence to the process's real standard error, past any redirection into the log."""
    os.write(2, f"papertrader: {sentence}\n".encode(errors="replace"))


@implementer(ILogObserver)
class EventLog:
    """The observer. Make it, `start` it, `stop` it; it is used once.

    ``state`` is the state directory (the files go to ``<state>/log``), ``process`` names the
    files, ``boot_id`` is 16 random octets. ``defer_to_thread`` runs a function in a thread and
    ``call_from_thread`` one in the reactor's thread, as the Twisted functions of those names do;
    ``tell`` shows a sentence to the operator, ``tap`` sees what reaches the files, in a thread.
    Raises `ValueError` for a bad ``process``.

    A `Correlation` given to a logging call as ``correlation=`` goes into the entry. Fields with a
    secret word in their name (`papertrader.core.redaction`) never reach the ring.
    """

    def __init__(
        self,
        *,
        state: Path,
        process: str,
        boot_id: bytes,
        settings: EventLogSettings,
        clock: LogClock,
        publisher: LogPublisher,
        defer_to_thread: Callable[[Callable[[], None]], Deferred[None]],
        call_from_thread: Callable[[Callable[[], object]], object],
        tell: Callable[[str], object] = tell_stderr,
        tap: Tap | None = None,
    ) -> None:
        self.process: Final = checked_process(process)
        self.directory: Final = state / "log"
        self.settings: Final = settings
        self._boot_id = boot_id
        self._clock = clock
        self._publisher = publisher
        self._defer_to_thread = defer_to_thread
        self._call_from_thread = call_from_thread
        self._tell = tell
        self._tap = tap
        self._formatter = MessageFormatter()
        self.callers: Final = Callers()
        self._life: _Life | None = None
        self._faults = 0

    def start(self) -> None:
        """Dump what an earlier life left in the ring, make the ring, and begin to observe.

        Blocks for some milliseconds; call it in the reactor's thread before serving anyone. If
        the disk refuses, memory without a file is used and the operator is told. Raises
        `EventLogError` if another process writes this log, or on a second start.
        """
        if self._life is not None:
            raise EventLogError("the event log was started before; make a new one")
        ring_file, mapping, earlier = self._open_memory()
        identity = RingIdentity(
            boot_id=self._boot_id,
            pid=os.getpid(),
            started_ns=self._clock.wall_ns(),
            process=self.process,
            build=__version__,
        )
        writer = RingWriter(mapping, identity)
        memory = LogMemory(writer)
        segments = SegmentFiles(
            self.directory, self.process, self.settings.segment_bytes, self.settings.segments_kept
        )
        flusher = Flusher(
            memory=memory,
            segments=segments,
            clock=self._clock,
            callers=self.callers,
            defer_to_thread=self._defer_to_thread,
            call_from_thread=self._call_from_thread,
            say=self._say,
            tap=self._tap,
        )
        self._life = _Life(mapping, ring_file, writer, memory, segments, flusher)
        if earlier:
            self.write(Level.WARNING, earlier, source=self.callers.here())
        self._publisher.addObserver(self)
        self._arm(self._life)

    def stop(self) -> Deferred[None]:
        """Take no more entries, flush, and close. What the disk refused stays for the next start.

        Call it while ``defer_to_thread`` still works. Stopping again does nothing.
        """
        return Deferred.fromCoroutine(self._stop())

    def flush(self) -> Deferred[None]:
        """Write everything logged so far. Fires when that was done, or was tried in vain.

        Call it in the reactor's thread. Fails with `EventLogError` if too many wait for a flush
        already, or the log does not run.
        """
        life = self._life
        if life is None or life.stopping:
            refused: Deferred[None] = Deferred()
            refused.errback(EventLogError("the event log does not run; start it first"))
            return refused
        return life.flusher.flush()

    def __call__(self, event: LogEvent) -> None:
        """Log one event of ``twisted.logger``. Any thread may call it; it never raises."""
        try:
            self._observe(event)
        except Exception as error:
            self._note_fault(error)

    def write(
        self,
        level: Level,
        message: str,
        *,
        correlation: Correlation = UNCORRELATED,
        source: Source | None = None,
    ) -> None:
        """Log a finished message, for code that logs too often for ``twisted.logger``.

        The message must hold no secret: none is looked for. ``source`` spares finding the caller.
        Any thread may call it; it never raises.
        """
        clock = self._clock
        try:
            place = self.callers.find(None) if source is None else source
            pieces = [short_piece(message)]
            entry = Entry(level, place, pieces, clock.wall_ns(), clock.monotonic_ns(), correlation)
            self._store(entry)
        except Exception as error:
            self._note_fault(error)

    def note(self, text: str, worker: int, connection: int, request: int) -> None:
        """Log one INFO of a command's trail, as `write` does, by the shortest way.

        The numbers must fit the fields of a `Correlation`.
        """
        clock, life = self._clock, self._life
        if life is None:
            return
        try:
            source = self.callers.above()
            if life.memory.note(
                _INFO, source, text, clock.wall_ns(), clock.monotonic_ns(),
                worker, connection, request,
            ):  # fmt: skip
                life.flusher.wish()
        except Exception as error:
            self._note_fault(error)

    def counters(self) -> LogCounters:
        """Return the counters; all zero before the start, and the last ones after the stop."""
        life = self._life
        if life is None:
            return LogCounters(
                written=0, dropped=0, cut=0, disk_errors=0, faults=0, unflushed_bytes=0
            )
        faults, lost = self._faults, life.memory.lost
        return life.memory.exclusively(
            lambda writer: LogCounters(
                written=writer.last_seq,
                dropped=writer.dropped + lost,
                cut=writer.cut,
                disk_errors=writer.disk_errors,
                faults=faults,
                unflushed_bytes=writer.unflushed_bytes,
            )
        )

    def _observe(self, event: LogEvent) -> None:
        template = event.get("log_format")
        text = self._formatter.render(template, event) if isinstance(template, str) else ""
        failure = event.get("log_failure")
        if isinstance(failure, Failure):
            # The default detail: frames and source lines, never the values of variables.
            trace = self._formatter.scrub(failure.getTraceback(detail="default").rstrip(), event)
            pieces = long_pieces(f"{text}\n{trace}" if text else trace)
        else:
            pieces = [short_piece(text or "(an event without a message)")]
        source = self.callers.find(event.get("log_namespace"))
        wall_ns = self._clock.wall_ns()
        if was_kept_back(source):
            wall_ns = int(event.get("log_time", 0) * _SECOND) or wall_ns
        correlation = event.get("correlation")
        if not isinstance(correlation, Correlation):
            correlation = UNCORRELATED
        level = _LEVELS.get(event.get("log_level"), Level.INFO)
        self._store(Entry(level, source, pieces, wall_ns, self._clock.monotonic_ns(), correlation))

    def _store(self, entry: Entry) -> None:
        life = self._life
        if life is None:
            return
        if life.memory.append(entry):
            life.flusher.wish()

    def _note_fault(self, error: Exception) -> None:
        self._faults += 1
        if self._faults == 1:
            self._say(
                f"the event log could not make an entry ({type(error).__name__}); "
                "it goes on, and counts such faults from now on without telling"
            )

    def _say(self, sentence: str) -> None:
        # When nobody can be told any more, the counters still say it.
        with contextlib.suppress(Exception):
            self._tell(sentence)

    def _arm(self, life: _Life) -> None:
        interval = self.settings.flush_interval_ms / 1000
        life.timer = self._clock.call_later(interval, self._tick, life)

    def _tick(self, life: _Life) -> None:
        self._arm(life)
        if life.memory.exclusively(lambda writer: writer.unflushed_bytes):
            life.flusher.flush()

    def _open_memory(self) -> tuple[RingFile | None, mmap.mmap, str]:
        """Map the ring's file; return it, its memory, and what to log about an earlier life."""
        size = self.settings.memory_bytes
        ring_file: RingFile | None = None
        earlier = ""
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = self.directory / f"{self.process}.ring"
            ring_file = RingFile(path)
            dump = dump_ring(path, self.directory)
            if dump is not None:
                earlier = (
                    f"the process did not stop cleanly the last time: {dump.path.name} has its "
                    f"last {dump.records} entries, {dump.unflushed} of which are nowhere else"
                )
            return ring_file, ring_file.map(size), earlier
        except OSError as error:
            # A ring that could not be dumped is left as it is, for a start with more room.
            self._say(
                f"the event log cannot use {self.directory} ({error}); it works in memory only, "
                "and a crash will lose it. Make room or set the directory's permissions, "
                "then restart"
            )
            return ring_file, mmap.mmap(-1, size), earlier

    async def _stop(self) -> None:
        life = self._life
        if life is None or life.stopping:
            return
        life.stopping = True
        self._publisher.removeObserver(self)
        life.memory.refuse()
        if life.timer is not None:
            life.timer.cancel()
        await life.flusher.flush()
        life.segments.close()
        life.writer.release()
        life.mapping.close()
        if life.ring_file is not None:
            life.ring_file.close()
