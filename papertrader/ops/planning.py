"""What `papertrader plan` answers with: limits by provider, a user base, advice, figures."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any, Final

import attrs

from papertrader.core.callbudget import COUNT_MAX, ProviderLimits
from papertrader.core.callplan import UNIT, UNLIMITED, CallPlan, Demand, plan_calls, room
from papertrader.core.knownlimits import LIMITS_FILE, KnownLimits, read_limits
from papertrader.core.quotes import AssetKind
from papertrader.master.providers.catalog import PROVIDERS
from papertrader.ops.callday import (
    CONNECTED_S,
    LIMIT_MEAN_S,
    MARKET_SHARE,
    ORDERS_PER_USER,
    POSITIONS_OF_USER,
    WATCHED_BY_USER,
)

SESSION_S: Final = 23_400
"""A session of the New York exchange, 9:30 to 16:00."""
DAY_S: Final = 86_400
_BINDING: Final = {
    "minute": "calls_per_minute",
    "hour": "calls_per_hour",
    "day": "calls_per_day",
    "spacing": "spacing_ms",
}


def known_limits(chosen: Mapping[str, ProviderLimits]) -> Mapping[str, KnownLimits]:
    """Return the limits of every known provider by name.

    ``chosen``: those of this installation's settings, which count before what is built in.
    """
    table = resources.files("papertrader.data").joinpath(LIMITS_FILE).read_text("utf-8")
    known = {
        name: KnownLimits(
            name=name,
            title=provider.facts.title,
            always=AssetKind.STOCK not in provider.facts.kinds,
            limits=chosen.get(name, provider.facts.limits),
        )
        for name, provider in PROVIDERS.items()
    }
    return {**known, **read_limits(table)}


def shared_out(symbols: int) -> Demand:
    """Share symbols out as in a busy market: a tenth each with open orders, two tenths held, three
    watched, the rest wanted by nobody."""
    orders, positions, watched = symbols // 10, symbols * 2 // 10, symbols * 3 // 10
    rest = symbols - orders - positions - watched
    return Demand(orders=orders, positions=positions, watched=watched, rest=rest)


def expected(symbols: int, users: int, open_s: int) -> Demand:
    """Return how many symbols are in each class at a time, with users like those of a simulated
    day: few symbols are popular, and one is wanted for the most urgent reason there is."""
    weights = [1 / (number + 5) for number in range(symbols)]
    whole = sum(weights)

    def wanted(times: float) -> int:
        missed = sum(math.pow(1 - weight / whole, times) for weight in weights)
        return round(symbols - missed)

    limit_orders = users * ORDERS_PER_USER * (1 - MARKET_SHARE) * min(1, LIMIT_MEAN_S / open_s)
    held = users * sum(POSITIONS_OF_USER) / 2
    connected = users * min(1, sum(CONNECTED_S) / 2 / open_s)
    orders = wanted(limit_orders)
    positions = wanted(limit_orders + held)
    watched = wanted(limit_orders + held + connected * sum(WATCHED_BY_USER) / 2)
    return Demand(
        orders=orders,
        positions=positions - orders,
        watched=watched - positions,
        rest=symbols - watched,
    )


def advice(plan: CallPlan, interval_ms: int) -> tuple[str, ...]:
    """Say what to change so that the plan holds, or what there is still room for.

    ``interval_ms`` is the one the plan was made with (0: to be found).
    """
    if plan.holds:
        more = room(plan, interval_ms=interval_ms)
        return (f"there is room for {more:,} more symbols with open orders",)
    said = []
    if interval_ms:
        said.append(
            f"set market.update_interval_ms to {plan.interval_ms}, or to auto:"
            f" each {duration(plan.interval_ms)} is what can be held"
        )
    else:
        oldest = next(of.age_max_ms for of in plan.classes if of.symbols)
        said.append(f"accept quotes that are up to {duration(oldest)} old (--age)")
    fewer = _fewer(plan, interval_ms)
    said.append(
        f"or follow at most {fewer:,} symbols in the same proportions"
        if fewer
        else "with these limits not even one symbol can be held"
    )
    needed = _needed(plan, interval_ms)
    if needed is not None:
        said.append(f"or get a plan of the provider with {needed}")
    if plan.limits.symbols_per_call == 1 and not plan.limits.symbol_cost:
        said.append("or choose a provider that takes many symbols in one call")
    return tuple(said)


def duration(milliseconds: int) -> str:
    """Write a length of time for people: ``5 s``, ``2 min 55 s``, ``6 h 30 min``."""
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.1f}".removesuffix(".0") + " s"
    seconds = round(milliseconds / 1000)
    for size, of, smaller, rest in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min")):
        if seconds >= size:
            return f"{seconds // size} {of} {seconds % size // smaller} {rest}".removesuffix(
                f" 0 {rest}"
            )
    return f"{seconds // 60} min {seconds % 60} s".removesuffix(" 0 s")


def per_minute(plan: CallPlan) -> str:
    """Write the planned rate in credits a minute."""
    return "unlimited" if plan.rate >= UNLIMITED else f"{plan.rate * 60 / UNIT:,.1f}"


def _again(plan: CallPlan, limits: ProviderLimits, demand: Demand, interval_ms: int) -> bool:
    options = {"interval_ms": interval_ms} if interval_ms else {"age_ms": plan.target_ms}
    return plan_calls(limits, demand, open_s=plan.open_s, **options).holds


def _most(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """Return the largest number in ``low``..``high`` that holds, if ``low`` does."""
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low


def _fewer(plan: CallPlan, interval_ms: int) -> int:
    """Return how many symbols in the same proportions would hold; 0 if none."""
    demand = plan.demand
    whole = sum(demand.counts().values())

    def holds(symbols: int) -> bool:
        part = Demand(
            orders=-(-demand.orders * symbols // whole),
            positions=-(-demand.positions * symbols // whole),
            watched=-(-demand.watched * symbols // whole),
            rest=demand.rest * symbols // whole,
        )
        return _again(plan, plan.limits, part, interval_ms)

    return _most(0, whole, holds) if holds(1) else 0


def _needed(plan: CallPlan, interval_ms: int) -> str | None:
    """Say which limit, instead of the one that decides, would hold; None if it alone cannot."""
    name = _BINDING.get(plan.binding)
    if name is None or name == "spacing_ms":
        return None

    def lacks(count: int) -> bool:
        changed: dict[str, Any] = {name: count}
        limits = attrs.evolve(plan.limits, **changed)
        return not _again(plan, limits, plan.demand, interval_ms)

    if lacks(COUNT_MAX):
        return None
    found = _most(getattr(plan.limits, name), COUNT_MAX, lacks) + 1
    return f"{found:,} {name.replace('_', ' ').replace('calls', 'credits', 1)}"
