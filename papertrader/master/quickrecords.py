"""Plain records of the journal, each read by one or two calls: for an audit, and for a start.

Read by way of the messages, a record costs more than applying what it says. Here the header, the
root block and the fixed part of what stands within are one `struct`. Only the plain form is known;
`read` returns None for anything else, damage included, and the declared codec has the last word on
that. `tests/master/test_quickrecords.py` holds both against each other.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias
from zlib import crc32

from papertrader.core.encoding import plain_order
from papertrader.core.events import OrderChanged, TransactionPosted
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
from papertrader.core.state import DeskState
from papertrader.master import packing
from papertrader.master.records import Fact, StoredReply, fact_of, read_frame
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.derived import BAD, Message, Row, ascii_get, ccy_of
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import MAGIC, VERSION, Tag

Found: TypeAlias = tuple[int, OrderChanged | TransactionPosted | StoredReply | None]
"""(input, what its record says); nothing is said by an input's own record."""

_HEAD: Final = limits.HEADER_SIZE
_CRC_SIZE: Final = codec.CRC.size
_together = packing.together
_GROUP_HEAD: Final = _together(codec.SECTION, codec.GROUP)
# What is compared with what it must be is one string of octets here, not a number for each field.
_OUTER: Final = struct.Struct(">4s4x8s16x")
_WITHIN: Final = struct.Struct(">4sI8s8xQ")
_ONE_ROW: Final = struct.Struct(">12s")
_EVENT: Final = struct.Struct(">B3sLqqqQ8x")
_ROW: Final = struct.Struct(">QQQQ16sBBBBB1sHqqqq8xqqqQQQQLLQ")
"""An order's row without its average price, which follows from the others."""
_ORDER: Final = _together(
    _OUTER, m.StoreOrder, codec.SECTION, _WITHIN, _EVENT, _ONE_ROW, _ROW
).unpack_from
_TRANSACTION: Final = _together(
    _OUTER, m.StoreTransaction, codec.SECTION, _WITHIN, m.TransactionRow, _ONE_ROW, m.HoldingRow
).unpack_from
_REPLY: Final = _together(_OUTER, m.StoreReply, codec.SECTION)
_COMMAND: Final = _together(_OUTER, m.StoreCommand, codec.SECTION)
_COMMAND_FORM: Final = struct.Struct(f">4s4x8s16x{m.StoreCommand.SIZE}xHI").unpack_from
"""Of the same record only what tells that it is plain."""
_RECEIPT: Final = _together(_ONE_ROW, m.ReceiptRow)
_KEPT: Final = _together(_ONE_ROW, m.LotsKeptRow)
_DETAIL: Final = _together(_ONE_ROW, m.TransactionDetailRow)
_ENTRY: Final = struct.Struct(">28sq")
"""An entry's account and asset, and its amount."""
_ENTRY_HEAD: Final = struct.Struct(">B3s16sQ")
_CRC: Final = codec.CRC.unpack_from
_seq: Final = struct.Struct(">Q").unpack_from
_length_opcode: Final = struct.Struct(">4xIH").unpack_from

_CHECKED: Final = codec.EVENT | codec.CHECKSUM
_INNER: Final = int(Tag.INNER)
_ENTRIES: Final = int(Tag.ENTRIES)
_LOTS: Final = int(Tag.LOTS)
_QUOTES: Final = int(Tag.QUOTES)
_LOT_SIZE: Final = m.LotRow.SIZE
_SECTION_SIZE: Final = codec.SECTION.size
_group_head: Final = _GROUP_HEAD.unpack_from
_lot_rows: Final = m.LotRow.LAYOUT.iter_unpack
_ZERO7: Final = bytes(7)
_INNER_MIN: Final = _HEAD
_INNER_MAX: Final = next(each.size_max for each in m.StoreOrder.SECTIONS if each.tag == _INNER)
_ENTRIES_MAX: Final = next(
    each.size_max for each in m.StoreTransaction.SECTIONS if each.tag == Tag.ENTRIES
)
_QUOTES_MAX: Final = next(
    each.size_max for each in m.StoreCommand.SECTIONS if each.tag == Tag.QUOTES
)
_ENTRY_SIZE: Final = m.EntryRow.SIZE
_QUOTES_READ_MAX: Final = 1_000
_quotes_read: Final[set[bytes]] = set()
"""Rows of quotes that could be read: between two updates of the market they come again."""


