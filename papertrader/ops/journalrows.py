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
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.derived import Message
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import MAGIC, VERSION, Tag

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
LENGTH_AT: Final = 4
LENGTH_OPCODE: Final = struct.Struct(">IH").unpack_from
"""Where a record's header says how long it is, and what."""
_HEAD: Final = limits.HEADER_SIZE
_SECTION: Final = codec.SECTION.size
_GROUP: Final = _SECTION + codec.GROUP.size
_CRC: Final = codec.CRC.unpack_from
_ORDER: Final = int(m.StoreOrder.OPCODE)
_TRANSACTION: Final = int(m.StoreTransaction.OPCODE)
_REPLY: Final = int(m.StoreReply.OPCODE)
_COMMAND: Final = int(m.StoreCommand.OPCODE)
_ORDER_INNER: Final = _HEAD + m.StoreOrder.SIZE + _SECTION
_TX_INNER: Final = _HEAD + m.StoreTransaction.SIZE + _SECTION
_FOUR: Final = struct.Struct(">QQQQ").unpack_from
"""Input, account, portfolio and instant: what the records of an outcome begin with."""
_TAG_SIZE: Final = codec.SECTION.unpack_from
_GROUP_HEAD: Final = struct.Struct(">HIHI").unpack_from
_SEQ: Final = struct.Struct(">Q").unpack_from
_EVENT: Final = m.OrderEvent.LAYOUT.unpack_from
_ORDER_ROW: Final = struct.Struct(">Q24x16x6xHqq").unpack_from
"""Number, reason, quantity and filled of an order's row."""
_TX_ROW: Final = struct.Struct(">QQB").unpack_from
_EXECUTED_AT: Final = struct.Struct(">Q").unpack_from
_PLAIN: Final = packing.ORDER_END
_FILL: Final = packing.ORDER_END + _GROUP + m.ReceiptRow.SIZE
_HOLDING: Final = packing.TRANSACTION_END + _GROUP + m.HoldingRow.SIZE
_DETAILED: Final = _HOLDING + _GROUP + m.TransactionDetailRow.SIZE
_EXECUTED_FROM_END: Final = 16
"""A transaction's row ends with when it was executed and the number of its quote."""


def _constant(kind: type[Message], flags: int) -> tuple[bytes, bytes]:
    """Return what a header of this kind has before and after its length."""
    head = codec.HEADER.pack(
        MAGIC, VERSION, kind.CATEGORY, 0, kind.OPCODE, flags, kind.SIZE, 0, 0, 0, 0
    )
    return head[:4], head[8:16]


_CHECKED: Final = codec.EVENT | codec.CHECKSUM
_STORE_ORDER: Final = _constant(m.StoreOrder, _CHECKED)
_STORE_TX: Final = _constant(m.StoreTransaction, _CHECKED)
_EV_ORDER: Final = _constant(m.OrderEvent, codec.EVENT)
_EV_TX: Final = _constant(m.TransactionEvent, codec.EVENT)
_INNER: Final = int(Tag.INNER)
_ENTRIES: Final = int(Tag.ENTRIES)


class JournalRows:
    """Reads a journal. ``violated`` is told a sentence for each thing that is wrong."""

    def __init__(self, digests: Digests, violated: Callable[[str], None]) -> None:
        self.digests = digests
        self._violated = violated

    def read(self, truth: peewee.Database, until: int, watermark: int, head: bytes) -> None:
        """Read up to batch ``until``; the views have the rows up to input ``watermark``, after
        which the chain's hash is ``head``."""
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
            if last == watermark and hash_ != head:
                self._violated("the views follow from another journal")

    def _take(self, frames: bytes, batch: int, first: int, last: int, counted: bool) -> None:
        offset, size = 0, len(frames)
        try:
            while offset < size:
                length, opcode = LENGTH_OPCODE(frames, offset + LENGTH_AT)
                end = offset + _HEAD + length
                octets = frames[offset:end]
                (seq,) = _SEQ(octets, _HEAD)
                if not first <= seq <= last:
                    self._violated(f"batch {batch}: a record of input {seq} stands in it")
                reader = _READERS.get(opcode)
                if (
                    reader is None
                    or len(octets) != _HEAD + length
                    or _CRC(octets, len(octets) - 4)[0] != crc32(memoryview(octets)[:-4])
                    or not reader(octets, self.digests, counted)
                ):
                    self._by_codec(frames, offset, counted)
                offset = end
        except UNREADABLE as fault:
            self._violated(f"batch {batch}: a record cannot be read ({fault})")

    def _by_codec(self, frames: bytes, offset: int, counted: bool) -> None:
        message: Any = records.read_frame(frames, offset)
        kinds = m.StoreOrder | m.StoreTransaction | m.StoreReply | m.StoreRefusal
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


