"""What a plan is made of and what it advises."""

from __future__ import annotations

import re
from typing import Any

import attrs
import pytest

from papertrader.core.callbudget import ProviderLimits
from papertrader.core.callplan import Demand, plan_calls
from papertrader.ops.planning import (
    SESSION_S,
    advice,
    duration,
    expected,
    known_limits,
    per_minute,
    shared_out,
)

KNOWN = known_limits({})


def test_known_limits_with_the_settings_before_them() -> None:
    """Providers that are asked and others; what the settings say counts."""
    assert {"alpaca", "kraken", "finnhub", "twelvedata", "tiingo"} <= KNOWN.keys()
    assert KNOWN["kraken"].always
    assert not KNOWN["finnhub"].always
    own = ProviderLimits(calls_per_minute=7)
    assert known_limits({"finnhub": own})["finnhub"].limits == own


def test_shares_and_expectations() -> None:
    """Every symbol is in one class; more users want more symbols more urgently."""
    assert shared_out(50) == Demand(orders=5, positions=10, watched=15, rest=20)
    few, many = expected(500, 50, SESSION_S), expected(500, 3_000, SESSION_S)
    assert sum(few.counts().values()) == sum(many.counts().values()) == 500
    assert 0 < few.orders < 20
    assert 200 < many.orders < 500
    assert expected(20, 0, SESSION_S) == Demand(rest=20)


@pytest.mark.parametrize("interval_ms", [0, 20_000])
@pytest.mark.parametrize(("provider", "symbols"), [("finnhub", 500), ("twelvedata", 300)])
def test_following_the_advice_helps(provider: str, symbols: int, interval_ms: int) -> None:
    """Each number that is advised is the last that works."""
    limits = KNOWN[provider].limits
    options = {"interval_ms": interval_ms} if interval_ms else {"age_ms": 200_000}
    plan = plan_calls(limits, shared_out(symbols), open_s=SESSION_S, **options)
    assert not plan.holds
    first, *rest = advice(plan, interval_ms)
    if interval_ms:
        assert f"update_interval_ms to {plan.interval_ms}," in first
        again = plan_calls(limits, plan.demand, open_s=SESSION_S, interval_ms=plan.interval_ms)
        assert again.holds
    else:
        assert first.startswith("accept quotes that are up to")
    told = "\n".join(rest)
    if found := re.search(r"at most ([\d,]+) symbols", told):
        most = int(found[1].replace(",", ""))
        part = shared_out(most)
        assert plan_calls(limits, part, open_s=SESSION_S, **options).holds
        more = shared_out(most + 10)
        assert not plan_calls(limits, more, open_s=SESSION_S, **options).holds
    if found := re.search(r"with ([\d,]+) credits per (minute|day)", told):
        changed: dict[str, Any] = {f"calls_per_{found[2]}": int(found[1].replace(",", ""))}
        better = attrs.evolve(limits, **changed)
        assert plan_calls(better, plan.demand, open_s=SESSION_S, **options).holds
    assert told


def test_a_plan_that_holds_says_what_there_is_room_for() -> None:
    """And nothing else."""
    plan = plan_calls(KNOWN["finnhub"].limits, shared_out(50), open_s=SESSION_S)
    assert advice(plan, 0) == ("there is room for 21 more symbols with open orders",)
    assert per_minute(plan) == "47.5"
    free = plan_calls(ProviderLimits(), Demand(orders=1), open_s=SESSION_S)
    assert per_minute(free) == "unlimited"


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (250, "0.2 s"),
        (5_000, "5 s"),
        (17_379, "17.4 s"),
        (60_000, "1 min"),
        (175_488, "2 min 55 s"),
        (23_400_000, "6 h 30 min"),
        (86_400_000, "1 d"),
        (100_000_000, "1 d 3 h"),
    ],
)
def test_durations(milliseconds: int, text: str) -> None:
    """As people write them."""
    assert duration(milliseconds) == text
