"""The truth's write-ahead log is copied into its file beside the commits, not within them.

SQLite calls that a checkpoint, and makes one within the commit by which the log has grown to 4 MiB:
everybody waits for that commit's answer, and it takes twenty to sixty times as long as another. So
a thread with a connection of its own copies what is in the log, a mebibyte at a time, while others
commit. A log begins anew only when all of it is copied, and under load something has come
meanwhile: so once it is long, the thread that writes copies the rest, what came within some
milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import peewee
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from papertrader.master.database import TruthStore
from papertrader.master.engines import StoreFull, copy_wal
from papertrader.master.rules import InThread

PASSES_OF_A_LOG: Final = 4
"""So much is in a log before the writing thread copies the rest of it: what is written between so
many passes. A log is hardly longer, unless somebody reads what is older."""
PAGE_OCTETS: Final = 4_096
"""SQLite's own size of a page."""


class WalCopy:
    """Copies the log. ``copying`` runs a function in a thread of its own, ``writing`` in the one
    that writes the store.

    ``on_fail`` is called when the disk failed: a master does not go on after that. ``pass_octets``
    is what is written, about, from one pass to the next.
    """

    log = Logger()

    def __init__(
        self,
        store: TruthStore,
        copying: InThread,
        writing: InThread,
        on_fail: Callable[[Failure], None],
        pass_octets: int,
    ) -> None:
        self._store = store
        self._copying = copying
        self._writing = writing
        self._on_fail = on_fail
        self._pass_octets = pass_octets
        self._reset_pages = PASSES_OF_A_LOG * pass_octets // PAGE_OCTETS
        self._next_at = pass_octets
        self._db: peewee.Database | None = None
        self._pass: Deferred[None] | None = None
        self.passes = 0
        self.rests = 0
        """How often the writing thread copied the rest."""

    def look(self) -> None:
        """Begin a pass if enough was written since the last; called after each commit."""
        if self._store.written < self._next_at or self._pass is not None:
            return
        self._next_at = self._store.written + self._pass_octets
        done: Deferred[None] = Deferred()
        self._pass = done
        self.passes += 1
        self._copying(self._copy).addCallback(self._rest).addErrback(self._failed).addBoth(
            self._ended, done
        )

    def _copy(self) -> int:
        if self._db is None:
            self._db = self._store.engine.open()
        return copy_wal(self._db)

    def _rest(self, pages: int) -> Deferred[object] | None:
        if pages < self._reset_pages:
            return None
        self.rests += 1
        return self._writing(self._copy_rest)

    def _copy_rest(self) -> None:
        copy_wal(self._store.db)

    def _failed(self, failure: Failure) -> None:
        if failure.check(StoreFull):
            # What was committed stays in the log, and is copied when there is room.
            self.log.warn("the log is not copied: {why}", why=failure.getErrorMessage())
        else:
            self._on_fail(failure)

    def _ended(self, _: object, done: Deferred[None]) -> None:
        self._pass = None
        done.callback(None)

    async def stop(self) -> None:
        """Wait for a pass that is under way, and close the connection: after the last commit."""
        await (self._pass or succeed(None))
        if self._db is not None:
            await self._copying(self._db.close)
            self._db = None
