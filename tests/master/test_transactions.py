"""Orders at the master: the whole way of one, and that each is done exactly once."""

from __future__ import annotations

from typing import Any

import pytest

from papertrader.core.money import SCALE
from papertrader.core.orders import OrderEventKind, OrderState, OrderType, Side, TimeInForce
from papertrader.core.quotes import QuoteFlag
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import FrameFlag, Status
from tests.master_kit import MasterClient, MasterKit

REPLAYED = int(FrameFlag.REPLAYED)
LARGEST = (2**63 - 1) // SCALE * SCALE


def buy(client_order_id: int, quantity: int = SCALE, **fields: Any) -> m.OrderNew:
    """A market order for AAPL."""
    return m.OrderNew(client_order_id=client_order_id, symbol="AAPL", quantity=quantity, **fields)


def body(octets: bytes) -> bytes:
    """Everything behind the header."""
    return octets[limits.HEADER_SIZE :]


def orders_of(client: MasterClient) -> list[m.OrderRow]:
    """All orders of the client's account, in whatever state."""
    return list(client.ask(m.OrderList(states=0xFFFF)).message.orders)


# --- the whole way -------------------------------------------------------------------------------


@pytest.mark.clause("13.3")
def test_an_order_fills_on_the_next_quote_and_is_told_in_order(
    kit: MasterKit, ann: MasterClient
) -> None:
    """ACCEPTED, FILL with its receipt, the transaction, the portfolio: one consistent story."""
    ann.follow()
    reply = ann.order("AAPL", "10")
    assert reply.status == 0
    assert reply.message.state == OrderState.PENDING
    quote = kit.quote("AAPL", "560.00", "560.10", ask_size=500 * SCALE)
    accepted, filled, posted = ann.events()
    assert [each.header.seq for each in (accepted, filled, posted)] == [2, 3, 4]
    assert {each.header.session for each in (accepted, filled, posted)} == {ann.session}
    assert accepted.message.kind == OrderEventKind.ACCEPTED
    assert filled.message.kind == OrderEventKind.FILL
    assert filled.message.fill_price == 560_10000000
    assert filled.message.fill_quantity == 10 * SCALE
    assert filled.message.orders[0].state == OrderState.FILLED
    assert posted.message.amount == -5_601 * SCALE
    assert posted.message.positions[0].quantity == 10 * SCALE
    portfolio = ann.ask(m.PortfolioGet()).message
    assert portfolio.cash == posted.message.cash_after == (100_000 - 5_601) * SCALE
    assert portfolio.event_seq == 4
    assert portfolio.positions[0].quantity == 10 * SCALE
    assert quote.quote_seq == posted.message.quote_seq
    assert ann.order("AAPL", "10", side=Side.SELL).status == 0
    kit.quote("AAPL", "561.00", "561.10")
    assert ann.ask(m.PortfolioGet()).message.cash == (100_000 - 5_601 + 5_610) * SCALE


@pytest.mark.clause("12.13")
def test_a_fill_names_the_quote_that_priced_it(kit: MasterKit, ann: MasterClient) -> None:
    """R13: receipt and transaction carry the quote_seq of the quote, and its prices."""
    ann.follow()
    ann.order("AAPL", "1")
    quote = kit.quote("AAPL", "560.00", "560.10")
    _, filled, posted = ann.events()
    (receipt,) = filled.message.receipt
    assert receipt.quote_seq == posted.message.quote_seq == quote.quote_seq
    assert (receipt.bid, receipt.ask) == (quote.bid, quote.ask)
    assert receipt.observed_at == quote.observed_at > filled.message.orders[0].received_at


