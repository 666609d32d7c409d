"""Octets to messages and back: the one door in and the one door out.

Whatever the octets are, only `RemoteFault` leaves `decode`; whatever the values are, only
`LocalFault` leaves `encode`. Every accepted frame has exactly one encoding. A frame is: header
(32 octets) · root block (``block_len``) · sections (tag u16, length u32, payload) · CRC-32 if
flagged.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any, Final, NamedTuple, TypeAlias
from zlib import crc32

import attrs

from papertrader.wire import limits
from papertrader.wire.derived import Message, SectionSpec
from papertrader.wire.errors import LocalFault, RemoteFault
from papertrader.wire.kinds import (
    CRITICAL_FLAGS,
    MAGIC,
    TAG_CRITICAL,
    VERSION,
    Category,
    FrameFlag,
    Opcode,
    Status,
    Tag,
)
from papertrader.wire.messages import EVENTS, REPLIES, REQUESTS

HEADER: Final = struct.Struct(">2sBBIHHHHIIQ")
SECTION: Final = struct.Struct(">HI")
GROUP: Final = struct.Struct(">HI")
CRC: Final = struct.Struct(">I")
RESPONSE: Final = int(FrameFlag.RESPONSE)
EVENT: Final = int(FrameFlag.EVENT)
CHECKSUM: Final = int(FrameFlag.CHECKSUM)
MORE: Final = int(FrameFlag.MORE)
REPLAYED: Final = int(FrameFlag.REPLAYED)
CACHED: Final = int(FrameFlag.CACHED)
_SESSION_CORRELATION: Final = struct.Struct(">II")
_HEAD: Final = limits.HEADER_SIZE
_CATEGORY_MAX: Final = 3

Fields: TypeAlias = tuple[Any, ...]
"""A header as `struct` gives it, in the order of `Header`, which is one, too. On the path of every
frame no object is made of it: there its parts are told by their places."""


class Header(NamedTuple):
    """The 32 octets before every body, unpacked."""

    magic: bytes
    version: int
    category: int
    length: int
    opcode: int
    flags: int
    block_len: int
    status: int
    session: int
    correlation: int
    seq: int


@attrs.define(slots=True)
class Failure(Message):
    """A reply without a root block: only a status, and why.

    ``field`` says where: a section's tag for MISSING_SECTION to CRITICAL_SECTION, otherwise the
    offset in the body. ``retry_after_ms`` is the least wait before a retry.
    """

    text: str | None = None
    field: int | None = None
    retry_after_ms: int | None = None


Failure.SIZE = 0
Failure.LAYOUT = struct.Struct(">")
Failure.SHAPE = "reply"
Failure.CATEGORY = 0
Failure.OPCODE = 0
Failure.SECTIONS = (
    SectionSpec(Tag.TEXT, "text", "text", limits.TEXT_MAX, False, 1, None),
    SectionSpec(Tag.FIELD, "field", "u16", 2, False, 2, None),
    SectionSpec(Tag.RETRY_AFTER, "retry_after_ms", "u32", 4, False, 4, None),
)

_BY_TAG: Final[dict[type[Message], dict[int, SectionSpec]]] = {}


_REQUIRED: Final[dict[type[Message], tuple[SectionSpec, ...]]] = {}


def _required(cls: type[Message]) -> tuple[SectionSpec, ...]:
    specs = _REQUIRED.get(cls)
    if specs is None:
        specs = _REQUIRED[cls] = tuple(spec for spec in cls.SECTIONS if spec.required)
    return specs


def _specs(cls: type[Message]) -> dict[int, SectionSpec]:
    specs = _BY_TAG.get(cls)
    if specs is None:
        specs = _BY_TAG[cls] = {int(spec.tag): spec for spec in cls.SECTIONS}
    return specs


# --- building ----------------------------------------------------------------------------------


def frame(
    category: int,
    opcode: int,
    block: bytes,
    sections: bytes = b"",
    *,
    flags: int = 0,
    status: int = 0,
    session: int = 0,
    correlation: int = 0,
    seq: int = 0,
) -> bytes:
    """Put ready octets into a frame; with CHECKSUM among the flags the CRC-32 is added."""
    length = len(block) + len(sections) + (4 if flags & CHECKSUM else 0)
    if flags & CRITICAL_FLAGS:
        raise LocalFault(f"flags {flags:#06x} of {opcode:#06x} are not defined")
    try:
        head = HEADER.pack(
            MAGIC, VERSION, category, length, opcode, flags, len(block), status, session,
            correlation, seq,
        )  # fmt: skip
    except struct.error as error:
        raise LocalFault(f"header of opcode {opcode}: {error}") from None
    if length + limits.HEADER_SIZE > limits.FRAME_MAX:
        raise LocalFault(f"frame of {length} octets is larger than {limits.FRAME_MAX}")
    octets = head + block + sections
    return octets + CRC.pack(crc32(octets)) if flags & CHECKSUM else octets


def section(tag: int, payload: bytes) -> bytes:
    """Return one section's octets."""
    return SECTION.pack(tag, len(payload)) + payload


