"""The exchange calendars: sessions, holidays, half days, daylight saving, and the 24/7 calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papertrader.core.calendar import (
    SESSIONS_CACHED_MAX,
    AlwaysOpen,
    Calendar,
    ExchangeCalendar,
    Session,
)
from papertrader.core.instants import DAY, from_datetime, midnight_of, to_datetime
from papertrader.master.providers.base import load_calendars

CALENDARS = load_calendars()
XNYS = CALENDARS["XNYS"]
NEW_YORK = ZoneInfo("America/New_York")

SMALL: dict[str, Any] = {
    "tz": "Europe/London",
    "first": "20200106",
    "last": "20200131",
    "regular": [["2020", ["0800", "1630"]]],
    "holidays": ["20200115"],
    "weekend_sessions": ["20200118"],
    "special": [["20200117", "0800", "1230"]],
}


def new_york(year: int, month: int, day: int, hour: int = 12, minute: int = 0) -> int:
    """Return an instant given as New York time."""
    return from_datetime(datetime(year, month, day, hour, minute, tzinfo=NEW_YORK))


def hours(session: Session | None, zone: ZoneInfo = NEW_YORK) -> tuple[str, str]:
    """Return a session's local opening and closing time."""
    assert session is not None
    opening, closing = (
        to_datetime(t).astimezone(zone).strftime("%H:%M") for t in (session.open, session.close)
    )
    return opening, closing


def test_the_package_has_nine_calendars() -> None:
    """Eight exchanges and the market that never closes."""
    names = {"XNYS", "XLON", "XETR", "XPAR", "XTSE", "XASX", "XHKG", "XTKS", "24/7"}
    assert set(CALENDARS) == names
    assert all(calendar.mic == name for name, calendar in CALENDARS.items())


@pytest.mark.parametrize(
    "day",
    [
        date(2012, 12, 25),  # Christmas
        date(2012, 10, 29),  # hurricane Sandy
        date(2012, 10, 30),
        date(2001, 9, 11),
        date(2001, 9, 14),
        date(2004, 6, 11),  # mourning for a president
        date(2007, 1, 2),
        date(2012, 12, 22),  # a Saturday
        date(2012, 4, 6),  # Good Friday
    ],
)
def test_new_york_is_closed(day: date) -> None:
    """Holidays, days of mourning, disasters and weekends have no session."""
    assert XNYS.session(day) is None
    assert not XNYS.is_open(new_york(day.year, day.month, day.day))


@pytest.mark.parametrize(
    ("day", "closing"),
    [
        (date(2012, 11, 23), "13:00"),
        (date(2012, 7, 3), "13:00"),
        (date(2012, 12, 24), "13:00"),
        (date(2012, 10, 31), "16:00"),
        (date(2001, 9, 17), "16:00"),
    ],
)
def test_new_york_closes_at(day: date, closing: str) -> None:
    """Half days close at 13:00, the others at 16:00."""
    assert hours(XNYS.session(day)) == ("09:30", closing)


@pytest.mark.parametrize(
    ("day", "opening_utc"),
    [
        (date(2012, 3, 9), 14),
        (date(2012, 3, 12), 13),
        (date(2012, 11, 2), 13),
        (date(2012, 11, 5), 14),
        (date(2006, 3, 13), 14),  # before 2007 daylight saving began in April
        (date(2006, 4, 3), 13),
    ],
)
def test_daylight_saving_moves_the_open(day: date, opening_utc: int) -> None:
    """09:30 in New York is 13:30 UTC in summer and 14:30 in winter, by the law of that year."""
    session = XNYS.session(day)
    assert session is not None
    assert to_datetime(session.open) == datetime(
        day.year, day.month, day.day, opening_utc, 30, tzinfo=UTC
    )


def test_a_session_holds_its_open_but_not_its_close() -> None:
    """``open <= t < close``."""
    session = XNYS.session(date(2012, 11, 23))
    assert session is not None
    assert XNYS.session_at(session.open) == session
    assert XNYS.session_at(session.close - 1) == session
    assert XNYS.session_at(session.open - 1) is None
    assert XNYS.session_at(session.close) is None


def test_neighbors_over_a_long_weekend() -> None:
    """From Friday's half day the next session is Monday's, and back."""
    friday, monday = XNYS.session(date(2012, 11, 23)), XNYS.session(date(2012, 11, 26))
    assert friday is not None
    assert monday is not None
    saturday = new_york(2012, 11, 24)
    assert XNYS.next_session(saturday) == monday
    assert XNYS.previous_session(saturday) == friday
    assert XNYS.next_session(friday.close) == monday
    assert XNYS.next_session(friday.close - 1) == friday
    assert XNYS.previous_session(friday.close) == friday
    assert XNYS.previous_session(monday.close - 1) == friday


