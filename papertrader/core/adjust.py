"""Adjusted series, for charts only: prices of long ago in terms of today's shares.

Raw prices are what is traded and stored. A split divides earlier prices (and multiplies earlier
volumes) by its ratio; with dividends, each ex-date also multiplies earlier prices by
``1 - dividend / close of the session before``.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from fractions import Fraction

from papertrader.core.instants import DAY
from papertrader.core.quotes import ActionKind, Bar, CorporateAction


def adjust(
    bars: Sequence[Bar],
    actions: Sequence[CorporateAction],
    close_before: Callable[[int], int],
    dividends: bool,
) -> list[Bar]:
    """Return ``bars`` (oldest first) adjusted for ``actions`` (in order).

    It is the UTC date of an action that counts: the bars of its day, which may begin before the
    session does, are in terms of the new shares already.

    ``close_before`` gives the raw close of the last session before an action's time, or 0 if there
    is none; it is asked for dividends only, and only if ``dividends``. Prices are rounded half
    to even, volumes likewise.
    """
    price, volume = Fraction(1), Fraction(1)
    out: list[Bar] = []
    later = list(actions)
    for bar in reversed(bars):
        while later and later[-1].at - later[-1].at % DAY > bar.time:
            action = later.pop()
            if action.kind == ActionKind.SPLIT:
                ratio = Fraction(action.denominator, action.numerator)
                price, volume = price * ratio, volume / ratio
            elif dividends:
                close = close_before(action.at)
                if close > action.amount:
                    price *= 1 - Fraction(action.amount, close)
        out.append(
            bar
            if price == volume == 1
            else Bar(
                bar.time,
                round(bar.open * price),
                round(bar.high * price),
                round(bar.low * price),
                round(bar.close * price),
                round(bar.volume * volume),
            )
        )
    return out[::-1]


def joined(bars: Sequence[Bar], starts: Sequence[int]) -> list[Bar]:
    """Return longer bars that begin at ``starts`` (rising), made of ``bars`` (oldest first).

    Each bar goes to the last start at or before it; a start without bars gives none.
    """
    out: list[Bar] = []
    for bar in bars:
        index = bisect_right(starts, bar.time) - 1
        if index < 0:
            continue
        begun = starts[index]
        if not out or out[-1].time != begun:
            out.append(Bar(begun, bar.open, bar.high, bar.low, bar.close, bar.volume))
            continue
        last = out[-1]
        high, low = max(last.high, bar.high), min(last.low, bar.low)
        out[-1] = Bar(begun, last.open, high, low, bar.close, last.volume + bar.volume)
    return out
