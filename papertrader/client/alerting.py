"""Watchlists and price alerts of every face; each face inherits its own kind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from papertrader.client import alert_commands as commands
from papertrader.client.alertresults import AlertInfo, Watchlist
from papertrader.client.asking import AsyncAsker, BlockingAsker, TwistedAsker
from papertrader.client.commands import Amount
from papertrader.client.moments import Moment

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred


class BlockingAlerts(BlockingAsker):
    """Methods of `Client`."""

    def watchlist_set(self, name: str, symbols: str | Iterable[str]) -> Watchlist:
        """Make a watchlist, or replace the one of this name.

        ``symbols`` stay in this order, each once. Raises `RefusedError` (NO_SUCH_SYMBOL,
        TOO_MANY_WATCHLISTS).
        """
        return self._ask(commands.watchlist_set(name, symbols))

    def watchlists(self) -> tuple[Watchlist, ...]:
        """Read the account's watchlists, by name."""
        return self._ask(commands.watchlists())

    def watchlist(self, name: str) -> Watchlist:
        """Read a watchlist. Raises `RefusedError` (NO_SUCH_WATCHLIST)."""
        return self._ask(commands.watchlist(name))

    def watchlist_delete(self, name: str) -> int:
        """Delete a watchlist; returns how many are left.

        Raises `RefusedError` (NO_SUCH_WATCHLIST).
        """
        return self._ask(commands.watchlist_delete(name))

    def alert_create(
        self,
        symbol: str,
        *,
        above: Amount | None = None,
        below: Amount | None = None,
        of: str = "last",
        expires: Moment = None,
    ) -> AlertInfo:
        """Have the server watch a price, once.

        It triggers with the first quote whose price (``of``: ``"last"``, ``"bid"`` or ``"ask"``)
        is at least ``above``, or at most ``below``. ``expires`` is market time. What it comes to
        is pushed with the account's events and kept in `alerts` until it is deleted. Raises
        `RefusedError` (NO_SUCH_SYMBOL, TOO_MANY_ALERTS) and `ValueError`.
        """
        return self._ask(commands.alert_create(symbol, above, below, of, expires))

    def alerts(self, symbol: str = "") -> tuple[AlertInfo, ...]:
        """Read the account's alerts, open and ended, oldest first."""
        return self._ask(commands.alerts(symbol))

    def alert_delete(self, number: int) -> int:
        """Delete an alert, open or not; returns how many were deleted.

        Raises `RefusedError` (NO_SUCH_ALERT).
        """
        return self._ask(commands.alert_delete(commands.alert_number(number)))

    def alerts_clear(self) -> int:
        """Delete all alerts that have ended; returns how many."""
        return self._ask(commands.alert_delete(0))


class AsyncAlerts(AsyncAsker):
    """Methods of `AsyncClient`."""

    async def watchlist_set(self, name: str, symbols: str | Iterable[str]) -> Watchlist:
        """Make a watchlist, or replace the one of this name; as `Client.watchlist_set`."""
        return await self._ask(commands.watchlist_set(name, symbols))

    async def watchlists(self) -> tuple[Watchlist, ...]:
        """Read the account's watchlists, by name; as `Client.watchlists`."""
        return await self._ask(commands.watchlists())

    async def watchlist(self, name: str) -> Watchlist:
        """Read a watchlist; as `Client.watchlist`."""
        return await self._ask(commands.watchlist(name))

    async def watchlist_delete(self, name: str) -> int:
        """Delete a watchlist; returns how many are left; as `Client.watchlist_delete`."""
        return await self._ask(commands.watchlist_delete(name))

    async def alert_create(
        self,
        symbol: str,
        *,
        above: Amount | None = None,
        below: Amount | None = None,
        of: str = "last",
        expires: Moment = None,
    ) -> AlertInfo:
        """Have the server watch a price, once; as `Client.alert_create`."""
        return await self._ask(commands.alert_create(symbol, above, below, of, expires))

    async def alerts(self, symbol: str = "") -> tuple[AlertInfo, ...]:
        """Read the account's alerts, open and ended, oldest first; as `Client.alerts`."""
        return await self._ask(commands.alerts(symbol))

    async def alert_delete(self, number: int) -> int:
        """Delete an alert, open or not; returns how many were deleted; as `Client.alert_delete`."""
        return await self._ask(commands.alert_delete(commands.alert_number(number)))

    async def alerts_clear(self) -> int:
        """Delete all alerts that have ended; returns how many; as `Client.alerts_clear`."""
        return await self._ask(commands.alert_delete(0))


class TwistedAlerts(TwistedAsker):
    """Methods of `TwistedClient`."""

    def watchlist_set(self, name: str, symbols: str | Iterable[str]) -> Deferred[Watchlist]:
        """Make a watchlist, or replace the one of this name; as `Client.watchlist_set`."""
        return self._ask(commands.watchlist_set(name, symbols))

    def watchlists(self) -> Deferred[tuple[Watchlist, ...]]:
        """Read the account's watchlists, by name; as `Client.watchlists`."""
        return self._ask(commands.watchlists())

    def watchlist(self, name: str) -> Deferred[Watchlist]:
        """Read a watchlist; as `Client.watchlist`."""
        return self._ask(commands.watchlist(name))

    def watchlist_delete(self, name: str) -> Deferred[int]:
        """Delete a watchlist; returns how many are left; as `Client.watchlist_delete`."""
        return self._ask(commands.watchlist_delete(name))

    def alert_create(
        self,
        symbol: str,
        *,
        above: Amount | None = None,
        below: Amount | None = None,
        of: str = "last",
        expires: Moment = None,
    ) -> Deferred[AlertInfo]:
        """Have the server watch a price, once; as `Client.alert_create`."""
        return self._ask(commands.alert_create(symbol, above, below, of, expires))

    def alerts(self, symbol: str = "") -> Deferred[tuple[AlertInfo, ...]]:
        """Read the account's alerts, open and ended, oldest first; as `Client.alerts`."""
        return self._ask(commands.alerts(symbol))

    def alert_delete(self, number: int) -> Deferred[int]:
        """Delete an alert, open or not; returns how many were deleted; as `Client.alert_delete`."""
        return self._ask(commands.alert_delete(commands.alert_number(number)))

    def alerts_clear(self) -> Deferred[int]:
        """Delete all alerts that have ended; returns how many; as `Client.alerts_clear`."""
        return self._ask(commands.alert_delete(0))
