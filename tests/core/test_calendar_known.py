"""Known days of four exchanges: holidays, half days, breaks, changed hours, special closures.

Sources: the exchanges' own calendars and notices, as each row says what happened.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from papertrader.core.calendar import Calendar, ExchangeCalendar, Session
from papertrader.core.instants import MINUTE, NEVER, from_datetime, to_datetime
from papertrader.master.providers.base import load_calendars

CALENDARS = load_calendars()
NYSE, LSE, XETRA, TOKYO = "09:30-16:00", "08:00-16:30", "09:00-17:30", "09:00-15:30"

KNOWN = (
    ("XNYS", "2001-09-10", NYSE, "the day before"),
    ("XNYS", "2001-09-11", "", "attacks of September 11"),
    ("XNYS", "2001-09-14", "", "fourth day closed after the attacks"),
    ("XNYS", "2001-09-17", NYSE, "reopened"),
    ("XNYS", "2004-06-11", "", "mourning for President Reagan"),
    ("XNYS", "2007-01-02", "", "mourning for President Ford"),
    ("XNYS", "2012-10-29", "", "Hurricane Sandy"),
    ("XNYS", "2012-10-30", "", "Hurricane Sandy, second day"),
    ("XNYS", "2018-12-05", "", "mourning for President G. H. W. Bush"),
    ("XNYS", "2021-06-18", NYSE, "Juneteenth was not a holiday of the exchange yet"),
    ("XNYS", "2022-06-20", "", "Juneteenth, observed on Monday"),
    ("XNYS", "2021-12-31", NYSE, "New Year's Day on a Saturday is not observed on Friday"),
    ("XNYS", "2022-12-26", "", "Christmas, observed on Monday"),
    ("XNYS", "2024-11-29", "09:30-13:00", "day after Thanksgiving"),
    ("XNYS", "2025-01-09", "", "mourning for President Carter"),
    ("XNYS", "2025-04-18", "", "Good Friday"),
    ("XNYS", "2025-07-03", "09:30-13:00", "day before Independence Day"),
    ("XNYS", "2025-07-04", "", "Independence Day"),
    ("XNYS", "2025-11-28", "09:30-13:00", "day after Thanksgiving"),
    ("XNYS", "2025-12-24", "09:30-13:00", "Christmas Eve"),
    ("XNYS", "2026-07-03", "", "Independence Day on a Saturday, observed on Friday"),
    ("XNYS", "2026-11-27", "09:30-13:00", "day after Thanksgiving"),
    ("XLON", "2011-04-29", "", "royal wedding"),
    ("XLON", "2012-06-05", "", "Diamond Jubilee"),
    ("XLON", "2020-05-04", LSE, "the May holiday was moved to the 8th"),
    ("XLON", "2020-05-08", "", "seventy-five years after the war in Europe"),
    ("XLON", "2022-06-02", "", "spring holiday, moved for the Platinum Jubilee"),
    ("XLON", "2022-06-03", "", "Platinum Jubilee"),
    ("XLON", "2022-09-19", "", "funeral of Queen Elizabeth II"),
    ("XLON", "2023-05-08", "", "coronation of King Charles III"),
    ("XLON", "2025-04-21", "", "Easter Monday"),
    ("XLON", "2025-08-25", "", "summer bank holiday"),
    ("XLON", "2025-12-24", "08:00-12:30", "Christmas Eve"),
    ("XLON", "2025-12-26", "", "Boxing Day"),
    ("XLON", "2025-12-31", "08:00-12:30", "New Year's Eve"),
    ("XETR", "2017-10-31", "", "five hundred years of the Reformation"),
    ("XETR", "2025-04-21", "", "Easter Monday"),
    ("XETR", "2025-05-01", "", "Labor Day"),
    ("XETR", "2025-06-09", XETRA, "Whit Monday is traded since 2022"),
    ("XETR", "2025-10-03", XETRA, "German Unity Day is traded"),
    ("XETR", "2025-12-24", "", "Christmas Eve"),
    ("XETR", "2025-12-30", "09:00-14:00", "last trading day of the year"),
    ("XETR", "2025-12-31", "", "New Year's Eve"),
    ("XTKS", "2019-04-30", "", "abdication of the Emperor, in a Golden Week of ten days"),
    ("XTKS", "2019-05-02", "", "Golden Week of ten days"),
    ("XTKS", "2019-10-22", "", "enthronement of the Emperor"),
    ("XTKS", "2021-07-23", "", "Sports Day, moved for the Olympics"),
    ("XTKS", "2024-11-01", "09:00-15:00", "last day of the old hours"),
    ("XTKS", "2024-11-05", TOKYO, "first day of the longer hours"),
    ("XTKS", "2025-01-03", "", "New Year"),
    ("XTKS", "2025-01-06", TOKYO, "first trading day of the year"),
    ("XTKS", "2025-11-24", "", "Labor Thanksgiving Day, observed on Monday"),
    ("XTKS", "2025-12-30", TOKYO, "last trading day of the year"),
    ("XTKS", "2025-12-31", "", "New Year's Eve"),
)


def local(mic: str, *instants: int) -> str:
    """Write instants in the exchange's own time, joined by a hyphen."""
    zone = ZoneInfo(CALENDARS[mic].timezone)
    return "-".join(to_datetime(at).astimezone(zone).strftime("%H:%M") for at in instants)


