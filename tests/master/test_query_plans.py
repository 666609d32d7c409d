"""No statement on the way of a request reads a whole table: each finds its rows by an index.

Every statement that the master makes while clients use it is caught and explained by the database
itself. What is read once at a start, and tables bounded by what an operator makes, may be whole.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import peewee

from papertrader.core.money import SCALE
from papertrader.wire import messages as m
from papertrader.wire.kinds import Direction, Topic
from tests import backends
from tests.master_kit import MasterClient, MasterKit

NEWEST = (m.DirectionRow(direction=Direction.NEWEST_FIRST),)
STATEMENT = re.compile(r"\s*(SELECT|UPDATE|DELETE|INSERT)\b", re.IGNORECASE)
BOUNDED = frozenset({"meta", "view_meta", "fence", "worker", "enrollment"})
"""Tables that no use makes grow."""
SCANNED = re.compile(r"^SCAN (\w+)|Seq Scan on (\w+)", re.MULTILINE)


class Catcher:
    """Catches the statements of a database, in its own words, with their values."""

    def __init__(self) -> None:
        self.made: dict[str, tuple[peewee.Database, str, tuple[Any, ...]]] = {}

    def watch(self, db: peewee.Database) -> None:
        """Catch those of one database from now on."""
        run = db.execute_sql

        def caught(sql: str, params: Any = None, *more: Any, **options: Any) -> Any:
            if STATEMENT.match(sql):
                self.made.setdefault(sql, (db, sql, tuple(params or ())))
            return run(sql, params, *more, **options)

        db.execute_sql = caught  # type: ignore[method-assign]
        if isinstance(db, peewee.SqliteDatabase):
            # What goes past that, row after row; here with the values in the text.
            db.connection().set_trace_callback(self._traced(db))

    def _traced(self, db: peewee.Database) -> Any:
        def traced(sql: str) -> None:
            key = re.sub(r"'[^']*'|\b\d+\b|x'\w*'", "?", sql.split("VALUES", maxsplit=1)[0])
            if STATEMENT.match(sql):
                self.made.setdefault(key, (db, sql, ()))

        return traced

    def scans(self) -> dict[str, set[str]]:
        """Return the statements that would read whole tables that grow, and which."""
        found = {}
        for db, sql, params in list(self.made.values()):
            tables = {a or b for a, b in SCANNED.findall(plan(db, sql, params))} - BOUNDED
            if tables:
                found[sql] = tables
        return found


def plan(db: peewee.Database, sql: str, params: tuple[Any, ...]) -> str:
    """Return how the database would go about a statement, a line for each step."""
    if isinstance(db, peewee.SqliteDatabase):
        cursor = db.connection().execute(f"EXPLAIN QUERY PLAN {sql}", params)
        return "\n".join(row[3] for row in cursor.fetchall())
    with db.atomic():
        # Few rows are read whole whatever indexes there are; so this asks whether one would do.
        db.execute_sql("SET LOCAL enable_seqscan = off")
        rows = db.execute_sql(f"EXPLAIN {sql}", params).fetchall()
    return "\n".join(str(row[0]) for row in rows)


def use_everything(kit: MasterKit, ann: MasterClient) -> None:
    """Ask for whatever there is, and change what can be changed."""
    for seq in range(1, 8):
        ann.order("MSFT", "1", side=2 - seq % 2)
        kit.quote("MSFT", "28.50", "28.51")
    order = ann.ask(m.OrderGet(client_order_id=1)).message.order
    for asked in (
        m.OrderGet(order=order),
        m.OrderList(states=0xFFFF),
        m.OrderList(states=0xFFFF, symbol="MSFT"),
        m.OrderList(),
        m.TransactionsGet(),
        m.TransactionsGet(kinds=2),
        m.OrderList(states=0xFFFF, direction=NEWEST),
        m.TransactionsGet(direction=NEWEST),
        m.RefusalsGet(direction=NEWEST),
        m.RefusalsGet(client_order_id=1),
        m.ReceiptGet(order=order),
        m.ReceiptGet(),
        m.PortfolioGet(),
        m.PortfolioList(),
        m.AccountGet(),
        m.EquityGet(interval_s=86_400),
        m.AlertList(),
        m.WatchlistList(),
        m.ContestList(),
        m.AssetList(),
    ):
        answer = ann.ask(asked)
        assert answer.status == 0, answer
    ann.follow(1)
    ann.seq += 1
    assert ann.ask(m.PortfolioReset(cash=5 * SCALE), seq=ann.seq).status == 0
    ann.login()
    assert ann.resume(1).status == 0
    assert ann.ask(m.Subscribe(topics=Topic.ACCOUNT, from_event_seq=2)).status == 0
    kit.turn(61.0)


def test_every_statement_of_a_request_finds_its_rows(tmp_path: Path) -> None:
    """On both engines; and the test sees a scan where there is one."""
    kit = MasterKit(tmp_path)
    ann = kit.client()
    ann.register()
    ann.login()
    catcher = Catcher()
    for db in (kit.main.store.db, kit.main.view_store.db):
        catcher.watch(db)
    use_everything(kit, ann)
    kinds = {re.split(r"\s+", sql.strip())[0].upper() for _, sql, _ in catcher.made.values()}
    assert {"SELECT", "INSERT"} <= kinds
    assert len(catcher.made) >= 10
    assert catcher.scans() == {}
    kit.main.view_store.db.execute_sql("SELECT count(*) FROM view_order WHERE sequence > ?", (1,))
    (scanned,) = catcher.scans().values()
    assert scanned == {"view_order"}
    if backends.name() == backends.SQLITE:
        for db in (kit.main.store.db, kit.main.view_store.db):
            db.connection().set_trace_callback(None)
    kit.check()
