"""The yardstick: frames read by construct straight from the declarations, slowly and plainly.

Tools and tests use it; no server does. It knows nothing of the derived code, and hypothesis
compares the two on valid, truncated and mutated frames.
"""

from __future__ import annotations

from functools import cache
from typing import Any
from zlib import crc32

import attrs
import construct as c

from papertrader.wire import kinds, limits
from papertrader.wire import primitives as p
from papertrader.wire.declarations import FAILURE
from papertrader.wire.kinds import Category, FrameFlag
from papertrader.wire.schema import BLOCKS, HEADER_STRUCT, MESSAGES, Message, Section, Shape


class Refused(Exception):
    """The reference does not accept the octets."""


FRAME = c.Struct(
    "header" / HEADER_STRUCT,
    "block" / c.Bytes(c.this.header.block_len),
    "rest" / c.Bytes(c.this.header.length - c.this.header.block_len),
    c.Terminated,
)
SECTION = c.Struct("tag" / c.Int16ub, "size" / c.Int32ub, "payload" / c.Bytes(c.this.size))
GROUP = c.Struct(
    "row_len" / c.Int16ub,
    "count" / c.Int32ub,
    "rows" / c.GreedyBytes,
)


def field_at_fault(name: str, octets: bytes) -> tuple[int, str]:
    """Return offset and reason of the first field of a block that does not parse."""
    for offset, size, subcon in _fallible(name):
        try:
            subcon.parse(octets[offset : offset + size])
        except c.ConstructError as error:
            label = subcon.name or "reserved octets"
            return offset, f"{label}: {str(error).splitlines()[-1]}"
    return 0, "does not parse"


@cache
def _fallible(name: str) -> tuple[tuple[int, int, Any], ...]:
    """Return offset, size and declaration of each field of a block that can refuse its octets.

    Whoever sends junk makes this happen often, so integers and free octets are not asked.
    """
    declared = BLOCKS.get(name) or next(m for m in MESSAGES if m.name == name)
    found, offset = [], 0
    for subcon in declared.struct.subcons:
        inner = subcon
        while isinstance(inner, c.Renamed):
            inner = inner.subcon
        if not isinstance(inner, (c.FormatField, p.Alias, p.Octets)):
            found.append((offset, subcon.sizeof(), subcon))
        offset += subcon.sizeof()
    return tuple(found)


def _row(name: str, octets: bytes) -> dict[str, Any]:
    return _values(BLOCKS[name].struct, octets)


def _values(declaration: Any, octets: bytes) -> dict[str, Any]:
    try:
        parsed = declaration.parse(octets[: declaration.sizeof()])
    except c.ConstructError as error:
        raise Refused(str(error)) from None
    return {s.name: parsed[s.name] for s in declaration.subcons if s.name}


def _section_value(section: Section, payload: bytes) -> Any:
    if section.kind == "group":
        try:
            head = GROUP.parse(payload)
        except c.ConstructError as error:
            raise Refused(str(error)) from None
        size = BLOCKS[section.row].struct.sizeof()
        if head.row_len * head.count != len(head.rows) or head.count > section.size_max:
            raise Refused("rows do not fill the group")
        if head.row_len < size or head.count == 0:
            raise Refused("rows too short, or none")
        starts = range(0, len(head.rows), head.row_len)
        return tuple(_row(section.row, head.rows[at : at + size]) for at in starts)
    if not section.size_min <= len(payload) <= section.size_max:
        raise Refused("section too large or too small")
    if section.kind == "text":
        try:
            return payload.decode("utf-8")
        except UnicodeDecodeError:
            raise Refused("not UTF-8") from None
    if section.kind == "octets":
        return payload
    return int.from_bytes(payload, "big")


def _sections(message: Message, rest: bytes) -> dict[str, Any]:
    known = {int(section.tag): section for section in message.sections}
    values: dict[str, Any] = {}
    previous, count = -1, 0
    while rest:
        count += 1
        try:
            part = SECTION.parse(rest)
        except c.ConstructError as error:
            raise Refused(str(error)) from None
        if part.tag <= previous or count > limits.SECTIONS_MAX:
            raise Refused("sections out of order")
        previous = part.tag
        rest = rest[6 + part.size :]
        section = known.get(part.tag)
        if section is not None:
            values[section.attribute] = _section_value(section, part.payload)
        elif part.tag & kinds.TAG_CRITICAL:
            raise Refused("critical section")
    for section in message.sections:
        if section.required and section.attribute not in values:
            raise Refused(f"{section.attribute} is missing")
    return values


def _shape(head: Any) -> Shape:
    if head.flags & FrameFlag.RESPONSE:
        if head.flags & FrameFlag.EVENT:
            raise Refused("reply and event")
        return Shape.REPLY
    if head.status:
        raise Refused("a status outside a reply")
    return Shape.EVENT if head.flags & FrameFlag.EVENT else Shape.REQUEST


def _lookup(opcode: int, shape: Shape) -> Message | None:
    for message in MESSAGES:
        if message.shape is shape and opcode in (message.opcode, *message.also):
            return message
    return None


def _find(head: Any) -> Message:
    shape = _shape(head)
    if shape is Shape.REPLY and head.status and not head.block_len:
        request = _lookup(head.opcode, Shape.REQUEST)
        category = Category.COMMAND if request is None else request.category
        return attrs.evolve(FAILURE, category=category)
    message = _lookup(head.opcode, shape)
    if message is None:
        raise Refused(f"opcode {head.opcode:#06x} is not known")
    return message


def parse(octets: bytes) -> tuple[Any, str, dict[str, Any]]:
    """Return header, message name and values of one whole frame; raises `Refused`."""
    try:
        parsed = FRAME.parse(octets)
    except c.ConstructError as error:
        raise Refused(str(error)) from None
    head, rest = parsed.header, parsed.rest
    if head.magic != kinds.MAGIC or head.version != kinds.VERSION:
        raise Refused("magic or version")
    if head.flags & kinds.CRITICAL_FLAGS or len(octets) > limits.FRAME_MAX:
        raise Refused("critical flag, or too large")
    message = _find(head)
    if head.category != message.category:
        raise Refused("category")
    if head.flags & FrameFlag.CHECKSUM:
        if len(rest) < 4 or int.from_bytes(rest[-4:], "big") != crc32(octets[:-4]):
            raise Refused("checksum")
        rest = rest[:-4]
    if head.block_len < message.struct.sizeof():
        raise Refused("block too short")
    values = _values(message.struct, parsed.block)
    values.update(_sections(message, rest))
    return head, message.name, values
