"""What every face can read and watch of the market itself; each face inherits its own kind."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from papertrader.client import market_commands as commands
from papertrader.client import results as r
from papertrader.client.asking import AsyncAsker, BlockingAsker, TwistedAsker
from papertrader.client.commands import Amount
from papertrader.client.moments import Moment
from papertrader.core.logrecord import LogRecord

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred


class BlockingObserver(BlockingAsker):
    """Methods of `Client`."""

    def market(self, exchange: str = "") -> r.MarketState:
        """Read whether an exchange is open, and when it opens and closes next (market time).

        ``exchange`` is a market identifier code such as XNYS; empty for the exchange that drives
        the market's clock. Raises `RefusedError` (NO_DATA) when nothing of it is listed.
        """
        return self._ask(commands.market(exchange))

    def clock(self) -> r.MarketClock:
        """Read where market time stands and how fast it runs."""
        return self._ask(commands.clock())

    def set_clock(
        self,
        *,
        now: Moment = None,
        step: timedelta | None = None,
        speed: Amount | None = None,
        paused: bool | None = None,
        mode: str | None = None,
    ) -> r.MarketClock:
        """Set the market's clock: what is given changes, the rest stays; answers how it stands.

        ``now`` goes to a market time, forward or back: a datetime with time zone, or a date.
        ``step`` goes forward by so much and leaves the clock standing. ``speed`` is market seconds
        per second, 0.001 to 10,000. ``mode`` says which market is meant (``"replay"``). Turned
        back, all open orders of all accounts end (CLOCK_TURNED_BACK); money and positions stay.
        Needs a session of scope ADMIN, or TRADE while there is only one account. Raises
        `RefusedError` (CLOCK_FIXED, SCOPE_DENIED) and `ValueError`.
        """
        return self._ask(
            commands.clock_set(mode=mode, now=now, step=step, speed=speed, paused=paused)
        )

    def subscribe_bars(
        self,
        symbols: str | Iterable[str],
        interval: str | int = "1m",
        *,
        min_interval_ms: int = 0,
        snapshot: bool = True,
    ) -> int:
        """Have bars pushed to `events` as they form, and each once more when it is closed.

        What closed while there was no connection is to be read with `bars`.
        ``interval`` as for `bars`. ``min_interval_ms``: at most one bar in formation per symbol
        and interval, 0 for every change. ``snapshot``: begin with the present ones. Returns the
        subscription's number.
        """
        return self._subscribe(
            commands.subscribe_bars(symbols, interval, min_interval_ms, snapshot)
        )

    def subscribe_market(self, *, snapshot: bool = True) -> int:
        """Have openings and closes of the market pushed to `events`; returns the number."""
        return self._subscribe(commands.subscribe_market(snapshot))

    def stats(self) -> tuple[r.Figure, ...]:
        """Read the counters of the master and its workers; needs a session of scope ADMIN."""
        return self._ask(commands.stats())

    def log_entries(
        self, level: str = "info", *, from_time: Moment = None, limit: int = 0, flush: bool = True
    ) -> tuple[LogRecord, ...]:
        """Read the newest entries of the master's event log, oldest first; needs scope ADMIN.

        ``level`` is the least one; ``limit`` 0 is 500, at most 5,000; ``flush`` includes what is
        not on disk yet.
        """
        return self._ask(commands.log(level, from_time, limit, flush))

    def drain_worker(self, worker: int, mode: str = "move", *, deadline_s: int = 30) -> int:
        """Take a worker out of service, or with ``off`` back; needs scope ADMIN.

        ``admit-none`` refuses new clients, ``move`` sends the others away as well, at the latest
        after ``deadline_s``, ``boot`` all at once. Returns how many clients it has.
        """
        return self._ask(commands.drain_worker(worker, mode, deadline_s))

    def halt(self, symbol: str, *, halted: bool = True, reason: str = "") -> str:
        """Halt trade in an asset, or let it go on; needs scope ADMIN. Returns its status then.

        No new order is taken, open ones wait and nothing fills; quotes are flagged HALTED. The
        reason stands in the audit log.
        """
        return self._ask(commands.halt(symbol, halted, reason))


class AsyncObserver(AsyncAsker):
    """Methods of `AsyncClient`."""

    async def market(self, exchange: str = "") -> r.MarketState:
        """Read whether an exchange is open; as `Client.market`."""
        return await self._ask(commands.market(exchange))

    async def clock(self) -> r.MarketClock:
        """Read where market time stands and how fast it runs."""
        return await self._ask(commands.clock())

    async def set_clock(
        self,
        *,
        now: Moment = None,
        step: timedelta | None = None,
        speed: Amount | None = None,
        paused: bool | None = None,
        mode: str | None = None,
    ) -> r.MarketClock:
        """Set the market's clock; as `Client.set_clock`."""
        return await self._ask(
            commands.clock_set(mode=mode, now=now, step=step, speed=speed, paused=paused)
        )

    async def subscribe_bars(
        self,
        symbols: str | Iterable[str],
        interval: str | int = "1m",
        *,
        min_interval_ms: int = 0,
        snapshot: bool = True,
    ) -> int:
        """Have bars pushed to `events` as they form; as `Client.subscribe_bars`."""
        return await self._subscribe(
            commands.subscribe_bars(symbols, interval, min_interval_ms, snapshot)
        )

    async def subscribe_market(self, *, snapshot: bool = True) -> int:
        """Have openings and closes of the market pushed to `events`."""
        return await self._subscribe(commands.subscribe_market(snapshot))

    async def stats(self) -> tuple[r.Figure, ...]:
        """Read the counters of the master and its workers; needs a session of scope ADMIN."""
        return await self._ask(commands.stats())

    async def log_entries(
        self, level: str = "info", *, from_time: Moment = None, limit: int = 0, flush: bool = True
    ) -> tuple[LogRecord, ...]:
        """Read the newest entries of the master's event log, oldest first; needs scope ADMIN.

        ``level`` is the least one; ``limit`` 0 is 500, at most 5,000; ``flush`` includes what is
        not on disk yet.
        """
        return await self._ask(commands.log(level, from_time, limit, flush))

    async def drain_worker(self, worker: int, mode: str = "move", *, deadline_s: int = 30) -> int:
        """Take a worker out of service, or with ``off`` back; needs scope ADMIN.

        ``admit-none`` refuses new clients, ``move`` sends the others away as well, at the latest
        after ``deadline_s``, ``boot`` all at once. Returns how many clients it has.
        """
        return await self._ask(commands.drain_worker(worker, mode, deadline_s))

    async def halt(self, symbol: str, *, halted: bool = True, reason: str = "") -> str:
        """Halt trade in an asset, or let it go on; needs scope ADMIN. Returns its status then.

        No new order is taken, open ones wait and nothing fills; quotes are flagged HALTED. The
        reason stands in the audit log.
        """
        return await self._ask(commands.halt(symbol, halted, reason))


