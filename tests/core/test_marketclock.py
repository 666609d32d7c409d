"""The market clock: speed, skipped nights, the visited close, long gaps, and its limits."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papertrader.core.calendar import Session
from papertrader.core.instants import DAY, MILLISECOND, MINUTE, NEVER, SECOND
from papertrader.core.marketclock import (
    CLOSE_DWELL,
    SESSIONS_PER_CALL_MAX,
    SPEED_MAX,
    ClockMode,
    MarketClock,
)
from papertrader.master.providers.base import load_calendars

XNYS = load_calendars()["XNYS"]
WALL = 1_700_000_000 * SECOND


def session_of(day: date) -> Session:
    """Return the New York session of a day that has one."""
    session = XNYS.session(day)
    assert session is not None
    return session


FRIDAY, MONDAY = session_of(date(2012, 11, 23)), session_of(date(2012, 11, 26))


def clock(**changes: Any) -> MarketClock:
    """Return a replay clock at Friday's open, 60 times as fast as the wall, skipping nights."""
    settings: dict[str, Any] = {
        "mode": ClockMode.REPLAY,
        "calendar": XNYS,
        "market_start": FRIDAY.open,
        "wall_start": WALL,
        "speed_milli": 60_000,
        "skip_closed": True,
    }
    return MarketClock(**(settings | changes))


def test_a_live_clock_shows_the_wall() -> None:
    """Live: a market nanosecond a wall nanosecond."""
    live = clock(mode=ClockMode.LIVE, market_start=WALL, speed_milli=1_000, skip_closed=False)
    assert live.now(WALL) == WALL
    assert live.now(WALL + 123_456_789) == WALL + 123_456_789


@pytest.mark.parametrize(
    "wrong",
    [{"speed_milli": 2_000}, {"skip_closed": True}, {"paused": True}, {"market_end": WALL + DAY}],
)
def test_a_live_clock_refuses_to_be_bent(wrong: dict[str, Any]) -> None:
    """A live market cannot be paused, sped up, ended or made to skip."""
    plain = {"mode": ClockMode.LIVE, "speed_milli": 1_000, "skip_closed": False}
    with pytest.raises(ValueError, match="live market"):
        clock(**(plain | wrong))


@pytest.mark.parametrize("speed", [0, -1, SPEED_MAX + 1])
def test_a_speed_out_of_bounds_is_refused(speed: int) -> None:
    """The speed lies between 0.001 and 10,000."""
    with pytest.raises(ValueError, match="speed"):
        clock(speed_milli=speed)


def test_speed_is_exact_and_rounds_down() -> None:
    """Market time is wall time by the thousandths, in integers."""
    assert clock().now(WALL + SECOND) == FRIDAY.open + MINUTE
    slow = clock(speed_milli=333)
    assert slow.now(WALL + 10) == FRIDAY.open + 3
    assert slow.now(WALL + 1_000) == FRIDAY.open + 333


def test_the_close_is_visited_then_the_next_open() -> None:
    """At the close the market stands for the dwell; then Monday opens, the weekend skipped."""
    market = clock()
    reached = WALL + (FRIDAY.close - FRIDAY.open) // 60
    assert market.now(reached - 1) == FRIDAY.close - 60
    assert market.now(reached) == FRIDAY.close
    assert market.now(reached + CLOSE_DWELL - 1) == FRIDAY.close
    assert market.now(reached + CLOSE_DWELL) == MONDAY.open
    assert market.now(reached + CLOSE_DWELL + SECOND) == MONDAY.open + MINUTE


