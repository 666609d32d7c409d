"""What a position gained or lost today: against the last close, or against what was paid today."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import attrs

from papertrader.client import results as r
from papertrader.client.moneyresults import Position
from papertrader.gateway.assets import class_of
from papertrader.gateway.hours import NEW_YORK, calendar_of
from papertrader.gateway.routing import Call
from papertrader.gateway.values import price_of, value_of
from papertrader.wire.kinds import TxKind

TRADES_MAX: Final = 500
"""The newest trades of a portfolio that are read for it; what older ones bought counts as held
before."""
_KEPT: Final = "newest_trades"
_ZERO: Final = Decimal(0)
_UNIT: Final = Decimal("0.00000001")
_SIGNS: Final = {TxKind.BUY: 1, TxKind.COVER: 1, TxKind.SELL: -1, TxKind.SHORT: -1}


@attrs.frozen
class Today:
    """What a position gained today, and the money it is measured against; None where unknown."""

    profit: Decimal | None = None
    base: Decimal | None = None


@attrs.frozen
class _Parts:
    """A position in two: what was held at the last close, and today's with what it cost."""

    before: Decimal
    since: Decimal = _ZERO
    cost: Decimal = _ZERO

    def traded(self, quantity: Decimal, price: Decimal) -> _Parts:
        """Return the parts after a trade, signed: what closes takes from what was held before."""
        held = self.before + self.since
        if held * quantity >= 0:
            return _Parts(self.before, self.since + quantity, self.cost + quantity * price)
        if abs(quantity) > abs(held):
            return _Parts(_ZERO, held + quantity, (held + quantity) * price)
        before, left = self.before, quantity
        taken = -min(abs(before), abs(left)) if before > 0 else min(abs(before), abs(left))
        before, left = before + taken, left - taken
        since = self.since + left
        return _Parts(before, since, self.cost * since / self.since if self.since else _ZERO)


async def newest_trades(call: Call, positions: Iterable[Position]) -> tuple[r.Transaction, ...]:
    """Return the portfolio's newest trades and splits, the newest first; `TRADES_MAX` at most.

    ``positions`` are all of the portfolio. They are read again when one of them has changed.
    """
    standing = frozenset((each.symbol, each.quantity, each.updated_at) for each in positions)
    kept = call.seat.kept.get(_KEPT)
    if kept is None or kept[0] != standing:
        rows = await call.seat.client.transactions(
            kinds=(*_SIGNS, TxKind.SPLIT),
            limit=TRADES_MAX,
            portfolio=call.seat.portfolio,
            newest_first=True,
        )
        kept = (standing, tuple(rows))
        call.seat.kept[_KEPT] = kept
    found: tuple[r.Transaction, ...] = kept[1]
    return found


def today_of(
    position: Position,
    asset: r.Asset,
    quote: r.Quote | None,
    trades: Iterable[r.Transaction],
    currency: str,
) -> Today:
    """Return what ``position`` gained on the day of its newest quote.

    What was held at the close before counts from it, what was bought (or sold short) since from its
    price, fees apart. A sale takes from what was held before first; today's prices are averaged.
    Of an asset in another currency than the portfolio's, ``currency``, only what was all bought
    today has a figure: the rate of the close before is not known.
    """
    price, value = price_of(position), value_of(position)
    if quote is None or quote.source_time is None or price is None or value is None:
        return Today()
    zone = zone_of(asset)
    day = quote.source_time.astimezone(zone).date()
    signed = [
        (_SIGNS[TxKind(row.kind)] * abs(row.quantity), row.price or _ZERO)
        for row in _of_day(position.symbol, day, zone, trades)
    ]
    parts = _Parts(position.quantity - sum((quantity for quantity, _ in signed), _ZERO))
    if not parts.before:
        # All of it is today's: then it is the whole profit, to the last digit.
        return Today(value - position.cost_basis, abs(position.cost_basis))
    if asset.currency != currency:
        return Today()
    for quantity, paid in signed:
        parts = parts.traded(quantity, paid)
    if parts.before and quote.prev_close is None:
        return Today()
    base = parts.before * (quote.prev_close or _ZERO) + parts.cost
    profit = (position.quantity * price - base).quantize(_UNIT)
    return Today(profit, abs(base))


def zone_of(asset: r.Asset) -> tzinfo:
    """Return the zone by which the asset's days are told: its exchange's, of coins UTC."""
    calendar = calendar_of(asset.exchange)
    if calendar is not None:
        return ZoneInfo(calendar.timezone)
    return UTC if class_of(asset) == "crypto" else NEW_YORK


def _of_day(
    symbol: str, day: date, zone: tzinfo, trades: Iterable[r.Transaction]
) -> list[r.Transaction]:
    """Return the day's trades of a symbol, the oldest first: those since it was split."""
    found: list[r.Transaction] = []
    for row in trades:
        if row.symbol != symbol or _day(row.market_at or row.executed_at, zone) != day:
            continue
        if row.kind == TxKind.SPLIT:
            break
        found.append(row)
    return found[::-1]


def _day(at: datetime | None, zone: tzinfo) -> date | None:
    return None if at is None else at.astimezone(zone).date()
