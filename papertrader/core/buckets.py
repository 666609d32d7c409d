"""A token bucket in integers: how much of something is allowed over time."""

from __future__ import annotations

from papertrader.core.instants import SECOND


class TokenBucket:
    """Allows ``rate_per_s`` on average and ``burst`` at once.

    Time is given with each call, in nanoseconds of any clock that never goes back.
    """

    __slots__ = ("_cost", "_full", "_level", "_then")

    def __init__(self, rate_per_s: int, burst: int, now: int) -> None:
        if rate_per_s < 1 or burst < 1:
            raise ValueError("a bucket needs a rate and a burst of at least 1")
        self._cost = SECOND // rate_per_s
        self._full = burst * self._cost
        self._level = self._full
        self._then = now

    def take(self, now: int, tokens: int = 1) -> bool:
        """Take ``tokens`` if they are there; tell whether they were."""
        self._level = min(self._full, self._level + now - self._then)
        self._then = now
        need = tokens * self._cost
        if self._level < need:
            return False
        self._level -= need
        return True

    def take_up_to(self, now: int, tokens: int) -> int:
        """Take as many of ``tokens`` as are there; return how many those were."""
        self._level = min(self._full, self._level + now - self._then)
        self._then = now
        taken = min(tokens, max(0, self._level) // self._cost)
        self._level -= taken * self._cost
        return taken

    def left(self) -> int:
        """Return how many tokens were there after the last `take`."""
        return max(0, self._level) // self._cost

    def wait_ms(self, tokens: int = 1) -> int:
        """Return how many milliseconds after the last `take` the tokens will be there."""
        return max(0, -(-(tokens * self._cost - self._level) // 1_000_000))
