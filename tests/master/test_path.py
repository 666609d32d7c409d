"""The way of prices inside a day: every split keeps the whole exactly, for any day whatever."""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from papertrader.core.instants import MINUTE, SECOND
from papertrader.master.providers.path import (
    SPREAD,
    VOLATILITY,
    VOLUME,
    Candle,
    DayPath,
    Texture,
    draws,
    shared_out,
    split,
    table_at,
)


def texture(step: int = 5 * SECOND, flat: bool = False) -> Texture:
    """Return a stock's texture."""
    return Texture(
        tick=1_000_000,
        volume_unit=100_000_000,
        step=step,
        spread_ppm=140,
        size=200,
        size_round=100,
        flat=flat,
    )


@st.composite
def candles(draw: st.DrawFn) -> Candle:
    """Return any day: quiet, wild, opening or closing at its extremes."""
    low = draw(st.integers(1, 100_000))
    span = draw(st.one_of(st.integers(0, 5), st.integers(0, 100_000)))
    edge = st.sampled_from([low, low + span])
    price = st.one_of(edge, st.integers(low, low + span))
    volume = draw(st.one_of(st.just(0), st.integers(1, 100), st.integers(1, 10**10)))
    return Candle(draw(price), low + span, low, draw(price), volume)


def whole_of(parts: list[Candle]) -> Candle:
    """Join bars."""
    return Candle(
        parts[0].open,
        max(part.high for part in parts),
        min(part.low for part in parts),
        parts[-1].close,
        sum(part.volume for part in parts),
    )


def is_sound(bar: Candle) -> bool:
    """Tell whether a bar's prices and volume can be."""
    extremes = min(bar.open, bar.close), max(bar.open, bar.close)
    return bar.low <= extremes[0] and extremes[1] <= bar.high and bar.volume >= 0


@given(whole=candles(), label=st.text("abc", max_size=3), count=st.integers(1, 48))
def test_a_split_keeps_the_whole(whole: Candle, label: str, count: int) -> None:
    """Open, high, low, close and volume of the parts together are the whole's."""
    parts = split(label, whole, [1] * count, [35] * count)
    assert len(parts) == count
    assert whole_of(parts) == whole
    assert all(is_sound(part) for part in parts)
    assert all(one.close == other.open for one, other in pairwise(parts))


@settings(max_examples=40)
@given(
    whole=candles(),
    label=st.text("abc", max_size=3),
    minutes=st.sampled_from([1, 4, 7, 31, 90, 210]),
    flat=st.booleans(),
    step=st.sampled_from([5 * SECOND, 15 * SECOND]),
)
def test_all_ticks_of_a_day_are_the_day(
    whole: Candle, label: str, minutes: int, flat: bool, step: int
) -> None:
    """Ticks make minutes, minutes make five minutes and half hours, these the day: exactly."""
    path = DayPath(label=label, whole=whole, minutes=minutes, texture=texture(step, flat))
    assert whole_of(path.half_hours) == whole
    assert whole_of(list(path.all_fives())) == whole
    bars = list(path.all_minutes())
    assert len(bars) == minutes
    assert whole_of(bars) == whole
    prices: list[int] = []
    volume = 0
    for number, bar in enumerate(bars):
        ticks = path.minute_path(number)
        assert len(ticks.prices) == MINUTE // step
        assert ticks.formed(len(ticks.prices) - 1) == bar
        assert ticks.volume_before == volume
        assert ticks.volumes == sorted(ticks.volumes)
        prices += ticks.prices
        volume = ticks.volumes[-1]
        assert (ticks.highs[-1], ticks.lows[-1]) == (max(prices), min(prices))
    assert Candle(prices[0], max(prices), min(prices), prices[-1], volume) == whole


def test_a_minute_asked_alone_is_the_same_minute() -> None:
    """Random access: the order in which parts are asked for changes nothing."""
    whole = Candle(10_000, 10_400, 9_900, 10_250, 1_000_000)
    forward = DayPath(label="x", whole=whole, minutes=390, texture=texture())
    walked = [forward.minute_path(minute) for minute in range(390)]
    for minute in (389, 0, 200, 31):
        alone = DayPath(label="x", whole=whole, minutes=390, texture=texture())
        assert alone.minute_path(minute) == walked[minute]


