"""Views of the journal: how they follow it, and how a master begins from them.

At a start the desk's state is loaded from the views and the journal's later outcomes are applied
on top. Views that are behind, or were thrown away, are brought up to date in the same way.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

import attrs
import peewee
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from papertrader.core.desk import Desk
from papertrader.core.instants import SECOND
from papertrader.core.restore import restore_state
from papertrader.master import records
from papertrader.master.database import GENESIS, LAST_SEQ, batch_after, journal_batches
from papertrader.master.engines import StoreAway, StoreError, StoreFull, is_lost
from papertrader.master.journal import AWAY_MAX_S, RETRY_S
from papertrader.master.viewstore import WRITE_OCTETS_MAX, ViewStore, applied
from papertrader.net.clock import Clock, Timer

GATHER_S: Final = 0.05
"""How long the first of some records waits for others before a process apart is given them, while
nobody asks for them: the same pages are then written once, not ten times."""
GATHER_OCTETS: Final = 1024 * 1024
"""When so much waits, nothing more is waited for."""


def load_desk(
    store: ViewStore,
    truth: peewee.Database,
    desk: Desk,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[records.StoredReply]:
    """Fill ``desk`` from the views, and bring both up to the journal's end.

    ``progress`` is told (input reached, last input) after each transaction of the views.

    Old decisions are never decided again: only outcomes are applied. Returns the stored replies
    that came after the watermark. Raises `StoreError` if the views are damaged or belong to another
    journal, and if the journal is damaged.
    """
    try:
        return _load_desk(store, truth, desk, progress)
    except peewee.DatabaseError as error:
        if is_lost(error):
            raise
        raise StoreError(
            f"the journal, or what follows from it, cannot be read ({error}); see what is damaged"
            " with papertrader audit, then put a backup back: papertrader restore FILE --force"
        ) from None


def _load_desk(
    store: ViewStore,
    truth: peewee.Database,
    desk: Desk,
    progress: Callable[[int, int], None],
) -> list[records.StoredReply]:
    try:
        desk.state = restore_state(store.image())
    except (LookupError, ValueError, TypeError, struct.error) as error:
        raise StoreError(
            f"{store.where} is damaged ({error}); make it again with: papertrader rebuild"
        ) from None
    row = truth.execute_sql(
        "SELECT hash FROM journal WHERE batch < ? ORDER BY batch DESC LIMIT 1",
        (batch_after(truth, store.watermark),),
    ).fetchone()
    if (row[0] if row else GENESIS) != store.head:
        raise StoreError(
            f"{store.where} does not follow from the journal; make it again with:"
            " papertrader rebuild"
        )
    replies: list[records.StoredReply] = []
    (total,) = truth.execute_sql(LAST_SEQ).fetchone()
    waiting: list[bytes] = []
    octets = 0
    for _, _, last_seq, _, _, head, frames in journal_batches(truth, store.watermark):
        replies += applied(frames, desk)
        waiting.append(frames)
        octets += len(frames)
        # One transaction for many batches: a rebuild takes a fifth of the time.
        if octets >= WRITE_OCTETS_MAX or last_seq == total:
            store.write(b"".join(waiting), last_seq, head)
            waiting, octets = [], 0
            progress(last_seq, total)
    return replies


@attrs.frozen
class _Taken:
    """Records of one batch of the journal, or of several together."""

    frames: bytes
    count: int
    last_seq: int
    head: bytes


class Views:
    """The views of a running master: writes behind the journal, answers questions of history.

    ``in_thread`` runs a function in the views' one thread.

    A writer apart is given what comes within `GATHER_S` together: to wake a thread for each order
    that comes alone costs more than to write it, just when its answer is to leave; and with few
    orders in flight three times as much goes to the disk, on which the journal's commits wait.
    """

    log = Logger()

    def __init__(
        self,
        store: ViewStore,
        clock: Clock,
        in_thread: Callable[..., Deferred[Any]],
        on_fail: Callable[[Failure], None],
        write: Callable[[bytes, int, bytes], Deferred[Any]] | None = None,
    ) -> None:
        """``write``: who writes if not the store itself, in that thread (`ViewsApart`)."""
        self._store = store
        self._clock = clock
        self._in_thread = in_thread
        self._on_fail = on_fail
        self._write_out = write or (lambda *batch: in_thread(store.write, *batch))
        self._gather_s = GATHER_S if write is not None else 0.0
        self._gathering: Timer | None = None
        self._octets = 0
        self._trouble_since: int | None = None
        self.retries = 0
        self._queue: list[_Taken] = []
        self._waiting: list[tuple[int, Deferred[None]]] = []
        self._busy = False
        self._taken = self.watermark = store.watermark
        self.backlog = 0
        """Records that wait."""

    def take(self, frames: bytes, count: int, last_seq: int, head: bytes) -> None:
        """Queue the ``count`` records that one batch made durable (`RecordSink`)."""
        self._queue.append(_Taken(frames, count, last_seq, head))
        self._taken = last_seq
        self.backlog += count
        self._octets += len(frames)
        self._next()

    def _next(self) -> None:
        """Write what is queued, or wait a moment for more of it while nobody asks."""
        if self._busy or not self._queue:
            return
        if not self._gather_s or self._waiting or self._octets >= GATHER_OCTETS:
            self._write_next()
        elif self._gathering is None:
            self._gathering = self._clock.call_later(self._gather_s, self._gathered)

    def _gathered(self) -> None:
        self._gathering = None
        if self._queue and not self._busy:
            self._write_next()

    def _write_next(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        taken, octets = 1, len(self._queue[0].frames)
        for more in self._queue[1:]:
            octets += len(more.frames)
            if octets > WRITE_OCTETS_MAX:
                break
            taken += 1
        batches = self._queue[:taken]
        del self._queue[:taken]
        last, count = batches[-1], sum(each.count for each in batches)
        frames = b"".join([each.frames for each in batches])
        self._octets -= len(frames)
        self._busy = True
        self._write(_Taken(frames, count, last.last_seq, last.head))

    def _write(self, batch: _Taken) -> None:
        self._write_out(batch.frames, batch.last_seq, batch.head).addCallbacks(
            self._written, self._again_or_failed, callbackArgs=(batch,), errbackArgs=(batch,)
        )

    def _again_or_failed(self, failure: Failure, batch: _Taken) -> None:
        now = self._clock.monotonic_ns()
        if self._trouble_since is None:
            self._trouble_since = now
            self.log.warn("the views wait: {why}", why=failure.getErrorMessage())
        away = failure.check(StoreAway) and now - self._trouble_since < AWAY_MAX_S * SECOND
        if away or failure.check(StoreFull):
            self.retries += 1
            self._clock.call_later(RETRY_S, self._write, batch)
        else:
            self._failed(failure)

    def _written(self, _: None, batch: _Taken) -> None:
        last_seq = batch.last_seq
        self._trouble_since = None
        self._busy = False
        self.backlog -= batch.count
        self.watermark = last_seq
        ready = [waiting for seq, waiting in self._waiting if seq <= last_seq]
        self._waiting = [pair for pair in self._waiting if pair[0] > last_seq]
        self._next()
        for waiting in ready:
            waiting.callback(None)

    def _failed(self, failure: Failure) -> None:
        self.log.critical("the views failed: {reason}", reason=failure.getErrorMessage())
        for _, waiting in self._waiting:
            waiting.errback(failure)
        self._waiting.clear()
        self._on_fail(failure)

    def reached(self, seq: int) -> Deferred[None]:
        """Return a Deferred that fires when the views hold everything up to ``seq``."""
        waiting: Deferred[None] = Deferred()
        if self.watermark >= seq:
            waiting.callback(None)
        else:
            self._waiting.append((seq, waiting))
            self._next()
        return waiting

    async def ask(self, seq: int, question: Callable[..., Any], *arguments: Any) -> Any:
        """Answer a question of history once the views have reached ``seq``.

        ``seq`` is what the asker has already been told: one reads one's own writes.
        """
        await self.reached(seq)
        return await self._in_thread(self._store.asked, self.watermark, question, *arguments)

    async def drain(self) -> None:
        """Wait until everything queued is written."""
        await self.reached(self._taken)
