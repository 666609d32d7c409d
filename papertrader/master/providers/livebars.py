"""Bars of a live market, built up from its quotes: minutes and days, kept in a `BarStore`.

A bar is made of last prices (of the middle of bid and ask where there is none) of one provider
alone: what another one says while it forms is left out, for two sources never mix in one bar. The
volume of a bar is what the provider's day volume grew by. What was not written yet stays here; a
bar that was begun before a restart goes on.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import attrs

from papertrader.core.instants import SECOND
from papertrader.core.money import NULL
from papertrader.core.quotes import Bar, Quote, QuoteFlag
from papertrader.master.barstore import DAY_S, KEPT_S, MINUTE_S, BarStore, KeptBar, both

_UNBELIEVED: Final = int(QuoteFlag.SUSPECT | QuoteFlag.STALE | QuoteFlag.CLOSED)


@attrs.define
class _Forming:
    bar: Bar
    provider: str
    is_saved: bool = False
    is_imported: bool = False


@attrs.define
class _Symbol:
    """The bars of one symbol that are in formation or not written yet, by base and start."""

    bases: dict[int, dict[int, _Forming]] = attrs.Factory(
        lambda: {interval_s: {} for interval_s in KEPT_S}
    )
    day_volume: dict[str, int] = attrs.Factory(dict)


class LiveBars:
    """The bars of all symbols (see the module)."""

    def __init__(self, store: BarStore) -> None:
        self._store = store
        self._symbols: dict[str, _Symbol] = {}

    def take(self, quote: Quote, provider: str) -> None:
        """Take a quote into the bars that its receipt falls into."""
        price = quote.last
        if price == NULL and NULL not in (quote.bid, quote.ask):
            price = (quote.bid + quote.ask) // 2
        if price == NULL or quote.flags & _UNBELIEVED:
            return
        of = self._symbols.setdefault(quote.symbol, _Symbol())
        before = of.day_volume.get(provider, quote.day_volume)
        grown = quote.day_volume - before
        volume = grown if grown >= 0 else quote.day_volume
        of.day_volume[provider] = quote.day_volume
        for interval_s, forming in of.bases.items():
            time = quote.observed_at - quote.observed_at % (interval_s * SECOND)
            self._extend(forming, quote.symbol, interval_s, time, price, volume, provider)

    def _extend(
        self,
        forming: dict[int, _Forming],
        symbol: str,
        interval_s: int,
        time: int,
        price: int,
        volume: int,
        provider: str,
    ) -> None:
        tick = Bar(time, price, price, price, price, volume)
        known = forming.get(time)
        if known is None:
            kept = self._store.find(symbol, interval_s, time)
            if kept is None:
                forming[time] = _Forming(tick, provider)
                return
            known = forming[time] = _Forming(kept[0], kept[1], True, kept[2])
        if known.provider == provider and not known.is_imported:
            known.bar, known.is_saved = both(known.bar, tick, time), False

    def unsaved(self) -> list[KeptBar]:
        """Return what is to be written now, and forget what will not change any more.

        The newest bar of each base stays: it may still be in formation.
        """
        rows = []
        for symbol, of in self._symbols.items():
            for interval_s, forming in of.bases.items():
                newest = max(forming, default=0)
                for time, known in list(forming.items()):
                    if not known.is_saved:
                        rows.append(KeptBar(symbol, interval_s, known.bar, known.provider))
                        known.is_saved = True
                    elif time != newest:
                        del forming[time]
        return rows

    def seed(self, symbol: str, days: Iterable[Bar], provider: str) -> None:
        """Keep days of a provider's own history."""
        self._store.keep(KeptBar(symbol, DAY_S, bar, provider, imported=True) for bar in days)

    def bars(
        self, symbol: str, interval_s: int, start: int, end: int, limit: int, *, newest: bool
    ) -> list[Bar]:
        """Return the bars with ``start <= time < end``, oldest first."""
        of = self._symbols.get(symbol)
        base = DAY_S if interval_s >= DAY_S else MINUTE_S
        forming = [
            known.bar
            for known in (of.bases[base].values() if of is not None else ())
            if not known.is_imported
        ]
        return self._store.bars(
            symbol, interval_s, start, end, limit, newest=newest, forming=forming
        )
