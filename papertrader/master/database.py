"""Database Management: the truth store, its schema, and the one thread that writes it.

``truth.db`` holds what cannot be made again: the journal, accounts with their secrets, sessions,
workers, the audit log, checkpoints. It is SQLite in WAL mode with ``synchronous=FULL``; every table
is STRICT; the journal, the audit log and the checkpoints are append-only by trigger. Any error
while writing means: stop, and recover from the disk; an error at COMMIT does not say "not
committed".
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import peewee

from papertrader.core.seals import HEAD_KIND, Head, head_detail
from papertrader.master.migrations import migrate
from papertrader.master.table import Table, truth
from papertrader.master.workertables import AuditKeyRow, AuditRow, EnrollmentRow, WorkerRow

SCHEMA_VERSION: Final = 5
GENESIS: Final = bytes(32)

PRAGMAS: Final = {
    "journal_mode": "wal",
    "synchronous": 2,
    "foreign_keys": 1,
    "mmap_size": 0,
    "trusted_schema": 0,
    "cell_size_check": 1,
    "busy_timeout": 5000,
}
"""Set at opening and read back; a store that does not take them is not used."""

_APPEND_ONLY: Final = ("journal", "audit", "checkpoint", "audit_key")


class StoreError(Exception):
    """The store cannot be used; the text says why and what to do."""


class JournalRow(Table):
    """A batch: everything that one fsync made durable, in frames, chained by hash."""

    batch = peewee.BigIntegerField(primary_key=True)
    first_seq = peewee.BigIntegerField(index=True)
    last_seq = peewee.BigIntegerField(index=True)
    epoch = peewee.BigIntegerField()
    written_at = peewee.BigIntegerField()
    previous = peewee.BlobField()
    hash = peewee.BlobField()
    frames = peewee.BlobField()

    class Meta:
        """Name in SQL."""

        table_name = "journal"


class AccountRow(Table):
    """Who has an account, and the password's hash. Not in the journal: it can be forgotten."""

    id = peewee.BigIntegerField(primary_key=True)
    username = peewee.TextField()
    username_key = peewee.TextField(unique=True)
    email = peewee.TextField(default="")
    password_hash = peewee.TextField()
    currency = peewee.TextField()
    privacy = peewee.BigIntegerField(default=0)
    status = peewee.BigIntegerField(default=1)
    created_at = peewee.BigIntegerField()
    registered_by = peewee.TextField(default="")
    failed_tries = peewee.BigIntegerField(default=0)
    totp_seed = peewee.BlobField(default=b"")
    totp_step = peewee.BigIntegerField(default=0)
    last_login_at = peewee.BigIntegerField(default=0)

    class Meta:
        """Name in SQL."""

        table_name = "account"


class SessionRow(Table):
    """A session; of its tokens only SHA-256 hashes are kept."""

    id = peewee.BigIntegerField(primary_key=True)
    account = peewee.BigIntegerField(index=True)
    parent = peewee.BigIntegerField(default=0)
    token_hash = peewee.BlobField(unique=True)
    previous_hash = peewee.BlobField(default=b"")
    remember = peewee.BigIntegerField()
    scope = peewee.BigIntegerField()
    device = peewee.TextField(default="")
    worker = peewee.BigIntegerField(default=0)
    address = peewee.BlobField(default=b"")
    created_at = peewee.BigIntegerField()
    expires_at = peewee.BigIntegerField()
    ended_at = peewee.BigIntegerField(default=0)
    end_reason = peewee.BigIntegerField(default=0)
    last_seen_at = peewee.BigIntegerField(default=0)
    api_key = peewee.BigIntegerField(default=0)

    class Meta:
        """Name in SQL."""

        table_name = "session"


class ApiKeyRow(Table):
    """An API key; of its secret only the SHA-256 hash is kept."""

    id = peewee.BigIntegerField(primary_key=True)
    account = peewee.BigIntegerField(index=True)
    secret_hash = peewee.BlobField(unique=True)
    scope = peewee.BigIntegerField()
    label = peewee.TextField()
    created_at = peewee.BigIntegerField()
    expires_at = peewee.BigIntegerField(default=0)
    last_used_at = peewee.BigIntegerField(default=0)
    revoked_at = peewee.BigIntegerField(default=0)

    class Meta:
        """Name in SQL."""

        table_name = "api_key"


