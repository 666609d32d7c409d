"""Events and inputs as frames: how the journal and the clients are told the same thing.

A journal record is a frame of the range 0x7Exx with CHECKSUM. What a client is sent stands in it
octet for octet, as section INNER.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import attrs

from papertrader.core.events import (
    ActionApplied,
    Event,
    OrderChanged,
    PortfolioNamed,
    PortfolioOpened,
    Preview,
    SeasonBegun,
    TransactionPosted,
)
from papertrader.core.fills import LimitingRule, Receipt
from papertrader.core.ledger import Entry, LedgerAccount, LedgerKind, Transaction, TransactionKind
from papertrader.core.orders import (
    Order,
    OrderEventKind,
    OrderState,
    OrderType,
    Side,
    TimeInForce,
)
from papertrader.core.portfolio import Lot, Position
from papertrader.core.quotes import ActionKind, CorporateAction, Quote
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.derived import Message
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import Category, FrameFlag, Opcode, Status, Tag

CHECKED: Final = int(FrameFlag.CHECKSUM | FrameFlag.EVENT)
_COMMAND: Final = int(Category.COMMAND)
_DATA: Final = int(Category.DATA)
_EVENT: Final = int(FrameFlag.EVENT)
_LOW: Final = 2**64 - 1


@attrs.frozen
class StoredReply:
    """The reply to a command of a session, kept for whoever asks the same again."""

    session_id: int
    command_seq: int
    request_hash: bytes
    at: int
    frame: bytes


Fact: TypeAlias = Event | StoredReply


# --- core values to rows -------------------------------------------------------------------------


def order_row(order: Order) -> m.OrderRow:
    """Return an order as the wire shows it."""
    return m.OrderRow(
        order.order_id,
        order.client_order_id,
        order.account,
        order.portfolio,
        order.symbol,
        order.side,
        order.order_type,
        order.time_in_force,
        order.flags,
        order.state,
        order.reason,
        order.quantity,
        order.filled,
        order.limit_price,
        order.stop_price,
        order.avg_price,
        order.collar_price,
        order.reserved_cash,
        order.fees,
        order.received_at,
        order.accepted_at,
        order.updated_at,
        order.expire_at,
        order.version,
        order.fills,
        order.replaces,
    )


def order_reply(
    opcode: int,
    order: Order,
    status: int = 0,
    text: str = "",
    session: int = 0,
    correlation: int = 0,
    more: bytes = b"",
) -> bytes:
    """Return the reply frame that shows an order; the block is an OrderRow's.

    ``more`` are further sections, whose tags are above TEXT's.
    """
    sections = b""
    if text:
        sections = codec.section(Tag.TEXT, text.encode()[: limits.TEXT_MAX])
    return codec.frame(
        _COMMAND,
        opcode,
        order_row(order).pack(),
        sections + more,
        flags=codec.RESPONSE,
        status=status,
        session=session,
        correlation=correlation,
    )


def successor_section(replaced_by: int) -> bytes:
    """Return the section that names the order in another's place; nothing for 0."""
    if not replaced_by:
        return b""
    row = m.SuccessorRow(replaced_by).pack()
    return codec.group(Tag.SUCCESSOR, m.SuccessorRow.SIZE, [row])


def preview_section(preview: Preview, currency: str) -> bytes:
    """Return the section that tells what an order would cost."""
    row = m.PreviewRow(
        price=preview.price,
        cost=preview.cost,
        fees=preview.fees,
        buying_power_after=preview.available_after,
        currency=currency,
    )
    return codec.group(Tag.PREVIEW, m.PreviewRow.SIZE, [row.pack()])


def quote_block(quote: Quote) -> bytes:
    """Return the octets of a QUOTE row, which are also the root block of EV_QUOTE."""
    return m.QuoteRow(
        quote.symbol,
        quote.bid,
        quote.ask,
        quote.last,
        quote.bid_size,
        quote.ask_size,
        quote.last_size,
        quote.day_open,
        quote.day_high,
        quote.day_low,
        quote.prev_close,
        quote.day_volume,
        quote.source_time,
        quote.observed_at,
        quote.quote_seq,
        quote.flags,
    ).pack()


