"""A worker's log on its way to the master, and what the master keeps of it: both bounded."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs
from twisted.internet.defer import Deferred

from papertrader.core.instants import SECOND
from papertrader.core.logrecord import Level, parse_json, render_json
from papertrader.eventlog.segments import SegmentFiles
from papertrader.eventlog.settings import checked_process

WAITING_OCTETS_MAX: Final = 256 * 1024
"""Lines that wait at a worker. Beyond half of it only warnings and worse are taken."""
KEPT_OCTETS: Final = 4 * 1024 * 1024
KEPT_FILES: Final = 4
"""Size of a file that the master keeps of a worker's log, and how many."""
PENDING_OCTETS_MAX: Final = 1024 * 1024
"""Lines of one worker that wait for the master's disk."""
AHEAD_MAX: Final = 30 * SECOND
"""A worker whose clock is off by more is not let in; an entry of a later time is one of now."""
SHIPPED: Final = "shipped-"
"""What the names of such logs begin with."""
_WARNING: Final = int(Level.WARNING)
_BOUND_CALM: Final = WAITING_OCTETS_MAX // 2
"""What entries below WARNING may fill, so that there is room for the others."""


class Shipment:
    """The worker's end: takes entries in the log's thread, gives lines in the reactor's."""

    def __init__(self) -> None:
        self.dropped = 0
        """Entries that there was no room for."""
        self._lines: deque[str] = deque()  # at most WAITING_OCTETS_MAX
        self._octets = 0
        self._lock = threading.Lock()

    def take(self, levels: list[int], lines: list[str]) -> None:
        """Take entries that have reached this worker's own files (`Tap`)."""
        with self._lock:
            octets, dropped = self._octets, 0
            for level, line in zip(levels, lines, strict=True):
                size = len(line) + 1
                bound = _BOUND_CALM if level < _WARNING else WAITING_OCTETS_MAX
                if octets + size > bound:
                    dropped += 1
                else:
                    self._lines.append(line)
                    octets += size
            self._octets = octets
            self.dropped += dropped

    def give(self, octets_max: int) -> list[str]:
        """Return the oldest lines, of at most so many octets with a line break for each."""
        given: list[str] = []
        with self._lock:
            while self._lines and len(self._lines[0]) < octets_max:
                line = self._lines.popleft()
                octets_max -= len(line) + 1
                self._octets -= len(line) + 1
                given.append(line)
        return given


class ShippedLogs:
    """The master's end: one bounded log of files for each worker.

    ``in_thread`` runs a function in the log's thread; ``now`` gives the time. What a worker sends
    is believed only so far as it is an entry of a log, and not of times to come, with which it
    would stand before everything newer; it is read and written anew.
    """

    def __init__(
        self,
        directory: Path,
        in_thread: Callable[[Callable[[], None]], Deferred[None]],
        now: Callable[[], int],
    ) -> None:
        self.lines = 0
        """Entries taken."""
        self.dropped = 0
        """Lines that were no entries, or that the disk was too slow for or refused."""
        self._directory = directory
        self._in_thread = in_thread
        self._now = now
        self._files: dict[str, SegmentFiles] = {}
        self._pending: dict[str, int] = {}

    def take(self, worker: str, text: str) -> None:
        """Keep the lines of a worker that is registered under that name."""
        lines = text.split("\n")
        pending = self._pending.get(worker, 0)
        if pending + len(text) > PENDING_OCTETS_MAX:
            self.dropped += len(lines)
            return
        self._pending[worker] = pending + len(text)
        counts = [0, 0]

        def written(_: object) -> None:
            self._pending[worker] -= len(text)
            self.lines += counts[0]
            self.dropped += counts[1]

        self._in_thread(lambda: self._write(worker, lines, counts)).addBoth(written)

    def _write(self, worker: str, lines: list[str], counts: list[int]) -> None:
        """Write the lines that are entries; ``counts``: written, dropped. Never raises."""
        counts[1] = len(lines)
        entries, now = [], self._now()
        for line in lines:
            try:
                entry = parse_json(line)
                if entry.wall_ns > now + AHEAD_MAX:
                    entry = attrs.evolve(entry, wall_ns=now)
                entries.append(render_json(entry))
            except ValueError:
                continue
        if not entries:
            return
        try:
            files = self._files.get(worker)
            if files is None:
                name = checked_process(f"{SHIPPED}{worker}")
                files = SegmentFiles(self._directory, name, KEPT_OCTETS, KEPT_FILES)
                self._files[worker] = files
            files.append(("\n".join(entries) + "\n").encode("ascii"))
        except (OSError, ValueError):
            return
        counts[0], counts[1] = len(entries), len(lines) - len(entries)
