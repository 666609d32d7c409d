"""Declarations: assets, quotes and bars."""

from __future__ import annotations

from typing import Any, Final

import construct as c

from papertrader.core.marketclock import ClockField, ClockMode
from papertrader.core.quotes import AssetFlag, AssetKind, AssetStatus, QuoteFlag, QuoteProvider
from papertrader.wire import kinds as k
from papertrader.wire import limits
from papertrader.wire.declarations import (
    DATA,
    EVENT,
    PART_ROWS,
    REASON,
    REPLY,
    REQUEST,
    Declarations,
    group_section,
    list_head,
    part_head,
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
    Flags,
    Px,
    Qty,
    Sym16,
    Ts,
    Zero,
)

DECLARED: Final = Declarations()
message, block = DECLARED.message, DECLARED.block

# --- market data


CACHE_UNTIL: Final = (
    "cache_until"
    / Ts
    * ("master's clock until which the answer may be given again, flagged CACHED; 0 = not at all")
)


def _asset_fields() -> tuple[Any, ...]:
    return (
        "symbol" / Sym16 * "its name here",
        "kind" / Choice(AssetKind, strict=False) * "what it is",
        "status" / Choice(AssetStatus, strict=False) * "whether it may be traded",
        "flags" / Flags(c.Int16ub, AssetFlag, strict=False) * "properties",
        "currency" / Ccy4 * "ISO 4217",
        "tick" / Px * "smallest price step",
        "lot" / Qty * "smallest quantity step",
        "quantity_min" / Qty * "smallest order",
        "quantity_max" / Qty * "largest order",
        "first_bar" / Ts * "market time of the first bar, 0 = unknown",
        "last_bar" / Ts * "market time of the newest bar, 0 = unknown",
    )


block("AssetRow", "An asset.", *_asset_fields())
block("SymbolRow", "A symbol.", "symbol" / Sym16 * "its name")
message(
    Opcode.ASSET_GET, REQUEST, "AssetGet", "One asset.", c.Struct("symbol" / Sym16 * "its name")
)
message(
    Opcode.ASSET_GET,
    REPLY,
    "AssetReply",
    "The asset, or NO_SUCH_SYMBOL.",
    c.Struct(*_asset_fields(), CACHE_UNTIL),
    text_section(Tag.NAME, "name", limits.NAME_MAX),
    text_section(Tag.EXCHANGE, "exchange", limits.EXCHANGE_MAX),
    text_section(Tag.SOURCE, "source", limits.EXCHANGE_MAX),
)
message(
    Opcode.ASSET_LIST,
    REQUEST,
    "AssetList",
    "Assets in order of symbol; PREFIX: whose symbol or name begins so, whatever its case.",
    c.Struct(
        "kinds" / U16 * "bit n = kind n; 0 = all",
        "limit" / U16 * "rows at most; 0 = 500",
        Zero(4),
    ),
    text_section(Tag.PREFIX, "prefix", limits.PREFIX_MAX),
)
message(
    Opcode.ASSET_LIST,
    REPLY,
    "AssetListPart",
    "One part of the list.",
    c.Struct(*list_head("0: the list has no pages, its limit goes to ROWS_MAX"), CACHE_UNTIL),
    group_section(Tag.ASSETS, "assets", "AssetRow", PART_ROWS),
    category=DATA,
)
message(
    Opcode.QUOTE_GET,
    REQUEST,
    "QuoteGet",
    "Newest quotes of 1 to 64 symbols.",
    c.Struct(
        "max_age_ms" / U32 * "a cached quote not older than this will do; 0 = any age",
        Zero(4),
    ),
    group_section(Tag.SYMBOLS, "symbols", "SymbolRow", limits.QUOTE_SYMBOLS_MAX, required=True),
)


