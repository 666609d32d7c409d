"""What a master says while its start takes long: how far the views are that are made again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from papertrader.core.instants import SECOND

TELL_EVERY_S: Final = 2
"""Nothing is said of a start that is quicker, and then a line as often."""


class StartProgress:
    """Call it with (input reached, last input); ``tell`` gets a sentence now and then."""

    def __init__(self, monotonic_ns: Callable[[], int], tell: Callable[[str], object]) -> None:
        self._monotonic_ns = monotonic_ns
        self._tell = tell
        self._begun = self._told = monotonic_ns()

    def __call__(self, reached: int, last: int) -> None:
        """Note how far the views are."""
        now = self._monotonic_ns()
        if now - self._told < TELL_EVERY_S * SECOND:
            return
        self._told = now
        left = (now - self._begun) * (last - reached) // max(1, reached) // SECOND
        self._tell(
            f"the views are made again from the journal: {reached:,} of {last:,} inputs,"
            f" about {left:,} seconds to go"
        )
