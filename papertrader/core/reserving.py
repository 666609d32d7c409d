"""Reserving: what an open order holds for its rest, and what an order for money may still buy."""

from __future__ import annotations

from papertrader.core.fees import fee_reserve, money_fees
from papertrader.core.money import SCALE, cost_of_notional, proceeds_of_notional
from papertrader.core.orders import ACTIVE_STATES, Order, Side
from papertrader.core.terms import AccountKind, FeeModelKind, PortfolioTerms


def reserve_rest(order: Order, owner: PortfolioTerms, before: Order) -> None:
    """Set what ``order`` reserves to what its rest needs at its bound; nothing unless it may fill.

    ``owner`` are the terms of its portfolio, ``before`` the order as it was. Cash is the
    difference to the whole cost, so that rounding does not add up over many fills. Raises
    `AmountOverflow` if that does not fit. Never more cash than before: a split may have raised fees
    per share beyond what was reserved for them.
    """
    reserve_whole(order, owner, before)
    order.reserved_cash = min(order.reserved_cash, before.reserved_cash)


def reserve_whole(order: Order, owner: PortfolioTerms, before: Order) -> None:
    """Do as `reserve_rest`, though it were more cash than before."""
    order.reserved_cash = order.reserved_quantity = 0
    if order.state not in ACTIVE_STATES:
        return
    if owner.account_kind == AccountKind.MARGIN or (order.is_foreign and order.side == Side.BUY):
        _reserve_part(order, before)
    elif order.side != Side.BUY:
        order.reserved_quantity = order.reservable(order.remaining)
    elif order.terms is not None and order.terms.notional:
        order.reserved_cash = money_left(order) + money_fees(owner, order)
    else:
        spent = order.notional_filled
        whole = cost_of_notional(spent + order.bound_price * order.remaining)
        order.reserved_cash = whole - cost_of_notional(spent)
        if owner.fee_model != FeeModelKind.FREE:
            order.reserved_cash += fee_reserve(owner, order, order.bound_price)


def _reserve_part(order: Order, before: Order) -> None:
    """Keep what the rest needs of what an order had reserved that nobody can work out again.

    That is margin, and cash at a rate of exchange. An order closes first, and reserves the shares
    for that; what it reserves for what it opens falls in proportion, rounded up.
    """
    closes = max(before.reserved_quantity - (order.filled - before.filled), 0)
    order.reserved_quantity = min(closes, order.remaining)
    if not before.reserved_cash:
        return
    if order.terms is not None and order.terms.notional:
        part, whole = money_left(order), money_left(before)
    else:
        part = order.remaining - order.reserved_quantity
        whole = before.remaining - before.reserved_quantity
    if part and whole:
        order.reserved_cash = min(-(-before.reserved_cash * part // whole), before.reserved_cash)


def money_left(order: Order) -> int:
    """Return what an order for an amount of money may still spend, or has still to bring."""
    if order.terms is None:
        return 0
    done = order.notional_filled
    moved = cost_of_notional(done) if order.side == Side.BUY else proceeds_of_notional(done)
    return max(order.terms.notional - moved, 0)


def affordable(money: int, price: int, lot: int) -> int:
    """Return how much can be traded at ``price`` for ``money``: whole lots, never for more."""
    quantity = money * SCALE // price
    return quantity - quantity % lot
