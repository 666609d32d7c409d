"""What both servers do as processes: time, log, lock, threads, an end with a reason."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger, globalLogPublisher
from twisted.python.threadpool import ThreadPool

# Names the field at fault of a bad frame. Loading it takes as long as a slow turn of the reactor:
# not when the first bad frame comes.
import papertrader.wire.reference  # noqa: F401
from papertrader.core.logrecord import Level
from papertrader.eventlog.log import EventLog
from papertrader.eventlog.reading import newest_entries
from papertrader.eventlog.settings import EventLogSettings
from papertrader.eventlog.shipping import Shipment
from papertrader.eventlog.trail import Note, trail_of
from papertrader.net.clock import Clock
from papertrader.net.onethread import OneThread
from papertrader.net.stalls import StallWatch
from papertrader.ops.running import EXIT_FAILED, StartError, end_process, sentence_of, tell
from papertrader.ops.turns import ask_for_short_turns

FAIL_DELAY_S: Final = 0.3
"""Time for the last answers (OUTCOME_UNKNOWN) to leave before a failed process ends."""
LOG_STOP_S: Final = 2.0


NICENESS_OF_HASHING: Final = 10
"""On Linux a thread that hashes gives way to the reactor's, which has 0."""


def nice_thread(in_thread: Callable[..., Deferred[Any]]) -> Callable[..., Deferred[Any]]:
    """Return the same, for work that can wait: its threads give way to all others (on Linux)."""
    done: set[int] = set()

    def run(function: Callable[..., Any], *arguments: Any) -> Any:
        thread = threading.get_native_id()
        if sys.platform == "linux" and thread not in done:
            done.add(thread)
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, thread, NICENESS_OF_HASHING)
        return function(*arguments)

    return lambda function, *arguments: in_thread(run, function, *arguments)


class Process:
    """One server process: its clock, its event log, its threads, and how its reactor stalls."""

    log = Logger()

    def __init__(
        self, reactor: Any, state: Path, name: str, log_bytes: int, *, ships: bool = False
    ) -> None:
        """``ships``: what is logged is also sent to the master (`shipment`)."""
        self.reactor = reactor
        self.state = state
        self.name = name
        self.clock = Clock(reactor)
        self.stalls = StallWatch(self.clock)
        self._pools: list[ThreadPool | OneThread] = []
        self._ending = False
        self.shipment = Shipment() if ships else None
        log_pool = self.thread("log")
        self.event_log = EventLog(
            state=state,
            process=name,
            boot_id=secrets.token_bytes(16),
            settings=EventLogSettings(memory_bytes=log_bytes),
            clock=self.clock,
            publisher=globalLogPublisher,
            defer_to_thread=log_pool,
            call_from_thread=reactor.callFromThread,
            tap=None if self.shipment is None else self.shipment.take,
        )

    def start(self, died: str = "") -> None:
        """Start the threads and the event log; ``died`` is what it says of the life before.

        Raises `StartError` if the log's files cannot be used.
        """
        # Before there are threads: each has what the one has that starts it.
        ask_for_short_turns()
        self.start_threads()
        try:
            self.event_log.start()
        except OSError as error:
            raise StartError(sentence_of(error)) from None
        if died:
            self.log.error("the life before this one ended by {died}", died=died)

    def start_threads(self) -> None:
        """Start the threads that were asked for since the last time."""
        for pool in self._pools:
            if not pool.started:
                pool.start()

    def thread(self, name: str, count: int = 1) -> Callable[..., Deferred[Any]]:
        """Return what runs a function in a thread of its own, or in one of ``count``.

        The calls of one thread run in their order.
        """
        if count == 1:
            thread = OneThread(self.reactor, f"{self.name}-{name}")
            self._pools.append(thread)
            return thread.run
        pool = ThreadPool(count, count, name=f"{self.name}-{name}")
        self._pools.append(pool)

        def run(function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
            return deferToThreadPool(self.reactor, pool, function, *arguments)

        return run

    def figures(self) -> Iterator[tuple[str, int]]:
        """Give the counters of the process and of its log: names of at most 24 octets."""
        yield from self.stalls.figures()
        log = self.event_log.counters()
        yield "log_written", log.written
        yield "log_dropped", log.dropped
        yield "log_cut", log.cut
        yield "log_disk_errors", log.disk_errors
        yield "log_faults", log.faults

    def trail(self, wanted: bool) -> Note | None:
        """Return what writes down what becomes of commands; None if that is not wanted."""
        return trail_of(self.event_log) if wanted else None

    def log_reader(self) -> Callable[[int, Level, int, bool], Awaitable[list[str]]]:
        """Return what reads this process's event log: (since, least level, limit, flush first)."""
        in_thread = self.thread("log")
        log = self.event_log

        async def read(since_ns: int, least: Level, limit: int, flush: bool) -> list[str]:
            if flush:
                await log.flush()
            work = partial(
                newest_entries, log.directory, log.process,
                since_ns=since_ns, least=least, limit=limit,
            )  # fmt: skip
            lines: list[str] = await in_thread(work)
            return lines

        return read

    async def stop(self) -> None:
        """Flush the log, end the threads and the timers."""
        self.stalls.stop()
        self.log.info("stalls of the reactor: {stalls}", stalls=str(self.stalls))
        stopping = self.event_log.stop()
        stopping.addTimeout(LOG_STOP_S, self.reactor, onTimeoutCancel=lambda *_: None)
        await stopping
        self.clock.cancel_all()
        for pool in self._pools:
            pool.stop()

    def begin_anew(self) -> None:
        """End in an orderly way, so that the driver starts a process that reads the clock again.

        Not at once: who is just being answered is answered.
        """
        sentence = "the system's clock was stepped; a new process is to go by it"
        self.fail(sentence, 0, FAIL_DELAY_S)

    def fail(self, sentence: str, code: int = EXIT_FAILED, delay_s: float = 0.0) -> None:
        """Say why on stderr, and end the process with ``code`` after a clean stop of the rest."""
        if self._ending:
            return
        self._ending = True
        tell(self.name, f"error: {sentence}")
        self.clock.call_later(delay_s, end_process, self.reactor, code)
