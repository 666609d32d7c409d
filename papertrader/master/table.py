"""The base of the tables of the truth store, and the database that they are bound to."""

from __future__ import annotations

from typing import Any, Final

import peewee

truth: Final = peewee.DatabaseProxy()


class PortableSchema(peewee.SchemaManager):
    """Leaves out of CREATE TABLE what only SQLite knows, on another engine."""

    def _create_table(self, safe: bool = True, **options: Any) -> Any:
        meta = self.model._meta
        kept = meta.strict_tables, meta.without_rowid
        if not isinstance(getattr(self.database, "obj", self.database), peewee.SqliteDatabase):
            # What STRICT gives there, each column's type is in itself.
            meta.strict_tables = meta.without_rowid = False
        try:
            return super()._create_table(safe, **options)  # type: ignore[misc]
        finally:
            meta.strict_tables, meta.without_rowid = kept


class Table(peewee.Model):
    """Base of the tables of the truth store."""

    class Meta:
        """Bound when the store is opened."""

        database = truth
        strict_tables = True
        legacy_table_names = False
        schema_manager_class = PortableSchema
