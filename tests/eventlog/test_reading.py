"""Reading logs back: filters, memory and files together, following, and what workers ship."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, maybeDeferred, succeed

from papertrader.core.logrecord import (
    Correlation,
    Level,
    LogRecord,
    Source,
    parse_json,
    render_json,
    render_text,
)
from papertrader.core.ringlog import RingIdentity, RingWriter
from papertrader.eventlog.reading import Follower, newest_entries, processes, select_entries
from papertrader.eventlog.segments import SegmentFiles
from papertrader.eventlog.selecting import CorrelationPattern, Selection
from papertrader.eventlog.shipping import (
    AHEAD_MAX,
    PENDING_OCTETS_MAX,
    WAITING_OCTETS_MAX,
    Shipment,
    ShippedLogs,
)

SOURCE = Source("papertrader.a.b", "papertrader/a/b.py", "f", 3)
SECOND = 10**9
NOW = 1_750_000_000 * SECOND


def record(
    seq: int, message: str = "m", level: Level = Level.INFO, corr: tuple[int, int, int] = (0, 0, 0)
) -> LogRecord:
    """Return an entry of its second."""
    worker, connection, request = corr
    return LogRecord(
        seq=seq, wall_ns=seq * SECOND, monotonic_ns=seq, level=level, source=SOURCE,
        correlation=Correlation(worker=worker, connection=connection, request=request),
        message=message,
    )  # fmt: skip


def write(directory: Path, process: str, *records: LogRecord) -> None:
    """Append entries to a process's files."""
    files = SegmentFiles(directory, process, 1 << 20, 10)
    files.append(("\n".join(map(render_json, records)) + "\n").encode("ascii"))
    files.close()


def ring(directory: Path, process: str, first: int, last: int) -> None:
    """Leave the memory of a process with entries of these numbers, none of them on disk."""
    buffer = bytearray(64 * 1024)
    identity = RingIdentity(boot_id=bytes(16), pid=1, started_ns=1, process=process, build="test")
    writer = RingWriter(buffer, identity)
    for seq in range(1, last + 1):
        writer.append(Level.INFO, SOURCE, b"m", wall_ns=seq * SECOND, monotonic_ns=seq)
        if seq == first - 1:
            batch = writer.take(60_000)
            assert batch is not None
            writer.mark_flushed(batch.render())
    (directory / f"{process}.ring").write_bytes(buffer)


def seqs(found: list[LogRecord]) -> list[int]:
    """Return their numbers."""
    return [each.seq for each in found]


def test_time_level_module_and_correlation(tmp_path: Path) -> None:
    """Each filter alone, and that they hold together."""
    write(
        tmp_path, "master",
        record(1), record(2, level=Level.ERROR), record(3, corr=(1, 2, 3)),
        record(4, corr=(1, 2, 4), level=Level.WARNING), record(5),
    )  # fmt: skip

    def select(**wanted: object) -> list[int]:
        return seqs(select_entries(tmp_path, "master", Selection(**wanted), 100))  # type: ignore[arg-type]

    assert select() == [1, 2, 3, 4, 5]
    assert select(since_ns=2 * SECOND, until_ns=4 * SECOND) == [2, 3]
    assert select(least=Level.WARNING) == [2, 4]
    assert select(module="papertrader.a") == select(module="papertrader/a/") == [1, 2, 3, 4, 5]
    assert select(module="a.b") == []
    assert select(correlation=CorrelationPattern.parse("1:2:3")) == [3]
    assert select(correlation=CorrelationPattern.parse("2:4")) == [4]
    assert select(correlation=CorrelationPattern.parse("1:*:*"), least=Level.WARNING) == [4]
    assert seqs(select_entries(tmp_path, "master", Selection(), 2)) == [4, 5]


@pytest.mark.parametrize("text", ["", "1", "1:2:3:4", "a:b", "-1:2", "1:2:x"])
def test_what_is_no_correlation_is_said(text: str) -> None:
    """With what one looks like."""
    with pytest.raises(ValueError, match="worker:connection:request"):
        CorrelationPattern.parse(text)


