"""Reading a process's log files from a place that was kept, never more than a little at a time.

`Follower` is for people who look now. This is for whoever must leave nothing out: it knows where it
is after every entry, can go back there, and notices files that were removed before it came to them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

from papertrader.core.logrecord import LogRecord, parse_json
from papertrader.eventlog.segments import SegmentFiles

READ_OCTETS: Final = 64 * 1024
"""Octets of a file read at one time. A longer line is no entry: it is passed over, and counted."""
_HEAD: Final = b'{"segment":'


@attrs.frozen
class Place:
    """How far a process's files were read: up to ``offset`` of file number ``segment``.

    ``seq`` is the number of the newest entry before it; all are 0 before the first.
    """

    segment: int = 0
    offset: int = 0
    seq: int = 0


@attrs.frozen
class Found:
    """An entry, the name of its line (``FILE:OFFSET``), and the place behind it.

    ``files`` were removed before it could be reached, and with them ``missing`` entries at least;
    both are 0 as a rule.
    """

    record: LogRecord
    identity: str
    place: Place
    files: int = 0
    missing: int = 0


class Tail:
    """Reads the files of one process onward from ``place``.

    Beside it others write, and remove, the files; it changes nothing. ``unreadable`` counts lines
    that are no entries, ``replaced`` files that had become shorter and were read from their start.
    """

    def __init__(self, directory: Path, process: str, place: Place) -> None:
        self.place = place
        self.unreadable = 0
        self.replaced = 0
        self._files = SegmentFiles(directory, process, segment_bytes=0, kept=0)
        self._left_out = 0
        """Files removed since the newest entry."""

    def go_back(self, place: Place) -> None:
        """Read on from a place that was passed before."""
        self.place = place
        self._left_out = 0

    def read(self) -> list[Found]:
        """Return what follows, of READ_OCTETS at most; nothing if there is no whole line more.

        Raises `OSError` if a file is there and cannot be read.
        """
        numbers = self._files.numbers()
        # A file takes two turns at most: for an end without a line break, and to go on.
        for _ in range(2 * len(numbers) + 1):
            if not self._enter(numbers):
                return []
            newer = any(number > self.place.segment for number in numbers)
            octets = self._chunk()
            if octets is None:
                return []
            end = octets.rfind(b"\n") + 1
            if end:
                return list(self._entries(octets[:end]))
            if newer or len(octets) == READ_OCTETS:
                # An end without a line break in a file that is finished, or no line of ours.
                self.unreadable += bool(octets)
                self._move(self.place.segment, self.place.offset + len(octets))
            if not newer:
                return []
            if not octets:
                self._next(numbers)
        return []

    def octets_left(self) -> int:
        """Return how many octets of the files lie behind the place. Raises `OSError`."""
        left = 0
        for number in self._files.numbers():
            if number >= self.place.segment:
                size = self._files.path_of(number).stat().st_size
                left += size - (self.place.offset if number == self.place.segment else 0)
        return max(0, left)

    def _enter(self, numbers: list[int]) -> bool:
        """See to it that the place is in a file that there is; tell whether there is one."""
        if self.place.segment not in numbers:
            if not numbers:
                return False
            self._next(numbers)
        return True

    def _next(self, numbers: list[int]) -> None:
        """Go to the file after the present one, or to the oldest if all have begun anew."""
        here = self.place.segment
        number = next((each for each in numbers if each > here), numbers[0])
        if here and here in numbers:
            self._left_out += max(0, number - here - 1)
        elif here:
            # How much of the present one was read to its end shows at the next entry.
            self._left_out += max(1, number - here)
        self._move(number, 0)

    def _move(self, segment: int, offset: int) -> None:
        self.place = Place(segment, offset, self.place.seq)

    def _chunk(self) -> bytes | None:
        path = self._files.path_of(self.place.segment)
        try:
            with path.open("rb") as file:
                if file.seek(0, 2) < self.place.offset:
                    # Another file of this name, or a block that was taken back: better twice.
                    self.replaced += 1
                    self._move(self.place.segment, 0)
                file.seek(self.place.offset)
                return file.read(READ_OCTETS)
        except FileNotFoundError:
            return None  # Removed since the files were listed: the next look finds that out.

    def _entries(self, lines: bytes) -> Iterator[Found]:
        name = self._files.path_of(self.place.segment).name
        for line in lines.splitlines(keepends=True):
            offset = self.place.offset
            self._move(self.place.segment, offset + len(line))
            try:
                record = parse_json(line.decode("ascii"))
            except ValueError:
                self.unreadable += not line.startswith(_HEAD)
                continue
            files, missing = self._lost_before(record)
            self.place = Place(self.place.segment, self.place.offset, record.seq)
            yield Found(record, f"{name}:{offset}", self.place, files, missing)

    def _lost_before(self, record: LogRecord) -> tuple[int, int]:
        files, self._left_out = self._left_out, 0
        before = self.place.seq
        if not files or record.seq == before + 1:
            return 0, 0
        # Numbers begin at 1 with each life of a process: then what its last one had is unknown.
        return files, record.seq - 1 - (before if record.seq > before else 0)
