"""Stops, combinations and orders for money in the master: told, and kept over crashes."""

from __future__ import annotations

from typing import Any

import pytest

from papertrader.core.calendar import ALWAYS_OPEN
from papertrader.core.money import SCALE, parse_amount
from papertrader.core.orders import (
    LegRole,
    OrderEventKind,
    OrderFlag,
    OrderState,
    OrderType,
    Side,
    SideFilter,
    TimeInForce,
    TrailKind,
)
from papertrader.core.quotes import QuoteFlag
from papertrader.wire import messages as m
from papertrader.wire.kinds import Status
from tests import backends
from tests.master_kit import MasterClient, MasterKit

P = parse_amount


@pytest.fixture
def holder(kit: MasterKit, ann: MasterClient) -> MasterClient:
    """Ann, who holds 10 AAPL bought at 100.00; the market itself stands still."""
    kit.main.assets.stop()
    kit.quote("AAPL", "99", "100")
    assert ann.order("AAPL", "10").status == 0
    kit.quote("AAPL", "99", "100")
    ann.follow()
    ann.events()
    return ann


def shown(client: MasterClient, order: int) -> m.OrderReply:
    """Ask for an order."""
    found = client.ask(m.OrderGet(order=order)).message
    assert isinstance(found, m.OrderReply)
    return found


def leg(role: LegRole, order_type: OrderType, number: int, **fields: Any) -> m.LegRow:
    """Describe a leg."""
    given: dict[str, Any] = {"time_in_force": TimeInForce.GTC, "side": SideFilter.ANY}
    return m.LegRow(role=role, order_type=order_type, client_order_id=number, **(given | fields))


def kinds(client: MasterClient) -> list[int]:
    """Return what the client is told of orders."""
    told = [each.message for each in client.events()]
    return [each.kind for each in told if isinstance(each, m.OrderEvent)]


def bracket(client: MasterClient, **fields: Any) -> Any:
    """Send a buy of 10 at 100.00 with a take profit at 110.00 and a stop loss at 95.00."""
    legs = (
        leg(LegRole.TAKE_PROFIT, OrderType.LIMIT, 501, limit_price=P("110")),
        leg(LegRole.STOP_LOSS, OrderType.STOP, 502, stop_price=P("95")),
    )
    given = {"order_type": OrderType.LIMIT, "time_in_force": TimeInForce.GTC, "legs": legs}
    return client.order("AAPL", "10", limit_price=P("100"), **(given | fields))


@pytest.mark.clause("13.22")
def test_a_stop_triggers_and_fills(kit: MasterKit, holder: MasterClient) -> None:
    """It is told as TRIGGERED and FILL, with its terms beside the row, and may be asked for."""
    answer = holder.order(
        "AAPL", "10", side=Side.SELL, order_type=OrderType.STOP, stop_price=P("95")
    )
    assert answer.status == 0
    assert answer.message.stop_price == P("95")
    assert [row.order for row in answer.message.order_terms] == [answer.message.order]
    kit.quote("AAPL", "97", "98")
    kit.quote("AAPL", "94", "95")
    assert kinds(holder) == [
        OrderEventKind.ACCEPTED,
        OrderEventKind.WORKING,
        OrderEventKind.TRIGGERED,
        OrderEventKind.FILL,
    ]
    found = shown(holder, answer.message.order)
    assert (found.state, found.average_price) == (OrderState.FILLED, P("94"))
    assert found.order_terms[0].triggered_at > 0


