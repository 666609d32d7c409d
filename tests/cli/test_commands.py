"""The command line against a scripted worker of real frames: what it prints, and its exit codes."""

from __future__ import annotations

import json
import re

import attrs
import pytest
from click.shell_completion import FishComplete
from click.testing import CliRunner

from papertrader.cli.invocation import Invocation
from papertrader.cli.main import COMMANDS, main
from papertrader.core.orders import OrderState
from papertrader.wire import limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import Opcode, Status
from tests.terminal_kit import PASSWORD, Terminal, fill_while_waiting, terminal

__all__ = ["terminal"]


def test_buy_shows_order_fill_and_cash(terminal: Terminal) -> None:
    """The order, then its fill with the quote that made it, then the cash."""
    terminal.logged_in()
    fill_while_waiting(terminal)
    result = terminal.run("buy", "aapl", "10")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "Order 1: buy 10 AAPL at the market, day",
        "Filled: 10 AAPL at 182.50 = 1,825.00"
        " (bid 182.40, ask 182.50, market time 2023-11-14 22:13:20 UTC)",
        "Cash now: 98,175.00 USD",
    ]
    sent = terminal.market.bodies(Opcode.ORDER_NEW)[0]
    assert 0 < sent.client_order_id < 2**63


def test_a_fill_of_less_than_a_cent_is_told_exactly(terminal: Terminal) -> None:
    """As the ledger has it: a 0.00 that the cash does not bear out helps nobody."""
    terminal.logged_in()
    fill_while_waiting(terminal)
    lines = terminal.run("buy", "aapl", "0.000001").stdout.splitlines()
    assert lines[1].startswith("Filled: 0.000001 AAPL at 182.50 = 0.0001825 (bid ")
    assert lines[2] == "Cash now: 99,999.9998175 USD"


def test_buy_as_json(terminal: Terminal) -> None:
    """One object: schema, order, fills, cash; money is text."""
    terminal.logged_in()
    fill_while_waiting(terminal)
    result = terminal.run("buy", "AAPL", "2.5", "--limit", "1,200", "--gtc", "--json")
    content = json.loads(result.stdout)
    assert content["schema"] == 1
    assert content["order"]["state"] == "FILLED"
    assert content["order"]["time_in_force"] == "GTC"
    assert content["order"]["limit_price"] == "1200.00"
    assert content["fills"][0]["price"] == "182.50"
    assert content["fills"][0]["receipt"]["quote_seq"] == 7
    assert content["cash_after"] == "99543.75"


def test_sell_and_the_money_adds_up(terminal: Terminal) -> None:
    """Bought and sold at the spread: history, portfolio and cash agree."""
    terminal.logged_in()
    early = terminal.run("history", "--to", "2010-01-01")
    assert early.stdout == "Nothing happened then.\n"
    assert early.stderr == "hint: --from and --to are the server's days, not the market's\n"
    for words in (("buy", "AAPL", "10"), ("sell", "AAPL", "10")):
        fill_while_waiting(terminal)
        assert terminal.run(*words).exit_code == 0
    history = terminal.run("history").stdout.splitlines()
    assert history[0].split() == [
        "market", "time", "(UTC)", "kind", "symbol", "quantity", "price", "fees", "amount", "cash",
        "after", "realized",
    ]  # fmt: skip
    assert history[1].split()[2:] == ["buy", "AAPL", "10", "182.50", "-1,825.00", "98,175.00"]
    assert history[2].split()[2:] == ["sell", "AAPL", "10", "182.40", "1,824.00", "99,999.00"]
    portfolio = terminal.run("portfolio").stdout
    assert "99,999.00 USD" in portfolio
    assert "AAPL" not in portfolio


def test_an_order_that_does_not_fill_in_time_stays_open(terminal: Terminal) -> None:
    """After --wait the order is shown as open, on stderr, and the exit code is 0."""
    terminal.logged_in()
    before = terminal.market.clock()
    result = terminal.run("buy", "AAPL", "1", "--wait", "3")
    assert result.exit_code == 0
    assert "1 of 1 not filled within 3 s" in result.stderr
    assert 2.9e9 < terminal.market.clock() - before < 3.2e9
    assert terminal.run("buy", "AAPL", "1", "--wait", "0").exit_code == 0


def test_orders_and_cancel(terminal: Terminal) -> None:
    """Open orders are listed; a canceled one only with --all; canceling it twice is refused."""
    terminal.logged_in()
    terminal.run("buy", "IBM", "3", "--limit", "100.5", "--wait", "0")
    listed = terminal.run("orders").stdout.splitlines()
    assert listed[1].split()[3:] == ["buy", "IBM", "3", "0", "100.50", "-", "day", "pending"]
    result = terminal.run("cancel", "1")
    assert result.stdout == "Order 1 canceled: buy 3 IBM\n"
    assert len(terminal.run("orders").stdout.splitlines()) == 1
    assert "canceled" in terminal.run("orders", "--all", "--symbol", "ibm").stdout
    again = terminal.run("cancel", "1", "--json")
    assert again.exit_code == 1
    assert json.loads(again.stderr)["error"]["code"] == "ORDER_DONE"


