"""The event log: what is logged is in memory at once and on disk soon, and never in the way."""

from __future__ import annotations

import base64
import gc
import os
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import LimitedHistoryLogObserver, Logger, LogLevel, LogPublisher
from twisted.python import log as old_log
from twisted.python.failure import Failure

from papertrader.core.logrecord import Correlation, Level, RecordFlag, Source
from papertrader.core.secrets import Secret
from papertrader.eventlog.flushing import FLUSH_CALLERS_MAX
from papertrader.eventlog.log import EventLog, tell_stderr
from papertrader.eventlog.memory import TRACE_BYTES_MAX
from papertrader.eventlog.settings import EventLogError, EventLogSettings

if TYPE_CHECKING:
    from tests.eventlog.conftest import Desk

CANARY = "cAnArY-9f8e7d6c"


def test_an_entry_says_when_where_and_what(desk: Desk) -> None:
    """Date and time, level, module, file, function, line, message and correlation are logged."""
    desk.begin()
    corr = Correlation(worker=1, connection=2, request=3)
    desk.logger.warn("order {order} is late", order=5, correlation=corr)
    desk.reactor.advance(1)
    desk.work()
    (entry,) = desk.entries()
    assert entry.wall_ns == 1_767_323_045_000_000_000
    assert entry.level is Level.WARNING
    assert entry.source.module == "test.space"
    assert entry.source.file.endswith("test_eventlog.py")
    assert entry.source.function == "test_an_entry_says_when_where_and_what"
    lines = Path(__file__).read_text().splitlines()
    assert "order {order} is late" in lines[entry.source.line - 1]
    assert entry.message == "order 5 is late"
    assert entry.correlation == corr


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (LogLevel.debug, Level.DEBUG),
        (LogLevel.info, Level.INFO),
        (LogLevel.warn, Level.WARNING),
        (LogLevel.error, Level.ERROR),
        (LogLevel.critical, Level.CRITICAL),
        (None, Level.INFO),
    ],
)
def test_levels(desk: Desk, theirs: object, ours: Level) -> None:
    """Every level of Twisted has its own; an event without one is information."""
    log = desk.begin()
    log({"log_level": theirs, "log_format": "x"})
    assert desk.ring().records()[0].level is ours


def test_an_entry_is_in_the_ring_when_the_call_returns(desk: Desk) -> None:
    """Before any flush, the ring's file holds the entry; its size is that configured, exactly."""
    log = desk.begin(memory_bytes=100_003)
    desk.logger.info("hello")
    assert desk.in_ring() == ["hello"]
    assert desk.lines() == []
    path = desk.state / "log" / "master.ring"
    assert path.stat().st_size == 100_003
    assert path.stat().st_blocks * 512 >= 100_003
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for _ in range(5000):
        desk.logger.info("more " * 20)
    assert path.stat().st_size == 100_003
    assert log.counters().unflushed_bytes <= 100_003


def test_flushed_after_a_second(desk: Desk) -> None:
    """An entry waits a second for the disk, no longer; an idle log flushes nothing."""
    desk.begin()
    desk.logger.info("one")
    desk.reactor.advance(0.9)
    assert not desk.jobs
    desk.reactor.advance(0.1)
    assert desk.work() == 1
    assert desk.messages() == ["one"]
    desk.reactor.pump([1] * 5)
    assert not desk.jobs


def test_flushed_when_half_full(desk: Desk) -> None:
    """Without a second passing, half a ring of entries begins one flush."""
    log = desk.begin()
    count = 0
    while not desk.jobs:
        desk.logger.info("filling")
        count += 1
        assert count < 2000
    capacity = 65536 - 4096
    assert capacity / 2 <= log.counters().unflushed_bytes < capacity / 2 + 300
    for _ in range(100):
        desk.logger.info("filling")
    assert len(desk.jobs) == 1
    desk.work()
    assert desk.messages() == ["filling"] * (count + 100)
    assert log.counters().dropped == 0


@pytest.mark.parametrize("level", [LogLevel.error, LogLevel.critical])
def test_errors_are_flushed_at_once(desk: Desk, level: object) -> None:
    """An error, and all before it, goes to disk without waiting."""
    desk.begin()
    desk.logger.info("before")
    assert not desk.jobs
    desk.logger.emit(level, "bad")
    assert len(desk.jobs) == 1
    desk.logger.emit(level, "worse")
    desk.work()
    assert desk.messages() == ["before", "bad", "worse"]


