"""What is given up under load, and when."""

from __future__ import annotations

from papertrader.core.instants import MILLISECOND
from papertrader.core.shedding import INTERVAL, TARGET, Shedding, Work

LATE = TARGET + 1


def test_a_burst_is_worked_off_and_not_refused() -> None:
    """Late for less than the interval, or in time once within it: nothing is refused."""
    shedding = Shedding()
    for at in range(1, 50):
        shedding.waited(LATE, at * 10 * MILLISECOND)
    assert shedding.level == 0
    for at in range(50, 200):
        shedding.waited(TARGET if at % 40 == 0 else LATE, at * 10 * MILLISECOND)
    assert shedding.level == 0


def test_one_kind_more_in_each_interval_and_one_less_afterwards() -> None:
    """From history upward; what is kept is never refused; all is well soon after the load."""
    shedding = Shedding()
    seen = []
    for step in range(1, 1_000):
        shedding.waited(LATE, step * 10 * MILLISECOND)
        if shedding.level not in seen:
            seen.append(shedding.level)
    assert seen == [0, 1, 2, 3, 4]
    assert shedding.refuses(Work.ORDER)
    assert not shedding.refuses(Work.KEPT)
    begun = now = 1_000 * 10 * MILLISECOND
    while shedding.level:
        now += MILLISECOND
        shedding.waited(0, now)
    assert now - begun <= 4 * INTERVAL + 10 * MILLISECOND


def test_a_lull_after_the_load_is_the_end_of_it() -> None:
    """The first to come when nothing has for seconds is refused nothing, whatever it asks for."""
    shedding = Shedding()
    for step in range(1, 1_000):
        shedding.waited(LATE, step * 10 * MILLISECOND)
    assert shedding.level == Work.ORDER
    shedding.waited(0, 1_000 * 10 * MILLISECOND + 4 * INTERVAL)
    assert shedding.level == 0
