"""``papertrader bench`` as an operator types it: real processes of its own, thrown away after."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.server_kit import PROGRAM


def test_a_machine_is_measured(tmp_path: Path) -> None:
    """Every figure is there, no order was refused, and the directory is as it was."""
    state = tmp_path / "state"
    done = subprocess.run(
        [PROGRAM, "--state-dir", state, "bench", "--json", "--clients", "2", "--rate", "5",
         "--seconds", "1"],
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = {each["name"]: each for each in json.loads(done.stdout)["figures"]}
    assert len(figures) == 7
    assert all(each["value"] > 0 for each in figures.values())
    assert " 0 refused" in figures["durable orders"]["note"]
    assert list(tmp_path.iterdir()) == []
