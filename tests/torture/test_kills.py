"""A master is killed at random moments and at named points: nothing told is lost or done twice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.torture import kills

CYCLES = int(os.environ.get("PAPERTRADER_CYCLES", "40"))
ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> str:
    """Run the campaign in a process of its own: it forks, and the tests have threads."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.torture.kills", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_killed_at_any_moment() -> None:
    """P-01, P-02, P-03: acknowledged, there, once; refused, not there; the books are right."""
    said = run("--cycles", str(CYCLES))
    assert f"{CYCLES} cycles" in said
    assert "0 lost, 0 twice, 0 wrong in all" in said


@pytest.mark.slow
def test_a_reply_before_its_commit_is_found() -> None:
    """M-01: what the campaign is for."""
    assert "control: found" in run("--cycles", "400", "--early")


def test_every_point_is_one() -> None:
    """Statements and places have different names; each can be asked for."""
    assert len(set(kills.POINTS)) == len(kills.POINTS)
    for point in kills.POINTS:
        drawn = kills.draw(kills.Random(1), False, f"{point}:3")
        assert (drawn.point, drawn.count) == (point, 3)
