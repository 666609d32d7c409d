"""The store of the views: orders, transactions, positions, events, replies, as tables to ask.

It follows the journal a few milliseconds behind and says up to which sequence; it can be thrown
away and made again from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Final

import peewee

from papertrader.core.desk import Desk
from papertrader.core.events import (
    MarksMoved,
)
from papertrader.core.ledger import LedgerAccount, LedgerKind
from papertrader.core.portfolio import PortfolioState
from papertrader.core.quotes import ActionKind
from papertrader.core.restore import StateImage
from papertrader.master import quickrecords, records
from papertrader.master.contestrecords import contests_of
from papertrader.master.database import GENESIS, journal_batches
from papertrader.master.engines import (
    VIEWS_PRAGMAS,
    Engine,
    Fenced,
    SqliteEngine,
    StoreAway,
    StoreError,
    StoreFull,
    first_cause,
    is_full,
    is_lost,
    many,
    reason,
    together,
)
from papertrader.master.purses import purse_of
from papertrader.master.room import room_wanted
from papertrader.master.termrecords import terms_kept
from papertrader.master.viewfeed import Feed
from papertrader.master.viewrows import ViewRows, clock_kept, position_of
from papertrader.master.viewtables import SET_META, SQL, TABLES, views
from papertrader.wire import limits

VIEWS_VERSION: Final = "10"
BACKLOG_MAX: Final = 200_000
"""Records waiting to be written; from here on the master takes no further orders (SERVER_BUSY)."""
WRITE_OCTETS_MAX: Final = 4 * 1024 * 1024
"""Octets of records written in one transaction: about 2,000 orders. One batch may be longer."""
ORDERS_AT_ONCE: Final = 1_000
_UNSURE: Final = -1
"""A watermark that has to be looked up, and what is missing to be taken from the journal."""


class ViewStore:
    """The tables, on one connection; used from one thread.

    Several may be open: one that writes, and one that reads. On a server whoever writes first locks
    the watermark's row and compares it with what it has written, for another connection may have
    written since, this process's last one among them.
    """

    def __init__(self, kept: Engine | Path) -> None:
        """``kept``: where the views are; a path for an SQLite file."""
        engine = SqliteEngine(kept, VIEWS_PRAGMAS) if isinstance(kept, Path) else kept
        self.engine: Engine = engine
        self.where = engine.where
        self.watermark = 0
        self.head = GENESIS
        self.epoch = 0
        """That of the master which writes, compared where others could; 0: it is not."""
        self._db: peewee.Database | None = None
        self._lost = False
        self._feed = Feed()

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
        except peewee.PeeweeException as error:
            raise StoreError(f"{self.where}: {self._why(error, reason(error))}") from error

    def _why(self, error: BaseException, said: str) -> str:
        """Return what was said of an error; where it is one of room, with what to do."""
        wanted = room_wanted(first_cause(error), Path(self.where))
        return f"{said}; {wanted}" if wanted else said

    def _prepare(self, db: peewee.Database) -> None:
        # Where they are there, nothing is asked for that the role might not be allowed.
        if not db.table_exists("view_meta") or self._meta("version") != VIEWS_VERSION:
            self.make_anew()
        self._load_watermark()
        if not self._meta("watermark"):
            self._note(self.watermark, self.head)

    def open_beside(self) -> None:
        """Open the tables that a master's own connection has opened, to write them.

        Raises `StoreError`; `StoreAway` if that can be tried again.
        """
        self._db = self.engine.open()
        if self.engine.shared:
            # Of what was confirmed a server may have forgotten some meanwhile.
            self.watermark = _UNSURE
        else:
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
        except peewee.PeeweeException as error:
            raise StoreError(
                f"{self.where} cannot be read ({error}); make it again with: papertrader rebuild"
            ) from None

    def _load_watermark(self) -> None:
        self.watermark, self.head = self._reached()

    def _reached(self) -> tuple[int, bytes]:
        return int(self._meta("watermark") or 0), bytes.fromhex(self._meta("head") or GENESIS.hex())

    def make_anew(self) -> None:
        """Throw everything away and make the tables again, empty."""
        with self.db.atomic("IMMEDIATE"):
            self.db.drop_tables(TABLES)
            self.db.create_tables(TABLES)
            self._set_meta("version", VIEWS_VERSION)
        self._feed.forget()
        self.watermark, self.head = 0, GENESIS

    def close(self) -> None:
        """Close the tables."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _meta(self, key: str) -> str:
        row = self.db.execute_sql("SELECT value FROM view_meta WHERE key = ?", (key,)).fetchone()
        return "" if row is None else str(row[0])

    def _set_meta(self, key: str, value: str) -> None:
        self.db.execute_sql(SET_META, (key, value))

    # --- writing -------------------------------------------------------------------------------

    def write(self, frames: bytes, last_seq: int, head: bytes) -> None:
        """Write what records of the journal say, which made it durable up to ``last_seq``.

        Raises `StoreFull` or `StoreAway` if that can be tried again with the same records.
        """
        try:
            if self._lost:
                self._reconnect()
            if self.watermark < last_seq:
                self._write_all(frames, last_seq, head)
        except peewee.PeeweeException as error:
            # What is remembered of rows may be ahead of the rows now.
            self._feed.forget()
            sentence = f"{self.where}: {self._why(error, str(first_cause(error)))}"
            if is_full(error):
                raise StoreFull(sentence) from error
            if self.engine.shared and is_lost(error):
                self._lost = True
                raise StoreAway(sentence) from error
            raise StoreError(sentence) from error

    def _reconnect(self) -> None:
        """Connect anew; what a server that fell did not keep is found out before the next row."""
        self.engine.reopen(self.db)
        self._feed.forget()
        self.watermark = _UNSURE
        self._lost = False

    def _write_all(self, frames: bytes, last_seq: int, head: bytes) -> None:
        with self.db.atomic("IMMEDIATE"):
            if self._is_as_left():
                self._put(frames)
                self._note(last_seq, head)
            else:
                last_seq, head = self._catch_up(last_seq)
        self.watermark, self.head = last_seq, head

    def _is_as_left(self) -> bool:
        """Keep others from writing until the transaction ends; tell whether any has written.

        Raises `Fenced`.
        """
        held = self.engine.hold_views(self.db)
        if held is None:
            return True
        epoch, watermark = held
        if self.epoch and epoch != self.epoch:
            raise Fenced(f"another master has taken {self.where} over; this one stops")
        return watermark == self.watermark

    def _catch_up(self, upto: int) -> tuple[int, bytes]:
        """Take what is missing from the journal, in the transaction that is open.

        Return the last input that is there then, and the journal's hash at it.
        """
        self._feed.forget()
        reached, head = self._reached()
        for _, _, last_seq, _, _, hash_, frames in journal_batches(self.db, reached):
            if last_seq > upto:
                break
            self._put(frames)
            reached, head = last_seq, bytes(hash_)
        self._note(reached, head)
        return reached, head

    def _put(self, frames: bytes) -> None:
        for rows in self._feed.read(self.db, frames):
            with together(self.db):
                for name, values in rows.items():
                    if values:
                        many(self.db, SQL[name], values)

    def _note(self, watermark: int, head: bytes) -> None:
        many(self.db, SET_META, [("watermark", str(watermark)), ("head", head.hex())])

    # --- reading -------------------------------------------------------------------------------

    def asked(self, upto: int, question: Callable[..., Any], *arguments: Any) -> Any:
        """Ask a question of views that somebody has written ``upto`` an input.

        All that is read for one answer is of one moment, for another process may write. It is
        asked once more on a new connection if a server's was lost. Raises `StoreAway` if the
        server does not come back.
        """
        try:
            return self._asked(upto, question, arguments)
        except peewee.PeeweeException as error:
            if not (self.engine.shared and is_lost(error)):
                raise
            self._lost = True
        try:
            return self._asked(upto, question, arguments)
        except (peewee.PeeweeException, StoreError) as error:
            self._lost = True
            raise StoreAway(f"{self.where}: {first_cause(error)}") from error

    def _asked(self, upto: int, question: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        if self._lost:
            self._reconnect()
        if self.watermark == _UNSURE:
            self._see_to(upto)
        with self.db.atomic("DEFERRED"):
            return question(*arguments)

    def _see_to(self, upto: int) -> None:
        """See that the tables hold what they held before the connection was lost."""
        self._load_watermark()
        if self.watermark < upto:
            self.watermark = _UNSURE
            self._write_all(b"", upto, GENESIS)

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
        orders = self.db.execute_sql(
            "SELECT block, terms, reserved_quantity, sequence, notional, tag"
            " FROM view_order ORDER BY id"
        )
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
            # Not in a list: nearly all have ended, and stay the rows that they are.
            orders=chain.from_iterable(iter(partial(orders.fetchmany, ORDERS_AT_ONCE), [])),
            form=ViewRows(),
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
        newest_first: bool = False,
    ) -> list[tuple[bytes, bytes, str]]:
        """Return packed transaction rows, details and notes, oldest first, ``limit`` at most.

        ``newest_first``: the other way round, those before ``after``, 0 for all.
        """
        wanted = [kind for kind in range(16) if kinds == 0 or kinds >> kind & 1]
        marks = ", ".join("?" for _ in wanted)
        beyond, order, place = _page(after, newest_first)
        rows = self.db.execute_sql(
            "SELECT block, detail, note FROM view_transaction"
            f" WHERE account = ? AND id {beyond} ? AND portfolio = ?"
            f" AND executed_at >= ? AND executed_at < ? AND kind IN ({marks})"
            f" ORDER BY id {order} LIMIT ?",
            (account, place, portfolio, since, until or 2**63 - 1, *wanted, limit),
        )
        return [(row[0], row[1], row[2]) for row in rows]

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

    def refusals(
        self,
        account: int,
        client_order_id: int,
        portfolio: int,
        after: int,
        limit: int,
        newest_first: bool = False,
    ) -> tuple[list[tuple[int, bytes, str]], int]:
        """Return (input, row, sentence) of refused orders, oldest first, about ``limit``.

        0 stands for any client order id or portfolio; ``newest_first`` as for `transactions`. What
        one input was refused is never cut in two. The second value is the input from which on they
        are kept, 0 if all are.
        """
        wanted, values = "", [f"{each:020d}" for each in (client_order_id, portfolio) if each]
        wanted += " AND client_order_id = ?" if client_order_id else ""
        wanted += " AND portfolio = ?" if portfolio else ""
        found: list[tuple[int, bytes, str]] = []
        sql = "SELECT seq, block, text FROM view_refusal WHERE account = ?"
        beyond, way, place = _page(after, newest_first)
        order = f" ORDER BY seq {way}, client_order_id"
        rows = self._ask(
            f"{sql} AND seq {beyond} ?{wanted}{order} LIMIT ?", account, place, *values, limit
        )
        if len(rows) == limit:
            last = rows[-1][0]
            rows = [row for row in rows if row[0] != last]
            rows += self._ask(f"{sql} AND seq = ?{wanted}{order}", account, last, *values)
        found = [(row[0], row[1], row[2]) for row in rows]
        count, first = self._ask(
            "SELECT count(*), min(seq) FROM view_refusal WHERE account = ?", account
        )[0]
        return found, first if count >= limits.REFUSALS_KEPT else 0

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


def _page(after: int, newest_first: bool) -> tuple[str, str, int]:
    """Return how a page is asked for: the comparison, the order, and the place it is beyond."""
    return ("<", "DESC", after or 2**63 - 1) if newest_first else (">", "ASC", after)


def applied(frames: bytes, desk: Desk) -> Iterator[records.StoredReply]:
    """Apply the outcomes of a batch of the journal to a desk; give the stored replies in it."""
    for fact in quickrecords.facts(frames, desk.state):
        if isinstance(fact, records.StoredReply):
            yield fact
        elif fact is not None:
            desk.apply(fact)
