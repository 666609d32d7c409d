"""Performance: what an equity curve says about how well a portfolio did.

Balances stay exact integers; what is computed from them here are ratios, which nothing is booked
by, and so the one place in the core where floating point is used. Formulas as in the standards of
the field: time-weighted return chains the periods between valuations (GIPS), money-weighted return
is the internal rate of return, the Sharpe ratio is the mean excess return over its deviation, both
of the sample, times the square root of the periods in a year.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import attrs

from papertrader.core.instants import DAY

YEAR_DAYS: Final = 365
PERIODS_DAILY: Final = 252
"""Trading days in a year, by which daily figures are annualized."""
RATE_LEAST: Final = -0.999999
RATE_MOST: Final = 1e6
"""Yearly rates between which an internal rate of return is looked for."""
_STEPS: Final = 200


@attrs.frozen
class EquityPoint:
    """What a portfolio was worth at a market time, in 1e-8 units.

    ``flow`` is what its owner paid in, less what was taken out, since the point before; it counts
    as there from the beginning of that period.
    """

    at: int
    equity: int
    cash: int
    flow: int = 0


@attrs.frozen(kw_only=True)
class Trade:
    """What one closing transaction realized, and what it paid in fees; 1e-8 units."""

    realized: int
    fees: int = 0


@attrs.frozen(kw_only=True)
class Drawdown:
    """The deepest fall of the time-weighted value from its highest before; 0 to -1."""

    depth: float = 0.0
    peak_at: int = 0
    trough_at: int = 0


@attrs.frozen(kw_only=True)
class Performance:
    """Ratios, 0.01 for one percent; None where there is too little to say.

    ``total_return`` is time-weighted; ``money_weighted`` the yearly internal rate of return;
    ``volatility`` and ``sharpe`` are annualized; ``win_rate`` is the part of closing trades that
    realized a profit after fees, ``profit_factor`` their profits over the losses of the others.
    ``beta`` and ``alpha`` (yearly) are against the benchmark.
    """

    periods: int
    total_return: float | None
    annual_return: float | None
    money_weighted: float | None
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    drawdown: Drawdown
    trades: int
    win_rate: float | None
    profit_factor: float | None
    benchmark_return: float | None = None
    beta: float | None = None
    alpha: float | None = None


def period_returns(points: Sequence[EquityPoint]) -> list[float]:
    """Return the return of each period; a period that began with nothing has 0."""
    found = []
    for before, after in pairwise(points):
        base = before.equity + after.flow
        found.append(after.equity / base - 1 if base > 0 else 0.0)
    return found


def compound(returns: Sequence[float]) -> float:
    """Return what periods make together."""
    return math.prod(1 + each for each in returns) - 1


def deviation(values: Sequence[float]) -> float | None:
    """Return the deviation of a sample; None for fewer than two values."""
    if len(values) < 2:
        return None
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((each - mean) ** 2 for each in values) / (len(values) - 1))


def drawdown_of(points: Sequence[EquityPoint]) -> Drawdown:
    """Return the deepest fall; money paid in or out is none."""
    value = high = 1.0
    peak_at = points[0].at if points else 0
    deepest = Drawdown()
    for point, gain in zip(points[1:], period_returns(points), strict=True):
        value *= 1 + gain
        if value >= high:
            high, peak_at = value, point.at
        elif value / high - 1 < deepest.depth:
            deepest = Drawdown(depth=value / high - 1, peak_at=peak_at, trough_at=point.at)
    return deepest


def internal_rate(points: Sequence[EquityPoint]) -> float | None:
    """Return the yearly rate at which what was paid in becomes the last equity.

    Found by halving between `RATE_LEAST` and `RATE_MOST`; None if it is not between them, or
    before a day has passed.
    """
    if len(points) < 2 or points[-1].at - points[0].at < DAY:
        return None
    start, last = points[0], points[-1]
    year = YEAR_DAYS * DAY
    flows = [(0.0, float(start.equity))]
    flows += [
        ((before.at - start.at) / year, float(after.flow))
        for before, after in pairwise(points)
        if after.flow
    ]
    years = (last.at - start.at) / year

    def gap(rate: float) -> float:
        # Discounted to the start, so that a long time at a high rate stays within a float.
        growth = math.log1p(rate)
        paid = math.fsum(amount * math.exp(-when * growth) for when, amount in flows)
        return paid - last.equity * math.exp(-years * growth)

    low, high = RATE_LEAST, RATE_MOST
    try:
        if gap(low) * gap(high) > 0:
            return None
        rising = gap(high) > 0
        for _ in range(_STEPS):
            middle = (low + high) / 2
            if (gap(middle) > 0) == rising:
                high = middle
            else:
                low = middle
    except OverflowError:
        return None
    return (low + high) / 2


def measure(
    points: Sequence[EquityPoint],
    trades: Sequence[Trade] = (),
    *,
    periods_per_year: float = PERIODS_DAILY,
    risk_free: float = 0.0,
    benchmark: Sequence[float] = (),
) -> Performance:
    """Return the figures of an equity curve.

    ``risk_free`` is a yearly rate; ``benchmark`` the benchmark's return of each period, as many as
    the curve has periods, or none. Raises `ValueError` for another number of them.
    """
    returns = period_returns(points)
    if benchmark and len(benchmark) != len(returns):
        raise ValueError(f"{len(benchmark)} benchmark returns for {len(returns)} periods")
    total = compound(returns) if returns else None
    spread = deviation(returns)
    root = math.sqrt(periods_per_year)
    excess = [each - risk_free / periods_per_year for each in returns]
    mean = math.fsum(excess) / len(excess) if excess else 0.0
    downside = math.sqrt(math.fsum(min(e, 0.0) ** 2 for e in excess) / len(excess)) if excess else 0
    wins = [t.realized - t.fees for t in trades if t.realized > t.fees]
    losses = [t.fees - t.realized for t in trades if t.realized <= t.fees]
    beta, alpha = _against(excess, benchmark, periods_per_year, risk_free)
    return Performance(
        periods=len(returns),
        total_return=total,
        annual_return=_annual(total, len(returns), periods_per_year),
        money_weighted=internal_rate(points),
        volatility=None if spread is None else spread * root,
        sharpe=mean / spread * root if spread else None,
        sortino=mean / downside * root if downside and len(returns) > 1 else None,
        drawdown=drawdown_of(points),
        trades=len(trades),
        win_rate=len(wins) / len(trades) if trades else None,
        profit_factor=sum(wins) / sum(losses) if sum(losses) else None,
        benchmark_return=compound(benchmark) if benchmark else None,
        beta=beta,
        alpha=alpha,
    )


def _annual(total: float | None, periods: int, periods_per_year: float) -> float | None:
    # What minutes brought says nothing about a year: at least a day of trading must have passed.
    if periods * PERIODS_DAILY < periods_per_year:
        return None
    if total is None or total <= -1:
        return total
    try:
        return float((1 + total) ** (periods_per_year / periods) - 1)
    except OverflowError:
        return None


def _against(
    excess: Sequence[float], benchmark: Sequence[float], periods_per_year: float, risk_free: float
) -> tuple[float | None, float | None]:
    """Return beta and the yearly alpha of Jensen; None without a benchmark that moves."""
    if len(benchmark) < 2:
        return None, None
    market = [each - risk_free / periods_per_year for each in benchmark]
    mean, middle = math.fsum(excess) / len(excess), math.fsum(market) / len(market)
    spread = math.fsum((each - middle) ** 2 for each in market)
    if not spread:
        return None, None
    together = math.fsum((x - mean) * (y - middle) for x, y in zip(excess, market, strict=True))
    beta = together / spread
    return beta, (mean - beta * middle) * periods_per_year
