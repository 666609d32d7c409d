"""Times that are given to the client: what a frame can hold, and what is refused before."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from papertrader.client.moments import INSTANT_MAX, instant_of
from papertrader.core.instants import DAY


def test_days_and_times() -> None:
    """A date is its midnight UTC; None is 0, which says that none is given."""
    assert instant_of(None, "from_time") == 0
    assert instant_of(date(1970, 1, 2), "from_time") == DAY
    assert instant_of(datetime(1970, 1, 2, tzinfo=UTC), "from_time") == DAY
    assert instant_of(date(2262, 4, 11), "to_time") <= INSTANT_MAX


def test_the_first_day_is_a_time_that_is_given() -> None:
    """1970-01-01 is asked for by those who want everything: it is not the same as no time."""
    assert instant_of(date(1970, 1, 1), "to_time") == 1


@pytest.mark.parametrize(
    "given", [date(1969, 12, 31), date(2262, 4, 12), datetime.max.replace(tzinfo=UTC)]
)
def test_what_no_store_can_keep(given: date) -> None:
    """It is told by name, with what there is."""
    with pytest.raises(ValueError, match=r"from_time .*1970-01-01 to 2262-04-11"):
        instant_of(given, "from_time")


def test_a_time_without_a_zone() -> None:
    """It could be any."""
    with pytest.raises(ValueError, match="until needs a time zone"):
        instant_of(datetime(2010, 1, 1), "until")  # noqa: DTZ001 (that is the point)
