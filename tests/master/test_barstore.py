"""The kept history of a live market: written, joined, merged with what is in formation, found."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papertrader.core.instants import DAY, MINUTE
from papertrader.core.money import SCALE
from papertrader.core.quotes import Bar, Quote, QuoteFlag
from papertrader.master.barstore import DAY_S, MINUTE_S, BarStore, KeptBar, bar_start
from papertrader.master.database import StoreError
from papertrader.master.providers.base import MONTH_S
from papertrader.master.providers.livebars import LiveBars
from tests.master.test_assets import at

NOON = at("2026-11-02 12:00")
MAX = 2**62


def minute(number: int, price: int = 100, volume: int = 1) -> Bar:
    """A minute's bar, so many after noon."""
    return Bar(NOON + number * MINUTE, price, price + 2, price - 2, price + 1, volume)


def kept(
    *bars: Bar, provider: str = "one", imported: bool = False, base: int = MINUTE_S
) -> list[KeptBar]:
    """Rows of symbol A."""
    return [KeptBar("A", base, bar, provider, imported) for bar in bars]


def test_what_is_kept_survives(tmp_path: Path) -> None:
    """Closed and opened again, the same bars come, of that symbol and length alone."""
    store = BarStore(tmp_path / "history.db")
    store.keep([*kept(minute(0), minute(1)), KeptBar("B", MINUTE_S, minute(5), "one")])
    store.keep(kept(minute(0), base=DAY_S))
    store.close()
    store = BarStore(tmp_path / "history.db")
    assert store.rows("A", MINUTE_S, 0, MAX) == [minute(0), minute(1)]
    assert store.rows("A", MINUTE_S, minute(1).time, MAX) == [minute(1)]
    assert store.find("A", MINUTE_S, minute(1).time) == (minute(1), "one", False)
    assert store.find("A", MINUTE_S, minute(2).time) is None
    found = [
        (c.symbol, c.interval_s, c.first, c.last, c.count, c.imported) for c in store.coverage()
    ]
    assert found == [
        ("A", MINUTE_S, minute(0).time, minute(1).time, 2, 0),
        ("A", DAY_S, minute(0).time, minute(0).time, 1, 0),
        ("B", MINUTE_S, minute(5).time, minute(5).time, 1, 0),
    ]
    store.close()


def test_two_sources_never_mix_in_a_bar() -> None:
    """Built bars are their first provider's; imported ones stand in their place, and stay."""
    store = BarStore()
    store.keep(kept(minute(0, 100)))
    store.keep(kept(minute(0, 200), provider="two"))
    assert store.rows("A", MINUTE_S, 0, MAX) == [minute(0, 100)]
    store.keep(kept(minute(0, 101)))
    assert store.rows("A", MINUTE_S, 0, MAX) == [minute(0, 101)]
    store.keep(kept(minute(0, 300), provider="two", imported=True))
    store.keep(kept(minute(0, 101)))
    store.keep(kept(minute(0, 301), provider="two"))
    assert store.rows("A", MINUTE_S, 0, MAX) == [minute(0, 300)]
    store.keep(kept(minute(0, 400), provider="three", imported=True))
    assert store.rows("A", MINUTE_S, 0, MAX) == [minute(0, 400)]


def test_longer_bars_are_joined() -> None:
    """Of minutes up to an hour, of days from there; weeks begin on Monday, months on the 1st."""
    store = BarStore()
    store.keep(kept(*(minute(n, 100 + n) for n in range(8))))
    days = [Bar(at(f"2026-10-{d:02}"), d, d + 5, d - 5, d + 1, 10) for d in (26, 30, 31)]
    days.append(Bar(at("2026-11-02"), 40, 45, 35, 41, 10))
    store.keep(kept(*days, base=DAY_S))
    ask = {"start": 0, "end": MAX, "limit": 0, "newest": False}
    assert store.bars("A", 300, **ask) == [
        Bar(NOON, 100, 106, 98, 105, 5),
        Bar(NOON + 5 * MINUTE, 105, 109, 103, 108, 3),
    ]
    assert [bar.time for bar in store.bars("A", 604_800, **ask)] == [
        at("2026-10-26"), at("2026-11-02"),
    ]  # fmt: skip
    assert store.bars("A", MONTH_S, **ask) == [
        Bar(at("2026-10-01"), 26, 36, 21, 32, 30),
        Bar(at("2026-11-01"), 40, 45, 35, 41, 10),
    ]


