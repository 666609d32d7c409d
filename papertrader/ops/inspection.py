"""Looking into a state directory: the audit, and making the views again.

The audit believes nothing that can be recomputed. From the journal's outcomes alone it makes the
books again and compares: the hash chain link by link, the double entry of every transaction, the
invariants, the views row by row, and the hashes that the running master took of its own memory.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import attrs
import peewee

from papertrader.core.desk import Desk
from papertrader.core.statehash import EARLIER_FORMS, FORM_1_SIZE
from papertrader.master.database import GENESIS, LAST_SEQ, audit_hash, refuse_newer
from papertrader.master.engines import StoreError, StorePlace, as_place, reason
from papertrader.master.views import load_desk
from papertrader.master.viewstore import ViewStore
from papertrader.master.viewtables import TABLES as VIEW_TABLES
from papertrader.ops.apart import Tell, Violations, worth_it
from papertrader.ops.bookside import Books, BooksApart, Wanted, make_books
from papertrader.ops.collector import collector_held
from papertrader.ops.journalrows import fits
from papertrader.ops.running import StateLock
from papertrader.ops.viewside import Found, Seen, ViewSide, ViewSideApart
from papertrader.ops.witnessing import check_heads, check_keys, check_witness

Progress = Tell


@attrs.define
class Report(Violations):
    """What an audit found. ``violations`` is empty when the books are right."""

    batches: int = 0
    inputs: int = 0
    transactions: int = 0
    orders: int = 0
    checkpoints: int = 0
    views_at: int = 0
    witnessed_keys: int = 0
    witnessed_heads: int = 0


def audit(
    where: Path | StorePlace,
    progress: Progress = lambda done, total: None,
    witnesses: Sequence[Path] = (),
    now: int = 0,
) -> Report:
    """Recompute everything of an installation, live or not. Raises `StoreError` if unreadable.

    ``where``: a state directory whose store is files, or a place. ``witnesses`` are files that
    workers kept: what is there is compared with them. ``now``: sessions that ended by then may have
    been forgotten; 0: as of the last entry.
    """
    # Nearly all that is made is kept to the end, and nothing of it is a cycle.
    with collector_held():
        return _audit(as_place(where), progress, witnesses, now)


def _audit(place: StorePlace, progress: Progress, witnesses: Sequence[Path], now: int) -> Report:
    require(place)
    report = Report()
    apart = worth_it(_inputs(place))
    with contextlib.ExitStack() as closing:
        # The views' snapshot is taken first: it can then never be ahead of the journal's.
        side = ViewSideApart(place) if apart else ViewSide(place)
        closing.callback(side.close)
        truth = place.truth.snapshot()
        closing.callback(truth.close)
        try:
            (last,) = truth.execute_sql("SELECT coalesce(max(batch), 0) FROM journal").fetchone()
            taken = dict(hashes_taken(truth))
            moments = frozenset(taken if side.seen is None else {*taken, side.seen.watermark})
            side.begin(int(last), moments)
            wanted = Wanted(int(last), moments)
            books_apart = BooksApart(place, wanted) if apart else None
            if books_apart is not None:
                closing.callback(books_apart.close)
            books = (
                books_apart.found(progress) if books_apart else make_books(place, wanted, progress)
            )
            _take_books(books, report)
            _audit_log(truth, report)
            check_keys(truth, report.violated)
            check_heads(truth, report.violated)
            compared = check_witness(truth, witnesses, report.violated)
            report.witnessed_keys, report.witnessed_heads = compared.keys, compared.heads
            _accounts(truth, books.accounts, report)
            rows = side.found()
            hashes = _hashes(rows, books)
            _compare_memory(taken, hashes, report)
            _compare(rows, books, report)
            if side.seen is not None:
                _compare_views(side.seen, rows, hashes, report)
                _living_replies(truth, side.seen, rows, report, now)
        except peewee.PeeweeException as error:
            raise StoreError(f"{place.truth.where} cannot be read: {error}") from None
    return report


def _take_books(found: Books, report: Report) -> None:
    """Take over what the books' half has found, and counted."""
    report.take(found)
    report.batches, report.inputs = found.batches, found.inputs
    report.transactions, report.orders = found.transactions, found.orders


def _hashes(rows: Found, books: Books) -> dict[int, bytes]:
    """Put together the hash of the state at each moment, from what both halves have of it."""
    return {
        done: attrs.evolve(parts, orders=rows.orders_at[done]).hash()
        for done, parts in books.parts_at.items()
        if done in rows.orders_at
    }


def _compare_memory(taken: dict[int, bytes], hashes: dict[int, bytes], report: Report) -> None:
    """Compare what the master's memory was with what the books make it."""
    for seq, value in taken.items():
        if seq not in hashes:
            report.violated(
                f"the hash of memory after input {seq} belongs to no input of the journal"
            )
            continue
        report.checkpoints += 1
        if hashes[seq] != value:
            report.violated(f"after input {seq} the master's memory was not as in the books")