@given(st.tuples(*[st.integers(0, 2**32 - 1)] * 3), st.lists(st.booleans(), min_size=3, max_size=3))
def test_a_pattern_takes_what_its_octets_may_take(
    corr: tuple[int, int, int], wild: list[bool]
) -> None:
    """The quick look at a line never hides an entry that belongs to it."""
    text = ":".join("*" if any_ else str(part) for part, any_ in zip(corr, wild, strict=True))
    pattern = CorrelationPattern.parse(text)
    entry = record(1, corr=corr)
    assert pattern.takes(entry) is (corr != (0, 0, 0))
    if pattern.takes(entry):
        assert pattern.octets in render_json(entry).encode()


def test_what_only_the_memory_has_is_shown_too(tmp_path: Path) -> None:
    """Files and memory overlap as they like: each entry is shown once, the newest last."""
    write(tmp_path, "master", *map(record, range(1, 6)))
    ring(tmp_path, "master", first=4, last=8)
    found = select_entries(tmp_path, "master", Selection(), 100)
    assert seqs(found) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert seqs(select_entries(tmp_path, "master", Selection(), 3)) == [6, 7, 8]
    (tmp_path / "master.ring").write_bytes(b"damaged")
    assert seqs(select_entries(tmp_path, "master", Selection(), 100)) == [1, 2, 3, 4, 5]


def test_processes_are_known_by_their_files(tmp_path: Path) -> None:
    """Memory without files counts, crash files and other things do not."""
    write(tmp_path, "worker-1", record(1))
    write(tmp_path, "shipped-worker-2", record(1))
    ring(tmp_path, "master", 1, 1)
    for name in ("crash-master-2026-11-28T224751-19390.log", "suspects", "master.stacks"):
        (tmp_path / name).touch()
    assert processes(tmp_path) == ["master", "shipped-worker-2", "worker-1"]


def test_following_crosses_files_and_waits_for_whole_lines(tmp_path: Path) -> None:
    """What was there before is not shown; half a line waits for its end; a new file is found."""
    write(tmp_path, "master", record(1))
    follower = Follower(tmp_path, "master")
    assert follower.new(Selection()) == []
    write(tmp_path, "master", record(2), record(3, level=Level.DEBUG))
    assert seqs(follower.new(Selection(least=Level.INFO))) == [2]
    path = tmp_path / "master-000001.log"
    line = render_json(record(4)) + "\n"
    with path.open("a") as file:
        file.write(line[:20])
    assert follower.new(Selection()) == []
    with path.open("a") as file:
        file.write(line[20:])
    (tmp_path / "master-000002.log").write_text('{"segment":2}\n' + render_json(record(5)) + "\n")
    assert seqs(follower.new(Selection())) == [4, 5]
    late = Follower(tmp_path, "worker-1")
    assert late.new(Selection()) == []
    write(tmp_path, "worker-1", record(9))
    assert seqs(late.new(Selection())) == [9]


def test_a_terminal_is_safe_from_what_is_read(tmp_path: Path) -> None:
    """Escapes, control and bidi characters of a message are shown, not obeyed."""
    nasty = "\x1b[2J\u202ereversed\x07\r\x00 end"
    write(tmp_path, "master", record(1, nasty))
    (found,) = select_entries(tmp_path, "master", Selection(), 1)
    shown = render_text(found)
    assert found.message == nasty
    assert not set(shown) & set("\x1b\u202e\x07\r\x00")
    assert shown.isprintable()


# --- shipping -------------------------------------------------------------------------------------


def ship(shipment: Shipment, records: list[LogRecord]) -> None:
    """Give it entries as the log does once they are in its files."""
    shipment.take([each.level for each in records], [render_json(each) for each in records])


