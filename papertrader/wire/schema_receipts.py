"""Declarations: receipts, what a fill or the want of one was worked out from."""

from __future__ import annotations

from typing import Any, Final

import construct as c

from papertrader.core.fills import LimitingRule
from papertrader.core.orders import OrderEventKind
from papertrader.core.terms import FillModelKind
from papertrader.wire.declarations import (
    DATA,
    PART_ROWS,
    REPLY,
    REQUEST,
    Declarations,
    group_section,
    list_head,
)
from papertrader.wire.kinds import Opcode, Tag
from papertrader.wire.primitives import U16, U32, U64, Choice, Id, Money, Px, Qty, Ts, Zero

DECLARED: Final = Declarations()
message, block = DECLARED.message, DECLARED.block


def interval_fields() -> tuple[Any, ...]:
    """Return the fields of an interval: what lay between a quote and the one before it."""
    return (
        "volume" / Qty * "traded since the quote before; 0 = unknown",
        "bar_time" / Ts * "market time at which the bar that the quote completed began; 0 = none",
        "bar_observed_at" / Ts * "when the master received that bar's first quote",
        "bar_open" / Px * "of that bar",
        "bar_high" / Px * "of that bar",
        "bar_low" / Px * "of that bar",
        "bar_close" / Px * "of that bar",
        "bar_volume" / Qty * "of that bar",
    )


def working_fields() -> tuple[Any, ...]:
    """Return the fields that a receipt has besides, by another fill model than ``quote``."""
    return (
        "model" / Choice(FillModelKind, strict=False) * "which fill model",
        Zero(7),
        "reference" / Px * "price from which the model began",
        "taken" / Qty * "of the volume, by orders whose turn came before",
        *interval_fields(),
    )


block("WorkingRow", "What a fill model other than QUOTE went by besides.", *working_fields())
block("IntervalRow", "What a quote says of the time since the one before it.", *interval_fields())
message(
    Opcode.RECEIPT_GET,
    REQUEST,
    "ReceiptGet",
    "Asks for the receipts of an order: of each fill, and of what ended or stopped it.",
    c.Struct(
        "order" / Id * "0 = use client_order_id",
        "client_order_id" / U64 * "used when order is 0; 0 as well = all orders of the portfolio",
        "portfolio" / Id * "0 = the default portfolio",
        "after"
        / U64
        * "page: receipts of events with a greater sequence; for all: of later orders",
        "limit" / U16 * "rows at most, for all orders also whole orders at most; 0 = 500",
        Zero(6),
    ),
)
block(
    "OrderReceiptRow",
    "A receipt with the event that it belongs to; recomputable to the last unit.",
    "event_seq" / U64 * "which event",
    "kind" / Choice(OrderEventKind, strict=False) * "what happened",
    Zero(1),
    "reason" / U16 * "status number saying why the order ended, 0 = none",
    "fill" / U32 * "number of the fill within the order, 0 = none",
    "at" / Ts * "master's clock",
    "fill_quantity" / Qty * "of this fill",
    "fill_price" / Px * "of this fill; NULL if none",
    "fill_fees" / Money * "of this fill",
    "transaction" / Id * "ledger transaction written, 0 = none",
    "remaining" / Qty * "what was left of the order",
    "quote_seq" / U64 * "the quote used",
    "bid" / Px * "of that quote",
    "ask" / Px * "of that quote",
    "last" / Px * "of that quote",
    "bid_size" / Qty * "of that quote",
    "ask_size" / Qty * "of that quote",
    "observed_at" / Ts * "when the master received it",
    "source_time" / Ts * "market time",
    "age" / U64 * "market nanoseconds between the quote and its use",
    "spread_cost" / Money * "against the middle of bid and ask",
    "slippage" / Money * "against the price that the model began from",
    "limiting" / Choice(LimitingRule, strict=False) * "the rule that stopped the rest",
    Zero(7),
    *working_fields(),
)
message(
    Opcode.RECEIPT_GET,
    REPLY,
    "ReceiptPart",
    "One part of the list, oldest first.",
    c.Struct(*list_head()),
    group_section(Tag.RECEIPTS, "receipts", "OrderReceiptRow", PART_ROWS),
    category=DATA,
)
