"""Amendment: what a wish to replace an open order amounts to, as the new order that it asks for."""

from __future__ import annotations

from papertrader.core.acceptance import Refused
from papertrader.core.money import NULL, format_amount
from papertrader.core.orders import NewOrder, Order, Replacement
from papertrader.core.refusals import Refusal


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
    if command.expect_version not in (0, old.version):
        return Refused(
            Refusal.STALE_VERSION,
            f"Order {old.order_id} is at version {old.version}, not {command.expect_version}: it"
            " has changed meanwhile; look at it and decide anew.",
        )
    return old


def amended(command: Replacement, old: Order) -> Refused | NewOrder:
    """Return the order that is to take the place of ``old``, for what ``old`` has not filled."""
    if command.expire_at:
        return Refused(
            Refusal.TIF_UNSUPPORTED,
            f"The new order keeps the time in force {old.time_in_force.name}; send 0 as its expiry"
            " time.",
        )
    total = command.quantity or old.quantity
    if total <= old.filled:
        return Refused(
            Refusal.QUANTITY_LIMIT,
            f"Order {old.order_id} has filled {format_amount(old.filled, 0, group=True)}; the total"
            f" of {format_amount(total, 0, group=True)} leaves nothing to replace, so cancel it"
            " instead.",
        )
    return NewOrder(
        seq=command.seq,
        at=command.at,
        received_at=command.received_at,
        market_at=command.market_at,
        account=old.account,
        portfolio=old.portfolio,
        client_order_id=command.client_order_id,
        symbol=old.symbol,
        side=old.side,
        order_type=old.order_type,
        time_in_force=old.time_in_force,
        quantity=total - old.filled,
        flags=old.flags,
        limit_price=old.limit_price if command.limit_price == NULL else command.limit_price,
        stop_price=command.stop_price,
        expire_at=old.expire_at,
    )
