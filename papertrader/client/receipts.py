"""Receipts of an order: the request with its result, and what each rule says in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final

import attrs

from papertrader.client import results as r
from papertrader.client.commands import ROWS_ASKED_MAX, Command, whole_number
from papertrader.client.results import decimal_of, decimal_or_none, moment_of
from papertrader.core.fills import LimitingRule
from papertrader.core.orders import OrderEventKind
from papertrader.core.terms import FillModelKind
from papertrader.wire import messages as m
from papertrader.wire.kinds import Status


@attrs.frozen(kw_only=True)
class OrderReceipt:
    """Why an order filled as it did, or did not: the quote that decided, and what it cost.

    ``fill`` counts the order's fills from 1; 0 for a receipt of nothing. ``reference`` is the price
    that the fill ``model`` began from, None for ``quote``, whose price is the quote's own.
    ``volume`` and ``bar_`` are what the volume models went by; ``taken`` of it was gone before.
    """

    event_seq: int
    kind: OrderEventKind | int
    at: datetime | None
    reason: str
    fill: int
    quantity: Decimal
    price: Decimal | None
    fees: Decimal
    transaction: int
    remaining: Decimal
    quote: r.Receipt
    model: FillModelKind | int
    reference: Decimal | None
    taken: Decimal
    volume: Decimal
    bar_time: datetime | None
    bar_open: Decimal | None
    bar_high: Decimal | None
    bar_low: Decimal | None
    bar_volume: Decimal


STOPPED_BY: Final[Mapping[int, str]] = MappingProxyType(
    {
        LimitingRule.NONE: "nothing was left to fill",
        LimitingRule.SIZE: "the size that the quote displayed was used up",
        LimitingRule.COLLAR: "the price was beyond the collar of a market order",
        LimitingRule.LIMIT: "the price was beyond the limit",
        LimitingRule.NO_PRICE: "the quote had no price on the side that the order needs",
        LimitingRule.THROUGH: "the quote touched the limit but did not trade through it",
        LimitingRule.QUEUE: "others stood before it in the queue and took what there was",
        LimitingRule.VOLUME: "its share of the volume was used up",
        LimitingRule.BAR: "no further bar that began after it was received was complete",
        LimitingRule.UNUSABLE: "the newest quote was stale, suspect or of a closed market",
        LimitingRule.HALTED: "the asset did not trade",
        LimitingRule.WAITING: "no quote was observed after it was received",
        LimitingRule.TRIGGER: "the market did not reach its stop price",
        LimitingRule.HELD: "it waited for another order",
        LimitingRule.EXTENDED: "the market was in extended hours, and it works in the session only",
        LimitingRule.FUNDS: "the portfolio could not pay for what was offered",
        LimitingRule.SESSION: "it waited for the opening or the close of its session",
        LimitingRule.OVERFLOW: "the result is more than can be counted here",
    }
)
"""What stopped the rest of an order, as the end of a sentence."""


def receipts(
    order_id: int, after: int, limit: int, portfolio: int = 0
) -> Command[r.Page[OrderReceipt]]:
    """Read the receipts of an order, oldest first."""
    message = m.ReceiptGet(
        order=whole_number(order_id, "order_id"),
        portfolio=whole_number(portfolio, "portfolio"),
        after=whole_number(after, "after"),
        limit=whole_number(limit, "limit", ROWS_ASKED_MAX),
    )
    return Command(message=message, read=_read)


def _read(parts: Sequence[m.ReceiptPart]) -> r.Page[OrderReceipt]:
    last = parts[-1]
    return r.Page(
        items=tuple(_receipt_of(row) for part in parts for row in part.receipts),
        next_after=last.next_after,
        event_seq=last.event_seq,
        as_of=moment_of(last.as_of),
    )


def _receipt_of(row: m.OrderReceiptRow) -> OrderReceipt:
    try:
        reason = Status(row.reason).name if row.reason else ""
    except ValueError:
        reason = f"{row.reason:#06x}"
    return OrderReceipt(
        event_seq=row.event_seq,
        kind=row.kind,
        at=moment_of(row.at),
        reason=reason,
        fill=row.fill,
        quantity=decimal_of(row.fill_quantity),
        price=decimal_or_none(row.fill_price),
        fees=decimal_of(row.fill_fees),
        transaction=row.transaction,
        remaining=decimal_of(row.remaining),
        quote=r.Receipt(
            quote_seq=row.quote_seq,
            bid=decimal_or_none(row.bid),
            ask=decimal_or_none(row.ask),
            last=decimal_or_none(row.last),
            bid_size=decimal_of(row.bid_size),
            ask_size=decimal_of(row.ask_size),
            observed_at=moment_of(row.observed_at),
            source_time=moment_of(row.source_time),
            age_ns=row.age,
            spread_cost=decimal_of(row.spread_cost),
            slippage=decimal_of(row.slippage),
            limiting=row.limiting,
        ),
        model=row.model,
        reference=decimal_or_none(row.reference),
        taken=decimal_of(row.taken),
        volume=decimal_of(row.volume),
        bar_time=moment_of(row.bar_time),
        bar_open=decimal_or_none(row.bar_open),
        bar_high=decimal_or_none(row.bar_high),
        bar_low=decimal_or_none(row.bar_low),
        bar_volume=decimal_of(row.bar_volume),
    )
