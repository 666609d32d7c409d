"""The truth's write-ahead log is copied beside the commits, and does not grow for it."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import peewee
import pytest
from twisted.internet.defer import Deferred, execute, fail
from twisted.python.failure import Failure

from papertrader.master import walcopy
from papertrader.master.database import Batch, TruthStore
from papertrader.master.engines import StoreError, StoreFull
from papertrader.master.walcopy import WalCopy

OCTETS = 40_000
PASS = 200_000
LONGEST = (walcopy.PASSES_OF_A_LOG + 2) * PASS * 1.2
"""A log is copied after so many passes; two may come until that is done."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TruthStore]:
    """A truth store; what it writes is made up."""
    store = TruthStore(tmp_path / "truth.db")
    store.open()
    yield store
    store.close()


@pytest.fixture
def failures() -> list[Failure]:
    """What the copier has told of."""
    return []


def write(store: TruthStore, times: int = 1) -> None:
    """Commit so many batches."""
    for _ in range(times):
        seq = store.last_seq + 1
        store.write(Batch(frames=bytes(OCTETS), first_seq=seq, last_seq=seq, written_at=seq))


def log_of(store: TruthStore) -> int:
    return Path(f"{store.where}-wal").stat().st_size


def file_of(store: TruthStore) -> int:
    return Path(store.where).stat().st_size


def made(store: TruthStore, failures: list[Failure], copying: Any = execute) -> WalCopy:
    return WalCopy(store, copying, execute, failures.append, PASS)


def stop(copier: WalCopy) -> None:
    """End a copier that is at nothing."""
    done = Deferred.fromCoroutine(copier.stop())
    assert done.called


def test_no_commit_copies(store: TruthStore) -> None:
    before = file_of(store)
    write(store, 220)
    assert log_of(store) > 8_000_000, "twice what SQLite itself would leave in it"
    assert file_of(store) == before


def test_the_log_is_copied_and_begins_anew(store: TruthStore, failures: list[Failure]) -> None:
    copier = made(store, failures)
    longest = 0
    for _ in range(200):
        write(store)
        copier.look()
        longest = max(longest, log_of(store))
    assert copier.passes > 30
    assert file_of(store) > 7_000_000
    assert longest < LONGEST
    assert not failures
    stop(copier)


def test_what_comes_during_a_pass_is_copied_by_the_writer(
    store: TruthStore, failures: list[Failure]
) -> None:
    """Else a log to which something is added all the time would never begin anew."""

    def slow(function: Callable[[], Any]) -> Deferred[Any]:
        # A pass copies what there was as it began: here, what this reader sees.
        reader = store.engine.snapshot()
        reader.execute_sql("SELECT count(*) FROM journal").fetchone()
        write(store)
        result = execute(function)
        reader.close()
        return result

    copier = made(store, failures, slow)
    longest = 0
    for _ in range(200):
        write(store)
        copier.look()
        longest = max(longest, log_of(store))
    assert copier.rests > 5
    assert longest < LONGEST
    stop(copier)


def test_one_pass_at_a_time(store: TruthStore, failures: list[Failure]) -> None:
    waiting: list[Deferred[Any]] = []

    def later(function: Callable[[], Any]) -> Deferred[Any]:
        waiting.append(Deferred().addCallback(lambda _: function()))
        return waiting[-1]

    copier = made(store, failures, later)
    for _ in range(50):
        write(store)
        copier.look()
    assert (copier.passes, len(waiting)) == (1, 1)
    ended = Deferred.fromCoroutine(copier.stop())
    assert not ended.called, "a pass under way is waited for"
    waiting.pop().callback(None)
    waiting.pop().callback(None)
    assert ended.called


def test_while_somebody_reads_the_log_is_kept(store: TruthStore, failures: list[Failure]) -> None:
    """An audit of a running master reads one moment for as long as it takes."""
    copier = made(store, failures)
    reader = store.engine.snapshot()
    (before,) = reader.execute_sql("SELECT count(*) FROM journal").fetchone()
    for _ in range(60):
        write(store)
        copier.look()
    assert log_of(store) > 2_000_000
    assert reader.execute_sql("SELECT count(*) FROM journal").fetchone() == (before,)
    reader.close()
    grown = log_of(store)
    for _ in range(60):
        write(store)
        copier.look()
    assert log_of(store) < grown + 2 * PASS, "it begins anew"
    assert not failures
    stop(copier)


def test_a_failing_disk_is_told(
    store: TruthStore, failures: list[Failure], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(db: peewee.Database) -> int:
        raise StoreError(f"the write-ahead log cannot be copied: {errno.EIO}")

    monkeypatch.setattr(walcopy, "copy_wal", failing)
    copier = made(store, failures)
    write(store, 20)
    copier.look()
    assert failures[0].check(StoreError)
    stop(copier)


def test_a_full_disk_is_waited_for(store: TruthStore, failures: list[Failure]) -> None:
    full = True

    def copying(function: Callable[[], Any]) -> Deferred[Any]:
        return fail(StoreFull("no room")) if full else execute(function)

    copier = made(store, failures, copying)
    before = file_of(store)
    write(store, 20)
    copier.look()
    assert file_of(store) == before
    full = False
    write(store, 20)
    copier.look()
    assert file_of(store) > before
    assert (copier.passes, failures) == (2, [])
    stop(copier)
