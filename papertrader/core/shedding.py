"""What is given up first when there is more to do than can be done: history, then logins, ...

A controlled delay: waits are compared with a target, and only one that stays above it for a while
counts, so that a burst is worked off and not refused. Each worker is judged by itself: what floods
over one has nothing refused that comes over another.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from papertrader.core.instants import MILLISECOND

TARGET: Final = 100 * MILLISECOND
"""A command that waited longer than this is late."""
INTERVAL: Final = 500 * MILLISECOND
"""If nothing was in time for so long, one more kind of work is refused; and one less, likewise. A
lull in which nothing comes counts as well: who comes after it pays for no load of before."""


class Work(IntEnum):
    """Kinds of work in the order in which they are given up; KEPT never is."""

    HISTORY = 1
    LOGIN = 2
    ACCOUNT = 3
    ORDER = 4
    KEPT = 5


class Shedding:
    """How many kinds of work of a worker are refused now.

    Instants are in nanoseconds, never going back.
    """

    __slots__ = ("_eased_at", "_late_since", "level")

    def __init__(self) -> None:
        self.level = 0
        """Work up to this kind is refused; 0: none is."""
        self._late_since = 0
        self._eased_at = 0

    def waited(self, waited: int, now: int) -> None:
        """Note how long a command has waited when its turn came."""
        if waited <= TARGET:
            self._late_since = 0
            eased = (now - self._eased_at) // INTERVAL
            if self.level and eased:
                self.level = max(0, self.level - eased)
                self._eased_at = now
        elif not self._late_since:
            self._late_since = now
        elif now - self._late_since >= INTERVAL:
            self._late_since = self._eased_at = now
            self.level = min(self.level + 1, Work.ORDER)

    def level_at(self, now: int) -> int:
        """Return `level` as it is after the lull until ``now``."""
        return max(0, self.level - max(0, now - self._eased_at) // INTERVAL)

    def refuses(self, work: Work) -> bool:
        """Tell whether work of this kind is refused now."""
        return work <= self.level
