"""Orders that the desk sends itself: what binds the owner of a portfolio does not bind them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import attrs
import pytest

from papertrader.core.carry import charge
from papertrader.core.money import SCALE
from papertrader.core.orders import OWN_ORDERS, Order, OrderFlag, OrderState, Replacement, Side
from papertrader.core.quotes import AssetFlag, AssetStatus
from papertrader.core.refusals import Refusal
from papertrader.core.rules import DeskRules
from papertrader.core.terms import AccountKind, PortfolioTerms
from papertrader.master.providers.base import load_calendars
from tests.golden import parse_instant

BEGIN = parse_instant("2012-01-03T15:00:00Z")
AFTER_CLOSE = parse_instant("2012-01-03T21:30:00Z")
DUE = parse_instant("2012-01-04T15:31:00Z")


def desk_of(floor: Any, **terms: Any) -> Any:
    """Let the floor's portfolio borrow, in 2012, with the calendars of then."""
    floor.now = BEGIN
    floor.desk.calendars.know_all(load_calendars())
    outcome = floor.desk.set_terms(
        **floor.tick(),
        account=1,
        portfolio=1,
        terms=PortfolioTerms(account_kind=AccountKind.MARGIN, **terms),
    )
    assert outcome.refusal is None
    floor.keep(outcome.events)
    return floor


def own_orders(floor: Any) -> list[Order]:
    """Return the orders that the desk has sent."""
    orders = floor.desk.orders_of(portfolio=1)
    return [order for order in orders if order.client_order_id > OWN_ORDERS]


def called(floor: Any, price: str) -> list[Order]:
    """Let the price fall, or rise, to where margin is called for; return what the desk sends."""
    floor.quote(price, price, last=price)
    floor.now = AFTER_CLOSE
    floor.keep(floor.desk.advance(**floor.tick(), market_at=AFTER_CLOSE))
    assert floor.desk.portfolio(1).purse.called_at
    floor.now = DUE
    floor.keep(floor.desk.advance(**floor.tick(), market_at=DUE))
    return own_orders(floor)


def test_what_must_be_held_is_liquidated_all_the_same(floor: Any) -> None:
    """The owner may not sell for ten years; the desk sells for the margin call, and it fills."""
    desk_of(floor, hold_seconds=315_000_000)
    floor.hold("180", "100")
    assert floor.submit("1", side=Side.SELL).refusal == Refusal.TERMS_FORBID
    (order,) = called(floor, "60")
    assert (order.side, order.symbol) == (Side.SELL, "ACME")
    floor.quote("60", "60")
    assert floor.now_is(order).state == OrderState.FILLED


def test_a_freeze_holds_up_no_liquidation(floor: Any) -> None:
    """Or its owner would only have to freeze the portfolio."""
    desk_of(floor)
    floor.hold("180", "100")
    outcome = floor.desk.freeze_portfolio(**floor.tick(), account=1, portfolio=1, frozen=True)
    floor.keep(outcome.events)
    assert floor.submit("1", side=Side.SELL).refusal == Refusal.PORTFOLIO_FROZEN
    assert len(called(floor, "60")) == 1


@pytest.mark.parametrize(
    ("rules", "asset"),
    [
        (DeskRules(quantity_max=50 * SCALE), {}),
        (DeskRules(), {"quantity_max": 50 * SCALE}),
        (DeskRules(open_orders_max=1), {}),
        (DeskRules(open_orders_symbol_max=1), {}),
    ],
)
def test_bounds_of_orders_are_none_of_the_desks(
    floor_class: Any, rules: DeskRules, asset: dict[str, Any]
) -> None:
    """A position of many orders is closed by one, though another portfolio fills up the room."""
    floor = desk_of(floor_class(rules=rules, **asset))
    floor.open(1, 2)
    for _ in range(6):
        floor.hold("30", "100")
    floor.order("1", "1", portfolio=2)
    (order,) = called(floor, "50")
    assert order.quantity > 50 * SCALE
    floor.quote("50", "50")
    assert floor.now_is(order).state == OrderState.FILLED


def test_a_short_is_bought_back_where_only_closing_is_allowed(floor_class: Any) -> None:
    """CLOSE_ONLY refuses what the owner opens; a halt refuses the desk as well, until it ends."""
    floor = desk_of(floor_class(flags=AssetFlag.SHORTABLE))
    floor.order("90", "100", side=Side.SELL_SHORT)
    floor.quote("100", "100")
    floor.desk.list_asset(attrs.evolve(floor.asset, status=AssetStatus.CLOSE_ONLY))
    assert floor.submit("1", side=Side.SELL).refusal == Refusal.SYMBOL_HALTED
    (order,) = called(floor, "180")
    assert order.side == Side.BUY


def test_a_halt_stops_a_liquidation_until_the_next_call(floor: Any) -> None:
    """No order waits for what may never trade again; the call stands."""
    desk_of(floor)
    floor.hold("180", "100")
    floor.quote("60", "60")
    floor.desk.list_asset(attrs.evolve(floor.asset, status=AssetStatus.HALTED))
    assert called(floor, "60") == []
    assert floor.desk.portfolio(1).purse.due_at > DUE