def quote_fields() -> tuple[Any, ...]:
    """Return the fields of a quote; the journal records them as well."""
    return (
        "symbol" / Sym16 * "what",
        "bid" / Px * "NULL if unknown",
        "ask" / Px * "NULL if unknown",
        "last" / Px * "NULL if unknown",
        "bid_size" / Qty * "0 if unknown",
        "ask_size" / Qty * "0 if unknown",
        "last_size" / Qty * "0 if unknown",
        "day_open" / Px * "of the session so far",
        "day_high" / Px * "of the session so far",
        "day_low" / Px * "of the session so far",
        "prev_close" / Px * "of the session before, unadjusted",
        "day_volume" / Qty * "of the session so far",
        "source_time" / Ts * "market time: the source's stamp",
        "observed_at" / Ts * "when the master received it: what the no-look-ahead rule compares",
        "quote_seq" / U64 * "grows by 1 per quote of the symbol; a jump is conflation",
        "flags" / Flags(c.Int16ub, QuoteFlag, strict=False) * "warnings",
        "provider" / Choice(QuoteProvider, strict=False) * "who said so",
        Zero(5),
    )


block("QuoteRow", "The newest prices of a symbol.", *quote_fields())
message(
    Opcode.QUOTE_GET,
    REPLY,
    "QuoteReply",
    "One row for each symbol that has a quote, in the order asked; NO_SUCH_SYMBOL if one is "
    "unknown.",
    c.Struct("as_of" / Ts * "the answerer's clock", "rows" / U32 * "rows in the group", Zero(4)),
    group_section(Tag.QUOTES, "quotes", "QuoteRow", limits.QUOTE_SYMBOLS_MAX),
    REASON,
    category=DATA,
)
message(
    Opcode.EV_QUOTE,
    EVENT,
    "QuoteEvent",
    "A new quote of a subscribed symbol; seq 0.",
    c.Struct(*quote_fields()),
    category=DATA,
)
message(
    Opcode.BARS_GET,
    REQUEST,
    "BarsGet",
    "A series of bars, in parts.",
    c.Struct(
        "symbol" / Sym16 * "what",
        "interval_s" / U32 * "60, 300, 900, 3600, 86400, 604800; 2592000 = calendar month",
        "adjustment" / Choice(k.Adjustment, strict=True) * "raw or adjusted prices",
        "newest_first" / Bool * "order of the rows",
        Zero(2),
        "from_time" / Ts * "market time, inclusive; 0 = from the first bar",
        "to_time" / Ts * "market time, exclusive; 0 = to now",
        "limit" / U32 * "rows at most, the newest of the range; 0 = server limit",
        Zero(4),
    ),
)
block(
    "BarRow",
    "A bar.",
    "time" / Ts * "start of the bar, market time",
    "open" / Px * "first price",
    "high" / Px * "highest price",
    "low" / Px * "lowest price",
    "close" / Px * "last price",
    "volume" / Qty * "traded",
)
message(
    Opcode.BARS_GET,
    REPLY,
    "BarsPart",
    "One part of the series.",
    c.Struct(
        *part_head(),
        "symbol" / Sym16 * "what",
        "interval_s" / U32 * "as asked",
        "adjustment" / Choice(k.Adjustment, strict=False) * "as asked",
        "complete" / Bool * "False: the limit was reached, and older bars of the range may be left",
        Zero(2),
        "as_of" / Ts * "market time up to which the newest bar is known",
        "missing" / U32 * "bars that the rows have not, within trading hours between them",
        Zero(4),
        CACHE_UNTIL,
    ),
    group_section(Tag.BARS, "bars", "BarRow", PART_ROWS),
    category=DATA,
)
message(
    Opcode.EV_BAR,
    EVENT,
    "BarEvent",
    "A bar of a subscribed symbol, in formation or closed; seq 0.",
    c.Struct(
        "symbol" / Sym16 * "what",
        "interval_s" / U32 * "as subscribed to",
        "final" / Bool * "True: the bar is closed and will not change",
        Zero(3),
        "time" / Ts * "start of the bar, market time",
        "open" / Px * "first price",
        "high" / Px * "highest price",
        "low" / Px * "lowest price",
        "close" / Px * "last price",
        "volume" / Qty * "traded",
        "epoch" / U32 * "of market time: grows by 1 each time its clock is turned back",
        Zero(4),
    ),
    category=DATA,
)

message(
    Opcode.ASSET_HALT,
    REQUEST,
    "AssetHalt",
    "Halts trade in an asset, or lets it go on. Scope ADMIN.",
    c.Struct(
        "symbol" / Sym16 * "its name",
        "halted" / Bool * "True: no order is taken or filled",
        Zero(7),
    ),
    text_section(Tag.TEXT, "reason", limits.TEXT_MAX),
)
message(
    Opcode.ASSET_HALT,
    REPLY,
    "AssetHaltReply",
    "OK, also if it was so already; NO_SUCH_SYMBOL.",
    c.Struct(
        "symbol" / Sym16 * "its name",
        "status" / Choice(AssetStatus, strict=False) * "whether it may be traded now",
        Zero(7),
    ),
)

