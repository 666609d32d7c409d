"""Where the truth and the views are kept: SQLite files, or a PostgreSQL named by a URL.

Both engines speak the same SQL, written with ``?``. What differs stands behind `Engine`: how a
database is opened and read back, how its tables are made append-only, and how one master keeps
every other from writing.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import attrs
import peewee

from papertrader.extras import install_command
from papertrader.master.newfiles import new_file, remove_database
from papertrader.master.room import SQLITE_FULL, room_wanted

DAMAGE: Final = frozenset({11, 26})
"""SQLITE_CORRUPT, a page that is none, and SQLITE_NOTADB, a file that is none."""

driver_errors: Final = peewee.__exception_wrapper__  # type: ignore[attr-defined]
"""Turns the errors of a driver into peewee's, around what goes past `execute_sql`."""

TRUTH_PRAGMAS: Final = {
    "journal_mode": "wal",
    "synchronous": 2,
    "foreign_keys": 1,
    "mmap_size": 0,
    "trusted_schema": 0,
    "cell_size_check": 1,
    "busy_timeout": 5000,
    "wal_autocheckpoint": 8_000,
}
"""Set at opening and read back; a store that does not take them is not used. A master copies its
log before it has 8,000 pages (`papertrader.master.walcopy`)."""
VIEWS_PRAGMAS: Final = {
    "journal_mode": "wal",
    "synchronous": 1,
    "busy_timeout": 5000,
    "cache_size": -16_384,
    "wal_autocheckpoint": 8_000,
}
"""16 MiB of pages are kept: rows of many accounts come mixed. Copied into the file each 32 MiB."""


class StoreError(Exception):
    """The store cannot be used; the text says why and what to do."""


class Damaged(StoreError):
    """What stands in a file is no database; the text names it and says what to do."""


class StoreFull(StoreError):
    """There is no room on the disk; what was to be written is not, and can be tried again."""


class StoreAway(StoreError):
    """The database server is away; the outcome of what was written is not known yet.

    Writing the same again first finds out whether it is there, and only then writes it.
    """


class Fenced(StoreError):
    """Another master has taken over; this one must stop, and has written nothing since."""


class Fence(Protocol):
    """A master's hold on a store that others can reach (`papertrader.master.postgres.Fence`)."""

    locked: bool

    def prepare(self, db: peewee.Database) -> None:
        """Make what the fence is kept in."""

    def lock(self, db: peewee.Database) -> bool:
        """Take the lock if it is free."""

    def wait(self, db: peewee.Database) -> bool:
        """Wait a little for the lock; False if another has it and lives."""

    def silent_for(self, db: peewee.Database, now: float) -> tuple[float, str]:
        """Return how long nobody has given a sign, and who has the store."""

    def forget_seen(self) -> None:
        """Begin to watch anew."""

    def end_holders(self, db: peewee.Database, *roles: str) -> int:
        """End others' connections."""

    def alone(self, db: peewee.Database) -> None:
        """End what others still write by, and see that it has ended."""

    def begin(self, db: peewee.Database, epoch: int, holder: str) -> None:
        """Begin an epoch."""

    def pass_through(self, db: peewee.Database) -> None:
        """Check and count a commit within it."""

    def write_alone(self, db: peewee.Database, row: tuple[Any, ...]) -> None:
        """Commit a row of the journal and nothing else."""

    def committed(self) -> None:
        """Note that the commit was made."""

    def regain(self, db: peewee.Database) -> bool:
        """Tell on a new connection whether the last commit was made."""

    def beat(self, db: peewee.Database) -> None:
        """Give a sign of life."""

    def release(self, db: peewee.Database) -> None:
        """End in good order."""


