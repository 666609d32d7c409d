"""Assets Data Retrieval: the market's clock, its newest quotes, its history.

Each update interval the market clock is asked where the market is; what fell due since then
happens in order: expiries, corporate actions, quotes. A quote is stamped with the moment the
master observed it: an order may only use quotes observed after the order was received. What is
asked of all this, `papertrader.master.marketanswers` answers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

import attrs
from twisted.logger import Logger

from papertrader.core.instants import MILLISECOND, format_instant
from papertrader.core.marketclock import ClockMode
from papertrader.core.quotes import (
    Asset,
    AssetStatus,
    CorporateAction,
    Quote,
    QuoteFlag,
    QuoteProvider,
)
from papertrader.master import records
from papertrader.master.bars import FormingBars
from papertrader.master.commands import Refused
from papertrader.master.database import TruthStore
from papertrader.master.halts import load_halts
from papertrader.master.hours import MarketHours
from papertrader.master.journal import Journal
from papertrader.master.markettime import MarketTime, ReservedTime, market_reached_key
from papertrader.master.providers.base import INTERVALS_S, TapeSource
from papertrader.master.transactions import Transactions
from papertrader.master.workerlink import MARKET_TOPIC, Topic
from papertrader.master.workers import Workers
from papertrader.net.clock import Clock, Timer
from papertrader.wire.kinds import Status, TopicKind

UPDATE_MS_MIN: Final = 50
UPDATE_MS_MAX: Final = 3_600_000
"""Bounds of the stock data update interval."""
TAKE_MS: Final = 5
"""What the quotes of an update may take in one piece. When one of them has filled so many orders
that it took longer, those who have come meanwhile are answered before the next is taken."""


class MarketWatcher(Protocol):
    """Who is told of everything that happens in the market, at its market time: the alerts."""

    def advance(self, market_at: int) -> None:
        """Market time has gone on."""

    def act(self, action: CorporateAction, market_at: int, *, late: bool = False) -> None:
        """A corporate action was applied, for the first time; perhaps heard of ``late``."""

    def observe(self, quote: Quote, market_at: int) -> None:
        """A quote was taken; it may be kept, not changed."""

    def turned_back(self, market_at: int) -> None:
        """The market's clock was turned back."""


