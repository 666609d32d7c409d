"""Wishes: from a command's message and what was stamped on it to what the desk decides.

The same for a command that has just come and for one that is decided again from the journal.
"""

from __future__ import annotations

from typing import Final

import attrs

from papertrader.core.orders import Leg, NewOrder, Replacement, Side, SideFilter
from papertrader.master.commands import Refused
from papertrader.wire import messages as m
from papertrader.wire.kinds import OrderFlag, Status, Tag


@attrs.define(kw_only=True)
class Given:
    """What the servers add to a command: whose it is, and when it came.

    ``expire_at`` is the end of an order that ends with the session, 0 for others.
    """

    seq: int
    at: int
    received_at: int
    market_at: int
    account: int
    portfolio: int
    expire_at: int = 0
    works_from: int = 0


_KEPT_FLAGS: Final = 0xFF & ~int(OrderFlag.VALIDATE_ONLY)
_NO_TRIGGER: Final = m.TriggerRow()
_SIDES: Final = {SideFilter(side): side for side in Side}


def check_tag(tag: str | None) -> None:
    """Raise `Refused` for a tag of more than one line, or with what a terminal would obey."""
    if tag and not tag.isprintable():
        text = "A tag is one line of printable characters."
        raise Refused(Status.INVALID_FIELD, text, section=Tag.ORDER_TAG)


def new_order(message: m.OrderNew, given: Given) -> NewOrder:
    """Return the order that an ORDER_NEW asks for."""
    trigger = message.trigger[0] if message.trigger else _NO_TRIGGER
    return NewOrder(
        seq=given.seq,
        at=given.at,
        received_at=given.received_at,
        market_at=given.market_at,
        account=given.account,
        portfolio=given.portfolio,
        client_order_id=message.client_order_id,
        symbol=message.symbol,
        side=message.side,
        order_type=message.order_type,
        time_in_force=message.time_in_force,
        quantity=message.quantity,
        flags=message.flags & _KEPT_FLAGS,
        limit_price=message.limit_price,
        stop_price=message.stop_price,
        expire_at=given.expire_at,
        works_from=given.works_from,
        trail_kind=trigger.trail_kind,
        trail=trigger.trail,
        source=trigger.source,
        legs=tuple(map(_leg, message.legs)),
        tag=message.tag or "",
    )


def _leg(row: m.LegRow) -> Leg:
    return Leg(
        role=row.role,
        order_type=row.order_type,
        time_in_force=row.time_in_force,
        client_order_id=row.client_order_id,
        side=_SIDES.get(row.side),
        limit_price=row.limit_price,
        stop_price=row.stop_price,
        trail_kind=row.trail_kind,
        trail=row.trail,
        source=row.source,
    )


def replacement(message: m.OrderReplace, given: Given) -> Replacement:
    """Return the amendment that an ORDER_REPLACE asks for."""
    trigger = message.trigger[0] if message.trigger else _NO_TRIGGER
    return Replacement(
        seq=given.seq,
        at=given.at,
        received_at=given.received_at,
        market_at=given.market_at,
        account=given.account,
        portfolio=given.portfolio,
        order_id=message.order,
        client_order_id=message.client_order_id,
        quantity=message.quantity,
        limit_price=message.limit_price,
        stop_price=message.stop_price,
        expire_at=message.expire_at,
        expect_version=message.expect_version,
        tag=message.tag or "",
        trail_kind=trigger.trail_kind,
        trail=trigger.trail,
    )
