"""The engine of recorded and simulated markets: quotes and bars from a history of day bars.

A `Tape` needs only one bar for each symbol and day; `path` makes the day's ticks from it. Outside a
session the last quote of the session before stands, flagged CLOSED, with the close as its time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from enum import StrEnum
from functools import lru_cache
from itertools import islice
from typing import Final, Protocol

import attrs

from papertrader.core.calendar import Calendar, Session
from papertrader.core.instants import DAY, MINUTE, SECOND, Instant, midnight_of
from papertrader.core.money import NULL
from papertrader.core.quotes import Asset, Bar, CorporateAction, Quote, QuoteFlag
from papertrader.master.providers.base import (
    BARS_MAX,
    INTERVALS_S,
    MONTH_S,
    IntervalUnsupported,
    UnknownSymbol,
)
from papertrader.master.providers.path import (
    FIVE,
    HALF_HOUR,
    Candle,
    DayPath,
    MinutePath,
    Texture,
    draws,
)

DAYS_CACHED_MAX: Final = 128
"""Days of a symbol kept worked out; the one unused for longest goes first."""

THIN_SPREAD: Final = 3
"""In extended hours the spread is so many times the usual one,"""
THIN_SPREAD_MAX: Final = 20_000
"""but no more than so many millionths of the price,"""
THIN_SIZE: Final = 4
"""and so small a part of the usual size can be had."""
THIN_VOLUME: Final = 40
"""At most one part in so many of the day's volume is traded in the hours before, or after."""

MINUTES_CACHED_MAX: Final = 128
"""Minutes of a symbol kept as ticks; the one unused for longest goes first."""

_DAY_S: Final = 86_400
_WEEK_S: Final = 604_800


class Part(StrEnum):
    """The parts of a day in which there are prices."""

    SESSION = ""
    BEFORE = "before"
    AFTER = "after"


class DailyHistory(Protocol):
    """A bar for each symbol and trading day."""

    def candle(self, symbol: str, day: date) -> Candle | None:
        """Return the day's bar in ticks and volume units, None when it was not traded."""


@attrs.frozen(kw_only=True)
class Listing:
    """A symbol of the market: what it is, and how its days look inside."""

    asset: Asset
    texture: Texture


@attrs.frozen
class _Phase:
    """From ``since`` until before ``until`` ``session`` is the running, or else the last one.

    ``part`` is that of its extended hours in which prices go on, if they do.
    """

    since: int
    until: int
    session: Session
    is_open: bool
    part: Part = Part.SESSION


@attrs.frozen
class _TradingDay:
    """A symbol's day with what its quotes repeat."""

    path: DayPath
    opening: int
    prev_close: int


