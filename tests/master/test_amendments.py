"""Replace, cancel-all, preview and immediate orders at the master."""

from __future__ import annotations

from typing import Any

import pytest

from papertrader.core.money import SCALE
from papertrader.core.orders import (
    OrderEventKind,
    OrderState,
    OrderType,
    Side,
    SideFilter,
    TimeInForce,
)
from papertrader.core.terms import AccountKind, FeeModelKind, FillModelKind
from papertrader.wire import limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import FrameFlag, OrderFlag, Scope, Status
from tests.master_kit import PASSWORD, MasterClient, MasterKit

LIMIT: dict[str, Any] = {"order_type": OrderType.LIMIT, "limit_price": 100 * SCALE}


def command(client: MasterClient, message: Any) -> Any:
    """Send a command under the next number."""
    client.seq += 1
    return client.ask(message, seq=client.seq)


# --- cancel all ----------------------------------------------------------------------------------


def test_cancel_all_ends_what_it_names(kit: MasterKit, ann: MasterClient) -> None:
    """Clause 13.7: an event for each order, numbers in the reply; again: the stored reply."""
    ann.order("AAPL", "10")
    kit.quote("AAPL", "560.00", "560.10")
    for symbol in ("AAPL", "AAPL", "MSFT"):
        ann.order(symbol, "1", **{**LIMIT, "limit_price": SCALE})
    sale = {"order_type": OrderType.LIMIT, "limit_price": 900 * SCALE, "side": Side.SELL}
    ann.order("AAPL", "1", **sale)
    ann.follow()
    one = command(ann, m.OrderCancelAll(side=SideFilter.SELL))
    assert (one.message.cancelled, one.message.still_open) == (1, 3)
    two = command(ann, m.OrderCancelAll(symbol="AAPL"))
    assert (two.message.cancelled, two.message.still_open) == (2, 1)
    again = ann.ask(m.OrderCancelAll(symbol="AAPL"), seq=ann.seq)
    assert again.header.flags & FrameFlag.REPLAYED
    assert again.message == two.message
    events = ann.events()
    assert [each.message.kind for each in events] == [OrderEventKind.CANCELLED] * 3
    assert command(ann, m.OrderCancelAll()).message.cancelled == 1
    assert command(ann, m.OrderCancelAll()).message == m.OrderCancelAllReply()
    refused = command(ann, m.OrderCancelAll(portfolio=9))
    assert refused.status == Status.NO_SUCH_PORTFOLIO


# --- replace -------------------------------------------------------------------------------------


def test_a_replaced_order_leads_to_the_new_one_and_back(kit: MasterKit, ann: MasterClient) -> None:
    """Clause 13.6: REPLACED and ACCEPTED, the new order as the reply; links survive a crash."""
    old = ann.order("AAPL", "10", **LIMIT).message
    ann.follow()
    wish = m.OrderReplace(order=old.order, client_order_id=50, quantity=20 * SCALE)
    new = command(ann, wish)
    assert new.status == 0
    assert (new.message.replaces, new.message.quantity) == (old.order, 20 * SCALE)
    assert (new.message.limit_price, new.message.client_order_id) == (100 * SCALE, 50)
    replaced, accepted = ann.events()
    assert replaced.message.kind == OrderEventKind.REPLACED
    assert replaced.message.order == old.order
    assert accepted.message.orders[0].replaces == old.order
    assert ann.ask(m.PortfolioGet()).message.reserved_cash == 2_000 * SCALE
    for _ in range(2):
        shown = ann.ask(m.OrderGet(order=old.order)).message
        assert shown.state == OrderState.REPLACED
        assert shown.successor[0].replaced_by == new.message.order
        again = ann.ask(wish, seq=ann.seq)
        assert again.header.flags & FrameFlag.REPLAYED
        assert again.octets[limits.HEADER_SIZE :] == new.octets[limits.HEADER_SIZE :]
        kit.crash()
        ann.resume()
    done = command(ann, m.OrderReplace(order=old.order, client_order_id=51))
    assert done.status == Status.ORDER_DONE
    assert done.message.successor[0].replaced_by == new.message.order
    kit.quote("AAPL", "99.00", "99.50")
    assert ann.ask(m.OrderGet(client_order_id=50)).message.state == OrderState.FILLED


