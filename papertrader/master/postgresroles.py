"""A role of a PostgreSQL that works a store, and cannot change what the store consists of.

It reads and writes the tables' rows, and of the append-only ones only adds some. So whoever takes
the master over has no way to change what the journal and the audit log hold: the trigger that
refuses it belongs to another role.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

import peewee
from psycopg import sql

from papertrader.master.engines import StoreError


def role_of(url: str) -> str:
    """Return the role that a URL names; raises `StoreError` if it leaves that to libpq."""
    role = urlsplit(url).username
    if not role:
        raise StoreError("store.url names no role, such as postgresql://ROLE@host/database")
    return role


def check_apart(db: peewee.Database, role: str) -> None:
    """Raise `StoreError` unless ``role`` is one that something can be kept from."""
    row = db.execute_sql(
        "SELECT rolsuper, pg_has_role(oid, current_user, 'MEMBER'), current_user"
        " FROM pg_roles WHERE rolname = ?",
        (role,),
    ).fetchone()
    if row is None:
        raise StoreError(f"the server has no role {role}; make it with: CREATE ROLE ... LOGIN")
    is_super, is_member, owner = row
    if is_super:
        raise StoreError(f"{role} is a superuser, from whom nothing can be kept; name another one")
    if is_member:
        raise StoreError(f"{role} may act as {owner}, who owns the store; name another one")


def grant(db: peewee.Database, role: str, append_only: Sequence[str]) -> None:
    """Let ``role`` work the tables of the schema of ``db``, whose owner asks, and no more.

    Rows of the tables ``append_only`` it may read and add. Everybody loses the right to make
    tables in the schema.
    """
    (name,) = db.execute_sql("SELECT current_schema()").fetchone()
    schema, who = sql.Identifier(name).as_string(), sql.Identifier(role).as_string()
    kept = ", ".join(sql.Identifier(name, table).as_string() for table in append_only)
    with db.atomic():
        for statement in (
            f"REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC, {who}",
            f"GRANT USAGE ON SCHEMA {schema} TO {who}",
            f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {who}",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {who}",
            f"REVOKE UPDATE, DELETE ON {kept} FROM {who}",
            f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {who}",
        ):
            db.execute_sql(statement)
