"""What the journal makes of the views' rows, and whether it is whole: from its octets alone.

Nothing is decided or applied here. Each record's checksum and place are looked at, the chain of
hashes is followed, and the rows that the views must have are cut out of the plain records as they
stand. Any other record is read by the declared codec.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final
from zlib import crc32

import peewee

from papertrader.core.events import OrderChanged, TransactionPosted
from papertrader.master import packing, quickrecords, records
from papertrader.master.database import GENESIS, chain, journal_batches
from papertrader.master.receipts import receipt_row
from papertrader.master.refusalrecords import refusal_cut
from papertrader.ops.digests import Digests
from papertrader.ops.orderdigests import OrderDigests
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import Tag

UNREADABLE: Final = (
    RemoteFault,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    struct.error,
)
"""What damaged records and rows can make the code that reads them raise."""
GATHER_EVERY: Final = 8
"""Batches whose rows are hashed together: some MiB."""
_HEAD: Final = limits.HEADER_SIZE
RECORD: Final = struct.Struct(f">4xIH{_HEAD - 10}xQ").unpack_from
"""How long a record is behind its header, and what, and the input that it belongs to."""
_SECTION: Final = codec.SECTION.size
_GROUP: Final = _SECTION + codec.GROUP.size
_CRC: Final = codec.CRC.unpack_from
_CRC_SIZE: Final = codec.CRC.size
_ORDER: Final = int(m.StoreOrder.OPCODE)
_TRANSACTION: Final = int(m.StoreTransaction.OPCODE)
_REPLY: Final = int(m.StoreReply.OPCODE)
_COMMAND: Final = int(m.StoreCommand.OPCODE)
_ORDER_INNER: Final = _HEAD + m.StoreOrder.SIZE + _SECTION
_TX_INNER: Final = _HEAD + m.StoreTransaction.SIZE + _SECTION
_ORDER_BEGIN: Final = struct.Struct(">4s4x8s16x8xQ8xQ32xHI4s4x8s8xQ").unpack_from
"""Of a STORE_ORDER: both parts of its plain header, account and instant, tag and size of INNER,
both parts of the header within and its number."""
_TX_BEGIN: Final = struct.Struct(">4s4x8s16x8xQ16xHI4s4x8s8xQQQB").unpack_from
"""The same of a STORE_TX, without the instant; then number, portfolio and kind."""
_GROUP_HEAD: Final = struct.Struct(">HIHI").unpack_from
_EVENT: Final = m.OrderEvent.LAYOUT.unpack_from
_ORDER_ROW: Final = struct.Struct(">Q24x16x6xHqq").unpack_from
"""Number, reason, quantity and filled of an order's row."""
_EXECUTED_AT: Final = struct.Struct(">Q").unpack_from
_PLAIN: Final = packing.ORDER_END
_FILL: Final = packing.ORDER_END + _GROUP + m.ReceiptRow.SIZE
_HOLDING: Final = packing.TRANSACTION_END + _GROUP + m.HoldingRow.SIZE
_DETAILED: Final = _HOLDING + _GROUP + m.TransactionDetailRow.SIZE
_EXECUTED_FROM_END: Final = 16
"""A transaction's row ends with when it was executed and the number of its quote."""
_STORE_ORDER: Final = quickrecords.heads(m.StoreOrder)
_STORE_TX: Final = quickrecords.heads(m.StoreTransaction)
_EV_ORDER: Final = quickrecords.heads(m.OrderEvent, codec.EVENT)
_EV_TX: Final = quickrecords.heads(m.TransactionEvent, codec.EVENT)
_INNER: Final = int(Tag.INNER)
_ENTRIES: Final = int(Tag.ENTRIES)