class Tape:
    """A `papertrader.master.providers.base.TapeSource` over a `DailyHistory`."""

    def __init__(
        self,
        *,
        name: str,
        seed: int,
        listings: Sequence[Listing],
        history: DailyHistory,
        actions: Sequence[CorporateAction] = (),
        calendars: Mapping[str, Calendar],
        calendar_main: str,
        first_time: int,
        last_time: int,
        flags: QuoteFlag,
        extended: bool = False,
    ) -> None:
        """``flags`` go on every quote. ``first_time`` must not precede the calendars' sessions.

        ``extended``: prices go on in the calendars' extended hours.
        """
        self.name = name
        self.calendar_main = calendars[calendar_main]
        self.assets: Mapping[str, Asset] = {item.asset.symbol: item.asset for item in listings}
        self._seed = seed
        self._listings = {item.asset.symbol: item for item in listings}
        self._calendars = {item.asset.symbol: calendars[item.asset.calendar] for item in listings}
        self._history = history
        self._actions = sorted(actions, key=lambda action: (action.at, action.symbol, action.kind))
        self._action_times = [action.at for action in self._actions]
        self._first = first_time
        self._last = last_time
        self._flags = flags
        self._extended = extended
        self._phases: dict[str, _Phase] = {}
        self._told: dict[str, int] = {}
        self._day: Callable[[str, date], _TradingDay | None] = lru_cache(DAYS_CACHED_MAX)(
            self._make_day
        )
        self._outside: Callable[[str, date, Part], DayPath | None] = lru_cache(DAYS_CACHED_MAX)(
            self._make_outside
        )
        self._minute: Callable[[str, date, int], MinutePath | None] = lru_cache(MINUTES_CACHED_MAX)(
            self._make_minute
        )

    def first_time(self) -> Instant:
        """Return the earliest market time that has data."""
        return Instant(self._first)

    def last_time(self) -> Instant:
        """Return the market time at which the tape ends."""
        return Instant(self._last)

    def calendar(self, symbol: str) -> Calendar:
        """Return the calendar of the symbol's exchange. Raises `UnknownSymbol`."""
        try:
            return self._calendars[symbol]
        except KeyError:
            raise UnknownSymbol(symbol) from None

    def actions(self, after: int, upto: int) -> list[CorporateAction]:
        """Return the corporate actions with ``after < at <= upto``, in the order they apply."""
        times = self._action_times
        return self._actions[bisect_right(times, after) : bisect_right(times, upto)]

    def quotes(self, market_now: int) -> list[Quote]:
        """Return the newest quote of each symbol that has a new one since the last call."""
        fresh = []
        for symbol, listing in self._listings.items():
            phase = self._phase(symbol, market_now)
            if phase is None:
                continue
            stamp = _stamp(phase, listing.texture.step, market_now)
            if self._told.get(symbol) == stamp:
                continue
            quote = self._quote(listing, phase, stamp)
            if quote is not None:
                self._told[symbol] = stamp
                fresh.append(quote)
        return fresh

    def quote(self, symbol: str, market_now: int) -> Quote | None:
        """Return the symbol's newest quote at that time; None before it was listed."""
        if symbol not in self._listings:
            raise UnknownSymbol(symbol)
        phase = self._phase(symbol, market_now)
        if phase is None:
            return None
        listing = self._listings[symbol]
        return self._quote(listing, phase, _stamp(phase, listing.texture.step, market_now))

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
        """Return the bars with ``start <= time < end``, oldest first, as known at ``now``.

        Bars within a day begin at multiples of their length (UTC clock); those of a day, week or
        month at midnight UTC of the session's date, of its Monday, of the first of its month.
        """
        calendar = self.calendar(symbol)
        if interval_s not in INTERVALS_S:
            raise IntervalUnsupported(interval_s)
        now = min(now, self._last)
        end = min(end, now + 1) if end else now + 1
        limit = min(limit, BARS_MAX) if limit > 0 else BARS_MAX
        begin = max(start, self._first)
        chunks: list[list[tuple[int, Candle]]] = []
        times: set[int] = set()
        for session in sessions_between(calendar, begin, end, backward=newest):
            pieces = self._pieces(symbol, session, interval_s, now)
            chunk = [piece for piece in pieces if start <= piece[0] < end]
            chunks.append(chunk)
            times.update(time for time, _ in chunk)
            if len(times) > limit:
                break
        if newest:
            chunks.reverse()
        merged = merged_pieces(piece for chunk in chunks for piece in chunk)
        kept = merged[-limit:] if newest else merged[:limit]
        texture = self._listings[symbol].texture
        return [_bar(time, candle, texture) for time, candle in kept]

    def _phase(self, symbol: str, market_now: int) -> _Phase | None:
        """Return what the symbol's exchange does at that time; None before the tape begins."""
        now = min(market_now, self._last)
        if now < self._first:
            return None
        calendar = self._calendars[symbol]
        phase = self._phases.get(calendar.mic)
        if phase is not None and phase.since <= now < phase.until:
            return phase
        following = calendar.next_session(now)
        outside = calendar.extended_at(now) if self._extended else None
        if following.open <= now:
            phase = _phase_within(following, now)
        elif outside is not None and outside.open > self._first:
            phase = _phase_outside(outside, now)
        else:
            session = calendar.previous_session(now)
            if session is None:
                return None
            since, until = session.close, following.open
            if self._extended:
                since, until = max(since, session.post_close), following.pre_open or until
            phase = _Phase(since, until, session, False)
        self._phases[calendar.mic] = phase
        return phase

    def _quote(self, listing: Listing, phase: _Phase, stamp: int) -> Quote | None:
        if phase.part:
            return self._quote_outside(listing, phase, stamp)
        texture, symbol = listing.texture, listing.asset.symbol
        flags = int(self._flags)
        # Where the hours after the session had prices, the session's last stands all the same.
        offset = min(stamp, phase.session.close) - phase.session.open
        if not phase.is_open:
            flags |= QuoteFlag.CLOSED
            offset -= texture.step
        minute, rest = divmod(offset, MINUTE)
        day = self._day(symbol, phase.session.day)
        ticks = self._minute(symbol, phase.session.day, minute)
        if day is None or ticks is None:
            return None
        index = rest // texture.step
        bid, ask, bid_size, ask_size = ticks.book(index, texture)
        unit, volume_unit = texture.tick, texture.volume_unit
        before = ticks.volumes[index - 1] if index else ticks.volume_before
        return Quote(
            symbol=symbol,
            bid=bid * unit,
            ask=ask * unit,
            last=ticks.prices[index] * unit,
            bid_size=bid_size * volume_unit,
            ask_size=ask_size * volume_unit,
            last_size=(ticks.volumes[index] - before) * volume_unit,
            day_open=day.opening,
            day_high=ticks.highs[index] * unit,
            day_low=ticks.lows[index] * unit,
            prev_close=day.prev_close,
            day_volume=ticks.volumes[index] * volume_unit,
            source_time=stamp,
            flags=flags,
        )

    def _quote_outside(self, listing: Listing, phase: _Phase, stamp: int) -> Quote | None:
        """Return a quote of extended hours: the day's figures are those of the session alone."""
        symbol, day, texture = listing.asset.symbol, phase.session.day, thin(listing.texture)
        path = self._outside(symbol, day, phase.part)
        regular = self._day(symbol, day)
        if path is None or regular is None:
            return self._quote_before(listing, phase)
        minute, rest = divmod(stamp - phase.since, MINUTE)
        ticks, index = path.minute_path(minute), rest // texture.step
        bid, ask, bid_size, ask_size = ticks.book(index, texture)
        unit, volume_unit = texture.tick, texture.volume_unit
        before = ticks.volumes[index - 1] if index else ticks.volume_before
        done = phase.part is Part.AFTER
        whole = regular.path.whole
        return Quote(
            symbol=symbol,
            bid=bid * unit,
            ask=ask * unit,
            last=ticks.prices[index] * unit,
            bid_size=bid_size * volume_unit,
            ask_size=ask_size * volume_unit,
            last_size=(ticks.volumes[index] - before) * volume_unit,
            day_open=whole.open * unit if done else NULL,
            day_high=whole.high * unit if done else NULL,
            day_low=whole.low * unit if done else NULL,
            prev_close=regular.prev_close,
            day_volume=whole.volume * volume_unit if done else 0,
            source_time=stamp,
            flags=int(self._flags | QuoteFlag.EXTENDED),
        )

    def _quote_before(self, listing: Listing, phase: _Phase) -> Quote | None:
        """Return what stands where a symbol has no prices outside: the session's last, CLOSED."""
        session: Session | None = phase.session
        if phase.part is Part.BEFORE:
            session = self._calendars[listing.asset.symbol].previous_session(phase.since)
        if session is None:
            return None
        closed = _Phase(session.close, phase.until, session, False)
        return self._quote(listing, closed, session.close)

    def _make_outside(self, symbol: str, day: date, part: Part) -> DayPath | None:
        """Return the way of the price in a day's extended hours.

        After the session it goes on from the close; before the next one it goes from there to
        that one's opening.
        """
        calendar, texture = self._calendars[symbol], thin(self._listings[symbol].texture)
        session, whole = calendar.session(day), self._history.candle(symbol, day)
        if session is None or whole is None:
            return None
        label = f"{self._seed}/{symbol}/{day.isoformat()}/{part}"
        if part is Part.AFTER:
            begin, end, goal = session.close, session.post_close, _late_price(label, whole)
            opened = whole.close
        else:
            before = calendar.previous_session(session.open)
            last = None if before is None else self._history.candle(symbol, before.day)
            if before is None or last is None:
                return None
            begin, end, goal = session.pre_open, session.open, whole.open
            late = f"{self._seed}/{symbol}/{before.day.isoformat()}/{Part.AFTER}"
            opened = _late_price(late, last) if before.post_close else last.close
        return DayPath(
            label=label,
            whole=_outside_candle(label, opened, goal, whole),
            minutes=(end - begin) // MINUTE,
            texture=texture,
        )

    def _make_day(self, symbol: str, day: date) -> _TradingDay | None:
        calendar, texture = self._calendars[symbol], self._listings[symbol].texture
        session = calendar.session(day)
        whole = self._history.candle(symbol, day)
        if session is None or whole is None:
            return None
        path = self._path(symbol, session, whole, texture)
        before = calendar.previous_session(session.open)
        previous = self._history.candle(symbol, before.day) if before is not None else None
        prev_close = NULL if previous is None else previous.close * texture.tick
        return _TradingDay(path, whole.open * texture.tick, prev_close)

    def _path(self, symbol: str, session: Session, whole: Candle, texture: Texture) -> DayPath:
        """Return the way of the price within a day."""
        return DayPath(
            label=f"{self._seed}/{symbol}/{session.day.isoformat()}",
            whole=whole,
            minutes=(session.close - session.open) // MINUTE,
            texture=texture,
        )

    def _make_minute(self, symbol: str, day: date, minute: int) -> MinutePath | None:
        trading_day = self._day(symbol, day)
        return None if trading_day is None else trading_day.path.minute_path(minute)

    def _pieces(
        self, symbol: str, session: Session, interval_s: int, now: int
    ) -> list[tuple[int, Candle]]:
        """Return what is known at ``now`` of a session, in parts no longer than the interval.

        Each part comes with the time at which the bar it belongs to begins.
        """
        if now < session.open:
            return []
        step = self._listings[symbol].texture.step
        minute, rest = divmod(min(now, session.close) - session.open, MINUTE)
        if interval_s >= _DAY_S:
            time = period_start(interval_s, session.day)
            if now >= session.close:
                whole = self._history.candle(symbol, session.day)
                return [] if whole is None else [(time, whole)]
            day, ticks = self._day(symbol, session.day), self._minute(symbol, session.day, minute)
            if day is None or ticks is None:
                return []
            return [(time, _so_far(day.path.whole.open, ticks, rest // step))]
        day = self._day(symbol, session.day)
        if day is None:
            return []
        length = interval_s * SECOND
        if now >= session.close:
            for part, candles in (
                (HALF_HOUR * MINUTE, day.path.half_hours),
                (FIVE * MINUTE, day.path.all_fives()),
            ):
                if length % part == 0 and session.open % part == 0:
                    return list(_timed(candles, session.open, part, length))
        minutes = islice(day.path.all_minutes(), minute)
        pieces = list(_timed(minutes, session.open, MINUTE, length))
        if now < session.close:
            ticks = day.path.minute_path(minute)
            begun = session.open + minute * MINUTE
            pieces.append((begun - begun % length, ticks.formed(rest // step)))
        return pieces


def _stamp(phase: _Phase, step: int, now: int) -> int:
    """Return the time of the newest tick; when closed, since when."""
    if phase.part:
        return now - (now - phase.since) % step
    return now - (now - phase.session.open) % step if phase.is_open else phase.since


def _so_far(opening: int, ticks: MinutePath, index: int) -> Candle:
    """Return the day's bar up to and with a tick."""
    return Candle(
        opening, ticks.highs[index], ticks.lows[index], ticks.prices[index], ticks.volumes[index]
    )


def _timed(
    candles: Iterable[Candle], begin: int, step: int, length: int
) -> Iterator[tuple[int, Candle]]:
    """Give each of a row of candles, ``step`` apart, the start of the bar it belongs to."""
    for index, candle in enumerate(candles):
        time = begin + index * step
        yield time - time % length, candle


def period_start(interval_s: int, day: date) -> int:
    """Return when the bar of a day, week or month begins that ``day`` belongs to."""
    if interval_s == MONTH_S:
        day = day.replace(day=1)
    midnight = midnight_of(day)
    return midnight - day.weekday() * DAY if interval_s == _WEEK_S else midnight


def _phase_within(session: Session, now: int) -> _Phase:
    """Return the part of a running session: the whole, or before, during or after its break."""
    if session.break_start <= now < session.break_end:
        return _Phase(session.break_start, session.break_end, session, False)
    since, until = session.open, session.close
    if now < session.break_start:
        until = session.break_start
    elif session.break_end:
        since = session.break_end
    return _Phase(since, until, session, True)


def _phase_outside(session: Session, now: int) -> _Phase:
    """Return the extended hours of a session that ``now`` lies in."""
    if now < session.open:
        return _Phase(session.pre_open, session.open, session, False, Part.BEFORE)
    return _Phase(session.close, session.post_close, session, False, Part.AFTER)


def thin(texture: Texture) -> Texture:
    """Return how a symbol looks in extended hours: wider, and with less to be had."""
    size = max(texture.size // THIN_SIZE, texture.size_round)
    spread = min(texture.spread_ppm * THIN_SPREAD, THIN_SPREAD_MAX)
    return attrs.evolve(texture, spread_ppm=spread, size=size, flat=True)


def _late_price(label: str, whole: Candle) -> int:
    """Return where the hours after a session end: within a quarter of its range of the close."""
    (drawn,) = draws(f"{label}/end", 1)
    return max(whole.close + (whole.high - whole.low) * (drawn - 32_768) // (4 * 32_768), 1)


def _outside_candle(label: str, opened: int, goal: int, whole: Candle) -> Candle:
    """Return the bar of extended hours from one price to another; their volume is small."""
    up, down, busy = draws(f"{label}/bar", 3)
    reach = (whole.high - whole.low) // 8
    high = max(opened, goal) + (reach * up >> 16)
    low = max(min(opened, goal) - (reach * down >> 16), 1)
    return Candle(opened, high, low, goal, whole.volume * busy // (THIN_VOLUME << 16))


def sessions_between(
    calendar: Calendar, begin: int, end: int, *, backward: bool
) -> Iterator[Session]:
    """Return the sessions that overlap ``begin`` <= t < ``end``, oldest or newest first."""
    if begin >= end:
        return
    if not backward:
        session = calendar.next_session(begin)
        while session.open < end:
            yield session
            session = calendar.next_session(session.close)
        return
    latest = calendar.session_at(end - 1) or calendar.previous_session(end - 1)
    while latest is not None and latest.close > begin:
        yield latest
        latest = calendar.previous_session(latest.open)


def merged_pieces(pieces: Iterator[tuple[int, Candle]]) -> list[tuple[int, Candle]]:
    """Join neighboring pieces of the same bar."""
    merged: list[tuple[int, Candle]] = []
    for time, piece in pieces:
        if not merged or merged[-1][0] != time:
            merged.append((time, attrs.evolve(piece)))
            continue
        bar = merged[-1][1]
        bar.high = max(bar.high, piece.high)
        bar.low = min(bar.low, piece.low)
        bar.close = piece.close
        bar.volume += piece.volume
    return merged


def _bar(time: int, candle: Candle, texture: Texture) -> Bar:
    unit = texture.tick
    return Bar(
        time,
        candle.open * unit,
        candle.high * unit,
        candle.low * unit,
        candle.close * unit,
        candle.volume * texture.volume_unit,
    )
