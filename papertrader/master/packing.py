"""The octets of the order path, each frame packed by one call, without a message between.

An order makes a dozen frames: what the client is sent, what the journal keeps. Made by way of the
messages, they cost more than the decision itself. Here each is one `struct` of the header, the root
block and the heads of the sections, put together at import from the layouts that the declarations
give; `tests/master/test_packing.py` holds every one against the declared codec, octet for octet.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final
from zlib import crc32

from papertrader.core.events import OrderChanged, TransactionPosted
from papertrader.core.fills import Receipt
from papertrader.core.ledger import Entry, Transaction, TransactionKind
from papertrader.core.money import NULL
from papertrader.core.orders import Order
from papertrader.core.portfolio import Lot, Position
from papertrader.core.terms import FillModelKind
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.derived import Row, packed, packed_get
from papertrader.wire.errors import LocalFault
from papertrader.wire.kinds import MAGIC, VERSION, Tag

HEAD: Final = limits.HEADER_SIZE
_SECTION: Final = codec.SECTION.size
_GROUP: Final = _SECTION + codec.GROUP.size
_EVENT: Final = codec.EVENT
_CHECKED: Final = codec.EVENT | codec.CHECKSUM
_CRC: Final = codec.CRC.pack
_ZERO1: Final = b"\0"
_ZERO3: Final = bytes(3)
_ZERO4: Final = bytes(4)
_ZERO7: Final = bytes(7)
_ORDER_SIZE: Final = m.OrderRow.SIZE
_SIDES: Final = (int(TransactionKind.BUY), int(TransactionKind.SELL))

ORDER_AT: Final = HEAD + m.OrderEvent.SIZE + _GROUP
"""Where an EV_ORDER has the row of its order."""
ORDER_END: Final = ORDER_AT + _ORDER_SIZE
TRANSACTION_END: Final = HEAD + m.TransactionRow.SIZE
"""Where the row ends that an EV_TX begins with, after its header."""
LOTS_KEPT_TRADES: Final = frozenset(
    (TransactionKind.BUY, TransactionKind.SELL, TransactionKind.SHORT, TransactionKind.COVER)
)
"""What changes the oldest lots and adds one at most: the others are as they were."""


def together(*parts: type[Row] | struct.Struct) -> struct.Struct:
    """Return one layout of several that follow each other."""
    layouts = [part if isinstance(part, struct.Struct) else part.LAYOUT for part in parts]
    return struct.Struct(">" + "".join(layout.format.lstrip(">") for layout in layouts))


_GROUP_HEAD: Final = together(codec.SECTION, codec.GROUP)
_ORDER_EVENT: Final = together(codec.HEADER, m.OrderEvent, _GROUP_HEAD, m.OrderRow).pack
_RECEIPT: Final = together(_GROUP_HEAD, m.ReceiptRow).pack
_TRANSACTION_EVENT: Final = together(codec.HEADER, m.TransactionRow).pack
_HOLDING: Final = m.HoldingRow.LAYOUT.pack
_STORE_ORDER: Final = together(codec.HEADER, m.StoreOrder, codec.SECTION).pack
_STORE_TRANSACTION: Final = together(codec.HEADER, m.StoreTransaction, codec.SECTION).pack
_STORE_REPLY: Final = together(codec.HEADER, m.StoreReply, codec.SECTION).pack
_STORE_COMMAND: Final = together(codec.HEADER, m.StoreCommand, codec.SECTION).pack
_ENTRY: Final = m.EntryRow.LAYOUT.pack
_LOT: Final = m.LotRow.LAYOUT.pack
_ROW: Final = m.OrderRow.LAYOUT.pack
_HEADER: Final = codec.HEADER.pack
_heads: Final = _GROUP_HEAD.pack
_EV_ORDER: Final = int(m.OrderEvent.OPCODE)
_EV_TX: Final = int(m.TransactionEvent.OPCODE)
_DATA: Final = int(m.OrderEvent.CATEGORY)
_ORDERS: Final = int(Tag.ORDERS)
_RECEIPT_TAG: Final = int(Tag.RECEIPT)
_POSITIONS: Final = int(Tag.POSITIONS)
_ENTRIES: Final = int(Tag.ENTRIES)
_LOTS: Final = int(Tag.LOTS)
_LOTS_KEPT: Final = int(Tag.LOTS_KEPT)
_INNER: Final = int(Tag.INNER)
_KEPT: Final = together(_GROUP_HEAD, m.LotsKeptRow).pack
_LOW: Final = 2**64 - 1
_HOLDING_HEAD: Final = _heads(_POSITIONS, m.HoldingRow.SIZE + 6, m.HoldingRow.SIZE, 1)

_RECEIPT_HEAD: Final = struct.Struct(">QB1sHLQqqqQq").pack
_RECEIPT_AT: Final = ORDER_END + _GROUP
NO_WORKING: Final = m.WorkingRow(model=FillModelKind.QUOTE, reference=NULL).pack()

if m.OrderReceiptRow.LAYOUT.format != ">QB1sHLQqqqQq" + "".join(
    row.LAYOUT.format.lstrip(">") for row in (m.ReceiptRow, m.WorkingRow)
):
    raise RuntimeError("ORDER_RECEIPT is not the event's figures, a RECEIPT and a WORKING")
if m.TransactionRow.LAYOUT.format != m.TransactionEvent.LAYOUT.format:
    raise RuntimeError("EV_TX is not laid out as the row of a transaction")


def order_block(order: Order) -> bytes:
    """Return the row of an order, which is also the block of the replies that show it."""
    try:
        return _ROW(
            order.order_id, order.client_order_id, order.account, order.portfolio,
            packed_get((order.symbol, 16)) or packed(order.symbol, 16), order.side,
            order.order_type, order.time_in_force, order.flags, order.state, _ZERO1, order.reason,
            order.quantity, order.filled, order.limit_price, order.stop_price, order.avg_price,
            order.collar_price, order.reserved_cash, order.fees, order.received_at,
            order.accepted_at, order.updated_at, order.expire_at, order.version, order.fills,
            order.replaces,
        )  # fmt: skip
    except struct.error as error:
        raise LocalFault(f"order {order.order_id}: {error}") from None


def order_event(event: OrderChanged, more: bytes) -> bytes:
    """Return the EV_ORDER of an event; ``more`` are the sections after that of its order."""
    order = event.order
    try:
        octets = _ORDER_EVENT(
            MAGIC, VERSION, _DATA, ORDER_END - HEAD + len(more), _EV_ORDER, _EVENT,
            m.OrderEvent.SIZE, 0, 0, 0, event.event_seq,
            event.kind, _ZERO3, event.fill, event.fill_quantity, event.fill_price, event.fill_fees,
            event.transaction, order.order_id,
            _ORDERS, _ORDER_SIZE + 6, _ORDER_SIZE, 1,
            order.order_id, order.client_order_id, order.account, order.portfolio,
            packed_get((order.symbol, 16)) or packed(order.symbol, 16), order.side,
            order.order_type, order.time_in_force, order.flags, order.state, _ZERO1, order.reason,
            order.quantity, order.filled, order.limit_price, order.stop_price, order.avg_price,
            order.collar_price, order.reserved_cash, order.fees, order.received_at,
            order.accepted_at, order.updated_at, order.expire_at, order.version, order.fills,
            order.replaces,
        )  # fmt: skip
    except struct.error as error:
        raise LocalFault(f"an event of order {order.order_id}: {error}") from None
    return octets + more if more else octets


def receipt_section(receipt: Receipt) -> bytes:
    """Return the section RECEIPT of an event."""
    return _RECEIPT(
        _RECEIPT_TAG, m.ReceiptRow.SIZE + 6, m.ReceiptRow.SIZE, 1,
        receipt.quote_seq, receipt.bid, receipt.ask, receipt.last, receipt.bid_size,
        receipt.ask_size, receipt.observed_at, receipt.source_time, receipt.age,
        receipt.spread_cost, receipt.slippage, receipt.limiting, _ZERO7,
    )  # fmt: skip


def transaction_event(
    event_seq: int, t: Transaction, position: Position | None, before: bytes, after: bytes
) -> bytes:
    """Return the EV_TX of a transaction.

    ``before`` and ``after`` are the sections that come before and after that of the position.
    """
    holding = b""
    if position is not None:
        holding = _HOLDING_HEAD + holding_block(position)
    length = TRANSACTION_END - HEAD + len(before) + len(holding) + len(after)
    try:
        head = _TRANSACTION_EVENT(
            MAGIC, VERSION, _DATA, length, _EV_TX, _EVENT, m.TransactionEvent.SIZE, 0, 0, 0,
            event_seq,
            t.transaction_id, t.portfolio, t.kind, _ZERO3,
            packed_get((t.currency, 4)) or packed(t.currency, 4),
            packed_get((t.symbol, 16)) or packed(t.symbol, 16),
            t.quantity, t.price, t.amount, t.fees, t.cash_after, t.realized, t.order, t.fill,
            _ZERO4, t.received_at, t.executed_at, t.quote_seq,
        )  # fmt: skip
    except struct.error as error:
        raise LocalFault(f"transaction {t.transaction_id}: {error}") from None
    return b"".join((head, before, holding, after))


def holding_block(position: Position) -> bytes:
    """Return the row of a position as the events show it."""
    return _HOLDING(
        packed_get((position.symbol, 16)) or packed(position.symbol, 16), position.quantity,
        position.cost_basis, position.realized, position.opened_at, position.updated_at,
    )  # fmt: skip


def lots_block(lots: Sequence[Lot]) -> bytes:
    """Return the rows of some lots."""
    return b"".join([_LOT(x.quantity, x.price, x.cost, x.opened_at, x.transaction) for x in lots])


def receipt_row(event: OrderChanged, push: bytes) -> bytes:
    """Return the row that RECEIPT_GET shows of an event; ``push`` is its EV_ORDER.

    Only for a receipt without a working of its own: the receipt itself stands in the event.
    """
    order = event.order
    figures = (
        event.kind, _ZERO3, event.fill, event.fill_quantity, event.fill_price, event.fill_fees,
        event.transaction, order.order_id,
    )  # fmt: skip
    remaining = order.quantity - order.filled
    return receipt_block(event.event_seq, event.at, figures, order.reason, remaining, push)


def receipt_block(
    event_seq: int, at: int, figures: tuple[Any, ...], reason: int, remaining: int, push: bytes
) -> bytes:
    """Return the same of an EV_ORDER whose root block's ``figures`` are unpacked already."""
    kind, _, fill, quantity, price, fees, transaction, _ = figures
    return (
        _RECEIPT_HEAD(
            event_seq, kind, _ZERO1, reason, fill, at, quantity, price, fees, transaction,
            remaining,
        )
        + push[_RECEIPT_AT : _RECEIPT_AT + m.ReceiptRow.SIZE]
        + NO_WORKING
    )  # fmt: skip


