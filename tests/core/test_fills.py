"""Fills: what a quote gives, and a receipt that tells it."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from papertrader.core.fills import (
    Fill,
    LimitingRule,
    collar_basis_points,
    collar_price,
    displayed_size,
    fill_from_quote,
    may_fill,
    receipt_for,
    touch_price,
)
from papertrader.core.money import AMOUNT_MAX, NULL, SCALE, parse_amount
from papertrader.core.orders import Order, OrderType, Side, TimeInForce
from papertrader.core.quotes import Quote, QuoteFlag
from papertrader.core.rules import DeskRules

m = parse_amount
QUOTE = Quote(
    symbol="ACME",
    bid=m("99"),
    ask=m("101"),
    last=m("100"),
    bid_size=m("30"),
    ask_size=m("20"),
    observed_at=5000,
    source_time=4000,
    quote_seq=7,
)


def order(side: Side = Side.BUY, quantity: str = "10", limit: str | None = None) -> Order:
    """Return an order; without ``limit`` a market order with its collar at 102 or 98."""
    collar = NULL if limit else m("102") if side == Side.BUY else m("98")
    return Order(
        order_id=1,
        client_order_id=1,
        account=1,
        portfolio=1,
        symbol="ACME",
        side=side,
        order_type=OrderType.LIMIT if limit else OrderType.MARKET,
        time_in_force=TimeInForce.GTC,
        flags=0,
        quantity=m(quantity),
        limit_price=m(limit) if limit else NULL,
        collar_price=collar,
    )


@pytest.mark.parametrize("flag", [QuoteFlag.STALE, QuoteFlag.CLOSED, QuoteFlag.SUSPECT])
def test_flagged_quotes_fill_nothing(flag: QuoteFlag) -> None:
    """Stale, closed and suspect quotes are not used, whatever else they are."""
    assert may_fill(QUOTE)
    assert may_fill(attrs.evolve(QUOTE, flags=QuoteFlag.DELAYED | QuoteFlag.REPLAYED))
    assert not may_fill(attrs.evolve(QUOTE, flags=flag | QuoteFlag.REPLAYED))


def test_crossed_quotes_fill_nothing() -> None:
    """A bid above the ask would let a round trip win; equal ones, or one alone, are fine."""
    assert not may_fill(attrs.evolve(QUOTE, bid=m("102")))
    assert may_fill(attrs.evolve(QUOTE, bid=m("101")))
    assert may_fill(attrs.evolve(QUOTE, ask=NULL))


def test_each_side_has_its_price_and_size() -> None:
    """Buys meet the ask, sells the bid; a size of 0 is unknown and bounds nothing."""
    assert touch_price(Side.BUY, QUOTE) == m("101")
    assert touch_price(Side.SELL, QUOTE) == m("99")
    assert touch_price(Side.SELL, attrs.evolve(QUOTE, bid=0)) == NULL
    assert displayed_size(Side.BUY, QUOTE) == m("20")
    assert displayed_size(Side.SELL, QUOTE) == m("30")
    assert displayed_size(Side.SELL, attrs.evolve(QUOTE, bid_size=0)) == AMOUNT_MAX


@pytest.mark.parametrize(
    ("side", "limit", "size", "expected"),
    [
        (Side.BUY, "101", "20", ("10", "101", LimitingRule.NONE)),
        (Side.BUY, "105", "20", ("10", "101", LimitingRule.NONE)),
        (Side.BUY, "100.99", "20", ("0", None, LimitingRule.LIMIT)),
        (Side.SELL, "99", "20", ("10", "99", LimitingRule.NONE)),
        (Side.SELL, "99.01", "20", ("0", None, LimitingRule.LIMIT)),
        (Side.BUY, None, "20", ("10", "101", LimitingRule.NONE)),
        (Side.BUY, "101", "7.5", ("7", "101", LimitingRule.SIZE)),
        (Side.BUY, "101", "0.5", ("0", "101", LimitingRule.SIZE)),
    ],
)
def test_what_an_order_takes(side: Side, limit: Any, size: str, expected: Any) -> None:
    """The better of limit and quote, at most the size left, in whole lots."""
    fill = fill_from_quote(order(side, limit=limit), QUOTE, m(size), SCALE)
    quantity, price, limiting = expected
    assert fill == Fill(m(quantity), NULL if price is None else m(price), limiting)


def test_a_market_order_stops_at_its_collar() -> None:
    """Beyond the collar nothing fills, on either side; nor where the quote has no price."""
    wide = attrs.evolve(QUOTE, bid=m("97.99"), ask=m("102.01"))
    for side in (Side.BUY, Side.SELL):
        assert fill_from_quote(order(side), wide, m("20"), SCALE).limiting == LimitingRule.COLLAR
        none = attrs.evolve(QUOTE, bid=NULL, ask=NULL)
        assert fill_from_quote(order(side), none, m("20"), SCALE).limiting == LimitingRule.NO_PRICE


def test_a_receipt_tells_the_quote_and_the_cost() -> None:
    """Half the spread of 2.00 on 10 shares is 10.00; the source's stamp was 1000 ns old."""
    receipt = receipt_for(order(), QUOTE, Fill(m("10"), m("101"), LimitingRule.NONE))
    assert (receipt.quote_seq, receipt.bid, receipt.ask, receipt.last) == (
        7,
        m("99"),
        m("101"),
        m("100"),
    )
    assert (receipt.bid_size, receipt.ask_size) == (m("30"), m("20"))
    assert (receipt.observed_at, receipt.source_time, receipt.age) == (5000, 4000, 1000)
    assert (receipt.spread_cost, receipt.slippage) == (m("10"), 0)
    worse = receipt_for(order(), QUOTE, Fill(m("10"), m("101.5"), LimitingRule.NONE))
    assert worse.slippage == m("5")