def heads(kind: type[Message], flags: int = _CHECKED) -> tuple[bytes, bytes]:
    """Return what a plain header of this kind has before its length, and the eight octets after."""
    octets = codec.HEADER.pack(
        MAGIC, VERSION, kind.CATEGORY, 0, kind.OPCODE, flags, kind.SIZE, 0, 0, 0, 0
    )
    return octets[:4], octets[8:16]


def _one(tag: Tag, row: type[Row]) -> bytes:
    """Return the head of a section that has one row."""
    return _GROUP_HEAD.pack(tag, row.SIZE + 6, row.SIZE, 1)


_ORDER_GROUP: Final = _one(Tag.ORDERS, m.OrderRow)
_RECEIPT_GROUP: Final = _one(Tag.RECEIPT, m.ReceiptRow)
_HOLDING_GROUP: Final = _one(Tag.POSITIONS, m.HoldingRow)
_DETAIL_GROUP: Final = _one(Tag.DETAILS, m.TransactionDetailRow)
_KEPT_GROUP: Final = _one(Tag.LOTS_KEPT, m.LotsKeptRow)
_ORDER_INNER: Final = _HEAD + m.StoreOrder.SIZE + codec.SECTION.size
_ORDER_ROW_AT: Final = _ORDER_INNER + packing.ORDER_AT
_ORDER_SIZE: Final = m.OrderRow.SIZE
_BEYOND_SIZE: Final = 32
_ORDER_BEYOND_AT: Final = _HEAD + m.StoreOrder.SIZE - _BEYOND_SIZE
"""A record's root block ends with what is not in the order's row."""
_TX_INNER: Final = _HEAD + m.StoreTransaction.SIZE + codec.SECTION.size
_PUSH_PLAIN: Final = packing.ORDER_END
_PUSH_FILL: Final = packing.ORDER_END + _RECEIPT.size
_RECEIPT_AT: Final = _ORDER_INNER + _PUSH_PLAIN
_TX_HOLDING: Final = packing.TRANSACTION_END + _ONE_ROW.size + m.HoldingRow.SIZE
_TX_DETAILED: Final = _TX_HOLDING + _DETAIL.size

_SIDES: Final = {int(each): each for each in Side}
_TYPES: Final = {int(each): each for each in OrderType}
_TIMES: Final = {int(each): each for each in TimeInForce}
_STATES: Final = {int(each): each for each in OrderState}
_KINDS: Final = {int(each): each for each in OrderEventKind}
_RULES: Final = {int(each): each for each in LimitingRule}
_TX_KINDS: Final = {int(each): each for each in TransactionKind}
_LEDGER_KINDS: Final = {int(each): each for each in LedgerKind}
_ACCOUNTS_MAX: Final = 65_536
"""Ledger accounts kept made; when there are more, all are forgotten and made again."""
_accounts: dict[bytes, tuple[LedgerAccount, str]] = {}
"""The account and the asset of an entry's first octets."""

_ORDER_HEADS: Final = heads(m.StoreOrder)
_TX_HEADS: Final = heads(m.StoreTransaction)
_REPLY_HEADS: Final = heads(m.StoreReply)
_COMMAND_HEADS: Final = heads(m.StoreCommand)
_EVENT_HEADS: Final = heads(m.OrderEvent, codec.EVENT)
_EV_TX_HEADS: Final = heads(m.TransactionEvent, codec.EVENT)


# By their places: what `struct` gives is as long as its layout, which no checker of types can see.
_made_receipt: Callable[..., Receipt] = Receipt


class _StrangeError(Exception):
    """A record is not of the plain form."""