# --- records of the journal ---------------------------------------------------------------------


def _closed(head: bytes, *parts: bytes) -> bytes:
    """Return a record's octets with its checksum."""
    octets = b"".join((head, *parts))
    return octets + _CRC(crc32(octets))


def order_record(seq: int, event: OrderChanged, push: bytes) -> bytes:
    """Return the STORE_ORDER of an event whose EV_ORDER is ``push``."""
    order, size = event.order, len(push)
    head = _STORE_ORDER(
        MAGIC, VERSION, m.StoreOrder.CATEGORY, m.StoreOrder.SIZE + _SECTION + size + 4,
        m.StoreOrder.OPCODE, _CHECKED, m.StoreOrder.SIZE, 0, 0, 0, 0,
        seq, event.account, event.portfolio, event.at, order.reserved_quantity, order.sequence,
        order.notional_filled >> 64, order.notional_filled & _LOW,
        _INNER, size,
    )  # fmt: skip
    return b"".join((head, push, _CRC(crc32(push, crc32(head)))))


def changed_lots(t: Transaction, lots: tuple[Lot, ...]) -> tuple[tuple[Lot, ...], int]:
    """Return the lots of a position that a transaction changed, and how many it left as they were.

    Those left are the last of the lots before; the first of those returned stands before them, the
    others, if there are any, come after them. A trade changes the oldest lot at most, ends some
    before it, and adds one; where more may have changed, all lots are returned and none is left.
    """
    if t.kind not in LOTS_KEPT_TRADES or len(lots) < 3:
        return lots, 0
    if lots[-1].transaction != t.transaction_id:
        return lots[:1], len(lots) - 1
    return (lots[0], lots[-1]), len(lots) - 2


