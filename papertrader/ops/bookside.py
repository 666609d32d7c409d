"""The books' half of an audit: the desk made again from the journal's outcomes, record by record.

Every event is checked as the desk applies it; the fees of every fill are worked out again, the
invariants counted from the ground up, and the parts of the state's hash, but for the orders' that
the rows' half has, are taken where the running master took that of its own memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from papertrader.core.desk import Desk
from papertrader.core.events import OrderChanged, TransactionPosted
from papertrader.core.ledger import InvariantViolated
from papertrader.core.moneyaudit import FeeAudit
from papertrader.core.statehash import StateHash, StateParts
from papertrader.master import quickrecords, records
from papertrader.master.database import journal_batches
from papertrader.master.engines import StorePlace
from papertrader.ops.apart import Apart, Tell, Violations
from papertrader.ops.journalrows import RECORD, UNREADABLE
from papertrader.wire import limits
from papertrader.wire import messages as m

_HEAD: Final = limits.HEADER_SIZE
_NO_FACTS: Final = frozenset(
    int(each.OPCODE) for each in (m.StoreReply, m.StoreCommand, m.StoreRefusal)
)
"""Records that change nothing of the desk."""
_QUICK: Final = frozenset((OrderChanged, TransactionPosted))
"""What `quickrecords.read` makes of a record; what it does not know comes as a message."""


@attrs.frozen
class Wanted:
    """What is to be made."""

    last_batch: int
    """Up to where the journal is read."""
    moments: frozenset[int]
    """After which inputs the parts of the state's hash are wanted."""


@attrs.define
class Books(Violations):
    """What was found."""

    parts_at: dict[int, StateParts] = attrs.Factory(dict)
    """Of the state after each input for which they were wanted, without the orders."""
    batches: int = 0
    inputs: int = 0
    transactions: int = 0
    orders: int = 0
    accounts: set[int] = attrs.Factory(set)
    """Those that have portfolios."""
    unreadable: list[str] = attrs.Factory(list)
    """What the rows' half must have seen as well."""


def make_books(place: StorePlace, wanted: Wanted, tell: Tell) -> Books:
    """Make the books of a place again and return what was found; ``tell`` hears how far that is.

    Raises `StoreError` or `peewee.PeeweeException` if the journal cannot be read.
    """
    found, desk = Books(), Desk()
    _replay(place, wanted, tell, desk, found)
    for sentence in desk.check_invariants():
        found.violated(sentence)
    found.orders, found.accounts = len(desk.state.orders), set(desk.state.accounts)
    return found


def _replay(place: StorePlace, wanted: Wanted, tell: Tell, desk: Desk, found: Books) -> None:
    """Apply every outcome of the journal."""
    making, total = _Making(desk, found, wanted.moments), wanted.last_batch
    for batch, first, last, frames in _batches(place, total):
        found.batches += 1
        making.batch(batch, frames)
        found.inputs += last - first + 1
        making.note(last)
        if found.batches % 64 == 0:
            tell(found.batches, total)
    making.note(making.done)
    tell(total, total)


def _batches(place: StorePlace, upto: int) -> Iterator[tuple[int, int, int, bytes]]:
    """Give (batch, first input, last input, records) of those that are wanted."""
    truth = place.truth.snapshot()
    try:
        for batch, first, last, _, _, _, frames in journal_batches(truth):
            if batch > upto:
                break
            yield batch, first, last, frames
    finally:
        truth.close()


class BooksApart:
    """The same, made in a process of its own while this one goes on."""

    def __init__(self, place: StorePlace, wanted: Wanted) -> None:
        self._apart = Apart(_half, place)
        self._apart.say(wanted)

    def found(self, tell: Tell) -> Books:
        """Wait for what `make_books` returns there. Raises `StoreError`."""
        while not isinstance(said := self._apart.hear(), Books):
            tell(*said)
        return said

    def close(self) -> None:
        """End it."""
        self._apart.close()


def _half(place: StorePlace, say: Callable[[object], None], hear: Callable[[], Any]) -> None:
    say(make_books(place, hear(), lambda done, total: say((done, total))))


class _Making:
    """The books as they are made again."""

    def __init__(self, desk: Desk, found: Books, moments: frozenset[int]) -> None:
        self._desk = desk
        self._found = found
        self._moments = moments
        self._fees = FeeAudit()
        self._hashing = StateHash(desk.state, with_orders=False)
        self.done = 0
        """The input whose records were met last."""

    def batch(self, batch: int, frames: bytes) -> None:
        """Apply what the records of a batch say.

        Whether they are whole and in their places is looked at by `JournalRows`.
        """
        state, read, moments = self._desk.state, quickrecords.read, self._moments
        offset, size, done = 0, len(frames), self.done
        try:
            while offset < size:
                length, opcode, seq = RECORD(frames, offset)
                if seq != done:
                    if done in moments:
                        self.note(done)
                    done = seq
                end = offset + _HEAD + length
                if opcode not in _NO_FACTS:
                    said: Any = read(frames, offset, end, opcode, state, checked=True)
                    if said is None:
                        said = (seq, records.read_frame(frames, offset))
                    self._take(*said)
                offset = end
        except UNREADABLE as fault:
            self._found.unreadable.append(f"batch {batch}: a record cannot be read ({fault})")
        self.done = done

    def _take(self, seq: int, said: Any) -> None:
        """Apply what a record of input ``seq`` says, or is."""
        state, into = self._desk.state, self._found
        try:
            fact = said if type(said) in _QUICK else records.fact_of(said, state)
            if fact is None or isinstance(fact, records.StoredReply):
                return
            for wrong in self._fees.check(state, fact):
                into.violated(f"input {seq}: {wrong}")
            # Not by way of the desk: it would note up to where it may not decide any more.
            state.apply(fact)
        except (InvariantViolated, *UNREADABLE) as error:
            into.violated(f"input {seq}: {error}")
            return
        if isinstance(fact, TransactionPosted):
            into.transactions += 1

    def note(self, done: int) -> None:
        """Note the parts of the hash after input ``done``, once, if they are wanted."""
        if done in self._moments and done not in self._found.parts_at:
            self._found.parts_at[done] = self._hashing.begin()()
