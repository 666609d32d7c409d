"""Takings: what orders have taken of the newest quote or bar of each symbol, for who comes later.

An order for the close takes from a quote that others had their turns at when it came, or from a
bar that others had their turns at when the close completed it. What was taken is made of the
events, like all of the desk's state, and of one quote and one bar for each symbol that was ever
traded.
"""

from __future__ import annotations

from papertrader.core.fills import Receipt
from papertrader.core.orders import Side
from papertrader.core.terms import FillModelKind

_Key = tuple[str, FillModelKind, bool]


class Takings:
    """Quantities (1e-8 units) by symbol, family of fill models and side, of what was taken last.

    A source is what is taken from: a quote, by its number, or a bar, by the instant of its first
    quote. A state that is put together from its parts knows of none: whoever starts anew has met
    neither yet, and the next ones have other numbers.
    """

    __slots__ = ("_taken",)

    def __init__(self) -> None:
        self._taken: dict[_Key, tuple[int, int]] = {}

    def note(
        self, symbol: str, family: FillModelKind, side: Side, receipt: Receipt, quantity: int
    ) -> None:
        """Note a fill of an order of ``side`` whose portfolio has a model of ``family``."""
        source, working = receipt.quote_seq, receipt.working
        if family == FillModelKind.BAR and working is not None:
            source = working.interval.bar_observed_at
        key = (symbol, family, side == Side.BUY)
        known = self._taken.get(key)
        before = known[1] if known is not None and known[0] == source else 0
        self._taken[key] = source, before + quantity

    def of(self, symbol: str, family: FillModelKind, side: Side, source: int) -> int:
        """Return how much ``side`` has taken of a source; 0 if it is not what it took of last."""
        known = self._taken.get((symbol, family, side == Side.BUY))
        return known[1] if known is not None and known[0] == source else 0
