"""Margin: what a portfolio that may borrow is worth, what its positions ask for, what it may open.

All positions are valued at what closing them would bring: a long at the bid, a short at the ask;
at the last price where that side is unknown, and at their average cost where nothing is known.
The requirements are dated data by kind of asset (`papertrader.core.rates`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from papertrader.core.money import NULL, SCALE
from papertrader.core.portfolio import PortfolioState, Position
from papertrader.core.quotes import Quote
from papertrader.core.rates import MarginRequirement
from papertrader.core.terms import BASIS_POINTS

SHORT_PRICE_POINTS: Final = 10_300
"""An order that opens a short reserves margin at 1.03 times the ask at least."""

Marks = Callable[[str], Quote | None]
"""From a symbol to its newest trustworthy quote."""
Requirements = Callable[[str], MarginRequirement]
"""From a symbol to what its positions ask for; from the empty one to what holds for shares."""


@attrs.frozen(kw_only=True)
class Standing:
    """How a margin portfolio stands; money in 1e-8 units.

    ``long_value`` and ``short_value`` (less than 0) are what the positions are worth, ``initial``
    and ``maintenance`` what they ask for. ``available`` is the margin that new orders may reserve,
    ``buying_power`` what shares they may buy for; ``has_credit`` is False below the least equity.
    What is asked for in full, such as coins, may be bought for ``available``; ``rate`` is the part
    of other purchases that is asked for, in basis points.
    """

    equity: int
    long_value: int
    short_value: int
    initial: int
    maintenance: int
    available: int
    buying_power: int
    has_credit: bool
    rate: int

    def power_after(self, reserved: int, cost: int) -> int:
        """Return the buying power once an order that may ``cost`` so much has reserved its margin.

        Without credit all of the cost counts.
        """
        spent = reserved if self.has_credit else max(reserved, cost)
        return max(self.available - spent, 0) * BASIS_POINTS // self.rate

    @property
    def shortfall(self) -> int:
        """What is missing for maintenance; 0 if nothing."""
        return max(0, self.maintenance - self.equity)

    @property
    def gross_value(self) -> int:
        """Longs and shorts together."""
        return self.long_value - self.short_value


def mark_of(position: Position, quote: Quote | None) -> int:
    """Return the price at which a position could be closed now."""
    if quote is not None:
        side = quote.bid if position.quantity > 0 else quote.ask
        for price in (side, quote.last):
            if price > 0:
                return price
    return position.avg_cost


def parts_of(amount: int, points: int) -> int:
    """Return so many basis points of an amount, rounded up: a requirement is never too small."""
    return -(-amount * points // BASIS_POINTS)


def value_of(position: Position, mark: int) -> int:
    """Return what a position is worth at a price, less than 0 for a short; rounded down."""
    return position.quantity * mark // SCALE


def maintenance_of(quantity: int, mark: int, rule: MarginRequirement) -> int:
    """Return what holding ``quantity`` asks for at a price."""
    size = -(-abs(quantity) * mark // SCALE)
    if quantity > 0:
        return size if mark < rule.long_low_price else parts_of(size, rule.long)
    if mark < rule.short_low_price:
        return max(size, -(-abs(quantity) * rule.short_low_least // SCALE))
    return max(parts_of(size, rule.short), -(-abs(quantity) * rule.short_least // SCALE))


def stand(
    portfolio: PortfolioState, marks: Marks, rules: Requirements, waiting: Callable[[], int]
) -> Standing:
    """Work out how a portfolio stands at the newest quotes.

    ``waiting`` tells what the open orders will cost in all; it is asked only without credit.
    """
    long_value = short_value = initial = maintenance = 0
    for symbol, position in portfolio.positions.items():
        if position.quantity == 0:
            continue
        mark = mark_of(position, marks(symbol))
        value = value_of(position, mark)
        if value > 0:
            long_value += value
        else:
            short_value += value
        rule = rules(symbol)
        initial += parts_of(abs(value), rule.initial)
        maintenance += maintenance_of(position.quantity, mark, rule)
    rule = rules("")
    equity = portfolio.cash + long_value + short_value
    has_credit = equity >= rule.equity_least
    if has_credit:
        available = equity - initial - portfolio.reserved_cash
        rate = rule.initial
    else:
        # What is reserved is a part of what the orders will cost: count all of it.
        available, rate = min(portfolio.cash - waiting(), equity - initial), BASIS_POINTS
    return Standing(
        equity=equity,
        long_value=long_value,
        short_value=short_value,
        initial=initial,
        maintenance=maintenance,
        available=available,
        buying_power=max(available, 0) * BASIS_POINTS // rate,
        has_credit=has_credit,
        rate=rate,
    )


def short_price(price: int, quote: Quote | None) -> int:
    """Return the price at which an order that opens a short reserves margin.

    ``price`` is its limit or stop, `NULL` without one. `NULL` if neither it nor an ask is known.
    """
    ask = NULL
    if quote is not None and max(quote.ask, quote.last) > 0:
        ask = quote.ask if quote.ask > 0 else quote.last
    raised = NULL if ask == NULL else -(-ask * SHORT_PRICE_POINTS // BASIS_POINTS)
    return max(price, raised)


@attrs.frozen
class Closing:
    """One step of a plan: close so much of a symbol, at about this price."""

    symbol: str
    quantity: int
    """Less than 0: sell; more than 0: buy to cover."""
    mark: int


def liquidation_plan(
    portfolio: PortfolioState,
    marks: Marks,
    rules: Requirements,
    lot_of: Callable[[str], int],
) -> list[Closing]:
    """Return what is to be closed until the portfolio is inside its maintenance, losers first.

    Equity stays the same when something is closed at its mark, so each closing helps by what it
    asked for. Of the last position only as many whole lots are closed as are needed.
    """
    missing = stand(portfolio, marks, rules, lambda: 0).shortfall
    held = [each for each in portfolio.positions.values() if each.quantity]

    def gain(position: Position) -> int:
        mark = mark_of(position, marks(position.symbol))
        return value_of(position, mark) - position.cost_basis

    plan = []
    for position in sorted(held, key=lambda each: (gain(each), each.symbol)):
        if missing <= 0:
            break
        mark = mark_of(position, marks(position.symbol))
        rule = rules(position.symbol)
        whole = maintenance_of(position.quantity, mark, rule)
        lot, size = lot_of(position.symbol), abs(position.quantity)
        if whole <= missing:
            closed = size
        else:
            lots = -(-missing * size // (whole * lot))
            closed = min(size, lots * lot)
            while closed < size and whole - _asked(position, size - closed, mark, rule) < missing:
                closed = min(size, closed + lot)
        rest = _asked(position, size - closed, mark, rule)
        missing -= whole - rest
        plan.append(Closing(position.symbol, -closed if position.quantity > 0 else closed, mark))
    return plan


def _asked(position: Position, size: int, mark: int, rule: MarginRequirement) -> int:
    return maintenance_of(size if position.quantity > 0 else -size, mark, rule)
