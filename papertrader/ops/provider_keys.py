"""The keys of providers: from the environment, or from files that only their owner can read.

A key never stands in the settings file or on a command line. ``PAPERTRADER_KEY_<PROVIDER>`` counts
before the file ``keys/<provider>`` in the state directory. A key of two lines (an identifier and a
secret) is two lines of the file, or is separated by a colon in the environment.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from papertrader.core.secrets import Secret
from papertrader.master.providers.catalog import facts_of
from papertrader.ops.running import StartError

KEYS_DIRECTORY: Final = "keys"
KEY_BYTES_MAX: Final = 4_096
_PREFIX: Final = "PAPERTRADER_KEY_"


class KeyMissing(StartError):
    """A provider's key is not there or cannot be used; the text says what to do."""


def key_file(state: Path, name: str) -> Path:
    """Return where the key of a provider stands."""
    return state / KEYS_DIRECTORY / name


def key_variable(name: str) -> str:
    """Return the environment variable that may hold the key of a provider."""
    return _PREFIX + name.upper()


def without_keys(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a process that calls no provider."""
    return {name: value for name, value in environ.items() if not name.startswith(_PREFIX)}


def read_key(state: Path, name: str, environ: Mapping[str, str]) -> tuple[Secret, ...]:
    """Return the key of a provider, empty if it needs none. Raises `KeyMissing`."""
    wanted = facts_of(name).key_lines
    if not wanted:
        return ()
    text = environ.get(key_variable(name))
    if text is not None:
        where = f"the environment variable {key_variable(name)}"
        parts = text.strip().split(":", wanted - 1)
    else:
        path = key_file(state, name)
        where = str(path)
        parts = _read(path, name, wanted).split()
    lines = [part.strip() for part in parts]
    good = all(line and line.isascii() and line.isprintable() for line in lines)
    if len(lines) != wanted or not good:
        raise KeyMissing(
            f"{where} does not hold the {wanted} line(s) of a key of {name}; copy the key from the"
            f" provider's page again"
        )
    return tuple(Secret(line.encode("ascii")) for line in lines)


def _read(path: Path, name: str, wanted: int) -> str:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            data = file.read(KEY_BYTES_MAX + 1)
    except FileNotFoundError:
        raise KeyMissing(
            f"{name} needs a key: write it ({wanted} line(s)) to {path} and run: chmod 600 {path}"
        ) from None
    except OSError as error:
        raise KeyMissing(f"{path} cannot be read: {error.strerror or error}") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyMissing(f"{path} is open to other users; run: chmod 600 {path}")
    if len(data) > KEY_BYTES_MAX:
        raise KeyMissing(f"{path} is longer than any key; put the key alone in it")
    return data.decode("utf-8", "replace")
