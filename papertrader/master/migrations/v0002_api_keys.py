"""Version 2: API keys, and what a list of sessions shows."""

from __future__ import annotations

from typing import Final

import peewee

_STATEMENTS: Final = (
    "ALTER TABLE session ADD COLUMN last_seen_at INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE session ADD COLUMN api_key INTEGER NOT NULL DEFAULT 0",
    "UPDATE session SET last_seen_at = created_at",
    "CREATE TABLE api_key (id INTEGER NOT NULL PRIMARY KEY, account INTEGER NOT NULL,"
    " secret_hash BLOB NOT NULL, scope INTEGER NOT NULL, label TEXT NOT NULL,"
    " created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, last_used_at INTEGER NOT NULL,"
    " revoked_at INTEGER NOT NULL) STRICT",
    "CREATE INDEX api_key_account ON api_key (account)",
    "CREATE UNIQUE INDEX api_key_secret_hash ON api_key (secret_hash)",
)


def up(db: peewee.Database) -> None:
    """Bring a store of version 1 to version 2."""
    for statement in _STATEMENTS:
        db.execute_sql(statement)
