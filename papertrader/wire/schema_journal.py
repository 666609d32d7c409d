"""Declarations: the records of the master's journal. They never cross a link."""

from __future__ import annotations

from typing import Final

import construct as c

from papertrader.core.ledger import LedgerKind
from papertrader.core.quotes import ActionKind
from papertrader.wire import limits
from papertrader.wire.declarations import (
    EVENT,
    PART_ROWS,
    Declarations,
    Section,
    group_section,
)
from papertrader.wire.kinds import Opcode, Tag
from papertrader.wire.primitives import (
    U32,
    U64,
    Ccy4,
    Choice,
    Hash32,
    Id,
    Money,
    Name24,
    Px,
    Qty,
    Sym16,
    Ts,
    Zero,
)
from papertrader.wire.schema_market import quote_fields

DECLARED: Final = Declarations()
message, block = DECLARED.message, DECLARED.block

# --- records of the journal

message(
    Opcode.STORE_COMMAND,
    EVENT,
    "StoreCommand",
    "Input: a client's command with what the master added. INNER is its RELAY_UP envelope.",
    c.Struct(
        "seq" / U64 * "input sequence",
        "accepted_at" / Ts * "master's stamp",
        "market_at" / Ts * "market clock",
        "account" / Id * "whose",
        "portfolio" / Id * "which",
        "session_id" / Id * "of which session",
        "expire_at" / Ts * "end of the order by the calendar, 0 = none",
    ),
    Section(Tag.INNER, "inner", "octets", limits.FRAME_MAX, True, size_min=32),
    group_section(Tag.QUOTES, "quotes", "QuoteRow", PART_ROWS),
)
message(
    Opcode.STORE_QUOTE,
    EVENT,
    "StoreQuote",
    "Input: a quote that some order used.",
    c.Struct("seq" / U64 * "input sequence", *quote_fields()),
)
message(
    Opcode.STORE_TIME,
    EVENT,
    "StoreTime",
    "Input: market time went on and something fell due.",
    c.Struct(
        "seq" / U64 * "input sequence",
        "accepted_at" / Ts * "master's clock",
        "market_at" / Ts * "market clock",
    ),
)
message(
    Opcode.STORE_ACTION,
    EVENT,
    "StoreAction",
    "Input: a corporate action.",
    c.Struct(
        "seq" / U64 * "input sequence",
        "accepted_at" / Ts * "master's clock",
        "symbol" / Sym16 * "whose shares",
        "kind" / Choice(ActionKind, strict=True) * "what",
        Zero(3),
        "numerator" / U32 * "a split turns denominator shares ...",
        "denominator" / U32 * "... into numerator",
        Zero(4),
        "at" / Ts * "market time of the first price after it",
        "amount" / Money * "a dividend's amount per share",
    ),
)
message(
    Opcode.STORE_PORTFOLIO,
    EVENT,
    "StorePortfolio",
    "Input and outcome: a portfolio was opened.",
    c.Struct(
        "seq" / U64 * "input sequence",
        "accepted_at" / Ts * "master's clock",
        "account" / Id * "whose",
        "portfolio" / Id * "which",
        "currency" / Ccy4 * "base currency",
        Zero(4),
        "deposit" / Money * "starting cash",
    ),
)
block(
    "EntryRow",
    "One side of a ledger transaction; the amounts of each asset add up to zero.",
    "kind" / Choice(LedgerKind, strict=True) * "which ledger account",
    Zero(3),
    "asset" / Sym16 * "currency or symbol",
    "portfolio" / Id * "whose, 0 = the house",
    "amount" / Money * "signed",
)
block(
    "LotRow",
    "Shares bought together.",
    "quantity" / Qty * "left of the lot",
    "price" / Px * "paid",
    "cost" / Money * "what is left of it cost",
    "opened_at" / Ts * "when",
    "transaction" / Id * "by which transaction",
)
message(
    Opcode.STORE_ORDER,
    EVENT,
    "StoreOrder",
    "Outcome: an order changed. INNER is the EV_ORDER.",
    c.Struct(
        "seq" / U64 * "input that caused it",
        "account" / Id * "whose",
        "portfolio" / Id * "which",
        "at" / Ts * "master's clock",
        "reserved_quantity" / Qty * "shares held for the order",
        "sequence" / U64 * "input that created the order",
        "notional_high" / c.Int64ub * "sum of price times quantity of the fills, upper 64 bits",
        "notional_low" / c.Int64ub * "and lower 64 bits",
    ),
    Section(Tag.INNER, "inner", "octets", limits.FRAME_MAX, True, size_min=32),
)
message(
    Opcode.STORE_TX,
    EVENT,
    "StoreTransaction",
    "Outcome: a transaction. INNER is the EV_TX.",
    c.Struct(
        "seq" / U64 * "input that caused it",
        "account" / Id * "whose",
        "portfolio" / Id * "which",
        "at" / Ts * "master's clock",
    ),
    Section(Tag.INNER, "inner", "octets", limits.FRAME_MAX, True, size_min=32),
    group_section(Tag.ENTRIES, "entries", "EntryRow", 64, required=True),
    group_section(Tag.LOTS, "lots", "LotRow", 65_536),
)
message(
    Opcode.STORE_REPLY,
    EVENT,
    "StoreReply",
    "Outcome: the stored reply of a command. INNER is it.",
    c.Struct(
        "seq" / U64 * "input that caused it",
        "session_id" / Id * "whose",
        "command_seq" / U64 * "the command's seq",
        "request_hash" / Hash32 * "SHA-256 of the request's opcode and body",
        "at" / Ts * "master's clock",
    ),
    Section(Tag.INNER, "inner", "octets", limits.FRAME_MAX, True, size_min=32),
)
message(
    Opcode.STORE_APPLIED,
    EVENT,
    "StoreApplied",
    "Outcome: a corporate action was applied.",
    c.Struct(
        "seq" / U64 * "input that caused it",
        "symbol" / Sym16 * "whose shares",
        "kind" / Choice(ActionKind, strict=True) * "what",
        Zero(7),
        "action_at" / Ts * "which action",
        "at" / Ts * "master's clock",
    ),
)
message(
    Opcode.STORE_NAME,
    EVENT,
    "StoreName",
    "Outcome: a portfolio got a name.",
    c.Struct(
        "seq" / U64 * "input that caused it",
        "account" / Id * "whose",
        "portfolio" / Id * "which",
        "name" / Name24 * "the name",
        "at" / Ts * "master's clock",
    ),
)
message(
    Opcode.STORE_SEASON,
    EVENT,
    "StoreSeason",
    "Outcome: a portfolio began a new season.",
    c.Struct(
        "seq" / U64 * "input that caused it",
        "account" / Id * "whose",
        "portfolio" / Id * "which",
        "season" / U32 * "which season",
        Zero(4),
        "at" / Ts * "master's clock",
    ),
)
