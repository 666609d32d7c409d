"""The equity curve: what a portfolio was worth at the end of each session, from its ledger alone.

`fold` goes through the transactions once and notes cash and holdings at each session's end;
`value` puts prices to them. Both are exact: cash and quantities are those of the ledger, and a
holding is worth its quantity at the session's last price, rounded down to a unit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import attrs

from papertrader.core.exchange import converted_price
from papertrader.core.instants import DAY
from papertrader.core.ledger import FUNDING, Transaction, TransactionKind
from papertrader.core.money import NULL, divide_half_even, proceeds_of
from papertrader.core.performance import EquityPoint

_ADDING = frozenset(
    {
        TransactionKind.BUY,
        TransactionKind.COVER,
        TransactionKind.SPLIT,
        TransactionKind.SYMBOL_CHANGE,
    }
)
_TAKING = frozenset(
    {
        TransactionKind.SELL,
        TransactionKind.SHORT,
        TransactionKind.RESET,
        TransactionKind.DELISTING,
    }
)
_HEARD_OF = frozenset(
    {
        TransactionKind.SPLIT,
        TransactionKind.DIVIDEND,
        TransactionKind.SYMBOL_CHANGE,
        TransactionKind.DELISTING,
    }
)


@attrs.define
class Holdings:
    """Cash and quantities at a market time, in 1e-8 units.

    ``flow`` is what was paid in, less what was taken out, since the one before; ``paid`` the last
    price of each symbol that the portfolio itself traded at, for want of another.
    """

    at: int
    cash: int
    flow: int
    quantities: dict[str, int]
    paid: dict[str, int]


@attrs.define
class Fold:
    """Goes through transactions in the order of the ledger, and stops at each of ``ends``.

    ``ends`` are market times, rising. Market time that was turned back by more than a day begins
    the curve anew: what was before it is no part of a curve over time.
    """

    ends: Sequence[int]
    found: list[Holdings] = attrs.Factory(list)
    began_at: int = 0
    _cash: int = 0
    _flow: int = 0
    _latest: int = 0
    _next: int = 0
    _quantities: dict[str, int] = attrs.Factory(dict)
    _paid: dict[str, int] = attrs.Factory(dict)
    _paid_at: dict[str, int] = attrs.Factory(dict)

    def take(self, transactions: Iterable[Transaction]) -> None:
        """Go through further transactions."""
        for transaction in transactions:
            at = transaction.market_time
            if _turned_back(transaction, self._latest):
                self._begin_anew(at)
            # Sources stamp their symbols by themselves, and so a little out of order.
            self._latest = max(self._latest, at)
            while self._next < len(self.ends) and self.ends[self._next] < self._latest:
                self._note(self.ends[self._next])
                self._next += 1
            is_first = self.began_at == 0
            self._post(transaction)
            if is_first:
                # What it began with is where the curve starts from, not a flow.
                self.began_at = at
                self._note(at)

    def finish(self, now: int) -> list[Holdings]:
        """Return what was noted, with the sessions that ended since and one for ``now``."""
        if self.began_at == 0:
            return []
        for end in self.ends[self._next :]:
            if end < now:
                self._note(end)
        if not self.found or self.found[-1].at < now:
            self._note(now)
        return self.found

    def _split(self, symbol: str, at: int, before: int, held: int) -> None:
        """Put on the basis of new shares what was noted since ``at``, and what was paid.

        A split may have been heard of late: prices were of new shares by then, holdings were not.
        """
        for each in reversed(self.found):
            if each.at < at:
                break
            quantity = each.quantities.get(symbol, 0)
            if 0 < abs(quantity) < before:
                # More was bought since, which may have been of new shares and is not split.
                more = quantity + (held - before if quantity > 0 else before - held)
                each.quantities[symbol] = more if more * quantity > 0 else 0
            elif quantity:
                each.quantities[symbol] = quantity * held // before
        if self._paid_at.get(symbol, at) < at:
            self._paid[symbol] = divide_half_even(self._paid[symbol] * before, held)

    def _begin_anew(self, at: int) -> None:
        self.found.clear()
        self._latest = at
        self._next = next((n for n, end in enumerate(self.ends) if end >= at), len(self.ends))
        self._flow = 0
        self.began_at = at
        self._note(at)

    def _note(self, at: int) -> None:
        self.found.append(
            Holdings(at, self._cash, self._flow, dict(self._quantities), dict(self._paid))
        )
        self._flow = 0

    def _post(self, transaction: Transaction) -> None:
        symbol = transaction.symbol
        self._cash = transaction.cash_after
        if not symbol:
            if transaction.kind in FUNDING and self.began_at:
                self._flow += transaction.amount
            return
        change = signed_quantity(transaction)
        if change:
            before = self._quantities.get(symbol, 0)
            held = before + change
            if transaction.kind == TransactionKind.SPLIT and before and held:
                self._split(symbol, transaction.market_time, abs(before), abs(held))
            if held:
                self._quantities[symbol] = held
            else:
                del self._quantities[symbol]
        if transaction.price != NULL and transaction.kind != TransactionKind.DIVIDEND:
            # What was paid, like everything here, in the portfolio's money.
            self._paid[symbol] = converted_price(transaction.price, transaction.rate)
            self._paid_at[symbol] = transaction.market_time


def curve_start(transactions: Iterable[Transaction]) -> int:
    """Return the market time at which the curve of a portfolio begins; 0 without transactions."""
    posted = list(transactions)
    return posted[curve_begins(posted)[-1]].market_time if posted else 0


def curve_begins(transactions: Sequence[Transaction]) -> list[int]:
    """Return the places of the first transaction, and of each first one since a clock's turn."""
    found, latest = [], 0
    for place, transaction in enumerate(transactions):
        at = transaction.market_time
        if not place or _turned_back(transaction, latest):
            found.append(place)
            latest = at
        latest = max(latest, at)
    return found


def _turned_back(transaction: Transaction, latest: int) -> bool:
    """Tell whether the market's clock was turned back; what a company did may be heard of late."""
    return transaction.market_time < latest - DAY and transaction.kind not in _HEARD_OF


def signed_quantity(transaction: Transaction) -> int:
    """Return by how much a transaction changed what is held of its symbol."""
    kind = transaction.kind
    if kind in _ADDING:
        return transaction.quantity
    return -transaction.quantity if kind in _TAKING else 0


def value(holdings: Holdings, price_of: Callable[[str, int], int]) -> EquityPoint:
    """Return what ``holdings`` were worth.

    ``price_of`` (symbol, market time) gives the last price then, `NULL` where none is known: then
    the last price that the portfolio itself traded at counts.
    """
    worth = holdings.cash
    for symbol, quantity in holdings.quantities.items():
        price = price_of(symbol, holdings.at)
        if price == NULL:
            price = holdings.paid.get(symbol, 0)
        worth += proceeds_of(price, quantity)
    return EquityPoint(holdings.at, worth, holdings.cash, holdings.flow)


def thinned(points: Sequence[EquityPoint], key: Callable[[int], object]) -> list[EquityPoint]:
    """Return the last point of each period, flows added up; ``key`` names a time's period.

    The first point stays: it is where the curve starts from.
    """
    found: list[EquityPoint] = list(points[:1])
    flow = 0
    for place, point in enumerate(points[1:], 1):
        flow += point.flow
        if place + 1 == len(points) or key(points[place + 1].at) != key(point.at):
            found.append(EquityPoint(point.at, point.equity, point.cash, flow))
            flow = 0
    return found