def quote_event(quote: Quote) -> bytes:
    """Return an EV_QUOTE frame without addressee."""
    return codec.frame(_DATA, Opcode.EV_QUOTE, quote_block(quote), flags=_EVENT)


def quote_of(row: m.QuoteRow | m.StoreQuote) -> Quote:
    """Return the quote that a row describes."""
    return Quote(
        symbol=row.symbol,
        bid=row.bid,
        ask=row.ask,
        last=row.last,
        bid_size=row.bid_size,
        ask_size=row.ask_size,
        last_size=row.last_size,
        day_open=row.day_open,
        day_high=row.day_high,
        day_low=row.day_low,
        prev_close=row.prev_close,
        day_volume=row.day_volume,
        source_time=row.source_time,
        observed_at=row.observed_at,
        quote_seq=row.quote_seq,
        flags=row.flags,
    )


def transaction_row(transaction: Transaction) -> m.TransactionRow:
    """Return a transaction as the wire shows it."""
    return m.TransactionRow(
        transaction=transaction.transaction_id,
        portfolio=transaction.portfolio,
        kind=transaction.kind,
        currency=transaction.currency,
        symbol=transaction.symbol,
        quantity=transaction.quantity,
        price=transaction.price,
        amount=transaction.amount,
        fees=transaction.fees,
        cash_after=transaction.cash_after,
        realized=transaction.realized,
        order=transaction.order,
        fill=transaction.fill,
        received_at=transaction.received_at,
        executed_at=transaction.executed_at,
        quote_seq=transaction.quote_seq,
    )


def _receipt_row(receipt: Receipt) -> m.ReceiptRow:
    return m.ReceiptRow(
        quote_seq=receipt.quote_seq,
        bid=receipt.bid,
        ask=receipt.ask,
        last=receipt.last,
        bid_size=receipt.bid_size,
        ask_size=receipt.ask_size,
        observed_at=receipt.observed_at,
        source_time=receipt.source_time,
        age=receipt.age,
        spread_cost=receipt.spread_cost,
        slippage=receipt.slippage,
        limiting=receipt.limiting,
    )


def _holding_row(position: Position) -> m.HoldingRow:
    return m.HoldingRow(
        symbol=position.symbol,
        quantity=position.quantity,
        cost_basis=position.cost_basis,
        realized=position.realized,
        opened_at=position.opened_at,
        updated_at=position.updated_at,
    )


# --- events to frames ----------------------------------------------------------------------------


def push_frame(event: OrderChanged | TransactionPosted) -> bytes:
    """Return what a client is sent: the event's frame, without session and correlation."""
    if isinstance(event, OrderChanged):
        block = m.OrderEvent(
            kind=event.kind,
            fill=event.fill,
            fill_quantity=event.fill_quantity,
            fill_price=event.fill_price,
            fill_fees=event.fill_fees,
            transaction=event.transaction,
            order=event.order.order_id,
        ).pack()
        sections = codec.group(Tag.ORDERS, m.OrderRow.SIZE, [order_row(event.order).pack()])
        if event.receipt is not None:
            row = _receipt_row(event.receipt).pack()
            sections += codec.group(Tag.RECEIPT, m.ReceiptRow.SIZE, [row])
        return codec.frame(
            _DATA, Opcode.EV_ORDER, block, sections, flags=_EVENT, seq=event.event_seq
        )
    sections = b""
    if event.position is not None:
        sections = codec.group(
            Tag.POSITIONS, m.HoldingRow.SIZE, [_holding_row(event.position).pack()]
        )
    block = transaction_row(event.transaction).pack()
    return codec.frame(_DATA, Opcode.EV_TX, block, sections, flags=_EVENT, seq=event.event_seq)


