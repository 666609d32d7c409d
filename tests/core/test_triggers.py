"""Triggers: sorted so that nobody has to be looked at in vain, and right all the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from papertrader.core.money import NULL, SCALE
from papertrader.core.orders import (
    Order,
    OrderState,
    OrderTerms,
    OrderType,
    Side,
    TimeInForce,
    TrailKind,
    TriggerSource,
)
from papertrader.core.triggers import (
    Prices,
    Triggers,
    better_mark,
    reaches,
    trailing_stop,
    with_mark,
)

SIDES = st.sampled_from([Side.BUY, Side.SELL])
SOURCES = st.sampled_from(list(TriggerSource))
PRICE = st.integers(90, 110)


def waiting(number: int, side: Side, order_type: OrderType, **fields: Any) -> Order:
    """Return an order that waits for its trigger."""
    terms = fields.pop("terms")
    return Order(
        order_id=number,
        client_order_id=number,
        account=1,
        portfolio=1,
        symbol="ACME",
        side=side,
        order_type=order_type,
        time_in_force=TimeInForce.GTC,
        flags=0,
        quantity=1,
        state=OrderState.WORKING,
        terms=OrderTerms(**terms),
        **fields,
    )


@st.composite
def orders(draw: st.DrawFn, number: int) -> Order:
    """Draw a waiting order of any type."""
    side, source = draw(SIDES), draw(SOURCES)
    kind = draw(st.sampled_from([*TrailKind]))
    if kind == TrailKind.NONE:
        order_type = draw(
            st.sampled_from(
                [
                    OrderType.STOP,
                    OrderType.STOP_LIMIT,
                    OrderType.MARKET_IF_TOUCHED,
                    OrderType.LIMIT_IF_TOUCHED,
                ]
            )
        )
        return waiting(number, side, order_type, stop_price=draw(PRICE), terms={"source": source})
    trail = draw(st.integers(1, 12))
    mark = draw(PRICE)
    if kind == TrailKind.PERCENT:
        trail = trail * SCALE // 100
    order = waiting(
        number,
        side,
        OrderType.TRAILING_STOP,
        terms={"source": source, "trail_kind": kind, "trail": trail},
    )
    return with_mark(order, mark, 0)


MAYBE = PRICE | st.just(NULL)
QUOTES = st.lists(st.tuples(MAYBE, MAYBE, MAYBE), max_size=12)


@settings(max_examples=200, deadline=None)
@given(st.data(), st.integers(1, 8), QUOTES)
def test_it_agrees_with_looking_at_every_order(
    data: st.DataObject, count: int, quotes: list[tuple[int, int, int]]
) -> None:
    """After each quote: who is due, who would move, and where every trailing stop stands."""
    index, plain = Triggers(), {}
    for number in range(1, count + 1):
        order = data.draw(orders(number))
        index.add(order)
        plain[number] = order
    for at, (bid, ask, last) in enumerate(quotes, 1):
        prices = Prices(bid, ask, last)
        due = sorted(number for number, order in plain.items() if _due(order, prices))
        assert index.touched_by(prices) == bool(due)
        assert sorted(index.due(prices)) == due
        for number in due:
            order = plain.pop(number)
            index.remove(order)
        moved = {number: _moved(order, prices, at) for number, order in plain.items()}
        changes = any(moved[number] != plain[number] for number in plain)
        assert index.moved_by(prices, at) == changes
        index.move(prices, at)
        plain = moved
        assert sorted(index.order_ids()) == sorted(plain)
        for order in plain.values():
            if order.order_type == OrderType.TRAILING_STOP:
                assert order.terms is not None
                assert index.mark_of(order) == order.terms.mark
    for order in plain.values():
        index.remove(order)
    assert not index


def _due(order: Order, prices: Prices) -> bool:
    assert order.terms is not None
    return reaches(order, order.stop_price, prices.seen_by(order.side, order.terms.source))


def _moved(order: Order, prices: Prices, at: int) -> Order:
    if order.order_type != OrderType.TRAILING_STOP:
        return order
    assert order.terms is not None
    seen = prices.seen_by(order.side, order.terms.source)
    mark = better_mark(order.side, order.terms.mark, seen)
    return order if mark == order.terms.mark else with_mark(order, mark, at)


@pytest.mark.parametrize(
    ("side", "kind", "trail", "mark", "stop"),
    [
        (Side.SELL, TrailKind.AMOUNT, 5, 100, 95),
        (Side.BUY, TrailKind.AMOUNT, 5, 100, 105),
        (Side.SELL, TrailKind.PERCENT, SCALE // 10, 100, 90),
        (Side.BUY, TrailKind.PERCENT, SCALE // 10, 100, 110),
        (Side.SELL, TrailKind.AMOUNT, 500, 100, 1),
    ],
)
def test_where_a_trailing_stop_stands(
    side: Side, kind: TrailKind, trail: int, mark: int, stop: int
) -> None:
    """Below the best price for a sell, above it for a buy; never at nothing."""
    assert trailing_stop(side, kind, trail, mark) == stop


class CountedPrices(Prices):
    """Prices that count how often they are looked at."""

    looked = 0

    def seen_by(self, side: Side, source: TriggerSource) -> int:
        """Count, and answer."""
        type(self).looked += 1
        return super().seen_by(side, source)


def test_a_quote_that_reaches_nobody_looks_at_nobody() -> None:
    """With a thousand orders as with one, a constant number of looks."""
    looks = []
    for count in (1, 1000):
        index = Triggers()
        for number in range(1, count + 1):
            index.add(
                waiting(number, Side.SELL, OrderType.STOP, stop_price=number, terms={"source": 0})
            )
            trail = {"trail_kind": TrailKind.AMOUNT, "trail": number, "source": 0}
            order = waiting(count + number, Side.SELL, OrderType.TRAILING_STOP, terms=trail)
            index.add(with_mark(order, 5_000, 0))
        CountedPrices.looked = 0
        prices = CountedPrices(4_999, 5_001, 4_999 + 2)
        assert not index.touched_by(prices)
        assert not index.moved_by(Prices(5_000, 5_001, 5_000), 1)
        looks.append(CountedPrices.looked)
    assert looks[0] == looks[1]