@pytest.mark.clause("13.4")
def test_an_order_that_rests_is_cancelled_and_frees_its_cash(
    kit: MasterKit, ann: MasterClient
) -> None:
    """A limit order reserves, rests, is cancelled; then cancelling it again is refused."""
    limit = {"order_type": OrderType.LIMIT, "limit_price": 100 * SCALE}
    order = ann.order("AAPL", "10", **limit)
    assert ann.ask(m.PortfolioGet()).message.reserved_cash == 1_000 * SCALE
    ann.seq += 1
    cancelled = ann.ask(m.OrderCancel(order=order.message.order), seq=ann.seq)
    assert cancelled.status == 0
    assert cancelled.message.state == OrderState.CANCELLED
    assert ann.ask(m.PortfolioGet()).message.reserved_cash == 0
    ann.seq += 1
    again = ann.ask(m.OrderCancel(order=order.message.order), seq=ann.seq)
    assert again.status == Status.ORDER_DONE
    assert again.message.order == order.message.order
    ann.seq += 1
    assert ann.ask(m.OrderCancel(order=99), seq=ann.seq).status == Status.NO_SUCH_ORDER


def test_nobody_touches_the_orders_of_another(kit: MasterKit, ann: MasterClient) -> None:
    """Another account's order can be neither seen nor cancelled; it does not exist for one."""
    order = ann.order("AAPL", "10").message
    bob = kit.client(connection=2)
    bob.register("bob")
    bob.login("bob")
    bob.seq += 1
    asked: list[tuple[Any, int]] = [
        (m.OrderCancel(order=order.order), bob.seq),
        (m.OrderGet(order=order.order), 0),
        (m.OrderGet(client_order_id=order.client_order_id), 0),
    ]
    for message, seq in asked:
        assert bob.ask(message, seq=seq).status == Status.NO_SUCH_ORDER
    for message in (
        m.PortfolioGet(portfolio=1),
        m.OrderList(portfolio=1),
        m.TransactionsGet(portfolio=1),
    ):
        assert bob.ask(message).status == Status.NO_SUCH_PORTFOLIO
    assert orders_of(bob) == []
    assert ann.ask(m.OrderGet(order=order.order)).message.state == OrderState.PENDING


@pytest.mark.clause("12.7", "17.1")
@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"symbol": "NONE"}, Status.NO_SUCH_SYMBOL),
        ({"quantity": 0}, Status.BAD_LOT),
        ({"quantity": -(2**63)}, Status.BAD_LOT),
        ({"quantity": 2**63 - 1}, Status.BAD_LOT),
        ({"quantity": LARGEST}, Status.QUANTITY_LIMIT),
        ({"quantity": SCALE + 1}, Status.BAD_LOT),
        ({"quantity": 1_000 * SCALE}, Status.INSUFFICIENT_CASH),
        ({"side": Side.SELL}, Status.INSUFFICIENT_POSITION),
        ({"side": Side.SELL_SHORT}, Status.SHORT_NOT_ALLOWED),
        ({"order_type": OrderType.STOP}, Status.BAD_TICK),
        ({"order_type": OrderType.LIMIT}, Status.BAD_TICK),
        ({"order_type": OrderType.LIMIT, "limit_price": 100_00100000}, Status.BAD_TICK),
        ({"order_type": OrderType.LIMIT, "limit_price": LARGEST}, Status.PRICE_BAND),
        ({"time_in_force": TimeInForce.GTD}, Status.TIF_UNSUPPORTED),
        ({"flags": 1}, Status.TYPE_UNSUPPORTED),
        ({"portfolio": 77}, Status.NO_SUCH_PORTFOLIO),
    ],
)
def test_every_refusal_is_stored(ann: MasterClient, fields: dict[str, Any], status: Status) -> None:
    """R7: a refused number is used up: the same gives the same answer, another SEQ_REUSED."""
    message = m.OrderNew(**{"client_order_id": 1, "symbol": "AAPL", "quantity": SCALE, **fields})
    first = ann.ask(message, seq=1)
    again = ann.ask(message, seq=1)
    assert first.status == again.status == status
    assert len(again.message.text) > 10
    assert again.header.flags & REPLAYED
    assert body(first.octets) == body(again.octets)
    assert ann.ask(buy(1), seq=1).status == Status.SEQ_REUSED
    assert orders_of(ann) == []


def test_a_faulty_client_order_id_is_answered_and_uses_nothing_up(ann: MasterClient) -> None:
    """What is no order at all does not advance the session's number."""
    assert ann.ask(buy(0), seq=1).status == Status.INVALID_FIELD
    assert ann.ask(buy(2**63), seq=1).status == Status.INVALID_FIELD
    assert ann.ask(buy(1), seq=1).status == 0


