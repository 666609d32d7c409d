"""The key that seals second factors: a file of its own beside the database, made on first use."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Final

from papertrader.master.secondfactor import KEY_OCTETS
from papertrader.ops.files import PRIVATE_FILE, make_private_directory, write_new_file
from papertrader.ops.provider_keys import KEYS_DIRECTORY
from papertrader.ops.running import StartError

FILE: Final = "second-factor"


def seal_key_file(state: Path) -> Path:
    """Return where the key stands."""
    return state / KEYS_DIRECTORY / FILE


def seal_key(state: Path) -> bytes:
    """Return the key; make it if there is none. Raises `StartError` for one that cannot be used.

    A database whose seeds were sealed with another key says so when it is opened.
    """
    path = seal_key_file(state)
    try:
        if not path.exists():
            make_private_directory(path.parent)
            write_new_file(path, secrets.token_bytes(KEY_OCTETS).hex().encode(), PRIVATE_FILE)
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            data = file.read(2 * KEY_OCTETS + 2)
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise StartError(f"{path} is open to other users; run: chmod 600 {path}")
        key = bytes.fromhex(data.decode("ascii").strip())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no key"
        raise StartError(f"{path} cannot be used: {reason}; put back the file as it was") from None
    if len(key) != KEY_OCTETS:
        raise StartError(f"{path} is no key; put back the file as it was")
    return key
