"""Simulated days: nobody's limit is ever exceeded, and every promised age is kept."""

from __future__ import annotations

import pytest

from papertrader.core.callplan import UNLIMITED, SymbolClass
from papertrader.ops.callday import simulate_day
from papertrader.ops.planning import known_limits

KNOWN = known_limits({})
SESSION_S = 23_400


@pytest.mark.parametrize(
    ("provider", "symbols", "users"),
    [
        ("finnhub", 50, 1_000),
        ("finnhub", 500, 3_000),
        ("finnhub", 5_000, 5_000),
        ("twelvedata", 50, 1_000),
        ("twelvedata", 500, 3_000),
        ("tiingo", 500, 3_000),
        ("alphavantage", 20, 300),
    ],
)
def test_a_day_of_thousands_of_users(provider: str, symbols: int, users: int) -> None:
    """A whole session with orders, positions and watchers coming and going: the provider, which
    counts for itself as each call arrives, sees no limit exceeded, and no quote comes later than
    the plan then in force promised."""
    day = simulate_day(
        KNOWN[provider].limits, symbols=symbols, users=users, open_s=SESSION_S, seed=1
    )
    assert day.orders == 3 * users
    assert day.breaches == 0
    assert day.late == 0
    assert day.calls > 20
    assert sum(each.answers for each in day.classes.values()) >= day.calls - 1


def test_many_symbols_in_a_call() -> None:
    """A quarter of an hour at a provider that takes 200 symbols a call: none gets old."""
    day = simulate_day(KNOWN["alpaca"].limits, symbols=500, users=2_000, open_s=900, seed=1)
    assert (day.breaches, day.late) == (0, 0)
    assert day.classes[SymbolClass.POSITIONS].age_max_ms <= 10_000
    assert day.wait_max_ms <= 1_000


def test_the_days_own_count_can_find_a_breach(monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge is not the accused: calls that ignore the budget are found out."""
    monkeypatch.setattr("papertrader.core.callbudget.CallBudget.next_free", lambda *a, **k: a[1])
    monkeypatch.setattr("papertrader.core.pollqueue.rolling_rate", lambda *a: UNLIMITED)
    day = simulate_day(KNOWN["finnhub"].limits, symbols=500, users=2_000, open_s=1_800, seed=1)
    assert day.breaches > 100
    assert day.minute_peak > 60


def test_the_same_seed_gives_the_same_day() -> None:
    """And another seed another one."""

    def day(seed: int) -> object:
        limits = KNOWN["finnhub"].limits
        return simulate_day(limits, symbols=50, users=100, open_s=1_800, seed=seed)

    assert day(1) == day(1) != day(2)


@pytest.mark.parametrize(
    ("symbols", "users", "open_s", "says"),
    [(0, 1, 600, "1 to 20,000 symbols"), (1, -1, 600, "up to 100,000"), (1, 1, 5, "60 to 86,400")],
)
def test_numbers_out_of_range(symbols: int, users: int, open_s: int, says: str) -> None:
    """Are refused."""
    with pytest.raises(ValueError, match=says):
        simulate_day(KNOWN["finnhub"].limits, symbols=symbols, users=users, open_s=open_s, seed=1)
