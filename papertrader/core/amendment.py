"""Amendment: what a wish to replace an open order amounts to, as the new order that it asks for."""

from __future__ import annotations

import attrs

from papertrader.core.legs import wish_of
from papertrader.core.money import NULL, format_amount
from papertrader.core.orders import NewOrder, Order, Replacement, TimeInForce, TrailKind
from papertrader.core.refusals import Figures, FigureUnit, Refusal, Refused
from papertrader.core.reserving import money_left


def check_replaceable(command: Replacement, old: Order | None) -> Refused | Order:
    """Return ``old`` if it is the trader's, still open, and as the trader has seen it."""
    if old is None or (old.account, old.portfolio) != (command.account, command.portfolio):
        return Refused(
            Refusal.NO_SUCH_ORDER,
            f"You have no order {command.order_id} in portfolio {command.portfolio}; ask for the"
            " list of your orders.",
        )
    if not old.is_open:
        return Refused(
            Refusal.ORDER_DONE,
            f"Order {old.order_id} is {old.state.name} already; nothing is left to replace.",
        )
    if old.is_liquidation:
        return not_to_end(old)
    if command.expect_version not in (0, old.version):
        return Refused(
            Refusal.STALE_VERSION,
            f"Order {old.order_id} is at version {old.version}, not {command.expect_version}: it"
            " has changed meanwhile; look at it and decide anew.",
            Figures(FigureUnit.NUMBER, command.expect_version, old.version),
        )
    return old


def not_to_end(order: Order) -> Refused:
    """Return why an order that carries out a margin call is not its owner's to end."""
    return Refused(
        Refusal.INSUFFICIENT_MARGIN,
        f"Order {order.order_id} carries out a margin call in {order.symbol}; it can be neither"
        " cancelled nor replaced.",
    )


def amended(command: Replacement, old: Order) -> Refused | NewOrder:
    """Return the order that is to take the place of ``old``, for what ``old`` has not filled."""
    refused = _check_change(command, old)
    if refused is not None:
        return refused
    money = old.terms.notional if old.terms is not None else 0
    done = money - money_left(old) if money else old.filled
    total = command.quantity or money or old.quantity
    if total <= done:
        return Refused(
            Refusal.QUANTITY_LIMIT,
            f"Order {old.order_id} has filled {format_amount(done, 0, group=True)}; the total"
            f" of {format_amount(total, 0, group=True)} leaves nothing to replace, so cancel it"
            " instead.",
            Figures(FigureUnit.MONEY if money else FigureUnit.QUANTITY, total, done),
        )
    wish = wish_of(old, total - done, command.at)
    trails = command.trail_kind != TrailKind.NONE
    return attrs.evolve(
        wish,
        seq=command.seq,
        received_at=command.received_at,
        market_at=command.market_at,
        client_order_id=command.client_order_id,
        limit_price=old.limit_price if command.limit_price == NULL else command.limit_price,
        stop_price=wish.stop_price if command.stop_price == NULL else command.stop_price,
        expire_at=command.expire_at or old.expire_at,
        trail_kind=command.trail_kind if trails else wish.trail_kind,
        trail=command.trail if trails else wish.trail,
        tag=command.tag or wish.tag,
    )


def _check_change(command: Replacement, old: Order) -> Refused | None:
    """Refuse what a new order cannot take over from the old one."""
    terms = old.terms
    if command.expire_at and old.time_in_force != TimeInForce.GTD:
        return Refused(
            Refusal.TIF_UNSUPPORTED,
            f"The new order keeps the time in force {old.time_in_force.name}; send 0 as its expiry"
            " time.",
        )
    if terms is None:
        return None
    if terms.triggered_at:
        return Refused(
            Refusal.ORDER_DONE,
            f"The stop of order {old.order_id} was reached already; cancel it and send another.",
        )
    if (terms.pair or terms.parent) and command.quantity not in (0, old.quantity):
        return Refused(
            Refusal.BAD_COMBINATION,
            f"Order {old.order_id} is for as much as the orders it belongs to; leave its quantity.",
        )
    return None