@pytest.mark.clause("13.23")
def test_a_trailing_stop_survives_a_restart(kit: MasterKit, holder: MasterClient) -> None:
    """Its best price is not lost: neither with the views nor when they are made anew."""
    trail = m.TriggerRow(trail_kind=TrailKind.PERCENT, trail=SCALE // 10)
    answer = holder.order(
        "AAPL",
        "10",
        side=Side.SELL,
        order_type=OrderType.TRAILING_STOP,
        time_in_force=TimeInForce.GTC,
        trigger=(trail,),
    )
    assert answer.status == 0
    number = answer.message.order
    kit.quote("AAPL", "100", "101")
    kit.quote("AAPL", "120", "121")
    kit.quote("AAPL", "115", "116")
    found = shown(holder, number)
    assert (found.stop_price, found.order_terms[0].mark) == (P("108"), P("120"))
    kit.turn(1.0)
    kit.kill()
    kit.boot(start=False)
    order = kit.main.transactions.desk.order(number)
    assert kit.main.transactions.desk.shown(order).stop_price == P("108")
    kit.kill()
    backends.remove_views(kit.state_dir)
    kit.boot(start=False)
    order = kit.main.transactions.desk.order(number)
    assert kit.main.transactions.desk.shown(order).stop_price == P("108")
    kit.start()


@pytest.mark.clause("13.26", "13.27")
def test_a_bracket_shows_its_legs(kit: MasterKit, holder: MasterClient) -> None:
    """The reply shows the held legs; one cancels the other; a crash between changes nothing."""
    answer = bracket(holder)
    assert answer.status == 0
    reply = answer.message
    assert [(row.client_order_id, row.state) for row in reply.orders] == [
        (501, OrderState.HELD),
        (502, OrderState.HELD),
    ]
    assert [row.role for row in reply.order_terms] == [LegRole.TAKE_PROFIT, LegRole.STOP_LOSS]
    assert {row.parent for row in reply.order_terms} == {reply.order}
    listed = holder.ask(m.OrderList()).message
    assert [row.order for row in listed.orders] == [reply.order, reply.order + 1, reply.order + 2]
    assert [row.order for row in listed.order_terms] == [reply.order + 1, reply.order + 2]
    kit.crash()
    client = kit.client(connection=2)
    client.login("ann")
    kit.main.assets.stop()
    kit.quote("AAPL", "99", "100")
    profit, loss = (shown(client, reply.order + n) for n in (1, 2))
    assert (profit.state, loss.state) == (OrderState.PENDING, OrderState.PENDING)
    assert [row.order for row in profit.orders] == [loss.order]
    assert loss.order_terms[0].shares
    kit.quote("AAPL", "100", "101")
    kit.quote("AAPL", "110", "111")
    profit, loss = (shown(client, reply.order + n) for n in (1, 2))
    assert (profit.state, loss.state) == (OrderState.FILLED, OrderState.CANCELLED)
    assert loss.reason == Status.COMBINATION_ENDED


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"client_order_id": 501}, Status.BAD_COMBINATION),
        ({"time_in_force": TimeInForce.IOC}, 0),
        ({"legs": (leg(LegRole.NONE, OrderType.LIMIT, 9),)}, Status.BAD_COMBINATION),
        ({"legs": (leg(LegRole.OTO, OrderType.LIMIT, 0),)}, Status.INVALID_FIELD),
        ({"legs": (leg(LegRole.OTO, OrderType.LIMIT, 9),)}, Status.BAD_TICK),
        (
            {"legs": (leg(LegRole.OCO, OrderType.LIMIT, 1, limit_price=P("90")),)},
            Status.DUPLICATE_ORDER,
        ),
    ],
)
def test_a_combination_is_taken_whole_or_not(
    holder: MasterClient, fields: dict[str, Any], status: int
) -> None:
    """A refused leg refuses everything, and leaves nothing behind."""
    before = len(holder.ask(m.OrderList()).message.orders)
    assert bracket(holder, **fields).status == status
    after = len(holder.ask(m.OrderList()).message.orders)
    assert after == before + (3 if status == 0 else 0)


@pytest.mark.clause("13.25")
def test_an_order_for_money(kit: MasterKit, holder: MasterClient) -> None:
    """The quantity on the wire is money; the fill says how much that was."""
    flags = int(OrderFlag.NOTIONAL)
    answer = holder.order("AAPL", "1000", flags=flags)
    assert (answer.message.quantity, answer.message.reserved_cash) == (P("9"), P("1000"))
    assert answer.message.order_terms[0].notional == P("1000")
    preview = holder.ask(
        m.OrderNew(
            symbol="AAPL",
            client_order_id=99,
            quantity=P("500"),
            flags=flags | int(OrderFlag.VALIDATE_ONLY),
        )
    )
    assert preview.message.preview[0].cost == P("500")
    kit.quote("AAPL", "95", "96")
    found = shown(holder, answer.message.order)
    assert (found.state, found.filled, found.average_price) == (
        OrderState.FILLED,
        P("10"),
        P("96"),
    )