@given(
    st.lists(st.integers(0, 40), unique=True, max_size=30),
    st.lists(st.integers(0, 40), unique=True, max_size=10),
    st.sampled_from([60, 300, 900]),
    st.integers(0, 40),
    st.integers(0, 40),
    st.integers(1, 12),
)
def test_newest_and_oldest_are_of_one_series(
    saved: list[int], fresh: list[int], interval_s: int, low: int, high: int, limit: int
) -> None:
    """Whatever is kept and in formation: a limited series is an end of the whole one."""
    store = BarStore()
    store.keep(kept(*(minute(n, 100 + n) for n in saved)))
    forming = [minute(n, 500 + n) for n in fresh]
    start, end = NOON + low * MINUTE, NOON + high * MINUTE

    def bars(most: int, newest: bool) -> list[Bar]:
        return store.bars("A", interval_s, start, end, most, newest=newest, forming=forming)

    whole = bars(0, False)
    assert whole == bars(0, True)
    every = {*saved, *fresh}
    wanted = {bar_start(NOON + n * MINUTE, interval_s) for n in every}
    times = [bar.time for bar in whole]
    assert times == sorted(time for time in wanted if start <= time < end)
    parts = [n for n in every if bar_start(NOON + n * MINUTE, interval_s) in times]
    assert sum(bar.volume for bar in whole) == len(parts)
    assert bars(limit, False) == whole[:limit]
    assert bars(limit, True) == whole[-limit:]
    if interval_s == 60:
        for bar in whole:
            number = (bar.time - NOON) // MINUTE
            assert bar.open == (500 if number in fresh else 100) + number


def test_the_oldest_minutes_go_when_it_is_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Days stay; what is left is the newest."""
    monkeypatch.setattr("papertrader.master.barstore.PRUNE_ROWS", 30)
    store = BarStore(tmp_path / "history.db")
    store.keep(kept(*(minute(n) for n in range(100))))
    store.keep(kept(minute(0), base=DAY_S))
    assert store.prune() == 0
    assert store.prune(octets_max=4_096) == 30
    assert store.rows("A", MINUTE_S, 0, MAX)[0] == minute(30)
    assert len(store.rows("A", DAY_S, 0, MAX)) == 1
    store.close()


def test_a_file_that_is_none_is_said(tmp_path: Path) -> None:
    """One sentence instead of a traceback."""
    (tmp_path / "history.db").write_bytes(b"no database" * 500)
    with pytest.raises(StoreError, match=r"history\.db"):
        BarStore(tmp_path / "history.db")


# --- built up from quotes ------------------------------------------------------------------------


def quote(price: int, seconds: int, volume: int = 0, flags: int = 0) -> Quote:
    """A quote of A, so many seconds after noon."""
    return Quote(
        symbol="A", last=price * SCALE, day_volume=volume * SCALE, flags=flags,
        observed_at=NOON + seconds * 1_000_000_000,
    )  # fmt: skip


def test_bars_are_built_and_go_on_after_a_restart(tmp_path: Path) -> None:
    """Written every few seconds; the minute that was begun before the stop is not begun anew."""
    path = tmp_path / "history.db"
    store = BarStore(path)
    bars = LiveBars(store)
    for price, seconds, volume in (
        (100, 1, 1_000),
        (103, 20, 1_010),
        (99, 61, 1_015),
        (98, 70, 1_016),
    ):
        bars.take(quote(price, seconds, volume), "one")
    bars.take(quote(500, 71, flags=QuoteFlag.SUSPECT), "one")
    bars.take(quote(500, 71), "two")
    rows = bars.unsaved()
    assert [(row.interval_s, row.bar.time) for row in rows] == [
        (MINUTE_S, NOON), (MINUTE_S, NOON + MINUTE), (DAY_S, NOON - NOON % DAY),
    ]  # fmt: skip
    store.keep(rows)
    assert bars.unsaved() == []
    before = bars.bars("A", 60, 0, MAX, 0, newest=False)
    assert [(b.open, b.high, b.low, b.close, b.volume) for b in before] == [
        (100 * SCALE, 103 * SCALE, 100 * SCALE, 103 * SCALE, 10 * SCALE),
        (99 * SCALE, 99 * SCALE, 98 * SCALE, 98 * SCALE, 6 * SCALE),
    ]
    store.close()
    again = LiveBars(BarStore(path))
    assert again.bars("A", 60, 0, MAX, 0, newest=False) == before
    again.take(quote(110, 80, 2_000), "one")
    (first, second) = again.bars("A", 60, 0, MAX, 0, newest=True)
    assert first == before[0]
    assert (second.open, second.high, second.close) == (99 * SCALE, 110 * SCALE, 110 * SCALE)
    (day,) = again.bars("A", 86_400, 0, MAX, 0, newest=False)
    assert (day.open, day.high, day.low) == (100 * SCALE, 110 * SCALE, 98 * SCALE)
    assert len(again.unsaved()) == 2


def test_what_is_imported_is_not_built_over() -> None:
    """A provider's own day stands, whatever quotes come during it."""
    store = BarStore()
    bars = LiveBars(store)
    whole = Bar(NOON - NOON % DAY, 5, 9, 1, 7, 1_000)
    bars.seed("A", [whole], "one")
    bars.take(quote(100, 1), "one")
    assert bars.bars("A", 86_400, 0, MAX, 0, newest=True) == [whole]
    store.keep(bars.unsaved())
    assert store.rows("A", DAY_S, 0, MAX) == [whole]


def test_memory_holds_what_is_in_formation_only() -> None:
    """A day of minutes is on disk, not in the process."""
    store = BarStore()
    bars = LiveBars(store)
    for number in range(600):
        bars.take(quote(100 + number % 7, number * 60), "one")
        store.keep(bars.unsaved())
    bars.unsaved()
    assert sum(len(base) for base in bars._symbols["A"].bases.values()) <= 3
    assert len(bars.bars("A", 60, 0, MAX, 0, newest=False)) == 600
