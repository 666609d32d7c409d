"""The likely mistakes: one line that says what is wrong, one that says what to do, no traceback."""

from __future__ import annotations

import errno
import json
import ssl
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from papertrader.cli.main import COMMANDS, MEANT, main
from papertrader.cli.problems import EXIT_BUG, EXIT_USAGE, _problem_of
from papertrader.wire.kinds import Opcode, Status
from tests.terminal_kit import PASSWORD, Terminal, terminal

__all__ = ["terminal"]

REFUSED, USAGE, CONNECT, LOGIN = 1, 2, 3, 4


def _symbols(count: int) -> str:
    return " ".join(f"S{number}" for number in range(count))


MISTAKES = [
    ("a deposit of less than 0", "portfolio deposit -5", USAGE, "less than 0", "deposit --help"),
    ("a step back in time", "clock step -1d", USAGE, "less than 0", "clock step --help"),
    ("a symbol that there is not", "quote NOPE", REFUSED, "symbol", "assets"),
    ("buying what there is not", "buy NOPE 1", REFUSED, "symbol", "assets"),
    ("watching what there is not", "watch NOPE", REFUSED, "symbol", "assets"),
    ("no quantity", "buy AAPL", USAGE, "QUANTITY", "buy --help"),
    ("a quantity in words", "buy AAPL ten", USAGE, "'ten'", "buy --help"),
    ("too many decimals", "buy AAPL 1.123456789", USAGE, "8 decimals", "buy --help"),
    ("no such day", "bars AAPL --from 2010-13-01", USAGE, "not a date", "bars --help"),
    ("a day in words", "history --from yesterday", USAGE, "2010-01-31", "history --help"),
    ("a day before 1970", "history --from 1800-01-01", USAGE, "1970-01-01", "history --help"),
    ("a day after 2262", "bars AAPL --to 9999-12-31", USAGE, "2262-04-11", "bars --help"),
    (
        "too many symbols",
        f"quote {' '.join(f'S{n}' for n in range(65))}",
        USAGE,
        "64",
        "quote --help",
    ),
    (
        "too many to watch",
        f"watch {' '.join(f'S{n}' for n in range(513))}",
        USAGE,
        "512",
        "watch --h",
    ),
    ("a period before 1970", "performance --from 1900-01-01", USAGE, "1970", "performance --help"),
    ("a clock before 1970", "clock jump 1800-01-01", USAGE, "1970", "clock jump --help"),
    (
        "an order until after 2262",
        "buy AAPL 1 --limit 5 --tif gtd --until 2500-01-01",
        USAGE,
        "2262-04-11",
        "buy --help",
    ),
    (
        "an alert before 1970",
        "alert add AAPL above 1 --expires 1800-01-01",
        USAGE,
        "1970",
        "alert add --help",
    ),
    (
        "a fork of before 1970",
        "portfolio fork x --at 1800-01-01",
        USAGE,
        "1970",
        "portfolio fork --help",
    ),
    (
        "an option of the program behind a command",
        "login ada --password-file x",
        USAGE,
        "--password-file",
        " --password-file ... login",
    ),
    ("a wrong key", "--key-file {wrong} portfolio", REFUSED, "wrong", "key create"),
    (
        "days the wrong way round",
        "bars AAPL --from 2010-02-01 --to 2010-01-01",
        USAGE,
        "comes after",
        "earlier",
    ),
    ("no portfolio has this number", "portfolio --portfolio 0", USAGE, "x>=1", "portfolio --help"),
    ("a number beyond all", f"receipt {2**64}", USAGE, "too large", "receipt --help"),
    ("a list that there is not", "watchlist show nope", REFUSED, "watchlist", "watchlist list"),
    ("an interval that there is not", "chart AAPL --interval 3m", USAGE, "'1mo'", "chart --help"),
    ("a typing error in a command", "byu AAPL 1", USAGE, "no command 'byu'", "papertrader buy"),
    ("another program's word", "positions", USAGE, "'positions'", "papertrader portfolio"),
    ("a typing error after a command", "log tail", USAGE, "'tail'", "log --help"),
    ("a wrong global option", "--debg quote AAPL", USAGE, "--debg", "--help"),
    ("a directory left empty", "--state-dir= quote AAPL", USAGE, "it is empty", "--help"),
    ("a wrong option", "clock --sped 5", USAGE, "--sped", "clock --help"),
    ("an order that there is not", "cancel 99", REFUSED, "order", "orders --all"),
    ("an order in words", "cancel first", USAGE, "not a whole number", "cancel --help"),
    ("a receipt of nothing", "receipt 99", REFUSED, "order", "orders --all"),
    ("nothing to change", "replace 1", USAGE, "--quantity", "replace --help"),
    ("too much on the line", "portfolio terms 7", USAGE, "(7)", "terms --help"),
    ("an argument left out", "bars", USAGE, "SYMBOL", "bars --help"),
    ("a wrong choice", "buy AAPL 1 --tif forever", USAGE, "'gtc'", "buy --help"),
    ("a wrong option of an order", "buy AAPL 1 --no-wait", USAGE, "--no-wait", "buy --help"),
    ("an option spelled wrongly", "sell AAPL 1 --limt 5", USAGE, "--limit", "sell --help"),
    ("a tag of several lines", "buy AAPL 1 --tag \a", USAGE, "printable", "buy --help"),
    ("a close of nothing", "close IBM", REFUSED, "IBM", "refusals 41"),
    ("a contest that there is not", "contest join 9", REFUSED, "contest", "contest list"),
    (
        "an address without its CA",
        "--connect 127.0.0.1:2049 quote AAPL",
        USAGE,
        "--ca",
        "--ca FILE",
    ),
    ("a CA that there is not", "--connect h:1 --ca /none quote AAPL", USAGE, "/none", "tls/ca.pem"),
    ("a port in words", "--connect h:x --ca {ca} quote AAPL", USAGE, "h:x", "example:2049"),
    ("no login there", "--connect h:1 --ca {ca} quote AAPL", LOGIN, "not logged in", "login NAME"),
    ("another directory", "--state-dir /none quote AAPL", CONNECT, "/none", "papertrader up"),
    ("no password file", "--password-file /none login ada", USAGE, "/none", "first line"),
    ("a wrong password", "--password-file {wrong} login ada", REFUSED, "password", "register NAME"),
    ("a user alone", "--user ada quote AAPL", USAGE, "--password-file", "command line"),
    (
        "a place that cannot be written",
        "export orders --output /none/x.csv",
        USAGE,
        "/none",
        "directory",
    ),
]


