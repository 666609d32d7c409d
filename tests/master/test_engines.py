"""What SQLite's engine adds to a cursor: whichever of its methods meets a damaged page says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from papertrader.master.engines import Damaged, SqliteFile, connect

pytestmark = pytest.mark.sqlite
ROWS = 20
PAGE_OCTETS = 4_096


@pytest.fixture
def damaged(tmp_path: Path) -> SqliteFile:
    """A file whose table ``kept`` has a page a row; that of the middle one is none."""
    path = tmp_path / "some.db"
    db = connect(path, {})
    db.execute_sql("CREATE TABLE kept (id INTEGER PRIMARY KEY, octets BLOB)")
    for _ in range(ROWS):
        db.execute_sql("INSERT INTO kept (octets) VALUES (?)", (b"\xaa" * 3_000,))
    db.close()
    octets = bytearray(path.read_bytes())
    pages = [at for at in range(0, len(octets), PAGE_OCTETS) if b"\xaa" * 9 in octets[at:][:4_096]]
    middle = pages[len(pages) // 2]
    octets[middle : middle + PAGE_OCTETS] = bytes(PAGE_OCTETS)
    path.write_bytes(octets)
    return connect(path, {}, cure="do that")


METHODS: dict[str, Callable[[Any], object]] = {
    "fetchone": lambda cursor: [cursor.fetchone() for _ in range(ROWS)],
    "fetchall": lambda cursor: cursor.fetchall(),
    "iteration": list,
}


@pytest.mark.parametrize("method", METHODS)
def test_a_damaged_page_is_told_by_whatever_fetches(damaged: SqliteFile, method: str) -> None:
    """The rows before it can be had."""
    cursor = damaged.execute_sql("SELECT octets FROM kept ORDER BY id")
    with pytest.raises(Damaged, match=r"some\.db is damaged \(.*\); do that"):
        METHODS[method](cursor)


def test_a_damaged_page_is_told_by_what_asks(damaged: SqliteFile) -> None:
    """A sum meets it before there is a row."""
    with pytest.raises(Damaged, match=r"some\.db is damaged"):
        damaged.execute_sql("SELECT sum(length(octets)) FROM kept")
