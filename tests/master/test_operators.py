"""Operators: who is one, what they may ask, and that nobody else may."""

from __future__ import annotations

from pathlib import Path

import pytest

from papertrader.core.instants import SECOND
from papertrader.core.logrecord import (
    PLAIN,
    UNCORRELATED,
    Level,
    LogRecord,
    Source,
    parse_json,
    render_json,
)
from papertrader.eventlog.reading import ENTRIES_MAX, newest_entries
from papertrader.eventlog.segments import SegmentFiles
from papertrader.master.database import StoreError
from papertrader.master.operators import Appointment
from papertrader.ops.appointment import appoint_operator
from papertrader.ops.running import StartError, StateLock
from papertrader.wire import limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import DrainMode, Scope, Status
from tests.backends import audit, place
from tests.master_kit import PASSWORD, MasterClient, MasterKit
from tests.yard_kit import UUIDS, enroll, spki

ASKED = (m.StatsGet(), m.WorkerControl(worker_id=1, mode=DrainMode.MOVE), m.LogDump())


def with_operator(tmp_path: Path) -> tuple[MasterKit, MasterClient]:
    """A master whose operator is ann, with a session of scope ADMIN."""
    kit = MasterKit(tmp_path)
    kit.client().register()
    kit.stop()
    assert appoint_operator(place(tmp_path), "Ann", Appointment.ADMIN, kit.wall)
    kit.boot()
    enroll(kit, (spki(1), UUIDS[0]))
    ann = kit.client()
    assert login(ann, Scope.ADMIN) == 0
    return kit, ann


def login(client: MasterClient, scope: int, name: str = "ann") -> int:
    """Log in with that scope; return the status."""
    answer = client.ask(
        m.Login(username=name, password=PASSWORD, remember=True, scope=scope), session=0
    )
    if not answer.status:
        client.session, client.token = answer.header.session, answer.message.token
    return answer.status


def test_an_operator_reads_the_counters(tmp_path: Path) -> None:
    """The master's, by name."""
    _, ann = with_operator(tmp_path)
    part = ann.ask(m.StatsGet()).message
    found = {row.key: row.value for row in part.stats if row.worker == 0}
    assert found["accounts"] == found["sessions"] == 1
    assert found["commands"] >= 2
    assert found["internal_errors"] == 0


@pytest.mark.clause("11.16")
def test_an_operator_drains_a_worker(tmp_path: Path) -> None:
    """Whether it is up or not; what was ordered stands in the audit log."""
    kit, ann = with_operator(tmp_path)
    worker = m.WorkerControl(worker_id=1, mode=DrainMode.MOVE, deadline_ms=1_000)
    assert ann.ask(worker).message.clients == 0
    assert ann.ask(m.WorkerControl(worker_id=9, mode=DrainMode.BOOT)).status == Status.NO_DATA
    late = m.WorkerControl(worker_id=1, mode=DrainMode.MOVE, deadline_ms=2**32 - 1)
    assert ann.ask(late).status == Status.INVALID_FIELD
    kit.turn(0.1)
    rows = kit.main.store.db.execute_sql("SELECT kind, detail FROM audit").fetchall()
    assert ("worker control", "worker 1: MOVE") in rows
    assert [row for row in rows if row[0] == "operator appointed"]
    kit.stop()
    assert audit(tmp_path).violations == []


@pytest.mark.clause("11.16")
@pytest.mark.parametrize("scope", [Scope.READ, Scope.TRADE])
@pytest.mark.parametrize("message", ASKED, ids=lambda message: type(message).__name__)
def test_another_scope_may_not_ask(tmp_path: Path, scope: Scope, message: object) -> None:
    """Not even in an operator's own session."""
    kit, _ = with_operator(tmp_path)
    other = kit.client(connection=2)
    assert login(other, scope) == 0
    assert other.ask(message).status == Status.SCOPE_DENIED


@pytest.mark.clause("11.16")
def test_an_ordinary_account_gets_no_such_session(tmp_path: Path) -> None:
    """Neither by its password nor beside a session that is less."""
    kit, _ = with_operator(tmp_path)
    bob = kit.client(connection=2)
    bob.register("bob")
    assert login(bob, Scope.ADMIN, "bob") == Status.SCOPE_DENIED
    assert bob.session == 0
    assert login(bob, Scope.TRADE, "bob") == 0
    assert bob.ask(m.StatsGet()).status == Status.SCOPE_DENIED