@pytest.fixture
def liquidated(floor: Any) -> Order:
    """An order of the desk's own that waits for its quote."""
    desk_of(floor)
    floor.hold("180", "100")
    (order,) = called(floor, "60")
    return order


def replace(floor: Any, order: Order) -> Any:
    """Try to make a limit order of it that never fills."""
    return floor.desk.replace(
        Replacement(
            **floor.tick(), received_at=floor.now, market_at=floor.now, account=1, portfolio=1,
            order_id=order.order_id, client_order_id=900, quantity=SCALE,
        )
    )  # fmt: skip


def close(floor: Any, order: Order) -> Any:
    """Close the position, which would cancel the order first."""
    return floor.desk.close(
        **floor.tick(), received_at=floor.now, market_at=floor.now, account=1, portfolio=1,
        client_order_id=900, symbol=order.symbol,
    )  # fmt: skip


def cancel(floor: Any, order: Order) -> Any:
    """Cancel it."""
    return floor.cancel(order.order_id)


@pytest.mark.parametrize("how", [cancel, replace, close])
def test_a_liquidation_is_not_its_owners_to_end(floor: Any, liquidated: Order, how: Any) -> None:
    """Or the call could be put off for a session, again and again."""
    outcome = how(floor, liquidated)
    assert outcome.refusal == Refusal.INSUFFICIENT_MARGIN
    assert f"Order {liquidated.order_id} carries out a margin call in ACME" in outcome.text
    floor.keep(outcome.events)
    floor.quote("60", "60")
    assert floor.now_is(liquidated).state == OrderState.FILLED


def test_what_ends_all_orders_leaves_a_liquidation(floor: Any, liquidated: Order) -> None:
    """The owner's own orders end."""
    others = [floor.order("1", "200", side=Side.SELL) for _ in range(2)]
    floor.keep(floor.desk.cancel_all(**floor.tick(), account=1, portfolio=1).events)
    others.append(floor.order("1", "200", side=Side.SELL))
    outcome = floor.desk.freeze_portfolio(**floor.tick(), account=1, portfolio=1, frozen=True)
    floor.keep(outcome.events)
    assert [floor.now_is(order).state for order in others] == [OrderState.CANCELLED] * 3
    assert floor.now_is(liquidated).is_open
    floor.quote("60", "60")
    assert floor.now_is(liquidated).state == OrderState.FILLED


def test_a_call_ends_with_the_credit(floor: Any) -> None:
    """Who sells everything, and trades on in cash only, is under a call no more."""
    desk_of(floor)
    floor.hold("180", "100")
    floor.quote("60", "60", last="60")
    floor.now = AFTER_CLOSE
    floor.keep(floor.desk.advance(**floor.tick(), market_at=AFTER_CLOSE))
    floor.order("180", side=Side.SELL)
    floor.quote("60", "60", last="60")
    owner = floor.desk.portfolio(1)
    assert owner.cash > 0
    assert owner.purse.called_at
    changed = floor.desk.set_terms(**floor.tick(), account=1, portfolio=1, terms=PortfolioTerms())
    assert changed.refusal is None
    floor.keep(changed.events)
    purse = floor.desk.portfolio(1).purse
    assert (purse.called_at, purse.due_at, purse.shortfall) == (0, 0, 0)
    assert floor.recovered().state_hash() == floor.desk.state_hash()


def test_a_charge_is_rounded_once() -> None:
    """A hair below a cent and a half is a cent, not two."""
    below = Fraction(3, 200) - Fraction(1, 10**10)
    amount = int(below * SCALE * 360 * 10_000 / 800)
    exact = Fraction(amount * 800, 360 * 10_000 * SCALE)
    assert Fraction(3, 200) - Fraction(1, 10**8) < exact < Fraction(3, 200)
    assert charge(amount, 800, 1) == SCALE // 100


@pytest.mark.parametrize("how", ["order", "close"])
def test_a_short_of_what_may_only_be_closed_is_bought_back(floor_class: Any, how: str) -> None:
    """By an order or a close; no more is sold short, and nothing is bought beyond what is owed."""
    floor = desk_of(floor_class(flags=AssetFlag.SHORTABLE))
    floor.quote("100", "100")
    floor.order("20", side=Side.SELL_SHORT)
    floor.quote("100", "100")
    floor.desk.list_asset(attrs.evolve(floor.asset, status=AssetStatus.CLOSE_ONLY))
    assert floor.submit("1", side=Side.SELL).refusal == Refusal.SYMBOL_HALTED
    through = floor.submit("21", flags=int(OrderFlag.ALLOW_FLIP))
    assert through.refusal == Refusal.SYMBOL_HALTED
    assert floor.submit("21").refusal == Refusal.INSUFFICIENT_POSITION
    if how == "order":
        floor.order("20")
    else:
        tick = floor.tick()
        outcome = floor.desk.close(
            **tick, received_at=floor.now, market_at=floor.now, account=1, portfolio=1,
            client_order_id=floor.seq,
        )  # fmt: skip
        assert outcome.refusal is None
        floor.keep(outcome.events)
    floor.quote("100", "100")
    assert floor.desk.portfolio(1).quantity("ACME") == 0
