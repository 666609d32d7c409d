"""Plain records of the journal, each read by one or two calls: for an audit, which reads all.

Read by way of the messages, a record costs more than applying what it says. Here the header, the
root block and the fixed part of what stands within are one `struct`. Only the plain form is known;
`read` returns None for anything else, damage included, and the declared codec has the last word on
that. `tests/master/test_quickrecords.py` holds both against each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias
from zlib import crc32

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
from papertrader.master.records import StoredReply
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.derived import BAD, Message, ascii_get, ccy_of
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import MAGIC, VERSION, Tag

Found: TypeAlias = tuple[int, OrderChanged | TransactionPosted | StoredReply | None, bytes]
"""(input, what its record says, what stands within); nothing is said by an input's own record."""

_HEAD: Final = limits.HEADER_SIZE
_CRC_SIZE: Final = codec.CRC.size
_together = packing.together
_GROUP_HEAD: Final = _together(codec.SECTION, codec.GROUP)
_ORDER: Final = _together(
    codec.HEADER, m.StoreOrder, codec.SECTION, codec.HEADER, m.OrderEvent, _GROUP_HEAD, m.OrderRow
)
_TRANSACTION: Final = _together(
    codec.HEADER, m.StoreTransaction, codec.SECTION, codec.HEADER, m.TransactionRow
)
_REPLY: Final = _together(codec.HEADER, m.StoreReply, codec.SECTION)
_COMMAND: Final = _together(codec.HEADER, m.StoreCommand, codec.SECTION)
_RECEIPT: Final = _together(_GROUP_HEAD, m.ReceiptRow)
_HOLDING: Final = _together(_GROUP_HEAD, m.HoldingRow)
_KEPT: Final = _together(_GROUP_HEAD, m.LotsKeptRow)
_DETAIL: Final = _together(_GROUP_HEAD, m.TransactionDetailRow)
_CRC: Final = codec.CRC.unpack_from

_CHECKED: Final = codec.EVENT | codec.CHECKSUM
_INNER: Final = int(Tag.INNER)
_INNER_MIN: Final = _HEAD
_INNER_MAX: Final = next(each.size_max for each in m.StoreOrder.SECTIONS if each.tag == _INNER)
_ENTRIES_MAX: Final = next(
    each.size_max for each in m.StoreTransaction.SECTIONS if each.tag == Tag.ENTRIES
)
_QUOTES_MAX: Final = next(
    each.size_max for each in m.StoreCommand.SECTIONS if each.tag == Tag.QUOTES
)
_ENTRY_SIZE: Final = m.EntryRow.SIZE
_ORDER_GROUP: Final = (int(Tag.ORDERS), m.OrderRow.SIZE + 6, m.OrderRow.SIZE, 1)
_RECEIPT_GROUP: Final = (int(Tag.RECEIPT), m.ReceiptRow.SIZE + 6, m.ReceiptRow.SIZE, 1)
_HOLDING_GROUP: Final = (int(Tag.POSITIONS), m.HoldingRow.SIZE + 6, m.HoldingRow.SIZE, 1)
_DETAIL_GROUP: Final = (
    int(Tag.DETAILS), m.TransactionDetailRow.SIZE + 6, m.TransactionDetailRow.SIZE, 1,
)  # fmt: skip
_KEPT_GROUP: Final = (int(Tag.LOTS_KEPT), m.LotsKeptRow.SIZE + 6, m.LotsKeptRow.SIZE, 1)
_PUSH_PLAIN: Final = packing.ORDER_END
_PUSH_FILL: Final = packing.ORDER_END + _RECEIPT.size
_TX_PLAIN: Final = packing.TRANSACTION_END
_TX_HOLDING: Final = packing.TRANSACTION_END + _HOLDING.size
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
_accounts: dict[tuple[int, int], LedgerAccount] = {}
_NO_STATE: Final = DeskState()

