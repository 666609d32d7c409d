"""Orders: the life of an order as a table, and the order as a value."""

from __future__ import annotations

import itertools

import attrs
import pytest

from papertrader.core.money import NULL
from papertrader.core.orders import (
    IllegalTransitionError,
    Order,
    OrderEventKind,
    OrderState,
    OrderType,
    Side,
    TimeInForce,
    next_state,
)

LEGAL = """
PENDING           WORKING    WORKING           WORKING
PENDING           FILL       PARTIALLY_FILLED  FILLED
PENDING           CANCELLED  CANCELLED         CANCELLED
PENDING           EXPIRED    EXPIRED           EXPIRED
PENDING           REPLACED   REPLACED          REPLACED
PENDING           ADJUSTED   PENDING           PENDING
WORKING           FILL       PARTIALLY_FILLED  FILLED
WORKING           CANCELLED  CANCELLED         CANCELLED
WORKING           EXPIRED    EXPIRED           EXPIRED
WORKING           REPLACED   REPLACED          REPLACED
WORKING           ADJUSTED   WORKING           WORKING
PENDING           TRIGGERED  WORKING           WORKING
WORKING           TRIGGERED  WORKING           WORKING
HELD              ACTIVATED  PENDING           PENDING
HELD              CANCELLED  CANCELLED         CANCELLED
HELD              EXPIRED    EXPIRED           EXPIRED
HELD              REPLACED   REPLACED          REPLACED
HELD              ADJUSTED   HELD              HELD
PARTIALLY_FILLED  FILL       PARTIALLY_FILLED  FILLED
PARTIALLY_FILLED  CANCELLED  CANCELLED         CANCELLED
PARTIALLY_FILLED  EXPIRED    EXPIRED           EXPIRED
PARTIALLY_FILLED  REPLACED   REPLACED          REPLACED
PARTIALLY_FILLED  ADJUSTED   PARTIALLY_FILLED  PARTIALLY_FILLED
"""
"""State, event, state after it, state after it if the order is complete then."""

TABLE = {tuple(row.split()[:2]): tuple(row.split()[2:]) for row in LEGAL.strip().splitlines()}


@pytest.mark.clause("13.3")
@pytest.mark.parametrize(
    ("state", "kind"),
    list(itertools.product(OrderState, OrderEventKind)),
    ids=lambda each: each.name,
)
def test_every_pair_of_state_and_event(state: OrderState, kind: OrderEventKind) -> None:
    """A pair of the table leads where it says; any other raises. Finished orders never change."""
    expected = TABLE.get((state.name, kind.name))
    if expected is None:
        for complete in (False, True):
            with pytest.raises(IllegalTransitionError, match=state.name):
                next_state(state, kind, complete)
    else:
        assert next_state(state, kind).name == expected[0]
        assert next_state(state, kind, complete=True).name == expected[1]


def make_order() -> Order:
    """Return an order in which every field has a value of its own."""
    values = {field.name: 100 + number for number, field in enumerate(attrs.fields(Order))}
    chosen = {
        "symbol": "ACME",
        "side": Side.SELL,
        "order_type": OrderType.LIMIT,
        "time_in_force": TimeInForce.DAY,
        "state": OrderState.WORKING,
    }
    return Order(**(values | chosen))


def test_a_snapshot_is_an_equal_copy() -> None:
    """Every field is copied to its own place, and changing the copy leaves the order alone."""
    order = make_order()
    copy = order.snapshot()
    assert copy == order
    copy.filled += 1
    assert copy != order


def test_derived_figures() -> None:
    """The average is half-even over the fills; a market order is bound by its collar."""
    order = make_order()
    order.quantity, order.filled, order.notional_filled = 10, 0, 0
    assert order.avg_price == NULL
    order.filled, order.notional_filled = 2, 5
    assert order.avg_price == 2
    assert order.remaining == 8
    assert order.bound_price == order.limit_price
    order.order_type = OrderType.MARKET
    assert order.bound_price == order.collar_price
