"""The live market: what providers say now, checked, as quotes of the engine that all markets share.

An answer becomes quotes at once, stamped with the instant of its receipt, so that no order uses
what the master had before the order. A quote that nobody renews becomes STALE, one at a time; when
its exchange closes it is told once more as CLOSED.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import attrs
from twisted.logger import Logger

from papertrader.core.calendar import ALWAYS_OPEN, Calendar
from papertrader.core.instants import NEVER, SECOND, Instant
from papertrader.core.quotes import Asset, Bar, CorporateAction, Quote, QuoteFlag
from papertrader.master.barstore import BarStore, KeptBar
from papertrader.master.providers.announced import action_of, believed, combined
from papertrader.master.providers.base import INTERVALS_S, IntervalUnsupported, UnknownSymbol
from papertrader.master.providers.livebars import LiveBars
from papertrader.master.providers.plausible import Plausibility, quote_of, stale_after
from papertrader.master.providers.provider import (
    ActionsAnswer,
    Answer,
    Observation,
    Provider,
    coin,
    currency_pair,
    stock,
)
from papertrader.net.clock import Clock

NAME: Final = "live"
ACTIONS_MAX: Final = 50_000
"""Announcements kept: of 4,096 shares, two years and a month."""
REASON_MAX: Final = 80
"""Characters of a reason by which refusals are counted."""
LAST_TIME: Final = 2**63 - 1
"""A live market has no end."""
CURRENCIES: Final = frozenset(
    {"AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "IDR", "ILS"}
    | {"INR", "ISK", "JPY", "KRW", "MXN", "MYR", "NOK", "NZD", "PHP", "PLN", "RON", "SEK", "SGD"}
    | {"THB", "TRY", "USD", "ZAR"}
)
"""Currencies of pairs that are taken for currencies."""


class LiveSource:
    """A `papertrader.master.providers.base.TapeSource` of live prices (see the module)."""

    log = Logger()

    def __init__(
        self,
        assets: Sequence[Asset],
        calendars: Mapping[str, Calendar],
        clock: Clock,
        history: BarStore | None = None,
    ) -> None:
        """``history`` keeps the bars; without one they end with the process.

        Raises `ValueError` without any asset, or for a calendar that there is not.
        """
        if not assets:
            raise ValueError("a live market needs at least one asset: name some in market.symbols")
        self.name = NAME
        self.assets: Mapping[str, Asset] = {asset.symbol: asset for asset in assets}
        for asset in assets:
            if asset.calendar not in calendars:
                raise ValueError(f"{asset.symbol} has the unknown calendar {asset.calendar}")
        self._calendars = calendars
        shares = [asset for asset in assets if asset.calendar != ALWAYS_OPEN]
        self.calendar_main = calendars[shares[0].calendar if shares else ALWAYS_OPEN]
        self._clock = clock
        self._plausibility = Plausibility()
        self._bars = LiveBars(history if history is not None else BarStore())
        self._fresh: dict[str, Quote] = {}
        self._newest: dict[str, Quote] = {}
        self._stale_from: dict[str, int] = {}
        self.refused: Counter[str] = Counter()
        """How many observations were refused, by reason."""
        self.interval_ns: Callable[[str], int] = lambda symbol: 0
        """How often a symbol is asked for."""
        self.on_fresh: Callable[[], None] = lambda: None
        """Called when there are new quotes."""
        self._actions: dict[tuple[str, int, int], CorporateAction] = {}
        self.since: int = LAST_TIME
        """The market time that the process before had reached; none: nothing is late."""
        self.on_late: Callable[[CorporateAction], object] = lambda action: None
        """Called with an action that fell due between ``since`` and now."""

    # --- what providers say ----------------------------------------------------------------------

    def take(self, answer: Answer, provider: Provider, received: int) -> None:
        """Take an answer, received at that instant of the wall."""
        for problem in answer.problems:
            self.refused[problem.text] += 1
        taken = False
        for seen in answer.observations:
            why = self._plausibility.refusal(seen, received)
            if why or seen.symbol not in self.assets:
                self._refuse(seen, why or "nobody asked for it")
                continue
            self._accept(seen, provider, received)
            taken = True
        if taken:
            self.on_fresh()

    def _refuse(self, seen: Observation, why: str) -> None:
        self.refused[why] += 1
        self.log.debug(
            "{provider}: {symbol} refused: {why}",
            provider=seen.provider,
            symbol=seen.symbol,
            why=why,
        )

    def _accept(self, seen: Observation, provider: Provider, received: int) -> None:
        asset = self.assets[seen.symbol]
        flags = self._plausibility.judge(seen, asset)
        delay = provider.delay_s * SECOND
        if delay:
            flags |= QuoteFlag.DELAYED
        if seen.closed or not self._calendars[asset.calendar].is_open(received):
            flags |= QuoteFlag.CLOSED
        if seen.halted:
            flags |= QuoteFlag.HALTED
        after = stale_after(self.interval_ns(seen.symbol))
        if seen.source_time and received - seen.source_time - delay > after:
            flags |= QuoteFlag.STALE
        before = self._newest.get(seen.symbol)
        if flags & QuoteFlag.SUSPECT and not (before and before.flags & QuoteFlag.SUSPECT):
            self.log.warn(
                "{provider}: the price of {symbol} is not believed yet",
                provider=seen.provider,
                symbol=seen.symbol,
            )
        quote = quote_of(seen, asset, flags, received)
        quote.observed_at = self._clock.stamp_ns()
        self._stale_from[seen.symbol] = received + after
        self._tell(quote)
        self._bars.take(quote, seen.provider)

    def _tell(self, quote: Quote) -> None:
        self._newest[quote.symbol] = self._fresh[quote.symbol] = quote

    def unsaved_bars(self) -> list[KeptBar]:
        """Return the bars that are to be written down now."""
        return self._bars.unsaved()

    # --- TapeSource ------------------------------------------------------------------------------

    def first_time(self) -> Instant:
        """Return the earliest market time: none, for nothing is known of what was before."""
        return NEVER

    def last_time(self) -> Instant:
        """Return the market time at which the market ends: never."""
        return Instant(LAST_TIME)

    def calendar(self, symbol: str) -> Calendar:
        """Return the calendar of the symbol's exchange. Raises `UnknownSymbol`."""
        if symbol not in self.assets:
            raise UnknownSymbol(symbol)
        return self._calendars[self.assets[symbol].calendar]

    def quotes(self, market_now: int) -> list[Quote]:
        """Return what came since the last call, and what has become STALE or CLOSED by now."""
        self._age(market_now)
        fresh, self._fresh = self._fresh, {}
        return list(fresh.values())

    def _age(self, now: int) -> None:
        is_open = {name: calendar.is_open(now) for name, calendar in self._calendars.items()}
        for symbol, quote in self._newest.items():
            flags = quote.flags
            if not is_open[self.assets[symbol].calendar]:
                flags |= QuoteFlag.CLOSED
            elif now > self._stale_from[symbol]:
                flags |= QuoteFlag.STALE
            if flags != quote.flags:
                # The caller stamps it: it is news of now, and fills nothing.
                self._tell(attrs.evolve(quote, flags=flags, observed_at=0))

    def quote(self, symbol: str, market_now: int) -> Quote | None:
        """Return the symbol's newest quote; None before the first. Raises `UnknownSymbol`."""
        if symbol not in self.assets:
            raise UnknownSymbol(symbol)
        return self._newest.get(symbol)

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
        """Return the bars with ``start <= time < end``, oldest first, as known now."""
        if symbol not in self.assets:
            raise UnknownSymbol(symbol)
        if interval_s not in INTERVALS_S:
            raise IntervalUnsupported(interval_s)
        end = min(end, now + 1) if end else now + 1
        return self._bars.bars(symbol, interval_s, start, end, limit, newest=newest)

    def actions(self, after: int, upto: int) -> list[CorporateAction]:
        """Return what was announced with ``after < at <= upto``, in the order it applies."""
        due = [each for each in self._actions.values() if after < each.at <= upto]
        return sorted(due, key=lambda each: (each.at, each.symbol, each.kind))

    def take_actions(self, answer: ActionsAnswer, provider: str) -> None:
        """Take what a provider announces, all of it together.

        What fell due while nobody was here to see it, after ``since``, is late: it is told to
        ``on_late``. What is older is part of the past alone.
        """
        kept, wrong = combined(answer.announcements)
        for problem in (*answer.problems, *wrong):
            self._refuse_action(problem.symbol, problem.text, provider)
        now = self._clock.wall_ns()
        late = []
        for each in kept:
            asset = self.assets.get(each.symbol)
            if asset is None:
                continue
            quote = self._newest.get(each.symbol)
            why = believed(each, 0 if quote is None else max(quote.last, quote.bid))
            if why:
                self._refuse_action(each.symbol, why, provider)
                continue
            action = action_of(each, self._calendars, asset.calendar)
            key = (action.symbol, int(action.kind), action.at)
            fresh = key not in self._actions
            if len(self._actions) >= ACTIONS_MAX and fresh:
                self._refuse_action(each.symbol, "too many announcements", provider)
                continue
            if action.at > now or fresh:
                # What has been applied is not changed by a later word.
                self._actions[key] = action
            if fresh and self.since < action.at <= now:
                late.append(action)
        for action in sorted(late, key=lambda each: each.at):
            self.on_late(action)

    def _refuse_action(self, symbol: str, why: str, provider: str) -> None:
        self.refused[f"action: {why}"[:REASON_MAX]] += 1
        self.log.warn(
            "{provider}: a corporate action of {symbol} is left out: {why}",
            provider=provider,
            symbol=symbol or "(unknown)",
            why=why,
        )


def choose_assets(symbols: Sequence[str], known: Mapping[str, Asset]) -> list[Asset]:
    """Return the assets that an operator names: known ones, or made from the symbol's shape.

    ``BTC/USD`` is a coin, ``EUR/GBP`` currencies if both are in `CURRENCIES`, all else a US share.
    """
    return [known.get(symbol) or _guessed(symbol) for symbol in symbols]


def _guessed(symbol: str) -> Asset:
    base, slash, quoted = symbol.partition("/")
    if not slash:
        return stock(symbol, symbol, "", NAME)
    if base in CURRENCIES and quoted in CURRENCIES:
        return currency_pair(symbol, f"{base} in {quoted}", NAME)
    return coin(symbol, f"{base} in {quoted}", NAME)
