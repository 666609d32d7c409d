"""The calendars beside the package ``exchange_calendars``, day by day.

It is a test's oracle only: PaperTrader does not need it (see specs/decisions). Where it is not
installed this file is skipped, with a warning in the summary of the tests.
"""

from __future__ import annotations

import warnings
from datetime import date, timedelta
from importlib import import_module
from typing import Any

import pytest

from papertrader.core.calendar import NEVER
from papertrader.core.instants import from_datetime
from papertrader.master.providers.base import load_calendars

try:
    oracle: Any = import_module("exchange_calendars")
except ImportError:
    _WHY = "calendars NOT compared: exchange_calendars is missing; pip install -e '.[dev]'"
    warnings.warn(_WHY, stacklevel=1)
    pytest.skip(_WHY, allow_module_level=True)

FIRST, LAST = date(2000, 1, 3), date(2026, 12, 31)
TOKYO_MORNING_LENGTHENED = date(2011, 11, 21)
"""Before, Tokyo's break began at 11:00; the oracle has today's break for all years."""


@pytest.mark.parametrize("mic", ["XNYS", "XLON", "XETR", "XTKS"])
def test_every_day_agrees(mic: str) -> None:
    """From 2000 to 2026: the same days with the same openings, closes and breaks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        known = oracle.get_calendar(mic, start=str(FIRST), end=str(LAST)).schedule
    expected: dict[date, tuple[int, int, int, int]] = {}
    for row in known.itertuples():
        instants = (row.open, row.close, row.break_start, row.break_end)
        expected[row.Index.date()] = tuple(  # type: ignore[assignment]
            NEVER if str(at) in {"NaT", "None"} else from_datetime(at.to_pydatetime())
            for at in instants
        )
    calendar = load_calendars()[mic]
    day, wrong, compared = FIRST, [], 0
    while day <= LAST:
        session = calendar.session(day)
        ours = session and (session.open, session.close, session.break_start, session.break_end)
        theirs = expected.get(day)
        if mic == "XTKS" and day < TOKYO_MORNING_LENGTHENED and ours and theirs:
            ours, theirs = (*ours[:2], 0, 0), (*theirs[:2], 0, 0)
        if ours != theirs:
            wrong.append((day, ours, theirs))
        compared += 1
        day += timedelta(days=1)
    assert compared == 9_860
    assert not wrong
