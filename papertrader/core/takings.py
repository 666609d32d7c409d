"""Takings: what orders have taken of the newest quote of each symbol, for who comes to it later.

An order for the close takes from a quote that others had their turns at when it came. It is made of
the events, like all of the desk's state, and of one quote for each symbol that was ever traded.
"""

from __future__ import annotations

from papertrader.core.ledger import Transaction
from papertrader.core.orders import Side
from papertrader.core.quotes import Quote
from papertrader.core.terms import FillModelKind

_Taken = dict[tuple[FillModelKind, bool], int]


class Takings:
    """Quantities (1e-8 units) by symbol, of the quote that its last fill was of.

    A state that is put together from its parts knows of none: whoever starts anew has met no quote
    yet, and the next one has another number.
    """

    __slots__ = ("_by_symbol",)

    def __init__(self) -> None:
        self._by_symbol: dict[str, tuple[int, _Taken]] = {}

    def note(self, fill: Transaction, family: FillModelKind, side: Side) -> None:
        """Note a fill of an order of ``side`` whose portfolio has a model of ``family``."""
        known = self._by_symbol.get(fill.symbol)
        key = (family, side == Side.BUY)
        if known is None or known[0] != fill.quote_seq:
            self._by_symbol[fill.symbol] = (fill.quote_seq, {key: fill.quantity})
            return
        taken = known[1]
        taken[key] = taken.get(key, 0) + fill.quantity

    def of(self, quote: Quote, family: FillModelKind, side: Side) -> int:
        """Return how much ``side`` has taken of ``quote`` so far; 0 if it is not the last one."""
        known = self._by_symbol.get(quote.symbol)
        if known is None or known[0] != quote.quote_seq:
            return 0
        return known[1].get((family, side == Side.BUY), 0)
