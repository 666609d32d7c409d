"""No statement on the way of a request reads a whole table: each finds its rows by an index.

Every statement that the master makes while clients use it is caught and explained by the database
itself. What is read once at a start, and tables bounded by what an operator makes, may be whole.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import peewee

from papertrader.core.instants import SECOND
from papertrader.core.money import NULL, SCALE
from papertrader.core.terms import PortfolioTerms
from papertrader.wire import messages as m
from papertrader.wire.kinds import STATE_CHANGING, Direction, Topic
from tests import backends
from tests.master.test_contests import terms_block
from tests.master.test_operators import with_operator
from tests.master_kit import MasterClient, MasterKit

NEWEST = (m.DirectionRow(direction=Direction.NEWEST_FIRST),)
STATEMENT = re.compile(r"\s*(SELECT|UPDATE|DELETE|INSERT)\b", re.IGNORECASE)
BOUNDED = frozenset({"meta", "view_meta", "fence", "worker", "enrollment"})
"""Tables that no use makes grow."""
# "SCAN CONSTANT ROW" is a SELECT without a table.
SCANNED = re.compile(r"^SCAN (?!CONSTANT ROW)(\w+)|Seq Scan on (\w+)", re.MULTILINE)


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


def market_time(kit: MasterKit) -> int:
    """Return the market's time."""
    return kit.main.assets.hours._market.now()


def questions(kit: MasterKit, order: int) -> list[Any]:
    """Return every request that only asks, some of them in several ways."""
    market_at = market_time(kit)
    return [
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
        m.RefusalsGet(),
        m.PortfolioGet(),
        m.PortfolioList(),
        m.PortfolioTermsGet(),
        m.AccountGet(),
        m.EquityGet(interval_s=86_400),
        m.SessionList(),
        m.ApiKeyList(),
        m.AlertList(),
        m.WatchlistList(),
        m.ContestList(),
        m.ContestGet(contest=1),
        m.ContestStandings(contest=1),
        m.ContestFile(contest=1),
        m.AssetList(),
        m.AssetGet(symbol="MSFT"),
        m.QuoteGet(symbols=(m.SymbolRow(symbol="MSFT"),)),
        m.BarsGet(symbol="MSFT", interval_s=60, newest_first=True),
        m.BarsGet(symbol="MSFT", interval_s=86_400, from_time=market_at - 90 * 86_400 * SECOND),
        m.MarketStatus(),
        m.ClockGet(),
        m.InviteList(),
        m.AccountList(),
        m.AccountSessions(username="ann"),
        m.WorkerList(),
        m.WorkerRegistry(),
        m.StatsGet(),
    ]


ELSEWHERE = {
    m.LogDump: "reads the log's files",
    m.Logout: "ends the session",
    m.TotpSetup: "keeps a seed in memory",
    m.PasswordReset: "needs a token",
    m.AccountClose: "ends the account",
    m.AssetHalt: "changes the market",
    m.Subscribe: "below",
    m.Unsubscribe: "reads nothing",
    m.Register: "below", m.Login: "below", m.Resume: "below",
    m.WorkerAdd: "changes the registry", m.WorkerSign: "the same", m.WorkerBoot: "the same",
    m.WorkerRotate: "the same", m.AuthorityControl: "the same", m.WorkerControl: "the same",
}  # fmt: skip
"""What has no number of a command, and yet is more than a question; or is asked elsewhere."""


def use_everything(kit: MasterKit, ann: MasterClient) -> None:
    """Ask for whatever there is, and change what can be changed."""
    for seq in range(1, 8):
        ann.order("MSFT", "1", side=2 - seq % 2)
        kit.quote("MSFT", "28.50", "28.51")
    order = ann.ask(m.OrderGet(client_order_id=1)).message.order
    ann.seq += 1
    ends = market_time(kit) + 30 * SECOND
    contest = terms_block(
        m.ContestCreate, PortfolioTerms(), name="cup", cash=NULL, opens_at=0, ends_at=ends,
        joins_until=ends,
    )  # fmt: skip
    assert ann.ask(contest, seq=ann.seq).status == 0
    ann.seq += 1
    assert ann.ask(m.ContestJoin(contest=1), seq=ann.seq).status == 0
    kit.turn(61.0)
    asked = questions(kit, order)
    for each in asked:
        answer = ann.ask(each)
        assert answer.status == 0, (each, answer)
    relayed = {kind for opcode, kind in m.REQUESTS.items() if 0x0100 < opcode < 0x0700}
    changing = {m.REQUESTS[opcode] for opcode in STATE_CHANGING}
    assert relayed - changing - {type(each) for each in asked} == ELSEWHERE.keys()
    ann.follow(1)
    ann.seq += 1
    assert ann.ask(m.PortfolioReset(cash=5 * SCALE), seq=ann.seq).status == 0
    ann.login()
    assert ann.resume(1).status == 0
    assert ann.ask(m.Subscribe(topics=Topic.ACCOUNT, from_event_seq=2)).status == 0
    kit.turn(1.0)


def test_every_statement_of_a_request_finds_its_rows(tmp_path: Path) -> None:
    """On both engines; and the test sees a scan where there is one."""
    kit, ann = with_operator(tmp_path)
    # The views read what they remember with the first thing that they write.
    ann.order("MSFT", "1")
    kit.turn(0.1)
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
