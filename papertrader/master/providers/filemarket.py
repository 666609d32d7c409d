"""The replay market over a user's own files: daily bars, minute bars and quotes, each as they are.

Daily bars are kept exactly; the way between them is drawn by the rule of
`papertrader.master.providers.path`, with a tick every 5 market seconds. Minute bars are kept
exactly too, and only the ticks within a minute are drawn; a minute without a row had no trade, so
the price before it stands. Quotes are given out as recorded. The files: ``specs/market-data.rst``.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from heapq import merge
from pathlib import Path
from statistics import median_low
from typing import Final

import attrs

from papertrader.core.calendar import ALWAYS_OPEN, Calendar, Session
from papertrader.core.instants import MINUTE, SECOND, Instant, midnight_of
from papertrader.core.money import DECIMALS, SCALE
from papertrader.core.quotes import (
    NO_FLAGS,
    Asset,
    AssetFlag,
    AssetKind,
    Bar,
    CorporateAction,
    Quote,
    QuoteFlag,
)
from papertrader.master.providers.base import TapeSource, UnknownSymbol, has_extended_hours
from papertrader.master.providers.datafiles import find_files
from papertrader.master.providers.datarows import Dataset, RowKind, read_dataset
from papertrader.master.providers.path import FIVE, HALF_HOUR, Candle, DayPath, Texture
from papertrader.master.providers.quotetape import QuoteTape
from papertrader.master.providers.tape import Listing, Part, Tape, merged_pieces, thin

STEP: Final = 5 * SECOND
QUANTITY_MAX: Final = 1_000_000 * SCALE
"""Largest order."""
SIZE_SHARE: Final = 20_000
"""The usual size at the best price is this part of a usual day's volume."""
SIZE_UNKNOWN: Final = 1_000
"""The usual size where no volumes are known, in whole units."""
NAME_MAX: Final = 18
"""Characters of the market's name that come from the files' own."""


def files_source(place: Path, calendars: Mapping[str, Calendar], seed: int = 1) -> TapeSource:
    """Read the files at ``place`` and return their market.

    Raises `papertrader.master.providers.recorded.DataFileError`: file, line and what is wrong.
    """
    data = read_dataset(find_files(place), calendars)
    name = market_name(place)
    used = Counter(data.listed(symbol).calendar for symbol in sorted(data.kinds))
    exchanges = [each for each, _ in used.most_common() if each != ALWAYS_OPEN]
    main = exchanges[0] if exchanges else ALWAYS_OPEN
    tapes: list[TapeSource] = []
    for kind in (RowKind.DAILY, RowKind.MINUTE):
        symbols = sorted(symbol for symbol, each in data.kinds.items() if each is kind)
        if symbols:
            tapes.append(_bar_tape(kind, name, seed, symbols, data, calendars, main))
    symbols = sorted(symbol for symbol, each in data.kinds.items() if each is RowKind.QUOTE)
    if symbols:
        assets = [_asset(symbol, data, data.quotes[symbol].times[0], name) for symbol in symbols]
        assets = [_with_extended_hours(asset, calendars) for asset in assets]
        tapes.append(
            QuoteTape(
                name=name, assets=assets, quotes=data.quotes, calendars=calendars,
                calendar_main=main,
            )
        )  # fmt: skip
    return JoinedTape(name, tapes, data.actions, calendars[main])


def quote_tape(symbol: str, data: Dataset, calendars: Mapping[str, Calendar]) -> QuoteTape:
    """Return the recorded quotes of one symbol as a market of its own."""
    asset = _asset(symbol, data, data.quotes[symbol].times[0], "")
    return QuoteTape(
        name=symbol, assets=[asset], quotes=data.quotes, calendars=calendars,
        calendar_main=asset.calendar,
    )  # fmt: skip


def market_name(place: Path) -> str:
    """Return the name of the market of those files: by it, what is kept of a market is found."""
    mark = hashlib.sha256(str(place.absolute()).encode()).hexdigest()[:4]
    stem = place.name.partition(".")[0].encode("ascii", "replace").decode()
    return f"{stem[:NAME_MAX]}-{mark}"


