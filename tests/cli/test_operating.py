"""``papertrader stats``, ``drain`` and ``admin``: what operators type."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from papertrader.cli.invocation import state_dir_option
from papertrader.cli.main import _OWN_STATE_DIR, main
from papertrader.wire.kinds import DrainMode, Opcode, Scope, Status
from tests.master_kit import MasterKit
from tests.terminal_kit import PASSWORD, Terminal, terminal

__all__ = ["terminal"]


@pytest.fixture
def operator(terminal: Terminal) -> Terminal:
    """A terminal whose stored login has scope ADMIN."""
    assert terminal.run("login", "--admin", "ada", typed=PASSWORD + "\n").exit_code == 0
    assert terminal.market.bodies(Opcode.LOGIN)[0].scope == Scope.ADMIN
    return terminal


def test_stats_as_a_table_and_as_json(operator: Terminal) -> None:
    """Each counter with whose it is."""
    lines = operator.run("stats").stdout.splitlines()
    assert lines[1].split() == ["master", "accounts", "1"]
    assert lines[2].split() == ["worker", "3", "rtt_us", "1,234"]
    found = json.loads(operator.run("--json", "stats").stdout)
    assert found["stats"][1] == {"worker": 3, "name": "rtt_us", "value": 1_234}


def test_drain_says_what_was_ordered(operator: Terminal) -> None:
    """Mode and deadline go to the server."""
    result = operator.run("drain", "3", "--deadline", "5")
    assert result.stdout == ("worker 3 is drained (move); it has 12 clients at this moment\n")
    assert operator.run("worker", "ls").stdout.splitlines()[1].split()[3:5] == ["yes", "yes"]
    assert json.loads(operator.run("--json", "worker", "ls").stdout)["workers"][0]["drained"]
    assert json.loads(operator.run("--json", "worker", "show", "3").stdout)["worker"]["drained"]
    (sent,) = operator.market.bodies(Opcode.WORKER_CONTROL)
    assert (sent.worker_id, sent.mode, sent.deadline_ms) == (3, DrainMode.MOVE, 5_000)
    assert "back in service" in operator.run("drain", "worker-3", "--mode", "off").stdout
    assert operator.run("worker", "ls").stdout.splitlines()[1].split()[3:5] == ["yes", "no"]
    assert "there are: worker-3, far" in operator.run("drain", "nobody").stderr
    content = json.loads(operator.run("--json", "drain", "3", "--mode", "boot").stdout)
    assert content["drained"] == {"worker": 3, "mode": "boot", "clients": 12}


def test_assets_are_halted_and_resumed(operator: Terminal) -> None:
    """With a reason; the status that they have then is said."""
    result = operator.run("assets", "halt", "aapl", "--reason", "news pending")
    assert result.stdout == "AAPL is halted now\n"
    (sent,) = operator.market.bodies(Opcode.ASSET_HALT)
    assert (sent.symbol, sent.halted, sent.reason) == ("AAPL", True, "news pending")
    assert operator.run("assets", "resume", "AAPL").stdout == "AAPL is tradable now\n"
    content = json.loads(operator.run("--json", "assets", "halt", "AAPL").stdout)
    assert content["halt"] == {"symbol": "AAPL", "status": "halted"}


@pytest.mark.parametrize("words", [("stats",), ("drain", "3")])
def test_an_ordinary_login_is_refused(terminal: Terminal, words: tuple[str, ...]) -> None:
    """SCOPE_DENIED of the server, exit code 1, and how one gets the rights."""
    terminal.logged_in()
    terminal.market.plan(Opcode.STATS_GET, Status.SCOPE_DENIED)
    terminal.market.plan(Opcode.WORKER_REGISTRY, Status.SCOPE_DENIED)
    result = terminal.run(*words)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: as planned\nhint: log in with the rights")


def test_admin_appoints_and_revokes(tmp_path: Path) -> None:
    """On a state directory whose master is stopped; a second time it says so; errors exit 2."""
    kit = MasterKit(tmp_path)
    kit.client().register()
    kit.stop()
    runner = CliRunner()

    def run(*words: str) -> tuple[int, str]:
        result = runner.invoke(main, ["--state-dir", str(tmp_path), "admin", *words])
        return result.exit_code, result.output

    assert run("ann") == (0, "ann is an operator's account now\n")
    assert run("ann") == (0, "ann was an operator's account already\n")
    assert run("ann", "--revoke") == (0, "ann is an ordinary account now\n")
    code, output = run("zoe")
    assert code == 2
    assert "no account zoe" in output


def test_log_as_text_and_as_json(operator: Terminal) -> None:
    """A message of two lines cannot pass for another entry; JSON has the fields."""
    lines = operator.run(
        "log", "show", "--remote", "--level", "warning", "--limit", "2"
    ).stdout.splitlines()
    assert lines[0].startswith("master ")
    assert lines[0].endswith("WARNING papertrader.x x.py:7 in f: one")
    assert lines[1] == "    | two"
    assert len(lines) == 3
    found = json.loads(operator.run("--json", "log", "show", "--remote").stdout)
    assert [entry["msg"] for entry in found["entries"]] == ["one\ntwo", "three"]


@pytest.mark.parametrize("command", _OWN_STATE_DIR)
def test_one_option_names_the_installation_behind_a_command(command: str, tmp_path: Path) -> None:
    """It is a directory for each of them; a file is wrong usage."""
    loaded = main.get_command(click.Context(main), command)
    assert loaded is not None
    options = [each.to_info_dict() for each in loaded.params if each.name == "state_dir"]
    (shared,) = state_dir_option(lambda: None).__click_params__  # type: ignore[attr-defined]
    assert options == [shared.to_info_dict()]
    file = tmp_path / "file"
    file.touch()
    result = CliRunner().invoke(main, [command, "--state-dir", str(file)])
    assert result.exit_code == 2
    assert "is a file" in str(result.output) + str(result.exception)
