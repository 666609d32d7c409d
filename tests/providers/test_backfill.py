"""Importing history: from files and from a provider, within its share of the limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from papertrader.core.callbudget import ProviderLimits
from papertrader.core.instants import DAY, MINUTE, SECOND
from papertrader.core.money import parse_amount
from papertrader.core.quotes import Bar
from papertrader.master.barstore import DAY_S, MINUTE_S, BarStore
from papertrader.master.providers.faults import FaultKind, ProviderFault
from papertrader.master.providers.provider import BarsAnswer, Provider
from papertrader.master.providers.recorded import DataFileError
from papertrader.ops.history import (
    FAILURES_MAX,
    Backfill,
    import_files,
    kept_history,
    open_history,
    share_of,
)
from tests.master.test_assets import at
from tests.master.test_filemarket import ACTIONS, ASSETS, DAILY, MINUTES, QUOTES
from tests.provider_kit import Bench, Sent
from tests.providers.test_providers import BARS

MAX = 2**62
START = 1_767_366_000 * SECOND


class Told:
    """Keeps what progress was told."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int, str]] = []

    def __call__(self, done: int, length: int, what: str) -> None:
        self.steps.append((done, length, what))


# --- files ---------------------------------------------------------------------------------------


def test_files_are_taken_as_they_are(tmp_path: Path) -> None:
    """Days, minutes and quotes become what is kept; nothing is drawn between rows."""
    for name, text in (
        ("abc.csv", DAILY), ("minutes.csv", MINUTES), ("quotes.csv", QUOTES),
        ("assets.csv", ASSETS), ("actions.csv", ACTIONS),
    ):  # fmt: skip
        (tmp_path / name).write_text(text)
    store, told = open_history(tmp_path / "state"), Told()
    found = import_files(store, tmp_path, told)
    assert found.bars == {
        ("ABC", DAY_S): 3, ("MMM", MINUTE_S): 4, ("MMM", DAY_S): 2, ("EUR/USD", MINUTE_S): 3,
        ("EUR/USD", DAY_S): 2,
    }  # fmt: skip
    assert told.steps[-1][2] == "done"
    assert store.rows("ABC", MINUTE_S, 0, MAX) == []
    assert [bar.time for bar in store.rows("MMM", MINUTE_S, 0, MAX)] == [
        at("2012-01-03 14:30"), at("2012-01-03 14:31"), at("2012-01-03 14:34"),
        at("2012-01-04 14:30"),
    ]  # fmt: skip
    (day, _) = store.rows("MMM", DAY_S, 0, MAX)
    prices = map(parse_amount, ("20.00", "20.50", "19.90", "20.45", "1500"))
    assert day == Bar(at("2012-01-03"), *prices)
    store.close()


def test_gaps_are_counted_within_trading_hours(tmp_path: Path) -> None:
    """A holiday or a night is none; a day and two minutes without a row are."""
    (tmp_path / "abc.csv").write_text(DAILY)
    (tmp_path / "minutes.csv").write_text("".join(MINUTES.splitlines(keepends=True)[:4]))
    store = open_history(tmp_path)
    import_files(store, tmp_path, Told())
    kept = {
        (k.symbol, k.interval_s): (k.count, k.imported, k.gaps, k.missing)
        for k in kept_history(store)
    }
    assert kept == {
        ("ABC", DAY_S): (3, 3, 1, 1),
        ("MMM", MINUTE_S): (3, 3, 1, 2),
        ("MMM", DAY_S): (1, 1, 0, 0),
    }
    store.close()


def test_a_bad_file_brings_nothing(tmp_path: Path) -> None:
    """Not even the rows before the bad one."""
    (tmp_path / "abc.csv").write_text(DAILY + "2012-01-07,1,1,1,1,1,1\n")
    store = open_history(tmp_path)
    with pytest.raises(DataFileError, match="line 5"):
        import_files(store, tmp_path, Told())
    assert store.coverage() == []
    store.close()


# --- a provider ----------------------------------------------------------------------------------


def test_a_provider_is_asked_and_its_bars_are_kept() -> None:
    """They stand in the place of built ones, and the calls spent are noted."""
    bench, store, told = Bench("kraken"), BarStore(), Told()
    bench.serve(BARS["kraken"])
    backfill = Backfill(bench.provider, store, told)
    found = bench.run(backfill.run([bench.symbol], MINUTE_S, START, START + DAY))
    assert found.bars == {(bench.symbol, MINUTE_S): 1}
    (bar,) = store.rows(bench.symbol, MINUTE_S, 0, MAX)
    assert bar.time == START
    assert store.find(bench.symbol, MINUTE_S, START) == (bar, "kraken", True)
    assert "last_call" in store.note("calls.kraken")
    assert told.steps[-1] == (1_000, 1_000, "done")


