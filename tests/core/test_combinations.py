"""Legs and the terms of their portfolio; what hangs on an order that is replaced."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from papertrader.core.events import Outcome
from papertrader.core.money import NULL, SCALE, parse_amount
from papertrader.core.orders import (
    Leg,
    LegRole,
    Order,
    OrderFlag,
    OrderState,
    OrderType,
    Replacement,
    Side,
    TimeInForce,
    TrailKind,
)
from papertrader.core.quotes import AssetFlag
from papertrader.core.refusals import Refusal
from papertrader.core.terms import AccountKind, FeeModelKind, PortfolioTerms


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


def test_legs_follow_a_parent_that_a_split_ends(floor: Any) -> None:
    """Of what it had filled, in new shares; with nothing filled they end, too."""
    partly = floor.order("10", "10", legs=(leg(LegRole.TAKE_PROFIT, "20"),))
    floor.quote("9", "10", ask_size="9")
    cheap = floor.order(
        "10", "0.01", legs=(attrs.evolve(leg(LegRole.OTO, "20"), client_order_id=2_000),)
    )
    waits = floor.desk.order_by_client_id(1, 2_000)
    floor.split(1, 2)
    assert floor.now_is(partly).reason == Refusal.BAD_LOT
    assert floor.desk.portfolio(1).quantity("ACME") == 4 * SCALE
    child = child_of(floor)
    assert (child.state, child.quantity) == (OrderState.PENDING, 4 * SCALE)
    assert floor.now_is(waits).state == OrderState.HELD
    floor.split(2, 1)
    assert floor.now_is(cheap).is_open
    floor.split(3, 1)
    assert floor.now_is(cheap).reason == Refusal.BAD_TICK
    assert floor.now_is(waits).reason == Refusal.COMBINATION_ENDED


def test_a_split_that_ends_one_of_a_pair_ends_the_other(floor: Any) -> None:
    """Nothing is sold that no order reserves."""
    floor.hold("10", "10")
    stop = attrs.evolve(
        leg(LegRole.OCO, "1"), order_type=OrderType.STOP, limit_price=NULL, stop_price=SCALE // 100
    )
    floor.order("10", "20", side=Side.SELL, legs=(stop,))
    floor.split(2, 1)
    assert {each.state for each in floor.desk.orders_of(portfolio=1)} == {
        OrderState.FILLED, OrderState.CANCELLED,
    }  # fmt: skip
    assert floor.desk.portfolio(1).reserved_quantity == {}


@pytest.mark.parametrize(("numerator", "denominator", "left"), [(1, 2, "4"), (3, 2, "14")])
def test_a_split_opens_no_more_than_there_is_margin_for(
    floor_class: Any, numerator: int, denominator: int, left: str
) -> None:
    """Of an order through zero each part is cut to whole lots: what it reserved was for that."""
    floor = floor_class(flags=AssetFlag.SHORTABLE)
    choose(floor, account_kind=AccountKind.MARGIN)
    floor.hold("3", "10")
    order = floor.order("10", "11", side=Side.SELL, flags=int(OrderFlag.ALLOW_FLIP))
    floor.split(numerator, denominator)
    now = floor.now_is(order)
    assert now.remaining == parse_amount(left)
    assert now.reserved_cash <= order.reserved_cash


@pytest.mark.parametrize("kind", [OrderType.LIMIT, OrderType.TRAILING_STOP])
def test_fees_that_a_split_made_higher_stop_nothing(floor: Any, kind: OrderType) -> None:
    """Twice the shares, twice the fees: what was reserved must do, or the order ends."""
    floor.quote("9", "10", last="10")
    choose(floor, fee_model=FeeModelKind.PER_SHARE, fee_rate=SCALE)
    if kind == OrderType.LIMIT:
        order = floor.order("100", "10")
    else:
        order = floor.order("100", order_type=kind, trail_kind=TrailKind.AMOUNT, trail=SCALE)
    floor.split(2, 1)
    for size in ("10", "150", "200"):
        floor.quote("5.90", "6", ask_size=size, last="6")
        floor.quote("4.90", "5", ask_size=size, last="5")
    now = floor.now_is(order)
    assert not now.is_open
    assert floor.desk.portfolio(1).cash >= 0


@pytest.mark.parametrize("short", ["10", "50"])
def test_money_that_buys_back_a_short_buys_no_more_than_there_is(
    floor_class: Any, short: str
) -> None:
    """Reckoned at its collar it buys ten back; at eight it could pay for thirteen."""
    floor = floor_class(flags=AssetFlag.SHORTABLE, lot=SCALE // 100)
    floor.quote("10", "10", last="10")
    choose(floor, account_kind=AccountKind.MARGIN)
    floor.order(short, side=Side.SELL_SHORT)
    floor.quote("10", "10", last="10")
    order = floor.order("104", flags=int(OrderFlag.NOTIONAL))
    assert order.reserved_quantity == 10 * SCALE
    left = int(short) - 10
    if left:
        floor.order(str(left), "5")
    floor.quote("8", "8", last="8")
    now = floor.now_is(order)
    assert (now.state, now.filled) == (OrderState.FILLED, 10 * SCALE)
    assert floor.desk.portfolio(1).quantity("ACME") == -left * SCALE


def test_a_leg_that_waits_is_not_moved_into_the_past(floor: Any) -> None:
    """A replaced leg needs time to live as any order does."""
    floor.quote("99", "100")
    until = floor.now + 1_000_000
    good = {"time_in_force": TimeInForce.GTD, "expire_at": until}
    exits = attrs.evolve(leg(LegRole.TAKE_PROFIT, "120"), time_in_force=TimeInForce.GTD)
    floor.order("5", "90", legs=(exits,), **good)
    child = child_of(floor)
    at = floor.now

    def moved(expire_at: int) -> Outcome:
        wish = Replacement(
            **floor.tick(),
            received_at=floor.now,
            market_at=floor.now,
            account=1,
            portfolio=1,
            order_id=child.order_id,
            client_order_id=floor.seq,
            expire_at=expire_at,
        )
        outcome: Outcome = floor.desk.replace(wish)
        floor.keep(outcome.events)
        return outcome

    assert moved(at).refusal == Refusal.DEADLINE_PASSED
    later = moved(until - 1)
    assert later.order is not None
    assert later.order.expire_at == until - 1