def group(tag: int, row_size: int, rows: Iterable[bytes]) -> bytes:
    """Return a group section of rows that are already packed."""
    packed = list(rows)
    payload = GROUP.pack(row_size, len(packed)) + b"".join(packed)
    return SECTION.pack(tag, len(payload)) + payload


def _payload(spec: SectionSpec, value: Any) -> bytes:
    if spec.kind == "text":
        payload: bytes = value.encode("utf-8")
    elif spec.kind == "octets":
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise LocalFault(f"{spec.attribute}: octets are wanted, not {type(value).__name__}")
        payload = bytes(value)
    elif spec.kind == "u16":
        return struct.pack(">H", value)
    elif spec.kind == "u32":
        return struct.pack(">I", value)
    else:
        if spec.row is None or len(value) > spec.size_max:
            raise LocalFault(f"{spec.attribute}: more than {spec.size_max} rows")
        if not value:
            raise LocalFault(f"{spec.attribute}: at least one row is needed")
        rows = b"".join([row.pack() for row in value])
        if len(rows) != spec.row.SIZE * len(value):
            raise LocalFault(f"{spec.attribute}: rows that are not {spec.row.__name__}")
        return GROUP.pack(spec.row.SIZE, len(value)) + rows
    if not spec.size_min <= len(payload) <= spec.size_max:
        raise LocalFault(f"{spec.attribute}: {len(payload)} octets, allowed {spec.size_max}")
    return payload


def sections_of(message: Message) -> bytes:
    """Return the octets of a message's sections, in the order of their declaration."""
    out = []
    for spec in message.SECTIONS:
        value = getattr(message, spec.attribute)
        if value is None or (not spec.required and value in ((), b"", "")):
            if spec.required:
                raise LocalFault(f"{spec.attribute} is missing")
            continue
        try:
            payload = _payload(spec, value)
        except (struct.error, AttributeError, TypeError, UnicodeError) as error:
            raise LocalFault(f"{spec.attribute}: {error}") from None
        out.append(SECTION.pack(spec.tag, len(payload)) + payload)
    return b"".join(out)


def _failure_category(opcode: int) -> int:
    """Return the category of a reply without a block: that of its request."""
    request = REQUESTS.get(opcode)
    return int(Category.COMMAND) if request is None else request.CATEGORY


def clipped(text: str) -> str | None:
    """Return as much of ``text`` as a TEXT section holds, or None for nothing."""
    return text.encode(errors="replace")[: limits.TEXT_MAX].decode(errors="ignore") or None


def encode(
    message: Message,
    *,
    opcode: int | None = None,
    flags: int = 0,
    status: int = 0,
    session: int = 0,
    correlation: int = 0,
    seq: int = 0,
) -> bytes:
    """Return the whole frame of a message; RESPONSE or EVENT is set by the message's shape.

    ``opcode`` is needed for a `Failure` and for a reply that serves several opcodes. Raises
    `LocalFault` for values that do not fit.
    """
    if message.SHAPE == "reply":
        flags |= RESPONSE
    elif message.SHAPE == "event":
        flags |= EVENT
    number = message.OPCODE if opcode is None else opcode
    category = message.CATEGORY or _failure_category(number)
    block = message.pack() if message.SIZE else b""
    return frame(
        category, number, block, sections_of(message), flags=flags, status=status,
        session=session, correlation=correlation, seq=seq,
    )  # fmt: skip


def failure(
    opcode: int,
    status: int,
    text: str = "",
    *,
    session: int = 0,
    correlation: int = 0,
    seq: int = 0,
    field: int | None = None,
    retry_after_ms: int | None = None,
) -> bytes:
    """Return the frame of a reply that says only why not."""
    where = field if field is not None and 0 <= field <= 0xFFFF else None
    message = Failure(clipped(text), where, retry_after_ms)
    return encode(
        message, opcode=opcode, status=status, session=session, correlation=correlation, seq=seq
    )


