"""The generated tables of ``specs/protocol.rst``, written from the declarations.

Each function returns one region of the text; `REGIONS` names them all. `spec` puts them between
the marker comments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import IntEnum, IntFlag
from types import MappingProxyType
from typing import Final

from papertrader.core import orders
from papertrader.core.orders import OrderEventKind, OrderState
from papertrader.wire import examples, kinds, limits
from papertrader.wire import primitives as p
from papertrader.wire.connection import TRANSITIONS, Happening, State
from papertrader.wire.declarations import FAILURE
from papertrader.wire.generate import Field, fields_of
from papertrader.wire.kinds import FrameFlag, Opcode, Tag
from papertrader.wire.schema import BLOCKS, GROUPS, HEADER_FIELDS, MESSAGES, Block, Message, Section
from papertrader.wire.statuses import STATUS_RULES

FLAG_MEANINGS: Final[Mapping[FrameFlag, str]] = MappingProxyType(
    {
        FrameFlag.RESPONSE: "answers the request that ``correlation`` names",
        FrameFlag.EVENT: "pushed; ``correlation`` names the subscription, or is 0",
        FrameFlag.MORE: "further parts of this reply follow",
        FrameFlag.REPLAYED: "a stored reply, or an event sent again",
        FrameFlag.CHECKSUM: "the last 4 octets of the body are a CRC-32",
        FrameFlag.CACHED: "answered by the worker, not by the master",
        FrameFlag.GREASE: "means nothing; sent so that it keeps being ignored",
    }
)

TYPES: Final = (
    ("u8, u16, u32, u64", "1, 2, 4, 8", "unsigned integer"),
    ("ts", "8", "u64: nanoseconds since 1970-01-01 UTC without leap seconds; 0 = none"),
    ("id", "8", "u64: given by the master; 0 = none"),
    ("px", "8", "i64: a price in 1e-8 of a currency unit; -2^63 = NULL, none"),
    ("qty", "8", "i64: a quantity in 1e-8 of a share or coin"),
    ("money", "8", "i64: an amount in 1e-8 of a currency unit; -2^63 = NULL, none"),
    ("sym16, name24, host64, ccy4", "16, 24, 64, 4", "printable ASCII without spaces, NUL-padded"),
    ("ip16", "16", "an IPv6 address, or IPv4 as ::ffff:a.b.c.d"),
    ("tok32", "32", "a secret token: any octets"),
    ("hash32", "32", "a SHA-256"),
    ("uuid16", "16", "a UUID (RFC 9562)"),
    ("key32", "32", "an Ed25519 public key (RFC 8032)"),
    ("sig64", "64", "an Ed25519 signature (RFC 8032)"),
    (
        "text24, text64, text128",
        "24, 64, 128",
        "UTF-8 text for people, NUL-padded; as it was given, not checked",
    ),
    ("text240", "240", "a piece of such a text: it may end within a character"),
    ("op", "2", "u16: an opcode"),
    ("err", "2", "u16: a status"),
    ("e:NAME", "1", "a member of the enumeration NAME"),
    ("f:8, f:16, f:32", "1, 2, 4", "a set of bits; the name of the set follows"),
    ("bool8", "1", "0 or 1, nothing else"),
    ("zero", "as said", "reserved: zero when sent, refused when not"),
)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a simple reStructuredText table; empty cells are written as a dash."""
    filled = [[cell or "\\-" for cell in row] for row in rows]
    widths = [
        max(len(row[column]) for row in [list(headings), *filled])
        for column in range(len(headings))
    ]
    rule = "  ".join("=" * width for width in widths)
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [list(headings), *filled]
    ]
    return "\n".join([rule, lines[0], rule, *lines[1:], rule])


def literal(text: str) -> str:
    """Return ``text`` as an inline literal."""
    return f"``{text}``" if text else ""


def type_of(field: Field) -> str:
    """Return the type of a field as the tables write it."""
    if field.reserved:
        return f"zero {field.size}"
    said = field.type_name
    if isinstance(field.inner, p.Flags):
        said = f"{said} {field.inner.members.__name__}"
    return said if getattr(field.inner, "strict", True) else f"{said} open"


def bound_of(section: Section) -> str:
    """Return how much a section may hold, in words."""
    if section.kind == "group":
        return f"1 to {section.size_max} rows of {section.row}"
    if section.size_min == section.size_max:
        return f"{section.size_max} octets"
    return f"{section.size_min} to {section.size_max} octets"