def told(stderr: str) -> tuple[str, str]:
    """Return the error and the hint, which are all that there is."""
    assert "Traceback" not in stderr
    lines = stderr.splitlines()
    assert len(lines) == 2, stderr
    assert lines[0].startswith("error: ")
    assert lines[1].startswith("hint: ")
    return lines[0], lines[1]


@pytest.mark.parametrize(
    ("line", "code", "error", "hint"), [each[1:] for each in MISTAKES], ids=[m[0] for m in MISTAKES]
)
def test_a_mistake_is_told_with_what_to_do(
    terminal: Terminal, tmp_path: Path, line: str, code: int, error: str, hint: str
) -> None:
    """By a person's words and by the exit code; with --json before it, as one object."""
    terminal.logged_in()
    wrong = tmp_path / "wrong"
    wrong.write_text("not the password\n")
    (tmp_path / "ca.pem").write_text("")
    words = line.format(ca=tmp_path / "ca.pem", wrong=wrong).split()
    result = terminal.run(*words)
    assert result.exit_code == code
    first, second = told(result.stderr)
    assert error in first
    assert hint in second
    assert result.stdout == ""
    again = terminal.run("--json", *words)
    assert again.exit_code == code
    content = json.loads(again.stderr)["error"]
    assert [f"error: {content['text']}", f"hint: {content['hint']}"] == [first, second]


