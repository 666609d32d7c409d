"""How much more than it was asked to a client sends to a server that is overloaded: a tenth."""

from __future__ import annotations

from typing import Final

from papertrader.core.instants import SECOND

EARNED_TENTHS: Final = 1
"""Each request earns a tenth of a retry."""
SAVED_MAX: Final = 20
"""Retries saved at most; a new client begins with so many."""
DRIP: Final = SECOND
"""Time earns a retry as well, so that one request alone is not given up: one in so long."""
_WHOLE: Final = 10


class RetryBudget:
    """Repeats of requests that the server refused for want of room.

    However many requests are waiting, together they are repeated no faster than this allows.
    """

    def __init__(self) -> None:
        self._tenths = SAVED_MAX * _WHOLE
        self._next = 0
        self.spent = 0

    def earn(self) -> None:
        """A request was made."""
        self._tenths = min(SAVED_MAX * _WHOLE, self._tenths + EARNED_TENTHS)

    def due(self, now: int) -> int:
        """Take a retry; return from when on it may be made: now, or when time has earned it."""
        self.spent += 1
        if self._tenths >= _WHOLE:
            self._tenths -= _WHOLE
            return now
        self._next = max(now, self._next) + DRIP
        return self._next