class Engine(Protocol):
    """One database of an installation; ``where`` names it to a person, without secrets."""

    where: str
    shared: bool
    """Whether masters on other machines can reach it, so that one may wait for another."""

    def exists(self) -> bool:
        """Tell whether there is a database to open. Raises `StoreError`."""

    def open(self) -> peewee.Database:
        """Open it for writing, creating it if need be, and check it.

        Raises `StoreError`; `StoreAway` if that may be only for a while.
        """

    def snapshot(self) -> peewee.Database:
        """Open it for reading, as it is now and stays. Raises `StoreError`."""

    def reopen(self, db: peewee.Database) -> None:
        """Connect anew after the connection was lost."""

    def fence(self) -> Fence | None:
        """Return what keeps other masters from writing; None if the state directory's lock does."""

    def hold_views(self, db: peewee.Database) -> tuple[int, int] | None:
        """Let nobody else write views until the open transaction ends.

        Return the epoch of the master that may write now, and up to which input the views are;
        None where nobody else can have written.
        """

    def forbid_changes(self, db: peewee.Database, tables: Sequence[str]) -> None:
        """Let a trigger refuse every UPDATE and DELETE of these tables."""

    def keep_copy(self, db: peewee.Database, label: str, progress: Copied) -> None:
        """Copy the database beside itself before its schema is changed. Raises `StoreError`."""

    def count_on(self, db: peewee.Database, models: Sequence[type[peewee.Model]]) -> None:
        """Let numbers that the database gives out go on behind those that were put in."""

    def remove(self, db_tables: Sequence[type[peewee.Model]]) -> None:
        """Throw everything away; only for what can be made again."""


INSUFFICIENT_PRIVILEGE: Final = "42501"
"""SQLSTATE of what a role may not do."""
NO_SCHEMA: Final = "3F000"
"""SQLSTATE where there is no schema of the ``search_path`` that the role may use."""
MAKE_SCHEMA: Final = (
    "the schema of the URL's search_path is not there, or the role may not use it; make it with:"
    " CREATE SCHEMA ...; GRANT USAGE ON SCHEMA ... TO ..."
)
READ_ONLY: Final = "?mode=ro"
"""What an SQLite URI says of a file that is not to be written."""
COPY_PAGES: Final = 2_048
"""Pages that are copied between two words about it: 8 MiB of 4 KiB each."""
Copied = Callable[[int, int], object]
"""Is told how many octets of how many are copied."""


