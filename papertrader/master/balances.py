"""The ledger's balances as the views keep them: in digits, for their sum may exceed 64 bits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import peewee

Entry: TypeAlias = tuple[int, int, str, int]
"""Ledger kind, portfolio, asset, amount."""


class Balances:
    """The newest balances; as many are remembered as there are, like in the desk's memory."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int, str], int] = {}

    def added(
        self, db: peewee.Database, entries: Iterable[Entry]
    ) -> list[tuple[int, int, str, str]]:
        """Return the rows of the balances that ``entries`` change, as they are afterwards."""
        changed: dict[tuple[int, int, str], int] = {}
        for kind, portfolio, asset, amount in entries:
            key = (kind, portfolio, asset)
            before = changed.get(key)
            if before is None:
                before = self._known.get(key)
            if before is None:
                before = _stored(db, key)
            changed[key] = before + amount
        self._known.update(changed)
        return [(*key, str(amount)) for key, amount in changed.items()]


def _stored(db: peewee.Database, key: tuple[int, int, str]) -> int:
    row = db.execute_sql(
        "SELECT amount FROM view_balance WHERE ledger_kind = ? AND portfolio = ? AND asset = ?", key
    ).fetchone()
    return 0 if row is None else int(row[0])