# --- the market's clock and hours


def _market_fields() -> tuple[Any, ...]:
    return (
        "exchange" / Ccy4 * "market identifier code, or 24/7",
        "state" / Choice(k.MarketState, strict=False) * "whether it trades now",
        Zero(3),
        "now" / Ts * "market time",
        "next_open" / Ts * "market time of the next opening after now",
        "next_close" / Ts * "market time of the next close after now",
        "update_interval_ms" / U32 * "how often prices are taken",
        Zero(4),
    )


def _run_fields() -> tuple[Any, ...]:
    return (
        "epoch" / U32 * "of market time: grows by 1 each time its clock is turned back",
        "speed_milli" / U32 * "thousandths of a market second per second; 0 = it stands still",
    )


message(
    Opcode.MARKET_STATUS,
    REQUEST,
    "MarketStatus",
    "Whether an exchange is open, and when it opens and closes next.",
    c.Struct("exchange" / Ccy4 * "empty = the one that drives the market's clock"),
)
message(
    Opcode.MARKET_STATUS,
    REPLY,
    "MarketStatusReply",
    "OK; NO_DATA when nothing of that exchange is listed here.",
    c.Struct(*_market_fields(), CACHE_UNTIL),
)
message(
    Opcode.EV_MARKET,
    EVENT,
    "MarketEvent",
    "The exchange that drives the market's clock has opened or closed, or its clock was set; "
    "seq 0.",
    c.Struct(*_market_fields(), *_run_fields()),
    category=DATA,
)


def _clock_epoch() -> tuple[Any, ...]:
    return (
        "begins_at" / Ts * "market time at which the market's data begins",
        "epoch" / U32 * "from 1; grows by 1 each time the clock is turned back",
        Zero(4),
        CACHE_UNTIL,
    )


message(
    Opcode.CLOCK_GET,
    REQUEST,
    "ClockGet",
    "Where market time stands and how fast it runs.",
    c.Struct(Zero(4)),
)
message(
    Opcode.CLOCK_GET,
    REPLY,
    "ClockReply",
    "OK.",
    c.Struct(
        "mode" / Choice(ClockMode, strict=False) * "where market time comes from",
        "paused" / Bool * "True: it stands still",
        "skips_closed" / Bool * "True: closed hours are left out",
        Zero(1),
        "speed_milli" / U32 * "thousandths of a market second per second",
        "now" / Ts * "market time",
        "ends_at" / Ts * "market time at which the market's data ends; 0 = never",
        "as_of" / Ts * "master's clock at that market time",
        *_clock_epoch(),
    ),
)
message(
    Opcode.CLOCK_SET,
    REQUEST,
    "ClockSet",
    "Set the market's clock. Scope ADMIN, or TRADE of the only account there is.",
    c.Struct(
        "fields" / Flags(c.Int8ub, ClockField, strict=True) * "what is set, one at least",
        "mode" / c.Int8ub * "MODE: the market meant; another one is CLOCK_FIXED",
        "paused" / Bool * "PAUSED: True: stand still; False: go on",
        Zero(1),
        "speed_milli" / U32 * "SPEED: thousandths of a market second per second",
        "now" / Ts * "NOW: go to this market time, forward or back",
        "step" / U64 * "STEP: go forward by so many nanoseconds of market time and stand still",
    ),
)
message(
    Opcode.CLOCK_SET,
    REPLY,
    "ClockSetReply",
    "The clock as it is set; CLOCK_FIXED, INVALID_FIELD, SCOPE_DENIED.",
    c.Struct(
        "mode" / Choice(ClockMode, strict=False) * "where market time comes from",
        "paused" / Bool * "True: it stands still",
        "skips_closed" / Bool * "True: closed hours are left out",
        Zero(1),
        "speed_milli" / U32 * "thousandths of a market second per second",
        "now" / Ts * "market time",
        "ends_at" / Ts * "market time at which the market's data ends; 0 = never",
        "as_of" / Ts * "master's clock at that market time",
        *_clock_epoch(),
    ),
)
