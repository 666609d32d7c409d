"""The simulated market: 20 invented stocks and two invented coins, endless, from one seed.

A day's close is base price x exp(x). x is a random walk made by halving: every 512 days it takes a
value drawn evenly within 0.35 of 0; between two such days the middle of each stretch of T days is
the mean of its ends plus a draw within 0.866 sqrt(T) of the daily volatility, down to single days.
So any day is found without walking there, days look like a geometric random walk, and in the long
run prices hover about their base. Calendar days count, so that a weekend moves prices too.

A stock opens at the calendar day before's value plus a gap drawn within half the daily volatility,
a coin exactly there. High and low lie beyond open and close by a draw within the daily volatility
each. The volume is half to three halves of the usual, more on days of large moves. Inside the day
the rule of `papertrader.master.providers.path` holds. Liquid symbols tick every 250 ms of market
time, the others every second. There are no corporate actions. With extended hours, the price
goes on after a session to within a quarter of the day's range of the close, and from there to
the next opening before that (`papertrader.master.providers.tape`).

Draws as in `path`, from "seed/symbol/block/number" and "seed/symbol/date/bar". exp is a sum of
integers with 32 fraction bits, so that every machine sees the same market.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from math import isqrt
from typing import Final

import attrs

from papertrader.core.calendar import ALWAYS_OPEN, Calendar
from papertrader.core.instants import DAY, MILLISECOND, midnight_of, to_datetime
from papertrader.core.money import CENT, SCALE
from papertrader.core.quotes import Asset, AssetFlag, AssetKind, QuoteFlag
from papertrader.master.providers.base import has_extended_hours
from papertrader.master.providers.path import Candle, Texture, draws
from papertrader.master.providers.tape import Listing, Tape

NAME: Final = "simulated"
HISTORY_DAYS: Final = 730
"""Days of history before the market's start."""

HORIZON_DAYS: Final = 7_300
"""Days after the market's start at which the tape ends."""

BLOCK_DAYS: Final = 512
BLOCKS_CACHED_MAX: Final = 256
BARS_CACHED_MAX: Final = 32_768
EXP_TERMS: Final = 28
"""Enough for |x| < 3, which is beyond what a walk can reach, to the last of 32 bits."""

_ONE: Final = 1 << 32
_HALF: Final = 1 << 15
_ANCHOR: Final = _ONE * 35 // 100
_SHARES_MAX: Final = 1_000_000
_COINS_MAX: Final = 10_000
_FRACTION_LOT: Final = SCALE // 1_000_000
_COIN_VOLUME_UNIT: Final = SCALE // 10_000


@attrs.frozen
class _Invented:
    """``cents``: base price; ``volatility``: of a day, basis points; ``volume``: of a day."""

    symbol: str
    name: str
    cents: int
    volatility: int
    volume: int
    spread_ppm: int
    size: int
    step_ms: int
    is_fractional: bool = False
    is_coin: bool = False


_ASSETS: Final = (
    _Invented("ALRB", "Alder Robotics", 18_450, 190, 21_000_000, 100, 400, 250, True),
    _Invented("BRKF", "Brackley Foods", 6_230, 90, 4_800_000, 170, 700, 1_000, True),
    _Invented("CALX", "Caldera Minerals", 1_385, 260, 9_500_000, 720, 3_000, 1_000),
    _Invented("DOVN", "Dovner Airlines", 2_740, 240, 7_200_000, 370, 1_200, 1_000),
    _Invented("EVRA", "Evera Health", 41_200, 130, 2_900_000, 240, 200, 1_000, True),
    _Invented("FENW", "Fenwick Bank", 5_115, 150, 12_400_000, 200, 1_500, 250, True),
    _Invented("GLDE", "Glide Semiconductor", 73_500, 280, 18_000_000, 120, 200, 250, True),
    _Invented("HBLG", "Harbor Logistics", 9_640, 140, 1_900_000, 310, 300, 1_000),
    _Invented("IDRE", "Indra Energy", 3_325, 170, 8_100_000, 300, 1_100, 1_000),
    _Invented("JNST", "Junot Streaming", 22_800, 230, 6_600_000, 180, 300, 250, True),
    _Invented("KESL", "Kessel Motors", 15_900, 330, 34_000_000, 100, 500, 250, True),
    _Invented("LMGW", "Lumen Glassworks", 845, 210, 3_300_000, 1_180, 5_000, 1_000),
    _Invented("MERI", "Meridian Insurance", 12_770, 100, 1_400_000, 240, 200, 1_000),
    _Invented("NOVC", "Novacore Software", 36_600, 180, 15_500_000, 90, 300, 250, True),
    _Invented("OSVA", "Ostrava Steel", 1_960, 220, 5_200_000, 510, 2_000, 1_000),
    _Invented("PLRT", "Palmer Retail", 7_480, 150, 3_700_000, 200, 500, 1_000),
    _Invented("QNTA", "Quanta Biotech", 550, 420, 11_000_000, 1_820, 8_000, 1_000),
    _Invented("RVRB", "Riverbend Utilities", 4_390, 80, 2_500_000, 230, 800, 1_000),
    _Invented("SOLV", "Solvay Street Holdings", 89_000, 160, 900_000, 420, 100, 1_000, True),
    _Invented("TRNT", "Trent Telecom", 2_210, 110, 9_900_000, 450, 4_000, 1_000),
    _Invented("AURUSD", "Auric coin", 2_900_000, 300, 80_000_000, 3, 5_000, 250, True, True),
    _Invented("NIMUSD", "Nimbus coin", 185_000, 380, 900_000_000, 30, 60_000, 250, True, True),
)


