"""Exchange calendars: which sessions there are, and when they open and close.

Pure: the tables come in as parsed data, see `ExchangeCalendar.from_data`. Time zone rules come from
the standard library's ``zoneinfo``. A lunch break lies within a session: it does not end the day
(orders for the day live on), but nothing is traded.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

import attrs

from papertrader.core.instants import DAY, NEVER, Instant, from_datetime, midnight_of, to_datetime

CLOSED_DAYS_MAX: Final = 40
"""A calendar closed for longer than this is taken for broken data (the longest known: 11 days)."""

SESSIONS_CACHED_MAX: Final = 8_192
"""Days whose answer a calendar remembers; when full, all are forgotten and computed anew."""

ALWAYS_OPEN: Final = "24/7"
"""Name of the calendar that never closes."""

_DAY: Final = timedelta(days=1)
_SATURDAY: Final = 5
_Hours = tuple[time, time]
_Extended = tuple[time, time, time]
"""Before the session from; after it until, and until on a half day."""


@attrs.frozen
class Session:
    """One trading session: ``open`` <= t < ``close``, and the exchange's own date for it.

    From ``break_start`` until before ``break_end`` it rests; both are `NEVER` without a break.
    Extended hours go from ``pre_open`` to the opening, and from the close to ``post_close``; both
    are `NEVER` where there are none.
    """

    day: date
    open: Instant
    close: Instant
    break_start: Instant = NEVER
    break_end: Instant = NEVER
    pre_open: Instant = NEVER
    post_close: Instant = NEVER

    def extends_to(self, instant: int) -> bool:
        """Tell whether ``instant`` lies in the hours before or after the session."""
        return self.pre_open <= instant < self.open or self.close <= instant < self.post_close

    def trades_at(self, instant: int) -> bool:
        """Tell whether ``instant`` lies within the session and not in its break."""
        if not self.open <= instant < self.close:
            return False
        return not self.break_start <= instant < self.break_end


class Calendar(Protocol):
    """What both kinds of calendar answer. Instants are nanoseconds UTC."""

    mic: str
    timezone: str

    def session(self, day: date) -> Session | None:
        """Return the session of that date of the exchange, None when it is closed."""

    def session_at(self, instant: int) -> Session | None:
        """Return the session with ``open <= instant < close`` (its break included), or None."""

    def next_session(self, instant: int) -> Session:
        """Return the first session that closes after ``instant`` (the running one if open)."""

    def previous_session(self, instant: int) -> Session | None:
        """Return the last session that closed at or before ``instant``, None before the first."""

    def is_open(self, instant: int) -> bool:
        """Tell whether ``instant`` lies within a session and not in its break."""

    def extended_at(self, instant: int) -> Session | None:
        """Return the session in whose extended hours ``instant`` lies, or None."""


class ExchangeCalendar:
    """The sessions of one exchange.

    Known from the data's ``first`` to ``last`` day. Before, there are no sessions. After ``last``
    holidays are not known yet: weekdays at the regular hours are assumed.
    """

    def __init__(
        self,
        *,
        mic: str,
        timezone: str,
        first: date,
        last: date,
        regular: tuple[tuple[int, _Hours], ...],
        holidays: frozenset[date],
        weekend_sessions: frozenset[date],
        special: Mapping[date, _Hours],
        breaks: tuple[tuple[date, _Hours], ...] = (),
        extended: tuple[tuple[date, _Extended], ...] = (),
    ) -> None:
        """``regular`` holds (first year, hours) in order; ``special`` the days with other hours;
        ``breaks`` (first day, hours) in order. A day that closes by the break's start has none.
        ``extended`` holds (first day, hours) in order."""
        if not regular:
            raise ValueError(f"calendar {mic} has no regular hours")
        self.mic = mic
        self.timezone = timezone
        self.first = first
        self.last = last
        self._zone = ZoneInfo(timezone)
        self._years = [year for year, _ in regular]
        self._regular = [hours for _, hours in regular]
        self._holidays = holidays
        self._weekend_sessions = weekend_sessions
        self._special = special
        self._break_days = [day for day, _ in breaks]
        self._breaks = [hours for _, hours in breaks]
        self._extended_days = [day for day, _ in extended]
        self._extended = [hours for _, hours in extended]
        self._sessions: dict[date, Session | None] = {}

    @property
    def has_extended_hours(self) -> bool:
        """Whether there are hours before and after the session."""
        return bool(self._extended)

    @classmethod
    def from_data(
        cls, mic: str, data: Mapping[str, Any], *, extended: bool = False
    ) -> ExchangeCalendar:
        """Build the calendar of ``mic`` from its entry in the calendar file.

        Keys: ``tz``, ``first``, ``last`` (YYYYMMDD), ``regular`` ([[first year, [open, close]],
        ...], local HHMM), ``holidays`` and ``weekend_sessions`` (days), ``special`` ([day, open,
        close]), where there are lunch breaks ``breaks`` ([first day, start, end]), and where there
        are extended hours ``extended`` ([first day, from, until, until on a half day]), which are
        left out unless ``extended``.

        Raises `ValueError` for a missing key or an unreadable entry.
        """
        try:
            return cls(
                mic=mic,
                timezone=data["tz"],
                first=_day(data["first"]),
                last=_day(data["last"]),
                regular=tuple((int(year), _hours(*hours)) for year, hours in data["regular"]),
                holidays=frozenset(map(_day, data["holidays"])),
                weekend_sessions=frozenset(map(_day, data["weekend_sessions"])),
                special={_day(day): _hours(*hours) for day, *hours in data["special"]},
                breaks=tuple((_day(day), _hours(*hours)) for day, *hours in data.get("breaks", ())),
                extended=tuple(
                    (_day(day), (*_hours(before, until), _hours(before, early)[1]))
                    for day, before, until, early in data.get("extended", ())
                )
                if extended
                else (),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"the calendar data of {mic} cannot be read: {error!r}") from error

    def session(self, day: date) -> Session | None:
        """Return the session of that date of the exchange, None when it is closed."""
        try:
            return self._sessions[day]
        except KeyError:
            pass
        if len(self._sessions) >= SESSIONS_CACHED_MAX:
            self._sessions.clear()
        session = self._sessions[day] = self._worked_out(day)
        return session

    def session_at(self, instant: int) -> Session | None:
        """Return the session with ``open <= instant < close`` (its break included), or None."""
        session = self.session(self._local_day(instant))
        if session is None or not session.open <= instant < session.close:
            return None
        return session

    def next_session(self, instant: int) -> Session:
        """Return the first session that closes after ``instant`` (the running one if open)."""
        day = max(self._local_day(instant), self.first)
        for _ in range(CLOSED_DAYS_MAX):
            session = self.session(day)
            if session is not None and session.close > instant:
                return session
            day += _DAY
        raise ValueError(
            f"calendar {self.mic} has no session in the {CLOSED_DAYS_MAX} days to {day}"
        )

    def previous_session(self, instant: int) -> Session | None:
        """Return the last session that closed at or before ``instant``, None before the first."""
        day = self._local_day(instant)
        for _ in range(CLOSED_DAYS_MAX):
            if day < self.first:
                return None
            session = self.session(day)
            if session is not None and session.close <= instant:
                return session
            day -= _DAY
        raise ValueError(f"calendar {self.mic} has no session in {CLOSED_DAYS_MAX} days from {day}")

    def is_open(self, instant: int) -> bool:
        """Tell whether ``instant`` lies within a session and not in its break."""
        session = self.session_at(instant)
        return session is not None and session.trades_at(instant)

    def extended_at(self, instant: int) -> Session | None:
        """Return the session in whose extended hours ``instant`` lies, or None."""
        if not self._extended:
            return None
        session = self.session(self._local_day(instant))
        return session if session is not None and session.extends_to(instant) else None

    def _local_day(self, instant: int) -> date:
        return to_datetime(instant).astimezone(self._zone).date()

    def _worked_out(self, day: date) -> Session | None:
        if day < self.first or day in self._holidays:
            return None
        if day.weekday() >= _SATURDAY and day not in self._weekend_sessions:
            return None
        hours = self._special.get(day)
        if hours is None:
            hours = self._regular[max(bisect_right(self._years, day.year) - 1, 0)]
        rest = self._break_of(day, hours)
        session = Session(day, *(self._instant(day, hour) for hour in hours + rest))
        return self._with_extended(session, hours)

    def _with_extended(self, session: Session, hours: _Hours) -> Session:
        """Return the session with the hours before and after it, if the day has any."""
        number = bisect_right(self._extended_days, session.day) - 1
        if number < 0:
            return session
        before, until, early = self._extended[number]
        usual = self._regular[max(bisect_right(self._years, session.day.year) - 1, 0)]
        until = early if hours[1] < usual[1] else until
        return attrs.evolve(
            session,
            pre_open=self._instant(session.day, min(before, hours[0])),
            post_close=self._instant(session.day, max(until, hours[1])),
        )

    def _break_of(self, day: date, hours: _Hours) -> _Hours | tuple[()]:
        """Return the hours of the day's lunch break, if it has one."""
        number = bisect_right(self._break_days, day) - 1
        if number < 0 or not hours[0] < self._breaks[number][0] < hours[1]:
            return ()
        return self._breaks[number]

    def _instant(self, day: date, hour: time) -> Instant:
        return from_datetime(datetime.combine(day, hour, tzinfo=self._zone))


