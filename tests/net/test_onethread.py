"""One thread: things in their order, results in the reactor's thread, an end that waits."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads

from papertrader.net import onethread
from papertrader.net.onethread import OneThread, TooManyJobsError

WAIT_S = 60.0


class Reactor:
    """Keeps what a thread wants called, until it is worked off here."""

    def __init__(self) -> None:
        self.calls: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()

    def callFromThread(self, function: Callable[..., object], *arguments: Any) -> None:
        self.calls.put(lambda: function(*arguments))

    def wait(self, *results: Deferred[Any]) -> list[Any]:
        """Work off calls until all of these have fired; return what with."""
        fired: list[Any] = []
        for each in results:
            each.addBoth(fired.append)
        while len(fired) < len(results):
            self.calls.get(timeout=WAIT_S)()
        return fired


@pytest.fixture
def reactor() -> Reactor:
    """A reactor of which only the calls from threads are there."""
    return Reactor()


@pytest.fixture
def thread(reactor: Reactor) -> Iterator[OneThread]:
    """A thread that has not begun."""
    made = OneThread(cast("IReactorFromThreads", reactor), "one")
    yield made
    made.stop()


def test_one_thing_after_the_other_with_the_results_brought_back(
    reactor: Reactor, thread: OneThread
) -> None:
    """What was asked before the start comes first; nothing fires but in the reactor's thread."""
    seen: list[tuple[int, str]] = []

    def note(number: int) -> int:
        seen.append((number, threading.current_thread().name))
        return -number

    results = [thread.run(note, number) for number in range(3)]
    assert not seen
    thread.start()
    results += [thread.run(note, number) for number in range(3, 50)]
    assert not any(each.called for each in results)
    assert reactor.wait(*results) == [-number for number in range(50)]
    assert seen == [(number, "one") for number in range(50)]


def test_what_fails_is_told_and_the_thread_goes_on(reactor: Reactor, thread: OneThread) -> None:
    """Any exception, also one that would end a program."""

    def fail(error: BaseException) -> None:
        raise error

    thread.start()
    errors = (ValueError("bad"), SystemExit(3), KeyboardInterrupt())
    results = [thread.run(fail, error) for error in errors]
    assert [each.value for each in reactor.wait(*results)] == list(errors)
    assert reactor.wait(thread.run(int, "7")) == [7]


def test_to_stop_waits_for_what_was_asked(reactor: Reactor, thread: OneThread) -> None:
    """All of it is done; what is asked later never is. To stop again does nothing."""
    done: list[int] = []
    thread.start()
    for number in range(20):
        thread.run(done.append, number)
    thread.stop()
    assert done == list(range(20))
    late = thread.run(done.append, 20)
    thread.stop()
    assert (len(done), late.called) == (20, False)


def test_what_waits_is_bounded(
    reactor: Reactor, thread: OneThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One more fails at once; nothing that was taken is lost."""
    monkeypatch.setattr(onethread, "JOBS_MAX", 5)
    taken = [thread.run(int, number) for number in range(5)]
    (failure,) = reactor.wait(thread.run(int, 5))
    failure.trap(TooManyJobsError)
    thread.start()
    assert reactor.wait(*taken) == [0, 1, 2, 3, 4]
