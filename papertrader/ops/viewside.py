"""The rows' half of an audit: the journal whole, the views' rows as it makes them, every page good.

It says how far the views are (`Seen`), is told how much of the journal there is, and says what it
has found (`Found`).
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import attrs
import peewee

from papertrader.core.desk import Desk
from papertrader.core.restore import restore_state
from papertrader.master.engines import StorePlace, damage_of, stream
from papertrader.master.viewstore import ViewStore
from papertrader.ops.apart import Apart, Violations
from papertrader.ops.digests import Digests
from papertrader.ops.journalrows import UNREADABLE, JournalRows
from papertrader.wire import limits

OLDEST: Final = (
    "SELECT id, (SELECT min(seq) FROM view_event WHERE account = view_account.id) FROM view_account"
)
"""The first event that the views keep of each account, for which not all have to be read."""
GATHERED: Final = 1_000
"""Rows of the views that are hashed together: 1 MiB."""


@attrs.frozen
class Seen:
    """What the views say of themselves, as they are from now on."""

    watermark: int
    head: bytes
    sessions: set[int]
    """Those of which they have stored replies."""


@attrs.define
class Found(Violations):
    """What was found: whether the journal is whole, and the views as it makes them."""

    state_hash: bytes = b""
    """Of the state that the views hold."""
    unreadable: str = ""
    """Why they cannot be read."""
    replied: Counter[int] = attrs.Factory(Counter)
    """Stored replies of each session in the journal."""
    orders_at: dict[int, bytes] = attrs.Factory(dict)
    """The digest of all orders after each input for which it was wanted."""


class ViewSide:
    """The views of an installation as they were when this was made. Raises `StoreError`."""

    def __init__(self, place: StorePlace) -> None:
        self._place = place
        self._views: ViewStore | None = None
        self._last_batch = 0
        self._moments: frozenset[int] = frozenset()
        self.seen: Seen | None = None
        if place.views.exists():
            self._views = views = ViewStore(place.views)
            views.open_read_only()
            sessions = views.db.execute_sql("SELECT DISTINCT session FROM view_reply").fetchall()
            self.seen = Seen(views.watermark, views.head, {row[0] for row in sessions})

    def begin(self, last_batch: int, moments: frozenset[int]) -> None:
        """Read the journal up to this batch, and compare; ``moments``: see `JournalRows`."""
        self._last_batch, self._moments = last_batch, moments

    def found(self) -> Found:
        """Read, compare, and return what was found; asked for once."""
        found = Found()
        expected = self._expected(found)
        found.replied = expected.replied
        if self._views is not None:
            self._compare(self._views, expected, found)
        # This half has less to do than the other.
        self._check_pages(found)
        return found

    def _check_pages(self, found: Found) -> None:
        """Let the engines look at their own pages: of most tables and indexes no more is read."""
        for engine in (self._place.truth, self._place.views):
            if engine.exists():
                with contextlib.closing(engine.snapshot()) as db:
                    if sentence := damage_of(db):
                        found.violated(sentence)

    def _expected(self, found: Found) -> Digests:
        expected = Digests()
        watermark, head = -1, b""
        if self._views is not None and self.seen is not None:
            db, watermark, head = self._views.db, self.seen.watermark, self.seen.head
            oldest = db.execute_sql(OLDEST)
            expected.oldest = {account: seq for account, seq in oldest.fetchall() if seq}
            expected.kept = set(db.execute_sql("SELECT session, seq FROM view_reply").fetchall())
        truth = self._place.truth.snapshot()
        try:
            rows = JournalRows(expected, found.violated, self._moments)
            rows.read(truth, self._last_batch, watermark, head)
            found.orders_at = rows.orders_at
        finally:
            truth.close()
        expected.close()
        return expected

    def _compare(self, views: ViewStore, expected: Digests, found: Found) -> None:
        try:
            there = _digests_of(views.db)
            probe = Desk()
            probe.state = restore_state(views.image())
            found.state_hash = probe.state_hash()
        except UNREADABLE as error:
            found.unreadable = str(error)
            found.violated(f"the views at input {views.watermark} cannot be read ({error})")
            return
        for sentence in expected.differences(there):
            found.violated(sentence)
        for account, last in expected.last_event.items():
            if last - expected.oldest.get(account, last + 1) + 1 < min(last, limits.EVENTS_KEPT):
                found.violated(f"the views miss events of account {account}")

    def close(self) -> None:
        """Let go of the store."""
        if self._views is not None:
            self._views.close()


class ViewSideApart:
    """The same, in a process of its own."""

    def __init__(self, place: StorePlace) -> None:
        self._apart = Apart(_half, place)
        self.seen: Seen | None = self._apart.hear()

    def begin(self, last_batch: int, moments: frozenset[int]) -> None:
        """See `ViewSide.begin`."""
        self._apart.say((last_batch, moments))

    def found(self) -> Found:
        """See `ViewSide.found`."""
        found: Found = self._apart.hear()
        return found

    def close(self) -> None:
        """End it."""
        self._apart.close()


def _half(place: StorePlace, say: Callable[[object], None], hear: Callable[[], Any]) -> None:
    side = ViewSide(place)
    say(side.seen)
    side.begin(*hear())
    say(side.found())


def _digests_of(db: peewee.Database) -> Digests:
    """Return what the views do hold."""
    digests = Digests()
    kinds: tuple[tuple[str, Callable[..., None]], ...] = (
        (
            "SELECT account, id, portfolio, kind, executed_at, block, detail, entries, note"
            " FROM view_transaction ORDER BY account, id",
            digests.transaction,
        ),
        (
            'SELECT account, "order", event_seq, block FROM view_receipt'
            " ORDER BY account, event_seq",
            digests.receipt,
        ),
        (
            "SELECT account, seq, block, text FROM view_refusal"
            " ORDER BY account, seq, client_order_id",
            digests.refusal,
        ),
        ("SELECT account, seq, frame FROM view_event ORDER BY account, seq", digests.event),
        ("SELECT session, seq, request_hash, at, frame FROM view_reply", digests.reply),
    )
    for sql, take in kinds:
        for rows in stream(db, sql, GATHERED):
            for row in rows:
                take(*row)
            digests.gather()
    digests.close()
    return digests
