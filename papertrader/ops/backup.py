"""Backups of the truth: one portable file, copied while the server runs, audited at once.

A backup is an SQLite file with the tables of ``truth.db``, whatever the store was, so that it can
be put back into either engine. It holds password hashes and sessions: it is readable by its owner
alone. Certificates and settings are not in it: they are files that do not change.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs
import peewee

from papertrader.master.database import GENESIS, LAST_SEQ, SCHEMA_VERSION
from papertrader.master.engines import (
    TRUTH_PRAGMAS,
    VIEWS_PRAGMAS,
    SqliteEngine,
    StoreError,
    StorePlace,
    columns_of,
    copy_file,
    drop_tables,
    insert_statement,
    many,
    reason,
    stream,
)
from papertrader.master.migrations import migrate
from papertrader.master.newfiles import new_file, remove_database, settle_file
from papertrader.master.table import truth
from papertrader.master.truthtables import APPEND_ONLY, TABLES
from papertrader.master.viewtables import TABLES as VIEW_TABLES
from papertrader.ops.inspection import Progress, Report, audit, no_master, require
from papertrader.ops.sealing import set_aside_foreign

ROWS: Final = 500
NO_GOOD: Final = "use another backup; papertrader audit tells whether the store is whole"
WITNESS_DIRECTORY: Final = "witness"
EPOCH_LEAP: Final = 1_000_000
"""How far a restored store's epoch is ahead, when nobody knows what its workers have seen."""


@attrs.frozen(kw_only=True)
class Backup:
    """What a backup holds, and that its books are right. ``head`` is the hash of its last batch."""

    path: Path
    head: bytes
    last_seq: int
    epoch: int
    report: Report
    key_aside: Path | None = None
    """Where a restore put the audit log's key that was there, if it is none of the backup's."""


def backup_place(path: Path) -> StorePlace:
    """Return a backup as a place without views: what the audit reads."""
    return StorePlace(
        path.parent,
        SqliteEngine(path, TRUTH_PRAGMAS, cure=NO_GOOD),
        SqliteEngine(path.with_name(f".{path.name}.no-views"), VIEWS_PRAGMAS),
    )


def _untold(done: int, total: int, what: str = "") -> None:
    """Tell nobody how far it is."""


def make_backup(place: StorePlace, target: Path, progress: Callable[..., None] = _untold) -> Backup:
    """Copy the truth into a new file, while a master runs or not, and audit the copy.

    A copy whose books are wrong is kept, and its report says so. ``progress`` is told (batches,
    of how many, what is done). Raises `StoreError`.
    """
    require(place)
    progress(0, 0, "copying")
    if target.exists():
        raise StoreError(f"{target} is there already; name a new file")
    if not target.parent.is_dir():
        raise StoreError(f"there is no directory {target.parent}; name a file in one that there is")
    if isinstance(place.truth, SqliteEngine):
        source = place.truth.snapshot()
        try:
            copy_file(source, target)
        finally:
            source.close()
    else:
        _copy_tables(place, target)
    return inspect_backup(target, progress)


def inspect_backup(path: Path, progress: Progress = _untold) -> Backup:
    """Audit a backup. Raises `StoreError` if it is none, or of a newer version."""
    place = backup_place(path)
    if not path.exists():
        raise StoreError(f"there is no {path}; name a file that papertrader backup made")
    db = place.truth.snapshot()
    try:
        if not db.table_exists("journal"):
            raise StoreError(f"{path} is no backup of PaperTrader")
        row = db.execute_sql("SELECT value FROM meta WHERE key = 'schema'").fetchone()
        if row is None or int(row[0]) > SCHEMA_VERSION:
            raise StoreError(f"{path} was made by a newer PaperTrader; upgrade the program")
        last_seq, head = db.execute_sql(
            "SELECT last_seq, hash FROM journal ORDER BY batch DESC LIMIT 1"
        ).fetchone() or (0, GENESIS)
        epoch = _epoch(db)
    except peewee.PeeweeException as error:
        raise StoreError(f"{path} cannot be read: {reason(error)}") from None
    finally:
        db.close()
    return Backup(
        path=path, head=bytes(head), last_seq=last_seq, epoch=epoch, report=audit(place, progress)
    )


