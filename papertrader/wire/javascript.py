"""Writes the schema for the browser: ``python -m papertrader.wire.javascript``.

``papertrader/page/schema.js`` has what `papertrader.wire.spec.schema` has of the client link, in a
short form that ``papertrader/page/codec.js`` reads: the page knows no layout, number or name but
from there. ``--check`` compares instead, and exits with 1 when the file is out of date.

A field is ``[name, octets, how, of, strict]``; ``how`` is ``u`` (unsigned), ``n`` (signed, with a
NULL), ``s`` (signed), ``t`` (text), ``o`` (octets), ``b`` (boolean) or ``z`` (reserved); ``of``
names an enumeration, with ``|`` before it when it is a set of bits. A section is ``[tag, name,
kind, row, min, max, required]``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from papertrader.wire import kinds, spec

TARGET: Final = Path(__file__).parents[1] / "page" / "schema.js"
_HOW: Final = {
    "unsigned": "u", "signed": "s", "text": "t", "octets": "o", "boolean": "b", "zero": "z",
}  # fmt: skip
_FRAMING: Final = (
    "version", "revision", "magic", "flags", "critical_flags", "critical_tag", "opcodes",
    "state_changing",
)  # fmt: skip


def _field(field: dict[str, Any]) -> list[Any]:
    how = "n" if field["null"] is not None else _HOW[field["read"]]
    bits = "|" if field["of"] and not field["type"].startswith("e:") else ""
    return [field["name"], field["octets"], how, bits + (field["of"] or ""), field["strict"]]


def _section(section: dict[str, Any]) -> list[Any]:
    keys = ("tag", "name", "kind", "row", "min", "max", "required")
    return [section[key] for key in keys]


def source() -> str:
    """Return the text of the module."""
    whole = spec.schema()
    messages = [
        message for message in whole["messages"] if min(message["opcodes"]) < kinds.INNER_OPCODES
    ]
    used = {row for message in messages for _, _, _, row, *_ in map(_section, message["sections"])}
    told: dict[str, Any] = {name: whole[name] for name in _FRAMING}
    told["opcodes"] = {
        name: number for name, number in whole["opcodes"].items() if number < kinds.INNER_OPCODES
    }
    told["header"] = [[field["name"], field["octets"]] for field in whole["header"]]
    told["enumerations"] = whole["enumerations"]
    told["statuses"] = {
        each["code"]: [each["name"], each["fatal"], each["retry"], each["meaning"]]
        for each in whole["statuses"]
    }
    told["limits"] = {each["name"]: each["value"] for each in whole["limits"]}
    told["failure"] = [_section(section) for section in whole["failure"]]
    told["rows"] = {
        row["name"]: [_field(field) for field in row["fields"]]
        for row in whole["rows"]
        if row["name"] in used
    }
    told["messages"] = {
        message["name"]: {
            "opcodes": message["opcodes"],
            "shape": message["shape"],
            "category": message["category"],
            "fields": [_field(field) for field in message["fields"]],
            "sections": [_section(section) for section in message["sections"]],
        }
        for message in messages
    }
    lines = [f"  {json.dumps(key)}: {_value(value)}" for key, value in told.items()]
    return (
        "// Written from the declarations by `python -m papertrader.wire.javascript`.\n"
        "export const SCHEMA = {\n" + ",\n".join(lines) + "\n};\n"
    )


def _value(value: Any) -> str:
    """Return JSON, one entry of a large table on each line: a change is seen where it is."""
    compact = json.dumps(value, separators=(",", ":"))
    if not isinstance(value, dict) or len(compact) < 400:
        return compact
    lines = [f"    {json.dumps(key)}: {json.dumps(each, separators=(',', ':'))}"
             for key, each in value.items()]  # fmt: skip
    return "{\n" + ",\n".join(lines) + "\n  }"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    check = "--check" in (sys.argv[1:] if arguments is None else arguments)
    text = source()
    if not check:
        TARGET.write_text(text, encoding="utf-8")
    elif not TARGET.is_file() or TARGET.read_text(encoding="utf-8") != text:
        sys.stderr.write(
            f"{TARGET} is out of date; write it with python -m papertrader.wire.javascript\n"
        )
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
