"""The plan of the stock data update interval: what a provider's limits can hold for a user base.

Symbols are in classes. Each class is asked once an interval, in as few calls as can be; the
intervals share out the credits of the tightest limit by the classes' weights. A limit of a day is
spread over the seconds the market is open, not over the night. With credits per second ``r``, cost
``c_k`` of asking class k once and weight ``w_k``: ``base = sum(w_k c_k) / r`` and
``interval_k = max(floor, base / w_k)``; what a class at its floor leaves goes to the others.
Symbols that nobody needs get one round a session, and more only if credits are left over.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

import attrs

from papertrader.core.callbudget import (
    COUNT_MAX,
    GRACE,
    RESERVE_PERMILLE,
    SLOTS,
    ProviderLimits,
    unreserved,
)
from papertrader.core.instants import MILLISECOND, MINUTE


class SymbolClass(IntEnum):
    """Why a symbol's quote is wanted: the lower, the more urgent."""

    ORDERS = 0
    POSITIONS = 1
    WATCHED = 2
    REST = 3


WEIGHTS: Final[Mapping[SymbolClass, int]] = {
    SymbolClass.ORDERS: 4,
    SymbolClass.POSITIONS: 2,
    SymbolClass.WATCHED: 1,
}
"""How often a class is asked, relative to the others. The rest has no weight: it gets a round."""
PLANNED_PERMILLE: Final = 800
"""Of each limit this much is planned with; what is above makes up for retries and lateness."""
PACED_PERMILLE: Final = 900
"""Calls of the plan are spread out to at most this much of a rolling limit: so rounds that came
late are made up for, and bursts never fill a window."""
EXTRA_PERMILLE: Final = 800
"""At most this much of what is planned is set aside for symbols somebody begins to wait for."""
REST_PERMILLE: Final = 250
"""The round of the rest takes at most this much of what is planned while others are waiting."""
FLOOR_MS: Final = 5_000
"""No class is asked more often than this, however much the provider allows."""
REST_FLOOR_MS: Final = 60_000
"""The same for the rest."""
ORDERS_AGE_MS: Final = 60_000
"""A plan holds when no quote that an open order waits for gets older than this."""
ANSWER_MS: Final = 5_000
"""An answer of the provider is waited for at most this long; it counts in the promised age."""
LATE_PERMILLE: Final = 200
"""Part of the interval by which a round may come late; it counts in the promised age."""
SYMBOLS_MAX: Final = 1_000_000
"""The largest class that is planned for."""
INTERVAL_MS_MAX: Final = 366 * 86_400_000
"""The longest interval: about a year. What comes out longer is cut to it."""

UNIT: Final = 1_000_000_000
"""Rates are in this part of a credit per second: nanocredits, so that they are integers."""
UNLIMITED: Final = COUNT_MAX * UNIT
"""The rate where nothing is limited."""


@attrs.frozen(kw_only=True)
class Demand:
    """How many symbols are in each class. Raises `ValueError` outside 0..`SYMBOLS_MAX`."""

    orders: int = 0
    positions: int = 0
    watched: int = 0
    rest: int = 0

    def __attrs_post_init__(self) -> None:
        for count in self.counts().values():
            if not 0 <= count <= SYMBOLS_MAX:
                raise ValueError(f"a class holds 0 to {SYMBOLS_MAX:,} symbols, not {count:,}")

    def counts(self) -> dict[SymbolClass, int]:
        """Return the number of symbols by class."""
        numbers = (self.orders, self.positions, self.watched, self.rest)
        return dict(zip(SymbolClass, numbers, strict=True))


@attrs.frozen(kw_only=True)
class ClassPlan:
    """What a class gets. ``age_max_ms`` is the promise: the oldest its quotes get in open hours."""

    symbol_class: SymbolClass
    symbols: int
    interval_ms: int
    age_mean_ms: int
    age_max_ms: int
    calls_per_day: int
    credits_per_day: int