def test_an_order_is_sent_once_though_the_connection_breaks(terminal: Terminal) -> None:
    """Connection lost after the order was acted on: one order, one answer, exit code 0."""
    terminal.logged_in()
    terminal.market.plan(Opcode.ORDER_NEW, "drop after")
    result = terminal.run("buy", "AAPL", "1", "--wait", "0")
    assert result.exit_code == 0
    assert result.stdout.startswith("Order 1:")
    assert len(terminal.market.accounts["ada"].orders) == 1
    assert [header.seq for header in terminal.market.seen(Opcode.ORDER_NEW)] == [1, 1]


def test_an_unknown_outcome_is_exit_code_5(terminal: Terminal) -> None:
    """Nothing is made up; the hint gives the number with which it may be repeated."""
    terminal.logged_in()
    terminal.market.plan(Opcode.ORDER_NEW, *[Status.OUTCOME_UNKNOWN] * 200)
    result = terminal.run("buy", "AAPL", "1", "--client-order-id", "77")
    assert result.exit_code == 5
    assert (
        "error: whether ORDER_NEW (client order id 77) was executed is not known" in result.stderr
    )
    assert "--client-order-id 77" in result.stderr
    terminal.market.plans[Opcode.ORDER_NEW].clear()
    assert terminal.run("buy", "AAPL", "1", "--client-order-id", "77", "--wait", "0").exit_code == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("buy", "AAPL", "1000000"), "INSUFFICIENT_CASH"),
        (("buy", "ZZZZ", "1"), "NO_SUCH_SYMBOL"),
        (("quote", "ZZZZ"), "NO_SUCH_SYMBOL"),
        (("cancel", "99"), "NO_SUCH_ORDER"),
        (("register", "ada"), "USERNAME_TAKEN"),
        (("login", "bob"), "AUTH_FAILED"),
    ],
)
def test_refusals_are_exit_code_1(terminal: Terminal, words: tuple[str, ...], code: str) -> None:
    """One line that says why and one what to do; with --json the stable code."""
    terminal.logged_in()
    result = terminal.run(*words, typed=PASSWORD + "\n")
    assert result.exit_code == 1
    assert result.stdout == ""
    first, second = result.stderr.splitlines()
    assert first.startswith("error: ")
    assert second.startswith("hint: ")
    result = terminal.run(*words, "--json", typed=PASSWORD + "\n")
    content = json.loads(result.stderr)
    assert (content["schema"], content["error"]["code"]) == (1, code)
    assert content["error"]["text"]
    assert ("refusals 41" in second) == (words[0] == "buy")


@pytest.mark.parametrize(
    "words",
    [
        ("buy", "AAPL"),
        ("buy", "AAPL", "ten"),
        ("buy", "AAPL", "1,5"),
        ("tui", "not a symbol"),
        ("buy", "AAPL", "1000,5"),
        ("buy", "AAPL", "1", "--limit", "213,5"),
        ("buy", "AAPL", "0.000000001"),
        ("buy", "not a symbol", "1"),
        ("buy", "AAPL", "1", "--limit", "1e5"),
        ("bars", "AAPL", "--from", "yesterday"),
        ("bars", "AAPL", "--interval", "2d"),
        ("cancel", "first"),
        ("login", "ada lovelace"),
        ("nonsense",),
        ("--connect", "127.0.0.1:1", "portfolio"),
        ("--connect", "nowhere:x", "--ca", "none.pem", "portfolio"),
        ("--user", "ada", "portfolio"),
        ("--user", "ada", "--password-file", "/nonexistent/file", "portfolio"),
    ],
)
def test_wrong_usage_is_exit_code_2(terminal: Terminal, words: tuple[str, ...]) -> None:
    """Wrong arguments are told before anything is sent."""
    terminal.logged_in()
    before = len(terminal.market.requests)
    result = terminal.run(*words, typed=PASSWORD + "\n")
    assert result.exit_code == 2
    assert "rror: " in result.stderr
    assert "Traceback" not in result.output
    assert len(terminal.market.seen(Opcode.ORDER_NEW)) == 0
    assert len(terminal.market.requests) <= before + 1


def test_wrong_usage_as_json(terminal: Terminal) -> None:
    """With --json a wrong argument of a command is JSON as well."""
    result = terminal.run("--json", "buy", "AAPL", "ten")
    assert result.exit_code == 2
    assert json.loads(result.stderr)["error"]["code"] == "USAGE"


