"""Version 4: second factors, invitations, reset tokens, failed logins by name, known addresses."""

from __future__ import annotations

from typing import Final

import peewee

_STATEMENTS: Final = (
    "ALTER TABLE account ADD COLUMN totp_seed BLOB NOT NULL DEFAULT x''",
    "ALTER TABLE account ADD COLUMN totp_step INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE account ADD COLUMN last_login_at INTEGER NOT NULL DEFAULT 0",
    "CREATE TABLE recovery_code (code_hash BLOB NOT NULL PRIMARY KEY, account INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID",
    "CREATE INDEX recovery_code_account ON recovery_code (account)",
    "CREATE TABLE invitation (id INTEGER NOT NULL PRIMARY KEY, code_hash BLOB NOT NULL,"
    " role INTEGER NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,"
    " created_by INTEGER NOT NULL, label TEXT NOT NULL, used_by INTEGER NOT NULL,"
    " ended_at INTEGER NOT NULL) STRICT",
    "CREATE UNIQUE INDEX invitation_code_hash ON invitation (code_hash)",
    "CREATE TABLE reset_token (account INTEGER NOT NULL PRIMARY KEY, token_hash BLOB NOT NULL,"
    " expires_at INTEGER NOT NULL) STRICT",
    "CREATE TABLE login_tries (key BLOB NOT NULL PRIMARY KEY, failures INTEGER NOT NULL,"
    " last_at INTEGER NOT NULL, hour_at INTEGER NOT NULL, hour INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID",
    "CREATE TABLE login_address (account INTEGER NOT NULL, network BLOB NOT NULL,"
    " at INTEGER NOT NULL, PRIMARY KEY (account, network)) STRICT, WITHOUT ROWID",
)


def up(db: peewee.Database) -> None:
    """Bring a store of version 3 to version 4."""
    for statement in _STATEMENTS:
        db.execute_sql(statement)
