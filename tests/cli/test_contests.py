"""``papertrader contest``: made, joined, ranked, written to a file and counted again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from papertrader.wire.kinds import Opcode, Scope
from tests.core.conftest import floor
from tests.core.test_contests import cup, played
from tests.terminal_kit import Terminal, terminal

__all__ = ["cup", "floor", "played", "terminal"]


def test_a_contest_from_the_command_line(terminal: Terminal) -> None:
    """Its terms by the options of `portfolio terms`; times are market time."""
    assert "no contests yet" in terminal.logged_in().run("contest", "list").stdout
    made = terminal.run(
        "contest", "create", "cup", "--ends", "2010-02-01", "--join-until", "2010-01-15T12:00",
        "--cash", "1,000", "--fees", "percent", "--fee-rate", "0.001", "--asset", "AAPL",
    )  # fmt: skip
    assert made.exit_code == 0, made.stderr
    assert "1 (cup), by ada" in made.stdout
    assert made.stderr.endswith(" contest join 1\n")
    assert "fee model percent, fee rate 0.001, assets AAPL" in made.stdout
    assert terminal.market.bodies(Opcode.LOGIN)[-1].scope == Scope.HOST
    joined = terminal.run("contest", "join", "1")
    assert joined.stdout.startswith("You have entered cup with portfolio 7: 1,000.00 USD.")
    assert "cup" in terminal.run("contest", "list").stdout
    shown = json.loads(terminal.run("contest", "show", "1", "--json").stdout)
    assert shown["contest"]["terms"]["fee_rate"] == 100_000
    ranks = terminal.run("contest", "standings", "1", "--by-risk").stdout
    assert "10.00 %" in ranks
    assert "risk-adjusted" in ranks
    assert "risk-adjusted" not in terminal.run("contest", "standings", "1").stdout
    assert "provisional, at" in ranks
    assert terminal.run("contest", "join", "9").exit_code == 1


@pytest.mark.parametrize(
    "words",
    [
        ("contest", "create", "cup"),
        ("contest", "create", "cup", "--ends", "soon"),
        ("contest", "create", "cup", "--ends", "2010-02-01", "--participation", "0"),
        ("contest", "join", "0"),
    ],
)
def test_what_cannot_be_asked(terminal: Terminal, words: tuple[str, ...]) -> None:
    """One line, exit code 2, and nothing is sent."""
    assert terminal.logged_in().run(*words).exit_code == 2
    assert terminal.market.bodies(Opcode.CONTEST_CREATE) == []


def test_a_file_is_fetched(terminal: Terminal, tmp_path: Path) -> None:
    """Octet for octet; a place that cannot be written is one line; nothing is overwritten."""
    target = tmp_path / "cup.jsonl"
    done = terminal.logged_in().run("contest", "export", "1", str(target))
    assert done.exit_code == 0
    assert target.read_bytes() == bytes(range(150))
    assert terminal.run("contest", "export", "1", str(tmp_path / "no" / "f")).exit_code == 2
    target.write_bytes(b"another")
    again = terminal.run("contest", "export", "1", str(target))
    assert (again.exit_code, target.read_bytes()) == (2, b"another")
    assert "exists already" in again.stderr


def test_a_file_is_verified_without_a_server(
    terminal: Terminal, played: Any, tmp_path: Path
) -> None:
    """Exit code 0 and the ranks; 1 with what is wrong; and what is no file at all."""
    good, bad, none = (tmp_path / name for name in ("good", "bad", "none"))
    good.write_bytes(played)
    bad.write_bytes(played.replace(b"user1", b"user9"))
    none.write_bytes(b"nothing")
    done = terminal.run("contest", "verify", str(good))
    assert done.exit_code == 0, done.stdout
    assert "2 entries, 5 transactions counted again: all agree" in done.stdout
    wrong = terminal.run("contest", "verify", str(bad))
    assert wrong.exit_code == 1
    assert "wrong: the file was changed" in wrong.stdout
    assert json.loads(terminal.run("contest", "verify", str(bad), "--json").stdout)["problems"]
    assert terminal.run("contest", "verify", str(none)).exit_code == 1
    assert terminal.market.bodies(Opcode.LOGIN) == []
