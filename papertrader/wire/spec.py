"""Writes what ``specs`` has from the declarations: ``python -m papertrader.wire.spec``.

The tables of ``protocol.rst`` stand between marker comments; ``vectors/frames.json`` and
``vectors/refused.json`` are written whole. ``--check`` compares instead and exits with 1 when
something is out of date; ``--json`` prints the whole schema for other languages.
"""

from __future__ import annotations

import argparse
import json
import re
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from papertrader.core.money import AMOUNT_MAX, AMOUNT_MIN, NULL, SCALE
from papertrader.wire import codec, kinds, limits, tables, vectors
from papertrader.wire import primitives as p
from papertrader.wire.declarations import FAILURE
from papertrader.wire.generate import Field, fields_of
from papertrader.wire.kinds import FrameFlag, Opcode, Tag
from papertrader.wire.schema import BLOCKS, HEADER_FIELDS, MESSAGES, Section
from papertrader.wire.statuses import STATUS_RULES

SPECS: Final = Path(__file__).parents[2] / "specs"
_REGION: Final = re.compile(
    r"^\.\. begin generated: (?P<name>[a-z-]+)\n.*?^\.\. end generated: (?P=name)$", re.M | re.S
)


class SpecError(Exception):
    """The files cannot be written; the text says why and what to do."""


# --- protocol.rst ------------------------------------------------------------------------------


def filled_in(text: str) -> str:
    """Return the text of ``protocol.rst`` with every region written anew.

    Raises `SpecError` when the marker comments and `tables.REGIONS` do not fit each other.
    """
    found = [match["name"] for match in _REGION.finditer(text)]
    begun = re.findall(r"^\.\. begin generated: (.*)$", text, re.M)
    if sorted(found) != sorted(tables.REGIONS) or begun != found:
        odd = sorted(set(begun) ^ set(tables.REGIONS)) or begun
        raise SpecError(
            f"protocol.rst: the marker comments of {', '.join(odd)} are missing, unknown or not"
            " closed; each table needs one '.. begin generated:' and one '.. end generated:'"
        )

    def write(match: re.Match[str]) -> str:
        name = match["name"]
        region = tables.REGIONS[name]()
        return f".. begin generated: {name}\n\n{region}\n\n.. end generated: {name}"

    return _REGION.sub(write, text)


# --- vectors -----------------------------------------------------------------------------------


def _lines(title: str, rows: Sequence[dict[str, Any]]) -> str:
    """Return a JSON object with one vector a line, so that differences can be read."""
    head = {"schema": 1, "version": kinds.VERSION, "revision": kinds.REVISION}
    start = json.dumps(head)[:-1]
    body = ",\n".join(json.dumps(row, ensure_ascii=True) for row in rows)
    return f'{start}, "{title}": [\n{body}\n]}}\n'


def frames_text() -> str:
    """Return the text of ``vectors/frames.json``."""
    return _lines("frames", [vectors.as_json(vector) for vector in vectors.accepted()])


def refused_text() -> str:
    """Return the text of ``vectors/refused.json``."""
    return _lines("refused", [vectors.as_json(vector) for vector in vectors.refused()])


# --- the schema as JSON ------------------------------------------------------------------------


def _reading(field: Field) -> str:
    """Return how the octets of a field are read, for readers that do not know the types."""
    inner = field.inner
    if field.reserved:
        return "zero"
    if isinstance(inner, p.Ascii):
        return "text"
    if isinstance(inner, p.Octets):
        return "octets"
    if isinstance(inner, p.Bool8):
        return "boolean"
    return "signed" if field.code == "q" else "unsigned"


def _field(field: Field, offset: int) -> dict[str, Any]:
    members = getattr(field.inner, "members", None)
    return {
        "name": field.name or None,
        "offset": offset,
        "octets": field.size,
        "type": field.type_name if not field.reserved else "zero",
        "read": _reading(field),
        "null": str(NULL) if getattr(field.inner, "default", 0) == NULL else None,
        "of": members.__name__ if members is not None else None,
        "strict": bool(getattr(field.inner, "strict", True)),
        "meaning": field.docs,
    }


def _fields(struct: Any) -> list[dict[str, Any]]:
    described, offset = [], 0
    for field in fields_of(struct):
        described.append(_field(field, offset))
        offset += field.size
    return described


def _section(section: Section) -> dict[str, Any]:
    return {
        "tag": int(section.tag),
        "name": section.attribute,
        "kind": section.kind,
        "row": section.row or None,
        "min": section.size_min,
        "max": section.size_max,
        "required": section.required,
    }


def _heads(*fields: tuple[str, struct.Struct, int]) -> list[dict[str, Any]]:
    """Return the fields of the head of a section or group as (name, octets)."""
    return [
        {"name": name, "octets": struct.calcsize(">" + layout.format[1:][place])}
        for name, layout, place in fields
    ]


def _arrows(arrows: Sequence[tuple[str, str, str]]) -> list[dict[str, str]]:
    return [{"state": a, "happening": what, "next": b} for a, what, b in arrows]


def _header() -> list[dict[str, Any]]:
    described, offset = [], 0
    for name, size, kind, meaning in HEADER_FIELDS:
        described.append(
            {"name": name, "offset": offset, "octets": size, "type": kind, "meaning": meaning}
        )
        offset += size
    return described


