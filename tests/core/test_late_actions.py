"""Actions that are heard of late: what was bought, and sent, since their time is not theirs."""

from __future__ import annotations

from typing import Any

import pytest

from papertrader.core.equity import Fold
from papertrader.core.events import TransactionPosted
from papertrader.core.instants import DAY, SECOND
from papertrader.core.ledger import TransactionKind
from papertrader.core.money import SCALE, parse_amount
from papertrader.core.orders import (
    Leg,
    LegRole,
    OrderFlag,
    OrderState,
    OrderType,
    Replacement,
    Side,
    TimeInForce,
)
from papertrader.core.quotes import ActionKind, AssetFlag, CorporateAction
from papertrader.core.refusals import Refusal
from papertrader.core.terms import AccountKind, PortfolioTerms
from tests.golden import parse_instant

m = parse_amount


def act(floor: Any, kind: ActionKind, at: int, **fields: Any) -> list[Any]:
    """Apply an action of ``at`` late, and see that the events alone lead to the same."""
    action = CorporateAction(symbol="ACME", kind=kind, at=at, **fields)
    events = floor.keep(floor.desk.act(**floor.tick(), action=action, late=True))
    assert floor.recovered().state_hash() == floor.desk.state_hash()
    return list(events)


def split(floor: Any, at: int, numerator: int, denominator: int) -> list[Any]:
    """Split ACME late."""
    return act(floor, ActionKind.SPLIT, at, numerator=numerator, denominator=denominator)


def position(floor: Any) -> Any:
    """What portfolio 1 holds."""
    return floor.desk.portfolio(1).positions["ACME"]


def pause(floor: Any) -> int:
    """Return an instant after all that was, and before all that is to come."""
    floor.now += 100
    return int(floor.now - 50)


def test_shares_bought_since_are_not_split(floor: Any) -> None:
    """Ten at 100 from before become twenty; ten at 50 from after stay ten. Money stays."""
    floor.hold("10", "100")
    at = pause(floor)
    floor.hold("10", "50")
    split(floor, at, 2, 1)
    held = position(floor)
    assert (held.quantity, held.cost_basis) == (m("30"), m("1500"))
    assert [(lot.quantity, lot.price) for lot in held.lots] == [
        (m("20"), m("50")),
        (m("10"), m("50")),
    ]


def test_who_bought_only_since_has_nothing_posted(floor: Any) -> None:
    """And keeps orders and the newest quote as they are."""
    at = pause(floor)
    floor.hold("10", "50")
    sell = floor.order("10", "60", side=Side.SELL)
    (applied,) = split(floor, at, 2, 1)
    assert applied.action.kind == ActionKind.SPLIT
    assert floor.now_is(sell) == sell
    assert position(floor).quantity == m("10")
    assert floor.desk.last_quote("ACME").bid == m("50")


def test_a_fraction_is_paid_at_the_price_that_is_known(floor: Any) -> None:
    """3 for 2 of seven: half a share at the new price; its cost is of the average of all."""
    floor.hold("7", "30")
    at = pause(floor)
    floor.hold("5", "20")
    floor.quote("21", "22", last="22")
    _, posted = split(floor, at, 3, 2)
    assert (posted.transaction.quantity, posted.transaction.price) == (m("3"), m("22"))
    assert posted.transaction.amount == m("11")
    # 310 paid for 15.5 new shares: half of one cost 10.
    assert posted.transaction.realized == m("1")
    assert (position(floor).quantity, position(floor).cost_basis) == (m("15"), m("300"))


def test_a_quote_from_before_counts_as_one(floor: Any) -> None:
    """Nothing was seen since: the price is divided, as at an action in time."""
    floor.hold("7", "30")
    floor.quote("32", "33", last="33")
    _, posted = split(floor, pause(floor), 3, 2)
    assert (posted.transaction.price, posted.transaction.amount) == (m("22"), m("11"))
    assert floor.desk.last_quote("ACME").last == m("22")