class SpentTokenRow(Table):
    """A token that was replaced; whoever still shows it has stolen it, or was robbed."""

    token_hash = peewee.BlobField(primary_key=True)
    session = peewee.BigIntegerField(index=True)
    spent_at = peewee.BigIntegerField()

    class Meta:
        """Name in SQL."""

        table_name = "spent_token"
        without_rowid = True


class RecoveryCodeRow(Table):
    """A recovery code that was not used; only its SHA-256 hash is kept."""

    code_hash = peewee.BlobField(primary_key=True)
    account = peewee.BigIntegerField(index=True)

    class Meta:
        """Name in SQL."""

        table_name = "recovery_code"
        without_rowid = True


class InvitationRow(Table):
    """An invitation; of its code only the SHA-256 hash is kept."""

    id = peewee.BigIntegerField(primary_key=True)
    code_hash = peewee.BlobField(unique=True)
    role = peewee.BigIntegerField()
    created_at = peewee.BigIntegerField()
    expires_at = peewee.BigIntegerField()
    created_by = peewee.BigIntegerField()
    label = peewee.TextField()
    used_by = peewee.BigIntegerField()
    ended_at = peewee.BigIntegerField()

    class Meta:
        """Name in SQL."""

        table_name = "invitation"


class ResetTokenRow(Table):
    """What resets one password once; only its SHA-256 hash is kept."""

    account = peewee.BigIntegerField(primary_key=True)
    token_hash = peewee.BlobField()
    expires_at = peewee.BigIntegerField()

    class Meta:
        """Name in SQL."""

        table_name = "reset_token"


class LoginTriesRow(Table):
    """Failed logins of a user name (a hash of it), so that a restart forgives nothing."""

    key = peewee.BlobField(primary_key=True)
    failures = peewee.BigIntegerField()
    last_at = peewee.BigIntegerField()
    hour_at = peewee.BigIntegerField()
    hour = peewee.BigIntegerField()

    class Meta:
        """Name in SQL."""

        table_name = "login_tries"
        without_rowid = True


class LoginAddressRow(Table):
    """From where an account was logged in to."""

    account = peewee.BigIntegerField()
    network = peewee.BlobField()
    at = peewee.BigIntegerField()

    class Meta:
        """Name in SQL."""

        table_name = "login_address"
        primary_key = peewee.CompositeKey("account", "network")
        without_rowid = True


class CheckpointRow(Table):
    """The hash of the desk's memory after input ``seq``: what audit compares a re-run with."""

    seq = peewee.BigIntegerField()
    at = peewee.BigIntegerField()
    state_hash = peewee.BlobField()

    class Meta:
        """Name in SQL."""

        table_name = "checkpoint"


class WatchlistRow(Table):
    """A named list of symbols, with spaces between them."""

    account = peewee.BigIntegerField()
    name = peewee.TextField()
    symbols = peewee.TextField()

    class Meta:
        """Name in SQL."""

        table_name = "watchlist"
        primary_key = peewee.CompositeKey("account", "name")
        without_rowid = True


class AlertRow(Table):
    """A price alert, open or ended; prices in 1e-8 units."""

    id = peewee.BigIntegerField(primary_key=True)
    account = peewee.BigIntegerField(index=True)
    symbol = peewee.TextField()
    condition = peewee.BigIntegerField()
    price = peewee.BigIntegerField()
    asked = peewee.BigIntegerField()
    created_at = peewee.BigIntegerField()
    expires_at = peewee.BigIntegerField()
    state = peewee.BigIntegerField()
    ended_at = peewee.BigIntegerField()
    market_at = peewee.BigIntegerField()
    seen = peewee.BigIntegerField()
    quote_seq = peewee.BigIntegerField()

    class Meta:
        """Name in SQL."""

        table_name = "alert"


class MetaRow(Table):
    """Single values: schema version, epoch, market time."""

    key = peewee.TextField(primary_key=True)
    value = peewee.TextField()

    class Meta:
        """Name in SQL."""

        table_name = "meta"
        without_rowid = True


TABLES: Final = (
    JournalRow,
    AccountRow,
    SessionRow,
    ApiKeyRow,
    SpentTokenRow,
    RecoveryCodeRow,
    InvitationRow,
    ResetTokenRow,
    LoginTriesRow,
    LoginAddressRow,
    WorkerRow,
    EnrollmentRow,
    AuditRow,
    AuditKeyRow,
    CheckpointRow,
    WatchlistRow,
    AlertRow,
    MetaRow,
)

Change = Callable[[peewee.Database], None]
"""A table operation that belongs into a batch's transaction. It must not fail for good input."""

