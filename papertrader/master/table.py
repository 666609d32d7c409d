"""The base of the tables of the truth store, and the database that they are bound to."""

from __future__ import annotations

from typing import Final

import peewee

truth: Final = peewee.DatabaseProxy()


class Table(peewee.Model):
    """Base of the tables of the truth store."""

    class Meta:
        """Bound when the store is opened."""

        database = truth
        strict_tables = True
        legacy_table_names = False
