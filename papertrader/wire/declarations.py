"""What a declaration consists of, and the shapes that several of them share.

The declarations themselves stand in the ``schema_*`` modules; ``schema`` gathers them.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

import attrs
import construct as c

from papertrader.wire import limits
from papertrader.wire.kinds import Category, Opcode, Tag
from papertrader.wire.primitives import U32, U64, Id, Ts


class Shape(Enum):
    """Which way a message is meant: asked, answered, or pushed."""

    REQUEST = "request"
    REPLY = "reply"
    EVENT = "event"


@attrs.frozen
class Section:
    """A tagged part of a message.

    ``kind`` is ``text`` (UTF-8), ``octets``, ``u16``, ``u32`` or ``group`` (rows of ``row``).
    ``size_max`` bounds octets, or rows for a group. ``many`` is False: a tag occurs at most once.
    """

    tag: Tag
    attribute: str
    kind: str
    size_max: int
    required: bool = False
    row: str = ""
    size_min: int = 0


@attrs.frozen
class Block:
    """A fixed layout: the rows of a group, or what several messages share as their root."""

    name: str
    struct: Any
    docs: str


@attrs.frozen
class Message:
    """One message: an opcode asked, answered or pushed, with its root block and its sections."""

    opcode: Opcode
    shape: Shape
    name: str
    struct: Any
    docs: str
    category: Category
    sections: tuple[Section, ...] = ()
    also: tuple[Opcode, ...] = ()


class Declarations:
    """The blocks and messages that one module declares, in the order of their declaration."""

    def __init__(self) -> None:
        self.blocks: dict[str, Block] = {}
        self.messages: list[Message] = []

    def block(self, name: str, docs: str, *fields: Any) -> None:
        """Declare the rows of a group."""
        self.blocks[name] = Block(name, c.Struct(*fields), docs)

    def message(
        self,
        opcode: Opcode,
        shape: Shape,
        name: str,
        docs: str,
        struct: Any,
        *sections: Section,
        category: Category = Category.COMMAND,
        also: tuple[Opcode, ...] = (),
    ) -> None:
        """Declare a message; ``also`` names further opcodes that a reply serves."""
        ordered = tuple(sorted(sections, key=lambda section: section.tag))
        self.messages.append(Message(opcode, shape, name, struct, docs, category, ordered, also))


def text_section(
    tag: Tag, attribute: str, size_max: int, required: bool = False, least: int = 1
) -> Section:
    """Return a section of UTF-8 text of ``least`` to ``size_max`` octets."""
    return Section(tag, attribute, "text", size_max, required, size_min=least)


def group_section(
    tag: Tag, attribute: str, row: str, rows_max: int, required: bool = False
) -> Section:
    """Return a section of at most ``rows_max`` rows; an empty group is left out."""
    return Section(tag, attribute, "group", rows_max, required, row)


REQUEST, REPLY, EVENT = Shape.REQUEST, Shape.REPLY, Shape.EVENT
DATA, CONTROL = Category.DATA, Category.CONTROL
PART_ROWS: Final = limits.PART_BODY_MAX // 16
"""Rows in one part of a transfer; its size bounds it sooner."""
REASON: Final = text_section(Tag.TEXT, "text", limits.TEXT_MAX)


FAILURE: Final = Message(
    Opcode.HELLO,
    REPLY,
    "Failure",
    c.Struct(),
    "Any opcode: a reply with a status and no root block says only why not. Its category is that "
    "of its request (COMMAND for an opcode that is not known).",
    Category.COMMAND,
    (
        REASON,
        Section(Tag.FIELD, "field", "u16", 2, size_min=2),
        Section(Tag.RETRY_AFTER, "retry_after_ms", "u32", 4, size_min=4),
    ),
)
"""What every reply may be instead of its own layout; ``codec.Failure`` is its class."""


def part_head() -> tuple[Any, ...]:
    """Return the fields that each part of a transfer begins with."""
    return (
        "part" / U32 * "1, 2, 3 ...",
        "parts" / U32 * "total, known from the first part on",
        "rows" / U32 * "rows in this part",
        "total_rows" / U32 * "rows in the transfer",
    )


PAGED: Final = "give as `after` for the next page; 0 = no more"


def list_head(next_after: str = PAGED) -> tuple[Any, ...]:
    """Return the fields that each part of a list begins with: `part_head` and its paging."""
    return (
        *part_head(),
        "as_of" / Ts * "master's clock",
        "event_seq" / U64 * "account stream position of the snapshot; 0 = not account data",
        "next_after" / Id * next_after,
    )
