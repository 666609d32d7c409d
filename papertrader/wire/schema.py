"""The declarations of every frame: the only source.

``messages`` (the classes and the derived codec), the tables of ``specs/protocol.rst`` and the JSON
schema are generated from here by ``python -m papertrader.wire.generate`` and
``python -m papertrader.wire.spec``; a test fails when they are out of date. Parsing with these
constructs directly (``reference``) is the yardstick that the derived code is compared with.
"""

from __future__ import annotations

from typing import Final

import construct as c

from papertrader.wire import (
    schema_access,
    schema_account,
    schema_admin,
    schema_alerts,
    schema_contests,
    schema_inner,
    schema_journal,
    schema_market,
    schema_orders,
    schema_portfolio,
    schema_receipts,
    schema_session,
    schema_workers,
)
from papertrader.wire.declarations import Block, Declarations, Message, Section, Shape

__all__ = [
    "BLOCKS",
    "GROUPS",
    "HEADER_FIELDS",
    "HEADER_STRUCT",
    "MESSAGES",
    "Block",
    "Message",
    "Section",
    "Shape",
]

GROUPS: Final[dict[str, Declarations]] = {
    "session": schema_session.DECLARED,
    "account": schema_account.DECLARED,
    "access": schema_access.DECLARED,
    "orders": schema_orders.DECLARED,
    "market": schema_market.DECLARED,
    "portfolio": schema_portfolio.DECLARED,
    "receipts": schema_receipts.DECLARED,
    "contests": schema_contests.DECLARED,
    "alerts": schema_alerts.DECLARED,
    "admin": schema_admin.DECLARED,
    "inner": schema_inner.DECLARED,
    "workers": schema_workers.DECLARED,
    "journal": schema_journal.DECLARED,
}
BLOCKS: Final[dict[str, Block]] = {
    name: block for declared in GROUPS.values() for name, block in declared.blocks.items()
}
MESSAGES: Final[tuple[Message, ...]] = tuple(
    message for declared in GROUPS.values() for message in declared.messages
)

HEADER_FIELDS: Final = (
    ("magic", 2, "u16", '"PT"; anything else is BAD_MAGIC and closes the connection'),
    ("version", 1, "u8", "major protocol version: 1. A frame is readable without its connection"),
    ("category", 1, "e:Category", "COMMAND, DATA or CONTROL; must be the message's own"),
    ("length", 4, "u32", "octets after this header; checked before anything is stored"),
    ("opcode", 2, "op", "which message; a reply carries the opcode of its request"),
    ("flags", 2, "f:16", "see the table of flags"),
    ("block_len", 2, "u16", "length of the root block that follows, at most length"),
    ("status", 2, "err", "0 on requests and events; the result on replies"),
    ("session", 4, "u32", "session handle, 0 = none"),
    ("correlation", 4, "u32", "request number chosen by the requester; 0 = unsolicited"),
    ("seq", 8, "u64", "command or event sequence; otherwise 0"),
)

HEADER_STRUCT: Final = c.Struct(
    "magic" / c.Bytes(2),
    "version" / c.Int8ub,
    "category" / c.Int8ub,
    "length" / c.Int32ub,
    "opcode" / c.Int16ub,
    "flags" / c.Int16ub,
    "block_len" / c.Int16ub,
    "status" / c.Int16ub,
    "session" / c.Int32ub,
    "correlation" / c.Int32ub,
    "seq" / c.Int64ub,
)