def simulated_source(calendars: Mapping[str, Calendar], market_start: int, seed: int = 1) -> Tape:
    """Return the simulated market around ``market_start`` (an instant).

    It has history for `HISTORY_DAYS` before and ends `HORIZON_DAYS` after. The start only sets
    these bounds: a seed's prices at an instant do not depend on it. Raises `ValueError` when the
    exchange calendar does not reach back far enough.
    """
    first = midnight_of(to_datetime(market_start - HISTORY_DAYS * DAY).date())
    if calendars["XNYS"].previous_session(first) is None:
        raise ValueError(
            "the simulated market cannot start so early: choose a start in 1992 or later"
        )
    return Tape(
        name=NAME,
        seed=seed,
        listings=[
            _listing(invented, first, extended=has_extended_hours(calendars["XNYS"]))
            for invented in _ASSETS
        ],
        history=SimulatedHistory(seed),
        calendars=calendars,
        calendar_main="XNYS",
        first_time=first,
        last_time=first + (HISTORY_DAYS + HORIZON_DAYS) * DAY,
        flags=QuoteFlag.SYNTHETIC,
        extended=True,
    )


class SimulatedHistory:
    """The invented symbols' day bars, for any date."""

    def __init__(self, seed: int) -> None:
        """The same ``seed`` gives the same bars."""
        self._seed = seed
        self._assets = {invented.symbol: invented for invented in _ASSETS}
        self._bar: Callable[[str, date], Candle] = lru_cache(BARS_CACHED_MAX)(self._make_bar)
        self._block: Callable[[str, int], list[int]] = lru_cache(BLOCKS_CACHED_MAX)(
            self._make_block
        )

    def candle(self, symbol: str, day: date) -> Candle:
        """Return the day's bar in cents and volume units."""
        return self._bar(symbol, day)

    def _make_bar(self, symbol: str, day: date) -> Candle:
        asset = self._assets[symbol]
        gap, up, down, busy = draws(f"{self._seed}/{symbol}/{day.isoformat()}/bar", 4)
        volatility = _ONE * asset.volatility // 10_000
        before, after = self._walk(symbol, day.toordinal() - 1), self._walk(symbol, day.toordinal())
        start = before if asset.is_coin else before + (volatility * (gap - _HALF) >> 16)
        opening, close = _price(asset.cents, start), _price(asset.cents, after)
        upper, lower = max(opening, close), min(opening, close)
        high = upper + (upper * asset.volatility * up // 10_000 >> 16)
        low = max(lower - (lower * asset.volatility * down // 10_000 >> 16), 1)
        usual = asset.volume * (_HALF + busy) >> 16
        volume = usual + usual * min(abs(after - before), 3 * volatility) // (2 * volatility)
        return Candle(opening, high, low, close, volume)

    def _walk(self, symbol: str, ordinal: int) -> int:
        """Return x (32 fraction bits) at the end of a day."""
        number, place = divmod(ordinal, BLOCK_DAYS)
        return self._block(symbol, number)[place]

    def _make_block(self, symbol: str, number: int) -> list[int]:
        """Return x for the days of a block, by halving, the next block's first day at the end."""
        volatility = _ONE * self._assets[symbol].volatility // 10_000
        drawn = draws(f"{self._seed}/{symbol}/block/{number}", BLOCK_DAYS)
        following = draws(f"{self._seed}/{symbol}/block/{number + 1}", 1)
        values = [0] * (BLOCK_DAYS + 1)
        values[0] = _ANCHOR * (drawn[0] - _HALF) >> 15
        values[-1] = _ANCHOR * (following[0] - _HALF) >> 15
        stretch, used = BLOCK_DAYS, 1
        while stretch > 1:
            reach = volatility * isqrt(stretch << 16) * 866 // (1000 << 8)
            for left in range(0, BLOCK_DAYS, stretch):
                mean = (values[left] + values[left + stretch]) // 2
                values[left + stretch // 2] = mean + (reach * (drawn[used] - _HALF) >> 15)
                used += 1
            stretch //= 2
        return values


def _price(cents: int, exponent: int) -> int:
    """Return cents x exp(exponent), ``exponent`` having 32 fraction bits; at least one cent."""
    total = term = _ONE
    for count in range(1, EXP_TERMS + 1):
        term = term * exponent // (count * _ONE)
        total += term
    return max(cents * total >> 32, 1)


def _listing(invented: _Invented, first: int, *, extended: bool) -> Listing:
    lot = _FRACTION_LOT if invented.is_fractional else SCALE
    flags = AssetFlag.FRACTIONAL if invented.is_fractional else AssetFlag(0)
    if not invented.is_coin:
        flags |= AssetFlag.SHORTABLE
        if extended:
            flags |= AssetFlag.EXTENDED_HOURS
    if invented.is_coin:
        lot, flags = 1, flags | AssetFlag.ALWAYS_OPEN
    asset = Asset(
        symbol=invented.symbol,
        name=f"{invented.name} (invented)",
        kind=AssetKind.CRYPTO if invented.is_coin else AssetKind.STOCK,
        currency="USD",
        tick=CENT,
        lot=lot,
        quantity_min=lot,
        quantity_max=(_COINS_MAX if invented.is_coin else _SHARES_MAX) * SCALE,
        calendar=ALWAYS_OPEN if invented.is_coin else "XNYS",
        exchange="SIM",
        source=NAME,
        flags=flags,
        first_bar=first,
    )
    texture = Texture(
        tick=CENT,
        volume_unit=_COIN_VOLUME_UNIT if invented.is_coin else SCALE,
        step=invented.step_ms * MILLISECOND,
        spread_ppm=invented.spread_ppm,
        size=invented.size,
        size_round=1 if invented.is_coin else 100,
        flat=invented.is_coin,
    )
    return Listing(asset=asset, texture=texture)
