"""Files that appear whole or not at all: new ones never in the place of an older one."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import Final

PRIVATE_FILE: Final = 0o600
PUBLIC_FILE: Final = 0o644
PRIVATE_DIRECTORY: Final = 0o700
_TRIED: Final = 4096
"""Octets that are written to see whether there is room."""


def write_new_file(path: Path, data: bytes, mode: int) -> None:
    """Write ``data`` to a file that does not exist yet, whole even if the machine stops meanwhile.

    Raises `FileExistsError`, leaving the file as it is, if there is one; `OSError` if the disk
    or the directory refuses.
    """
    # mkstemp opens with O_EXCL and mode 0600: a secret is never open to others, not even at first.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        # A link, unlike a rename, fails when the name is taken, so that nothing is overwritten.
        os.link(name, path)
    finally:
        os.unlink(name)
    _sync_directory(path.parent)


def replace_file(path: Path, data: bytes, mode: int) -> None:
    """Write ``data`` in the place of a file, if there is one: others see the old or the new whole.

    Raises `OSError`.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    _sync_directory(path.parent)


def make_private_directory(path: Path) -> None:
    """Make a directory that only its owner may enter, or keep it; make those above it too.

    Raises `PermissionError`, with a sentence for people, if it exists and is open to other users.
    """
    path.parent.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
    path.mkdir(mode=PRIVATE_DIRECTORY, exist_ok=True)
    _check_private(path)


def try_place(path: Path) -> None:
    """Find out whether `make_private_directory` would give a directory to write in; leave nothing.

    Raises `OSError`.
    """
    nearest = next(each for each in (path, *path.parents) if each.exists())
    if nearest == path:
        _check_private(path)
    with tempfile.TemporaryFile(dir=nearest) as file:
        file.write(bytes(_TRIED))


def _check_private(path: Path) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise PermissionError(
            f"the directory {path} is open to other users (mode {mode:04o}); run: chmod 700 {path}"
        )


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
