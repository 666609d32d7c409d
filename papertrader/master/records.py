"""Events and inputs as frames: how the journal and the clients are told the same thing.

A journal record is a frame of the range 0x7Exx with CHECKSUM. What a client is sent stands in it
octet for octet, as section INNER.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias

import attrs

from papertrader.core.events import (
    ActionApplied,
    ClockSet,
    ContestEnded,
    ContestJoined,
    ContestOpened,
    Event,
    MarksMoved,
    OrderChanged,
    PortfolioFrozen,
    PortfolioMarked,
    PortfolioNamed,
    PortfolioOpened,
    Preview,
    SeasonBegun,
    TermsSet,
    TransactionPosted,
)
from papertrader.core.ledger import Entry, LedgerAccount, LedgerKind, Transaction, TransactionKind
from papertrader.core.marketclock import ClockMode
from papertrader.core.orders import (
    Order,
    OrderEventKind,
)
from papertrader.core.portfolio import Lot, Position
from papertrader.core.quotes import ActionKind, CorporateAction, Quote
from papertrader.core.state import DeskState
from papertrader.master import packing
from papertrader.master.contestrecords import contest_event, contest_record
from papertrader.master.orderrecords import order_of, orders_section, tags_section, terms_section
from papertrader.master.receipts import receipt_of, receipt_sections
from papertrader.master.termrecords import terms_block, terms_of
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


@attrs.define
class StoredReply:
    """The reply to a command of a session, kept for whoever asks the same again; never changed."""

    session_id: int
    command_seq: int
    request_hash: bytes
    at: int
    frame: bytes


Fact: TypeAlias = Event | StoredReply


# --- core values to rows -------------------------------------------------------------------------


def order_reply(
    opcode: int,
    order: Order,
    status: int = 0,
    text: str = "",
    session: int = 0,
    correlation: int = 0,
    more: bytes = b"",
    beside: Sequence[Order] = (),
    block: bytes = b"",
) -> bytes:
    """Return the reply frame that shows an order; the block is an OrderRow's.

    ``beside`` are the orders that hang together with it; ``more`` are further sections, whose tags
    lie between those of ORDERS and ORDER_TERMS. ``block`` is the order's row if it is packed.
    """
    sections = codec.section(Tag.TEXT, text.encode()[: limits.TEXT_MAX]) if text else b""
    if beside:
        sections += orders_section(beside)
    sections += more
    if beside or order.terms is not None:
        sections += terms_section([order, *beside])
    if beside or order.tag:
        sections += tags_section([order, *beside])
    return codec.frame(
        _COMMAND,
        opcode,
        block or packing.order_block(order),
        sections,
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
    terms = preview.order.terms if preview.order is not None else None
    row = m.PreviewRow(
        price=preview.price,
        cost=preview.cost,
        fees=preview.fees,
        buying_power_after=preview.available_after,
        currency=currency,
        asset_currency=terms.currency if terms is not None else "",
        margin=preview.margin,
        margin_left=preview.margin_left,
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
        quote.provider,
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
        provider=row.provider,
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


def transaction_detail(transaction: Transaction) -> bytes:
    """Return the packed detail of a transaction; empty if there is nothing to say."""
    if not transaction.has_detail:
        return b""
    return m.TransactionDetailRow(
        transaction=transaction.transaction_id,
        market_at=transaction.market_time,
        settles_at=transaction.settles_at,
        commission=transaction.commission,
        sec_fee=transaction.sec_fee,
        taf_fee=transaction.taf_fee,
        rate=transaction.rate,
        asset_currency=transaction.asset_currency,
    ).pack()


# --- events to frames ----------------------------------------------------------------------------


def push_frame(event: OrderChanged | TransactionPosted) -> bytes:
    """Return what a client is sent: the event's frame, without session and correlation."""
    if isinstance(event, OrderChanged):
        more = b""
        if event.receipt is not None:
            more = receipt_sections(event.receipt)
        if event.order.terms is not None:
            more += terms_section([event.order])
        if event.order.tag:
            more += tags_section([event.order])
        return packing.order_event(event, more)
    transaction = event.transaction
    note = transaction.note
    before = codec.section(Tag.TEXT, note.encode()) if note else b""
    detail = transaction_detail(transaction)
    after = codec.group(Tag.DETAILS, m.TransactionDetailRow.SIZE, [detail]) if detail else b""
    return packing.transaction_event(event.event_seq, transaction, event.position, before, after)


