"""The equity curve of a portfolio, and what it says; see `papertrader.core.performance`."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Final

import attrs

from papertrader.client import results as r
from papertrader.client.commands import Command, interval_seconds, username_or_own, whole_number
from papertrader.client.moments import Moment, instant_of
from papertrader.client.results import decimal_of, moment_of, units_of
from papertrader.client.tables import ROWS_SHOWN, Tabular, html_table, sparkline
from papertrader.core import performance as p
from papertrader.core.instants import from_datetime, to_datetime
from papertrader.wire import messages as m
from papertrader.wire.kinds import TxKind

PERIODS: Final = {
    60: 252 * 390, 300: 252 * 78, 900: 252 * 26, 3_600: 252 * 7,
    86_400: 252, 604_800: 52, 2_592_000: 12,
}  # fmt: skip
"""Periods in a year by which figures of an interval are annualized: within days, of sessions of six
and a half hours."""
_CLOSING: Final = frozenset({TxKind.SELL, TxKind.COVER})


@attrs.frozen(kw_only=True)
class CurvePoint:
    """What a portfolio was worth at the end of a session or an interval, or now.

    ``flow`` is what was paid in, less what was taken out, since the point before.
    """

    at: datetime
    equity: Decimal
    cash: Decimal
    flow: Decimal


@attrs.frozen(kw_only=True)
class Curve(Tabular):
    """An equity curve in market time, oldest first."""

    portfolio: int
    currency: str
    interval_s: int
    as_of: datetime | None
    points: tuple[CurvePoint, ...]

    def table_rows(self) -> Sequence[CurvePoint]:
        """Return the points."""
        return self.points

    def _repr_html_(self) -> str:
        curve = sparkline([point.equity for point in self.points])
        return curve + html_table(self.to_records()[-ROWS_SHOWN:], f"equity, {self.currency}")


def equity(
    interval: str | int, start: Moment, end: Moment, portfolio: int, username: str
) -> Command[Curve]:
    """Read an equity curve."""
    message = m.EquityGet(
        portfolio=whole_number(portfolio, "portfolio"),
        from_time=instant_of(start, "from_time"),
        to_time=instant_of(end, "to_time"),
        interval_s=interval_seconds(interval),
        username=username_or_own(username),
    )

    def read(parts: Sequence[m.EquityPart]) -> Curve:
        points = tuple(
            CurvePoint(
                at=to_datetime(row.time),
                equity=decimal_of(row.equity),
                cash=decimal_of(row.cash),
                flow=decimal_of(row.flow),
            )
            for part in parts
            for row in part.equity
        )
        head = parts[0]
        return Curve(
            portfolio=head.portfolio,
            currency=head.currency,
            interval_s=head.interval_s,
            as_of=moment_of(head.as_of),
            points=points,
        )

    return Command(message=message, read=read)


def performance_of(
    curve: Curve,
    transactions: Iterable[r.Transaction] = (),
    *,
    risk_free: float = 0.0,
    benchmark: r.Bars | None = None,
) -> p.Performance:
    """Return the figures of a curve.

    ``transactions`` give the trades that were closed; ``benchmark`` the bars, best adjusted for
    dividends, that the portfolio is compared with: its last close at each point counts.
    """
    points = [
        p.EquityPoint(
            from_datetime(each.at),
            units_of(each.equity, "equity"),
            units_of(each.cash, "cash"),
            units_of(each.flow, "flow"),
        )
        for each in curve.points
    ]
    trades = [
        p.Trade(realized=units_of(each.realized, "realized"), fees=units_of(each.fees, "fees"))
        for each in transactions
        if each.kind in _CLOSING
    ]
    return p.measure(
        points,
        trades,
        periods_per_year=PERIODS[curve.interval_s],
        risk_free=risk_free,
        benchmark=() if benchmark is None else _returns(curve, benchmark),
    )


def _returns(curve: Curve, bars: r.Bars) -> list[float]:
    """Return the benchmark's return from each point of the curve to the next."""
    times = [bar.time for bar in bars.bars]
    closes: list[Decimal | None] = []
    for point in curve.points:
        place = bisect_right(times, point.at) - 1
        closes.append(bars.bars[place].close if place >= 0 else None)
    found = []
    for before, after in pairwise(closes):
        found.append(float(after / before - 1) if before and after else 0.0)
    return found


def drawdowns(values: Sequence[float]) -> list[float]:
    """Return how far below its highest level so far each value is, in percent."""
    top, found = float("-inf"), []
    for value in values:
        top = max(top, value)
        found.append((value / top - 1) * 100 if top > 0 else 0.0)
    return found


def growth(curve: Curve) -> list[float]:
    """Return the time-weighted growth of 100: what was paid in or taken out is no gain."""
    levels: list[float] = []
    before: Decimal | None = None
    for point in curve.points:
        level = levels[-1] if levels else 100.0
        if before is not None and before > 0:
            level *= float((point.equity - point.flow) / before)
        levels.append(level)
        before = point.equity
    return levels
