"""Our own requests: each Deferred fires once, whatever becomes of the link."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from papertrader.net.caller import (
    Caller,
    CallLostError,
    CallRefusedError,
    CallTimeoutError,
    TooManyCallsError,
)
from papertrader.net.clock import Clock
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.derived import Message
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import Opcode, Status
from tests.link_kit import WALL_NS


class Desk:
    """A caller, what it sent, and what came of it."""

    def __init__(self, calls_max: int = 64) -> None:
        self.reactor = MemoryReactorClock()
        self.clock = Clock(self.reactor, lambda: WALL_NS)
        self.sent: list[bytes] = []
        self.caller = Caller(self.sent.append, self.clock, calls_max)

    def call(self) -> list[Message | BaseException]:
        """Ask; the list gets the outcome."""
        outcome: list[Message | BaseException] = []

        def failed(failure: Failure) -> None:
            outcome.append(failure.value)

        self.deferred: Deferred[Message] = self.caller.call(m.WorkerList())
        self.deferred.addCallbacks(outcome.append, failed)
        return outcome

    def reply(self, octets: bytes) -> bool:
        """Give the caller a reply."""
        return self.caller.reply_received(codec.parse_header(octets), octets)


def good(correlation: int) -> bytes:
    """A reply of status OK."""
    return codec.encode(m.WorkerListReply(as_of=5), correlation=correlation)


def test_a_reply_reaches_the_request_with_its_number() -> None:
    """Replies may overtake each other; an unknown number is told."""
    it = Desk()
    first, second = it.call(), it.call()
    assert [codec.parse_header(octets).correlation for octets in it.sent] == [1, 2]
    assert it.reply(good(2))
    assert first == []
    assert it.reply(good(1))
    assert first == second == [m.WorkerListReply(as_of=5)]
    assert not it.reply(good(1))
    assert it.clock.waiting == 0


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (lambda it: it.reactor.advance(5), CallTimeoutError),
        (lambda it: it.caller.fail_all("cut"), CallLostError),
        (
            lambda it: it.reply(
                codec.failure(Opcode.WORKER_LIST, Status.SERVER_BUSY, "full", correlation=1)
            ),
            CallRefusedError,
        ),
        (lambda it: it.reply(good(1)[:8] + b"\x07\x77" + good(1)[10:]), RemoteFault),
    ],
)
def test_each_failure_is_told_once_and_leaves_no_timer(
    act: Callable[[Desk], object], kind: type[Exception]
) -> None:
    """Timeout, loss, refusal and an unreadable reply each end the call."""
    it = Desk()
    outcome = it.call()
    act(it)
    assert [type(each) for each in outcome] == [kind]
    assert len(it.caller) == 0
    assert it.clock.waiting == 0


def test_a_refusal_names_its_status() -> None:
    """People read the name, programs the number."""
    assert str(CallRefusedError(Status.WORKER_UNKNOWN, "who?")) == "WORKER_UNKNOWN: who?"
    assert str(CallRefusedError(0x0EEE, "")) == "0x0eee"


def test_calls_are_bounded_and_the_one_too_many_is_not_sent() -> None:
    """At the bound a call fails at once."""
    it = Desk(calls_max=2)
    it.call()
    it.call()
    (error,) = it.call()
    assert isinstance(error, TooManyCallsError)
    assert len(it.sent) == 2


def test_a_cancelled_call_is_forgotten() -> None:
    """Its late reply belongs to no one."""
    it = Desk()
    it.call()
    it.deferred.cancel()
    assert len(it.caller) == 0
    assert it.clock.waiting == 0
    assert not it.reply(good(1))