_ALIKE: Final[dict[type[Any], type[Any]]] = {
    MarksMoved: m.StoreMarks,
    PortfolioFrozen: m.StoreFreeze,
    PortfolioMarked: m.StoreMargin,
    PortfolioNamed: m.StoreName,
    SeasonBegun: m.StoreSeason,
}
"""Events whose records have the same fields, and the input's number."""


def event_record(seq: int, event: Event, push: bytes = b"") -> bytes:
    """Return the journal record of an event that input ``seq`` caused; ``push`` is its frame."""
    if isinstance(event, OrderChanged):
        return packing.order_record(seq, event, push)
    if isinstance(event, TransactionPosted):
        return packing.transaction_record(seq, event, push)
    message: Message
    if isinstance(event, ActionApplied):
        action = event.action
        message = m.StoreApplied(
            seq=seq, symbol=action.symbol, kind=action.kind, action_at=action.at, at=event.at
        )
    elif isinstance(event, ClockSet):
        message = _clock_record(seq, event)
    elif isinstance(event, ContestOpened | ContestJoined | ContestEnded):
        message = contest_record(seq, event)
    elif isinstance(event, TermsSet):
        message = terms_block(
            m.StoreTerms,
            event.terms,
            seq=seq,
            account=event.account,
            portfolio=event.portfolio,
            at=event.at,
        )
    elif not isinstance(event, PortfolioOpened):
        names = (each.name for each in attrs.fields(type(event)))
        message = _ALIKE[type(event)](seq=seq, **{name: getattr(event, name) for name in names})
    else:
        return portfolio_record(seq, event, 0)
    return codec.encode(message, flags=int(FrameFlag.CHECKSUM))


def _clock_record(seq: int, event: ClockSet) -> m.StoreClock:
    return m.StoreClock(
        seq=seq,
        market=event.market,
        epoch=event.epoch,
        mode=event.mode,
        paused=event.paused,
        speed_milli=event.speed_milli,
        speed_setting=event.speed_setting,
        market_at=event.market_at,
        start_setting=event.start_setting,
        at=event.at,
        back=event.back,
    )


def clock_of(message: m.StoreClock) -> ClockSet:
    """Return the setting of a market's clock that a record tells."""
    return ClockSet(
        market=message.market,
        epoch=message.epoch,
        mode=ClockMode(message.mode),
        paused=message.paused,
        speed_milli=message.speed_milli,
        market_at=message.market_at,
        speed_setting=message.speed_setting,
        start_setting=message.start_setting,
        at=message.at,
        back=message.back,
    )


def portfolio_record(seq: int, event: PortfolioOpened, deposit: int, market_at: int = 0) -> bytes:
    """Return the journal record of a portfolio's opening: input and outcome in one."""
    message = m.StorePortfolio(
        seq=seq,
        accepted_at=event.at,
        account=event.account,
        portfolio=event.portfolio,
        currency=event.currency,
        deposit=deposit,
        given=(m.GivenRow(market_at=market_at),) if market_at else (),
    )
    return codec.encode(message, flags=int(FrameFlag.CHECKSUM))


def reply_record(seq: int, reply: StoredReply) -> bytes:
    """Return the journal record of a stored reply."""
    return packing.reply_record(
        seq, reply.session_id, reply.command_seq, reply.request_hash, reply.at, reply.frame
    )


# --- frames to events ----------------------------------------------------------------------------


def read_frames(blob: bytes) -> Iterator[Message]:
    """Give the records of a batch in order; raises `RemoteFault` where one is damaged."""
    offset = 0
    while offset < len(blob):
        yield read_frame(blob, offset)
        offset += limits.HEADER_SIZE + codec.parse_header(blob, offset).length


