"""Refused orders as records and rows: what the journal keeps of a refusal, and the wire shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from papertrader.core.refusedorders import QuoteThen, RefusedOrder
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import FrameFlag, Tag

PIECE: Final = 240
"""Octets of a text in one row of NOTES."""
_SEQ: Final = 8
_ACCOUNT: Final = slice(_SEQ, _SEQ + 8)
_QUOTE: Final = tuple(each.name for each in attrs.fields(QuoteThen))
_PLAIN: Final = (
    "account", "portfolio", "client_order_id", "replaces", "symbol", "side", "order_type",
    "time_in_force", "flags", "quantity", "limit_price", "stop_price", "received_at", "at",
    "market_at", "works_from", "expire_at",
)  # fmt: skip
"""Fields that are called the same in a receipt and in its record."""

if m.StoreRefusal.SIZE != m.RefusalRow.SIZE + 8:
    raise RuntimeError("a STORE_REFUSAL is not a REFUSAL row with the account; change its cutting")


def refusal_record(seq: int, refused: RefusedOrder) -> bytes:
    """Return the journal record of an order that input ``seq`` asked for in vain."""
    figures, quote = refused.figures, refused.quote
    message = m.StoreRefusal(
        seq=seq,
        reason=int(refused.refusal),
        unit=figures.unit,
        asked=figures.asked,
        there=figures.there,
        price=figures.price,
        points=figures.points,
        rule_since=figures.since,
        # A sentence of ASCII for the most part; what the protocol has no room for is cut off.
        text=refused.text.encode()[: limits.TEXT_MAX].decode(errors="ignore"),
        **{name: getattr(refused, name) for name in _PLAIN},
        **{name: getattr(quote, name) for name in _QUOTE},
    )
    return codec.encode(message, flags=int(FrameFlag.CHECKSUM))


def refusal_cut(block: bytes) -> tuple[int, int, bytes]:
    """Return input, account and the row REFUSALS_GET shows, of the block of a STORE_REFUSAL."""
    seq, account = block[:_SEQ], block[_ACCOUNT]
    return int.from_bytes(seq, "big"), int.from_bytes(account, "big"), seq + block[_ACCOUNT.stop :]


def note_rows(row: int, text: str) -> Iterator[bytes]:
    """Give the rows of NOTES that hold the text of row number ``row`` of a part."""
    octets = text.encode()
    for begin in range(0, len(octets), PIECE):
        yield m.NoteRow(row=row, piece=octets[begin : begin + PIECE].ljust(PIECE, b"\0")).pack()


def notes_size(text: str) -> int:
    """Return how many octets the rows of a text take."""
    return -(-len(text.encode()) // PIECE) * m.NoteRow.SIZE


def notes_section(texts: Sequence[str]) -> bytes:
    """Return the section NOTES of a part whose rows have these texts; nothing if all are empty."""
    rows = [piece for row, text in enumerate(texts) for piece in note_rows(row, text)]
    return codec.group(Tag.NOTES, m.NoteRow.SIZE, rows) if rows else b""
