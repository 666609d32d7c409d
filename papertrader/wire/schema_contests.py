"""Declarations: contests, their entries, standings and and files."""

from __future__ import annotations

from typing import Any, Final

import construct as c

from papertrader.core.contests import ContestState, StandingOrder
from papertrader.core.terms import ASSETS_MAX
from papertrader.wire import limits
from papertrader.wire.declarations import (
    DATA,
    PART_ROWS,
    REASON,
    REPLY,
    REQUEST,
    Declarations,
    Section,
    group_section,
    list_head,
    part_head,
)
from papertrader.wire.kinds import Opcode, Tag
from papertrader.wire.primitives import (
    U16,
    U32,
    U64,
    Ccy4,
    Choice,
    Id,
    Money,
    Name24,
    Px,
    Ts,
    Zero,
)
from papertrader.wire.schema_portfolio import StartingCash, terms_fields

DECLARED: Final = Declarations()
message, block = DECLARED.message, DECLARED.block


def _contest_fields() -> tuple[Any, ...]:
    return (
        "contest" / Id * "given by the master",
        "name" / Name24 * "given by its host",
        "host" / Name24 * "user name of who opened it",
        "currency" / Ccy4 * "of the money",
        "state" / Choice(ContestState, strict=False) * "where it is, by the market's clock",
        Zero(3),
        "cash" / Money * "that each entry begins with",
        "opens_at" / Ts * "market time",
        "ends_at" / Ts * "market time",
        "joins_until" / Ts * "market time; opens_at = nobody may come late",
        "ended_at" / Ts * "market time; 0 = not yet",
        "entries" / U32 * "number",
        Zero(4),
        "portfolio" / Id * "the asker's own entry, 0 = none",
    )


block("ContestRow", "A contest in short.", *_contest_fields())
message(
    Opcode.CONTEST_CREATE,
    REQUEST,
    "ContestCreate",
    "Opens a contest; needs a session of scope HOST or ADMIN. Changes state: seq >= 1.",
    c.Struct(
        "name" / Name24 * "1 to 24 of A-Z a-z 0-9 _ . -",
        "cash" / StartingCash * "that each entry begins with; NULL = the server's default",
        "opens_at" / Ts * "market time; 0 = now",
        "ends_at" / Ts * "market time",
        "joins_until" / Ts * "market time; 0 = until it opens, nobody may come late",
        *terms_fields(),
    ),
    group_section(Tag.SYMBOLS, "symbols", "SymbolRow", ASSETS_MAX),
)
message(
    Opcode.CONTEST_CREATE,
    REPLY,
    "ContestReply",
    "The contest as it stands.",
    c.Struct(*_contest_fields(), *terms_fields()),
    REASON,
    group_section(Tag.SYMBOLS, "symbols", "SymbolRow", ASSETS_MAX),
    also=(Opcode.CONTEST_GET, Opcode.CONTEST_JOIN),
)
message(
    Opcode.CONTEST_GET,
    REQUEST,
    "ContestGet",
    "Asks for a contest and its terms.",
    c.Struct("contest" / Id * "which"),
)
message(
    Opcode.CONTEST_JOIN,
    REQUEST,
    "ContestJoin",
    "Enters a contest: a portfolio is opened for it. Changes state: seq >= 1.",
    c.Struct("contest" / Id * "which"),
)
message(
    Opcode.CONTEST_LIST,
    REQUEST,
    "ContestList",
    "Contests, oldest first.",
    c.Struct(
        "after" / Id * "page: contests with id greater",
        "limit" / U16 * "rows at most; 0 = 500",
        Zero(6),
    ),
)
message(
    Opcode.CONTEST_LIST,
    REPLY,
    "ContestListPart",
    "One part of the list.",
    c.Struct(*list_head()),
    group_section(Tag.CONTESTS, "contests", "ContestRow", PART_ROWS),
    category=DATA,
)
message(
    Opcode.CONTEST_STANDINGS,
    REQUEST,
    "ContestStandings",
    "Who leads; by the last prices, or once it has ended by the result.",
    c.Struct(
        "contest" / Id * "which",
        "order" / Choice(StandingOrder, strict=True) * "by what they are ranked",
        Zero(7),
    ),
)
block(
    "StandingRow",
    "One entry's place.",
    "rank" / U32 * "1 = first; equals share a rank",
    Zero(4),
    "portfolio" / Id * "the entry",
    "username" / Name24 * "whose",
    "equity" / Money * "cash, and positions at the last price",
    "gain" / Money * "return, 1e-8 of the starting cash",
    "risk_adjusted" / Px * "Sharpe ratio of daily equity after all costs; NULL = too little",
)
message(
    Opcode.CONTEST_STANDINGS,
    REPLY,
    "ContestStandingsPart",
    "One part of the standings, the first first.",
    c.Struct(
        *part_head(),
        "contest" / Id * "which",
        "as_of" / Ts * "market clock",
        "ended_at" / Ts * "market time; 0 = provisional",
    ),
    group_section(Tag.STANDINGS, "standings", "StandingRow", PART_ROWS),
    category=DATA,
)
message(
    Opcode.CONTEST_FILE,
    REQUEST,
    "ContestFile",
    "The file of a contest that has ended, which anyone can verify.",
    c.Struct("contest" / Id * "which"),
)
message(
    Opcode.CONTEST_FILE,
    REPLY,
    "ContestFilePart",
    "One part of the file: its octets are those of all parts in order.",
    c.Struct(*part_head(), "contest" / Id * "which", "size" / U64 * "of the whole file"),
    Section(Tag.FILE, "octets", "octets", limits.PART_BODY_MAX, True, size_min=1),
    category=DATA,
)