def _order(octets: bytes, digests: Digests, counted: bool) -> bool:
    """Take the rows of a plain STORE_ORDER; False: it is another one."""
    tag, size = _TAG_SIZE(octets, _ORDER_INNER - _SECTION)
    at = _ORDER_INNER
    if (
        octets[:4] != _STORE_ORDER[0]
        or octets[8:16] != _STORE_ORDER[1]
        or octets[at : at + 4] != _EV_ORDER[0]
        or octets[at + 8 : at + 16] != _EV_ORDER[1]
        or tag != _INNER
        or size != len(octets) - at - 4
        or size not in (_PLAIN, _FILL)
    ):
        return False
    if not counted:
        return True
    _, account, _, happened_at = _FOUR(octets, _HEAD)
    (event_seq,) = _SEQ(octets, at + 24)
    push = octets[at:-4]
    digests.event(account, event_seq, push)
    if size == _FILL:
        number, reason, quantity, filled = _ORDER_ROW(octets, at + packing.ORDER_AT)
        figures = _EVENT(octets, at + _HEAD)
        block = packing.receipt_block(
            event_seq, happened_at, figures, reason, quantity - filled, push
        )
        digests.receipt(account, number, event_seq, block)
    return True


def _transaction(octets: bytes, digests: Digests, counted: bool) -> bool:
    """Take the rows of a plain STORE_TX; False: it is another one."""
    tag, size = _TAG_SIZE(octets, _TX_INNER - _SECTION)
    at = _TX_INNER
    if (
        octets[:4] != _STORE_TX[0]
        or octets[8:16] != _STORE_TX[1]
        or octets[at : at + 4] != _EV_TX[0]
        or octets[at + 8 : at + 16] != _EV_TX[1]
        or tag != _INNER
        or size not in (_HOLDING, _DETAILED)
    ):
        return False
    begun = at + size
    tag, size, row_size, count = _GROUP_HEAD(octets, begun)
    end = begun + _GROUP + row_size * count
    if tag != _ENTRIES or row_size != m.EntryRow.SIZE or size != row_size * count + 6:
        return False
    if end > len(octets) - 4:
        return False
    if not counted:
        return True
    _, account, _, _ = _FOUR(octets, _HEAD)
    (event_seq,) = _SEQ(octets, at + 24)
    push = octets[at:begun]
    digests.event(account, event_seq, push)
    number, portfolio, kind = _TX_ROW(octets, at + _HEAD)
    (executed_at,) = _EXECUTED_AT(octets, at + packing.TRANSACTION_END - _EXECUTED_FROM_END)
    detail = b"" if len(push) == _HOLDING else push[-m.TransactionDetailRow.SIZE :]
    digests.transaction(
        account, number, portfolio, kind, executed_at, push[_HEAD : packing.TRANSACTION_END],
        detail, octets[begun + _GROUP : end],
    )  # fmt: skip
    return True


def _reply(octets: bytes, digests: Digests, counted: bool) -> bool:
    reply = quickrecords.plain_reply(octets)
    if reply is None:
        return False
    if counted:
        digests.reply(*reply)
    return True


def _command(octets: bytes, digests: Digests, counted: bool) -> bool:
    return quickrecords.is_plain_command(octets)


_READERS: Final[dict[int, Callable[[bytes, Digests, bool], bool]]] = {
    _ORDER: _order,
    _TRANSACTION: _transaction,
    _REPLY: _reply,
    _COMMAND: _command,
}
