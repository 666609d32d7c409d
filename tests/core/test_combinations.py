"""Legs and the terms of their portfolio; what hangs on an order that is replaced."""

from __future__ import annotations

from typing import Any

import pytest

from papertrader.core.events import Outcome
from papertrader.core.money import SCALE, parse_amount
from papertrader.core.orders import (
    Leg,
    LegRole,
    Order,
    OrderState,
    OrderType,
    Replacement,
    Side,
    TimeInForce,
)
from papertrader.core.refusals import Refusal
from papertrader.core.terms import AccountKind, PortfolioTerms


def leg(role: LegRole, limit: str, side: Side | None = None) -> Leg:
    """Return a leg with a limit."""
    return Leg(
        role=role,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        client_order_id=1_000,
        side=side,
        limit_price=parse_amount(limit),
    )


def choose(floor: Any, **terms: Any) -> None:
    """Give the floor's portfolio terms of its own."""
    outcome = floor.desk.set_terms(
        **floor.tick(), account=1, portfolio=1, terms=PortfolioTerms(**terms)
    )
    assert outcome.refusal is None
    floor.keep(outcome.events)


def replaced(floor: Any, order: Order, limit: str, quantity: str = "") -> Outcome:
    """Replace an order."""
    outcome: Outcome = floor.desk.replace(
        Replacement(
            **floor.tick(),
            received_at=floor.now,
            market_at=floor.now,
            account=1,
            portfolio=1,
            order_id=order.order_id,
            client_order_id=floor.seq,
            limit_price=parse_amount(limit),
            quantity=parse_amount(quantity) if quantity else 0,
        )
    )
    floor.keep(outcome.events)
    return outcome


def child_of(floor: Any) -> Order:
    """Return the only leg."""
    (found,) = [each for each in floor.desk.orders_of(portfolio=1) if each.client_order_id == 1_000]
    return found


@pytest.mark.parametrize(("total", "last"), [("", "50"), ("70", "60")])
def test_a_leg_is_for_all_that_orders_in_a_row_have_filled(
    floor: Any, total: str, last: str
) -> None:
    """Each order of the row fills a part and is replaced; the take profit is for all the parts."""
    first = floor.order("100", "10", legs=(leg(LegRole.TAKE_PROFIT, "20"),))
    floor.quote("9", "10", ask_size="40")
    second = replaced(floor, first, "11").order
    floor.quote("9", "11", ask_size="10")
    replaced(floor, second, "12", total)
    floor.quote("9", "12", ask_size=last)
    child = child_of(floor)
    held = floor.desk.portfolio(1).quantity("ACME")
    assert held == (50 + int(last)) * SCALE
    assert (child.state, child.quantity) == (OrderState.PENDING, held)


@pytest.mark.parametrize("kind", [AccountKind.CASH, AccountKind.MARGIN])
def test_an_order_that_is_replaced_counts_once_in_the_leverage(
    floor: Any, kind: AccountKind
) -> None:
    """What the old one asked for is there for the new one, and no more than that."""
    floor.quote("99", "100", last="100")
    choose(floor, account_kind=kind, leverage=10_000)
    first = floor.order("80", "100")
    assert replaced(floor, first, "99").refusal is None
    floor.order("10", "100")
    second = floor.now_is(floor.desk.order(first.order_id + 1))
    refused = replaced(floor, second, "99", "95")
    assert refused.refusal in (Refusal.TERMS_FORBID, Refusal.INSUFFICIENT_CASH)


def test_a_leg_may_open_no_more_than_the_terms_allow(floor: Any) -> None:
    """It is asked when its time comes, with what is held by then."""
    floor.quote("100", "100", last="100")
    choose(floor, position_cap=1_000)
    floor.order("10", "100", legs=(leg(LegRole.OTO, "101", Side.BUY),))
    floor.quote("100", "100", last="100")
    child = child_of(floor)
    assert (child.state, child.reason) == (OrderState.CANCELLED, Refusal.TERMS_FORBID)


def test_a_leg_closes_nothing_before_it_was_held_for_long_enough(floor: Any) -> None:
    """A bracket is no way around the least time."""
    floor.quote("10", "10", last="10")
    choose(floor, hold_seconds=3_600)
    floor.order("10", "10", legs=(leg(LegRole.TAKE_PROFIT, "1"),))
    floor.quote("10", "10", last="10")
    child = child_of(floor)
    assert (child.state, child.reason) == (OrderState.CANCELLED, Refusal.TERMS_FORBID)
    assert floor.desk.portfolio(1).quantity("ACME") == 10 * SCALE


def test_the_partner_of_an_oco_order_keeps_to_the_terms(floor: Any) -> None:
    """Where no price is known, an order is reckoned at its own."""
    choose(floor, price_minimum=5 * SCALE)
    refused = floor.submit("1", "6", legs=(leg(LegRole.OCO, "4"),))
    assert refused.refusal == Refusal.TERMS_FORBID
    assert floor.submit("1", "6", legs=(leg(LegRole.OCO, "5"),)).refusal is None


def test_a_position_that_cannot_be_closed_keeps_its_orders(floor: Any) -> None:
    """Clause 13.28: it is left as it is."""
    floor.quote("10", "10", last="10")
    choose(floor, hold_seconds=3_600)
    floor.order("10", "10")
    floor.quote("10", "10", last="10")
    resting = floor.order("1", "5")
    outcome = floor.desk.close(
        **floor.tick(),
        received_at=floor.now,
        market_at=floor.now,
        account=1,
        portfolio=1,
        client_order_id=2_000,
        symbol="ACME",
    )
    floor.keep(outcome.events)
    assert outcome.refusal == Refusal.TERMS_FORBID
    assert floor.now_is(resting).is_open
