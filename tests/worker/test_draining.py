"""Draining a worker (clause 15.12): nobody new, the clients moved or booted off, and back again."""

from __future__ import annotations

import pytest

from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.kinds import ClosedBy, DrainMode, Status
from papertrader.worker import draining
from tests.worker_kit import ClientPeer, House

OTHERS = (m.WorkerRow(port=3049, host="b"),)


def scene(clients: int = 2) -> tuple[House, list[ClientPeer]]:
    """A worker that knows another one, and clients with sessions."""
    it = House()
    it.connect_master()
    it.master.send(codec.encode(m.WorkersChanged(workers=OTHERS)))
    it.settle()
    found = [it.connect_client(port=4000 + n) for n in range(clients)]
    for number, client in enumerate(found):
        it.log_in(client, 70 + number)
    it.master.take()
    return it, found


def order(it: House, mode: DrainMode, deadline_ms: int = 0) -> None:
    """Let the master order it."""
    it.master.send(codec.encode(m.WorkerDrain(mode=mode, deadline_ms=deadline_ms)))
    it.settle()


def codes(clients: list[ClientPeer]) -> list[int]:
    """What each was told at the end; -1 for one that is still here."""
    return [-1 if client.goodbye is None else client.goodbye.code for client in clients]


@pytest.mark.parametrize("mode", [DrainMode.ADMIT_NONE, DrainMode.MOVE, DrainMode.BOOT])
def test_whoever_comes_is_sent_to_the_others(mode: DrainMode) -> None:
    """It is told where to go; the master never hears of it; after OFF it is taken again."""
    it, _ = scene(0)
    order(it, mode)
    late = it.connect_client(port=5000)
    assert codes([late]) == [Status.SHUTDOWN]
    assert late.goodbye is not None
    assert late.goodbye.workers == OTHERS
    assert late.goodbye.retry_after_ms > 0
    assert it.told(m.ClientOpen) == []
    order(it, DrainMode.OFF)
    again = it.connect_client(port=5001)
    assert codes([again]) == [-1]
    assert len(it.told(m.ClientOpen)) == 1
    assert it.clock.waiting > 0


def test_who_is_here_may_stay_when_only_new_ones_are_refused() -> None:
    """ADMIT_NONE leaves sessions alone."""
    it, clients = scene()
    order(it, DrainMode.ADMIT_NONE)
    it.advance(5)
    assert codes(clients) == [-1, -1]


def test_clients_are_moved_when_they_wait_for_nothing() -> None:
    """One with an open request goes when it is answered; all are told of the other worker."""
    it, clients = scene()
    it.ask(clients[0], m.AccountGet(), correlation=9, session=70)
    (up,) = it.relayed()
    order(it, DrainMode.MOVE, 60_000)
    assert codes(clients) == [-1, Status.SHUTDOWN]
    assert clients[1].goodbye is not None
    assert clients[1].goodbye.workers == OTHERS
    it.answer(up, m.AccountReply(account=5))
    it.advance(1)
    assert codes(clients) == [Status.SHUTDOWN, Status.SHUTDOWN]
    assert [type(message) for _, message in clients[0].take()] == [m.AccountReply]
    closes = it.told(m.ClientClose)
    assert {(each.code, each.by) for each in closes} == {(Status.SHUTDOWN, ClosedBy.WORKER)}


def test_the_deadline_moves_the_rest() -> None:
    """A request that is never answered holds nobody for ever."""
    it, clients = scene(1)
    it.ask(clients[0], m.AccountGet(), correlation=9, session=70)
    order(it, DrainMode.MOVE, 2_000)
    it.advance(1)
    assert codes(clients) == [-1]
    it.advance(2)
    assert codes(clients) == [Status.SHUTDOWN]


def test_off_leaves_those_who_are_still_here() -> None:
    """The order can be taken back in the middle."""
    it, clients = scene(1)
    it.ask(clients[0], m.AccountGet(), correlation=9, session=70)
    order(it, DrainMode.MOVE, 2_000)
    order(it, DrainMode.OFF)
    it.advance(5)
    assert codes(clients) == [-1]


def test_a_crowd_is_moved_bit_by_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that they do not all arrive elsewhere at once."""
    monkeypatch.setattr(draining, "MOVED_PER_CHECK", 2)
    it, clients = scene(5)
    order(it, DrainMode.MOVE)
    assert codes(clients).count(Status.SHUTDOWN) == 2
    it.advance(1)
    assert codes(clients).count(Status.SHUTDOWN) == 5


def test_boot_closes_all_at_once() -> None:
    """Open requests or not."""
    it, clients = scene()
    it.ask(clients[0], m.AccountGet(), correlation=9, session=70)
    order(it, DrainMode.BOOT)
    assert codes(clients) == [Status.BOOTED] * 2
    assert [client.goodbye.workers for client in clients if client.goodbye] == [OTHERS] * 2


def test_stopping_while_draining_leaves_no_timer() -> None:
    """The worker may stop before all have gone."""
    it, clients = scene(1)
    it.ask(clients[0], m.AccountGet(), correlation=9, session=70)
    order(it, DrainMode.MOVE, 60_000)
    it.worker.stop()
    it.settle()
    assert it.clock.waiting == 0
