"""Declarations: what operators ask of a running service, with sessions of scope ADMIN."""

from __future__ import annotations

from typing import Final

import construct as c

from papertrader.core.logrecord import Level
from papertrader.wire import kinds as k
from papertrader.wire import limits
from papertrader.wire.declarations import (
    DATA,
    PART_ROWS,
    REPLY,
    REQUEST,
    Declarations,
    group_section,
    list_head,
    text_section,
)
from papertrader.wire.kinds import Opcode, Tag
from papertrader.wire.primitives import U32, U64, Bool, Choice, Id, Name24, Ts, Zero

DECLARED: Final = Declarations()
message, block = DECLARED.message, DECLARED.block

message(
    Opcode.LOG_DUMP,
    REQUEST,
    "LogDump",
    "The newest entries of the master's event log, oldest first. Scope ADMIN.",
    c.Struct(
        "from_time" / Ts * "master's clock, not older; 0 = any age",
        "limit" / U32 * "entries at most; 0 = 500",
        "least" / Choice(Level, strict=True) * "of this level or above",
        "flush" / Bool * "True: also what was not written to disk yet",
        Zero(2),
    ),
)
message(
    Opcode.LOG_DUMP,
    REPLY,
    "LogPart",
    "One part of the entries; RANGE_TOO_LARGE, NO_DATA when no log is kept.",
    c.Struct(*list_head()),
    text_section(Tag.LINES, "lines", limits.PART_BODY_MAX),
    category=DATA,
)
message(
    Opcode.STATS_GET,
    REQUEST,
    "StatsGet",
    "The master's counters and those of its workers. Scope ADMIN.",
    c.Struct(Zero(4)),
)
block(
    "StatRow",
    "A counter.",
    "worker" / Id * "whose; 0 = the master's",
    "key" / Name24 * "its name",
    "value" / U64 * "its value",
)
message(
    Opcode.STATS_GET,
    REPLY,
    "StatsPart",
    "One part of the list; SCOPE_DENIED to anybody else.",
    c.Struct(*list_head()),
    group_section(Tag.STATS, "stats", "StatRow", PART_ROWS),
    category=DATA,
)
message(
    Opcode.WORKER_CONTROL,
    REQUEST,
    "WorkerControl",
    "Begin or end to drain a worker (see WORKER_DRAIN). Scope ADMIN.",
    c.Struct(
        "worker_id" / Id * "which",
        "mode" / Choice(k.DrainMode, strict=True) * "what becomes of its clients",
        Zero(3),
        "deadline_ms" / U32 * "MOVE: for so long open requests may still be answered",
    ),
)
message(
    Opcode.WORKER_CONTROL,
    REPLY,
    "WorkerControlReply",
    "OK, also when the worker is not up: it is told when it comes. NO_DATA: there is none.",
    c.Struct("clients" / U32 * "connected to it at this moment", Zero(4)),
)
