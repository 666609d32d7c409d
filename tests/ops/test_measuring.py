"""What ``papertrader bench`` measures of a machine; with real processes: tests/integration."""

from __future__ import annotations

from pathlib import Path

import pytest

from papertrader.ops import measuring
from papertrader.ops.measuring import MeasuringError, percentile


def test_a_percentile_is_one_of_the_values() -> None:
    """The nearest one above its share; nothing was seen: 0."""
    values = [3.0, 1.0, 2.0, 4.0]
    assert [percentile(values, share) for share in (0, 0.5, 0.74, 0.99, 1)] == [1, 3, 3, 4, 4]
    assert percentile([], 0.5) == 0.0


def test_the_disk_is_measured_and_left_as_it_was(tmp_path: Path) -> None:
    """A figure for a durable write, and two of SQLite; many orders in a commit are quicker."""
    sync, one, many = measuring.disk(tmp_path)
    assert sync.value > 0
    assert sync.unit == "us"
    assert 0 < one.value < many.value
    assert list(tmp_path.iterdir()) == []


def test_the_codec_is_measured() -> None:
    """In microseconds of CPU, of which a new order takes more than none and less than a hundred."""
    (found,) = measuring.wire()
    assert 0 < found.value < 100


def test_a_server_that_does_not_start_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence with what to do, and nothing is left behind."""
    program = tmp_path / "bin" / "python"
    program.parent.mkdir()
    ended = program.with_name("papertrader")
    ended.write_text("#!/bin/sh\nexit 3\n", encoding="ascii")
    ended.chmod(0o700)
    monkeypatch.setattr(measuring.sys, "executable", str(program))
    place = tmp_path / "place"
    place.mkdir()
    with pytest.raises(MeasuringError, match="run it by hand"), measuring.server(place):
        raise AssertionError
    assert list(place.iterdir()) == []
