"""Looking into a state directory: the audit, and making the views again.

The audit believes nothing that can be recomputed. From the journal's outcomes alone it makes the
books again and compares: the hash chain link by link, the double entry of every transaction, the
invariants, the views row by row, and the hashes that the running master took of its own memory.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import peewee

from papertrader.core.desk import Desk
from papertrader.core.events import OrderChanged, TransactionPosted
from papertrader.core.ledger import InvariantViolated
from papertrader.core.moneyaudit import FeeAudit
from papertrader.core.restore import restore_state
from papertrader.core.state import DeskState
from papertrader.master import packing, quickrecords, records
from papertrader.master.database import GENESIS, audit_hash, chain, journal_batches
from papertrader.master.engines import StoreError, StorePlace, as_place, stream
from papertrader.master.receipts import receipt_row
from papertrader.master.views import load_desk
from papertrader.master.viewstore import ViewStore
from papertrader.master.viewtables import TABLES as VIEW_TABLES
from papertrader.ops.running import StateLock
from papertrader.ops.witnessing import check_heads, check_keys, check_witness
from papertrader.wire import codec, limits
from papertrader.wire.derived import Message
from papertrader.wire.errors import RemoteFault

VIOLATIONS_MAX = 100
"""Violations listed; the rest are counted."""

Progress = Callable[[int, int], None]
"""(batches done, batches in all)."""


@attrs.define
class Report:
    """What an audit found. ``violations`` is empty when the books are right."""

    batches: int = 0
    inputs: int = 0
    transactions: int = 0
    orders: int = 0
    checkpoints: int = 0
    views_at: int = 0
    witnessed_heads: int = 0
    violations: list[str] = attrs.Factory(list)
    violations_in_all: int = 0

    def violated(self, sentence: str) -> None:
        """Note a violation."""
        self.violations_in_all += 1
        if len(self.violations) < VIOLATIONS_MAX:
            self.violations.append(sentence)


UNREADABLE: Final = (
    RemoteFault,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    struct.error,
)
"""What damaged records and rows can make the code that reads them raise."""


@attrs.define
class _Digests:
    """Rows of the views, as running hashes by account in their order; replies one by one.

    ``oldest`` holds the first event that the views keep of each account; ``replies`` the digest
    of a stored reply by (session, command sequence), ``replied`` how many each session had. Of the
    journal's replies only those are compared that the views have: ``kept``, None for all.
    """

    transactions: dict[int, Any] = attrs.Factory(dict)
    fees: FeeAudit = attrs.Factory(FeeAudit)
    events: dict[int, Any] = attrs.Factory(dict)
    receipts: dict[int, Any] = attrs.Factory(dict)
    last_event: dict[int, int] = attrs.Factory(dict)
    oldest: dict[int, int] = attrs.Factory(dict)
    kept: set[tuple[int, int]] | None = None
    replies: dict[tuple[int, int], bytes] = attrs.Factory(dict)
    replied: Counter[int] = attrs.Factory(Counter)

    def transaction(self, account: int, *row: Any) -> None:
        """Take a row of the transactions, with the entries of each."""
        self.transactions.setdefault(account, hashlib.sha256()).update(repr(row).encode())

    def receipt(self, account: int, *row: Any) -> None:
        """Take the receipt of an event."""
        self.receipts.setdefault(account, hashlib.sha256()).update(repr(row).encode())

    def event(self, account: int, seq: int, frame: bytes) -> None:
        """Take an event that the views still keep."""
        self.last_event[account] = seq
        if seq >= self.oldest.get(account, 0):
            digest = self.events.setdefault(account, hashlib.sha256())
            digest.update(seq.to_bytes(8, "big") + frame)

    def reply(self, session: int, seq: int, *row: Any) -> None:
        """Take a stored reply."""
        if self.kept is None or (session, seq) in self.kept:
            self.replies[session, seq] = hashlib.sha256(repr(row).encode()).digest()
        self.replied[session] += 1

    def differences(self, views: _Digests) -> Iterator[str]:
        """Give a sentence for each difference of the views from what the journal makes them."""
        for what, mine, theirs in (
            ("transactions", self.transactions, views.transactions),
            ("events", self.events, views.events),
            ("receipts", self.receipts, views.receipts),
        ):
            for account in sorted(mine.keys() | theirs.keys()):
                a, b = mine.get(account), theirs.get(account)
                if a is None or b is None or a.digest() != b.digest():
                    yield f"the views' {what} of account {account} differ"
        for key, digest in views.replies.items():
            if self.replies.get(key) != digest:
                yield f"the views' reply to command {key[1]} of session {key[0]} differs"
        for session, count in views.replied.items():
            if count < min(self.replied[session], limits.REPLIES_KEPT):
                yield f"the views miss replies of session {session}"


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
    # Nearly all that is made is kept to the end, and nothing of it is a cycle: to walk it again
    # and again, as the collector would, is a third of the time of a million entries.
    with _collector_held():
        return _audit(as_place(where), progress, witnesses, now)


@contextlib.contextmanager
def _collector_held() -> Iterator[None]:
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _audit(place: StorePlace, progress: Progress, witnesses: Sequence[Path], now: int) -> Report:
    require(place)
    report = Report()
    # The views' snapshot is taken first: it can then never be ahead of the journal's.
    views = _open_views(place)
    truth = place.truth.snapshot()
    try:
        desk = Desk()
        views_hash, digests = _replay(truth, views, desk, report, progress)
        for sentence in desk.check_invariants():
            report.violated(sentence)
        report.orders = len(desk.state.orders)
        _audit_log(truth, report)
        check_keys(truth, report.violated)
        check_heads(truth, report.violated)
        report.witnessed_heads = check_witness(truth, witnesses, report.violated).heads
        _accounts(truth, desk, report)
        if views is not None:
            _compare_views(views, views_hash, digests, report)
            _living_replies(truth, views, digests, report, now)
    except peewee.DatabaseError as error:
        raise StoreError(f"{place.truth.where} cannot be read: {error}") from None
    finally:
        truth.close()
        if views is not None:
            views.close()
    return report


def require(place: StorePlace) -> None:
    """Raise `StoreError` if there is no store at a place."""
    if not place.truth.exists():
        raise StoreError(f"there is no {place.truth.where}; name the installation with --state-dir")


def _open_views(place: StorePlace) -> ViewStore | None:
    if not place.views.exists():
        return None
    views = ViewStore(place.views)
    views.open_read_only()
    return views


def hashes_taken(truth: peewee.Database) -> Iterator[tuple[int, bytes]]:
    """Give the hashes that the master took of its memory: (after which input, hash)."""
    for seq, value in truth.execute_sql("SELECT seq, state_hash FROM checkpoint ORDER BY id"):
        yield int(seq), bytes(value)


def _replay(
    truth: peewee.Database,
    views: ViewStore | None,
    desk: Desk,
    report: Report,
    progress: Progress,
) -> tuple[bytes, _Digests]:
    """Apply every outcome of the journal; return the state's hash at the views' watermark."""
    (total,) = truth.execute_sql("SELECT count(*) FROM journal").fetchone()
    checkpoints: dict[int, bytes] = dict(hashes_taken(truth))
    watermark = views.watermark if views is not None else -1
    views_hash = desk.state_hash() if watermark == 0 else b""
    digests = _Digests()
    if views is not None:
        digests.oldest = _oldest_events(views)
        digests.kept = set(views.db.execute_sql("SELECT session, seq FROM view_reply").fetchall())
    head, expected, done = GENESIS, 1, 0
    for number, (batch, first, last, epoch, previous, hash_, frames) in enumerate(
        journal_batches(truth), 1
    ):
        report.batches += 1
        if batch != number or first != expected or last < first:
            report.violated(f"batch {batch}: inputs {first} to {last} do not follow {expected - 1}")
        if previous != head or not _fits(hash_, chain, previous, first, last, epoch, frames):
            report.violated(f"batch {batch}: the hash chain is broken")
        head, expected = hash_, last + 1
        for seq, found, inner in _records(frames, batch, report, desk.state):
            if not first <= seq <= last:
                report.violated(f"batch {batch}: a record of input {seq} stands in it")
            if seq != done:
                _compare_memory(desk, checkpoints.pop(done, None), done, report)
                done = seq
            _apply(desk, seq, found, inner, digests, report, counted=last <= watermark)
        report.inputs += last - first + 1
        if last == watermark:
            views_hash = desk.state_hash()
            if views is not None and views.head != hash_:
                report.violated("the views follow from another journal")
        if number % 64 == 0:
            progress(number, total)
    _compare_memory(desk, checkpoints.pop(done, None), done, report)
    for seq in checkpoints:
        report.violated(f"the hash of memory after input {seq} belongs to no input of the journal")
    progress(total, total)
    return views_hash, digests


def _fits(wanted: bytes, make: Callable[..., bytes], *values: Any) -> bool:
    """Tell whether values have a hash; those that no master could have written have none."""
    try:
        return make(*values) == wanted
    except (OverflowError, TypeError, AttributeError, ValueError):
        return False


def _compare_memory(desk: Desk, taken: bytes | None, seq: int, report: Report) -> None:
    """Compare what the master's memory was after input ``seq`` with what the books make it."""
    if taken is not None:
        report.checkpoints += 1
        if desk.state_hash() != taken:
            report.violated(f"after input {seq} the master's memory was not as in the books")


