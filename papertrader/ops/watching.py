"""What the driver sees of its workings from outside: their last figures, and whether they hang."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

HANG_S: Final = 5.0
"""Seconds without a heartbeat after which the workings are ended: SIGABRT, so that their stacks are
written, and SIGKILL if that does not help."""
ABORT_S: Final = 2.0
"""Time between the two."""
LOOK_S: Final = 1.0
"""How often the driver looks; the workings send their heartbeat as often."""
START_S: Final = 900.0
"""Longest time before the first heartbeat, or without a word about what is loaded: the views may
have to be made again."""
_FIELDS: Final = (
    "State", "VmPeak", "VmHWM", "VmRSS", "RssAnon", "VmSwap", "Threads",
    "voluntary_ctxt_switches", "nonvoluntary_ctxt_switches",
)  # fmt: skip

_UTIME, _STIME = 11, 12
"""Where /proc/PID/stat has the processor time, counted from behind the name."""
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class Watchdog:
    """Counts the silence of one life of the workings; seconds are those of a monotonic clock."""

    def __init__(self, now_s: float) -> None:
        self.is_ready = False
        """They have said that they serve."""
        self._beats = False
        self.was_silent = False
        """Their silence lasted too long, and they were told to end."""
        self._heard_s = now_s
        self._looked_s = now_s
        self._aborted_s = 0.0
        self._worked_s: float | None = None

    def heard(self, now_s: float) -> None:
        """A heartbeat came."""
        self._beats = True
        self._heard_s = now_s
        self._worked_s = None

    def loading(self, now_s: float) -> None:
        """States are loaded from now on: as long a silence as at the start is allowed."""
        self._beats = False
        self._heard_s = now_s

    def look(self, now_s: float, worked_s: float | None = None) -> str:
        """Return what is to be done: nothing (empty), ``abort`` or ``kill``.

        When the driver itself stood still, what came meanwhile has not been read yet: the silence
        counts from the last look that was on time. ``worked_s`` is the processor time of workings
        that would go on if the machine let them (None: they wait for something else, or nobody
        knows): on a machine with too much to do it is that time which counts, not the wait for it.
        """
        late = now_s - self._looked_s > 2 * LOOK_S
        self._looked_s = now_s
        if self.was_silent:
            return "kill" if now_s - self._aborted_s >= ABORT_S else ""
        if late:
            self._heard_s = max(self._heard_s, now_s - LOOK_S)
        if self._worked_s is None or now_s - self._heard_s < LOOK_S:
            self._worked_s = worked_s
        elif worked_s is not None and worked_s - self._worked_s < HANG_S:
            return ""
        if now_s - self._heard_s < (HANG_S if self._beats else START_S):
            return ""
        self.was_silent = True
        self._aborted_s = now_s
        return "abort"


class LastFigures:
    """The newest of what /proc says of a process: when it is dead, nothing is there any more."""

    def __init__(self, pid: int, proc: Path = Path("/proc")) -> None:
        self._status = proc / str(pid) / "status"
        self._stat = proc / str(pid) / "stat"
        self._vmstat = proc / "vmstat"
        self._seen = ""
        self._times = ""
        self._oom_kills = self._count_oom_kills()
        self.look()

    def look(self) -> None:
        """Read them now. Where there is no /proc, nothing is known.

        A process that is dead but not yet waited for still has a status, without its memory: the
        status seen of it alive is kept then.
        """
        try:
            seen = self._status.read_text("ascii", "replace")
            self._times = self._stat.read_text("ascii", "replace").rpartition(")")[2]
        except OSError:
            return
        if "VmRSS:" in seen or not self._seen:
            self._seen = seen

    @property
    def worked_s(self) -> float | None:
        """Processor time of the process if it would go on at this moment; None if it waits."""
        times = self._times.split()
        if len(times) <= _STIME or times[0] != "R":
            return None
        return (int(times[_UTIME]) + int(times[_STIME])) / _TICKS

    def lines(self) -> list[str]:
        """Return them for people."""
        found = dict(line.partition(":")[::2] for line in self._seen.splitlines())
        lines = [f"{name}: {found[name].strip()}" for name in _FIELDS if name in found]
        times = self._times.split()
        if len(times) > _STIME:
            spent = f"{times[_UTIME]} {times[_STIME]}"
            lines.append(f"processor time, user and system, in ticks: {spent}")
        return lines or ["nothing is known"]

    @property
    def out_of_memory(self) -> bool:
        """Tell whether the kernel has killed for want of memory since this was made."""
        return self._count_oom_kills() > self._oom_kills

    def _count_oom_kills(self) -> int:
        try:
            lines = self._vmstat.read_text("ascii", "replace").splitlines()
        except OSError:
            return 0
        counts = [line.split()[1] for line in lines if line.startswith("oom_kill ")]
        return int(counts[0]) if counts else 0
