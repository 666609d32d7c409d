"""A recorded market of quotes: every bid, ask and last as it was recorded, at its own time.

Nothing is drawn between two quotes: the newest stands. Outside a session, and before the first
quote of one, the last of the session before stands, flagged CLOSED. Where the calendar has extended
hours, quotes of these stand in them, flagged EXTENDED; the day's figures and the bars are those of
the session. Bars are made of the last
prices, or of the middle between bid and ask (rounded down) where no last price is recorded.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import attrs

from papertrader.core.calendar import Calendar, Session
from papertrader.core.instants import SECOND, Instant
from papertrader.core.money import NULL
from papertrader.core.quotes import Asset, Bar, CorporateAction, Quote, QuoteFlag
from papertrader.master.providers.base import (
    BARS_MAX,
    INTERVALS_S,
    IntervalUnsupported,
    UnknownSymbol,
)
from papertrader.master.providers.datarows import QuoteColumns
from papertrader.master.providers.path import Candle
from papertrader.master.providers.tape import merged_pieces, period_start, sessions_between

NO_FLAG: Final = QuoteFlag(0)
_DAY_S: Final = 86_400
_MONTH_DAYS: Final = 31
"""Sessions that one bar has at most."""


@attrs.define
class _DaySoFar:
    """A session's figures up to a quote: prices are `NULL` before the first."""

    session: Session
    first: int
    upto: int
    opening: int = NULL
    high: int = NULL
    low: int = NULL
    volume: int = 0


