"""The store of the views: orders, transactions, positions, events, replies, as tables to ask.

It follows the journal a few milliseconds behind and says up to which sequence; it can be thrown
away and made again from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import peewee

from papertrader.core.desk import Desk
from papertrader.core.events import (
    ActionApplied,
    ClockSet,
    ContestEnded,
    ContestJoined,
    ContestOpened,
    MarksMoved,
    OrderChanged,
    PortfolioFrozen,
    PortfolioMarked,
    PortfolioNamed,
    PortfolioOpened,
    SeasonBegun,
    TermsSet,
    TransactionPosted,
)
from papertrader.core.ledger import FUNDING, LedgerAccount, LedgerKind
from papertrader.core.portfolio import Lot, PortfolioState
from papertrader.core.quotes import ActionKind
from papertrader.core.restore import StateImage, restore_state
from papertrader.master import packing, records
from papertrader.master.balances import Balances
from papertrader.master.contestrecords import contests_of
from papertrader.master.database import GENESIS, StoreAway, journal_batches
from papertrader.master.engines import (
    VIEWS_PRAGMAS,
    Engine,
    Fenced,
    SqliteEngine,
    StoreError,
    StoreFull,
    first_cause,
    is_full,
    is_lost,
    many,
)
from papertrader.master.journal import Fact
from papertrader.master.orderrecords import terms_row
from papertrader.master.purses import PurseBook, purse_of
from papertrader.master.receipts import receipt_row
from papertrader.master.termrecords import terms_kept
from papertrader.master.viewrows import clock_kept, order_kept, position_of
from papertrader.master.viewtables import SQL, TABLES, views
from papertrader.wire import limits

VIEWS_VERSION: Final = "8"
BACKLOG_MAX: Final = 200_000
"""Facts waiting to be written; from here on the master takes no further orders (SERVER_BUSY)."""
WRITE_MAX: Final = 5_000
"""Facts written in one transaction."""
PRUNE_EVERY: Final = 1_024
"""Events of an account, or replies of a session, between two prunings."""

_DIVIDEND: Final = 6
_BY_KEY: Final = ("event", "transaction", "reply", "receipt", "balance")
"""Rows that are written in the order of their keys."""


class ViewStore:
    """The tables; used from one thread."""

    def __init__(self, kept: Engine | Path) -> None:
        """``kept``: where the views are; a path for an SQLite file."""
        engine = SqliteEngine(kept, VIEWS_PRAGMAS) if isinstance(kept, Path) else kept
        self.engine: Engine = engine
        self.where = engine.where
        self.watermark = 0
        self.head = GENESIS
        self.epoch = 0
        """The epoch of the master that writes them, where others could; 0: it is not checked."""
        self._db: peewee.Database | None = None
        self._lost = False
        self._purses = PurseBook()
        self._balances = Balances()

    @property
    def db(self) -> peewee.Database:
        """The open database; raises `StoreError` when closed."""
        if self._db is None:
            raise StoreError("the views are not open")
        return self._db

    def open(self) -> None:
        """Open the tables; of another version they are made again. Raises `StoreError`."""
        self._db = self.engine.open()
        views.initialize(self._db)
        try:
            self._prepare(self._db)
        except peewee.DatabaseError as error:
            raise StoreError(f"{self.where}: {first_cause(error)}") from error

    def _prepare(self, db: peewee.Database) -> None:
        if db.table_exists("view_meta") and self._meta("version") != VIEWS_VERSION:
            self.drop()
        with db.atomic("IMMEDIATE"):
            db.create_tables(TABLES)
            self._set_meta("version", VIEWS_VERSION)
        self._load_watermark()

    def open_read_only(self) -> None:
        """Open existing tables in one snapshot; raises `StoreError` if they cannot be read."""
        self._db = self.engine.snapshot()
        try:
            if self._meta("version") != VIEWS_VERSION:
                raise StoreError(
                    f"{self.where} is of another version; make it again with: papertrader rebuild"
                )
            self._load_watermark()
        except peewee.DatabaseError as error:
            raise StoreError(
                f"{self.where} cannot be read ({error}); make it again with: papertrader rebuild"
            ) from None

    def _load_watermark(self) -> None:
        self.watermark = int(self._meta("watermark") or 0)
        self.head = bytes.fromhex(self._meta("head") or GENESIS.hex())

    def drop(self) -> None:
        """Throw everything away."""
        self.db.drop_tables(TABLES)
        self._purses = PurseBook()
        self._balances = Balances()

    def close(self) -> None:
        """Close the tables."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _meta(self, key: str) -> str:
        row = self.db.execute_sql("SELECT value FROM view_meta WHERE key = ?", (key,)).fetchone()
        return "" if row is None else str(row[0])

    def _set_meta(self, key: str, value: str) -> None:
        self.db.execute_sql(
            "INSERT INTO view_meta (key, value) VALUES (?, ?)"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (key, value),
        )

    # --- writing -------------------------------------------------------------------------------

    def write(self, facts: Sequence[Fact], last_seq: int, head: bytes) -> None:
        """Write what the journal made durable up to ``last_seq``.

        Raises `StoreFull` or `StoreAway` if that can be tried again with the same facts.
        """
        try:
            if self._lost:
                self._recover(last_seq)
            if self.watermark < last_seq:
                self._write_all(facts, last_seq, head)
        except peewee.DatabaseError as error:
            # What is remembered of rows may be ahead of the rows now.
            self._purses, self._balances = PurseBook(), Balances()
            sentence = f"{self.where}: {first_cause(error)}"
            if is_full(error):
                raise StoreFull(sentence) from error
            if self.engine.shared and is_lost(error):
                self._lost = True
                raise StoreAway(sentence) from error
            raise StoreError(sentence) from error

    def _recover(self, last_seq: int) -> None:
        """Connect anew, and take from the journal what a server that fell did not keep."""
        self.engine.reopen(self.db)
        self._purses, self._balances = PurseBook(), Balances()
        self._load_watermark()
        self._lost = False
        if self.watermark >= last_seq:
            return
        desk = Desk()
        desk.state = restore_state(self.image())
        for _, _, last, _, _, head, frames in journal_batches(self.db, self.watermark):
            if last > last_seq:
                break
            self._write_all(list(facts_of(frames, desk)), last, head)

    def _write_all(self, facts: Sequence[Fact], last_seq: int, head: bytes) -> None:
        with self.db.atomic("IMMEDIATE"):
            if self.epoch and self.engine.epoch(self.db) != self.epoch:
                raise Fenced(f"another master has taken {self.where} over; this one stops")
            begun = 0
            # What comes before a new season or epoch and what comes after must not be mixed.
            for index, fact in enumerate(facts, 1):
                if isinstance(fact[1], ClockSet):
                    # It takes back what came before it, and nothing of what comes after.
                    self._write(facts[begun : index - 1])
                    begun = index - 1
                if isinstance(fact[1], SeasonBegun | ClockSet):
                    self._write(facts[begun:index])
                    begun = index
            self._write(facts[begun:])
            self._set_meta("watermark", str(last_seq))
            self._set_meta("head", head.hex())
        self.watermark, self.head = last_seq, head

    def _write(self, facts: Sequence[Fact]) -> None:
        self._purses.begin(self.db)
        rows: dict[str, list[tuple[Any, ...]]] = {key: [] for key in SQL}
        orders: dict[int, tuple[Any, ...]] = {}
        positions: dict[tuple[int, str], tuple[int, str, bytes, tuple[Lot, ...]]] = {}
        accounts: dict[int, tuple[int, int, int]] = {}
        totals: dict[int, list[int]] = {}
        for _, fact, *encoded in facts:
            if isinstance(fact, OrderChanged):
                push = self._event(fact, encoded, rows, accounts, 0)
                self._order(fact, push, rows, orders)
            elif isinstance(fact, TransactionPosted):
                number = fact.transaction.transaction_id
                push = self._event(fact, encoded, rows, accounts, number)
                self._transaction(fact, push, rows, positions, totals)
            elif isinstance(fact, records.StoredReply):
                rows["reply"].append(
                    (fact.session_id, fact.command_seq, fact.request_hash, fact.at, fact.frame)
                )
                if fact.command_seq % PRUNE_EVERY == 0:
                    number = fact.session_id
                    rows["prune_reply"].append((number, number, limits.REPLIES_KEPT))
            elif isinstance(fact, PortfolioOpened):
                rows["portfolio"].append((fact.portfolio, fact.account, fact.currency))
                accounts.setdefault(fact.account, (fact.account, 0, 0))
            elif isinstance(fact, PortfolioNamed):
                rows["name"].append((fact.name, fact.portfolio))
            elif isinstance(fact, SeasonBegun):
                rows["season"].append((fact.season, fact.at, fact.portfolio))
                rows["forget"].append((fact.portfolio,))
                self._purses.season_begun(fact)
            elif isinstance(fact, MarksMoved):
                rows["mark"].append((fact.symbol, fact.bid, fact.ask, fact.last, fact.at))
            elif isinstance(fact, ClockSet):
                rows["clock"].append((fact.market, records.event_record(0, fact)))
                if fact.back:
                    rows["unapplied"].append((fact.market_at,))
                    self._purses.turned_back(fact.market_at)
            elif isinstance(fact, ContestOpened | ContestJoined | ContestEnded):
                rows["contest"].append((records.event_record(0, fact),))
            elif isinstance(fact, PortfolioMarked):
                self._purses.marked(fact)
            elif isinstance(fact, PortfolioFrozen):
                rows["freeze"].append((int(fact.frozen), fact.portfolio))
            elif isinstance(fact, TermsSet):
                self._purses.terms_set(fact)
                rows["terms"].append((records.event_record(0, fact), fact.portfolio))
            elif isinstance(fact, ActionApplied):
                action = fact.action
                rows["applied"].append((action.symbol, int(action.kind), action.at))
        rows["purse"] = self._purses.changed()
        rows["balance"] = self._balances.added(self.db, rows["balance"])
        rows["order"] = list(orders.values())
        rows["position"] = [
            (portfolio, symbol, block, packing.lots_block(lots))
            for portfolio, symbol, block, lots in positions.values()
        ]
        rows["account"] = list(accounts.values())
        rows["totals"] = [(*sums, portfolio) for portfolio, sums in totals.items()]
        for name in _BY_KEY:
            # What lies together is written together: fewer pages are touched.
            rows[name].sort()
        for name, values in rows.items():
            if values:
                many(self.db, SQL[name], values)

    def _event(
        self,
        fact: OrderChanged | TransactionPosted,
        encoded: Sequence[bytes],
        rows: dict[str, list[tuple[Any, ...]]],
        accounts: dict[int, tuple[int, int, int]],
        transaction: int,
    ) -> bytes:
        """Take an account's event; return its frame."""
        account, seq = fact.account, fact.event_seq
        frame = encoded[0] if encoded else records.push_frame(fact)
        rows["event"].append((account, seq, frame))
        if seq % PRUNE_EVERY == 0 and seq > limits.EVENTS_KEPT:
            rows["prune_event"].append((account, seq - limits.EVENTS_KEPT))
        known = accounts.get(account, (account, 0, 0))
        accounts[account] = (account, seq, max(transaction, known[2]))
        return frame

    def _order(
        self,
        fact: OrderChanged,
        push: bytes,
        rows: dict[str, list[tuple[Any, ...]]],
        orders: dict[int, tuple[Any, ...]],
    ) -> None:
        order = fact.order
        orders[order.order_id] = (
            order.order_id,
            order.portfolio,
            order.reserved_quantity,
            order.sequence,
            str(order.notional_filled),
            push[packing.ORDER_AT : packing.ORDER_END],
            terms_row(order),
        )
        if fact.receipt is not None:
            if fact.receipt.working is None:
                block = packing.receipt_row(fact, push)
            else:
                block = receipt_row(fact, fact.receipt)
            rows["receipt"].append((order.order_id, fact.event_seq, fact.account, block))

    def _transaction(
        self,
        fact: TransactionPosted,
        push: bytes,
        rows: dict[str, list[tuple[Any, ...]]],
        positions: dict[tuple[int, str], tuple[int, str, bytes, tuple[Lot, ...]]],
        totals: dict[int, list[int]],
    ) -> None:
        t, account = fact.transaction, fact.account
        rows["transaction"].append(
            (
                account,
                t.transaction_id,
                t.portfolio,
                int(t.kind),
                t.executed_at,
                push[packing.HEAD : packing.TRANSACTION_END],
                records.transaction_detail(t),
                packing.entries_block(fact.entries),
            )
        )
        balances = rows["balance"]
        for entry in fact.entries:
            owner = entry.ledger_account
            balances.append((int(owner.kind), owner.portfolio, entry.asset, entry.amount))
        sums = totals.get(t.portfolio)
        if sums is None:
            sums = totals[t.portfolio] = [0, 0, 0, 0, 0]
        sums[0] = t.cash_after
        sums[2] += t.realized
        sums[4] += t.fees
        if t.kind in FUNDING and not t.symbol:
            sums[1] += t.amount
        elif t.kind == _DIVIDEND:
            sums[3] += t.amount
        self._purses.posted(t)
        if fact.position is not None:
            p = fact.position
            block = packing.holding_block(p)
            positions[t.portfolio, p.symbol] = (t.portfolio, p.symbol, block, p.lots)

    # --- reading -------------------------------------------------------------------------------

    def asked(self, question: Callable[..., Any], *arguments: Any) -> Any:
        """Ask a question; once more on a new connection if a server's was lost.

        Raises `StoreAway` if the server does not come back.
        """
        try:
            if self._lost:
                self._recover(self.watermark)
            return question(*arguments)
        except peewee.DatabaseError as error:
            if not (self.engine.shared and is_lost(error)):
                raise
        try:
            self._recover(self.watermark)
            return question(*arguments)
        except (peewee.DatabaseError, StoreError) as error:
            self._lost = True
            raise StoreAway(f"{self.where}: {first_cause(error)}") from error

    def _ask(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return list(self.db.execute_sql(sql, values))

    def image(self) -> StateImage:
        """Return what the desk's state consisted of at the watermark."""
        ask = self._ask
        portfolios = [
            PortfolioState(
                row[0],
                row[1],
                row[2],
                cash=row[3],
                deposited=row[4],
                realized=row[5],
                dividends=row[6],
                fees=row[7],
                name=row[8],
                season=row[9],
                season_at=row[10],
                terms=terms_kept(row[11]),
                purse=purse_of(row[12]),
                frozen=bool(row[13]),
            )
            for row in ask(
                "SELECT id, account, currency, cash, deposited, realized, dividends, fees, name,"
                " season, season_at, terms, purse, frozen FROM view_portfolio ORDER BY id"
            )
        ]
        return StateImage(
            accounts=[
                (row[0], row[1], row[2])
                for row in ask("SELECT id, event_seq, transaction_id FROM view_account ORDER BY id")
            ],
            portfolios=portfolios,
            positions=[
                (row[0], position_of(row[2], row[3]))
                for row in sorted(ask("SELECT portfolio, symbol, block, lots FROM view_position"))
            ],
            orders=[
                order_kept(*row)
                for row in ask(
                    "SELECT block, terms, reserved_quantity, sequence, notional FROM view_order"
                    " ORDER BY id"
                )
            ],
            balances=[
                (LedgerAccount(LedgerKind(row[0]), row[1]), row[2], int(row[3]))
                for row in sorted(
                    ask("SELECT ledger_kind, portfolio, asset, amount FROM view_balance")
                )
            ],
            applied=[
                (row[0], ActionKind(row[1]), row[2])
                for row in sorted(ask("SELECT symbol, kind, at FROM view_applied"))
            ],
            contests=contests_of(
                [row[0] for row in ask("SELECT record FROM view_contest ORDER BY id")]
            ),
            marks=[
                MarksMoved(*row)
                for row in ask("SELECT symbol, bid, ask, last, at FROM view_mark ORDER BY id")
            ],
            clocks=[
                clock_kept(*row) for row in sorted(ask("SELECT market, record FROM view_clock"))
            ],
        )

    def transactions(
        self,
        account: int,
        portfolio: int,
        after: int,
        since: int,
        until: int,
        kinds: int,
        limit: int,
    ) -> list[tuple[bytes, bytes]]:
        """Return packed transaction rows and their details, oldest first, at most ``limit``."""
        wanted = [kind for kind in range(16) if kinds == 0 or kinds >> kind & 1]
        marks = ", ".join("?" for _ in wanted)
        rows = self.db.execute_sql(
            "SELECT block, detail FROM view_transaction"
            " WHERE account = ? AND id > ? AND portfolio = ?"
            f" AND executed_at >= ? AND executed_at < ? AND kind IN ({marks})"
            " ORDER BY id LIMIT ?",
            (account, after, portfolio, since, until or 2**63 - 1, *wanted, limit),
        )
        return [(row[0], row[1]) for row in rows]

    def receipts(self, order: int, after: int, limit: int) -> list[bytes]:
        """Return packed receipt rows of an order, oldest first, at most ``limit``."""
        rows = self.db.execute_sql(
            'SELECT block FROM view_receipt WHERE "order" = ? AND event_seq > ?'
            " ORDER BY event_seq LIMIT ?",
            (order, after, limit),
        )
        return [row[0] for row in rows]

    def receipts_of(self, orders: Sequence[int], limit: int) -> tuple[list[bytes], int]:
        """Return packed receipt rows of orders, and the last order of which they are all there.

        That order is the one at which about ``limit`` rows are reached: no order is cut in two.
        """
        rows: list[bytes] = []
        for order in orders:
            rows += self.receipts(order, 0, limits.ROWS_MAX)
            if len(rows) >= limit:
                return rows, order
        return rows, orders[-1] if orders else 0

    def events(self, account: int, since: int, limit: int) -> list[tuple[int, bytes]]:
        """Return (sequence, frame) of an account's events from ``since`` on."""
        rows = self.db.execute_sql(
            "SELECT seq, frame FROM view_event WHERE account = ? AND seq >= ? ORDER BY seq LIMIT ?",
            (account, since, limit),
        )
        return list(rows)

    def oldest_event(self, account: int) -> int:
        """Return the sequence of the oldest event kept; 0 for none."""
        row = self.db.execute_sql(
            "SELECT min(seq) FROM view_event WHERE account = ?", (account,)
        ).fetchone()
        return row[0] or 0 if row else 0

    def replies(self, sessions: Sequence[int]) -> list[records.StoredReply]:
        """Return the stored replies of some sessions, and forget those of all others."""
        alive = set(sessions)
        rows = list(
            self.db.execute_sql(
                "SELECT session, seq, request_hash, at, frame FROM view_reply ORDER BY session, seq"
            )
        )
        dead = {(row[0],) for row in rows if row[0] not in alive}
        if dead:
            with self.db.atomic("IMMEDIATE"):
                many(self.db, "DELETE FROM view_reply WHERE session = ?", sorted(dead))
        return [
            records.StoredReply(row[0], row[1], row[2], row[3], row[4])
            for row in rows
            if row[0] in alive
        ]


def facts_of(frames: bytes, desk: Desk) -> Iterator[tuple[int, Any]]:
    """Give the facts of a batch of the journal, (input, what the views are told), and apply each.

    ``desk`` is as it was before them: some records say only what changed.
    """
    for message in records.read_frames(frames):
        fact = records.fact_of(message, desk.state)
        if fact is None:
            continue
        if not isinstance(fact, records.StoredReply):
            desk.apply(fact)
        yield records.seq_of(message), fact
