"""Declarations: receipts, what a fill or the want of one was worked out from."""

from __future__ import annotations

from typing import Any, Final

import construct as c

from papertrader.core.fills import LimitingRule
from papertrader.core.orders import OrderEventKind, OrderType, Side, TimeInForce
from papertrader.core.quotes import QuoteFlag
from papertrader.core.refusals import FigureUnit
from papertrader.core.terms import FillModelKind
from papertrader.wire import kinds as k
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
from papertrader.wire.primitives import (
    U16,
    U32,
    U64,
    Choice,
    Err,
    Flags,
    Id,
    Money,
    Px,
    Qty,
    Sym16,
    Text240,
    Ts,
    Zero,
)

DECLARED: Final = Declarations()
message, block = DECLARED.message, DECLARED.block


def interval_fields() -> tuple[Any, ...]:
    """Return the fields of an interval: what lay between a quote and the one before it."""
    return (
        "volume" / Qty * "traded since the quote before; 0 = unknown",
        "bar_time"
        / Ts
        * "market time: start of the bar that the quote, or close, completed; 0 = none",
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
block(
    "ClosingRow",
    "What the last quote of a session says of the time before the close.",
    "symbol" / Sym16 * "whose",
    *interval_fields(),
)
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

# --- orders refused on arrival


def refusal_fields() -> tuple[Any, ...]:
    """Return the fields of the receipt of an order that was refused on arrival."""
    return (
        "client_order_id" / U64 * "of the order; it stays free",
        "portfolio" / Id * "as asked for",
        "replaces" / Id * "the order it was to replace, 0 = none",
        "symbol" / Sym16 * "what; empty where no order to replace was found",
        "side" / Choice(Side, strict=False) * "buy or sell, 0 = not known",
        "order_type" / Choice(OrderType, strict=False) * "how it was priced, 0 = not known",
        "time_in_force" / Choice(TimeInForce, strict=False) * "how long it would have stood",
        "flags" / Flags(c.Int8ub, k.OrderFlag, strict=False) * "options",
        "reason" / Err * "status number saying why",
        "unit" / Choice(FigureUnit, strict=False) * "of asked and there",
        Zero(1),
        "quantity" / Qty * "of the order",
        "limit_price" / Px * "NULL unless a limit",
        "stop_price" / Px * "NULL unless a stop",
        "asked" / Qty * "what the order asks for; 0 if unit is NONE",
        "there" / Qty * "what there is for it, is allowed, or must divide it",
        "price" / Px * "worst price that it was reckoned with; NULL if none",
        "points" / U32 * "what the rule says, in basis points; 0 = nothing",
        "quote_flags" / Flags(c.Int16ub, QuoteFlag, strict=False) * "of the quote: CLOSED, STALE",
        Zero(2),
        "rule_since" / Ts * "market time from which a dated rule holds; 0 = it has no date",
        "received_at" / Ts * "the worker's stamp",
        "at" / Ts * "master's clock",
        "market_at" / Ts * "market time",
        "works_from" / Ts * "market time: opening of its session, 0 = not bounded",
        "expire_at" / Ts * "market time: end of its session, or its own; 0 = none",
        "quote_seq" / U64 * "newest quote of the symbol then; 0 = none was known",
        "bid" / Px * "of that quote",
        "ask" / Px * "of that quote",
        "last" / Px * "of that quote",
        "bid_size" / Qty * "of that quote",
        "ask_size" / Qty * "of that quote",
        "observed_at" / Ts * "when the master received it",
        "source_time" / Ts * "market time",
        "age" / U64 * "market nanoseconds between the quote and its use",
    )


block(
    "RefusalRow",
    "Why an order was refused on arrival; recomputable to the last unit.",
    "refusal" / U64 * "number of the master's input that it was; it grows",
    *refusal_fields(),
)
block(
    "NoteRow",
    "A piece of the text that belongs to a row of the same part; several make it up, in order.",
    "row" / U32 * "which row, from 0",
    Zero(4),
    "piece" / Text240 * "of the text; the last one is padded",
)
message(
    Opcode.REFUSALS_GET,
    REQUEST,
    "RefusalsGet",
    "Asks for the orders of the account that were refused on arrival, each with its receipt.",
    c.Struct(
        "client_order_id" / U64 * "of the orders; 0 = any",
        "portfolio" / Id * "0 = of every portfolio",
        "after" / U64 * "page: refusals with a greater number; NEWEST_FIRST: with a lesser one",
        "limit" / U16 * "rows at most, but for those of one input; 0 = 500",
        Zero(6),
    ),
    group_section(Tag.DIRECTION, "direction", "DirectionRow", 1),
)
message(
    Opcode.REFUSALS_GET,
    REPLY,
    "RefusalsPart",
    "One part of the list, in the direction asked for; NOTES are the sentences.",
    c.Struct(
        *list_head(),
        "kept_from" / U64 * "refusals before this number are no longer kept; 0 = all are",
    ),
    group_section(Tag.REFUSALS, "refusals", "RefusalRow", PART_ROWS),
    group_section(Tag.NOTES, "notes", "NoteRow", PART_ROWS),
    category=DATA,
)
