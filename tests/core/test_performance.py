"""Performance: the figures of an equity curve, against well-kept libraries and by hand."""

from __future__ import annotations

import math
from datetime import date, timedelta

import pandas as pd
import pytest
import pyxirr
import quantstats.stats as qs
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from papertrader.core.instants import DAY
from papertrader.core.money import SCALE
from papertrader.core.performance import (
    EquityPoint,
    Trade,
    compound,
    drawdown_of,
    internal_rate,
    measure,
    period_returns,
)

START = 1_262_304_000 * (DAY // 86_400)


def curve(*values: float, flows: dict[int, float] | None = None) -> list[EquityPoint]:
    """A point a day."""
    paid = flows or {}
    return [
        EquityPoint(START + day * DAY, round(value * SCALE), 0, round(paid.get(day, 0) * SCALE))
        for day, value in enumerate(values)
    ]


def test_a_deposit_is_no_gain() -> None:
    """Time-weighted: doubling the money by paying in is a return of 0; money-weighted too."""
    found = measure(curve(100, 200, 200, flows={1: 100}))
    assert found.total_return == 0
    assert found.money_weighted == pytest.approx(0, abs=1e-6)
    assert found.drawdown.depth == 0


def test_time_and_money_weights_differ() -> None:
    """+100 % on little, then -50 % on much: nothing by time, a loss by money."""
    values = [100.0] * 200 + [200.0] * 100 + [550.0] * 100
    found = measure(curve(*values, flows={300: 900}))
    assert found.total_return == pytest.approx(0, abs=1e-12)
    assert found.money_weighted is not None
    assert found.money_weighted < -0.5


def test_the_deepest_fall_has_its_dates() -> None:
    """From the highest before it, not from the beginning; what comes after is not part of it."""
    found = drawdown_of(curve(100, 120, 90, 110, 130, 117))
    assert found.depth == pytest.approx(-0.25)
    assert (found.peak_at, found.trough_at) == (START + DAY, START + 2 * DAY)


def test_a_fall_is_from_the_last_day_of_the_peak() -> None:
    """A height that is reached again is where the fall after it begins."""
    found = drawdown_of(curve(100, 200, 100, 200, 50))
    assert (found.depth, found.peak_at) == (-0.75, START + 3 * DAY)


def test_trades_are_won_after_fees() -> None:
    """A profit that the fee eats is a loss."""
    trades = [Trade(realized=30), Trade(realized=5, fees=5), Trade(realized=-10)]
    found = measure(curve(1, 1, 1), trades)
    assert (found.trades, found.win_rate) == (3, pytest.approx(1 / 3))
    assert found.profit_factor == 3


def test_too_little_says_nothing() -> None:
    """No figure is invented for no or one point, nor for a portfolio that began with nothing."""
    for points in ([], curve(100)):
        found = measure(points)
        assert (found.total_return, found.volatility, found.sharpe) == (None, None, None)
        assert (found.money_weighted, found.win_rate, found.beta) == (None, None, None)
    minutes = measure(curve(100, 101, 102), periods_per_year=252 * 78)
    assert minutes.annual_return is None
    assert minutes.total_return == pytest.approx(0.02)
    assert measure(curve(100, 101)).annual_return == pytest.approx(1.01**252 - 1)
    assert period_returns(curve(0, 0, 5)) == [0, 0]
    with pytest.raises(ValueError, match="benchmark"):
        measure(curve(1, 2), benchmark=[0.1, 0.2])


VALUES = st.lists(st.floats(min_value=50, max_value=200), min_size=5, max_size=60)


@settings(max_examples=60)
@given(values=VALUES, others=VALUES, risk_free=st.sampled_from([0.0, 0.02]))
def test_ratios_equal_those_of_quantstats(
    values: list[float], others: list[float], risk_free: float
) -> None:
    """Total return, volatility, Sharpe, Sortino, drawdown; without an interest, alpha and beta."""
    size = min(len(values), len(others))
    points, market = curve(*values[:size]), curve(*others[:size])
    found = measure(points, risk_free=risk_free, benchmark=period_returns(market))
    days = pd.date_range("2010-01-01", periods=size - 1)
    returns = pd.Series(period_returns(points), days)
    benchmark = pd.Series(period_returns(market), days)
    for series in (returns, benchmark):
        # It takes a series without a loss and with a gain of more than the whole for prices.
        assume(series.min() < 0 or series.max() <= 1)
    close = {"rel": 1e-9, "abs": 1e-9}
    assert found.total_return == pytest.approx(qs.comp(returns), **close)
    assert found.volatility == pytest.approx(qs.volatility(returns, periods=252), **close)
    assert found.drawdown.depth == pytest.approx(qs.max_drawdown(returns), **close)
    excess = returns - risk_free / 252
    if returns.std() > 1e-9:
        assert found.sharpe == pytest.approx(qs.sharpe(excess, periods=252), **close)
    if (excess < -1e-12).any():
        assert found.sortino == pytest.approx(qs.sortino(excess, periods=252), **close)
    if benchmark.std() > 1e-9 and not risk_free:
        expected = qs.greeks(returns, benchmark, periods=252, prepare_returns=False)
        assert found.beta == pytest.approx(expected["beta"], **close)
        assert found.alpha == pytest.approx(expected["alpha"], **close)


@given(
    values=st.lists(st.floats(min_value=100, max_value=200), min_size=4, max_size=40),
    paid=st.dictionaries(st.integers(1, 3), st.floats(min_value=-20, max_value=50), max_size=3),
)
def test_the_internal_rate_equals_that_of_pyxirr(
    values: list[float], paid: dict[int, float]
) -> None:
    """Dated flows, the year of 365 days."""
    points = curve(*values, flows=paid)
    days = [date(2010, 1, 1) + timedelta(days=number) for number in range(len(points))]
    flows = [(days[0], -points[0].equity / SCALE)]
    # A flow counts from the beginning of its period, which is the day of the point before it.
    flows += [(days[n - 1], -point.flow / SCALE) for n, point in enumerate(points) if point.flow]
    flows.append((days[-1], points[-1].equity / SCALE))
    expected = pyxirr.xirr([day for day, _ in flows], [amount for _, amount in flows])
    found = internal_rate(points)
    if expected is None or found is None or not -0.99 < expected < 1e5:
        return
    worth = math.fsum(a * (1 + found) ** (-(d - days[0]).days / 365) for d, a in flows)
    assert worth == pytest.approx(0, abs=1e-4 * max(abs(a) for _, a in flows))


def test_returns_compound() -> None:
    """Ten percent twice is twenty-one."""
    assert compound([0.1, 0.1]) == pytest.approx(0.21)
