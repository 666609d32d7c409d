"""The hash of memory: right after a start and while all goes on, and it tells of damage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from twisted.internet.defer import Deferred, fail
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.python.failure import Failure

from papertrader.master.checkpoints import CHECKPOINT_S
from papertrader.ops.inspection import audit
from tests.master_kit import AT_ONCE, Gate, MasterClient, MasterKit, at_once


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """What the master logs."""
    found: list[str] = []

    def observe(event: LogEvent) -> None:
        found.append(f"{event['log_level'].name}: {formatEvent(event)}")

    globalLogPublisher.addObserver(observe)
    yield found
    globalLogPublisher.removeObserver(observe)


def trader(kit: MasterKit, number: int = 1) -> MasterClient:
    """Somebody who has bought something."""
    client = kit.client(connection=number)
    client.register(f"user{number}")
    client.login(f"user{number}")
    client.order("MSFT", "5")
    kit.quote("MSFT", "28.50", "28.51")
    return client


def test_each_is_that_of_the_books(tmp_path: Path) -> None:
    """Over a start, with and without what is new; nothing new gives none."""
    kit = MasterKit(tmp_path)
    ann = trader(kit)
    for _ in range(3):
        ann.order("MSFT", "1")
        kit.quote("MSFT", "28.50", "28.51")
        kit.turn(CHECKPOINT_S + 1)
    kit.kill()
    kit.boot()
    bob = trader(kit, 2)
    kit.turn(CHECKPOINT_S + 1)
    bob.order("MSFT", "1")
    kit.turn(CHECKPOINT_S + 1)
    report = kit.check()
    assert report.violations == []
    assert report.checkpoints == 5


def test_damaged_memory_is_told_at_once(tmp_path: Path, logged: list[str]) -> None:
    """An order that no event has changed is another one: the audit would tell so later."""
    kit = MasterKit(tmp_path)
    trader(kit)
    kit.main.checkpoints.take()
    order = kit.main.transactions.desk.state.orders[1]
    order.fees += 1
    trader(kit, 2)
    kit.main.checkpoints.take()
    assert not any("are not what they were" in each for each in logged), "order 2 is beside it"
    order.fees += 1
    kit.client(connection=3).register("user3")
    kit.main.checkpoints.take()
    (line,) = [each for each in logged if "are not what they were" in each]
    assert line.startswith("error: 1 parts of the memory")


def test_what_happens_while_orders_are_read_is_in_the_first(tmp_path: Path) -> None:
    """The hash is of the moment at which the thread has read all, and of no other."""
    gate = Gate()
    kit = MasterKit(tmp_path, threads=attrs.evolve(AT_ONCE, proving=gate))
    ann = trader(kit)
    kit.main.checkpoints.take()
    assert len(gate) == 1
    ann.order("MSFT", "1")
    gate.work()
    ann.order("MSFT", "2")
    kit.quote("MSFT", "28.50", "28.51")
    gate.work()
    assert len(gate) == 0
    kit.turn()
    kit.main.checkpoints.take()
    gate.work()
    stopped = Deferred.fromCoroutine(kit.main.stop())
    kit.turn()
    assert stopped.called
    report = audit(tmp_path)
    assert report.violations == []
    assert report.checkpoints == 2


def test_one_that_failed_loses_nothing(
    tmp_path: Path, flush_logged_errors: Callable[..., list[Failure]]
) -> None:
    """What it was to look at is looked at by the next, or the audit would call memory damaged."""
    calls: list[object] = []

    def proving(function: Any, *arguments: Any) -> Deferred[Any]:
        calls.append(function)
        return fail(MemoryError("no room")) if len(calls) == 4 else at_once(function, *arguments)

    kit = MasterKit(tmp_path, threads=attrs.evolve(AT_ONCE, proving=proving))
    ann = trader(kit)
    kit.main.checkpoints.take()
    for _ in range(2):
        ann.order("MSFT", "1")
        kit.quote("MSFT", "28.50", "28.51")
        kit.main.checkpoints.take()
        kit.turn()
    assert len(calls) == 4 and len(flush_logged_errors(MemoryError)) == 1
    ann.order("MSFT", "2")
    kit.main.checkpoints.take()
    assert len(calls) == 6, "it begins anew"
    assert kit.check().checkpoints >= 3
