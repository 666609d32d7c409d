"""What a worker says of its own clock, and of PINGs that nobody sent, is believed only so far."""

from __future__ import annotations

import pytest
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from papertrader.core.instants import SECOND
from papertrader.master.workerlink import RTT_US_MAX, SKEW_MAX
from papertrader.net.clock import Clock
from papertrader.wire import messages as m
from papertrader.wire.kinds import Status
from tests.authority_kit import give_authority
from tests.master_kit import MasterKit
from tests.yard_kit import LOGIN, REGISTER, Worker, Yard


@pytest.fixture
def yard(kit: MasterKit) -> Yard:
    """A master with two registered workers."""
    return Yard(kit)


def listed(worker: Worker) -> list[int]:
    """Ask for the list of workers as a client; return the round trips in it."""
    assert worker.ask(m.WorkerList()).status == Status.OK
    return [row.rtt_us for row in worker.answer.workers]


@pytest.mark.parametrize("ahead", [-(10**19), -(10**15), 10**15])
def test_answers_to_no_ping_change_nothing(yard: Yard, ahead: int) -> None:
    """T-32: their round trips would fit into no frame that tells of the worker to others."""
    liar = yard.join(1)
    now = liar.peer.clock.wall_ns()
    for token in (1, 2, 3):
        liar.send(m.PingReply(token=token, sent_at=max(0, now + ahead), received_at=now))
    assert liar.goodbye == -1
    honest = yard.join(2)
    assert honest.ask(REGISTER).status == honest.ask(LOGIN).status == Status.OK
    assert listed(honest) == [0, 0]


def test_a_master_that_stood_still_finds_old_answers(yard: Yard) -> None:
    """A PING that was answered hours ago is measured, and still fits into a frame."""
    worker = yard.join()
    now, hours = yard.kit.clock.wall_ns(), 7_200 * SECOND
    answer = m.PingReply(token=1, sent_at=now - hours, received_at=now - hours + SECOND)
    assert worker.link.connection.on_pong is not None
    worker.link.connection.on_pong(answer, now)
    assert listed(worker) == [RTT_US_MAX]
    assert worker.goodbye == -1


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("moved", "kept"), [(SKEW_MAX - SECOND, True), (2 * SKEW_MAX, False)])
def test_a_clock_that_moves_too_far_is_judged_anew(
    yard: Yard, moved: int, sign: int, kept: bool
) -> None:
    """T-32: who says so little by little would have stamps of any age believed."""
    worker = yard.join(ahead=3 * SECOND)
    wall = yard.kit.clock.wall_ns() + 3 * SECOND + sign * moved
    worker.peer.clock = Clock(yard.kit.reactor, lambda: wall)
    yard.kit.turn(2.5)
    worker.settle()
    assert worker.goodbye == (-1 if kept else Status.CLOCK_SKEW)


def test_who_says_that_it_witnessed_a_later_epoch_is_named(yard: Yard) -> None:
    """Of several workers the operator must know which one to ask, or to shut out."""
    kit, told = yard.kit, list[str]()
    give_authority(kit)
    liar = yard.join(2)

    def observe(event: LogEvent) -> None:
        told.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    liar.send(m.TrustTaken(trust=bytes(32), witnessed=2**63))
    globalLogPublisher.removeObserver(observe)
    assert [text for text in told if text.startswith("ALERT: worker 2 says")]
    assert liar.goodbye == -1
    assert liar.take(m.AuditKey)
