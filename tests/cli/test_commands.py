"""The command line against a scripted worker of real frames: what it prints, and its exit codes."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import attrs
import pytest
from click.shell_completion import FishComplete
from click.testing import CliRunner, Result

from papertrader.cli.invocation import Invocation
from papertrader.cli.main import COMMANDS, LazyGroup, main
from papertrader.cli.place import find_place
from papertrader.client.endpoints import Endpoint
from papertrader.core.orders import OrderState
from papertrader.wire import limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import Mechanism, Opcode, Status
from tests.client_kit import BlockingMarket

PASSWORD = "correct horse"


@attrs.define
class Terminal:
    """A user at a terminal, with a state directory and a market that runs there."""

    market: BlockingMarket
    state: Path

    def run(self, *words: str, typed: str = "", state: bool = True) -> Result:
        """Type a command; every option of the network and the clock comes from the market."""
        options = self.market.options()
        invocation = Invocation(**options, program="papertrader")
        where = ["--state-dir", str(self.state)] if state else []
        return CliRunner().invoke(main, [*where, *words], obj=invocation, input=typed)

    def logged_in(self) -> Terminal:
        """Log in as ada."""
        assert self.run("login", "ada", typed=PASSWORD + "\n").exit_code == 0
        return self

    @property
    def login_file(self) -> Path:
        return self.state / "client" / "session.json"


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """A terminal beside a running server that knows ada."""
    market = BlockingMarket()
    market.add("ada", PASSWORD)
    state = tmp_path / "state"
    (state / "run").mkdir(parents=True)
    content = {"workers": ["127.0.0.1:2049"], "ca": str(tmp_path / "ca.pem")}
    (state / "run" / "workers.json").write_text(json.dumps(content))
    return Terminal(market, state)


def fill_while_waiting(terminal: Terminal) -> None:
    """Let the next price update come as soon as the program waits."""
    terminal.market.idle.append(terminal.market.tick)


def test_register_then_what_next(terminal: Terminal) -> None:
    """A new account, and the command to type next on stderr."""
    result = terminal.run("register", "bob", typed="battery staple\n")
    assert result.exit_code == 0
    assert result.stdout == "Account bob is open, with 100,000.00 to trade with.\n"
    assert result.stderr == f"next: papertrader --state-dir {terminal.state} login bob\n"


def test_login_stores_the_token_for_its_owner_only(terminal: Terminal) -> None:
    """Mode 0600 in a directory of mode 0700, written whole; the password is nowhere in it."""
    result = terminal.run("login", "ada", typed=PASSWORD + "\n")
    assert result.exit_code == 0
    assert "Logged in as ada" in result.stdout
    assert stat.S_IMODE(terminal.login_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(terminal.login_file.parent.stat().st_mode) == 0o700
    assert [path.name for path in terminal.login_file.parent.iterdir()] == ["session.json"]
    stored = json.loads(terminal.login_file.read_text())
    assert bytes.fromhex(stored["token"]) in terminal.market.sessions
    assert stored["user"] == "ada"
    assert PASSWORD not in terminal.login_file.read_text()
    sent = terminal.market.bodies(Opcode.LOGIN)[0]
    assert sent.remember
    assert sent.mechanism == Mechanism.PASSWORD


def test_neither_password_nor_token_is_shown(terminal: Terminal) -> None:
    """Not on stdout, not on stderr, not as JSON, not in a traceback's values."""
    results = [
        terminal.run("register", "bob", typed=PASSWORD + "\n"),
        terminal.run("--json", "login", "ada", typed=PASSWORD + "\n"),
        terminal.run("login", "ada", typed="wrong " + PASSWORD + "\n"),
        terminal.run("--debug", "login", "ada", typed="wrong " + PASSWORD + "\n"),
    ]
    token = json.loads(terminal.login_file.read_text())["token"]
    for result in results:
        shown = result.output + repr(result.exception)
        assert PASSWORD not in shown
        assert token not in shown


def test_no_command_takes_a_password_as_an_argument() -> None:
    """No option or argument of any command is called password, but for the file of it."""
    group = main
    assert isinstance(group, LazyGroup)
    with group.make_context("papertrader", ["version"]) as context:
        for name in COMMANDS:
            command = group.get_command(context, name)
            assert command is not None
            names = {option for each in command.params for option in (*each.opts, each.name)}
            assert not {n for n in names if "password" in n or "token" in n}
    options = {option for each in main.params for option in each.opts}
    assert {n for n in options if "password" in n} == {"--password-file"}


def test_commands_open_a_session_beside_the_stored_one(terminal: Terminal) -> None:
    """Each call logs in with the stored token, which stays good, and says GOODBYE."""
    terminal.logged_in()
    for _ in range(2):
        assert terminal.run("portfolio").exit_code == 0
    mechanisms = [body.mechanism for body in terminal.market.bodies(Opcode.LOGIN)]
    assert mechanisms == [Mechanism.PASSWORD] + [Mechanism.SESSION_TOKEN] * 2
    assert all(peer.connection.goodbye.code == Status.OK for peer in terminal.market.peers)


def test_a_second_login_ends_the_first(terminal: Terminal) -> None:
    """The session that the new login replaces does not stay behind on the server."""
    terminal.logged_in()
    first = bytes.fromhex(json.loads(terminal.login_file.read_text())["token"])
    terminal.logged_in()
    second = bytes.fromhex(json.loads(terminal.login_file.read_text())["token"])
    assert second in terminal.market.sessions
    assert first not in terminal.market.sessions


