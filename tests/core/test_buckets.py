"""Token buckets: what is taken one by one and what is taken at once is the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from papertrader.core.buckets import TokenBucket
from papertrader.core.instants import SECOND


@given(
    rate=st.integers(1, 1000),
    burst=st.integers(1, 50),
    calls=st.lists(st.tuples(st.integers(0, SECOND), st.integers(0, 60)), max_size=20),
)
def test_as_many_are_taken_at_once_as_one_by_one(
    rate: int, burst: int, calls: list[tuple[int, int]]
) -> None:
    """`take_up_to` gives what so many calls of `take` would have given at that instant."""
    single, many, now = TokenBucket(rate, burst, 0), TokenBucket(rate, burst, 0), 0
    for wait, wanted in calls:
        now += wait
        taken = sum(single.take(now) for _ in range(wanted))
        assert many.take_up_to(now, wanted) == taken
        assert many.wait_ms() == single.wait_ms() or not wanted
