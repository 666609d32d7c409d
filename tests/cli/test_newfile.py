"""Files that commands write for a person."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from papertrader.cli.newfile import must_be_new, write_new
from papertrader.cli.problems import EXIT_USAGE, Problem


def test_what_is_there_stays(tmp_path: Path) -> None:
    """The second file of a name is refused, with what to do."""
    path = tmp_path / "rows.csv"
    must_be_new(path)
    write_new(path, b"one")
    for again in (lambda: must_be_new(path), lambda: write_new(path, b"two")):
        with pytest.raises(Problem) as caught:
            again()
        assert caught.value.text == f"{path} exists already"
        assert caught.value.hint == "name another file, or remove it"
        assert caught.value.exit_code == EXIT_USAGE
    assert path.read_bytes() == b"one"


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    """One sentence with the reason."""
    path = tmp_path / "no" / "rows.csv"
    with pytest.raises(Problem) as caught:
        write_new(path, b"one")
    assert caught.value.text == f"{path} cannot be written: No such file or directory"


@pytest.fixture
def little_room() -> Iterator[None]:
    """Let no file grow beyond four octets."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.usefixtures("little_room")
def test_of_a_file_that_finds_no_room_nothing_is_left(tmp_path: Path) -> None:
    """So that the same command works when there is some."""
    path = tmp_path / "rows.csv"
    with pytest.raises(Problem, match="cannot be written: File too large"):
        write_new(path, b"12345")
    assert not path.exists()
    write_new(path, b"1234")
