"""Market time in a running master: its clock, and how far ahead of it the disk has been told.

After a crash the market goes on after anything that anybody can have seen of it: market time is
reserved on disk before it is shown. See ``specs/decisions/0007-market-time.rst``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

import peewee

from papertrader.core.calendar import LongDays
from papertrader.core.events import ClockSet
from papertrader.core.instants import SECOND, format_instant
from papertrader.core.marketclock import ClockMode, MarketClock
from papertrader.master.database import Change, TruthStore
from papertrader.master.journal import Journal
from papertrader.master.providers.base import TapeSource
from papertrader.net.clock import Clock

RESERVE_S: Final = 10
"""Market time is reserved on disk this far ahead, in seconds of the wall."""


class MarketTime:
    """The market clock of a running master. ``epoch`` grows each time it is turned back."""

    def __init__(
        self, market_clock: MarketClock, clock: Clock, source: TapeSource, epoch: int = 1
    ) -> None:
        self.market_clock = market_clock
        self.epoch = epoch
        self._clock = clock
        self._source = source

    @property
    def name(self) -> str:
        """Which market this is."""
        return self._source.name

    @property
    def speed_milli(self) -> int:
        """Thousandths of a market second per second."""
        return self.market_clock.speed_milli

    @property
    def begins_at(self) -> int:
        """Market time at which the market's data begin."""
        return self._source.first_time()

    def now(self) -> int:
        """Return market time."""
        return self.market_clock.now(self._clock.wall_ns())

    def day_end(self, symbol: str, *, extended: bool = False) -> int:
        """Return when a DAY order of ``symbol`` sent now expires; 0 for an unknown symbol.

        One that works in ``extended`` hours does so with the end of those after the close.
        """
        if symbol not in self._source.assets:
            return 0
        now, calendar = self.now(), self._source.calendar(symbol)
        if not extended:
            return calendar.next_session(now).close
        session = calendar.extended_at(now) or calendar.next_session(now)
        return max(session.close, session.post_close)

    def hours(self, symbol: str, *, opening: bool) -> tuple[int, int]:
        """Return the session of an order for the next opening, or for the next close.

        (0, 0) for an unknown symbol.
        """
        if symbol not in self._source.assets:
            return 0, 0
        now, calendar = self.now(), self._source.calendar(symbol)
        session = calendar.next_session(now)
        if opening and session.open <= now:
            session = calendar.next_session(session.close)
        return session.open, session.close


def market_time_key(source: TapeSource) -> str:
    """Return under which key is kept from which time a market goes on: each has its own."""
    return f"market_time.{source.name}"


def market_reached_key(source: TapeSource) -> str:
    """Return under which key is kept up to which time everything of a market was done."""
    return f"market_reached.{source.name}"


class ClockRules(Protocol):
    """What the settings say of a market's clock: the market, its first instant, its speed."""

    @property
    def source(self) -> str:
        """``replay`` or ``simulated``."""

    @property
    def start(self) -> int:
        """Market time at which it begins; 0: with the first price."""

    @property
    def speed_milli(self) -> int:
        """Thousandths of a market second per second."""

    @property
    def keep_closed_hours(self) -> bool:
        """Whether nights and weekends pass at that speed."""


def live_clock(source: TapeSource, wall: int) -> MarketClock:
    """Return the clock of a live market: the master's own."""
    return MarketClock(
        mode=ClockMode.LIVE,
        calendar=source.calendar_main,
        market_start=wall,
        wall_start=wall,
    )


def resumed_clock(
    rules: ClockRules,
    source: TapeSource,
    store: TruthStore,
    clocks: Mapping[str, ClockSet],
    wall: int,
) -> MarketClock:
    """Return a market's clock as it was left; settings that were changed since then count.

    ``clocks`` is how the clock of each market was set. Raises `RuntimeError` for a start after
    the market's last price.
    """
    if rules.start > source.last_time():
        raise RuntimeError(
            f"market.start is later than the last price, at {format_instant(source.last_time())};"
            " choose an earlier day"
        )
    reached = int(store.meta(market_time_key(source), "0"))
    start, speed, paused = max(rules.start, reached), rules.speed_milli, False
    was_set = clocks.get(source.name)
    if was_set is not None:
        paused = was_set.paused
        if was_set.speed_setting == rules.speed_milli:
            speed = was_set.speed_milli
        if was_set.start_setting == rules.start:
            start = reached
    # Where nothing trades outside the sessions the days are no longer than these.
    return MarketClock(
        mode=ClockMode.REPLAY if rules.source == "replay" else ClockMode.SIMULATED,
        calendar=LongDays(source.calendar_main),
        market_start=min(max(start, source.first_time()), source.last_time()),
        wall_start=wall,
        speed_milli=speed,
        skip_closed=not rules.keep_closed_hours,
        paused=paused,
        market_end=source.last_time(),
    )


class ReservedTime:
    """How far the disk knows that market time may have gone.

    ``on_durable`` is called when more of it has become durable.
    """

    def __init__(
        self,
        market: MarketTime,
        source: TapeSource,
        journal: Journal,
        store: TruthStore,
        on_durable: Callable[[], None],
    ) -> None:
        self._market = market
        self._source = source
        self._journal = journal
        self._store = store
        self._on_durable = on_durable
        self._until = 0
        self._durable_until = 0

    def covers(self, now: int, reached: int) -> bool:
        """Reserve more if it runs out; tell whether ``now`` is durable and may be shown.

        Everything that was due until ``reached`` is done.
        """
        market_clock = self._market.market_clock
        ahead = 0 if market_clock.paused else RESERVE_S * market_clock.speed_milli * SECOND // 1_000
        if now > self._until - ahead // 2:
            self._reserve(now + ahead, reached)
        return now <= self._durable_until

    def turned(self, at: int, reached: int) -> None:
        """The clock was set to ``at``: what was reserved before is void."""
        self._until = self._durable_until = 0
        self._reserve(at, reached)

    def keep(self, at: int, reached: int) -> None:
        """Write down from where the market is to go on, with the open batch of the journal."""
        self._journal.change(self._change(at, reached))

    def note(self, reached: int) -> None:
        """Write down that everything due until ``reached`` is done, with the open batch."""
        self.keep(max(self._until, reached), reached)

    def _reserve(self, until: int, reached: int) -> None:
        self._until = until
        self.keep(until, reached)
        self._journal.when_durable(lambda: self._reserved(until))

    def _reserved(self, until: int) -> None:
        # What the clock was set away from in the meantime does not count any more.
        if until == self._until:
            self._durable_until = until
            self._on_durable()

    def _change(self, at: int, reached: int) -> Change:
        def remember(db: peewee.Database) -> None:
            self._store.set_meta(market_time_key(self._source), str(at))
            self._store.set_meta(market_reached_key(self._source), str(reached))

        return remember