def test_a_short_is_split_as_a_long(floor_class: Any) -> None:
    """What was sold short since stays."""
    floor = floor_class(flags=AssetFlag.SHORTABLE)
    margin(floor)
    floor.order("10", "40", side=Side.SELL_SHORT)
    floor.quote("40", "40")
    at = pause(floor)
    floor.order("10", "4", side=Side.SELL_SHORT)
    floor.quote("4", "4")
    split(floor, at, 10, 1)
    assert position(floor).quantity == m("-110")


def margin(floor: Any) -> None:
    """Let portfolio 1 borrow."""
    terms = PortfolioTerms(account_kind=AccountKind.MARGIN)
    floor.keep(floor.desk.set_terms(**floor.tick(), account=1, portfolio=1, terms=terms).events)


def test_a_late_dividend_is_for_who_held_before(floor: Any) -> None:
    """Ten of twenty shares were held at the close before."""
    floor.hold("10", "100")
    at = pause(floor)
    floor.hold("10", "100")
    _, posted = act(floor, ActionKind.CASH_DIVIDEND, at, amount=SCALE)
    assert (posted.transaction.quantity, posted.transaction.amount) == (m("10"), m("10"))


def test_orders_from_before_are_split_and_others_are_not(floor: Any) -> None:
    """By when each was sent."""
    floor.hold("10", "100")
    old = floor.order("4", "120", side=Side.SELL)
    at = pause(floor)
    new = floor.order("3", "60", side=Side.SELL)
    split(floor, at, 2, 1)
    now = floor.now_is(old)
    assert (now.quantity, now.limit_price, now.reserved_quantity) == (m("8"), m("60"), m("8"))
    assert floor.now_is(new) == new
    assert position(floor).quantity == m("20")


def test_an_order_of_the_very_time_of_a_late_split_is_of_after_it(floor: Any) -> None:
    """From then on prices are of new shares; a moment earlier they were of old ones."""
    floor.hold("10", "100")
    order = floor.order("4", "120", side=Side.SELL)
    split(floor, order.accepted_at, 2, 1)
    assert floor.now_is(order) == order
    split(floor, order.accepted_at + 1, 3, 1)
    assert floor.now_is(order).quantity == m("12")


def test_orders_for_more_than_there_is_are_cancelled_the_newest_first(floor: Any) -> None:
    """Ten became one: whoever sold nine since, not knowing, sells nothing."""
    floor.hold("20", "10")
    at = pause(floor)
    first = floor.order("2", "110", side=Side.SELL)
    second = floor.order("9", "110", side=Side.SELL)
    split(floor, at, 1, 10)
    assert position(floor).quantity == m("2")
    assert floor.now_is(first).is_open
    now = floor.now_is(second)
    assert (now.state, now.reason) == (OrderState.CANCELLED, Refusal.INSUFFICIENT_POSITION)


def test_an_order_through_zero_that_no_longer_gets_there_is_cancelled(floor_class: Any) -> None:
    """It was to close ten and open five; of twenty it would close fifteen, reserved for ten."""
    floor = floor_class(flags=AssetFlag.SHORTABLE)
    margin(floor)
    floor.hold("10", "50")
    at = pause(floor)
    floor.quote("25", "25")
    through = floor.order("15", "30", side=Side.SELL, flags=OrderFlag.ALLOW_FLIP)
    assert through.reserved_cash > 0
    split(floor, at, 2, 1)
    assert floor.now_is(through).reason == Refusal.INSUFFICIENT_POSITION
    sale = floor.order("20", "30", side=Side.SELL)
    assert sale.reserved_quantity == m("20")


def exits() -> tuple[Leg, ...]:
    """A take profit and a stop loss."""
    gains = {"order_type": OrderType.LIMIT, "limit_price": m("120")}
    stops = {"order_type": OrderType.STOP, "stop_price": m("80")}
    legs = ((LegRole.TAKE_PROFIT, 900, gains), (LegRole.STOP_LOSS, 901, stops))
    return tuple(
        Leg(role=role, client_order_id=number, time_in_force=TimeInForce.GTC, **fields)
        for role, number, fields in legs
    )


