"""The audit log's heads: signed once a minute or every 1,000 inputs, and told to the workers.

A head's own entry in the audit log holds the journal's hash, so that the log covers the journal and
one signature covers both. Whoever can write the store can make a new chain; what the workers keep
of the old one tells (`papertrader.worker.witness`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import attrs
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from papertrader.core.instants import SECOND
from papertrader.core.seals import Head
from papertrader.master.database import TruthStore
from papertrader.master.journal import Journal
from papertrader.net.clock import Clock
from papertrader.wire import codec
from papertrader.wire import messages as m

LOOK_S = 1.0
HEAD_EVERY_S = 60
HEAD_INPUTS = 1_000
"""A head is made when so long has passed or so many inputs came, if there is anything new."""


@attrs.frozen(kw_only=True)
class SealKeys:
    """The key of this epoch, and the public keys of all up to it: (epoch, key, signature)."""

    private: Ed25519PrivateKey = attrs.field(repr=False)
    chain: tuple[tuple[int, bytes, bytes], ...]


class Notary:
    """The module (see above). ``keys`` are set by the driver; without them nothing is signed."""

    log = Logger()

    def __init__(
        self,
        store: TruthStore,
        journal: Journal,
        clock: Clock,
        tell: Callable[[bytes], None],
    ) -> None:
        self.keys: SealKeys | None = None
        self.heads = 0
        self._store = store
        self._journal = journal
        self._clock = clock
        self._tell = tell
        self._newest: bytes | None = None
        self._at = clock.monotonic_ns()
        self._seen = (journal.seq, store.audit_seq)

    def look(self) -> None:
        """Make a head if one is due."""
        inputs = self._journal.durable_seq - self._seen[0]
        waited = self._clock.monotonic_ns() - self._at
        if inputs >= HEAD_INPUTS or waited >= HEAD_EVERY_S * SECOND:
            self.seal()

    def seal(self) -> Deferred[None] | None:
        """Make a head now if anything is new; what is returned fires when it was told."""
        news = (self._journal.seq, self._store.audit_seq)
        if self.keys is None or self._journal.failed or news == self._seen:
            return None
        self._at = self._clock.monotonic_ns()
        at = self._clock.wall_ns()
        heads: list[Head] = []
        self._journal.change(self._store.seal(at, heads.append))
        # The head's own entry is no news for the next one.
        self._seen = (news[0], news[1] + 1)
        done: Deferred[None] = Deferred()

        def told() -> None:
            self._sign(heads)
            self._seen = (self._seen[0], heads[0].audit_seq) if heads else self._seen
            done.callback(None)

        self._journal.when_durable(told, lambda: done.callback(None))
        return done

    def _sign(self, heads: list[Head]) -> None:
        if self.keys is None:
            return
        for head in heads:
            signature = self.keys.private.sign(head.statement())
            frame = codec.encode(m.AuditHead(**attrs.asdict(head), signature=signature))
            self._newest = frame
            self.heads += 1
            self._tell(frame)

    def greeting(self, worker_id: int, witnessed: int) -> Iterable[bytes]:
        """Give what a worker is told that keeps keys up to the epoch ``witnessed``."""
        if self.keys is None:
            return
        last = self.keys.chain[-1][0]
        if witnessed > last:
            self.log.critical(
                "ALERT: worker {worker} says that it has witnessed epoch {witnessed}, this store is"
                " at {epoch}: an old copy was put back, or it lies",
                worker=worker_id,
                witnessed=witnessed,
                epoch=last,
            )
        for epoch, public, signature in self.keys.chain:
            if epoch > witnessed or epoch == last:
                yield codec.encode(m.AuditKey(epoch=epoch, public=public, signature=signature))
        if self._newest is not None:
            yield self._newest
