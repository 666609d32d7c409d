"""``papertrader performance``."""

from __future__ import annotations

import json
from decimal import Decimal

from papertrader.wire.kinds import Opcode
from tests.terminal_kit import Terminal, fill_while_waiting, terminal

__all__ = ["terminal"]


def test_a_person_sees_curve_and_figures(terminal: Terminal) -> None:
    """Points with what was paid in, then the ratios in percent."""
    shown = terminal.logged_in().run("performance", "--risk-free", "1")
    assert shown.exit_code == 0
    assert "165.00" in shown.stdout
    assert "44.00" in shown.stdout
    lines = dict(line.rsplit("  ", 1) for line in shown.stdout.splitlines() if " %" in line)
    assert lines["return".ljust(len("money-weighted a year"))].strip() == "17.86 %"


def test_the_same_as_json_and_with_a_benchmark(terminal: Terminal) -> None:
    """Ratios as numbers, money as text; the benchmark's bars are asked for."""
    done = terminal.logged_in().run("performance", "--json", "--benchmark", "aapl")
    found = json.loads(done.stdout)
    assert found["curve"]["points"][2]["equity"] == "165.00"
    assert round(found["performance"]["total_return"], 4) == 0.1786
    assert "beta" in found["performance"]
    assert terminal.market.bodies(Opcode.BARS_GET)[0].symbol == "AAPL"


def test_a_time_of_which_nothing_is_known(terminal: Terminal) -> None:
    """It says so, and counts no trades of other times; the same without a curve to draw."""
    terminal.logged_in()
    for side in ("buy", "sell"):
        fill_while_waiting(terminal)
        assert terminal.run(side, "AAPL", "10").exit_code == 0
    for drawing in ("--plot", "--no-plot"):
        shown = terminal.run("performance", "--from", "2030-01-01", drawing).stdout.splitlines()
        assert shown[0] == "Nothing is known of this portfolio at that time."
        assert [line.split() for line in shown if "closed" in line] == [["closed", "trades", "0"]]


def test_what_is_not_shown_is_refused(terminal: Terminal) -> None:
    """Another user's, unknown; an interval there is not."""
    assert terminal.logged_in().run("performance", "--of", "nobody").exit_code == 1
    assert terminal.run("performance", "--interval", "1y").exit_code == 2


def test_costs_line_by_line(terminal: Terminal) -> None:
    """One table that adds up; of one's own orders only."""
    terminal.logged_in()
    shown = terminal.run("performance", "--costs")
    assert shown.exit_code == 0
    assert "prices, at the middle" in shown.stdout
    assert "regulators' fees" in shown.stdout
    money = shown.stdout[shown.stdout.index("earned and paid") :].splitlines()[1:]
    assert all(Decimal(line.split()[-1]).as_tuple().exponent <= -2 for line in money)
    content = json.loads(terminal.run("performance", "--costs", "--json").stdout)["costs"]
    parts = {name: Decimal(value) for name, value in content.items()}
    assert parts.pop("total") == sum(parts.values())
    assert terminal.run("performance", "--costs", "--of", "bob").exit_code == 2


def test_the_curve_is_drawn_where_somebody_looks(terminal: Terminal) -> None:
    """With --plot, and at a terminal; on a pipe the points are listed. It fits into 80 by 24."""
    terminal.logged_in()
    shown = terminal.run("performance", "--plot")
    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert lines[0].startswith("equity in USD")
    assert any(0x2800 < ord(character) < 0x2900 for character in shown.stdout)
    assert len(lines) <= 26
    assert max(map(len, lines)) <= 80
    assert "paid in" not in shown.stdout
    assert "return" in shown.stdout
    assert "paid in" in terminal.run("performance", "--no-plot").stdout
