"""``papertrader market``: whether the market is open, its time and its speed."""

from __future__ import annotations

import json

import pytest

from tests.cli.test_commands import Terminal, terminal

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
