"""Times as programs and people give them, and as they go into a frame."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from papertrader.core.instants import from_datetime, midnight_of

Moment = datetime | date | None

INSTANT_MAX: Final = 2**63 - 1
"""The last instant that may be asked for: a frame has 64 bits for it, a store keeps 63."""


def instant_of(moment: Moment, what: str) -> int:
    """Turn a date (its midnight UTC) or an aware datetime into nanoseconds since 1970; 0 for None.

    Raises `TypeError` for anything else, `ValueError` for a datetime without time zone, and for
    what lies outside of 1970 to 2262; ``what`` names it in the message.
    """
    if moment is None:
        return 0
    if not isinstance(moment, date):
        raise TypeError(f"{what} must be a date or a datetime, not {type(moment).__name__}")
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise ValueError(f"{what} needs a time zone, for example datetime(..., tzinfo=UTC)")
        found = from_datetime(moment)
    else:
        found = midnight_of(moment)
    if not 0 <= found <= INSTANT_MAX:
        day = moment.date() if isinstance(moment, datetime) else moment
        raise ValueError(f"{what} {day} is out of range: 1970-01-01 to 2262-04-11")
    # 0 would say that none is given: the first nanosecond is the same to whoever gave it.
    return found or 1
