"""Writes ``messages.py``: the message classes and the code derived from the declarations.

construct interpreted is some twenty times slower than `struct`; its compiler is not meant for
untrusted input. So each declaration becomes a slots class and two small functions here. Run
``python -m papertrader.wire.generate`` after a change to ``schema``; a test compares.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import Any

import construct as c

from papertrader.core.money import NULL
from papertrader.wire import primitives as p
from papertrader.wire.schema import BLOCKS, MESSAGES, Block, Message, Section, Shape

PLAIN = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q"}
MODULE = Path(__file__).with_name("messages.py")
SECRET = {
    "password",
    "new_password",
    "token",
    "secret",
    "inner",
    "code",
    "codes",
    "seed",
    "invitation",
    "reset_token",
}
ENUM_MODULES = {
    "AlertCondition": "papertrader.core.alerts",
    "AlertState": "papertrader.core.alerts",
    "ContestState": "papertrader.core.contests",
    "StandingOrder": "papertrader.core.contests",
    "LimitingRule": "papertrader.core.fills",
    "LedgerKind": "papertrader.core.ledger",
    "Level": "papertrader.core.logrecord",
    "ClockField": "papertrader.core.marketclock",
    "ClockMode": "papertrader.core.marketclock",
    "LegRole": "papertrader.core.orders",
    "OrderEventKind": "papertrader.core.orders",
    "OrderState": "papertrader.core.orders",
    "OrderType": "papertrader.core.orders",
    "Side": "papertrader.core.orders",
    "SideFilter": "papertrader.core.orders",
    "TimeInForce": "papertrader.core.orders",
    "TrailKind": "papertrader.core.orders",
    "TriggerSource": "papertrader.core.orders",
    "ActionKind": "papertrader.core.quotes",
    "AssetKind": "papertrader.core.quotes",
    "AssetStatus": "papertrader.core.quotes",
    "QuoteProvider": "papertrader.core.quotes",
    "FigureUnit": "papertrader.core.refusals",
    "AccountKind": "papertrader.core.terms",
    "FeeModelKind": "papertrader.core.terms",
    "FillModelKind": "papertrader.core.terms",
}


class Field:
    """One field of a block: how it is called, packed, decoded and encoded."""

    def __init__(self, subcon: Any, index: int) -> None:
        self.name: str = getattr(subcon, "name", None) or ""
        self.docs: str = " ".join((subcon.docs or "").split())
        inner = subcon
        while isinstance(inner, c.Renamed):
            inner = inner.subcon
        self.inner = inner
        if isinstance(inner, c.FormatField):
            self.code, self.type_name = (
                inner.fmtstr[1:],
                {1: "u8", 2: "u16", 4: "u32", 8: "u64"}[inner.length],
            )
        else:
            self.code, self.type_name = inner.code, inner.type_name
        self.size = struct.calcsize(">" + self.code)
        self.local = self.name or f"_zero{index}"
        self.reserved = isinstance(inner, p.Zero)

    @property
    def annotation(self) -> str:
        """The Python type of the attribute."""
        if isinstance(self.inner, p.Ascii):
            return "str"
        if isinstance(self.inner, p.Octets):
            return "bytes"
        if isinstance(self.inner, p.Bool8):
            return "bool"
        if isinstance(self.inner, p.Choice):
            # An open enumeration keeps what a newer peer may have added as a plain integer.
            return self.inner.members.__name__ if self.inner.strict else "int"
        return "int"

    @property
    def default(self) -> str:
        """The default of the attribute, as source text."""
        if isinstance(self.inner, p.Ascii):
            return '""'
        if isinstance(self.inner, p.Octets):
            return f"bytes({self.inner.length})"
        if isinstance(self.inner, p.Bool8):
            return "False"
        if isinstance(self.inner, p.Choice):
            first = next(iter(self.inner.members))
            return f"{self.inner.members.__name__}.{first.name}"
        return "NULL" if getattr(self.inner, "default", 0) == NULL else "0"

    @property
    def decoder(self) -> str:
        """Expression turning the unpacked local into the attribute's value."""
        v = self.local
        if isinstance(self.inner, p.Ascii):
            return f"_ascii_get({v}) or _ascii({v})" if self.inner.length != 4 else f"_ccy({v})"
        if isinstance(self.inner, p.Bool8):
            return f"_BOOL[{v}]"
        if isinstance(self.inner, p.Choice):
            table = f"_{self.inner.members.__name__.upper()}"
            return f"{table}[{v}]" if self.inner.strict else f"{table}.get({v}, {v})"
        return v

    @property
    def encoder(self) -> str:
        """Expression turning the attribute into what `struct` packs."""
        v = f"self.{self.name}"
        if isinstance(self.inner, p.Ascii):
            n = self.inner.length
            return f"_packed_get(({v}, {n})) or _packed({v}, {n})"
        if isinstance(self.inner, p.Octets):
            return f"_sized({v}, {self.inner.length})"
        if isinstance(self.inner, p.Bool8):
            return f"1 if {v} else 0"
        if isinstance(self.inner, p.Choice) and self.inner.strict:
            return f"_{self.inner.members.__name__.upper()}[{v}]"
        if isinstance(self.inner, p.Flags) and self.inner.strict:
            return f"_masked({v}, {self.inner.mask:#x})"
        return v

    @property
    def refusal(self) -> str:
        """Condition under which the unpacked local is refused, or the empty string."""
        if isinstance(self.inner, p.Zero):
            return f"{self.local} != {bytes(self.inner.length)!r}"
        if isinstance(self.inner, p.Flags) and self.inner.strict:
            full = (1 << 8 * self.size) - 1
            return f"{self.local} & {full & ~self.inner.mask:#x}"
        return ""


