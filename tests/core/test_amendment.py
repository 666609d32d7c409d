"""Replace, cancel-all and preview: what they refuse, what they reserve, what they leave alone."""

from __future__ import annotations

from typing import Any

import pytest

from papertrader.core.events import OrderChanged
from papertrader.core.ledger import InvariantViolated
from papertrader.core.money import NULL, SCALE, parse_amount
from papertrader.core.orders import (
    Order,
    OrderEventKind,
    OrderFlag,
    OrderState,
    OrderType,
    Replacement,
    Side,
    TimeInForce,
)
from papertrader.core.refusals import Refusal

m = parse_amount


def wish(floor: Any, old: Order | int, **fields: Any) -> Replacement:
    """Make the wish to replace an order."""
    tick = floor.tick()
    given: dict[str, Any] = {
        "received_at": floor.now,
        "market_at": floor.now,
        "account": 1,
        "portfolio": 1,
        "order_id": old if isinstance(old, int) else old.order_id,
        "client_order_id": floor.seq,
    }
    return Replacement(**(tick | given | fields))


def replace(floor: Any, old: Order | int, **fields: Any) -> Any:
    """Replace an order; a refusal must leave the state alone."""
    before = floor.desk.state_hash()
    outcome = floor.desk.replace(wish(floor, old, **fields))
    if outcome.refusal is not None:
        assert outcome.events == []
        assert floor.desk.state_hash() == before
    floor.keep(outcome.events)
    return outcome


def test_a_replaced_order_and_the_new_one_know_each_other(floor: Any) -> None:
    """Clause 13.6: REPLACED, ACCEPTED under a new number; linked both ways; reserves the new."""
    old = floor.order("10", "20")
    outcome = replace(floor, old, quantity=m("5"), limit_price=m("30"))
    assert [event.kind for event in outcome.events] == [
        OrderEventKind.REPLACED,
        OrderEventKind.ACCEPTED,
    ]
    new = outcome.order
    assert (new.replaces, new.quantity, new.limit_price) == (old.order_id, m("5"), m("30"))
    assert new.state == OrderState.PENDING
    assert floor.now_is(old).state == OrderState.REPLACED
    assert floor.now_is(old).reserved_cash == 0
    assert floor.desk.state.replaced_by == {old.order_id: new.order_id}
    assert floor.desk.portfolio(1).reserved_cash == m("150")
    assert floor.recovered().state_hash() == floor.desk.state_hash()
    assert floor.recovered().state.replaced_by == floor.desk.state.replaced_by


def test_what_the_old_order_reserved_is_there_for_the_new_one(floor: Any) -> None:
    """All of the cash, or all of the shares, may be reserved by either order."""
    old = floor.order("100", "100")
    refused = replace(floor, old, quantity=m("101"))
    assert refused.refusal == Refusal.INSUFFICIENT_CASH
    assert "available 10,000.00" in refused.text
    bigger = replace(floor, old, quantity=m("200"), limit_price=m("50")).order
    floor.quote("50", "50")
    assert floor.now_is(bigger).state == OrderState.FILLED
    sale = floor.order("200", "60", side=Side.SELL)
    assert replace(floor, sale, quantity=m("201")).refusal == Refusal.INSUFFICIENT_POSITION
    cheaper = replace(floor, sale, limit_price=m("55")).order
    assert cheaper.reserved_quantity == m("200")


def test_a_replace_does_not_count_as_one_more_order(floor_class: Any) -> None:
    """At the limit of open orders an order may still be replaced."""
    from papertrader.core.rules import DeskRules

    floor = floor_class(rules=DeskRules(open_orders_max=1))
    old = floor.order("1", "10")
    assert replace(floor, old, limit_price=m("11")).refusal is None


def test_quantity_is_the_total_with_what_has_filled(floor: Any) -> None:
    """The new order asks for what the total leaves; what has filled stays with the old order."""
    old = floor.order("10", "20")
    floor.quote("19", "20", ask_size="4")
    assert floor.now_is(old).filled == m("4")
    for total in ("4", "3", "-1"):
        refused = replace(floor, old, quantity=m(total))
        assert refused.refusal == Refusal.QUANTITY_LIMIT
        assert "has filled 4" in refused.text
    kept = replace(floor, old, limit_price=m("21")).order
    assert (kept.quantity, kept.filled) == (m("6"), 0)
    more = replace(floor, kept, quantity=m("9")).order
    assert (more.quantity, more.limit_price) == (m("9"), m("21"))
    assert floor.now_is(old).filled == m("4")