def test_logout_ends_the_session_and_forgets_it(terminal: Terminal) -> None:
    """The remembered session is resumed and ended; the next command is not logged in."""
    terminal.logged_in()
    result = terminal.run("logout")
    assert (result.exit_code, result.stdout) == (0, "Logged out ada.\n")
    assert not terminal.login_file.exists()
    result = terminal.run("portfolio")
    assert result.exit_code == 4
    assert result.stderr.splitlines() == [
        "error: you are not logged in",
        f"hint: log in with: papertrader --state-dir {terminal.state} login NAME",
    ]


def test_a_stored_login_that_ended(terminal: Terminal) -> None:
    """An expired login, or an unreadable file, is exit code 4."""
    terminal.logged_in()
    terminal.market.sessions.clear()
    result = terminal.run("portfolio")
    assert result.exit_code == 4
    assert "no longer valid" in result.stderr
    for content in (
        "",
        "[]",
        '{"user": "ada"}',
        '{"user": "ada", "token": "00", "expires_at": ""}',
    ):
        terminal.login_file.write_text(content)
        assert terminal.run("portfolio").exit_code == 4


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


def test_no_server_is_exit_code_3(terminal: Terminal) -> None:
    """Without a running server: what is wrong and how to start one, before any password."""
    (terminal.state / "run" / "workers.json").unlink()
    for words in (("portfolio",), ("login", "ada"), ("register", "bob")):
        result = terminal.run(*words)
        assert result.exit_code == 3
        assert result.stderr.splitlines() == [
            f"error: no PaperTrader is running for {terminal.state}",
            "hint: start one with: make run (or papertrader up), or name one with"
            " --connect HOST:PORT --ca FILE",
        ]


def test_a_server_that_does_not_answer_is_exit_code_3(terminal: Terminal) -> None:
    """A refused connection names the address."""
    terminal.logged_in()
    terminal.market.refuse_dials = 100
    result = terminal.run("portfolio", "--json")
    assert result.exit_code == 3
    error = json.loads(result.stderr)["error"]
    assert error["code"] == "CONNECTION_LOST"
    assert "127.0.0.1:2049: Connection refused" in error["text"]


def test_being_shut_out_is_told_with_what_to_do(terminal: Terminal) -> None:
    """In no library's words."""
    terminal.logged_in()
    terminal.market.shut_dials = 100
    result = terminal.run("portfolio")
    assert result.exit_code == 3
    assert "the server closed the connection before it began" in result.stderr
    assert "nothing was sent" in result.stderr
    assert "do it again" in result.stderr
    assert "SSL" not in result.stderr


@pytest.mark.parametrize("content", ["", "{}", '{"workers": [], "ca": "x"}', '{"workers": 3}'])
def test_a_broken_run_file(terminal: Terminal, content: str) -> None:
    """What the server left behind cannot be read: exit code 3, no traceback."""
    (terminal.state / "run" / "workers.json").write_text(content)
    assert terminal.run("portfolio").exit_code == 3


def test_another_server_by_address(terminal: Terminal, tmp_path: Path) -> None:
    """--connect and --ca name a server; its login is kept in a file of its own."""
    ca = tmp_path / "ca.pem"
    ca.write_text("unused: the network is replaced")
    words = ("--connect", "[::1]:2050", "--ca", str(ca))
    assert terminal.run(*words, "login", "ada", typed=PASSWORD + "\n").exit_code == 0
    assert (terminal.state / "client" / "_1_2050.json").exists()
    assert not terminal.login_file.exists()
    assert terminal.market.dials[-1] == "[::1]:2050"
    assert terminal.run(*words, "portfolio").exit_code == 0


def test_scripts_use_a_password_file(terminal: Terminal, tmp_path: Path) -> None:
    """--user with --password-file logs in for one call; the first line counts, nothing is kept."""
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\nsecond line\n")
    result = terminal.run("--user", "ada", "--password-file", str(path), "portfolio", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["portfolio"]["cash"] == "100000.00"
    assert not terminal.login_file.exists()
    sent = terminal.market.bodies(Opcode.LOGIN)[0]
    assert (sent.mechanism, sent.remember) == (Mechanism.PASSWORD, False)
    path.write_text("\n")
    assert terminal.run("--user", "ada", "--password-file", str(path), "orders").exit_code == 2


def test_an_unwritable_directory_is_told(terminal: Terminal) -> None:
    """A login that cannot be stored says so in one line."""
    (terminal.state / "client").write_text("a file where the directory should be")
    result = terminal.run("login", "ada", typed=PASSWORD + "\n")
    assert result.exit_code == 4
    assert result.stderr.startswith("error: the login cannot be stored")
    assert terminal.market.sessions == {}


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


def test_workers_that_are_services_are_found(terminal: Terminal) -> None:
    """Nobody lists them: those whose driver lives count, a wildcard is this machine."""
    run = terminal.state / "run"
    (run / "workers.json").unlink()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for number, driver, host in ((1, dead.pid, "127.0.0.1"), (2, os.getpid(), "0.0.0.0")):
        said = {"driver": driver, "host": host, "port": 2047 + 2 * number}
        (run / f"worker-{number}.json").write_text(json.dumps(said))
    (run / "worker-3.json").write_text('{"driver": 1}')
    place = find_place(Invocation(state_dir=terminal.state))
    assert place.workers == (Endpoint("127.0.0.1", 2051),)
    assert place.ca == terminal.state / "tls" / "ca.pem"
    assert "Logged in as ada" in terminal.run("login", "ada", typed=PASSWORD + "\n").stdout
