"""The file under the event log's memory, which keeps the ring when the process dies."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
from pathlib import Path
from typing import Final

from papertrader.eventlog.settings import EventLogError

_ZEROS: Final = bytes(1 << 16)


class RingFile:
    """The memory file of one process: locked, mapped, and of exactly the bytes asked for.

    Raises `EventLogError` if another process is using it, and `OSError`.
    """

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(path, flags, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._descriptor)
            raise EventLogError(
                f"another process is writing the event log {path}; "
                "stop it first, or give this one its own state directory"
            ) from error

    def map(self, size: int) -> mmap.mmap:
        """Give the file ``size`` octets, all of them allocated, and return them as memory.

        A file with holes would kill the process with SIGBUS at the first write to a hole that a
        full disk cannot fill.
        """
        os.fchmod(self._descriptor, 0o600)
        os.ftruncate(self._descriptor, size)
        try:
            os.posix_fallocate(self._descriptor, 0, size)
        except (AttributeError, OSError) as error:
            if isinstance(error, OSError) and error.errno not in {errno.EOPNOTSUPP, errno.EINVAL}:
                raise
            self._fill(size)
        return mmap.mmap(self._descriptor, size, mmap.MAP_SHARED)

    def _fill(self, size: int) -> None:
        """Allocate by writing, where the system or the file system cannot do it otherwise."""
        written = 0
        while written < size:
            written += os.pwrite(self._descriptor, _ZEROS[: size - written], written)

    def close(self) -> None:
        """Let another process use the file."""
        os.close(self._descriptor)
