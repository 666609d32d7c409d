"""Which store the masters of a test have: SQLite files, or a PostgreSQL schema of their own.

A test that asks for the fixture ``backend`` (`tests/master/conftest.py`) runs on both; where there
is no PostgreSQL its second run is skipped, and the end of the run says how many were.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from papertrader.master.engines import StorePlace, place_at
from papertrader.master.viewtables import TABLES as VIEW_TABLES
from papertrader.ops import inspection, replaycheck
from tests import postgres_kit

SQLITE, POSTGRES = "sqlite", "postgresql"
CHOSEN = os.environ.get("PAPERTRADER_BACKEND", SQLITE)
"""The store of tests that do not ask for both."""

_current = CHOSEN


def use(name: str) -> Callable[[], None]:
    """Let masters have this kind of store from now on; returns what ends that."""
    global _current
    before, _current = _current, name

    def back() -> None:
        global _current  # noqa: PLW0603
        _current = before

    return back


def name() -> str:
    """Return the kind of store in use."""
    return _current


def url_at(state: Path) -> str:
    """Return the setting ``store.url`` of a state directory's master."""
    return postgres_kit.url_of(state) if _current == POSTGRES else ""


def place(state: Path) -> StorePlace:
    """Return where the store of a state directory's master is."""
    return place_at(state, url_at(state))


def audit(state: Path) -> inspection.Report:
    """Audit the store of a state directory's master."""
    return inspection.audit(place(state))


def replay_check(state: Path) -> replaycheck.ReplayReport:
    """Decide its inputs again."""
    return replaycheck.replay_check(place(state))


def remove_views(state: Path) -> None:
    """Throw the views away, under whatever runs."""
    place(state).views.remove(VIEW_TABLES)
