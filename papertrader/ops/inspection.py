"""Looking into a state directory: the audit, and making the views again.

The audit believes nothing that can be recomputed. From the journal's outcomes alone it makes the
books again and compares: the hash chain link by link, the double entry of every transaction, the
invariants, the views row by row, and the hashes that the running master took of its own memory.
"""

from __future__ import annotations

import contextlib
import gc
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import peewee

from papertrader.core.audit import OrderEncodings
from papertrader.core.desk import Desk
from papertrader.core.events import MarksMoved, OrderChanged, PortfolioMarked, TransactionPosted
from papertrader.core.ledger import InvariantViolated
from papertrader.core.moneyaudit import FeeAudit
from papertrader.core.state import DeskState
from papertrader.master import quickrecords, records
from papertrader.master.database import GENESIS, audit_hash, journal_batches
from papertrader.master.engines import StoreError, StorePlace, as_place
from papertrader.master.views import load_desk
from papertrader.master.viewstore import ViewStore
from papertrader.master.viewtables import TABLES as VIEW_TABLES
from papertrader.ops.journalrows import LENGTH_AT, LENGTH_OPCODE, UNREADABLE, fits
from papertrader.ops.running import StateLock
from papertrader.ops.viewside import VIOLATIONS_MAX, Seen, ViewSide, ViewSideApart, side_of
from papertrader.ops.witnessing import check_heads, check_keys, check_witness
from papertrader.wire import limits
from papertrader.wire import messages as m
from papertrader.wire.derived import Message

_SEQ: Final = struct.Struct(">Q").unpack_from
_NO_FACTS: Final = frozenset(
    int(each.OPCODE) for each in (m.StoreReply, m.StoreCommand, m.StoreRefusal)
)
"""Records that change nothing of the desk."""
_LEAVES_ENDED: Final = (
    OrderChanged, TransactionPosted, MarksMoved, PortfolioMarked, records.StoredReply,
)  # fmt: skip
"""What leaves every order that has ended where it is; to turn the clock back does not."""

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
    witnessed_keys: int = 0
    witnessed_heads: int = 0
    violations: list[str] = attrs.Factory(list)
    violations_in_all: int = 0
    unreadable: list[str] = attrs.field(factory=list, repr=False, eq=False)

    def violated(self, sentence: str) -> None:
        """Note a violation."""
        self.violations_in_all += 1
        if len(self.violations) < VIOLATIONS_MAX:
            self.violations.append(sentence)


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
    side = side_of(place, _inputs(place))
    truth = place.truth.snapshot()
    try:
        (last,) = truth.execute_sql("SELECT coalesce(max(batch), 0) FROM journal").fetchone()
        side.begin(int(last))
        desk = Desk()
        views_hash = _replay(truth, side.seen, desk, report, progress)
        for sentence in desk.check_invariants():
            report.violated(sentence)
        report.orders = len(desk.state.orders)
        _audit_log(truth, report)
        check_keys(truth, report.violated)
        check_heads(truth, report.violated)
        compared = check_witness(truth, witnesses, report.violated)
        report.witnessed_keys, report.witnessed_heads = compared.keys, compared.heads
        _accounts(truth, desk, report)
        _compare(side, views_hash, report)
        _living_replies(truth, side, report, now)
    except peewee.PeeweeException as error:
        raise StoreError(f"{place.truth.where} cannot be read: {error}") from None
    finally:
        truth.close()
        side.close()
    return report


def require(place: StorePlace) -> None:
    """Raise `StoreError` if there is no store at a place."""
    if not place.truth.exists():
        raise StoreError(f"there is no {place.truth.where}; name the installation with --state-dir")


def _inputs(place: StorePlace) -> int:
    """Return about how many inputs there are."""
    truth = place.truth.snapshot()
    try:
        (last,) = truth.execute_sql("SELECT coalesce(max(last_seq), 0) FROM journal").fetchone()
    except peewee.PeeweeException as error:
        raise StoreError(f"{place.truth.where} cannot be read: {error}") from None
    finally:
        truth.close()
    return int(last)


