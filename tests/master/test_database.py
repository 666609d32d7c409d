"""The truth store is what it is trusted to be: synced, strict, append-only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import peewee
import pytest

from papertrader.master.database import TruthStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TruthStore]:
    """A new store."""
    made = TruthStore(tmp_path / "truth.db")
    made.open()
    yield made
    made.close()


def test_every_commit_is_synced(store: TruthStore) -> None:
    """``synchronous`` is FULL, and the log ahead of the tables is a file, not memory."""
    assert store.db.execute_sql("PRAGMA synchronous").fetchone() == (2,)
    assert store.db.execute_sql("PRAGMA journal_mode").fetchone() == ("wal",)


def test_every_table_is_strict(store: TruthStore) -> None:
    """2**63 - 1 and one more must be an error, not a floating-point number."""
    rows = store.db.execute_sql("SELECT name, strict FROM pragma_table_list").fetchall()
    loose = [name for name, strict in rows if not strict and not name.startswith("sqlite_")]
    assert loose == []


@pytest.mark.parametrize("table", ["journal", "audit", "checkpoint"])
def test_what_is_written_stays_written(store: TruthStore, table: str) -> None:
    """Nothing of ours, and no slip of an operator, changes a row of it."""
    store.db.execute_sql("INSERT INTO checkpoint (seq, at, state_hash) VALUES (1, 1, x'00')")
    for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET rowid = rowid + 1"):
        before = store.db.execute_sql(f"SELECT count(*) FROM {table}").fetchone()
        if before == (0,):
            continue
        with pytest.raises(peewee.IntegrityError, match="append-only"):
            store.db.execute_sql(statement)
