"""The log's disk: segments, their hashes, what a full or broken disk does, crash files."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from papertrader.core.logrecord import Level, Source
from papertrader.core.ringlog import RING_BYTES_MIN, RingIdentity, RingReader, RingWriter
from papertrader.eventlog.crashes import CRASH_FILES_MAX, dump_ring
from papertrader.eventlog.ringfile import RingFile
from papertrader.eventlog.segments import NO_PREVIOUS, SegmentFiles

if TYPE_CHECKING:
    from tests.eventlog.conftest import Desk


def segments_of(directory: Path, size: int = 300, kept: int = 4) -> SegmentFiles:
    return SegmentFiles(directory, "w", size, kept)


def chain(directory: Path, process: str = "w") -> list[int]:
    """Check that each segment begins with the hash of the one before; return the numbers."""
    paths = sorted(directory.glob(f"{process}-*.log"))
    numbers = []
    before: bytes | None = None
    for path in paths:
        content = path.read_bytes()
        first = json.loads(content.split(b"\n")[0])
        assert path.name == f"{process}-{first['segment']:06d}.log"
        assert first["process"] == process
        if before is not None:
            assert first["previous"] == hashlib.sha256(before).hexdigest()
        elif first["segment"] == 1:
            assert first["previous"] == NO_PREVIOUS
        before = content
        numbers.append(first["segment"])
    return numbers


def blocks(directory: Path) -> list[bytes]:
    lines = b"".join(path.read_bytes() for path in sorted(directory.glob("w-*.log"))).split(b"\n")
    return [line for line in lines if line and not line.startswith(b'{"segment"')]


def test_segments_are_bounded_numbered_and_chained(tmp_path: Path) -> None:
    """No file passes its size, only so many are kept, each names the hash of the one before."""
    files = segments_of(tmp_path)
    for number in range(120):
        files.append(b"block %03d\n" % number)
        files.sync()
    numbers = chain(tmp_path)
    assert numbers == list(range(numbers[-1] - 3, numbers[-1] + 1))
    assert numbers[-1] > 4
    assert all(path.stat().st_size <= 300 for path in tmp_path.iterdir())
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in tmp_path.iterdir())
    kept = blocks(tmp_path)
    assert kept == [b"block %03d" % number for number in range(120 - len(kept), 120)]
    files.close()


def test_a_restart_goes_on_in_the_newest_segment(tmp_path: Path) -> None:
    """Opening again appends where it ended, ends a torn line, and keeps the chain whole."""
    for number in range(20):
        files = segments_of(tmp_path)
        files.append(b"block %03d\n" % number)
        files.close()
        if number == 5:
            with open(files.path_of(files.numbers()[-1]), "ab") as segment:
                segment.write(b"torn")
    assert len(chain(tmp_path)) > 1
    assert blocks(tmp_path) == sorted([b"block %03d" % n for n in range(20)] + [b"torn"])[:6] + [
        b"torn"
    ] + [b"block %03d" % n for n in range(6, 20)]


def test_a_changed_segment_breaks_the_chain(tmp_path: Path) -> None:
    """Changing one octet of an older segment shows."""
    files = segments_of(tmp_path)
    for number in range(30):
        files.append(b"block %03d\n" % number)
    files.close()
    path = files.path_of(files.numbers()[0])
    path.write_bytes(path.read_bytes().replace(b"block", b"blocK", 1))
    with pytest.raises(AssertionError):
        chain(tmp_path)


def test_a_deleted_segment_is_not_written_to(tmp_path: Path) -> None:
    """If somebody deletes the open file, the next block goes into a new one."""
    files = segments_of(tmp_path)
    files.append(b"one\n")
    files.path_of(1).unlink()
    files.append(b"two\n")
    files.close()
    assert files.numbers() == [2]
    assert blocks(tmp_path) == [b"two"]


def test_an_empty_segment_gets_its_first_line(tmp_path: Path) -> None:
    """A segment of which only the name was made is begun as it should have been."""
    files = segments_of(tmp_path)
    files.append(b"one\n")
    files.close()
    files.path_of(2).touch()
    again = segments_of(tmp_path)
    again.append(b"two\n")
    again.close()
    assert chain(tmp_path) == [1, 2]
    files.path_of(1).unlink()
    files.path_of(2).write_bytes(b"")
    again = segments_of(tmp_path)
    again.append(b"three\n")
    again.close()
    assert json.loads(files.path_of(2).read_bytes().split(b"\n")[0])["previous"] == NO_PREVIOUS


class FullDisk:
    """Stands for os.write on a disk with ``room`` octets left."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        self.room = room
        self.real = os.write
        monkeypatch.setattr("papertrader.eventlog.segments.os.write", self)

    def __call__(self, descriptor: int, octets: bytes) -> int:
        if self.room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = self.real(descriptor, octets[: self.room])
        self.room -= written
        return written


