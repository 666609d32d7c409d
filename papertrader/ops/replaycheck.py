"""Replay check: the journal's inputs decided again, and everything compared with what was told.

The audit believes the outcomes and adds them up; this believes only the inputs. A desk that knows
nothing is given each input of the journal, with the quotes and assets that are kept with it, and
must come to the same outcomes, the same replies, and the same memory at every checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs
import peewee

from papertrader.core.desk import ENGINE, Desk
from papertrader.core.events import OrderChanged
from papertrader.core.ledger import InvariantViolated
from papertrader.core.statehash import StateHash
from papertrader.master import deciding, records
from papertrader.master.database import engines_noted, journal_batches
from papertrader.master.engines import StoreError, StorePlace, as_place
from papertrader.master.providers.base import load_calendars
from papertrader.ops.inspection import hashes_taken, require
from papertrader.ops.journalrows import UNREADABLE
from papertrader.wire import messages as m

FINDINGS_MAX: Final = 20
"""Differences told; what follows a difference may differ only because of it."""

Progress = Callable[[int, int], None]


@attrs.define
class ReplayReport:
    """What deciding again has shown. ``findings`` is empty when it all came out the same.

    ``taken`` counts inputs whose outcomes had to be taken from the journal, since another engine
    decided them, or a version before this one did not keep all that decided them; ``why`` says
    what. ``receipts`` counts the receipts that were worked out again from their quotes,
    ``refusals`` those of orders that were refused.
    """

    inputs: int = 0
    commands: int = 0
    quotes: int = 0
    outcomes: int = 0
    receipts: int = 0
    refusals: int = 0
    checkpoints: int = 0
    taken: int = 0
    why: dict[str, int] = attrs.Factory(dict)
    state_hash: bytes = b""
    findings: list[str] = attrs.Factory(list)


def replay_check(
    where: Path | StorePlace,
    progress: Progress = lambda done, total: None,
    other_engines: bool = False,
) -> ReplayReport:
    """Decide every input of an installation again, live or not; it is only read.

    ``where``: a state directory whose store is files, or a place. ``other_engines``: decide also
    what other engines decided, by the rules of this one; what they differ in is a finding then.
    Raises `StoreError` if the journal cannot be read.
    """
    place = as_place(where)
    require(place)
    report, desk = ReplayReport(), Desk()
    desk.calendars.know_all(load_calendars())
    truth = place.truth.snapshot()
    try:
        _replay(truth, desk, report, progress, other_engines)
    except peewee.PeeweeException as error:
        raise StoreError(f"{place.truth.where} cannot be read: {error}") from None
    finally:
        truth.close()
    report.state_hash = desk.state_hash()
    return report


@attrs.define
class _Engines:
    """Tells of inputs, asked in their order, which engine decided them."""

    noted: list[tuple[int, int]]
    current: int = 0

    def of(self, seq: int) -> int:
        """Return the engine that decided an input; 0 for one without a number."""
        while self.noted and self.noted[0][1] < seq:
            self.current = self.noted.pop(0)[0]
        return self.current


@attrs.define
class _Turn:
    """The newest turning back of the clock since the master's start that told assets itself.

    Versions before 2026-11-30 took these as told for the time after it as well.
    """

    seq: int = 0

    @property
    def doubt(self) -> str:
        """What to think of a difference that comes after it; "" where there was none."""
        if not self.seq:
            return ""
        return (
            f"; input {self.seq} turned the market's clock back, and versions before 2026-11-30"
            " did not write which of its assets were listed after that: if one wrote this, the"
            " store is not damaged, only not to be decided again from here on; papertrader audit"
            " says whether its books are right"
        )


def _replay(
    truth: peewee.Database,
    desk: Desk,
    report: ReplayReport,
    progress: Progress,
    other_engines: bool,
) -> None:
    engines = _Engines(engines_noted(truth))
    (total,) = truth.execute_sql("SELECT count(*) FROM journal").fetchone()
    taken, hashing = dict(hashes_taken(truth)), StateHash(desk.state)
    epoch, turn = 0, _Turn()
    for number, row in enumerate(journal_batches(truth), 1):
        batch, frames = row[0], row[6]
        if row[3] != epoch:
            # Each start of the master tells anew which assets there are.
            epoch, turn.seq = row[3], 0
            desk.forget_assets()
        try:
            found = deciding.grouped(list(records.read_frames(frames)))
        except UNREADABLE as fault:
            report.findings.append(f"batch {batch}: a record cannot be read ({fault})")
            return
        for given in found:
            report.inputs += 1
            engine = ENGINE if other_engines else engines.of(given.seq)
            if engine == ENGINE:
                followed = _decide(desk, given, report, turn)
            else:
                followed = _take(desk, given, report, _rules_of(engine))
            if not followed:
                return
            if given.seq in taken:
                report.checkpoints += 1
                if hashing.take() != taken[given.seq]:
                    report.findings.append(
                        f"after input {given.seq} the state's hash is not that of the checkpoint"
                    )
                    return
        if number % 64 == 0:
            progress(number, total)
    progress(total, total)


def _decide(desk: Desk, given: deciding.Input, report: ReplayReport, turn: _Turn) -> bool:
    """Decide one input; False when nothing that follows could be compared."""
    try:
        decided = deciding.decide(desk, given)
    except deciding.NotKept as missing:
        return _take(desk, given, report, str(missing))
    except (InvariantViolated, *UNREADABLE) as error:
        report.findings.append(f"input {given.seq}: {error}{turn.doubt}")
        return False
    if decided is None:
        if deciding.outcomes_of(given):
            report.findings.append(f"input {given.seq} has outcomes, but nothing that caused them")
            return False
        return True
    report.commands += bool(given.of(m.StoreCommand))
    report.quotes += len(given.of(m.StoreQuote))
    report.outcomes += len(decided.events)
    report.receipts += sum(
        isinstance(event, OrderChanged) and event.receipt is not None for event in decided.events
    )
    report.refusals += len(given.of(m.StoreRefusal))
    found = deciding.difference(given, decided)
    if found:
        report.findings.append(f"input {given.seq}: {found}{turn.doubt}")
        return False
    if decided.clock_turned_back:
        desk.forget_assets()
        turn.seq = given.seq if given.of(m.StoreAsset) else 0
    return True


def _rules_of(engine: int) -> str:
    if engine:
        return f"decided by engine {engine}, whose rules differ from those of engine {ENGINE}"
    return "decided by a version before engines had numbers"


def _take(desk: Desk, given: deciding.Input, report: ReplayReport, why: str) -> bool:
    """Apply an input's outcomes as they were told; False when they do not follow."""
    report.taken += 1
    report.why[why] = report.why.get(why, 0) + 1
    for record in deciding.outcomes_of(given):
        try:
            desk.apply(records.fact_of(record, desk.state))  # type: ignore[arg-type]
        except (InvariantViolated, *UNREADABLE) as error:
            report.findings.append(f"input {given.seq}: {error}")
            return False
    return True