def all_lots(changed: tuple[Lot, ...], kept: int, before: tuple[Lot, ...]) -> tuple[Lot, ...]:
    """Return all lots of a position again; the reverse of `changed_lots`.

    Raises `ValueError` if there were not so many before.
    """
    if not kept:
        return changed
    if kept > len(before) or not changed:
        raise ValueError(f"{kept} lots are kept of {len(before)}")
    # A list in between: tuples put together would be copied once more, and let go.
    lots = list(before)
    lots[: len(lots) - kept] = changed[:1]
    lots += changed[1:]
    return tuple(lots)


def transaction_record(seq: int, event: TransactionPosted, push: bytes) -> bytes:
    """Return the STORE_TX of an event whose EV_TX is ``push``."""
    rows = entries_block(event.entries)
    count = len(event.entries)
    entries = _heads(_ENTRIES, len(rows) + 6, m.EntryRow.SIZE, count) + rows
    lots = b""
    if event.position is not None and event.position.lots:
        changed, kept = changed_lots(event.transaction, event.position.lots)
        size = m.LotRow.SIZE * len(changed)
        lots = _heads(_LOTS, size + 6, m.LotRow.SIZE, len(changed)) + lots_block(changed)
        if kept:
            size = m.LotsKeptRow.SIZE
            lots += _KEPT(_LOTS_KEPT, size + 6, size, 1, kept, _ZERO4)
    size = len(push)
    head = _STORE_TRANSACTION(
        MAGIC, VERSION, m.StoreTransaction.CATEGORY,
        m.StoreTransaction.SIZE + _SECTION + size + len(entries) + len(lots) + 4,
        m.StoreTransaction.OPCODE, _CHECKED, m.StoreTransaction.SIZE, 0, 0, 0, 0,
        seq, event.account, event.portfolio, event.at,
        _INNER, size,
    )  # fmt: skip
    return _closed(head, push, entries, lots)