def event_record(seq: int, event: Event, push: bytes = b"") -> bytes:
    """Return the journal record of an event that input ``seq`` caused; ``push`` is its frame."""
    message: Message
    if isinstance(event, OrderChanged):
        order = event.order
        message = m.StoreOrder(
            seq=seq,
            account=event.account,
            portfolio=event.portfolio,
            at=event.at,
            reserved_quantity=order.reserved_quantity,
            sequence=order.sequence,
            notional_high=order.notional_filled >> 64,
            notional_low=order.notional_filled & _LOW,
            inner=push,
        )
    elif isinstance(event, TransactionPosted):
        lots = event.position.lots if event.position is not None else ()
        message = m.StoreTransaction(
            seq=seq,
            account=event.account,
            portfolio=event.portfolio,
            at=event.at,
            inner=push,
            entries=tuple(
                m.EntryRow(e.ledger_account.kind, e.asset, e.ledger_account.portfolio, e.amount)
                for e in event.entries
            ),
            lots=tuple(
                m.LotRow(lot.quantity, lot.price, lot.cost, lot.opened_at, lot.transaction)
                for lot in lots
            ),
        )
    elif isinstance(event, ActionApplied):
        action = event.action
        message = m.StoreApplied(
            seq=seq, symbol=action.symbol, kind=action.kind, action_at=action.at, at=event.at
        )
    elif isinstance(event, PortfolioNamed):
        message = m.StoreName(
            seq=seq,
            account=event.account,
            portfolio=event.portfolio,
            name=event.name,
            at=event.at,
        )
    elif isinstance(event, SeasonBegun):
        message = m.StoreSeason(
            seq=seq,
            account=event.account,
            portfolio=event.portfolio,
            season=event.season,
            at=event.at,
        )
    else:
        return portfolio_record(seq, event, 0)
    return codec.encode(message, flags=int(FrameFlag.CHECKSUM))


def portfolio_record(seq: int, event: PortfolioOpened, deposit: int) -> bytes:
    """Return the journal record of a portfolio's opening: input and outcome in one."""
    message = m.StorePortfolio(
        seq=seq,
        accepted_at=event.at,
        account=event.account,
        portfolio=event.portfolio,
        currency=event.currency,
        deposit=deposit,
    )
    return codec.encode(message, flags=int(FrameFlag.CHECKSUM))


def reply_record(seq: int, reply: StoredReply) -> bytes:
    """Return the journal record of a stored reply."""
    message = m.StoreReply(
        seq=seq,
        session_id=reply.session_id,
        command_seq=reply.command_seq,
        request_hash=reply.request_hash,
        at=reply.at,
        inner=reply.frame,
    )
    return codec.encode(message, flags=int(FrameFlag.CHECKSUM))


def quote_record(seq: int, quote: Quote) -> bytes:
    """Return the journal record of a quote that orders used."""
    block = seq.to_bytes(8, "big") + quote_block(quote)
    return codec.frame(_COMMAND, Opcode.STORE_QUOTE, block, flags=CHECKED)


def time_record(seq: int, at: int, market_at: int) -> bytes:
    """Return the journal record of market time having gone on."""
    message = m.StoreTime(seq=seq, accepted_at=at, market_at=market_at)
    return codec.encode(message, flags=int(FrameFlag.CHECKSUM))


def action_record(seq: int, at: int, action: CorporateAction) -> bytes:
    """Return the journal record of a corporate action."""
    message = m.StoreAction(
        seq=seq,
        accepted_at=at,
        symbol=action.symbol,
        kind=action.kind,
        numerator=action.numerator,
        denominator=action.denominator,
        at=action.at,
        amount=action.amount,
    )
    return codec.encode(message, flags=int(FrameFlag.CHECKSUM))


# --- frames to events ----------------------------------------------------------------------------


def read_frames(blob: bytes) -> Iterator[Message]:
    """Give the records of a batch in order; raises `RemoteFault` where one is damaged."""
    offset = 0
    while offset < len(blob):
        header = codec.parse_header(blob, offset)
        codec.check_header(header, limits.FRAME_MAX)
        end = offset + limits.HEADER_SIZE + header.length
        if end > len(blob):
            raise RemoteFault(Status.BAD_LENGTH, "a record ends after its batch")
        yield codec.decode_body(header, blob[offset:end])
        offset = end


def order_of(row: m.OrderRow, record: m.StoreOrder) -> Order:
    """Return the order of a record: what the client was shown and what the desk keeps besides."""
    return Order(
        order_id=row.order,
        client_order_id=row.client_order_id,
        account=row.account,
        portfolio=row.portfolio,
        symbol=row.symbol,
        side=Side(row.side),
        order_type=OrderType(row.order_type),
        time_in_force=TimeInForce(row.time_in_force),
        flags=row.flags,
        quantity=row.quantity,
        filled=row.filled,
        limit_price=row.limit_price,
        stop_price=row.stop_price,
        notional_filled=record.notional_high << 64 | record.notional_low,
        reserved_cash=row.reserved_cash,
        reserved_quantity=record.reserved_quantity,
        collar_price=row.collar_price,
        fees=row.fees,
        state=OrderState(row.state),
        reason=row.reason,
        received_at=row.received_at,
        accepted_at=row.accepted_at,
        updated_at=row.updated_at,
        expire_at=row.expire_at,
        version=row.version,
        fills=row.fills,
        replaces=row.replaces,
        sequence=record.sequence,
    )