def test_who_is_dismissed_loses_it_in_the_sessions_that_live(tmp_path: Path) -> None:
    """A remembered session of scope ADMIN may still trade, and no more."""
    kit, ann = with_operator(tmp_path)
    kit.stop()
    assert appoint_operator(place(tmp_path), "ann", Appointment.NONE, kit.wall)
    assert not appoint_operator(place(tmp_path), "ann", Appointment.NONE, kit.wall)
    kit.boot()
    assert ann.resume().status == 0
    assert ann.ask(m.StatsGet()).status == Status.SCOPE_DENIED
    assert ann.ask(m.PortfolioGet()).status == 0


def test_appointing_needs_an_account_and_a_stopped_master(tmp_path: Path) -> None:
    """One clear sentence each; nothing is changed."""
    with pytest.raises(StoreError, match="there is no "):
        appoint_operator(place(tmp_path / "nowhere"), "ann", Appointment.ADMIN, 1)
    kit = MasterKit(tmp_path)
    kit.stop()
    with pytest.raises(StoreError, match="no account zoe"):
        appoint_operator(place(tmp_path), "zoe", Appointment.ADMIN, 1)
    lock = StateLock(tmp_path, "master")
    lock.acquire()
    try:
        with pytest.raises(StartError):
            appoint_operator(place(tmp_path), "zoe", Appointment.ADMIN, 1)
    finally:
        lock.release()


# --- the log -------------------------------------------------------------------------------------


def entry(number: int, level: Level = Level.INFO, text: str = "x") -> LogRecord:
    """An entry of second ``number``."""
    return LogRecord(
        seq=number, wall_ns=number * SECOND, monotonic_ns=1, level=level,
        source=Source("papertrader.x", "x.py", "f", 7), correlation=UNCORRELATED, message=text,
        flags=PLAIN,
    )  # fmt: skip


@pytest.mark.clause("11.16")
def test_the_log_comes_in_parts_that_fit(tmp_path: Path) -> None:
    """All lines once, in order; what was asked reaches the reader."""
    kit, ann = with_operator(tmp_path)
    lines = [render_json(entry(number, text="é" * 300)) for number in range(300)]
    asked = []

    async def entries(since: int, least: Level, limit: int, flush: bool) -> list[str]:
        asked.append((since, least, limit, flush))
        return lines[-limit:]

    kit.main.operators.log_entries = entries
    wish = m.LogDump(from_time=5, limit=250, least=Level.ERROR, flush=True)
    replies = ann.ask_all(wish)
    assert len(replies) > 3
    assert all(len(each.octets) <= limits.PART_BODY_MAX + limits.HEADER_SIZE for each in replies)
    found = [line for each in replies for line in each.message.lines.split("\n")]
    assert found == lines[-250:]
    assert asked == [(5, Level.ERROR, 250, True)]
    assert sum(each.message.rows for each in replies) == replies[0].message.total_rows == 250


def test_no_log_no_entries_and_too_many(tmp_path: Path) -> None:
    """NO_DATA without a log; one empty part for no entries; a bound on what may be asked."""
    kit, ann = with_operator(tmp_path)
    assert ann.ask(m.LogDump()).status == Status.NO_DATA

    async def none(since: int, least: Level, limit: int, flush: bool) -> list[str]:
        return []

    kit.main.operators.log_entries = none
    (reply,) = ann.ask_all(m.LogDump())
    assert (reply.message.parts, reply.message.total_rows, reply.message.lines) == (1, 0, None)
    assert ann.ask(m.LogDump(limit=ENTRIES_MAX + 1)).status == Status.RANGE_TOO_LARGE


def test_the_newest_entries_are_read_over_several_files(tmp_path: Path) -> None:
    """By level, age and number; heads of files and broken ends are passed over."""
    files = SegmentFiles(tmp_path, "master", segment_bytes=2_000, kept=99)
    for number in range(1, 41):
        level = Level.ERROR if number % 10 == 0 else Level.INFO
        files.append(render_json(entry(number, level)).encode() + b"\n")
    files.append(b'{"seq": 41, "ts"')
    files.close()
    assert len(files.numbers()) > 2

    def numbers(since: int, least: Level, limit: int) -> list[int]:
        found = newest_entries(
            tmp_path, "master", since_ns=since * SECOND, least=least, limit=limit
        )
        return [parse_json(line).seq for line in found]

    assert numbers(0, Level.DEBUG, 5) == [36, 37, 38, 39, 40]
    assert numbers(0, Level.DEBUG, 99) == list(range(1, 41))
    assert numbers(0, Level.ERROR, 3) == [20, 30, 40]
    assert numbers(38, Level.INFO, 99) == [38, 39, 40]
    assert newest_entries(tmp_path / "no", "master", since_ns=0, least=Level.INFO, limit=1) == []
