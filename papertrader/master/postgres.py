"""PostgreSQL as the store's engine: connections, the one SQL, and the fence against two masters.

The fence is a table of one row. Whoever writes the truth counts it up within the same transaction,
under its own epoch; a master that took over has begun a higher one, so the old master's next
transaction changes no row and is given up. The count tells, after a connection was lost in COMMIT,
whether that commit was made. An advisory lock, held as long as the connection lives, says at once
that a master has died; one that hangs is noticed since its beats stop.
"""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final
from urllib.parse import urlsplit

import peewee
import psycopg
from psycopg import conninfo
from psycopg.adapt import Dumper
from psycopg.types.numeric import Int8BinaryDumper

from papertrader.master.engines import (
    Copied,
    Fenced,
    StoreAway,
    StoreError,
    driver_errors,
    drop_tables,
    first_cause,
    is_forbidden,
    is_lost,
    reason,
)
from papertrader.master.storeurl import checked_url

CONNECT_S: Final = 3
"""How long one attempt to connect may take."""
IDLE_IN_TRANSACTION_MS: Final = 5_000
"""The server ends a writer that stands still within a transaction, locks and all."""
LOCK_MS: Final = 4_000
REGAIN_TRIES: Final = 40
WAIT_TRIES: Final = 30
ROLES: Final = {"truth": 2048, "views": 2049}
"""The first half of the advisory locks' keys; the second is the schema's number."""

_DDL: Final = re.compile(r"\s*(CREATE TABLE|ALTER TABLE)\b", re.IGNORECASE)
_TYPES: Final = (
    (re.compile(r"\bINTEGER\b"), "BIGINT"),
    (re.compile(r"\bBLOB\b"), "BYTEA"),
    (re.compile(r"\s*\bSTRICT\b(,\s*WITHOUT ROWID)?|\s*\bWITHOUT ROWID\b"), ""),
)
PARAMETERS: Final = 50
"""Parameters of a statement of several rows, at most: psycopg remembers those of so many."""
_ROW: Final = re.compile(
    r"(?P<before>INSERT INTO .* VALUES )(?P<row>\([?, ]+\))(?P<after>.*)", re.DOTALL
)
_EMPTY_BLOB: Final = re.compile(r"\b[xX]''")