# --- exactly once: R1 to R9 ------------------------------------------------------------


@pytest.mark.clause("12.1")
def test_commands_without_a_number_are_refused(ann: MasterClient) -> None:
    """R1: ORDER_NEW and ORDER_CANCEL need seq >= 1; nothing is done without."""
    assert ann.ask(buy(1), seq=0).status == Status.SEQ_REQUIRED
    assert ann.ask(m.OrderCancel(order=1), seq=0).status == Status.SEQ_REQUIRED
    assert orders_of(ann) == []


@pytest.mark.clause("12.2")
def test_numbers_may_have_gaps(ann: MasterClient) -> None:
    """R2: numbers must only rise."""
    assert ann.ask(buy(1), seq=5).status == 0
    assert ann.ask(buy(2), seq=70).status == 0
    assert ann.ask(buy(3), seq=69).status == Status.SEQ_TOO_OLD
    assert len(orders_of(ann)) == 2


@pytest.mark.clause("12.3")
def test_a_command_and_its_reply_are_in_one_transaction(kit: MasterKit, ann: MasterClient) -> None:
    """R3: after a crash the order, its reply and the session's number are there together."""
    reply = ann.order("AAPL", "1")
    kit.crash()
    assert ann.resume().message.last_command_seq == 1
    again = ann.ask(buy(1), seq=1)
    assert again.header.flags & REPLAYED
    assert body(again.octets) == body(reply.octets)


@pytest.mark.clause("12.4")
def test_the_same_command_again_gets_the_stored_reply(kit: MasterKit, ann: MasterClient) -> None:
    """R4: octet for octet, with REPLAYED and the new correlation, though the order has changed."""
    first = ann.order("AAPL", "10")
    kit.quote("AAPL", "560.00", "560.10")
    again = ann.ask(buy(1, 10 * SCALE), seq=1)
    assert again.header.correlation == first.header.correlation + 1
    assert again.header.flags == first.header.flags | REPLAYED
    assert body(again.octets) == body(first.octets)
    assert again.message.state == OrderState.PENDING
    assert len(orders_of(ann)) == 1


@pytest.mark.clause("12.4")
def test_another_command_under_a_used_number_is_refused(kit: MasterKit, ann: MasterClient) -> None:
    """R4: one octet of difference, or another opcode, is SEQ_REUSED, and nothing is done."""
    ann.order("AAPL", "10")
    assert ann.ask(buy(1, 11 * SCALE), seq=1).status == Status.SEQ_REUSED
    assert ann.ask(m.OrderCancel(client_order_id=1), seq=1).status == Status.SEQ_REUSED
    (order,) = orders_of(ann)
    assert (order.quantity, order.state) == (10 * SCALE, OrderState.PENDING)


@pytest.mark.clause("12.5")
def test_replies_are_kept_up_to_their_limit(ann: MasterClient) -> None:
    """R5: beyond REPLIES_KEPT the oldest reply is forgotten: SEQ_TOO_OLD, and nothing is done."""
    for number in range(1, limits.REPLIES_KEPT + 2):
        ann.send(m.OrderCancel(order=7_000 + number), seq=number)
    ann.kit.turn()
    ann.inbox()
    oldest = ann.ask(m.OrderCancel(order=7_001), seq=1)
    assert oldest.status == Status.SEQ_TOO_OLD
    kept = ann.ask(m.OrderCancel(order=7_002), seq=2)
    assert kept.status == Status.NO_SUCH_ORDER
    assert kept.header.flags & REPLAYED


@pytest.mark.clause("12.5")
def test_replies_are_kept_up_to_their_limit_over_a_crash(kit: MasterKit, ann: MasterClient) -> None:
    """R5: the same bound holds for what is loaded at a start."""
    for number in range(1, limits.REPLIES_KEPT + 3):
        ann.send(m.OrderCancel(order=7_000 + number), seq=number)
    kit.turn()
    kit.crash()
    ann.resume()
    assert ann.ask(m.OrderCancel(order=7_002), seq=2).status == Status.SEQ_TOO_OLD
    assert ann.ask(m.OrderCancel(order=7_003), seq=3).header.flags & REPLAYED
    number = limits.REPLIES_KEPT + 2
    assert ann.ask(m.OrderCancel(order=7_000 + number), seq=number).header.flags & REPLAYED


