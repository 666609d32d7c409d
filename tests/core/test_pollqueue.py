"""Which symbols are asked next: by class, paid for, in batches, urgent ones at once."""

from __future__ import annotations

import itertools

import pytest

from papertrader.core import pollqueue
from papertrader.core.callbudget import HOUR, CallBudget, ProviderLimits
from papertrader.core.callplan import Demand, SymbolClass, plan_calls
from papertrader.core.instants import MILLISECOND, MINUTE, SECOND
from papertrader.core.pollqueue import IDLE, PollQueue

NOW = 20_000 * 24 * HOUR + 15 * HOUR
ORDERS, POSITIONS, WATCHED, REST = SymbolClass


def queue_of(limits: ProviderLimits, **classes: list[str]) -> PollQueue:
    """Return a queue that follows symbols, by the name of their class, with a plan for them."""
    queue = PollQueue(CallBudget(limits))
    for name, symbols in classes.items():
        for symbol in symbols:
            queue.follow(symbol, SymbolClass[name.upper()], NOW)
    queue.replan(plan_calls(limits, queue.demand(), open_s=23_400), NOW)
    return queue


def names(count: int) -> list[str]:
    """Return that many symbols."""
    return [f"S{number:03}" for number in range(count)]


def asked(queue: PollQueue, until: int, since: int = NOW) -> list[tuple[int, tuple[str, ...]]]:
    """Let time pass to ``until``, each call answered after 100 ms; return the calls."""
    calls = []
    now = since
    for _ in range(100_000):
        batch = queue.next_batch(now)
        if batch:
            calls.append((now, batch))
            queue.answered(batch, now + 100 * MILLISECOND)
            continue
        now = queue.wake_at(now)
        if now >= until:
            return calls
    raise AssertionError("the queue never comes to rest")


