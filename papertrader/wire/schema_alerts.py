"""Declarations: watchlists and price alerts, which the master keeps for an account."""

from __future__ import annotations

from typing import Any, Final

import construct as c

from papertrader.core.alerts import AlertCondition, AlertState
from papertrader.wire import limits
from papertrader.wire.declarations import (
    DATA,
    EVENT,
    PART_ROWS,
    REPLY,
    REQUEST,
    Declarations,
    group_section,
    part_head,
)
from papertrader.wire.kinds import Opcode, Tag
from papertrader.wire.primitives import U16, U32, U64, Choice, Id, Name24, Px, Sym16, Ts, Zero

DECLARED: Final = Declarations()
message, block = DECLARED.message, DECLARED.block

# --- watchlists

message(
    Opcode.WATCHLIST_SET,
    REQUEST,
    "WatchlistSet",
    "Makes a watchlist, or replaces the one of this name. Changes state: seq >= 1.",
    c.Struct("name" / Name24 * "1 to 24 of A-Z a-z 0-9 _ . -"),
    group_section(Tag.SYMBOLS, "symbols", "SymbolRow", limits.WATCHLIST_SYMBOLS, required=True),
)
message(
    Opcode.WATCHLIST_SET,
    REPLY,
    "WatchlistReply",
    "OK, TOO_MANY_WATCHLISTS, NO_SUCH_SYMBOL; of a deletion OK or NO_SUCH_WATCHLIST.",
    c.Struct(
        "name" / Name24 * "which",
        "symbols" / U16 * "symbols that it has; 0 = it is deleted",
        "lists" / U16 * "watchlists that the account has now",
        Zero(4),
        "at" / Ts * "master's clock",
    ),
    also=(Opcode.WATCHLIST_DELETE,),
)
message(
    Opcode.WATCHLIST_LIST,
    REQUEST,
    "WatchlistList",
    "Watchlists with their symbols, by name.",
    c.Struct("name" / Name24 * "which; empty = all"),
)
block(
    "WatchRow",
    "A symbol of a watchlist; rows of one list stand together, in the order they were given in.",
    "name" / Name24 * "of the list",
    "symbol" / Sym16 * "what it watches",
)
message(
    Opcode.WATCHLIST_LIST,
    REPLY,
    "WatchlistPart",
    "One part of the lists; NO_SUCH_WATCHLIST.",
    c.Struct(*part_head(), "as_of" / Ts * "master's clock"),
    group_section(Tag.WATCHES, "watches", "WatchRow", PART_ROWS),
    category=DATA,
)
message(
    Opcode.WATCHLIST_DELETE,
    REQUEST,
    "WatchlistDelete",
    "Deletes a watchlist. Changes state: seq >= 1.",
    c.Struct("name" / Name24 * "which"),
)

# --- price alerts


def _alert_fields() -> tuple[Any, ...]:
    return (
        "alert" / Id * "given by the master",
        "symbol" / Sym16 * "whose price",
        "condition" / Choice(AlertCondition, strict=False) * "what triggers it",
        "state" / Choice(AlertState, strict=False) * "what became of it",
        Zero(6),
        "price" / Px * "after the splits since it was made",
        "asked" / Px * "as it was asked for",
        "expires_at" / Ts * "market time; 0 = never",
        "created_at" / Ts * "master's clock",
        "ended_at" / Ts * "master's clock; 0 = open",
        "market_at" / Ts * "market time of its end; 0 = open",
        "seen" / Px * "price that triggered it; NULL = none did",
        "quote_seq" / U64 * "number of the quote that triggered it; 0 = none did",
    )


block("AlertRow", "A price alert.", *_alert_fields())
message(
    Opcode.ALERT_CREATE,
    REQUEST,
    "AlertCreate",
    "Makes a price alert that triggers once. Changes state: seq >= 1.",
    c.Struct(
        "symbol" / Sym16 * "whose price",
        "condition" / Choice(AlertCondition, strict=True) * "what triggers it",
        Zero(7),
        "price" / Px * "above 0",
        "expires_at" / Ts * "market time, in the future; 0 = never",
    ),
)
message(
    Opcode.ALERT_CREATE,
    REPLY,
    "AlertReply",
    "OK, TOO_MANY_ALERTS, NO_SUCH_SYMBOL.",
    c.Struct(*_alert_fields()),
)
message(
    Opcode.ALERT_LIST,
    REQUEST,
    "AlertList",
    "The account's price alerts, oldest first.",
    c.Struct("symbol" / Sym16 * "of this symbol; empty = of all"),
)
message(
    Opcode.ALERT_LIST,
    REPLY,
    "AlertListPart",
    "One part of the list.",
    c.Struct(*part_head(), "as_of" / Ts * "master's clock"),
    group_section(Tag.ALERTS, "alerts", "AlertRow", limits.ALERTS_PER_ACCOUNT),
    category=DATA,
)
message(
    Opcode.ALERT_DELETE,
    REQUEST,
    "AlertDelete",
    "Deletes a price alert, open or not. Changes state: seq >= 1.",
    c.Struct("alert" / Id * "which; 0 = all that have ended"),
)
message(
    Opcode.ALERT_DELETE,
    REPLY,
    "AlertDeleteReply",
    "OK or NO_SUCH_ALERT.",
    c.Struct("deleted" / U32 * "alerts deleted", "kept" / U32 * "alerts that the account has now"),
)
message(
    Opcode.EV_ALERT,
    EVENT,
    "AlertEvent",
    "A price alert has ended by itself. Of the subscription to ACCOUNT, but not numbered: seq 0.",
    c.Struct(*_alert_fields()),
)