_MINE: Final = "UPDATE fence SET commits = commits + 1 WHERE epoch = ? AND commits = ? AND id = 1"
_ALONE: Final = (
    "WITH mine AS (UPDATE fence SET commits = commits + 1"
    " WHERE epoch = ? AND commits = ? AND id = 1 RETURNING 1)"
    " INSERT INTO journal (batch, first_seq, last_seq, epoch, written_at, previous, hash, frames)"
    " SELECT ?::bigint, ?::bigint, ?::bigint, ?::bigint, ?::bigint, ?::bytea, ?::bytea, ?::bytea"
    " FROM mine"
)
_HOLD_VIEWS: Final = (
    "SELECT (SELECT epoch FROM fence), value FROM view_meta WHERE key = 'watermark' FOR UPDATE"
)
_HOLDERS: Final = (
    "SELECT pid, classid::bigint FROM pg_locks WHERE locktype = 'advisory' AND granted"
    " AND objid = current_schema()::regnamespace::oid AND pid != pg_backend_pid()"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
_KEY: Final = "(?::int, current_schema()::regnamespace::oid::bigint::int)"


@lru_cache(maxsize=512)
def portable(sql: str) -> str:
    """Return SQLite's wording of a statement in PostgreSQL's."""
    if _DDL.match(sql):
        for pattern, word in _TYPES:
            sql = pattern.sub(word, sql)
    sql = _EMPTY_BLOB.sub("''::bytea", sql)
    return sql.replace("%", "%%").replace("?", "%s") if "?" in sql else sql


class NoFloat(Dumper):
    """Refuses what PostgreSQL would round into an integer by itself, as STRICT tables do."""

    def dump(self, obj: Any) -> bytes:
        """Raise `psycopg.DataError`."""
        raise psycopg.DataError(f"{obj!r} is no value of the store: it has integers alone")


class PostgresDatabase(peewee.PostgresqlDatabase):
    """Takes the statements that SQLite takes."""

    def execute_sql(self, sql: str, params: Any = None, *rest: Any) -> Any:
        """Run one statement, prepared once it has come a few times (psycopg does that)."""
        return super().execute_sql(portable(sql), params, *rest)  # type: ignore[no-untyped-call]

    def atomic(self, kind: str = "", **__: Any) -> Any:
        """Return a transaction; a DEFERRED one, which reads, sees all as it was at one moment.

        There is no IMMEDIATE here: a row, the fence's or the watermark, is what is locked.
        """
        return super().atomic("REPEATABLE READ" if kind == "DEFERRED" else None)

    def _connect(self) -> Any:
        connection = super()._connect()  # type: ignore[misc]
        connection.adapters.register_dumper(float, NoFloat)
        # Of one width: by their values there would be many statements to prepare for each table.
        connection.adapters.register_dumper(int, Int8BinaryDumper)
        return connection


@lru_cache(maxsize=512)
def several(sql: str) -> tuple[str, int]:
    """Return the INSERT of so many rows at once, portable; of any other statement itself, and 1."""
    found = _ROW.fullmatch(sql)
    count = PARAMETERS // found["row"].count("?") if found else 1
    if found is None or count < 2:
        return portable(sql), 1
    rows = ", ".join([found["row"]] * count)
    return portable(f"{found['before']}{rows}{found['after']}"), count


def run_many(db: peewee.Database, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Run one statement for each row; psycopg sends them without waiting in between.

    Rows that are inserted go several in a statement: that is why no two may have one key.
    """
    at_once, count = several(sql)
    upto = len(rows) // count * count
    with driver_errors:
        cursor = db.cursor()
        if upto:
            parts = (rows[at : at + count] for at in range(0, upto, count))
            cursor.executemany(at_once, [tuple(chain.from_iterable(part)) for part in parts])
        if upto < len(rows):
            cursor.executemany(portable(sql), rows[upto:])


@contextlib.contextmanager
def run_together(db: peewee.Database) -> Iterator[None]:
    """Send statements without waiting in between, those of different tables as well."""
    with driver_errors, db.connection().pipeline():
        yield


def run_stream(db: peewee.Database, sql: str, many: int) -> Iterator[list[tuple[Any, ...]]]:
    """Read a query ``many`` rows at a time, by a cursor of the server."""
    with driver_errors, db.connection().cursor(name=f"s{uuid.uuid4().hex}") as cursor:
        cursor.execute(portable(sql))
        while rows := cursor.fetchmany(many):
            yield rows


class PostgresEngine:
    """A schema of a PostgreSQL database: that of the URL's ``search_path``, or ``public``."""

    shared = True

    def __init__(self, url: str, role: str, durable: bool = True) -> None:
        """``role``: ``truth`` or ``views``. Views need not be durable: they follow the journal."""
        try:
            self._url = checked_url(url)
            conninfo.conninfo_to_dict(self._url)
        except (ValueError, psycopg.ProgrammingError) as error:
            text = " ".join(str(error).split())
            raise StoreError(f"store.url is wrong; allowed is {text}") from None
        parts = urlsplit(url)
        self.where = f"{parts.hostname or 'local'}{parts.path or '/'}"
        self._role = role
        self._durable = durable

    def exists(self) -> bool:
        """Tell whether its tables are there."""
        db = self._connect()
        try:
            return bool(db.table_exists("meta" if self._role == "truth" else "view_meta"))
        finally:
            db.close()

    def open(self) -> peewee.Database:
        """Connect, and see that a commit means what it must."""
        db = self._connect()
        try:
            self.settle(db)
        except StoreError:
            _let_go(db)
            raise
        except peewee.PeeweeException as error:
            _let_go(db)
            kind = StoreAway if is_lost(error) else StoreError
            raise kind(f"{self.where}: {reason(error)}") from None
        return db

    def settle(self, db: peewee.Database) -> None:
        """Prepare a new connection; raises `StoreError` if the server would lose what it takes.

        A connection that is lost meanwhile is a `peewee.PeeweeException`: who came to reopen one
        tries that again.
        """
        db.execute_sql(f"SET idle_in_transaction_session_timeout = {IDLE_IN_TRANSACTION_MS}")
        db.execute_sql(f"SET lock_timeout = {LOCK_MS}")
        db.execute_sql(f"SET synchronous_commit = {'on' if self._durable else 'off'}")
        for name, wanted in (("fsync", "on"), ("synchronous_commit", "on")):
            (value,) = db.execute_sql(f"SHOW {name}").fetchone()
            if self._durable and value != wanted:
                raise StoreError(
                    f"{self.where} has {name} = {value}: it would lose what it has confirmed;"
                    f" set {name} = {wanted} on the server"
                )
        if self._role == "views":
            db.execute_sql(f"SELECT pg_advisory_lock_shared{_KEY}", (ROLES["views"],))

    def reopen(self, db: peewee.Database) -> None:
        """Connect anew after one was lost; raises `peewee.PeeweeException`, `StoreError`."""
        _let_go(db)
        db.connect()
        self.settle(db)

    def snapshot(self) -> peewee.Database:
        """Connect, in one transaction that only reads."""
        db = self._connect()
        db.execute_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        # The snapshot is taken by the first query, not by BEGIN.
        db.execute_sql("SELECT 1").fetchone()
        return db

    def forbid_changes(self, db: peewee.Database, tables: Sequence[str]) -> None:
        """Add the triggers; for TRUNCATE as well."""
        db.execute_sql(
            "CREATE OR REPLACE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' is append-only'; END $$"
        )
        for table in tables:
            db.execute_sql(
                f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
                " FOR EACH STATEMENT EXECUTE FUNCTION append_only()"
            )

    def fence(self) -> Fence:
        """Return a hold on this store, not taken yet."""
        return Fence()

    def hold_views(self, db: peewee.Database) -> tuple[int, int]:
        """Lock the row of the watermark: what a lost connection has under way ends before it.

        The epoch is read after this connection took its lock on the views: a master that began a
        later one before that is seen here, and one that begins it now ends this connection.
        """
        epoch, watermark = db.execute_sql(_HOLD_VIEWS).fetchone()
        return int(epoch), int(watermark)

    def keep_copy(self, db: peewee.Database, label: str, progress: Copied) -> None:
        """A server has backups of its own, and its schema changes within one transaction."""

    def count_on(self, db: peewee.Database, models: Sequence[type[peewee.Model]]) -> None:
        """Set each sequence behind the greatest number there is."""
        for model in models:
            key, table = model._meta.primary_key, model._meta.table_name
            if isinstance(key, peewee.AutoField):
                db.execute_sql(
                    f"SELECT setval(pg_get_serial_sequence('{table}', '{key.column_name}'),"
                    f' (SELECT coalesce(max("{key.column_name}"), 0) + 1 FROM "{table}"), false)'
                )

    def remove(self, db_tables: Sequence[type[peewee.Model]]) -> None:
        """Drop the tables. Raises `StoreError`."""
        db = self._connect()
        try:
            drop_tables(db, db_tables)
        except peewee.PeeweeException as error:
            raise StoreError(f"{self.where}: {reason(error)}") from None
        finally:
            db.close()

    def _connect(self) -> peewee.Database:
        db = PostgresDatabase(
            self._url,
            prefer_psycopg3=True,
            autoconnect=False,
            thread_safe=False,
            connect_timeout=CONNECT_S,
            application_name=f"papertrader-{self._role}",
            # A peer that vanished without a word is noticed within some four seconds.
            keepalives_idle=2,
            keepalives_interval=1,
            keepalives_count=2,
            tcp_user_timeout=4_000,
        )
        try:
            db.connect()
        except peewee.PeeweeException as error:
            raise StoreAway(unreached(self.where, error)) from None
        return db


def unreached(where: str, error: BaseException) -> str:
    """Return why there is no connection, and where to look: libpq finds the password itself."""
    why = " ".join(str(first_cause(error)).split())
    advice = "check store.url and the server"
    if "password" in why:
        advice = (
            "the role's password stands in ~/.pgpass of the user that runs this, mode 0600, as"
            " HOST:PORT:DATABASE:ROLE:PASSWORD"
        )
    return f"cannot connect to {where}: {why}; {advice}"


class Fence:
    """This master's hold on the truth; used from the thread that writes it."""

    def __init__(self) -> None:
        self.epoch = 0
        self.commits = 0
        self.locked = False
        self._seen: tuple[Any, ...] | None = None
        self._seen_at = 0.0

    def prepare(self, db: peewee.Database) -> None:
        """Make the row if it is not there yet."""
        if db.table_exists("fence"):
            return
        db.execute_sql(
            "CREATE TABLE IF NOT EXISTS fence (id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),"
            " epoch INTEGER NOT NULL, commits INTEGER NOT NULL, beats INTEGER NOT NULL,"
            " holder TEXT NOT NULL)"
        )
        db.execute_sql(
            "INSERT INTO fence (id, epoch, commits, beats, holder) VALUES (1, 0, 0, 0, '')"
            " ON CONFLICT (id) DO NOTHING"
        )

    def lock(self, db: peewee.Database) -> bool:
        """Take the advisory lock if it is free; tell whether this connection has it."""
        if not self.locked:
            sql = f"SELECT pg_try_advisory_lock{_KEY}"
            self.locked = bool(db.execute_sql(sql, (ROLES["truth"],)).fetchone()[0])
        return self.locked

    def regain(self, db: peewee.Database) -> bool:
        """After a lost connection: end what is left of the old one, then tell whether the commit
        that was in doubt has been made. Raises `Fenced` if another master has taken over."""
        self.locked = False
        if current_epoch(db) != self.epoch:
            raise self._fenced()
        for _ in range(REGAIN_TRIES):
            if self.lock(db):
                break
            self.end_holders(db, "truth")
            db.execute_sql("SELECT pg_sleep(0.05)")
        return self.resolve(db)

    def silent_for(self, db: peewee.Database, now: float) -> tuple[float, str]:
        """Return for how many seconds no master has given a sign, as seen here, and who holds it.

        ``now`` is of any clock that only goes forward.
        """
        row = db.execute_sql("SELECT epoch, commits, beats, holder FROM fence").fetchone()
        if row[:3] != self._seen:
            self._seen, self._seen_at = row[:3], now
        return now - self._seen_at, str(row[3])

    def forget_seen(self) -> None:
        """Begin to watch anew: the server was away, so nobody could give a sign."""
        self._seen = None

    def wait(self, db: peewee.Database) -> bool:
        """Wait a little for the lock: a master that was killed has it until the server notices."""
        for _ in range(WAIT_TRIES):
            if self.lock(db):
                return True
            db.execute_sql("SELECT pg_sleep(0.1)")
        return False

    def alone(self, db: peewee.Database) -> None:
        """End what others still write by, and see that it has ended."""
        for _ in range(REGAIN_TRIES):
            if not self.end_holders(db, "truth", "views"):
                return
            db.execute_sql("SELECT pg_sleep(0.05)")
        raise StoreError("what another master writes by does not end; end it on the server")

    def end_holders(self, db: peewee.Database, *roles: str) -> int:
        """End the connections that others write by; return how many there were."""
        keys = {ROLES[role] for role in roles}
        pids = [pid for pid, key in db.execute_sql(_HOLDERS).fetchall() if key in keys]
        for pid in pids:
            try:
                db.execute_sql("SELECT pg_terminate_backend(?::int)", (pid,))
            except peewee.ProgrammingError as error:
                # Another role's, such as that of who prepared the store: it must end by itself.
                if not is_forbidden(error):
                    raise
        return len(pids)

    def begin(self, db: peewee.Database, epoch: int, holder: str) -> None:
        """Begin an epoch, in the transaction that is open: from its commit on all others fail."""
        (self.commits,) = db.execute_sql(
            "UPDATE fence SET epoch = ?, holder = ?, commits = commits + 1 WHERE id = 1"
            " RETURNING commits",
            (epoch, holder),
        ).fetchone()
        self.epoch = epoch

    def pass_through(self, db: peewee.Database) -> None:
        """Count this commit, within its transaction. Raises `Fenced` if another master writes."""
        if db.execute_sql(_MINE, (self.epoch, self.commits)).rowcount != 1:
            raise self._fenced()

    def write_alone(self, db: peewee.Database, row: tuple[Any, ...]) -> None:
        """Commit one row of the journal and nothing else, in one round trip. Raises `Fenced`."""
        if db.execute_sql(_ALONE, (self.epoch, self.commits, *row)).rowcount != 1:
            raise self._fenced()
        self.commits += 1

    def committed(self) -> None:
        """Note that the transaction which passed through was committed."""
        self.commits += 1

    def resolve(self, db: peewee.Database) -> bool:
        """Tell, on a new connection, whether the commit that was in doubt has been made.

        Raises `Fenced` if another master has taken over since.
        """
        # FOR UPDATE: what the old connection has under way ends before this is answered.
        epoch, commits = db.execute_sql(
            "SELECT epoch, commits FROM fence WHERE id = 1 FOR UPDATE"
        ).fetchone()
        if epoch != self.epoch or commits - self.commits not in (0, 1):
            raise self._fenced()
        done = bool(commits - self.commits)
        self.commits = commits
        return done

    def beat(self, db: peewee.Database) -> None:
        """Give a sign of life. Raises `Fenced` if another master has taken over."""
        sql = "UPDATE fence SET beats = beats + 1 WHERE id = 1 AND epoch = ?"
        if db.execute_sql(sql, (self.epoch,)).rowcount != 1:
            raise self._fenced()

    def release(self, db: peewee.Database) -> None:
        """Say that this master ends in good order."""
        db.execute_sql("UPDATE fence SET holder = '' WHERE id = 1 AND epoch = ?", (self.epoch,))
        db.execute_sql(f"SELECT pg_advisory_unlock{_KEY}", (ROLES["truth"],))

    def _fenced(self) -> Fenced:
        return Fenced(
            f"another master has taken over since epoch {self.epoch} began; this one stops"
        )


def _let_go(db: peewee.Database) -> None:
    """Close a connection, lost or not."""
    if not db.is_closed():
        try:
            db.close()
        except peewee.PeeweeException:
            db.dispose()


def current_epoch(db: peewee.Database) -> int:
    """Return the epoch that counts now."""
    return int(db.execute_sql("SELECT epoch FROM fence").fetchone()[0])
