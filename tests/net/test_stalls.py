"""The reactor's stalls are measured by a tick that comes late, and kept in fixed buckets."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock as FakeReactor

from papertrader.core.instants import MILLISECOND
from papertrader.net.clock import Clock
from papertrader.net.stalls import BOUNDS_MS, TICK_S, StallWatch


def watch() -> tuple[FakeReactor, StallWatch]:
    """Return a reactor whose time is set by hand, and a watch that runs on it."""
    reactor = FakeReactor()
    found = StallWatch(Clock(reactor, lambda: 0))
    found.start()
    return reactor, found


def test_ticks_in_time_fill_the_first_bucket() -> None:
    """A reactor that is never held up has only ticks in time."""
    reactor, stalls = watch()
    for _ in range(100):
        reactor.advance(TICK_S)
    assert stalls.ticks == stalls.counts[0] == 100
    assert stalls.longest_ns < MILLISECOND


@pytest.mark.parametrize("held_ms", [3, 45, 60, 150, 5_000])
def test_a_turn_that_lasts_is_measured(held_ms: int) -> None:
    """The longest stall is what the tick was late, and its bucket is the one with that bound."""
    reactor, stalls = watch()
    reactor.advance(TICK_S + held_ms / 1_000)
    assert stalls.longest_ns == pytest.approx(held_ms * MILLISECOND, abs=1_000)
    place = stalls.counts.index(1)
    above = BOUNDS_MS[place] if place < len(BOUNDS_MS) else float("inf")
    below = BOUNDS_MS[place - 1] if place else 0
    assert below < held_ms <= above
    assert stalls.ticks == 1


def test_the_counts_never_grow_in_number() -> None:
    """However long it runs there are as many figures, with names that an operator's row holds."""
    reactor, stalls = watch()
    before = len(list(stalls.figures()))
    for turn in range(200):
        reactor.advance(TICK_S + turn / 100)
    assert len(list(stalls.figures())) == before == len(BOUNDS_MS) + 2
    assert all(len(name) <= 24 for name, _ in stalls.figures())
    assert dict(stalls.figures())["stall_longest_us"] == stalls.longest_ns // 1_000
    assert "longest 1990.0 ms of 200 ticks" in str(stalls)


def test_a_stopped_watch_leaves_no_timer() -> None:
    """After the stop nothing ticks, and what was counted is still there."""
    reactor, stalls = watch()
    reactor.advance(TICK_S)
    stalls.stop()
    stalls.stop()
    assert reactor.getDelayedCalls() == []
    assert stalls.ticks == 1