def _records(
    frames: bytes, batch: int, report: Report, state: DeskState
) -> Iterator[tuple[int, Any, bytes]]:
    """Give (input, record or what it says, what stands within) of each record of a batch.

    What a plain record says is read at once; any other comes as its message.
    """
    offset = 0
    try:
        while offset < len(frames):
            header = codec.HEADER.unpack_from(frames, offset)
            end = offset + limits.HEADER_SIZE + header[3]
            quick = quickrecords.read(frames, offset, end, header[4], state)
            if quick is not None:
                yield quick
            else:
                message: Any = records.read_frame(frames, offset)
                yield records.seq_of(message), message, getattr(message, "inner", b"")
            offset = end
    except UNREADABLE as fault:
        report.violated(f"batch {batch}: a record cannot be read ({fault})")


def _apply(
    desk: Desk,
    seq: int,
    found: Any,
    inner: bytes,
    digests: _Digests,
    report: Report,
    counted: bool,
) -> None:
    try:
        fact = records.fact_of(found, desk.state) if isinstance(found, Message) else found
        if isinstance(fact, records.StoredReply):
            if counted:
                frame, hash_ = fact.frame, fact.request_hash
                digests.reply(fact.session_id, fact.command_seq, hash_, fact.at, frame)
            return
        if fact is None:
            return
        for wrong in digests.fees.check(desk.state, fact):
            report.violated(f"input {seq}: {wrong}")
        desk.apply(fact)
    except (InvariantViolated, *UNREADABLE) as error:
        report.violated(f"input {seq}: {error}")
        return
    if isinstance(fact, OrderChanged):
        if not counted:
            return
        digests.event(fact.account, fact.event_seq, inner)
        receipt = fact.receipt
        if receipt is not None:
            plain = receipt.working is None
            block = packing.receipt_row(fact, inner) if plain else receipt_row(fact, receipt)
            digests.receipt(fact.account, fact.order.order_id, fact.event_seq, block)
    elif isinstance(fact, TransactionPosted):
        report.transactions += 1
        if not counted:
            return
        digests.event(fact.account, fact.event_seq, inner)
        t = fact.transaction
        # An event begins with its transaction's row: nothing need be packed.
        block = inner[limits.HEADER_SIZE : packing.TRANSACTION_END]
        digests.transaction(
            fact.account, t.transaction_id, t.portfolio, int(t.kind), t.executed_at, block,
            records.transaction_detail(t), packing.entries_block(fact.entries),
        )  # fmt: skip