def test_all_symbols_are_asked_once_an_interval() -> None:
    """20 symbols of one class, one a call: each comes again after its interval, none sooner, and
    the calls are spread out."""
    limits = ProviderLimits(calls_per_minute=60)
    queue = queue_of(limits, watched=names(20))
    interval = plan_calls(limits, Demand(watched=20), open_s=23_400).of(WATCHED).interval_ms
    calls = asked(queue, NOW + 10 * MINUTE)
    for symbol in names(20):
        times = [at for at, batch in calls if symbol in batch]
        gaps = {(b - a) // MILLISECOND for a, b in itertools.pairwise(times)}
        assert len(times) >= 600_000 // interval - 1
        assert max(gaps) <= interval * 12 // 10
        assert min(gaps) >= interval * 8 // 10
    assert all(b - a >= SECOND for (a, _), (b, _) in itertools.pairwise(calls))


def test_a_call_takes_along_what_costs_nothing_more() -> None:
    """30 symbols of three classes fit in one call: one call an interval of the most urgent."""
    limits = ProviderLimits(calls_per_minute=200, symbols_per_call=50)
    queue = queue_of(limits, orders=names(30)[:10], positions=names(30)[10:20], rest=names(30)[20:])
    calls = asked(queue, NOW + MINUTE)
    assert all(set(batch) == set(names(30)) for _, batch in calls)
    assert 11 <= len(calls) <= 13


def test_who_pays_by_symbol_asks_only_what_is_due() -> None:
    """Symbols that are not due are not taken along, and a call fits into the limit."""
    limits = ProviderLimits(calls_per_minute=8, call_cost=0, symbol_cost=1, symbols_per_call=50)
    queue = queue_of(limits, watched=names(40))
    calls = asked(queue, NOW + 30 * MINUTE)
    assert all(1 <= len(batch) <= limits.batch_max() for _, batch in calls)
    assert {symbol for _, batch in calls for symbol in batch} == set(names(40))
    sent = sum(len(batch) for _, batch in calls)
    assert 180 <= sent <= 220


def test_the_more_urgent_class_goes_first() -> None:
    """When everything is overdue, open orders are asked before positions, these before the rest."""
    limits = ProviderLimits(calls_per_minute=60)
    queue = queue_of(limits, rest=["R"], watched=["W"], positions=["P"], orders=["O"])
    late = NOW + 24 * HOUR
    order = []
    for step in range(4):
        (symbol,) = queue.next_batch(late + step * 2 * SECOND)
        order.append(symbol)
    assert order == ["O", "P", "W", "R"]


def test_an_urgent_symbol_is_asked_at_once() -> None:
    """Beside the pace of the plan and from the reserve; not more of them than their share."""
    limits = ProviderLimits(calls_per_minute=60)
    queue = queue_of(limits, watched=names(100))
    calls = asked(queue, NOW + 5 * MINUTE)
    now = calls[-1][0] + MILLISECOND
    assert queue.next_batch(now) == ()
    queue.follow("S007", ORDERS, now, urgent=True)
    assert queue.next_batch(now) == ("S007",)
    for symbol in names(40)[10:]:
        queue.follow(symbol, ORDERS, now, urgent=True)
    burst = 0
    while queue.next_batch(now):
        burst += 1
    assert 2 <= burst <= 6
    assert queue.extra_rate(now) == 0
    assert queue.extra_rate(now + MINUTE) == 0
    assert queue.next_batch(now + MINUTE)
    assert queue.extra_rate(now + 2 * MINUTE) > 0


def test_a_symbol_that_becomes_less_urgent_is_not_asked_for_nothing() -> None:
    """Its last quote is good for the longer interval."""
    limits = ProviderLimits(calls_per_minute=60)
    queue = queue_of(limits, watched=names(100))
    queue.follow("S001", ORDERS, NOW, urgent=True)
    (symbol,) = queue.next_batch(NOW)
    queue.answered((symbol,), NOW)
    queue.follow(symbol, WATCHED, NOW + SECOND)
    wait = plan_calls(limits, Demand(watched=100), open_s=23_400).of(WATCHED).interval_ms
    calls = asked(queue, NOW + (wait - 1_000) * MILLISECOND)
    assert all(symbol not in batch for _, batch in calls)


def test_dropped_symbols_are_not_asked() -> None:
    """A dropped symbol never comes, urgent or not; an answer that comes late does no harm."""
    queue = queue_of(ProviderLimits(calls_per_minute=60), watched=names(3))
    queue.follow("S000", ORDERS, NOW, urgent=True)
    (first,) = queue.next_batch(NOW)
    queue.follow("S001", ORDERS, NOW, urgent=True)
    for symbol in names(3):
        queue.drop(symbol)
    queue.drop("S000")
    queue.answered((first,), NOW)
    queue.failed((first,), NOW)
    assert len(queue) == 0
    assert queue.next_batch(NOW + HOUR) == ()
    assert queue.wake_at(NOW) == NOW + IDLE


def test_a_failed_call_is_made_again_when_told() -> None:
    """Not before; and a symbol under way is not asked twice."""
    queue = queue_of(ProviderLimits(calls_per_minute=60))
    queue.follow("S000", ORDERS, NOW, urgent=True)
    batch = queue.next_batch(NOW)
    queue.follow("S000", ORDERS, NOW, urgent=True)
    assert queue.next_batch(NOW) == ()
    queue.failed(batch, NOW + 7 * SECOND)
    assert queue.next_batch(NOW + 6 * SECOND) == ()
    assert queue.wake_at(NOW + 6 * SECOND) == NOW + 7 * SECOND
    assert queue.next_batch(NOW + 7 * SECOND) == ("S000",)


def test_a_penalty_holds_urgent_calls_too() -> None:
    """The provider said wait; the queue wakes when that is over, and nothing was lost."""
    limits = ProviderLimits(calls_per_minute=60)
    budget = CallBudget(limits)
    queue = PollQueue(budget)
    queue.follow("S000", ORDERS, NOW, urgent=True)
    budget.penalize(NOW + 20 * SECOND)
    assert queue.next_batch(NOW) == ()
    assert queue.wake_at(NOW) == NOW + 20 * SECOND
    assert queue.next_batch(NOW + 20 * SECOND) == ("S000",)


def test_a_shorter_plan_brings_symbols_forward_without_a_burst() -> None:
    """The interval falls from an hour to a minute: all come within it, spread out."""
    limits = ProviderLimits(calls_per_minute=60)
    queue = queue_of(limits, watched=names(20))
    slow = plan_calls(limits, Demand(watched=20), open_s=23_400, interval_ms=900_000)
    queue = PollQueue(CallBudget(limits))
    queue.replan(slow, NOW)
    for symbol in names(20):
        queue.follow(symbol, WATCHED, NOW)
    assert len(asked(queue, NOW + 5 * MINUTE)) <= 4
    now = NOW + 5 * MINUTE
    queue.replan(plan_calls(limits, queue.demand(), open_s=23_400), now)
    calls = asked(queue, now + 30 * SECOND, now)
    assert {symbol for _, batch in calls for symbol in batch} >= set(names(20)[1:])


def test_too_many_symbols_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do; those that are followed may still change their class."""
    monkeypatch.setattr(pollqueue, "SYMBOLS_MAX", 2)
    queue = queue_of(ProviderLimits(calls_per_minute=60), watched=["A", "B"])
    with pytest.raises(ValueError, match="shorten the list of assets"):
        queue.follow("C", WATCHED, NOW)
    queue.follow("A", ORDERS, NOW)
    assert queue.demand() == Demand(orders=1, watched=1)
