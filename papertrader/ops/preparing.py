"""Preparing a store on PostgreSQL for a master whose role may not change its tables."""

from __future__ import annotations

import contextlib
from pathlib import Path

import peewee

from papertrader.master.database import TruthStore
from papertrader.master.engines import MAKE_SCHEMA, Engine, StoreError, place_at, reason
from papertrader.master.truthtables import APPEND_ONLY
from papertrader.master.viewstore import ViewStore


def prepare_store(state: Path, url: str, owner_url: str, *, anew: bool = False) -> str:
    """Make the tables of a store, or bring them up to date, and let the role of ``url`` work them.

    ``owner_url`` leads to the same schema as a role that may make tables there: they are its own.
    ``anew``: the views are thrown away, to be made again by the next start. Returns the role that
    may work the store from now on. No master may have it. Raises `StoreError`.
    """
    if not url:
        raise StoreError("the store is files of this machine; set store.url to a PostgreSQL first")
    from papertrader.master.postgresroles import (  # noqa: PLC0415 (psycopg is an extra)
        check_apart,
        grant,
        role_of,
    )

    work, own = place_at(state, url), place_at(state, owner_url)
    role = role_of(url)
    if _schema(work.truth) != _schema(own.truth):
        raise StoreError("store.url and --owner lead to different servers, databases or schemas")
    try:
        with contextlib.closing(own.truth.open()) as db:
            check_apart(db, role)
        truth, views = TruthStore(own.truth, holder="prepare-store"), ViewStore(own.views)
        with contextlib.closing(truth), contextlib.closing(views):
            truth.open()
            views.open()
            if anew:
                views.make_anew()
            grant(truth.db, role, APPEND_ONLY)
    except peewee.PeeweeException as error:
        raise StoreError(f"{own.truth.where}: {reason(error)}") from None
    return role


def _schema(engine: Engine) -> tuple[object, ...]:
    """Return what tells a schema of a server from every other one."""
    with contextlib.closing(engine.open()) as db:
        row: tuple[object, ...] = db.execute_sql(
            "SELECT pg_postmaster_start_time(), current_database(), current_schema()"
        ).fetchone()
    if row[2] is None:
        raise StoreError(f"{engine.where}: {MAKE_SCHEMA}")
    return row
