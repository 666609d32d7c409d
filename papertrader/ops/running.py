"""What a running server leaves in its state directory: a lock, and a word on where it is.

The drivers import this module: it must stay light (no store, no TLS, no codec).
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import json
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from twisted.logger import LogEvent

from papertrader.ops.files import make_private_directory

EXIT_FAILED: Final = 1
EXIT_INTERNAL: Final = 70
"""The store or the books failed, memory cannot be trusted; or a server crashed too often (sysexits'
EX_SOFTWARE)."""
SWITCH_S: Final = 0.0005
"""How long a thread that wants to run waits for one that does not let go. With Python's own 5 ms a
commit, which changes hands four times, waits 20 ms for a busy reactor."""
FILES_WANTED: Final = 16_384
"""Files that a server may open, where the system lets it: connections of clients, browsers and
programs up to ``CONNECTIONS_MAX`` each, and its own."""
FILES_MIN: Final = 256
"""With fewer, Twisted cannot start a process."""
FILES_OWN: Final = 64
"""Files that a server needs beside its connections: logs, stores, pipes; those of a master with a
PostgreSQL are some forty."""
GC_THRESHOLDS: Final = (50_000, 20, 100)
"""Objects between two young collections; young ones between two of the middle; of those to an
old one, which walks all and takes 50 ms for 2,000 connections."""


def calm_collector() -> None:
    """Have the collector of cycles walk less: it stops the reactor for as long as it takes.

    What was loaded lives as long as the process and need not be walked again. Orders, events and
    connections are kept for long, so most walks are vain; connections that end leave no cycles.
    Nor does loading: to walk all of it first took a sixth of a start, and found nothing.
    """
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    if _keep_out not in gc.callbacks:
        gc.callbacks.append(_keep_out)
    sys.setswitchinterval(SWITCH_S)
    gc.enable()


def _keep_out(phase: str, info: dict[str, int]) -> None:
    """Have what outlived a collection of the middle generation never walked again.

    A master keeps every order. Walking a million of them takes a second, in which nobody is
    served, and finds nothing: they are no cycles. What is counted dead is freed as ever.
    """
    if phase == "stop" and info["generation"] == 1:
        gc.freeze()


def hold_collector() -> None:
    """Have it not walk at all until `calm_collector`: what a start loads is all kept.

    Of a million ledger entries' orders it would walk some again and again, a third of the time.
    """
    gc.disable()


class StartError(Exception):
    """A server cannot start; the text is one sentence with what to do."""


class LockedError(StartError):
    """Another process has the lock; ``owner`` is its number, as text."""

    def __init__(self, text: str, owner: str) -> None:
        super().__init__(text)
        self.owner = owner


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


def remove_run_file(state: Path, name: str) -> None:
    """Take back what was said, if it was."""
    (run_directory(state) / name).unlink(missing_ok=True)


def read_run_file(state: Path, name: str) -> dict[str, Any] | None:
    """Return what a process said about its run; None if there is nothing readable."""
    try:
        content = json.loads((run_directory(state) / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def read_live_run_file(state: Path, name: str) -> dict[str, Any] | None:
    """Return what a process said, if its driver still lives: who is killed takes nothing back.

    A process that has got its number since is not told from it.
    """
    said = read_run_file(state, name)
    driver = (said or {}).get("driver")
    if not isinstance(driver, int) or driver < 1:
        return None
    try:
        os.kill(driver, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass  # It is there, and another user's.
    return said


class StateLock:
    """The lock on a state directory that lets one process of a kind run; the kernel drops it
    when the process ends, however that happens."""

    def __init__(self, state: Path, name: str) -> None:
        self._path = run_directory(state) / f"{name}.lock"
        self._name = name
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock. Raises `LockedError` if another has it, `StartError` if nobody can."""
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
            raise LockedError(
                f"another {self._name} runs on {self._path.parent.parent} (pid {owner}); stop it,"
                " or choose another place with --state-dir",
                owner,
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._file = descriptor

    @property
    def descriptor(self) -> int:
        """The open file that the lock hangs on: a child that holds it too holds the lock too.

        Raises `StartError` if the lock was not taken.
        """
        if self._file is None:
            raise StartError(f"the lock of {self._name} was not taken")
        return self._file

    def release(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def tell(name: str, sentence: str) -> None:
    """Write a line of a server on its stderr, past ``sys.stderr``, which has become a log.

    A full disk or a closed pipe must not stop what is being told.
    """
    with contextlib.suppress(OSError):
        os.write(2, f"papertrader-{name}: {sentence}\n".encode(errors="replace"))


def widen_files() -> None:
    """Let this process, and those that it starts, open as many files as a server may need.

    The usual soft limit, of 1,024, is for programs that use select(); a worker takes 5,000 clients.
    Raises `StartError` if not even a start is possible.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_WANTED if hard == resource.RLIM_INFINITY else min(FILES_WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    if soft != resource.RLIM_INFINITY and soft < FILES_MIN:
        raise StartError(
            f"it may open {soft} files, and needs {FILES_MIN} at least; raise the limit (ulimit -n,"
            " or LimitNOFILE= of the unit)"
        )


def files_for_connections() -> int:
    """Return how many connections this process may have: each of them is a file."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return FILES_WANTED if soft == resource.RLIM_INFINITY else max(1, soft - FILES_OWN)


def sentence_of(error: BaseException) -> str:
    """Return what a server that cannot start says of an error; of a file, which one it is."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"cannot use {error.filename}: {error.strerror}; papertrader doctor tells more"
    return str(error)


def end_process(reactor: Any, code: int) -> None:
    """End the process with ``code`` after a clean stop of the rest."""
    reactor.addSystemEventTrigger("after", "shutdown", os._exit, code)
    if reactor.running:
        reactor.stop()
    else:
        reactor.callWhenRunning(reactor.stop)


def no_observer() -> Callable[[LogEvent], None]:
    """Return an observer for ``twistd --logger`` that shows nothing: the event log has it all."""
    return lambda event: None
