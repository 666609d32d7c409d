"""Reading on from a place that was kept, over new files, half lines, and files that are gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from papertrader.core.logrecord import UNCORRELATED, Level, LogRecord, Source, render_json
from papertrader.eventlog.segments import SegmentFiles
from papertrader.eventlog.tail import READ_OCTETS, Place, Tail

SOURCE = Source("papertrader.a.b", "papertrader/a/b.py", "f", 3)


def line(seq: int, text: str = "m") -> str:
    """Return an entry's line."""
    record = LogRecord(
        seq=seq, wall_ns=seq, monotonic_ns=seq, level=Level.INFO, source=SOURCE,
        correlation=UNCORRELATED, message=text,
    )  # fmt: skip
    return render_json(record) + "\n"


class Writer:
    """A server's files: each call of `write` that says so begins a new one."""

    def __init__(self, directory: Path, kept: int = 10) -> None:
        self.directory = directory
        self.files = SegmentFiles(directory, "master", 1 << 20, kept)

    def write(self, *seqs: int, new: bool = False) -> None:
        """Append entries of these numbers."""
        if new:
            self.files._size = 1 << 20
        self.files.append("".join(map(line, seqs)).encode("ascii"))


def seqs(tail: Tail) -> list[int]:
    """Read all there is."""
    found = []
    while entries := tail.read():
        found += [each.record.seq for each in entries]
    return found


def losses(tail: Tail) -> list[tuple[int, int, int]]:
    """Read all there is; return (entry, files, missing) where something is."""
    found = []
    while entries := tail.read():
        found += [(each.record.seq, each.files, each.missing) for each in entries if each.files]
    return found


def test_on_from_any_place(tmp_path: Path) -> None:
    """Behind each entry there is a place, and from it the rest follows, with the same names."""
    writer = Writer(tmp_path)
    writer.write(1, 2)
    writer.write(3, new=True)
    writer.write(4, 5)
    tail = Tail(tmp_path, "master", Place())
    found = tail.read() + tail.read()
    assert [each.record.seq for each in found] == [1, 2, 3, 4, 5]
    assert len({each.identity for each in found}) == 5
    name, _, offset = found[3].identity.partition(":")
    assert (tmp_path / name).read_bytes()[int(offset) :].startswith(line(4).encode())
    for number, each in enumerate(found):
        again = Tail(tmp_path, "master", each.place)
        rest = again.read() + again.read()
        assert rest == found[number + 1 :]
        assert again.unreadable == 0
    assert tail.read() == []
    tail.go_back(found[1].place)
    assert seqs(tail) == [3, 4, 5]


def test_half_a_line_waits_for_its_end(tmp_path: Path) -> None:
    """As long as the file is written to; in one that is finished it is passed over, and counted."""
    writer = Writer(tmp_path)
    writer.write(1)
    tail = Tail(tmp_path, "master", Place())
    assert seqs(tail) == [1]
    path = tmp_path / "master-000001.log"
    with path.open("a") as file:
        file.write(line(2)[:20])
    assert seqs(tail) == []
    with path.open("a") as file:
        file.write(line(2)[20:] + line(3)[:30])
    assert seqs(tail) == [2]
    (tmp_path / "master-000002.log").write_text(line(3) + line(4))
    assert seqs(tail) == [3, 4]
    assert tail.unreadable == 1


def test_a_little_at_a_time_and_no_endless_line(tmp_path: Path) -> None:
    """No more than READ_OCTETS is ever in memory; a line that long is no entry."""
    text = line(1) + "x" * (3 * READ_OCTETS) + "\n" + "".join(map(line, range(2, 2000)))
    (tmp_path / "master-000001.log").write_text(text)
    tail = Tail(tmp_path, "master", Place())
    found: list[int] = []
    for _ in range(40):
        entries = tail.read()
        assert sum(len(line(each.record.seq)) for each in entries) <= READ_OCTETS
        found += [each.record.seq for each in entries]
    assert found == list(range(1, 2000))
    assert tail.unreadable >= 1


@pytest.mark.parametrize(
    ("after", "told"),
    [
        ([4, 5], []),
        ([6, 7], [(6, 1, 2)]),
        ([1, 2], [(1, 1, 0)]),
        ([3], [(3, 1, 2)]),
    ],
)
def test_a_file_that_was_removed_before_its_end_was_read(
    tmp_path: Path, after: list[int], told: list[tuple[int, int, int]]
) -> None:
    """By the numbers of the entries: none missing, two, and so many at least after a restart."""
    writer = Writer(tmp_path)
    writer.write(1, 2, 3)
    tail = Tail(tmp_path, "master", Place())
    assert seqs(tail) == [1, 2, 3]
    writer.write(*after, new=True)
    (tmp_path / "master-000001.log").unlink()
    assert losses(tail) == told


def test_files_in_between_that_were_removed(tmp_path: Path) -> None:
    """As they are while nobody reads: the server keeps so many. Told once."""
    writer = Writer(tmp_path, kept=2)
    writer.write(1, 2)
    tail = Tail(tmp_path, "master", Place())
    assert seqs(tail) == [1, 2]
    for seq in range(3, 8):
        writer.write(seq, new=True)
    assert losses(tail) == [(6, 4, 3)]
    writer.write(8, new=True)
    assert losses(tail) == []


def test_one_file_of_the_middle_is_gone(tmp_path: Path) -> None:
    """The one that is read is there still."""
    writer = Writer(tmp_path)
    writer.write(1, 2)
    writer.write(3, 4, new=True)
    writer.write(5, new=True)
    (tmp_path / "master-000002.log").unlink()
    assert losses(Tail(tmp_path, "master", Place())) == [(5, 1, 2)]


def test_a_log_that_began_anew(tmp_path: Path) -> None:
    """Smaller numbers, or a shorter file of the same number: it is read from its start."""
    Writer(tmp_path).write(1, 2, 3)
    tail = Tail(tmp_path, "master", Place(segment=9, offset=500, seq=80))
    assert losses(tail) == [(1, 1, 0)]
    tail = Tail(tmp_path, "master", Place(segment=1, offset=10_000, seq=80))
    assert seqs(tail) == [1, 2, 3]
    assert tail.replaced == 1


def test_how_much_is_left(tmp_path: Path) -> None:
    """Octets behind the place, in its file and in those after it."""
    writer = Writer(tmp_path)
    writer.write(1, 2)
    tail = Tail(tmp_path, "master", Place())
    size = (tmp_path / "master-000001.log").stat().st_size
    assert tail.octets_left() == size
    tail.read()
    assert tail.octets_left() == 0
    writer.write(3, new=True)
    assert tail.octets_left() == (tmp_path / "master-000002.log").stat().st_size


def test_nothing_there_yet(tmp_path: Path) -> None:
    """No file is no error; one that cannot be read is."""
    assert Tail(tmp_path, "master", Place()).read() == []
    (tmp_path / "master-000001.log").mkdir()
    with pytest.raises(OSError, match="directory"):
        Tail(tmp_path, "master", Place()).read()
