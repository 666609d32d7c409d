"""Inputs as records of the journal: what the desk decided on, enough to decide it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from papertrader.core.intervals import Interval
from papertrader.core.quotes import (
    ActionKind,
    Asset,
    AssetFlag,
    AssetKind,
    AssetStatus,
    CorporateAction,
    Quote,
)
from papertrader.master import records
from papertrader.master.receipts import closings_section, interval_section
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.kinds import Category, FrameFlag, Opcode, Tag

QUOTES_KEPT_MAX: Final = 4_096
"""Quotes, and closes, kept in one record. Market time that went on has as many records as it needs;
of what else an input looked at beyond it, only the outcomes tell what it was."""
NO_CLOSINGS: Final[Mapping[str, Interval]] = MappingProxyType({})
_COMMAND: Final = int(Category.COMMAND)
_CHECKSUM: Final = int(FrameFlag.CHECKSUM)


def quote_record(
    seq: int, quote: Quote, interval: Interval | None = None, used: Sequence[Quote] = ()
) -> bytes:
    """Return the record of a quote that orders used; ``used`` are those of other symbols."""
    block = seq.to_bytes(8, "big") + records.quote_block(quote)
    sections = quotes_section([each for each in used if each.symbol != quote.symbol])
    if interval is not None:
        sections += interval_section(interval)
    return codec.frame(_COMMAND, Opcode.STORE_QUOTE, block, sections, flags=records.CHECKED)


def time_records(
    seq: int,
    at: int,
    market_at: int,
    quotes: Sequence[Quote] = (),
    closings: Mapping[str, Interval] = NO_CLOSINGS,
) -> list[bytes]:
    """Return the records of market time having gone on; ``quotes`` are the newest of what ended.

    ``closings`` are the intervals with which sessions closed for orders that needed them. It is
    one record, or several of the same input where these are more than `QUOTES_KEPT_MAX`.
    """
    block = m.StoreTime(seq=seq, accepted_at=at, market_at=market_at).pack()
    closed, found = list(closings.items()), []
    for start in range(0, max(len(quotes), len(closed), 1), QUOTES_KEPT_MAX):
        end = start + QUOTES_KEPT_MAX
        sections = quotes_section(quotes[start:end]) + closings_section(dict(closed[start:end]))
        found.append(
            codec.frame(_COMMAND, Opcode.STORE_TIME, block, sections, flags=records.CHECKED)
        )
    return found


def action_record(
    seq: int, at: int, action: CorporateAction, used: Sequence[Quote] = (), *, late: bool = False
) -> bytes:
    """Return the record of a corporate action; ``used`` are the newest quotes that it went by."""
    message = m.StoreAction(
        seq=seq,
        accepted_at=at,
        symbol=action.symbol,
        kind=action.kind,
        numerator=action.numerator,
        denominator=action.denominator,
        late=late,
        at=action.at,
        amount=action.amount,
        symbols=(m.SymbolRow(action.successor),) if action.successor else (),
        quotes=tuple(m.QuoteRow.unpack(records.quote_block(each)) for each in used),
    )
    return codec.encode(message, flags=_CHECKSUM)


def action_of(record: m.StoreAction) -> CorporateAction:
    """Return the corporate action of a record."""
    return CorporateAction(
        symbol=record.symbol,
        kind=ActionKind(record.kind),
        at=record.at,
        numerator=record.numerator,
        denominator=record.denominator,
        amount=record.amount,
        successor=record.symbols[0].symbol if record.symbols else "",
    )


def asset_record(seq: int, asset: Asset) -> bytes:
    """Return the record of what is known of an asset that an input used."""
    message = m.StoreAsset(
        seq=seq,
        symbol=asset.symbol,
        kind=asset.kind,
        status=asset.status,
        flags=asset.flags,
        currency=asset.currency,
        tick=asset.tick,
        lot=asset.lot,
        quantity_min=asset.quantity_min,
        quantity_max=asset.quantity_max,
        first_bar=asset.first_bar,
        calendar=asset.calendar,
    )
    return codec.encode(message, flags=_CHECKSUM)


def asset_of(record: m.StoreAsset) -> Asset:
    """Return the asset of a record; its names are not kept."""
    return Asset(
        symbol=record.symbol,
        name="",
        kind=AssetKind(record.kind),
        currency=record.currency,
        tick=record.tick,
        lot=record.lot,
        quantity_min=record.quantity_min,
        quantity_max=record.quantity_max,
        calendar=record.calendar,
        status=AssetStatus(record.status),
        flags=AssetFlag(record.flags),
        first_bar=record.first_bar,
    )


class PackedQuotes:
    """The newest quotes of inputs, packed once for all the orders that are decided by them."""

    def __init__(self) -> None:
        self._blocks: dict[str, tuple[Quote, bytes]] = {}
        """By symbol; at most `QUOTES_KEPT_MAX`."""

    def section(self, quotes: Sequence[Quote]) -> bytes:
        """Return what `quotes_section` does."""
        if len(quotes) != 1:
            return quotes_section(quotes)
        (quote,) = quotes
        known = self._blocks.get(quote.symbol)
        if known is not None and known[0] is quote:
            return known[1]
        if len(self._blocks) >= QUOTES_KEPT_MAX:
            self._blocks.clear()
        section = quotes_section(quotes)
        self._blocks[quote.symbol] = (quote, section)
        return section


def quotes_section(quotes: Sequence[Quote]) -> bytes:
    """Return the section that holds the quotes that a decision used; nothing for none."""
    if not quotes:
        return b""
    rows = [records.quote_block(quote) for quote in quotes[:QUOTES_KEPT_MAX]]
    return codec.group(Tag.QUOTES, m.QuoteRow.SIZE, rows)
