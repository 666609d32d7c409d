"""The views' queue: what is written together, what is written at once, and what waits."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock as TaskClock
from twisted.python.failure import Failure

from papertrader.master.views import GATHER_OCTETS, GATHER_S, Views
from papertrader.master.viewstore import ViewStore
from papertrader.net.clock import Clock


class Apart:
    """Stands for a writer apart: keeps what it is given, and answers when it is told to."""

    def __init__(self, *, apart: bool = True) -> None:
        self.reactor = TaskClock()
        self.written: list[tuple[bytes, int]] = []
        self.answers: list[Deferred[None]] = []
        self.failures: list[Failure] = []
        store = cast("ViewStore", SimpleNamespace(watermark=0, write=None, asked=None))
        self.views = Views(
            store, Clock(self.reactor), self.in_thread, self.failures.append,
            self.write if apart else None,
        )  # fmt: skip

    def in_thread(self, function: Any, *arguments: Any) -> Deferred[Any]:
        """Write at once where there is no writer apart."""
        self.written.append((arguments[0], arguments[1]))
        return succeed(None)

    def write(self, frames: bytes, last_seq: int, head: bytes) -> Deferred[None]:
        """Take what is to be written."""
        self.written.append((frames, last_seq))
        self.answers.append(Deferred())
        return self.answers[-1]

    def take(self, seq: int, frames: bytes = b"x") -> None:
        """A batch of one record became durable."""
        self.views.take(frames, 1, seq, b"head")

    def answer(self) -> None:
        """The writer has written what it was given first."""
        self.answers.pop(0).callback(None)


def test_what_comes_within_a_moment_is_written_together() -> None:
    """One write for three orders; the next moment begins when there is something again."""
    apart = Apart()
    for seq in (1, 2, 3):
        apart.take(seq, b"%d" % seq)
    assert apart.written == []
    apart.reactor.advance(GATHER_S)
    assert apart.written == [(b"123", 3)]
    apart.take(4, b"4")
    apart.reactor.advance(GATHER_S)
    assert len(apart.written) == 1
    apart.answer()
    assert (apart.views.watermark, apart.views.backlog) == (3, 1)
    assert len(apart.written) == 1
    apart.reactor.advance(GATHER_S)
    assert apart.written[1:] == [(b"4", 4)]
    apart.answer()
    apart.reactor.advance(10 * GATHER_S)
    assert (apart.views.watermark, apart.views.backlog, len(apart.written)) == (4, 0, 2)


def test_whoever_asks_does_not_wait_for_the_moment() -> None:
    """Neither for one that has begun nor, behind a write that runs, for the next."""
    apart = Apart()
    apart.take(1)
    first = apart.views.reached(1)
    assert apart.written == [(b"x", 1)]
    apart.take(2)
    second = apart.views.reached(2)
    apart.answer()
    assert first.called
    assert apart.written[1:] == [(b"x", 2)]
    apart.answer()
    assert second.called
    assert apart.views.reached(2).called
    apart.reactor.advance(10 * GATHER_S)
    assert len(apart.written) == 2
    drained = Deferred.fromCoroutine(apart.views.drain())
    assert drained.called


def test_much_is_written_at_once() -> None:
    """With `GATHER_OCTETS` waiting nothing more is waited for."""
    apart = Apart()
    apart.take(1, bytes(GATHER_OCTETS - 1))
    assert apart.written == []
    apart.take(2)
    assert [seq for _, seq in apart.written] == [2]
    apart.answer()
    apart.take(3)
    assert len(apart.written) == 1


def test_a_store_that_writes_itself_is_given_all_at_once() -> None:
    """No process is woken there."""
    apart = Apart(apart=False)
    apart.take(1)
    apart.take(2)
    assert [seq for _, seq in apart.written] == [1, 2]
