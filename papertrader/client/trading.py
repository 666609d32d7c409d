"""What every face can do with orders and portfolios beyond the first commands.

Each face inherits its own kind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from papertrader.client import results as r
from papertrader.client import trading_commands as commands
from papertrader.client.commands import Amount, Command
from papertrader.core.orders import Side, TimeInForce

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

ResultT = TypeVar("ResultT")

_ID_BITS: Final = 63


class BlockingTrader:
    """Methods of `Client`."""

    _randbits: Callable[[int], int]

    def _ask(self, command: Command[ResultT]) -> ResultT:
        raise NotImplementedError

    def order_replace(
        self,
        order_id: int,
        *,
        quantity: Amount | None = None,
        limit: Amount | None = None,
        client_order_id: int | None = None,
        expect_version: int = 0,
        portfolio: int = 0,
    ) -> r.Order:
        """Put a new order in the place of an open one; returns the new one.

        ``quantity`` is the total, with what the old order has filled. ``client_order_id`` names the
        new order. ``expect_version`` other than 0: only if the order is still as it was then. A
        fill may come first. Raises `NoSuchOrder`, and `RefusedError` (ORDER_DONE, STALE_VERSION,
        with the order) or what `buy` raises.
        """
        number = client_order_id or self._randbits(_ID_BITS) or 1
        return self._ask(
            commands.order_replace(order_id, quantity, limit, number, expect_version, portfolio)
        )

    def order_cancel_all(
        self, symbol: str = "", *, side: Side | None = None, portfolio: int = 0
    ) -> commands.CancelledAll:
        """Cancel every open order of a portfolio, or those of one symbol or side."""
        return self._ask(commands.order_cancel_all(symbol, side, portfolio))

    def order_preview(
        self,
        side: Side,
        symbol: str,
        quantity: Amount,
        limit: Amount | None = None,
        time_in_force: str | TimeInForce = "day",
        portfolio: int = 0,
    ) -> commands.Preview:
        """Ask what an order would cost; nothing is sent to the market.

        Raises what the order itself would raise.
        """
        number = self._randbits(_ID_BITS) or 1
        return self._ask(
            commands.order_preview(side, symbol, quantity, limit, time_in_force, number, portfolio)
        )

    def portfolios(self) -> tuple[commands.PortfolioInfo, ...]:
        """Read the account's portfolios, the default one first."""
        return self._ask(commands.portfolios())

    def portfolio_create(self, name: str, *, cash: Amount | None = None) -> commands.PortfolioInfo:
        """Open a further portfolio, with ``cash`` or the server's default.

        ``name``: 1 to 24 letters, digits and ``_ . -``. Raises `RefusedError` (NAME_TAKEN,
        PORTFOLIO_LIMIT).
        """
        return self._ask(commands.portfolio_create(name, cash))

    def portfolio_rename(self, portfolio: int, name: str) -> commands.PortfolioInfo:
        """Give a portfolio another name; 0 is the default one.

        Raises `RefusedError` (NAME_TAKEN).
        """
        return self._ask(commands.portfolio_rename(portfolio, name))

    def portfolio_reset(
        self, portfolio: int = 0, *, cash: Amount | None = None
    ) -> commands.PortfolioInfo:
        """Begin a new season with ``cash`` or the server's default; the history stays.

        Open orders are cancelled, positions closed at the last price.
        """
        return self._ask(commands.portfolio_reset(portfolio, cash))

    def portfolio_deposit(self, amount: Amount, *, portfolio: int = 0) -> commands.PortfolioInfo:
        """Pay money into a portfolio."""
        return self._ask(commands.portfolio_cash(portfolio, amount, 1))

    def portfolio_withdraw(self, amount: Amount, *, portfolio: int = 0) -> commands.PortfolioInfo:
        """Take money out that no order has reserved. Raises `InsufficientCash`."""
        return self._ask(commands.portfolio_cash(portfolio, amount, -1))