class TwistedObserver(TwistedAsker):
    """Methods of `TwistedClient`."""

    def market(self, exchange: str = "") -> Deferred[r.MarketState]:
        """Read whether an exchange is open; as `Client.market`."""
        return self._ask(commands.market(exchange))

    def clock(self) -> Deferred[r.MarketClock]:
        """Read where market time stands and how fast it runs."""
        return self._ask(commands.clock())

    def set_clock(
        self,
        *,
        now: Moment = None,
        step: timedelta | None = None,
        speed: Amount | None = None,
        paused: bool | None = None,
        mode: str | None = None,
    ) -> Deferred[r.MarketClock]:
        """Set the market's clock; as `Client.set_clock`."""
        return self._ask(
            commands.clock_set(mode=mode, now=now, step=step, speed=speed, paused=paused)
        )

    def subscribe_bars(
        self,
        symbols: str | Iterable[str],
        interval: str | int = "1m",
        *,
        min_interval_ms: int = 0,
        snapshot: bool = True,
    ) -> Deferred[int]:
        """Have bars pushed to the listeners as they form; as `Client.subscribe_bars`."""
        return self._subscribe(
            commands.subscribe_bars(symbols, interval, min_interval_ms, snapshot)
        )

    def subscribe_market(self, *, snapshot: bool = True) -> Deferred[int]:
        """Have openings and closes of the market pushed to the listeners."""
        return self._subscribe(commands.subscribe_market(snapshot))

    def stats(self) -> Deferred[tuple[r.Figure, ...]]:
        """Read the counters of the master and its workers; needs a session of scope ADMIN."""
        return self._ask(commands.stats())

    def log_entries(
        self, level: str = "info", *, from_time: Moment = None, limit: int = 0, flush: bool = True
    ) -> Deferred[tuple[LogRecord, ...]]:
        """Read the newest entries of the master's event log, oldest first; needs scope ADMIN.

        ``level`` is the least one; ``limit`` 0 is 500, at most 5,000; ``flush`` includes what is
        not on disk yet.
        """
        return self._ask(commands.log(level, from_time, limit, flush))

    def drain_worker(
        self, worker: int, mode: str = "move", *, deadline_s: int = 30
    ) -> Deferred[int]:
        """Take a worker out of service, or with ``off`` back; needs scope ADMIN.

        ``admit-none`` refuses new clients, ``move`` sends the others away as well, at the latest
        after ``deadline_s``, ``boot`` all at once. Returns how many clients it has.
        """
        return self._ask(commands.drain_worker(worker, mode, deadline_s))

    def halt(self, symbol: str, *, halted: bool = True, reason: str = "") -> Deferred[str]:
        """Halt trade in an asset, or let it go on; needs scope ADMIN. Returns its status then.

        No new order is taken, open ones wait and nothing fills; quotes are flagged HALTED. The
        reason stands in the audit log.
        """
        return self._ask(commands.halt(symbol, halted, reason))
