"""The equity curve in the client library, and the figures made of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from papertrader.client import errors
from papertrader.client import results as r
from papertrader.client.curves import Curve, CurvePoint, performance_of
from papertrader.wire.kinds import Opcode
from tests.client.test_trading import Bench, BlockingMarket, logged_in, market

__all__ = ["market"]

NOON = datetime(2010, 1, 4, 12, tzinfo=UTC)


def curve(*values: int) -> Curve:
    """A point a day."""
    return Curve(
        portfolio=1,
        currency="USD",
        interval_s=86_400,
        as_of=None,
        points=tuple(
            CurvePoint(
                at=NOON + timedelta(days=day), equity=Decimal(value), cash=Decimal(0),
                flow=Decimal(0),
            )
            for day, value in enumerate(values)
        ),
    )  # fmt: skip


def bars(*closes: int) -> r.Bars:
    """A bar a day, each begun some hours before the point."""
    return r.Bars(
        symbol="SPY", interval_s=86_400, complete=True, as_of=None,
        bars=tuple(
            r.Bar(
                time=NOON + timedelta(days=day, hours=-3), open=Decimal(1), high=Decimal(1),
                low=Decimal(1), close=Decimal(close), volume=Decimal(0),
            )
            for day, close in enumerate(closes)
        ),
    )  # fmt: skip


def test_a_curve_is_read(market: BlockingMarket) -> None:
    """Exact decimals and aware times; what was asked goes out as it was."""
    client = logged_in(market)
    found = client.equity("1w", from_time=NOON.date(), portfolio=1)
    assert [point.equity for point in found.points] == [100, 110, 165]
    assert [point.flow for point in found.points] == [0, 0, 44]
    assert (found.interval_s, found.currency) == (604_800, "USD")
    assert found.points[0].at.tzinfo is not None
    (asked,) = market.bodies(Opcode.EQUITY_GET)
    assert (asked.interval_s, asked.portfolio, asked.username) == (604_800, 1, None)
    with pytest.raises(ValueError, match="interval"):
        client.equity("1y")
    with pytest.raises(errors.RefusedError):
        client.equity(username="nobody")


def test_figures_come_of_what_was_read(market: BlockingMarket) -> None:
    """10 %, then 165 of 110 and the 44 paid in."""
    found = performance_of(logged_in(market).equity())
    assert found.total_return == pytest.approx(1.1 * 165 / 154 - 1)
    assert found.periods == 2


def test_a_benchmark_counts_from_point_to_point() -> None:
    """Its last close at each point; the same moves have beta 1 and no alpha."""
    found = performance_of(curve(100, 110, 99, 120), benchmark=bars(10, 11, 9, 12))
    assert found.benchmark_return == pytest.approx(0.2)
    same = performance_of(curve(100, 110, 99, 120), benchmark=bars(200, 220, 198, 240))
    assert same.beta == pytest.approx(1)
    assert same.alpha == pytest.approx(0, abs=1e-12)
    late = performance_of(curve(100, 110), benchmark=bars())
    assert late.benchmark_return == 0


def test_the_other_faces_have_it() -> None:
    """As a Deferred."""
    bench = Bench().logged_in()
    assert len(bench.result(bench.client.equity()).points) == 3
