"""How far a worker's clock may be off: measured by the PINGs of its link."""

from __future__ import annotations

from collections import deque
from typing import Final

from papertrader.core.instants import SECOND
from papertrader.wire import limits

OFFSETS_KEPT: Final = 8
FIRST_ERROR: Final = SECOND
"""How far off a worker's clock may be judged before the first PING has measured it."""


class ClockBound:
    """A worker's clock against ours: the best of the last measurements by four stamps, as NTP."""

    def __init__(self, offset: int) -> None:
        self._samples: deque[tuple[int, int]] = deque(maxlen=OFFSETS_KEPT)
        self.offset = offset
        self.error = FIRST_ERROR

    def measured(self, sent_at: int, received_at: int, now: int) -> None:
        """Take one PING: sent, received by the worker, answer received."""
        error = (now - sent_at) // 2
        self._samples.append((error, received_at - sent_at - error))
        self.error, self.offset = min(self._samples)

    def waited(self, stamp: int, now: int) -> int:
        """Return for how long a frame stamped ``stamp`` has been on its way at least."""
        return max(0, now - (stamp - self.offset) - self.error)

    def allows(self, stamp: int, now: int, age_max: int) -> bool:
        """Tell whether the worker may honestly have stamped ``stamp`` by ``now``."""
        tolerance = self.error + limits.CLOCK_TOLERANCE_MS * 1_000_000
        ours = stamp - self.offset
        return now - age_max - tolerance <= ours <= now + tolerance
