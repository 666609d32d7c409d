"""Stops, legs and the rest: what the library sends for them, and what it reads back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from papertrader.client import conversion, errors
from papertrader.client.blocking import Client
from papertrader.client.conditions import Conditions, Leg, leg_number, order_type_of
from papertrader.core.money import NULL, SCALE, parse_amount
from papertrader.core.orders import (
    LegRole,
    OrderFlag,
    OrderState,
    OrderType,
    Side,
    SideFilter,
    TimeInForce,
    TrailKind,
    TriggerSource,
)
from papertrader.wire import messages as m
from papertrader.wire.kinds import Opcode
from tests.client_kit import BlockingMarket

P = parse_amount
UNTIL = datetime(2030, 1, 2, 15, tzinfo=UTC)


@pytest.fixture
def market() -> Iterator[BlockingMarket]:
    """A market that knows ada."""
    made = BlockingMarket()
    made.add("ada", "correct horse")
    yield made


def sent(market: BlockingMarket, *args: Any, **options: Any) -> m.OrderNew:
    """Buy something, and return what was sent for it."""
    client = Client("127.0.0.1:2049", ca="unused", **market.options())
    client.login("ada", "correct horse")
    client.buy("AAPL", *args, **options)
    (message,) = market.bodies(Opcode.ORDER_NEW)
    return message


@pytest.mark.parametrize(
    ("limit", "prices", "order_type"),
    [
        (None, {}, OrderType.MARKET),
        ("1", {}, OrderType.LIMIT),
        (None, {"stop": "2"}, OrderType.STOP),
        ("1", {"stop": "2"}, OrderType.STOP_LIMIT),
        (None, {"touch": "2"}, OrderType.MARKET_IF_TOUCHED),
        ("1", {"touch": "2"}, OrderType.LIMIT_IF_TOUCHED),
        (None, {"trail": "1%"}, OrderType.TRAILING_STOP),
    ],
)
def test_the_prices_make_the_type(
    limit: str | None, prices: dict[str, str], order_type: OrderType
) -> None:
    """Nobody has to name it."""
    assert order_type_of(Conditions(**prices), limit) == order_type


def test_a_plain_order_looks_as_ever(market: BlockingMarket) -> None:
    """No section, no flag, no stop."""
    message = sent(market, 10)
    assert (message.trigger, message.legs, message.flags) == ((), (), 0)
    assert (message.stop_price, message.expire_at) == (NULL, 0)


def test_every_condition_is_sent(market: BlockingMarket) -> None:
    """Stop, source, end, flags and legs, each in its place; leg numbers are never drawn anew."""
    legs = (
        Leg(role="take_profit", limit="110"),
        Leg(role=LegRole.STOP_LOSS, trail="2.50", trigger="last", client_order_id=9),
        Leg(role="oto", side=Side.BUY, touch="90", time_in_force="gtd"),
    )
    message = sent(
        market,
        10,
        "101",
        "gtd",
        5,
        conditions=Conditions(
            stop="100", trigger="bid_ask", until=UNTIL, reduce_only=True, legs=legs
        ),
    )
    assert message.order_type == OrderType.STOP_LIMIT
    assert (message.stop_price, message.limit_price) == (P("100"), P("101"))
    assert message.trigger == (m.TriggerRow(source=TriggerSource.BID_ASK),)
    assert message.flags == OrderFlag.REDUCE_ONLY
    assert message.expire_at == int(UNTIL.timestamp()) * 10**9
    profit, loss, after = message.legs
    assert (profit.client_order_id, loss.client_order_id) == (leg_number(5, 1), 9)
    assert len({5, profit.client_order_id, 9, after.client_order_id}) == 4
    assert (profit.order_type, profit.limit_price) == (OrderType.LIMIT, P("110"))
    assert (loss.trail_kind, loss.trail) == (TrailKind.AMOUNT, P("2.5"))
    assert loss.source == TriggerSource.LAST
    assert (after.side, after.time_in_force) == (SideFilter.BUY, TimeInForce.GTD)


def test_a_percentage_is_a_part(market: BlockingMarket) -> None:
    """1.5 % is 0.015, exactly; and money is sent for a quantity with its flag."""
    message = sent(market, 10, conditions=Conditions(trail="1.5%"))
    assert message.trigger == (m.TriggerRow(trail_kind=TrailKind.PERCENT, trail=SCALE * 3 // 200),)


@pytest.mark.parametrize(
    ("limit", "in_force", "given", "text"),
    [
        (None, "day", {"stop": "1", "touch": "2"}, "one of stop, touch and trail"),
        ("1", "day", {"trail": "1"}, "no limit"),
        (None, "day", {"trail": "0%"}, "0 % and 100 %"),
        (None, "day", {"trail": "100%"}, "0 % and 100 %"),
        (None, "day", {"trail": "0.0000001%"}, "6 decimals"),
        (None, "gtd", {}, "needs until"),
        (None, "day", {"until": UNTIL}, "no other order has one"),
        (None, "gtd", {"until": UNTIL.replace(tzinfo=None)}, "time zone"),
        (None, "day", {"stop": "1", "trigger": "mood"}, "trigger must be one of"),
        (None, "week", {}, "time_in_force must be one of"),
        (None, "day", {"legs": (Leg(role="bracket"),)}, "role of a leg must be one of"),
    ],
)
def test_what_cannot_be_meant_is_not_sent(
    market: BlockingMarket, limit: str | None, in_force: str, given: dict[str, Any], text: str
) -> None:
    """A sentence, and nothing on the wire."""
    with pytest.raises(ValueError, match=text):
        sent(market, 1, limit, in_force, conditions=Conditions(**given))
    assert market.bodies(Opcode.ORDER_NEW) == []


def test_an_order_is_read_with_its_terms_and_its_legs() -> None:
    """What hangs together with it is there as orders; a trail in per cent is one of 100."""
    reply = m.OrderReply(
        order=1,
        stop_price=P("95"),
        orders=(m.OrderRow(order=2, state=OrderState.HELD),),
        order_terms=(
            m.OrderTermsRow(order=2, role=LegRole.TAKE_PROFIT, parent=1, pair=2),
            m.OrderTermsRow(
                order=1, trail_kind=TrailKind.PERCENT, trail=SCALE // 20, mark=P("100")
            ),
        ),
    )
    order = conversion.order_of(reply)
    assert order.terms is not None
    assert (order.terms.trail, order.terms.trails_percent) == (Decimal(5), True)
    assert order.terms.mark == Decimal(100)
    (leg,) = order.combined
    assert leg.is_open
    assert leg.terms is not None
    assert (leg.terms.role, leg.terms.parent, leg.terms.pair) == (LegRole.TAKE_PROFIT, 1, 2)


def test_positions_are_closed(market: BlockingMarket) -> None:
    """The answer has the orders, and what could not be closed in words."""
    client = Client("127.0.0.1:2049", ca="unused", **market.options())
    client.login("ada", "correct horse")
    done = client.position_close("AAPL")
    assert (done.cancelled, done.closing, done.text) == (2, 1, "")
    assert [order.side for order in done.orders] == [Side.SELL]
    assert "MSFT" in client.position_close().text
    with pytest.raises(errors.InsufficientPosition):
        client.position_close("IBM")


def test_a_stop_is_moved(market: BlockingMarket) -> None:
    """Stop and trail go where a limit goes."""
    client = Client("127.0.0.1:2049", ca="unused", **market.options())
    client.login("ada", "correct horse")
    order = client.buy("AAPL", 1, conditions=Conditions(stop="200"))
    assert order.stop_price == Decimal(200)
    client.order_replace(order.order_id, stop="190")
    client.order_replace(order.order_id, trail="2%")
    first, second = market.bodies(Opcode.ORDER_REPLACE)
    assert (first.stop_price, first.trigger) == (P("190"), ())
    assert second.trigger == (m.TriggerRow(trail_kind=TrailKind.PERCENT, trail=SCALE // 50),)
    with pytest.raises(ValueError, match="quantity, limit, stop or trail"):
        client.order_replace(order.order_id)
