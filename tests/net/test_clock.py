"""The clock: timers that come once, instants that never step back."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.selectreactor import SelectReactor
from twisted.internet.task import Clock as TaskClock

from papertrader.net import clock as clock_module
from papertrader.net.clock import Clock, TooManyTimersError, install_monotonic


def new_clock(wall_ns: int = 10**18) -> tuple[TaskClock, Clock]:
    reactor = TaskClock()
    reactor.advance(1_000_000)
    return reactor, Clock(reactor, lambda: wall_ns)


def test_a_timer_calls_once_with_its_arguments() -> None:
    """The call comes when its time has come, not before, and not again."""
    reactor, clock = new_clock()
    calls: list[tuple[int, str]] = []
    timer = clock.call_later(2, lambda number, text: calls.append((number, text)), 1, "a")
    reactor.advance(1.9)
    assert (calls, timer.active, clock.waiting) == ([], True, 1)
    reactor.advance(0.2)
    reactor.advance(10)
    assert (calls, timer.active, clock.waiting) == ([(1, "a")], False, 0)


def test_a_step_of_the_systems_clock_is_told_and_moves_nothing() -> None:
    """Wall time goes on from where it began; how far the system's has got away is known."""
    reactor, wall = TaskClock(), [10**18]
    clock = Clock(reactor, lambda: wall[0])
    reactor.advance(2)
    wall[0] += 2 * 10**9
    assert clock.stepped_ns() == 0
    before = clock.wall_ns()
    wall[0] -= 86_400 * 10**9
    assert (clock.stepped_ns(), clock.wall_ns()) == (-86_400 * 10**9, before)


def test_cancel_is_harmless_at_any_time() -> None:
    """A cancelled timer does not call; cancelling twice or after the call does nothing."""
    reactor, clock = new_clock()
    calls: list[str] = []
    early = clock.call_later(1, calls.append, "early")
    late = clock.call_later(2, calls.append, "late")
    late.cancel()
    late.cancel()
    reactor.advance(5)
    early.cancel()
    assert calls == ["early"]
    assert clock.waiting == 0
    assert reactor.getDelayedCalls() == []


def test_a_timer_may_set_the_next_and_cancel_itself() -> None:
    """Inside its own call a timer counts as done."""
    reactor, clock = new_clock()
    seen: list[int] = []

    def call() -> None:
        timer.cancel()
        seen.append(clock.waiting)
        if len(seen) < 3:
            clock.call_later(1, call)

    timer = clock.call_later(1, call)
    reactor.pump([1, 1, 1, 1])
    assert seen == [0, 0, 0]


def test_cancel_all_leaves_no_timer() -> None:
    """After cancel_all nothing comes, and the reactor holds no call of ours."""
    reactor, clock = new_clock()
    calls: list[int] = []
    for number in range(10):
        clock.call_later(number, calls.append, number)
    clock.cancel_all()
    reactor.advance(100)
    assert calls == []
    assert clock.waiting == 0
    assert reactor.getDelayedCalls() == []


def test_timers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """One timer more than the limit is refused; room made by a cancelled one is used again."""
    monkeypatch.setattr(clock_module, "TIMERS_MAX", 3)
    reactor, clock = new_clock()
    timers = [clock.call_later(1, list) for _ in range(3)]
    with pytest.raises(TooManyTimersError, match="3 timers"):
        clock.call_later(1, list)
    assert len(reactor.getDelayedCalls()) == 3
    timers[0].cancel()
    assert clock.call_later(1, list).active


def test_a_failing_call_does_not_stay_behind() -> None:
    """An error in the call reaches the reactor, and the timer is gone."""
    reactor, clock = new_clock()
    clock.call_later(1, lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        reactor.advance(1)
    assert clock.waiting == 0


def test_wall_time_runs_with_the_monotonic_clock() -> None:
    """The wall clock is read once; a later step of it changes nothing."""
    readings = [10**18, 5]
    reactor = TaskClock()
    clock = Clock(reactor, lambda: readings.pop(0))
    assert clock.wall_ns() == 10**18
    reactor.advance(2)
    assert clock.wall_ns() == 10**18 + 2_000_000_000
    assert clock.monotonic_ns() == 2_000_000_000
    assert readings == [5]


@given(st.lists(st.integers(0, 5), max_size=50))
def test_stamps_increase_strictly(steps_ns: list[int]) -> None:
    """No two stamps are equal, however little time passes; they follow the wall otherwise."""
    reactor, clock = new_clock()
    stamps = [clock.stamp_ns()]
    for step in steps_ns:
        reactor.advance(step / 10**9)
        stamps.append(clock.stamp_ns())
    assert all(later > earlier for earlier, later in pairwise(stamps))
    reactor.advance(1)
    assert clock.stamp_ns() == clock.wall_ns()


def test_install_monotonic_times_calls_by_the_monotonic_clock() -> None:
    """After it, a reactor's seconds are those of the monotonic clock."""
    reactor = SelectReactor()
    before = time.monotonic()
    install_monotonic(reactor)
    assert before <= reactor.seconds() <= time.monotonic()
    call = reactor.callLater(3600, list)
    assert before + 3600 <= call.getTime() <= time.monotonic() + 3600
    call.cancel()


def test_install_monotonic_comes_first() -> None:
    """A call that is timed by the wall clock already is an error."""
    reactor = SelectReactor()
    call = reactor.callLater(3600, list)
    with pytest.raises(RuntimeError, match="before the first timer"):
        install_monotonic(reactor)
    call.cancel()


def test_the_real_clock_is_today() -> None:
    """Without a wall clock given, the system's is read."""
    before = time.time_ns()
    assert before - 10**9 < Clock(TaskClock()).wall_ns() < time.time_ns() + 10**9


@given(
    lead=st.integers(-(10**15), 10**15),
    steps=st.lists(st.floats(0, 10_000, allow_nan=False), max_size=30),
)
def test_a_clock_that_is_ahead_rises_until_it_is_right(lead: int, steps: list[float]) -> None:
    """Later than the instant at once, never back, slower by one part in 32; timers do not care."""
    reactor, clock = new_clock()
    began, monotonic = clock.wall_ns(), clock.monotonic_ns()
    instant = began + lead
    ahead = clock.not_before(instant)
    assert ahead == max(0, lead + 1)
    last = clock.wall_ns()
    assert last > instant or lead < 0
    for seconds in steps:
        reactor.advance(seconds)
        now = clock.wall_ns()
        assert now >= last
        last = now
        run = clock.monotonic_ns() - monotonic
        assert clock.true_ns() == began + run
        assert abs(now - clock.true_ns() - max(0, ahead - run // clock_module.CATCHING_UP)) < 5_000
    assert clock.stepped_ns() == 10**18 - clock.true_ns()
