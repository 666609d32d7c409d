"""Plots for a terminal: every line as wide as asked, the shape of the prices in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papertrader.cli import plots
from papertrader.client.results import Bar

START = datetime(2020, 1, 1, tzinfo=UTC)


def bar(number: int, opens: str, high: str, low: str, close: str) -> Bar:
    """Return a bar."""
    time = START + timedelta(days=number)
    return Bar(
        time=time, open=Decimal(opens), high=Decimal(high), low=Decimal(low),
        close=Decimal(close), volume=Decimal(1),
    )  # fmt: skip


def columns(lines: list[plots.Line]) -> list[str]:
    """Return the text of each line."""
    return ["".join(text for text, _ in line) for line in lines]


PRICES = st.integers(1, 10**9)


@given(
    st.lists(st.tuples(PRICES, PRICES, PRICES, PRICES), max_size=60),
    st.integers(plots.WIDTH_MIN, 90),
    st.integers(plots.HEIGHT_MIN, 30),
)
def test_every_line_is_as_wide_as_asked(
    rows: list[tuple[int, int, int, int]], width: int, height: int
) -> None:
    """Whatever the prices; the newest bar is the last column before the axis."""
    bars = [
        bar(number, str(each[0]), str(max(each)), str(min(each)), str(each[3]))
        for number, each in enumerate(rows)
    ]
    for lines in (
        plots.candle_lines(bars, width, height),
        plots.curve_lines([float(each.close) for each in bars], width, height),
    ):
        assert len(lines) == height
        assert {len(text) for text in columns(lines)} == {width}
    if bars:
        last = [text[width - plots.AXIS_WIDTH - 1] for text in columns(
            plots.candle_lines(bars, width, height))]  # fmt: skip
        assert any(cell != " " for cell in last)


def test_rising_and_falling_candles_differ_without_colour() -> None:
    """One is shaded, the other filled."""
    rising = columns(plots.candle_lines([bar(0, "10", "20", "5", "18")], 20, 8))
    falling = columns(plots.candle_lines([bar(0, "18", "20", "5", "10")], 20, 8))
    assert any("▒" in line for line in rising)
    assert not any("█" in line for line in rising)
    assert any("█" in line for line in falling)


def test_the_axis_tells_the_highest_and_the_lowest_price() -> None:
    """The first line is the high, the last the low."""
    lines = columns(
        plots.candle_lines([bar(0, "10", "20", "5", "18"), bar(1, "18", "25", "17", "24")], 30, 9)
    )
    assert lines[0].endswith("25.00")
    assert lines[-1].endswith("5.00")


@pytest.mark.parametrize(
    ("high", "low", "first", "last"),
    [
        ("1282637.31", "1197585.02", " 1,282,637", " 1,197,585"),
        ("12345678901.5", "5.5", "  1.23e+10", "      5.50"),
        ("0.00001240", "0.00001170", " 0.0000124", " 0.0000117"),
        ("0.06", "0.04", "      0.06", "      0.04"),
    ],
)
def test_prices_on_the_axis_are_rounded_and_not_cut(
    high: str, low: str, first: str, last: str
) -> None:
    """Large ones fit, and small ones differ from each other."""
    lines = columns(plots.candle_lines([bar(0, low, high, low, high)], 30, 9))
    assert (lines[0][-10:], lines[-1][-10:]) == (first, last)


def test_a_curve_goes_from_its_first_to_its_last_value() -> None:
    """A rising line begins below and ends above."""
    lines = columns(plots.curve_lines([1, 2, 3, 4], 30, 6))
    assert lines[-1][0] != " "
    assert lines[0][30 - plots.AXIS_WIDTH - 1] != " "
    assert lines[0][0] == " "


def test_prices_that_do_not_move_are_a_line_in_the_middle() -> None:
    """And no division by nothing."""
    lines = columns(plots.curve_lines([7.0, 7.0], 30, 5))
    assert sum(any("⠀" < cell <= "⣿" for cell in line) for line in lines) == 1


def test_too_small_a_place_is_refused() -> None:
    """With what is needed."""
    with pytest.raises(ValueError, match="at least 15 columns"):
        plots.candle_lines([], plots.WIDTH_MIN - 1, 10)
    with pytest.raises(ValueError, match="4 lines"):
        plots.curve_lines([], 40, plots.HEIGHT_MIN - 1)


def test_plain_text_has_no_spaces_at_the_end() -> None:
    """For files and pipes."""
    text = plots.plain(plots.candle_lines([bar(0, "10", "20", "5", "18")], 30, 5))
    assert len(text.splitlines()) == 5
    assert not any(line.endswith(" ") for line in text.splitlines())
