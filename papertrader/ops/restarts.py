"""How a server's workings died, and when they are started again: values, no clock, no process."""

from __future__ import annotations

import signal
from collections import deque
from typing import Final

import attrs

CRASHES_MAX: Final = 10
CRASHES_WINDOW_S: Final = 600.0
"""So many crashes within so many seconds, and the driver gives up."""
BACKOFF_MIN_S: Final = 1.0
BACKOFF_MAX_S: Final = 60.0
"""Seconds before the start after the second crash, doubled for each one more, and the most."""
_FROM_OUTSIDE: Final = frozenset(
    {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT}
)


@attrs.frozen(kw_only=True)
class Death:
    """How workings ended: by an exit code, or by a signal (then ``code`` is None)."""

    code: int | None = None
    signal: int | None = None
    was_ordered: bool = False
    """The driver had asked them to stop."""
    was_silent: bool = False
    """The watchdog ended them: they had said nothing for too long."""
    out_of_memory: bool = False
    """The kernel killed some process for want of memory while they lived."""

    @property
    def is_crash(self) -> bool:
        """Tell whether it was their own fault.

        A signal that an operator or the system's shutdown sends says nothing about their health,
        unless it may have been the kernel, out of memory.
        """
        if self.was_ordered or self.code == 0:
            return False
        if self.signal in _FROM_OUTSIDE:
            return self.was_silent or (self.signal == signal.SIGKILL and self.out_of_memory)
        return True

    def __str__(self) -> str:
        """Say it in a few words."""
        if self.signal is None:
            words = f"exit code {self.code}"
        else:
            try:
                words = f"signal {signal.Signals(self.signal).name}"
            except ValueError:
                words = f"signal {self.signal}"
        if self.was_silent:
            words += ", hung: ended by the watchdog"
        if self.out_of_memory and self.signal == signal.SIGKILL:
            words += ", out of memory"
        return words


class Restarts:
    """Counts crashes and says how long to wait. Seconds are those of a clock that never steps."""

    def __init__(self) -> None:
        self._crashes: deque[float] = deque(maxlen=CRASHES_MAX)

    def crashes(self, now_s: float) -> int:
        """Return how many crashes there were within the last CRASHES_WINDOW_S."""
        return sum(now_s - at < CRASHES_WINDOW_S for at in self._crashes)

    def after(self, death: Death, now_s: float) -> float | None:
        """Return the seconds to wait before the next start; None: it crashed too often, give up.

        Whoever was ended from outside, or crashed for the first time in a while, is wanted back at
        once.
        """
        if not death.is_crash:
            return 0.0
        self._crashes.append(now_s)
        recent = self.crashes(now_s)
        if recent >= CRASHES_MAX:
            return None
        if recent == 1:
            return 0.0
        return min(BACKOFF_MAX_S, BACKOFF_MIN_S * 2.0 ** (recent - 2))