class AlwaysOpen:
    """The calendar of a market that never closes: each UTC day is one session."""

    mic = ALWAYS_OPEN
    timezone = "UTC"

    def session(self, day: date) -> Session:
        """Return the UTC day as a session."""
        opening = midnight_of(day)
        return Session(day, opening, Instant(opening + DAY))

    def session_at(self, instant: int) -> Session:
        """Return the UTC day that holds ``instant``."""
        return self.session(to_datetime(instant).date())

    def next_session(self, instant: int) -> Session:
        """Return the UTC day that holds ``instant``: it is always running."""
        return self.session_at(instant)

    def previous_session(self, instant: int) -> Session:
        """Return the UTC day before the one that holds ``instant``."""
        return self.session_at(instant - DAY)

    def is_open(self, instant: int) -> bool:
        """Answer True: this market never closes."""
        return True

    def extended_at(self, instant: int) -> None:
        """Answer None: no hours lie outside."""


class LongDays:
    """A calendar seen with its extended hours: each session reaches from the first to the last.

    By it a market clock that skips closed hours goes through them.
    """

    def __init__(self, calendar: Calendar) -> None:
        """``calendar`` has extended hours on some days, perhaps."""
        self._calendar = calendar
        self.mic = calendar.mic
        self.timezone = calendar.timezone

    def session(self, day: date) -> Session | None:
        """Return the whole day of that date."""
        session = self._calendar.session(day)
        return None if session is None else _long(session)

    def session_at(self, instant: int) -> Session | None:
        """Return the day that holds ``instant``, or None."""
        session = self._calendar.session_at(instant) or self._calendar.extended_at(instant)
        return None if session is None else _long(session)

    def next_session(self, instant: int) -> Session:
        """Return the first day that ends after ``instant``."""
        return self.session_at(instant) or _long(self._calendar.next_session(instant))

    def previous_session(self, instant: int) -> Session | None:
        """Return the last day that ended at or before ``instant``."""
        session = self._calendar.previous_session(instant)
        while session is not None and _long(session).close > instant:
            session = self._calendar.previous_session(session.open)
        return None if session is None else _long(session)

    def is_open(self, instant: int) -> bool:
        """Tell whether anything is traded at ``instant``."""
        return self._calendar.is_open(instant) or self.extended_at(instant) is not None

    def extended_at(self, instant: int) -> Session | None:
        """Return the session in whose extended hours ``instant`` lies, or None."""
        return self._calendar.extended_at(instant)


def _long(session: Session) -> Session:
    if session.pre_open == NEVER:
        return session
    return attrs.evolve(session, open=session.pre_open, close=session.post_close)


def _day(text: str) -> date:
    if len(text) != 8:
        raise ValueError(f"not a day written YYYYMMDD: {text!r}")
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))


def _hours(opening: str, closing: str) -> _Hours:
    first, last = (time(int(text[:2]), int(text[2:])) for text in (opening, closing))
    if first >= last:
        raise ValueError(f"a session cannot open at {opening} and close at {closing}")
    return first, last
