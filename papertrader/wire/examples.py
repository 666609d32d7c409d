"""Frames explained octet by octet: the worked examples of the specification.

Each line has an offset, the octets in hexadecimal and what they mean, all from the declarations.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from papertrader.core.money import NULL, format_amount
from papertrader.wire import codec, limits, vectors
from papertrader.wire.declarations import FAILURE
from papertrader.wire.generate import Field, fields_of
from papertrader.wire.kinds import Category, FrameFlag, Status, Tag
from papertrader.wire.schema import BLOCKS, MESSAGES, Block, Message, Section

LINE_OCTETS: Final = 16
_AMOUNTS: Final = ("px", "qty", "money")
_TEXTS: Final = ("sym16", "name24", "host64", "ccy4")


def _lines(offset: int, octets: bytes, meaning: str) -> Iterator[str]:
    """Give one line for each 16 octets; the first says what they mean."""
    for start in range(0, max(1, len(octets)), LINE_OCTETS):
        part = octets[start : start + LINE_OCTETS].hex()
        said = meaning if start == 0 else ""
        yield f"{offset + start:>5}  {part:<{2 * LINE_OCTETS}}  {said}".rstrip()


def _bits(value: int, members: Any) -> str:
    names = [str(member.name) for member in members if value & member]
    return f"{value:#x} {' '.join(names)}".rstrip()


def _status(number: int) -> str:
    try:
        return f"{number:#06x} {Status(number).name}"
    except ValueError:
        return f"{number:#06x}"


def shown(field: Field, octets: bytes) -> str:
    """Return the value of one field as people read it."""
    if field.reserved:
        return "reserved"
    if field.type_name in _TEXTS:
        return f'{field.name} = "{octets.rstrip(bytes(1)).decode("ascii")}"'
    number = int.from_bytes(octets, "big", signed=field.type_name in _AMOUNTS)
    members = getattr(field.inner, "members", None)
    if field.type_name.startswith("f:"):
        return f"{field.name} = {_bits(number, members)}"
    if field.type_name.startswith("e:"):
        names = {int(member): str(member.name) for member in members or ()}
        return f"{field.name} = {number} {names.get(number, '')}".rstrip()
    if field.type_name in _AMOUNTS:
        said = "none" if number == NULL else f"{number} ({format_amount(number, 8)})"
        return f"{field.name} = {said}"
    if field.type_name == "err":
        return f"{field.name} = {_status(number)}"
    if field.type_name == "op":
        return f"{field.name} = {codec.describe(number)}"
    if field.type_name in ("ip16", "tok32", "hash32", "uuid16", "key32", "sig64"):
        return f"{field.name}, {field.type_name}"
    return f"{field.name} = {number}"


def _block(declared: Message | Block, octets: bytes, start: int) -> Iterator[str]:
    at = start
    for field in fields_of(declared.struct):
        value = octets[at : at + field.size]
        yield from _lines(at, value, shown(field, value))
        at += field.size


def _header(octets: bytes) -> Iterator[str]:
    head = codec.parse_header(octets)
    category = Category(head.category).name
    first = f'magic "PT", version {head.version}, {category}, {head.length} octets follow'
    flags = _bits(head.flags, FrameFlag)
    second = f"{codec.describe(head.opcode)}, flags {flags}, root block of {head.block_len}"
    yield from _lines(0, octets[:8], first)
    yield from _lines(8, octets[8:16], f"{second}, status {_status(head.status)}")
    yield from _lines(16, octets[16:24], f"session {head.session}, correlation {head.correlation}")
    yield from _lines(24, octets[24:32], f"seq {head.seq}")


def _section(section: Section, octets: bytes, at: int, size: int) -> Iterator[str]:
    payload = octets[at : at + size]
    if section.kind == "group":
        row_len, count = codec.GROUP.unpack_from(payload)
        said = f"row length {row_len}, rows {count}: {section.row}"
        yield from _lines(at, payload[:6], said)
        row = BLOCKS[section.row]
        yield from _block(row, octets, at + 6)
        more = octets[at + 6 + row.struct.sizeof() : at + 6 + row_len]
        if more:
            yield from _lines(at + 6 + row.struct.sizeof(), more, "not known to this revision")
        for number in range(1, count):
            start = at + 6 + number * row_len
            yield from _lines(start, octets[start : start + row_len], f"row {number + 1}, alike")
    elif section.kind == "text":
        yield from _lines(at, payload, f'{section.attribute} = "{payload.decode("utf-8")}"')
    elif section.kind == "octets":
        yield from _lines(at, payload, f"{section.attribute}: a whole frame")
    else:
        yield from _lines(at, payload, f"{section.attribute} = {int.from_bytes(payload, 'big')}")


def declaration_of(octets: bytes) -> Message:
    """Return the declaration of a frame's message; raises `RemoteFault` when it is not known."""
    head = codec.parse_header(octets)
    name = codec.message_class(head).__name__
    return next((each for each in MESSAGES if each.name == name), FAILURE)


def annotated(octets: bytes) -> list[str]:
    """Return the explanation of one whole frame that every receiver accepts, line by line.

    Raises `RemoteFault` for a frame that is refused.
    """
    head, _ = codec.decode(octets)
    message = declaration_of(octets)
    known = {int(section.tag): section for section in message.sections}
    lines = list(_header(octets))
    if head.block_len:
        lines += _block(message, octets, limits.HEADER_SIZE)
    at = limits.HEADER_SIZE + message.struct.sizeof()
    end = limits.HEADER_SIZE + head.block_len
    if at < end:
        lines += _lines(at, octets[at:end], "not known to this revision")
    at = end
    end = len(octets) - (codec.CRC.size if head.flags & FrameFlag.CHECKSUM else 0)
    while at < end:
        tag, size = codec.SECTION.unpack_from(octets, at)
        name = Tag(tag).name if tag in known else "not known to this revision"
        lines += _lines(at, octets[at : at + 6], f"section {tag:#06x} {name} of {size} octets")
        at += codec.SECTION.size
        if tag in known:
            lines += _section(known[tag], octets, at, size)
        else:
            lines += _lines(at, octets[at : at + size], "skipped")
        at += size
    if end < len(octets):
        lines += _lines(end, octets[end:], "CRC-32 of all before it")
    return lines


def worked() -> Iterator[tuple[str, list[str]]]:
    """Give a heading and the explained octets of the full vector of each message."""
    octets_of = {vector.name: vector.octets for vector in vectors.accepted()}
    for message in MESSAGES:
        title = f"{message.name}: {message.shape.value} {message.opcode.name}"
        yield title, annotated(octets_of[f"{message.name}-full"])
    yield "Failure: reply of any opcode", annotated(octets_of["failure-with-field"])
