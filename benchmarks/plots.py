"""Plots of cost against size: small SVG files, both axes logarithmic."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Final

from benchmarks.figures import Figure

WIDTH: Final = 640
HEIGHT: Final = 400
LEFT: Final = 70
RIGHT: Final = 190
TOP: Final = 40
BOTTOM: Final = 50
COLORS: Final = ("#1b6ca8", "#c0392b", "#27823f", "#8e44ad", "#b9770e", "#566573")

Line = Sequence[tuple[float, float]]


def plot(title: str, x_name: str, y_name: str, lines: Mapping[str, Line]) -> str:
    """Return an SVG of named lines of positive points (size, cost)."""
    points = [point for line in lines.values() for point in line]
    x_axis = _Axis([x for x, _ in points], LEFT, WIDTH - RIGHT)
    y_axis = _Axis([y for _, y in points], HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(LEFT, 20, title, "start", 14),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, x_name, "middle"),
        _text(LEFT - 8, TOP - 8, y_name, "start"),
    ]
    for tick in x_axis.ticks():
        at = x_axis.at(tick)
        parts.append(_rule(at, TOP, at, HEIGHT - BOTTOM))
        parts.append(_text(at, HEIGHT - BOTTOM + 16, f"{tick:g}", "middle"))
    for tick in y_axis.ticks():
        at = y_axis.at(tick)
        parts.append(_rule(LEFT, at, WIDTH - RIGHT, at))
        parts.append(_text(LEFT - 6, at + 4, f"{tick:g}", "end"))
    for number, (name, line) in enumerate(lines.items()):
        color = COLORS[number % len(COLORS)]
        drawn = " ".join(f"{x_axis.at(x):.1f},{y_axis.at(y):.1f}" for x, y in sorted(line))
        parts.append(f'<polyline points="{drawn}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts += [
            f'<circle cx="{x_axis.at(x):.1f}" cy="{y_axis.at(y):.1f}" r="3" fill="{color}"/>'
            for x, y in line
        ]
        height = TOP + 16 * number
        parts.append(
            f'<rect x="{WIDTH - RIGHT + 14}" y="{height - 9}" width="10" height="10"'
            f' fill="{color}"/>'
        )
        parts.append(_text(WIDTH - RIGHT + 30, height, name, "start"))
    return "\n".join([*parts, "</svg>", ""])


def write_plots(figures: Sequence[Figure], directory: Path) -> list[Path]:
    """Write one plot for each section and unit that has figures of at least two sizes."""
    lines: dict[tuple[str, str], dict[str, list[tuple[float, float]]]] = {}
    for figure in figures:
        if figure.size and figure.median > 0:
            cost, unit = _as_cost(figure)
            of = lines.setdefault((figure.section, unit), {})
            of.setdefault(figure.name, []).append((figure.size, cost))
    written = []
    for (section, unit), named in lines.items():
        kept = {name: line for name, line in named.items() if len(line) > 1}
        if kept:
            path = directory / f"{section}-{unit.replace(' ', '-').replace('/', '-')}.svg"
            text = plot(f"{section}: {unit} against size", "size of the work", unit, kept)
            path.write_text(text, encoding="utf-8")
            written.append(path)
    return written


def _as_cost(figure: Figure) -> tuple[float, str]:
    """Turn a rate into a time; leave other units as they are."""
    if figure.unit == "/s":
        return 1e6 / figure.median, "microseconds each"
    if figure.unit == "/CPU s":
        return 1e6 / figure.median, "CPU microseconds each"
    return figure.median, figure.unit


class _Axis:
    """A logarithmic axis from ``low`` to ``high`` on the page."""

    def __init__(self, values: Sequence[float], low: float, high: float) -> None:
        self._first = math.floor(math.log10(min(values)))
        self._last = max(math.ceil(math.log10(max(values))), self._first + 1)
        self._low, self._high = low, high

    def at(self, value: float) -> float:
        """Return where a value is on the page."""
        share = (math.log10(value) - self._first) / (self._last - self._first)
        return self._low + share * (self._high - self._low)

    def ticks(self) -> list[float]:
        """Return the powers of ten."""
        return [10.0**power for power in range(self._first, self._last + 1)]


def _text(x: float, y: float, text: str, anchor: str, size: int = 12) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">'
        f"{escape(text)}</text>"
    )


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#ddd"/>'
