"""Long series of bars, read in pieces with a turn of the reactor between them.

A series of 5,000 bars may cost a fifth of a second. Nobody else should wait so long for its turn,
so a piece covers as much market time as takes a few milliseconds, and the newest come first.
"""

from __future__ import annotations

from typing import Final

from twisted.internet.defer import Deferred

from papertrader.core.instants import DAY
from papertrader.core.quotes import Bar
from papertrader.master.providers.base import IntervalUnsupported, TapeSource, UnknownSymbol
from papertrader.net.clock import Clock

_DAY_S: Final = 86_400
BARS_A_TURN: Final = 1_000
"""Bars of a whole series that are asked for in one turn of the reactor."""
WINDOWS: Final = ((300, 2 * DAY), (_DAY_S, 8 * DAY), (_DAY_S + 1, 400 * DAY), (2**32, 500 * DAY))
"""(Interval below so many seconds, market time of one piece): the finer the bars, the less."""


def window_of(interval_s: int) -> int:
    """Return how much market time one piece of a series covers, nanoseconds."""
    return next(window for below, window in WINDOWS if interval_s < below)


async def newest_bars(
    source: TapeSource,
    clock: Clock,
    symbol: str,
    interval_s: int,
    start: int,
    end: int,
    now: int,
    limit: int,
) -> list[Bar]:
    """Return what ``source.bars(..., newest=True)`` does, in pieces.

    ``end`` 0 is now; at most ``limit`` bars come, the newest ones, oldest first.
    """
    first = max(start, source.first_time())
    upper = min(end, now + 1) if end else now + 1
    upper = min(upper, source.last_time() + 1)
    window = window_of(interval_s)
    pieces: list[list[Bar]] = []
    left = limit
    while left > 0 and upper > first:
        lower = upper - window
        is_last = lower <= first
        piece = source.bars(
            symbol, interval_s, start if is_last else lower, upper, now, left, newest=True
        )
        if piece:
            pieces.append(piece)
            left -= len(piece)
            # Where a bar begins, so that none is cut in two.
            upper, window = piece[0].time, window_of(interval_s)
        else:
            window *= 2
        if is_last:
            break
        await turn(clock)
    return [bar for piece in reversed(pieces) for bar in piece]


async def bars_from(
    source: TapeSource,
    clock: Clock,
    symbol: str,
    interval_s: int,
    start: int,
    end: int,
    now: int,
) -> list[Bar]:
    """Return all bars from ``start`` to before ``end`` (0: now), `BARS_A_TURN` in each turn.

    A portfolio may hold what the market does not list any more, or not at that interval: of that
    there are none.
    """
    found: list[Bar] = []
    while True:
        try:
            bars = source.bars(symbol, interval_s, start, end, now, BARS_A_TURN)
        except (UnknownSymbol, IntervalUnsupported):
            return []
        found += bars
        await turn(clock)
        if len(bars) < BARS_A_TURN:
            return found
        start = bars[-1].time + 1


async def turn(clock: Clock) -> None:
    """Let everybody else have a turn."""
    waiting: Deferred[None] = Deferred()
    clock.call_later(0, waiting.callback, None)
    await waiting
