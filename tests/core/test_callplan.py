"""The plan of the update interval: the formula, its floors, and what it promises."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papertrader.core.callbudget import ProviderLimits
from papertrader.core.callplan import (
    FLOOR_MS,
    INTERVAL_MS_MAX,
    ORDERS_AGE_MS,
    REST_FLOOR_MS,
    UNIT,
    UNLIMITED,
    Demand,
    SymbolClass,
    plan_calls,
    room,
)

SESSION_S = 23_400
FINNHUB = ProviderLimits(calls_per_minute=60)
TWELVE = ProviderLimits(
    calls_per_minute=8, calls_per_day=800, call_cost=0, symbol_cost=1, symbols_per_call=120
)
ALPACA = ProviderLimits(calls_per_minute=200, symbols_per_call=200)
COUNTS = st.integers(0, 3_000)


def intervals(limits: ProviderLimits, demand: Demand, **options: int) -> list[int]:
    """Return the interval of each class in whole seconds."""
    options.setdefault("open_s", SESSION_S)
    plan = plan_calls(limits, demand, **options)
    return [of.interval_ms // 1_000 for of in plan.classes]


def test_sixty_calls_a_minute() -> None:
    """10 / 20 / 70 symbols, one a call: 48 planned calls in 60.6 s are shared by 4 : 2 : 1."""
    plan = plan_calls(FINNHUB, Demand(orders=10, positions=20, watched=70), open_s=SESSION_S)
    assert [of.interval_ms for of in plan.classes[:3]] == [47_344, 94_688, 189_376]
    assert plan.binding == "minute"
    assert plan.rate == 48 * UNIT * 1_000 // 60_600
    assert not plan.holds
    assert plan.calls_per_day == plan.credits_per_day <= 48 * 390 + 3


def test_a_days_credits_are_spread_over_the_open_hours() -> None:
    """640 of 800 credits for 20 symbols in a session of 6.5 h: one price each 12 minutes; round the
    clock it would be 45 minutes."""
    assert intervals(TWELVE, Demand(orders=20))[0] == 731
    plan = plan_calls(TWELVE, Demand(orders=20), open_s=SESSION_S)
    assert plan.binding == "day"
    assert plan.credits_per_day <= 641
    assert intervals(TWELVE, Demand(orders=20), open_s=86_400)[0] == 2_700


def test_what_is_left_of_the_day_counts() -> None:
    """With half of the credits gone the interval is longer; with none there is still an end."""
    whole = intervals(TWELVE, Demand(orders=20))[0]
    half = intervals(TWELVE, Demand(orders=20), day_left=400)[0]
    assert half > 2 * whole
    assert intervals(TWELVE, Demand(orders=20), day_left=0)[0] == 20 * SESSION_S


def test_floors_and_what_they_leave() -> None:
    """A generous provider is asked at the floors; what one class leaves goes to the others."""
    plan = plan_calls(ALPACA, Demand(orders=50, positions=100, rest=350), open_s=SESSION_S)
    assert plan.binding == "floor"
    assert [of.interval_ms for of in plan.classes] == [FLOOR_MS] * 3 + [REST_FLOOR_MS]
    wide = plan_calls(ALPACA, Demand(orders=200, watched=4_000), open_s=SESSION_S)
    assert wide.of(SymbolClass.ORDERS).interval_ms == FLOOR_MS
    assert wide.binding == "minute"
    assert 5_000 < wide.of(SymbolClass.WATCHED).interval_ms < 9_000


def test_the_rest_gets_one_round_and_what_is_left_over() -> None:
    """A round a session while others wait for credits; alone it has all of them."""
    plan = plan_calls(FINNHUB, Demand(orders=50, rest=500), open_s=SESSION_S)
    assert plan.of(SymbolClass.REST).interval_ms == pytest.approx(SESSION_S * 1_000, abs=100)
    assert intervals(FINNHUB, Demand(rest=480))[3] == 606
    crowded = plan_calls(FINNHUB, Demand(orders=50, rest=500_000), open_s=SESSION_S)
    alone = plan_calls(FINNHUB, Demand(orders=50), open_s=SESSION_S)
    assert crowded.interval_ms <= alone.interval_ms * 4 // 3 + 1


def test_the_operators_interval() -> None:
    """It is kept if the budget holds it, with the other classes at twice and four times of it; if
    not, the plan says so and gives what can be held."""
    demand = Demand(orders=10, positions=20, watched=70)
    plan = plan_calls(FINNHUB, demand, open_s=SESSION_S, interval_ms=60_000)
    assert [of.interval_ms for of in plan.classes[:3]] == [60_000, 120_000, 240_000]
    assert plan.holds
    assert plan.target_ms == 60_000
    short = plan_calls(FINNHUB, demand, open_s=SESSION_S, interval_ms=30_000)
    assert not short.holds
    assert short.interval_ms == 47_344


def test_extra_calls_are_set_aside() -> None:
    """Credits that go to urgent symbols lengthen the intervals, by at most a factor of five."""
    demand = Demand(orders=48)
    plain = plan_calls(FINNHUB, demand, open_s=SESSION_S)
    half = plan_calls(FINNHUB, demand, open_s=SESSION_S, extra_rate=plain.rate // 2)
    assert half.interval_ms == pytest.approx(2 * plain.interval_ms, abs=2)
    flood = plan_calls(FINNHUB, demand, open_s=SESSION_S, extra_rate=10 * plain.rate)
    assert flood.interval_ms == pytest.approx(5 * plain.interval_ms, abs=5)


def test_room_for_more_symbols() -> None:
    """It is exactly as many as still hold; none where the plan does not hold."""
    plan = plan_calls(FINNHUB, Demand(orders=5), open_s=SESSION_S)
    more = room(plan)
    assert more > 0
    for count, holds in ((5 + more, True), (6 + more, False)):
        assert plan_calls(FINNHUB, Demand(orders=count), open_s=SESSION_S).holds is holds
    fixed = plan_calls(FINNHUB, Demand(orders=5), open_s=SESSION_S, interval_ms=20_000)
    count = 5 + room(fixed, interval_ms=20_000)
    at_most = plan_calls(FINNHUB, Demand(orders=count), open_s=SESSION_S, interval_ms=20_000)
    assert at_most.holds
    assert room(plan_calls(FINNHUB, Demand(orders=500), open_s=SESSION_S)) == 0
    assert room(plan_calls(ALPACA, Demand(orders=1), open_s=SESSION_S), most=10) == 10


def test_without_limits_only_the_floor_counts() -> None:
    """An own server may be asked as often as makes sense."""
    plan = plan_calls(ProviderLimits(symbols_per_call=10), Demand(orders=100), open_s=SESSION_S)
    assert (plan.rate, plan.interval_ms, plan.holds) == (UNLIMITED, FLOOR_MS, True)


@pytest.mark.parametrize(
    "options",
    [{"open_s": 0}, {"open_s": 86_401}, {"interval_ms": -1}, {"age_ms": 0}],
)
def test_values_out_of_range(options: dict[str, int]) -> None:
    """They are refused."""
    with pytest.raises(ValueError, match=r"open 1 to 86,400|cannot be negative"):
        plan_calls(FINNHUB, Demand(orders=1), **{"open_s": SESSION_S, **options})
    with pytest.raises(ValueError, match="symbols, not -1"):
        Demand(orders=-1)


@given(
    orders=COUNTS,
    positions=COUNTS,
    watched=COUNTS,
    rest=COUNTS,
    limits=st.builds(
        ProviderLimits,
        calls_per_minute=st.sampled_from([0, 5, 60, 6_000]),
        calls_per_hour=st.sampled_from([0, 50]),
        calls_per_day=st.sampled_from([0, 25, 800]),
        symbols_per_call=st.sampled_from([1, 30, 500]),
        spacing_ms=st.sampled_from([0, 1_000]),
    ),
    open_s=st.integers(60, 86_400),
)
def test_a_plan_never_plans_more_than_the_limits(
    orders: int, positions: int, watched: int, rest: int, limits: ProviderLimits, open_s: int
) -> None:
    """The rounds cost at most the planned rate (which is below every limit); more urgent classes
    are asked at least as often; every promise is longer than its interval."""
    demand = Demand(orders=orders, positions=positions, watched=watched, rest=rest)
    plan = plan_calls(limits, demand, open_s=open_s)
    active = [of for of in plan.classes if of.symbols]
    cost = sum(
        limits.cost_of_all(of.symbols) * UNIT * 1_000 // of.interval_ms
        for of in active
        if of.interval_ms < INTERVAL_MS_MAX
    )
    assert cost <= plan.rate + len(active)
    if limits.calls_per_minute and plan.rate != UNLIMITED:
        assert plan.rate * 60 <= limits.calls_per_minute * UNIT
    if limits.calls_per_day:
        assert plan.rate * open_s <= limits.calls_per_day * UNIT
    first = [of.interval_ms for of in plan.classes[:3]]
    assert first == sorted(first)
    assert all(of.age_mean_ms < of.interval_ms < of.age_max_ms for of in plan.classes)
    assert plan.holds == all(
        of.age_max_ms <= ORDERS_AGE_MS
        for of in [of for of in active if of.symbol_class is not SymbolClass.REST][:1]
    )
