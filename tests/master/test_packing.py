"""The packed frames of the order path are those that the declared codec makes, octet for octet."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from papertrader.core.events import OrderChanged, TransactionPosted
from papertrader.core.fills import LimitingRule, Receipt
from papertrader.core.ledger import Entry, LedgerAccount, LedgerKind, Transaction, TransactionKind
from papertrader.core.money import NULL
from papertrader.core.orders import (
    Order,
    OrderEventKind,
    OrderState,
    OrderTerms,
    OrderType,
    Side,
    TimeInForce,
)
from papertrader.core.portfolio import LOTS_MAX, Lot, Position, trade
from papertrader.core.quotes import Quote
from papertrader.master import inputs, packing, records
from papertrader.master.orderrecords import order_row
from papertrader.master.receipts import receipt_row
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.errors import LocalFault
from papertrader.wire.kinds import FrameFlag

AMOUNTS = st.integers(-(2**62), 2**62)
COUNTS = st.integers(0, 2**40)
SYMBOLS = st.sampled_from(["AURUSD", "A", "BRK.B", "SIXTEEN-OCTETS-X"])


def again(octets: bytes) -> bytes:
    """Read a frame by the declared codec, and write what was read."""
    header, message = codec.decode(octets)
    flags = header.flags & int(FrameFlag.CHECKSUM)
    return codec.encode(
        message, opcode=header.opcode, flags=flags, status=header.status, session=header.session,
        correlation=header.correlation, seq=header.seq,
    )  # fmt: skip


def an_order(draw: Any) -> Order:
    """Draw an order with every field set."""
    filled = draw(COUNTS)
    return Order(
        order_id=draw(COUNTS), client_order_id=draw(COUNTS), account=draw(COUNTS),
        portfolio=draw(COUNTS), symbol=draw(SYMBOLS), side=draw(st.sampled_from(Side)),
        order_type=draw(st.sampled_from(OrderType)),
        time_in_force=draw(st.sampled_from(TimeInForce)),
        flags=draw(st.integers(0, 31)), quantity=filled + draw(COUNTS), filled=filled,
        limit_price=draw(AMOUNTS), stop_price=NULL,
        notional_filled=filled * draw(st.integers(0, 2**61)),
        reserved_cash=draw(AMOUNTS), reserved_quantity=draw(AMOUNTS), collar_price=draw(AMOUNTS),
        fees=draw(AMOUNTS), state=draw(st.sampled_from(OrderState)), reason=draw(st.integers(0, 9)),
        received_at=draw(COUNTS), accepted_at=draw(COUNTS), updated_at=draw(COUNTS),
        expire_at=draw(COUNTS), version=draw(st.integers(1, 9)), fills=draw(st.integers(0, 9)),
        replaces=draw(COUNTS), sequence=draw(COUNTS),
        terms=draw(st.sampled_from([None, OrderTerms(notional=5, parent=3)])),
    )  # fmt: skip


def a_receipt(draw: Any) -> Receipt:
    """Draw a receipt without a working of its own."""
    return Receipt(
        draw(COUNTS), draw(AMOUNTS), draw(AMOUNTS), draw(AMOUNTS), draw(AMOUNTS), draw(AMOUNTS),
        draw(COUNTS), draw(COUNTS), draw(COUNTS), draw(AMOUNTS), draw(AMOUNTS),
        draw(st.sampled_from(LimitingRule)),
    )  # fmt: skip


@st.composite
def order_events(draw: Any) -> OrderChanged:
    """Draw an event of an order."""
    return OrderChanged(
        draw(COUNTS), draw(COUNTS), draw(COUNTS), draw(st.sampled_from(OrderEventKind)),
        an_order(draw), draw(COUNTS), fill=draw(st.integers(0, 9)), fill_quantity=draw(AMOUNTS),
        fill_price=draw(AMOUNTS), fill_fees=draw(AMOUNTS), transaction=draw(COUNTS),
        receipt=a_receipt(draw) if draw(st.booleans()) else None,
    )  # fmt: skip


@st.composite
def transactions(draw: Any) -> TransactionPosted:
    """Draw an event of a transaction."""
    number = draw(st.integers(1, 50))
    lots = tuple(
        Lot(draw(AMOUNTS), draw(AMOUNTS), draw(AMOUNTS), draw(COUNTS), each)
        for each in sorted(draw(st.sets(st.integers(1, number), max_size=6)))
    )
    position = Position(draw(SYMBOLS), 5, draw(AMOUNTS), draw(AMOUNTS), 1, 2, lots)
    entries = tuple(
        Entry(LedgerAccount(draw(st.sampled_from(LedgerKind)), draw(COUNTS)), draw(SYMBOLS), amount)
        for amount in draw(st.lists(AMOUNTS, min_size=1, max_size=6))
    )
    executed_at = draw(COUNTS)
    transaction = Transaction(
        transaction_id=number, portfolio=draw(COUNTS),
        kind=draw(st.sampled_from(TransactionKind)), currency="USD", amount=draw(AMOUNTS),
        cash_after=draw(AMOUNTS), executed_at=executed_at, received_at=draw(COUNTS),
        symbol=position.symbol, quantity=draw(AMOUNTS), price=draw(AMOUNTS), fees=draw(AMOUNTS),
        order=draw(COUNTS), fill=draw(st.integers(0, 9)), quote_seq=draw(COUNTS),
        realized=draw(AMOUNTS), market_at=draw(st.sampled_from([0, executed_at + 1])),
        note=draw(st.sampled_from(["", "a correction"])),
    )  # fmt: skip
    return TransactionPosted(
        draw(COUNTS), draw(COUNTS), draw(COUNTS), transaction, entries,
        draw(st.sampled_from([None, position])), draw(COUNTS),
    )  # fmt: skip


@given(event=order_events())
def test_an_orders_frames_are_the_declared_ones(event: OrderChanged) -> None:
    """EV_ORDER, its record, the row within it, and what both say."""
    push = records.push_frame(event)
    record = records.event_record(7, event, push)
    assert again(push) == push
    assert again(record) == record
    assert push[packing.ORDER_AT : packing.ORDER_END] == order_row(event.order).pack()
    assert packing.order_block(event.order) == order_row(event.order).pack()
    assert records.fact_of(codec.decode(record)[1]) == event
    if event.receipt is not None:
        assert packing.receipt_row(event, push) == receipt_row(event, event.receipt)


@given(event=transactions())
def test_a_transactions_frames_are_the_declared_ones(event: TransactionPosted) -> None:
    """EV_TX and its record."""
    push = records.push_frame(event)
    record = records.event_record(7, event, push)
    assert again(push) == push
    assert again(record) == record
    row = records.transaction_row(event.transaction)
    assert push[packing.HEAD : packing.TRANSACTION_END] == row.pack()


@given(
    hash_=st.binary(min_size=32, max_size=32),
    numbers=st.lists(COUNTS, min_size=6, max_size=6),
    more=st.booleans(),
)
def test_the_records_of_a_command_are_the_declared_ones(
    hash_: bytes, numbers: list[int], more: bool
) -> None:
    """STORE_COMMAND and STORE_REPLY."""
    inner = codec.encode(m.Ping(token=1, sent_at=2), correlation=3)
    reply = records.StoredReply(numbers[0], numbers[1], hash_, numbers[2], inner)
    kept = records.reply_record(9, reply)
    assert again(kept) == kept
    assert records.fact_of(codec.decode(kept)[1]) == reply
    envelope = codec.encode(m.RelayUp(received_at=5, worker_seq=1, connection=1, inner=inner))
    section = inputs.PackedQuotes().section([Quote(symbol="A", bid=1, ask=2)]) if more else b""
    command = packing.command_record(9, *numbers, envelope, section)
    assert again(command) == command
    assert codec.decode(command)[1].accepted_at == numbers[0]


def test_what_does_not_fit_is_told_by_the_name_of_the_order() -> None:
    """An amount beyond 64 bits is refused, not cut."""
    order = Order(1, 1, 1, 1, "A", Side.BUY, OrderType.LIMIT, TimeInForce.GTC, 0, 2**63)
    event = OrderChanged(1, 1, 1, OrderEventKind.ACCEPTED, order, 1)
    for pack in (lambda: packing.order_block(order), lambda: records.push_frame(event)):
        with pytest.raises(LocalFault, match="order 1"):
            pack()


@given(
    steps=st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=40),
    begun=st.sampled_from([0, 1, LOTS_MAX - 2, LOTS_MAX]),
)
def test_the_lots_that_a_trade_left_come_from_the_position_before(
    steps: list[tuple[int, bool]], begun: int
) -> None:
    """Whatever is bought and sold, what is told of the lots gives all of them again."""
    position = Position("A")
    number = 0
    for _ in range(begun):
        number += 1
        position, _ = trade(position, 3, 10, -30, number, number)
    for size, buys in steps:
        number += 1
        quantity = size if buys or not position.quantity else -min(size, position.quantity)
        before = position
        position, _ = trade(before, quantity, 10, -10 * quantity, number, number)
        done = Transaction(
            transaction_id=number, portfolio=1, currency="USD", amount=0, cash_after=0,
            kind=TransactionKind.BUY if quantity > 0 else TransactionKind.SELL,
            executed_at=number, symbol="A",
        )  # fmt: skip
        changed, kept = packing.changed_lots(done, position.lots)
        assert len(changed) <= 2
        assert packing.all_lots(changed, kept, before.lots) == position.lots


def test_more_lots_than_there_were_cannot_have_been_kept() -> None:
    """A record that does not follow from the state is not taken."""
    lot = Lot(1, 1, 1, 1, 1)
    with pytest.raises(ValueError, match="3 lots are kept of 2"):
        packing.all_lots((lot,), 3, (lot, lot))
    with pytest.raises(ValueError, match="1 lots are kept"):
        packing.all_lots((), 1, (lot, lot))


def test_quotes_are_packed_once_and_anew_when_they_change() -> None:
    """What is remembered is the quote itself: another one of the symbol is packed."""
    packed = inputs.PackedQuotes()
    quote = Quote(symbol="A", bid=1, ask=2)
    first = packed.section([quote])
    assert first == inputs.quotes_section([quote])
    assert packed.section([quote]) is first
    other = attrs.evolve(quote, bid=2)
    assert packed.section([other]) == inputs.quotes_section([other]) != first
    assert packed.section([quote, other]) == inputs.quotes_section([quote, other])
    assert packed.section([]) == b""
