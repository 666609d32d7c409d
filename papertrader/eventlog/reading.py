"""Reading a process's event log back from its files: the newest entries that are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from papertrader.core.logrecord import Level, LogRecord, parse_json
from papertrader.eventlog.segments import SegmentFiles

ENTRIES_MAX: Final = 5_000
"""Entries read at once."""
READ_OCTETS_MAX: Final = 64 * 1024 * 1024
"""Octets of files looked through for them; what is older is not found."""


def newest_entries(
    directory: Path, process: str, *, since_ns: int, least: Level, limit: int
) -> list[str]:
    """Return the newest lines of JSON of ``least`` level or above, oldest first.

    Not before ``since_ns``; at most ``limit`` and `ENTRIES_MAX`. Blocks: call it in a thread.
    Lines that are no entries (heads of files, a broken end) are passed over; a file that cannot be
    read counts as empty.
    """
    files = SegmentFiles(directory, process, segment_bytes=0, kept=0)
    found: list[str] = []
    try:
        numbers = files.numbers()
    except OSError:
        return found
    left = READ_OCTETS_MAX
    for number in reversed(numbers):
        try:
            octets = files.path_of(number).read_bytes()
        except OSError:
            continue
        left -= len(octets)
        for line, record in _backward(octets):
            if record.wall_ns < since_ns or len(found) >= min(limit, ENTRIES_MAX):
                return found[::-1]
            if record.level >= least:
                found.append(line)
        if left <= 0:
            break
    return found[::-1]


def _backward(octets: bytes) -> Iterator[tuple[str, LogRecord]]:
    for raw in reversed(octets.splitlines()):
        try:
            line = raw.decode("ascii")
            yield line, parse_json(line)
        except ValueError:
            continue
