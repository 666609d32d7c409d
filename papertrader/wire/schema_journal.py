"""Declarations: the records of the master's journal. They never cross a link."""

from __future__ import annotations

from typing import Final

import construct as c

from papertrader.core.contests import ENTRIES_MAX
from papertrader.core.ledger import LedgerKind
from papertrader.core.marketclock import ClockMode
from papertrader.core.quotes import ActionKind, AssetKind, AssetStatus
from papertrader.core.terms import ASSETS_MAX
from papertrader.wire import limits
from papertrader.wire.declarations import (
    EVENT,
    PART_ROWS,
    Declarations,
    Section,
    group_section,
    text_section,
)
from papertrader.wire.kinds import Opcode, Tag
from papertrader.wire.primitives import (
    U16,
    U32,
    U64,
    Bool,
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
from papertrader.wire.schema_portfolio import terms_fields
from papertrader.wire.schema_receipts import refusal_fields

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
        "expire_at" / Ts * "market time: end of the order by the calendar, 0 = none",
    ),
    Section(Tag.INNER, "inner", "octets", limits.FRAME_MAX, True, size_min=32),
    group_section(Tag.QUOTES, "quotes", "QuoteRow", PART_ROWS),
    group_section(Tag.GIVEN, "given", "GivenRow", 1),
)
block(
    "GivenRow",
    "What an input was decided by besides; without it nothing of it was needed.",
    "market_at" / Ts * "market clock",
    "cash" / Money * "what a portfolio begins with by default",
    "works_from" / Ts * "market time: opening of the session of an OPG or CLS order",
)
message(
    Opcode.STORE_QUOTE,
    EVENT,
    "StoreQuote",
    "Input: a quote that some order used; INTERVAL if its portfolio's fill model needs it.",
    c.Struct("seq" / U64 * "input sequence", *quote_fields()),
    group_section(Tag.QUOTES, "quotes", "QuoteRow", PART_ROWS),
    group_section(Tag.INTERVAL, "interval", "IntervalRow", 1),
)
message(
    Opcode.STORE_TIME,
    EVENT,
    "StoreTime",
    "Input: market time went on and something fell due; CLOSINGS if fill models need them.",
    c.Struct(
        "seq" / U64 * "input sequence",
        "accepted_at" / Ts * "master's clock",
        "market_at" / Ts * "market clock",
    ),
    group_section(Tag.QUOTES, "quotes", "QuoteRow", PART_ROWS),
    group_section(Tag.CLOSINGS, "closings", "ClosingRow", PART_ROWS),
)
message(
    Opcode.STORE_ASSET,
    EVENT,
    "StoreAsset",
    "What the inputs from here to the end of the master's epoch are decided by: an asset.",
    c.Struct(
        "seq" / U64 * "first input that used it",
        "symbol" / Sym16 * "which",
        "kind" / Choice(AssetKind, strict=True) * "what it is",
        "status" / Choice(AssetStatus, strict=True) * "may it be traded",
        "flags" / U16 * "its properties",
        "currency" / Ccy4 * "in which its prices are",
        "tick" / Px * "smallest step of a price",
        "lot" / Qty * "smallest step of a quantity",
        "quantity_min" / Qty * "smallest order",
        "quantity_max" / Qty * "largest order",
        "first_bar" / Ts * "listed from then on",
        "calendar" / Sym16 * "of its exchange",
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
        "late" / Bool * "True: heard of when its time had passed",
        Zero(3),
        "at" / Ts * "market time of the first price after it",
        "amount" / Money * "a dividend's amount per share, or what a delisted share is paid",
    ),
    group_section(Tag.SYMBOLS, "symbols", "SymbolRow", 1),
    group_section(Tag.QUOTES, "quotes", "QuoteRow", PART_ROWS),
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
    group_section(Tag.GIVEN, "given", "GivenRow", 1),
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
    "opened_at" / Ts * "when; market time where it must be held",
    "transaction" / Id * "by which transaction",
)
block(
    "LotsKeptRow",
    "Lots that a trade left as they were.",
    "lots" / U32 * "how many of the last ones before it",
    Zero(4),
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
    "Outcome: a transaction. INNER is the EV_TX. LOTS are all lots of the position; with LOTS_KEPT"
    " the last so many of those before stay, after the first and before the others of LOTS.",
    c.Struct(
        "seq" / U64 * "input that caused it",
        "account" / Id * "whose",
        "portfolio" / Id * "which",
        "at" / Ts * "master's clock",
    ),
    Section(Tag.INNER, "inner", "octets", limits.FRAME_MAX, True, size_min=32),
    group_section(Tag.ENTRIES, "entries", "EntryRow", 64, required=True),
    group_section(Tag.LOTS, "lots", "LotRow", 65_536),
    group_section(Tag.LOTS_KEPT, "lots_kept", "LotsKeptRow", 1),
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
    Opcode.STORE_REFUSAL,
    EVENT,
    "StoreRefusal",
    "Outcome: an order was refused on arrival; TEXT says why. It changes nothing.",
    c.Struct(
        "seq" / U64 * "input that it was",
        "account" / Id * "whose",
        *refusal_fields(),
    ),
    text_section(Tag.TEXT, "text", limits.TEXT_MAX, required=True),
)
message(
    Opcode.STORE_MARKS,
    EVENT,
    "StoreMarks",
    "Outcome: the trailing stops of a symbol followed these prices.",
    c.Struct(
        "seq" / U64 * "input that caused it",
        "symbol" / Sym16 * "of which symbol",
        "bid" / Px * "NULL if unknown",
        "ask" / Px * "NULL if unknown",
        "last" / Px * "NULL if unknown",
        "at" / Ts * "master's clock",
    ),
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
    Opcode.STORE_CLOCK,
    EVENT,
    "StoreClock",
    "Outcome: the market's clock was set.",
    c.Struct(
        "seq" / U64 * "input that caused it",
        "market" / Name24 * "whose clock",
        "epoch" / U32 * "of market time; one more than before if the clock was turned back",
        "mode" / Choice(ClockMode, strict=True) * "what kind of market",
        "paused" / Bool * "True: it stands still",
        "back" / Bool * "True: it was turned back, and an epoch began",
        Zero(1),
        "speed_milli" / U32 * "thousandths of a market second per second",
        "speed_setting" / U32 * "what the settings said of it then",
        "market_at" / Ts * "market time from which it goes on",
        "start_setting" / Ts * "where the settings let the market begin then",
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
message(
    Opcode.STORE_TERMS,
    EVENT,
    "StoreTerms",
    "Outcome: a portfolio trades by other terms.",
    c.Struct(
        "seq" / U64 * "input that caused it",
        "account" / Id * "whose",
        "portfolio" / Id * "which",
        "at" / Ts * "master's clock",
        *terms_fields(),
    ),
    group_section(Tag.SYMBOLS, "symbols", "SymbolRow", ASSETS_MAX),
)
message(
    Opcode.STORE_MARGIN,
    EVENT,
    "StoreMargin",
    "Outcome: a portfolio that may borrow was marked.",
    c.Struct(
        "seq" / U64 * "input that caused it",
        "account" / Id * "whose",
        "portfolio" / Id * "which",
        "carried_to" / Ts * "market time of the last close that was charged for",
        "equity" / Money * "at the mark",
        "maintenance" / Money * "asked for at the mark",
        "called_at" / Ts * "market time of the margin call that stands, 0 = none",
        "due_at" / Ts * "market time at which it is carried out",
        "shortfall" / Money * "what was missing",
        "at" / Ts * "master's clock",
    ),
)
message(
    Opcode.STORE_CONTEST,
    EVENT,
    "StoreContest",
    "Outcome: a contest was opened.",
    c.Struct(
        "seq" / U64 * "input that caused it",
        "contest" / Id * "which",
        "account" / Id * "its host",
        "at" / Ts * "master's clock",
        "name" / Name24 * "its name",
        "currency" / Ccy4 * "of the money",
        Zero(4),
        "cash" / Money * "that each entry begins with",
        "opens_at" / Ts * "market time",
        "ends_at" / Ts * "market time",
        "joins_until" / Ts * "market time",
        *terms_fields(),
    ),
    group_section(Tag.SYMBOLS, "symbols", "SymbolRow", ASSETS_MAX),
)
message(
    Opcode.STORE_ENTRY,
    EVENT,
    "StoreEntry",
    "Outcome: a portfolio entered a contest.",
    c.Struct(
        "seq" / U64 * "input that caused it",
        "contest" / Id * "which",
        "account" / Id * "whose",
        "portfolio" / Id * "its portfolio",
        "market_at" / Ts * "market clock",
        "at" / Ts * "master's clock",
    ),
)
block("MarkRow", "A price.", "symbol" / Sym16 * "what", "price" / Px * "NULL = at cost")
block("ResultRow", "A result.", "portfolio" / Id * "the entry", "equity" / Money * "its worth")
message(
    Opcode.STORE_RESULT,
    EVENT,
    "StoreResult",
    "Outcome: a contest ended.",
    c.Struct(
        "seq" / U64 * "input that caused it",
        "contest" / Id * "which",
        "market_at" / Ts * "market clock",
        "at" / Ts * "master's clock",
    ),
    group_section(Tag.MARKS, "marks", "MarkRow", 65_536),
    group_section(Tag.STANDINGS, "results", "ResultRow", ENTRIES_MAX),
)
message(
    Opcode.STORE_FREEZE,
    EVENT,
    "StoreFreeze",
    "Outcome: a portfolio was frozen, or trades again.",
    c.Struct(
        "seq" / U64 * "input that caused it",
        "account" / Id * "whose",
        "portfolio" / Id * "which",
        "frozen" / Bool * "whether it is now",
        Zero(7),
        "at" / Ts * "master's clock",
    ),
)