@pytest.mark.clause("12.6")
def test_a_client_order_id_is_used_once_for_ever(kit: MasterKit, ann: MasterClient) -> None:
    """R6: from another session, after the end of the order, after a crash: the first order."""
    first = ann.order("AAPL", "10", client_order_id=41)
    kit.quote("AAPL", "560.00", "560.10")
    other = kit.client(connection=2)
    other.login("ann")
    for _ in range(2):
        refused = other.order("MSFT", "1", client_order_id=41)
        assert refused.status == Status.DUPLICATE_ORDER
        assert refused.message.order == first.message.order
        assert refused.message.symbol == "AAPL"
        assert refused.message.state == OrderState.FILLED
        kit.crash()
        other.resume()
    assert len(orders_of(other)) == 1


@pytest.mark.clause("12.6")
def test_two_accounts_may_use_the_same_client_order_id(kit: MasterKit, ann: MasterClient) -> None:
    """R6: the id is the account's own."""
    bob = kit.client(connection=2)
    bob.register("bob")
    bob.login("bob")
    assert ann.order("AAPL", "1", client_order_id=5).status == 0
    assert bob.order("AAPL", "1", client_order_id=5).status == 0


@pytest.mark.clause("12.7")
def test_overload_is_not_stored(kit: MasterKit, ann: MasterClient) -> None:
    """R7: SERVER_BUSY does not use the number up; the same command is done later."""
    kit.main.views.backlog += 10**9
    busy = ann.ask(buy(1), seq=1)
    kit.main.views.backlog -= 10**9
    assert busy.status == Status.SERVER_BUSY
    assert busy.message.retry_after_ms > 0
    done = ann.ask(buy(1), seq=1)
    assert done.status == 0
    assert not done.header.flags & REPLAYED


@pytest.mark.clause("12.8", "14.2")
def test_the_account_stream_is_one_for_all_sessions(kit: MasterKit, ann: MasterClient) -> None:
    """R8: both sessions see the same events, contiguous from where they began."""
    other = kit.client(connection=2)
    other.login("ann")
    ann.follow()
    other.follow()
    ann.order("AAPL", "1")
    other.order("MSFT", "1", client_order_id=2)
    kit.turn(1.0)
    mine, theirs = ann.events(), other.events()
    assert [each.header.seq for each in mine] == list(range(2, 8))
    assert [body(each.octets) for each in mine] == [body(each.octets) for each in theirs]


@pytest.mark.clause("12.9")
def test_resume_tells_where_everything_is(kit: MasterKit, ann: MasterClient) -> None:
    """R9: last_command_seq, oldest_event_seq and next_event_seq; then the stream from there."""
    ann.order("AAPL", "1")
    kit.turn(1.0)
    answer = ann.resume(last_event_seq=2)
    assert answer.status == 0
    told = answer.message
    assert (told.last_command_seq, told.oldest_event_seq, told.next_event_seq) == (1, 1, 5)
    ann.follow(after=2)
    events = ann.events()
    assert [each.header.seq for each in events] == [3, 4]
    assert all(each.header.flags & REPLAYED for each in events)


@pytest.mark.clause("12.10")
def test_an_event_seen_twice_has_the_same_octets(kit: MasterKit, ann: MasterClient) -> None:
    """R10: whoever asks again from an older event gets what went out the first time."""
    ann.follow()
    ann.order("AAPL", "1")
    kit.turn(1.0)
    live = ann.events()
    ann.follow(after=1)
    again = ann.events()
    assert [each.header.seq for each in again] == [2, 3, 4]
    assert [body(each.octets) for each in again] == [body(each.octets) for each in live]
    assert codec.parse_header(again[0].octets).flags & REPLAYED


