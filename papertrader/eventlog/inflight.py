"""Which command a process is deciding at this moment, told in memory that survives the process.

Before a command is decided its hash goes into a small mapped file beside the ring, and it is taken
back afterwards. When the process dies of itself in between, the command is under suspicion: its
hash becomes a line of the file of suspects. One that was there at two crashes is poison.
"""

from __future__ import annotations

import contextlib
import mmap
import os
from collections import Counter
from pathlib import Path
from struct import Struct
from typing import Final

import attrs

HASH_BYTES: Final = 32
SUSPECTS_FILE: Final = "suspects"
"""In the log's directory: a line for each time that a command was under way at a crash."""
CRASHES_OF_POISON: Final = 2
"""A command that was under way at so many crashes is not tried again."""
SUSPECTS_MAX: Final = 1_000
"""Lines kept in the file of suspects; the oldest of those that are not poison go first."""
_SIZE: Final = 4096
_MAGIC: Final = b"PTWAY\r\n\0"
_MARK: Final = Struct("<8sHQQQI32s")
_BUSY_AT: Final = 128
_BUSY: Final = b"\x01"
_IDLE: Final = b"\x00"


@attrs.frozen
class Mark:
    """The command that was under way: its hash, opcode, and where it came from."""

    hash: bytes
    opcode: int
    account: int
    worker: int
    connection: int
    request: int

    def __str__(self) -> str:
        return (
            f"opcode {self.opcode:#06x} of account {self.account}, correlation"
            f" {self.worker}:{self.connection}:{self.request}, hash {self.hash.hex()}"
        )


class InFlight:
    """The writer's side: one command at a time. Raises `OSError` where there is no room for it."""

    def __init__(self, path: Path) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(path, flags, 0o600)
        try:
            # Written, not only sized: a hole that a full disk cannot fill would be a SIGBUS.
            os.pwrite(descriptor, bytes(_SIZE), 0)
            self._memory = mmap.mmap(descriptor, _SIZE, mmap.MAP_SHARED)
        finally:
            os.close(descriptor)

    def begin(
        self, hash_: bytes, opcode: int, account: int, worker: int, connection: int, request: int
    ) -> None:
        """Tell what is under way from now on (`Mark` has the same fields)."""
        memory = self._memory
        memory[: _MARK.size] = _MARK.pack(
            _MAGIC, opcode, account, worker, connection, request, hash_
        )
        # Last: what is read with this octet set was written before it.
        memory[_BUSY_AT : _BUSY_AT + 1] = _BUSY

    def end(self) -> None:
        """Nothing is under way any more."""
        self._memory[_BUSY_AT : _BUSY_AT + 1] = _IDLE

    def close(self) -> None:
        """Let go of the memory."""
        self._memory.close()


def read_mark(path: Path) -> Mark | None:
    """Return what a dead process had under way; None if nothing was, or nothing can be read."""
    try:
        octets = path.read_bytes()[:_SIZE]
    except OSError:
        return None
    if len(octets) <= _BUSY_AT or octets[_BUSY_AT : _BUSY_AT + 1] != _BUSY:
        return None
    magic, opcode, account, worker, connection, request, hash_ = _MARK.unpack_from(octets)
    return Mark(hash_, opcode, account, worker, connection, request) if magic == _MAGIC else None


def add_suspect(path: Path, mark: Mark, told: str) -> int:
    """Write down that a process died deciding a command; return how often that has happened.

    ``told`` is one line for people: when, and of what. Raises `OSError`.
    """
    try:
        lines = path.read_text("ascii", "replace").splitlines()
    except FileNotFoundError:
        lines = []
    lines.append(f"{mark.hash.hex()} {mark.opcode:#06x} account {mark.account}: {told}")
    counts = _counts(lines)
    spare = len(lines) - SUSPECTS_MAX
    kept = []
    for line in lines:
        if spare > 0 and counts[line[: 2 * HASH_BYTES]] < CRASHES_OF_POISON:
            spare -= 1
        else:
            kept.append(line)
    partial = path.with_suffix(".part")
    with contextlib.suppress(FileNotFoundError):
        partial.unlink()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(partial, flags, 0o600), "w", encoding="ascii", errors="replace") as file:
        file.write("\n".join(kept) + "\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    return counts[mark.hash.hex()]


def read_poison(path: Path) -> frozenset[bytes]:
    """Return the hashes of the commands that are not tried any more. Raises `OSError`.

    An operator who knows better deletes the command's lines and starts the server again.
    """
    try:
        lines = path.read_text("ascii", "replace").splitlines()
    except FileNotFoundError:
        return frozenset()
    found = _counts(lines)
    return frozenset(bytes.fromhex(name) for name, n in found.items() if n >= CRASHES_OF_POISON)


def _counts(lines: list[str]) -> Counter[str]:
    names = (line.partition(" ")[0].lower() for line in lines)
    return Counter(name for name in names if _is_hash(name))


def _is_hash(name: str) -> bool:
    return len(name) == 2 * HASH_BYTES and all(c in "0123456789abcdef" for c in name)