def at(mic: str, day: str, hour: int, minute: int = 0) -> int:
    """Return an instant given in the exchange's own time."""
    zone = ZoneInfo(CALENDARS[mic].timezone)
    parts = date.fromisoformat(day)
    return from_datetime(datetime(parts.year, parts.month, parts.day, hour, minute, tzinfo=zone))


@pytest.mark.parametrize(("mic", "day", "hours", "why"), KNOWN, ids=lambda value: str(value)[:40])
def test_a_known_day(mic: str, day: str, hours: str, why: str) -> None:
    """The exchange kept these hours that day, or was closed."""
    session = CALENDARS[mic].session(date.fromisoformat(day))
    assert ("" if session is None else local(mic, session.open, session.close)) == hours, why


def session(mic: str, day: str) -> Session:
    """Return the session of a day that has one."""
    found = CALENDARS[mic].session(date.fromisoformat(day))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("mic", "day", "hours"),
    [
        ("XTKS", "2025-06-02", "11:30-12:30"),
        ("XTKS", "2011-11-21", "11:30-12:30"),
        ("XTKS", "2011-11-18", "11:00-12:30"),
        ("XHKG", "2025-06-02", "12:00-13:00"),
        ("XHKG", "2011-06-01", "12:00-13:30"),
        ("XHKG", "2009-06-01", "12:30-14:30"),
    ],
)
def test_lunch_breaks(mic: str, day: str, hours: str) -> None:
    """As the exchanges kept them: Tokyo's morning was lengthened on 2011-11-21, Hong Kong's break
    was shortened in 2011 and 2012."""
    found = session(mic, day)
    assert local(mic, found.break_start, found.break_end) == hours


def test_no_break_elsewhere_and_on_half_days() -> None:
    """New York, London and Frankfurt trade through; a day that ends at noon has no break."""
    for mic in ("XNYS", "XLON", "XETR"):
        assert session(mic, "2025-06-02").break_start == NEVER
    half = session("XHKG", "2025-12-24")
    assert local("XHKG", half.open, half.close) == "09:30-12:00"
    assert half.break_start == NEVER


def test_a_break_is_within_the_session() -> None:
    """The exchange is not open in it, but the session goes on and nothing expires."""
    tokyo: Calendar = CALENDARS["XTKS"]
    day = session("XTKS", "2025-06-02")
    for hour, minute, is_open in (
        (8, 59, False), (9, 0, True), (11, 29, True), (11, 30, False), (12, 29, False),
        (12, 30, True), (15, 29, True), (15, 30, False),
    ):  # fmt: skip
        assert tokyo.is_open(at("XTKS", "2025-06-02", hour, minute)) is is_open
    lunch = at("XTKS", "2025-06-02", 12)
    assert tokyo.session_at(lunch) == tokyo.next_session(lunch) == day
    assert not day.trades_at(day.close)
    assert day.trades_at(day.close - MINUTE)


def test_breaks_that_cannot_be_read() -> None:
    """A break that ends before it starts is refused with the calendar's name."""
    data = {
        "tz": "UTC", "first": "20200101", "last": "20201231",
        "regular": [["2020", ["0900", "1700"]]], "holidays": [],
        "weekend_sessions": [], "special": [], "breaks": [["20200101", "13", "12"]],
    }  # fmt: skip
    with pytest.raises(ValueError, match="the calendar data of XXXX cannot be read"):
        ExchangeCalendar.from_data("XXXX", data)


@pytest.mark.parametrize("mic", ["XNYS", "XLON", "XETR", "XTKS"])
def test_every_session_has_sane_hours(mic: str) -> None:
    """2000 to 2027: it opens before it closes, on one local date, and some 245 to 262 a year."""
    calendar = CALENDARS[mic]
    day, count = date(2000, 1, 1), 0
    while day < date(2027, 1, 1):
        found = calendar.session(day)
        if found is not None:
            count += 1
            assert found.open < found.close
            assert found.break_start == NEVER or (
                found.open < found.break_start < found.break_end < found.close
            )
            assert to_datetime(found.open).astimezone(ZoneInfo(calendar.timezone)).date() == day
        day += timedelta(days=1)
    assert 244 * 27 <= count <= 262 * 27
