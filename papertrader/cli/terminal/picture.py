"""The chart of one symbol: it draws itself anew whenever its bars or its size change."""

from __future__ import annotations

from typing import Final

from rich.text import Text
from textual.widget import Widget

from papertrader.cli.plots import HEIGHT_MIN, WIDTH_MIN, candle_lines, curve_lines
from papertrader.client import results as r

STYLES: Final = {"up": "dodger_blue1", "down": "dark_orange", "axis": "bright_black", "": ""}
"""Told apart by those who do not tell red from green; beside them there are arrows and signs."""
BARS_MAX: Final = 240
"""Bars that are read, and kept while further ones come."""


class Picture(Widget):
    """Candles, or a line of the closes."""

    DEFAULT_CSS = "Picture { width: 1fr; height: 1fr; padding: 0 1; }"

    def __init__(self, name: str) -> None:
        super().__init__(id=name)
        self._bars: tuple[r.Bar, ...] | None = None
        self._failed = ""
        self._as_line = False

    def show(self, bars: tuple[r.Bar, ...] | None) -> None:
        """Show these bars, oldest first; None while they are being read."""
        self._bars, self._failed = bars, ""
        self.refresh()

    def fail(self, reason: str) -> None:
        """Say why there are no bars to show."""
        self._bars, self._failed = None, reason
        self.refresh()

    def add(self, bar: r.Bar) -> None:
        """Take a bar that has formed further, or a new one; one older than the last is dropped."""
        if not self._bars:
            self.show((bar,))
            return
        last = self._bars[-1]
        if bar.time == last.time:
            self.show((*self._bars[:-1], bar))
        elif bar.time > last.time:
            self.show((*self._bars, bar)[-BARS_MAX:])

    def turn(self) -> None:
        """Candles instead of a line, or a line instead of candles."""
        self._as_line = not self._as_line
        self.refresh()

    def render(self) -> Text:
        """Draw as much as there is room for."""
        if not self._bars:
            waits = "reading the bars ..." if self._bars is None else "no bars of this interval yet"
            return Text(self._failed or waits, style=STYLES["axis"])
        width = max(WIDTH_MIN, self.content_size.width)
        height = max(HEIGHT_MIN, self.content_size.height)
        if self._as_line:
            shown = self._bars[-(width - 11) * 2 :]
            lines = curve_lines([float(bar.close) for bar in shown], width, height)
        else:
            lines = candle_lines(self._bars, width, height)
        drawn = Text(no_wrap=True)
        for number, line in enumerate(lines):
            for text, style in line:
                drawn.append(text, style=STYLES[style])
            if number < len(lines) - 1:
                drawn.append("\n")
        return drawn
