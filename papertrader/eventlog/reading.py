"""Reading event logs back, of processes that run or are long dead: from their files and memory."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from papertrader.core.logrecord import Level, LogRecord, parse_json, render_json
from papertrader.core.ringlog import RingReader, RingUnreadableError
from papertrader.eventlog.segments import SegmentFiles
from papertrader.eventlog.selecting import Selection

ENTRIES_MAX: Final = 5_000
"""Entries read at once."""
READ_OCTETS_MAX: Final = 64 * 1024 * 1024
"""Octets of files looked through for the newest entries over the wire; what is older is not
found."""
LINE_OCTETS_MAX: Final = 64 * 1024
"""A line that is still unfinished after so much is no entry of ours."""
_FILE: Final = re.compile(r"([a-z][a-z0-9-]{0,31}?)(?:-\d{6,12}\.log|\.ring)\Z")


def processes(directory: Path) -> list[str]:
    """Return the names of the processes that have logged there, sorted. Raises `OSError`."""
    found = (_FILE.match(name) for name in os.listdir(directory))
    return sorted({match[1] for match in found if match})


def newest_entries(
    directory: Path, process: str, *, since_ns: int, least: Level, limit: int
) -> list[str]:
    """Return the newest lines of JSON of ``least`` level or above, oldest first.

    Not before ``since_ns``; at most ``limit`` and `ENTRIES_MAX`. Blocks: call it in a thread. What
    has not reached the files yet is not among them.
    """
    selection = Selection(since_ns=since_ns, least=least)
    limit = min(limit, ENTRIES_MAX)
    found = _from_files(directory, process, selection, limit, READ_OCTETS_MAX)
    return [render_json(record) for record in found]


def select_entries(
    directory: Path, process: str, selection: Selection, limit: int
) -> list[LogRecord]:
    """Return the newest ``limit`` entries of a process that are wanted, oldest first.

    From its files, and from its memory what they lack. A file that cannot be read counts as empty.
    """
    found = _from_files(directory, process, selection, limit)
    reader = ring_of(directory, process)
    if reader is not None:
        # A flush may have carried some of it to the files meanwhile.
        known = {(record.seq, record.wall_ns) for record in found}
        found += [
            record
            for record in reader.unflushed()
            if selection.takes(record) and (record.seq, record.wall_ns) not in known
        ]
    return found[-limit:] if limit else []


def ring_of(directory: Path, process: str) -> RingReader | None:
    """Return what is in the memory of a process, running or dead; None if there is none."""
    try:
        return RingReader((directory / f"{process}.ring").read_bytes())
    except (OSError, RingUnreadableError):
        return None


def _from_files(
    directory: Path, process: str, selection: Selection, limit: int, octets_max: int = 1 << 62
) -> list[LogRecord]:
    files = SegmentFiles(directory, process, segment_bytes=0, kept=0)
    found: list[LogRecord] = []
    try:
        numbers = files.numbers()
    except OSError:
        return found
    left = octets_max
    for number in reversed(numbers):
        try:
            octets = files.path_of(number).read_bytes()
        except OSError:
            continue
        left -= len(octets)
        for record in _backward(octets, selection):
            if record.wall_ns < selection.since_ns or len(found) >= limit:
                return found[::-1]
            if selection.takes(record):
                found.append(record)
        if left <= 0:
            break
    return found[::-1]


def _backward(octets: bytes, selection: Selection) -> Iterator[LogRecord]:
    for raw in reversed(octets.splitlines()):
        if selection.may_take(raw):
            record = _record(raw)
            if record is not None:
                yield record


def _record(raw: bytes) -> LogRecord | None:
    """Read a line; heads of files and broken ends are no entries."""
    try:
        return parse_json(raw.decode("ascii"))
    except ValueError:
        return None


class Follower:
    """Reads what is added to the files of one process from now on, also across new files.

    ``from_the_start``: what is in the files already comes, too.
    """

    def __init__(self, directory: Path, process: str, *, from_the_start: bool = False) -> None:
        self._files = SegmentFiles(directory, process, segment_bytes=0, kept=0)
        self._number = 0
        self._offset = 0
        self._rest = b""
        numbers = self._numbers()
        if numbers and not from_the_start:
            self._number = numbers[-1]
            try:
                self._offset = self._files.path_of(self._number).stat().st_size
            except OSError:
                self._offset = 0

    def _numbers(self) -> list[int]:
        try:
            return self._files.numbers()
        except OSError:
            return []

    def new(self, selection: Selection) -> list[LogRecord]:
        """Return the wanted entries that have reached the files since the last time."""
        found = []
        for raw in self._lines():
            record = _record(raw) if selection.may_take(raw) else None
            if record is not None and selection.takes(record):
                found.append(record)
        return found

    def _lines(self) -> Iterator[bytes]:
        for number in self._numbers():
            if number < self._number:
                continue
            if number > self._number:
                self._number, self._offset, self._rest = number, 0, b""
            try:
                with self._files.path_of(number).open("rb") as file:
                    file.seek(self._offset)
                    octets = file.read(READ_OCTETS_MAX)
            except OSError:
                continue
            self._offset += len(octets)
            *lines, rest = (self._rest + octets).split(b"\n")
            self._rest = rest if len(rest) <= LINE_OCTETS_MAX else b""
            yield from lines
