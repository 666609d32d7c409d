"""The journal: what was decided becomes durable, batch by batch, before anyone is told.

What comes in while a commit runs is the next batch: one row, one fsync. Replies and events are
callbacks that run after the commit of what they tell about, in the order in which they were given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TypeAlias

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from papertrader.core.instants import SECOND
from papertrader.master.database import Batch, Change, TruthStore
from papertrader.master.engines import StoreAway, StoreFull
from papertrader.net.clock import Clock

RETRY_S: Final = 0.2
"""How long what could not be written waits before it is tried again."""
AWAY_MAX_S: Final = 30
"""How long a database server may be away before the master gives up."""


class RecordSink(Protocol):
    """Where committed records go: the views."""

    def take(self, frames: bytes, count: int, last_seq: int, head: bytes) -> None:
        """Take the ``count`` records that one batch made durable."""


_Waiting: TypeAlias = tuple[Callable[[], None], Callable[[], None] | None]
"""What is called when everything before it is durable, and what if that will never be known."""


@attrs.define
class _Open:
    frames: list[bytes] = attrs.Factory(list)
    changes: list[Change] = attrs.Factory(list)
    after: list[_Waiting] = attrs.Factory(list)
    first_seq: int = 0
    last_seq: int = 0

    def __bool__(self) -> bool:
        return bool(self.frames or self.changes)


class Journal:
    """Group commit over the truth store (see the module).

    ``in_thread`` runs a function in the store's one thread. ``on_fail`` is called once when the
    store failed: the process must stop then, since memory is ahead of the disk.
    """

    log = Logger()

    def __init__(
        self,
        store: TruthStore,
        clock: Clock,
        in_thread: Callable[..., Deferred[Any]],
        sink: RecordSink,
        on_fail: Callable[[Failure], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._in_thread = in_thread
        self._sink = sink
        self._on_fail = on_fail
        self._open = _Open()
        self._flying: _Open | None = None
        self._kicked = False
        self.failed = False
        self.waiting_since: int | None = None
        """Since when (monotonic) the store does not take what is written; None: it does."""
        self.retries = 0
        self.seq = store.last_seq
        self.durable_seq = store.last_seq
        self._recorded = store.last_seq
        self.commits = 0
        self.told: Callable[[], None] = lambda: None
        """Called when those whom a commit concerns have been told: what is for them may leave."""

    def next_seq(self) -> int:
        """Give out the sequence number of the next input: gap-free, from 1."""
        self.seq += 1
        return self.seq

    def record(self, seq: int, frames: Sequence[bytes]) -> None:
        """Add one input and its outcomes, as records, to the open batch.

        One that does not follow the one before was decided amid another, or after one that is lost:
        nothing of it is written, and the master begins again from what is.
        """
        if seq != self._recorded + 1:
            if not self.failed:
                what = f"input {seq} does not follow input {self._recorded}"
                self._lost(Failure(StoreFailed(what)))
            return
        self._recorded = seq
        batch = self._open
        if not batch.frames:
            batch.first_seq = seq
        batch.frames += frames
        batch.last_seq = seq
        self._kick()

    def change(self, change: Change) -> None:
        """Add a table operation to the open batch's transaction."""
        self._open.changes.append(change)
        self._kick()

    def when_durable(
        self, done: Callable[[], None], lost: Callable[[], None] | None = None
    ) -> None:
        """Call ``done`` once everything recorded so far is committed: at once if it is.

        If the store fails first, ``lost`` is called instead: the outcome is unknown then.
        """
        if self.failed:
            if lost is not None:
                lost()
        elif self._open.frames or self._open.changes:
            self._open.after.append((done, lost))
        elif self._flying is not None:
            self._flying.after.append((done, lost))
        else:
            done()

    def durable(self) -> Deferred[None]:
        """Return a Deferred that fires when everything recorded so far is committed."""
        waiting: Deferred[None] = Deferred()
        self.when_durable(
            lambda: waiting.callback(None),
            lambda: waiting.errback(StoreFailed("the store failed; the outcome is unknown")),
        )
        return waiting

    @property
    def is_idle(self) -> bool:
        """True while nothing is on its way to the disk, nor waits for that."""
        return self._flying is None and not self._open

    def _kick(self) -> None:
        if not self._kicked and self._flying is None and not self.failed:
            self._kicked = True
            self._clock.call_later(0, self._commit)

    def _commit(self) -> None:
        self._kicked = False
        if self._flying is not None or not self._open or self.failed:
            return
        batch, self._open = self._open, _Open()
        self._flying = batch
        row = Batch(
            frames=b"".join(batch.frames),
            first_seq=batch.first_seq,
            last_seq=batch.last_seq or self.durable_seq,
            written_at=self._clock.wall_ns(),
            changes=batch.changes,
        )
        self._write(row, batch)

    def _write(self, row: Batch, batch: _Open) -> None:
        self._in_thread(self._store.write, row).addCallbacks(
            self._committed,
            self._again_or_lost,
            callbackArgs=(row, batch),
            errbackArgs=(row, batch),
        )

    def _again_or_lost(self, failure: Failure, row: Batch, batch: _Open) -> None:
        """Write the same batch again if it is known, or can be found out, what became of it."""
        now = self._clock.monotonic_ns()
        if self.waiting_since is None:
            self.waiting_since = now
            self.log.warn("the store waits: {why}", why=failure.getErrorMessage())
        away = failure.check(StoreAway) and now - self.waiting_since < AWAY_MAX_S * SECOND
        if away or failure.check(StoreFull):
            self.retries += 1
            self._clock.call_later(RETRY_S, self._write, row, batch)
        else:
            self._lost(failure)

    def _committed(self, head: bytes, row: Batch, batch: _Open) -> None:
        self._flying = None
        if self.waiting_since is not None:
            self.waiting_since = None
            self.log.info("the store takes what is written again")
        self.commits += 1
        self.durable_seq = batch.last_seq or self.durable_seq
        if batch.frames:
            self._sink.take(row.frames, len(batch.frames), self.durable_seq, head)
        if self._open:
            self._kick()
        for done, _ in batch.after:
            try:
                done()
            except Exception:
                self.log.failure("a reply could not be sent after its commit")
        self.told()

    def _lost(self, failure: Failure) -> None:
        self.failed = True
        self.log.critical("the store failed: {reason}", reason=failure.getErrorMessage())
        flying, self._flying = self._flying, None
        for batch in (flying, self._open):
            for _, lost in batch.after if batch else ():
                if lost is not None:
                    lost()
        self._open = _Open()
        self._on_fail(failure)

    async def drain(self) -> None:
        """Wait until nothing is open or on its way."""
        while (self._open or self._flying is not None) and not self.failed:
            await self.durable()


class StoreFailed(Exception):
    """The store failed; what was on its way is in doubt."""
