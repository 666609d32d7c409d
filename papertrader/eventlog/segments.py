"""The event log's files: numbered segments of JSON lines, each bound to the one before by a hash.

The first line of a segment is ``{"segment": n, "process": ..., "previous": "<SHA-256>"}``: the hash
of the whole previous file, so that a changed or missing file shows; all zeros in the first.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from pathlib import Path
from typing import Final

NO_PREVIOUS: Final = "0" * 64
_READ_BYTES: Final = 1 << 18
_NEW_FILE: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_OLD_FILE: Final = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW

# Not every system has the cheaper call.
_sync = getattr(os, "fdatasync", os.fsync)


class SegmentFiles:
    """Appends blocks of lines to the newest segment and begins a new one when it is full.

    Does blocking I/O: call it in a thread, one call at a time. Every method may raise `OSError`;
    a block is then not in the files, and may be appended again.
    """

    def __init__(self, directory: Path, process: str, segment_bytes: int, kept: int) -> None:
        self._directory = directory
        self._process = process
        self._segment_bytes = segment_bytes
        self._kept = kept
        self._pattern = re.compile(rf"{re.escape(process)}-(\d{{6,12}})\.log\Z")
        self._descriptor = -1
        self._number = 0
        self._size = 0
        self._hash = hashlib.sha256()

    def append(self, block: bytes) -> None:
        """Write whole lines, all of them or none. A block is never split between two segments."""
        if self._descriptor < 0:
            self._open_newest()
        elif os.fstat(self._descriptor).st_nlink == 0:
            # Somebody deleted the file: what is written to it now would be seen by nobody.
            self._begin(self._number + 1)
        if self._size + len(block) > self._segment_bytes:
            self._begin(self._number + 1)
        self._write(block)

    def sync(self) -> None:
        """Wait until everything appended is on the disk itself."""
        if self._descriptor < 0:
            return
        try:
            _sync(self._descriptor)
        except OSError:
            # After a failed sync nobody knows what the file holds; it is read again from the start.
            self.close()
            raise

    def close(self) -> None:
        """Close the open segment; the next `append` opens the newest one again."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)

    def path_of(self, number: int) -> Path:
        """Return where segment ``number`` (from 1) is or would be."""
        return self._directory / f"{self._process}-{number:06d}.log"

    def numbers(self) -> list[int]:
        """Return the numbers of the segments there are, oldest first."""
        names = map(self._pattern.match, os.listdir(self._directory))
        return sorted(int(match[1]) for match in names if match)

    def _open_newest(self) -> None:
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        numbers = self.numbers()
        if not numbers:
            self._begin(1)
            return
        number = numbers[-1]
        descriptor = os.open(self.path_of(number), _OLD_FILE)
        try:
            content = hashlib.sha256()
            size = 0
            last = b"\n"
            while chunk := os.pread(descriptor, _READ_BYTES, size):
                content.update(chunk)
                size += len(chunk)
                last = chunk[-1:]
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor, self._number, self._size, self._hash = descriptor, number, size, content
        try:
            if last != b"\n":
                # The process died while writing: its last line is ended, and stays as it is.
                self._write(b"\n")
            elif size == 0:
                self._write(self._first_line(number, self._hash_of(numbers[-2:-1])))
        except OSError:
            self.close()
            raise

    def _begin(self, number: int) -> None:
        """Begin a new segment after the open one, and delete what is more than `kept`."""
        previous = self._hash.hexdigest() if self._number else NO_PREVIOUS
        descriptor = os.open(self.path_of(number), _NEW_FILE, 0o600)
        self.close()
        self._descriptor, self._number, self._size = descriptor, number, 0
        self._hash = hashlib.sha256()
        try:
            self._write(self._first_line(number, previous))
        except OSError:
            # An empty segment is found by `_open_newest`, which gives it its first line.
            self.close()
            raise
        for old in self.numbers()[: -self._kept]:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path_of(old))

    def _first_line(self, number: int, previous: str) -> bytes:
        line = {"segment": number, "process": self._process, "previous": previous}
        return json.dumps(line, separators=(",", ":")).encode("ascii") + b"\n"

    def _hash_of(self, numbers: list[int]) -> str:
        if not numbers:
            return NO_PREVIOUS
        with open(self.path_of(numbers[0]), "rb") as segment:
            return hashlib.file_digest(segment, "sha256").hexdigest()

    def _write(self, octets: bytes) -> None:
        written = 0
        try:
            while written < len(octets):
                written += os.write(self._descriptor, octets[written:])
        except OSError:
            if written:
                self._take_back()
            raise
        self._size += written
        self._hash.update(octets)

    def _take_back(self) -> None:
        """Cut off what is there of a block that could not be written whole."""
        try:
            os.ftruncate(self._descriptor, self._size)
        except OSError:
            # What the file holds is no longer known: it is read again before the next block.
            self.close()
