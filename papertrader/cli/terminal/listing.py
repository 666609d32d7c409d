"""Tables that are shown anew while somebody has the cursor in them, and what stands in them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from rich.text import Text
from textual.coordinate import Coordinate
from textual.events import Resize
from textual.widgets import DataTable, RichLog

from papertrader.cli.output import money
from papertrader.cli.plots import fitted
from papertrader.cli.terminal.picture import STYLES
from papertrader.client import results as r


def fill(table: DataTable[Any], rows: Iterable[tuple[str, Sequence[Any]]]) -> None:
    """Put rows, each with its key, into a table in the place of what it shows.

    While the user is in the table, the cursor stays on the row that it is on, wherever that is now:
    what a key does next is done to what was chosen. If that row is gone it stays at the same
    height, and a table that nobody is in begins at its top.
    """
    wanted = list(rows)
    before = [key.value for key in table.rows]
    if before == [key for key, _ in wanted]:
        for line, (_, cells) in enumerate(wanted):
            for column, cell in enumerate(cells):
                table.update_cell_at(Coordinate(line, column), cell, update_width=True)
        return
    line = table.cursor_row if table.has_focus else 0
    chosen = before[line] if 0 <= line < len(before) else None
    table.clear()
    for key, cells in wanted:
        table.add_row(*cells, key=key)
    keys = [key for key, _ in wanted]
    if table.has_focus and chosen in keys:
        line = keys.index(chosen)
    if keys:
        table.move_cursor(row=min(line, len(keys) - 1), animate=False)


class Lines(RichLog):
    """A log whose lines are wrapped anew when the terminal becomes wider or narrower."""

    def __init__(self, identifier: str, lines_max: int) -> None:
        super().__init__(id=identifier, max_lines=lines_max, min_width=1, wrap=True)
        self._texts: deque[Text] = deque(maxlen=lines_max)
        self._width = 0

    def tell(self, text: Text) -> None:
        """Write one at the end."""
        self._texts.append(text)
        self.write(text)

    def on_resize(self, event: Resize) -> None:
        """Write all of them again; the base class writes what came before there was any width."""
        before, self._width = self._width, event.size.width or self._width
        if before not in (0, self._width):
            self.clear()
            for text in self._texts:
                self.write(text)


def arrow(change: Any) -> str:
    """Return a sign for up, down or neither."""
    return "▲" if change > 0 else "▼" if change < 0 else "·"


def coloured(text: str, change: Any) -> Text:
    """Return text in the colour of its direction."""
    return Text(text, style=STYLES["up" if change > 0 else "down" if change < 0 else ""])


def priced(value: Decimal | None, width: int) -> str:
    """Return a price in ``width`` columns, rounded if it is longer; a cut one would be another."""
    text = money(value)
    if value is None or len(text) <= width:
        return f"{text:>{width}}"
    return fitted(value, width, width)


def shortened(symbol: str, width: int) -> str:
    """Return a symbol in ``width`` columns, with a sign that there is more of it."""
    return symbol if len(symbol) <= width else f"{symbol[: width - 1]}…"


def moment(at: datetime | None) -> str:
    """Return when a fill was, by the server's clock."""
    return at.strftime("%m-%d %H:%M:%S") if at is not None else ""


def day_change(quote: r.Quote) -> float | None:
    """Return the change since the close before, in percent."""
    if not quote.prev_close or quote.last is None:
        return None
    return float((quote.last - quote.prev_close) / quote.prev_close * 100)
