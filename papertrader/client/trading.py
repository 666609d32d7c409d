"""What every face can do with orders and portfolios beyond the first commands.

Each face inherits its own kind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from papertrader.client import curves, receipts, refused
from papertrader.client import results as r
from papertrader.client import trading_commands as commands
from papertrader.client.asking import AsyncAsker, BlockingAsker, TwistedAsker
from papertrader.client.commands import Amount
from papertrader.client.conditions import Conditions
from papertrader.client.moments import Moment
from papertrader.core.orders import Side, TimeInForce
from papertrader.core.terms import PortfolioTerms

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

_ID_BITS: Final = 63
_CLOSING_BITS: Final = 62
"""Closing orders count on from the number drawn."""


class BlockingTrader(BlockingAsker):
    """Methods of `Client`."""

    _randbits: Callable[[int], int]

    def order_replace(
        self,
        order_id: int,
        *,
        quantity: Amount | None = None,
        limit: Amount | None = None,
        client_order_id: int | None = None,
        expect_version: int = 0,
        portfolio: int = 0,
        stop: Amount | None = None,
        trail: Amount | None = None,
        tag: str | None = None,
    ) -> r.Order:
        """Put a new order in the place of an open one; returns the new one.

        ``quantity`` is the total, with what the old order has filled. ``client_order_id`` names the
        new order; ``stop`` and ``trail`` are for a stop that waits. ``expect_version`` other than
        0: only if the order is still as it was then. ``tag`` is that of the old one if left out. A
        fill may come first. Raises
        `NoSuchOrder`, and `RefusedError` (ORDER_DONE, STALE_VERSION, with the order) or what
        `buy` raises.
        """
        number = self._randbits(_ID_BITS) or 1 if client_order_id is None else client_order_id
        return self._ask(
            commands.order_replace(
                order_id, quantity, limit, number, expect_version, portfolio, stop, trail, tag
            )
        )

    def order_cancel_all(
        self, symbol: str = "", *, side: Side | None = None, portfolio: int = 0
    ) -> commands.CancelledAll:
        """Cancel every open order of a portfolio, or those of one symbol or side."""
        return self._ask(commands.order_cancel_all(symbol, side, portfolio))

    def position_close(
        self, symbol: str = "", *, client_order_id: int | None = None, portfolio: int = 0
    ) -> commands.Closing:
        """Close the position in ``symbol``, or every one, by market orders, in one step.

        Their open orders are cancelled first. Raises `InsufficientPosition` if there is none.
        """
        number = self._randbits(_CLOSING_BITS) or 1 if client_order_id is None else client_order_id
        return self._ask(commands.position_close(symbol, number, portfolio))

    def order_preview(
        self,
        side: Side,
        symbol: str,
        quantity: Amount,
        limit: Amount | None = None,
        time_in_force: str | TimeInForce = "day",
        portfolio: int = 0,
        conditions: Conditions | None = None,
    ) -> commands.Preview:
        """Ask what an order would cost; nothing is sent to the market.

        Raises what the order itself would raise.
        """
        number = self._randbits(_ID_BITS) or 1
        return self._ask(
            commands.order_preview(
                side, symbol, quantity, limit, time_in_force, number, portfolio, conditions
            )
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

    def equity(
        self,
        interval: str | int = "1d",
        *,
        from_time: Moment = None,
        to_time: Moment = None,
        portfolio: int = 0,
        username: str = "",
    ) -> curves.Curve:
        """Read what a portfolio was worth over market time, by its ledger, oldest first.

        ``interval`` is ``1d``, ``1w`` or ``1mo``: the ends of sessions, of weeks or of months, and
        now; or ``1m``, ``5m``, ``15m``, ``1h`` within sessions, of the last one from the close
        before it on unless ``from_time`` is given. ``from_time`` inclusive, ``to_time`` exclusive.
        `performance_of` gives its figures.
        """
        return self._ask(curves.equity(interval, from_time, to_time, portfolio, username))

    def receipts(
        self, order_id: int = 0, *, limit: int = 0, after: int = 0, portfolio: int = 0
    ) -> r.Page[receipts.OrderReceipt]:
        """Read why an order filled as it did, oldest first: a receipt of each fill and of its end.

        ``order_id`` 0 stands for all orders of ``portfolio`` (0: the default one), order by order;
        ``transaction`` tells which fill is meant, and ``after`` is an order's number, then.
        ``limit`` 0 is 500. Raises `RefusedError` (NO_SUCH_ORDER).
        """
        return self._ask(receipts.receipts(order_id, after, limit, portfolio))

    def refusals(
        self,
        client_order_id: int = 0,
        *,
        limit: int = 0,
        after: int = 0,
        portfolio: int = 0,
        newest_first: bool = False,
    ) -> refused.RefusalPage:
        """Read the orders that were refused on arrival, oldest first, each with its receipt.

        ``client_order_id`` and ``portfolio`` 0 stand for any; ``after`` is the number of a
        refusal. ``limit`` 0 is 500. The newest 1,000 of an account are kept.
        """
        return self._ask(refused.refusals(client_order_id, portfolio, after, limit, newest_first))

    def portfolio_fork(
        self, name: str, *, portfolio: int = 0, at: Moment = None
    ) -> commands.PortfolioInfo:
        """Open a portfolio called ``name`` as another one is, or was ``at`` a market time.

        It has the same terms, the cash, and each position as one lot at average cost. Raises
        `RefusedError` (NAME_TAKEN, PORTFOLIO_LIMIT, CONTEST_FORBIDS).
        """
        return self._ask(commands.portfolio_fork(name, portfolio, at))

    def portfolio_freeze(
        self, portfolio: int = 0, *, frozen: bool = True
    ) -> commands.PortfolioInfo:
        """Let a portfolio trade no more (its open orders are cancelled), or again."""
        return self._ask(commands.portfolio_freeze(portfolio, frozen))

    def portfolio_correct(
        self, portfolio: int, amount: Amount, reason: str
    ) -> commands.PortfolioInfo:
        """Post a correction of ``amount`` (negative: taken out) to any portfolio, with a reason.

        Needs a session of scope ADMIN. Raises `RefusedError` (SCOPE_DENIED).
        """
        return self._ask(commands.portfolio_correct(portfolio, amount, reason))

    def portfolio_terms(self, portfolio: int = 0) -> PortfolioTerms:
        """Read the terms by which a portfolio trades; money in 1e-8 units."""
        return self._ask(commands.portfolio_terms(portfolio))

    def portfolio_terms_set(self, terms: PortfolioTerms, *, portfolio: int = 0) -> PortfolioTerms:
        """Choose the terms by which a portfolio without positions and open orders trades.

        Raises `RefusedError` (PORTFOLIO_IN_USE, INSUFFICIENT_CASH).
        """
        return self._ask(commands.portfolio_terms_set(portfolio, terms))

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


class AsyncTrader(AsyncAsker):
    """Methods of `AsyncClient`."""

    _randbits: Callable[[int], int]

    async def order_replace(
        self,
        order_id: int,
        *,
        quantity: Amount | None = None,
        limit: Amount | None = None,
        client_order_id: int | None = None,
        expect_version: int = 0,
        portfolio: int = 0,
        stop: Amount | None = None,
        trail: Amount | None = None,
        tag: str | None = None,
    ) -> r.Order:
        """Put a new order in the place of an open one; as `Client.order_replace`."""
        number = self._randbits(_ID_BITS) or 1 if client_order_id is None else client_order_id
        return await self._ask(
            commands.order_replace(
                order_id, quantity, limit, number, expect_version, portfolio, stop, trail, tag
            )
        )

    async def order_cancel_all(
        self, symbol: str = "", *, side: Side | None = None, portfolio: int = 0
    ) -> commands.CancelledAll:
        """Cancel every open order of a portfolio, or some of them; as `Client.order_cancel_all`."""
        return await self._ask(commands.order_cancel_all(symbol, side, portfolio))

    async def position_close(
        self, symbol: str = "", *, client_order_id: int | None = None, portfolio: int = 0
    ) -> commands.Closing:
        """Close one position or all; as `Client.position_close`."""
        number = self._randbits(_CLOSING_BITS) or 1 if client_order_id is None else client_order_id
        return await self._ask(commands.position_close(symbol, number, portfolio))

    async def order_preview(
        self,
        side: Side,
        symbol: str,
        quantity: Amount,
        limit: Amount | None = None,
        time_in_force: str | TimeInForce = "day",
        portfolio: int = 0,
        conditions: Conditions | None = None,
    ) -> commands.Preview:
        """Ask what an order would cost; as `Client.order_preview`."""
        number = self._randbits(_ID_BITS) or 1
        return await self._ask(
            commands.order_preview(
                side, symbol, quantity, limit, time_in_force, number, portfolio, conditions
            )
        )

    async def portfolios(self) -> tuple[commands.PortfolioInfo, ...]:
        """Read the account's portfolios, the default one first; as `Client.portfolios`."""
        return await self._ask(commands.portfolios())

    async def portfolio_create(
        self, name: str, *, cash: Amount | None = None
    ) -> commands.PortfolioInfo:
        """Open a further portfolio; as `Client.portfolio_create`."""
        return await self._ask(commands.portfolio_create(name, cash))

    async def equity(
        self,
        interval: str | int = "1d",
        *,
        from_time: Moment = None,
        to_time: Moment = None,
        portfolio: int = 0,
        username: str = "",
    ) -> curves.Curve:
        """Read an equity curve; as `Client.equity`."""
        return await self._ask(curves.equity(interval, from_time, to_time, portfolio, username))

    async def receipts(
        self, order_id: int = 0, *, limit: int = 0, after: int = 0, portfolio: int = 0
    ) -> r.Page[receipts.OrderReceipt]:
        """Read an order's receipts; as `Client.receipts`."""
        return await self._ask(receipts.receipts(order_id, after, limit, portfolio))

    async def refusals(
        self,
        client_order_id: int = 0,
        *,
        limit: int = 0,
        after: int = 0,
        portfolio: int = 0,
        newest_first: bool = False,
    ) -> refused.RefusalPage:
        """Read the orders that were refused on arrival; as `Client.refusals`."""
        return await self._ask(
            refused.refusals(client_order_id, portfolio, after, limit, newest_first)
        )

    async def portfolio_fork(
        self, name: str, *, portfolio: int = 0, at: Moment = None
    ) -> commands.PortfolioInfo:
        """Open a portfolio as another one is, or was; as `Client.portfolio_fork`."""
        return await self._ask(commands.portfolio_fork(name, portfolio, at))

    async def portfolio_freeze(
        self, portfolio: int = 0, *, frozen: bool = True
    ) -> commands.PortfolioInfo:
        """Let a portfolio trade no more, or again; as `Client.portfolio_freeze`."""
        return await self._ask(commands.portfolio_freeze(portfolio, frozen))

    async def portfolio_correct(
        self, portfolio: int, amount: Amount, reason: str
    ) -> commands.PortfolioInfo:
        """Post a correction to any portfolio; as `Client.portfolio_correct`."""
        return await self._ask(commands.portfolio_correct(portfolio, amount, reason))

    async def portfolio_terms(self, portfolio: int = 0) -> PortfolioTerms:
        """Read a portfolio's terms; as `Client.portfolio_terms`."""
        return await self._ask(commands.portfolio_terms(portfolio))

    async def portfolio_terms_set(
        self, terms: PortfolioTerms, *, portfolio: int = 0
    ) -> PortfolioTerms:
        """Choose a portfolio's terms; as `Client.portfolio_terms_set`."""
        return await self._ask(commands.portfolio_terms_set(portfolio, terms))

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


