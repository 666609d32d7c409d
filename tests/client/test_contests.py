"""Contests in the client library: all faces say the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from papertrader.client import errors
from papertrader.core.contests import ContestState, StandingOrder
from papertrader.core.money import NULL
from papertrader.core.terms import PortfolioTerms
from papertrader.wire.kinds import Opcode, Status
from tests.client.test_trading import Bench, BlockingMarket, logged_in, market

__all__ = ["market"]

END = datetime(2010, 2, 1, tzinfo=UTC)


def test_a_contest_is_made_joined_and_read(market: BlockingMarket) -> None:
    """Times and money as given; one that opens at once can be entered, whatever is left out."""
    client = logged_in(market)
    terms = PortfolioTerms(position_cap=2_000, assets=("AAPL",))
    made = client.contest_create("cup", ends=END, cash="1000", terms=terms)
    assert (made.contest, made.name, made.host) == (1, "cup", "ada")
    assert (made.cash, made.ends_at, made.terms) == (Decimal(1_000), END, terms)
    assert made.state == ContestState.RUNNING
    (sent,) = market.bodies(Opcode.CONTEST_CREATE)
    assert (sent.opens_at, sent.joins_until) == (0, sent.ends_at)
    client.contest_create("two", ends=END, opens=END - timedelta(days=9))
    assert market.bodies(Opcode.CONTEST_CREATE)[1].joins_until == 0
    assert market.bodies(Opcode.CONTEST_CREATE)[1].cash == NULL
    assert client.contest_join(1).portfolio == 7
    assert client.contest(1).terms == terms
    assert [each.name for each in client.contests()] == ["cup", "two"]
    with pytest.raises(errors.RefusedError) as refused:
        client.contest_join(5)
    assert refused.value.status == Status.NO_SUCH_CONTEST
    with pytest.raises(ValueError, match="time zone"):
        client.contest_create("x", ends=END.replace(tzinfo=None))


def test_standings_and_the_file(market: BlockingMarket) -> None:
    """By equity there is no ratio; the file is put together from its parts."""
    client = logged_in(market)
    found = client.contest_standings(3)
    assert [each.username for each in found.rows] == ["ada", "bob"]
    assert (found.rows[0].gain, found.rows[0].risk_adjusted) == (Decimal("0.1"), None)
    assert found.ended_at is None
    risky = client.contest_standings(3, by_risk=True)
    assert risky.rows[0].risk_adjusted == Decimal("0.5")
    orders = [each.order for each in market.bodies(Opcode.CONTEST_STANDINGS)]
    assert orders == [StandingOrder.EQUITY, StandingOrder.RISK_ADJUSTED]
    assert client.contest_file(3) == bytes(range(150))


def test_the_twisted_face_has_them() -> None:
    """The same methods, as Deferreds."""
    bench = Bench().logged_in()
    client, result = bench.client, bench.result
    assert result(client.contest_create("cup", ends=END)).contest == 1
    assert result(client.contest_join(1)).portfolio == 7
    assert result(client.contest(1)).name == "cup"
    assert len(result(client.contests())) == 1
    assert len(result(client.contest_standings(1)).rows) == 2
    assert len(result(client.contest_file(1))) == 150
