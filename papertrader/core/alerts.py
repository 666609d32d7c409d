"""Price alerts: what triggers one, and which ones a quote triggers, found without looking at all.

Alerts are preferences, not money: the desk knows nothing of them. The open ones of a symbol stand
sorted by how far its price must go, so that a quote that triggers none costs one comparison for
each kind of condition in use, however many alerts there are.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from enum import IntEnum
from typing import Final

import attrs

from papertrader.core.money import AMOUNT_MAX, NULL, divide_half_even
from papertrader.core.quotes import ActionKind, CorporateAction, Quote, QuoteFlag


class AlertCondition(IntEnum):
    """Which price triggers an alert, and from which side (wire numbers)."""

    LAST_AT_LEAST = 1
    LAST_AT_MOST = 2
    BID_AT_LEAST = 3
    BID_AT_MOST = 4
    ASK_AT_LEAST = 5
    ASK_AT_MOST = 6


class AlertState(IntEnum):
    """What became of an alert (wire numbers)."""

    OPEN = 1
    TRIGGERED = 2
    EXPIRED = 3
    CLOCK_TURNED_BACK = 4
    DELISTED = 5


_AT_LEAST: Final = frozenset(
    {AlertCondition.LAST_AT_LEAST, AlertCondition.BID_AT_LEAST, AlertCondition.ASK_AT_LEAST}
)
_UNUSABLE: Final = int(QuoteFlag.STALE | QuoteFlag.CLOSED | QuoteFlag.SUSPECT)
"""Warnings on a quote that triggers nothing: stops wait for a better one as well."""


@attrs.frozen(kw_only=True)
class Alert:
    """One alert. Prices in 1e-8 units; times in nanoseconds, 0 for none.

    ``price`` follows splits, ``asked`` stays. ``expires_at`` and ``market_at`` are market time,
    ``created_at`` and ``ended_at`` the master's clock. ``seen`` is the price that triggered it,
    `NULL` if none did, ``quote_seq`` that quote's number.
    """

    alert: int
    account: int
    symbol: str
    condition: AlertCondition
    price: int
    asked: int
    created_at: int
    expires_at: int = 0
    state: AlertState = AlertState.OPEN
    ended_at: int = 0
    market_at: int = 0
    seen: int = NULL
    quote_seq: int = 0

    def ended(self, state: AlertState, at: int, market_at: int) -> Alert:
        """Return it as it is after its end by another cause than a price."""
        return attrs.evolve(self, state=state, ended_at=at, market_at=market_at)

    def triggered(self, quote: Quote, at: int, market_at: int) -> Alert:
        """Return it as it is after ``quote`` has triggered it."""
        return attrs.evolve(
            self,
            state=AlertState.TRIGGERED,
            ended_at=at,
            market_at=market_at,
            seen=price_seen(quote, self.condition),
            quote_seq=quote.quote_seq,
        )


def price_seen(quote: Quote, condition: AlertCondition) -> int:
    """Return the price of a quote that a condition looks at; `NULL` if unknown."""
    if condition <= AlertCondition.LAST_AT_MOST:
        return quote.last
    return quote.bid if condition <= AlertCondition.BID_AT_MOST else quote.ask


def _depth(condition: AlertCondition, price: int) -> int:
    """Return a number that grows the nearer an alert is: the nearest stand last."""
    return -price if condition in _AT_LEAST else price


_Key = tuple[int, int]
"""Depth, and the alert's number as a negative one: of equals the oldest stands last."""


class AlertBook:
    """The open alerts, by symbol and condition, and by expiry."""

    def __init__(self) -> None:
        self._open: dict[int, Alert] = {}
        self._sides: dict[str, dict[AlertCondition, list[_Key]]] = {}
        self._expiries: list[_Key] = []

    def __len__(self) -> int:
        return len(self._open)

    def add(self, alert: Alert) -> None:
        """Take an open alert in."""
        self._open[alert.alert] = alert
        side = self._sides.setdefault(alert.symbol, {}).setdefault(alert.condition, [])
        insort(side, (_depth(alert.condition, alert.price), -alert.alert))
        if alert.expires_at:
            insort(self._expiries, (-alert.expires_at, -alert.alert))

    def remove(self, number: int) -> Alert | None:
        """Forget an open alert; None if there is none of that number."""
        alert = self._open.pop(number, None)
        if alert is None:
            return None
        sides = self._sides[alert.symbol]
        side = sides[alert.condition]
        del side[bisect_left(side, (_depth(alert.condition, alert.price), -number))]
        if not side:
            del sides[alert.condition]
            if not sides:
                del self._sides[alert.symbol]
        if alert.expires_at:
            del self._expiries[bisect_left(self._expiries, (-alert.expires_at, -number))]
        return alert

    def symbols(self) -> list[str]:
        """Return the symbols of open alerts."""
        return list(self._sides)

    def take_triggered(self, quote: Quote) -> list[Alert]:
        """Take out the alerts that a quote triggers, the nearest of each condition first.

        Nothing is triggered by a quote that is STALE, CLOSED or SUSPECT, or by an unknown price.
        """
        sides = self._sides.get(quote.symbol)
        if sides is None or quote.flags & _UNUSABLE:
            return []
        found: list[int] = []
        for condition, side in sides.items():
            price = price_seen(quote, condition)
            if price == NULL:
                continue
            depth = _depth(condition, price)
            count = len(side)
            while count and side[count - 1][0] >= depth:
                count -= 1
                found.append(-side[count][1])
        return self._take(found)

    def take_expired(self, market_at: int) -> list[Alert]:
        """Take out the alerts whose expiry the market's time has reached, the earliest first."""
        found = []
        count = len(self._expiries)
        while count and -self._expiries[count - 1][0] <= market_at:
            count -= 1
            found.append(-self._expiries[count][1])
        return self._take(found)

    def take_all(self) -> list[Alert]:
        """Take out all alerts, oldest first."""
        return self._take(sorted(self._open))

    def take_of(self, symbol: str) -> list[Alert]:
        """Take out the alerts of one symbol, oldest first."""
        sides = self._sides.get(symbol, {})
        return self._take(sorted(-number for side in sides.values() for _, number in side))

    def _take(self, numbers: Iterable[int]) -> list[Alert]:
        return [alert for alert in map(self.remove, numbers) if alert is not None]


def adjusted(alert: Alert, action: CorporateAction) -> Alert:
    """Return an alert after a corporate action of its symbol that leaves it open.

    A split turns ``denominator`` shares into ``numerator``, so the price is multiplied the other
    way, rounded half to even, and stays within 1 unit and what 64 bits hold. A change of symbol
    makes it one of the successor.
    """
    if action.kind == ActionKind.SPLIT:
        price = divide_half_even(alert.price * action.denominator, action.numerator)
        return attrs.evolve(alert, price=min(max(price, 1), AMOUNT_MAX))
    if action.kind == ActionKind.SYMBOL_CHANGE:
        return attrs.evolve(alert, symbol=action.successor)
    return alert