def test_a_fill_may_win_the_race(floor: Any) -> None:
    """An order that filled meanwhile is ORDER_DONE; one that changed, STALE_VERSION."""
    old = floor.order("10", "20")
    seen = old.version
    floor.quote("19", "20", ask_size="4")
    stale = replace(floor, old, quantity=m("12"), expect_version=seen)
    assert stale.refusal == Refusal.STALE_VERSION
    assert stale.order.filled == m("4")
    assert "at version 2, not 1" in stale.text
    assert replace(floor, old, quantity=m("12"), expect_version=2).refusal is None
    floor.quote("19", "20")
    done = replace(floor, 2, quantity=m("20"))
    assert (done.refusal, done.order.state) == (Refusal.ORDER_DONE, OrderState.FILLED)
    again = replace(floor, old)
    assert (again.refusal, again.order.state) == (Refusal.ORDER_DONE, OrderState.REPLACED)


REFUSED: list[tuple[str, dict[str, Any], Refusal]] = [
    ("another's portfolio", {"portfolio": 2}, Refusal.NO_SUCH_PORTFOLIO),
    ("another's order", {"account": 2, "portfolio": 2}, Refusal.NO_SUCH_ORDER),
    ("no such order", {"order_id": 9}, Refusal.NO_SUCH_ORDER),
    ("client id used", {"client_order_id": 77}, Refusal.DUPLICATE_ORDER),
    ("client id 0", {"client_order_id": 0}, Refusal.DUPLICATE_ORDER),
    ("expiry", {"expire_at": 10**9}, Refusal.TIF_UNSUPPORTED),
    ("stop price", {"stop_price": m("1")}, Refusal.BAD_TICK),
    ("too fine", {"quantity": SCALE // 2}, Refusal.BAD_LOT),
    ("off tick", {"limit_price": m("1.001")}, Refusal.BAD_TICK),
]


@pytest.mark.parametrize(
    ("fields", "refusal"), [each[1:] for each in REFUSED], ids=[each[0] for each in REFUSED]
)
def test_every_refusal_of_a_replace(floor: Any, fields: dict[str, Any], refusal: Refusal) -> None:
    """What may not come in as an order may not come in as a replacement either."""
    floor.open(2, 2)
    old = floor.order("1", "10", client_order_id=77)
    refused = replace(floor, old, **fields)
    assert refused.refusal == refusal, refused.text
    assert refused.text.endswith(".")
    assert (refused.order is None) == (fields.get("client_order_id") != 77)


def test_a_replacement_that_follows_from_nothing_is_not_applied(floor: Any) -> None:
    """The state checks that what is replaced was, by an order of the same kind, once."""
    old = floor.order("1", "10")
    new = replace(floor, old).order
    for replaces in (99, new.order_id, old.order_id):
        order = new.snapshot()
        order.order_id, order.client_order_id, order.replaces = 50, 50, replaces
        event_seq = floor.desk.next_event_seq(1)
        event = OrderChanged(1, 1, event_seq, OrderEventKind.ACCEPTED, order, floor.now)
        with pytest.raises(InvariantViolated, match=f"cannot replace order {replaces}"):
            floor.desk.apply(event)


def test_cancel_all_cancels_what_it_names(floor: Any) -> None:
    """Clause 13.7: all, of a symbol or of a side; an event for each; other portfolios stay."""
    floor.open(1, 2)
    floor.hold("10", "10")
    buys = [floor.order("1", "5").order_id for _ in range(2)]
    sale = floor.order("1", "50", side=Side.SELL).order_id
    other = floor.order("1", "5", portfolio=2).order_id

    def cancel_all(**fields: Any) -> Any:
        given: dict[str, Any] = {"account": 1, "portfolio": 1}
        outcome = floor.desk.cancel_all(**(floor.tick() | given | fields))
        floor.keep(outcome.events)
        return outcome

    assert cancel_all(symbol="NONE").events == []
    assert cancel_all(account=2).refusal == Refusal.NO_SUCH_PORTFOLIO
    assert cancel_all(portfolio=9).refusal == Refusal.NO_SUCH_PORTFOLIO
    assert [event.order.order_id for event in cancel_all(side=Side.SELL).events] == [sale]
    assert [event.order.order_id for event in cancel_all(symbol="ACME").events] == buys
    assert cancel_all().events == []
    assert floor.now_is(floor.desk.order(other)).is_open
    assert floor.desk.portfolio(1).reserved_cash == 0


def test_a_preview_is_what_the_order_would_be(floor: Any) -> None:
    """Clause 13.8: same refusals and reservation; the quote's price or the limit; no change."""
    floor.hold("10", "20")
    floor.quote("29.90", "30")
    before = floor.desk.state_hash()
    market = floor.desk.preview(floor.command("10"))
    assert (market.price, market.cost, market.fees) == (m("30"), m("300"), 0)
    assert market.order.reserved_cash == m("312")
    assert market.available_after == m("9800") - m("312")
    assert market.order.order_id == 0
    for limit, price in (("29", "29"), ("31", "30"), ("30", "30")):
        assert floor.desk.preview(floor.command("1", limit)).price == m(price)
    sale = floor.desk.preview(floor.command("10", "25", Side.SELL))
    assert (sale.price, sale.cost) == (m("29.90"), -m("299"))
    assert sale.available_after == m("9800")
    assert floor.desk.preview(floor.command("10", "35", Side.SELL)).price == m("35")
    poor = floor.desk.preview(floor.command("1000"))
    assert poor.refusal == Refusal.INSUFFICIENT_CASH
    assert (poor.order, poor.cost) == (None, 0)
    twice = floor.desk.preview(floor.command("1", client_order_id=1 + 1))
    assert (twice.refusal, twice.order.order_id) == (Refusal.DUPLICATE_ORDER, 1)
    assert floor.desk.state_hash() == before


@pytest.mark.clause("13.8")
def test_a_preview_says_that_a_stop_is_behind_the_market(floor: Any) -> None:
    """Its collar lies over the stop: where the ask is beyond that, it is triggered, and waits."""
    floor.hold("10", "20")
    floor.quote("29.90", "30")

    def text(stop: str, kind: OrderType = OrderType.STOP, **fields: Any) -> str:
        wish = floor.command("1", order_type=kind, stop_price=m(stop), **fields)
        return str(floor.desk.preview(wish).text)

    assert "at 20.80 at most" in text("20")
    assert "the ask is 30.00 now" in text("20")
    assert text("28.85") == text("31") == ""
    assert "at 29.99 at most" in text("28.83")
    assert text("20", OrderType.MARKET_IF_TOUCHED) == ""
    assert text("20", OrderType.STOP_LIMIT, limit_price=m("21")) == ""
    assert text("20", side=Side.SELL) == ""


def test_a_preview_without_a_quote_shows_the_limit(floor: Any) -> None:
    """Nothing is known but what the order says."""
    assert floor.desk.preview(floor.command("1", "25")).price == m("25")


# --- immediate orders -----------------------------------------------------------------------------


def immediate(floor: Any, quantity: str, limit: str | None, how: TimeInForce) -> Order:
    """Send an IOC or FOK order of the present session."""
    order: Order = floor.order(quantity, limit, time_in_force=how, expire_at=10**9)
    return order


@pytest.mark.parametrize("how", [TimeInForce.IOC, TimeInForce.FOK], ids=lambda each: each.name)
@pytest.mark.parametrize("limit", [None, "20"])
def test_an_immediate_order_that_fits_fills(floor: Any, how: TimeInForce, limit: Any) -> None:
    """All of it on the first quote, and nothing is cancelled."""
    floor.quote("19", "20")
    order = immediate(floor, "5", limit, how)
    floor.quote("19", "20", ask_size="5")
    assert floor.now_is(order).state == OrderState.FILLED


def test_ioc_takes_what_is_there_and_cancels_the_rest(floor: Any) -> None:
    """Clause 13.9: a partial fill, then CANCELLED with the quote that did not have the rest."""
    order = immediate(floor, "5", "20", TimeInForce.IOC)
    events = floor.quote("19", "20", ask_size="2")
    assert [getattr(event, "kind", None) for event in events] == [
        OrderEventKind.FILL,
        None,
        OrderEventKind.CANCELLED,
    ]
    now = floor.now_is(order)
    assert (now.state, now.filled, now.reserved_cash) == (OrderState.CANCELLED, m("2"), 0)
    assert now.reason == Refusal.NOT_FILLABLE
    assert events[-1].receipt.quote_seq == floor.quote_seq


def test_fok_takes_all_or_nothing(floor: Any) -> None:
    """Too little is left to others behind it."""
    order = immediate(floor, "5", "20", TimeInForce.FOK)
    behind = floor.order("2", "20")
    floor.quote("19", "20", ask_size="2")
    assert floor.now_is(order).state == OrderState.CANCELLED
    assert floor.now_is(order).filled == 0
    assert floor.now_is(behind).state == OrderState.FILLED


@pytest.mark.parametrize("how", [TimeInForce.IOC, TimeInForce.FOK], ids=lambda each: each.name)
def test_an_immediate_order_waits_for_its_first_quote_only(floor: Any, how: TimeInForce) -> None:
    """A quote from before it is none of its; the first after it decides, touched or not."""
    order = immediate(floor, "5", "20", how)
    floor.quote("20", "21", observed_at=order.received_at)
    assert floor.now_is(order).state == OrderState.PENDING
    floor.quote("20", "21")
    assert floor.now_is(order).state == OrderState.CANCELLED
    assert floor.quote("19", "20") == []


def test_an_immediate_order_without_a_quote_expires(floor: Any) -> None:
    """No state is left by a person only: the end of the session ends it."""
    order = immediate(floor, "5", "20", TimeInForce.IOC)
    floor.keep(floor.desk.advance(**floor.tick(), market_at=10**9))
    assert floor.now_is(order).state == OrderState.EXPIRED


def test_a_market_order_is_replaced_by_quantity_only(floor: Any) -> None:
    """Its collar is that of the newest quote; a limit is refused."""
    floor.quote("19", "20")
    old = floor.order("1")
    floor.quote_seq += 1
    floor.desk.note_quote(floor.quote_of("39", "40"))
    assert replace(floor, old, limit_price=m("50")).refusal == Refusal.BAD_TICK
    new = replace(floor, old, quantity=m("2")).order
    assert (new.order_type, new.limit_price) == (OrderType.MARKET, NULL)
    assert new.collar_price == m("41.60")


def test_an_order_for_money_is_replaced(floor: Any) -> None:
    """The new one is for what is left of the money, at another limit, or of another total."""
    floor.quote("99", "100")
    old = floor.order("1000", "100", flags=int(OrderFlag.NOTIONAL))
    floor.quote("99", "100", ask_size=m("4"))
    assert floor.now_is(old).filled == m("4")
    none_left = replace(floor, old, quantity=m("400"))
    assert none_left.refusal == Refusal.QUANTITY_LIMIT
    assert "has filled 400; the total of 400" in none_left.text
    too_much = replace(floor, old, quantity=m("10001"))
    assert too_much.refusal == Refusal.INSUFFICIENT_CASH
    cheaper = replace(floor, old, limit_price=m("50")).order
    assert (cheaper.terms.notional, cheaper.quantity) == (m("600"), m("12"))
    assert floor.desk.portfolio(1).reserved_cash == m("600")
    less = replace(floor, cheaper, quantity=m("300")).order
    assert (less.terms.notional, less.quantity, less.limit_price) == (m("300"), m("6"), m("50"))
    floor.quote("39", "40")
    done = floor.now_is(less)
    assert (done.state, done.filled) == (OrderState.FILLED, m("7"))
    assert floor.desk.portfolio(1).cash == m("9320")
    assert floor.recovered().state_hash() == floor.desk.state_hash()
