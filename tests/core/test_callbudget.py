"""The ledger of calls: no window of the provider ever counts more than it allows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from papertrader.core.callbudget import (
    COUNT_MAX,
    DAY_GRACE,
    GRACE,
    HOUR,
    CallBudget,
    ProviderLimits,
    unreserved,
)
from papertrader.core.instants import DAY, MILLISECOND, MINUTE, SECOND, from_datetime

NOON = from_datetime(datetime(2026, 1, 5, 12, tzinfo=UTC))
MIDNIGHT = NOON + DAY // 2


def spend(budget: CallBudget, at: int, calls: int, **options: Any) -> int:
    """Take one credit at a time; return how many were given."""
    return sum(budget.take(at, **options) for _ in range(calls))


def test_a_minute_leaves_the_reserve_to_people() -> None:
    """Of 60 a minute 54 are for the plan, and the last 6 for who may use the reserve."""
    budget = CallBudget(ProviderLimits(calls_per_minute=60))
    assert spend(budget, NOON, 100) == 54
    assert spend(budget, NOON, 100, reserve=True) == 6
    assert budget.spent(NOON) == {"minute": 60}
    free = budget.next_free(NOON)
    assert free == NOON + MINUTE + GRACE
    assert not budget.take(free - 1)
    assert budget.take(free)


def test_an_hour_and_a_minute_both_count() -> None:
    """The hour's limit holds after the minute has passed; spent() names both."""
    budget = CallBudget(ProviderLimits(calls_per_minute=30, calls_per_hour=40))
    assert spend(budget, NOON, 99, reserve=True) == 30
    later = NOON + 2 * MINUTE
    assert spend(budget, later, 99, reserve=True) == 10
    assert budget.spent(later) == {"minute": 10, "hour": 40}
    assert budget.next_free(later, reserve=True) == NOON + HOUR + GRACE


def test_a_day_ends_at_midnight_of_its_zone() -> None:
    """The day's credits come back at the provider's midnight, not at ours, and not a moment
    early."""
    limits = ProviderLimits(calls_per_day=10, day_zone="America/New_York")
    budget = CallBudget(limits)
    assert spend(budget, NOON, 20, reserve=True) == 10
    five = from_datetime(datetime(2026, 1, 6, 5, tzinfo=UTC))
    assert budget.day_end(NOON) == five
    assert budget.next_free(NOON) == five + DAY_GRACE
    assert not budget.take(five)
    assert budget.day_left(NOON) == 0
    assert budget.day_left(five + DAY_GRACE) == 10
    assert budget.take(five + DAY_GRACE)


def test_around_midnight_a_call_counts_for_both_days() -> None:
    """The provider's clock is not ours: what we send a second before midnight may be tomorrow's."""
    budget = CallBudget(ProviderLimits(calls_per_day=10))
    assert spend(budget, MIDNIGHT - SECOND, 20, reserve=True) == 10
    assert spend(budget, MIDNIGHT + DAY_GRACE, 20, reserve=True) == 0
    assert budget.next_free(MIDNIGHT + DAY_GRACE) == MIDNIGHT + DAY + DAY_GRACE


def test_a_penalty_blocks_everything() -> None:
    """After "too many requests" nothing is asked until the time that was told; a shorter penalty
    does not shorten it."""
    budget = CallBudget(ProviderLimits(calls_per_minute=60))
    budget.penalize(NOON + 30 * SECOND)
    budget.penalize(NOON + 10 * SECOND)
    assert not budget.take(NOON, reserve=True)
    assert budget.next_free(NOON) == budget.blocked_until == NOON + 30 * SECOND
    assert budget.take(NOON + 30 * SECOND)


def test_spacing_keeps_calls_apart() -> None:
    """A provider of one call a second gets one a second."""
    budget = CallBudget(ProviderLimits(calls_per_minute=60, spacing_ms=1_000))
    assert spend(budget, NOON, 3) == 1
    assert budget.next_free(NOON) == NOON + SECOND
    assert budget.take(NOON + SECOND)


def test_state_survives_a_restart() -> None:
    """What was spent, and until when nothing may be asked, is the same after export and restore;
    a limit that is new counts what the longest of the others remembers."""
    limits = ProviderLimits(calls_per_minute=5, calls_per_day=20)
    budget = CallBudget(limits)
    spend(budget, NOON, 5, reserve=True)
    budget.penalize(NOON + 5 * SECOND)
    again = CallBudget(limits, budget.export())
    assert again.export() == budget.export()
    assert again.next_free(NOON, reserve=True) == NOON + MINUTE + GRACE
    assert again.day_left(NOON) == 15
    wider = ProviderLimits(calls_per_minute=5, calls_per_hour=50)
    assert CallBudget(wider, budget.export()).spent(NOON) == {"minute": 5, "hour": 5}