def _epoch(db: peewee.Database) -> int:
    row = db.execute_sql("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
    return int(row[0]) if row else 0


def _copy_tables(place: StorePlace, target: Path) -> None:
    """Copy a server's tables, as they are at one moment, into a new SQLite file."""
    source = place.truth.snapshot()
    try:
        with new_file(target) as partial:
            engine = SqliteEngine(partial, {"journal_mode": "delete", "synchronous": 2})
            with contextlib.closing(engine.open()) as copy:
                truth.initialize(copy)
                with copy.atomic("IMMEDIATE"):
                    copy.create_tables(TABLES)
                    _fill(source, copy)
                    engine.forbid_changes(copy, APPEND_ONLY)
    except (peewee.PeeweeException, OSError) as error:
        raise StoreError(f"cannot copy the store to {target}: {reason(error)}") from None
    finally:
        source.close()


def _fill(source: peewee.Database, copy: peewee.Database) -> None:
    for model in TABLES:
        names = ", ".join(f'"{name}"' for name in columns_of(model))
        statement = insert_statement(model)
        for rows in stream(source, f'SELECT {names} FROM "{model._meta.table_name}"', ROWS):
            many(copy, statement, rows)


def restore_backup(
    place: StorePlace,
    path: Path,
    *,
    force: bool = False,
    accept_loss: bool = False,
    progress: Callable[..., None] = _untold,
) -> Backup:
    """Put a backup back as the truth; the views are thrown away, and made again at the start.

    No master may run. Raises `StartError` or `StoreError` if one does; the latter if the books are
    wrong, if there is a store already and ``force`` does not say to replace it, or if that store,
    or what this machine's workers have witnessed, knows of more than the backup and ``accept_loss``
    does not say to lose it. A file that is
    replaced is kept beside as NAME.replaced, and so is the audit log's key if it belongs to another
    moment than the backup: the next start begins a new chain of keys, which the audit log says.
    ``progress``: as of `make_backup`.
    """
    found = inspect_backup(path, progress)
    if found.report.violations_in_all:
        raise StoreError(f"the books of {path} are wrong: {found.report.violations[0]}")
    _compare_witnesses(place, path, accept_loss)
    work = place.state / ".restoring.db"
    with no_master(place) as held:
        try:
            before = _replaceable(place, found, force, accept_loss)
            epoch = max(found.epoch, before[1] if before else found.epoch + EPOCH_LEAP)
            progress(-1, 0, "copying")
            remove_database(work)
            _prepare(path, work, epoch)
            last = _last_key(work)
            place.views.remove(VIEW_TABLES)
            if isinstance(place.truth, SqliteEngine):
                _put_file(place.truth, work)
            elif held is not None:
                _put_tables(place, work, held)
            aside = set_aside_foreign(place.state, last)
        finally:
            remove_database(work)
    return attrs.evolve(found, key_aside=aside)


def _replaceable(
    place: StorePlace, found: Backup, force: bool, accept_loss: bool
) -> tuple[int, int] | None:
    """Return what is there (`_present`); raises `StoreError` if it is not to be replaced."""
    before = _present(place)
    if before is not None and not force:
        raise StoreError(f"there is a store already ({place.truth.where}); --force replaces it")
    if before is not None and before[0] > found.last_seq and not accept_loss:
        raise StoreError(
            f"the store knows of inputs up to {before[0]}, the backup only up to"
            f" {found.last_seq}: what lies between would be lost; --accept-loss says so"
        )
    return before


def _compare_witnesses(place: StorePlace, path: Path, accept_loss: bool) -> None:
    """Raise `StoreError` if workers have witnessed what the backup does not have."""
    witnesses = sorted((place.state / WITNESS_DIRECTORY).glob("*.jsonl"))
    if not witnesses or accept_loss:
        return
    report = audit(backup_place(path), witnesses=witnesses)
    if report.violations_in_all:
        raise StoreError(
            f"the backup is older than what workers have witnessed ({report.violations[0]});"
            " --accept-loss puts it back all the same"
        )


def _present(place: StorePlace) -> tuple[int, int] | None:
    """Return the last input and the epoch of the store that is there; None if there is none.

    A store that cannot be read has neither, but is there.
    """
    if not place.truth.exists():
        return None
    with contextlib.suppress(StoreError, peewee.PeeweeException):
        db = place.truth.snapshot()
        try:
            return int(db.execute_sql(LAST_SEQ).fetchone()[0]), _epoch(db)
        finally:
            db.close()
    return 0, 0


def _prepare(path: Path, work: Path, epoch: int) -> None:
    """Copy a backup, bring the copy's schema up to date, and let its epoch be ``epoch``."""
    source = SqliteEngine(path, {}).snapshot()
    try:
        copy_file(source, work)
    finally:
        source.close()
    db = SqliteEngine(work, {"journal_mode": "delete", "synchronous": 2}).open()
    try:
        with db.atomic("IMMEDIATE"):
            sql = "SELECT value FROM meta WHERE key = 'schema'"
            migrate(db, int(db.execute_sql(sql).fetchone()[0]), SCHEMA_VERSION)
            for key, value in (("schema", SCHEMA_VERSION), ("epoch", epoch)):
                db.execute_sql("UPDATE meta SET value = ? WHERE key = ?", (str(value), key))
    except peewee.PeeweeException as error:
        raise StoreError(f"{path} cannot be brought up to date: {reason(error)}") from None
    finally:
        db.close()


def _last_key(work: Path) -> bytes | None:
    """Return the public half of the key that signs next, by a store; None if it has none yet."""
    db = SqliteEngine(work, {}).snapshot()
    try:
        sql = "SELECT public FROM audit_key ORDER BY epoch DESC LIMIT 1"
        row = db.execute_sql(sql).fetchone()
        return bytes(row[0]) if row else None
    finally:
        db.close()


def _put_file(engine: SqliteEngine, work: Path) -> None:
    if engine.path.exists():
        with contextlib.suppress(StoreError, peewee.PeeweeException):
            # What stands in its WAL belongs to it.
            engine.open().close()
        os.replace(engine.path, engine.path.with_name(f"{engine.path.name}.replaced"))
    engine.remove(())
    settle_file(work, engine.path)


def _put_tables(place: StorePlace, work: Path, db: peewee.Database) -> None:
    source = SqliteEngine(work, {}).snapshot()
    try:
        truth.initialize(db)
        with db.atomic():
            drop_tables(db, reversed(TABLES))
            db.create_tables(TABLES)
            _fill(source, db)
            place.truth.forbid_changes(db, APPEND_ONLY)
            place.truth.count_on(db, TABLES)
    except peewee.PeeweeException as error:
        raise StoreError(f"{place.truth.where}: {reason(error)}") from None
    finally:
        source.close()
