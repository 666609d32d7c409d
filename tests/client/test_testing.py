"""The market in memory that users test with: real, quick, and the same each time."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from papertrader.client import errors
from papertrader.ops.inspection import audit
from papertrader.ops.replaycheck import replay_check
from papertrader.testing import Market


def trade(seed: int) -> tuple[Decimal, ...]:
    """Trade for a while; return what came of it."""
    with Market(seed=seed) as market:
        client = market.client("ann")
        client.buy("BRKF", 10)
        market.advance(120)
        client.sell("BRKF", 4)
        market.advance(30)
        portfolio = client.portfolio()
        return (portfolio.cash, *(position.quantity for position in portfolio.positions))


def test_an_order_fills_as_time_passes() -> None:
    """Not before: the price it gets comes after it."""
    with Market() as market:
        client = market.client("ann")
        began = market.now
        order = client.buy("BRKF", 10)
        assert not client.portfolio().positions
        market.advance(60)
        assert (market.now - began).total_seconds() >= 60
        done = client.order(order.order_id)
        assert done.filled == 10
        assert [position.quantity for position in client.portfolio().positions] == [10]


def test_the_same_seed_gives_the_same_fills() -> None:
    """And another one others."""
    assert trade(3) == trade(3)
    assert trade(3) != trade(4)


def test_events_come_while_a_program_waits_for_them() -> None:
    """Waiting lets time pass, and nothing else does."""
    with Market() as market:
        client = market.client("ann")
        client.subscribe_account()
        client.buy("BRKF", 1)
        kinds = [type(event).__name__ for event in client.events(timeout=10)]
        assert "OrderUpdate" in kinds
        assert "TransactionUpdate" in kinds


def test_several_users_and_refusals() -> None:
    """Each has an account; what cannot be is refused as anywhere."""
    with Market(cash=50) as market:
        ann, bob = market.client("ann"), market.client("bob")
        assert ann.portfolio().cash == bob.portfolio().cash == 50
        with pytest.raises(errors.InsufficientCash):
            ann.buy("BRKF", 1000)


def test_recorded_days(tmp_path: Path) -> None:
    """The replay market, and its journal where one can look: clean, and decided alike again."""
    start = datetime(2012, 6, 4, 14, 0, tzinfo=UTC)
    with Market(source="replay", start=start, speed=60, state=tmp_path) as market:
        client = market.client("ann")
        client.buy("AAPL", 5)
        market.advance(30)
        assert [position.symbol for position in client.portfolio().positions] == ["AAPL"]
    assert audit(tmp_path).violations == []
    assert replay_check(tmp_path).findings == []


def test_what_it_does_not_know_is_refused() -> None:
    """In a sentence."""
    with pytest.raises(ValueError, match="simulated or replay"):
        Market(source="live")
    with pytest.raises(ValueError, match="data is for"):
        Market(data="prices")
