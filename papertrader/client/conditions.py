"""Conditions: what an order may have beyond a side, a quantity, a limit and a time in force."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

import attrs

from papertrader.client.arguments import choice_of, flag_of, of_kind
from papertrader.client.moments import instant_of
from papertrader.client.results import units_of
from papertrader.core.money import NULL, SCALE
from papertrader.core.orders import (
    LegRole,
    OrderFlag,
    OrderType,
    Side,
    SideFilter,
    TimeInForce,
    TrailKind,
    TriggerSource,
)
from papertrader.wire import messages as m

Amount = str | int | Decimal

IN_FORCE: Final = {each.name.lower(): each for each in TimeInForce}
"""Times in force by name."""
_SOURCES: Final = {each.name.lower(): each for each in TriggerSource}
_ROLES: Final = {each.name.lower(): each for each in LegRole if each != LegRole.NONE}
_SPREAD: Final = 0x9E3779B97F4A7C15
"""Spreads the numbers of legs over all numbers (2**64 divided by the golden ratio)."""


@attrs.frozen(kw_only=True)
class Leg:
    """An order that comes with another one, for the same quantity.

    ``role``: ``take_profit`` and ``stop_loss`` close what the order opens and cancel one another;
    ``oto`` is any order after it; all these wait until it has filled. ``oco`` is its partner from
    the start: one cancels the other. Prices as in `Conditions`. ``side`` None: the closing one, or
    for ``oco`` the same. Without ``client_order_id`` one is worked out from the order's.
    """

    role: str | LegRole
    limit: Amount | None = None
    stop: Amount | None = None
    touch: Amount | None = None
    trail: Amount | None = None
    trigger: str | TriggerSource = "default"
    time_in_force: str | TimeInForce | None = None
    side: Side | None = None
    client_order_id: int = 0


@attrs.frozen(kw_only=True)
class Conditions:
    """Everything beyond a market or limit order that one may ask for.

    ``stop``: begin when the market has gone against the order as far as this price. ``touch``:
    begin when it has come its way. ``trail``: a stop that keeps so far behind the best price, as
    ``"2.50"`` or ``"1%"``. With a limit, what begins is a limit order, else a market order.
    ``trigger`` says which price counts: ``last``, ``bid_ask``, or ``default``: the last trade while
    it lies inside bid and ask. ``until`` is the end of a GTD order. ``for_money``: the quantity is
    an amount of money. ``reduce_only``: never more than closes the position. ``allow_flip``: it may
    go through zero. ``legs``: orders that come with it, all or none.
    """

    stop: Amount | None = None
    touch: Amount | None = None
    trail: Amount | None = None
    trigger: str | TriggerSource = "default"
    until: datetime | None = None
    for_money: bool = False
    reduce_only: bool = False
    allow_flip: bool = False
    extended_hours: bool = False
    legs: tuple[Leg, ...] = ()


NO_CONDITIONS: Final = Conditions()


def time_in_force_of(given: str | TimeInForce) -> TimeInForce:
    """Return a time in force by its name; raises `ValueError` for another."""
    if isinstance(given, TimeInForce):
        return given
    if of_kind(given, "time_in_force", str).lower() not in IN_FORCE:
        raise ValueError(f"time_in_force must be one of {', '.join(IN_FORCE)}")
    return IN_FORCE[given.lower()]


def order_type_of(given: Conditions | Leg, limit: Amount | None) -> OrderType:
    """Return the type that some prices make; raises `ValueError` for more than one of them."""
    if sum(price is not None for price in (given.stop, given.touch, given.trail)) > 1:
        raise ValueError("give one of stop, touch and trail")
    if given.trail is not None:
        if limit is not None:
            raise ValueError("a trailing stop has no limit")
        return OrderType.TRAILING_STOP
    if given.stop is not None:
        return OrderType.STOP if limit is None else OrderType.STOP_LIMIT
    if given.touch is not None:
        return OrderType.MARKET_IF_TOUCHED if limit is None else OrderType.LIMIT_IF_TOUCHED
    return OrderType.MARKET if limit is None else OrderType.LIMIT


def stop_of(given: Conditions | Leg) -> int:
    """Return the price that triggers, `NULL` for none."""
    price = given.stop if given.stop is not None else given.touch
    return NULL if price is None else units_of(price, "stop")


def trail_of(trail: Amount | None) -> tuple[TrailKind, int]:
    """Return how far a stop trails; raises `ValueError` for what is neither amount nor part."""
    if trail is None:
        return TrailKind.NONE, 0
    if isinstance(trail, str) and trail.strip().endswith("%"):
        part = units_of(trail.strip()[:-1], "trail")
        if part <= 0 or part % 100 or part >= 100 * SCALE:
            raise ValueError("trail must lie between 0 % and 100 %, with at most 6 decimals")
        return TrailKind.PERCENT, part // 100
    return TrailKind.AMOUNT, units_of(trail, "trail")


def trigger_rows(given: Conditions | Leg) -> tuple[m.TriggerRow, ...]:
    """Return the rows of the TRIGGER section: none where everything is as usual."""
    kind, trail = trail_of(given.trail)
    source = _source(given.trigger)
    if kind == TrailKind.NONE and source == TriggerSource.DEFAULT:
        return ()
    return (m.TriggerRow(trail_kind=kind, source=source, trail=trail),)


def flags_of(given: Conditions) -> int:
    """Return the order flags."""
    chosen = (
        (given.extended_hours, "extended_hours", OrderFlag.EXTENDED_HOURS),
        (given.for_money, "for_money", OrderFlag.NOTIONAL),
        (given.reduce_only, "reduce_only", OrderFlag.REDUCE_ONLY),
        (given.allow_flip, "allow_flip", OrderFlag.ALLOW_FLIP),
    )
    return sum(int(flag) for is_set, name, flag in chosen if flag_of(is_set, name))


def until_of(given: Conditions, time_in_force: TimeInForce) -> int:
    """Return the end of a GTD order, 0 for others; raises `ValueError` where they do not fit."""
    if (given.until is None) == (time_in_force == TimeInForce.GTD):
        raise ValueError("a GTD order needs until, and no other order has one")
    return instant_of(given.until, "until")


def leg_rows(
    legs: tuple[Leg, ...], client_order_id: int, time_in_force: TimeInForce
) -> tuple[m.LegRow, ...]:
    """Return the rows of the LEGS section."""
    for leg in legs:
        of_kind(leg, "a leg", Leg)
    return tuple(
        _leg_row(leg, leg.client_order_id or leg_number(client_order_id, number), time_in_force)
        for number, leg in enumerate(legs, 1)
    )


def leg_number(client_order_id: int, number: int) -> int:
    """Return the client order id of a leg that was given none: the same for the same order."""
    return (client_order_id ^ _SPREAD * number) % 2**63 or 1


def _leg_row(leg: Leg, client_order_id: int, time_in_force: TimeInForce) -> m.LegRow:
    role = leg.role
    if isinstance(role, str):
        role = choice_of(role, "the role of a leg", _ROLES)
    usual = time_in_force if role == LegRole.OCO else TimeInForce.GTC
    kind, trail = trail_of(leg.trail)
    return m.LegRow(
        role=role,
        side=SideFilter.ANY if leg.side is None else SideFilter(leg.side),
        order_type=order_type_of(leg, leg.limit),
        time_in_force=usual if leg.time_in_force is None else time_in_force_of(leg.time_in_force),
        trail_kind=kind,
        source=_source(leg.trigger),
        client_order_id=client_order_id,
        limit_price=NULL if leg.limit is None else units_of(leg.limit, "limit"),
        stop_price=stop_of(leg),
        trail=trail,
    )


def _source(given: str | TriggerSource) -> TriggerSource:
    if isinstance(given, TriggerSource):
        return given
    return choice_of(given, "trigger", _SOURCES)
