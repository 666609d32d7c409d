"""A disk without room is named as such, with what to do, by whatever meets it."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import peewee
import pytest
from click.testing import CliRunner

from papertrader.cli.operator import rebuild_command
from papertrader.master.database import TruthStore
from papertrader.master.engines import StoreError, connect, first_cause, place_at
from papertrader.master.room import LITTLE, room_wanted
from tests.backends import audit
from tests.master_kit import MasterKit

pytestmark = pytest.mark.sqlite


def test_an_error_that_may_be_one_of_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite says the same when a file beside the database cannot be made for another reason: the
    room that is left decides."""
    path = tmp_path / "truth.db"
    connect(path, {"journal_mode": "wal"}).close()
    path.with_name("truth.db-wal").mkdir()
    with pytest.raises(StoreError, match="check the path, its permissions and the disk"):
        connect(path, {"journal_mode": "wal"})
    total, used, _ = shutil.disk_usage(tmp_path)
    left = type(shutil.disk_usage(tmp_path))(total, used, LITTLE - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: left)
    full = r"truth\.db: .*; its disk is full \(255 KiB are free\); make room there$"
    with pytest.raises(StoreError, match=full):
        connect(path, {"journal_mode": "wal"})
    assert room_wanted(ValueError("of something else"), path) == ""
    assert room_wanted(OSError(28, "No space left on device"), path)


@pytest.fixture
def limited() -> Iterator[int]:
    """How large files may become while a test runs, in octets."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    most = 256 * 1024
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield most
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_file_that_may_not_grow(tmp_path: Path, limited: int, mode: str) -> None:
    """SQLite says "disk I/O error" of that as well; on a disk with room the limit is told."""
    path = tmp_path / "truth.db"
    db = connect(path, {"journal_mode": mode})
    db.execute_sql("CREATE TABLE held (value BLOB)")
    with pytest.raises(peewee.PeeweeException) as failed:
        for _ in range(limited // 4096 + 2):
            db.execute_sql("INSERT INTO held VALUES (zeroblob(4000))")
    db.close()
    said = room_wanted(first_cause(failed.value), path)
    assert said == "no file may grow beyond 256 KiB here (ulimit -f); raise that"


def test_a_new_store_that_may_not_grow(tmp_path: Path, limited: int) -> None:
    """The same of whoever begins one."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (limited // 4, resource.RLIM_INFINITY))
    with pytest.raises(StoreError, match=r"cannot be written: .*beyond 64 KiB here \(ulimit -f\)"):
        TruthStore(place_at(tmp_path).truth).open()
    assert room_wanted(OSError(errno.EFBIG, "File too large"), tmp_path / "x")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A state directory on a file system of its own, which is small."""
    place = tmp_path / "state"
    place.mkdir(mode=0o700)
    options = "size=4m,mode=0700"
    command = ["mount", "-t", "tmpfs", "-o", options, "papertrader-test", str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a file system may not be mounted: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


@pytest.mark.parametrize("left", [0, 20 * 1024])
def test_rebuild_on_a_full_disk(small: Path, left: int) -> None:
    """It says so, and that room is wanted; with room the next one makes the rest."""
    kit = MasterKit(small)
    ann = kit.client()
    ann.register()
    ann.login()
    kit.stop()
    ballast = small / "ballast"
    with contextlib.suppress(OSError), open(ballast, "ab", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    os.truncate(ballast, ballast.stat().st_size - left)
    rebuilt = CliRunner().invoke(rebuild_command, ["--state-dir", str(small)])
    assert rebuilt.exit_code == 2
    assert "its disk is full (" in rebuilt.output
    assert "make room there" in rebuilt.output
    ballast.unlink()
    assert CliRunner().invoke(rebuild_command, ["--state-dir", str(small)]).exit_code == 0
    assert audit(small).violations == []
