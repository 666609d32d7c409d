"""The vectors of ``specs/vectors``: frames with their meaning, and frames that must be refused.

Every message has a vector with everything set and one with as little as possible, made from its
declaration; the rest is chosen by hand. The same declarations give the same octets, always.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from papertrader.core.money import AMOUNT_MAX, AMOUNT_MIN, NULL, SCALE
from papertrader.core.orders import OrderType, Side, TimeInForce
from papertrader.wire import codec, kinds, limits
from papertrader.wire import messages as m
from papertrader.wire import primitives as p
from papertrader.wire.derived import Message as Made
from papertrader.wire.derived import Row
from papertrader.wire.generate import Field, fields_of
from papertrader.wire.kinds import FrameFlag, Opcode, Status
from papertrader.wire.schema import BLOCKS, HEADER_FIELDS, MESSAGES, Message, Section, Shape

WIDE: Final = frozenset({"u64", "ts", "id", "px", "qty", "money"})
"""Types written as decimal text in JSON: not every reader keeps 64 bits of a number."""
INSTANT: Final = 1_700_000_000_000_000_000
_CHECKSUM, _GREASE = int(FrameFlag.CHECKSUM), int(FrameFlag.GREASE)

TABLES: Final[dict[Shape, dict[int, type[Made]]]] = {
    Shape.REQUEST: m.REQUESTS,
    Shape.REPLY: m.REPLIES,
    Shape.EVENT: m.EVENTS,
}


@attrs.frozen(kw_only=True)
class Vector:
    """A frame and what it stands for. ``status`` is None for a frame that is accepted."""

    name: str
    clause: str
    comment: str
    octets: bytes
    status: Status | None = None
    canonical: bool = True
    """Whether building the values gives the same octets: not so with parts that are unknown."""


# --- values made from the declarations ---------------------------------------------------------


def _filled(field: Field, number: int) -> Any:
    """Return a value that no other field of the block has, where the type allows it."""
    inner = field.inner
    if isinstance(inner, p.Ascii):
        return ("AAPL", "IBM", "MSFT")[number % 3][: inner.length]
    if isinstance(inner, p.Octets):
        return bytes((number * 16 + i) & 0xFF for i in range(inner.length))
    if isinstance(inner, p.Bool8):
        return True
    if isinstance(inner, p.Choice):
        return list(inner.members)[-1]
    if isinstance(inner, p.Flags):
        return inner.mask
    if field.type_name == "ts":
        return INSTANT + number
    if field.type_name in ("px", "qty", "money"):
        return (number + 1) * SCALE + number
    return number + 1


def _least(field: Field) -> Any:
    inner = field.inner
    if isinstance(inner, p.Ascii):
        return ""
    if isinstance(inner, p.Octets):
        return bytes(inner.length)
    if isinstance(inner, p.Choice):
        return next(iter(inner.members))
    if isinstance(inner, p.Bool8):
        return False
    return NULL if getattr(inner, "default", 0) == NULL else 0


def _block_values(struct_: Any, value: Callable[[Field, int], Any]) -> dict[str, Any]:
    fields = [field for field in fields_of(struct_) if not field.reserved]
    return {field.name: value(field, number) for number, field in enumerate(fields)}


def _row(name: str) -> Row:
    cls: type[Row] = getattr(m, name)
    return cls(**_block_values(BLOCKS[name].struct, _filled))


def _section_value(section: Section) -> Any:
    if section.kind == "text":
        return "sécurité"[: section.size_max] if section.size_max > 16 else "AB"
    if section.kind == "octets":
        return codec.encode(m.Heartbeat(next_event_seq=7))
    return tuple(_row(section.row) for _ in range(min(2, section.size_max)))


def full(message: Message) -> Made:
    """Return the message with every field and section set."""
    values = _block_values(message.struct, _filled)
    values.update({s.attribute: _section_value(s) for s in message.sections})
    return TABLES[message.shape][message.opcode](**values)


def least(message: Message) -> Made:
    """Return the message with as little as possible: no optional section, fields at rest."""
    values = _block_values(message.struct, lambda field, _: _least(field))
    values.update({s.attribute: _section_value(s) for s in message.sections if s.required})
    return TABLES[message.shape][message.opcode](**values)


def _addressed(message: Message) -> dict[str, int]:
    if message.shape is Shape.REQUEST:
        changing = message.opcode in kinds.STATE_CHANGING
        return {"session": 7, "correlation": 11, "seq": 3 if changing else 0}
    if message.shape is Shape.REPLY:
        return {"session": 7, "correlation": 11}
    return {"session": 7, "correlation": 12, "seq": 42}


def _declared() -> Iterator[Vector]:
    for message in MESSAGES:
        kinds_of = (
            ("full", "everything set", full(message)),
            ("least", "as little as possible", least(message)),
        )
        for word, comment, made in kinds_of:
            address = _addressed(message) if word == "full" else {}
            flags = _CHECKSUM if message.opcode >= kinds.STORE_OPCODES else 0
            for opcode in (message.opcode, *message.also):
                suffix = "" if opcode == message.opcode else f"-{opcode.name.lower()}"
                yield Vector(
                    name=f"{message.name}-{word}{suffix}",
                    clause="18.1",
                    comment=f"{message.name}, {comment}",
                    octets=codec.encode(made, opcode=opcode, flags=flags, **address),
                )


# --- chosen by hand ----------------------------------------------------------------------------


def _buy(**changes: Any) -> m.OrderNew:
    order = m.OrderNew(
        client_order_id=1, symbol="AAPL", side=Side.BUY, order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.DAY, quantity=10 * SCALE, limit_price=12_345_000_000,
    )  # fmt: skip
    return attrs.evolve(order, **changes)


def _with(octets: bytes, offset: int, code: str, value: Any) -> bytes:
    changed = bytearray(octets)
    struct.pack_into(">" + code, changed, offset, value)
    return bytes(changed)


def _lengthened(octets: bytes, at: int, more: bytes, block: bool = False) -> bytes:
    """Return the frame with ``more`` put in at ``at``, and its lengths made right."""
    length, block_len = (
        struct.unpack_from(">I", octets, 4)[0],
        struct.unpack_from(">H", octets, 12)[0],
    )
    grown = octets[:at] + more + octets[at:]
    grown = _with(grown, 4, "I", length + len(more))
    return _with(grown, 12, "H", block_len + len(more)) if block else grown


def _order(message: m.OrderNew, **header: int) -> bytes:
    return codec.encode(message, session=7, correlation=21, seq=5, **header)


def _chosen() -> Iterator[Vector]:
    order, grease = _order(_buy()), codec.section(kinds.GREASE_TAGS[0], b"\x2a")
    root_end = limits.HEADER_SIZE + m.OrderNew.SIZE
    yield Vector(
        name="buy-10-aapl-at-123.45",
        clause="13.1",
        comment="a limit order for the day",
        octets=order,
    )
    yield Vector(
        name="market-order", clause="3.3", comment="a price that is none is NULL, -2^63",
        octets=_order(_buy(order_type=OrderType.MARKET, limit_price=NULL)),
    )  # fmt: skip
    yield Vector(
        name="largest-amounts", clause="3.3", comment="the ends of the range of amounts",
        octets=codec.encode(m.RegisterReply(account=2**64 - 1, starting_cash=AMOUNT_MAX)),
    )  # fmt: skip
    yield Vector(
        name="smallest-amount", clause="3.3", comment="the least amount that is not NULL",
        octets=codec.encode(m.RegisterReply(account=1, starting_cash=AMOUNT_MIN)),
    )  # fmt: skip
    yield Vector(
        name="checksum", clause="6.6", comment="CHECKSUM: CRC-32 of everything before it",
        octets=_order(_buy(tag="a tag"), flags=_CHECKSUM),
    )  # fmt: skip
    yield Vector(
        name="grease-flag", clause="7.6", comment="flag 0x0800 means nothing and is ignored",
        octets=_order(_buy(), flags=_GREASE),
    )  # fmt: skip
    yield Vector(
        name="grease-section", clause="7.6", comment="an unknown section is skipped",
        octets=_lengthened(order, root_end, grease), canonical=False,
    )  # fmt: skip
    yield Vector(
        name="longer-block", clause="6.2", comment="a newer peer's root block: the rest is skipped",
        octets=_lengthened(order, root_end, b"\1\2\3", block=True), canonical=False,
    )  # fmt: skip
    row = m.SymbolRow(symbol="IBM").pack() + b"new!"
    yield Vector(
        name="longer-row", clause="6.5", comment="a newer peer's rows: the rest of each is skipped",
        octets=codec.frame(
            m.QuoteGet.CATEGORY, Opcode.QUOTE_GET, m.QuoteGet().pack(),
            codec.group(kinds.Tag.SYMBOLS, len(row), [row, row]), session=7, correlation=9,
        ),
        canonical=False,
    )  # fmt: skip
    yield from _chosen_replies()


def _chosen_replies() -> Iterator[Vector]:
    yield Vector(
        name="failure", clause="9.4", comment="a reply that says only why not",
        octets=codec.failure(
            Opcode.ORDER_NEW, Status.BAD_LOT, "The quantity is 0.", session=7, correlation=21
        ),
    )  # fmt: skip
    yield Vector(
        name="failure-with-field", clause="9.4", comment="the field at offset 32 was wrong",
        octets=codec.failure(
            Opcode.ORDER_NEW, Status.INVALID_FIELD, "side: 9", session=7, correlation=21, field=32
        ),
    )  # fmt: skip
    yield Vector(
        name="failure-with-wait", clause="9.4", comment="try again after 250 ms",
        octets=codec.failure(
            Opcode.BARS_GET, Status.RATE_LIMITED, "Too fast.", correlation=4, retry_after_ms=250
        ),
    )  # fmt: skip
    yield Vector(
        name="failure-bare", clause="9.4", comment="a status and nothing else",
        octets=codec.failure(0x0A5A, Status.UNKNOWN_OPCODE, correlation=4),
    )  # fmt: skip
    yield Vector(
        name="first-part", clause="9.6", comment="part 1 of 2: MORE is set",
        octets=codec.encode(
            m.BarsPart(part=1, parts=2, rows=1, total_rows=2, bars=(m.BarRow(time=INSTANT),)),
            session=7, correlation=8, flags=codec.MORE,
        ),
    )  # fmt: skip
    yield Vector(
        name="replayed-reply", clause="12.4", comment="the stored reply of a repeated command",
        octets=codec.encode(
            m.OrderReply(order=1, client_order_id=1, symbol="AAPL", quantity=10 * SCALE),
            session=7, correlation=22, flags=codec.REPLAYED,
        ),
    )  # fmt: skip
    yield Vector(
        name="refusal-with-the-order", clause="12.6", comment="DUPLICATE_ORDER has the first order",
        octets=codec.encode(
            m.OrderReply(order=1, client_order_id=1, symbol="AAPL", text="used before"),
            status=Status.DUPLICATE_ORDER, session=7, correlation=23,
        ),
    )  # fmt: skip


def accepted() -> list[Vector]:
    """Return the frames that every receiver must accept."""
    return [*_declared(), *_chosen()]


# --- refused -----------------------------------------------------------------------------------


def _bad_headers() -> Iterator[Vector]:
    order = _order(_buy())
    cases = (
        ("magic", "4.2", 0, "2s", b"PX", Status.BAD_MAGIC),
        ("version", "4.2", 2, "B", 2, Status.VERSION_UNSUPPORTED),
        ("category-0", "4.4", 3, "B", 0, Status.BAD_CATEGORY),
        ("category-4", "4.4", 3, "B", 4, Status.BAD_CATEGORY),
        ("category-of-another", "4.4", 3, "B", 2, Status.BAD_CATEGORY),
        ("length-too-large", "4.3", 4, "I", limits.FRAME_MAX, Status.FRAME_TOO_LARGE),
        ("length-too-short", "4.3", 4, "I", m.OrderNew.SIZE - 1, Status.BAD_LENGTH),
        ("length-too-long", "4.3", 4, "I", m.OrderNew.SIZE + 1, Status.BAD_LENGTH),
        ("opcode-grease", "7.6", 8, "H", kinds.GREASE_OPCODES[0], Status.UNKNOWN_OPCODE),
        ("opcode-zero", "9.2", 8, "H", 0, Status.UNKNOWN_OPCODE),
        ("flag-critical-1000", "5.2", 10, "H", 0x1000, Status.CRITICAL_FLAG),
        ("flag-critical-8000", "5.2", 10, "H", 0x8000, Status.CRITICAL_FLAG),
        ("reply-and-event", "5.3", 10, "H", 3, Status.INVALID_FIELD),
        ("event-that-is-none", "9.2", 10, "H", 2, Status.UNKNOWN_OPCODE),
        ("checksum-missing", "6.6", 10, "H", _CHECKSUM, Status.BAD_CHECKSUM),
        ("block-longer-than-frame", "6.1", 12, "H", m.OrderNew.SIZE + 1, Status.BAD_LENGTH),
        ("block-too-short", "6.2", 12, "H", m.OrderNew.SIZE - 1, Status.BLOCK_TOO_SHORT),
        ("status-on-a-request", "4.6", 14, "H", 1, Status.INVALID_FIELD),
    )
    for name, clause, offset, code, value, status in cases:
        yield Vector(
            name=f"header-{name}", clause=clause, comment=f"octets {offset} ff. changed",
            octets=_with(order, offset, code, value), status=status,
        )  # fmt: skip
    summed = _order(_buy(), flags=_CHECKSUM)
    yield Vector(
        name="checksum-wrong", clause="6.6", comment="one bit of the body differs",
        octets=summed[:40] + bytes([summed[40] ^ 1]) + summed[41:], status=Status.BAD_CHECKSUM,
    )  # fmt: skip
    yield Vector(
        name="header-cut", clause="4.1", comment="shorter than a header", octets=order[:31],
        status=Status.BAD_LENGTH,
    )  # fmt: skip


def bad_value(field: Field) -> tuple[str, bytes] | None:
    """Return why and what: octets that the field's type refuses, or None if it takes all."""
    inner = field.inner
    if isinstance(inner, p.Zero):
        return "reserved octets that are not zero", b"\1".rjust(field.size, b"\0")
    if isinstance(inner, p.Ascii):
        return "a NUL inside text", b"A\0B".ljust(field.size, b"\0")
    if isinstance(inner, p.Bool8):
        return "a boolean of 2", b"\2"
    if isinstance(inner, p.Choice) and inner.strict:
        return "a number that the enumeration has not", b"\xfe"
    full_mask = (1 << 8 * field.size) - 1
    if isinstance(inner, p.Flags) and inner.strict and inner.mask != full_mask:
        free = full_mask & ~inner.mask
        return "a bit that is not defined", (1 << free.bit_length() - 1).to_bytes(field.size, "big")
    return None


