"""Version 5: workers come from somewhere, renew their keys, and enroll over the network."""

from __future__ import annotations

from typing import Final

import peewee

_STATEMENTS: Final = (
    "ALTER TABLE worker ADD COLUMN networks TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE worker ADD COLUMN hosts TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE worker ADD COLUMN previous_spki BLOB NOT NULL DEFAULT X''",
    "ALTER TABLE worker ADD COLUMN previous_until INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE worker ADD COLUMN not_after INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE worker ADD COLUMN authority BLOB NOT NULL DEFAULT X''",
    "CREATE TABLE enrollment (worker INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL,"
    " uuid TEXT NOT NULL, token_hash BLOB NOT NULL, expires_at INTEGER NOT NULL,"
    " added_at INTEGER NOT NULL, networks TEXT NOT NULL, hosts TEXT NOT NULL,"
    " again INTEGER NOT NULL) STRICT",
    "CREATE TABLE audit_key (epoch INTEGER NOT NULL PRIMARY KEY, public BLOB NOT NULL,"
    " signature BLOB NOT NULL) STRICT",
    "CREATE TRIGGER audit_key_no_update BEFORE UPDATE ON audit_key"
    " BEGIN SELECT RAISE(ABORT, 'audit_key is append-only'); END",
    "CREATE TRIGGER audit_key_no_delete BEFORE DELETE ON audit_key"
    " BEGIN SELECT RAISE(ABORT, 'audit_key is append-only'); END",
)


def up(db: peewee.Database) -> None:
    """Bring a store of version 4 to version 5."""
    for statement in _STATEMENTS:
        db.execute_sql(statement)