def test_a_tag_is_kept_and_looked_for(terminal: Terminal) -> None:
    """``--tag`` on an order, also one that begins with a minus; ``orders --tag`` shows those."""
    terminal.logged_in()
    for words in (("--tag", "swing"), ("--tag=-1 a day",), ("--tag", "--limit"), ()):
        done = terminal.run("buy", "AAPL", "1", "--limit", "1", "--wait", "0", *words)
        assert done.exit_code == 0, done.stderr
    assert [each.tag for each in terminal.market.bodies(Opcode.ORDER_NEW)] == [
        "swing", "-1 a day", "--limit", None,
    ]  # fmt: skip
    shown = terminal.run("orders").stdout.splitlines()
    assert shown[0].split()[-1] == "tag"
    assert [line.split()[0] for line in shown[1:]] == ["1", "2", "3", "4"]
    assert shown[1].endswith("swing")
    one = json.loads(terminal.run("orders", "--tag", "swing", "--json").stdout)["orders"]
    assert [each["tag"] for each in one] == ["swing"]
    newest = json.loads(terminal.run("orders", "--limit", "2", "--json").stdout)["orders"]
    assert [each["order_id"] for each in newest] == [3, 4]


def test_a_negative_quantity_goes_to_the_server(terminal: Terminal) -> None:
    """``buy AAPL -5`` is no unknown option: the server says why not."""
    terminal.logged_in()
    terminal.market.plan(Opcode.ORDER_NEW, Status.QUANTITY_LIMIT)
    result = terminal.run("buy", "AAPL", "-5")
    assert result.exit_code == 1
    assert terminal.market.bodies(Opcode.ORDER_NEW)[0].quantity == -5 * 10**8


def test_market_data_tables(terminal: Terminal) -> None:
    """Assets, quotes, bars and workers: aligned columns, numbers to the right."""
    terminal.logged_in()
    lines = terminal.run("quote", "aapl", "ibm").stdout.splitlines()
    assert lines[0].index("bid") + 3 == lines[1].index("182.40") + 6
    assert [line.split()[0] for line in lines[1:]] == ["AAPL", "IBM"]
    assert len(terminal.run("bars", "AAPL", "--from", "2010-01-04").stdout.splitlines()) == 6
    sent = terminal.market.bodies(Opcode.BARS_GET)[0]
    assert (sent.limit, sent.from_time) == (20, 1_262_563_200 * 10**9)
    assert [line.split()[0] for line in terminal.run("assets", "a").stdout.splitlines()[1:]] == [
        "AAPL"
    ]
    row = m.WorkerRow(address=bytes(10) + b"\xff\xff\x7f\x00\x00\x01", port=7, flags=1)
    terminal.market.workers = (row,)
    assert "127.0.0.1" in terminal.run("workers").stdout
    assert terminal.run("account").stdout.splitlines()[0].split() == ["user", "ada"]


def test_the_age_of_what_is_shown_is_told(terminal: Terminal) -> None:
    """Of a quote when it was observed, by the server's clock; of assets until when it is cached."""
    terminal.logged_in()
    lines = terminal.run("quote", "aapl").stdout.splitlines()
    (shown,) = json.loads(terminal.run("--json", "quote", "aapl").stdout)["quotes"]
    assert shown["observed_at"]
    assert "observed" in lines[0]
    assert re.search(r"\d(\.\d s| min) ago", lines[1])
    told = terminal.run("assets", "a").stderr
    assert re.fullmatch(r"as of \S+ \S+, cached until \S+ \S+ \(UTC\)\n", told)
    content = json.loads(terminal.run("--json", "assets", "a").stdout)
    assert content["as_of"] < content["cache_until"]


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (("assets",), "assets"),
        (("quote", "AAPL"), "quotes"),
        (("bars", "AAPL"), "bars"),
        (("orders",), "orders"),
        (("history",), "transactions"),
        (("portfolio",), "portfolio"),
        (("account",), "account"),
        (("workers",), "workers"),
        (("version",), "version"),
    ],
)
def test_json_is_one_object_with_a_schema(
    terminal: Terminal, words: tuple[str, ...], key: str
) -> None:
    """Every command prints one JSON object, --json before or after it."""
    terminal.logged_in()
    for line in (("--json", *words), (*words, "--json")):
        result = terminal.run(*line)
        content = json.loads(result.stdout)
        assert content["schema"] == 1
        assert key in content
        assert result.stderr == ""


