"""The Nth call fails: the process may end, what it said stays true. Every N: ``make torture``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.torture.disk.shim import NoCompiler, library

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("only", "step"), [("write:EIO", 90), ("sync:EIO", 20), ("open:EMFILE", 5)]
)
def test_a_failing_call_makes_no_liar(only: str, step: int) -> None:
    """T-51, M-07: a part of the places; nobody is refused what is there, or loses what was told."""
    try:
        library()
    except NoCompiler as error:
        pytest.skip(f"the recorder of file operations cannot be made: {error}")
    done = subprocess.run(
        [sys.executable, "-m", "tests.torture.ioerrors", "--only", only, "--step", str(step)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 wrong" in done.stdout.splitlines()[-1]
