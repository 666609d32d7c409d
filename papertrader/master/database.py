"""Database Management: the truth store, its schema, and the one thread that writes it.

The truth is what cannot be made again: the journal, accounts with their secrets, sessions, workers,
the audit log, checkpoints. It stands in ``truth.db``, SQLite in WAL mode with ``synchronous=FULL``
and STRICT tables, or in a PostgreSQL (`papertrader.master.engines`). The journal, the audit log and
the checkpoints are append-only by trigger. An error of the disk while writing means: stop, and
recover; an error at COMMIT does not say "not committed".
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import peewee

from papertrader.core.seals import (
    ENGINE_KIND,
    HEAD_KIND,
    Head,
    engine_detail,
    engine_of,
    head_detail,
)
from papertrader.master.engines import (
    TRUTH_PRAGMAS,
    Engine,
    Fence,
    Fenced,
    SqliteEngine,
    StoreAway,
    StoreError,
    StoreFull,
    driver_errors,
    first_cause,
    is_full,
    is_lost,
    reason,
)
from papertrader.master.migrations import migrate
from papertrader.master.room import room_wanted
from papertrader.master.table import truth
from papertrader.master.truthtables import APPEND_ONLY, TABLES

SCHEMA_VERSION: Final = 6
GENESIS: Final = bytes(32)
COMMIT_OCTETS: Final = 8_192
"""What a commit writes beside its frames: two pages, at the least."""
BATCHES_TOGETHER: Final = 256
"""Batches of the journal that are read at once, at most."""
READ_OCTETS: Final = 2 * 1024 * 1024
"""Octets of the journal that are read at once, about: what a processor has near at hand."""

Change = Callable[[peewee.Database], None]
"""A table operation that belongs into a batch's transaction. It must not fail for good input."""

_INSERT_JOURNAL: Final = (
    "INSERT INTO journal (batch, first_seq, last_seq, epoch, written_at, previous, hash, frames)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_ALONE: Final = (
    "INSERT INTO journal (batch, first_seq, last_seq, epoch, written_at, previous, hash, frames)"
    " SELECT ?, ?, ?, ?, ?, ?, ?, ? WHERE (SELECT value FROM meta WHERE key = 'epoch') = ?"
)
"""The same as a transaction of its own, of one statement: after each that it gives to SQLite, the
thread waits again until the reactor's lets it run."""


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


@attrs.frozen
class _Doubt:
    """A batch of which nobody knows whether it was committed, and what would be so if it was."""

    head: bytes
    number: int
    last_seq: int
    audit_seq: int
    audit_head: bytes


FREE_S: Final = 1.5
"""A standby takes a store over whose lock is free and whose master has been silent so long."""
SILENT_S: Final = 2.5
"""... or whose master holds the lock, but has been silent so long."""
BEAT_S: Final = 0.5
"""How often a master gives a sign of life to those that wait."""


Telling = Callable[[str, int, int], object]
"""Is told what is done, and how many octets of how many are; of 0 when that is not counted."""


