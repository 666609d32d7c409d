"""Restrictions: what a portfolio's own terms forbid, beside the rules that hold for everybody.

They bind what *opens* or enlarges a position; what closes one is held up only by the least time
that it must be held. They are checked when an order enters, at the prices known then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from papertrader.core.instants import SECOND
from papertrader.core.money import NULL, SCALE, format_amount
from papertrader.core.orders import NewOrder, Order, OrderFlag, OrderState, Side
from papertrader.core.portfolio import PortfolioState
from papertrader.core.quotes import Quote
from papertrader.core.refusals import NO_FIGURES, Figures, FigureUnit, Refusal, Refused
from papertrader.core.reserving import money_left
from papertrader.core.terms import BASIS_POINTS


def check_restrictions(
    command: NewOrder,
    portfolio: PortfolioState,
    quote_of: Callable[[str], Quote | None],
    resting: Iterable[Order],
    shares: int = 0,
) -> Refused | None:
    """Return what the portfolio's terms have against ``command``; None for nothing.

    ``quote_of`` gives the newest quote of a symbol; ``resting`` are the portfolio's other open
    orders in the symbol, without one that is replaced. ``shares`` is what an order for an amount
    of money trades at its worst price. One that goes through zero closes first, and opens.
    """
    terms = portfolio.terms
    held = portfolio.quantity(command.symbol)
    size = command.quantity
    if command.flags & OrderFlag.NOTIONAL:
        size = max(shares, _bought_for(size, _price(command, quote_of(command.symbol))))
    if held * _sign(command.side) < 0:
        refused = _held_too_short(command, portfolio, resting, min(size, abs(held)))
        if refused is not None or size <= abs(held) or not command.flags & OrderFlag.ALLOW_FLIP:
            return refused
    if terms.assets and command.symbol not in terms.assets:
        return _refused(
            f"this portfolio may open positions only in {', '.join(terms.assets)}; not in"
            f" {command.symbol}"
        )
    price = _price(command, quote_of(command.symbol))
    if price != NULL and price < terms.price_minimum:
        return _refused(
            f"this portfolio may not open positions below {format_amount(terms.price_minimum)};"
            f" {command.symbol} is at {format_amount(price)}",
            Figures(FigureUnit.PRICE, price, terms.price_minimum, price),
        )
    if terms.position_cap and price != NULL:
        return _too_much(command, portfolio, quote_of, resting, price, size)
    return None


def _sign(side: Side) -> int:
    return 1 if side == Side.BUY else -1


def _bought_for(money: int, price: int) -> int:
    """Return how much ``money`` trades at a price, rounded up; 0 where none is known."""
    return -(-money * SCALE // price) if price > 0 else 0


def _held_too_short(
    command: NewOrder, portfolio: PortfolioState, resting: Iterable[Order], size: int
) -> Refused | None:
    """Count by market time the shares that were held long enough, the oldest lots first.

    ``size`` is what the command closes. Open orders that close the position have the first claim to
    them, the largest of a pair once.
    """
    least = portfolio.terms.hold_seconds
    if not least:
        return None
    wanted = size + _together(
        (order, order.remaining)
        for order in resting
        if order.is_open
        and order.state != OrderState.HELD
        and _closes(order.side, portfolio, command)
    )
    for lot in portfolio.positions[command.symbol].lots:
        left = lot.opened_at + least * SECOND - command.market_at
        # A lot of the future is one of before the clock was turned back.
        if left > 0 and lot.opened_at <= command.market_at:
            return _refused(
                f"this portfolio holds a position for {least} seconds of market time at least;"
                f" so much of {command.symbol} may be closed in {-(-left // SECOND)} seconds",
                Figures(FigureUnit.INSTANT, command.market_at, command.market_at + left),
            )
        wanted -= abs(lot.quantity)
        if wanted <= 0:
            break
    return None


def _together(orders: Iterable[tuple[Order, int]]) -> int:
    """Return how much open orders will trade in all, of a pair the larger one only."""
    found: dict[int, int] = {}
    for order, size in orders:
        pair = order.terms.pair if order.terms is not None else 0
        key = -pair or order.order_id
        found[key] = max(found.get(key, 0), size)
    return sum(found.values())


def _closes(side: Side, portfolio: PortfolioState, command: NewOrder) -> bool:
    return (side == Side.BUY) == (portfolio.quantity(command.symbol) < 0)


def _too_much(
    command: NewOrder,
    portfolio: PortfolioState,
    quote_of: Callable[[str], Quote | None],
    resting: Iterable[Order],
    price: int,
    size: int,
) -> Refused | None:
    """Count the position as if every open order on the same side had filled."""
    same = [order for order in resting if (order.side == Side.BUY) == (command.side == Side.BUY)]
    size += _together(
        (each, max(each.remaining, _bought_for(money_left(each), price))) for each in same
    )
    total = abs(portfolio.quantity(command.symbol) + _sign(command.side) * size)
    held = [symbol for symbol, position in portfolio.positions.items() if position.quantity]
    marks = {symbol: _mark(quote_of(symbol)) for symbol in held}
    equity = portfolio.equity(marks)
    cap = portfolio.terms.position_cap
    if total * price * BASIS_POINTS <= equity * cap * SCALE:
        return None
    worth, most = total * price // SCALE, max(0, equity * cap // BASIS_POINTS)
    return _refused(
        f"this portfolio may have {format_amount(most, group=True)} in one asset, and"
        f" {command.symbol} would be {format_amount(worth, group=True)} with this order",
        Figures(FigureUnit.MONEY, worth, most, price, points=cap),
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


def _refused(what: str, figures: Figures = NO_FIGURES) -> Refused:
    return Refused(Refusal.TERMS_FORBID, f"By its terms {what}.", figures)