class Paged(Provider):
    """A provider of days, ten a page; ``faults`` are raised first."""

    facts = Bench("kraken").provider.facts

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.asked: list[tuple[int, int]] = []
        self.faults: list[ProviderFault] = []

    async def bars(self, symbol: str, interval_s: int, start: int, end: int) -> BarsAnswer:
        """Answer one page."""
        self.asked.append((start, self._clock.wall_ns()))
        if self.faults:
            raise self.faults.pop(0)
        first = -(-start // DAY)
        days = [
            Bar(day * DAY, 1, 1, 1, 1, 1) for day in range(first, first + 10) if day * DAY < end
        ]
        return BarsAnswer(tuple(days), not days or (days[-1].time + DAY) >= end)


def paged(**limits: int) -> tuple[Bench, Paged]:
    """A bench with such a provider, ready."""
    bench = Bench("kraken", kind=Paged)
    provider = bench.provider
    assert isinstance(provider, Paged)
    provider.limits = attrs.evolve(provider.limits, spacing_ms=0, **limits)
    return bench, provider


def test_pages_are_asked_for_until_the_end() -> None:
    """Each from behind the last bar of the one before."""
    bench, provider = paged(calls_per_minute=600)
    store = BarStore()
    start, end = at("2020-01-01"), at("2020-02-05")
    found = bench.run(Backfill(provider, store, Told()).run(["A", "B"], DAY_S, start, end))
    assert found.bars == {("A", DAY_S): 35, ("B", DAY_S): 35}
    assert found.calls == len(provider.asked) == 8
    assert [bar.time for bar in store.rows("B", DAY_S, 0, MAX)] == list(range(start, end, DAY))


def test_only_a_share_of_the_limits_is_spent() -> None:
    """A fifth, in any minute, and over imports; the rest is left for the prices of now."""
    bench, provider = paged(calls_per_minute=20)
    store, told = BarStore(), Told()
    backfill = Backfill(provider, store, told)
    done: list[Any] = []
    from twisted.internet.defer import Deferred

    Deferred.fromCoroutine(backfill.run(["A"], DAY_S, at("2020-01-01"), at("2020-04-09"))).addBoth(
        done.append
    )
    for _ in range(200):
        bench.reactor.advance(1)
    assert done[0].calls == 10
    times = [when for _, when in provider.asked]
    for index in range(len(times) - 4):
        assert times[index + 4] - times[index] >= MINUTE
    assert any("waiting" in what for _, _, what in told.steps)
    again = Backfill(provider, store, told)
    assert again._budget.export() == backfill._budget.export()


def test_what_a_day_allows_is_not_exceeded() -> None:
    """Then it says until when, and what came is kept."""
    bench, provider = paged(calls_per_day=20, calls_per_minute=600)
    store = BarStore()
    fault = bench.run(
        Backfill(provider, store, Told()).run(["A"], DAY_S, at("2020-01-01"), at("2020-04-09"))
    )
    assert fault.kind is FaultKind.LIMITED
    assert "run it again then" in str(fault)
    assert len(store.rows("A", DAY_S, 0, MAX)) == 40


def test_a_wait_that_the_provider_names_is_kept() -> None:
    """429 with Retry-After, then 500: asked again, not at once; what is refused is not."""
    bench, provider = paged(calls_per_minute=6_000)
    provider.faults = [
        ProviderFault(FaultKind.LIMITED, "slower", 7),
        ProviderFault(FaultKind.FAILED, "broken"),
    ]
    store = BarStore()
    ask = (["A"], DAY_S, at("2020-01-01"), at("2020-01-03"))
    bench.run(Backfill(provider, store, Told()).run(*ask))
    first, second, third = (when for _, when in provider.asked)
    assert second - first >= 7 * SECOND
    assert third - second >= 2 * SECOND
    provider.faults = [ProviderFault(FaultKind.REFUSED, "no such pair")]
    provider.asked.clear()
    assert bench.run(Backfill(provider, store, Told()).run(*ask)).kind is FaultKind.REFUSED
    assert len(provider.asked) == 1


def test_it_gives_up_after_some_failures() -> None:
    """In a row; a wrong interval is not asked for at all."""
    bench, provider = paged(calls_per_minute=6_000)
    provider.faults = [ProviderFault(FaultKind.FAILED, "broken", 1) for _ in range(9)]
    backfill = Backfill(provider, BarStore(), Told())
    assert bench.run(backfill.run(["A"], DAY_S, 1, 2)).kind is FaultKind.FAILED
    assert len(provider.asked) == FAILURES_MAX
    assert bench.run(backfill.run(["A"], 300, 1, 2)).kind is FaultKind.REFUSED
    assert len(provider.asked) == FAILURES_MAX


def test_an_error_of_the_providers_is_told() -> None:
    """Its own words, from its own form of error."""
    bench = Bench("kraken")
    bench.serve(Sent(200, b'{"error":["EQuery:Unknown asset pair"]}', bench.shape.headers))
    backfill = Backfill(bench.provider, BarStore(), Told())
    fault = bench.run(backfill.run([bench.symbol], DAY_S, START, START + DAY))
    assert isinstance(fault, ProviderFault)
    assert "Unknown asset pair" in str(fault)


def test_a_share_is_a_call_at_least() -> None:
    """Of a limit that has no fifth; none where there is no limit."""
    limits = ProviderLimits(calls_per_minute=3, calls_per_day=800, symbol_cost=1, call_cost=0)
    share = share_of(limits)
    assert (share.calls_per_minute, share.calls_per_hour, share.calls_per_day) == (1, 0, 160)