def _bad_fields() -> Iterator[Vector]:
    for message in MESSAGES:
        octets, at = codec.encode(least(message)), limits.HEADER_SIZE
        for field in fields_of(message.struct):
            bad = bad_value(field)
            if bad is not None:
                yield Vector(
                    name=f"{message.name}-{at - limits.HEADER_SIZE}-{field.name or 'reserved'}",
                    clause="3.5", comment=bad[0],
                    octets=octets[:at] + bad[1] + octets[at + field.size :],
                    status=Status.INVALID_FIELD,
                )  # fmt: skip
            at += field.size


def _bad_sections() -> Iterator[Vector]:
    ready = _order(_buy())
    end = limits.HEADER_SIZE + m.OrderNew.SIZE
    tag = codec.section(kinds.Tag.ORDER_TAG, b"a")
    cases = (
        ("cut-head", "6.3", tag[:5], Status.BAD_LENGTH),
        ("cut-payload", "6.3", tag[:6], Status.BAD_LENGTH),
        ("left-over", "6.3", tag + b"\0", Status.BAD_LENGTH),
        ("twice", "6.3", tag + tag, Status.DUPLICATE_SECTION),
        ("descending", "6.3", tag + codec.section(1, b"a"), Status.DUPLICATE_SECTION),
        ("critical", "6.4", codec.section(0x8003, b"\0"), Status.CRITICAL_SECTION),
        ("empty-text", "6.4", codec.section(kinds.Tag.ORDER_TAG, b""), Status.INVALID_FIELD),
        ("not-utf-8", "3.4", codec.section(kinds.Tag.ORDER_TAG, b"\xff"), Status.INVALID_FIELD),
        (
            "too-large", "10.1",
            codec.section(kinds.Tag.ORDER_TAG, b"a" * (limits.ORDER_TAG_MAX + 1)),
            Status.SECTION_TOO_LARGE,
        ),
        (
            "too-many", "10.1",
            b"".join(codec.section(0x100 + n, b"") for n in range(limits.SECTIONS_MAX + 1)),
            Status.BAD_LENGTH,
        ),
    )  # fmt: skip
    for name, clause, sections, status in cases:
        yield Vector(
            name=f"section-{name}", clause=clause, comment=name.replace("-", " "),
            octets=_lengthened(ready, end, sections), status=status,
        )  # fmt: skip
    bare = codec.frame(m.Login.CATEGORY, Opcode.LOGIN, m.Login(username="ann").pack())
    yield Vector(
        name="section-missing", clause="6.4", comment="LOGIN without PASSWORD", octets=bare,
        status=Status.MISSING_SECTION,
    )  # fmt: skip


