"""How results are written: aligned tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum, IntFlag
from typing import Any, Final

import attrs
import click

SCHEMA: Final = 1
NOTHING: Final = "-"


def money(value: Decimal | None) -> str:
    """Write money or a price: exact, thousands grouped."""
    return NOTHING if value is None else f"{value:,f}"


def amount(value: Decimal | None) -> str:
    """Write a quantity: exact, thousands grouped, no decimals that say nothing."""
    if value is None:
        return NOTHING
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(value: Decimal | float | None) -> str:
    """Write a part of 1 in percent, with two decimals; what rounds to nothing has no sign."""
    return NOTHING if value is None else f"{value * 100:z,.2f} %"


def moment(value: datetime | None, seconds: bool = True) -> str:
    """Write an instant in UTC."""
    if value is None:
        return NOTHING
    return value.strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def day(value: datetime | None) -> str:
    """Write the date of an instant in UTC."""
    return NOTHING if value is None else value.strftime("%Y-%m-%d")


def name(value: object) -> str:
    """Write a member of an enumeration; a number this version does not know as it is."""
    if isinstance(value, IntFlag):
        return ",".join(flag.name.lower() for flag in value if flag.name) or NOTHING
    if isinstance(value, Enum):
        return value.name.lower().replace("_", " ").replace("cancelled", "canceled")
    return str(value)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay out rows in columns. A heading that begins with ``>`` aligns its column to the right."""
    right = [heading.startswith(">") for heading in headings]
    cells = [[heading.removeprefix(">") for heading in headings], *(list(row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    lines = (
        "  ".join(
            text.rjust(width) if on_right else text.ljust(width)
            for text, width, on_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in cells
    )
    return "\n".join(lines)


def pairs(rows: Iterable[tuple[str, str]]) -> str:
    """Lay out names and values, the values in one column."""
    listed = list(rows)
    width = max(len(label) for label, _ in listed)
    return "\n".join(f"{label.ljust(width)}  {value}".rstrip() for label, value in listed)


def plain(value: Any) -> Any:
    """Turn a result into what JSON can hold: exact decimals as text, times as ISO 8601.

    Fields that are kept out of ``repr`` (tokens) are left out here too.
    """
    if attrs.has(type(value)):
        fields = attrs.fields(type(value))
        return {f.name: plain(getattr(value, f.name)) for f in fields if f.repr}
    if isinstance(value, IntFlag):
        return [flag.name for flag in value]
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def write_json(**content: Any) -> None:
    """Print one JSON object on one line, with the number of its schema."""
    listed = {key: plain(value) for key, value in content.items()}
    click.echo(json.dumps({"schema": SCHEMA, **listed}))


def counted(count: int, one: str, many: str = "") -> str:
    """Write so many of something: ``many`` is what more than one are called, if not with an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def gaps(missing: int) -> str:
    """Say how many bars of a series are missing, where exchanges were open."""
    what = "bar within trading hours is" if missing == 1 else "bars within trading hours are"
    return f"{missing:,} {what} missing"