def test_the_way_is_the_same_on_every_machine() -> None:
    """The digest of one day's ticks, pinned: a change of the rule changes recorded markets."""
    whole = Candle(10_000, 10_400, 9_900, 10_250, 1_000_000)
    path = DayPath(label="1/AAPL/2004-05-06", whole=whole, minutes=390, texture=texture())
    digest = sha256()
    for minute in range(390):
        ticks = path.minute_path(minute)
        books = [ticks.book(tick, texture()) for tick in range(12)]
        digest.update(repr((ticks.prices, ticks.volumes, books)).encode())
    assert digest.hexdigest() == "ef4706aeb27bb6d57d9e766a546e1cc371c91fd3fce46a96e0e1c403b24abe27"


def test_draws_depend_on_the_label_alone() -> None:
    """The numbers are SHAKE-128's, little-endian; a longer row begins like a shorter one."""
    assert draws("", 2) == (0x9C7F, 0xA42B)
    assert draws("a", 5)[:3] == draws("a", 3)
    assert draws("a", 3) != draws("b", 3)


def test_the_day_is_busy_at_both_ends() -> None:
    """Over many days volume, movement and spread follow the half-hour tables' U."""
    whole = Candle(10_000, 10_200, 9_850, 10_050, 10_000_000)
    days = [
        DayPath(label=f"u/{number}", whole=whole, minutes=390, texture=texture())
        for number in range(200)
    ]
    volumes = [sum(day.half_hours[i].volume for day in days) for i in range(13)]
    shares = [1000 * volume / sum(volumes) for volume in volumes]
    assert all(abs(share - table) < 12 for share, table in zip(shares, VOLUME, strict=True))
    ranges = [sum(d.half_hours[i].high - d.half_hours[i].low for d in days) for i in range(13)]
    assert ranges[0] > 1.3 * ranges[6]


def test_the_nearer_extreme_comes_first_more_often() -> None:
    """A day opening near its low makes its low first in about three of four days."""
    whole = Candle(10_000, 10_500, 9_900, 10_200, 1)
    low_first = 0
    for number in range(400):
        parts = split(f"n/{number}", whole, [1] * 13, [35] * 13)
        low_at = next(i for i, part in enumerate(parts) if part.low == whole.low)
        high_at = next(i for i, part in enumerate(parts) if part.high == whole.high)
        low_first += low_at < high_at
    assert 260 < low_first < 350


@given(price=st.integers(1, 10**7), label=st.text("abc", max_size=3), step=st.just(5 * SECOND))
def test_the_book_stands_around_the_trade(price: int, label: str, step: int) -> None:
    """bid <= last <= ask, the spread is the rule's, and sizes are round lots."""
    look = texture(step)
    path = DayPath(
        label=label, whole=Candle(price, price, price, price, 50), minutes=390, texture=look
    )
    for minute, factor in ((0, 2200), (31, 1400), (200, 1000), (389, 800)):
        ticks = path.minute_path(minute)
        assert ticks.spread_factor == factor
        for tick in range(12):
            bid, ask, *sizes = ticks.book(tick, look)
            usual = price * look.spread_ppm * factor
            assert 1 <= bid < ask
            assert ask - bid == max(1, (usual + 500_000_000) // 1_000_000_000)
            assert bid <= max(price, 1) <= ask
            assert all(size in {100, 200} for size in sizes)


@given(
    volume=st.integers(0, 10**12),
    weights=st.lists(st.integers(1, 1000), min_size=1, max_size=50),
    jitter=st.integers(0, 65_535),
)
def test_shares_add_up(volume: int, weights: list[int], jitter: int) -> None:
    """No unit of volume is lost or made."""
    shares = shared_out(volume, weights, [jitter] * len(weights))
    assert sum(shares) == volume
    assert min(shares) >= 0


def test_tables_stretch_to_shorter_days() -> None:
    """A half day begins and ends like a whole one; a day of one part is all opening."""
    for table in (VOLUME, VOLATILITY, SPREAD):
        assert [table_at(table, part, 13) for part in range(13)] == list(table)
        assert table_at(table, 0, 7) == table[0]
        assert table_at(table, 6, 7) == table[-1]
        assert table_at(table, 0, 1) == table[0]


@pytest.mark.parametrize("step", [7 * SECOND, 20 * SECOND])
def test_a_step_that_does_not_fit_a_minute_is_refused(step: int) -> None:
    """Ticks divide a minute, into four or more."""
    with pytest.raises(ValueError, match="part a minute"):
        texture(step)
