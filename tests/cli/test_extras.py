"""What to install is named as this installation would get it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from papertrader import extras


def test_in_a_checkout_the_checkout_is_installed_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Into the Python that runs it, by paths that are short where one stands."""
    monkeypatch.setattr(extras, "__file__", str(tmp_path / "my house" / "papertrader" / "x.py"))
    root = tmp_path / "my house"
    python = root / ".venv" / "bin" / "python"
    monkeypatch.setattr(sys, "executable", str(python))
    root.mkdir()
    (root / "pyproject.toml").touch()
    (root / "Makefile").touch()
    monkeypatch.chdir(root)
    assert extras.install_command("tui") == (".venv/bin/python -m pip install --editable '.[tui]'")
    monkeypatch.chdir(tmp_path)
    assert extras.install_command("tui") == (
        "'my house/.venv/bin/python' -m pip install --editable 'my house[tui]'"
    )


def test_elsewhere_the_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As it was installed from an index or a wheel."""
    monkeypatch.setattr(extras, "__file__", str(tmp_path / "papertrader" / "x.py"))
    monkeypatch.setattr(sys, "executable", "/opt/trader/bin/python")
    found = extras.install_command("report")
    assert found == "/opt/trader/bin/python -m pip install 'papertrader[report]'"