class AsyncTrader:
    """Methods of `AsyncClient`."""

    _randbits: Callable[[int], int]

    async def _ask(self, command: Command[ResultT]) -> ResultT:
        raise NotImplementedError

    async def order_replace(
        self,
        order_id: int,
        *,
        quantity: Amount | None = None,
        limit: Amount | None = None,
        client_order_id: int | None = None,
        expect_version: int = 0,
        portfolio: int = 0,
    ) -> r.Order:
        """Put a new order in the place of an open one; as `Client.order_replace`."""
        number = client_order_id or self._randbits(_ID_BITS) or 1
        return await self._ask(
            commands.order_replace(order_id, quantity, limit, number, expect_version, portfolio)
        )

    async def order_cancel_all(
        self, symbol: str = "", *, side: Side | None = None, portfolio: int = 0
    ) -> commands.CancelledAll:
        """Cancel every open order of a portfolio, or some of them; as `Client.order_cancel_all`."""
        return await self._ask(commands.order_cancel_all(symbol, side, portfolio))

    async def order_preview(
        self,
        side: Side,
        symbol: str,
        quantity: Amount,
        limit: Amount | None = None,
        time_in_force: str | TimeInForce = "day",
        portfolio: int = 0,
    ) -> commands.Preview:
        """Ask what an order would cost; as `Client.order_preview`."""
        number = self._randbits(_ID_BITS) or 1
        return await self._ask(
            commands.order_preview(side, symbol, quantity, limit, time_in_force, number, portfolio)
        )

    async def portfolios(self) -> tuple[commands.PortfolioInfo, ...]:
        """Read the account's portfolios, the default one first; as `Client.portfolios`."""
        return await self._ask(commands.portfolios())

    async def portfolio_create(
        self, name: str, *, cash: Amount | None = None
    ) -> commands.PortfolioInfo:
        """Open a further portfolio; as `Client.portfolio_create`."""
        return await self._ask(commands.portfolio_create(name, cash))

    async def portfolio_rename(self, portfolio: int, name: str) -> commands.PortfolioInfo:
        """Give a portfolio another name; as `Client.portfolio_rename`."""
        return await self._ask(commands.portfolio_rename(portfolio, name))

    async def portfolio_reset(
        self, portfolio: int = 0, *, cash: Amount | None = None
    ) -> commands.PortfolioInfo:
        """Begin a new season with ``cash`` or the server's default; as `Client.portfolio_reset`."""
        return await self._ask(commands.portfolio_reset(portfolio, cash))

    async def portfolio_deposit(
        self, amount: Amount, *, portfolio: int = 0
    ) -> commands.PortfolioInfo:
        """Pay money into a portfolio; as `Client.portfolio_deposit`."""
        return await self._ask(commands.portfolio_cash(portfolio, amount, 1))

    async def portfolio_withdraw(
        self, amount: Amount, *, portfolio: int = 0
    ) -> commands.PortfolioInfo:
        """Take money out that no order has reserved; as `Client.portfolio_withdraw`."""
        return await self._ask(commands.portfolio_cash(portfolio, amount, -1))


class TwistedTrader:
    """Methods of `TwistedClient`."""

    _randbits: Callable[[int], int]

    def _ask(self, command: Command[ResultT]) -> Deferred[ResultT]:
        raise NotImplementedError

    def order_replace(
        self,
        order_id: int,
        *,
        quantity: Amount | None = None,
        limit: Amount | None = None,
        client_order_id: int | None = None,
        expect_version: int = 0,
        portfolio: int = 0,
    ) -> Deferred[r.Order]:
        """Put a new order in the place of an open one; as `Client.order_replace`."""
        number = client_order_id or self._randbits(_ID_BITS) or 1
        return self._ask(
            commands.order_replace(order_id, quantity, limit, number, expect_version, portfolio)
        )

    def order_cancel_all(
        self, symbol: str = "", *, side: Side | None = None, portfolio: int = 0
    ) -> Deferred[commands.CancelledAll]:
        """Cancel every open order of a portfolio, or some of them; as `Client.order_cancel_all`."""
        return self._ask(commands.order_cancel_all(symbol, side, portfolio))

    def order_preview(
        self,
        side: Side,
        symbol: str,
        quantity: Amount,
        limit: Amount | None = None,
        time_in_force: str | TimeInForce = "day",
        portfolio: int = 0,
    ) -> Deferred[commands.Preview]:
        """Ask what an order would cost; as `Client.order_preview`."""
        number = self._randbits(_ID_BITS) or 1
        return self._ask(
            commands.order_preview(side, symbol, quantity, limit, time_in_force, number, portfolio)
        )

    def portfolios(self) -> Deferred[tuple[commands.PortfolioInfo, ...]]:
        """Read the account's portfolios, the default one first; as `Client.portfolios`."""
        return self._ask(commands.portfolios())

    def portfolio_create(
        self, name: str, *, cash: Amount | None = None
    ) -> Deferred[commands.PortfolioInfo]:
        """Open a further portfolio; as `Client.portfolio_create`."""
        return self._ask(commands.portfolio_create(name, cash))

    def portfolio_rename(self, portfolio: int, name: str) -> Deferred[commands.PortfolioInfo]:
        """Give a portfolio another name; as `Client.portfolio_rename`."""
        return self._ask(commands.portfolio_rename(portfolio, name))

    def portfolio_reset(
        self, portfolio: int = 0, *, cash: Amount | None = None
    ) -> Deferred[commands.PortfolioInfo]:
        """Begin a new season with ``cash`` or the server's default; as `Client.portfolio_reset`."""
        return self._ask(commands.portfolio_reset(portfolio, cash))

    def portfolio_deposit(
        self, amount: Amount, *, portfolio: int = 0
    ) -> Deferred[commands.PortfolioInfo]:
        """Pay money into a portfolio; as `Client.portfolio_deposit`."""
        return self._ask(commands.portfolio_cash(portfolio, amount, 1))

    def portfolio_withdraw(
        self, amount: Amount, *, portfolio: int = 0
    ) -> Deferred[commands.PortfolioInfo]:
        """Take money out that no order has reserved; as `Client.portfolio_withdraw`."""
        return self._ask(commands.portfolio_cash(portfolio, amount, -1))
