"""Which prices of a provider can be true: sanity checks before anybody sees or trades on a quote.

What cannot be a quote now (a time in the future or before the one we had) is refused: the last good
quote stands and becomes STALE. What can, but is not believed (bid above ask, last outside its own
day, a jump), becomes a quote flagged SUSPECT: shown, recorded, and filling nothing. A jump is
believed when two further answers agree with it.
"""

from __future__ import annotations

from typing import Final

import attrs

from papertrader.core.instants import MINUTE, SECOND
from papertrader.core.money import NULL
from papertrader.core.quotes import Asset, AssetKind, Quote, QuoteFlag, QuoteProvider
from papertrader.master.providers.provider import Observation

FUTURE_MAX: Final = 60 * SECOND
"""A quote stamped further ahead of our clock than this is refused."""
JUMP_PERMILLE: Final = 200
JUMP_COIN_PERMILLE: Final = 500
"""A price this far from the last good one is not believed at once."""
AGREE_PERMILLE: Final = 10
CONFIRMATIONS: Final = 2
"""It is when so many further answers are this near to it."""
STALE_INTERVALS: Final = 3
STALE_MIN: Final = MINUTE
STALE_MAX: Final = 15 * MINUTE
"""A quote older than 3 intervals fills nothing; within these bounds, since some sources stamp by
the minute."""
ASSUMED_SPREAD_PPM: Final = 500
"""Spread put around the last price of a provider without bid and ask; one tick at least."""


@attrs.define
class _Known:
    """What was believed of a symbol, and what was not yet."""

    price: int = NULL
    doubted: int = NULL
    confirmed: int = 0
    newest: dict[str, int] = attrs.Factory(dict)
    """Newest time at the source, by provider: their clocks differ."""


class Plausibility:
    """The checks, and what they remember of each symbol (see the module)."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def refusal(self, seen: Observation, received: int) -> str:
        """Return why an observation is no quote at all; empty if it is one."""
        if seen.source_time > received + FUTURE_MAX:
            return "its time lies in the future"
        known = self._known.get(seen.symbol)
        if known is not None and seen.source_time < known.newest.get(seen.provider, 0):
            return "its time lies before that of the quote before"
        return ""

    def judge(self, seen: Observation, asset: Asset) -> QuoteFlag:
        """Take note of an observation that is not refused; return SUSPECT, or no flag."""
        known = self._known.setdefault(seen.symbol, _Known())
        if seen.source_time:
            known.newest[seen.provider] = seen.source_time
        if contradicts_itself(seen):
            return QuoteFlag.SUSPECT
        price = _reference(seen)
        most = JUMP_COIN_PERMILLE if asset.kind == AssetKind.CRYPTO else JUMP_PERMILLE
        if known.price == NULL or _near(price, known.price, most):
            known.price, known.doubted, known.confirmed = price, NULL, 0
            return QuoteFlag(0)
        if known.doubted != NULL and _near(price, known.doubted, AGREE_PERMILLE):
            known.confirmed += 1
        else:
            known.doubted, known.confirmed = price, 0
        if known.confirmed < CONFIRMATIONS:
            return QuoteFlag.SUSPECT
        known.price, known.doubted, known.confirmed = price, NULL, 0
        return QuoteFlag(0)


def contradicts_itself(seen: Observation) -> bool:
    """Tell whether bid is above ask, or last outside its own day."""
    if NULL not in (seen.bid, seen.ask) and seen.bid > seen.ask:
        return True
    low, high = seen.day_low, seen.day_high
    if NULL not in (low, high) and low > high:
        return True
    if seen.last == NULL:
        return False
    return (low != NULL and seen.last < low) or (high != NULL and seen.last > high)


def stale_after(interval_ns: int) -> int:
    """Return the age from which a quote of a symbol asked for at that interval is STALE."""
    return min(max(STALE_INTERVALS * interval_ns, STALE_MIN), STALE_MAX)


def quote_of(seen: Observation, asset: Asset, flags: QuoteFlag, received: int) -> Quote:
    """Make the quote. ``received`` stands for the time at the source where it tells none.

    Without bid and ask both are put around the last price, and the quote is flagged SYNTHETIC.
    """
    bid, ask = seen.bid, seen.ask
    if bid == ask == NULL:
        flags |= QuoteFlag.SYNTHETIC
        half = max(seen.last * ASSUMED_SPREAD_PPM // 2_000_000, asset.tick // 2)
        bid = max((seen.last - half) // asset.tick * asset.tick, asset.tick)
        ask = max(-(-(seen.last + half) // asset.tick) * asset.tick, bid + asset.tick)
    return Quote(
        symbol=seen.symbol,
        bid=bid,
        ask=ask,
        last=seen.last,
        bid_size=seen.bid_size,
        ask_size=seen.ask_size,
        last_size=seen.last_size,
        day_open=seen.day_open,
        day_high=seen.day_high,
        day_low=seen.day_low,
        prev_close=seen.prev_close,
        day_volume=seen.day_volume,
        source_time=seen.source_time or received,
        flags=flags,
        provider=QuoteProvider.named(seen.provider),
    )


def _reference(seen: Observation) -> int:
    if NULL not in (seen.bid, seen.ask):
        return (seen.bid + seen.ask) // 2
    return next(price for price in (seen.last, seen.bid, seen.ask) if price != NULL)


def _near(price: int, other: int, permille: int) -> bool:
    return abs(price - other) * 1_000 <= other * permille
