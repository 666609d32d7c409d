"""``papertrader sessions``, ``password``, ``key``, and what ``account`` changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from papertrader.wire.kinds import Mechanism, Opcode, Privacy, Scope, Status
from tests.terminal_kit import PASSWORD, Terminal, terminal

__all__ = ["terminal"]

NEXT = "battery staple"


@pytest.fixture
def here(terminal: Terminal) -> Terminal:
    """A terminal at which ada is logged in."""
    return terminal.logged_in()


def test_sessions_are_listed(here: Terminal) -> None:
    """One row each, and which of them is the stored login's and which this command's."""
    result = here.run("sessions")
    assert result.exit_code == 0
    heading, login, command = result.stdout.splitlines()
    assert heading.split()[0] == "session"
    assert "command line" in login
    assert "127.0.0.1" in login
    assert command.endswith("this command")
    content = json.loads(here.run("sessions", "--json").stdout)
    assert [row["current"] for row in content["sessions"]] == [False, False, True]


def test_a_session_is_revoked(here: Terminal) -> None:
    """By the number of the list; one that is none is refused, with where to look."""
    number = json.loads(here.run("sessions", "--json").stdout)["sessions"][0]["session_id"]
    result = here.run("sessions", "--revoke", str(number))
    assert (result.exit_code, result.stdout) == (0, f"Session {number} is ended.\n")
    assert here.run("sessions").exit_code == 4


def test_a_session_that_is_none(here: Terminal) -> None:
    """Refused, with where to look; a number that cannot be one is wrong usage."""
    result = here.run("sessions", "--revoke", "999")
    assert result.exit_code == 1
    assert "hint: see your sessions with: papertrader" in result.stderr
    assert here.run("sessions", "--revoke", "0").exit_code == 2


def test_the_password_is_changed_and_the_login_goes_on(here: Terminal) -> None:
    """The stored login is the new session's; neither password is shown or stored."""
    before = json.loads(here.login_file.read_text())["token"]
    result = here.run("password", typed=f"{PASSWORD}\n{NEXT}\n")
    assert result.exit_code == 0
    assert result.stdout == "The password of ada is changed. Other sessions ended: 1.\n"
    stored = json.loads(here.login_file.read_text())
    assert stored["user"] == "ada"
    assert stored["token"] != before
    for password in (PASSWORD, NEXT):
        assert password not in result.output + here.login_file.read_text()
    assert here.run("portfolio").exit_code == 0
    assert here.market.accounts["ada"].password == NEXT


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("wrong password\n" + NEXT + "\n", 1),
        (PASSWORD + "\nshort\n", 2),
        (PASSWORD + "\n", 2),
        ("", 2),
    ],
)
def test_a_password_that_is_not_changed(here: Terminal, typed: str, code: int) -> None:
    """The stored login stays as it is, and no session is left behind."""
    before = here.login_file.read_text()
    living = set(here.market.sessions)
    result = here.run("password", typed=typed)
    assert result.exit_code == code
    assert here.login_file.read_text() == before
    assert set(here.market.sessions) == living
    assert here.run("portfolio").exit_code == 0


def test_the_password_of_another_user_at_this_terminal(here: Terminal, tmp_path: Path) -> None:
    """With --user the stored login is left alone."""
    here.market.add("bob", PASSWORD)
    before = here.login_file.read_text()
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    options = ("--user", "bob", "--password-file", str(file))
    result = here.run(*options, "--json", "password", typed=NEXT + "\n")
    assert json.loads(result.stdout) == {"schema": 1, "ended": 0}
    assert here.market.accounts["bob"].password == NEXT
    assert here.login_file.read_text() == before


def test_a_key_is_made_shown_once_used_and_revoked(here: Terminal, tmp_path: Path) -> None:
    """Alone on stdout, so that it can go into a file; a program logs in with that file."""
    made = here.run("key", "create", "my bot", "--trade", "--days", "30")
    assert made.exit_code == 0
    credential = made.stdout.strip()
    assert len(credential) == 80
    assert "API key 1 may trade until " in made.stderr
    listed = here.run("key", "list")
    assert "my bot" in listed.stdout
    assert credential not in listed.output
    file = tmp_path / "key"
    file.write_text(made.stdout)
    assert here.run("--key-file", str(file), "portfolio").exit_code == 0
    login = here.market.bodies(Opcode.LOGIN)[-1]
    assert (login.mechanism, login.username) == (Mechanism.API_KEY, "")
    revoked = here.run("key", "revoke", "1")
    assert revoked.stdout == "API key 1 is void. Sessions ended: 0.\n"
    assert here.run("--key-file", str(file), "portfolio").exit_code == 1
    refused = here.run("key", "revoke", "1")
    assert refused.exit_code == 1
    assert "key list" in refused.stderr