def test_an_error_in_another_thread_is_flushed_by_the_reactor(desk: Desk) -> None:
    """A thread's error asks the reactor's thread for one flush, and does not begin it itself."""
    desk.begin()

    def fail() -> None:
        desk.logger.error("bad")
        desk.logger.error("bad again")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    assert not desk.jobs
    (call,) = desk.calls
    call()
    desk.work()
    assert desk.messages() == ["bad", "bad again"]


def test_flush_fires_when_all_is_on_disk(desk: Desk) -> None:
    """Callers share the flush that runs; each hears when what it had logged is on disk."""
    log = desk.begin()
    desk.logger.info("one")
    first = log.flush()
    desk.logger.info("two")
    second = log.flush()
    assert (first.called, second.called, len(desk.jobs)) == (False, False, 1)
    desk.work()
    assert (first.called, second.called) == (True, True)
    assert desk.messages() == ["one", "two"]
    third = log.flush()
    desk.work()
    assert third.called


def test_flush_callers_are_bounded(desk: Desk) -> None:
    """One caller too many is refused, the others are served."""
    log = desk.begin()
    waiting = [log.flush() for _ in range(FLUSH_CALLERS_MAX)]
    refused = log.flush()
    failures: list[Failure] = []
    refused.addErrback(failures.append)
    assert failures[0].check(EventLogError)
    desk.work()
    assert all(done.called for done in waiting)


def test_flush_needs_a_running_log(desk: Desk) -> None:
    """Before the start and after the stop there is nothing to flush, and that is said."""
    log = desk.begin()
    stopped = log.stop()
    desk.work()
    assert stopped.called
    failures: list[Failure] = []
    log.flush().addErrback(failures.append)
    assert "does not run" in str(failures[0].value)


def test_stop_writes_everything_and_leaves_nothing_to_dump(desk: Desk) -> None:
    """After a clean stop all is in the files, the next start finds nothing, later events vanish."""
    log = desk.begin()
    desk.logger.info("last words")
    stopped = log.stop()
    desk.logger.info("too late")
    desk.work()
    assert stopped.called
    log({"log_format": "much too late"})
    log.write(Level.INFO, "even later")
    assert desk.messages() == ["last words"]
    assert log.counters().written == 1
    assert log.counters().faults == 0
    desk.begin(boot_id=b"another boot id.")
    assert not list((desk.state / "log").glob("crash-*"))
    assert desk.reactor.getDelayedCalls() != []


def test_a_log_is_used_once(desk: Desk) -> None:
    """A second start is refused; a second stop does nothing."""
    log = desk.begin()
    with pytest.raises(EventLogError, match="started before"):
        log.start()
    log.stop()
    desk.work()
    assert log.stop().called


def test_two_processes_cannot_write_one_log(desk: Desk) -> None:
    """Starting while another log is open on the same files is refused with a clear sentence."""
    desk.begin()
    desk.logger.info("mine")
    with pytest.raises(EventLogError, match="another process"):
        desk.begin(boot_id=b"another boot id.")
    assert desk.in_ring() == ["mine"]


def test_long_messages_are_cut_and_counted(desk: Desk) -> None:
    """A message longer than a record is cut, marked and counted."""
    log = desk.begin()
    desk.logger.info("{x}", x="y" * 5000)
    (record,) = desk.ring().records()
    assert record.flags == RecordFlag.CUT
    assert record.message == "y" * 1024
    assert log.counters().cut == 1


def deep(depth: int, password: str) -> None:
    if depth:
        deep(depth - 1, password)
    raise ValueError("the bottom")


def test_a_failure_is_logged_with_its_traceback(desk: Desk) -> None:
    """A traceback is kept over several records, in order, with no value of any variable."""
    desk.begin()
    try:
        deep(20, CANARY)
    except ValueError:
        desk.logger.failure("it failed for {who}", who="ann")
    desk.work()
    entries = desk.entries()
    assert len(entries) > 1
    assert entries[0].flags == RecordFlag(0)
    assert {entry.flags for entry in entries[1:]} == {RecordFlag.CONTINUED}
    assert {entry.level for entry in entries} == {Level.CRITICAL}
    text = "\n".join(entry.message for entry in entries)
    assert text.startswith("it failed for ann\nTraceback")
    assert text.endswith("builtins.ValueError: the bottom")
    assert text.count("deep(depth - 1, password)") == 20
    assert CANARY not in text


def test_an_endless_traceback_is_bounded(desk: Desk) -> None:
    """Of a very long traceback the beginning and the end are kept."""
    log = desk.begin()
    try:
        deep(300, "x")
    except ValueError:
        desk.logger.failure("it failed")
    messages = desk.in_ring()
    assert sum(map(len, messages)) <= TRACE_BYTES_MAX + 100
    assert messages[0].startswith("it failed")
    assert messages[-1].endswith("the bottom")
    assert "octets left out" in "\n".join(messages)
    assert log.counters().cut == 0