@pytest.mark.parametrize("room", range(0, 400, 13))
def test_a_block_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """Wherever the disk fills up, the files hold whole blocks, once each, in an unbroken chain."""
    files = segments_of(tmp_path)
    with monkeypatch.context() as patch:
        FullDisk(patch, room)
        written = 0
        for number in range(30):
            try:
                files.append(b"block %03d\n" % number)
            except OSError:
                break
            written += 1
    assert written < 30
    for number in range(written, 30):
        files.append(b"block %03d\n" % number)
    files.close()
    chain(tmp_path)
    kept = blocks(tmp_path)
    assert kept == [b"block %03d" % number for number in range(30 - len(kept), 30)]


def test_a_block_that_cannot_be_taken_back_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If half a block can neither be completed nor cut off, the file is read again."""
    files = segments_of(tmp_path)
    files.append(b"one\n")

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        FullDisk(patch, 3)
        patch.setattr("papertrader.eventlog.segments.os.ftruncate", fail)
        with pytest.raises(OSError, match="No space"):
            files.append(b"two\n")
    for number in range(30):
        files.append(b"block %03d\n" % number)
    files.close()
    assert len(chain(tmp_path)) > 1


def test_a_failed_sync_reads_the_file_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failed sync the segment is closed, and the next block opens it anew."""
    files = segments_of(tmp_path)
    files.sync()
    files.append(b"one\n")

    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("papertrader.eventlog.segments._sync", fail)
        with pytest.raises(OSError, match="Input"):
            files.sync()
    files.append(b"two\n")
    files.close()
    assert blocks(tmp_path) == [b"one", b"two"]


