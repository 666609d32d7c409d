"""A step of the schema, on both engines: whole or not at all; old backups go into either."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import peewee
import pytest

from papertrader.master import database, migrations
from papertrader.master.database import SCHEMA_VERSION, TruthStore
from papertrader.master.engines import StoreError, place_at
from papertrader.ops import backup
from tests import backends
from tests.master_kit import MasterKit
from tests.ops.test_old_stores import SCHEMAS, trade_on, unpack

ResultT = TypeVar("ResultT")

STATEMENTS = (
    "ALTER TABLE account ADD COLUMN shoe INTEGER NOT NULL DEFAULT 42",
    "ALTER TABLE account ADD COLUMN mark BLOB NOT NULL DEFAULT X''",
    "CREATE TABLE pair (id INTEGER NOT NULL PRIMARY KEY, secret BLOB NOT NULL, label TEXT NOT NULL)"
    " STRICT",
    "CREATE UNIQUE INDEX pair_secret ON pair (secret)",
    "CREATE TABLE sole (account INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (account, name))"
    " STRICT, WITHOUT ROWID",
    "UPDATE account SET shoe = 43 WHERE username = 'ann'",
)
"""What steps consist of: they are worded as SQLite has it, and the other engine reads that."""


def next_step(monkeypatch: pytest.MonkeyPatch, fails_after: int | None = None) -> None:
    """Let there be one more version of the schema, whose step may fail somewhere."""

    def up(db: peewee.Database) -> None:
        for number, statement in enumerate(STATEMENTS):
            if number == fails_after:
                db.execute_sql("SELECT nothing FROM account")
            db.execute_sql(statement)

    monkeypatch.setattr(database, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    monkeypatch.setattr(migrations, "STEPS", {**migrations.STEPS, SCHEMA_VERSION + 1: up})


def looked_at(state: Path, look: Callable[[peewee.Database], ResultT]) -> ResultT:
    """Read something of a store that nobody has open."""
    db = backends.place(state).truth.snapshot()
    try:
        return look(db)
    finally:
        db.close()


def shape(db: peewee.Database) -> tuple[str, set[str], list[str]]:
    """Return the schema's version, the tables, and the columns of accounts."""
    (version,) = db.execute_sql("SELECT value FROM meta WHERE key = 'schema'").fetchone()
    columns = sorted(each.name for each in db.get_columns("account"))
    return str(version), set(db.get_tables()), columns


def used(state: Path) -> MasterKit:
    """A store with an account and an order in it."""
    kit = MasterKit(state)
    ann = kit.client()
    ann.register()
    ann.login()
    ann.order("MSFT", "1")
    kit.stop()
    return kit


@pytest.mark.parametrize("fails_after", [0, 3, 5])
def test_a_step_that_fails_has_changed_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_after: int
) -> None:
    """The store is as it was, and the version before goes on with it."""
    kit = used(tmp_path)
    before = looked_at(tmp_path, shape)
    with monkeypatch.context() as patch:
        next_step(patch, fails_after)
        store = TruthStore(backends.place(tmp_path).truth)
        with pytest.raises(StoreError, match="cannot be written"):
            store.open()
        store.close()
    assert looked_at(tmp_path, shape) == before
    kit.boot()
    kit.check()


def test_a_step_is_taken_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it makes is there, what was there is, too; the version before does not touch it."""
    kit = used(tmp_path)
    _, tables, columns = looked_at(tmp_path, shape)
    with monkeypatch.context() as patch:
        next_step(patch)
        for _ in range(2):
            kit.boot()
            kit.stop()
        found = looked_at(tmp_path, shape)
        assert found == (
            str(SCHEMA_VERSION + 1), tables | {"pair", "sole"}, sorted([*columns, "shoe", "mark"])
        )  # fmt: skip
        rows = looked_at(
            tmp_path, lambda db: db.execute_sql("SELECT shoe, mark FROM account").fetchall()
        )
        assert [(shoe, bytes(mark)) for shoe, mark in rows] == [(43, b"")]
        assert backends.audit(tmp_path).violations == []
    with pytest.raises(StoreError, match="newer PaperTrader"):
        TruthStore(backends.place(tmp_path).truth).open()


@pytest.mark.parametrize("schema", SCHEMAS)
def test_an_old_backup_goes_into_either_engine(tmp_path: Path, schema: int) -> None:
    """It is brought forward on the way; people have what they had, and go on."""
    old = unpack(schema, tmp_path / "old")
    backup.make_backup(place_at(old), tmp_path / "copy")
    state = tmp_path / "new"
    state.mkdir()
    backup.restore_backup(backends.place(state), tmp_path / "copy")
    kit = MasterKit(state)
    trade_on(kit)
