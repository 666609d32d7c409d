"""``papertrader market``: whether the market is open, its time and its speed."""

from __future__ import annotations

import json

import pytest

from papertrader.core.instants import DAY
from papertrader.wire.kinds import Opcode
from tests.client_accounts import START
from tests.terminal_kit import Terminal, terminal

__all__ = ["terminal"]


def test_an_open_market_for_people(terminal: Terminal) -> None:
    """The next close comes first, and everything is market time."""
    result = terminal.logged_in().run("market")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "XNYS is open (replay market)",
        "market time  2023-11-14 22:13:20 UTC, 60 times as fast as life, closed hours left out",
        "closes       2023-11-14 23:13:20 UTC",
        "opens        2023-11-15 22:13:20 UTC",
    ]


def test_as_json(terminal: Terminal) -> None:
    """State and clock, exact."""
    result = terminal.logged_in().run("--json", "market", "xnys")
    content = json.loads(result.stdout)
    assert content["market"]["exchange"] == "XNYS"
    assert content["clock"]["speed"] in ("60", "60.00")


@pytest.mark.parametrize(("exchange", "code"), [("XLON", 1), ("NASDAQ", 2)])
def test_an_exchange_that_is_not_there(terminal: Terminal, exchange: str, code: int) -> None:
    """Refused by the server, or not a code at all."""
    assert terminal.logged_in().run("market", exchange).exit_code == code


@pytest.mark.parametrize(
    ("span", "interval_s", "days"),
    [("day", 300, 0), ("week", 3_600, 7), ("month", 86_400, 31), ("year", 86_400, 366),
     ("all", 2_592_000, None)],
)  # fmt: skip
def test_a_span_of_history(
    terminal: Terminal, span: str, interval_s: int, days: int | None
) -> None:
    """By market time; the day is that of the last session."""
    result = terminal.logged_in().run("bars", "AAPL", "--span", span)
    assert result.exit_code == 0, result.stderr
    asked = terminal.market.bodies(Opcode.BARS_GET)[-1]
    assert (asked.interval_s, asked.limit, asked.to_time) == (interval_s, 5_000, 0)
    begins = START + 4 * DAY if span == "day" else START - days * DAY if days is not None else 0
    assert asked.from_time == begins


def test_missing_bars_are_told(terminal: Terminal) -> None:
    """Where people look, and in JSON."""
    terminal.logged_in().market.bars_missing = 1_234
    assert terminal.run("bars", "AAPL").stderr == "1,234 bars within trading hours are missing\n"
    assert terminal.run("chart", "AAPL").stderr == "1,234 bars within trading hours are missing\n"
    assert json.loads(terminal.run("chart", "AAPL", "--json").stdout)["missing"] == 1_234