def test_a_failure_captured_with_its_variables_shows_none(desk: Desk) -> None:
    """Even a failure that has recorded its local variables is logged without them."""
    desk.begin()
    try:
        deep(3, CANARY)
    except ValueError:
        failure = Failure(captureVars=True)
    desk.logger.failure("it failed", failure)
    assert CANARY in str(failure.frames)
    assert CANARY not in "".join(desk.in_ring())


def test_no_secret_reaches_memory_or_disk(desk: Desk) -> None:
    """Secrets by name, by type, in containers and in error texts are in no file, in no form."""
    canary = CANARY
    log = desk.begin()
    logger = desk.logger
    logger.info("login {password}", password=canary)
    logger.info("login {user} {password!r:>50}", user="ann", password=canary.encode())
    logger.info("{request}", request={"user": "ann", "token": canary, "more": [{"key": canary}]})
    logger.info("{value} {value!r}", value=Secret(canary.encode()))
    logger.info("{octets}", octets=canary.encode().hex(), totp=canary)
    logger.info("not shown at all", secret=canary)
    try:
        raise ValueError(f"wrong password {canary}")
    except ValueError:
        logger.failure("login failed with {password}", password=canary)
    log.flush()
    desk.work()
    octets = canary.encode()
    encoded = [base64.b64encode(b"x" * shift + octets)[3:-4] for shift in range(3)]
    forms = [octets, octets[::-1], octets.hex().encode(), octets.hex().upper().encode(), *encoded]
    paths = [path for path in desk.state.rglob("*") if path.is_file()]
    assert len(paths) == 2
    for path in paths:
        content = path.read_bytes()
        assert b"<secret>" in content
        assert not [form for form in forms if form in content]


def test_a_secret_is_found_by_its_field_even_in_old_events(desk: Desk) -> None:
    """Events of Twisted's older logging are logged, with their place and without secrets."""
    log = desk.begin()
    old = old_log.LogPublisher(observerPublisher=desk.publisher, publishPublisher=desk.publisher)
    old.msg("old words")
    (record,) = desk.ring().records()
    assert record.message == "old words"
    assert record.source.file.endswith("test_eventlog.py")
    assert log.counters().faults == 0


def test_events_kept_back_have_their_own_time(desk: Desk) -> None:
    """An event told again later keeps the time at which it was logged, and claims no place."""
    kept = LimitedHistoryLogObserver()
    Logger("early.module", observer=kept).info("early")
    log = desk.begin()
    kept.replayTo(log)
    (record,) = desk.ring().records()
    assert record.source == Source("early.module", "-", "-", 0)
    assert abs(record.wall_ns - 1_767_323_045_000_000_000) > 10**9


def test_write_is_the_short_way(desk: Desk) -> None:
    """A finished message goes straight into the ring, with its caller or the source given."""
    log = desk.begin()
    corr = Correlation(request=9)
    log.write(Level.INFO, "fast {not a format}", correlation=corr)
    log.write(Level.INFO, "fastest", source=Source("m", "m.py", "f", 7))
    first, second = desk.ring().records()
    assert first.message == "fast {not a format}"
    assert first.source.function == "test_write_is_the_short_way"
    assert first.source.module.endswith("test_eventlog")
    assert first.correlation == corr
    assert second.source == Source("m", "m.py", "f", 7)


def test_a_note_of_a_trail_is_written_as_any_entry(desk: Desk) -> None:
    """With the place that wrote it; also while the log is busy, half full or at its end."""
    log = desk.begin()

    def station(text: str) -> None:
        log.note(text, 2**64 - 1, 7, 2**32 - 1)

    station("taken up")
    (first,) = desk.ring().records()
    assert (first.message, first.level) == ("taken up", Level.INFO)
    assert first.source.function.endswith("<locals>.station")
    assert first.correlation == Correlation(worker=2**64 - 1, connection=7, request=2**32 - 1)
    life = log._life
    assert life is not None
    life.memory.exclusively(lambda _: station("inside"))
    station("x" * 2_000)
    assert [len(text) for text in desk.in_ring()] == [8, 6, 1024]
    assert log.counters().cut == 1
    log.note("a number that does not fit", -1, 0, 0)
    assert log.counters().faults == 1
    for _ in range(400):
        if desk.jobs:
            break
        station("filling")
    assert len(desk.jobs) == 1
    desk.work()
    log.stop()
    station("too late")
    desk.work()
    assert set(desk.messages()) == {"taken up", "inside", "x" * 1024, "filling"}


