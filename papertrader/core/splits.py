"""Splits and dividends: what they post, and what becomes of open orders and of the last quote.

It is a part of the desk (`papertrader.core.desk`). What an action makes of one position or order is
in `papertrader.core.actions`. Of one that is heard of late, orders that were sent from its time on
stay as they are, and so does, in number, what others have filled since, and exits of that. A
combination of which some orders were sent before and some after is cancelled: no part of it could
be told what the others are about. So are orders for more than there then is to close, the newest
first, and those that would close, unreserved, what a split has made more.
"""

from __future__ import annotations

from papertrader.core.actions import (
    Posting,
    is_before,
    plan_dividend,
    plan_split,
    split_order,
    split_quote,
    split_shares,
)
from papertrader.core.endings import Endings
from papertrader.core.orders import Order, OrderEventKind, OrderState, Side
from papertrader.core.quotes import ActionKind, Asset, CorporateAction
from papertrader.core.refusals import Refusal


class Splits(Endings):
    """Splits and cash dividends."""

    def _plan(self, action: CorporateAction, asset: Asset, at: int, late: bool) -> list[Posting]:
        """Work out what an action posts to each portfolio, before anything is changed."""
        postings = []
        quote = self._quotes.get(action.symbol)
        for number in sorted(self.state.portfolios):
            portfolio = self.state.portfolios[number]
            if not portfolio.quantity(action.symbol):
                continue
            exchange = self._exchange(asset, portfolio, action.at)
            no_rate = exchange is None and asset.currency != portfolio.currency
            if action.kind == ActionKind.SPLIT:
                known = None if no_rate else quote
                posting = plan_split(portfolio, action, asset, known, at, exchange, late)
            elif no_rate:
                continue  # Nobody can say what it would be worth.
            else:
                posting = plan_dividend(portfolio, action, exchange, late)
            if posting is not None:
                postings.append(posting)
        return postings

    def _split_rest(
        self, action: CorporateAction, asset: Asset, at: int, late: bool, changed: list[int]
    ) -> None:
        """Let open orders, and what is known of the market, follow a split of the positions.

        ``changed`` are the portfolios that had one.
        """
        if late:
            self._end_torn(action, at)
        ended = self._split_orders(action, asset, at, late)
        quote = self._quotes.get(action.symbol)
        if quote is not None and (not late or is_before(quote, action)):
            self._quotes[action.symbol] = split_quote(quote, action)
        self._intervals.forget(action.symbol)
        for order, filled in ended:
            self._follow(order, at, filled)
        if late:
            # Who sold since may have less than orders from before, or since, are about.
            asking = {order.portfolio for order in self._orders_of(action.symbol)}
            for number in sorted(asking):
                self._end_uncovered(number, action, at, number in changed)

    def _orders_of(self, symbol: str) -> list[Order]:
        books = self.state.books_in(symbol)
        numbers = sorted(number for _, book in books for number in book.order_ids())
        return [self.state.orders[number] for number in numbers]

    def _split_orders(
        self, action: CorporateAction, asset: Asset, at: int, late: bool
    ) -> list[tuple[Order, int]]:
        """Adjust the open orders of a symbol; return those of which nothing was left.

        Each with what it has filled, in new shares.
        """
        ended = []
        orders = self._orders_of(action.symbol)
        if late:
            orders = [order for order in orders if order.accepted_at < action.at]
        since = [self._since(order, action) if late else 0 for order in orders]
        for old, new in zip(orders, since, strict=True):
            owner = self.state.portfolios[old.portfolio].terms
            # A trailing stop with the best price that the market has moved it to by now.
            order = self.shown(old)
            followed = late and self._has_followed(order, action)
            kind, order = split_order(order, action, asset, at, owner, new, followed)
            ends = kind == OrderEventKind.CANCELLED
            self._change(kind, order, at, self._last_receipt(old) if ends else None)
            if ends:
                ended.append((order, split_shares(order.filled, action, asset.lot, new)))
        return ended

    def _has_followed(self, order: Order, action: CorporateAction) -> bool:
        """Tell whether a trailing stop's best price is one of after a late split.

        Where a share is worth less since, the lowest price that a buy has seen is of after it;
        where it is worth more, the highest that a sale has seen.
        """
        terms, quote = order.terms, self._quotes.get(order.symbol)
        if terms is None or terms.marked_at < action.at:
            return False
        if quote is None or is_before(quote, action):
            return False
        return (action.numerator > action.denominator) == (order.side == Side.BUY)

    def _since(self, order: Order, action: CorporateAction) -> int:
        """Return how much of an order from before a late split is of shares traded since.

        That is what it has filled, or, of a leg, what its parent has, if that changed since: when
        each part filled is not known any more. A leg that is to pay for what it opens goes on for
        the same money.
        """
        terms = order.terms
        if terms is not None and terms.parent and not order.reserved_cash:
            parent = self.state.orders[terms.parent]
            if parent.filled and parent.updated_at >= action.at:
                waits = order.state == OrderState.HELD
                return order.quantity - (parent.remaining if waits else 0)
        return order.filled if order.updated_at >= action.at else 0

    def _end_torn(self, action: CorporateAction, at: int) -> None:
        """Cancel combinations of which a late split would adjust one order and not another."""
        for order in self._orders_of(action.symbol):
            terms = order.terms
            if terms is None or not self.state.orders[order.order_id].is_open:
                continue
            others = list(self.state.pairs.get(terms.pair, ())) if terms.pair else []
            if order.state == OrderState.HELD:
                others.append(terms.parent)
            was_before = order.accepted_at < action.at
            sent = [self.state.orders[number].accepted_at for number in others]
            if any((each < action.at) != was_before for each in sent):
                reason = int(Refusal.COMBINATION_ENDED)
                self._end(order, OrderEventKind.CANCELLED, reason, at)

    def _end_uncovered(
        self, portfolio: int, action: CorporateAction, at: int, changed: bool
    ) -> None:
        """Cancel orders that a late split has left without what they are to close.

        ``changed``: the portfolio has more, or less, than when the orders since were sent.
        """
        reason, owner = int(Refusal.INSUFFICIENT_POSITION), self.state.portfolios[portfolio]
        held = owner.quantity(action.symbol)
        for number in sorted(self.state.open_orders[portfolio], reverse=True):
            order = self.state.orders[number]
            if order.symbol != action.symbol or not order.is_open:
                continue
            over = order.reserved_quantity and owner.available_quantity(action.symbol) < 0
            is_new = changed and order.accepted_at >= action.at
            if over or (is_new and order.reserved_cash and (held > 0) != (order.side == Side.BUY)):
                self._end(order, OrderEventKind.CANCELLED, reason, at)