def read(
    blob: bytes, offset: int, end: int, opcode: int, state: DeskState, *, checked: bool = False
) -> Found | None:
    """Read the record at ``offset`` whose header says that it ends at ``end``; None: not plain.

    ``state`` is the desk's before it (see `records.fact_of`). ``checked``: somebody else looks at
    its checksum.
    """
    reader = _READERS.get(opcode)
    if reader is None or end > len(blob):
        return None
    if not checked and _CRC(blob, end - _CRC_SIZE)[0] != crc32(
        memoryview(blob)[offset : end - _CRC_SIZE]
    ):
        return None
    try:
        return reader(blob, offset, end, state)
    except (_StrangeError, RemoteFault, *BAD):
        return None


def facts(frames: bytes, state: DeskState) -> Iterator[Fact | None]:
    """Give what each record of a batch says, None for an input's; ``state`` goes on meanwhile.

    Raises `RemoteFault` where one is damaged.
    """
    offset, size = 0, len(frames)
    while offset < size:
        quick, end = None, size
        if offset + _HEAD <= size:
            length, opcode = _length_opcode(frames, offset)
            end = offset + _HEAD + length
            quick = read(frames, offset, end, opcode, state)
        if quick is not None:
            yield quick[1]
        else:
            yield fact_of(read_frame(frames, offset), state)
        offset = end


def _check(plain: bool) -> None:
    if not plain:
        raise _StrangeError


# What is read from a place on may be another record's, where this one is too short: the sizes are
# compared before anything is made of it.


def _order(blob: bytes, offset: int, end: int, state: DeskState) -> Found:
    (
        head, rest, seq, account, portfolio, at, reserved_quantity, sequence, high, low,
        tag, size, head2, length2, rest2, event_seq,
        kind, zeros, fill, fill_quantity, fill_price, fill_fees, transaction,
        group, order_id, client_order_id, owner, of_portfolio, symbol, side, order_type, tif,
        order_flags, order_state, zero, reason, quantity, filled, limit_price, stop_price,
        collar_price, reserved_cash, fees, received_at, accepted_at, updated_at, expire_at,
        number, fills, replaces,
    ) = _ORDER(blob, offset)  # fmt: skip
    if (
        (head, rest) != _ORDER_HEADS or (head2, rest2) != _EVENT_HEADS or group != _ORDER_GROUP
        or tag != _INNER or size != length2 + _HEAD
        or size != end - offset - _ORDER_INNER - _CRC_SIZE
        or zero != b"\0" or zeros != b"\0\0\0"
    ):  # fmt: skip
        raise _StrangeError
    receipt = None
    if size == _PUSH_FILL:
        group, *values, rule, zeros = _RECEIPT.unpack_from(blob, offset + _RECEIPT_AT)
        _check(group == _RECEIPT_GROUP and zeros == _ZERO7)
        receipt = _made_receipt(*values, _RULES[rule])
    elif size != _PUSH_PLAIN:
        raise _StrangeError
    order = Order(
        order_id, client_order_id, owner, of_portfolio, ascii_get(symbol) or _text(symbol),
        _SIDES[side], _TYPES[order_type], _TIMES[tif], order_flags, quantity, filled, limit_price,
        stop_price, high << 64 | low, reserved_cash, reserved_quantity, collar_price, fees,
        _STATES[order_state], reason, received_at, accepted_at, updated_at, expire_at, number,
        fills, replaces, sequence,
    )  # fmt: skip
    return seq, OrderChanged(
        account, portfolio, event_seq, _KINDS[kind], order, at, fill, fill_quantity, fill_price,
        fill_fees, transaction, receipt,
    )  # fmt: skip


def encoded_order(blob: bytes, offset: int) -> bytes:
    """Return `papertrader.core.encoding.encoded_order` of the order of a plain STORE_ORDER.

    Whether it is plain, who calls has seen.
    """
    row, beyond = offset + _ORDER_ROW_AT, offset + _ORDER_BEYOND_AT
    return plain_order(blob[row : row + _ORDER_SIZE], blob[beyond : beyond + _BEYOND_SIZE])