def test_keys_as_json(here: Terminal) -> None:
    """The credential stands in the answer of the command that made it, and in no other."""
    made = json.loads(here.run("--json", "key", "create", "bot").stdout)
    assert made["api_key"]["scope"] == Scope.READ.name
    assert len(made["credential"]) == 80
    (row,) = json.loads(here.run("key", "list", "--json").stdout)["api_keys"]
    assert (row["key"], row["label"], row["expires_at"]) == (1, "bot", None)


@pytest.mark.parametrize(
    ("words", "scope", "session"),
    [
        ((), Scope.READ, Scope.TRADE),
        (("--trade",), Scope.TRADE, Scope.TRADE),
        (("--host",), Scope.HOST, Scope.HOST),
        (("--admin",), Scope.ADMIN, Scope.ADMIN),
    ],
)
def test_a_key_of_every_scope(
    here: Terminal, words: tuple[str, ...], scope: Scope, session: Scope
) -> None:
    """The session that makes it asks for as much as the key is to have."""
    assert here.run("key", "create", "bot", *words).exit_code == 0
    assert here.market.bodies(Opcode.APIKEY_CREATE)[-1].scope == scope
    assert here.market.bodies(Opcode.LOGIN)[-1].scope == session


def test_a_login_that_only_looks(here: Terminal) -> None:
    """The scope READ for later commands; several at once are wrong usage."""
    done = here.run("login", "--read-only", "ada", typed=PASSWORD + "\n")
    assert done.exit_code == 0
    assert here.market.bodies(Opcode.LOGIN)[-1].scope == Scope.READ
    assert here.run("login", "--read-only", "--admin", "ada").exit_code == 2


def test_keys_that_cannot_be_made(here: Terminal) -> None:
    """A label that is none is wrong usage; too many keys say what to do."""
    assert here.run("key", "create", "").exit_code == 2
    assert here.run("key", "create", "x" * 65).exit_code == 2
    assert "exclude" in here.run("key", "create", "bot", "--trade", "--admin").stderr
    here.market.plan(Opcode.APIKEY_CREATE, Status.TOO_MANY_KEYS)
    result = here.run("key", "create", "bot")
    assert result.exit_code == 1
    assert "key revoke KEY" in result.stderr


def test_an_account_is_shown_or_hidden(here: Terminal) -> None:
    """--public shows everything that can be shown, --private nothing; the e-mail goes alone."""
    account = here.market.accounts["ada"]
    shown = here.run("account", "--public", "--email", "ada@example.org")
    assert shown.exit_code == 0
    assert account.privacy == sum(Privacy)
    assert "portfolio public, history public, listed" in shown.stdout
    assert "ada@example.org" in shown.stdout
    assert here.run("account", "--email", "").exit_code == 0
    assert (account.privacy, account.email) == (sum(Privacy), "")
    assert here.run("account", "--private").exit_code == 0
    assert account.privacy == 0
    before = len(here.market.seen(Opcode.ACCOUNT_UPDATE))
    assert here.run("account").exit_code == 0
    assert here.run("account", "bob", "--public").exit_code == 2
    assert len(here.market.seen(Opcode.ACCOUNT_UPDATE)) == before


def test_another_users_portfolio_and_history(here: Terminal) -> None:
    """--of NAME; a name that cannot be one is wrong usage."""
    bob = here.market.add("bob", PASSWORD)
    for command in ("portfolio", "history"):
        assert here.run(command, "--of", "bob").exit_code == 1
        assert here.run(command, "--of", "b b").exit_code == 2
    bob.privacy = int(Privacy.PORTFOLIO_PUBLIC | Privacy.HISTORY_PUBLIC)
    for command in ("portfolio", "history"):
        assert here.run(command, "--of", "bob").exit_code == 0