_ORDER_HEAD: Final = (m.StoreOrder.CATEGORY, m.StoreOrder.OPCODE, _CHECKED, m.StoreOrder.SIZE)
_TX_HEAD: Final = (
    m.StoreTransaction.CATEGORY, m.StoreTransaction.OPCODE, _CHECKED, m.StoreTransaction.SIZE,
)  # fmt: skip
_EVENT_HEAD: Final = (
    m.OrderEvent.CATEGORY, m.OrderEvent.OPCODE, codec.EVENT, m.OrderEvent.SIZE,
)  # fmt: skip
_EV_TX_HEAD: Final = (
    m.TransactionEvent.CATEGORY, m.TransactionEvent.OPCODE, codec.EVENT, m.TransactionEvent.SIZE,
)  # fmt: skip


# By their places: what `struct` gives is as long as its layout, which no checker of types can see.
_made_receipt: Callable[..., Receipt] = Receipt
_made_position: Callable[..., Position] = Position


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
    octets = blob[offset:end]
    if not checked and _CRC(octets, end - offset - _CRC_SIZE)[0] != crc32(
        memoryview(octets)[:-_CRC_SIZE]
    ):
        return None
    try:
        return reader(octets, state)
    except (_StrangeError, RemoteFault, *BAD):
        return None


def _check(plain: bool) -> None:
    if not plain:
        raise _StrangeError


def _order(octets: bytes, state: DeskState) -> Found:
    (
        magic, version, category, _, opcode, flags, block, status, _, _, _,
        seq, account, portfolio, at, reserved_quantity, sequence, high, low,
        tag, size,
        magic2, version2, category2, length2, opcode2, flags2, block2, status2, _, _, event_seq,
        kind, zeros, fill, fill_quantity, fill_price, fill_fees, transaction, _,
        tag2, size2, row_size, rows,
        order_id, client_order_id, owner, of_portfolio, symbol, side, order_type, tif, order_flags,
        order_state, zero, reason, quantity, filled, limit_price, stop_price, _, collar_price,
        reserved_cash, fees, received_at, accepted_at, updated_at, expire_at, number, fills,
        replaces,
    ) = _ORDER.unpack_from(octets)  # fmt: skip
    if (
        magic != MAGIC or magic2 != MAGIC or version != VERSION or version2 != VERSION
        or (category, opcode, flags, block) != _ORDER_HEAD or status or status2
        or (category2, opcode2, flags2, block2) != _EVENT_HEAD
        or (tag2, size2, row_size, rows) != _ORDER_GROUP or tag != _INNER
        or size != length2 + _HEAD or size != len(octets) - _ORDER_INNER - _CRC_SIZE
        or zero != b"\0" or zeros != b"\0\0\0"
    ):  # fmt: skip
        raise _StrangeError
    receipt = None
    if size == _PUSH_FILL:
        values = _RECEIPT.unpack_from(octets, _ORDER_INNER + _PUSH_PLAIN)
        _check(values[:4] == _RECEIPT_GROUP and values[16] == bytes(7))
        receipt = _made_receipt(*values[4:15], _RULES[values[15]])
    elif size != _PUSH_PLAIN:
        raise _StrangeError
    order = Order(
        order_id, client_order_id, owner, of_portfolio, _text(symbol), _SIDES[side],
        _TYPES[order_type], _TIMES[tif], order_flags, quantity, filled, limit_price, stop_price,
        high << 64 | low, reserved_cash, reserved_quantity, collar_price, fees,
        _STATES[order_state], reason, received_at, accepted_at, updated_at, expire_at, number,
        fills, replaces, sequence,
    )  # fmt: skip
    event = OrderChanged(
        account, portfolio, event_seq, _KINDS[kind], order, at, fill, fill_quantity, fill_price,
        fill_fees, transaction, receipt,
    )  # fmt: skip
    return seq, event, octets[_ORDER_INNER:-_CRC_SIZE]


