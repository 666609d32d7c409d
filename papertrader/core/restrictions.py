"""Restrictions: what a portfolio's own terms forbid, beside the rules that hold for everybody.

They bind what *opens* or enlarges a position; what closes one is held up only by the least time
that it must be held. They are checked when an order enters, at the prices known then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from papertrader.core.instants import SECOND
from papertrader.core.money import NULL, SCALE, format_amount
from papertrader.core.orders import NewOrder, Order, Side
from papertrader.core.portfolio import PortfolioState
from papertrader.core.quotes import Quote
from papertrader.core.refusals import Refusal, Refused
from papertrader.core.terms import BASIS_POINTS


def check_restrictions(
    command: NewOrder,
    portfolio: PortfolioState,
    quote_of: Callable[[str], Quote | None],
    resting: Iterable[Order],
) -> Refused | None:
    """Return what the portfolio's terms have against ``command``; None for nothing.

    ``quote_of`` gives the newest quote of a symbol; ``resting`` are the portfolio's other open
    orders in the symbol, without one that is replaced.
    """
    terms = portfolio.terms
    held = portfolio.quantity(command.symbol)
    signed = command.quantity if command.side == Side.BUY else -command.quantity
    if held * signed < 0 and abs(signed) <= abs(held):
        return _held_too_short(command, portfolio)
    if terms.assets and command.symbol not in terms.assets:
        return _refused(
            f"this portfolio may open positions only in {', '.join(terms.assets)}; not in"
            f" {command.symbol}"
        )
    price = _price(command, quote_of(command.symbol))
    if price != NULL and price < terms.price_minimum:
        return _refused(
            f"this portfolio may not open positions below {format_amount(terms.price_minimum)};"
            f" {command.symbol} is at {format_amount(price)}"
        )
    if terms.position_cap and price != NULL:
        return _too_much(command, portfolio, quote_of, resting, price)
    return None


def _held_too_short(command: NewOrder, portfolio: PortfolioState) -> Refused | None:
    least = portfolio.terms.hold_seconds
    position = portfolio.positions[command.symbol]
    left = position.opened_at + least * SECOND - command.at
    if not least or left <= 0:
        return None
    return _refused(
        f"this portfolio holds a position for {least} seconds at least; {command.symbol} may be"
        f" closed in {-(-left // SECOND)} seconds"
    )


def _too_much(
    command: NewOrder,
    portfolio: PortfolioState,
    quote_of: Callable[[str], Quote | None],
    resting: Iterable[Order],
    price: int,
) -> Refused | None:
    """Count the position as if every open order on the same side had filled."""
    same = [order for order in resting if (order.side == Side.BUY) == (command.side == Side.BUY)]
    total = abs(portfolio.quantity(command.symbol)) + command.quantity
    total += sum(order.remaining for order in same)
    held = [symbol for symbol, position in portfolio.positions.items() if position.quantity]
    marks = {symbol: _mark(quote_of(symbol)) for symbol in held}
    equity = portfolio.equity(marks)
    cap = portfolio.terms.position_cap
    if total * price * BASIS_POINTS <= equity * cap * SCALE:
        return None
    worth, most = total * price // SCALE, max(0, equity * cap // BASIS_POINTS)
    return _refused(
        f"this portfolio may have {format_amount(most, group=True)} in one asset, and"
        f" {command.symbol} would be {format_amount(worth, group=True)} with this order"
    )


def _price(command: NewOrder, quote: Quote | None) -> int:
    """Return what the order is reckoned at: the last price, or else its own limit or stop."""
    found = _mark(quote)
    if found != NULL:
        return found
    return command.limit_price if command.limit_price != NULL else command.stop_price


def _mark(quote: Quote | None) -> int:
    if quote is None:
        return NULL
    return next((price for price in (quote.last, quote.bid, quote.ask) if price > 0), NULL)


def _refused(what: str) -> Refused:
    return Refused(Refusal.TERMS_FORBID, f"By its terms {what}.")