def test_a_full_disk_is_told_once_and_survived(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the disk is full nothing is raised, one sentence is told, and all is tried again."""
    log = desk.begin()
    with monkeypatch.context() as patch:
        FullDisk(patch, 0)
        for attempt in range(5):
            desk.logger.error("bad")
            # After a failure only the timer tries again, however many errors are logged.
            assert len(desk.jobs) == (attempt == 0)
            desk.reactor.advance(1)
            desk.work()
        assert desk.messages() == []
        assert log.counters().disk_errors == desk.ring().disk_errors == 5
        (sentence,) = desk.told
        assert "No space left" in sentence
        assert "Make room" in sentence
    desk.reactor.advance(1)
    desk.work()
    assert desk.messages() == ["bad"] * 5 + ["the log's disk works again after 5 failed attempts"]
    assert log.counters().dropped == 0


def test_lost_entries_are_counted_and_logged(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a disk full for long the newest entries are kept, and the loss is logged."""
    log = desk.begin()
    with monkeypatch.context() as patch:
        FullDisk(patch, 0)
        for number in range(2000):
            desk.logger.info("entry {n}", n=number)
            desk.work()
        desk.reactor.advance(1)
        desk.work()
    desk.reactor.advance(1)
    desk.work()
    dropped = log.counters().dropped
    kept = [message for message in desk.messages() if message.startswith("entry")]
    assert kept == [f"entry {number}" for number in range(dropped, 2000)]
    assert 0 < dropped < 2000
    assert any(f"reached the disk: {dropped};" in message for message in desk.messages())
    assert len(desk.told) == 1


def test_no_threads_is_a_failure_like_any_other(desk: Desk) -> None:
    """If no thread can be had, flush still fires, and the failure is counted and told."""
    log = desk.begin()

    def fail(_: object) -> None:
        raise RuntimeError("the pool is closed")

    assert log._life is not None
    log._life.flusher._defer_to_thread = fail  # type: ignore[assignment]
    desk.logger.info("x")
    assert log.flush().called
    assert log.counters().disk_errors == 1
    assert "the pool is closed" in desk.told[0]
    log._life.flusher._defer_to_thread = desk.defer


def test_a_thread_that_dies_is_a_failure_like_any_other(desk: Desk) -> None:
    """If the thread is lost with the job, flush still fires, and the failure is counted."""
    log = desk.begin()
    desk.logger.info("x")
    flushed = log.flush()
    _, done = desk.jobs.pop()
    done.errback(RuntimeError("gone"))
    assert flushed.called
    assert log.counters().disk_errors == 1
    desk.reactor.advance(1)
    desk.work()
    assert desk.messages()[0] == "x"


def test_damaged_memory_is_told_and_passed_over(desk: Desk) -> None:
    """If what waits in memory was damaged, it counts as lost, and the log goes on."""
    log = desk.begin()
    desk.logger.info("spoiled")
    path = desk.state / "log" / "master.ring"
    with open(path, "r+b") as ring:
        ring.seek(path.read_bytes().index(b"spoiled"))
        ring.write(b"SPOILED")
    log.flush()
    desk.work()
    desk.logger.info("later")
    log.flush()
    desk.work()
    assert log.counters().dropped == 1
    lost, later = desk.messages()
    assert "reached the disk: 1;" in lost
    assert later == "later"


def test_a_stalled_disk_keeps_nobody_waiting(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the thread waits for the disk, logging goes on, and all arrives when it ends."""
    stalled, released = threading.Event(), threading.Event()

    def stall(_: int) -> None:
        stalled.set()
        if not released.wait(30):
            raise AssertionError("nobody released the disk")

    monkeypatch.setattr("papertrader.eventlog.segments._sync", stall)
    log = desk.begin(memory_bytes=1 << 20)
    desk.logger.error("first")
    thread = threading.Thread(target=desk.work)
    thread.start()
    assert stalled.wait(30)
    for number in range(1000):
        desk.logger.error("meanwhile {n}", n=number)
    waiting = log.flush()
    assert not waiting.called
    assert thread.is_alive()
    released.set()
    thread.join(30)
    assert waiting.called
    assert desk.messages() == ["first"] + [f"meanwhile {number}" for number in range(1000)]


CRASHING = """
import os, signal, sys
from pathlib import Path
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock as TaskClock
from twisted.logger import Logger, LogPublisher
from papertrader.eventlog.log import EventLog
from papertrader.eventlog.settings import EventLogSettings
from papertrader.net.clock import Clock
publisher = LogPublisher()
jobs = []
log = EventLog(
    state=Path(sys.argv[1]), process="master", boot_id=b"the crashed boot",
    settings=EventLogSettings(memory_bytes=65536), clock=Clock(TaskClock()),
    publisher=publisher, defer_to_thread=lambda job: jobs.append(job) or Deferred(),
    call_from_thread=jobs.append,
)
log.start()
logger = Logger(observer=publisher)
for number in range(100):
    logger.info("flushed {n}", n=number)
log.flush()
jobs.pop()()
for number in range(50):
    logger.info("only in memory {n}\\x1b[2J", n=number)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_dumped_first(desk: Desk) -> None:
    """After SIGKILL the next start writes every entry of the ring as text, and says so."""
    ended = subprocess.run(
        [sys.executable, "-c", CRASHING, str(desk.state)], check=False, timeout=60
    )
    assert ended.returncode == -9
    desk.begin()
    (path,) = (desk.state / "log").glob("crash-*")
    assert path.name == f"crash-{b'the crashed boot'.hex()}.log"
    assert path.stat().st_mode & 0o777 == 0o600
    heading, entries = path.read_text().split("\n")[:3], path.read_text().splitlines()[3:-1]
    assert "150 entries, 50 of them" in heading[2]
    assert len(entries) == 150
    for number, line in enumerate(entries):
        marked, text = (
            ("  ", f"flushed {number}")
            if number < 100
            else ("* ", f"only in memory {number - 100}\\x1b[2J")
        )
        assert line.startswith(f"{marked}{number + 1} 20")
        assert line.endswith(text)
    (message,) = desk.in_ring()
    assert path.name in message
    assert "50 of which" in message


def dead_ring(path: Path, boot_id: bytes, entries: int = 3) -> None:
    """Leave a ring as a process that died would."""
    desk = RingIdentity(boot_id=boot_id, pid=1, started_ns=10**18, process="master", build="0")
    buffer = bytearray(RING_BYTES_MIN)
    writer = RingWriter(buffer, desk)
    for number in range(entries):
        source = Source("m", "f", "n", 1)
        writer.append(Level.INFO, source, b"entry %d" % number, wall_ns=10**18, monotonic_ns=1)
    path.write_bytes(buffer)


def test_crash_files_are_bounded(tmp_path: Path) -> None:
    """Only the newest crash files are kept; dumping again replaces the same file."""
    ring = tmp_path / "master.ring"
    for number in range(CRASH_FILES_MAX + 5):
        dead_ring(ring, b"%016d" % number)
        first = dump_ring(ring, tmp_path)
        assert first == dump_ring(ring, tmp_path)
        assert first is not None
        assert (first.records, first.unflushed) == (3, 3)
        os.utime(first.path, ns=(number, number))
    names = sorted(path.name for path in tmp_path.glob("crash-*"))
    wanted = range(5, CRASH_FILES_MAX + 5)
    assert names == sorted(f"crash-{(b'%016d' % number).hex()}.log" for number in wanted)


@pytest.mark.parametrize("content", [None, b"", b"x" * 100, bytes(RING_BYTES_MIN)])
def test_nothing_to_dump(tmp_path: Path, content: bytes | None) -> None:
    """No ring, an empty one or one that is none gives no crash file and no error."""
    if content is not None:
        (tmp_path / "master.ring").write_bytes(content)
    assert dump_ring(tmp_path / "master.ring", tmp_path) is None
    assert not list(tmp_path.glob("crash-*"))


def test_a_ring_that_cannot_be_dumped_is_kept(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no room for the crash file, the old ring stays, and logging goes on in memory."""
    path = desk.state / "log" / "master.ring"
    path.parent.mkdir()
    dead_ring(path, b"the crashed boot")

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("papertrader.eventlog.crashes.os.fsync", fail)
        log = desk.begin()
    assert "works in memory only" in desk.told[0]
    assert [path.name for path in path.parent.iterdir()] == ["master.ring"]
    desk.logger.info("in memory only")
    assert log.counters().written == 1
    stopped = log.stop()
    desk.work()
    assert stopped.called
    assert len(RingReader(path.read_bytes()).unflushed()) == 3
    desk.begin(boot_id=b"a new boot id 16")
    assert len(list(path.parent.glob("crash-*"))) == 1


@pytest.mark.parametrize("sort", ["missing", "unsupported"])
def test_a_ring_file_never_has_holes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    """Where the system cannot allocate, the file is filled by writing; other errors are raised."""

    def fail(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    if sort == "missing":
        monkeypatch.delattr("papertrader.eventlog.ringfile.os.posix_fallocate")
    else:
        monkeypatch.setattr("papertrader.eventlog.ringfile.os.posix_fallocate", fail)
    path = tmp_path / "x.ring"
    ring = RingFile(path)
    ring.map(200_000).close()
    ring.close()
    assert path.stat().st_size == 200_000
    assert path.stat().st_blocks * 512 >= 200_000


def test_no_room_for_the_ring(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk without room for the ring is told at the start; entries still reach the segments."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("papertrader.eventlog.ringfile.os.posix_fallocate", fail)
    log = desk.begin()
    assert "No space left" in desk.told[0]
    desk.logger.info("hello")
    log.flush()
    desk.work()
    assert desk.messages() == ["hello"]