@attrs.frozen(kw_only=True)
class CallPlan:
    """The plan. ``binding``: the limit that decides (``minute``, ``hour``, ``day``, ``spacing``),
    or ``floor`` if no limit does. ``day``: of ``open_s`` seconds of open market."""

    limits: ProviderLimits
    demand: Demand
    open_s: int
    target_ms: int
    classes: tuple[ClassPlan, ...]
    binding: str
    rate: int
    """What is planned with, in nanocredits per second; `UNLIMITED` without limits."""
    holds: bool

    @property
    def interval_ms(self) -> int:
        """The interval of the most urgent class: how often prices come at best."""
        return self.classes[0].interval_ms

    @property
    def calls_per_day(self) -> int:
        """Calls of one day."""
        return sum(of.calls_per_day for of in self.classes)

    @property
    def credits_per_day(self) -> int:
        """Credits of one day."""
        return sum(of.credits_per_day for of in self.classes)

    def of(self, symbol_class: SymbolClass) -> ClassPlan:
        """Return the plan of a class. One without symbols is planned too: it may get some."""
        return self.classes[symbol_class]


def plan_calls(
    limits: ProviderLimits,
    demand: Demand,
    *,
    open_s: int,
    interval_ms: int = 0,
    age_ms: int = ORDERS_AGE_MS,
    day_left: int | None = None,
    extra_rate: int = 0,
) -> CallPlan:
    """Plan the intervals of all classes.

    ``open_s``: seconds of open market (left) in the provider's day, 1..86,400. ``interval_ms``: the
    interval the operator wants for the most urgent class (the others follow by their weights), or
    0: as short as can be held. ``age_ms``: the oldest quote that an open order may have to wait
    for. ``day_left``: credits left of the day, None for all. ``extra_rate``: nanocredits per
    second that go to symbols somebody begins to wait for, beside the rounds (at most
    `EXTRA_PERMILLE` is set aside for them; see `papertrader.core.pollqueue`). The plan
    `CallPlan.holds` if the wanted intervals, or with 0 that age, are kept.

    Raises `ValueError` for values out of range.
    """
    if not 1 <= open_s <= 86_400:
        raise ValueError(f"a market is open 1 to 86,400 seconds of a day, not {open_s:,}")
    if interval_ms < 0 or age_ms < 1:
        raise ValueError("an interval or age cannot be negative: use 0 for an interval to be found")
    rates = _rates(limits, open_s, limits.calls_per_day if day_left is None else day_left)
    binding, rate = min(rates.items(), key=lambda item: item[1], default=("floor", UNLIMITED))
    rate -= min(extra_rate, rate * EXTRA_PERMILLE // 1000)
    floors = _floors(interval_ms)
    counts = demand.counts()
    intervals = _intervals(limits, counts, rate, floors, open_s)
    if all(intervals[of] <= floors[of] for of, count in counts.items() if count):
        binding = "floor"
    late_ms = _batch_ms(limits, sum(counts.values()))
    classes = tuple(
        _class_plan(limits, of, count, intervals[of], open_s, late_ms)
        for of, count in counts.items()
    )
    return CallPlan(
        limits=limits,
        demand=demand,
        open_s=open_s,
        target_ms=interval_ms or age_ms,
        classes=classes,
        binding=binding,
        rate=rate,
        holds=_holds(classes, floors if interval_ms else None, age_ms),
    )


def room(plan: CallPlan, *, interval_ms: int = 0, most: int = 10_000) -> int:
    """Return how many more symbols could have open orders, at most ``most``, while it holds.

    ``interval_ms`` is the one the plan was made with.
    """
    if not plan.holds:
        return 0

    def held(more: int) -> bool:
        demand = attrs.evolve(plan.demand, orders=plan.demand.orders + more)
        age_ms = ORDERS_AGE_MS if interval_ms else plan.target_ms
        return plan_calls(
            plan.limits, demand, open_s=plan.open_s, interval_ms=interval_ms, age_ms=age_ms
        ).holds

    least, above = 0, min(most, SYMBOLS_MAX - plan.demand.orders) + 1
    while above - least > 1:
        middle = (least + above) // 2
        least, above = (middle, above) if held(middle) else (least, middle)
    return least


def _floors(interval_ms: int) -> dict[SymbolClass, int]:
    """Return the shortest interval of each class: the operator's, or `FLOOR_MS` for all."""
    floors = {SymbolClass.REST: REST_FLOOR_MS}
    most = WEIGHTS[SymbolClass.ORDERS]
    for of, weight in WEIGHTS.items():
        floors[of] = interval_ms * most // weight if interval_ms else FLOOR_MS
    floors[SymbolClass.REST] = max(REST_FLOOR_MS, floors[SymbolClass.WATCHED])
    return floors


def rolling_rate(limits: ProviderLimits, permille: int) -> int:
    """Return the nanocredits per second that ``permille`` of the minute's and of the hour's limit
    and of the spacing give; `UNLIMITED` if there are none."""
    return min((rate for _, rate in _rolling(limits, permille)), default=UNLIMITED)


def _rolling(limits: ProviderLimits, permille: int) -> list[tuple[str, int]]:
    rates = []
    for length, limit in limits.windows():
        # What was spent leaves the window this much later than the window is long.
        lasts = length + GRACE + length // SLOTS
        usable = max(1000, min(limit * permille, unreserved(limit) * 1000))
        rates.append(
            ("minute" if length == MINUTE else "hour", usable * UNIT * MILLISECOND // lasts)
        )
    if limits.spacing_ms:
        rates.append(("spacing", limits.cost(1) * permille * UNIT // limits.spacing_ms))
    return rates


def _rates(limits: ProviderLimits, open_s: int, day_left: int) -> dict[str, int]:
    rates = dict(_rolling(limits, PLANNED_PERMILLE))
    if limits.calls_per_day:
        kept = limits.calls_per_day - unreserved(limits.calls_per_day)
        usable = (day_left - kept) * UNIT * PLANNED_PERMILLE // (1000 - RESERVE_PERMILLE)
        # Never nothing: one credit at least, so that every interval has an end.
        rates["day"] = max(UNIT, usable) // open_s
    return rates


def _intervals(
    limits: ProviderLimits,
    counts: Mapping[SymbolClass, int],
    rate: int,
    floors: Mapping[SymbolClass, int],
    open_s: int,
) -> dict[SymbolClass, int]:
    """Return the interval of each class in milliseconds."""
    costs = {of: limits.cost_of_all(count) for of, count in counts.items()}
    waiting = [of for of in counts if of is not SymbolClass.REST]
    rest = costs[SymbolClass.REST]
    share = rate * REST_PERMILLE // 1000 if any(counts[of] for of in waiting) else rate
    rest_rate = min(rest * UNIT // open_s, share)
    left = rate - rest_rate
    intervals: dict[SymbolClass, int] = {}
    while waiting:
        base_ms = _ms(sum(WEIGHTS[of] * costs[of] for of in waiting), left)
        at_floor = [of for of in waiting if base_ms <= floors[of] * WEIGHTS[of]]
        if not at_floor:
            intervals.update(
                (of, min(-(-base_ms // WEIGHTS[of]), INTERVAL_MS_MAX)) for of in waiting
            )
            left = 0
            break
        for of in at_floor:
            intervals[of] = floors[of]
            left -= costs[of] * UNIT * 1000 // floors[of]
            waiting.remove(of)
    found = _ms(rest, rest_rate + left) if rest else open_s * 1000
    intervals[SymbolClass.REST] = max(floors[SymbolClass.REST], min(found, INTERVAL_MS_MAX))
    return intervals


def _ms(cost: int, rate: int) -> int:
    """Return how long a rate takes to give a cost, rounded up."""
    return -(-cost * UNIT * 1000 // max(rate, 1))


def _batch_ms(limits: ProviderLimits, symbols: int) -> int:
    """Return how long the largest call keeps the next one waiting."""
    cost = limits.cost(min(symbols, limits.batch_max()))
    return _ms(cost, rolling_rate(limits, PACED_PERMILLE))


def _class_plan(
    limits: ProviderLimits,
    symbol_class: SymbolClass,
    count: int,
    interval_ms: int,
    open_s: int,
    late_ms: int,
) -> ClassPlan:
    open_ms = open_s * 1000
    late = interval_ms * LATE_PERMILLE // 1000 + 2 * late_ms + ANSWER_MS
    return ClassPlan(
        symbol_class=symbol_class,
        symbols=count,
        interval_ms=interval_ms,
        age_mean_ms=interval_ms // 2,
        age_max_ms=interval_ms + late,
        calls_per_day=-(-limits.calls(count) * open_ms // interval_ms),
        credits_per_day=-(-limits.cost_of_all(count) * open_ms // interval_ms),
    )


def _holds(
    classes: tuple[ClassPlan, ...], wanted: Mapping[SymbolClass, int] | None, age_ms: int
) -> bool:
    """Tell whether the wanted intervals are kept, or (None) the age of the most urgent class."""
    active = [of for of in classes if of.symbols and of.symbol_class is not SymbolClass.REST]
    if wanted is not None:
        return all(of.interval_ms <= wanted[of.symbol_class] for of in active)
    return all(of.age_max_ms <= age_ms for of in active[:1])
