"""The command line against a whole server in memory: passwords of lately, and what orders have."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

import attrs
import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from papertrader.cli import access
from papertrader.cli.invocation import Invocation
from papertrader.cli.main import main
from papertrader.client.access_commands import FactorSetup
from papertrader.client.blocking import Client
from papertrader.client.errors import SessionEnded
from papertrader.core.instants import SECOND
from papertrader.testing import PASSWORD, Market
from papertrader.wire import limits


@attrs.define
class Shell:
    """A user's shell beside a market in memory; ``phone`` is another login of the account."""

    market: Market
    state: Path
    phone: Client

    def run(self, *words: str, typed: str = "") -> Result:
        """Type a command."""
        invocation = Invocation(
            dial=self.market._dial,
            now_ns=self.market.clock.wall_ns,
            sleep=self.market.advance,
            randbits=Random(1).getrandbits,
            program="papertrader",
        )
        words = ("--state-dir", str(self.state), *words)
        return CliRunner().invoke(main, words, obj=invocation, input=typed)

    def later(self) -> None:
        """Let so much time pass that the password was shown long ago."""
        self.market.advance(limits.PROOF_S + 1)

    def codes(self) -> list[str]:
        """Set the second factor up from the phone; return the recovery codes."""
        seed = self.phone.totp_setup(PASSWORD).seed
        return list(self.phone.totp_enable(self.code(seed)))

    def code(self, seed: str) -> str:
        """Return what an authenticator shows now."""
        key = base64.b32decode(seed + "=" * (-len(seed) % 8))
        now = self.market.clock.wall_ns() // SECOND
        return TOTP(key, 6, SHA1(), 30).generate(now).decode()

    def sessions(self) -> int:
        """How many there are, without the one that asks."""
        return len(json.loads(self.run("sessions", "--json").stdout)["sessions"]) - 1


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A shell at which ann is logged in, as on her phone."""
    state = tmp_path / "state"
    (state / "run").mkdir(parents=True)
    content = {"workers": ["127.0.0.1:2049"], "ca": str(tmp_path / "ca.pem")}
    (state / "run" / "workers.json").write_text(json.dumps(content))
    with Market() as market:
        made = Shell(market, state, market.client("ann"))
        assert made.run("login", "ann", typed=f"{PASSWORD}\n").exit_code == 0
        yield made


def test_the_password_is_asked_for_when_it_is_long_ago(shell: Shell) -> None:
    """For another address, and to end sessions; soon after the login it is not."""
    assert shell.run("account", "own", "--email", "ann@example.org").exit_code == 0
    shell.later()
    email = ("account", "own", "--email", "ann@example.com")
    silent = shell.run(*email)
    assert (silent.exit_code, "there is no password" in silent.stderr) == (2, True)
    assert shell.run(*email, typed="a wrong one\n").exit_code == 1
    good = shell.run(*email, typed=f"{PASSWORD}\n")
    assert (good.exit_code, "ann@example.com" in good.stdout) == (0, True)
    assert shell.run("account", "own", "--public").exit_code == 0
    assert shell.sessions() == 2
    ended = shell.run("sessions", "--revoke-others", typed=f"{PASSWORD}\n")
    assert (ended.exit_code, ended.stdout) == (0, "Other sessions ended: 1.\n")
    assert shell.sessions() == 1
    with pytest.raises(SessionEnded):
        shell.phone.account()


def test_a_key_needs_it_too(shell: Shell) -> None:
    """With the scope that was wished; and none is made by who does not know the password."""
    shell.later()
    made = ("key", "create", "bot", "--trade")
    assert shell.run(*made, typed="a wrong one\n").exit_code == 1
    assert json.loads(shell.run("key", "list", "--json").stdout)["api_keys"] == []
    good = shell.run(*made, "--json", typed=f"{PASSWORD}\n")
    assert json.loads(good.stdout)["api_key"]["scope"] == "TRADE"


def test_a_second_factor_is_asked_for_too(shell: Shell) -> None:
    """Where there is one."""
    codes = shell.codes()
    shell.later()
    one = json.loads(shell.run("sessions", "--json").stdout)["sessions"][0]["session_id"]
    ended = shell.run("sessions", "--revoke", str(one), typed=f"{PASSWORD}\n{codes[0]}\n")
    assert (ended.exit_code, ended.stdout) == (0, f"Session {one} is ended.\n")


def test_a_changed_second_factor_may_end_the_other_sessions(shell: Shell) -> None:
    """By an option; without one it is said how."""
    codes = shell.codes()
    off = shell.run("totp", "off", typed=f"{codes[0]}\n")
    assert off.stdout == "The second factor is off.\n"
    assert "to end them: papertrader" in off.stderr
    assert off.stderr.rstrip().endswith("sessions --revoke-others")
    codes = shell.codes()
    assert shell.run("totp", "off", "--keep-others", typed=f"{codes[0]}\n").stderr == ""
    assert shell.sessions() == 2
    codes = shell.codes()
    gone = shell.run("totp", "off", "--end-others", "--json", typed=f"{codes[0]}\n")
    assert json.loads(gone.stdout)["ended"] == 1
    assert shell.sessions() == 1
    with pytest.raises(SessionEnded):
        shell.phone.account()


def test_a_code_that_is_not_good_is_no_wrong_password(shell: Shell) -> None:
    """Who is asked for a code typed the right password: the name is not doubted."""
    codes = shell.codes()
    assert shell.run("login", "ann", typed=f"{PASSWORD}\n{codes[0]}\n").exit_code == 0
    for words in (("login", "ann"), ("account", "close", "--yes")):
        spent = shell.run(*words, typed=f"{PASSWORD}\n{codes[0]}\n")
        assert spent.exit_code == 1
        assert "error: That code is not good, or not any more." in spent.stderr
        assert "hint: each is good once" in spent.stderr
    wrong = shell.run("login", "ann", typed="no password\n")
    assert "hint: check the name and the password" in wrong.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_login_by_root_is_the_owners(shell: Shell) -> None:
    """Who else has to use the directory can log in there afterwards; a link is not followed."""
    shutil.rmtree(shell.state / "client")
    os.chown(shell.state, 4321, 4321)
    elsewhere = shell.state.parent / "elsewhere"
    for _ in range(2):
        assert shell.run("login", "ann", typed=f"{PASSWORD}\n").exit_code == 0
        login = next((shell.state / "client").iterdir())
        assert {each.stat().st_uid for each in (login.parent, login)} == {4321}
    elsewhere.mkdir()
    shutil.rmtree(shell.state / "client")
    (shell.state / "client").symlink_to(elsewhere)
    assert shell.run("login", "ann", typed=f"{PASSWORD}\n").exit_code == 0
    assert elsewhere.stat().st_uid == 0


def test_who_closes_an_account_is_asked_whose(shell: Shell) -> None:
    """Before anything is done; an operator sees the name."""
    mine = shell.run("account", "close", typed="n\n")
    assert "Close your account for ever?" in mine.stderr
    assert "question was not answered with yes" in mine.stderr
    assert "Close the account of bob for ever?" in shell.run("account", "close", "bob").stderr


def test_a_mistyped_first_code_is_asked_for_again(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The seed is in the device already; three wrong ones are enough, and no name is doubted."""
    wrong = shell.run("totp", "setup", typed=f"{PASSWORD}\nx00000\nx00000\nx00000\n1\n")
    assert wrong.exit_code == 1
    assert wrong.stderr.count("Type the newest one.") == 2
    assert "hint: type the newest code" in wrong.stderr
    short = shell.run("totp", "setup", typed=f"{PASSWORD}\nx00000\n")
    assert (short.exit_code, "error: there is no" in short.stderr) == (1, False)
    seeds: list[str] = []
    asked = Client.totp_setup

    def setup(self: Client, password: str) -> FactorSetup:
        made = asked(self, password)
        seeds.append(made.seed)
        return made

    codes = iter(["x00000"])
    monkeypatch.setattr(Client, "totp_setup", setup)
    monkeypatch.setattr(access, "ask_secret", lambda _: next(codes, "") or shell.code(seeds[0]))
    right = shell.run("totp", "setup", "--keep-others", typed=f"{PASSWORD}\n")
    assert (right.exit_code, right.stderr.count("Type the newest one.")) == (0, 1)


def test_a_trailing_stop_is_listed_with_its_distance(shell: Shell) -> None:
    """Not only with where it stands at present."""
    for number, trail in ((1, "3%"), (2, "2.50")):
        words = ("--trail", trail, "--gtc", "--wait", "0", "--client-order-id", str(number))
        sent = shell.run("buy", "BRKF", "1", *words)
        assert sent.exit_code == 0, sent.stderr
    listed = shell.run("orders").stdout.splitlines()
    assert ", trails 3%" in listed[1]
    assert ", trails 2.50" in listed[2]
