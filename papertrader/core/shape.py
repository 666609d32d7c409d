"""Shape: what can be said of a new order without looking at the market or at anybody's money."""

from __future__ import annotations

from typing import Final

from papertrader.core.calendar import ALWAYS_OPEN
from papertrader.core.money import NULL, SCALE, format_amount
from papertrader.core.orders import (
    IMMEDIATE,
    LIMITED,
    TRIGGERED_TYPES,
    WAITING,
    NewOrder,
    OrderFlag,
    OrderType,
    Side,
    TimeInForce,
    TrailKind,
    TriggerSource,
)
from papertrader.core.quotes import Asset, AssetFlag, AssetStatus
from papertrader.core.refusals import Figures, FigureUnit, Refusal, Refused
from papertrader.core.rules import DeskRules

# Python 3.11 looks the members of an enumeration up slowly: each costs as much as a call.
_MARKET: Final = OrderType.MARKET
_TRADABLE: Final = AssetStatus.TRADABLE
_HALTED: Final = AssetStatus.HALTED
_DELISTED: Final = AssetStatus.DELISTED
_CLOSE_ONLY: Final = AssetStatus.CLOSE_ONLY
_TRAILING_STOP: Final = OrderType.TRAILING_STOP
_NO_TRAIL: Final = TrailKind.NONE
_USUAL_SOURCE: Final = TriggerSource.DEFAULT
_GTC: Final = TimeInForce.GTC

_PLAIN: Final = frozenset({OrderType.MARKET, OrderType.LIMIT})
_NOT_WITH_LEGS: Final = OrderFlag.NOTIONAL | OrderFlag.REDUCE_ONLY | OrderFlag.ALLOW_FLIP
_STOPPED: Final = TRIGGERED_TYPES - {OrderType.TRAILING_STOP}


def check_shape(command: NewOrder, asset: Asset, rules: DeskRules) -> Refused | None:
    """Check what needs only the command, the asset and the rules, up to the tick."""
    # This runs for every order: what the most usual ones cannot fail is not asked.
    refused = None
    if asset.status != _TRADABLE:
        refused = check_trading(asset)
    if command.flags:
        refused = refused or _check_flags(command, asset)
    if command.time_in_force != _GTC or command.expire_at:
        refused = refused or _check_time_in_force(command, asset)
    refused = refused or check_quantity(command, asset, rules)
    if command.order_type != _MARKET or command.limit_price != NULL or command.stop_price != NULL:
        refused = refused or _check_prices(command, asset)
    if command.order_type not in _PLAIN or command.trail_kind or command.trail or command.source:
        refused = refused or _check_trail(command)
    return refused


def check_trading(asset: Asset) -> Refused | None:
    """Check that an asset is neither halted nor delisted."""
    if asset.status not in (_HALTED, _DELISTED):
        return None
    return _halted(asset, f"is {asset.status.name.lower()}")


def check_close_only(
    command: NewOrder, asset: Asset, held: int, *, is_margin: bool
) -> Refused | None:
    """Check that an order of a portfolio that holds ``held`` opens nothing that may only be closed.

    What no order of its kind could close is refused elsewhere, with the figures.
    """
    if asset.status != _CLOSE_ONLY:
        return None
    sells = command.side != Side.BUY
    if not is_margin:
        return None if command.side == Side.SELL else _halted(asset, "may only be sold")
    closes = held > 0 if sells else held < 0
    flips = command.flags & OrderFlag.ALLOW_FLIP and command.quantity > abs(held)
    if closes and not flips:
        return None
    return _halted(asset, "may only be sold, and bought back by who owes it,")


def _halted(asset: Asset, what: str) -> Refused:
    text = f"{asset.symbol} {what} at present; try again when it trades."
    return Refused(Refusal.SYMBOL_HALTED, text)


def _check_flags(command: NewOrder, asset: Asset) -> Refused | None:
    flags = command.flags
    if not flags:
        return None
    text = _extended_problem(command, asset) if flags & OrderFlag.EXTENDED_HOURS else ""
    if text:
        pass
    elif flags & OrderFlag.NOTIONAL and command.order_type not in _PLAIN:
        text = "Only a MARKET or LIMIT order can be for an amount of money; give a quantity."
    elif command.legs and flags & _NOT_WITH_LEGS:
        text = (
            "An order with legs needs a quantity, and may be neither reduce-only nor go through"
            " zero; send the legs by themselves, or leave the flag out."
        )
    elif flags & OrderFlag.ALLOW_FLIP and flags & OrderFlag.REDUCE_ONLY:
        text = "REDUCE_ONLY and ALLOW_FLIP contradict one another; send one of them."
    return Refused(Refusal.TYPE_UNSUPPORTED, text) if text else None


def _extended_problem(command: NewOrder, asset: Asset) -> str:
    if command.order_type != OrderType.LIMIT or command.time_in_force in (IMMEDIATE | WAITING):
        return "Only a LIMIT order that is DAY, GTC or GTD can work in extended hours."
    if asset.calendar == ALWAYS_OPEN:
        return f"{asset.symbol} trades around the clock; leave the extended-hours flag out."
    if not asset.flags & AssetFlag.EXTENDED_HOURS:
        return (
            f"This market has no prices of {asset.symbol} in extended hours; leave the"
            " extended-hours flag out."
        )
    return ""