def _text(octets: bytes) -> str:
    """Return a symbol met before; what was not, the declared codec reads, and remembers."""
    text = ascii_get(octets)
    if text is None:
        raise _StrangeError
    return text


def _transaction(blob: bytes, offset: int, end: int, state: DeskState) -> Found:
    (
        head, rest, seq, account, portfolio, at, tag, size, head2, length2, rest2, event_seq,
        number, of_portfolio, kind, zeros, currency, symbol, quantity, price, amount, fees,
        cash_after, realized, order, fill, zeros4, received_at, executed_at, quote_seq,
        group, of, held, basis, earned, opened_at, updated_at,
    ) = _TRANSACTION(blob, offset)  # fmt: skip
    if (
        (head, rest) != _TX_HEADS or (head2, rest2) != _EV_TX_HEADS or group != _HOLDING_GROUP
        or tag != _INNER or size != length2 + _HEAD
        or zeros != b"\0\0\0" or zeros4 != b"\0\0\0\0"
    ):  # fmt: skip
        raise _StrangeError
    transaction = Transaction(
        number, of_portfolio, _TX_KINDS[kind], ccy_of(currency), amount, cash_after, executed_at,
        received_at, ascii_get(symbol) or _text(symbol), quantity, price, fees, order, fill,
        quote_seq, realized,
    )  # fmt: skip
    if size != _TX_HOLDING:
        _check(size == _TX_DETAILED)
        _detail(blob, offset + _TX_INNER + _TX_HOLDING, transaction)
    end -= _CRC_SIZE
    entries, place = _entries(blob, offset + _TX_INNER + size, end)
    of_symbol = _text(of)
    lots = _lots(blob, place, end, state, portfolio, of_symbol)
    position = Position(of_symbol, held, basis, earned, opened_at, updated_at, lots)
    return seq, TransactionPosted(account, portfolio, event_seq, transaction, entries, position, at)


def _detail(blob: bytes, place: int, transaction: Transaction) -> None:
    """Read the section DETAILS, which stands behind that of the position."""
    (
        group, _, market_at, settles_at, _, sec_fee, taf_fee, rate, currency, zeros,
    ) = _DETAIL.unpack_from(blob, place)  # fmt: skip
    _check(group == _DETAIL_GROUP and zeros == b"\0\0\0\0")
    transaction.market_at = 0 if market_at == transaction.executed_at else market_at
    transaction.settles_at = settles_at
    transaction.sec_fee, transaction.taf_fee = sec_fee, taf_fee
    transaction.rate, transaction.asset_currency = rate, ccy_of(currency)


def _entries(blob: bytes, place: int, end: int) -> tuple[tuple[Entry, ...], int]:
    """Return the entries whose section begins at ``place``, and where it ends."""
    tag, size, row_size, count = _group_head(blob, place)
    start = place + _GROUP_HEAD.size
    place = start + count * _ENTRY_SIZE
    if (
        tag != _ENTRIES or row_size != _ENTRY_SIZE or size != count * _ENTRY_SIZE + 6
        or not 0 < count <= _ENTRIES_MAX or place > end
    ):  # fmt: skip
        raise _StrangeError
    made = []
    for head, amount in _ENTRY.iter_unpack(blob[start:place]):
        account, asset = _accounts.get(head) or _account(head)
        made.append(Entry(account, asset, amount))
    return tuple(made), place


def _account(octets: bytes) -> tuple[LedgerAccount, str]:
    """Return the account and the asset that an entry begins with."""
    kind, zeros, asset, portfolio = _ENTRY_HEAD.unpack(octets)
    _check(zeros == b"\0\0\0")
    found = LedgerAccount(_LEDGER_KINDS[kind], portfolio), _text(asset)
    if len(_accounts) >= _ACCOUNTS_MAX:
        _accounts.clear()
    _accounts[octets] = found
    return found


