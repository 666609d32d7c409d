"""Orders that the desk sends itself: what binds the owner of a portfolio does not bind them."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from papertrader.core.carry import OWN_ORDERS
from papertrader.core.money import SCALE
from papertrader.core.orders import Order, OrderState, Side
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


def test_a_short_is_bought_back_where_only_sales_are_allowed(floor_class: Any) -> None:
    """CLOSE_ONLY refuses what the owner buys; a halt refuses the desk as well, until it ends."""
    floor = desk_of(floor_class(flags=AssetFlag.SHORTABLE))
    floor.order("90", "100", side=Side.SELL_SHORT)
    floor.quote("100", "100")
    floor.desk.list_asset(attrs.evolve(floor.asset, status=AssetStatus.CLOSE_ONLY))
    assert floor.submit("1").refusal == Refusal.SYMBOL_HALTED
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
