"""Results as tables: records of plain values, data frames, and HTML for notebooks.

A result that is a series (`Bars`, `Page`, `Portfolio`, `Curve`) inherits from `Tabular`. Frames
need pandas or polars, which are imported only when one is asked for.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import Enum, IntFlag
from functools import cache
from importlib import import_module
from types import UnionType
from typing import Any, Final, get_args, get_origin, get_type_hints

import attrs

ROWS_SHOWN: Final = 20
"""Rows of a table in a notebook; the rest is counted."""
LIBRARIES: Final = ("pandas", "polars")
_SPARK: Final = (240, 36)


def plain(value: Any, floats: bool = False) -> Any:
    """Return a value as a table holds it: members of enumerations by name, sets of bits as text.

    `Decimal` stays exact unless ``floats``.
    """
    if isinstance(value, IntFlag):
        return "|".join(flag.name or "" for flag in value)
    if isinstance(value, Enum):
        return value.name
    if floats and isinstance(value, Decimal):
        return float(value)
    return value


@cache
def columns(kind: type, nested: bool = False) -> tuple[tuple[str, ...], ...]:
    """Return the fields of a class of rows that are columns, each as the path to it.

    By what a field may hold, never by what one row has in it: all rows have the same columns.
    Other values and tuples are none; with ``nested`` the fields of those values are.
    """
    found: list[tuple[str, ...]] = []
    hints = get_type_hints(kind)
    for name in (field.name for field in attrs.fields(kind)):
        hint = hints[name]
        choices = get_args(hint) if isinstance(hint, UnionType) else (hint,)
        inner = next((each for each in choices if attrs.has(each)), None)
        if inner is not None:
            found += [(name, *path) for path in columns(inner)] if nested else []
        elif not any(get_origin(each) is tuple for each in choices):
            found.append((name,))
    return tuple(found)


def records(
    rows: Iterable[Any], floats: bool = False, nested: bool = False
) -> list[dict[str, Any]]:
    """Return attrs values of one class as dictionaries of their fields, the same in each.

    What holds other values is left out; ``nested``: its fields stand for it, as ``terms_trail``.
    """
    return [
        {"_".join(path): plain(_at(row, path), floats) for path in columns(_class(row), nested)}
        for row in rows
    ]


def _class(row: object) -> type:
    return type(row)


def _at(row: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        row = None if row is None else getattr(row, name)
    return row


def frame(rows: Iterable[Any], library: str = "pandas", floats: bool = False) -> Any:
    """Return a data frame of attrs values.

    ``floats`` turns exact decimals into binary fractions, for plots and statistics. Raises
    `ValueError` for another library, `ImportError` if it is not installed.
    """
    if library not in LIBRARIES:
        raise ValueError(f"library must be pandas or polars, not {library!r}")
    found = records(rows, floats)
    if library == "polars":
        # By all rows: a price that the first hundred orders do not have is no column of nothing.
        return import_module("polars").DataFrame(found, infer_schema_length=None)
    return import_module("pandas").DataFrame.from_records(found)


class Tabular:
    """A result with rows."""

    def table_rows(self) -> Sequence[Any]:
        """Return the rows: attrs values of one class."""
        raise NotImplementedError  # abstract

    def to_records(self, *, floats: bool = False) -> list[dict[str, Any]]:
        """Return the rows as dictionaries; see `records`."""
        return records(self.table_rows(), floats)

    def to_frame(self, library: str = "pandas", *, floats: bool = False) -> Any:
        """Return the rows as a data frame of pandas or polars; see `frame`."""
        return frame(self.table_rows(), library, floats)

    def _repr_html_(self) -> str:
        return html_table(self.to_records())


def html_table(found: Sequence[dict[str, Any]], caption: str = "") -> str:
    """Return rows as an HTML table, escaped; at most `ROWS_SHOWN`, and how many there are more."""
    if not found:
        return "<p>no rows</p>"
    head = "".join(f"<th>{html.escape(name)}</th>" for name in found[0])
    body = "".join(
        "<tr>"
        + "".join(f"<td>{html.escape(_text(value))}</td>" for value in row.values())
        + "</tr>"
        for row in found[:ROWS_SHOWN]
    )
    more = len(found) - ROWS_SHOWN
    foot = f"<p>and {more} more</p>" if more > 0 else ""
    title = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{foot}"


def sparkline(values: Sequence[Decimal]) -> str:
    """Return a small curve as SVG; nothing below two values."""
    if len(values) < 2:
        return ""
    width, height = _SPARK
    low, high = min(values), max(values)
    span = (high - low) or Decimal(1)
    points = " ".join(
        f"{place * width / (len(values) - 1):.1f},{float((high - value) / span) * height:.1f}"
        for place, value in enumerate(values)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 -1 {width} {height + 2}"><polyline points="{points}" fill="none"'
        ' stroke="#12658f" stroke-width="1.5"/></svg>'
    )


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,f}" if isinstance(value, Decimal) else str(value)
