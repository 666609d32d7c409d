"""Checkpoints: once in a while the hash of the desk's memory is put beside the journal.

The audit makes the same hash from the books: what the memory of a running master had lost or
changed would show. What events have touched since the last one is encoded anew, in a thread, and
some of the rest in turn; all of it when a master has started.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from papertrader.core.desk import Desk
from papertrader.core.statehash import StateHash
from papertrader.master.journal import Journal
from papertrader.master.rules import InThread
from papertrader.net.clock import Clock

CHECKPOINT_S: Final = 60.0
"""How often a hash is taken, if anything changed."""
SHARE: Final = 20
"""The next hash is taken no sooner than after this many times what the last one took."""
SCRUBBED: Final = 64
"""So many groups of each part of the memory are looked at each time though nothing touched them:
4,096 orders are, in 20 ms of a thread; a million in four hours."""


class Checkpoints:
    """Takes the hashes. ``may_change`` tells whether anything may be recorded now."""

    log = Logger()

    def __init__(
        self,
        clock: Clock,
        desk: Desk,
        journal: Journal,
        in_thread: InThread,
        may_change: Callable[[], bool],
    ) -> None:
        self._clock = clock
        self._desk = desk
        self._journal = journal
        self._in_thread = in_thread
        self._may_change = may_change
        self._hash: StateHash | None = None
        self._seq = 0
        self._not_before = 0
        self._working: Deferred[None] | None = None

    def look(self) -> None:
        """Take a hash if it is time."""
        if self._clock.monotonic_ns() >= self._not_before:
            self.take()

    def take(self) -> Deferred[None]:
        """Take one now, if anything changed since the last; fires when it is given to the journal.

        What is hashed is the memory at one moment, whatever happens while that is worked out: this
        one, or, when a master has just started, the one at which a thread has read all orders.
        """
        if self._working is not None:
            return self._working
        if self._journal.seq in (0, self._seq) or not self._may_change():
            return succeed(None)
        done: Deferred[None] = Deferred()
        self._working = done

        def failed(failure: Failure) -> None:
            # What events had told it to look at is lost: the next one begins with everything.
            self._hash = None
            self.log.failure("the hash of the memory could not be taken", failure=failure)

        def end(_: object) -> None:
            self._working = None
            done.callback(None)

        primed = succeed(None)
        if self._hash is None or self._hash.state is not self._desk.state:
            self._hash = StateHash(self._desk.state, SCRUBBED)
            primed = self._in_thread(self._hash.prime())
        hashing = self._hash
        primed.addCallback(lambda _: self._take(hashing)).addErrback(failed).addBoth(end)
        return done

    def _take(self, hashing: StateHash) -> Deferred[None]:
        seq, at, known = self._journal.seq, self._clock.wall_ns(), hashing.damaged
        begun = self._clock.monotonic_ns()
        self._seq = seq

        def taken(value: bytes) -> None:
            damaged = hashing.damaged - known
            if damaged:
                self.log.error(
                    "{damaged} parts of the memory are not what they were, though nothing changed"
                    " them: stop the master, check the machine's memory, and run the audit",
                    damaged=damaged,
                )
            now = self._clock.monotonic_ns()
            self._not_before = now + (now - begun) * SHARE
            row = (seq, at, value)
            self._journal.change(
                lambda db: db.execute_sql(
                    "INSERT INTO checkpoint (seq, at, state_hash) VALUES (?, ?, ?)", row
                )
            )

        parts = hashing.begin()
        return self._in_thread(lambda: parts().hash()).addCallback(taken)
