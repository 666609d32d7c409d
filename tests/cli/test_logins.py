"""Whom the command line logs in, where it keeps that, and which server it finds."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from papertrader.cli.invocation import Invocation
from papertrader.cli.main import COMMANDS, LazyGroup, main
from papertrader.cli.place import find_place
from papertrader.client.endpoints import Endpoint
from papertrader.wire.kinds import Mechanism, Opcode, Status
from tests.terminal_kit import PASSWORD, Terminal, terminal

__all__ = ["terminal"]


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
