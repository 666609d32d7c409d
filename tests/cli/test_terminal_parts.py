"""Parts of the terminal program by themselves: what its lists and its log show."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

pytest.importorskip("textual")

from rich.text import Text
from textual.app import App, ComposeResult

from papertrader.cli.terminal.listing import Lines, priced, shortened


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("97.50", "      97.50"),
        ("123456.78", " 123,456.78"),
        ("1234567.89", "1,234,567.9"),
        ("97123.45678901", "97,123.4568"),
        ("99999999999.99", "   1.00e+11"),
    ],
)
def test_a_price_is_rounded_where_there_is_no_room(value: str, shown: str) -> None:
    """Cut off it would be another price."""
    assert priced(Decimal(value), 11) == shown


def test_a_price_that_is_not_known() -> None:
    """A dash, at its place."""
    assert priced(None, 11) == "          -"


def test_a_symbol_that_is_longer_than_its_place_is_marked() -> None:
    """DOGE/USDT is not to look like DOGE/USD."""
    assert shortened("DOGE/USD", 8) == "DOGE/USD"
    assert shortened("DOGE/USDT", 8) == "DOGE/US…"


class Logging(App[None]):
    """A log and nothing else."""

    def compose(self) -> ComposeResult:
        """Lay it out."""
        yield Lines("lines", 9)


def test_the_log_is_wrapped_anew_when_the_terminal_changes() -> None:
    """Nothing is cut off in a narrow one, nothing told twice, and the oldest goes."""

    async def run() -> None:
        app = Logging()
        async with app.run_test(size=(60, 24)) as pilot:
            lines = app.query_one(Lines)
            for number in range(4):
                lines.tell(Text(f"{number} {'word ' * 10}end"))
            await pilot.pause()
            for width in (30, 60, 20):
                await pilot.resize_terminal(width, 24)
                await pilot.pause()
                shown = [line.text.strip() for line in lines.lines]
                assert max(len(line) for line in shown) in range(width // 2, width + 1)
                told = " ".join(shown)
                assert told.endswith(f"3 {'word ' * 10}end") and told.count("3") == 1
                assert len(shown) <= 9

    asyncio.run(run())
