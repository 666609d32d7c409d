"""The books' half of an audit: the desk made again from the journal's outcomes, record by record.

Every event is checked as the desk applies it; the fees of every fill are worked out again, the
invariants counted from the ground up, and the state's hash compared with those that the running
master took of its own memory.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final

import attrs

from papertrader.core.audit import OrderEncodings
from papertrader.core.desk import Desk
from papertrader.core.events import MarksMoved, OrderChanged, PortfolioMarked, TransactionPosted
from papertrader.core.ledger import InvariantViolated
from papertrader.core.moneyaudit import FeeAudit
from papertrader.core.state import DeskState
from papertrader.master import quickrecords, records
from papertrader.master.database import journal_batches
from papertrader.master.engines import StorePlace
from papertrader.ops.apart import Tell, Violations
from papertrader.ops.journalrows import LENGTH_AT, LENGTH_OPCODE, UNREADABLE
from papertrader.wire import limits
from papertrader.wire import messages as m

_SEQ: Final = struct.Struct(">Q").unpack_from
_NO_FACTS: Final = frozenset(
    int(each.OPCODE) for each in (m.StoreReply, m.StoreCommand, m.StoreRefusal)
)
"""Records that change nothing of the desk."""
_QUICK: Final = frozenset((OrderChanged, TransactionPosted))
"""What `quickrecords.read` makes of a record; what it does not know comes as a message."""
_LEAVES_ENDED: Final = (OrderChanged, TransactionPosted, MarksMoved, PortfolioMarked)
"""What leaves every order that has ended where it is; to turn the clock back does not."""


@attrs.frozen
class Wanted:
    """What is to be made."""

    last_batch: int
    """Up to where the journal is read."""
    watermark: int
    """After which input the views' state is to be compared; -1: there are no views."""
    hashes: dict[int, bytes]
    """What the master took of its memory, by the input after which it did."""


@attrs.define
class Books(Violations):
    """What was found: see `BookSide.found`."""

    state_hash: bytes = b""
    """Of the state after the input that the views have reached."""
    batches: int = 0
    inputs: int = 0
    transactions: int = 0
    orders: int = 0
    checkpoints: int = 0
    accounts: set[int] = attrs.Factory(set)
    """Those that have portfolios."""
    unreadable: list[str] = attrs.Factory(list)
    """What the rows' half must have seen as well."""


class BookSide:
    """The books of a place, made again once. ``tell`` hears how far that is."""

    def __init__(self, place: StorePlace, wanted: Wanted, tell: Tell) -> None:
        self._place = place
        self._wanted = wanted
        self._tell = tell
        self._found: Books | None = None

    def found(self) -> Books:
        """Return what was found. Raises `peewee.PeeweeException` if the journal cannot be read."""
        if self._found is None:
            self._found = found = Books()
            desk = Desk()
            self._replay(desk, found)
            for sentence in desk.check_invariants():
                found.violated(sentence)
            found.orders, found.accounts = len(desk.state.orders), set(desk.state.accounts)
        return self._found

    def _replay(self, desk: Desk, found: Books) -> None:
        """Apply every outcome of the journal."""
        wanted, tell = self._wanted, self._tell
        hashes, watermark, total = dict(wanted.hashes), wanted.watermark, wanted.last_batch
        making, done = _Making(desk, found), 0
        if watermark == 0:
            found.state_hash = making.hash()
        for batch, first, last, frames in self._batches():
            found.batches += 1
            for seq, said in _records(frames, batch, found, desk.state):
                if seq != done:
                    if done in hashes:
                        making.compare(hashes.pop(done), done)
                    done = seq
                if said is not None:
                    making.take(seq, said)
            found.inputs += last - first + 1
            if last == watermark:
                found.state_hash = making.hash()
            if found.batches % 64 == 0:
                tell(found.batches, total)
        if done in hashes:
            making.compare(hashes.pop(done), done)
        for seq in hashes:
            found.violated(
                f"the hash of memory after input {seq} belongs to no input of the journal"
            )
        tell(total, total)

    def _batches(self) -> Iterator[tuple[int, int, int, bytes]]:
        """Give (batch, first input, last input, records) of those that are wanted."""
        truth = self._place.truth.snapshot()
        try:
            for batch, first, last, _, _, _, frames in journal_batches(truth):
                if batch > self._wanted.last_batch:
                    break
                yield batch, first, last, frames
        finally:
            truth.close()


class _Making:
    """The books as they are made again, and the hashes of them, each worked out once."""

    def __init__(self, desk: Desk, found: Books) -> None:
        self._desk = desk
        self._found = found
        self._fees = FeeAudit()
        self._encodings = OrderEncodings()
        self._taken = 0
        self._hashed = -1
        """How much was taken when the hash was worked out."""
        self._hash = b""

    def take(self, seq: int, said: Any) -> None:
        """Apply what a record of input ``seq`` says."""
        desk, into = self._desk, self._found
        self._taken += 1
        try:
            quick = type(said) in _QUICK
            fact = said if quick else records.fact_of(said, desk.state)
            if fact is None or isinstance(fact, records.StoredReply):
                return
            for wrong in self._fees.check(desk.state, fact):
                into.violated(f"input {seq}: {wrong}")
            desk.apply(fact)
        except (InvariantViolated, *UNREADABLE) as error:
            into.violated(f"input {seq}: {error}")
            self._encodings.clear()
            return
        if isinstance(fact, TransactionPosted):
            into.transactions += 1
        elif not quick and not isinstance(fact, _LEAVES_ENDED):
            self._encodings.clear()

    def hash(self) -> bytes:
        """Return the hash of the state."""
        if self._hashed != self._taken:
            self._hash, self._hashed = self._desk.state_hash(self._encodings), self._taken
        return self._hash

    def compare(self, taken: bytes, seq: int) -> None:
        """Compare what the master's memory was after input ``seq`` with what the books make it."""
        self._found.checkpoints += 1
        if self.hash() != taken:
            self._found.violated(f"after input {seq} the master's memory was not as in the books")


def _records(
    frames: bytes, batch: int, found: Books, state: DeskState
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
                    yield quick
                else:
                    message: Any = records.read_frame(frames, offset)
                    yield records.seq_of(message), message
            offset = end
    except UNREADABLE as fault:
        found.unreadable.append(f"batch {batch}: a record cannot be read ({fault})")