class JournalRows:
    """Reads a journal. ``violated`` is told a sentence for each thing that is wrong.

    ``moments``: after these inputs the digest of all orders is put into ``orders_at``.
    """

    def __init__(
        self, digests: Digests, violated: Callable[[str], None], moments: frozenset[int]
    ) -> None:
        self.digests = digests
        self.orders_at: dict[int, bytes] = {}
        self._violated = violated
        self._moments = moments
        self._orders = OrderDigests()

    def read(self, truth: peewee.Database, until: int, watermark: int, head: bytes) -> None:
        """Read up to batch ``until``; the views have the rows up to input ``watermark``, after
        which the chain's hash is ``head``."""
        self._note(0)
        previous, expected = GENESIS, 1
        for number, (batch, first, last, epoch, before, hash_, frames) in enumerate(
            journal_batches(truth), 1
        ):
            if batch > until:
                break
            if batch != number or first != expected or last < first:
                self._violated(
                    f"batch {batch}: inputs {first} to {last} do not follow {expected - 1}"
                )
            if before != previous or not fits(hash_, chain, before, first, last, epoch, frames):
                self._violated(f"batch {batch}: the hash chain is broken")
            previous, expected = hash_, last + 1
            self._take(frames, batch, first, last, counted=last <= watermark)
            self._note(last)
            if number % GATHER_EVERY == 0:
                self.digests.gather()
            if last == watermark and hash_ != head:
                self._violated("the views follow from another journal")

    def _take(self, frames: bytes, batch: int, first: int, last: int, counted: bool) -> None:
        digests, octets, orders = self.digests, memoryview(frames), self._orders
        offset, size, done = 0, len(frames), first - 1
        try:
            while offset < size:
                length, opcode, seq = RECORD(frames, offset)
                begin = offset + _HEAD
                end = begin + length
                if not first <= seq <= last:
                    self._violated(f"batch {batch}: a record of input {seq} stands in it")
                if seq != done:
                    if done in self._moments:
                        self._note(done)
                    done = seq
                reader, summed = _READERS.get(opcode), end - _CRC_SIZE
                if (
                    reader is None
                    or end > size
                    or summed < begin
                    or _CRC(frames, summed)[0] != crc32(octets[offset:summed])
                    or not reader(frames, offset, end, digests, orders, counted)
                ):
                    self._by_codec(frames, offset, counted)
                offset = end
        except UNREADABLE as fault:
            self._violated(f"batch {batch}: a record cannot be read ({fault})")

    def _note(self, done: int) -> None:
        """Note what the orders are after input ``done``, if that is wanted."""
        if done in self._moments and done not in self.orders_at:
            self.orders_at[done] = self._orders.digest()

    def _by_codec(self, frames: bytes, offset: int, counted: bool) -> None:
        message: Any = records.read_frame(frames, offset)
        kinds = m.StoreOrder | m.StoreTransaction | m.StoreReply | m.StoreRefusal
        if isinstance(message, m.StoreOrder):
            changed: Any = records.fact_of(message)
            self._orders.other(changed.order)
        if not isinstance(message, kinds) or not counted:
            return
        if isinstance(message, m.StoreRefusal):
            begin = offset + _HEAD
            seq, account, block = refusal_cut(frames[begin : begin + m.StoreRefusal.SIZE])
            self.digests.refusal(account, seq, block, message.text or "")
            return
        fact: Any = records.fact_of(message)
        if isinstance(fact, records.StoredReply):
            self.digests.reply(
                fact.session_id, fact.command_seq, fact.request_hash, fact.at, fact.frame
            )
            return
        inner = message.inner
        self.digests.event(fact.account, fact.event_seq, inner)
        if isinstance(fact, OrderChanged) and fact.receipt is not None:
            plain = fact.receipt.working is None
            block = packing.receipt_row(fact, inner) if plain else receipt_row(fact, fact.receipt)
            self.digests.receipt(fact.account, fact.order.order_id, fact.event_seq, block)
        elif isinstance(fact, TransactionPosted):
            t = fact.transaction
            # An event begins with its transaction's row: nothing need be packed.
            block = inner[_HEAD : packing.TRANSACTION_END]
            self.digests.transaction(
                fact.account, t.transaction_id, t.portfolio, int(t.kind), t.executed_at, block,
                records.transaction_detail(t), packing.entries_block(fact.entries),
                t.note,
            )  # fmt: skip


