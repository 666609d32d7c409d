"""The authority of a client that runs on: as the file is now, and as it was if it is no good."""

from __future__ import annotations

from pathlib import Path

import pytest

from papertrader.client.trust import Trust


def read(path: Path) -> str:
    """Take a file for what it says, unless that is nothing."""
    text = path.read_text(encoding="ascii") if path.exists() else ""
    if not text:
        raise ValueError(f"{path} cannot be used")
    return text


def test_the_file_counts_as_it_is_now(tmp_path: Path) -> None:
    """Replaced, it is read again, once; gone or empty, what was read before goes on."""
    file, times = tmp_path / "ca.pem", list[Path]()

    def make(path: Path) -> str:
        times.append(path)
        return read(path)

    file.write_text("old", encoding="ascii")
    trust = Trust(file, make)
    assert (trust(), trust(), len(times)) == ("old", "old", 1)
    other = tmp_path / "other.pem"
    other.write_text("new", encoding="ascii")
    other.replace(file)
    assert (trust(), trust(), len(times)) == ("new", "new", 2)
    file.write_text("", encoding="ascii")
    assert trust() == "new"
    file.unlink()
    assert trust() == "new"
    file.write_text("newest", encoding="ascii")
    assert trust() == "newest"


def test_a_file_that_is_no_good_at_first_is_told(tmp_path: Path) -> None:
    """As ever, when the client is made."""
    with pytest.raises(ValueError, match="cannot be used"):
        Trust(tmp_path / "none.pem", read)
