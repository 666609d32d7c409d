"""Allowance: whether a portfolio may open or close what an order asks for, and can bear it.

What an order closes and what it opens are told apart by the position as it is; the terms of the
portfolio and the margin rules are asked about what opens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import attrs

from papertrader.core.margin import Requirements, Standing, parts_of, short_price
from papertrader.core.money import NULL, cost_of, format_amount
from papertrader.core.orders import NewOrder, Order, OrderFlag, Side
from papertrader.core.portfolio import PortfolioState
from papertrader.core.quotes import Asset, AssetFlag, Quote
from papertrader.core.rates import MarginRequirement, day_begins, margin_requirement, trading_day
from papertrader.core.refusals import Figures, FigureUnit, Refusal, Refused
from papertrader.core.shape import shares
from papertrader.core.terms import BASIS_POINTS, PortfolioTerms, TermsFlag

if TYPE_CHECKING:
    from papertrader.core.bounds import Bound


@attrs.frozen
class Split:
    """How much of an order closes and how much opens; ``price`` is what the opening counts at."""

    closes: int
    opens: int
    price: int

    @property
    def value(self) -> int:
        """What the opening part is worth at that price; raises `AmountOverflow`."""
        return cost_of(self.price, self.opens) if self.opens else 0


def split_wish(
    command: NewOrder, asset: Asset, quote: Quote | None, bound: Bound, portfolio: PortfolioState
) -> Refused | Split:
    """Tell what an order of a margin portfolio would close and open.

    Refused: through zero without ALLOW_FLIP, and a short sale that is not allowed.
    """
    held, size = portfolio.quantity(command.symbol), command.quantity
    buys = command.side == Side.BUY
    closes = min(size, abs(held)) if (held < 0 if buys else held > 0) else 0
    opens = size - closes
    if closes and opens and not command.flags & OrderFlag.ALLOW_FLIP:
        kind = "long" if held > 0 else "short"
        return Refused(
            Refusal.INSUFFICIENT_POSITION,
            f"You are {kind} {shares(abs(held))} {command.symbol}, and the order for"
            f" {shares(size)} would go through zero; send {shares(abs(held))} to close, or allow"
            " the order to flip the position.",
            Figures(FigureUnit.QUANTITY, size, closes),
        )
    if not opens:
        return Split(closes, 0, 0)
    if buys:
        return Split(closes, opens, bound.price)
    refused = _check_short(command, asset, portfolio.terms)
    if refused is not None:
        return refused
    price = short_price(max(command.limit_price, command.stop_price, bound.price), quote)
    if price == NULL:
        return Refused(
            Refusal.NO_QUOTE,
            f"No ask price of {asset.symbol} is known yet, by which a short sale reserves margin;"
            " use a LIMIT order, or wait for the first quote.",
        )
    return Split(closes, opens, price)


def _check_short(command: NewOrder, asset: Asset, terms: PortfolioTerms) -> Refused | None:
    if terms.has(TermsFlag.NO_SHORTING):
        text = "The terms of this portfolio do not allow short sales; buy first."
    elif not asset.flags & AssetFlag.SHORTABLE:
        text = f"No shares of {asset.symbol} can be borrowed for a short sale; buy it first."
    else:
        return None
    return Refused(Refusal.SHORT_NOT_ALLOWED, text)


def margin_for(value: int, asset: Asset, market_at: int) -> int:
    """Return the margin that opening ``value`` of an asset reserves."""
    return parts_of(value, margin_requirement(trading_day(market_at), asset.kind).initial)


def waiting_value(orders: Iterable[Order], rules: Requirements) -> int:
    """Return what open orders of a margin portfolio will cost, of which they reserve a part."""
    return sum(
        order.reserved_cash * BASIS_POINTS // rules(order.symbol).initial
        for order in orders
        if order.reserved_cash
    )


def check_leverage(
    value: int, portfolio: PortfolioState, standing: Standing, waiting: Callable[[], int]
) -> Refused | None:
    """Check opening ``value`` more against the leverage in the terms.

    ``waiting`` tells what the open orders will cost, which counts in it.
    """
    leverage = portfolio.terms.leverage
    if not leverage:
        return None
    most = max(0, standing.equity * leverage // BASIS_POINTS)
    total = standing.gross_value + waiting() + value
    if total <= most:
        return None
    return Refused(
        Refusal.TERMS_FORBID,
        f"By its terms this portfolio may have {format_amount(most, group=True)}"
        f" {portfolio.currency} in positions and open orders, and would have"
        f" {format_amount(total, group=True)} with this order.",
        Figures(FigureUnit.MONEY, total, most, points=leverage),
    )


def check_margin(
    command: NewOrder,
    reserved: int,
    value: int,
    portfolio: PortfolioState,
    standing: Standing,
    rule: MarginRequirement,
    price: int = NULL,
    old: Order | None = None,
) -> Refused | None:
    """Check that a margin portfolio can bear opening ``value``, for which ``reserved`` is needed.

    ``rule`` says what part of its value the asset asks for; ``price`` is the worst one that the
    order is reckoned with. What ``old``, an order in the same asset, has reserved is there for it.
    """
    if not reserved:
        return None
    freed, initial = old.reserved_cash if old is not None else 0, rule.initial
    since = day_begins(rule.effective_from)
    free, need = standing.available + freed, reserved
    if not standing.has_credit:
        if command.side != Side.BUY:
            return Refused(
                Refusal.SHORT_NOT_ALLOWED,
                f"The portfolio's equity of {format_amount(standing.equity, group=True)}"
                f" {portfolio.currency} is too small to sell short; 2,000.00 are needed.",
                Figures(FigureUnit.MONEY, rule.equity_least, standing.equity, price, since),
            )
        need = reserved - parts_of(value, initial) + value
        free += freed * BASIS_POINTS // initial - freed
    if need <= free:
        return None
    what = "in margin" if standing.has_credit else "in cash, for there is no credit below 2,000.00"
    return Refused(
        Refusal.INSUFFICIENT_MARGIN,
        f"The order needs {format_amount(need, group=True)} {portfolio.currency} {what}, available"
        f" {format_amount(free, group=True)} {portfolio.currency}; reduce the quantity or cancel"
        " an open order.",
        Figures(
            FigureUnit.MONEY,
            need,
            free,
            price,
            since,
            initial if standing.has_credit else BASIS_POINTS,
        ),
    )
