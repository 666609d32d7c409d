"""Corporate actions: what a split or a cash dividend does to positions, open orders and quotes.

An action is applied before the first price of its ex-date, so what a portfolio holds at that
moment is what it held at the close before. A dividend is posted at once, in cents: the recorded
market has ex-dates but no pay dates. The fraction of a share that a split leaves beyond the lot is
paid in cash at the first post-split price, which nobody knows yet: the last known price divided by
the ratio stands for it, and the average cost where no price is known.

An action that is heard of *late*, when its time has passed, is nothing to shares and orders from
that time on: they were bought, and sent, at prices after it. The market's time is the master's
then, for only a live market hears of anything late.
"""

from __future__ import annotations

from typing import Final

import attrs

from papertrader.core.ledger import TransactionKind
from papertrader.core.money import (
    CENT,
    NULL,
    SCALE,
    AmountOverflow,
    cents_of,
    checked,
    divide_half_even,
)
from papertrader.core.orders import (
    Order,
    OrderEventKind,
    OrderType,
    Side,
    TrailKind,
    next_state,
)
from papertrader.core.portfolio import PortfolioState, Position, opened_before, split
from papertrader.core.quotes import ActionKind, Asset, CorporateAction, Quote, market_time
from papertrader.core.refusals import Refusal
from papertrader.core.reserving import reserve_rest
from papertrader.core.terms import PortfolioTerms
from papertrader.core.triggers import rises_to, with_mark

RATIO_MAX: Final = 10_000
"""Greatest numerator and denominator of a split; more is a fault of the feed, and refused."""


@attrs.define
class Posting:
    """What an action posts to one portfolio; the fields are those of a `Transaction`."""

    portfolio: PortfolioState
    position: Position
    kind: TransactionKind
    quantity: int
    price: int
    amount: int
    realized: int = 0
    quote_seq: int = 0
    exchange: Quote | None = None
    """Rate at which the amount was converted; None if it needed none."""


def check_action(action: CorporateAction) -> None:
    """Raise `ValueError` for an action that no company could take."""
    if action.kind == ActionKind.SPLIT:
        if not (1 <= action.numerator <= RATIO_MAX and 1 <= action.denominator <= RATIO_MAX):
            raise ValueError(
                f"the split {action.numerator}:{action.denominator} of {action.symbol} is not"
                f" possible; both numbers must lie between 1 and {RATIO_MAX}"
            )
    elif action.kind != ActionKind.CASH_DIVIDEND:
        if action.amount < 0:
            raise ValueError(f"{action.symbol} cannot be delisted at a price below 0")
    elif action.amount <= 0:
        raise ValueError(f"the dividend of {action.symbol} must be more than 0 a share")


def plan_split(
    portfolio: PortfolioState,
    action: CorporateAction,
    asset: Asset,
    quote: Quote | None,
    at: int,
    exchange: Quote | None = None,
    late: bool = False,
) -> Posting | None:
    """Return what a split posts to ``portfolio``; None if it holds nothing that it splits.

    ``exchange`` is the rate of the asset's currency where it is not the portfolio's. Raises
    `AmountOverflow` if the result does not fit.
    """
    position = portfolio.positions.get(action.symbol)
    before = action.at if late else 0
    if position is None or opened_before(position, before) == 0:
        return None
    result = split(
        position,
        numerator=action.numerator,
        denominator=action.denominator,
        lot=asset.lot,
        at=at,
        before=before,
    )
    price, amount, quote_seq = NULL, 0, 0
    if result.fraction_numerator:
        known = last_price(quote)
        if quote is None or known == NULL:
            known = position.avg_cost
            exchange = None  # The cost is in the portfolio's money.
        else:
            quote_seq = quote.quote_seq
        if quote_seq and quote is not None and late and not is_before(quote, action):
            price, parts = known, action.denominator
        else:
            price = divide_half_even(known * action.denominator, action.numerator)
            parts = result.fraction_denominator
        notional = known * result.fraction_numerator
        if exchange is not None:
            notional = notional * exchange.bid // SCALE
        cents = divide_half_even(notional, parts * SCALE * CENT)
        amount = checked(cents * CENT)
    else:
        exchange = None
    checked(portfolio.cash + amount)
    realized = amount - result.released
    after = attrs.evolve(result.position, realized=checked(position.realized + realized))
    change = checked(after.quantity - position.quantity)
    kind = TransactionKind.SPLIT
    return Posting(portfolio, after, kind, change, price, amount, realized, quote_seq, exchange)


def plan_dividend(
    portfolio: PortfolioState,
    action: CorporateAction,
    exchange: Quote | None = None,
    late: bool = False,
) -> Posting | None:
    """Return what a dividend posts to ``portfolio``; None if that is nothing.

    A short position pays. ``exchange`` is the rate of the asset's currency where it is not the
    portfolio's; the amount is rounded to cents once, in the portfolio's. Raises `AmountOverflow`
    if the result does not fit.
    """
    position = portfolio.positions.get(action.symbol)
    if position is None:
        return None
    quantity = opened_before(position, action.at if late else 0)
    if exchange is None:
        amount = cents_of(action.amount, quantity)
    else:
        cents = divide_half_even(action.amount * quantity * exchange.bid, SCALE * SCALE * CENT)
        amount = checked(cents * CENT)
    if amount == 0:
        return None
    checked(portfolio.cash + amount)
    kind = TransactionKind.DIVIDEND
    return Posting(portfolio, position, kind, quantity, action.amount, amount, exchange=exchange)