def test_a_broken_event_harms_nobody(desk: Desk) -> None:
    """An event that cannot be logged raises nothing; it is counted and told once."""

    class Hostile(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    log = desk.begin()
    log({})
    log({"log_format": 5, "log_level": "loud", "correlation": "x", "log_namespace": None})
    desk.logger.failure("hostile", Failure(Hostile()))
    assert log.counters().faults == 0
    for _ in range(3):
        log.write(Level.INFO, "x", source=Source("m", "f", "n", 2**40))
        log({"log_format": "x", "log_namespace": 5})
    assert log.counters().faults == 6
    (sentence,) = desk.told
    assert "could not make an entry (error)" in sentence
    desk.logger.info("still here")
    assert desk.in_ring()[-1] == "still here"


def test_a_failing_tell_harms_nobody(desk: Desk) -> None:
    """If even the operator cannot be told, logging goes on."""

    def fail(sentence: str) -> None:
        raise OSError(sentence)

    log = desk.begin(tell=fail)
    log.write(Level.INFO, "x", source=Source("m", "f", "n", 2**40))
    assert log.counters().faults == 1
    desk.logger.info("still here")
    assert desk.in_ring() == ["still here"]


def test_an_entry_logged_inside_the_log_follows(desk: Desk) -> None:
    """What garbage collection logs while an entry is being written neither blocks nor is lost."""
    log = desk.begin()
    life = log._life
    assert life is not None

    def inside(_: object) -> None:
        for number in range(70):
            desk.logger.error("inside {n}", n=number)

    life.memory.exclusively(inside)
    desk.logger.info("after")
    messages = desk.in_ring()
    assert messages == [f"inside {number}" for number in range(64)] + ["after"]
    assert log.counters().dropped == 6
    assert len(desk.jobs) == 1


def test_an_unhandled_error_of_a_deferred_is_logged(desk: Desk) -> None:
    """The error that a lost Deferred reports when it is collected reaches the log."""
    desk.begin()
    lost: Deferred[None] = Deferred()
    lost.addErrback(lambda _: None)
    del lost
    gc.collect()
    desk.logger.error("unhandled")
    assert desk.in_ring() == ["unhandled"]


def test_threads_may_log_at_once(desk: Desk) -> None:
    """Entries of many threads all get in, each whole, numbered without a gap."""
    log = desk.begin(memory_bytes=1 << 20)

    def many(name: int) -> None:
        for number in range(200):
            desk.logger.info("{name}:{number}", name=name, number=number)

    threads = [threading.Thread(target=many, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.flush()
    desk.work()
    assert sorted(desk.messages()) == sorted(f"{a}:{b}" for a in range(4) for b in range(200))
    assert [entry.seq for entry in desk.entries()] == list(range(1, 801))


@pytest.mark.parametrize("name", ["", "Master", "../x", "a b", "9x", "x" * 33])
def test_process_names_are_fit_for_files(tmp_path: Path, name: str) -> None:
    """A name that would make a bad file name is refused before anything is made."""
    with pytest.raises(ValueError, match="cannot name"):
        EventLog(
            state=tmp_path,
            process=name,
            boot_id=bytes(16),
            settings=EventLogSettings(),
            clock=None,  # type: ignore[arg-type]
            publisher=LogPublisher(),
            defer_to_thread=None,  # type: ignore[arg-type]
            call_from_thread=None,  # type: ignore[arg-type]
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "setting",
    [
        {"memory_bytes": 65535},
        {"memory_bytes": 2**30 + 1},
        {"segment_bytes": 1000},
        {"segments_kept": 1},
        {"flush_interval_ms": 0},
    ],
)
def test_settings_have_bounds(setting: dict[str, int]) -> None:
    """A setting outside its bounds is refused with a sentence that names them."""
    with pytest.raises(ValueError, match=r"must be .*\d"):
        EventLogSettings(**setting)


def test_the_operator_is_told_on_the_real_standard_error(
    desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    """The default way of telling writes one line to descriptor 2, not into a redirected stream."""
    (desk.state / "log").write_text("a file where the directory should be")
    log = desk.begin(tell=tell_stderr)
    desk.logger.info("in memory only")
    assert log.counters().written == 1
    errors = capfd.readouterr().err
    assert errors.count("\n") == 1
    assert "works in memory only" in errors
    log.stop()
    desk.work()
    assert "cannot write its files" in capfd.readouterr().err
    assert os.listdir(desk.state) == ["log"]
