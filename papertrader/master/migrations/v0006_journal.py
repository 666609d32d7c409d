"""Version 6: the journal has no indexes of its own, for its batches follow their inputs."""

from __future__ import annotations

from typing import Final

import peewee

_STATEMENTS: Final = (
    "DROP INDEX IF EXISTS journal_first_seq",
    "DROP INDEX IF EXISTS journal_last_seq",
)


def up(db: peewee.Database) -> None:
    """Bring a store of version 5 to version 6."""
    for statement in _STATEMENTS:
        db.execute_sql(statement)