class _Memory:
    """The hashes of the desk's state, each worked out once."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._encodings = OrderEncodings()
        self._hash = b""

    def changed(self, fact: object) -> None:
        """The state is another one now."""
        self._hash = b""
        if not isinstance(fact, _LEAVES_ENDED):
            self._encodings.clear()

    def hash(self) -> bytes:
        """Return the hash of the state."""
        if not self._hash:
            self._hash = self._desk.state_hash(self._encodings)
        return self._hash


def hashes_taken(truth: peewee.Database) -> Iterator[tuple[int, bytes]]:
    """Give the hashes that the master took of its memory: (after which input, hash)."""
    for seq, value in truth.execute_sql("SELECT seq, state_hash FROM checkpoint ORDER BY id"):
        yield int(seq), bytes(value)


def _replay(
    truth: peewee.Database, seen: Seen | None, desk: Desk, report: Report, progress: Progress
) -> bytes:
    """Apply every outcome of the journal; return the state's hash at the views' watermark."""
    (total,) = truth.execute_sql("SELECT count(*) FROM journal").fetchone()
    checkpoints: dict[int, bytes] = dict(hashes_taken(truth))
    watermark = seen.watermark if seen is not None else -1
    memory = _Memory(desk)
    views_hash = memory.hash() if watermark == 0 else b""
    fees, done = FeeAudit(), 0
    for number, (batch, first, last, _, _, _, frames) in enumerate(journal_batches(truth), 1):
        report.batches += 1
        for seq, found in _records(frames, batch, report, desk.state):
            if seq != done:
                if done in checkpoints:
                    _compare_memory(memory, checkpoints.pop(done), done, report)
                done = seq
            if found is not None:
                memory.changed(_apply(desk, seq, found, fees, report))
        report.inputs += last - first + 1
        if last == watermark:
            views_hash = memory.hash()
        if number % 64 == 0:
            progress(number, total)
    if done in checkpoints:
        _compare_memory(memory, checkpoints.pop(done), done, report)
    for seq in checkpoints:
        report.violated(f"the hash of memory after input {seq} belongs to no input of the journal")
    progress(total, total)
    return views_hash


def _compare_memory(memory: _Memory, taken: bytes, seq: int, report: Report) -> None:
    """Compare what the master's memory was after input ``seq`` with what the books make it."""
    report.checkpoints += 1
    if memory.hash() != taken:
        report.violated(f"after input {seq} the master's memory was not as in the books")


def _records(
    frames: bytes, batch: int, report: Report, state: DeskState
) -> Iterator[tuple[int, Any]]:
    """Give (input, record or what it says) of each of a batch's; None for what changes nothing.

    Whether they are whole and in their places is looked at by `JournalRows`.
    """
    offset, size = 0, len(frames)
    try:
        while offset < size:
            length, opcode = LENGTH_OPCODE(frames, offset + LENGTH_AT)
            end = offset + limits.HEADER_SIZE + length
            if opcode in _NO_FACTS:
                yield _SEQ(frames, offset + limits.HEADER_SIZE)[0], None
            else:
                quick = quickrecords.read(frames, offset, end, opcode, state, checked=True)
                if quick is not None:
                    yield quick[0], quick[1]
                else:
                    message: Any = records.read_frame(frames, offset)
                    yield records.seq_of(message), message
            offset = end
    except UNREADABLE as fault:
        report.unreadable.append(f"batch {batch}: a record cannot be read ({fault})")


def _apply(desk: Desk, seq: int, found: Any, fees: FeeAudit, report: Report) -> object:
    """Apply what a record says, and return it."""
    try:
        fact = records.fact_of(found, desk.state) if isinstance(found, Message) else found
        if fact is None or isinstance(fact, records.StoredReply):
            return found
        for wrong in fees.check(desk.state, fact):
            report.violated(f"input {seq}: {wrong}")
        desk.apply(fact)
    except (InvariantViolated, *UNREADABLE) as error:
        report.violated(f"input {seq}: {error}")
        return None
    if isinstance(fact, TransactionPosted):
        report.transactions += 1
    return fact


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


def _accounts(truth: peewee.Database, desk: Desk, report: Report) -> None:
    known = {row[0] for row in truth.execute_sql("SELECT id FROM account")}
    for account in desk.state.accounts:
        if account not in known:
            report.violated(f"account {account} has portfolios but does not exist")
    for account in known - set(desk.state.accounts):
        report.violated(f"account {account} has no portfolio")


def _compare(side: ViewSide | ViewSideApart, expected: bytes, report: Report) -> None:
    """Take over what the other side has found."""
    found = side.found()
    for sentence in found.violations:
        report.violated(sentence)
    report.violations_in_all += found.violations_in_all - len(found.violations)
    for sentence in report.unreadable:
        # It has seen the same, if it looked as closely.
        if sentence not in found.violations:
            report.violated(sentence)
    if side.seen is not None:
        report.views_at = side.seen.watermark
        if not found.unreadable and found.state_hash != expected:
            report.violated(f"the views at input {side.seen.watermark} differ from the journal")


def _living_replies(
    truth: peewee.Database, side: ViewSide | ViewSideApart, report: Report, now: int
) -> None:
    """Notice when all stored replies of a living session are gone, not only some of them."""
    if side.seen is None:
        return
    (known,) = truth.execute_sql(
        "SELECT max(at) FROM (SELECT max(at) AS at FROM audit UNION ALL"
        " SELECT max(written_at) FROM journal) AS latest"
    ).fetchone()
    alive = truth.execute_sql(
        "SELECT id FROM session WHERE ended_at = 0 AND expires_at > ?",
        (max(known or 0, now),),
    ).fetchall()
    replied = side.found().replied
    for (session,) in alive:
        if replied[session] and session not in side.seen.sessions:
            report.violated(f"the views miss all replies of session {session}")


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
