"""The truth store is what it is trusted to be: synced, strict, append-only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import peewee
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from papertrader.master.database import LAST_SEQ, TruthStore, batch_after, journal_batches


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


def test_a_commit_writes_the_journal_alone(store: TruthStore) -> None:
    """An index would be a page more of each commit: where an input is, the batches' order tells."""
    rows = store.db.execute_sql("SELECT name FROM pragma_index_list('journal')").fetchall()
    assert rows == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 3)), max_size=12))
def test_a_batch_is_found_by_its_input(steps: list[tuple[int, int]]) -> None:
    """Whatever numbers are left out, and however many batches bring no input."""
    db = peewee.SqliteDatabase(":memory:")
    db.execute_sql(
        "CREATE TABLE journal (batch INTEGER PRIMARY KEY, first_seq INTEGER, last_seq INTEGER,"
        " epoch INTEGER, previous BLOB, hash BLOB, frames BLOB)"
    )
    batch, last, there = 0, 0, []
    for further, inputs in steps:
        batch, last = batch + further, last + inputs
        there.append((batch, last))
        row = (batch, last, last, 1, b"", b"", b"frames")
        db.execute_sql("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    assert db.execute_sql(LAST_SEQ).fetchone() == (last,)
    for seq in range(last + 2):
        wanted = [number for number, reached in there if reached > seq]
        begin = batch_after(db, seq)
        assert [number for number, _ in there if number >= begin] == wanted
        found = [row[0] for row in journal_batches(db, seq)]
        assert found == wanted
    db.close()
