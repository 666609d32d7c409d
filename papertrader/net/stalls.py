"""How long the reactor stands still: a short tick that counts how late it comes.

While one turn of the reactor runs, nothing else is served: not another client, not a deadline. A
tick is due every `TICK_S`; the time it is late is at least what was left of the turn that held it
up. The counts stand in fixed buckets, so that they cost the same after a year.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

from papertrader.core.instants import MILLISECOND, SECOND
from papertrader.net.clock import Clock, Timer

TICK_S: Final = 0.005
"""A stall shorter than this may be missed between two ticks; a longer one never is."""
BOUNDS_MS: Final = (1, 2, 5, 10, 20, 30, 40, 50, 75, 100, 200, 500, 1_000)
"""Upper bounds of the buckets; one more holds what is longer."""


class StallWatch:
    """Measures one reactor by its clock (see the module). Use it from the reactor's thread."""

    def __init__(self, clock: Clock) -> None:
        self.counts = [0] * (len(BOUNDS_MS) + 1)
        self.longest_ns = 0
        self._clock = clock
        self._due = 0
        self._timer: Timer | None = None

    def start(self) -> None:
        """Begin to tick."""
        self._arm()

    def stop(self) -> None:
        """Tick no more; the counts stay."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        self._due = self._clock.monotonic_ns() + int(TICK_S * SECOND)
        self._timer = self._clock.call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        late = max(0, self._clock.monotonic_ns() - self._due)
        self.counts[bisect_left(BOUNDS_MS, -(-late // MILLISECOND))] += 1
        self.longest_ns = max(self.longest_ns, late)
        self._arm()

    @property
    def ticks(self) -> int:
        """How many ticks were measured."""
        return sum(self.counts)

    def figures(self) -> Iterator[tuple[str, int]]:
        """Give the counters as an operator is shown them: names of at most 24 octets."""
        yield "stall_longest_us", self.longest_ns * 1_000 // MILLISECOND
        for bound, count in zip(BOUNDS_MS, self.counts, strict=False):
            yield f"stalls_to_{bound}_ms", count
        yield "stalls_longer", self.counts[-1]

    def __str__(self) -> str:
        """Say it in one line: the longest, and the buckets that are not empty."""
        names = [f"<={bound} ms" for bound in BOUNDS_MS] + [f">{BOUNDS_MS[-1]} ms"]
        filled = [
            f"{name}: {count}" for name, count in zip(names, self.counts, strict=True) if count
        ]
        longest = self.longest_ns / MILLISECOND
        return f"longest {longest:.1f} ms of {self.ticks} ticks; {', '.join(filled) or 'none'}"