def _audit_log(truth: peewee.Database, report: Report) -> None:
    head, expected = GENESIS, 1
    rows = truth.execute_sql(
        "SELECT seq, at, kind, account, detail, previous, hash FROM audit ORDER BY seq"
    )
    for seq, at, kind, account, detail, previous, hash_ in rows:
        if (
            seq != expected
            or previous != head
            or not _fits(hash_, audit_hash, previous, seq, at, kind, account, detail)
        ):
            report.violated(f"the audit log is broken at entry {seq}")
        head, expected = hash_, seq + 1


def _accounts(truth: peewee.Database, desk: Desk, report: Report) -> None:
    known = {row[0] for row in truth.execute_sql("SELECT id FROM account")}
    for account in desk.state.accounts:
        if account not in known:
            report.violated(f"account {account} has portfolios but does not exist")
    for account in known - set(desk.state.accounts):
        report.violated(f"account {account} has no portfolio")


def _compare_views(views: ViewStore, expected: bytes, digests: _Digests, report: Report) -> None:
    report.views_at = views.watermark
    probe = Desk()
    try:
        probe.state = restore_state(views.image())
        found = probe.state_hash()
    except UNREADABLE as error:
        report.violated(f"the views at input {views.watermark} cannot be read ({error})")
        return
    if found != expected:
        report.violated(f"the views at input {views.watermark} differ from the journal")
    kept = _digests_of(views)
    for sentence in digests.differences(kept):
        report.violated(sentence)
    for account, last in digests.last_event.items():
        if last - digests.oldest.get(account, last + 1) + 1 < min(last, limits.EVENTS_KEPT):
            report.violated(f"the views miss events of account {account}")