_INSERT_JOURNAL: Final = (
    "INSERT INTO journal (batch, first_seq, last_seq, epoch, written_at, previous, hash, frames)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


def connect(path: Path, pragmas: dict[str, Any], read_only: bool = False) -> peewee.SqliteDatabase:
    """Open an SQLite file and check that the pragmas hold; raises `StoreError`."""
    if read_only:
        db = peewee.SqliteDatabase(
            f"file:{path}?mode=ro",
            pragmas={"query_only": 1},
            uri=True,
            autoconnect=False,
            thread_safe=False,
        )
    else:
        db = peewee.SqliteDatabase(
            str(path),
            pragmas=pragmas,
            autoconnect=False,
            # One connection, handed from the thread that opens it to the one that writes.
            check_same_thread=False,
            thread_safe=False,
        )
    try:
        db.connect()
        if not read_only:
            os.chmod(path, 0o600)
            for key, wanted in pragmas.items():
                (got,) = db.execute_sql(f"PRAGMA {key}").fetchone() or (wanted,)
                if str(got).lower() != str(wanted).lower():
                    raise StoreError(f"{path} does not take PRAGMA {key}={wanted} (it says {got})")
        db.execute_sql("SELECT count(*) FROM sqlite_master").fetchone()
    except (peewee.DatabaseError, OSError) as error:
        raise StoreError(
            f"cannot open {path}: {error}; check the path, its permissions and the disk"
        ) from None
    return db


def chain(previous: bytes, first_seq: int, last_seq: int, epoch: int, frames: bytes) -> bytes:
    """Return the hash of a batch: SHA-256 over the hash before it and everything in it."""
    head = b"".join(value.to_bytes(8, "big") for value in (first_seq, last_seq, epoch))
    return hashlib.sha256(previous + head + frames).digest()


def audit_hash(previous: bytes, seq: int, at: int, kind: str, account: int, detail: str) -> bytes:
    """Return the hash of an audit row."""
    parts = (seq.to_bytes(8, "big"), at.to_bytes(8, "big"), kind.encode(), b"\0")
    return hashlib.sha256(
        previous + b"".join(parts) + account.to_bytes(8, "big") + detail.encode()
    ).digest()


@attrs.frozen(kw_only=True)
class Batch:
    """What one transaction writes: journal frames (or none) and table operations."""

    frames: bytes
    first_seq: int
    last_seq: int
    written_at: int
    changes: Sequence[Change] = ()


class TruthStore:
    """The truth store. After `open`, all calls but the readers come from one thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.epoch = 0
        self.head = GENESIS
        self.batch = 0
        self.last_seq = 0
        self._audit_seq = 0
        self._audit_head = GENESIS
        self._db: peewee.SqliteDatabase | None = None

    @property
    def db(self) -> peewee.SqliteDatabase:
        """The open database; raises `StoreError` when closed."""
        if self._db is None:
            raise StoreError("the store is not open")
        return self._db

    def open(self) -> None:
        """Open or create the store, bring its schema up to date, begin a new epoch.

        Raises `StoreError`, for a full disk too.
        """
        fresh = not self.path.exists()
        self._db = connect(self.path, PRAGMAS)
        truth.initialize(self._db)
        try:
            self._begin_epoch(fresh)
        except peewee.DatabaseError as error:
            raise StoreError(
                f"{self.path} cannot be written: {error}; make room on the disk, or check the file"
            ) from None
        self._load_heads()

    def _begin_epoch(self, fresh: bool) -> None:
        if self._db is None:
            raise StoreError("the store is not open")
        with self._db.atomic("IMMEDIATE"):
            if fresh or not self._db.table_exists("meta"):
                self._create()
            self._check_version()
            self.epoch = int(self.meta("epoch", "0")) + 1
            self.set_meta("epoch", str(self.epoch))

    def _create(self) -> None:
        self.db.create_tables(TABLES)
        for table in _APPEND_ONLY:
            for verb in ("UPDATE", "DELETE"):
                self.db.execute_sql(
                    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table}"
                    f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
                )
        self.set_meta("schema", str(SCHEMA_VERSION))

    def _check_version(self) -> None:
        version = int(self.meta("schema", "0"))
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"{self.path} was written by a newer PaperTrader (schema {version}, this one knows"
                f" {SCHEMA_VERSION}); upgrade the program"
            )
        if version < SCHEMA_VERSION:
            migrate(self.db, version, SCHEMA_VERSION)
            self.set_meta("schema", str(SCHEMA_VERSION))

    def _load_heads(self) -> None:
        row = self.db.execute_sql(
            "SELECT batch, last_seq, hash FROM journal ORDER BY batch DESC LIMIT 1"
        ).fetchone()
        if row is not None:
            self.batch, self.last_seq, self.head = row
        row = self.db.execute_sql(
            "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1"
        ).fetchone()
        if row is not None:
            self._audit_seq, self._audit_head = row

    def meta(self, key: str, default: str) -> str:
        """Return a single value."""
        row = self.db.execute_sql("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return default if row is None else str(row[0])

    def set_meta(self, key: str, value: str) -> None:
        """Store a single value, in the transaction that is open."""
        self.db.execute_sql(
            "INSERT INTO meta (key, value) VALUES (?, ?)"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (key, value),
        )

    def write(self, batch: Batch) -> bytes:
        """Make one batch durable: one transaction, one fsync. Return the new head of the chain.

        Any exception means that nobody knows whether it was committed. Raises `StoreError` with
        the first cause: after some errors SQLite has rolled back already, and says so at length.
        """
        with clear_errors(self.path):
            return self._write(self.db, batch)

    def _write(self, db: peewee.Database, batch: Batch) -> bytes:
        with db.atomic("IMMEDIATE"):
            head = self.head
            number = self.batch
            if batch.frames:
                number += 1
                head = chain(self.head, batch.first_seq, batch.last_seq, self.epoch, batch.frames)
                db.execute_sql(
                    _INSERT_JOURNAL,
                    (
                        number,
                        batch.first_seq,
                        batch.last_seq,
                        self.epoch,
                        batch.written_at,
                        self.head,
                        head,
                        batch.frames,
                    ),
                )
            for change in batch.changes:
                change(db)
        self.head, self.batch, self.last_seq = head, number, batch.last_seq
        return head

    def audit(self, at: int, kind: str, account: int = 0, detail: str = "") -> Change:
        """Return the change that appends to the audit log. ``detail`` must hold no secret."""

        def append(db: peewee.Database) -> None:
            seq = self._audit_seq + 1
            value = audit_hash(self._audit_head, seq, at, kind, account, detail)
            db.execute_sql(
                "INSERT INTO audit (seq, at, kind, account, detail, previous, hash)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (seq, at, kind, account, detail, self._audit_head, value),
            )
            self._audit_seq, self._audit_head = seq, value

        return append

    @property
    def audit_seq(self) -> int:
        """The number of the audit log's last entry."""
        return self._audit_seq

    def seal(self, at: int, made: Callable[[Head], None]) -> Change:
        """Return the change that lets the audit log cover the journal as it stands before it.

        ``made`` is told of the head, in the thread that writes, before it is durable.
        """

        def append(db: peewee.Database) -> None:
            (checkpoints,) = db.execute_sql("SELECT max(id) FROM checkpoint").fetchone()
            detail = head_detail(self.batch, self.last_seq, checkpoints or 0, self.head)
            self.audit(at, HEAD_KIND, 0, detail)(db)
            made(
                Head(
                    epoch=self.epoch,
                    at=at,
                    audit_seq=self._audit_seq,
                    audit=self._audit_head,
                    batch=self.batch,
                    seq=self.last_seq,
                    journal=self.head,
                )
            )

        return append

    def close(self) -> None:
        """Close the store; the WAL is folded in."""
        if self._db is not None:
            self._db.close()
            self._db = None


@contextlib.contextmanager
def clear_errors(path: Path) -> Iterator[None]:
    """Turn an error of the database within the block into a `StoreError` that says its cause."""
    try:
        yield
    except peewee.DatabaseError as error:
        raise StoreError(f"{path}: {_first_cause(error)}") from error


def _first_cause(error: BaseException) -> BaseException:
    while error.__context__ is not None:
        error = error.__context__
    return error


def journal_batches(db: peewee.Database, after_seq: int = 0) -> Iterator[tuple[Any, ...]]:
    """Give the journal's rows with a last_seq above ``after_seq``, in order.

    Each is (batch, first_seq, last_seq, epoch, previous, hash, frames).
    """
    last = -1
    while True:
        rows = db.execute_sql(
            "SELECT batch, first_seq, last_seq, epoch, previous, hash, frames FROM journal"
            " WHERE last_seq > ? AND batch > ? ORDER BY batch LIMIT 256",
            (after_seq, last),
        ).fetchall()
        if not rows:
            return
        yield from rows
        last = rows[-1][0]
