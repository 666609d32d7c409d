"""What a disk may hold after the power failed: built from a record of file operations.

Everything that was synced before is there. Of the rest anything may be: nothing, a beginning, any
part, pieces of 512 octets. A name made or removed in a directory that was not synced may be the old
or the new. (A disk that loses what it said it had synced is not modelled, nor one that damages
what it was not told to write.)
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

import attrs

HEAD: Final = struct.Struct(">cHQI")
SECTOR: Final = 512
VARIANTS: Final = ("nothing", "prefix", "subset", "torn", "torn", "everything")


@attrs.frozen
class Operation:
    """One recorded call: ``kind`` as in ``shim.c``; ``other`` is the second name of two."""

    kind: str
    path: str
    offset: int
    data: bytes = attrs.field(repr=False)

    @property
    def other(self) -> str:
        """The new name of a rename or a link."""
        return self.data.decode()


def read_trace(path: Path) -> list[Operation]:
    """Return what the recorder wrote, in order."""
    found, octets, at = [], path.read_bytes(), 0
    while at < len(octets):
        kind, name, offset, size = HEAD.unpack_from(octets, at)
        at += HEAD.size
        data = octets[at + name : at + name + size]
        found.append(Operation(kind.decode(), octets[at : at + name].decode(), offset, data))
        at += name + size
    return found


@attrs.define(eq=False)
class File:
    """Octets of a file: what is durable, and the operations that are not yet (number, which)."""

    durable: bytearray = attrs.Factory(bytearray)
    pending: list[tuple[int, Operation]] = attrs.Factory(list)

    def sync(self, before: int) -> None:
        """Make durable what was done before a number."""
        for number, operation in self.pending:
            if number < before:
                apply(self.durable, operation.kind, operation.offset, operation.data)
        self.pending = [pair for pair in self.pending if pair[0] >= before]

    def image(self, variant: str, until: int, random: Random) -> bytes:
        """Return what the disk may hold of it."""
        octets = bytearray(self.durable)
        for number, operation in self.pending:
            if variant == "nothing" or (variant == "prefix" and number >= until):
                continue
            if variant == "torn" and operation.kind == "w":
                for at in range(0, len(operation.data), SECTOR):
                    if random.random() < 0.6:
                        piece = operation.data[at : at + SECTOR]
                        apply(octets, "w", operation.offset + at, piece)
            elif variant in {"prefix", "everything"} or random.random() < 0.6:
                apply(octets, operation.kind, operation.offset, operation.data)
        return bytes(octets)


def apply(octets: bytearray, kind: str, offset: int, data: bytes) -> None:
    """Do a write or a truncation."""
    if len(octets) < offset:
        octets.extend(bytes(offset - len(octets)))
    if kind == "t":
        del octets[offset:]
    else:
        octets[offset : offset + len(data)] = data


class Disk:
    """The files of a directory while a trace goes by."""

    def __init__(self, directory: Path) -> None:
        self._directory = str(directory)
        self._number = 0
        self._names: dict[str, File] = {}
        self._durable_names: dict[str, File] = {}
        self._pending: list[tuple[int, Operation, File | None]] = []

    def do(self, operation: Operation) -> None:
        """Take the next operation of the trace."""
        path, number = operation.path, self._number
        self._number += 1
        file = self._names.get(path)
        if operation.kind == "c":
            file = self._names[path] = File()
            self._pending.append((number, operation, file))
        elif operation.kind == "u":
            self._names.pop(path, None)
            self._pending.append((number, operation, None))
        elif operation.kind in {"r", "l"}:
            if file is not None:
                self._names[operation.other] = file
            if operation.kind == "r":
                self._names.pop(path, None)
            self._pending.append((number, operation, file))
        elif operation.kind == "s" and path == self._directory:
            self._sync_names(operation.offset)
        elif operation.kind == "s" and file is not None:
            file.sync(operation.offset)
        elif operation.kind in {"w", "t"} and file is not None:
            file.pending.append((number, operation))

    def _sync_names(self, before: int) -> None:
        for number, operation, file in self._pending:
            if number < before:
                rename(self._durable_names, operation, file)
        self._pending = [each for each in self._pending if each[0] >= before]

    def image(self, variant: str, random: Random, only: str = "") -> dict[str, bytes]:
        """Return files that may be there after the power failed now: name, octets.

        ``only`` leaves out those whose path does not begin with it.
        """
        waiting = [number for number, _, _ in self._pending]
        waiting += [number for file in self._names.values() for number, _ in file.pending]
        until = random.randint(min(waiting), self._number) if waiting else self._number
        # A file system writes its names down in their order: a beginning of them is there.
        kept = {"nothing": 0, "everything": self._number, "prefix": until}.get(
            variant, random.randint(0, self._number)
        )
        names = dict(self._durable_names)
        for number, operation, file in self._pending:
            if number < kept:
                rename(names, operation, file)
        return {
            path: file.image(variant, until, random)
            for path, file in names.items()
            if path.startswith(only)
        }


def rename(names: dict[str, File], operation: Operation, file: File | None) -> None:
    """Change the names of a directory as an operation did."""
    if operation.kind == "c" and file is not None:
        names[operation.path] = file
    elif operation.kind == "u":
        names.pop(operation.path, None)
    elif file is not None:
        names[operation.other] = file
        if operation.kind == "r":
            names.pop(operation.path, None)


@attrs.frozen
class Image:
    """One state of a disk; the power failed when ``at`` operations had been recorded."""

    at: int
    variant: str
    is_whole: bool
    """Whether all files are in it, and not those alone that were asked for."""
    files: dict[str, bytes] = attrs.field(repr=False)

    def write(self, place: Path, marks: str) -> None:
        """Make the directory ``place`` hold this, and nothing else but directories."""
        wanted = {Path(path).name: data for path, data in self.files.items() if path != marks}
        for old in place.iterdir():
            if old.name not in wanted:
                old.unlink()
        for name, data in wanted.items():
            (place / name).write_bytes(data)


def images(
    trace: list[Operation],
    directory: Path,
    count: int,
    random: Random,
    only: str = "",
    whole_every: int = 1,
) -> Iterator[Image]:
    """Give ``count`` images at random moments of a trace, each moment with every variant.

    One of ``whole_every`` has all files, the others those whose name begins with ``only``.
    """
    moments = sorted(random.randint(1, len(trace)) for _ in range(-(-count // len(VARIANTS))))
    disk, done, given = Disk(directory), 0, 0
    for moment in moments:
        for operation in trace[done:moment]:
            disk.do(operation)
        done = max(done, moment)
        for variant in VARIANTS:
            if given < count:
                given += 1
                is_whole = given % whole_every == 0
                prefix = "" if is_whole else f"{directory}/{only}"
                yield Image(done, variant, is_whole, disk.image(variant, random, prefix))