class JoinedTape:
    """Several markets with different symbols as one; corporate actions of all of them."""

    def __init__(
        self,
        name: str,
        tapes: Sequence[TapeSource],
        actions: Iterable[CorporateAction],
        calendar_main: Calendar,
    ) -> None:
        self.name = name
        self.calendar_main = calendar_main
        self.assets: Mapping[str, Asset] = {
            symbol: asset for tape in tapes for symbol, asset in tape.assets.items()
        }
        self._tapes = tapes
        self._of = {symbol: tape for tape in tapes for symbol in tape.assets}
        self._actions = sorted(actions, key=lambda it: (it.at, it.symbol, it.kind))

    def first_time(self) -> Instant:
        """Return the earliest market time that has data."""
        return min(tape.first_time() for tape in self._tapes)

    def last_time(self) -> Instant:
        """Return the market time at which the last of them ends."""
        return max(tape.last_time() for tape in self._tapes)

    def calendar(self, symbol: str) -> Calendar:
        """Return the calendar of the symbol's exchange. Raises `UnknownSymbol`."""
        return self._tape(symbol).calendar(symbol)

    def quotes(self, market_now: int) -> list[Quote]:
        """Return the newest quote of each symbol that has a new one since the last call."""
        return [quote for tape in self._tapes for quote in tape.quotes(market_now)]

    def quote(self, symbol: str, market_now: int) -> Quote | None:
        """Return the symbol's newest quote at that time. Raises `UnknownSymbol`."""
        return self._tape(symbol).quote(symbol, market_now)

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
        """Return bars, see `TapeSource`."""
        tape = self._tape(symbol)
        return tape.bars(symbol, interval_s, start, end, now, limit, newest=newest)

    def actions(self, after: int, upto: int) -> list[CorporateAction]:
        """Return the corporate actions with ``after < at <= upto``, in the order they apply."""
        own = [each for each in self._actions if after < each.at <= upto]
        return list(
            merge(
                own,
                *(tape.actions(after, upto) for tape in self._tapes),
                key=lambda it: (it.at, it.symbol, it.kind),
            )
        )

    def _tape(self, symbol: str) -> TapeSource:
        try:
            return self._of[symbol]
        except KeyError:
            raise UnknownSymbol(symbol) from None


# --- bars ----------------------------------------------------------------------------------------


@attrs.frozen
class _Days:
    """A day bar for each symbol and day, in ticks and volume units."""

    days: Mapping[str, Mapping[date, Candle]]

    def candle(self, symbol: str, day: date) -> Candle | None:
        """Return the day's bar, None when it was not traded."""
        return self.days[symbol].get(day)