def is_before(quote: Quote, action: CorporateAction) -> bool:
    """Tell whether a quote is of the time before an action."""
    return market_time(quote) < action.at


def split_order(
    order: Order,
    action: CorporateAction,
    asset: Asset,
    at: int,
    owner: PortfolioTerms,
    since: int = 0,
    followed: bool = False,
) -> tuple[OrderEventKind, Order]:
    """Return what a split makes of an open order: adjusted, or cancelled if nothing is left.

    The rest of the quantity is cut to whole lots, and a price is rounded to a tick in the sense
    that keeps the order inside what it allowed and reserved: a buy's down, a sell's up. What has
    filled is scaled, so that the average price is in new shares. ``since``: how much of the order
    is in new shares already, for the split is heard of late: of what has filled, then of the rest.
    ``followed``: a trailing stop has followed the prices of new shares already.
    """
    changed = order.snapshot()
    changed.version += 1
    changed.updated_at = at
    try:
        # What closes and what opens each by itself: the latter has no more margin than before.
        parts = (order.filled, order.reserved_quantity, order.remaining - order.reserved_quantity)
        after = []
        for part, lot in zip(parts, (1, asset.lot, asset.lot), strict=True):
            after.append(split_shares(part, action, lot, since))
            since -= min(part, since)
        changed.filled, remaining = after[0], after[1] + after[2]
        changed.quantity = checked(changed.filled + remaining)
        changed.limit_price = _split_price(order.side, order.limit_price, action, asset.tick)
        changed.collar_price = _split_price(order.side, order.collar_price, action, asset.tick)
        _split_stop(changed, action, asset.tick, at, followed)
        base = changed.snapshot()
        base.reserved_quantity = after[1]
        reserve_rest(changed, owner, base)
        reason = 0
        if remaining == 0:
            reason = int(Refusal.BAD_LOT)
        elif 0 in (changed.bound_price, changed.stop_price):
            reason = int(Refusal.BAD_TICK)
    except AmountOverflow:
        reason = int(Refusal.AMOUNT_OVERFLOW)
    if reason:
        return OrderEventKind.CANCELLED, end_order(order, OrderEventKind.CANCELLED, reason, at)
    return OrderEventKind.ADJUSTED, changed


def split_shares(quantity: int, action: CorporateAction, lot: int, since: int = 0) -> int:
    """Return what a split makes of a quantity of an order: whole lots.

    ``since``: so much of it, or all if that is less, is in new shares already.
    """
    new = min(quantity, since)
    after = (quantity - new) * action.numerator // action.denominator
    return new + after - after % lot


def _split_stop(order: Order, action: CorporateAction, tick: int, at: int, followed: bool) -> None:
    """Put the stop of an order in terms of new shares: the same distance to the new price.

    Rounded to a tick so that it triggers no sooner than before, and a trailing stop to a unit. If
    it has ``followed`` the prices of new shares already, its best price is one of those.
    """
    numerator, denominator = action.numerator, action.denominator
    if order.stop_price != NULL and order.order_type != OrderType.TRAILING_STOP:
        scaled, unit = order.stop_price * denominator, numerator * tick
        rises = rises_to(order.side, order.order_type)
        order.stop_price = checked((-(-scaled // unit) if rises else scaled // unit) * tick)
    terms = order.terms
    if terms is None or terms.trail_kind == TrailKind.NONE:
        return
    trail = terms.trail
    if terms.trail_kind == TrailKind.AMOUNT:
        trail = max(divide_half_even(trail * denominator, numerator), 1)
    order.terms = attrs.evolve(terms, trail=trail)
    if terms.mark != NULL:
        mark = terms.mark
        if not followed:
            mark = max(divide_half_even(mark * denominator, numerator), 1)
        moved = with_mark(order, checked(mark), at)
        order.terms, order.stop_price = moved.terms, moved.stop_price


def end_order(order: Order, kind: OrderEventKind, reason: int, at: int) -> Order:
    """Return ``order`` ended by ``kind`` (CANCELLED or EXPIRED), its reservations released."""
    changed = order.snapshot()
    changed.state = next_state(order.state, kind)
    changed.reason = reason
    changed.reserved_cash = 0
    changed.reserved_quantity = 0
    changed.version += 1
    changed.updated_at = at
    return changed


def split_quote(quote: Quote, action: CorporateAction) -> Quote:
    """Return the last known quote in terms of new shares, for collars until the first new one."""

    def price(old: int) -> int:
        if old == NULL:
            return NULL
        return divide_half_even(old * action.denominator, action.numerator)

    def size(old: int) -> int:
        return old * action.numerator // action.denominator

    return attrs.evolve(
        quote,
        bid=price(quote.bid),
        ask=price(quote.ask),
        last=price(quote.last),
        day_open=price(quote.day_open),
        day_high=price(quote.day_high),
        day_low=price(quote.day_low),
        prev_close=price(quote.prev_close),
        bid_size=size(quote.bid_size),
        ask_size=size(quote.ask_size),
        last_size=size(quote.last_size),
        day_volume=size(quote.day_volume),
    )


def last_price(quote: Quote | None) -> int:
    """Return the last trade's price, or else the bid; `NULL` if neither is known."""
    if quote is None:
        return NULL
    return next((price for price in (quote.last, quote.bid) if price > 0), NULL)


def _split_price(side: Side, price: int, action: CorporateAction, tick: int) -> int:
    if price == NULL:
        return NULL
    scaled, unit = price * action.denominator, action.numerator * tick
    ticks = scaled // unit if side == Side.BUY else -(-scaled // unit)
    return checked(ticks * tick)
