"""EQUITY_GET within days: at which market times a curve has points, and the prices then."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

from papertrader.core.calendar import Calendar
from papertrader.core.instants import DAY, SECOND
from papertrader.core.ledger import Transaction
from papertrader.core.money import NULL
from papertrader.core.quotes import Bar
from papertrader.master.commands import Refused
from papertrader.master.longseries import bars_from
from papertrader.master.providers.base import TapeSource
from papertrader.master.sharebasis import ShareBasis
from papertrader.net.clock import Clock
from papertrader.wire import limits
from papertrader.wire.kinds import Status

INTRADAY_S: Final = (60, 300, 900, 3_600)
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
        self._before: dict[str, Bar] = {}
        self._basis = ShareBasis({})

    async def read(self, symbols: Iterable[str], first: int) -> None:
        """Read the bars of ``symbols`` from the day of ``first`` on, some in each turn."""
        day = first - first % DAY
        source, clock, now = self._source, self._clock, self._now
        self._basis = ShareBasis.of(source.actions(day - _BACK - DAY, now))
        for symbol in symbols:
            earlier = await bars_from(source, clock, symbol, _DAY_S, day - _BACK, day, now)
            if earlier:
                self._before[symbol] = earlier[-1]
            found = await bars_from(source, clock, symbol, self._interval_s, day, 0, now)
            self._bars[symbol] = found
            self._times[symbol] = [bar.time for bar in found]

    def price(self, symbol: str, at: int) -> int:
        """Return the last price of a symbol at the end of an interval; `NULL` if none is known.

        In terms of the shares of then, if it is from before a split.
        """
        times, step = self._times.get(symbol, []), self._interval_s * SECOND
        # The last bar of a session may be a short one, and has ended with it.
        place = bisect_left(times, at) if at % step else bisect_right(times, at - step)
        bar = self._bars[symbol][place - 1] if place else self._before.get(symbol)
        return NULL if bar is None else self._basis.price(symbol, bar.close, bar.time, at)