def entries_block(entries: Sequence[Entry]) -> bytes:
    """Return the rows of a transaction's entries."""
    rows = [
        _ENTRY(
            e.ledger_account.kind, _ZERO3, packed_get((e.asset, 16)) or packed(e.asset, 16),
            e.ledger_account.portfolio, e.amount,
        )
        for e in entries
    ]  # fmt: skip
    return b"".join(rows)


def reply_record(
    seq: int, session_id: int, command_seq: int, request_hash: bytes, at: int, reply: bytes
) -> bytes:
    """Return the STORE_REPLY of a reply frame; ``request_hash`` has 32 octets."""
    size = len(reply)
    head = _STORE_REPLY(
        MAGIC, VERSION, m.StoreReply.CATEGORY, m.StoreReply.SIZE + _SECTION + size + 4,
        m.StoreReply.OPCODE, _CHECKED, m.StoreReply.SIZE, 0, 0, 0, 0,
        seq, session_id, command_seq, request_hash, at,
        _INNER, size,
    )  # fmt: skip
    return b"".join((head, reply, _CRC(crc32(reply, crc32(head)))))


def command_record(
    seq: int,
    accepted_at: int,
    market_at: int,
    account: int,
    portfolio: int,
    session_id: int,
    expire_at: int,
    envelope: bytes,
    more: bytes,
) -> bytes:
    """Return the STORE_COMMAND of a relayed frame; ``more`` are the sections after INNER."""
    size = len(envelope)
    head = _STORE_COMMAND(
        MAGIC, VERSION, m.StoreCommand.CATEGORY,
        m.StoreCommand.SIZE + _SECTION + size + len(more) + 4,
        m.StoreCommand.OPCODE, _CHECKED, m.StoreCommand.SIZE, 0, 0, 0, 0,
        seq, accepted_at, market_at, account, portfolio, session_id, expire_at,
        _INNER, size,
    )  # fmt: skip
    return _closed(head, envelope, more)
