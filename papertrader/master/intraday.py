"""EQUITY_GET within days: at which market times a curve has points, and the prices then."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

from twisted.internet.defer import Deferred

from papertrader.core.calendar import Calendar
from papertrader.core.instants import DAY, SECOND
from papertrader.core.ledger import Transaction
from papertrader.core.money import NULL
from papertrader.core.quotes import Bar
from papertrader.master.commands import Refused
from papertrader.master.providers.base import IntervalUnsupported, TapeSource, UnknownSymbol
from papertrader.net.clock import Clock
from papertrader.wire import limits
from papertrader.wire.kinds import Status

INTRADAY_S: Final = (60, 300, 900, 3_600)
BARS_A_TURN: Final = 1_000
"""Bars asked for in one turn of the reactor."""
_DAY_S: Final = 86_400
_BACK: Final = 12 * DAY
"""How far before a curve a price is looked for that holds until its first bar."""


def grid(calendar: Calendar, since: int, until: int, interval_s: int) -> list[int]:
    """Return the market times from ``since`` to ``until`` at which an interval ends in a session.

    Intervals end at multiples of their length (UTC), the last of a session with it. The end of the
    session before comes first. ``since`` 0: the session that runs or was the last. Raises `Refused`
    for more than EQUITY_POINTS_MAX.
    """
    step = interval_s * SECOND
    running = calendar.session_at(until) or calendar.previous_session(until)
    if running is None:
        return []
    session = calendar.next_session(since) if since else running
    before = calendar.previous_session(session.open)
    found: list[int] = [] if before is None else [before.close]
    while session.open < until:
        end = max(session.open, since - 1)
        end += step - end % step
        found += range(end, min(session.close, until + 1), step)
        if session.close <= until:
            found.append(session.close)
        if len(found) > limits.EQUITY_POINTS_MAX:
            raise Refused(
                Status.RANGE_TOO_LARGE,
                f"The curve has more than {limits.EQUITY_POINTS_MAX} points; ask for a part, or"
                " for longer intervals.",
            )
        session = calendar.next_session(session.close)
    return found


def check_prices(posted: Sequence[Transaction], points: int) -> None:
    """Raise `Refused` if a curve might need more than EQUITY_PRICES_MAX prices."""
    symbols = {each.symbol for each in posted if each.symbol}
    if len(symbols) * points > limits.EQUITY_PRICES_MAX:
        raise Refused(
            Status.RANGE_TOO_LARGE,
            f"The curve needs more than {limits.EQUITY_PRICES_MAX} prices; ask for a part, or for"
            " longer intervals.",
        )


class Ticks:
    """The last price of each symbol at the ends of intervals; from bars, read once."""

    def __init__(self, source: TapeSource, clock: Clock, now: int, interval_s: int) -> None:
        self._source = source
        self._clock = clock
        self._now = now
        self._interval_s = interval_s
        self._bars: dict[str, list[Bar]] = {}
        self._times: dict[str, list[int]] = {}
        self._before: dict[str, int] = {}

    async def read(self, symbols: Iterable[str], first: int) -> None:
        """Read the bars of ``symbols`` from the day of ``first`` on, some in each turn."""
        day = first - first % DAY
        for symbol in symbols:
            earlier = self._asked(symbol, _DAY_S, day - _BACK, day, 1, newest=True)
            self._before[symbol] = earlier[-1].close if earlier else NULL
            found: list[Bar] = []
            start = day
            while True:
                bars = self._asked(symbol, self._interval_s, start, 0, BARS_A_TURN)
                found += bars
                await self._turn()
                if len(bars) < BARS_A_TURN:
                    break
                start = bars[-1].time + 1
            self._bars[symbol] = found
            self._times[symbol] = [bar.time for bar in found]

    def price(self, symbol: str, at: int) -> int:
        """Return the last price of a symbol at the end of an interval; `NULL` if none is known."""
        times, step = self._times.get(symbol, []), self._interval_s * SECOND
        # The last bar of a session may be a short one, and has ended with it.
        place = bisect_left(times, at) if at % step else bisect_right(times, at - step)
        return self._bars[symbol][place - 1].close if place else self._before.get(symbol, NULL)

    def _asked(
        self,
        symbol: str,
        interval_s: int,
        start: int,
        end: int,
        limit: int,
        *,
        newest: bool = False,
    ) -> list[Bar]:
        try:
            return self._source.bars(
                symbol, interval_s, start, end, self._now, limit, newest=newest
            )
        except (UnknownSymbol, IntervalUnsupported):
            # What the market does not know by now is worth what was paid for it.
            return []

    def _turn(self) -> Deferred[None]:
        later: Deferred[None] = Deferred()
        self._clock.call_later(0, later.callback, None)
        return later
