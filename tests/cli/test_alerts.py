"""``papertrader watchlist``, ``papertrader alert`` and ``papertrader watch --list``."""

from __future__ import annotations

import json

import pytest

from papertrader.core.money import SCALE
from papertrader.wire.kinds import Opcode
from tests.terminal_kit import Terminal, terminal

__all__ = ["terminal"]


def interrupt() -> None:
    """Ctrl-C."""
    raise KeyboardInterrupt


def test_watchlists_from_the_command_line(terminal: Terminal) -> None:
    """Set, shown, listed, deleted; small letters are capitals."""
    made = terminal.logged_in().run("watchlist", "set", "tech", "aapl", "MSFT")
    assert (made.exit_code, made.stdout) == (0, "tech: AAPL MSFT\n")
    terminal.run("watchlist", "set", "old", "IBM")
    assert terminal.run("watchlist", "show").stdout == "old: IBM\ntech: AAPL MSFT\n"
    assert terminal.run("watchlist", "show", "old").stdout == "old: IBM\n"
    assert terminal.run("watchlist", "list").stdout.splitlines()[1:] == [
        "old         1", "tech        2",
    ]  # fmt: skip
    shown = json.loads(terminal.run("--json", "watchlist", "show", "tech").stdout)
    assert shown["watchlists"] == [{"name": "tech", "symbols": ["AAPL", "MSFT"]}]
    assert json.loads(terminal.run("watchlist", "list", "--json").stdout)["watchlists"] == [
        "old", "tech",
    ]  # fmt: skip
    gone = terminal.run("watchlist", "delete", "old")
    assert gone.stdout == "old is deleted; watchlists left: 1\n"
    missing = terminal.run("watchlist", "delete", "old")
    assert missing.exit_code == 1
    assert "watchlist" in missing.stderr
    terminal.run("watchlist", "delete", "tech", "--json")
    assert "make one with" in terminal.run("watchlist", "show").stdout


def test_watching_a_list(terminal: Terminal) -> None:
    """Its symbols, each once beside those named; and alerts as they come."""
    terminal.logged_in().run("watchlist", "set", "tech", "MSFT", "AAPL")
    terminal.run("alert", "add", "AAPL", "above", "220")
    market = terminal.market
    market.idle.extend([lambda: market.peers[-1].push_alert(1, 221 * SCALE), interrupt])
    watched = terminal.run("watch", "AAPL", "--list", "tech")
    assert watched.exit_code == 0
    assert "watching AAPL, MSFT and your orders" in watched.stderr
    assert "\nmarket " in f"\n{watched.stdout}"
    assert "alert 1 triggered: AAPL last at least 220.00, at 221.00" in watched.stdout
    symbols = [row.symbol for row in market.bodies(Opcode.SUBSCRIBE)[-1].symbols]
    assert sorted(symbols) == ["AAPL", "MSFT"]
    market.idle.extend([lambda: market.peers[-1].push_alert(1, 222 * SCALE), interrupt])
    lines = terminal.run("watch", "--list", "tech", "--json").stdout.splitlines()
    told = [json.loads(line) for line in lines]
    (event,) = [each["content"]["alert"] for each in told if each["event"] == "alert"]
    assert (event["seen"], event["state"]) == ("222.00", "TRIGGERED")
    assert terminal.run("watch", "--list", "none").exit_code == 1


def test_alerts_from_the_command_line(terminal: Terminal) -> None:
    """Added, listed with what became of them, deleted one by one or all that ended."""
    made = terminal.logged_in().run("alert", "add", "aapl", "above", "1,220.5")
    assert (made.exit_code, made.stdout) == (0, "alert 1: AAPL last at least 1,220.50\n")
    below = terminal.run(
        "alert", "add", "IBM", "below", "9", "--of", "bid", "--expires", "2030-01-02", "--json"
    )
    assert json.loads(below.stdout)["alert"]["condition"] == "BID_AT_MOST"
    terminal.market.peers[-1].push_alert(1, 1_221 * SCALE)
    listed = terminal.run("alert", "list").stdout.splitlines()
    # In a replay the market's day is not the server's: the heading says whose it is.
    assert listed[0].endswith("ended (market)       expires (market)")
    assert "AAPL last at least 1,220.50" in listed[1]
    assert "triggered" in listed[1]
    assert "1,221.00" in listed[1]
    assert "open" in listed[2]
    assert "2030-01-02 00:00:00" in listed[2]
    assert len(terminal.run("alert", "list", "IBM").stdout.splitlines()) == 2
    assert len(json.loads(terminal.run("alert", "list", "--json").stdout)["alerts"]) == 2
    assert terminal.run("alert", "clear").stdout == "alerts deleted: 1\n"
    assert json.loads(terminal.run("alert", "delete", "2", "--json").stdout)["deleted"] == 1
    assert terminal.run("alert", "delete", "2").exit_code == 1


@pytest.mark.parametrize(
    "words",
    [
        ("alert", "add", "AAPL", "over", "220"),
        ("alert", "add", "AAPL", "above", "much"),
        ("alert", "add", "AAPL", "above", "0"),
        ("alert", "add", "AAPL", "above", "1", "--of", "price"),
        ("alert", "delete", "0"),
        ("watchlist", "set", "a b", "AAPL"),
        ("watchlist", "set", "a"),
        ("watch", "--list", "-"),
    ],
)
def test_what_cannot_be_asked(terminal: Terminal, words: tuple[str, ...]) -> None:
    """One line, exit code 2, and nothing is sent."""
    assert terminal.logged_in().run(*words).exit_code == 2
    for opcode in (Opcode.ALERT_CREATE, Opcode.ALERT_DELETE, Opcode.WATCHLIST_SET):
        assert terminal.market.bodies(opcode) == []


def test_without_watchlists_the_next_step_fits_this_installation(terminal: Terminal) -> None:
    """What to type is for the place that was asked."""
    step = f"papertrader --state-dir {terminal.state} watchlist set NAME SYMBOL..."
    for words in (("watchlist", "list"), ("watchlist", "show")):
        assert terminal.logged_in().run(*words).stdout == f"no watchlists; make one with: {step}\n"