def _order_event(record: m.StoreOrder) -> OrderChanged:
    header, inner = codec.decode(record.inner)
    if not isinstance(inner, m.OrderEvent):
        raise TypeError("an order's record holds another frame")
    receipt = None
    if inner.receipt:
        row = inner.receipt[0]
        receipt = Receipt(
            row.quote_seq,
            row.bid,
            row.ask,
            row.last,
            row.bid_size,
            row.ask_size,
            row.observed_at,
            row.source_time,
            row.age,
            row.spread_cost,
            row.slippage,
            LimitingRule(row.limiting),
        )
    return OrderChanged(
        account=record.account,
        portfolio=record.portfolio,
        event_seq=header.seq,
        kind=OrderEventKind(inner.kind),
        order=order_of(inner.orders[0], record),
        at=record.at,
        fill=inner.fill,
        fill_quantity=inner.fill_quantity,
        fill_price=inner.fill_price,
        fill_fees=inner.fill_fees,
        transaction=inner.transaction,
        receipt=receipt,
    )


def transaction_of(row: m.TransactionRow | m.TransactionEvent) -> Transaction:
    """Return the transaction that a row describes."""
    return Transaction(
        transaction_id=row.transaction,
        portfolio=row.portfolio,
        kind=TransactionKind(row.kind),
        currency=row.currency,
        amount=row.amount,
        cash_after=row.cash_after,
        executed_at=row.executed_at,
        received_at=row.received_at,
        symbol=row.symbol,
        quantity=row.quantity,
        price=row.price,
        fees=row.fees,
        order=row.order,
        fill=row.fill,
        quote_seq=row.quote_seq,
        realized=row.realized,
    )


def _transaction_event(record: m.StoreTransaction) -> TransactionPosted:
    header, inner = codec.decode(record.inner)
    if not isinstance(inner, m.TransactionEvent):
        raise TypeError("a transaction's record holds another frame")
    position = None
    if inner.positions:
        row = inner.positions[0]
        lots = tuple(
            Lot(lot.quantity, lot.price, lot.cost, lot.opened_at, lot.transaction)
            for lot in record.lots
        )
        position = Position(
            row.symbol,
            row.quantity,
            row.cost_basis,
            row.realized,
            row.opened_at,
            row.updated_at,
            lots,
        )
    entries = tuple(
        Entry(LedgerAccount(LedgerKind(row.kind), row.portfolio), row.asset, row.amount)
        for row in record.entries
    )
    return TransactionPosted(
        record.account,
        record.portfolio,
        header.seq,
        transaction_of(inner),
        entries,
        position,
        record.at,
    )


def fact_of(message: Message) -> Fact | None:
    """Return what an outcome record says, or None for an input's record."""
    if isinstance(message, m.StoreOrder):
        return _order_event(message)
    if isinstance(message, m.StoreTransaction):
        return _transaction_event(message)
    if isinstance(message, m.StorePortfolio):
        return PortfolioOpened(
            message.account, message.portfolio, message.currency, message.accepted_at
        )
    if isinstance(message, m.StoreReply):
        return StoredReply(
            message.session_id, message.command_seq, message.request_hash, message.at, message.inner
        )
    if isinstance(message, m.StoreApplied):
        action = CorporateAction(
            symbol=message.symbol, kind=ActionKind(message.kind), at=message.action_at
        )
        return ActionApplied(action, message.at)
    if isinstance(message, m.StoreName):
        return PortfolioNamed(message.account, message.portfolio, message.name, message.at)
    if isinstance(message, m.StoreSeason):
        return SeasonBegun(message.account, message.portfolio, message.season, message.at)
    return None


def seq_of(message: Any) -> int:
    """Return the input sequence that a record belongs to."""
    return int(message.seq)
