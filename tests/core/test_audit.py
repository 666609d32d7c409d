"""Audit: each invariant is found when it is broken on purpose, and the hash covers everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from papertrader.core.audit import (
    ENCODED_TOGETHER,
    OrderEncodings,
    encoded,
    encoded_order,
    state_hash,
    state_hash_later,
)
from papertrader.core.ledger import ROUNDING, Entry
from papertrader.core.money import parse_amount
from papertrader.core.orders import Order, OrderState, OrderTerms, Side
from papertrader.core.portfolio import Position
from papertrader.core.state import DeskState

m = parse_amount


@pytest.fixture
def state(floor: Any) -> DeskState:
    """Give a state with a position, a done order (1), an open buy (2) and an open sell (3)."""
    floor.hold("10", "100")
    floor.order("5", "90")
    floor.order("4", "120", side=Side.SELL)
    result: DeskState = floor.desk.state
    return result


def set_portfolio(name: str, value: int) -> Callable[[DeskState], None]:
    """Return the damage of one field of the portfolio set to ``value``."""
    return lambda state: setattr(state.portfolios[1], name, value)


def set_order(number: int, name: str, value: int) -> Callable[[DeskState], None]:
    """Return the damage of one field of an order set to ``value``."""
    return lambda state: setattr(state.orders[number], name, value)


def unbalance(state: DeskState) -> None:
    """Add to one account only."""
    state.ledger.restore(ROUNDING, "$USD", -1)


def favor_users(state: DeskState) -> None:
    """Let rounding pay."""
    cash = state.portfolios[1].cash_account
    state.ledger.post([Entry(ROUNDING, "$USD", -1), Entry(cash, "$USD", 1)])


def lose_a_lot(state: DeskState) -> None:
    """Forget the lots of a position."""
    state.portfolios[1].positions["ACME"].lots = ()


def cost_of_nothing(state: DeskState) -> None:
    """Let a flat position have a cost."""
    state.portfolios[1].positions["FLAT"] = Position("FLAT", cost_basis=1)


def shares_from_nowhere(state: DeskState) -> None:
    """Hold one more than was posted."""
    state.portfolios[1].positions["ACME"].quantity += 1


def promise_too_much(state: DeskState) -> None:
    """Reserve more shares than are held."""
    state.portfolios[1].reserved_quantity["ACME"] = m("11")


DAMAGES: dict[str, tuple[Callable[[DeskState], None], str]] = {
    "unbalanced": (unbalance, "I-02"),
    "rounding pays": (favor_users, "favored the users"),
    "cash": (set_portfolio("cash", m("9001")), "I-03: portfolio 1 has .* in cash"),
    "reserved below 0": (set_portfolio("reserved_cash", -1), "I-04"),
    "reserved beyond cash": (set_portfolio("reserved_cash", m("9001")), "I-04"),
    "reservation": (set_portfolio("reserved_cash", 0), "I-05"),
    "shares": (shares_from_nowhere, "I-03: portfolio 1 holds .* entries"),
    "promised shares": (promise_too_much, "I-04: portfolio 1 holds .* reserves more"),
    "lots": (lose_a_lot, "I-03: .* its lots sum to 0"),
    "profit": (set_portfolio("realized", 1), "I-14"),
    "cost of nothing": (cost_of_nothing, "I-14: portfolio 1 holds no FLAT"),
    "overfilled": (set_order(2, "filled", m("6")), "I-06: order 2 has filled"),
    "done but not filled": (set_order(1, "filled", 0), "I-06: order 1 is FILLED with"),
    "done but reserving": (set_order(1, "reserved_quantity", 1), "I-06: .* still reserves"),
    "open but not in the book": (set_order(1, "state", OrderState.WORKING), "the book of ACME"),
}


@pytest.mark.parametrize(("damage", "text"), DAMAGES.values(), ids=DAMAGES)
def test_each_damage_is_found(
    state: DeskState, floor: Any, damage: Callable[[DeskState], None], text: str
) -> None:
    """Books in order give no violation; each damage gives the one that names it."""
    assert floor.desk.check_invariants() == []
    damage(state)
    found = "\n".join(floor.desk.check_invariants())
    assert pytest.raises(AssertionError, match=text).matches(AssertionError(found)), found


def test_wrong_counters_are_found(state: DeskState, floor: Any) -> None:
    """The open orders of an account are counted again."""
    state.accounts[1].open_orders += 1
    assert floor.desk.check_invariants() == ["account 1 counts 3 open orders wrongly"]


def test_the_hash_covers_every_field(state: DeskState, floor: Any) -> None:
    """Any field of any row changes the hash; quotes and assets do not."""
    start = floor.desk.state_hash()
    floor.desk.note_quote(floor.quote_of("1", "2"))
    assert floor.desk.state_hash() == start
    seen = {start}
    for row in (state.accounts[1], state.portfolios[1], state.orders[2]):
        for name in type(row).__slots__:
            value = getattr(row, name, None)
            if isinstance(value, int):
                setattr(row, name, value + 1)
                seen.add(floor.desk.state_hash())
                setattr(row, name, value)
    numbers = sum(
        isinstance(getattr(row, name, None), int)
        for row in (state.accounts[1], state.portfolios[1], state.orders[2])
        for name in type(row).__slots__
    )
    assert len(seen) == numbers + 1
    assert floor.desk.state_hash() == start


@pytest.mark.parametrize("terms", [None, OrderTerms(parent=7)])
def test_an_order_is_encoded_by_its_declaration(state: DeskState, terms: OrderTerms | None) -> None:
    """The short way of plain orders gives the octets of the long one, and leaves no field out."""
    order = attrs.evolve(next(iter(state.orders.values())), terms=terms, notional_filled=2**70)
    assert encoded_order(order) == encoded(order)
    for field in attrs.fields(Order):
        if isinstance(getattr(order, field.name), int):
            other = attrs.evolve(order, **{field.name: getattr(order, field.name) + 1})
            assert encoded_order(other) == encoded(other) != encoded_order(order)


def test_remembered_encodings_give_the_same_hash(state: DeskState) -> None:
    """Whole pieces of ended orders are kept; what has changed since is seen all the same."""
    ended, opened = state.orders[1], state.orders[2]
    assert opened.is_open and not ended.is_open
    for number in range(1_000, 1_000 + 3 * ENCODED_TOGETHER):
        state.orders[number] = attrs.evolve(ended, order_id=number)
    encodings = OrderEncodings()
    for changed in (2, 5_000, 5_001):
        state.orders[changed] = attrs.evolve(opened, order_id=changed, fees=changed)
        assert state_hash_later(state, encodings)() == state_hash(state)
    later = state_hash_later(state, encodings)
    before = state_hash(state)
    state.orders[5_000] = attrs.evolve(opened, order_id=5_000, fees=9)
    assert later() == before != state_hash(state)