@pytest.mark.clause("13.24")
def test_an_order_for_the_close_knows_its_session(kit: MasterKit, holder: MasterClient) -> None:
    """OPG waits for the next opening, CLS for this session's close."""
    market = kit.main.assets.market
    assert kit.main.transactions.desk.asset("AAPL").calendar != ALWAYS_OPEN
    closing = holder.order("AAPL", "1", time_in_force=TimeInForce.CLS).message
    opening = holder.order("AAPL", "1", time_in_force=TimeInForce.OPG).message
    assert closing.expire_at == market.day_end("AAPL")
    assert opening.expire_at > opening.order_terms[0].works_from > closing.expire_at
    assert (
        kit.main.transactions.desk.order(opening.order).terms.works_from
        == market.hours("AAPL", opening=True)[0]
    )


def test_an_order_for_the_close_fills_at_the_close(kit: MasterKit, holder: MasterClient) -> None:
    """On the last quote of the session, which is kept with the input: it can be decided again."""
    order = holder.order("AAPL", "3", time_in_force=TimeInForce.CLS).message
    late = order.expire_at - SCALE
    kit.quote("AAPL", "97", "98", source_time=late, flags=int(QuoteFlag.REPLAYED))
    assert shown(holder, order.order).state == OrderState.PENDING
    kit.main.transactions.advance(order.expire_at)
    kit.turn()
    found = shown(holder, order.order)
    assert (found.state, found.average_price) == (OrderState.FILLED, P("98"))


def test_a_stop_is_replaced(kit: MasterKit, holder: MasterClient) -> None:
    """Stop and trail of a waiting order can be changed; the others are kept."""
    trail = m.TriggerRow(trail_kind=TrailKind.AMOUNT, trail=P("5"))
    stop = holder.order(
        "AAPL", "4", side=Side.SELL, order_type=OrderType.STOP, stop_price=P("90")
    ).message
    trailing = holder.order(
        "AAPL", "4", side=Side.SELL, order_type=OrderType.TRAILING_STOP, trigger=(trail,)
    ).message
    assert trailing.stop_price == P("94")
    holder.seq += 1
    moved = holder.ask(
        m.OrderReplace(order=stop.order, client_order_id=71, stop_price=P("92")), seq=holder.seq
    )
    assert (moved.status, moved.message.stop_price) == (0, P("92"))
    holder.seq += 1
    nearer = holder.ask(
        m.OrderReplace(
            order=trailing.order,
            client_order_id=72,
            trigger=(m.TriggerRow(trail_kind=TrailKind.AMOUNT, trail=P("2")),),
        ),
        seq=holder.seq,
    )
    assert (nearer.status, nearer.message.stop_price) == (0, P("97"))


@pytest.mark.clause("13.28")
def test_all_positions_are_closed_in_one_step(kit: MasterKit, holder: MasterClient) -> None:
    """Open orders go first; the reply shows what closes, and asking again changes nothing."""
    holder.order("MSFT", "2", order_type=OrderType.LIMIT, limit_price=P("40"))
    kit.quote("MSFT", "29", "30")
    resting = holder.order(
        "AAPL", "10", side=Side.SELL, order_type=OrderType.LIMIT, limit_price=P("500")
    ).message
    holder.seq += 1
    wish = m.PositionClose(client_order_id=800)
    answer = holder.ask(wish, seq=holder.seq)
    reply = answer.message
    assert (answer.status, reply.cancelled, reply.closing, reply.text) == (0, 1, 2, None)
    assert [(row.symbol, row.client_order_id) for row in reply.orders] == [
        ("AAPL", 800),
        ("MSFT", 801),
    ]
    assert holder.ask(wish, seq=holder.seq).message == reply
    assert shown(holder, resting.order).state == OrderState.CANCELLED
    kit.quote("AAPL", "98", "99")
    kit.quote("MSFT", "29", "30")
    assert holder.ask(m.PortfolioGet()).message.positions == ()
    holder.seq += 1
    nothing = holder.ask(m.PositionClose(client_order_id=900), seq=holder.seq)
    assert nothing.status == Status.INSUFFICIENT_POSITION
