"""What both servers do as processes: time, log, lock, threads, an end with a reason."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import json
import os
import resource
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorCore
from twisted.internet.threads import deferToThreadPool
from twisted.logger import LogEvent, Logger, globalLogPublisher
from twisted.python.threadpool import ThreadPool

# Names the field at fault of a bad frame. Loading it takes as long as a slow turn of the reactor:
# not when the first bad frame comes.
import papertrader.wire.reference  # noqa: F401
from papertrader.core.logrecord import Level
from papertrader.eventlog import EventLog, EventLogSettings
from papertrader.eventlog.reading import newest_entries
from papertrader.net.clock import Clock
from papertrader.net.stalls import StallWatch
from papertrader.ops.files import make_private_directory

EXIT_FAILED: Final = 1
EXIT_INTERNAL: Final = 70
"""The store or the books failed: memory cannot be trusted (sysexits' EX_SOFTWARE)."""
FAIL_DELAY_S: Final = 0.3
"""Time for the last answers (OUTCOME_UNKNOWN) to leave before a failed process ends."""
LOG_STOP_S: Final = 2.0
GC_THRESHOLDS: Final = (50_000, 20, 100)
"""Objects between two young collections; young ones between two of the middle; of those to an
old one, which walks all and takes 50 ms for 2,000 connections."""


class StartError(Exception):
    """A server cannot start; the text is one sentence with what to do."""


def calm_collector() -> None:
    """Have the collector of cycles walk less: it stops the reactor for as long as it takes.

    What was loaded lives as long as the process and need not be walked again. Orders, events and
    connections are kept for long, so most walks are vain; connections that end leave no cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def run_directory(state: Path) -> Path:
    """Return where running processes say who and where they are."""
    return state / "run"


def write_run_file(state: Path, name: str, content: dict[str, Any]) -> None:
    """Say something about this run for other programs, whole or not at all."""
    directory = run_directory(state)
    make_private_directory(directory)
    partial = directory / f".{name}.{os.getpid()}"
    partial.write_text(json.dumps(content) + "\n", encoding="utf-8")
    partial.replace(directory / name)


def read_run_file(state: Path, name: str) -> dict[str, Any] | None:
    """Return what a process said about its run; None if there is nothing readable."""
    try:
        content = json.loads((run_directory(state) / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


class StateLock:
    """The lock on a state directory that lets one process of a kind run; the kernel drops it
    when the process ends, however that happens."""

    def __init__(self, state: Path, name: str) -> None:
        self._path = run_directory(state) / f"{name}.lock"
        self._name = name
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock. Raises `StartError` if another process has it, or nobody can."""
        try:
            make_private_directory(self._path.parent)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StartError(
                f"cannot write to {self._path.parent}: {error.strerror or error}; make it writable"
                " or choose another place with --state-dir"
            ) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise StartError(
                f"another {self._name} runs on {self._path.parent.parent} (pid {owner}); stop it,"
                " or choose another place with --state-dir"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._file = descriptor

    def release(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


class Process:
    """One server process: its clock, its event log, its threads, and how its reactor stalls."""

    log = Logger()

    def __init__(self, reactor: Any, state: Path, name: str, log_bytes: int) -> None:
        self.reactor = reactor
        self.state = state
        self.name = name
        self.clock = Clock(reactor)
        self.stalls = StallWatch(self.clock)
        self._pools: list[ThreadPool] = []
        self._ending = False
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
        )

    def start(self) -> None:
        """Start the threads and the event log; no core dump may hold what memory holds."""
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        self.start_threads()
        self.event_log.start()

    def start_threads(self) -> None:
        """Start the threads that were asked for since the last time."""
        for pool in self._pools:
            if not pool.started:
                pool.start()

    def thread(self, name: str) -> Callable[..., Deferred[Any]]:
        """Return what runs a function in a thread of its own; its calls run in their order."""
        pool = ThreadPool(1, 1, name=f"{self.name}-{name}")
        self._pools.append(pool)

        def run(function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
            return deferToThreadPool(self.reactor, pool, function, *arguments)

        return run

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

    def fail(self, sentence: str, code: int = EXIT_FAILED, delay_s: float = 0.0) -> None:
        """Say why on stderr, and end the process with ``code`` after a clean stop of the rest."""
        if self._ending:
            return
        self._ending = True
        # Past sys.stderr, which twistd has turned into a log. A full disk must not stop the end.
        with contextlib.suppress(OSError):
            os.write(2, f"papertrader-{self.name}: error: {sentence}\n".encode(errors="replace"))
        core: IReactorCore = self.reactor
        core.addSystemEventTrigger("after", "shutdown", os._exit, code)
        self.clock.call_later(delay_s, self._stop_reactor)

    def _stop_reactor(self) -> None:
        if self.reactor.running:
            self.reactor.stop()


def no_observer() -> Callable[[LogEvent], None]:
    """Return an observer for ``twistd --logger`` that shows nothing: the event log has it all."""
    return lambda event: None
