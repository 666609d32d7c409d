"""``papertrader portfolio``, ``portfolios``, ``replace``, ``cancel --all``, previews, IOC, FOK."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from papertrader.core.money import SCALE
from papertrader.core.orders import TimeInForce
from papertrader.wire.kinds import Opcode, Scope
from tests.terminal_kit import Terminal, fill_while_waiting, terminal

__all__ = ["terminal"]


def test_the_portfolio_is_shown_as_ever(terminal: Terminal) -> None:
    """Without a subcommand; of another portfolio with --portfolio."""
    shown = terminal.logged_in().run("portfolio")
    assert shown.exit_code == 0
    assert "cash" in shown.stdout
    assert terminal.run("portfolio", "--portfolio", "2").exit_code == 0
    asked = [each.portfolio for each in terminal.market.bodies(Opcode.PORTFOLIO_GET)]
    assert asked == [0, 2]


def test_a_portfolio_is_made_and_listed(terminal: Terminal) -> None:
    """With a name and cash of its own."""
    made = terminal.logged_in().run("portfolio", "create", "tech", "--cash", "5,000")
    assert made.stdout == "Portfolio 2 (tech) is open: 5,000.00 USD in cash, season 1\n"
    listed = terminal.run("portfolios")
    assert [line.split()[:2] for line in listed.stdout.splitlines()[1:]] == [
        ["1", "-"],
        ["2", "tech"],
    ]
    content = json.loads(terminal.run("portfolios", "--json").stdout)
    assert content["portfolios"][1]["cash"] == "5000.00"
    taken = terminal.run("portfolio", "create", "tech")
    assert taken.exit_code == 1
    assert "hint: see your portfolios with:" in taken.stderr


def test_a_portfolio_changes(terminal: Terminal) -> None:
    """Its name, its cash, its season; a reset asks first."""
    terminal.logged_in().run("portfolio", "create", "tech")
    renamed = terminal.run("portfolio", "rename", "bonds", "--portfolio", "2")
    assert renamed.stdout.startswith("Portfolio 2 (bonds) has its new name")
    more = terminal.run("portfolio", "deposit", "5", "--portfolio", "2")
    assert "100,005.00 USD" in more.stdout
    less = terminal.run("--json", "portfolio", "withdraw", "5", "--portfolio", "2")
    assert json.loads(less.stdout)["portfolio"]["cash"] == "100000.00"
    refused = terminal.run("portfolio", "reset", typed="n\n")
    assert refused.exit_code == 2
    assert "nothing was done" in refused.stderr
    assert terminal.market.bodies(Opcode.PORTFOLIO_RESET) == []
    reset = terminal.run("portfolio", "reset", "--cash", "7", typed="y\n")
    assert reset.stdout == "Portfolio 1 begins a new season: 7.00 USD in cash, season 2\n"
    assert "your first portfolio" in reset.stderr
    assert terminal.run("portfolio", "reset", "--yes", "--portfolio", "2").exit_code == 0


def test_fork_freeze_thaw_and_correct(terminal: Terminal) -> None:
    """Each says what became of the portfolio; a correction asks for scope ADMIN."""
    forked = terminal.logged_in().run("portfolio", "fork", "copy", "--at", "2010-01-04T15:30")
    assert forked.stdout.startswith("Portfolio 2 (copy) is open: 100,000.00 USD")
    assert "is frozen" in terminal.run("portfolio", "freeze").stdout
    assert "trades again" in terminal.run("portfolio", "thaw", "--portfolio", "2").stdout
    words = ("portfolio", "correct", "2", "--reason", "a fee too few", "--", "-0.5")
    assert "is corrected: 99,999.50 USD" in terminal.run(*words).stdout
    assert terminal.market.bodies(Opcode.LOGIN)[-1].scope == Scope.ADMIN
    assert terminal.run("portfolio", "correct", "2", "1").exit_code == 2
    assert terminal.run("portfolio", "fork", "x", "--at", "then").exit_code == 2


def test_terms_are_shown_and_chosen(terminal: Terminal) -> None:
    """Without options: shown. With some: those change, the others stay; as JSON too."""
    shown = terminal.logged_in().run("portfolio", "terms")
    assert "account kind        cash" in shown.stdout
    chosen = terminal.run(
        "portfolio", "terms", "--kind", "margin", "--fees", "per-share", "--fee-rate", "0.005",
        "--regulatory-fees", "--asset", "aapl", "--asset", "IBM",
    )  # fmt: skip
    assert chosen.exit_code == 0
    more = json.loads(terminal.run("--json", "portfolio", "terms", "--no-shorting").stdout)["terms"]
    assert (more["account_kind"], more["fee_rate"], more["assets"]) == (
        "margin", "0.005", "AAPL IBM",
    )  # fmt: skip
    assert (more["regulatory_fees"], more["no_shorting"]) == (True, True)
    anew = json.loads(terminal.run("--json", "portfolio", "terms", "--default").stdout)["terms"]
    assert (anew["account_kind"], anew["assets"]) == ("cash", "all")
    assert terminal.run("portfolio", "terms", "--fee-rate", "2").exit_code == 2


@pytest.mark.parametrize(
    "words",
    [
        ("portfolio", "create", "no blanks"),
        ("portfolio", "deposit", "0"),
        ("portfolio", "--portfolio", "2", "deposit", "5"),
        ("cancel",),
        ("cancel", "1", "--all"),
        ("cancel", "1", "--symbol", "AAPL"),
        ("replace", "1"),
        ("replace", "1", "--quantity", "0"),
        ("buy", "AAPL", "1", "--ioc", "--fok"),
        ("buy", "AAPL", "1", "--gtc", "--ioc"),
    ],
)
def test_wrong_usage(terminal: Terminal, words: tuple[str, ...]) -> None:
    """Exit code 2 and one clear line."""
    result = terminal.logged_in().run(*words)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")


def test_orders_are_replaced_and_cancelled_together(terminal: Terminal) -> None:
    """The new order's number and the old one's; how many were cancelled."""
    terminal.logged_in()
    for symbol in ("AAPL", "AAPL", "IBM"):
        terminal.run("buy", symbol, "2", "--limit", "1", "--wait", "0")
    replaced = terminal.run("replace", "1", "--quantity", "3", "--limit", "2")
    assert replaced.stdout == ("Order 4: buy 3 AAPL at 2.00, day, in the place of order 1\n")
    assert (
        json.loads(terminal.run("--json", "replace", "4", "--limit", "3").stdout)["order"][
            "replaces"
        ]
        == 4
    )
    one = terminal.run("cancel", "--all", "--symbol", "ibm")
    assert one.stdout == "1 order canceled, 2 still open\n"
    rest = terminal.run("--json", "cancel", "--all")
    assert json.loads(rest.stdout) == {"schema": 1, "cancelled": 2, "still_open": 0}


def test_a_preview_sends_nothing(terminal: Terminal) -> None:
    """Price, cost and what would be left."""
    shown = terminal.logged_in().run("buy", "AAPL", "10", "--preview")
    assert shown.exit_code == 0
    assert shown.stdout.startswith("buy 10 AAPL: a preview, nothing was sent\n")
    assert "free cash then" in shown.stdout
    content = json.loads(terminal.run("buy", "AAPL", "10", "--preview", "--json").stdout)
    assert content["preview"]["fees"] in ("0", "0.00")
    assert terminal.market.accounts["ada"].orders == []
    assert terminal.run("buy", "AAPL", "1000000", "--preview").exit_code == 1


@pytest.mark.parametrize("how", ["ioc", "fok"])
def test_immediate_orders(terminal: Terminal, how: str) -> None:
    """--ioc and --fok, in another portfolio."""
    terminal.logged_in()
    fill_while_waiting(terminal)
    result = terminal.run("buy", "AAPL", "1", f"--{how}", "--portfolio", "2")
    assert result.exit_code == 0
    (sent,) = terminal.market.bodies(Opcode.ORDER_NEW)
    assert sent.time_in_force == TimeInForce[how.upper()]
    assert sent.portfolio == 2


def test_lists_of_another_portfolio(terminal: Terminal) -> None:
    """--portfolio of orders and history."""
    terminal.logged_in()
    for command in ("orders", "history"):
        assert terminal.run(command, "--portfolio", "3").exit_code == 0
    asked = [
        *terminal.market.bodies(Opcode.ORDER_LIST),
        *terminal.market.bodies(Opcode.TRANSACTIONS_GET),
    ]
    assert [each.portfolio for each in asked] == [3, 3]


def test_a_margin_call_is_shown_with_its_plan(terminal: Terminal) -> None:
    """What the profit is made of, what is missing, until when, and what would be closed."""
    shown = terminal.logged_in().run("portfolio", "--portfolio", "9")
    assert shown.exit_code == 0, shown.stderr
    lines = [" ".join(line.split()) for line in shown.stdout.splitlines()]
    assert "fees -3.00 USD" in lines
    assert "interest -4.00 USD" in lines
    assert "settled cash 90.00 USD" in lines
    assert "for coins 0.00 USD" in lines
    assert "maintenance 3,690.00 USD" in lines
    assert any(line.startswith("MARGIN CALL: 392.00 USD are missing.") for line in lines)
    assert lines[-2:] == ["sell 22 AAPL 60.00", "buy back 5 IBM 1.00"]
    content = json.loads(terminal.run("portfolio", "--portfolio", "9", "--json").stdout)
    assert content["portfolio"]["margin"]["plan"][0]["quantity"] == "-22.00"
    assert content["portfolio"]["earnings"]["borrow"] == "-1.00"


def test_lots_by_average_and_first_in_first_out(terminal: Terminal) -> None:
    """The same lots twice, and what they have gained at the last price."""
    terminal.logged_in()
    for account in terminal.market.accounts.values():
        account.shares["AAPL"] = 3 * SCALE
    shown = terminal.run("portfolio", "--lots")
    assert shown.exit_code == 0, shown.stderr
    assert "realized by FIFO" in shown.stdout
    held = json.loads(terminal.run("portfolio", "--json").stdout)["portfolio"]["positions"][0]
    assert Decimal(held["fifo_cost_basis"]) == Decimal(held["cost_basis"]) + 1
    assert Decimal(held["fifo_realized"]) == 1