def _check_time_in_force(command: NewOrder, asset: Asset) -> Refused | None:
    in_force, text = command.time_in_force, ""
    if in_force == _GTC:
        if command.expire_at:
            text = "A GTC order has no expiry time; send 0 for it, or use DAY or GTD."
    elif in_force == TimeInForce.GTD:
        if command.expire_at <= 0:
            text = "A GTD order needs the time at which it expires; send it, or use GTC."
    elif in_force in WAITING and command.order_type not in _PLAIN:
        text = f"Only MARKET and LIMIT orders can be {in_force.name}; use DAY or GTC."
    elif in_force in WAITING and asset.calendar == ALWAYS_OPEN:
        text = (
            f"{asset.symbol} trades around the clock: there is no opening and no close for a"
            f" {in_force.name} order; use DAY or GTC."
        )
    elif command.expire_at <= 0:
        text = (
            f"The calendar of {command.symbol} has no session to end a {in_force.name} order; use"
            " GTC."
        )
    return Refused(Refusal.TIF_UNSUPPORTED, text) if text else None


def check_quantity(command: NewOrder, asset: Asset, rules: DeskRules) -> Refused | None:
    """Check the quantity against lot and bounds, or that an amount of money is one."""
    # Figures become text only for a refusal: this runs for every order.
    quantity = command.quantity
    if command.flags and command.flags & OrderFlag.NOTIONAL:
        if quantity > 0:
            return None
        return Refused(
            Refusal.BAD_LOT,
            f"The amount is {format_amount(quantity)} {asset.currency}; it must be more than 0.",
            Figures(FigureUnit.MONEY, quantity, 1),
        )
    if quantity <= 0:
        return Refused(
            Refusal.BAD_LOT,
            f"The quantity is {shares(quantity)}; it must be more than 0.",
            Figures(FigureUnit.QUANTITY, quantity, asset.lot),
        )
    if quantity % asset.lot:
        return Refused(
            Refusal.BAD_LOT,
            f"The quantity {shares(quantity)} is too fine; {asset.symbol} trades in multiples of"
            f" {shares(asset.lot)}.",
            Figures(FigureUnit.QUANTITY, quantity, asset.lot),
        )
    if not asset.quantity_min <= quantity <= asset.quantity_max or quantity > rules.quantity_max:
        most = min(asset.quantity_max, rules.quantity_max)
        return Refused(
            Refusal.QUANTITY_LIMIT,
            f"The quantity {shares(quantity)} of {asset.symbol} must lie between"
            f" {shares(asset.quantity_min)} and {shares(most)}.",
            Figures(FigureUnit.QUANTITY, quantity, most if quantity > most else asset.quantity_min),
        )
    return None


def shares(quantity: int) -> str:
    """Write a quantity for people."""
    return format_amount(quantity, 0, group=True)


def _check_prices(command: NewOrder, asset: Asset) -> Refused | None:
    kind = command.order_type
    return _check_price(
        command, asset, command.limit_price, "limit", kind in LIMITED
    ) or _check_price(command, asset, command.stop_price, "stop", kind in _STOPPED)


def _check_price(
    command: NewOrder, asset: Asset, price: int, what: str, wanted: bool
) -> Refused | None:
    if not wanted:
        if price == NULL:
            return None
        kind = command.order_type
        instead = ", or use LIMIT" if kind == OrderType.MARKET and what == "limit" else ""
        return Refused(
            Refusal.BAD_TICK,
            f"A {kind.name} order has no {what} price; leave it empty{instead}.",
        )
    if price <= 0 or price % asset.tick:
        shown = "none" if price == NULL else format_amount(price, group=True)
        return Refused(
            Refusal.BAD_TICK,
            f"The {what} price of {asset.symbol} is {shown}; it must be more than 0 and a multiple"
            f" of {format_amount(asset.tick)}.",
            Figures(FigureUnit.PRICE, 0 if price == NULL else price, asset.tick),
        )
    return None


def _check_trail(command: NewOrder) -> Refused | None:
    kind, trail, text = command.trail_kind, command.trail, ""
    if command.order_type != _TRAILING_STOP:
        if kind != _NO_TRAIL or trail:
            text = f"A {command.order_type.name} order trails nothing; leave the distance empty."
        elif command.order_type in _PLAIN and command.source != _USUAL_SOURCE:
            text = f"A {command.order_type.name} order has no trigger; leave its source empty."
    elif kind == _NO_TRAIL or trail <= 0:
        text = "A TRAILING_STOP order needs its distance: an amount, or a percentage."
    elif kind == TrailKind.PERCENT and trail >= SCALE:
        text = "A stop cannot trail by 100 % or more; send a smaller percentage."
    return Refused(Refusal.BAD_TICK, text) if text else None