def fields_of(declaration: Any) -> list[Field]:
    """Return the fields of a declared block, in order."""
    return [Field(subcon, index) for index, subcon in enumerate(declaration.subcons)]


def format_of(fields: list[Field]) -> str:
    """Return the `struct` format of the fields, big-endian and unaligned."""
    return ">" + "".join(field.code for field in fields)


def _section_annotation(section: Section) -> tuple[str, str]:
    if section.kind == "text":
        return ("str | None", "None")
    if section.kind == "octets":
        return ("bytes", 'b""')
    if section.kind == "group":
        return (f"tuple[{section.row}, ...]", "()")
    return ("int | None", "None")


def class_source(name: str, docs: str, struct_: Any, message: Message | None) -> str:
    """Return the source of one class; ``message`` is None for the rows of a group."""
    fields = fields_of(struct_)
    named = [field for field in fields if not field.reserved]
    checks = [field.refusal for field in fields if field.refusal]
    sections = message.sections if message else ()
    base = "Message" if message else "Row"
    out = [f"\n\n@attrs.define(slots=True, eq=True)\nclass {name}({base}):"]
    out.append(f'    """{docs}"""\n')
    if message:
        out.append(f"    OPCODE: ClassVar[int] = {int(message.opcode):#06x}")
        out.append(f"    SHAPE: ClassVar[str] = {message.shape.value!r}")
        out.append(f"    CATEGORY: ClassVar[int] = {int(message.category)}")
        specs = "".join(
            f"\n        SectionSpec({int(s.tag):#06x}, {s.attribute!r}, {s.kind!r}, {s.size_max}, "
            f"{s.required}, {s.size_min}, {s.row or None}),"
            for s in sections
        )
        closing = "\n    )" if specs else ")"
        out.append(f"    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ({specs}{closing}")
    layout = format_of(fields)
    out.append(f"    LAYOUT: ClassVar[struct.Struct] = struct.Struct({layout!r})")
    out.append(f"    SIZE: ClassVar[int] = {struct.calcsize(layout)}\n")
    for field in named:
        default = field.default
        if field.name in SECRET:
            default = f"attrs.field(default={default}, repr=False)"
        out.append(f"    {field.name}: {field.annotation} = {default}")
    for section in sections:
        annotation, default = _section_annotation(section)
        if section.attribute in SECRET:
            default = f"attrs.field(default={default}, repr=False)"
        out.append(f"    {section.attribute}: {annotation} = {default}")
    out.append("\n    @classmethod")
    out.append(f"    def unpack(cls, octets: bytes, offset: int = 0) -> {name}:")
    out.append('        """Read the block at ``offset``; raises `RemoteFault`."""')
    locals_ = ", ".join(field.local for field in fields)
    out.append("        try:")
    out.append(f"            ({locals_},) = _unpack_{name}(octets, offset)")
    if checks:
        out.append(f"            if {' or '.join(checks)}:")
        out.append("                raise ValueError")
    out.append(f"            return cls({', '.join(field.decoder for field in named)})")
    out.append("        except _BAD:")
    out.append("            raise blame(cls, octets, offset) from None\n")
    out.append("    def pack(self) -> bytes:")
    out.append('        """Return the block\'s octets; raises `LocalFault`."""')
    parts = [
        repr(bytes(field.inner.length)) if field.reserved else field.encoder for field in fields
    ]
    out.append("        try:")
    out.append(f"            return _pack_{name}({', '.join(parts)})")
    out.append("        except _BAD as error:")
    out.append(f'            raise LocalFault(f"{name}: {{error}}") from None')
    out.append(f"\n\n_unpack_{name} = {name}.LAYOUT.unpack_from")
    out.append(f"_pack_{name} = {name}.LAYOUT.pack")
    return "\n".join(out)


