"""The fill models: what each takes of an update, and what its receipt says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from papertrader.core.fillmodels import FAMILIES, Offer, offer_of, worsened
from papertrader.core.fills import Fill, LimitingRule, beyond
from papertrader.core.intervals import BAR_NS, Interval, Intervals, volume_between
from papertrader.core.money import NULL, SCALE, parse_amount
from papertrader.core.orders import Order, OrderState, OrderType, Side, TimeInForce
from papertrader.core.quotes import Asset, AssetKind, Bar, Quote
from papertrader.core.terms import FillModelKind, PortfolioTerms

m = parse_amount
COIN = Asset(
    symbol="COIN",
    name="Coin",
    kind=AssetKind.CRYPTO,
    currency="USD",
    tick=SCALE // 100,
    lot=SCALE // 10,
    quantity_min=SCALE // 10,
    quantity_max=10**6 * SCALE,
    calendar="24/7",
)
SIDES = (Side.BUY, Side.SELL)


def order(side: Side, quantity: int, limit: int = NULL, **fields: Any) -> Order:
    """Return an order; without ``limit`` a market order with a wide collar."""
    collar = NULL if limit != NULL else m("150") if side == Side.BUY else m("50")
    usual: dict[str, Any] = {"state": OrderState.PENDING, "order_id": 1}
    return Order(
        client_order_id=1,
        account=1,
        portfolio=1,
        symbol="COIN",
        side=side,
        order_type=OrderType.MARKET if limit == NULL else OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        flags=0,
        quantity=quantity,
        limit_price=limit,
        collar_price=collar,
        **(usual | fields),
    )


def quote(bid: str = "99", ask: str = "101", **fields: Any) -> Quote:
    """Return a quote of COIN."""
    return Quote(
        symbol="COIN",
        bid=m(bid),
        ask=m(ask),
        last=m("100"),
        observed_at=9,
        quote_seq=1,
        **fields,
    )


def offered(model: FillModelKind, side: Side, of: Quote, interval: Interval) -> Offer:
    """Return what a quote offers to a model, with the turn of ``side``."""
    offer = offer_of(FAMILIES[model], of, COIN, interval)
    offer.begin(side)
    return offer


INTERVAL = Interval(1_000 * SCALE, Bar(0, m("100"), m("103"), m("97"), m("101"), 500 * SCALE), 5)


@given(
    model=st.sampled_from(FillModelKind),
    side=st.sampled_from(SIDES),
    quantities=st.lists(st.integers(1, 4_000), min_size=1, max_size=6),
    limit=st.none() | st.integers(9_000, 11_000),
    slippage=st.integers(0, 300),
    participation=st.integers(1, 10_000),
    impact=st.integers(0, 10_000),
    seed=st.integers(0, 3),
    state=st.sampled_from((OrderState.PENDING, OrderState.WORKING)),
    volume=st.integers(0, 10**6),
)
@settings(max_examples=300, deadline=None)
def test_no_model_gives_too_much(
    model: FillModelKind,
    side: Side,
    quantities: list[int],
    limit: int | None,
    slippage: int,
    participation: int,
    impact: int,
    seed: int,
    state: OrderState,
    volume: int,
) -> None:
    """Never beyond bound, order or what was offered; whole lots, whole ticks, the same again."""
    terms = PortfolioTerms(
        fill_model=model,
        slippage=slippage,
        participation=participation,
        impact=impact,
        seed=seed,
    )
    interval = Interval(volume * SCALE // 10, INTERVAL.bar, 5)
    of = quote(bid_size=200 * SCALE, ask_size=150 * SCALE)
    price = NULL if limit is None else limit * SCALE // 100
    offer, again = (offered(model, side, of, interval) for _ in range(2))
    taken = 0
    for number, tenths in enumerate(quantities, 1):
        wish = order(side, tenths * COIN.lot, price, order_id=number, state=state)
        fill = offer.fill(wish, terms)
        assert fill == again.fill(wish, terms)
        assert 0 <= fill.quantity <= wish.remaining
        assert (fill.limiting == LimitingRule.NONE) == (fill.quantity == wish.remaining)
        if fill.quantity:
            assert fill.price > 0
            assert fill.price % COIN.tick == 0
            assert not beyond(side, fill.price, wish.bound_price)
            assert fill.quantity == wish.remaining or fill.quantity % COIN.lot == 0
            receipt = offer.receipt(wish, fill, terms)
            assert receipt.slippage >= 0
            assert (receipt.working is None) == (model == FillModelKind.QUOTE)
        assert offer.refusal(wish, terms).quantity == 0
        offer.take(fill.quantity)
        again.take(fill.quantity)
        taken += fill.quantity
    if model in (FillModelKind.QUOTE, FillModelKind.CONSERVATIVE):
        assert taken <= (of.ask_size if side == Side.BUY else of.bid_size)
    elif model != FillModelKind.IDEAL:
        whole = interval.volume if model == FillModelKind.VOLUME_SHARE else 500 * SCALE
        assert taken <= whole * participation // 10_000


@pytest.mark.parametrize("side", SIDES)
def test_conservative_is_never_better_than_quote(side: Side) -> None:
    """With no slippage a market order fills alike; any slippage is against the trader."""
    wish = order(side, SCALE)
    plain = offered(FillModelKind.QUOTE, side, quote(), INTERVAL).fill(wish, PortfolioTerms())
    for points in (0, 1, 7, 250):
        terms = PortfolioTerms(fill_model=FillModelKind.CONSERVATIVE, slippage=points)
        fill = offered(FillModelKind.CONSERVATIVE, side, quote(), INTERVAL).fill(wish, terms)
        assert fill.price == worsened(side, plain.price, points, COIN.tick)
        assert (fill.price == plain.price) == (points == 0)
        assert not beyond(side, plain.price, fill.price)


def test_a_seed_draws_a_place_in_the_queue() -> None:
    """Seed 0 is the last place; others are drawn per order, once, and are the same again."""
    of = quote(bid_size=100 * SCALE, ask_size=150 * SCALE)
    found = []
    for seed in range(8):
        terms = PortfolioTerms(fill_model=FillModelKind.CONSERVATIVE, seed=seed)
        wish = order(Side.BUY, 200 * SCALE, m("102"), state=OrderState.WORKING)
        fills = [
            offered(FillModelKind.CONSERVATIVE, Side.BUY, of, INTERVAL).fill(wish, terms)
            for _ in range(2)
        ]
        assert fills[0] == fills[1]
        assert fills[0].limiting == LimitingRule.QUEUE
        found.append(fills[0].quantity)
    assert found[0] == min(found) == 50 * SCALE
    assert max(found) <= 150 * SCALE
    assert len(set(found)) > 4


def test_cutting_an_order_up_gains_nothing() -> None:
    """Volume-share: ten orders of 10 pay as much as one of 100, or more, and get no more."""
    terms = PortfolioTerms(fill_model=FillModelKind.VOLUME_SHARE, participation=1_000, impact=5_000)
    whole = offered(terms.fill_model, Side.BUY, quote(), INTERVAL).fill(
        order(Side.BUY, 100 * SCALE), terms
    )
    offer = offered(terms.fill_model, Side.BUY, quote(), INTERVAL)
    parts: list[Fill] = []
    for _ in range(12):
        parts.append(offer.fill(order(Side.BUY, 10 * SCALE), terms))
        offer.take(parts[-1].quantity)
    assert sum(part.quantity for part in parts) == whole.quantity == 100 * SCALE
    assert parts[9].price == whole.price
    assert parts[10].limiting == LimitingRule.VOLUME


def test_a_bar_is_closed_by_the_next_one() -> None:
    """Its figures are those of its quotes; one whose beginning nobody saw is none."""
    bars, before = Intervals(lambda _: 0), None
    told = []
    for second, last, volume in (
        (30, "100", 10),
        (61, "101", 12),
        (80, "103", 15),
        (100, "99", 16),
        (125, "98", 20),
        (185, "97", 21),
    ):
        now = quote(source_time=second * 10**9, day_volume=volume * SCALE)
        now.last, now.observed_at = m(last), second
        told.append(bars.peek(before, now))
        bars.follow(before, now)
        before = now
    assert [each.bar is not None for each in told] == [False] * 4 + [True] * 2
    assert told[4].bar == Bar(BAR_NS, m("101"), m("103"), m("99"), m("99"), 6 * SCALE)
    assert told[4].bar_observed_at == 61
    assert told[4].volume == 4 * SCALE
    bars.forget("COIN")
    assert bars.peek(before, now).bar is None


def test_volume_of_a_new_day() -> None:
    """A day's volume that fell began anew; without a quote before, it is unknown."""
    assert volume_between(None, quote(day_volume=5)) == 0
    assert volume_between(quote(day_volume=5), quote(day_volume=9)) == 4
    assert volume_between(quote(day_volume=5), quote(day_volume=3)) == 3