class Assets:
    """The module (see above). ``watcher`` is given by main before the start."""

    watcher: MarketWatcher

    log = Logger()

    def __init__(
        self,
        source: TapeSource,
        market: MarketTime,
        clock: Clock,
        transactions: Transactions,
        workers: Workers,
        journal: Journal,
        store: TruthStore,
        update_interval_ms: int,
    ) -> None:
        if not UPDATE_MS_MIN <= update_interval_ms <= UPDATE_MS_MAX:
            raise ValueError(
                f"the update interval must be {UPDATE_MS_MIN} to {UPDATE_MS_MAX} milliseconds"
            )
        self._source = source
        self.market = market
        self._clock = clock
        self._transactions = transactions
        self._workers = workers
        self._journal = journal
        self._rest: list[Quote] = []
        """Quotes of this update that are not taken yet: of each asset one at most."""
        self._pieces = 0
        self._reserve = ReservedTime(market, source, journal, store, self._durable)
        self._interval_s = update_interval_ms / 1_000
        self._timer: Timer | None = None
        self.newest: dict[str, Quote] = {}
        """The newest quote of each symbol that had one."""
        self._bars = FormingBars(source, market.epoch)
        self.hours = MarketHours(source, market, clock, update_interval_ms)
        self._unlisted = dict(source.assets)
        self._calendars = {
            asset.calendar: source.calendar(symbol) for symbol, asset in source.assets.items()
        }
        self._ordered = load_halts(store)
        self._halted: set[str] = set()
        """Symbols whose trade is halted, by the list of assets or an operator."""
        # After a crash the market goes on later than it was: what was due in between is due still.
        self._market_at = int(store.meta(market_reached_key(source), "0"))
        self._late: list[CorporateAction] = []
        self._held = False
        self._due = False
        """An update waits for a commit, for an interval at the most: whoever waits for that commit
        would else wait for the update as well."""
        self._turned = False
        self._told_before: list[Quote] = []
        """Quotes that a run before this one may have told: they fill nothing that waits."""
        # Quote numbers go on from nothing that is on disk: each epoch has its own range.
        self._number = store.epoch << 32
        self._numbers: dict[str, int] = {}
        # A live quote says itself whose it is; a market of files has a name of its own.
        self._provider = QuoteProvider.named(source.name) or QuoteProvider.FILES
        self.updates = 0
        self.quotes = 0
        self.cuts = 0
        """How often the rest of an update waited."""
        self.on_fail: Callable[[], None] = lambda: None
        self.may_change: Callable[[], bool] = lambda: True
        """Whether the store takes what an update brings."""

    # --- life ----------------------------------------------------------------------------------

    def start(self) -> None:
        """List the assets, apply what is due, and begin to update."""
        now = self.market.now()
        self._market_at = min(self._market_at or now, now)
        if self.market.market_clock.mode != ClockMode.LIVE:
            # The clock goes on from where it may have been seen; a live price is asked for anew.
            self._told_before = self._source.quotes(now)
        self._workers.newest = self._newest_frame
        self._workers.is_listed = self._is_listed
        self._workers.forget = self._forget
        self.log.info(
            "market {name}: time {at}, {count} assets, speed {speed}",
            name=self._source.name,
            at=format_instant(now),
            count=len(self._source.assets),
            speed=self.market.speed_milli / 1_000,
        )
        self._update()

    def stop(self) -> None:
        """Stop updating and keep where the market is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.finish()
        self._reserve.keep(self._market_at, self._market_at)

    def _update(self) -> None:
        self._timer = self._clock.call_later(self._interval_s, self._update)
        if self._due or self._rest or self._journal.is_idle:
            self._due = False
            self._update_safely()
        else:
            self._due = True
            self._journal.when_durable(self._soon)

    def _soon(self) -> None:
        # Not at once: those whom the commit concerns are told first.
        self._clock.call_later(0, self._update_due)

    def _update_due(self) -> None:
        if self._due:
            self._due = False
            self.update_soon()

    def _update_safely(self) -> None:
        try:
            self.update()
        except Exception:
            # Books that no longer agree, or a bug: going on could only make it worse.
            self.log.failure("the market update failed")
            self.on_fail()

    @property
    def told_at(self) -> int:
        """Market time up to which prices were told: nobody may see one of later."""
        return self._market_at

    def update(self) -> None:
        """Take the market from where it was to where it is.

        Held while the disk is late to reserve that time: after a crash, what was seen of it would
        come again.
        """
        if not self.may_change():
            # The market stands still for orders; it goes on from here when there is room again.
            return
        self.finish()
        before, now = self._market_at, self.market.now()
        self._held = not self._reserve.covers(now, before)
        if self._held:
            return
        for stop in self._stops(before, now):
            self._go_to(stop)
            self.finish()
        self._go_to(now)

    def _stops(self, before: int, now: int) -> list[int]:
        """Return the market times before ``now`` at which the newest quotes are taken, rising.

        They are the last instants of each calendar's session whose close is gone past, and of
        contests whose end is: these are valued at the last prices before it, not at those of before
        the step. On a fast clock the newest quote may be a quarter of an hour of market time old
        when a close comes: what waits for it, and the last orders of the day, get the session's.
        """
        if not self.updates or self.market.market_clock.mode == ClockMode.LIVE:
            # What was missed while nothing ran is not made up for.
            return []
        last = self._source.last_time()
        ends = {*self._transactions.desk.contest_ends()}
        ends.update(each.next_session(before).close for each in self._calendars.values())
        return sorted(end - 1 for end in ends if before < end - 1 < now and end - 1 <= last)

    def _go_to(self, now: int) -> None:
        before, self._market_at = self._market_at, now
        self.updates += 1
        self._list(now)
        self.watcher.advance(now)
        late, self._late = self._late, []
        actions = self._source.actions(before, now)
        # Each in its turn among the closes and expiries that a step of the clock goes past.
        self._transactions.advance(actions[0].at - 1 if actions else now)
        for action in late:
            self._act(action, now, late=True)
        for action in actions:
            self._transactions.advance(action.at - 1)
            self._act(action, now)
        self._transactions.advance(now)
        if late or actions:
            # Together with them, so that a crash cannot make them due once more.
            self._reserve.note(now)
        known, self._told_before = self._told_before, []
        if known:
            self._take(known, note=True)
        self._rest = self._fresh_quotes(now)
        self._take_some()
        hours = self.hours.changed(now)
        if hours is not None:
            self._workers.publish([(MARKET_TOPIC, hours)], TopicKind.MARKET)

    def _act(self, action: CorporateAction, now: int, *, late: bool = False) -> None:
        if self._transactions.act(action, late=late):
            self.watcher.act(action, now, late=late)

    def act_late(self, action: CorporateAction) -> None:
        """Apply an action that fell due before it was known, with the next update."""
        self._late.append(action)
        self.update_soon()

    def _durable(self) -> None:
        if self._held and self._timer is not None:
            self._update_safely()

    def update_soon(self) -> None:
        """Update now instead of at the end of the interval."""
        if self._timer is not None:
            self._update_safely()

    def clock_set(self, at: int, *, back: bool) -> None:
        """The market's clock was set to ``at``; the next update goes on from there.

        The workers forget what they know. Turned back, so does the master.
        """
        self.finish()
        self._turned = True
        if back:
            self._market_at = at
            self.newest.clear()
            self._bars.turn_back(self.market.epoch)
            for symbol, asset in self._source.assets.items():
                if asset.first_bar > at:
                    self._unlisted[symbol] = asset
                    self._transactions.desk.unlist(symbol)
            self.watcher.turned_back(at)
        self.hours.forget()
        self._reserve.turned(at, self._market_at)
        self._workers.invalidate(self.market.epoch)

    def _fresh_quotes(self, now: int) -> list[Quote]:
        """Return the quotes that are new; after the clock was set, all there are."""
        fresh = self._source.quotes(now)
        if not self._turned:
            return fresh
        self._turned = False
        listed = (symbol for symbol in self._source.assets if symbol not in self._unlisted)
        found = (self._source.quote(symbol, now) for symbol in listed)
        return [quote for quote in found if quote is not None]

    def listed(self) -> set[str]:
        """Return the symbols that are listed by now."""
        return self._source.assets.keys() - self._unlisted.keys()

    def asset(self, symbol: str) -> Asset:
        """Return a listed asset. Raises `Refused` for an unknown one."""
        asset = self._transactions.desk.asset(symbol)
        if asset is None:
            raise Refused(
                Status.NO_SUCH_SYMBOL, f"There is no asset {symbol or '(empty)'} in this market."
            )
        return asset

    def _list(self, now: int) -> None:
        for symbol, asset in list(self._unlisted.items()):
            if asset.first_bar <= now:
                del self._unlisted[symbol]
                self._put(asset)

    # --- halts ---------------------------------------------------------------------------------

    def _put(self, asset: Asset) -> None:
        """List an asset with the status that the list, or else an operator, gave it."""
        ordered = self._ordered.get(asset.symbol)
        if ordered:
            asset = attrs.evolve(asset, status=AssetStatus.HALTED)
        elif ordered is False and asset.status == AssetStatus.HALTED:
            asset = attrs.evolve(asset, status=AssetStatus.TRADABLE)
        self._transactions.desk.list_asset(asset)
        if self.is_halted(asset.symbol):
            self._halted.add(asset.symbol)
        else:
            self._halted.discard(asset.symbol)

    def is_halted(self, symbol: str) -> bool:
        """Tell whether trade in a symbol is halted. Raises `Refused` for an unknown one."""
        return self.asset(symbol).status == AssetStatus.HALTED

    def set_halted(self, symbol: str, halted: bool) -> Asset:
        """Halt trade in a symbol or let it go on, and tell who follows it; return the asset.

        Raises `Refused` for an unknown one. What is so already is left as it is.
        """
        if self.is_halted(symbol) == halted:
            return self.asset(symbol)
        self.finish()
        self._ordered[symbol] = halted
        self._put(self._source.assets[symbol])
        # The status stands in cached answers; the quote is what followers see of it.
        self._workers.invalidate()
        quote = self._source.quote(symbol, self._market_at)
        if quote is not None:
            # An older price is no news: with its own stamp it fills no order that came after it.
            self._take([attrs.evolve(quote, observed_at=0 if halted else quote.observed_at)])
        return self.asset(symbol)

    def _take_some(self) -> None:
        """Take a piece of the update; the rest waits for two commits.

        Not for a turn of the reactor: what is decided in it is told after the next commit, and that
        would find this thread at work on the next quote. Each quote is an input of its own, and
        between two of them others may come; within one nobody may
        (``specs/decisions/0021-cut-updates.rst``).
        """
        until = self._clock.monotonic_ns() + TAKE_MS * MILLISECOND
        self._rest = self._rest[self._take(self._rest, until) :]
        if self._rest:
            self.cuts += 1
            later, journal = partial(self._go_on_soon, self._pieces), self._journal
            journal.when_durable(lambda: journal.when_durable(later))

    def _go_on_soon(self, piece: int) -> None:
        self._clock.call_later(0, self._go_on, piece)

    def _go_on(self, piece: int) -> None:
        if piece != self._pieces:
            return  # It was finished, for something else was to happen.
        try:
            self._pieces += 1
            self._take_some()
        except Exception:
            self.log.failure("the market update failed")
            self.on_fail()

    def finish(self) -> None:
        """Take all that is left of the update, before anything else happens to the market."""
        self._pieces += 1
        rest, self._rest = self._rest, []
        if rest:
            self._take(rest)

    def _take(self, quotes: list[Quote], until: int = 0, *, note: bool = False) -> int:
        """Take quotes, all or until a monotonic instant; return how many.

        ``note``: they may have been seen before this run, so no order is worked against them.
        """
        take = self._transactions.note if note else self._transactions.observe
        published = []
        used = self._transactions.quotes_used
        for quote in quotes:
            number = self._numbers.get(quote.symbol, self._number) + 1
            self._numbers[quote.symbol] = number
            quote.quote_seq = number
            quote.provider = quote.provider or self._provider
            # A live quote was stamped when it came; one of a tape comes now.
            quote.observed_at = quote.observed_at or self._clock.stamp_ns()
            if quote.symbol in self._halted:
                quote.flags |= QuoteFlag.HALTED
            self.newest[quote.symbol] = quote
            take(quote)
            self.watcher.observe(quote, self._market_at)
            published.append((quote.symbol, records.quote_event(quote)))
            if until and self._transactions.quotes_used != used:
                # Only those that fill something take long.
                used = self._transactions.quotes_used
                if self._clock.monotonic_ns() >= until:
                    break
        self.quotes += len(published)
        self._workers.publish(published, TopicKind.QUOTE)
        if len(self._bars):
            symbols = [symbol for symbol, _ in published]
            bars = self._bars.update(symbols, self._market_at)
            self._workers.publish(bars, TopicKind.BAR)
        return len(published)

    def _newest_frame(self, topic: Topic) -> bytes | None:
        """Return what a worker that has just come to follow a topic is sent first."""
        if isinstance(topic, tuple):
            return self._bars.newest(topic, self._market_at)
        if topic == MARKET_TOPIC:
            return self.hours.event(self._market_at)
        quote = self.newest.get(topic)
        return None if quote is None else records.quote_event(quote)

    def _is_listed(self, topic: Topic) -> bool:
        if isinstance(topic, tuple):
            return topic[0] in self._source.assets and topic[1] in INTERVALS_S
        return topic == MARKET_TOPIC or topic in self._source.assets

    def _forget(self, topic: Topic) -> None:
        if isinstance(topic, tuple):
            self._bars.forget(topic)