def test_hours_change_with_the_years() -> None:
    """Hong Kong opens earlier since 2011 (March); Tokyo closes later since November 2024."""
    hong_kong, tokyo = ZoneInfo("Asia/Hong_Kong"), ZoneInfo("Asia/Tokyo")
    assert hours(CALENDARS["XHKG"].session(date(2010, 6, 1)), hong_kong) == ("10:00", "16:00")
    assert hours(CALENDARS["XHKG"].session(date(2012, 6, 1)), hong_kong) == ("09:30", "16:00")
    assert hours(CALENDARS["XTKS"].session(date(2024, 11, 1)), tokyo) == ("09:00", "15:00")
    assert hours(CALENDARS["XTKS"].session(date(2024, 11, 5)), tokyo) == ("09:00", "15:30")
    assert hours(CALENDARS["XTKS"].session(date(2026, 6, 1)), tokyo) == ("09:00", "15:30")


def test_before_the_first_known_day_there_is_nothing() -> None:
    """The calendar begins at its first day: no session before, the first one next."""
    calendar = ExchangeCalendar.from_data("XLON", SMALL)
    early = midnight_of(date(1999, 5, 4))
    assert calendar.session(date(2020, 1, 3)) is None
    assert calendar.previous_session(early) is None
    assert calendar.previous_session(midnight_of(date(2020, 1, 6))) is None
    assert calendar.next_session(early).day == date(2020, 1, 6)


def test_after_the_last_known_day_weekdays_are_assumed() -> None:
    """Beyond the data: regular hours on weekdays, no holidays."""
    assert hours(XNYS.session(date(2031, 12, 25))) == ("09:30", "16:00")
    assert XNYS.session(date(2031, 12, 27)) is None
    assert XNYS.next_session(new_york(2031, 12, 27)).day == date(2031, 12, 29)


def test_every_kind_of_day_in_the_data() -> None:
    """Holidays, weekend sessions and special hours are read from the data."""
    calendar = ExchangeCalendar.from_data("XLON", SMALL)
    london = ZoneInfo("Europe/London")
    assert calendar.session(date(2020, 1, 15)) is None
    assert hours(calendar.session(date(2020, 1, 17)), london) == ("08:00", "12:30")
    assert hours(calendar.session(date(2020, 1, 18)), london) == ("08:00", "16:30")
    assert calendar.session(date(2020, 1, 19)) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"tz": 5},
        {"first": "2020-01-06"},
        {"regular": []},
        {"regular": [["2020", ["1630", "0800"]]]},
        {"holidays": ["20200230"]},
        {"special": [["20200117", "0800"]]},
    ],
)
def test_unreadable_data_is_refused(wrong: dict[str, Any]) -> None:
    """Damaged data raise ValueError naming the exchange."""
    with pytest.raises(ValueError, match="XLON"):
        ExchangeCalendar.from_data("XLON", SMALL | wrong)


def test_a_missing_key_is_refused() -> None:
    """Data without time zone raise ValueError naming the exchange."""
    with pytest.raises(ValueError, match="XLON"):
        ExchangeCalendar.from_data("XLON", {k: v for k, v in SMALL.items() if k != "tz"})


def test_a_calendar_that_never_opens_is_an_error_not_a_loop() -> None:
    """A closure longer than any known is refused in both directions."""
    closed = [(date(2020, 1, 6) + timedelta(n)).strftime("%Y%m%d") for n in range(90)]
    calendar = ExchangeCalendar.from_data("XLON", SMALL | {"holidays": closed})
    with pytest.raises(ValueError, match="no session"):
        calendar.next_session(midnight_of(date(2020, 1, 7)))
    with pytest.raises(ValueError, match="no session"):
        calendar.previous_session(midnight_of(date(2020, 3, 30)))


def test_the_cache_is_bounded_and_forgetting_changes_nothing() -> None:
    """A full cache of days is emptied; the answers stay the same."""
    calendar = ExchangeCalendar.from_data("XLON", SMALL)
    before = calendar.session(date(2020, 1, 17))
    for number in range(SESSIONS_CACHED_MAX):
        calendar.session(date(1970, 1, 1) + timedelta(number))
    assert calendar.session(date(2020, 1, 17)) == before


@given(
    mic=st.sampled_from(sorted(CALENDARS)),
    instant=st.integers(midnight_of(date(1998, 1, 1)), midnight_of(date(2030, 1, 1))),
)
def test_neighbors_agree_with_each_other(mic: str, instant: int) -> None:
    """previous and next are neighbors around every instant, and open means that next trades."""
    calendar: Calendar = CALENDARS[mic]
    before, after = calendar.previous_session(instant), calendar.next_session(instant)
    assert before is not None
    assert before.close <= instant < after.close
    assert before.close <= after.open
    assert calendar.next_session(before.close) == after
    assert calendar.previous_session(after.close - 1) == before
    assert calendar.is_open(instant) == after.trades_at(instant)
    assert calendar.session_at(instant) == (after if after.open <= instant else None)
    assert calendar.session(after.day) == after


def test_the_market_that_never_closes() -> None:
    """Each UTC day is a session, weekends and holidays too."""
    calendar = AlwaysOpen()
    christmas = midnight_of(date(2011, 12, 25))
    session = calendar.session(date(2011, 12, 25))
    assert (session.open, session.close) == (christmas, christmas + DAY)
    assert calendar.is_open(christmas + 5)
    assert calendar.session_at(christmas + DAY - 1) == session
    assert calendar.next_session(christmas) == session
    assert calendar.previous_session(christmas).day == date(2011, 12, 24)