def fits(wanted: bytes, make: Callable[..., bytes], *values: Any) -> bool:
    """Tell whether values have a hash; those that no master could have written have none."""
    try:
        return make(*values) == wanted
    except (OverflowError, TypeError, AttributeError, ValueError):
        return False


def _order(
    blob: bytes, offset: int, end: int, digests: Digests, orders: OrderDigests, counted: bool
) -> bool:
    """Take the rows of a plain STORE_ORDER; False: it is another one."""
    head, rest, account, happened_at, tag, size, head2, rest2, event_seq = _ORDER_BEGIN(
        blob, offset
    )
    at = offset + _ORDER_INNER
    if (
        (head, rest) != _STORE_ORDER
        or (head2, rest2) != _EV_ORDER
        or tag != _INNER
        or size != end - at - _CRC_SIZE
        or size not in (_PLAIN, _FILL)
    ):
        return False
    number, reason, quantity, filled = _ORDER_ROW(blob, at + packing.ORDER_AT)
    orders.plain(number, blob, offset)
    if not counted:
        return True
    push = blob[at : at + size]
    digests.event(account, event_seq, push)
    if size == _FILL:
        figures = _EVENT(push, _HEAD)
        block = packing.receipt_block(
            event_seq, happened_at, figures, reason, quantity - filled, push
        )
        digests.receipt(account, number, event_seq, block)
    return True


def _transaction(
    blob: bytes, offset: int, end: int, digests: Digests, orders: OrderDigests, counted: bool
) -> bool:
    """Take the rows of a plain STORE_TX; False: it is another one."""
    (
        head, rest, account, tag, size, head2, rest2, event_seq, number, portfolio, kind,
    ) = _TX_BEGIN(blob, offset)  # fmt: skip
    if (
        (head, rest) != _STORE_TX
        or (head2, rest2) != _EV_TX
        or tag != _INNER
        or size not in (_HOLDING, _DETAILED)
    ):
        return False
    at = offset + _TX_INNER
    begun = at + size
    tag, size, row_size, count = _GROUP_HEAD(blob, begun)
    entries = begun + _GROUP
    ended = entries + row_size * count
    if (
        tag != _ENTRIES or row_size != m.EntryRow.SIZE or size != row_size * count + 6
        or ended > end - _CRC_SIZE
    ):  # fmt: skip
        return False
    if not counted:
        return True
    push = blob[at:begun]
    digests.event(account, event_seq, push)
    (executed_at,) = _EXECUTED_AT(push, packing.TRANSACTION_END - _EXECUTED_FROM_END)
    detail = b"" if len(push) == _HOLDING else push[-m.TransactionDetailRow.SIZE :]
    digests.transaction(
        account, number, portfolio, kind, executed_at, push[_HEAD : packing.TRANSACTION_END],
        detail, blob[entries:ended],
    )  # fmt: skip
    return True


def _reply(
    blob: bytes, offset: int, end: int, digests: Digests, orders: OrderDigests, counted: bool
) -> bool:
    reply = quickrecords.plain_reply(blob, offset, end)
    if reply is None:
        return False
    if counted:
        digests.reply(*reply)
    return True


def _command(
    blob: bytes, offset: int, end: int, digests: Digests, orders: OrderDigests, counted: bool
) -> bool:
    return quickrecords.is_plain_command(blob, offset, end)


_READERS: Final[dict[int, Callable[[bytes, int, int, Digests, OrderDigests, bool], bool]]] = {
    _ORDER: _order,
    _TRANSACTION: _transaction,
    _REPLY: _reply,
    _COMMAND: _command,
}