@pytest.mark.parametrize("filled", [False, True])
def test_a_combination_is_on_one_side_of_a_split(floor: Any, filled: bool) -> None:
    """If one of its orders was replaced since, and others were not, its exits are cancelled."""
    parent = floor.order("4", "100", legs=exits())
    if filled:
        floor.quote("100", "100")
    legs = [floor.desk.order_by_client_id(1, number) for number in (900, 901)]
    at = pause(floor)
    replaced = legs[0] if filled else parent
    tick = floor.tick()
    outcome = floor.desk.replace(
        Replacement(
            **tick, received_at=floor.now, market_at=floor.now, account=1, portfolio=1,
            order_id=replaced.order_id, client_order_id=tick["seq"], limit_price=m("60"),
        )
    )  # fmt: skip
    assert outcome.refusal is None
    floor.keep(outcome.events)
    split(floor, at, 2, 1)
    assert not floor.now_is(legs[1]).is_open
    assert floor.now_is(outcome.order).is_open == (not filled)
    assert floor.now_is(outcome.order).quantity == m("4")


@pytest.mark.parametrize("others", ["0", "6"])
def test_exits_from_before_of_what_was_bought_since(floor: Any, others: str) -> None:
    """Their parent filled at new prices: doubled, they would sell what it never bought.

    Their prices are of before, and follow the split; whether other shares are held is no matter.
    """
    if m(others):
        floor.hold(others, "100")
    floor.order("4", "100", legs=exits())
    at = pause(floor)
    floor.quote("100", "100")
    gains, stops = (floor.desk.order_by_client_id(1, number) for number in (900, 901))
    split(floor, at, 2, 1)
    assert position(floor).quantity == 2 * m(others) + m("4")
    now = floor.now_is(gains)
    assert (now.quantity, now.limit_price, now.reserved_quantity) == (m("4"), m("60"), m("4"))
    now = floor.now_is(stops)
    assert (now.quantity, now.stop_price, now.reserved_quantity) == (m("4"), m("40"), 0)
    floor.quote("60", "60")
    assert [floor.now_is(each).state for each in (gains, stops)] == [
        OrderState.FILLED, OrderState.CANCELLED
    ]  # fmt: skip
    assert position(floor).quantity == 2 * m(others)


def test_an_exit_of_what_was_bought_on_both_sides_is_cancelled_where_it_is_too_much(
    floor: Any,
) -> None:
    """Two before and two since: nobody knows any more, and of the first ones nothing is left."""
    floor.order("4", "100", legs=exits()[:1])
    floor.quote("100", "100", ask_size="2")
    at = pause(floor)
    floor.quote("100", "100")
    leg = floor.desk.order_by_client_id(1, 900)
    assert leg.quantity == m("4")
    split(floor, at, 1, 10)
    assert position(floor).quantity == m("2")
    assert floor.now_is(leg).reason == Refusal.INSUFFICIENT_POSITION


@pytest.mark.parametrize("since", [False, True])
def test_what_an_order_has_filled_is_of_its_time(floor: Any, since: bool) -> None:
    """Four of ten, before or since; the six that are left are of before, and so is the exit.

    Its average is what it paid for each share as they are counted now.
    """
    parent = floor.order("10", "100", legs=exits()[:1])
    leg = floor.desk.order_by_client_id(1, 900)
    at = pause(floor) if since else 0
    floor.quote("100", "100", ask_size="4")
    at = at or pause(floor)
    split(floor, at, 2, 1)
    now, filled = floor.now_is(parent), m("4") if since else m("8")
    assert (now.filled, now.remaining) == (filled, m("12"))
    assert now.avg_price == (m("100") if since else m("50"))
    assert floor.now_is(leg).quantity == filled + m("12")
    floor.quote("50", "50")
    assert position(floor).quantity == floor.now_is(leg).quantity == filled + m("12")
    floor.quote("60", "60")
    assert position(floor).quantity == 0