def _text(octets: bytes) -> str:
    """Return a symbol met before; what was not, the declared codec reads, and remembers."""
    text = ascii_get(octets)
    if text is None:
        raise _StrangeError
    return text


def _transaction(octets: bytes, state: DeskState) -> Found:
    (
        magic, version, category, _, opcode, flags, block, status, _, _, _,
        seq, account, portfolio, at,
        tag, size,
        magic2, version2, category2, length2, opcode2, flags2, block2, status2, _, _, event_seq,
        number, of_portfolio, kind, zeros, currency, symbol, quantity, price, amount, fees,
        cash_after, realized, order, fill, zeros4, received_at, executed_at, quote_seq,
    ) = _TRANSACTION.unpack_from(octets)  # fmt: skip
    if (
        magic != MAGIC or magic2 != MAGIC or version != VERSION or version2 != VERSION
        or (category, opcode, flags, block) != _TX_HEAD or status or status2
        or (category2, opcode2, flags2, block2) != _EV_TX_HEAD
        or tag != _INNER or size != length2 + _HEAD
        or zeros != b"\0\0\0" or zeros4 != bytes(4)
    ):  # fmt: skip
        raise _StrangeError
    held = _HOLDING.unpack_from(octets, _TX_INNER + _TX_PLAIN)
    _check(held[:4] == _HOLDING_GROUP)
    of = _text(held[4])
    transaction = Transaction(
        number, of_portfolio, _TX_KINDS[kind], ccy_of(currency), amount, cash_after, executed_at,
        received_at, _text(symbol), quantity, price, fees, order, fill, quote_seq, realized,
    )  # fmt: skip
    if size != _TX_HOLDING:
        _check(size == _TX_DETAILED)
        _detail(octets, transaction)
    entries, end = _entries(octets, _TX_INNER + size)
    lots = _lots(octets, end, state, portfolio, of)
    posted = TransactionPosted(
        account, portfolio, event_seq, transaction, entries, _made_position(of, *held[5:], lots), at
    )
    return seq, posted, octets[_TX_INNER : _TX_INNER + size]


def _detail(octets: bytes, transaction: Transaction) -> None:
    """Read the section DETAILS, which stands behind that of the position."""
    (
        tag, size, row_size, rows, _, market_at, settles_at, _, sec_fee, taf_fee, rate, currency,
        zeros,
    ) = _DETAIL.unpack_from(octets, _TX_INNER + _TX_HOLDING)  # fmt: skip
    _check((tag, size, row_size, rows) == _DETAIL_GROUP and zeros == bytes(4))
    transaction.market_at = 0 if market_at == transaction.executed_at else market_at
    transaction.settles_at = settles_at
    transaction.sec_fee, transaction.taf_fee = sec_fee, taf_fee
    transaction.rate, transaction.asset_currency = rate, ccy_of(currency)


def _entries(octets: bytes, place: int) -> tuple[tuple[Entry, ...], int]:
    tag, size, row_size, count = _GROUP_HEAD.unpack_from(octets, place)
    start = place + _GROUP_HEAD.size
    end = start + count * _ENTRY_SIZE
    _check(
        tag == Tag.ENTRIES
        and row_size == _ENTRY_SIZE
        and size == count * _ENTRY_SIZE + 6
        and 0 < count <= _ENTRIES_MAX
        and end <= len(octets) - _CRC_SIZE
    )
    made = []
    for kind, zeros, asset, portfolio, amount in m.EntryRow.LAYOUT.iter_unpack(octets[start:end]):
        account = _accounts.get((kind, portfolio))
        if account is None:
            if len(_accounts) >= _ACCOUNTS_MAX:
                _accounts.clear()
            account = LedgerAccount(_LEDGER_KINDS[kind], portfolio)
            _accounts[kind, portfolio] = account
        if zeros != b"\0\0\0":
            raise _StrangeError
        made.append(Entry(account, _text(asset), amount))
    return tuple(made), end