def readdress(octets: bytes, session: int, correlation: int, flags: int = 0) -> bytes:
    """Return the frame with another session and correlation, and ``flags`` added.

    Not for frames with CHECKSUM: the worker uses it for what it sends itself.
    """
    head = octets[:10]
    (old,) = struct.unpack_from(">H", octets, 10)
    return b"".join(
        (
            head,
            struct.pack(">H", old | flags),
            octets[12:16],
            _SESSION_CORRELATION.pack(session, correlation),
            octets[24:],
        )
    )


# --- reading -----------------------------------------------------------------------------------


def parse_header(octets: bytes, offset: int = 0) -> Header:
    """Unpack a header without judging it."""
    return Header._make(HEADER.unpack_from(octets, offset))


def check_header(header: Fields, frame_max: int) -> None:
    """Refuse a header whose frame cannot be read; raises a fatal `RemoteFault`."""
    # All eleven by name: a star would make a list, and every frame passes here.
    magic, version, category, length, _, flags, block_len, _, _, _, _ = header
    if (
        magic == MAGIC
        and version == VERSION
        and length <= frame_max - _HEAD
        and 1 <= category <= _CATEGORY_MAX
        and not flags & CRITICAL_FLAGS
        and block_len <= length
    ):
        return
    if header[0] != MAGIC:
        raise RemoteFault(Status.BAD_MAGIC, "a frame begins with PT")
    if header[1] != VERSION:
        raise RemoteFault(Status.VERSION_UNSUPPORTED, f"version {header[1]} is not spoken here")
    if header[3] + limits.HEADER_SIZE > frame_max:
        raise RemoteFault(
            Status.FRAME_TOO_LARGE,
            f"frame of {header[3] + limits.HEADER_SIZE} octets, at most {frame_max} are taken",
        )
    if not 1 <= header[2] <= _CATEGORY_MAX:
        raise RemoteFault(Status.BAD_CATEGORY, f"category {header[2]}")
    if header[5] & CRITICAL_FLAGS:
        raise RemoteFault(Status.CRITICAL_FLAG, f"flags {header[5]:#06x}")
    raise RemoteFault(Status.BAD_LENGTH, "the root block is longer than the frame")


def message_class(header: Fields) -> type[Message]:
    """Return which message the header announces; raises `RemoteFault`."""
    opcode, flags, block_len, status = header[4:8]
    if flags & RESPONSE:
        if flags & EVENT:
            raise RemoteFault(Status.INVALID_FIELD, "a frame is a reply or an event, not both")
        if block_len == 0 and status:
            return Failure
        table = REPLIES
    else:
        if status:
            raise RemoteFault(Status.INVALID_FIELD, "only a reply carries a status")
        table = EVENTS if flags & EVENT else REQUESTS
    found = table.get(opcode)
    if found is None:
        raise RemoteFault(Status.UNKNOWN_OPCODE, f"opcode {opcode:#06x} is not known here")
    return found


def _check_sum(octets: bytes, length: int) -> int:
    end = limits.HEADER_SIZE + length - 4
    if length < 4 or CRC.unpack_from(octets, end)[0] != crc32(octets[:end]):
        raise RemoteFault(Status.BAD_CHECKSUM, "the checksum does not fit the frame")
    return end


def _value(spec: SectionSpec, octets: bytes, start: int, size: int) -> Any:
    if spec.kind == "group":
        return _rows(spec, octets, start, size)
    if size > spec.size_max:
        raise RemoteFault(
            Status.SECTION_TOO_LARGE,
            f"{spec.attribute}: {size} octets, at most {spec.size_max} are allowed",
            spec.tag,
        )
    where = start - limits.HEADER_SIZE - SECTION.size
    if size < spec.size_min:
        raise RemoteFault(
            Status.INVALID_FIELD,
            f"{spec.attribute}: {size} octets, at least {spec.size_min} are needed",
            where,
        )
    payload = octets[start : start + size]
    if spec.kind == "octets":
        return payload
    if spec.kind == "text":
        try:
            return payload.decode("utf-8")
        except UnicodeDecodeError:
            raise RemoteFault(Status.INVALID_FIELD, f"{spec.attribute}: not UTF-8", where) from None
    return int.from_bytes(payload, "big")


