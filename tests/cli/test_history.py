"""``papertrader import``: what is typed, shown and refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from papertrader.cli.main import main
from tests.master.test_filemarket import DAILY, MINUTES


def run(state: Path, *words: str) -> Result:
    """Run the command on a state directory."""
    return CliRunner().invoke(main, ["--state-dir", str(state), "import", *words])


def test_files_are_imported_and_shown(tmp_path: Path) -> None:
    """What came, then what is kept; again as JSON."""
    (tmp_path / "abc.csv").write_text(DAILY)
    (tmp_path / "minutes.csv").write_text(MINUTES)
    state = tmp_path / "state"
    assert run(state).stdout == "no history is kept yet\n"
    result = run(state, str(tmp_path))
    assert result.stdout.splitlines() == [
        "ABC: 3 bars of 1d", "MMM: 4 bars of 1m", "MMM: 2 bars of 1d",
    ]  # fmt: skip
    assert run(state).stdout.splitlines()[1].split() == [
        "ABC", "1d", "2012-01-03", "00:00", "2012-01-06", "00:00", "3", "3", "1", "1",
    ]  # fmt: skip
    shown = json.loads(run(state, "--json").stdout)["history"]
    assert [(row["symbol"], row["count"]) for row in shown] == [("ABC", 3), ("MMM", 4), ("MMM", 2)]
    assert json.loads(run(state, "--json", str(tmp_path / "abc.csv")).stdout)["imported"] == [
        {"symbol": "ABC", "interval_s": 86_400, "bars": 3}
    ]


@pytest.mark.parametrize(
    ("words", "code", "what"),
    [
        (("nowhere",), 2, "nowhere is no file or directory"),
        (("a", "b"), 2, "give one FILE"),
        (("--provider", "kraken"), 2, "name the symbols"),
        (("--provider", "nobody", "BTC/USD"), 2, "Invalid value"),
        (("--provider", "kraken", "b t c"), 2, "not a valid symbol"),
        (("--provider", "kraken", "A", "--from", "2026-01-02", "--to", "2026-01-01"), 2, "--from"),
        (("bad.csv",), 1, "bad.csv, line 2: open: 'x' is not a number"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: int, what: str
) -> None:
    """One sentence, and the documented exit code."""
    monkeypatch.chdir(tmp_path)
    Path("bad.csv").write_text("date,open,high,low,close\n2012-01-03,x,1,1,1\n")
    result = run(tmp_path / "state", *words)
    assert result.exit_code == code
    assert what in result.stderr
    assert "Traceback" not in result.stderr