def test_a_question_that_nobody_answers(terminal: Terminal) -> None:
    """Nothing is done, and it is told how to answer before; a person's Ctrl-C is another thing."""
    result = terminal.logged_in().run("portfolio", "reset")
    assert result.exit_code == USAGE
    question, *rest = result.stderr.splitlines()
    assert question.startswith("Close everything in your first portfolio")
    first, second = told("\n".join(rest))
    assert "nothing was done" in first
    assert "--yes" in second
    assert terminal.market.bodies(Opcode.PORTFOLIO_RESET) == []


def test_a_login_that_has_ended(terminal: Terminal) -> None:
    """Exit code 4, and how to log in again."""
    terminal.logged_in()
    terminal.market.plan(Opcode.LOGIN, Status.AUTH_FAILED)
    result = terminal.run("portfolio")
    assert result.exit_code == LOGIN
    assert "login NAME" in told(result.stderr)[1]


def test_no_server(terminal: Terminal) -> None:
    """Exit code 3, and how to start one."""
    terminal.logged_in()
    (terminal.state / "run" / "workers.json").unlink()
    result = terminal.run("portfolio")
    assert result.exit_code == CONNECT
    assert "papertrader up" in told(result.stderr)[1]


def test_a_certificate_of_another_authority(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is told to start a server that runs: the options that name its authority are."""
    terminal.logged_in()
    words = ["self-signed certificate"]

    def dial(endpoint: object) -> None:
        error = ssl.SSLCertVerificationError(1, "certificate verify failed")
        error.verify_message = words[-1]
        raise error

    monkeypatch.setattr(terminal.market, "dial", dial)
    result = terminal.run("portfolio")
    assert result.exit_code == CONNECT
    error, hint = told(result.stderr)
    assert "not to be trusted: self-signed" in error
    assert "--ca" in hint
    assert "start one" not in hint
    words.append("certificate is not yet valid")
    error, hint = told(terminal.run("portfolio").stderr)
    assert "not to be trusted: certificate is not yet valid" in error
    assert "clocks" in hint
    assert "--ca" not in hint


@pytest.mark.parametrize(
    ("words", "module", "extra"),
    [
        (("tui",), "textual", "[tui]"),
        (("report", "--png", "x.png"), "matplotlib", "[report]"),
    ],
    ids=["tui", "report"],
)
def test_an_extra_that_is_not_installed(
    terminal: Terminal,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    module: str,
    extra: str,
) -> None:
    """What to install."""
    terminal.logged_in()
    for name in [
        n for n in sys.modules if n.startswith(("papertrader.cli.terminal", "matplotlib"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    result = terminal.run(*words)
    assert result.exit_code == USAGE
    assert extra in told(result.stderr)[1]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("orders", "No order is open"),
        ("orders --all --symbol IBM", "There are no orders of IBM."),
        ("alert list", "You have no alerts."),
        ("watchlist list", "no watchlists; make one"),
        ("key list", "No API keys; make one"),
        ("contest list", "There are no contests yet."),
        ("assets ZZZ", "No symbol or name begins with ZZZ."),
    ],
)
def test_where_there_is_nothing_that_is_said(terminal: Terminal, line: str, said: str) -> None:
    """A sentence, not the headings of a table alone; a program gets an empty list."""
    result = terminal.logged_in().run(*line.split())
    assert (result.exit_code, result.stdout.startswith(said)) == (0, True), result.output
    (listed,) = [
        each
        for each in json.loads(terminal.run("--json", *line.split()).stdout).values()
        if isinstance(each, list)
    ]
    assert listed == []


def test_a_backup_where_it_cannot_be(tmp_path: Path) -> None:
    """What to name instead; no name of a file that was never asked for."""
    (tmp_path / "truth.db").touch()
    here = ["--state-dir", str(tmp_path)]
    done = CliRunner().invoke(main, ["backup", "/none/x.db", *here])
    assert done.stderr == "error: there is no directory /none; name a file in one that there is\n"
    done = CliRunner().invoke(main, ["restore", "/none/x.db", *here])
    assert done.stderr.endswith(
        "there is no /none/x.db; name a file that papertrader backup made\n"
    )


def test_a_file_that_cannot_be_used_is_no_mistake_of_the_program() -> None:
    """Which one, and why; and a full disk, which names none."""
    said = _problem_of(PermissionError(errno.EACCES, "Permission denied", "/root/x"), False, False)
    assert (said.code, said.text) == ("FILE_UNUSABLE", "/root/x: Permission denied")
    full = _problem_of(OSError(errno.ENOSPC, "No space left on device"), False, False)
    assert (full.text, full.exit_code) == ("No space left on device", EXIT_USAGE)
    assert _problem_of(OSError(errno.EPROTO, "odd"), False, False).exit_code == EXIT_BUG


def test_a_group_by_itself_shows_what_there_is(terminal: Terminal) -> None:
    """As help, on the error's channel; a program gets an error."""
    result = terminal.run("contest")
    assert result.exit_code == USAGE
    assert "standings" in result.stderr
    assert len(result.stderr.splitlines()) > 5
    result = terminal.run("--json", "contest")
    assert json.loads(result.stderr)["error"]["text"] == "which command?"


def test_what_is_meant_is_there() -> None:
    """A hint never leads to what there is not."""
    assert set(MEANT.values()) <= {*COMMANDS, "--help"}
    assert not set(MEANT) & set(COMMANDS)


@pytest.mark.parametrize(
    ("words", "opcode", "status", "hint"),
    [
        (("portfolio", "correct", "9", "5", "--reason", "x"), Opcode.PORTFOLIO_CORRECT,
         Status.NO_SUCH_PORTFOLIO, "its owner sees the numbers with: "),
        (("portfolio", "correct", "1", "--reason", "x", "--", "-5"), Opcode.PORTFOLIO_CORRECT,
         Status.INSUFFICIENT_CASH, "its owner sees the cash with: "),
        (("portfolio", "--of", "bob", "--portfolio", "9"), Opcode.PORTFOLIO_GET,
         Status.NO_SUCH_PORTFOLIO, "its owner sees the numbers with: "),
        (("portfolio", "--portfolio", "9"), Opcode.PORTFOLIO_GET,
         Status.NO_SUCH_PORTFOLIO, "see your portfolios with: "),
        (("account", "bob"), Opcode.ACCOUNT_GET,
         Status.NO_SUCH_ACCOUNT, "its owner lets others see it with: "),
    ],
)  # fmt: skip
def test_of_what_is_another_users_the_hint_speaks_of_its_owner(
    terminal: Terminal, words: tuple[str, ...], opcode: Opcode, status: Status, hint: str
) -> None:
    """Whoever asks cannot do anything about it with commands of their own."""
    assert terminal.run("login", "--admin", "ada", typed=PASSWORD + "\n").exit_code == 0
    terminal.market.plan(opcode, status)
    result = terminal.run(*words)
    assert result.exit_code == REFUSED
    assert f"hint: {hint}" in result.stderr


@pytest.mark.parametrize(
    ("words", "opcode", "status", "hint"),
    [
        ("buy AAPL 1", Opcode.ORDER_NEW, Status.PORTFOLIO_FROZEN, "portfolio thaw --portfolio 4"),
        ("buy AAPL 1", Opcode.ORDER_NEW, Status.INSUFFICIENT_CASH, "portfolio --portfolio 4"),
        ("cancel 9", Opcode.ORDER_CANCEL, Status.NO_SUCH_ORDER, "orders --all --portfolio 4"),
    ],
)
def test_a_hint_is_about_the_portfolio_that_was_named(
    terminal: Terminal, words: str, opcode: Opcode, status: Status, hint: str
) -> None:
    """What to type next is not about the first one; without the option it is."""
    terminal.logged_in()
    terminal.market.plan(opcode, status, status)
    told = terminal.run(*words.split(), "--portfolio", "4").stderr
    assert f" {hint}" in told
    assert hint.removesuffix(" --portfolio 4") in (first := terminal.run(*words.split()).stderr)
    assert "--portfolio 4" not in first


def test_an_amount_that_no_frame_holds_is_out_of_range(terminal: Terminal) -> None:
    """Eleven digits may be written, but not all of them can be sent."""
    result = terminal.logged_in().run("buy", "AAPL", "99999999999")
    assert result.exit_code == USAGE
    assert "'99999999999' is out of range; it is at most 92233720368.54775807" in result.stderr
