"""A store of the first schema is brought up to date, or left as it was."""

from __future__ import annotations

from typing import Any

import peewee
import pytest

from papertrader.master.database import SCHEMA_VERSION, StoreError, TruthStore
from papertrader.master.engines import place_at
from papertrader.wire import messages as m
from papertrader.wire.kinds import Scope
from tests.master.test_profile import change, rows, with_key
from tests.master_kit import PASSWORD, MasterClient, MasterKit

VERSION_1 = """
CREATE TABLE session (id INTEGER NOT NULL PRIMARY KEY, account INTEGER NOT NULL,
 parent INTEGER NOT NULL, token_hash BLOB NOT NULL, previous_hash BLOB NOT NULL,
 remember INTEGER NOT NULL, scope INTEGER NOT NULL, device TEXT NOT NULL, worker INTEGER NOT NULL,
 address BLOB NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
 ended_at INTEGER NOT NULL, end_reason INTEGER NOT NULL) STRICT;
CREATE INDEX session_account ON session (account);
CREATE UNIQUE INDEX session_token_hash ON session (token_hash);
INSERT INTO session SELECT id, account, parent, token_hash, previous_hash, remember, scope, device,
 worker, address, created_at, expires_at, ended_at, end_reason FROM newer;
DROP TABLE newer;
DROP TABLE api_key;
DROP TABLE watchlist;
DROP TABLE alert;
DROP TABLE enrollment;
DROP TABLE audit_key;
ALTER TABLE worker DROP COLUMN networks;
ALTER TABLE worker DROP COLUMN hosts;
ALTER TABLE worker DROP COLUMN previous_spki;
ALTER TABLE worker DROP COLUMN previous_until;
ALTER TABLE worker DROP COLUMN not_after;
ALTER TABLE worker DROP COLUMN authority;
DROP TABLE recovery_code;
DROP TABLE invitation;
DROP TABLE reset_token;
DROP TABLE login_tries;
DROP TABLE login_address;
ALTER TABLE account DROP COLUMN totp_seed;
ALTER TABLE account DROP COLUMN totp_step;
ALTER TABLE account DROP COLUMN last_login_at;
UPDATE meta SET value = '1' WHERE key = 'schema';
"""
"""What made a store of the newest version one of version 1 again, as that version created it."""


def layout(db: peewee.Database) -> dict[str, list[tuple[Any, ...]]]:
    """The columns of every table (name, type, not null, key), and the indexes' columns."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    names = db.execute_sql("SELECT type, name FROM sqlite_master ORDER BY name").fetchall()
    for kind, name in names:
        if kind == "table":
            columns = db.execute_sql(f"PRAGMA table_info({name})")
            found[name] = sorted((row[1], row[2], row[3], row[5]) for row in columns)
        elif kind == "index":
            found[name] = [row[2] for row in db.execute_sql(f"PRAGMA index_info({name})")]
    return found


def made_old(kit: MasterKit) -> None:
    """Make the store of a stopped master one of version 1."""
    old = peewee.SqliteDatabase(str(kit.state_dir / "truth.db"))
    with old.atomic():
        old.execute_sql("DROP INDEX session_account")
        old.execute_sql("DROP INDEX session_token_hash")
        old.execute_sql("ALTER TABLE session RENAME TO newer")
        for statement in VERSION_1.strip().split(";\n"):
            old.execute_sql(statement.strip(";\n"))
    old.close()


def test_a_step_that_fails_leaves_the_store_as_it_was(kit: MasterKit, ann: MasterClient) -> None:
    """All of it or nothing: the store is still of version 1 and can be brought up to date later."""
    kit.stop()
    made_old(kit)
    path = kit.state_dir / "truth.db"
    old = peewee.SqliteDatabase(str(path))
    old.execute_sql("CREATE TABLE api_key (of INTEGER)")
    before = layout(old)
    old.close()
    with pytest.raises(StoreError):
        TruthStore(place_at(path.parent).truth).open()
    assert layout(old) == before
    assert old.execute_sql("SELECT value FROM meta WHERE key = 'schema'").fetchone() == ("1",)
    old.execute_sql("DROP TABLE api_key")
    old.close()
    kit.boot()
    assert kit.main.store.meta("schema", "") == str(SCHEMA_VERSION)


def test_a_store_of_version_1_is_brought_up_to_date(kit: MasterKit, ann: MasterClient) -> None:
    """The tables are then as in a fresh store, its sessions live on, and keys can be made."""
    fresh = layout(kit.main.store.db)
    kit.stop()
    made_old(kit)
    kit.boot()
    assert kit.main.store.meta("schema", "") == str(SCHEMA_VERSION)
    assert layout(kit.main.store.db) == fresh
    again = kit.client(connection=2)
    again.token = ann.token
    assert again.resume().status == 0
    (row,) = rows(again).values()
    assert row.last_seen_at >= row.created_at > 0
    assert again.ask(m.TotpSetup(password=PASSWORD)).status == 0
    made = change(again, m.ApiKeyCreate(scope=Scope.READ, label="bot"))
    assert with_key(kit.client(connection=3), made.message).status == 0
