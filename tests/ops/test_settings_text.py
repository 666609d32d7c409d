"""The settings file that is written at first use: it explains, and shows the real defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from papertrader.ops.settings_file import (
    SettingsError,
    default_settings_text,
    load_settings,
    write_settings_file,
)
from tests.ops.test_settings import load


def test_default_text_explains_and_changes_nothing(file: Path) -> None:
    """The file written at first use leaves every value at its default."""
    settings = load(file, default_settings_text())
    assert all(value.origin == "default" for value in settings.values)


def test_default_text_shows_the_real_defaults(file: Path) -> None:
    """Each commented line, once made to count, says exactly the default."""
    lines = default_settings_text().splitlines()
    opened = "\n".join(line[1:] if line[:1] == "#" and line[1:2] != " " else line for line in lines)
    settings = load(file, opened)
    assert all(value.origin != "default" for value in settings.values)
    assert [v.literal for v in settings.values] == [v.literal for v in load(file, "").values]
    assert max(map(len, lines)) <= 100


def test_default_text_with_values(file: Path) -> None:
    """Values given at first use stand in the file and count."""
    text = default_settings_text({"market.speed": "2.50", "worker.listen": "127.0.0.1:0"})
    settings = load(file, text)
    assert settings.market.speed_milli == 2_500
    assert settings.worker.listen.port == 0
    changed = [value.name for value in settings.values if value.origin != "default"]
    assert changed == ["worker.listen", "market.speed"]
    with pytest.raises(SettingsError, match=r"market\.speed"):
        default_settings_text({"market.speed": "0"})


def test_settings_file_is_never_overload(file: Path) -> None:
    """An operator's file is left alone."""
    file.write_text("workers = 2\n")
    with pytest.raises(FileExistsError):
        write_settings_file(file, default_settings_text())
    assert file.read_text() == "workers = 2\n"
    other = file.with_name("other.toml")
    write_settings_file(other, default_settings_text())
    assert load_settings(other, {}, {}).workers == 1