def test_watch_until_interrupted(terminal: Terminal) -> None:
    """Quotes and own orders, one line each; Ctrl-C is the normal end."""
    terminal.logged_in()
    market = terminal.market

    def trade() -> None:
        wish = m.OrderNew(client_order_id=1, symbol="AAPL", quantity=10**8)
        market.new_order(market.accounts["ada"], wish)
        market.tick()

    def interrupt() -> None:
        raise KeyboardInterrupt

    market.idle.extend([trade, market.tick, interrupt])
    result = terminal.run("watch", "aapl")
    assert result.exit_code == 0
    text = result.stdout
    assert "order 1 accepted: buy 1 AAPL" in text
    assert "order 1 fill: buy 1 AAPL, 1 at 182.50" in text
    assert "cash now 99,817.50" in text
    quotes = [line for line in text.splitlines() if "AAPL" in line and "bid" in line]
    assert len(quotes) == 3
    # A replay's day is not the server's: each line says whose time it is.
    assert all(re.match(r"market \d\d-\d\d \d\d:\d\d:\d\d  AAPL", line) for line in quotes)
    others = [line for line in text.splitlines() if " order " in line]
    assert len(others) == 2
    assert all(re.match(r"server \d\d-\d\d \d\d:\d\d:\d\d  ", line) for line in others), others
    assert market.peers[-1].connection.goodbye.code == Status.OK
    market.idle.extend([market.tick, interrupt])
    result = terminal.run("watch", "--json")
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert {event["event"] for event in events} == {"quote"}


def test_more_symbols_than_one_question_holds_are_watched(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether they are there is asked in several; a watchlist has more than one question takes."""
    monkeypatch.setattr(limits, "QUOTE_SYMBOLS_MAX", 2)

    def interrupt() -> None:
        raise KeyboardInterrupt

    terminal.logged_in().market.idle.append(interrupt)
    assert terminal.run("watch", "AAPL", "IBM", "MSFT").exit_code == 0
    asked = terminal.market.bodies(Opcode.QUOTE_GET)
    assert [[row.symbol for row in each.symbols] for each in asked] == [["AAPL", "IBM"], ["MSFT"]]


def test_a_terminal_that_lacks_a_character_shows_another(terminal: Terminal) -> None:
    """A question mark; neither a traceback nor a mistake of this program."""
    terminal.logged_in()
    words = ["--state-dir", str(terminal.state)]
    given = Invocation(**terminal.market.options(), program="papertrader")
    order = [*words, "buy", "AAPL", "1", "--tag", "caf\u00e9 \u25b2", "--wait", "0"]
    assert CliRunner().invoke(main, order, obj=given).exit_code == 0
    shown = CliRunner(charset="latin-1").invoke(main, [*words, "orders"], obj=given)
    assert shown.exit_code == 0
    assert b"caf\xe9 ?" in shown.stdout_bytes


def test_an_interrupted_order_says_what_may_have_happened(terminal: Terminal) -> None:
    """Ctrl-C while an order is under way: exit code 130 and where to look."""
    terminal.logged_in()
    terminal.market.plan(Opcode.ORDER_NEW, "silence")

    def interrupt() -> None:
        raise KeyboardInterrupt

    terminal.market.idle.append(interrupt)
    result = terminal.run("buy", "AAPL", "1", "--client-order-id", "5", "--wait", "0")
    assert result.exit_code == 130
    assert "the order may have been sent" in result.stderr
    assert "client order id 5" in result.stderr


def test_a_rejected_order_is_not_a_success(terminal: Terminal) -> None:
    """An order that expires while it is watched ends with exit code 1."""
    terminal.logged_in()

    def expire() -> None:
        account = terminal.market.accounts["ada"]
        order = account.orders[0]
        order.state, order.version = OrderState.EXPIRED, 2
        terminal.market.event(account, m.OrderEvent(kind=5, order=1, orders=(attrs.evolve(order),)))

    terminal.market.idle.append(expire)
    result = terminal.run("buy", "AAPL", "1")
    assert result.exit_code == 1
    assert "The order is expired." in result.stdout


def test_help_documents_the_exit_codes() -> None:
    """--help lists every command and the meaning of each exit code."""
    result = CliRunner().invoke(main, ["--help"])
    for name in COMMANDS:
        assert f"  {name} " in result.stdout
    for code in ("0", "1", "2", "3", "4", "5", "130"):
        assert f"\n  {code} " in result.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    """The completion script of each shell is printed."""
    result = CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0
    assert "_PAPERTRADER_COMPLETE" in result.stdout


def test_fish_shows_whole_descriptions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those with commas as well: its script takes the kind off, and leaves the rest together."""
    script = CliRunner().invoke(main, ["completion", "fish"]).stdout
    assert 'string split --max 1 "," $completion' in script
    monkeypatch.setenv("COMP_WORDS", "papertrader portfolio")
    monkeypatch.setenv("COMP_CWORD", "portfolio")
    shell = FishComplete(main, {}, "papertrader", "_PAPERTRADER_COMPLETE")
    kind, rest = shell.complete().splitlines()[0].split(",", 1)
    assert kind == "plain"
    assert rest.startswith("portfolio\tShow cash, positions and what")
