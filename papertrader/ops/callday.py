"""A simulated day of a user base against a provider's limits: the proof of a plan.

Users connect, watch, hold, and place orders; the symbols' classes follow. The calls are made by
the same `PollQueue` and `CallBudget` that a live market uses. The provider here counts for itself,
when each call *arrives*: by the clock's minute and hour, by every rolling one, and by its day.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Callable, Sequence
from functools import partial
from heapq import heappop, heappush
from itertools import accumulate, count
from random import Random
from typing import Final

import attrs

from papertrader.core.callbudget import HOUR, CallBudget, ProviderLimits
from papertrader.core.callplan import CallPlan, SymbolClass, plan_calls
from papertrader.core.instants import DAY, MILLISECOND, MINUTE, SECOND
from papertrader.core.pollqueue import PollQueue

START: Final = 20_423 * DAY + 14 * HOUR + 30 * MINUTE
"""When a day that is not open round the clock begins: 14:30 UTC, as in New York in winter."""
USERS_MAX: Final = 100_000
SYMBOLS_MAX: Final = 20_000
REPLAN: Final = MINUTE
CALLS_AT_ONCE_MAX: Final = 64
LATENCY_MS: Final = (40, 400)
"""How long a call is under way; a third of it to the provider."""
ORDERS_PER_USER: Final = 3
MARKET_SHARE: Final = 0.6
"""Part of the orders that is done at the next quote; the others stay open for a time."""
LIMIT_MEAN_S: Final = 3_600
CONNECTED_S: Final = (1_200, 10_800)
POSITIONS_OF_USER: Final = (1, 5)
WATCHED_BY_USER: Final = (1, 8)


@attrs.define(kw_only=True)
class ClassDay:
    """What a class saw. ``late``: answers after the promised age; ``worst_permille``: the largest
    age in thousandths of what was promised for it."""

    answers: int = 0
    late: int = 0
    age_max_ms: int = 0
    worst_permille: int = 0
    promised_ms: int = 0
    """The largest promise of the day."""


@attrs.frozen(kw_only=True)
class DayReport:
    """What came of the day. ``breaches``: calls that the provider would have refused."""

    symbols: int
    users: int
    orders: int
    open_s: int
    calls: int
    credits: int
    breaches: int
    minute_peak: int
    """The most credits that the provider saw in any rolling minute."""
    classes: dict[SymbolClass, ClassDay]
    wait_mean_ms: int
    """From a market order to the quote that fills it."""
    wait_max_ms: int

    @property
    def late(self) -> int:
        """Return how many quotes came after the promised age."""
        return sum(each.late for each in self.classes.values())


def simulate_day(
    limits: ProviderLimits,
    *,
    symbols: int,
    users: int,
    open_s: int,
    seed: int,
    interval_ms: int = 0,
) -> DayReport:
    """Simulate a day (see the module). The same arguments give the same day.

    Raises `ValueError` for numbers out of range.
    """
    if not (1 <= symbols <= SYMBOLS_MAX and 0 <= users <= USERS_MAX):
        raise ValueError(
            f"a day is simulated with 1 to {SYMBOLS_MAX:,} symbols and up to {USERS_MAX:,} users"
        )
    if not 60 <= open_s <= 86_400:
        raise ValueError("the market must be open 60 to 86,400 seconds")
    start = START if open_s < 9 * 3_600 else START // DAY * DAY
    return _Day(limits, symbols, users, start, open_s, Random(seed), interval_ms).run()


class _Provider:
    """Counts what arrives, strictly."""

    def __init__(self, limits: ProviderLimits) -> None:
        self._limits = limits
        self._rolling = [(*window, deque[tuple[int, int]]()) for window in limits.windows()]
        self._sums = [0 for _ in self._rolling]
        self._fixed: Counter[tuple[int, int]] = Counter()
        self.breaches = 0
        self.minute_peak = 0

    def arrived(self, at: int, cost: int) -> None:
        breached = False
        for number, (length, limit, seen) in enumerate(self._rolling):
            seen.append((at, cost))
            self._sums[number] += cost
            while seen[0][0] <= at - length:
                self._sums[number] -= seen.popleft()[1]
            self._fixed[length, at // length] += cost
            breached |= max(self._sums[number], self._fixed[length, at // length]) > limit
            if length == MINUTE:
                self.minute_peak = max(self.minute_peak, self._sums[number])
        if self._limits.calls_per_day:
            # The simulated providers' day is that of UTC.
            self._fixed[DAY, at // DAY] += cost
            breached |= self._fixed[DAY, at // DAY] > self._limits.calls_per_day
        self.breaches += breached


@attrs.define
class _Wanted:
    """Why a symbol is wanted, and what is promised for the quote that comes next."""

    orders: int = 0
    holders: int = 0
    watchers: int = 0
    since: int = 0
    promise: int = 0
    waiting: list[int] = attrs.Factory(list)
    """When the market orders came that wait for its next quote."""

    def symbol_class(self) -> SymbolClass:
        if self.orders or self.waiting:
            return SymbolClass.ORDERS
        if self.holders:
            return SymbolClass.POSITIONS
        return SymbolClass.WATCHED if self.watchers else SymbolClass.REST


class _Day:
    def __init__(
        self,
        limits: ProviderLimits,
        symbols: int,
        users: int,
        start: int,
        open_s: int,
        rng: Random,
        interval_ms: int,
    ) -> None:
        self._limits = limits
        self._users = users
        self._start = start
        self._end = start + open_s * SECOND
        self._open_s = open_s
        self._rng = rng
        self._interval_ms = interval_ms
        self._budget = CallBudget(limits)
        self._queue = PollQueue(self._budget)
        self._provider = _Provider(limits)
        self._names = [f"S{number:05}" for number in range(symbols)]
        # Few symbols are popular: the share of the n-th falls as 1 / (n + 5).
        self._popularity = list(accumulate(1 / (number + 5) for number in range(symbols)))
        self._wanted = {name: _Wanted(since=start) for name in self._names}
        self._classes = {of: ClassDay() for of in SymbolClass}
        self._plan = self._planned(start)
        self._wakes_at = self._end
        self._waits: list[int] = []
        self._orders = self._calls = self._credits = 0
        self._events: list[tuple[int, int, Callable[[int], None]]] = []
        self._numbers = count()

    def run(self) -> DayReport:
        self._people()
        for name in self._names:
            self._queue.follow(name, self._wanted[name].symbol_class(), self._start)
        self._replan(self._start)
        self._at(self._start, self._call)
        while self._events:
            now, _, happen = heappop(self._events)
            happen(now)
        return DayReport(
            symbols=len(self._names),
            users=self._users,
            orders=self._orders,
            open_s=self._open_s,
            calls=self._calls,
            credits=self._credits,
            breaches=self._provider.breaches,
            minute_peak=self._provider.minute_peak,
            classes=self._classes,
            wait_mean_ms=sum(self._waits) // max(len(self._waits), 1) // MILLISECOND,
            wait_max_ms=max(self._waits, default=0) // MILLISECOND,
        )

    def _at(self, instant: int, happen: Callable[[int], None]) -> None:
        heappush(self._events, (instant, next(self._numbers), happen))

    # --- the people ----------------------------------------------------------------------------

    def _people(self) -> None:
        """Decide what every user holds, and when each connects and orders."""
        for _ in range(self._users):
            for _ in range(self._rng.randint(*POSITIONS_OF_USER)):
                self._wanted[self._symbol()].holders += 1
            watched = [self._symbol() for _ in range(self._rng.randint(*WATCHED_BY_USER))]
            comes = self._moment()
            leaves = comes + self._rng.randint(*CONNECTED_S) * SECOND
            self._at(comes, partial(self._watch, watched, 1))
            self._at(leaves, partial(self._watch, watched, -1))
            for _ in range(ORDERS_PER_USER):
                self._at(self._moment(), partial(self._order, self._symbol()))

    def _symbol(self) -> str:
        place = self._rng.random() * self._popularity[-1]
        return self._names[bisect_right(self._popularity, place)]

    def _moment(self) -> int:
        return self._start + self._rng.randrange(self._open_s * 1_000) * MILLISECOND

    def _watch(self, symbols: Sequence[str], more: int, now: int) -> None:
        for name in symbols:
            before = self._wanted[name].symbol_class()
            self._wanted[name].watchers += more
            self._changed(name, before, now)

    def _order(self, name: str, now: int) -> None:
        wanted = self._wanted[name]
        before = wanted.symbol_class()
        self._orders += 1
        if self._rng.random() < MARKET_SHARE:
            wanted.waiting.append(now)
            self._changed(name, before, now, urgent=True)
            return
        wanted.orders += 1
        self._changed(name, before, now)
        open_for = int(self._rng.expovariate(1 / LIMIT_MEAN_S) * SECOND)
        self._at(now + open_for, partial(self._order_ends, name))

    def _order_ends(self, name: str, now: int) -> None:
        before = self._wanted[name].symbol_class()
        self._wanted[name].orders -= 1
        self._changed(name, before, now)

    def _changed(self, name: str, before: SymbolClass, now: int, *, urgent: bool = False) -> None:
        wanted = self._wanted[name]
        after = wanted.symbol_class()
        if after is before and not urgent:
            return
        if after < before:
            # What is promised to the new class is promised from now on.
            wanted.since, wanted.promise = now, 0
        wanted.promise = max(wanted.promise, self._promise(after))
        self._queue.follow(name, after, now, urgent=urgent)
        if urgent:
            self._call(now)

    # --- the calls -----------------------------------------------------------------------------

    def _promise(self, of: SymbolClass) -> int:
        """Return what the plan in force promises a class, in nanoseconds."""
        return self._plan.of(of).age_max_ms * MILLISECOND

    def _planned(self, now: int) -> CallPlan:
        return plan_calls(
            self._limits,
            self._queue.demand(),
            open_s=max(1, (self._end - now) // SECOND),
            interval_ms=self._interval_ms,
            day_left=self._budget.day_left(now),
            extra_rate=self._queue.extra_rate(now),
        )

    def _replan(self, now: int) -> None:
        if now >= self._end:
            return
        self._plan = self._planned(now)
        self._queue.replan(self._plan, now)
        for wanted in self._wanted.values():
            wanted.promise = max(wanted.promise, self._promise(wanted.symbol_class()))
        self._at(now + REPLAN, self._replan)

    def _call(self, now: int) -> None:
        if now >= self._end:
            return
        if self._wakes_at <= now:
            self._wakes_at = self._end
        for _ in range(CALLS_AT_ONCE_MAX):
            batch = self._queue.next_batch(now)
            if not batch:
                break
            cost = self._limits.cost(len(batch))
            self._calls += 1
            self._credits += cost
            took = self._rng.randint(*LATENCY_MS) * MILLISECOND
            self._at(now + took // 3, partial(self._arrived, cost))
            self._at(now + took, partial(self._answered, batch))
        wake_at = self._queue.wake_at(now)
        if wake_at < self._wakes_at:
            self._wakes_at = wake_at
            self._at(wake_at, self._call)

    def _arrived(self, cost: int, now: int) -> None:
        self._provider.arrived(now, cost)

    def _answered(self, batch: Sequence[str], now: int) -> None:
        self._queue.answered(batch, now)
        for name in batch:
            wanted = self._wanted[name]
            before = wanted.symbol_class()
            self._judge(before, now - wanted.since, wanted.promise)
            self._waits += [now - then for then in wanted.waiting]
            wanted.waiting.clear()
            wanted.since, wanted.promise = now, 0
            wanted.promise = self._promise(wanted.symbol_class())
            self._changed(name, before, now)
        self._call(now)

    def _judge(self, of: SymbolClass, age: int, promise: int) -> None:
        seen = self._classes[of]
        seen.answers += 1
        seen.age_max_ms = max(seen.age_max_ms, age // MILLISECOND)
        seen.promised_ms = max(seen.promised_ms, promise // MILLISECOND)
        seen.worst_permille = max(seen.worst_permille, age * 1_000 // max(promise, 1))
        seen.late += age > promise
