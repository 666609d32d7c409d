"""Files that are made beside their place and are there whole or not at all, after any kill.

Who makes one holds a lock on it, which the kernel lets go of with the process: what was left behind
by one that was killed is known by that, and goes when the same file is made anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_ENDS: Final = ("", "-journal", "-wal", "-shm")


@contextlib.contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """Hand out the path of an empty file; after the block it is ``target``, and durable.

    If the block raises, nothing is left of it. Raises `OSError`.
    """
    _remove_left(target)
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    descriptor = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield partial
        settle_file(partial, target)
    finally:
        remove_database(partial)
        os.close(descriptor)


def _remove_left(target: Path) -> None:
    """Remove what was begun for a target by processes that are gone."""
    begun = target.parent.glob(f".{glob.escape(target.name)}.*.part*")
    for left in {path.with_name(path.name.rpartition(".part")[0] + ".part") for path in begun}:
        try:
            descriptor = os.open(left, os.O_WRONLY)
        except FileNotFoundError:
            remove_database(left)
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_database(left)
        except BlockingIOError:
            continue
        finally:
            os.close(descriptor)


def remove_database(path: Path) -> None:
    """Remove a database that nobody has open, and what SQLite put beside it.

    A journal that is left would be played back into the next file of that name.
    """
    for each in database_files(path):
        each.unlink(missing_ok=True)


def database_files(path: Path) -> list[Path]:
    """Return the file of a database, and those that SQLite may have put beside it."""
    return [path.with_name(path.name + end) for end in _ENDS]


def settle_file(partial: Path, target: Path) -> None:
    """Give a finished file its name, so that it is there after a power cut as well."""
    _sync(partial)
    partial.replace(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
