"""Checkpoints: once in a while the hash of the desk's memory is put beside the journal.

The audit makes the same hash from the books: what the memory of a running master had lost or
changed would show. It is worked out in a thread, as it takes some seconds where there are a million
orders, and less often where it takes longer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from papertrader.core.desk import Desk
from papertrader.master.journal import Journal
from papertrader.master.rules import InThread
from papertrader.net.clock import Clock

CHECKPOINT_S: Final = 60.0
"""How often a hash is taken, if anything changed."""
SHARE: Final = 20
"""The next hash is taken no sooner than after this many times what the last one took."""


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
        self._seq = 0
        self._not_before = 0
        self._working: Deferred[None] | None = None

    def look(self) -> None:
        """Take a hash if it is time."""
        if self._clock.monotonic_ns() >= self._not_before:
            self.take()

    def take(self) -> Deferred[None]:
        """Take one now, if anything changed since the last; fires when it is given to the journal.

        What is hashed is the memory at this moment, whatever happens while that is worked out.
        """
        if self._working is not None:
            return self._working
        seq = self._journal.seq
        if seq in (0, self._seq) or not self._may_change():
            return succeed(None)
        self._seq = seq
        begun = self._clock.monotonic_ns()
        at = self._clock.wall_ns()
        done: Deferred[None] = Deferred()
        self._working = done

        def taken(value: bytes) -> None:
            now = self._clock.monotonic_ns()
            self._not_before = now + (now - begun) * SHARE
            row = (seq, at, value)
            self._journal.change(
                lambda db: db.execute_sql(
                    "INSERT INTO checkpoint (seq, at, state_hash) VALUES (?, ?, ?)", row
                )
            )

        def failed(failure: Failure) -> None:
            self.log.failure("the hash of the memory could not be taken", failure=failure)

        def end(_: object) -> None:
            self._working = None
            done.callback(None)

        work = self._in_thread(self._desk.state_hash_later())
        work.addCallbacks(taken, failed).addErrback(failed).addBoth(end)
        return done
