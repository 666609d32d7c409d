"""Audit: each invariant is found when it is broken on purpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from papertrader.core.ledger import ROUNDING, Entry
from papertrader.core.money import parse_amount
from papertrader.core.orders import OrderState
from papertrader.core.portfolio import Position
from papertrader.core.state import DeskState

m = parse_amount


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