def _header() -> str:
    rows, offset = [], 0
    for name, size, kind, meaning in HEADER_FIELDS:
        rows.append((str(offset), str(size), kind, literal(name), meaning))
        offset += size
    return table(("offset", "octets", "type", "field", "meaning"), rows)


def _types() -> str:
    return table(("type", "octets", "meaning"), TYPES)


def _flags() -> str:
    rows = [(f"{flag:#06x}", flag.name or "", FLAG_MEANINGS[flag]) for flag in FrameFlag]
    return table(("flag", "name", "meaning"), rows)


def _tags() -> str:
    used: dict[int, list[str]] = {}
    kind: dict[int, str] = {}
    for message in [FAILURE, *MESSAGES]:
        for section in message.sections:
            used.setdefault(section.tag, []).append(message.name)
            kind[section.tag] = section.kind
    rows = [
        (f"{tag:#06x}", tag.name, kind.get(tag, "kept"), ", ".join(used.get(tag, [])))
        for tag in sorted(Tag)
    ]
    return table(("tag", "name", "kind", "in"), rows)


def _opcodes() -> str:
    rows = []
    for opcode in Opcode:
        by_shape = {
            message.shape.value: message.name
            for message in MESSAGES
            if opcode in (message.opcode, *message.also)
        }
        names = (by_shape.get(shape, "") for shape in ("request", "reply", "event"))
        rows.append((f"{opcode:#06x}", opcode.name, *names))
    return table(("opcode", "name", "request", "reply", "event"), rows)


def enumerations() -> dict[str, type[IntEnum] | type[IntFlag]]:
    """Return every enumeration and set of bits that a field uses, and the header's, by name."""
    found: dict[str, type[IntEnum] | type[IntFlag]] = {"Category": kinds.Category}
    structs = [block.struct for block in BLOCKS.values()] + [m.struct for m in MESSAGES]
    for struct in structs:
        for field in fields_of(struct):
            if isinstance(field.inner, (p.Choice, p.Flags)):
                found[field.inner.members.__name__] = field.inner.members
    return dict(sorted(found.items()))


def first_sentence(members: type[IntEnum] | type[IntFlag]) -> str:
    """Return what an enumeration is for: the first sentence of its docstring."""
    return (
        " ".join((members.__doc__ or "").split("\n\n", 1)[0].split()).split(". ", 1)[0].rstrip(".")
    )


def _enumerations() -> str:
    rows = [
        (
            name,
            first_sentence(members),
            ", ".join(f"{member.value} {member.name}" for member in members),
        )
        for name, members in enumerations().items()
    ]
    return table(("name", "what", "members"), rows)


def _statuses() -> str:
    rows = [
        (
            f"{status:#06x}",
            status.name,
            "".join(
                letter
                for letter, is_set in (("F", rule.fatal), ("R", rule.retry), ("S", rule.stored))
                if is_set
            ),
            rule.meaning,
        )
        for status, rule in STATUS_RULES.items()
    ]
    return table(("code", "name", "", "meaning"), rows)


def _limits() -> str:
    rows = [
        (
            literal(rule.name),
            f"{getattr(limits, rule.name):,}",
            rule.unit,
            rule.meaning,
            rule.status.name if rule.status is not None else "",
        )
        for rule in limits.RULES
    ]
    return table(("name", "value", "unit", "of what", "beyond it"), rows)


def _states() -> str:
    rows = []
    for state in State:
        for happening in Happening:
            after = TRANSITIONS.get((state, happening))
            if after is not None:
                said = after.name
            else:
                said = "ignored" if state is State.CLOSED else "is a FAULT"
            rows.append((state.name, happening.name, said))
    return table(("state", "happening", "next state"), rows)


def drawing(arrows: Sequence[tuple[str, str, str]], finals: Sequence[str] = ()) -> str:
    """Return (state, what happens, next state) as a diagram in a literal block.

    What leads from one state to the same next one shares an arrow; ``finals`` have none.
    """
    ways: dict[tuple[str, str], list[str]] = {}
    for state, happening, after in arrows:
        ways.setdefault((state, after), []).append(happening)
    said = {way: ", ".join(happenings) for way, happenings in ways.items()}
    left = max(len(state) for state in (*(state for state, _ in ways), *finals)) + 2
    middle = max(map(len, said.values()))
    lines, before = [], ""
    for (state, after), text in sorted(said.items(), key=lambda way: _place(arrows, way[0][0])):
        if before not in ("", state):
            lines.append("")
        label = f"[{state}]" if state != before else ""
        lines.append(f"{label:<{left}} --{text}{'-' * (middle - len(text))}--> {after}")
        before = state
    lines += [line for state in finals for line in ("", f"[{state}]")]
    return "::\n\n" + "\n".join(f"    {line}".rstrip() for line in lines)