def test_a_receipt_without_fill_or_without_a_side() -> None:
    """What took nothing cost nothing; half a spread needs both sides; market time has no age."""
    nothing = receipt_for(order(), QUOTE, Fill(0, NULL, LimitingRule.LIMIT))
    assert (nothing.spread_cost, nothing.slippage, nothing.limiting) == (0, 0, LimitingRule.LIMIT)
    one_sided = attrs.evolve(QUOTE, bid=NULL, flags=QuoteFlag.REPLAYED)
    receipt = receipt_for(order(), one_sided, Fill(m("10"), m("101"), LimitingRule.NONE))
    assert (receipt.spread_cost, receipt.age) == (0, 0)


def test_collars_of_the_default_table() -> None:
    """4 % below 50.00 and 2.5 % from there; a buy's rounded up to a tick, a sell's down."""
    table = DeskRules().collars
    assert collar_basis_points(m("49.99"), table) == 400
    assert collar_basis_points(m("50"), table) == 250
    assert collar_price(Side.BUY, m("100"), 250, SCALE // 100) == m("102.5")
    assert collar_price(Side.BUY, m("10.01"), 400, SCALE // 100) == m("10.42")
    assert collar_price(Side.SELL, m("10.01"), 400, SCALE // 100) == m("9.6")
    assert collar_price(Side.SELL, m("0.01"), 400, SCALE // 100) == m("0.01")


@settings(deadline=None)
@given(st.integers(1, 10**15), st.integers(0, 9999), st.integers(1, 10**9))
def test_a_collar_lies_on_a_tick_and_not_inside(price: int, points: int, tick: int) -> None:
    """Rounding to the tick never narrows a collar, and moves it by less than a tick."""
    above = collar_price(Side.BUY, price, points, tick)
    assert above % tick == 0
    assert 0 <= above * 10_000 - price * (10_000 + points) < tick * 10_000
    below = collar_price(Side.SELL, price, points, tick)
    assert below % tick == 0
    assert below == tick or 0 <= price * (10_000 - points) - below * 10_000 < tick * 10_000


@pytest.mark.parametrize("collars", [(), ((1, 400),), ((0, 400), (0, 250)), ((0, 10_000),)])
def test_a_bad_collar_table_is_refused(collars: tuple[tuple[int, int], ...]) -> None:
    """A table must begin at 0, rise, and stay below 100 %."""
    with pytest.raises(ValueError, match="collar"):
        DeskRules(collars=collars)