def _bad_groups() -> Iterator[Vector]:
    row = m.SymbolRow(symbol="IBM").pack()
    cases = (
        ("cut-head", codec.section(kinds.Tag.SYMBOLS, b"\0\x10\0\0\0"), Status.BAD_LENGTH),
        ("no-rows", codec.group(kinds.Tag.SYMBOLS, 16, []), Status.INVALID_FIELD),
        ("rows-too-short", codec.group(kinds.Tag.SYMBOLS, 15, [row[:15]]), Status.BLOCK_TOO_SHORT),
        ("fewer-than-said", codec.group(kinds.Tag.SYMBOLS, 16, [row, b""]), Status.BAD_LENGTH),
        ("half-a-row-more", codec.group(kinds.Tag.SYMBOLS, 16, [row + row[:8]]), Status.BAD_LENGTH),
        (
            "a-billion-rows-of-nothing",
            codec.section(kinds.Tag.SYMBOLS, struct.pack(">HI", 0, 10**9)),
            Status.BLOCK_TOO_SHORT,
        ),
        ("too-many-rows", codec.group(kinds.Tag.SYMBOLS, 16, [row] * 65), Status.SECTION_TOO_LARGE),
        ("bad-row", codec.group(kinds.Tag.SYMBOLS, 16, [row, b"\xff" * 16]), Status.INVALID_FIELD),
    )
    for name, sections, status in cases:
        yield Vector(
            name=f"group-{name}", clause="6.5", comment=f"QUOTE_GET, {name.replace('-', ' ')}",
            octets=codec.frame(
                m.QuoteGet.CATEGORY, Opcode.QUOTE_GET, m.QuoteGet().pack(), sections
            ),
            status=status,
        )  # fmt: skip


