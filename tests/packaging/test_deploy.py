"""What stands in ``deploy`` names options, modules and variables that exist."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

from papertrader.ops.variables import VARIABLES

DEPLOY = Path(__file__).parents[2] / "deploy"
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in DEPLOY.iterdir()}
PLUGINS = ("papertrader-master", "papertrader-worker")


def test_every_file_is_looked_at() -> None:
    """Two units, two files for containers."""
    assert set(TEXTS) == {
        "papertrader-master.service", "papertrader-worker@.service", "Containerfile",
        "compose.yaml",
    }  # fmt: skip


def test_the_services_are_started_as_they_are() -> None:
    """The plugin, its options and the logger exist."""
    for name, text in TEXTS.items():
        for logger in re.findall(r"--logger=([\w.]+)", text):
            module, _, attribute = logger.rpartition(".")
            assert hasattr(import_module(module), attribute), name
    for unit, plugin in zip(
        ("papertrader-master.service", "papertrader-worker@.service"), PLUGINS, strict=True
    ):
        assert f"{plugin} --state-dir /var/lib/papertrader" in TEXTS[unit]
        assert "Type=notify" in TEXTS[unit]
        assert "StateDirectoryMode=0700" in TEXTS[unit]
    assert "--number %i" in TEXTS["papertrader-worker@.service"]


def test_variables_of_the_environment_exist() -> None:
    """A name that is misspelt would be refused at the start."""
    known = {variable.environment_name for variable in VARIABLES} | {"PAPERTRADER_STATE_DIR"}
    for text in TEXTS.values():
        assert set(re.findall(r"PAPERTRADER_[A-Z_]+", text)) <= known
