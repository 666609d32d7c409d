"""What is said while a start takes long: a store brought up to date, views that are made again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from papertrader.core.instants import SECOND

TELL_EVERY_S: Final = 2
"""Nothing is said of what is quicker, and then a line as often."""
_MIB: Final = 1 << 20


class StartProgress:
    """Call it with (input reached, last input); ``tell`` gets a sentence now and then.

    ``alive`` is called as often: whoever waits for the start hears from it that it goes on.
    """

    def __init__(
        self,
        monotonic_ns: Callable[[], int],
        tell: Callable[[str], object],
        alive: Callable[[], object] = lambda: None,
    ) -> None:
        self._monotonic_ns = monotonic_ns
        self._tell = tell
        self._alive = alive
        self._begun = self._told = monotonic_ns()

    def __call__(self, reached: int, last: int) -> None:
        """Note how far the views are."""
        now = self._monotonic_ns()
        if not self._is_time(now):
            return
        left = (now - self._begun) * (last - reached) // max(1, reached) // SECOND
        self._tell(
            f"the views are made again from the journal: {reached:,} of {last:,} inputs,"
            f" about {left:,} seconds to go"
        )

    def store(self, what: str, done: int, total: int) -> None:
        """Note what is done with the store: a step at once, octets of a copy now and then."""
        if total == 0:
            self._alive()
            self._tell(what)
        elif self._is_time(self._monotonic_ns()):
            self._tell(f"{what}: {done // _MIB:,} of {total // _MIB:,} MiB")

    def _is_time(self, now: int) -> bool:
        if now - self._told < TELL_EVERY_S * SECOND:
            return False
        self._told = now
        self._alive()
        return True
