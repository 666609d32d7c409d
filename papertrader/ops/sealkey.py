"""The key that seals second factors: a file of its own beside the database.

It is made when a master starts for the first time, or with the installation where another master
needs the same. A store in which second factors are sealed
already never gets another one: it would hide that theirs is lost, and perhaps stand in its way.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Final

from papertrader.master.secondfactor import KEY_FILE, KEY_OCTETS
from papertrader.ops.files import PRIVATE_FILE, make_private_directory, write_new_file
from papertrader.ops.running import StartError

NO_SHARED_KEY: Final = (
    "copy tls/ and keys/ from the other master; if there is none yet: papertrader init --missing"
)
"""What a standby without the key is told: when it takes over it is too late."""
NEXT: Final = ".next"
"""Behind the name of the file: the key that every seed is being sealed with anew."""


class NoKeyError(StartError):
    """What stands in the file is no key."""


def seal_key_file(state: Path) -> Path:
    """Return where the key stands."""
    return state / KEY_FILE


def new_seal_key() -> bytes:
    """Return a key that nothing was sealed with."""
    return secrets.token_bytes(KEY_OCTETS)


def keep_seal_key(state: Path, key: bytes) -> None:
    """Write a new key where there is none. Raises `StartError`."""
    path = seal_key_file(state)
    try:
        make_private_directory(path.parent)
        write_new_file(path, key.hex().encode(), PRIVATE_FILE)
    except OSError as error:
        reason = error.strerror or error
        raise StartError(f"{path} cannot be written: {reason}; start again") from None


def next_key_file(state: Path) -> Path:
    """Return where a key stands that is about to take the place of the one there."""
    path = seal_key_file(state)
    return path.with_name(path.name + NEXT)


def read_seal_key(state: Path) -> bytes | None:
    """Return the key, None if there is no file. Raises `StartError` for one that cannot be used,
    and while it is not clear which of two counts.

    A database whose seeds were sealed with another key says so when it is opened.
    """
    if next_key_file(state).exists():
        raise StartError("papertrader reseal was interrupted; do it again")
    return read_key(seal_key_file(state))


def read_key(path: Path) -> bytes | None:
    """Return the key in a file, None if there is none; raises as `read_seal_key`."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            data = file.read(2 * KEY_OCTETS + 2)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StartError(f"{path} cannot be used: {error.strerror or error}") from None
    try:
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise StartError(f"{path} is open to other users; run: chmod 600 {path}")
        key = bytes.fromhex(data.decode("ascii").strip())
    except ValueError:
        raise NoKeyError(f"{path} is no key; put back the file as it was") from None
    if len(key) != KEY_OCTETS:
        raise NoKeyError(f"{path} is no key; put back the file as it was")
    return key


def seal_key(state: Path) -> bytes:
    """Return the key, which there must be by now. Raises `StartError`."""
    key = read_seal_key(state)
    if key is None:
        raise StartError(f"{seal_key_file(state)} is missing; put it back")
    return key
