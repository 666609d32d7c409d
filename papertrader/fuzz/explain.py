"""Frames for people: annotated hexadecimal with the field names of the schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from papertrader.fuzz import corpus, findings
from papertrader.fuzz.corpus import CorpusError
from papertrader.fuzz.reference import status_name
from papertrader.wire import codec, limits
from papertrader.wire.codec import EVENT, RESPONSE, Header
from papertrader.wire.declarations import FAILURE, Message, Shape
from papertrader.wire.errors import RemoteFault
from papertrader.wire.generate import Field, fields_of
from papertrader.wire.kinds import FrameFlag, Tag
from papertrader.wire.schema import BLOCKS, HEADER_FIELDS, MESSAGES

HEX_MAX: Final = 32
"""Octets of one field that are written out; of longer ones the first."""
FRAMES_MAX: Final = 10_000


def declared(header: Header) -> Message | None:
    """Return which message a header announces, None if the schema has none."""
    if header.flags & RESPONSE and header.status and not header.block_len:
        return FAILURE
    shape = Shape.REQUEST
    if header.flags & (RESPONSE | EVENT):
        shape = Shape.REPLY if header.flags & RESPONSE else Shape.EVENT
    for message in MESSAGES:
        if message.shape is shape and header.opcode in (message.opcode, *message.also):
            return message
    return None


def _line(offset: int, octets: bytes, name: str, meaning: str = "") -> str:
    shown = octets[:HEX_MAX].hex(" ", 4) + (" ..." if len(octets) > HEX_MAX else "")
    return f"{offset:6d}  {shown:<40}  {name:<18}  {meaning}".rstrip()


def _meaning(field: Field, octets: bytes) -> str:
    if field.code.endswith("s"):
        text = octets.rstrip(b"\0")
        printable = all(0x21 <= each <= 0x7E for each in text)
        return repr(text.decode("ascii")) if printable and field.type_name != "tok32" else ""
    value = int.from_bytes(octets, "big", signed=field.code == "q")
    members: Any = getattr(field.inner, "members", None)
    if members is not None:
        try:
            return f"{value} {members(value)!r}"
        except ValueError:
            return f"{value}, which {members.__name__} has not"
    if field.code == "q":
        return "NULL" if value == -(2**63) else f"{value} = {value // 10**8} + {value % 10**8}e-8"
    return str(value)


def _fields(struct: Any, octets: bytes, start: int, end: int) -> Iterator[str]:
    at = start
    for field in fields_of(struct):
        if at + field.size > end:
            yield _line(at, octets[at:end], field.name or "reserved", "cut short")
            return
        value = octets[at : at + field.size]
        yield _line(at, value, field.name or "reserved", _meaning(field, value))
        at += field.size
    if at < end:
        yield _line(at, octets[at:end], "unknown", "of a newer revision")


def _sections(message: Message | None, octets: bytes, at: int, end: int) -> Iterator[str]:
    while at + codec.SECTION.size <= end:
        tag, size = codec.SECTION.unpack_from(octets, at)
        name = Tag(tag).name if tag in Tag._value2member_map_ else f"{tag:#06x}"
        yield _line(at, octets[at : at + 6], name, f"section of {size} octets")
        at += codec.SECTION.size
        stop = min(end, at + size)
        section = next((s for s in message.sections if s.tag == tag), None) if message else None
        if section is not None and section.kind == "group" and stop - at >= codec.GROUP.size:
            row, count = codec.GROUP.unpack_from(octets, at)
            yield _line(at, octets[at : at + 6], "rows", f"{count} of {row} octets")
            at += codec.GROUP.size
            while row and at + row <= stop:
                yield from _fields(BLOCKS[section.row].struct, octets, at, at + row)
                at += row
        text = ""
        if section is not None and section.kind == "text":
            text = repr(octets[at:stop].decode("utf-8", "replace"))
        if at < stop:
            yield _line(at, octets[at:stop], section.attribute if section else "payload", text)
        at = stop
    if at < end:
        yield _line(at, octets[at:end], "left over")


def explain_frame(octets: bytes) -> Iterator[str]:
    """Yield the lines of one frame, good or bad."""
    if len(octets) < limits.HEADER_SIZE:
        yield _line(0, octets, "header", "cut short")
        yield "refused: BAD_LENGTH: shorter than a header"
        return
    header = codec.parse_header(octets)
    message = declared(header)
    flags = "|".join(flag.name or "" for flag in FrameFlag if header.flags & flag) or "no flags"
    name = message.name if message else "no message of the schema"
    yield f"{name}: {codec.describe(header.opcode)}, {flags}, {status_name(header.status)}"
    at = 0
    for field, size, _, _ in HEADER_FIELDS:
        value = octets[at : at + size]
        number = "" if field == "magic" else str(int.from_bytes(value, "big"))
        yield _line(at, value, field, number)
        at += size
    end = min(len(octets), limits.HEADER_SIZE + header.length)
    body_end = end - 4 if header.flags & codec.CHECKSUM and end - at >= 4 else end
    root = min(body_end, at + header.block_len)
    if message is not None:
        yield from _fields(message.struct, octets, at, root)
    elif root > at:
        yield _line(at, octets[at:root], "root block")
    yield from _sections(message, octets, root, body_end)
    if body_end < end:
        yield _line(body_end, octets[body_end:end], "crc32")
    if end < len(octets):
        yield _line(end, octets[end:], "behind the frame")
    try:
        codec.decode(octets)
    except RemoteFault as fault:
        yield f"refused: {fault}"


def frames_of(octets: bytes) -> Iterator[bytes]:
    """Cut octets into frames as far as they can be; the rest is one piece."""
    count = 0
    while octets and count < FRAMES_MAX:
        size = len(octets)
        if size >= limits.HEADER_SIZE and octets[:2] == b"PT":
            size = min(size, limits.HEADER_SIZE + codec.parse_header(octets).length)
        yield octets[:size]
        octets = octets[size:]
        count += 1


def explain_file(path: Path) -> Iterator[str]:
    """Yield the lines of a sequence, a finding, vectors in JSON, or frames (octets or hex).

    Raises `CorpusError` for a file that cannot be read.
    """
    file = findings.sequence_file(path)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise CorpusError(f"{file} cannot be read ({error.strerror})") from None
    if data[:4] == corpus.MAGIC:
        for number, step in enumerate(corpus.loads(data, file.name).steps):
            wait = f", then wait for {step.wait.name}" if step.wait else ""
            yield f"step {number}: connection {step.connection} {step.kind.name}{wait}"
            for hole in step.references:
                source = hole.source.name
                yield f"        octets {hole.place} to {hole.place + hole.length - 1}: {source}"
            for octets in frames_of(step.octets):
                yield from explain_frame(octets)
        return
    if data.lstrip()[:1] == b"{":
        yield from _explain_vectors(data, file)
        return
    with suppress(ValueError):
        data = bytes.fromhex(data.decode("ascii"))
    for octets in frames_of(data):
        yield from explain_frame(octets)


def _explain_vectors(data: bytes, file: Path) -> Iterator[str]:
    try:
        content = json.loads(data)
        listed = [*content.get("frames", ()), *content.get("refused", ())]
        for vector in listed:
            yield f"{vector['id']} ({vector['clause']}): {vector['comment']}"
            yield from explain_frame(bytes.fromhex(vector["hex"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorpusError(f"{file} is not a file of vectors ({error})") from None
