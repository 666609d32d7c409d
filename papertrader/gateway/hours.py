"""The clock of the market, and the calendar of its exchange."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any, Final
from zoneinfo import ZoneInfo

import attrs

from papertrader.core.calendar import ExchangeCalendar
from papertrader.core.instants import to_datetime
from papertrader.gateway.errors import bad_request
from papertrader.gateway.routing import Call
from papertrader.gateway.values import day_in
from papertrader.wire.kinds import MarketState

CALENDAR_DAYS_MAX: Final = 4_000
"""Days of one question for the calendar: 400."""
DAYS_AROUND: Final = 365
"""Days before and after the market's own that are answered where no range is given."""
NEW_YORK: Final = ZoneInfo("America/New_York")
_DAY: Final = timedelta(days=1)


@cache
def calendar_of(mic: str) -> ExchangeCalendar | None:
    """Return the calendar of an exchange; None for one that never closes."""
    text = resources.files("papertrader.data").joinpath("calendars.json").read_text("utf-8")
    entry = json.loads(text).get(mic)
    return None if entry is None else ExchangeCalendar.from_data(mic, entry)


def local(value: datetime) -> str:
    """Write an instant with the zone of New York, as Alpaca's clock does."""
    return value.astimezone(NEW_YORK).isoformat()


@attrs.frozen
class Hours:
    """The requests about trading hours. All times are the market's own: a replay's of its day."""

    async def clock(self, call: Call) -> dict[str, Any]:
        """GET /v2/clock. A market that never closes is said to do so in a day's time."""
        found = await call.seat.client.market()
        later = found.now + _DAY
        return {
            "timestamp": local(found.now),
            "is_open": found.state == MarketState.OPEN,
            "next_open": local(found.next_open or later),
            "next_close": local(found.next_close or later),
        }

    async def calendar(self, call: Call) -> list[dict[str, Any]]:
        """GET /v2/calendar: the sessions from ``start`` to ``end``, both included."""
        found = await call.seat.client.market()
        today = found.now.astimezone(NEW_YORK).date()
        start = day_in(call.query, "start") or today - DAYS_AROUND * _DAY
        end = day_in(call.query, "end") or max(today, start) + DAYS_AROUND * _DAY
        if (end - start).days >= CALENDAR_DAYS_MAX:
            raise bad_request(f"at most {CALENDAR_DAYS_MAX} days can be asked for at once")
        calendar = calendar_of(found.exchange)
        days = (start + number * _DAY for number in range((end - start).days + 1))
        return [row for day in days if (row := _row(calendar, day)) is not None]


def _row(calendar: ExchangeCalendar | None, day: date) -> dict[str, Any] | None:
    if calendar is None:
        opens, closes = "00:00", "23:59"
    else:
        session = calendar.session(day)
        if session is None:
            return None
        zone = ZoneInfo(calendar.timezone)
        opens = f"{to_datetime(session.open).astimezone(zone):%H:%M}"
        closes = f"{to_datetime(session.close).astimezone(zone):%H:%M}"
    return {
        "date": day.isoformat(),
        "open": opens,
        "close": closes,
        "session_open": opens.replace(":", ""),
        "session_close": closes.replace(":", ""),
    }
