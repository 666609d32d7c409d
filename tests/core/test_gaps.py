"""Gaps in a series of bars, within the trading hours of a calendar alone."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from papertrader.core.calendar import AlwaysOpen
from papertrader.core.gaps import DAY_S, Gap, find_gaps
from papertrader.core.instants import DAY, MINUTE, SECOND, midnight_of
from papertrader.master.providers.base import load_calendars

XNYS = load_calendars()["XNYS"]
ALWAYS = AlwaysOpen()
OPEN = midnight_of(date(2012, 11, 21)) + (14 * 60 + 30) * MINUTE
"""Wednesday before Thanksgiving; Friday after it closes at 18:00 UTC."""


def test_nights_weekends_and_holidays_are_no_gaps() -> None:
    """Wednesday, half of Friday and Monday, every minute: nothing is missing."""
    days = [(0, 390), (2, 210), (5, 390)]
    times = [OPEN + day * DAY + n * MINUTE for day, count in days for n in range(count)]
    assert find_gaps(times, 60, XNYS) == []
    assert find_gaps([midnight_of(date(2012, 11, d)) for d in (21, 23, 26)], DAY_S, XNYS) == []


def test_what_is_missing_is_told_in_stretches() -> None:
    """Over a night a gap goes on; each is its first and last bar, and how many."""
    times = [OPEN + n * MINUTE for n in range(390) if n not in (5, 6, 7, 388, 389)]
    times += [OPEN + 2 * DAY + n * MINUTE for n in range(2, 210)]
    assert find_gaps(times, 60, XNYS) == [
        Gap(OPEN + 5 * MINUTE, OPEN + 7 * MINUTE, 3),
        Gap(OPEN + 388 * MINUTE, OPEN + 2 * DAY + MINUTE, 4),
    ]
    days = [midnight_of(date(2012, 11, d)) for d in (19, 26)]
    assert find_gaps(days, DAY_S, XNYS) == [
        Gap(midnight_of(date(2012, 11, 20)), midnight_of(date(2012, 11, 23)), 3)
    ]


def test_the_cut_off_ends_are_none() -> None:
    """Before the first and after the last bar nothing is expected; one bar has no gaps."""
    assert find_gaps([], 60, XNYS) == find_gaps([OPEN], 60, XNYS) == []
    assert find_gaps([OPEN + 100 * MINUTE, OPEN + 101 * MINUTE], 60, XNYS) == []
    assert find_gaps([OPEN, OPEN + 300 * DAY], 604_800, XNYS) == []


@given(st.sets(st.integers(0, 3_000), min_size=2, max_size=60), st.sampled_from([60, 300, 3_600]))
def test_where_it_is_always_open_every_missing_bar_counts(numbers: set[int], length: int) -> None:
    """Bars and missing ones together are all there could be."""
    start = OPEN - OPEN % DAY
    times = sorted(start + n * length * SECOND for n in numbers)
    gaps = find_gaps(times, length, ALWAYS)
    whole = (times[-1] - times[0]) // (length * SECOND) + 1
    assert len(times) + sum(gap.bars for gap in gaps) == whole
    for gap in gaps:
        assert (gap.last - gap.first) // (length * SECOND) + 1 == gap.bars
        assert gap.first - length * SECOND in times
        assert gap.last + length * SECOND in times