def require(place: StorePlace) -> None:
    """Raise `StoreError` if there is no store at a place, or one that this program is too old for.

    What a newer one wrote may be read wrongly, and its views must not be thrown away.
    """
    if not place.truth.exists():
        raise StoreError(f"there is no {place.truth.where}; name the installation with --state-dir")
    with contextlib.closing(place.truth.snapshot()) as db:
        try:
            row = db.execute_sql("SELECT value FROM meta WHERE key = 'schema'").fetchone()
        except peewee.PeeweeException:
            return  # No store: who reads it says so.
    if row is not None:
        refuse_newer(place.truth.where, int(row[0]))


def _inputs(place: StorePlace) -> int:
    """Return about how many inputs there are."""
    truth = place.truth.snapshot()
    try:
        (last,) = truth.execute_sql(LAST_SEQ).fetchone()
    except peewee.PeeweeException as error:
        raise StoreError(f"{place.truth.where} cannot be read: {error}") from None
    finally:
        truth.close()
    return int(last)


def hashes_taken(truth: peewee.Database) -> Iterator[tuple[int, bytes]]:
    """Give the hashes that the master took of its memory: (after which input, hash).

    Those of earlier programs, which encoded the state in other ways, nobody can take any more.
    """
    for seq, value in truth.execute_sql("SELECT seq, state_hash FROM checkpoint ORDER BY id"):
        if len(value) != FORM_1_SIZE and bytes(value[:1]) not in EARLIER_FORMS:
            yield int(seq), bytes(value)


def _audit_log(truth: peewee.Database, report: Report) -> None:
    head, expected = GENESIS, 1
    rows = truth.execute_sql(
        "SELECT seq, at, kind, account, detail, previous, hash FROM audit ORDER BY seq"
    )
    for seq, at, kind, account, detail, previous, hash_ in rows:
        if (
            seq != expected
            or previous != head
            or not fits(hash_, audit_hash, previous, seq, at, kind, account, detail)
        ):
            report.violated(f"the audit log is broken at entry {seq}")
        head, expected = hash_, seq + 1


def _accounts(truth: peewee.Database, traded: set[int], report: Report) -> None:
    known = {row[0] for row in truth.execute_sql("SELECT id FROM account")}
    for account in sorted(traded - known):
        report.violated(f"account {account} has portfolios but does not exist")
    for account in sorted(known - traded):
        report.violated(f"account {account} has no portfolio")


def _compare(rows: Found, books: Books, report: Report) -> None:
    """Take over what the rows' half has found."""
    report.take(rows)
    for sentence in books.unreadable:
        # It has seen the same, if it looked as closely.
        if sentence not in rows.violations:
            report.violated(sentence)


def _compare_views(seen: Seen, rows: Found, hashes: dict[int, bytes], report: Report) -> None:
    """Compare the state that the views hold with that of the books."""
    report.views_at = seen.watermark
    if not rows.unreadable and rows.state_hash != hashes.get(seen.watermark):
        report.violated(f"the views at input {seen.watermark} differ from the journal")


def _living_replies(
    truth: peewee.Database, seen: Seen, rows: Found, report: Report, now: int
) -> None:
    """Notice when all stored replies of a living session are gone, not only some of them."""
    (known,) = truth.execute_sql(
        "SELECT max(at) FROM (SELECT max(at) AS at FROM audit UNION ALL"
        " SELECT max(written_at) FROM journal) AS latest"
    ).fetchone()
    alive = truth.execute_sql(
        "SELECT id FROM session WHERE ended_at = 0 AND expires_at > ?",
        (max(known or 0, now),),
    ).fetchall()
    for (session,) in alive:
        if rows.replied[session] and session not in seen.sessions:
            report.violated(f"the views miss all replies of session {session}")


def rebuild(
    where: Path | StorePlace,
    tell: Callable[[str], None],
    progress: Progress = lambda done, total: None,
) -> Report:
    """Throw the views away and make them again from the journal; no master may run.

    Raises `StartError` or `StoreError` if one does, `StoreError` if the journal cannot be read.
    """
    place = as_place(where)
    require(place)
    with no_master(place):
        place.views.remove(VIEW_TABLES)
        tell("reading the journal ...")
        views = ViewStore(place.views)
        views.open()
        truth = place.truth.snapshot()
        try:
            with collector_held():
                load_desk(views, truth, Desk(), progress)
        finally:
            truth.close()
            views.close()
    return audit(place)


@contextlib.contextmanager
def no_master(place: StorePlace) -> Iterator[peewee.Database | None]:
    """Be a block in which no master can have the store, on whatever machine.

    Gives the connection whose lock keeps them away; None for files. Raises `StartError` or
    `StoreError` if a master runs.
    """
    lock = StateLock(place.state, "master")
    lock.acquire()
    try:
        fence = place.truth.fence()
        if fence is None:
            yield None
            return
        with contextlib.closing(place.truth.open()) as db:
            try:
                fence.prepare(db)
                is_free = fence.wait(db)
            except peewee.PeeweeException as error:
                raise StoreError(f"{place.truth.where}: {reason(error)}") from None
            if not is_free:
                raise StoreError(f"a master runs on {place.truth.where}; stop it first")
            yield db
    finally:
        lock.release()