def refused() -> list[Vector]:
    """Return the frames that every receiver must refuse, each with the status to say."""
    return [*_bad_headers(), *_bad_fields(), *_bad_sections(), *_bad_groups()]


# --- JSON --------------------------------------------------------------------------------------


def _plain(field: Field, value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (bool, str)):
        return value
    return str(int(value)) if field.type_name in WIDE else int(value)


def _plain_block(struct_: Any, made: Any) -> dict[str, Any]:
    fields = [field for field in fields_of(struct_) if not field.reserved]
    return {field.name: _plain(field, getattr(made, field.name)) for field in fields}


def plain_values(made: Made) -> dict[str, Any]:
    """Return a message's fields and sections as JSON writes them; absent sections are left out."""
    if isinstance(made, codec.Failure):
        given = attrs.asdict(made)
        return {name: value for name, value in given.items() if value is not None}
    message = next(d for d in MESSAGES if d.name == type(made).__name__)
    values = _plain_block(message.struct, made)
    for section in message.sections:
        value = getattr(made, section.attribute)
        if value is None or value in ((), b""):
            continue
        if section.kind == "group":
            value = [_plain_block(BLOCKS[section.row].struct, row) for row in value]
        values[section.attribute] = value.hex() if isinstance(value, bytes) else value
    return values


def as_json(vector: Vector) -> dict[str, Any]:
    """Return a vector as it stands in its file."""
    known: dict[str, Any] = {"id": vector.name, "clause": vector.clause, "comment": vector.comment}
    known["hex"] = vector.octets.hex()
    if vector.status is not None:
        fatal = kinds.is_fatal(vector.status)
        return {**known, "status": vector.status.name, "code": int(vector.status), "fatal": fatal}
    header, made = codec.decode(vector.octets)
    head = {name: getattr(header, name) for name, _, _, _ in HEADER_FIELDS}
    head["magic"] = header.magic.decode("ascii")
    head["seq"] = str(header.seq)
    return {
        **known,
        "canonical": vector.canonical,
        "header": head,
        "message": type(made).__name__,
        "values": plain_values(made),
    }