def _lots(
    blob: bytes, place: int, end: int, state: DeskState, portfolio: int, symbol: str
) -> tuple[Lot, ...]:
    if place == end:
        return ()
    tag, size, row_size, count = _group_head(blob, place)
    start, place = place + _GROUP_HEAD.size, place + _SECTION_SIZE + size
    if (
        tag != _LOTS or row_size != _LOT_SIZE or size != count * _LOT_SIZE + 6
        or not count or place > end
    ):  # fmt: skip
        raise _StrangeError
    lots = tuple([Lot(*row) for row in _lot_rows(blob[start:place])])
    if place == end:
        return lots
    group, kept, zeros = _KEPT.unpack_from(blob, place)
    if place + _KEPT.size != end or group != _KEPT_GROUP or zeros != b"\0\0\0\0":
        raise _StrangeError
    held = state.portfolios[portfolio].positions.get(symbol)
    return packing.all_lots(lots, kept, () if held is None else held.lots)


def plain_reply(blob: bytes, offset: int, end: int) -> tuple[int, int, bytes, int, bytes] | None:
    """Return session, command, hash of the request, instant and frame of a plain STORE_REPLY."""
    try:
        _, session, command, hash_, at, size = _plain(_REPLY, _REPLY_HEADS, blob, offset)
    except (_StrangeError, struct.error):
        return None
    place, end = offset + _REPLY.size, end - _CRC_SIZE
    return (session, command, hash_, at, blob[place:end]) if place + size == end else None


def is_plain_command(blob: bytes, offset: int, end: int) -> bool:
    """Tell whether this is a plain STORE_COMMAND that can be read."""
    try:
        head, rest, tag, size = _COMMAND_FORM(blob, offset)
        _check((head, rest) == _COMMAND_HEADS and tag == _INNER)
        _check(_INNER_MIN <= size <= _INNER_MAX)
        _quotes(blob, offset + _COMMAND.size + size, end - _CRC_SIZE)
    except (_StrangeError, RemoteFault, *BAD):
        return False
    return True


def _reply(blob: bytes, offset: int, end: int, state: DeskState) -> Found:
    reply = plain_reply(blob, offset, end)
    if reply is None:
        raise _StrangeError
    return _seq(blob, offset + _HEAD)[0], StoredReply(*reply)


def _command(blob: bytes, offset: int, end: int, state: DeskState) -> Found:
    values = _plain(_COMMAND, _COMMAND_HEADS, blob, offset)
    _quotes(blob, offset + _COMMAND.size + values[-1], end - _CRC_SIZE)
    return values[0], None


def _quotes(blob: bytes, place: int, end: int) -> None:
    """Read what the market was, only to know that it can be read, if that is not left out."""
    if place == end:
        return
    tag, size, row_size, count = _group_head(blob, place)
    start, place = place + _GROUP_HEAD.size, place + _SECTION_SIZE + size
    if (
        place != end or tag != _QUOTES or row_size != m.QuoteRow.SIZE
        or size != count * row_size + 6 or not 0 < count <= _QUOTES_MAX
    ):  # fmt: skip
        raise _StrangeError
    rows = blob[start:place]
    if rows not in _quotes_read:
        for at in range(0, len(rows), row_size):
            m.QuoteRow.unpack(rows, at)
        if len(_quotes_read) >= _QUOTES_READ_MAX:
            _quotes_read.clear()
        _quotes_read.add(rows)


def _plain(
    layout: struct.Struct, expected: tuple[bytes, bytes], blob: bytes, offset: int
) -> tuple[Any, ...]:
    """Return the fields of a record whose last section is INNER, and the size of that."""
    head, rest, *values, tag, size = layout.unpack_from(blob, offset)
    _check((head, rest) == expected and tag == _INNER and _INNER_MIN <= size <= _INNER_MAX)
    return *values, size


_READERS: Final = {
    int(m.StoreOrder.OPCODE): _order,
    int(m.StoreTransaction.OPCODE): _transaction,
    int(m.StoreReply.OPCODE): _reply,
    int(m.StoreCommand.OPCODE): _command,
}
