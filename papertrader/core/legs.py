"""Legs: the orders that a new order brings along, checked and turned into orders of their own.

A parent's take profit, stop loss and further orders are HELD until it has filled; the first two are
a pair of which one cancels the other. The partner of an OCO order works from the start beside it.
"""

from __future__ import annotations

from typing import Final

import attrs

from papertrader.core.money import NULL
from papertrader.core.orders import (
    Leg,
    LegRole,
    NewOrder,
    Order,
    OrderState,
    OrderTerms,
    OrderType,
    Side,
    TimeInForce,
    TrailKind,
    TriggerSource,
)
from papertrader.core.quotes import Asset
from papertrader.core.refusals import Refusal, Refused
from papertrader.core.rules import DeskRules
from papertrader.core.shape import check_shape

LEGS_MAX: Final = 4
"""Legs of one order; more are refused with BAD_COMBINATION."""
EXITS: Final = frozenset({LegRole.TAKE_PROFIT, LegRole.STOP_LOSS})
_ONCE: Final = EXITS | {LegRole.OCO}
_RESTING: Final = frozenset({TimeInForce.DAY, TimeInForce.GTC, TimeInForce.GTD})


def check_legs(command: NewOrder, asset: Asset, rules: DeskRules) -> Refused | list[NewOrder]:
    """Return the wishes of the legs, or why the combination cannot be."""
    text = _problem(command)
    if text:
        return Refused(Refusal.BAD_COMBINATION, text)
    wishes = []
    for leg in command.legs:
        wish = leg_wish(command, leg)
        refused = check_shape(wish, asset, rules)
        if refused is not None:
            name = leg.role.name.lower().replace("_", " ")
            text = f"The {name} leg: {refused.text}"
            return Refused(refused.refusal, text, refused.figures)
        wishes.append(wish)
    return wishes


def _problem(command: NewOrder) -> str:
    legs = command.legs
    roles = [leg.role for leg in legs]
    numbers = {command.client_order_id, *(leg.client_order_id for leg in legs)}
    if len(legs) > LEGS_MAX:
        return f"An order has {LEGS_MAX} legs at most; send the others by themselves."
    if LegRole.NONE in roles or any(roles.count(role) > 1 for role in _ONCE):
        return "Each leg needs a role, and only OTO may be given twice."
    if len(numbers) <= len(legs):
        return "Each leg needs a client order id of its own."
    if LegRole.OCO in roles and len(legs) > 1:
        return "An OCO order has one leg, its partner; give take profit and stop loss to an order."
    for leg in legs:
        text = _leg_problem(command, leg)
        if text:
            return text
    return ""


def _leg_problem(command: NewOrder, leg: Leg) -> str:
    name = leg.role.name.lower().replace("_", " ")
    if leg.role == LegRole.OCO and command.time_in_force not in _RESTING:
        return "An OCO order must be DAY, GTC or GTD: an order that cannot rest has no partner."
    if leg.time_in_force not in (TimeInForce.GTC, command.time_in_force) or (
        leg.time_in_force not in _RESTING
    ):
        return f"The {name} leg must be GTC, or DAY or GTD if the order is that itself."
    if leg.role == LegRole.OCO:
        if leg.time_in_force != command.time_in_force:
            return "The two orders of an OCO must have the same time in force."
        if leg_side(command.side, leg) != command.side:
            return "The two orders of an OCO must be on the same side."
    if leg.role in EXITS and (leg.order_type == OrderType.MARKET or not _exits(command, leg)):
        return f"The {name} leg must close what the order opens, and must not be a MARKET order."
    if OrderType.MARKET in (command.order_type, leg.order_type) and leg.role == LegRole.OCO:
        return "A MARKET order waits for nothing; it cannot be one of an OCO."
    return ""


def _exits(command: NewOrder, leg: Leg) -> bool:
    return (leg_side(command.side, leg) == Side.BUY) != (command.side == Side.BUY)


def leg_side(side: Side, leg: Leg) -> Side:
    """Return the side of a leg of an order of ``side``."""
    if leg.side is not None:
        return leg.side
    if leg.role == LegRole.OCO:
        return side
    return Side.SELL if side == Side.BUY else Side.BUY


def leg_wish(command: NewOrder, leg: Leg) -> NewOrder:
    """Return what a leg would be as an order by itself."""
    return attrs.evolve(
        command,
        client_order_id=leg.client_order_id,
        side=leg_side(command.side, leg),
        order_type=leg.order_type,
        time_in_force=leg.time_in_force,
        flags=0,
        limit_price=leg.limit_price,
        stop_price=leg.stop_price,
        expire_at=0 if leg.time_in_force == TimeInForce.GTC else command.expire_at,
        works_from=0,
        trail_kind=leg.trail_kind,
        trail=leg.trail,
        source=leg.source,
        legs=(),
        tag="",
    )


def held_order(wish: NewOrder, order_id: int, links: OrderTerms) -> Order:
    """Return the order of a leg that waits for its parent; it reserves nothing."""
    return Order(
        order_id=order_id,
        client_order_id=wish.client_order_id,
        account=wish.account,
        portfolio=wish.portfolio,
        symbol=wish.symbol,
        side=wish.side,
        order_type=wish.order_type,
        time_in_force=wish.time_in_force,
        flags=wish.flags,
        quantity=wish.quantity,
        limit_price=wish.limit_price,
        stop_price=wish.stop_price,
        state=OrderState.HELD,
        received_at=wish.received_at,
        accepted_at=wish.at,
        updated_at=wish.at,
        expire_at=wish.expire_at,
        sequence=wish.seq,
        terms=attrs.evolve(links, trail_kind=wish.trail_kind, trail=wish.trail, source=wish.source),
        tag=wish.tag,
    )


def wish_of(order: Order, quantity: int, at: int) -> NewOrder:
    """Return the wish that an order, now for ``quantity``, would be if it were sent at ``at``."""
    terms = order.terms
    trails = order.order_type == OrderType.TRAILING_STOP
    return NewOrder(
        seq=order.sequence,
        at=at,
        received_at=order.received_at,
        market_at=0,
        account=order.account,
        portfolio=order.portfolio,
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        order_type=order.order_type,
        time_in_force=order.time_in_force,
        quantity=quantity,
        flags=order.flags,
        limit_price=order.limit_price,
        stop_price=NULL if trails else order.stop_price,
        expire_at=order.expire_at,
        works_from=terms.works_from if terms else 0,
        trail_kind=terms.trail_kind if terms else TrailKind.NONE,
        trail=terms.trail if terms else 0,
        source=terms.source if terms else TriggerSource.DEFAULT,
        tag=order.tag,
    )