class QuoteTape:
    """A `papertrader.master.providers.base.TapeSource` over recorded quotes."""

    def __init__(
        self,
        *,
        name: str,
        assets: Sequence[Asset],
        quotes: Mapping[str, QuoteColumns],
        calendars: Mapping[str, Calendar],
        calendar_main: str,
    ) -> None:
        """``quotes`` has at least one quote of each of ``assets``."""
        self.name = name
        self.calendar_main = calendars[calendar_main]
        self.assets: Mapping[str, Asset] = {asset.symbol: asset for asset in assets}
        self._calendars = {asset.symbol: calendars[asset.calendar] for asset in assets}
        self._quotes = quotes
        self._told: dict[str, tuple[int, QuoteFlag]] = {}
        self._days: dict[str, _DaySoFar] = {}

    def first_time(self) -> Instant:
        """Return the earliest market time that has data."""
        return Instant(min(self._quotes[symbol].times[0] for symbol in self.assets))

    def last_time(self) -> Instant:
        """Return the market time at which the tape ends: the close after the last quote."""
        return Instant(
            max(
                self._calendars[symbol].next_session(self._quotes[symbol].times[-1] - 1).close
                for symbol in self.assets
            )
        )

    def calendar(self, symbol: str) -> Calendar:
        """Return the calendar of the symbol's exchange. Raises `UnknownSymbol`."""
        try:
            return self._calendars[symbol]
        except KeyError:
            raise UnknownSymbol(symbol) from None

    def actions(self, after: int, upto: int) -> list[CorporateAction]:
        """Return none: they are the joined market's."""
        return []

    def quotes(self, market_now: int) -> list[Quote]:
        """Return the newest quote of each symbol that has a new one since the last call."""
        fresh = []
        for symbol in self.assets:
            found = self._place(symbol, market_now)
            if found is not None and self._told.get(symbol) != found:
                self._told[symbol] = found
                fresh.append(self._quote(symbol, *found))
        return fresh

    def quote(self, symbol: str, market_now: int) -> Quote | None:
        """Return the symbol's newest quote at that time; None before its first."""
        self.calendar(symbol)
        found = self._place(symbol, market_now)
        return None if found is None else self._quote(symbol, *found)

    def bars(
        self,
        symbol: str,
        interval_s: int,
        start: int,
        end: int,
        now: int,
        limit: int = 0,
        *,
        newest: bool = False,
    ) -> list[Bar]:
        """Return bars, see `TapeSource`; a bar without any quote is left out."""
        calendar = self.calendar(symbol)
        if interval_s not in INTERVALS_S:
            raise IntervalUnsupported(interval_s)
        end = min(end, now + 1) if end else now + 1
        limit = min(limit, BARS_MAX) if limit > 0 else BARS_MAX
        begin = max(start, self._quotes[symbol].times[0])
        chunks: list[list[tuple[int, Candle]]] = []
        count = 0
        for session in sessions_between(calendar, begin, end, backward=newest):
            pieces = merged_pieces(self._pieces(symbol, session, interval_s, now))
            chunk = [piece for piece in pieces if start <= piece[0] < end]
            chunks.append(chunk)
            count += len(chunk) if interval_s < _DAY_S else bool(chunk)
            if count > limit * (_MONTH_DAYS if interval_s > _DAY_S else 1):
                break
        if newest:
            chunks.reverse()
        merged = merged_pieces(piece for chunk in chunks for piece in chunk)
        kept = merged[-limit:] if newest else merged[:limit]
        return [Bar(time, c.open, c.high, c.low, c.close, c.volume) for time, c in kept]

    # --- rows ------------------------------------------------------------------------------------

    def _place(self, symbol: str, now: int) -> tuple[int, QuoteFlag] | None:
        """Return which row is the newest, and how it is flagged by now."""
        times = self._quotes[symbol].times
        row = bisect_right(times, now) - 1
        if row < 0:
            return None
        session = self._calendars[symbol].session_at(now)
        if session is not None:
            trades = session.trades_at(now) and times[row] >= session.open
            return row, NO_FLAG if trades else QuoteFlag.CLOSED
        outside = self._calendars[symbol].extended_at(now)
        if outside is None:
            return row, QuoteFlag.CLOSED
        begun = outside.pre_open if now < outside.open else outside.close
        return row, QuoteFlag.EXTENDED if times[row] >= begun else QuoteFlag.CLOSED

    def _quote(self, symbol: str, row: int, flag: QuoteFlag) -> Quote:
        columns, day = self._quotes[symbol], self._day(symbol, row)
        return Quote(
            symbol=symbol,
            bid=columns.bids[row],
            ask=columns.asks[row],
            last=columns.lasts[row],
            bid_size=columns.bid_sizes[row],
            ask_size=columns.ask_sizes[row],
            last_size=columns.last_sizes[row],
            day_open=day.opening,
            day_high=day.high,
            day_low=day.low,
            prev_close=NULL if day.first == 0 else self._price(columns, day.first - 1),
            day_volume=day.volume,
            source_time=columns.times[row],
            flags=int(QuoteFlag.REPLAYED | flag),
        )

    def _day(self, symbol: str, row: int) -> _DaySoFar:
        """Return the figures of a row's session up to it, going on from what is known of it."""
        columns, day = self._quotes[symbol], self._days.get(symbol)
        time = columns.times[row]
        session = self._session(symbol, time)
        if time < session.open:
            # Before the session it has no figures; what came before that is not of this day.
            return _DaySoFar(session, bisect_left(columns.times, session.pre_open), row)
        if day is None or day.session.open != session.open or row < day.upto:
            first = bisect_left(columns.times, session.open)
            day = self._days[symbol] = _DaySoFar(session, first, first - 1)
        row = min(row, bisect_right(columns.times, session.close) - 1)
        for index in range(day.upto + 1, row + 1):
            price = self._price(columns, index)
            if day.opening == NULL:
                day.opening = day.high = day.low = price
            day.high, day.low = max(day.high, price), min(day.low, price)
            day.volume += columns.last_sizes[index]
        day.upto = max(row, day.upto)
        return day

    def _session(self, symbol: str, time: int) -> Session:
        """Return the session of a quote; one at the very close is of it, unless one opens there."""
        calendar = self._calendars[symbol]
        return (
            calendar.session_at(time)
            or calendar.extended_at(time)
            or calendar.next_session(time - 1)
        )

    @staticmethod
    def _price(columns: QuoteColumns, row: int) -> int:
        last = columns.lasts[row]
        return last if last != NULL else (columns.bids[row] + columns.asks[row]) // 2

    def _pieces(
        self, symbol: str, session: Session, interval_s: int, now: int
    ) -> Iterator[tuple[int, Candle]]:
        """Give each quote of a session as a bar of its own, with the start of the bar it is in."""
        columns = self._quotes[symbol]
        length = interval_s * SECOND
        first = bisect_left(columns.times, session.open)
        upto = bisect_right(columns.times, now)
        if self._calendars[symbol].session_at(session.close) is None:
            upto = min(upto, bisect_right(columns.times, session.close))
        else:
            upto = min(upto, bisect_left(columns.times, session.close))
        whole = period_start(interval_s, session.day) if interval_s >= _DAY_S else 0
        for row in range(first, upto):
            time = columns.times[row]
            price = self._price(columns, row)
            begun = whole or time - time % length
            yield begun, Candle(price, price, price, price, columns.last_sizes[row])
