"""``papertrader plan``: the table, one plan, a simulated day, the live user base."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from papertrader.cli.main import main
from tests.master_kit import MasterKit
from tests.terminal_kit import PASSWORD, Terminal, terminal

__all__ = ["terminal"]


def run(tmp_path: Path, *words: str) -> Result:
    """Run ``papertrader plan`` beside an empty state directory."""
    return CliRunner().invoke(main, ["--state-dir", str(tmp_path), "plan", *words])


def test_two_providers_and_three_sizes(tmp_path: Path) -> None:
    """One row for each, with the limit that decides and whether it holds."""
    result = run(tmp_path, "finnhub", "alpaca")
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert [line[:2] for line in lines[1:]] == [
        [name, count] for name in ("finnhub", "alpaca") for count in ("50", "500", "5,000")
    ]
    assert [line[-1] for line in lines[1:]] == ["yes", "no", "no", "yes", "yes", "yes"]
    assert lines[1][2:4] == ["17.4", "s"]


def test_all_known_providers(tmp_path: Path) -> None:
    """Without a name all are compared."""
    lines = run(tmp_path, "--symbols", "100").stdout.splitlines()
    assert len(lines) == 13


def test_one_plan_with_advice(tmp_path: Path) -> None:
    """Each class, what decides, and what to change."""
    text = run(tmp_path, "finnhub", "--symbols", "500").stdout
    assert "held             100   5 min 51 s" in text
    assert "what decides: minute" in text
    assert "does NOT hold" in text
    assert "follow at most 120 symbols" in text
    wanted = run(tmp_path, "finnhub", "--symbols", "50", "--interval", "30000").stdout
    assert "an interval of 30 s for open orders: holds" in wanted


def test_own_limits_and_json(tmp_path: Path) -> None:
    """Limits from the options, and of a provider changed by them; JSON has every number."""
    words = (
        "--calls-per-day",
        "640",
        "--symbols",
        "100",
        "--users",
        "10",
        "--hours",
        "8",
        "--json",
    )
    (plan,) = json.loads(run(tmp_path, *words).stdout)["plans"]
    assert (plan["provider"], plan["binding"], plan["open_s"]) == ("own", "day", 28_800)
    assert plan["limits"]["calls_per_day"] == 640
    assert plan["credits_per_day"] <= 515
    assert sum(each["symbols"] for each in plan["classes"]) == 100
    words = ("finnhub", "--calls-per-minute", "600", "--symbols", "500", "--json")
    (plan,) = json.loads(run(tmp_path, *words).stdout)["plans"]
    assert plan["holds"]


def test_the_settings_of_the_installation_count(tmp_path: Path) -> None:
    """A paid plan that the settings state is planned with; wrong settings are told."""
    (tmp_path / "papertrader.toml").write_text("[finnhub]\ncalls_per_minute = 300\n")
    (plan,) = json.loads(run(tmp_path, "finnhub", "--symbols", "50", "--json").stdout)["plans"]
    assert plan["limits"]["calls_per_minute"] == 300
    (tmp_path / "papertrader.toml").write_text("[finnhub]\ncalls_per_minute = -3\n")
    result = run(tmp_path, "finnhub")
    assert result.exit_code == 2
    assert "finnhub.calls_per_minute" in result.stderr


def test_a_simulated_day(tmp_path: Path) -> None:
    """A thousand users: no limit exceeded, no promise broken."""
    text = run(tmp_path, "finnhub", "--symbols", "50", "--users", "1000", "--simulate").stdout
    assert "3,000 orders" in text
    assert "breaches of a limit: 0" in text
    assert "later than promised: 0" in text
    words = ("tiingo", "--symbols", "50", "--users", "100", "--simulate", "--json")
    (plan,) = json.loads(run(tmp_path, *words).stdout)["plans"]
    assert (plan["day"]["breaches"], plan["day"]["late"]) == (0, 0)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nobody",), "there is no provider nobody"),
        (("finnhub", "--call-cost", "0"), "must cost something"),
        (("finnhub", "--symbols", "0"), "0 is not in the range"),
    ],
)
def test_wrong_usage(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    """Exit code 2 and what is wrong."""
    result = run(tmp_path, *words)
    assert result.exit_code == 2
    assert says in result.stderr


def test_live_needs_a_master_that_tells(terminal: Terminal) -> None:
    """The figures come from STATS_GET with scope ADMIN; without them it says so."""
    assert terminal.run("login", "--admin", "ada", typed=PASSWORD + "\n").exit_code == 0
    result = terminal.run("plan", "finnhub", "--live")
    assert result.exit_code == 2
    assert "does not tell what its users wait for" in result.stderr


def test_the_master_tells_what_its_users_wait_for(tmp_path: Path) -> None:
    """Each listed symbol counts once, for the most urgent reason."""
    kit = MasterKit(tmp_path)
    client = kit.client()
    client.register()
    figures = dict(kit.main.operators._figures())
    wanted = [figures[f"wanted_{name}"] for name in ("orders", "positions", "watched", "rest")]
    assert sum(wanted) == wanted[3] == len(kit.main.assets.listed()) > 0
    kit.stop()
