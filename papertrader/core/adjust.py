"""Adjusted series, for charts only: prices of long ago in terms of today's shares.

Raw prices are what is traded and stored. A split divides earlier prices (and multiplies earlier
volumes) by its ratio; with dividends, each ex-date also multiplies earlier prices by
``1 - dividend / close of the session before``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from papertrader.core.quotes import ActionKind, Bar, CorporateAction


def adjust(
    bars: Sequence[Bar],
    actions: Sequence[CorporateAction],
    close_before: Callable[[int], int],
    dividends: bool,
) -> list[Bar]:
    """Return ``bars`` (oldest first) adjusted for ``actions`` (in order).

    ``close_before`` gives the raw close of the last session before an action's time, or 0 if there
    is none; it is asked for dividends only, and only if ``dividends``. Prices are rounded half
    to even, volumes likewise.
    """
    price, volume = Fraction(1), Fraction(1)
    out: list[Bar] = []
    later = list(actions)
    for bar in reversed(bars):
        while later and later[-1].at > bar.time:
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
