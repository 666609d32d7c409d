"""The oracle of resources: memory, open files and processor time of the target's processes.

Memory is sampled all the time, and a line is laid through the second half of the samples: what a
target needs once (caches, its first accounts) is not held against it, what grows on and on is.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import attrs

from papertrader.fuzz.observe import Breach

SAMPLES_MAX: Final = 7_200
"""Samples of one process; when there are more, every second one is dropped."""
SLOPE_KIB_MAX: Final = 64 * 1024
"""KiB that a process may grow by in an hour's time, plus `OCTETS_PER_CASE` for each case."""
OCTETS_PER_CASE: Final = 20
"""What accepted orders and their events may leave behind, spread over all cases."""
SLOPE_AFTER_S: Final = 60.0
"""Campaigns that are shorter are judged by `RSS_SLACK_KIB` alone."""
RSS_SLACK_KIB: Final = 64 * 1024
FDS_SLACK: Final = 8


@attrs.frozen
class Usage:
    """What a process uses: memory, open files, seconds of processor time since its start."""

    rss_kib: int
    fds: int
    cpu_s: float = 0.0


def usage(pid: int, proc: Path = Path("/proc")) -> Usage | None:
    """Return what a process uses by ``/proc``; None if it is not there."""
    place = proc / str(pid)
    try:
        status = (place / "status").read_text()
        fds = len(list((place / "fd").iterdir()))
        stat = (place / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    rss = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
    ticks = int(stat[11]) + int(stat[12]) if len(stat) > 12 else 0
    return Usage(int(rss[0]) if rss else 0, fds, ticks / os.sysconf("SC_CLK_TCK"))


def compared(pid: int, before: Usage | None, after: Usage | None) -> list[Breach]:
    """Compare a process before and after."""
    if before is None:
        return []
    if after is None:
        return [Breach("crash", f"process {pid} is gone")]
    found = []
    if after.rss_kib > before.rss_kib * 11 // 10 + RSS_SLACK_KIB:
        text = f"process {pid} grew from {before.rss_kib} to {after.rss_kib} KiB"
        found.append(Breach("resources", text))
    if after.fds > before.fds + FDS_SLACK:
        text = f"process {pid} had {before.fds} open files and has {after.fds}"
        found.append(Breach("resources", text))
    return found


def slope(samples: list[tuple[float, float]]) -> float:
    """Return the slope of the line of least squares through some points; 0 for fewer than 2."""
    count = len(samples)
    if count < 2:
        return 0.0
    middle_x = sum(x for x, _ in samples) / count
    middle_y = sum(y for _, y in samples) / count
    spread = sum((x - middle_x) ** 2 for x, _ in samples)
    if not spread:
        return 0.0
    return sum((x - middle_x) * (y - middle_y) for x, y in samples) / spread


@attrs.define
class Watch:
    """One process over time: its memory sampled, the line through it, and its processor time."""

    pid: int
    proc: Path = Path("/proc")
    first: Usage | None = None
    last: Usage | None = None
    peak_kib: int = 0
    samples: list[tuple[float, float]] = attrs.Factory(list)
    cases: list[int] = attrs.Factory(list)
    _gone: bool = False

    def sample(self, now: float, cases: int) -> None:
        """Note what the process uses now, after so many cases."""
        found = usage(self.pid, self.proc)
        if found is None:
            self._gone = True
            return
        self.first = self.first or found
        self.last = found
        self.peak_kib = max(self.peak_kib, found.rss_kib)
        self.samples.append((now, found.rss_kib))
        self.cases.append(cases)
        if len(self.samples) > SAMPLES_MAX:
            self.samples, self.cases = self.samples[::2], self.cases[::2]

    @property
    def slope_kib_hour(self) -> float:
        """KiB an hour, by the second half of the samples."""
        return slope(self.samples[len(self.samples) // 2 :]) * 3600

    @property
    def cpu_s(self) -> float:
        """Seconds of processor time since the first sample."""
        return self.last.cpu_s - self.first.cpu_s if self.first and self.last else 0.0

    @property
    def allowed_kib_hour(self) -> float:
        """The bound of the slope: a fixed part, and what the cases of that time may leave."""
        half = len(self.samples) // 2
        if len(self.samples) - half < 2:
            return float(SLOPE_KIB_MAX)
        seconds = self.samples[-1][0] - self.samples[half][0]
        cases = self.cases[-1] - self.cases[half]
        return SLOPE_KIB_MAX + cases * OCTETS_PER_CASE / 1024 / max(seconds, 1.0) * 3600

    def judge(self) -> list[Breach]:
        """Return what is wrong with the process in the end."""
        if self.first is None:
            return []
        long = len(self.samples) > 1 and (self.samples[-1][0] - self.samples[0][0] >= SLOPE_AFTER_S)
        found = compared(self.pid, self.first, None if self._gone else self.last)
        if long:
            # Whether much was taken at once says less than whether it ever ends.
            found = [each for each in found if "grew" not in each.text]
            if self.slope_kib_hour > self.allowed_kib_hour:
                text = f"process {self.pid} grows by {self.slope_kib_hour:.0f} KiB an hour"
                bound = f"at most {self.allowed_kib_hour:.0f} are allowed"
                found.append(Breach("resources", f"{text}, {bound}"))
        return found

    def told(self) -> str:
        """Return a line for people."""
        if self.first is None or self.last is None:
            return f"process {self.pid}: not there"
        return (
            f"process {self.pid}: memory {self.first.rss_kib} to {self.last.rss_kib} KiB"
            f" (most {self.peak_kib}), {self.slope_kib_hour / 1024:+.1f} MiB an hour in the"
            f" second half, {self.last.fds} files, {self.cpu_s:.1f} s of processor time"
        )