def _place(arrows: Sequence[tuple[str, str, str]], state: str) -> int:
    return next(number for number, arrow in enumerate(arrows) if arrow[0] == state)


def connection_arrows() -> list[tuple[str, str, str]]:
    """Return the state machine of one end of a connection."""
    return [(a.name, what.name, b.name) for (a, what), b in TRANSITIONS.items()]


def order_arrows() -> list[tuple[str, str, str]]:
    """Return the state machine of an order; a FILL is told apart by what it leaves."""
    arrows = [("(none)", OrderEventKind.ACCEPTED.name, OrderState.PENDING.name)]
    for state in OrderState:
        for kind in OrderEventKind:
            after = orders.TRANSITIONS.get((state, kind))
            if after is not None:
                part = " of a part" if kind is OrderEventKind.FILL else ""
                arrows.append((state.name, kind.name + part, after.name))
            if after is not None and kind is OrderEventKind.FILL:
                whole = orders.next_state(state, kind, complete=True)
                arrows.append((state.name, "FILL of the rest", whole.name))
    return arrows


def _finals(arrows: Sequence[tuple[str, str, str]]) -> list[str]:
    left = {state for state, _, _ in arrows}
    return list(dict.fromkeys(after for _, _, after in arrows if after not in left))


def _states_drawn() -> str:
    arrows = connection_arrows()
    return drawing(arrows, _finals(arrows))


def _order_states() -> str:
    arrows = order_arrows()
    return drawing(arrows, _finals(arrows))


def _examples() -> str:
    parts = []
    for title, lines in examples.worked():
        body = "\n".join(f"    {line}" for line in lines)
        parts.append(_titled(title, f"::\n\n{body}"))
    return "\n\n".join(parts)


def _sections(sections: Sequence[Section]) -> str:
    rows = [
        (
            f"{int(section.tag):#06x} {section.tag.name}",
            section.kind,
            bound_of(section),
            "yes" if section.required else "no",
            literal(section.attribute),
        )
        for section in sections
    ]
    return "\n\nSections:\n\n" + table(("tag", "kind", "holds", "required", "called"), rows)


def _layout(fields: Sequence[Field]) -> str:
    rows, offset = [], 0
    for field in fields:
        name = "reserved" if field.reserved else literal(field.name)
        meaning = "zero" if field.reserved else field.docs
        rows.append((str(offset), str(field.size), type_of(field), name, meaning))
        offset += field.size
    return table(("offset", "octets", "type", "field", "meaning"), rows)


def _titled(title: str, text: str) -> str:
    return f"{title}\n{'^' * len(title)}\n\n{text}"


def _message(message: Message) -> str:
    fields = fields_of(message.struct)
    size = sum(field.size for field in fields)
    opcodes = ", ".join(f"{op:#06x} {op.name}" for op in (message.opcode, *message.also))
    title = f"{opcodes}: {message.name}"
    facts = f"*{message.shape.value}, {message.category.name}, root block of {size} octets.*"
    parts = [f"{facts} {message.docs}", _layout(fields)]
    text = "\n\n".join(parts) + (_sections(message.sections) if message.sections else "")
    return _titled(title, text)


def _row(block: Block) -> str:
    fields = fields_of(block.struct)
    size = sum(field.size for field in fields)
    return _titled(f"Row: {block.name}", f"*{size} octets.* {block.docs}\n\n{_layout(fields)}")


def _failure() -> str:
    return FAILURE.docs + _sections(FAILURE.sections)


def _group(name: str) -> Callable[[], str]:
    def write() -> str:
        declared = GROUPS[name]
        parts = [_message(message) for message in declared.messages]
        parts += [_row(block) for block in declared.blocks.values()]
        return "\n\n".join(parts)

    return write


REGIONS: Final[Mapping[str, Callable[[], str]]] = MappingProxyType(
    {
        "header": _header,
        "types": _types,
        "flags": _flags,
        "tags": _tags,
        "failure": _failure,
        "states": _states,
        "states-drawn": _states_drawn,
        "order-states": _order_states,
        "examples": _examples,
        "limits": _limits,
        "statuses": _statuses,
        "opcodes": _opcodes,
        "enumerations": _enumerations,
        **{f"messages-{name}": _group(name) for name in GROUPS},
    }
)
"""What stands between ``.. begin generated: NAME`` and ``.. end generated: NAME``, by name."""
