"""Plots for a terminal: candles in half blocks, curves in braille. Pure: values in, lines out.

A line is a list of (text, style) with the styles "up", "down", "axis" and "" (plain), so that who
shows it chooses colours, or none: a falling candle is filled and a rising one is not, whatever the
terminal can show.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from papertrader.client.results import Bar

Piece = tuple[str, str]
Line = list[Piece]

AXIS_WIDTH: Final = 11
"""Columns for the prices at the right."""
WIDTH_MIN: Final = AXIS_WIDTH + 4
HEIGHT_MIN: Final = 4
_DOTS: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The dots of a braille cell, by row and column."""
_BRAILLE: Final = 0x2800


def fitted(value: float | Decimal, width: int, decimals: int) -> str:
    """Write a price in ``width`` columns, 10 at least: rounded if there is no room, never cut."""
    for places in range(decimals, -1, -1):
        text = f"{value:,.{places}f}"
        if len(text) <= width:
            return f"{text:>{width}}"
    return f"{value:>{width}.2e}"


def _decimals(step: float) -> int:
    """Return with how many decimals prices differ that lie ``step`` apart: 2 to 8."""
    return min(8, max(2, -math.floor(math.log10(step)))) if step > 0 else 2


def _join(cells: Sequence[Piece]) -> Line:
    """Put neighbours of one style together."""
    line: Line = []
    for text, style in cells:
        if line and line[-1][1] == style:
            line[-1] = (line[-1][0] + text, style)
        else:
            line.append((text, style))
    return line


def _labelled(rows: list[list[Piece]], low: float, high: float) -> list[Line]:
    """Put prices behind the first, the middle and the last row."""
    last = len(rows) - 1
    decimals = _decimals((high - low) / 2)
    lines = []
    for number, cells in enumerate(rows):
        value = high - (high - low) * number / last if last else high
        text = " " * AXIS_WIDTH
        if number in (0, last // 2, last):
            text = f" {fitted(value, AXIS_WIDTH - 1, decimals)}"
        lines.append(_join([*cells, (text, "axis")]))
    return lines


def candle_lines(bars: Sequence[Bar], width: int, height: int) -> list[Line]:
    """Draw the newest bars that fit, one column each, in ``height`` lines of ``width`` columns.

    Raises `ValueError` below `WIDTH_MIN` or `HEIGHT_MIN`.
    """
    if width < WIDTH_MIN or height < HEIGHT_MIN:
        raise ValueError(f"a chart needs at least {WIDTH_MIN} columns and {HEIGHT_MIN} lines")
    columns = width - AXIS_WIDTH
    shown = bars[-columns:]
    if not shown:
        return [[(" " * width, "")] for _ in range(height)]
    low = float(min(bar.low for bar in shown))
    high = float(max(bar.high for bar in shown))
    span = (high - low) or max(abs(high), 1.0) * 0.01
    low, high = (low, high) if high > low else (low - span / 2, high + span / 2)
    halves = height * 2

    def half(value: Decimal) -> int:
        place = round((high - float(value)) / (high - low) * (halves - 1))
        return min(halves - 1, max(0, place))

    rows: list[list[Piece]] = [[] for _ in range(height)]
    for bar in shown:
        style = "up" if bar.close >= bar.open else "down"
        wick = half(bar.high), half(bar.low)
        body = sorted((half(bar.open), half(bar.close)))
        for number in range(height):
            rows[number].append((_candle_cell(number * 2, wick, body, style), style))
    pad = (" " * (columns - len(shown)), "")
    return _labelled([[pad, *row] for row in rows], low, high)


def _candle_cell(top: int, wick: tuple[int, int], body: list[int], style: str) -> str:
    """Return what a candle shows in the half rows ``top`` and ``top + 1``."""
    in_body = [body[0] <= half <= body[1] for half in (top, top + 1)]
    in_wick = [wick[0] <= half <= wick[1] for half in (top, top + 1)]
    if any(in_body):
        if all(in_body):
            return "█" if style == "down" else "▒"
        if all(in_wick) and not all(in_body):
            return "█" if style == "down" else "▒"
        return "▀" if in_body[0] else "▄"
    if all(in_wick):
        return "│"
    if in_wick[0]:
        return "╵"
    return "╷" if in_wick[1] else " "


def curve_lines(values: Sequence[float], width: int, height: int, style: str = "up") -> list[Line]:
    """Draw a curve in braille, all of it, in ``height`` lines of ``width`` columns.

    Raises `ValueError` below `WIDTH_MIN` or `HEIGHT_MIN`.
    """
    if width < WIDTH_MIN or height < HEIGHT_MIN:
        raise ValueError(f"a chart needs at least {WIDTH_MIN} columns and {HEIGHT_MIN} lines")
    columns = width - AXIS_WIDTH
    if not values:
        return [[(" " * width, "")] for _ in range(height)]
    low, high = min(values), max(values)
    span = (high - low) or max(abs(high), 1.0) * 0.01
    low, high = (low, high) if high > low else (low - span / 2, high + span / 2)
    cells = [[0] * columns for _ in range(height)]
    before: int | None = None
    for x in range(columns * 2):
        index = round(x * (len(values) - 1) / max(1, columns * 2 - 1))
        y = round((high - values[index]) / (high - low) * (height * 4 - 1))
        start, end = (y, y) if before is None else sorted((before, y))
        for dot in range(start, end + 1):
            cells[dot // 4][x // 2] |= _DOTS[dot % 4][x % 2]
        before = y
    rows = [[(chr(_BRAILLE + cell) if cell else " ", style) for cell in row] for row in cells]
    return _labelled(rows, low, high)


def plain(lines: Sequence[Line]) -> str:
    """Return lines as text without colours."""
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)
