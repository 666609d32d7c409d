"""The rows' side of an audit, in another process while this one makes the books again.

That process runs `main`. It is told where the store is, says how far the views are (`Seen`), is
told how much of the journal there is, and says what it has found (`Found`). Where there is one
processor only, or little to read, all is done within one process.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from typing import IO, Any, Final

import attrs
import peewee

from papertrader.core.desk import Desk
from papertrader.core.restore import restore_state
from papertrader.master.engines import StoreError, StorePlace, stream
from papertrader.master.viewstore import ViewStore
from papertrader.ops.digests import Digests
from papertrader.ops.journalrows import UNREADABLE, JournalRows
from papertrader.wire import limits

VIOLATIONS_MAX: Final = 100
"""Violations listed; the rest are counted."""
WORTH_IT: Final = 20_000
"""Inputs up to which to start another process takes longer than it helps."""

_RUN: Final = f"import sys; from {__name__} import main; main(sys.stdin.buffer, sys.stdout.buffer)"


@attrs.frozen
class Seen:
    """What the views say of themselves, as they are from now on."""

    watermark: int
    head: bytes
    sessions: set[int]
    """Those of which they have stored replies."""


@attrs.define
class Found:
    """What was found: see `ViewSide.found`."""

    state_hash: bytes = b""
    """Of the state that the views hold."""
    unreadable: str = ""
    """Why they cannot be read."""
    replied: Counter[int] = attrs.Factory(Counter)
    """Stored replies of each session in the journal."""
    violations: list[str] = attrs.Factory(list)
    violations_in_all: int = 0

    def violated(self, sentence: str) -> None:
        """Note a violation."""
        self.violations_in_all += 1
        if len(self.violations) < VIOLATIONS_MAX:
            self.violations.append(sentence)


class ViewSide:
    """The views of an installation as they were when this was made. Raises `StoreError`."""

    def __init__(self, place: StorePlace) -> None:
        self._place = place
        self._views: ViewStore | None = None
        self._last_batch = 0
        self._found: Found | None = None
        self.seen: Seen | None = None
        if place.views.exists():
            self._views = views = ViewStore(place.views)
            views.open_read_only()
            sessions = views.db.execute_sql("SELECT DISTINCT session FROM view_reply").fetchall()
            self.seen = Seen(views.watermark, views.head, {row[0] for row in sessions})

    def begin(self, last_batch: int) -> None:
        """Read the journal up to this batch, and compare."""
        self._last_batch = last_batch

    def found(self) -> Found:
        """Return what was found: whether the journal is whole, and whether the views' rows are what
        it makes them."""
        if self._found is None:
            self._found = found = Found()
            expected = self._expected(found)
            found.replied = expected.replied
            if self._views is not None:
                self._compare(self._views, expected, found)
        return self._found

    def _expected(self, found: Found) -> Digests:
        expected = Digests()
        watermark, head = -1, b""
        if self._views is not None and self.seen is not None:
            db, watermark, head = self._views.db, self.seen.watermark, self.seen.head
            oldest = db.execute_sql("SELECT account, min(seq) FROM view_event GROUP BY account")
            expected.oldest = dict(oldest.fetchall())
            expected.kept = set(db.execute_sql("SELECT session, seq FROM view_reply").fetchall())
        truth = self._place.truth.snapshot()
        try:
            JournalRows(expected, found.violated).read(truth, self._last_batch, watermark, head)
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
        self._process = subprocess.Popen(
            [sys.executable, "-c", _RUN], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._found: Found | None = None
        self._say(place)
        self.seen: Seen | None = self._hear()

    def begin(self, last_batch: int) -> None:
        """See `ViewSide.begin`."""
        self._say(last_batch)

    def found(self) -> Found:
        """See `ViewSide.found`."""
        if self._found is None:
            self._found = self._hear()
        return self._found

    def _say(self, what: object) -> None:
        stdin: Any = self._process.stdin
        try:
            pickle.dump(what, stdin)
            stdin.flush()
        except BrokenPipeError:
            return  # It has said why.

    def _hear(self) -> Any:
        stdout: Any = self._process.stdout
        try:
            said = pickle.load(stdout)
        except (EOFError, pickle.UnpicklingError):
            said = "the process that reads the views has ended"
        if isinstance(said, str):
            self.close()
            raise StoreError(said)
        return said

    def close(self) -> None:
        """End it, if it has not ended."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        self._process.wait()


def side_of(place: StorePlace, inputs: int) -> ViewSide | ViewSideApart:
    """Open the views, if there are any; apart where that is quicker. Raises `StoreError`."""
    several = (os.cpu_count() or 1) > 1
    return ViewSideApart(place) if several and inputs > WORTH_IT else ViewSide(place)


def _digests_of(db: peewee.Database) -> Digests:
    """Return what the views do hold."""
    digests = Digests()
    for row in stream(
        db,
        "SELECT account, id, portfolio, kind, executed_at, block, detail, entries, note"
        " FROM view_transaction ORDER BY account, id",
    ):
        digests.transaction(*row)
    for row in stream(
        db,
        'SELECT account, "order", event_seq, block FROM view_receipt ORDER BY account, event_seq',
    ):
        digests.receipt(*row)
    for row in stream(
        db,
        "SELECT account, seq, block, text FROM view_refusal ORDER BY account, seq, client_order_id",
    ):
        digests.refusal(*row)
    for row in stream(db, "SELECT account, seq, frame FROM view_event ORDER BY account, seq"):
        digests.event(*row)
    for row in stream(db, "SELECT session, seq, request_hash, at, frame FROM view_reply"):
        digests.reply(*row)
    digests.close()
    return digests


def main(source: IO[bytes], target: IO[bytes]) -> None:
    """Do what `ViewSideApart` asks for; an error is answered as its sentence."""
    gc.disable()

    def say(make: Callable[[], object]) -> None:
        try:
            said = make()
        except (StoreError, peewee.PeeweeException) as error:
            said = str(error)
        pickle.dump(said, target)
        target.flush()

    place: StorePlace = pickle.load(source)
    made: list[ViewSide] = []

    def seen() -> Seen | None:
        made.append(ViewSide(place))
        return made[0].seen

    say(seen)
    for side in made:
        side.begin(pickle.load(source))
        say(side.found)
