"""The way of prices inside one day: a day's bar turned into ever shorter bars, and into ticks.

A day is split into half hours, these into five minutes, these into minutes, and a minute into
ticks; each part only when somebody asks for it. Each split keeps the whole exactly: the first part
opens where the whole opens, the last closes where it closes, the highest high and lowest low are
the whole's, and the volumes add up. The rule of a split of a whole (open O, high H, low L, close
C) into n parts:

1. A high above O and C, and a low below them, are each put into a part of their own drawn at
   random. When there are both, the one nearer to O comes first in three of four draws.
2. A price walks from O over these marks to C. At each border between parts it has gone the share
   of the way to the next mark that the part is of the parts left, plus noise: uniform within
   0.8 (H - L) / sqrt(n), fading to nothing toward the mark; clipped to [L, H]. (A Brownian
   bridge, roughly.)
3. A part opens and closes at its borders' prices; up to 0.6 (H - L) / sqrt(n) is added to either
   side of its range, clipped to [L, H]. A mark's part has the mark as its high (or low). For the
   half hours of an exchange's day the noise of 2 and 3 follows `VOLATILITY`.
4. Volume goes by weight: length, for half hours of an exchange's day times `VOLUME`; each weight
   times a draw between a half and three halves (for ticks: a square, so that few are large).

Ticks are parts of one price each. Bid and ask stand around the tick's price, which is the last
trade: spread = max(one tick, spread_ppm x price x `SPREAD`), the odd tick of it drawn to either
side; sizes are half to three halves of the symbol's usual size, in round lots.

Draws are 16-bit numbers, read little-endian from SHAKE-128 of "seed/symbol/date/part": every
machine sees the same market; the parts are called day, half-hour, five and minute, the last three
with their number in the session. All arithmetic is on integers (prices in ticks, volumes in units).
The tables are medians measured on US stocks, by half hour of the day from 09:30 to 16:00.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from hashlib import shake_128
from itertools import accumulate, pairwise
from math import isqrt
from typing import Final

import attrs

from papertrader.core.instants import MINUTE

VOLUME: Final = (137, 95, 74, 62, 67, 52, 47, 51, 46, 55, 47, 70, 197)
"""Thousandths of the day's volume."""

VOLATILITY: Final = (68, 47, 37, 36, 34, 29, 26, 29, 26, 32, 27, 28, 33)
"""Mean absolute return of a minute, in tenths of a basis point."""

SPREAD: Final = (2200, 1400, 1100, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 800)
"""Thousandths of the symbol's usual spread."""

HALF_HOUR: Final = 30
"""Minutes in the day's parts."""

FIVE: Final = 5
"""Minutes in a half hour's parts."""

VOLATILITY_MEAN: Final = 35
TICKS_A_MINUTE_MIN: Final = 4
_FRACTION: Final = 16
_HALF: Final = 1 << (_FRACTION - 1)
_NEARER_FIRST: Final = 49_152


@attrs.define
class Candle:
    """A bar in ticks of price and units of volume."""

    open: int
    high: int
    low: int
    close: int
    volume: int


@attrs.frozen(kw_only=True)
class Texture:
    """How a symbol's day looks inside."""

    tick: int
    """Smallest step of price, 1e-8 units."""
    volume_unit: int
    """Smallest step of volume, 1e-8 units."""
    step: int
    """Nanoseconds between ticks: divides a minute, into 4 or more."""
    spread_ppm: int
    """Usual spread in millionths of the price."""
    size: int
    """Usual size at the best price, in volume units."""
    size_round: int
    """Sizes are multiples of this many volume units."""
    flat: bool = False
    """True for a market that never closes: no U-shape over the day."""

    def __attrs_post_init__(self) -> None:
        if MINUTE % self.step or MINUTE // self.step < TICKS_A_MINUTE_MIN:
            raise ValueError(f"a step of {self.step} ns does not part a minute into 4 or more")

    @property
    def ticks_a_minute(self) -> int:
        """Ticks in each minute."""
        return MINUTE // self.step


def draws(label: str, count: int) -> tuple[int, ...]:
    """Return ``count`` numbers of 0..65535 that depend on ``label`` alone."""
    return struct.unpack(f"<{count}H", shake_128(label.encode("ascii")).digest(2 * count))


def marks_of(
    whole: Candle, first: int, last: int, drawn: Sequence[int]
) -> list[tuple[int, int, bool]]:
    """Return (part, price, is it the high) of the extremes to visit, in order of visit.

    Parts are drawn from ``first``..``last`` (two or more); ``drawn`` holds three numbers. An
    extreme at which the whole opens or closes needs no visit.
    """
    room = last - first + 1
    spot = first + (drawn[0] * room >> _FRACTION)
    has_high = whole.high > max(whole.open, whole.close)
    has_low = whole.low < min(whole.open, whole.close)
    if has_high and has_low:
        other = first + (drawn[1] * (room - 1) >> _FRACTION)
        other += other >= spot
        high_nearer = whole.high - whole.open < whole.open - whole.low
        early, late = min(spot, other), max(spot, other)
        if high_nearer == (drawn[2] < _NEARER_FIRST):
            return [(early, whole.high, True), (late, whole.low, False)]
        return [(early, whole.low, False), (late, whole.high, True)]
    if has_high:
        return [(spot, whole.high, True)]
    if has_low:
        return [(spot, whole.low, False)]
    return []


