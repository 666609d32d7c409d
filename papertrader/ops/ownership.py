"""Whose the files of an installation are: all must be its owner's, who must be able to write.

A command that was once run as root, or a copy made by it, leaves files that no server can open.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

DIRECTORIES: Final = ("tls", "keys", "run", "log", "witness", "client")
"""Those of a state directory, none with others in it."""


def owner_of(path: Path) -> str:
    """Return the name of a file's owner, or the number if it has none. Raises `OSError`."""
    return name_of(path.lstat().st_uid)


def name_of(uid: int) -> str:
    """Return the name of a user, or the number if it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def foreign(state: Path) -> list[Path]:
    """Return what is in a state directory and belongs to another user than the directory does."""
    owner = state.stat().st_uid
    return [path for path, seen in _within(state) if seen.st_uid != owner]


def given_back(state: Path) -> Callable[[], None]:
    """Return what gives the owner of a state directory the files that root makes in it from now on.

    It does nothing for who is not root, and where root is the owner.
    """
    if os.geteuid() != 0 or not state.is_dir() or state.stat().st_uid == 0:
        return lambda: None
    before = set(_of_root(state))

    def give() -> None:
        owner = state.stat()
        for place, descriptor in _opened(state):
            if place not in before and _is_roots(os.fstat(descriptor)):
                os.fchown(descriptor, owner.st_uid, owner.st_gid)

    return give


def _of_root(state: Path) -> Iterator[Path]:
    for place, descriptor in _opened(state):
        if _is_roots(os.fstat(descriptor)):
            yield place


def _is_roots(seen: os.stat_result) -> bool:
    # A file with a second name may be one of root's elsewhere.
    return seen.st_uid == 0 and (stat.S_ISDIR(seen.st_mode) or seen.st_nlink == 1)


def _opened(state: Path) -> Iterator[tuple[Path, int]]:
    """Give files and directories, open: never what a link leads to, which its owner may set."""
    for directory in (state, *(state / name for name in DIRECTORIES)):
        with contextlib.suppress(OSError), _open(directory) as around:
            for name in os.listdir(around):
                with contextlib.suppress(OSError), _open(name, around) as descriptor:
                    yield directory / name, descriptor


@contextlib.contextmanager
def _open(name: str | Path, around: int | None = None) -> Iterator[int]:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(name, flags, dir_fd=around)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def locked(state: Path) -> list[tuple[Path, str]]:
    """Return what its owner cannot use, with the mode it should have for ``chmod``."""
    found = []
    if state.stat().st_mode & stat.S_IRWXU != stat.S_IRWXU:
        found.append((state, "700"))
    for path, seen in _within(state):
        wanted = stat.S_IRWXU if stat.S_ISDIR(seen.st_mode) else stat.S_IRUSR | stat.S_IWUSR
        if seen.st_mode & wanted != wanted:
            found.append((path, "700" if stat.S_ISDIR(seen.st_mode) else "u+rw"))
    return found


def _within(state: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Give what is in a state directory and in its directories, in order, with what it is."""
    named = [state, *(state / name for name in DIRECTORIES)]
    for directory in (each for each in named if each.is_dir()):
        try:
            paths = sorted(directory.iterdir())
        except PermissionError:
            continue
        for path in paths:
            # A file may go away meanwhile: the servers run.
            try:
                yield path, path.lstat()
            except FileNotFoundError:
                continue