class TruthStore:
    """The truth store. After `open`, all calls but the readers come from one thread.

    ``holder`` names this master to others that wait for the same store.
    """

    def __init__(self, kept: Engine | Path, holder: str = "") -> None:
        """``kept``: where the store is; a path for an SQLite file."""
        engine = SqliteEngine(kept, TRUTH_PRAGMAS) if isinstance(kept, Path) else kept
        self.engine: Engine = engine
        self.where = engine.where
        self.epoch = 0
        self.head = GENESIS
        self.batch = 0
        self.last_seq = 0
        self.written = 0
        """Octets that commits have written since `open`, about."""
        self._holder = holder
        self._audit_seq = 0
        self._audit_head = GENESIS
        self._db: peewee.Database | None = None
        self._fence = engine.fence()
        self._claimed = False
        self._doubt: _Doubt | None = None
        self.tell: Telling = lambda what, done, total: None
        """Who is told what `open` does that may take long."""
        self.reconnected = 0
        self.resolved = 0
        """How many commits were in doubt and found out about."""

    @property
    def db(self) -> peewee.Database:
        """The open database; raises `StoreError` when closed."""
        if self._db is None:
            raise StoreError("the store is not open")
        return self._db

    # --- opening -------------------------------------------------------------------------------

    def claim(self, now: float, patient: bool) -> bool:
        """Look once whether this master may have the store; ask again until it may.

        ``now`` is of a clock that only goes forward, in seconds. A ``patient`` master waits until
        the one that has the store ends or falls silent, however long, and through failures of the
        server. Files are kept by the lock on the state directory. Raises `StoreError` if it cannot
        be reached and the master is not patient.
        """
        if self._fence is None:
            return True
        try:
            self._claimed = self._claim(self._fence, now, patient)
        except (peewee.PeeweeException, StoreError) as error:
            self._fence.locked = False
            self._fence.forget_seen()
            if self._db is not None:
                self._db.close()
                self._db = None
            if not patient:
                raise StoreError(f"{self.where}: {reason(error)}") from None
        return self._claimed

    def _claim(self, fence: Fence, now: float, patient: bool) -> bool:
        if self._db is None:
            self._db = self.engine.open()
            fence.prepare(self._db)
        silent, holder = fence.silent_for(self._db, now)
        if fence.lock(self._db):
            return not patient or not holder or silent >= FREE_S
        if silent >= SILENT_S:
            fence.end_holders(self._db, "truth", "views")
        return False

    def holder(self) -> str:
        """Return which master had the store when it was last looked at; empty for none."""
        row = self.db.execute_sql("SELECT holder FROM fence").fetchone()
        return str(row[0])

    def open(self) -> None:
        """Open or create the store, bring its schema up to date, begin a new epoch.

        Raises `StoreError`, for a full disk too.
        """
        if self._db is None:
            self._db = self.engine.open()
        truth.initialize(self._db)
        try:
            if self._fence is not None and not self._claimed:
                self._fence.prepare(self._db)
                if not self._fence.wait(self._db):
                    raise StoreError(
                        f"another master ({self.holder() or 'unknown'}) has {self.where}; stop it,"
                        " or let this one wait for it with master.standby = true"
                    )
            self._backup_before_migrating()
            self._begin_epoch()
            if self._fence is not None:
                self._fence.alone(self._db)
        except peewee.PeeweeException as error:
            raise self._unwritable(error) from None
        self._load_heads()

    @contextlib.contextmanager
    def changing(self) -> Iterator[peewee.Database]:
        """Be one transaction of a program beside the master. Raises `StoreError`, for a full disk
        too: nothing has been changed then."""
        try:
            with self.db.atomic("IMMEDIATE"):
                yield self.db
        except peewee.PeeweeException as error:
            raise self._unwritable(error) from None

    def _unwritable(self, error: peewee.PeeweeException) -> StoreError:
        why = reason(error)
        if why == str(first_cause(error)):
            room = room_wanted(first_cause(error), Path(self.where))
            why += f"; {room or 'make room on the disk, or check the database'}"
        return StoreError(f"{self.where} cannot be written: {why}")

    def _backup_before_migrating(self) -> None:
        version = int(self.meta("schema", "0")) if self.db.table_exists("meta") else 0
        if 0 < version < SCHEMA_VERSION:
            self.engine.keep_copy(
                self.db,
                f"schema-{version}",
                lambda done, total: self.tell(
                    f"{self.where} is copied before its schema is changed", done, total
                ),
            )

    def _begin_epoch(self) -> None:
        with self.db.atomic("IMMEDIATE"):
            if not self.db.table_exists("meta"):
                self._create()
            self._check_version()
            self.epoch = int(self.meta("epoch", "0")) + 1
            self.set_meta("epoch", str(self.epoch))
            if self._fence is not None:
                self._fence.begin(self.db, self.epoch, self._holder)

    def _create(self) -> None:
        self.db.create_tables(TABLES)
        self.engine.forbid_changes(self.db, APPEND_ONLY)
        self.set_meta("schema", str(SCHEMA_VERSION))

    def _check_version(self) -> None:
        version = int(self.meta("schema", "0"))
        refuse_newer(self.where, version)
        if version < SCHEMA_VERSION:
            migrate(self.db, version, SCHEMA_VERSION, self._tell_step)
            self.set_meta("schema", str(SCHEMA_VERSION))

    def _tell_step(self, number: int) -> None:
        self.tell(f"{self.where} is brought to schema {number} of {SCHEMA_VERSION}", 0, 0)

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

    def decided_by(self, engine: int, at: int) -> None:
        """Note, if another engine decided before, that this one decides from here on.

        Raises `StoreError`.
        """
        if self.meta("engine", "0") == str(engine):
            return

        def note(db: peewee.Database) -> None:
            self.set_meta("engine", str(engine))
            self.audit(at, ENGINE_KIND, 0, engine_detail(engine, self.last_seq))(db)

        seq = self.last_seq
        self.write(Batch(frames=b"", first_seq=seq, last_seq=seq, written_at=at, changes=(note,)))

    # --- writing -------------------------------------------------------------------------------

    def write(self, batch: Batch) -> bytes:
        """Make one batch durable: one transaction, one fsync. Return the new head of the chain.

        Raises `StoreFull` if there was no room: nothing was written, the same batch may be written
        again. Raises `StoreAway` if a server's connection was lost: the outcome is in doubt until
        the same batch is written again. Any other `StoreError` is the end: after an error of a
        disk nobody knows what it holds.
        """
        before = self._audit_seq, self._audit_head
        try:
            if self._doubt is not None and self._is_there(self._doubt):
                return self.head
            return self._write(self.db, batch)
        except StoreError:
            raise
        except peewee.PeeweeException as error:
            sentence = f"{self.where}: {first_cause(error)}"
            after = self._audit_seq, self._audit_head
            self._audit_seq, self._audit_head = before
            if is_full(error):
                raise StoreFull(sentence) from error
            if self._fence is not None and is_lost(error):
                # Of a batch that was in doubt already, what it would have become is known.
                self._doubt = self._doubt or _Doubt(*self._next(batch), *after)
                raise StoreAway(sentence) from error
            raise StoreError(sentence) from error

    def _next(self, batch: Batch) -> tuple[bytes, int, int]:
        """Return the head, the number and the last input that a batch brings."""
        if not batch.frames:
            return self.head, self.batch, batch.last_seq
        head = chain(self.head, batch.first_seq, batch.last_seq, self.epoch, batch.frames)
        return head, self.batch + 1, batch.last_seq

    def _write(self, db: peewee.Database, batch: Batch) -> bytes:
        head, number, last_seq = self._next(batch)
        row = (
            number,
            batch.first_seq,
            batch.last_seq,
            self.epoch,
            batch.written_at,
            self.head,
            head,
            batch.frames,
        )
        if batch.frames and not batch.changes:
            self._write_alone(db, row)
        else:
            with db.atomic("IMMEDIATE"):
                self._check_fence(db)
                if batch.frames:
                    db.execute_sql(_INSERT_JOURNAL, row)
                for change in batch.changes:
                    change(db)
            if self._fence is not None:
                self._fence.committed()
        self.head, self.batch, self.last_seq = head, number, last_seq
        self.written += len(batch.frames) + COMMIT_OCTETS
        return head

    def _write_alone(self, db: peewee.Database, row: tuple[Any, ...]) -> None:
        if self._fence is not None:
            self._fence.write_alone(db, row)
        elif db.execute_sql(_INSERT_ALONE, (*row, str(self.epoch))).rowcount != 1:
            self._check_fence(db)
            raise StoreError(f"{self.where} took no row of the journal")

    def _check_fence(self, db: peewee.Database) -> None:
        if self._fence is not None:
            self._fence.pass_through(db)
            return
        (epoch,) = db.execute_sql("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
        if int(epoch) != self.epoch:
            raise Fenced(f"epoch {epoch} of {self.where} has begun; this master, of"
                         f" {self.epoch}, stops")  # fmt: skip

    def _is_there(self, doubt: _Doubt) -> bool:
        """Connect anew and tell whether the batch in doubt was committed; if so, take it as so."""
        if self._fence is None:
            raise StoreError("only a server's commits can be in doubt and found out about")
        self.engine.reopen(self.db)
        self.reconnected += 1
        found = self._fence.regain(self.db)
        self._doubt = None
        self.resolved += 1
        if found:
            self.head, self.batch, self.last_seq = doubt.head, doubt.number, doubt.last_seq
            self._audit_seq, self._audit_head = doubt.audit_seq, doubt.audit_head
        return found

    def beat(self) -> None:
        """Give a sign of life to the masters that wait. Raises `Fenced` if one has taken over."""
        if self._fence is None or self._doubt is not None:
            return
        try:
            self._fence.beat(self.db)
        except peewee.PeeweeException as error:
            if not is_lost(error):
                raise
            # No commit was under way: nothing is in doubt but what the next one will find out.
            self.engine.reopen(self.db)
            self.reconnected += 1
            self._fence.regain(self.db)

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

    def last_written(self) -> int:
        """Return when the newest batch of the journal was written; 0 for none."""
        row = self.db.execute_sql(
            "SELECT written_at FROM journal ORDER BY batch DESC LIMIT 1"
        ).fetchone()
        return 0 if row is None else int(row[0])

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
        """Close the store; a WAL is folded in, a server's lock given back."""
        if self._db is None:
            return
        if self._fence is not None and self.epoch:
            with contextlib.suppress(peewee.PeeweeException):
                self._fence.release(self._db)
        with contextlib.suppress(peewee.InterfaceError):
            self._db.close()
        self._db = None


def refuse_newer(where: str, version: int) -> None:
    """Raise `StoreError` if a store's schema is of a newer program than this one."""
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{where} was written by a newer PaperTrader (schema {version}, this one knows"
            f" {SCHEMA_VERSION}); upgrade the program"
        )


LAST_SEQ: Final = "SELECT coalesce((SELECT last_seq FROM journal ORDER BY batch DESC LIMIT 1), 0)"
"""The last input of a journal, 0 if it has none."""


def batch_after(db: peewee.Database, seq: int) -> int:
    """Return the number from which on the last inputs of all batches come after ``seq``.

    Found by halves, for neither numbers nor inputs ever fall from a batch to the next.
    """
    (newest,) = db.execute_sql("SELECT coalesce(max(batch), -1) FROM journal").fetchone()
    low, high = 0, int(newest) + 1
    while low < high:
        middle = (low + high) // 2
        batch, last = db.execute_sql(
            "SELECT batch, last_seq FROM journal WHERE batch >= ? ORDER BY batch LIMIT 1", (middle,)
        ).fetchone()
        if last > seq:
            high = middle
        else:
            low = int(batch) + 1
    return low


def journal_batches(db: peewee.Database, after_seq: int = 0) -> Iterator[tuple[Any, ...]]:
    """Give the journal's rows with a last_seq above ``after_seq``, in order.

    Each is (batch, first_seq, last_seq, epoch, previous, hash, frames). Raises
    `peewee.PeeweeException` where the database is damaged.
    """
    last, limit = -1 if after_seq <= 0 else batch_after(db, after_seq) - 1, 1
    while True:
        # A damaged page may be met by what fetches a row as well as by what asks for it.
        with driver_errors:
            rows = db.execute_sql(
                "SELECT batch, first_seq, last_seq, epoch, previous, hash, frames FROM journal"
                " WHERE last_seq > ? AND batch > ? ORDER BY batch LIMIT ?",
                (after_seq, last, limit),
            ).fetchall()
        if not rows:
            return
        yield from rows
        last = rows[-1][0]
        octets = sum(len(row[-1]) for row in rows) + 1
        limit = max(1, min(BATCHES_TOGETHER, len(rows) * READ_OCTETS // octets))


def engines_noted(db: peewee.Database) -> list[tuple[int, int]]:
    """Return which engines decided, in order: (engine, last input before its first).

    Inputs before the first are of versions whose engines had no number. Raises `StoreError` for an
    entry that names none.
    """
    rows = db.execute_sql("SELECT detail FROM audit WHERE kind = ? ORDER BY seq", (ENGINE_KIND,))
    try:
        return [engine_of(detail) for (detail,) in rows.fetchall()]
    except ValueError as error:
        raise StoreError(str(error)) from None