def _lots(
    octets: bytes, place: int, state: DeskState, portfolio: int, symbol: str
) -> tuple[Lot, ...]:
    end = len(octets) - _CRC_SIZE
    if place == end:
        return ()
    tag, size, row_size, count = _GROUP_HEAD.unpack_from(octets, place)
    start, place = place + _GROUP_HEAD.size, place + codec.SECTION.size + size
    _check(
        tag == Tag.LOTS
        and row_size == m.LotRow.SIZE
        and size == count * row_size + 6
        and count > 0
        and place <= end
    )
    lots = tuple([Lot(*row) for row in m.LotRow.LAYOUT.iter_unpack(octets[start:place])])
    if place == end:
        return lots
    kept = _KEPT.unpack_from(octets, place)
    _check(place + _KEPT.size == end and kept[:4] == _KEPT_GROUP and kept[5] == bytes(4))
    held = state.portfolios[portfolio].positions.get(symbol)
    return packing.all_lots(lots, kept[4], () if held is None else held.lots)


def plain_reply(octets: bytes) -> tuple[int, int, bytes, int, bytes] | None:
    """Return session, command, hash of the request, instant and frame of a plain STORE_REPLY."""
    try:
        _, reply, _ = _reply(octets, _NO_STATE)
    except (_StrangeError, RemoteFault, *BAD):
        return None
    if not isinstance(reply, StoredReply):
        return None
    return reply.session_id, reply.command_seq, reply.request_hash, reply.at, reply.frame


def is_plain_command(octets: bytes) -> bool:
    """Tell whether this is a plain STORE_COMMAND that can be read."""
    try:
        _command(octets, _NO_STATE)
    except (_StrangeError, RemoteFault, *BAD):
        return False
    return True


def _reply(octets: bytes, state: DeskState) -> Found:
    values = _REPLY.unpack_from(octets)
    _check_head(values, m.StoreReply)
    _check(values[-1] == len(octets) - _REPLY.size - _CRC_SIZE)
    _, session, command, hash_, at = values[11:16]
    reply = StoredReply(session, command, hash_, at, octets[_REPLY.size : -_CRC_SIZE])
    return values[11], reply, b""


def _command(octets: bytes, state: DeskState) -> Found:
    values = _COMMAND.unpack_from(octets)
    _check_head(values, m.StoreCommand)
    place, end = _COMMAND.size + values[-1], len(octets) - _CRC_SIZE
    if place != end:
        # What the market was then; the rows are read only to know that they can be.
        tag, size, row_size, count = _GROUP_HEAD.unpack_from(octets, place)
        start, place = place + _GROUP_HEAD.size, place + codec.SECTION.size + size
        _check(
            place == end
            and tag == Tag.QUOTES
            and row_size == m.QuoteRow.SIZE
            and size == count * row_size + 6
            and 0 < count <= _QUOTES_MAX
        )
        for at in range(start, place, row_size):
            m.QuoteRow.unpack(octets, at)
    return values[11], None, b""


def _check_head(values: tuple[Any, ...], kind: type[Message]) -> None:
    magic, version, category, _, opcode, flags, block, status = values[:8]
    _check(
        (magic, version, category, opcode) == (MAGIC, VERSION, kind.CATEGORY, kind.OPCODE)
        and (flags, block, status, values[-2]) == (_CHECKED, kind.SIZE, 0, _INNER)
        and _INNER_MIN <= values[-1] <= _INNER_MAX
    )


_ORDER_INNER: Final = _HEAD + m.StoreOrder.SIZE + codec.SECTION.size
_TX_INNER: Final = _HEAD + m.StoreTransaction.SIZE + codec.SECTION.size
_READERS: Final = {
    int(m.StoreOrder.OPCODE): _order,
    int(m.StoreTransaction.OPCODE): _transaction,
    int(m.StoreReply.OPCODE): _reply,
    int(m.StoreCommand.OPCODE): _command,
}