def _living_replies(
    truth: peewee.Database, views: ViewStore, digests: _Digests, report: Report, now: int
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
    kept = {row[0] for row in views.db.execute_sql("SELECT DISTINCT session FROM view_reply")}
    for (session,) in alive:
        if digests.replied[session] and session not in kept:
            report.violated(f"the views miss all replies of session {session}")


def _oldest_events(views: ViewStore) -> dict[int, int]:
    return dict(
        views.db.execute_sql("SELECT account, min(seq) FROM view_event GROUP BY account").fetchall()
    )


def _digests_of(views: ViewStore) -> _Digests:
    """Return what the views do hold."""
    digests, db = _Digests(), views.db
    for row in stream(
        db,
        "SELECT account, id, portfolio, kind, executed_at, block, detail, entries"
        " FROM view_transaction ORDER BY account, id",
    ):
        digests.transaction(*row)
    for row in stream(
        db,
        'SELECT account, "order", event_seq, block FROM view_receipt ORDER BY account, event_seq',
    ):
        digests.receipt(*row)
    for row in stream(db, "SELECT account, seq, frame FROM view_event ORDER BY account, seq"):
        digests.event(*row)
    for row in stream(db, "SELECT session, seq, request_hash, at, frame FROM view_reply"):
        digests.reply(*row)
    return digests


def rebuild(
    where: Path | StorePlace,
    tell: Callable[[str], None],
    progress: Progress = lambda done, total: None,
) -> Report:
    """Throw the views away and make them again from the journal; no master may run.

    Raises `StartError` if one does, `StoreError` if the journal cannot be read.
    """
    place = as_place(where)
    require(place)
    lock = StateLock(place.state, "master")
    lock.acquire()
    try:
        place.views.remove(VIEW_TABLES)
        tell("reading the journal ...")
        views = ViewStore(place.views)
        views.open()
        truth = place.truth.snapshot()
        try:
            load_desk(views, truth, Desk(), progress)
        finally:
            truth.close()
            views.close()
    finally:
        lock.release()
    return audit(place)