def test_without_skipping_the_night_passes() -> None:
    """skip_closed off: the weekend is lived through at the market's speed."""
    market = clock(skip_closed=False)
    assert market.now(WALL + (FRIDAY.close - FRIDAY.open + DAY) // 60) == FRIDAY.close + DAY


def test_a_start_while_closed_moves_to_the_next_open() -> None:
    """With skip_closed the market never stands in a night."""
    market = clock(market_start=FRIDAY.close + DAY)
    assert market.now(WALL) == MONDAY.open
    assert market.now(WALL + SECOND) == MONDAY.open + MINUTE
    assert clock(market_start=FRIDAY.close + DAY, skip_closed=False).now(WALL) == FRIDAY.close + DAY


def test_paused_stands_still() -> None:
    """A paused market does not move with the wall."""
    market = clock(paused=True)
    assert market.now(WALL + DAY) == FRIDAY.open


@pytest.mark.parametrize("skip_closed", [True, False])
def test_the_market_ends_where_it_is_told(skip_closed: bool) -> None:
    """The clock stands at its end for ever, whether that is a close or lies in a session."""
    for end in (FRIDAY.close, FRIDAY.open + 5 * MINUTE, MONDAY.open + 5 * MINUTE):
        market = clock(market_end=end, skip_closed=skip_closed)
        assert market.now(WALL + 4 * DAY) == end
        assert market.now(WALL + 5 * DAY) == end


def test_a_wall_before_the_start_or_running_backward_changes_nothing() -> None:
    """The market never goes back."""
    market = clock()
    assert market.now(WALL - DAY) == FRIDAY.open
    later = market.now(WALL + 10 * SECOND)
    assert market.now(WALL + 5 * SECOND) == later


def test_a_long_gap_is_caught_up_by_bounded_steps() -> None:
    """After a gap of years each look goes past a bounded number of closes and stands at one."""
    polled, gapped = clock(speed_milli=SPEED_MAX), clock(speed_milli=SPEED_MAX)
    wall = WALL + 2 * SESSIONS_PER_CALL_MAX * 4 * SECOND
    first = gapped.now(wall)
    assert XNYS.previous_session(first) == XNYS.session_at(first - 1)
    seen = [gapped.now(wall) for _ in range(10)]
    assert first < seen[0]
    assert seen == sorted(seen)
    for step in range(WALL, wall + 1, SECOND):
        polled.now(step)
    assert seen[-1] == seen[-2] == polled.now(wall)


@given(
    speed=st.sampled_from([1, 999, 1_000, 60_000, 1_234_567, SPEED_MAX]),
    start=st.integers(FRIDAY.open - DAY, MONDAY.close),
    steps=st.lists(st.integers(0, 20 * SECOND), max_size=40),
    skip=st.booleans(),
    end=st.sampled_from([NEVER, FRIDAY.close, MONDAY.open + MINUTE]),
)
def test_the_clock_is_monotone_and_a_function_of_the_wall(
    speed: int, start: int, steps: list[int], skip: bool, end: int
) -> None:
    """Any polling gives growing answers, those a fresh clock gives, and never a night."""
    settings = {
        "speed_milli": speed,
        "market_start": start,
        "skip_closed": skip,
        "market_end": end,
    }
    polled = clock(**settings)
    wall, latest = WALL, 0
    for step in steps:
        wall += step
        answer = polled.now(wall)
        assert answer >= latest
        latest = answer
        fresh = clock(**settings)
        looks = [fresh.now(wall) for _ in range(8)]
        assert looks[-1] == answer
        if skip and answer != end:
            assert XNYS.is_open(answer) or XNYS.is_open(answer - 1)


@given(poll=st.integers(MILLISECOND, CLOSE_DWELL))
def test_whoever_polls_within_the_dwell_sees_every_close(poll: int) -> None:
    """At the fastest speed too, each session's close is shown."""
    market = clock(speed_milli=SPEED_MAX)
    seen = {market.now(WALL + count * poll) for count in range(8 * SECOND // poll + 1)}
    assert {FRIDAY.close, MONDAY.close} <= seen


# --- setting it ----------------------------------------------------------------------------------


def test_paused_it_stands_and_goes_on_from_there() -> None:
    """However long it stood."""
    market = clock()
    market.pause(WALL + SECOND)
    assert market.now(WALL + 100 * SECOND) == FRIDAY.open + MINUTE
    market.resume(WALL + 200 * SECOND)
    market.resume(WALL + 200 * SECOND)
    assert market.now(WALL + 201 * SECOND) == FRIDAY.open + 2 * MINUTE


def test_paused_at_the_close_it_does_not_see_the_next_open() -> None:
    """The close belongs to its session, for a clock that begins there as well."""
    market = clock(speed_milli=SPEED_MAX)
    long_enough = WALL + 2 * SECOND
    assert market.now(long_enough) == FRIDAY.close
    market.pause(long_enough)
    market.resume(long_enough + SECOND)
    assert market.now(long_enough + SECOND) == FRIDAY.close
    assert market.now(long_enough + 2 * SECOND + CLOSE_DWELL) > MONDAY.open
    assert clock(market_start=FRIDAY.close, paused=True).now(WALL) == FRIDAY.close


def test_another_speed_goes_on_from_where_it_is() -> None:
    """No jump at the change."""
    market = clock()
    assert market.now(WALL + SECOND) == FRIDAY.open + MINUTE
    market.set_speed(1_000, WALL + SECOND)
    assert market.now(WALL + SECOND) == FRIDAY.open + MINUTE
    assert market.now(WALL + 2 * SECOND) == FRIDAY.open + MINUTE + SECOND


@pytest.mark.parametrize("skip", [True, False])
def test_it_goes_where_it_is_told(skip: bool) -> None:
    """Forward and back; with closed hours left out, to the next opening."""
    market = clock(skip_closed=skip, market_start=MONDAY.open)
    night = FRIDAY.close + 60 * MINUTE
    stands = MONDAY.open if skip else night
    assert market.go_to(night, WALL) == market.now(WALL) == stands
    assert market.go_to(FRIDAY.open + MINUTE, WALL + 5) == FRIDAY.open + MINUTE
    assert market.now(WALL + 5 + SECOND) == FRIDAY.open + 2 * MINUTE


def test_what_a_clock_cannot_be_told() -> None:
    """A live clock is free of all of it; no clock goes past its end or faster than it may."""
    live = clock(mode=ClockMode.LIVE, speed_milli=1_000, skip_closed=False)
    for wrong in (
        lambda: live.pause(WALL),
        lambda: live.resume(WALL),
        lambda: live.set_speed(2_000, WALL),
        lambda: live.go_to(FRIDAY.open, WALL),
    ):
        with pytest.raises(ValueError, match="live market"):
            wrong()
    ended = clock(market_end=MONDAY.close)
    with pytest.raises(ValueError, match="data end"):
        ended.go_to(MONDAY.close + 1, WALL)
    with pytest.raises(ValueError, match="speed"):
        ended.set_speed(0, WALL)
    assert ended.go_to(MONDAY.close, WALL) == MONDAY.close


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["wait", "pause", "resume", "speed"]), st.integers(1, 20 * SECOND)
        ),
        max_size=12,
    ),
    st.booleans(),
)
def test_only_go_to_takes_it_back(steps: list[tuple[str, int]], skip: bool) -> None:
    """Whatever else is done to it, market time never falls, and stands while paused."""
    market, wall, before = clock(skip_closed=skip), WALL, 0
    for name, value in steps:
        was_paused = market.paused
        if name == "pause":
            market.pause(wall)
        elif name == "resume":
            market.resume(wall)
        elif name == "speed":
            market.set_speed(value % SPEED_MAX + 1, wall)
        else:
            wall += value
        now = market.now(wall)
        assert now >= before
        if was_paused and market.paused and before:
            assert now == before
        before = now