def test_a_shipment_is_bounded_and_keeps_what_matters() -> None:
    """Beyond half of the room only warnings are taken, beyond all of it nothing; all counted."""
    shipment = Shipment()
    big = "x" * 1_000
    ship(shipment, [record(n, big) for n in range(1, 501)])
    kept = 500 - shipment.dropped
    size = len(render_json(record(500, big))) + 1
    assert 0 < kept <= WAITING_OCTETS_MAX // 2 // (size - 2)
    before = shipment.dropped
    ship(shipment, [record(1_000, level=Level.WARNING)])
    assert shipment.dropped == before
    ship(shipment, [record(n, big, Level.ERROR) for n in range(1_001, 1_501)])
    assert shipment.dropped > before
    given_ = shipment.give(48 * 1024)
    assert sum(len(line) + 1 for line in given_) <= 48 * 1024
    assert [parse_json(line).seq for line in given_] == list(range(1, len(given_) + 1))
    while shipment.give(48 * 1024):
        pass
    ship(shipment, [record(2_000)])
    assert [parse_json(line).seq for line in shipment.give(10_000)] == [2_000]


def in_thread(function: object) -> Deferred[None]:
    """Do it at once."""
    return maybeDeferred(function)  # type: ignore[arg-type]


def test_what_a_worker_ships_is_kept_beside_the_masters_own(tmp_path: Path) -> None:
    """Read anew line by line: what is no entry is dropped and counted, and nothing is obeyed."""
    logs = ShippedLogs(tmp_path, in_thread, lambda: NOW)
    lines = [render_json(record(1)), "rm -rf /", "{}", render_json(record(2)), '{"seq":"\\u202e"}']
    logs.take("worker-7", "\n".join(lines))
    assert (logs.lines, logs.dropped) == (2, 3)
    found = newest_entries(tmp_path, "shipped-worker-7", since_ns=0, least=Level.DEBUG, limit=10)
    assert [json.loads(line)["seq"] for line in found] == [1, 2]
    logs.take("../../etc/passwd", render_json(record(3)))
    assert (logs.lines, logs.dropped) == (2, 4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shipped-worker-7-000001.log"]


def test_no_entry_of_a_worker_is_of_times_to_come(tmp_path: Path) -> None:
    """Else its lines were the newest for years, and ``log show`` showed nothing else."""
    logs = ShippedLogs(tmp_path, in_thread, lambda: NOW)
    instants = [NOW - 3_600 * SECOND, NOW + AHEAD_MAX, NOW + AHEAD_MAX + 1, 2**62]
    entries = [attrs.evolve(record(seq), wall_ns=at) for seq, at in enumerate(instants, 1)]
    logs.take("worker-7", "\n".join(map(render_json, entries)))
    (file,) = tmp_path.iterdir()
    kept = [parse_json(line) for line in file.read_text().splitlines() if '"seq"' in line]
    assert {each.seq: each.wall_ns for each in kept} == {
        1: instants[0], 2: instants[1], 3: NOW, 4: NOW
    }  # fmt: skip


def test_a_flood_from_a_worker_waits_within_bounds(tmp_path: Path) -> None:
    """While the disk is slow so much waits, and no more; what does not fit is counted."""
    waiting: list[object] = []

    def slowly(function: object) -> Deferred[None]:
        waiting.append(function)
        return Deferred()

    logs = ShippedLogs(tmp_path, slowly, lambda: NOW)
    text = "\n".join([render_json(record(1, "x" * 900))] * 40)
    for _ in range(2 * PENDING_OCTETS_MAX // len(text)):
        logs.take("worker-1", text)
    assert len(waiting) == PENDING_OCTETS_MAX // len(text)
    assert logs.dropped >= 40 * (len(waiting) - 1)


def test_a_disk_that_refuses_costs_lines_and_no_more(tmp_path: Path) -> None:
    """They are counted; the next ones are tried again."""
    directory = tmp_path / "log"
    directory.write_text("in the way")
    logs = ShippedLogs(directory, in_thread, lambda: NOW)
    logs.take("worker-1", render_json(record(1)))
    assert (logs.lines, logs.dropped) == (0, 1)
    directory.unlink()
    logs.take("worker-1", render_json(record(2)))
    assert (logs.lines, logs.dropped) == (1, 1)
    assert succeed(None).called