def _rows(spec: SectionSpec, octets: bytes, start: int, size: int) -> tuple[Any, ...]:
    where = start - limits.HEADER_SIZE - SECTION.size
    if size < GROUP.size or spec.row is None:
        raise RemoteFault(Status.BAD_LENGTH, f"{spec.attribute}: a group needs 6 octets", where)
    row_len, count = GROUP.unpack_from(octets, start)
    if row_len * count != size - GROUP.size:
        raise RemoteFault(Status.BAD_LENGTH, f"{spec.attribute}: rows do not fill the group", where)
    if row_len < spec.row.SIZE:
        raise RemoteFault(Status.BLOCK_TOO_SHORT, f"{spec.attribute}: rows too short", where)
    if count > spec.size_max:
        raise RemoteFault(
            Status.SECTION_TOO_LARGE,
            f"{spec.attribute}: {count} rows, {spec.size_max} allowed",
            spec.tag,
        )
    if not count:
        raise RemoteFault(
            Status.INVALID_FIELD, f"{spec.attribute}: a group without rows is left out", where
        )
    first = at = start + GROUP.size
    unpack = spec.row.unpack
    try:
        starts = range(first, first + row_len * count, row_len)
        return tuple([unpack(octets, at := position) for position in starts])
    except RemoteFault as fault:
        where = at - limits.HEADER_SIZE + (fault.field or 0)
        raise RemoteFault(fault.status, f"{spec.attribute}: {fault.text}", where) from None


def _read_sections(
    message: Message, cls: type[Message], octets: bytes, position: int, end: int
) -> None:
    specs = _specs(cls)
    # Tags stand in ascending order, so that a frame has one encoding and none can come twice.
    seen: set[int] = set()
    previous = -1
    count = 0
    while position < end:
        count += 1
        if count > limits.SECTIONS_MAX or position + 6 > end:
            raise RemoteFault(Status.BAD_LENGTH, "the sections do not fill the frame")
        tag, size = SECTION.unpack_from(octets, position)
        position += 6
        if position + size > end:
            raise RemoteFault(Status.BAD_LENGTH, "a section ends after its frame")
        if tag <= previous:
            raise RemoteFault(
                Status.DUPLICATE_SECTION, f"section {tag:#06x} comes twice or out of order", tag
            )
        previous = tag
        spec = specs.get(tag)
        if spec is None:
            if tag & TAG_CRITICAL:
                raise RemoteFault(
                    Status.CRITICAL_SECTION, f"section {tag:#06x} is not understood here", tag
                )
        else:
            seen.add(tag)
            setattr(message, spec.attribute, _value(spec, octets, position, size))
        position += size
    for spec in cls.SECTIONS:
        if spec.required and spec.tag not in seen:
            raise RemoteFault(Status.MISSING_SECTION, f"{spec.attribute} is missing", spec.tag)


def place_of(tag: int, octets: bytes) -> int | None:
    """Return at which offset the body of a well-formed frame has a section; None if it has not."""
    position = _HEAD + parse_header(octets).block_len
    while position + SECTION.size <= len(octets):
        found, size = SECTION.unpack_from(octets, position)
        if found == tag:
            return int(position - _HEAD)
        position += SECTION.size + size
    return None


def decode_body(header: Fields, octets: bytes) -> Message:
    """Read the body of a frame whose header was checked; raises `RemoteFault`."""
    cls = message_class(header)
    found, length, opcode, flags, block_len = header[2:7]
    category = cls.CATEGORY or _failure_category(opcode)
    if found != category:
        raise RemoteFault(Status.BAD_CATEGORY, f"{cls.__name__} has category {category}")
    end = _HEAD + length
    if flags & CHECKSUM:
        end = _check_sum(octets, length)
    root_end = _HEAD + block_len
    if root_end > end:
        raise RemoteFault(Status.BAD_LENGTH, "the root block is longer than the frame")
    if block_len < cls.SIZE:
        raise RemoteFault(
            Status.BLOCK_TOO_SHORT, f"{cls.__name__}: {block_len} of {cls.SIZE} octets"
        )
    message = cls.unpack(octets, _HEAD) if cls.SIZE else cls()
    if root_end < end:
        _read_sections(message, cls, octets, root_end, end)
    elif cls.SECTIONS:
        for spec in _required(cls):
            raise RemoteFault(Status.MISSING_SECTION, f"{spec.attribute} is missing", spec.tag)
    return message


def decode(octets: bytes, frame_max: int = limits.FRAME_MAX) -> tuple[Header, Message]:
    """Read one whole frame, no octet more; raises `RemoteFault` and nothing else."""
    if len(octets) < limits.HEADER_SIZE:
        raise RemoteFault(Status.BAD_LENGTH, "shorter than a header")
    header = parse_header(octets)
    check_header(header, frame_max)
    if len(octets) != limits.HEADER_SIZE + header.length:
        raise RemoteFault(Status.BAD_LENGTH, "the frame is not as long as it says")
    return header, decode_body(header, octets)


def describe(opcode: int) -> str:
    """Return an opcode's name for logs and people."""
    try:
        return Opcode(opcode).name
    except ValueError:
        return f"{opcode:#06x}"