HEAD = '''"""One slots class for each message and row, with the code derived from its declaration.

Written by ``python -m papertrader.wire.generate`` from ``papertrader.wire.schema``; not edited.
"""

# ruff: noqa
from __future__ import annotations

import struct
from typing import ClassVar, Final

import attrs

{imports}
from papertrader.core.money import NULL
from papertrader.wire.derived import (
    BOOL as _BOOL,
    BAD as _BAD,
    Message,
    Row,
    SectionSpec,
    ascii_get as _ascii_get,
    ascii_of as _ascii,
    blame,
    ccy_of as _ccy,
    masked as _masked,
    packed as _packed,
    packed_get as _packed_get,
    sized as _sized,
)
from papertrader.wire.errors import LocalFault
from papertrader.wire.kinds import {kinds}
'''


def _enumerations() -> set[str]:
    names = set()
    structs = [block.struct for block in BLOCKS.values()] + [m.struct for m in MESSAGES]
    for struct_ in structs:
        for field in fields_of(struct_):
            if isinstance(field.inner, p.Choice):
                names.add(field.inner.members.__name__)
    return names


def _heading() -> str:
    enums = _enumerations()
    by_module: dict[str, list[str]] = {}
    for name in sorted(enums & ENUM_MODULES.keys()):
        by_module.setdefault(ENUM_MODULES[name], []).append(name)
    imports = "\n".join(
        f"from {module} import {', '.join(names)}" for module, names in sorted(by_module.items())
    )
    text = HEAD.format(imports=imports, kinds=", ".join(sorted(enums - ENUM_MODULES.keys())))
    tables = "\n".join(
        f"_{name.upper()}: Final[dict[int, {name}]] = {{int(m): m for m in {name}}}"
        for name in sorted(enums)
    )
    return text + "\n" + tables


def _registry(title: str, shape: Shape) -> str:
    rows = []
    for message in MESSAGES:
        if message.shape is shape:
            opcodes = (message.opcode, *message.also)
            rows += [f"    {int(op):#06x}: {message.name}," for op in opcodes]
    return f"\n{title}: Final[dict[int, type[Message]]] = {{\n" + "\n".join(rows) + "\n}"


def source() -> str:
    """Return the text of ``messages.py``."""
    parts = [_heading()]
    blocks: list[Block] = list(BLOCKS.values())
    parts += [class_source(block.name, block.docs, block.struct, None) for block in blocks]
    parts += [class_source(m.name, m.docs, m.struct, m) for m in MESSAGES]
    parts.append("\n")
    parts.append(_registry("REQUESTS", Shape.REQUEST))
    parts.append(_registry("REPLIES", Shape.REPLY))
    parts.append(_registry("EVENTS", Shape.EVENT))
    return "\n".join(parts) + "\n"


def main(target: Path = MODULE) -> None:
    """Write the module."""
    target.write_text(source(), encoding="utf-8")
    sys.stdout.write(f"{target.name}: {len(MESSAGES)} messages, {len(BLOCKS)} rows\n")


if __name__ == "__main__":
    main()
