"""The ring shared by every thread that logs and the one that carries it to disk."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final, TypeVar

import attrs

from papertrader.core.logrecord import UNCORRELATED, Correlation, Level, RecordFlag, Source
from papertrader.core.ringlog import PAYLOAD_BYTES_MAX, RingWriter, cut_text

TRACE_BYTES_MAX: Final = 8 * PAYLOAD_BYTES_MAX
"""Longest traceback kept, over several records; the middle of a longer one is left out."""
SET_ASIDE_MAX: Final = 64
"""Entries that may wait because they were logged inside the log; more are counted as lost."""

_T = TypeVar("_T")


@attrs.define
class Entry:
    """An entry ready for the ring: its text as one or more pieces of at most a record each."""

    level: Level
    source: Source
    pieces: list[bytes]
    wall_ns: int
    monotonic_ns: int
    correlation: Correlation = UNCORRELATED


class LogMemory:
    """Serializes the use of a `RingWriter`. Every method may be called from any thread.

    An entry can be logged while the same thread is inside this class: collecting garbage reports
    the unhandled errors of Deferreds. Such an entry is set aside and follows right afterwards.
    """

    def __init__(self, writer: RingWriter) -> None:
        self.lost = 0
        """Entries that could not even be set aside."""
        self._writer = writer
        self._lock = threading.RLock()
        self._busy = False
        self._urgent = False
        self._accepting = True
        self._set_aside: deque[Entry] = deque(maxlen=SET_ASIDE_MAX)

    def append(self, entry: Entry) -> bool:
        """Put an entry into the ring; return whether a flush should not wait for its time.

        It should not after an error, and when half of the ring waits for the disk.
        """
        with self._lock:
            if not self._accepting:
                return False
            if self._busy:
                if len(self._set_aside) == SET_ASIDE_MAX:
                    self.lost += 1
                else:
                    self._set_aside.append(entry)
                    self._urgent = self._urgent or entry.level >= Level.ERROR
                return False
            self._busy = True
            try:
                writer = self._writer
                append_entry(writer, entry)
                if self._set_aside:
                    self._append_set_aside()
            finally:
                self._busy = False
            urgent = self._urgent or entry.level >= Level.ERROR
            self._urgent = False
            return urgent or writer.unflushed_bytes * 2 >= writer.capacity

    def note(
        self,
        level: Level,
        source: Source,
        text: str,
        wall_ns: int,
        monotonic_ns: int,
        worker: int,
        connection: int,
        request: int,
    ) -> bool:
        """Do what `append` does for an entry below ERROR of one piece, without making one of it."""
        payload = short_piece(text)
        with self._lock:
            if self._busy or not self._accepting or self._set_aside:
                who = Correlation.known(worker, connection, request)
                return self.append(Entry(level, source, [payload], wall_ns, monotonic_ns, who))
            self._busy = True
            writer = self._writer
            try:
                writer.put(
                    level, source, payload, wall_ns, monotonic_ns, worker, connection, request
                )
                if self._set_aside:
                    self._append_set_aside()
            finally:
                self._busy = False
            urgent, self._urgent = self._urgent, False
            return urgent or writer.unflushed_bytes * 2 >= writer.capacity

    def exclusively(self, action: Callable[[RingWriter], _T]) -> _T:
        """Return ``action(writer)``, run with the ring to itself.

        The action must be harmless between the steps of another one: garbage collection may call
        it there.
        """
        with self._lock:
            outer = not self._busy
            self._busy = True
            try:
                result = action(self._writer)
                if outer:
                    self._append_set_aside()
            finally:
                self._busy = not outer
            return result

    def refuse(self) -> None:
        """Take no more entries."""
        with self._lock:
            self._accepting = False

    def _append_set_aside(self) -> None:
        for _ in range(SET_ASIDE_MAX):
            if not self._set_aside:
                break
            append_entry(self._writer, self._set_aside.popleft())


def append_entry(writer: RingWriter, entry: Entry) -> None:
    """Write an entry's pieces, one record each, with consecutive numbers."""
    flags = 0
    for piece in entry.pieces:
        writer.append(
            entry.level,
            entry.source,
            piece,
            wall_ns=entry.wall_ns,
            monotonic_ns=entry.monotonic_ns,
            correlation=entry.correlation,
            flags=flags,
        )
        flags = RecordFlag.CONTINUED


def short_piece(text: str) -> bytes:
    """Return text as UTF-8, with no more of it than the ring needs to see that it is too long."""
    return text[: PAYLOAD_BYTES_MAX + 1].encode("utf-8", "replace")


def long_pieces(text: str) -> list[bytes]:
    """Split a traceback into pieces of a record each, at line breaks where there are any."""
    octets = text.encode("utf-8", "replace")
    if len(octets) > TRACE_BYTES_MAX:
        half = TRACE_BYTES_MAX // 2
        left_out = f"\n... {len(octets) - 2 * half} octets left out ...\n".encode()
        octets = cut_text(octets, half) + left_out + octets[-half:]
    pieces: list[bytes] = []
    while len(octets) > PAYLOAD_BYTES_MAX:
        end = octets.rfind(b"\n", 1, PAYLOAD_BYTES_MAX)
        piece = octets[:end] if end > 0 else cut_text(octets, PAYLOAD_BYTES_MAX)
        pieces.append(piece)
        octets = octets[len(piece) :]
        if end > 0:
            octets = octets[1:]
    pieces.append(octets)
    return pieces
