"""Files that are there whole or not at all: nothing of them is left by failures and kills."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sqlite3
from pathlib import Path

import pytest

from papertrader.master.engines import SqliteEngine, StoreError, copy_file, place_at
from papertrader.master.newfiles import new_file
from papertrader.ops import inspection
from papertrader.ops.backup import make_backup, restore_backup
from tests.master_kit import MasterKit

pytestmark = pytest.mark.sqlite


def names(directory: Path) -> list[str]:
    """Return the names of all files."""
    return sorted(path.name for path in directory.iterdir())


def database(path: Path, rows: int) -> Path:
    """Make a database of so many rows of a page each."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE held (value BLOB)")
        db.executemany("INSERT INTO held VALUES (?)", [(bytes(4000),)] * rows)
        db.commit()
    return path


def begin_and_die(path: Path) -> None:
    """Make a file in a process that is killed amid a transaction of SQLite."""
    child = os.fork()
    if child == 0:
        try:
            with new_file(path) as partial:
                database(partial, 50)
                db = sqlite3.connect(partial, isolation_level=None)
                db.execute("PRAGMA cache_size = 1")
                db.execute("BEGIN")
                db.execute("UPDATE held SET value = zeroblob(3999)")
                os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(9)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL


def test_what_a_killed_process_left_goes_with_the_next(tmp_path: Path) -> None:
    """Also a journal alone; not what somebody else still makes, nor what is made of other files."""
    target = tmp_path / "copy.db"
    begin_and_die(target)
    (left,) = [name for name in names(tmp_path) if name.endswith(".part")]
    assert names(tmp_path) == [left, f"{left}-journal"]
    for other in (".copy.db.1.part-journal", ".other.db.1.part", ".copy.db.2.part"):
        (tmp_path / other).write_bytes(b"x")
    with open(tmp_path / ".copy.db.2.part", "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with new_file(target) as partial:
            database(partial, 3)
        assert names(tmp_path) == [".copy.db.2.part", ".other.db.1.part", "copy.db"]


def test_a_copy_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither half of it, nor the journal that SQLite keeps when a disk is full."""
    source = SqliteEngine(database(tmp_path / "store.db", 50), {}).snapshot()

    def fail(*arguments: object, **options: object) -> None:
        (partial,) = tmp_path.glob(".copy.db.*.part")
        partial.with_name(f"{partial.name}-journal").write_bytes(b"x")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("papertrader.master.newfiles.settle_file", fail)
    with pytest.raises(StoreError, match="cannot copy the store"):
        copy_file(source, tmp_path / "copy.db")
    source.close()
    assert [name for name in names(tmp_path) if "copy" in name] == []


def test_a_restore_that_was_killed_does_no_harm_to_the_next(tmp_path: Path) -> None:
    """The journal of the copy it was changing is not played back into the copy of another store."""
    (tmp_path / "state").mkdir()
    kit = MasterKit(tmp_path / "state")
    client = kit.client()
    client.register()
    client.login()
    client.order("AAPL", "1")
    made = make_backup(place_at(kit.state_dir), tmp_path / "backup")
    kit.stop()
    begin_and_die(tmp_path / "other.db")
    for left in list(tmp_path.glob(".other.db.*.part*")):
        end = left.name.rpartition(".part")[2]
        left.rename(kit.state_dir / f".restoring.db{end}")
    place = place_at(kit.state_dir)
    restore_backup(place, made.path, force=True)
    assert not list(kit.state_dir.glob(".restoring*"))
    inspection.rebuild(place, lambda line: None)
    assert inspection.audit(place).violations == []


def test_with_a_database_goes_what_stood_beside_it(tmp_path: Path) -> None:
    """Its journal, too: a file put in its place would be overwritten with what stands in that."""
    for name in ("a.db", "a.db-journal", "a.db-wal", "a.db-shm", "a.db.replaced", "b.db"):
        (tmp_path / name).write_bytes(b"x")
    SqliteEngine(tmp_path / "a.db", {}).remove(())
    assert names(tmp_path) == ["a.db.replaced", "b.db"]