def _framing() -> dict[str, Any]:
    """Return what is needed to find and take apart a frame, whatever its message."""
    return {
        "version": kinds.VERSION,
        "revision": kinds.REVISION,
        "magic": kinds.MAGIC.decode("ascii"),
        "byte_order": "big",
        "links": {
            "client": {"alpn": kinds.ALPN_CLIENT, "port": kinds.PORT_CLIENT},
            "worker": {"alpn": kinds.ALPN_WORKER, "port": kinds.PORT_WORKER},
        },
        "amounts": {
            "units": SCALE,
            "null": str(NULL),
            "min": str(AMOUNT_MIN),
            "max": str(AMOUNT_MAX),
        },
        "header": _header(),
        "section_head": _heads(("tag", codec.SECTION, 0), ("length", codec.SECTION, 1)),
        "group_head": _heads(("row_len", codec.GROUP, 0), ("count", codec.GROUP, 1)),
        "checksum": {"octets": codec.CRC.size, "function": "CRC-32, IEEE 802.3"},
    }


def _numbers() -> dict[str, Any]:
    """Return the numbers that have names, but for enumerations and statuses."""
    return {
        "types": [
            {"type": name, "octets": octets, "meaning": meaning}
            for name, octets, meaning in tables.TYPES
        ],
        "flags": {flag.name: int(flag) for flag in FrameFlag},
        "critical_flags": kinds.CRITICAL_FLAGS,
        "critical_tag": kinds.TAG_CRITICAL,
        "group_tag": kinds.TAG_GROUP,
        "tags": {tag.name: int(tag) for tag in Tag},
        "opcodes": {opcode.name: int(opcode) for opcode in Opcode},
        "state_changing": sorted(int(opcode) for opcode in kinds.STATE_CHANGING),
        "without_session": sorted(int(opcode) for opcode in kinds.WITHOUT_SESSION),
        "grease": {
            "opcodes": list(kinds.GREASE_OPCODES),
            "tags": list(kinds.GREASE_TAGS),
            "features": str(kinds.GREASE_FEATURES),
        },
    }


def _layouts() -> dict[str, Any]:
    """Return every message and row, field by field."""
    return {
        "messages": [
            {
                "name": message.name,
                "opcodes": [int(opcode) for opcode in (message.opcode, *message.also)],
                "shape": message.shape.value,
                "category": int(message.category),
                "block_len": message.struct.sizeof(),
                "meaning": message.docs,
                "fields": _fields(message.struct),
                "sections": [_section(section) for section in message.sections],
            }
            for message in MESSAGES
        ],
        "states": {
            "connection": _arrows(tables.connection_arrows()),
            "order": _arrows(tables.order_arrows()),
        },
        "failure": [_section(section) for section in FAILURE.sections],
        "rows": [
            {
                "name": block.name,
                "row_len": block.struct.sizeof(),
                "meaning": block.docs,
                "fields": _fields(block.struct),
            }
            for block in BLOCKS.values()
        ],
    }


def schema() -> dict[str, Any]:
    """Return the whole schema: header, types, messages, rows, enumerations, statuses, limits."""
    return {
        **_framing(),
        **_numbers(),
        **_layouts(),
        "enumerations": {
            name: {str(member.name): int(member) for member in members}
            for name, members in tables.enumerations().items()
        },
        "statuses": [
            {"code": int(status), "name": status.name, **rule._asdict()}
            for status, rule in STATUS_RULES.items()
        ],
        "limits": [
            {
                "name": rule.name,
                "value": getattr(limits, rule.name),
                "unit": rule.unit,
                "status": rule.status.name if rule.status is not None else None,
                "meaning": rule.meaning,
            }
            for rule in limits.RULES
        ],
    }


# --- the command -------------------------------------------------------------------------------


def texts(specs: Path) -> dict[Path, str]:
    """Return what each generated file must hold; raises `SpecError`."""
    prose = specs / "protocol.rst"
    try:
        text = prose.read_text(encoding="utf-8")
    except OSError as error:
        raise SpecError(
            f"{prose} cannot be read ({error.strerror}); run this in a checkout of the sources, or"
            " name the directory with --specs"
        ) from None
    return {
        prose: filled_in(text),
        specs / "vectors" / "frames.json": frames_text(),
        specs / "vectors" / "refused.json": refused_text(),
    }


def stale(specs: Path) -> list[Path]:
    """Return the generated files that are missing or out of date; raises `SpecError`."""
    return [
        path
        for path, text in texts(specs).items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: 0 done, 1 out of date or not possible."""
    parser = argparse.ArgumentParser(prog="python -m papertrader.wire.spec", description=__doc__)
    parser.add_argument(
        "--specs", type=Path, default=SPECS, help="the directory (default: %(default)s)"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="compare only; 1 when out of date")
    what.add_argument("--json", action="store_true", help="print the whole schema")
    chosen = parser.parse_args(arguments)
    if chosen.json:
        sys.stdout.write(json.dumps(schema(), indent=1) + "\n")
        return 0
    try:
        if chosen.check:
            old = stale(chosen.specs)
            for path in old:
                sys.stderr.write(
                    f"{path} is out of date; write it with python -m papertrader.wire.spec\n"
                )
            return 1 if old else 0
        for path, text in texts(chosen.specs).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"{path}\n")
        if chosen.specs == SPECS:
            from papertrader.wire import javascript  # noqa: PLC0415 (it reads what is here)

            javascript.main([])
    except SpecError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
