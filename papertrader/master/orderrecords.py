"""Orders as rows: what a client is shown, what the journal and the views keep, and back."""

from __future__ import annotations

from collections.abc import Iterable

from papertrader.core.orders import (
    LegRole,
    Order,
    OrderState,
    OrderTerms,
    OrderType,
    Side,
    TimeInForce,
    TrailKind,
    TriggerSource,
)
from papertrader.core.state import DeskState
from papertrader.master import packing
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import Tag

_TAG_TEXT = limits.ORDER_TAG_MAX
"""Octets that a row has for a tag."""


def order_row(order: Order) -> m.OrderRow:
    """Return an order as the wire shows it."""
    return m.OrderRow(
        order.order_id,
        order.client_order_id,
        order.account,
        order.portfolio,
        order.symbol,
        order.side,
        order.order_type,
        order.time_in_force,
        order.flags,
        order.state,
        order.reason,
        order.quantity,
        order.filled,
        order.limit_price,
        order.stop_price,
        order.avg_price,
        order.collar_price,
        order.reserved_cash,
        order.fees,
        order.received_at,
        order.accepted_at,
        order.updated_at,
        order.expire_at,
        order.version,
        order.fills,
        order.replaces,
    )


def terms_row(order: Order) -> bytes:
    """Return the packed row of what an order has beyond a plain one; empty for a plain one."""
    terms = order.terms
    if terms is None:
        return b""
    return m.OrderTermsRow(
        order=order.order_id,
        trail_kind=terms.trail_kind,
        source=terms.source,
        role=terms.role,
        shares=terms.shares,
        trail=terms.trail,
        mark=terms.mark,
        notional=terms.notional,
        parent=terms.parent,
        pair=terms.pair,
        works_from=terms.works_from,
        active_at=terms.active_at,
        triggered_at=terms.triggered_at,
        marked_at=terms.marked_at,
        currency=terms.currency,
    ).pack()


def terms_section(orders: Iterable[Order]) -> bytes:
    """Return the section of those rows; nothing if all orders are plain."""
    rows = [row for row in map(terms_row, orders) if row]
    return codec.group(Tag.ORDER_TERMS, m.OrderTermsRow.SIZE, rows) if rows else b""


def tag_row(order: Order) -> bytes:
    """Return the packed row of what is written on an order; empty if nothing is."""
    if not order.tag:
        return b""
    return m.OrderTagRow(order.order_id, order.tag.encode().ljust(_TAG_TEXT, b"\0")).pack()


def tags_section(orders: Iterable[Order]) -> bytes:
    """Return the section of those rows; nothing if nothing is written on any."""
    rows = [row for row in map(tag_row, orders) if row]
    return codec.group(Tag.ORDER_TAGS, m.OrderTagRow.SIZE, rows) if rows else b""


def tag_of(text: bytes) -> str:
    """Return the tag that a row has, which is padded there."""
    return text.rstrip(b"\0").decode()


def order_terms_of(row: m.OrderTermsRow) -> OrderTerms:
    """Return the terms that a row describes."""
    return OrderTerms(
        trail_kind=TrailKind(row.trail_kind),
        trail=row.trail,
        source=TriggerSource(row.source),
        role=LegRole(row.role),
        notional=row.notional,
        parent=row.parent,
        pair=row.pair,
        shares=row.shares,
        works_from=row.works_from,
        active_at=row.active_at,
        triggered_at=row.triggered_at,
        mark=row.mark,
        marked_at=row.marked_at,
        currency=row.currency,
    )


def combined(state: DeskState, order: Order) -> list[Order]:
    """Return the open orders that hang together with one: its legs, its parent, its partner."""
    terms = order.terms
    if terms is None and order.order_id not in state.children:
        return []
    numbers = {*state.children.get(order.order_id, ())}
    if terms is not None:
        numbers |= {*state.children.get(terms.parent, ()), *state.pairs.get(terms.pair, ())}
        if terms.parent and state.orders[terms.parent].is_open:
            numbers.add(terms.parent)
    numbers.discard(order.order_id)
    return [state.orders[number] for number in sorted(numbers)][: limits.COMBINED_ORDERS_MAX]


def orders_section(orders: Iterable[Order]) -> bytes:
    """Return the section that shows orders; nothing for none."""
    rows = list(map(packing.order_block, orders))
    return codec.group(Tag.ORDERS, m.OrderRow.SIZE, rows) if rows else b""


def order_of(
    row: m.OrderRow,
    record: m.StoreOrder,
    terms: m.OrderTermsRow | None = None,
    tag: m.OrderTagRow | None = None,
) -> Order:
    """Return the order of a record: what the client was shown and what the desk keeps besides."""
    return Order(
        order_id=row.order,
        client_order_id=row.client_order_id,
        account=row.account,
        portfolio=row.portfolio,
        symbol=row.symbol,
        side=Side(row.side),
        order_type=OrderType(row.order_type),
        time_in_force=TimeInForce(row.time_in_force),
        flags=row.flags,
        quantity=row.quantity,
        filled=row.filled,
        limit_price=row.limit_price,
        stop_price=row.stop_price,
        notional_filled=record.notional_high << 64 | record.notional_low,
        reserved_cash=row.reserved_cash,
        reserved_quantity=record.reserved_quantity,
        collar_price=row.collar_price,
        fees=row.fees,
        state=OrderState(row.state),
        reason=row.reason,
        received_at=row.received_at,
        accepted_at=row.accepted_at,
        updated_at=row.updated_at,
        expire_at=row.expire_at,
        version=row.version,
        fills=row.fills,
        replaces=row.replaces,
        sequence=record.sequence,
        terms=None if terms is None else order_terms_of(terms),
        tag="" if tag is None else tag_of(tag.tag),
    )
