"""Version 3: watchlists and price alerts."""

from __future__ import annotations

from typing import Final

import peewee

_STATEMENTS: Final = (
    "CREATE TABLE watchlist (account INTEGER NOT NULL, name TEXT NOT NULL, symbols TEXT NOT NULL,"
    " PRIMARY KEY (account, name)) STRICT, WITHOUT ROWID",
    "CREATE TABLE alert (id INTEGER NOT NULL PRIMARY KEY, account INTEGER NOT NULL,"
    " symbol TEXT NOT NULL, condition INTEGER NOT NULL, price INTEGER NOT NULL,"
    " asked INTEGER NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,"
    " state INTEGER NOT NULL, ended_at INTEGER NOT NULL, market_at INTEGER NOT NULL,"
    " seen INTEGER NOT NULL, quote_seq INTEGER NOT NULL) STRICT",
    "CREATE INDEX alert_account ON alert (account)",
)


def up(db: peewee.Database) -> None:
    """Bring a store of version 2 to version 3."""
    for statement in _STATEMENTS:
        db.execute_sql(statement)