class MinuteDay(DayPath):
    """A day whose minutes are recorded: only what happens within a minute is drawn."""

    def __init__(self, *, label: str, minutes: Sequence[Candle], texture: Texture) -> None:
        """``minutes``: one bar for each minute of the session."""
        self.whole = _joined(minutes)
        self.minutes = len(minutes)
        self.texture = texture
        self._label = label
        self._given = minutes
        self._parts = -(-len(minutes) // HALF_HOUR)
        self.half_hours = [self._part(at, HALF_HOUR) for at in range(0, self.minutes, HALF_HOUR)]

    def _part(self, start: int, length: int) -> Candle:
        return _joined(self._given[start : start + length])

    def fives_of(self, half_hour: int) -> list[Candle]:
        """Return the five minutes of one half hour of the session."""
        start = half_hour * HALF_HOUR
        end = min(start + HALF_HOUR, self.minutes)
        return [self._part(at, min(FIVE, end - at)) for at in range(start, end, FIVE)]

    def minutes_of(self, five: int) -> list[Candle]:
        """Return the minutes of one five minutes of the session."""
        return list(self._given[five * FIVE : (five + 1) * FIVE])


class MinuteTape(Tape):
    """A tape over recorded minutes: ``minutes`` by symbol and day, the minute to its bar."""

    recorded: Mapping[str, Mapping[date, Mapping[int, Candle]]]

    def _path(self, symbol: str, session: Session, whole: Candle, texture: Texture) -> DayPath:
        rows = self.recorded[symbol][session.day]
        before = self.calendar(symbol).previous_session(session.open)
        last = None if before is None else self._history.candle(symbol, before.day)
        # Before the first trade the close before stands; before the very first, its own open.
        first = min(minute for minute in rows if minute >= 0)
        price = rows[first].open if last is None else last.close
        length = (session.close - session.open) // MINUTE
        label = f"{self._seed}/{symbol}/{session.day.isoformat()}"
        return MinuteDay(label=label, minutes=_filled(rows, range(length), price), texture=texture)

    def _make_outside(self, symbol: str, day: date, part: Part) -> DayPath | None:
        """Return the recorded minutes of extended hours; None where none was recorded."""
        calendar = self.calendar(symbol)
        session, rows = calendar.session(day), self.recorded[symbol].get(day, {})
        if session is None:
            return None
        if part is Part.AFTER:
            begin, end = session.close, session.post_close
        else:
            begin, end = session.pre_open, session.open
        minutes = range((begin - session.open) // MINUTE, (end - session.open) // MINUTE)
        known = [minute for minute in minutes if minute in rows]
        if not known:
            return None
        label = f"{self._seed}/{symbol}/{day.isoformat()}/{part}"
        # Nothing is known of it before its first trade: the price of that stands.
        filled = _filled(rows, minutes, rows[known[0]].open)
        return MinuteDay(label=label, minutes=filled, texture=thin(self._listings[symbol].texture))


def _filled(rows: Mapping[int, Candle], minutes: range, price: int) -> list[Candle]:
    """Return a candle for each minute: without a trade the price before stands."""
    filled = []
    for minute in minutes:
        candle = rows.get(minute) or Candle(price, price, price, price, 0)
        price = candle.close
        filled.append(candle)
    return filled


def _within(session: Session | None, minutes: Mapping[int, Candle]) -> list[Candle]:
    """Return the minutes of a day that lie in its session, in their order."""
    end = 0 if session is None else (session.close - session.open) // MINUTE
    return [minutes[minute] for minute in sorted(minutes) if 0 <= minute < end]


def _joined(minutes: Sequence[Candle]) -> Candle:
    return merged_pieces((0, candle) for candle in minutes)[0][1]


def _bar_tape(
    kind: RowKind,
    name: str,
    seed: int,
    symbols: Sequence[str],
    data: Dataset,
    calendars: Mapping[str, Calendar],
    main: str,
) -> Tape:
    days: dict[str, dict[date, Candle]] = {}
    recorded: dict[str, dict[date, dict[int, Candle]]] = {}
    for symbol in symbols:
        tick, unit = _tick(symbol, data), _volume_unit(symbol, data)
        if kind is RowKind.DAILY:
            rows = data.days[symbol]
            days[symbol] = {day: _scaled(candle, tick, unit) for day, candle in rows.items()}
            continue
        recorded[symbol] = {
            day: {minute: _scaled(candle, tick, unit) for minute, candle in of_day.items()}
            for day, of_day in data.minutes[symbol].items()
        }
        days[symbol] = {
            day: _joined(within)
            for day, of_day in recorded[symbol].items()
            if (within := _within(calendars[data.listed(symbol).calendar].session(day), of_day))
        }
    shape = Tape if kind is RowKind.DAILY else MinuteTape
    sessions = [
        calendars[data.listed(symbol).calendar].session(day)
        for symbol in symbols
        for day in (min(days[symbol]), max(days[symbol]))
    ]
    tape = shape(
        name=name,
        seed=seed,
        listings=[_listing(symbol, data, days[symbol], name, calendars) for symbol in symbols],
        history=_Days(days),
        calendars=calendars,
        calendar_main=main,
        first_time=min(session.open for session in sessions if session is not None),
        last_time=max(session.close for session in sessions if session is not None),
        flags=QuoteFlag.REPLAYED,
        extended=kind is RowKind.MINUTE,
    )
    if isinstance(tape, MinuteTape):
        tape.recorded = recorded
    return tape


def _scaled(candle: Candle, tick: int, unit: int) -> Candle:
    return Candle(
        candle.open // tick,
        candle.high // tick,
        candle.low // tick,
        candle.close // tick,
        candle.volume // unit,
    )


def _tick(symbol: str, data: Dataset) -> int:
    """Return the smallest step of price: a cent, or what the recorded prices need."""
    decimals = max(data.decimals.get(symbol, 0), 2)
    return int(10 ** (DECIMALS - decimals))


def _volume_unit(symbol: str, data: Dataset) -> int:
    return int(10 ** (DECIMALS - data.volume_decimals.get(symbol, 0)))


def _asset(symbol: str, data: Dataset, first_bar: int, source: str) -> Asset:
    listed = data.listed(symbol)
    unit = _volume_unit(symbol, data)
    lot = listed.lot or (1 if listed.kind is AssetKind.CRYPTO else unit)
    flags = NO_FLAGS
    if lot < SCALE:
        flags |= AssetFlag.FRACTIONAL
    if listed.calendar == ALWAYS_OPEN:
        flags |= AssetFlag.ALWAYS_OPEN
    elif listed.kind in (AssetKind.STOCK, AssetKind.ETF):
        flags |= AssetFlag.SHORTABLE
    return Asset(
        symbol=symbol,
        name=listed.name or symbol,
        kind=listed.kind,
        currency=listed.currency,
        tick=_tick(symbol, data),
        lot=lot,
        quantity_min=lot,
        quantity_max=QUANTITY_MAX // lot * lot,
        calendar=listed.calendar,
        exchange=listed.exchange or ("" if listed.calendar == ALWAYS_OPEN else listed.calendar),
        source=source,
        flags=flags,
        first_bar=first_bar,
    )


def _with_extended_hours(asset: Asset, calendars: Mapping[str, Calendar]) -> Asset:
    """Return an asset of which quotes are recorded, with what its calendar allows."""
    if not has_extended_hours(calendars[asset.calendar]):
        return asset
    return attrs.evolve(asset, flags=asset.flags | AssetFlag.EXTENDED_HOURS)


def _listing(
    symbol: str,
    data: Dataset,
    days: Mapping[date, Candle],
    source: str,
    calendars: Mapping[str, Calendar],
) -> Listing:
    unit = _volume_unit(symbol, data)
    usual = median_low(candle.volume for candle in days.values())
    size = usual // SIZE_SHARE or (1 if usual else SIZE_UNKNOWN * SCALE // unit)
    texture = Texture(
        tick=_tick(symbol, data),
        volume_unit=unit,
        step=STEP,
        spread_ppm=data.listed(symbol).spread_ppm,
        size=size,
        size_round=1,
        flat=data.listed(symbol).calendar == ALWAYS_OPEN,
    )
    asset = _asset(symbol, data, midnight_of(min(days)), source)
    if symbol in data.minutes:
        asset = _with_extended_hours(asset, calendars)
    return Listing(asset=asset, texture=texture)