def test_buying_power_is_spent_once(kit: MasterKit, ann: MasterClient) -> None:
    """Many orders at once, from two sessions, spend no more than there is."""
    kit.quote("AAPL", "560.00", "560.10")
    other = kit.client(connection=2)
    other.login("ann")
    sent = [
        (client, client.send(buy(number, 50 * SCALE), seq=number))
        for number in range(1, 9)
        for client in (ann, other)
    ]
    kit.turn()
    statuses = [client.replies(correlation)[0].status for client, correlation in sent]
    assert statuses.count(0) == 3
    assert statuses.count(Status.INSUFFICIENT_CASH) + statuses.count(Status.DUPLICATE_ORDER) == 13
    kit.quote("AAPL", "560.00", "560.10")
    assert ann.ask(m.PortfolioGet()).message.cash >= 0


# --- no look-ahead ------------------------------------------------------------


@pytest.mark.clause("13.2")
def test_an_order_never_uses_a_quote_from_before_it(kit: MasterKit, ann: MasterClient) -> None:
    """The quote that a trader has seen fills nothing; only a later observation does."""
    kit.quote("AAPL", "560.00", "560.10")
    order = ann.order("AAPL", "1").message
    stale = order.received_at
    kit.quote("AAPL", "1.00", "1.01", observed_at=stale - 1)
    kit.quote("AAPL", "1.00", "1.01", observed_at=stale)
    assert ann.ask(m.OrderGet(order=order.order)).message.state == OrderState.PENDING
    kit.quote("AAPL", "562.00", "562.10")
    filled = ann.ask(m.OrderGet(order=order.order)).message
    assert (filled.state, filled.average_price) == (OrderState.FILLED, 562_10000000)


@pytest.mark.parametrize(
    "flag", [QuoteFlag.CLOSED, QuoteFlag.STALE, QuoteFlag.SUSPECT], ids=lambda flag: flag.name
)
def test_a_quote_with_a_warning_fills_nothing(
    kit: MasterKit, ann: MasterClient, flag: QuoteFlag
) -> None:
    """CLOSED, STALE and SUSPECT quotes leave the orders alone."""
    order = ann.order("AAPL", "1").message
    kit.quote("AAPL", "560.00", "560.10", flags=int(flag))
    assert ann.ask(m.OrderGet(order=order.order)).message.state == OrderState.PENDING
    kit.quote("AAPL", "560.00", "560.10")
    assert ann.ask(m.OrderGet(order=order.order)).message.state == OrderState.FILLED


def test_a_quote_that_does_nothing_leaves_the_views_complete(
    kit: MasterKit, ann: MasterClient
) -> None:
    """A journalled quote without outcome does not keep a later question waiting."""
    ann.order("AAPL", "5", order_type=OrderType.LIMIT, limit_price=560 * SCALE)
    kit.quote("AAPL", "561.00", "562.00")
    seq = kit.main.journal.seq
    kit.quote("AAPL", "559.00", "559.90", ask_size=SCALE // 2)
    assert kit.main.journal.seq == seq + 1
    answer = ann.ask(m.TransactionsGet())
    assert answer.status == 0
    assert len(answer.message.transactions) == 1


def test_a_position_is_told_by_average_and_first_in_first_out(
    kit: MasterKit, ann: MasterClient
) -> None:
    """The worked case of the rules without its fees: 960.00 on average, 1,080.00 by lots."""
    for side, quantity, price in ((1, "100", "50"), (1, "50", "56"), (2, "120", "60")):
        kit.quote("IBM", price, price)
        assert ann.order("IBM", quantity, side).status == 0
        kit.quote("IBM", price, price)
    (row,) = ann.ask(m.PortfolioGet()).message.positions
    assert (row.cost_basis, row.realized_pnl) == (1_560 * SCALE, 960 * SCALE)
    assert (row.fifo_cost_basis, row.fifo_realized) == (1_680 * SCALE, 1_080 * SCALE)
    kit.crash()
    ann.resume()
    (after,) = ann.ask(m.PortfolioGet()).message.positions
    assert (after.fifo_cost_basis, after.fifo_realized) == (1_680 * SCALE, 1_080 * SCALE)
