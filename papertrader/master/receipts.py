"""Receipts as rows: what the wire shows and the journal keeps of how a fill was worked out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from papertrader.core.events import OrderChanged
from papertrader.core.fills import LimitingRule, Receipt, Working
from papertrader.core.intervals import Interval
from papertrader.core.money import NULL
from papertrader.core.quotes import Bar
from papertrader.core.terms import FillModelKind
from papertrader.master import packing
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.kinds import Tag

_NO_INTERVAL = Interval()
_PLAIN = Working(FillModelKind.QUOTE, NULL, 0, _NO_INTERVAL)


def receipt_sections(receipt: Receipt) -> bytes:
    """Return the sections of an event that hold its receipt."""
    sections = packing.receipt_section(receipt)
    if receipt.working is not None:
        more = m.WorkingRow(**_working_fields(receipt.working)).pack()
        sections += codec.group(Tag.WORKING, m.WorkingRow.SIZE, [more])
    return sections


def receipt_of(event: m.OrderEvent) -> Receipt | None:
    """Return the receipt that an event's frame holds, if it holds one."""
    if not event.receipt:
        return None
    row = event.receipt[0]
    return Receipt(
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
        _working_of(event.working[0]) if event.working else None,
    )


def receipt_row(event: OrderChanged, receipt: Receipt) -> bytes:
    """Return the row that RECEIPT_GET shows of an event."""
    return m.OrderReceiptRow(
        event_seq=event.event_seq,
        kind=event.kind,
        reason=event.order.reason,
        fill=event.fill,
        at=event.at,
        fill_quantity=event.fill_quantity,
        fill_price=event.fill_price,
        fill_fees=event.fill_fees,
        transaction=event.transaction,
        remaining=event.order.remaining,
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
        **_working_fields(receipt.working or _PLAIN),
    ).pack()


def interval_section(interval: Interval) -> bytes:
    """Return the section of a quote's record that holds its interval."""
    row = m.IntervalRow(**_interval_fields(interval)).pack()
    return codec.group(Tag.INTERVAL, m.IntervalRow.SIZE, [row])


def closings_section(closings: Mapping[str, Interval]) -> bytes:
    """Return the section of a time's record that holds with what sessions closed, by symbol."""
    if not closings:
        return b""
    rows = [
        m.ClosingRow(symbol=symbol, **_interval_fields(interval)).pack()
        for symbol, interval in closings.items()
    ]
    return codec.group(Tag.CLOSINGS, m.ClosingRow.SIZE, rows)


def interval_of(row: m.IntervalRow | m.WorkingRow | m.ClosingRow) -> Interval:
    """Return the interval that a row describes."""
    bar = None
    if row.bar_observed_at:
        bar = Bar(
            row.bar_time, row.bar_open, row.bar_high, row.bar_low, row.bar_close, row.bar_volume
        )
    return Interval(row.volume, bar, row.bar_observed_at)


def _working_fields(working: Working) -> dict[str, Any]:
    return {
        "model": working.model,
        "reference": working.reference,
        "taken": working.taken,
        **_interval_fields(working.interval),
    }


def _working_of(row: m.WorkingRow) -> Working:
    return Working(FillModelKind(row.model), row.reference, row.taken, interval_of(row))


def _interval_fields(interval: Interval) -> dict[str, Any]:
    bar = interval.bar
    if bar is None:
        return {"volume": interval.volume}
    return {
        "volume": interval.volume,
        "bar_time": bar.time,
        "bar_observed_at": interval.bar_observed_at,
        "bar_open": bar.open,
        "bar_high": bar.high,
        "bar_low": bar.low,
        "bar_close": bar.close,
        "bar_volume": bar.volume,
    }