def test_a_replace_may_lose_the_race(kit: MasterKit, ann: MasterClient) -> None:
    """A fill in between: STALE_VERSION or ORDER_DONE, each with the order as it is now."""
    old = ann.order("AAPL", "10", **LIMIT).message
    kit.quote("AAPL", "99.00", "100.00", ask_size=4 * SCALE)
    wish = {"order": old.order, "limit_price": 101 * SCALE}
    stale = command(ann, m.OrderReplace(client_order_id=51, expect_version=old.version, **wish))
    assert (stale.status, stale.message.filled) == (Status.STALE_VERSION, 4 * SCALE)
    kit.quote("AAPL", "99.00", "100.00")
    done = command(ann, m.OrderReplace(client_order_id=51, **wish))
    assert (done.status, done.message.state) == (Status.ORDER_DONE, OrderState.FILLED)


def test_what_is_wrong_with_a_replace(kit: MasterKit, ann: MasterClient) -> None:
    """No order, another's, a used or impossible id, a market order's limit; nothing is done."""
    old = ann.order("AAPL", "10").message
    bob = kit.client(connection=2)
    bob.register("bob")
    bob.login("bob")
    assert command(bob, m.OrderReplace(order=1, client_order_id=9)).status == Status.NO_SUCH_ORDER
    for fields, status in (
        ({"order": 99}, Status.NO_SUCH_ORDER),
        ({"client_order_id": old.client_order_id}, Status.DUPLICATE_ORDER),
        ({"client_order_id": 0}, Status.INVALID_FIELD),
        ({"limit_price": SCALE}, Status.BAD_TICK),
        ({"quantity": 10_000 * SCALE}, Status.INSUFFICIENT_CASH),
        ({"portfolio": 9}, Status.NO_SUCH_PORTFOLIO),
    ):
        wish = m.OrderReplace(**{"order": old.order, "client_order_id": 60, **fields})
        assert command(ann, wish).status == status
    assert ann.ask(m.OrderGet(order=old.order)).message.state == OrderState.PENDING
    assert command(ann, m.OrderReplace(order=old.order, client_order_id=61)).status == 0


# --- preview -------------------------------------------------------------------------------------


def preview(**fields: Any) -> m.OrderNew:
    """A preview of buying AAPL."""
    given = {"client_order_id": 7, "symbol": "AAPL", "quantity": 10 * SCALE}
    return m.OrderNew(**{**given, "flags": int(OrderFlag.VALIDATE_ONLY), **fields})


def test_a_preview_changes_nothing(kit: MasterKit, ann: MasterClient) -> None:
    """Clause 13.8: price, cost, what would be left; no number, no journal record, no order."""
    kit.quote("AAPL", "560.00", "560.10")
    before = kit.main.journal.seq
    shown = ann.ask(preview())
    assert shown.status == 0
    (row,) = shown.message.preview
    assert (row.price, row.cost, row.fees) == (560_10000000, 5_601 * SCALE, 0)
    assert row.buying_power_after == 100_000 * SCALE - shown.message.reserved_cash
    assert (row.currency, shown.message.order) == ("USD", 0)
    assert kit.main.journal.seq == before
    real = ann.order("AAPL", "10", client_order_id=7).message
    assert real.reserved_cash == shown.message.reserved_cash


@pytest.mark.clause("13.8")
def test_a_preview_says_what_to_know_before(kit: MasterKit, ann: MasterClient) -> None:
    """A stop so far behind the market that it could not fill is no refusal: TEXT says it."""
    kit.quote("AAPL", "560.00", "560.10")
    stop = {"order_type": OrderType.STOP, "stop_price": 400 * SCALE}
    shown = ann.ask(preview(**stop))
    assert shown.status == 0
    assert "at 410.00 at most" in shown.message.text
    assert not ann.ask(preview(**stop | {"stop_price": 600 * SCALE})).message.text


