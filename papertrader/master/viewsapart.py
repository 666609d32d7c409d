"""The views' writer as a process of its own.

Writing the views takes a third of a master's work and nothing of it is needed by what is decided
next; a thread would take that third from the same interpreter. So the workings of a master fork,
before they have a thread or a store, a child that knows nothing but where the views are. It is
given the records that the journal has made durable, over a socket, writes them, and says so. It
opens the views, or connects to their server, when it is given the first. It ends when its master
does.

A lock on a file lets one such child of an installation write at a time: one whose master was killed
may still be at it when the next begins. To a server other machines' masters come as well: there
each transaction compares the epoch, and who begins a later one ends the connections before.

If it ends alone, killed or out of memory, the master writes the views itself from then on.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import fcntl
import gc
import os
import signal
import socket
import struct
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NoReturn

from twisted.logger import Logger

from papertrader.master.engines import (
    Engine,
    Fenced,
    SqliteEngine,
    StoreAway,
    StoreError,
    StoreFull,
)
from papertrader.master.viewstore import ViewStore

READY_S: Final = 30.0
"""How long the child of a master that has ended may take to end as well."""
ANSWER_S: Final = 120.0
"""How long one transaction may take; a child that takes longer is taken to be gone."""
_HEAD: Final = struct.Struct(">LQQ32s")
"""Before records: their octets, the master's epoch, the last input, the journal's hash at it."""
_ANSWER: Final = struct.Struct(">BH")
"""What became of them, and the octets of the sentence that follows."""
_DONE: Final = 0
_ERRORS: Final = (StoreError, StoreFull, StoreAway, Fenced)
"""What the other answers, from 1, let `ViewsApart.write` raise."""
_PR_SET_PDEATHSIG: Final = 1
_SYNC_FILE_RANGE_WRITE: Final = 2


class ViewsApart:
    """The master's end: `write` blocks, so it belongs into a thread of its own."""

    log = Logger()

    def __init__(self, link: socket.socket, pid: int, engine: Engine) -> None:
        """``pid``: of the child at the other end of ``link``; ``engine``: where the views are."""
        self.pid = pid
        self._link: socket.socket | None = link
        self._engine = engine
        self._epoch = 0
        self._store: ViewStore | None = None

    @property
    def lives(self) -> bool:
        """Whether the child still writes."""
        return self._link is not None

    def wait(self, epoch: int) -> None:
        """Wait until no other child writes; what is written from now on is of this epoch.

        Raises `StoreError` if another does not end.
        """
        self._epoch = epoch
        try:
            self._answer(READY_S)
        except OSError as error:
            self._gone()
            raise StoreError(
                f"the process that writes {self._engine.where} did not begin ({error})"
            ) from None

    def write(self, frames: bytes, last_seq: int, head: bytes) -> None:
        """Do what `ViewStore.write` does, there; raises as it does."""
        if self._link is not None:
            try:
                self._link.sendall(_HEAD.pack(len(frames), self._epoch, last_seq, head))
                self._link.sendall(frames)
                self._answer(ANSWER_S)
            except OSError as error:
                self.log.error(
                    "ALERT: the process that writes the views ended ({why}); the master writes"
                    " them itself from now on", why=str(error),
                )  # fmt: skip
                self._gone()
            else:
                return
        if self._store is None:
            # It goes on where the child's last whole transaction ended.
            self._store = _opened(self._engine)
            self._store.epoch = self._epoch
        self._store.write(frames, last_seq, head)

    def _answer(self, seconds: float) -> None:
        if self._link is None:
            raise OSError("there is none")
        self._link.settimeout(seconds)
        status, size = _ANSWER.unpack(_exactly(self._link, _ANSWER.size))
        sentence = _exactly(self._link, size).decode(errors="replace")
        if status != _DONE:
            raise _ERRORS[status - 1](sentence)

    def _gone(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()
        with contextlib.suppress(OSError):
            os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            os.waitpid(self.pid, 0)

    def close(self) -> None:
        """Let the child end, and wait for that."""
        link, self._link = self._link, None
        if link is not None:
            link.close()
            with contextlib.suppress(OSError):
                os.waitpid(self.pid, 0)
        if self._store is not None:
            self._store.close()
            self._store = None


def fork_writer(engine: Engine, lock: Path, kept: Iterable[int]) -> ViewsApart:
    """Fork what writes the views of ``engine``, to which nothing is connected yet.

    Only for a process that has no thread yet. ``lock``: the file whose lock says which child of
    this installation writes; ``kept``: descriptors that the child holds open too. Raises `OSError`.
    """
    parent = os.getpid()
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid:
        theirs.close()
        return ViewsApart(ours, pid, engine)
    # From here on nothing of the parent's may run, whatever happens.
    try:
        ours.close()
        _settle(parent, theirs.fileno(), kept)
        serve(theirs, engine, lock)
    finally:
        os._exit(1)


def _settle(parent: int, link: int, kept: Iterable[int]) -> None:
    """Be a process of its own: no signals of the terminal's, no files of the parent's."""
    faulthandler.disable()
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)
    first = 3
    for number in sorted({*kept, link}):
        os.closerange(first, number)
        first = number + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))
    gc.freeze()


