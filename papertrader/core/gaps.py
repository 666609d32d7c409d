"""Gaps in a series of bars: stretches of trading hours of which there is none.

A bar is missing when its whole time lies within a session of the calendar and no bar begins then.
A symbol that nobody trades for a minute has such a gap as well: a series cannot tell why.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from papertrader.core.calendar import Calendar
from papertrader.core.instants import DAY, SECOND, midnight_of

DAY_S: Final = 86_400
SESSIONS_MAX: Final = 20_000
"""Sessions looked at; of a longer series the oldest part is not looked at."""


@attrs.frozen
class Gap:
    """Bars that are missing in a row: the first and the last one's start, and how many."""

    first: int
    last: int
    bars: int


def find_gaps(times: Sequence[int], interval_s: int, calendar: Calendar) -> list[Gap]:
    """Return the gaps between the first and the last of ``times`` (rising starts of bars).

    ``interval_s`` is that of minutes up to a day; weeks and months have no gaps to speak of.
    """
    if len(times) < 2 or interval_s > DAY_S:
        return []
    known = set(times)
    missing: list[int] = []
    gaps: list[Gap] = []

    def close() -> None:
        if missing:
            gaps.append(Gap(missing[0], missing[-1], len(missing)))
            missing.clear()

    for time in _expected(times[0], times[-1], interval_s, calendar):
        if time in known:
            close()
        else:
            missing.append(time)
    close()
    return gaps


def _expected(first: int, last: int, interval_s: int, calendar: Calendar) -> list[int]:
    """Return when bars begin that a series without gaps has from ``first`` to ``last``."""
    length = interval_s * SECOND
    session = calendar.session_at(last) or calendar.next_session(last - last % DAY)
    expected: list[int] = []
    for _ in range(SESSIONS_MAX):
        if interval_s == DAY_S:
            expected.append(midnight_of(session.day))
        else:
            begin = session.open - session.open % length
            begin += length if begin < session.open else 0
            whole = range(begin, session.close - length + 1, length)
            expected += reversed(whole)
        before = calendar.previous_session(session.open)
        if before is None or before.close <= first - first % DAY:
            break
        session = before
    return [time for time in reversed(expected) if first <= time <= last]