def test_a_preview_with_credit(kit: MasterKit, ann: MasterClient) -> None:
    """Half of it is margin, and the buying power falls by twice that: what the portfolio tells."""
    kit.quote("AAPL", "560.00", "560.10")
    terms = m.PortfolioTermsSet(
        account_kind=AccountKind.MARGIN,
        fill_model=FillModelKind.QUOTE,
        fee_model=FeeModelKind.FREE,
        participation=1_000,
        price_minimum=0,
    )
    assert command(ann, terms).status == 0
    before = ann.ask(m.PortfolioGet()).message.margin
    shown = ann.ask(preview())
    (row,) = shown.message.preview
    assert row.margin == shown.message.reserved_cash > 0
    assert row.margin < row.cost
    ann.order("AAPL", "10", client_order_id=7)
    (after,) = ann.ask(m.PortfolioGet()).message.margin
    assert (row.buying_power_after, row.margin_left) == (after.buying_power, after.available)
    assert not before or before[0].buying_power > after.buying_power


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"quantity": 1_000 * SCALE}, Status.INSUFFICIENT_CASH),
        ({"symbol": "NONE"}, Status.NO_SUCH_SYMBOL),
        ({"portfolio": 9}, Status.NO_SUCH_PORTFOLIO),
        ({"client_order_id": 1}, Status.DUPLICATE_ORDER),
        ({"client_order_id": 0}, Status.INVALID_FIELD),
        ({"flags": int(OrderFlag.VALIDATE_ONLY | OrderFlag.NOTIONAL)}, Status.BAD_LOT),
    ],
)
def test_a_preview_is_refused_as_the_order_would_be(
    kit: MasterKit, ann: MasterClient, fields: dict[str, Any], status: Status
) -> None:
    """The same status; the duplicate shows the first order, without a preview."""
    ann.order("AAPL", "1", client_order_id=1)
    refused = ann.ask(preview(**fields))
    assert refused.status == status
    assert len(refused.message.text) > 10
    if status == Status.DUPLICATE_ORDER:
        assert (refused.message.order, refused.message.preview) == (1, ())


def test_a_preview_has_no_number_and_needs_the_right_to_trade(
    kit: MasterKit, ann: MasterClient
) -> None:
    """INVALID_FIELD with a number, which is not used up; SCOPE_DENIED for readers."""
    assert ann.ask(preview(), seq=1).status == Status.INVALID_FIELD
    assert ann.ask(preview(flags=0), seq=1).status == 0
    reader = kit.client(connection=2)
    login = reader.ask(m.Login(username="ann", password=PASSWORD, scope=Scope.READ), session=0)
    reader.session = login.header.session
    assert reader.ask(preview()).status == Status.SCOPE_DENIED


# --- immediate orders ----------------------------------------------------------------------------


def test_ioc_and_fok_end_with_their_first_quote(kit: MasterKit, ann: MasterClient) -> None:
    """Clause 13.9: IOC takes a part, FOK nothing; the event has the quote's receipt."""
    ioc = ann.order("AAPL", "5", time_in_force=TimeInForce.IOC, **LIMIT).message
    fok = ann.order("AAPL", "5", time_in_force=TimeInForce.FOK, **LIMIT).message
    assert ioc.expire_at == fok.expire_at > 0
    ann.follow()
    kit.quote("AAPL", "99.00", "100.00", ask_size=4 * SCALE)
    taken = ann.ask(m.OrderGet(order=ioc.order)).message
    assert (taken.state, taken.filled) == (OrderState.CANCELLED, 4 * SCALE)
    assert taken.reason == Status.NOT_FILLABLE
    none = ann.ask(m.OrderGet(order=fok.order)).message
    assert (none.state, none.filled) == (OrderState.CANCELLED, 0)
    last = ann.events()[-1]
    assert last.message.kind == OrderEventKind.CANCELLED
    assert last.message.receipt[0].bid == 99 * SCALE
    kit.crash()
    ann.resume()
    assert ann.ask(m.OrderGet(order=ioc.order)).message.reason == Status.NOT_FILLABLE
    all_of_it = ann.order("AAPL", "5", time_in_force=TimeInForce.FOK, **LIMIT).message
    kit.quote("AAPL", "99.00", "100.00", ask_size=5 * SCALE)
    assert ann.ask(m.OrderGet(order=all_of_it.order)).message.state == OrderState.FILLED
