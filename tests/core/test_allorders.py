"""All orders there ever were: those that are kept as rows are as good as those that are here."""

from __future__ import annotations

import pytest

from papertrader.core.allorders import Orders
from papertrader.core.money import SCALE
from papertrader.core.orders import Order, OrderState, OrderType, Side, TimeInForce
from papertrader.core.state import DeskState
from papertrader.core.statehash import state_hash
from tests.orders_as_rows import OrdersAsRows


def order_of(number: int, state: OrderState, symbol: str = "ACME") -> Order:
    """An order."""
    return Order(
        order_id=number,
        client_order_id=number + 100,
        account=1,
        portfolio=1,
        symbol=symbol,
        side=Side.BUY,
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.DAY,
        flags=0,
        quantity=SCALE,
        state=state,
    )


class CountingReader(OrdersAsRows):
    """Counts what it makes."""

    made = 0

    @classmethod
    def order(cls, row: tuple[Order]) -> Order:  # type: ignore[override]
        """Make one more."""
        cls.made += 1
        return OrdersAsRows.order(row)


@pytest.fixture(name="orders")
def fixture_orders() -> Orders:
    """Orders 1 and 3 are rows, 2 and 4 are here."""
    CountingReader.made = 0
    orders = Orders()
    for number in (1, 3):
        orders.keep(number, (order_of(number, OrderState.FILLED, "OLD"),), CountingReader())
    for number in (4, 2):
        orders[number] = order_of(number, OrderState.WORKING)
    return orders


def test_rows_are_orders(orders: Orders) -> None:
    """Found, counted and listed as the others."""
    assert len(orders) == 4
    assert sorted(orders) == [1, 2, 3, 4]
    assert [orders[number].order_id for number in (1, 2, 3, 4)] == [1, 2, 3, 4]
    assert orders.find(3) == order_of(3, OrderState.FILLED, "OLD")
    assert orders.find(4) is orders[4]
    assert 1 in orders
    assert 2 in orders
    assert {order.symbol for order in orders.values()} == {"OLD", "ACME"}


def test_what_never_was(orders: Orders) -> None:
    """No order of that number."""
    assert 5 not in orders
    assert orders.find(5) is None
    assert orders.get(5, 7) == 7
    with pytest.raises(KeyError):
        orders[5]
    with pytest.raises(KeyError):
        orders.standing(5)


def test_only_who_asks_makes_orders_of_rows(orders: Orders) -> None:
    """State and symbol, the open ones, how many there are: none is made for that."""
    assert orders.standing(1) == (OrderState.FILLED, "OLD")
    assert orders.standing(2) == (OrderState.WORKING, "ACME")
    assert [order.order_id for order in orders.here()] == [4, 2]
    kept = orders.kept_of(range(1, 9))
    assert len(kept) == len(orders)
    assert CountingReader.made == 0
    assert [orders.read(each).order_id for each in kept] == [1, 2, 3, 4]
    assert CountingReader.made == 2


def test_what_was_kept_stays_while_the_others_go_on(orders: Orders) -> None:
    """A thread reads it later."""
    kept = orders.kept_of([1, 2])
    orders[2] = order_of(2, OrderState.CANCELLED)
    assert orders.read(kept[1]).state == OrderState.WORKING
    assert orders[2].state == OrderState.CANCELLED


def test_what_has_ended_is_put_away(orders: Orders) -> None:
    """The first that ended first; all are told as before."""
    for number in (4, 2):
        orders[number] = order_of(number, OrderState.CANCELLED)
        orders.has_ended(number)
    before = dict(orders)
    assert orders.put_away(1, CountingReader()) == 1
    assert [order.order_id for order in orders.here()] == [2]
    assert orders.put_away(5, CountingReader()) == 0
    assert not list(orders.here())
    assert dict(orders) == before
    assert orders.put_away(5, CountingReader()) == 0


def test_the_hash_is_the_same_of_rows() -> None:
    """Plain or not, here or put away."""
    states = [DeskState(), DeskState()]
    for state in states:
        for number in (1, 2, 3):
            state.orders[number] = order_of(number, OrderState.FILLED)
            state.orders.has_ended(number)
        state.orders[2].tag = "mine"
        state.orders[3] = state.orders[3].with_terms(trail=5)
    assert states[1].orders.put_away(3, OrdersAsRows()) == 0
    assert state_hash(states[0]) == state_hash(states[1])