def test_a_leg_that_is_to_buy_buys_for_the_same_money(floor: Any) -> None:
    """What it has reserved is for as many as before the split, whenever its parent filled."""
    other = Leg(
        role=LegRole.OTO,
        side=Side.BUY,
        client_order_id=902,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        limit_price=m("80"),
    )
    floor.order("4", "100", legs=(other,))
    at = pause(floor)
    floor.quote("100", "100")
    leg = floor.desk.order_by_client_id(1, 902)
    split(floor, at, 2, 1)
    now = floor.now_is(leg)
    assert (now.quantity, now.limit_price, now.reserved_cash) == (m("8"), m("40"), m("320"))


def test_a_parent_of_which_nothing_is_left_hands_on_what_it_bought_since(floor: Any) -> None:
    """Three of twelve for one share: the nine that are left are none, and the exit is for three."""
    floor.order("12", "10", legs=exits()[:1])
    leg = floor.desk.order_by_client_id(1, 900)
    at = pause(floor)
    floor.quote("10", "10", ask_size="3")
    split(floor, at, 1, 10)
    now = floor.now_is(leg)
    assert (now.state, now.quantity) == (OrderState.PENDING, m("3"))


def test_a_combination_from_before_is_split_as_one(floor: Any) -> None:
    """Its legs go on as they would at an action in time."""
    floor.order("4", "100", legs=exits())
    floor.quote("100", "100")
    legs = [floor.desk.order_by_client_id(1, number) for number in (900, 901)]
    split(floor, pause(floor), 2, 1)
    assert [floor.now_is(leg).quantity for leg in legs] == [m("8"), m("8")]
    floor.quote("60", "60")
    assert [floor.now_is(leg).state for leg in legs] == [OrderState.FILLED, OrderState.CANCELLED]


def test_a_curve_counts_each_share_once(floor: Any) -> None:
    """Points since the split have its new shares beside those bought since, and their prices."""
    floor.hold("10", "100")
    at = pause(floor)
    ends = [floor.now]
    floor.now += 10
    floor.hold("10", "50")
    ends.append(floor.now + 1)
    floor.now += 10
    split(floor, at, 2, 1)
    fold = Fold(ends)
    posted = [each for each in floor.events if isinstance(each, TransactionPosted)]
    fold.take(each.transaction for each in posted)
    rows = fold.finish(floor.now + 5)
    held = [row.quantities.get("ACME", 0) for row in rows[1:]]
    assert held == [m("20"), m("30"), m("30")]
    assert rows[-1].paid == {"ACME": m("50")}


def test_lots_say_when_also_after_a_split_in_time(floor: Any) -> None:
    """An action that is not late splits all, whatever stands in the lots."""
    floor.hold("10", "100")
    at = pause(floor)
    floor.hold("10", "50")
    action = CorporateAction(symbol="ACME", kind=ActionKind.SPLIT, at=at, numerator=2)
    floor.act(action)
    assert position(floor).quantity == m("40")


def test_a_late_dividend_charges_nobody_for_days_without_a_debt(floor: Any) -> None:
    """It is posted at its own time; a debt of a week later is not of then, and is charged once."""
    begin = parse_instant("2024-06-03T14:00:00Z")
    floor.now = begin
    terms = PortfolioTerms(account_kind=AccountKind.MARGIN)
    floor.keep(floor.desk.set_terms(**floor.tick(), account=1, portfolio=1, terms=terms).events)
    floor.hold("10", "100")
    floor.now = begin + 7 * DAY
    floor.hold("150", "100")
    act(floor, ActionKind.CASH_DIVIDEND, begin + 2 * DAY, amount=m("1"))
    close = parse_instant("2024-06-10T20:00:00Z")
    floor.now = close + SECOND
    floor.keep(floor.desk.advance(**floor.tick(), market_at=close + SECOND))
    charged = [each.transaction for each in floor.events if isinstance(each, TransactionPosted)]
    charged = [each for each in charged if each.kind == TransactionKind.INTEREST]
    # 5,990 for one day at 8 %: 1.331.
    assert [(each.amount, each.market_time) for each in charged] == [(m("-1.33"), close)]
