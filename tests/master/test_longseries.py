"""A long series of bars comes in pieces, and is the same as if it had been worked out at once."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock as FakeReactor

from papertrader.core.instants import DAY
from papertrader.core.quotes import Bar
from papertrader.master.longseries import newest_bars, window_of
from papertrader.master.providers.base import INTERVALS_S, TapeSource, load_calendars
from papertrader.master.providers.replay import replay_source
from papertrader.net.clock import Clock


class CountingReactor(FakeReactor):
    """Counts the turns that were asked for."""

    turns = 0

    def callLater(self, when: float, what: Any, *args: Any, **kw: Any) -> Any:
        """Count one more."""
        self.turns += 1
        return super().callLater(when, what, *args, **kw)


@cache
def source() -> TapeSource:
    """Return the recorded market."""
    return replay_source(load_calendars(), 1)


def in_pieces(
    symbol: str, interval_s: int, start: int, end: int, now: int, limit: int
) -> tuple[list[Bar], int]:
    """Return the bars and how many turns of the reactor went by."""
    reactor = CountingReactor()
    clock = Clock(reactor, lambda: 0)
    found: list[list[Bar]] = []
    coming = newest_bars(source(), clock, symbol, interval_s, start, end, now, limit)
    Deferred.fromCoroutine(coming).addCallback(found.append)
    reactor.advance(0)
    return found[0], reactor.turns


@pytest.mark.parametrize("interval_s", INTERVALS_S)
def test_pieces_join_to_the_same_series(interval_s: int) -> None:
    """For any range and limit the bars are those of one call, in the same order."""
    chance = random.Random(interval_s)
    tape = source()
    for _ in range(12):
        now = chance.randrange(tape.first_time() + 30 * DAY, tape.last_time())
        start = chance.choice((0, now - chance.randrange(1, 400) * DAY // 3))
        end = chance.choice((0, now - chance.randrange(0, 30) * DAY // 2))
        limit = chance.choice((1, 7, 60, 300))
        symbol = chance.choice(("AAPL", "GOOG", "FB"))
        whole = tape.bars(symbol, interval_s, start, end, now, limit, newest=True)
        if symbol == "FB" and now < tape.last_time() - 300 * DAY:
            continue  # Not listed for years: empty pieces, which the next test has.
        assert in_pieces(symbol, interval_s, start, end, now, limit)[0] == whole


def test_nothing_before_the_listing_is_found_at_last() -> None:
    """A symbol that was not listed yet gives nothing, after few turns: empty pieces grow."""
    tape = source()
    bars, turns = in_pieces("FB", 86_400, 0, 0, tape.first_time() + 3_000 * DAY, 100)
    assert bars == []
    assert turns < 10


def test_a_long_series_takes_turns() -> None:
    """Others come in between: one turn for each piece, at least so many as windows fit."""
    tape = source()
    now = tape.first_time() + 800 * DAY
    bars, turns = in_pieces("AAPL", 900, 0, 0, now, 5_000)
    assert len(bars) == 5_000
    assert turns >= 280 * DAY // window_of(900) - 1
