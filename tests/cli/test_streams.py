"""A program that was started without its standard streams: one line, and no file in their place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).with_name("papertrader")


def run(redirection: str, command: str, state: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a shell that closes a stream."""
    return subprocess.run(
        ["sh", "-c", f'exec "$0" --state-dir "$1" {command} {redirection}', PROGRAM, state],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_question_without_a_standard_input(tmp_path: Path) -> None:
    """Like an empty one: what is missing is told, and how it can be given."""
    done = run("<&-", "ca init", tmp_path / "state")
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, "error: there is no pass phrase")


@pytest.mark.parametrize("closed", ["2>&-", "<&- 2>&-"])
def test_without_a_place_for_errors(tmp_path: Path, closed: str) -> None:
    """The command does its work, and no database gets what is written for people."""
    state = tmp_path / "state"
    assert run("", "init --yes", state).returncode == 0
    done = run(closed, "audit", state)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "clean")