def walk(
    whole: Candle,
    targets: Sequence[tuple[int, int]],
    amplitudes: Sequence[int],
    noise: Sequence[int],
) -> list[int]:
    """Return the prices at places 0, 2, 4 ... of a walk over all ``targets`` (place, price).

    Places grow; the last target is the end. A target at an odd place is passed between two prices.
    ``amplitudes`` (16 fraction bits) and ``noise`` (draws) hold one number for each even place.
    """
    low, high = whole.low << _FRACTION, whole.high << _FRACTION
    value = whole.open << _FRACTION
    prices = [whole.open]
    place, following = 0, 2
    for target, price in targets:
        goal = price << _FRACTION
        while following < target:
            remaining = target - place
            step = following - place
            index = following >> 1
            sway = amplitudes[index] * (noise[index] - _HALF) >> (_FRACTION - 1)
            value += ((goal - value) * step + sway * (remaining - step)) // remaining
            if value > high:
                value = high
            elif value < low:
                value = low
            prices.append((value + _HALF) >> _FRACTION)
            place = following
            following += 2
        value, place = goal, target
        if following == target:
            prices.append(price)
            following += 2
    return prices


def split(label: str, whole: Candle, weights: Sequence[int], sways: Sequence[int]) -> list[Candle]:
    """Split a bar into as many as there are ``weights`` (of volume), see the module's rule.

    ``sways`` are factors of the noise, `VOLATILITY_MEAN` being 1.
    """
    count = len(weights)
    if count == 1:
        return [attrs.evolve(whole)]
    drawn = draws(label, 4 * count + 3)
    marks = marks_of(whole, 0, count - 1, drawn[-3:])
    unit = ((whole.high - whole.low) << (_FRACTION + 8)) // isqrt(count << 16)
    targets = [(2 * part + 1, price) for part, price, _ in marks]
    amplitudes = [unit * 4 * sway // (5 * VOLATILITY_MEAN) for sway in sways]
    prices = walk(whole, [*targets, (2 * count, whole.close)], amplitudes, drawn)
    volumes = shared_out(whole.volume, weights, drawn[3 * count : 4 * count])
    parts = []
    for index in range(count):
        opening, closing = prices[index], prices[index + 1]
        reach = unit * 3 * sways[index] // (5 * VOLATILITY_MEAN)
        above, below = (
            (reach * draw + (_HALF << _FRACTION)) >> 2 * _FRACTION
            for draw in drawn[count + 2 * index : count + 2 * index + 2]
        )
        high = min(max(opening, closing) + above, whole.high)
        low = max(min(opening, closing) - below, whole.low)
        parts.append(Candle(opening, high, low, closing, volumes[index]))
    for part, price, is_high in marks:
        if is_high:
            parts[part].high = price
        else:
            parts[part].low = price
    return parts


def shared_out(volume: int, weights: Sequence[int], jitter: Sequence[int]) -> list[int]:
    """Share a volume out by weight, each times a half to three halves; the sum stays exact."""
    heaps = list(accumulate(w * (_HALF + j) for w, j in zip(weights, jitter, strict=True)))
    borders = [0, *(volume * heap // heaps[-1] for heap in heaps)]
    return [upper - lower for lower, upper in pairwise(borders)]


def table_at(table: Sequence[int], part: int, parts: int) -> int:
    """Read a table of the day's half hours for day of another number of half hours."""
    if parts == 1:
        return table[0]
    return table[(2 * part * (len(table) - 1) + parts - 1) // (2 * (parts - 1))]


@attrs.define
class MinutePath:
    """The ticks of one minute. Each list holds one number for each tick."""

    prices: list[int]
    highs: list[int]
    """Highest price of the day so far."""
    lows: list[int]
    """Lowest price of the day so far."""
    volumes: list[int]
    """The day's volume so far."""
    volume_before: int
    """The day's volume before this minute."""
    details: tuple[int, ...]
    """Draws for spread and sizes."""
    spread_factor: int
    """Thousandths of the usual spread."""

    def formed(self, tick: int) -> Candle:
        """Return the minute's bar up to and with that tick."""
        so_far = self.prices[: tick + 1]
        volume = self.volumes[tick] - self.volume_before
        return Candle(so_far[0], max(so_far), min(so_far), so_far[-1], volume)

    def book(self, tick: int, texture: Texture) -> tuple[int, int, int, int]:
        """Return bid, ask (ticks), bid size and ask size (volume units) at that tick."""
        price, detail = self.prices[tick], self.details[tick]
        spread = (price * texture.spread_ppm * self.spread_factor + 500_000_000) // 1_000_000_000
        spread = max(spread, 1)
        bid = max(price - (spread + (detail & 1) >> 1), 1)
        sizes = []
        for bits in (detail >> 1 & 127, detail >> 8 & 127):
            size = texture.size * (64 + bits) // 128
            sizes.append(max(size // texture.size_round, 1) * texture.size_round)
        return bid, bid + spread, sizes[0], sizes[1]


class DayPath:
    """One day of one symbol, worked out as far as it has been asked for."""

    def __init__(self, *, label: str, whole: Candle, minutes: int, texture: Texture) -> None:
        """``label`` seeds the draws ("seed/symbol/date"); ``minutes``: length of the session."""
        self.whole = whole
        self.minutes = minutes
        self.texture = texture
        self._label = label
        lengths = _lengths(minutes, HALF_HOUR)
        self._parts = len(lengths)
        weights, sways = lengths, [VOLATILITY_MEAN] * self._parts
        if not texture.flat:
            parts = self._parts
            weights = [n * table_at(VOLUME, i, parts) for i, n in enumerate(lengths)]
            sways = [table_at(VOLATILITY, i, parts) for i in range(parts)]
        self.half_hours = split(f"{label}/day", whole, weights, sways)
        self._fives: dict[int, list[Candle]] = {}
        self._minutes: dict[int, list[Candle]] = {}

    def fives_of(self, half_hour: int) -> list[Candle]:
        """Return the five minutes of one half hour of the session."""
        known = self._fives.get(half_hour)
        if known is None:
            length = min(HALF_HOUR, self.minutes - half_hour * HALF_HOUR)
            known = self._fives[half_hour] = self._split_evenly(
                f"half-hour/{half_hour}", self.half_hours[half_hour], _lengths(length, FIVE)
            )
        return known

    def minutes_of(self, five: int) -> list[Candle]:
        """Return the minutes of one five minutes of the session."""
        known = self._minutes.get(five)
        if known is None:
            half_hour, index = divmod(five, HALF_HOUR // FIVE)
            length = min(FIVE, self.minutes - five * FIVE)
            known = self._minutes[five] = self._split_evenly(
                f"five/{five}", self.fives_of(half_hour)[index], [1] * length
            )
        return known

    def all_fives(self) -> Iterator[Candle]:
        """Return the five minutes of the whole session, in order."""
        for half_hour in range(self._parts):
            yield from self.fives_of(half_hour)

    def all_minutes(self) -> Iterator[Candle]:
        """Return the minutes of the whole session, in order."""
        for five in range(-(-self.minutes // FIVE)):
            yield from self.minutes_of(five)

    def minute_path(self, minute: int) -> MinutePath:
        """Return the ticks of one minute of the session."""
        five, index = divmod(minute, FIVE)
        half_hour, fives_before = divmod(five, HALF_HOUR // FIVE)
        siblings = self.minutes_of(five)
        whole = siblings[index]
        before = [
            *self.half_hours[:half_hour],
            *self.fives_of(half_hour)[:fives_before],
            *siblings[:index],
        ]
        count = self.texture.ticks_a_minute
        drawn = draws(f"{self._label}/minute/{minute}", 3 * count + 3)
        prices = _ticks(whole, count, drawn)
        heaps = list(accumulate(1 + (d * d >> _FRACTION) for d in drawn[2 * count : 3 * count]))
        earlier = sum(candle.volume for candle in before)
        highest = max((candle.high for candle in before), default=prices[0])
        lowest = min((candle.low for candle in before), default=prices[0])
        return MinutePath(
            prices=prices,
            highs=list(accumulate(prices, max, initial=highest))[1:],
            lows=list(accumulate(prices, min, initial=lowest))[1:],
            volumes=[earlier + whole.volume * heap // heaps[-1] for heap in heaps],
            volume_before=earlier,
            details=drawn[count : 2 * count],
            spread_factor=1000 if self.texture.flat else table_at(SPREAD, half_hour, self._parts),
        )

    def _split_evenly(self, part: str, whole: Candle, lengths: Sequence[int]) -> list[Candle]:
        return split(f"{self._label}/{part}", whole, lengths, [VOLATILITY_MEAN] * len(lengths))


def _lengths(minutes: int, part: int) -> list[int]:
    """Return the lengths of a stretch's parts: all ``part`` minutes but perhaps the last."""
    return [min(part, minutes - start) for start in range(0, minutes, part)]


def _ticks(whole: Candle, count: int, drawn: Sequence[int]) -> list[int]:
    """Return the prices of ``count`` ticks that together are the bar ``whole``."""
    marks = marks_of(whole, 1, count - 2, drawn[-3:])
    amplitude = ((whole.high - whole.low) << (_FRACTION + 8)) * 4 // (5 * isqrt(count << 16))
    targets = [(2 * part, price) for part, price, _ in marks]
    return walk(whole, [*targets, (2 * count - 2, whole.close)], [amplitude] * count, drawn)
