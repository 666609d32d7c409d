"""The book: orders take turns by price and time."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from papertrader.core.book import Book
from papertrader.core.money import NULL
from papertrader.core.orders import Order, OrderState, OrderType, Side, TimeInForce


def order(number: int, side: Side, limit: int, stamp: int, state: OrderState) -> Order:
    """Return an order; a limit of 0 makes it a market order."""
    return Order(
        order_id=number,
        client_order_id=number,
        account=1,
        portfolio=1,
        symbol="ACME",
        side=side,
        order_type=OrderType.LIMIT if limit else OrderType.MARKET,
        time_in_force=TimeInForce.GTC,
        flags=0,
        quantity=1,
        limit_price=limit or NULL,
        received_at=stamp,
        sequence=number,
        state=state,
    )


def turn(each: Order) -> tuple[int, int, int]:
    """Rank by the rule as it is told: market first, then the better limit, then time."""
    if each.order_type == OrderType.MARKET:
        price = -(10**9)
    else:
        price = -each.limit_price if each.side == Side.BUY else each.limit_price
    return price, each.received_at, each.sequence


ORDERS = st.lists(
    st.tuples(
        st.sampled_from([Side.BUY, Side.SELL]),
        st.integers(0, 6),
        st.integers(1, 4),
        st.sampled_from([OrderState.PENDING, OrderState.WORKING]),
    ),
    max_size=20,
)


@settings(deadline=None)
@given(ORDERS, st.integers(1, 6), st.data())
def test_candidates_come_in_their_turn(
    rows: list[tuple[Side, int, int, OrderState]], price: int, data: st.DataObject
) -> None:
    """Exactly the orders that may trade at a price are given, best first, and may be taken out."""
    orders = {number: order(number, *row) for number, row in enumerate(rows, 1)}
    book = Book()
    for each in orders.values():
        book.add(each)
    gone = data.draw(st.sets(st.sampled_from(sorted(orders)))) if orders else set()
    for number in gone:
        book.remove(orders.pop(number))
    assert book.order_ids() == sorted(orders)
    assert sorted(book.pending) == [
        number for number in sorted(orders) if orders[number].state == OrderState.PENDING
    ]
    for side, sign in ((Side.BUY, 1), (Side.SELL, -1)):
        expected = [
            each.order_id
            for each in sorted(orders.values(), key=turn)
            if each.side == side
            and (each.order_type == OrderType.MARKET or each.limit_price * sign >= price * sign)
        ]
        assert book.touches(side, price) == bool(expected)
        assert not book.touches(side, NULL)
        given_ids = []
        for number in book.candidates(side, price):
            given_ids.append(number)
            if number % 2:
                book.remove(orders[number])
        assert given_ids == expected
