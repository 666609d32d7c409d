"""What the tests of the settings share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the settings file of a test goes."""
    return tmp_path / "papertrader.toml"
