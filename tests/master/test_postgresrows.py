"""Rows of a PostgreSQL: several in a statement, and statements together."""

from __future__ import annotations

from pathlib import Path

import peewee
import pytest

from papertrader.master.engines import many, together
from papertrader.master.postgres import PARAMETERS, several
from tests import backends

pytestmark = pytest.mark.postgresql


def test_rows_go_several_in_a_statement(tmp_path: Path) -> None:
    """However many there are; a statement that inserts no plain row goes once for each."""
    db = backends.place(tmp_path).truth.open()
    db.execute_sql("CREATE TABLE pair (a BIGINT PRIMARY KEY, b BIGINT NOT NULL, c TEXT)")
    insert = (
        "INSERT INTO pair (a, b, c) VALUES (?, ?, ?)"
        " ON CONFLICT (a) DO UPDATE SET b = pair.b + excluded.b"
    )
    _, at_once = several(insert)
    assert at_once == PARAMETERS // 3
    assert several("INSERT INTO pair (a, b, c) VALUES (?, 0, x'')")[1] == 1
    assert several("UPDATE pair SET b = ? WHERE a = ?")[1] == 1
    for upto in (1, at_once - 1, at_once, at_once + 1, 3 * at_once + 2):
        many(db, insert, [(number, 10**upto % 10**17, "x") for number in range(upto)])
        many(db, "UPDATE pair SET b = ? WHERE a = ?", [(n, n) for n in range(upto)])
        rows = db.execute_sql("SELECT a, b FROM pair ORDER BY a").fetchall()
        assert rows == [(number, number) for number in range(upto)]
    with pytest.raises(peewee.IntegrityError), together(db):
        many(db, "INSERT INTO pair (a, b) VALUES (?, ?)", [(n, 0) for n in (100, 101, 100)])
        many(db, "UPDATE pair SET b = ? WHERE a = ?", [(7, 1)])
    assert db.execute_sql("SELECT b FROM pair WHERE a = 1").fetchone() == (1,)
    db.close()