@pytest.mark.parametrize("state", ["x", "[]", "{}", '{"windows":{"a":[]}}', '{"windows":[]}'])
def test_an_unreadable_state_is_refused(state: str) -> None:
    """It is not taken for "nothing spent"."""
    with pytest.raises(ValueError, match="cannot be read"):
        CallBudget(ProviderLimits(calls_per_minute=5), state)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"calls_per_minute": -1}, "calls_per_minute must be 0 to"),
        ({"calls_per_day": COUNT_MAX + 1}, "calls_per_day must be 0 to"),
        ({"symbols_per_call": 0}, "symbols_per_call must be 1 to"),
        ({"call_cost": 0}, "must cost something"),
        ({"call_cost": 9, "calls_per_minute": 8}, "costs 9 credits, but only 8"),
        ({"day_zone": "Mars/Olympus"}, "no time zone 'Mars/Olympus'"),
    ],
)
def test_limits_that_make_no_sense(values: dict[str, Any], says: str) -> None:
    """Each is refused with what is wrong."""
    with pytest.raises(ValueError, match=says):
        ProviderLimits(**values)


def test_a_call_that_can_never_be_made_is_an_error() -> None:
    """More credits than the limit would be waited for for ever."""
    budget = CallBudget(ProviderLimits(calls_per_minute=8, call_cost=0, symbol_cost=1))
    with pytest.raises(ValueError, match="can never be made: the limit is 8"):
        budget.take(NOON, 9)
    assert budget.take(NOON, 8)


def test_packing() -> None:
    """Calls and credits of many symbols: by batches, or by symbols as the provider counts; a batch
    never costs more than a window gives without its reserve."""
    batched = ProviderLimits(calls_per_minute=200, symbols_per_call=200)
    assert (batched.calls(500), batched.cost_of_all(500)) == (3, 3)
    metered = ProviderLimits(calls_per_minute=8, symbols_per_call=120, call_cost=0, symbol_cost=1)
    assert metered.batch_max() == unreserved(8) == 7
    assert (metered.calls(20), metered.cost_of_all(20)) == (3, 20)
    assert ProviderLimits(symbol_cost=1, call_cost=0, calls_per_minute=1).batch_max() == 1


@settings(max_examples=60, deadline=None)
@given(
    limits=st.builds(
        ProviderLimits,
        calls_per_minute=st.integers(3, 30),
        calls_per_hour=st.sampled_from([0, 40, 200]),
        calls_per_day=st.sampled_from([0, 20, 100]),
    ),
    steps=st.lists(
        st.tuples(st.integers(0, 90_000), st.integers(1, 3), st.booleans(), st.integers(0, 10)),
        max_size=150,
    ),
)
def test_no_window_is_ever_exceeded(
    limits: ProviderLimits, steps: list[tuple[int, int, bool, int]]
) -> None:
    """Whatever is asked when, with restarts in between: every rolling minute and hour and every
    day of the provider counts at most its limit, even if calls arrive up to half a second late;
    and `next_free` is exact."""
    budget = CallBudget(limits)
    now = MIDNIGHT - 20 * MINUTE
    sent: list[tuple[int, int]] = []
    for wait_ms, calls, reserve, chance in steps:
        now += wait_ms * MILLISECOND
        free = budget.next_free(now, calls, reserve=reserve)
        taken = budget.take(now, calls, reserve=reserve)
        assert taken == (free == now)
        if not taken:
            assert not budget.take(free - 1, calls, reserve=reserve)
        if taken:
            sent.append((now + chance * 50 * MILLISECOND - 1, calls))
        if chance == 0:
            budget = CallBudget(limits, budget.export())
    for length, limit in limits.windows():
        for at, _ in sent:
            assert sum(calls for then, calls in sent if at - length < then <= at) <= limit
    if limits.calls_per_day:
        for first, last in ((0, MIDNIGHT), (MIDNIGHT, MIDNIGHT + DAY)):
            spent = sum(calls for then, calls in sent if first <= then < last)
            assert spent <= limits.calls_per_day
