"""The command under way at a crash, and the file of suspects."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from papertrader.eventlog.inflight import (
    CRASHES_OF_POISON,
    SUSPECTS_MAX,
    InFlight,
    Mark,
    add_suspect,
    read_mark,
    read_poison,
)

HASH = bytes(range(32))


def mark(hash_: bytes = HASH) -> Mark:
    """Return a mark of one command."""
    return Mark(hash_, 0x0201, 17, 1, 2**63, 2**32 - 1)


def test_a_mark_is_there_while_the_command_is_decided(tmp_path: Path) -> None:
    """It is read back as it was; afterwards, and before, there is none."""
    path = tmp_path / "master.inflight"
    assert read_mark(path) is None
    way = InFlight(path)
    assert read_mark(path) is None
    assert path.stat().st_mode & 0o777 == 0o600
    way.begin(HASH, 0x0201, 17, 1, 2**63, 2**32 - 1)
    assert read_mark(path) == mark()
    way.end()
    assert read_mark(path) is None
    way.begin(HASH, 0x0202, 1, 1, 1, 1)
    way.close()
    # What a process left behind is no mark of the next one.
    InFlight(path).close()
    assert read_mark(path) is None


def test_damage_is_no_mark(tmp_path: Path) -> None:
    """Octets that no writer of ours leaves behind accuse nobody."""
    path = tmp_path / "x"
    chance = random.Random(1)
    for size in (0, 1, 64, 128, 129, 4096):
        path.write_bytes(chance.randbytes(size))
        assert read_mark(path) is None


def test_two_crashes_make_poison_for_ever(tmp_path: Path) -> None:
    """One is a suspicion; the second, whenever it comes, is enough, and other files stand it."""
    path = tmp_path / "suspects"
    assert read_poison(path) == frozenset()
    assert add_suspect(path, mark(), "died at noon") == 1
    assert read_poison(path) == frozenset()
    for number in range(10):
        add_suspect(path, mark(number.to_bytes(32, "big")), "once")
    assert add_suspect(path, mark(), "died\u00e9 again") == CRASHES_OF_POISON
    assert read_poison(path) == {HASH}
    assert "opcode" not in path.read_text() and "0x0201 account 17" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_file_is_bounded_and_keeps_the_poison(tmp_path: Path) -> None:
    """The oldest suspicions go; what is poison stays. Lines of nobody's count for nothing."""
    path = tmp_path / "suspects"
    for _ in range(CRASHES_OF_POISON):
        add_suspect(path, mark(), "x")
    text = path.read_text() + "".join(
        f"{n:064x} 0x0201 account 1: x\n" for n in range(SUSPECTS_MAX)
    )
    path.write_text(text)
    add_suspect(path, mark(b"z" * 32), "the newest")
    lines = path.read_text().splitlines()
    assert len(lines) == SUSPECTS_MAX
    assert read_poison(path) == {HASH}
    assert lines[-1].startswith((b"z" * 32).hex())
    path.write_text("what is this\n" * 3)
    assert read_poison(path) == frozenset()


def test_a_disk_that_refuses_is_told(tmp_path: Path) -> None:
    """Where nothing can be written the caller hears of it, and the file stays as it was."""
    path = tmp_path / "suspects"
    add_suspect(path, mark(), "x")
    with pytest.raises(OSError, match=r"."):
        add_suspect(tmp_path / "no" / "suspects", mark(), "x")
    assert len(path.read_text().splitlines()) == 1
