"""Intervals: what the quotes of a symbol say of the time between them, for the volume models.

A quote alone has no volume of its own and no bar. Both are worked out here from the quotes of one
symbol in their order, and only while an order waits that needs them. The close of a session
completes its last bar; a quote of another session never does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import attrs

from papertrader.core.instants import SECOND
from papertrader.core.quotes import Bar, Quote, QuoteFlag

BAR_NS: Final = 60 * SECOND
"""Length of the bars of the ``bar`` model, in market time; they begin at whole multiples of it."""


@attrs.define
class Interval:
    """What belongs to one quote: the volume since the quote before, and the bar that it completes.

    ``volume`` is 0 where it is unknown. ``bar`` is None while none is complete; an order may use it
    only if the master received the order before ``bar_observed_at``, the instant of the bar's first
    quote. At the close of a session it is the bar that the close completes.
    """

    volume: int = 0
    bar: Bar | None = None
    bar_observed_at: int = 0


@attrs.define
class _Forming:
    """A bar that goes on. It is ``whole`` if the quote before its first one lay before it.

    ``closes_at`` names the session of its first quote; ``closed``: the close has completed it.
    """

    time: int
    opened: int
    high: int
    low: int
    close: int
    volume: int
    observed_at: int
    whole: bool
    closes_at: int
    closed: bool = False


def volume_between(before: Quote | None, quote: Quote) -> int:
    """Return what was traded between two quotes: a day's volume that fell began a new day."""
    if before is None:
        return 0
    grown = quote.day_volume - before.day_volume
    return grown if grown >= 0 else quote.day_volume


class Intervals:
    """The bars that form. A bar is made of last prices, and of the day's new highs and lows."""

    def __init__(self, closes_at: Callable[[Quote], int]) -> None:
        """``closes_at`` gives the close of the session in which a quote lies (market time).

        Of a quote outside of all sessions it gives what no other time between sessions has, not
        above 0.
        """
        self._closes_at = closes_at
        self._forming: dict[str, _Forming] = {}
        self._newest: dict[str, tuple[int, int]] = {}
        """The number of the newest quote of each symbol that was followed, and its volume."""

    def peek(self, before: Quote | None, quote: Quote) -> Interval:
        """Return the interval of ``quote``, the next after ``before``; nothing is changed."""
        volume, bar = volume_between(before, quote), self._forming.get(quote.symbol)
        if bar is None or quote.source_time // BAR_NS * BAR_NS == bar.time:
            return Interval(volume)
        if bar.closed or bar.closes_at != self._closes_at(quote):
            return Interval(volume)
        return _with_bar(volume, bar)

    def closing(self, quote: Quote) -> Interval:
        """Return what belongs to ``quote`` as the last one of its session; nothing is changed.

        It is the interval that ends with the quote, and the bar that goes on: the close completes
        it. Of a quote that nobody followed neither is known.
        """
        number, volume = self._newest.get(quote.symbol, (0, 0))
        bar = self._forming.get(quote.symbol)
        if number != quote.quote_seq:
            return Interval()
        if bar is None or bar.closes_at != self._closes_at(quote):
            return Interval(volume)
        return _with_bar(volume, bar)

    def to_close(self) -> Iterator[tuple[str, int]]:
        """Give each symbol whose bar a close is still to complete, and the time of that close."""
        for symbol, bar in self._forming.items():
            if bar.whole and not bar.closed and bar.closes_at > 0:
                yield symbol, bar.closes_at

    def close(self, symbol: str) -> None:
        """Note that a close has completed the bar of ``symbol``: no quote does so again."""
        bar = self._forming.get(symbol)
        if bar is not None:
            bar.closed = True

    def follow(self, before: Quote | None, quote: Quote) -> None:
        """Take ``quote``, the next after ``before``, into the bar that it belongs to."""
        self._newest[quote.symbol] = quote.quote_seq, volume_between(before, quote)
        last = quote.last
        if last <= 0:
            return
        new_day = before is None or quote.day_volume < before.day_volume
        # The quotes before an opening count for nothing: what comes after them is a new day.
        new_day = new_day or (before is not None and bool(before.flags & QuoteFlag.EXTENDED))
        high = low = last
        if before is None or new_day:
            opened = quote.day_open if quote.day_open > 0 else last
            high, low = max(high, opened, quote.day_high), min(low, opened)
            if 0 < quote.day_low < low:
                low = quote.day_low
        else:
            opened = last
            if quote.day_high > before.day_high:
                high = max(high, quote.day_high)
            if 0 < quote.day_low < before.day_low:
                low = min(low, quote.day_low)
        volume, start = volume_between(before, quote), quote.source_time // BAR_NS * BAR_NS
        bar = self._forming.get(quote.symbol)
        if bar is None or bar.time != start:
            whole = before is not None and before.source_time // BAR_NS * BAR_NS != start
            self._forming[quote.symbol] = _Forming(
                start,
                opened,
                high,
                low,
                last,
                volume,
                quote.observed_at,
                whole,
                self._closes_at(quote),
            )
            return
        bar.high, bar.low, bar.close = max(bar.high, high), min(bar.low, low), last
        bar.volume += volume

    def forget(self, symbol: str) -> None:
        """Stop: a bar that began before a split, for example, is none."""
        self._forming.pop(symbol, None)
        self._newest.pop(symbol, None)

    def clear(self) -> None:
        """Stop for all symbols."""
        self._forming.clear()
        self._newest.clear()


def _with_bar(volume: int, bar: _Forming) -> Interval:
    """Return an interval with a bar that is complete, if it is a whole one."""
    if not bar.whole:
        return Interval(volume)
    complete = Bar(bar.time, bar.opened, bar.high, bar.low, bar.close, bar.volume)
    return Interval(volume, complete, bar.observed_at)
