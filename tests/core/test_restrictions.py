"""What a portfolio's own terms forbid."""

from __future__ import annotations

from typing import Any

import pytest

from papertrader.core.instants import SECOND
from papertrader.core.money import SCALE
from papertrader.core.orders import Side
from papertrader.core.quotes import QuoteFlag
from papertrader.core.refusals import Refusal
from papertrader.core.terms import LEVERAGE_MAX, AccountKind, PortfolioTerms


def choose(floor: Any, **terms: Any) -> None:
    """Give the floor's portfolio terms of its own."""
    outcome = floor.desk.set_terms(
        **floor.tick(), account=1, portfolio=1, terms=PortfolioTerms(**terms)
    )
    assert outcome.refusal is None
    floor.keep(outcome.events)


@pytest.mark.clause("13.16")
def test_only_the_assets_named_may_be_opened(floor: Any) -> None:
    """A list without ACME; with it, the order enters."""
    floor.quote("99", "100")
    choose(floor, assets=("IBM",))
    refused = floor.submit("1")
    assert refused.refusal == Refusal.TERMS_FORBID
    assert refused.text == (
        "By its terms this portfolio may open positions only in IBM; not in ACME."
    )
    choose(floor, assets=("ACME", "IBM"))
    assert floor.submit("1").refusal is None


@pytest.mark.clause("13.16")
def test_a_least_price(floor: Any) -> None:
    """By the last price; without one, by the order's own limit. Closing is always allowed."""
    choose(floor, price_minimum=5 * SCALE)
    assert floor.submit("1", "4.99").refusal == Refusal.TERMS_FORBID
    floor.quote("5", "5.01", last="5")
    floor.order("1")
    floor.quote("5", "5.01", last="5")
    floor.quote("3", "3.01", last="3")
    assert floor.submit("1").refusal == Refusal.TERMS_FORBID
    assert floor.submit("1", side=Side.SELL).refusal is None


@pytest.mark.clause("13.16")
def test_a_cap_on_one_asset_counts_open_orders(floor: Any) -> None:
    """A tenth of 10,000 is 1,000: ten shares at 100, however many orders ask for them."""
    floor.quote("100", "100", last="100")
    choose(floor, position_cap=1_000)
    floor.order("6", "100")
    refused = floor.submit("5", "90")
    assert refused.refusal == Refusal.TERMS_FORBID
    assert "may have 1,000.00 in one asset, and ACME would be 1,100.00" in refused.text
    floor.order("4", "90")
    assert floor.submit("1", "80").refusal == Refusal.TERMS_FORBID


@pytest.mark.clause("13.16")
def test_a_position_is_held_for_a_while(floor: Any) -> None:
    """From its first fill; the refusal says how long it still is."""
    choose(floor, hold_seconds=60)
    floor.hold("10", "100")
    refused = floor.submit("10", side=Side.SELL)
    assert refused.refusal == Refusal.TERMS_FORBID
    assert "may be closed in 60 seconds" in refused.text
    floor.now += 60 * SECOND
    assert floor.submit("10", side=Side.SELL).refusal is None


def test_the_while_is_market_time(floor: Any) -> None:
    """On a recorded market an hour passes in seconds; a clock turned back holds nobody up."""
    choose(floor, hold_seconds=3_600)
    stamped = {"flags": QuoteFlag.REPLAYED, "source_time": 1_000 * SECOND}
    floor.order("10", "100")
    floor.quote("100", "100", **stamped)
    early = floor.submit("10", side=Side.SELL, market_at=(1_000 + 3_599) * SECOND)
    assert early.refusal == Refusal.TERMS_FORBID
    assert "may be closed in 1 seconds" in early.text
    same = floor.submit("10", side=Side.SELL, market_at=1_000 * SECOND)
    assert same.refusal == Refusal.TERMS_FORBID, "a clock that stands still lets nobody out"
    before = floor.submit("1", side=Side.SELL, market_at=999 * SECOND)
    assert before.refusal is None
    later = floor.submit("9", side=Side.SELL, market_at=(1_000 + 3_600) * SECOND)
    assert later.refusal is None


def test_shares_bought_later_are_held_by_themselves(floor: Any) -> None:
    """A share of old opens no door for those of now; what rests has the first claim."""
    choose(floor, hold_seconds=60)
    floor.hold("10", "100")
    floor.now += 60 * SECOND
    floor.hold("5", "100")
    assert floor.submit("11", side=Side.SELL).refusal == Refusal.TERMS_FORBID
    resting = floor.order("6", "200", side=Side.SELL)
    assert floor.submit("5", side=Side.SELL).refusal == Refusal.TERMS_FORBID
    assert floor.submit("4", side=Side.SELL).refusal is None
    assert floor.cancel(resting.order_id).refusal is None
    assert floor.submit("6", "150", side=Side.SELL).refusal is None


@pytest.mark.parametrize(
    "terms",
    [
        {"participation": 0},
        {"slippage": 10_001},
        {"leverage": LEVERAGE_MAX + 1, "account_kind": AccountKind.MARGIN},
        {"leverage": 20_000},
        {"fee_rate": -1},
        {"fee_rate": 1, "fee_maker": -2},
        {"price_minimum": -1},
        {"hold_seconds": -1},
        {"seed": 2**64},
        {"assets": ("A", "A")},
        {"assets": ("not a symbol",)},
    ],
)
def test_terms_that_contradict_themselves(terms: dict[str, Any]) -> None:
    """One sentence, and nothing is chosen."""
    with pytest.raises(ValueError, match=r"\w"):
        PortfolioTerms(**terms)
