"""Endings: what becomes of positions and orders when a symbol changes its name or is delisted.

It is a part of the desk (`papertrader.core.desk`). Open orders of the symbol are cancelled first.
At a delisting every position is closed at the price that the action names, the last price known
without it, and the average cost without either. At a change of symbol every position moves to the
new symbol with its lots and its cost; what it realized stays with the old one. Where it closes what
is held there, or a part of it, the portfolio's open orders in the new symbol are cancelled, too;
otherwise those that may open a position the other way.
"""

from __future__ import annotations

from typing import Final

from papertrader.core.carry import Carrying
from papertrader.core.exchange import received_for
from papertrader.core.ledger import TransactionKind
from papertrader.core.money import checked
from papertrader.core.orders import OrderEventKind, Side
from papertrader.core.portfolio import PortfolioState, Position, moved
from papertrader.core.postings import closing_event, symbol_event
from papertrader.core.quotes import ActionKind, CorporateAction, Quote
from papertrader.core.refusals import Refusal

ENDINGS: Final = frozenset({ActionKind.SYMBOL_CHANGE, ActionKind.DELISTING})
"""Kinds of action after which nobody trades the symbol any more."""


class Endings(Carrying):
    """Changes of symbol and delistings."""

    def _check_ending(self, action: CorporateAction) -> None:
        """Raise `ValueError` or `AmountOverflow` if the action cannot be applied as a whole."""
        if action.kind == ActionKind.SYMBOL_CHANGE:
            new = self._assets.get(action.successor)
            if new is None or action.successor == action.symbol:
                raise ValueError(
                    f"{action.symbol} cannot become {action.successor or 'nothing'}; list the new"
                    " symbol first"
                )
            old = self._assets.get(action.symbol)
            if old is not None and old.currency != new.currency:
                raise ValueError(
                    f"{action.symbol} cannot become {action.successor}, which trades in"
                    f" {new.currency} and not in {old.currency}"
                )
        for portfolio, position in self._holders(action.symbol):
            if action.kind == ActionKind.DELISTING:
                price, _, exchange = self._ending_price(action, portfolio, position)
                proceeds = received_for(price * position.quantity, exchange)
                checked(portfolio.cash + proceeds)
                checked(position.realized + proceeds - position.cost_basis)
            else:
                held = portfolio.positions.get(action.successor)
                moved(position, held, action.successor, 0, 0)

    def _end_symbol(self, action: CorporateAction, at: int) -> None:
        """Cancel the orders of a symbol, and close or move its positions."""
        delisted = action.kind == ActionKind.DELISTING
        reason = Refusal.SYMBOL_HALTED if delisted else Refusal.NO_SUCH_SYMBOL
        books = self.state.books_in(action.symbol)
        for number in sorted(each for _, book in books for each in book.order_ids()):
            order = self.state.orders[number]
            if order.is_open:
                self._end(order, OrderEventKind.CANCELLED, int(reason), at)
        for portfolio, position in self._holders(action.symbol):
            if delisted:
                price, quote_seq, exchange = self._ending_price(action, portfolio, position)
                self._emit(
                    closing_event(
                        self.state,
                        portfolio,
                        position,
                        price,
                        quote_seq,
                        at,
                        action.at,
                        TransactionKind.DELISTING,
                        exchange,
                    )
                )
            else:
                new = portfolio.positions.get(action.successor)
                closes = new is not None and new.quantity * position.quantity < 0
                self._cancel_orders(portfolio, action.successor, position.quantity > 0, closes, at)
                number = self.state.accounts[portfolio.account].transaction_id + 2
                after, realized = moved(position, new, action.successor, at, number)
                size = position.quantity
                steps = ((_flat(position, at), -size, 0), (after, size, realized))
                for moving, change, profit in steps:
                    self._emit(
                        symbol_event(self.state, portfolio, moving, change, profit, at, action.at)
                    )
        self._quotes.pop(action.symbol)

    def _cancel_orders(
        self, portfolio: PortfolioState, symbol: str, is_long: bool, closes: bool, at: int
    ) -> None:
        """Cancel a portfolio's orders in a symbol that what comes to it, a long or not, upsets.

        If it ``closes`` what is held there these are all; else those that open the other way: they
        would close what has come, though they have not reserved it.
        """
        reason = int(Refusal.INSUFFICIENT_POSITION)
        for number in sorted(self.state.open_orders[portfolio.portfolio]):
            order = self.state.orders[number]
            if order.symbol != symbol or not order.is_open:
                continue
            if closes or (order.reserved_cash and (order.side == Side.BUY) != is_long):
                self._end(order, OrderEventKind.CANCELLED, reason, at)

    def _holders(self, symbol: str) -> list[tuple[PortfolioState, Position]]:
        found = []
        for number in sorted(self.state.portfolios):
            portfolio = self.state.portfolios[number]
            position = portfolio.positions.get(symbol)
            if position is not None and position.quantity:
                found.append((portfolio, position))
        return found

    def _ending_price(
        self, action: CorporateAction, portfolio: PortfolioState, position: Position
    ) -> tuple[int, int, Quote | None]:
        """Return what a delisted position is closed at, the quote's number, and the rate."""
        if action.amount:
            asset = self._assets[action.symbol]
            exchange = self._exchange(asset, portfolio, action.at)
            if exchange is not None or asset.currency == portfolio.currency:
                return action.amount, 0, exchange
        return self._closing_price(portfolio, position, action.at)


def _flat(position: Position, at: int) -> Position:
    return Position(position.symbol, 0, 0, position.realized, position.opened_at, at)
