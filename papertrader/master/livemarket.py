"""A live market within a master: its source, its polling, and the memory of what was asked.

What was spent at each provider is kept on disk, so that a restart does not give the calls of the
minute and the day away once more. After a crash at most `SAVE_S` of calls are not remembered; the
plan never uses so much of a limit that they matter.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import attrs
import peewee
from twisted.logger import Logger

from papertrader.core.calendar import Calendar
from papertrader.core.callbudget import CallBudget
from papertrader.core.desk import Desk
from papertrader.core.quotes import Asset, CorporateAction
from papertrader.master.announcements import Announcements
from papertrader.master.barstore import BarStore, KeptBar
from papertrader.master.database import Change, TruthStore
from papertrader.master.markettime import market_reached_key
from papertrader.master.polling import Polling
from papertrader.master.providers.live import LAST_TIME, LiveSource
from papertrader.master.providers.provider import Provider
from papertrader.master.workers import Workers
from papertrader.net.clock import Clock

SAVE_S: Final = 5.0
"""How often it is written down what was spent."""


@attrs.frozen(kw_only=True)
class LiveParts:
    """What a live market is made of; ``close`` ends the connections of the providers.

    ``jitter`` gives numbers of 0 up to 1. ``interval_ms``: how often the most urgent symbols are
    asked for; 0 lets it be planned from the providers' limits.
    """

    providers: tuple[Provider, ...]
    assets: tuple[Asset, ...]
    jitter: Callable[[], float]
    close: Callable[[], Awaitable[None]]
    interval_ms: int = 0


class LiveMarket:
    """The market (see the module)."""

    log = Logger()

    def __init__(
        self,
        parts: LiveParts,
        calendars: Mapping[str, Calendar],
        clock: Clock,
        store: TruthStore,
        history: BarStore | None = None,
    ) -> None:
        """``history`` keeps the bars. Raises `ValueError` for assets that make no market."""
        self.history = history
        self.source = LiveSource(parts.assets, calendars, clock, history)
        self._store = store
        self._close = parts.close
        self._budgets = [(each, self._budget(each, clock)) for each in parts.providers]
        self._saved: list[str] = []
        self.polling = Polling(
            self._budgets,
            self.source.assets,
            calendars,
            clock,
            self.source,
            parts.jitter,
            parts.interval_ms,
        )
        self.source.interval_ns = self.polling.interval_ns
        self.source.since = int(store.meta(market_reached_key(self.source), "0")) or LAST_TIME
        self.announcements = Announcements(self._budgets, self.source, clock)

    def _budget(self, provider: Provider, clock: Clock) -> CallBudget:
        state = self._store.meta(_key(provider), "")
        try:
            return CallBudget(provider.limits, state)
        except ValueError:
            # Unknown what was spent: the minute at least is waited for.
            self.log.warn("{name}: the calls spent are not known", name=provider.name)
            budget = CallBudget(provider.limits)
            budget.penalize(clock.wall_ns() + 60_000_000_000)
            return budget

    def start(
        self,
        wanted: Wanted,
        on_fresh: Callable[[], None],
        on_late: Callable[[CorporateAction], None],
    ) -> None:
        """Begin to ask for what somebody waits for, and for what companies have announced."""
        self.polling.interests = wanted
        self.source.on_fresh = on_fresh
        self.source.on_late = on_late
        self.announcements.start()
        self.polling.start()

    def close_history(self) -> None:
        """Close the store of bars; nothing is kept any more."""
        if self.history is not None:
            self.history.close()
            self.history = None

    async def stop(self) -> None:
        """Stop asking, and close the connections."""
        self.announcements.stop()
        await self.polling.stop()
        await self._close()

    def change(self) -> Change | None:
        """Return the change that keeps what was spent; None if that is on disk already."""
        states = [budget.export() for _, budget in self._budgets]
        if states == self._saved:
            return None
        self._saved = states
        keys = [_key(provider) for provider, _ in self._budgets]

        def remember(db: peewee.Database) -> None:
            for key, state in zip(keys, states, strict=True):
                self._store.set_meta(key, state)

        return remember

    def keep_bars(self, rows: Sequence[KeptBar]) -> None:
        """Write bars down, in a thread of its own."""
        if self.history is not None:
            self.history.keep(rows)
            self.history.prune()

    def figures(self) -> Sequence[tuple[str, int]]:
        """Return the counters and the plan of each provider, and what was refused.

        The plan is what the page and monitoring show as such: for each class of symbols how many
        there are, the interval and the oldest quote that is promised; of each limit what is spent.
        """
        rows: list[tuple[str, int]] = []
        now = self.polling.now()
        for feed in self.polling.feeds:
            name = feed.provider.name
            rows += [
                (f"{name}_calls", feed.calls),
                (f"{name}_failures", feed.failures),
                (f"{name}_symbols", len(feed.symbols)),
            ]
            for of in () if feed.plan is None else feed.plan.classes:
                which = f"{name}_{of.symbol_class.name.lower()}"
                if of.symbols:
                    rows += [
                        (which, of.symbols),
                        (f"{which}_ms", of.interval_ms),
                        (f"{which}_age", of.age_max_ms),
                    ]
            for limit, spent in feed.budget.spent(now).items():
                rows += [
                    (f"{name}_{limit}_spent", spent),
                    (f"{name}_{limit}_limit", feed.budget.limits.of(limit)),
                ]
        rows.append(("action_calls", self.announcements.calls))
        return [*rows, ("observations_refused", sum(self.source.refused.values()))]


class Wanted:
    """Who waits for which prices (`papertrader.master.polling.Interests`)."""

    def __init__(self, desk: Desk, workers: Workers, alerted: Callable[[], Iterable[str]]) -> None:
        """``alerted`` gives the symbols that price alerts wait for."""
        self._desk = desk
        self._workers = workers
        self._alerted = alerted

    def orders(self) -> set[str]:
        """Symbols with open orders."""
        state = self._desk.state
        open_ids = (each for ids in state.open_orders.values() for each in ids)
        return {state.orders[order_id].symbol for order_id in open_ids}

    def positions(self) -> set[str]:
        """Symbols that somebody holds."""
        return {
            symbol
            for portfolio in self._desk.state.portfolios.values()
            for symbol, position in portfolio.positions.items()
            if position.quantity
        }

    def watched(self) -> set[str]:
        """Symbols that a worker follows for its clients, or a price alert."""
        return self._workers.followed() | set(self._alerted())

    def figures(self, listed: set[str]) -> Iterator[tuple[str, int]]:
        """Give the number of listed symbols by the most urgent reason for which each is wanted."""
        left = set(listed)
        for key, symbols in (
            ("wanted_orders", self.orders()),
            ("wanted_positions", self.positions()),
            ("wanted_watched", self.watched()),
        ):
            yield key, len(left & symbols)
            left -= symbols
        yield "wanted_rest", len(left)


def _key(provider: Provider) -> str:
    return f"calls.{provider.name}"