def many(db: peewee.Database, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Run one statement for each row, at the speed of the driver.

    No two rows of an INSERT may have one key, even if one would replace the other.
    """
    if isinstance(db, SqliteFile):
        with db.telling():
            db.connection().executemany(sql, rows)
    else:
        from papertrader.master.postgres import run_many  # noqa: PLC0415 (psycopg is an extra)

        run_many(db, sql, rows)


def together(db: peewee.Database) -> contextlib.AbstractContextManager[object]:
    """Be a block whose statements are sent to a server without waiting for each.

    An error of one of them is raised at the end of the block, at the latest.
    """
    if isinstance(db, peewee.SqliteDatabase):
        return contextlib.nullcontext()
    from papertrader.master.postgres import run_together  # noqa: PLC0415 (psycopg is an extra)

    return run_together(db)


def stream(db: peewee.Database, sql: str, many: int) -> Iterator[list[tuple[Any, ...]]]:
    """Give the rows of a query within a snapshot, ``many`` at a time, however many there are."""
    if isinstance(db, peewee.SqliteDatabase):
        cursor = db.execute_sql(sql)
        while rows := cursor.fetchmany(many):
            yield rows
    else:
        from papertrader.master.postgres import run_stream  # noqa: PLC0415 (psycopg is an extra)

        yield from run_stream(db, sql, many)


class SqliteFile(peewee.SqliteDatabase):
    """An SQLite file whose damage is `Damaged`, whatever meets it."""

    cure = ""
    """What is to be done then."""

    def cursor(self, named_cursor: Any = None) -> Any:
        """Return a cursor of the open connection."""
        cursor = self.connection().cursor(_Cursor)
        cursor.file = self
        return cursor

    @contextlib.contextmanager
    def telling(self) -> Iterator[None]:
        """Turn the driver's errors into peewee's, and damage into `Damaged`."""
        try:
            with driver_errors:
                yield
        except peewee.DatabaseError as error:
            cause = first_cause(error)
            if getattr(cause, "sqlite_errorcode", 0) & 0xFF not in DAMAGE:
                raise
            raise Damaged(self.damaged(str(cause))) from error

    def damaged(self, why: str) -> str:
        """Return the sentence that says so, and what to do."""
        path = self.database.removeprefix("file:").removesuffix(READ_ONLY)
        return f"{path} is damaged ({why}){self.cure and f'; {self.cure}'}"


def _told(method: Callable[..., Any]) -> Any:
    """Return a method of a cursor whose errors are told as those of its file."""

    def telling(cursor: _Cursor, *given: Any) -> Any:
        try:
            return method(cursor, *given)
        except sqlite3.Error:
            with cursor.file.telling():
                raise

    return telling


class _Cursor(sqlite3.Cursor):
    """Asks, and fetches rows: a damaged page may be met by either."""

    file: SqliteFile
    execute = _told(sqlite3.Cursor.execute)
    fetchone = _told(sqlite3.Cursor.fetchone)
    fetchall = _told(sqlite3.Cursor.fetchall)
    fetchmany = _told(sqlite3.Cursor.fetchmany)

    def __iter__(self) -> Any:
        # Many rows: one call for all.
        try:
            yield from iter(super().fetchone, None)
        except sqlite3.Error:
            with self.file.telling():
                raise


def connect(
    path: Path, pragmas: dict[str, Any], read_only: bool = False, cure: str = ""
) -> SqliteFile:
    """Open an SQLite file and check that the pragmas hold; raises `StoreError`.

    ``cure``: what is to be done about a file that is damaged.
    """
    if read_only:
        db = SqliteFile(
            f"file:{path}{READ_ONLY}",
            pragmas={"query_only": 1},
            uri=True,
            autoconnect=False,
            thread_safe=False,
        )
    else:
        db = SqliteFile(
            str(path),
            pragmas=pragmas,
            autoconnect=False,
            # One connection, handed from the thread that opens it to the one that writes.
            check_same_thread=False,
            thread_safe=False,
        )
    db.cure = cure
    try:
        db.connect()
        if not read_only:
            os.chmod(path, 0o600)
            for key, wanted in pragmas.items():
                (got,) = db.execute_sql(f"PRAGMA {key}").fetchone() or (wanted,)
                if str(got).lower() != str(wanted).lower():
                    raise StoreError(f"{path} does not take PRAGMA {key}={wanted} (it says {got})")
        db.execute_sql("SELECT count(*) FROM sqlite_master").fetchone()
    except (peewee.PeeweeException, OSError) as error:
        # An OperationalError is of the file's surroundings, any other of what is in it.
        damaged = isinstance(error, peewee.DatabaseError) and not isinstance(
            error, peewee.OperationalError
        )
        advice = cure if damaged else room_wanted(first_cause(error), path)
        advice = advice or "check the path, its permissions and the disk"
        raise StoreError(f"cannot open {path}: {error}{_whose(path)}; {advice}") from None
    return db


def _whose(path: Path) -> str:
    """Return whose a file is, in words, if it is not this process's own; else nothing."""
    with contextlib.suppress(OSError, KeyError):
        if path.stat().st_uid != os.geteuid():
            return f" (it belongs to {path.owner()}, not to who runs this)"
    return ""


def damage_of(db: peewee.Database) -> str:
    """Return what SQLite finds wrong in its own pages, those of indexes too; empty for nothing.

    It reads the whole file: about a second for each GiB that is in the kernel's memory.
    """
    if not isinstance(db, SqliteFile):
        return ""
    try:
        said = db.execute_sql("PRAGMA integrity_check(3)").fetchall()
    except Damaged as damage:
        return str(damage)
    found = [line for (text,) in said for line in text.splitlines() if line != "ok"]
    return db.damaged(", ".join(found)) if found else ""


def copy_wal(db: peewee.Database) -> int:
    """Copy an SQLite file's write-ahead log into it, as far as nobody stands in the way.

    Return the pages in the log. Raises `StoreFull`: they stay there; `StoreError` for any other
    error of the disk.
    """
    try:
        _, pages, _ = db.execute_sql("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    except peewee.PeeweeException as error:
        sentence = f"the write-ahead log cannot be copied: {first_cause(error)}"
        raise (StoreFull if is_full(error) else StoreError)(sentence) from error
    return int(pages)


class SqliteEngine:
    """A file of its own; the lock on the state directory keeps other masters away.

    ``cure``: what is to be done when it is damaged. ``follower``: a file that is made from this
    one: where it is, this one is not made anew.
    """

    shared = False

    def __init__(
        self,
        path: Path,
        pragmas: dict[str, Any],
        *,
        cure: str = "",
        follower: Path | None = None,
    ) -> None:
        self.path = path
        self.where = str(path)
        self._pragmas = pragmas
        self._cure = cure
        self._follower = follower

    def exists(self) -> bool:
        """Tell whether the file is there."""
        return self.path.exists()

    def open(self) -> peewee.Database:
        """Open or create the file; the pragmas are read back."""
        follower = self._follower
        if follower is not None and follower.exists() and not self.path.exists():
            raise StoreError(
                f"{self.path} is gone, though {follower.name}, which is made from it, is there: put"
                " it back with papertrader restore FILE; to begin with nothing, move"
                f" {follower.name} away"
            )
        return connect(self.path, self._pragmas, cure=self._cure)

    def snapshot(self) -> peewee.Database:
        """Open the file read-only, in one transaction."""
        db = connect(self.path, {}, read_only=True, cure=self._cure)
        db.execute_sql("BEGIN")
        return db

    def forbid_changes(self, db: peewee.Database, tables: Sequence[str]) -> None:
        """Add the triggers."""
        for table in tables:
            for verb in ("UPDATE", "DELETE"):
                db.execute_sql(
                    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table}"
                    f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
                )

    def reopen(self, db: peewee.Database) -> None:
        """A file is never away."""
        raise StoreError(f"{self.where} cannot be opened again")

    def fence(self) -> Fence | None:
        """Return none: the state directory's lock keeps other masters away."""
        return None

    def hold_views(self, db: peewee.Database) -> tuple[int, int] | None:
        """Nobody else writes a file: its transaction holds it, and the lock of its writer."""
        return None

    def keep_copy(self, db: peewee.Database, label: str, progress: Copied) -> None:
        """Copy the file to NAME.LABEL.bak beside it; one that is there already is of the same."""
        kept = self.path.with_name(f"{self.path.name}.{label}.bak")
        if not kept.exists():
            copy_file(db, kept, progress)

    def count_on(self, db: peewee.Database, models: Sequence[type[peewee.Model]]) -> None:
        """SQLite counts from what is there."""

    def remove(self, db_tables: Sequence[type[peewee.Model]]) -> None:
        """Delete the file and what belongs to it."""
        remove_database(self.path)


def copy_file(db: peewee.Database, target: Path, progress: Copied | None = None) -> None:
    """Copy an open SQLite database into a new file, whole or not at all. Raises `StoreError`.

    It is copied as it is at one moment; who writes to it is not kept waiting. ``progress`` is only
    for a database that nobody writes to: it is then copied in steps, and begun anew after a write.
    """
    pages = -1 if progress is None else COPY_PAGES
    size = int(db.execute_sql("PRAGMA page_size").fetchone()[0])

    def copied(status: int, remaining: int, total: int) -> None:
        if progress is not None:
            progress((total - remaining) * size, total * size)

    try:
        with (
            new_file(target) as partial,
            contextlib.closing(sqlite3.connect(partial)) as copy,
        ):
            db.connection().backup(copy, pages=pages, progress=copied)
            copy.execute("PRAGMA journal_mode = delete")
    except (sqlite3.Error, OSError) as error:
        raise StoreError(
            f"cannot copy the store to {target}: {error}; make room, or name another place"
        ) from None


@attrs.frozen
class StorePlace:
    """Where an installation keeps its truth and its views."""

    state: Path
    truth: Engine
    views: Engine


def place_at(state: Path, url: str = "") -> StorePlace:
    """Return where the truth and the views of a state directory are.

    ``url``: the setting ``store.url``; empty for the files ``truth.db`` and ``views.db``. Raises
    `StoreError` if the URL cannot be used, or psycopg is not installed.
    """
    if not url:
        return StorePlace(
            state,
            SqliteEngine(
                state / "truth.db",
                TRUTH_PRAGMAS,
                cure="keep a copy of it, then put a backup back: papertrader restore FILE --force",
                follower=state / "views.db",
            ),
            SqliteEngine(
                state / "views.db", VIEWS_PRAGMAS, cure="make it again with: papertrader rebuild"
            ),
        )
    try:
        from papertrader.master.postgres import PostgresEngine  # noqa: PLC0415 (as above)
    except ImportError:
        raise StoreError(
            f"store.url needs psycopg, which is not installed; run: {install_command('postgres')}"
        ) from None
    return StorePlace(
        state, PostgresEngine(url, "truth"), PostgresEngine(url, "views", durable=False)
    )


def as_place(where: Path | StorePlace) -> StorePlace:
    """Return the place of a state directory with files, or the place that is given."""
    return where if isinstance(where, StorePlace) else place_at(where)


def first_cause(error: BaseException) -> BaseException:
    """Return the first error of a chain: after some, SQLite has rolled back, and says so."""
    while error.__context__ is not None:
        error = error.__context__
    return error


def reason(error: BaseException) -> str:
    """Return why a statement failed; where a server's role may not run it, who may as well."""
    cause = first_cause(error)
    what = str(cause).partition("\n")[0]
    if getattr(cause, "sqlstate", "") == NO_SCHEMA:
        return f"{what}: {MAKE_SCHEMA}"
    if not is_forbidden(error):
        return str(cause)
    return (
        f"{what}: the role of store.url may not change what the store consists of; whoever may"
        " does it with: papertrader prepare-store"
    )


def is_forbidden(error: BaseException) -> bool:
    """Tell whether a server's role may not do what was asked."""
    return getattr(first_cause(error), "sqlstate", "") == INSUFFICIENT_PRIVILEGE


def is_full(error: BaseException) -> bool:
    """Tell whether SQLite found no room: it has rolled back then, and nothing is in doubt.

    The commit's last frame is the last that is written to the WAL, so a commit that found no room
    has not been made. An error of a write or of fsync is another code, and leaves a doubt.
    """
    cause = first_cause(error)
    code = getattr(cause, "sqlite_errorcode", None)
    return isinstance(cause, sqlite3.Error) and code == SQLITE_FULL


def is_lost(error: BaseException) -> bool:
    """Tell whether the connection to a database server is gone: what it did last is in doubt."""
    return isinstance(error, peewee.OperationalError | peewee.InterfaceError) and not isinstance(
        first_cause(error), sqlite3.Error
    )


def columns_of(model: type[peewee.Model]) -> list[str]:
    """Return a table's columns, in the order of its declaration."""
    return [field.column_name for field in model._meta.sorted_fields]


def insert_statement(model: type[peewee.Model]) -> str:
    """Return the INSERT of whole rows of a table."""
    names = columns_of(model)
    listed = ", ".join(f'"{name}"' for name in names)
    marks = ", ".join("?" for _ in names)
    return f'INSERT INTO "{model._meta.table_name}" ({listed}) VALUES ({marks})'


def drop_tables(db: peewee.Database, models: Iterable[type[peewee.Model]]) -> None:
    """Drop tables that are there."""
    for model in models:
        db.execute_sql(f'DROP TABLE IF EXISTS "{model._meta.table_name}"')