def read_frame(blob: bytes, offset: int) -> Message:
    """Return the record at ``offset``; raises `RemoteFault` if it is damaged."""
    header = codec.parse_header(blob, offset)
    codec.check_header(header, limits.FRAME_MAX)
    end = offset + limits.HEADER_SIZE + header.length
    if end > len(blob):
        raise RemoteFault(Status.BAD_LENGTH, "a record ends after its batch")
    return codec.decode_body(header, blob[offset:end])


def _order_event(record: m.StoreOrder) -> OrderChanged:
    header, inner = codec.decode(record.inner)
    if not isinstance(inner, m.OrderEvent):
        raise TypeError("an order's record holds another frame")
    return OrderChanged(
        account=record.account,
        portfolio=record.portfolio,
        event_seq=header.seq,
        kind=OrderEventKind(inner.kind),
        order=order_of(
            inner.orders[0],
            record,
            inner.order_terms[0] if inner.order_terms else None,
            inner.order_tags[0] if inner.order_tags else None,
        ),
        at=record.at,
        fill=inner.fill,
        fill_quantity=inner.fill_quantity,
        fill_price=inner.fill_price,
        fill_fees=inner.fill_fees,
        transaction=inner.transaction,
        receipt=receipt_of(inner),
    )


def transaction_of(
    row: m.TransactionRow | m.TransactionEvent, detail: m.TransactionDetailRow | None = None
) -> Transaction:
    """Return the transaction that a row, and its detail if there is one, describe."""
    found = Transaction(
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
    if detail is not None:
        found.market_at = 0 if detail.market_at == row.executed_at else detail.market_at
        found.settles_at = detail.settles_at
        found.sec_fee, found.taf_fee = detail.sec_fee, detail.taf_fee
        found.rate, found.asset_currency = detail.rate, detail.asset_currency
    return found


def transaction_stored(row: bytes, detail: bytes) -> Transaction:
    """Return the transaction that the views keep as two blocks, the second perhaps empty."""
    more = m.TransactionDetailRow.unpack(detail) if detail else None
    return transaction_of(m.TransactionRow.unpack(row), more)


def _transaction_event(record: m.StoreTransaction, state: DeskState | None) -> TransactionPosted:
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
        if record.lots_kept and state is not None:
            held = state.portfolios[record.portfolio].positions.get(row.symbol)
            before = () if held is None else held.lots
            lots = packing.all_lots(lots, record.lots_kept[0].lots, before)
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
    transaction = transaction_of(inner, inner.details[0] if inner.details else None)
    transaction.note = inner.text or ""
    return TransactionPosted(
        record.account,
        record.portfolio,
        header.seq,
        transaction,
        entries,
        position,
        record.at,
    )


def fact_of(message: Message, state: DeskState | None = None) -> Fact | None:
    """Return what an outcome record says, or None for an input's record.

    ``state`` is the desk's before it: a trade's record has only the lots that the trade changed.
    Without a state those are all that the position comes with.
    """
    if isinstance(message, m.StoreOrder):
        return _order_event(message)
    if isinstance(message, m.StoreTransaction):
        return _transaction_event(message, state)
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
    if isinstance(message, m.StoreMarks):
        return MarksMoved(message.symbol, message.bid, message.ask, message.last, message.at)
    if isinstance(message, m.StoreName):
        return PortfolioNamed(message.account, message.portfolio, message.name, message.at)
    if isinstance(message, m.StoreSeason):
        return SeasonBegun(message.account, message.portfolio, message.season, message.at)
    if isinstance(message, m.StoreClock):
        return clock_of(message)
    if isinstance(message, m.StoreFreeze):
        return PortfolioFrozen(message.account, message.portfolio, message.frozen, message.at)
    if isinstance(message, m.StoreContest | m.StoreEntry | m.StoreResult):
        return contest_event(message)
    if isinstance(message, m.StoreTerms):
        return TermsSet(message.account, message.portfolio, terms_of(message), message.at)
    if isinstance(message, m.StoreMargin):
        fields = (each.name for each in attrs.fields(PortfolioMarked))
        return PortfolioMarked(**{name: getattr(message, name) for name in fields})
    return None


def seq_of(message: Any) -> int:
    """Return the input sequence that a record belongs to."""
    return int(message.seq)
