"""Bounds: the worst price that a new order may fill at, and where its stop stands at first."""

from __future__ import annotations

from typing import Final

import attrs

from papertrader.core.fills import collar_basis_points, collar_price, touch_price
from papertrader.core.money import NULL, format_amount
from papertrader.core.orders import LIMITED, STOPS, NewOrder, Order, OrderType, Side
from papertrader.core.quotes import Asset, Quote
from papertrader.core.refusals import Figures, FigureUnit, Refusal, Refused
from papertrader.core.rules import DeskRules
from papertrader.core.triggers import Prices, trailing_stop

# Python 3.11 looks the members of an enumeration up slowly: each costs as much as a call.
_AT_MARKET: Final = OrderType.MARKET
_BUY: Final = Side.BUY


@attrs.define
class Bound:
    """The worst price, `NULL` for a sell at any price; the collar that made it, if one did.

    ``stop`` is the price that triggers, ``mark`` the best price that a trailing stop has seen.
    """

    price: int
    collar: int = NULL
    basis_points: int = 0
    stop: int = NULL
    mark: int = NULL


def find_bound(
    command: NewOrder, asset: Asset, quote: Quote | None, rules: DeskRules
) -> Refused | Bound:
    """Work out the bound of an order; ``quote`` is the newest trustworthy one.

    Only a market order and a trailing stop need it (NO_QUOTE). A buy that a stop turns into a
    market order may fill up to a collar over the stop; such a sell fills at any price, since
    leaving is what it is for. Raises nothing; PRICE_BAND for a price beyond the rules.
    """
    kind, side = command.order_type, command.side
    stop, mark = command.stop_price, NULL
    if kind in LIMITED:
        beyond = _beyond(command.limit_price, "limit", rules) or _beyond(stop, "stop", rules)
        return beyond or Bound(command.limit_price, stop=stop)
    if kind == _AT_MARKET:
        price = NULL if quote is None else touch_price(side, quote)
        if price == NULL:
            what = "ask" if side == _BUY else "bid"
            return Refused(
                Refusal.NO_QUOTE,
                f"No {what} price of {asset.symbol} is known yet; use a LIMIT order, or wait for"
                " the first quote.",
            )
    else:
        if kind == OrderType.TRAILING_STOP:
            seen = Prices(quote.bid, quote.ask, quote.last) if quote is not None else None
            mark = NULL if seen is None else seen.seen_by(side, command.source)
            if mark == NULL:
                return Refused(
                    Refusal.NO_QUOTE,
                    f"No price of {asset.symbol} is known yet that a stop could trail; use a STOP"
                    " order, or wait for the first quote.",
                )
            stop = trailing_stop(side, command.trail_kind, command.trail, mark)
        beyond = _beyond(stop, "stop", rules)
        if beyond is not None:
            return beyond
        if side != _BUY:
            return Bound(NULL, stop=stop, mark=mark)
        price = stop
    points = collar_basis_points(price, rules.collars)
    collar = collar_price(side, price, points, asset.tick)
    return Bound(collar, collar, points, stop, mark)


def beyond_collar(order: Order, touch: int) -> str:
    """Say that a stop would not fill now if it were triggered: its collar is behind the market.

    ``touch`` is the ask of now, `NULL` if none is known; "" where there is nothing to say.
    """
    collar = order.collar_price
    if order.order_type not in STOPS or NULL in (collar, touch) or touch <= collar:
        return ""
    return (
        f"Once triggered it buys at {format_amount(collar, group=True)} at most, its collar over"
        f" the stop; the ask is {format_amount(touch, group=True)} now, so that it would wait until"
        " that is so low."
    )


def _beyond(price: int, what: str, rules: DeskRules) -> Refused | None:
    if price <= rules.price_max:
        return None
    return Refused(
        Refusal.PRICE_BAND,
        f"The {what} price {format_amount(price, group=True)} is above the highest allowed,"
        f" {format_amount(rules.price_max, group=True)}; send a lower one.",
        Figures(FigureUnit.PRICE, price, rules.price_max),
    )