def serve(link: socket.socket, engine: Engine, lock: Path) -> NoReturn:
    """Write what comes until the master ends; then end."""
    with open(lock, "a", encoding="ascii") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        _say(link, _DONE)
        store: ViewStore | None = None
        wal = _WriteAheadLog(engine)
        while True:
            try:
                size, epoch, last_seq, head = _HEAD.unpack(_exactly(link, _HEAD.size))
                frames = _exactly(link, size)
            except OSError:
                if store is not None:
                    store.close()
                os._exit(0)
            try:
                if store is None:
                    # Not before: the master has the store, and its tables are up to date, by now.
                    store = _opened(engine)
                store.epoch = epoch
                store.write(frames, last_seq, head)
            except StoreError as error:
                _say(link, 1 + _ERRORS.index(type(error)), str(error))
            except Exception as error:
                # Whatever it is, the master's log is the place to say it.
                _say(link, 1, f"{type(error).__name__}: {error}")
            else:
                _say(link, _DONE)
                wal.write_out()


class _WriteAheadLog:
    """The views' write-ahead log. The kernel begins to write it while others are waited for.

    SQLite has it written when it has grown to 32 MiB, all at once: every commit of the journal, on
    the same disk, waits then for 30 ms. Nothing that is promised rests on this: where there is no
    such call, or it fails, that is how it stays.
    """

    def __init__(self, engine: Engine) -> None:
        """A server has its own."""
        self._path: Path | None = None
        if isinstance(engine, SqliteEngine):
            self._path = engine.path.with_name(f"{engine.path.name}-wal")
        self._number = -1
        self._write_out = getattr(ctypes.CDLL(None), "sync_file_range", None)

    def write_out(self) -> None:
        """Have the kernel begin to write what is new, and do not wait for it."""
        if self._write_out is None or self._path is None:
            return
        if self._number < 0:
            # It stays the same file for as long as this process has the views open.
            with contextlib.suppress(OSError):
                self._number = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        self._write_out(self._number, ctypes.c_int64(0), ctypes.c_int64(0), _SYNC_FILE_RANGE_WRITE)


def _opened(engine: Engine) -> ViewStore:
    store = ViewStore(engine)
    store.open_beside()
    return store


def _say(link: socket.socket, status: int, sentence: str = "") -> None:
    octets = sentence.encode()[:1_000]
    with contextlib.suppress(OSError):
        link.sendall(_ANSWER.pack(status, len(octets)) + octets)


def _exactly(link: socket.socket, size: int) -> bytes:
    """Return so many octets; raises `OSError` when the other end is gone."""
    if size == 0:
        return b""
    octets = bytearray(size)
    view, at = memoryview(octets), 0
    while at < size:
        count = link.recv_into(view[at:])
        if not count:
            raise ConnectionResetError("its end of the socket is closed")
        at += count
    return bytes(octets)