class TwistedTrader(TwistedAsker):
    """Methods of `TwistedClient`."""

    _randbits: Callable[[int], int]

    def order_replace(
        self,
        order_id: int,
        *,
        quantity: Amount | None = None,
        limit: Amount | None = None,
        client_order_id: int | None = None,
        expect_version: int = 0,
        portfolio: int = 0,
        stop: Amount | None = None,
        trail: Amount | None = None,
        tag: str | None = None,
    ) -> Deferred[r.Order]:
        """Put a new order in the place of an open one; as `Client.order_replace`."""
        number = self._randbits(_ID_BITS) or 1 if client_order_id is None else client_order_id
        return self._ask(
            commands.order_replace(
                order_id, quantity, limit, number, expect_version, portfolio, stop, trail, tag
            )
        )

    def order_cancel_all(
        self, symbol: str = "", *, side: Side | None = None, portfolio: int = 0
    ) -> Deferred[commands.CancelledAll]:
        """Cancel every open order of a portfolio, or some of them; as `Client.order_cancel_all`."""
        return self._ask(commands.order_cancel_all(symbol, side, portfolio))

    def position_close(
        self, symbol: str = "", *, client_order_id: int | None = None, portfolio: int = 0
    ) -> Deferred[commands.Closing]:
        """Close one position or all; as `Client.position_close`."""
        number = self._randbits(_CLOSING_BITS) or 1 if client_order_id is None else client_order_id
        return self._ask(commands.position_close(symbol, number, portfolio))

    def order_preview(
        self,
        side: Side,
        symbol: str,
        quantity: Amount,
        limit: Amount | None = None,
        time_in_force: str | TimeInForce = "day",
        portfolio: int = 0,
        conditions: Conditions | None = None,
    ) -> Deferred[commands.Preview]:
        """Ask what an order would cost; as `Client.order_preview`."""
        number = self._randbits(_ID_BITS) or 1
        return self._ask(
            commands.order_preview(
                side, symbol, quantity, limit, time_in_force, number, portfolio, conditions
            )
        )

    def portfolios(self) -> Deferred[tuple[commands.PortfolioInfo, ...]]:
        """Read the account's portfolios, the default one first; as `Client.portfolios`."""
        return self._ask(commands.portfolios())

    def portfolio_create(
        self, name: str, *, cash: Amount | None = None
    ) -> Deferred[commands.PortfolioInfo]:
        """Open a further portfolio; as `Client.portfolio_create`."""
        return self._ask(commands.portfolio_create(name, cash))

    def equity(
        self,
        interval: str | int = "1d",
        *,
        from_time: Moment = None,
        to_time: Moment = None,
        portfolio: int = 0,
        username: str = "",
    ) -> Deferred[curves.Curve]:
        """Read an equity curve; as `Client.equity`."""
        return self._ask(curves.equity(interval, from_time, to_time, portfolio, username))

    def receipts(
        self, order_id: int = 0, *, limit: int = 0, after: int = 0, portfolio: int = 0
    ) -> Deferred[r.Page[receipts.OrderReceipt]]:
        """Read an order's receipts; as `Client.receipts`."""
        return self._ask(receipts.receipts(order_id, after, limit, portfolio))

    def refusals(
        self,
        client_order_id: int = 0,
        *,
        limit: int = 0,
        after: int = 0,
        portfolio: int = 0,
        newest_first: bool = False,
    ) -> Deferred[refused.RefusalPage]:
        """Read the orders that were refused on arrival; as `Client.refusals`."""
        return self._ask(refused.refusals(client_order_id, portfolio, after, limit, newest_first))

    def portfolio_fork(
        self, name: str, *, portfolio: int = 0, at: Moment = None
    ) -> Deferred[commands.PortfolioInfo]:
        """Open a portfolio as another one is, or was; as `Client.portfolio_fork`."""
        return self._ask(commands.portfolio_fork(name, portfolio, at))

    def portfolio_freeze(
        self, portfolio: int = 0, *, frozen: bool = True
    ) -> Deferred[commands.PortfolioInfo]:
        """Let a portfolio trade no more, or again; as `Client.portfolio_freeze`."""
        return self._ask(commands.portfolio_freeze(portfolio, frozen))

    def portfolio_correct(
        self, portfolio: int, amount: Amount, reason: str
    ) -> Deferred[commands.PortfolioInfo]:
        """Post a correction to any portfolio; as `Client.portfolio_correct`."""
        return self._ask(commands.portfolio_correct(portfolio, amount, reason))

    def portfolio_terms(self, portfolio: int = 0) -> Deferred[PortfolioTerms]:
        """Read a portfolio's terms; as `Client.portfolio_terms`."""
        return self._ask(commands.portfolio_terms(portfolio))

    def portfolio_terms_set(
        self, terms: PortfolioTerms, *, portfolio: int = 0
    ) -> Deferred[PortfolioTerms]:
        """Choose a portfolio's terms; as `Client.portfolio_terms_set`."""
        return self._ask(commands.portfolio_terms_set(portfolio, terms))

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
