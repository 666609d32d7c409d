"""Positions: as they stand, and closing one or all."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Any

import attrs

from papertrader.client import results as r
from papertrader.client.conditions import Conditions
from papertrader.client.moneyresults import Position
from papertrader.core.orders import Side
from papertrader.core.quotes import AssetKind
from papertrader.gateway.assets import class_of, exchange_of
from papertrader.gateway.errors import ApiError, not_found, unprocessable
from papertrader.gateway.ids import asset_uuid
from papertrader.gateway.orders import NUMBER_BITS, Orders
from papertrader.gateway.routing import Answer, Call
from papertrader.gateway.today import Today, newest_trades, today_of
from papertrader.gateway.values import amount, decimal_in, price_of, ratio, value_of
from papertrader.wire.limits import QUOTE_SYMBOLS_MAX

_HUNDRED = Decimal(100)
_ZERO = Decimal(0)


def position_body(
    position: Position, asset: r.Asset, quote: r.Quote | None, today: Today, currency: str
) -> dict[str, Any]:
    """Write a position. Its price is the last one, as that of the close before is.

    ``currency`` is that of the portfolio: what is priced in another one has no price of the last
    close in it, since its rate of then is not known, and changes in its own.
    """
    price, quantity = price_of(position), position.quantity
    value, cost = value_of(position), position.cost_basis
    profit = None if value is None else value - cost
    previous_close = None if quote is None else quote.prev_close
    is_foreign = asset.currency != currency
    now = own_price(quantity, quote) if is_foreign else price
    change = now - previous_close if now is not None and previous_close is not None else None
    return {
        "asset_id": asset_uuid(position.symbol),
        "symbol": position.symbol,
        "exchange": exchange_of(asset),
        "asset_class": class_of(asset),
        "asset_marginable": asset.kind in (AssetKind.STOCK, AssetKind.ETF),
        "qty": amount(quantity),
        "qty_available": amount(abs(quantity) - abs(position.reserved)),
        "avg_entry_price": amount(position.average_cost or _ZERO),
        "side": "long" if quantity > 0 else "short",
        "market_value": amount(value),
        "cost_basis": amount(cost),
        "unrealized_pl": amount(profit),
        "unrealized_plpc": ratio(profit, abs(cost)),
        "unrealized_intraday_pl": amount(today.profit),
        "unrealized_intraday_plpc": ratio(today.profit, today.base),
        "current_price": amount(price),
        "lastday_price": amount(None if is_foreign else previous_close),
        "change_today": ratio(change, previous_close),
    }


def own_price(quantity: Decimal, quote: r.Quote | None) -> Decimal | None:
    """Return the price of a position, as `price_of` has it, in the currency of its asset."""
    if quote is None:
        return None
    side = quote.bid if quantity > 0 else quote.ask
    return side if quote.last is None else quote.last


@attrs.frozen
class Positions:
    """The requests about positions."""

    orders: Orders

    async def all(self, call: Call) -> list[dict[str, Any]]:
        """GET /v2/positions."""
        portfolio = await call.seat.client.portfolio(call.seat.portfolio)
        return await self._bodies(call, portfolio.positions, portfolio)

    async def one(self, call: Call) -> dict[str, Any]:
        """GET /v2/positions/{symbol or id}."""
        held, portfolio = await self._held(call)
        (body,) = await self._bodies(call, [held], portfolio)
        return body

    async def close(self, call: Call) -> dict[str, Any]:
        """DELETE /v2/positions/{symbol or id}: all of it, ``qty`` or ``percentage``."""
        held, _ = await self._held(call)
        quantity = decimal_in(call.query, "qty")
        percent = decimal_in(call.query, "percentage")
        if quantity is not None and percent is not None:
            raise unprocessable("give one of qty and percentage")
        if percent is not None:
            if not 0 < percent <= _HUNDRED:
                raise unprocessable("percentage must lie between 0 and 100")
            asset = await self.orders.book.get(call.seat, held.symbol)
            lots = (abs(held.quantity) * percent / _HUNDRED / asset.lot).to_integral(ROUND_DOWN)
            quantity = lots * asset.lot
        if quantity is None or quantity == abs(held.quantity):
            order = await self._close_whole(call, held.symbol)
        elif quantity > abs(held.quantity) - abs(held.reserved):
            raise insufficient(held, quantity)
        else:
            order = await call.seat.client.order_new(
                Side.SELL if held.quantity > 0 else Side.BUY,
                held.symbol,
                quantity,
                portfolio=call.seat.portfolio,
                conditions=Conditions(reduce_only=True),
            )
        return await self.orders.taken(call, order)

    async def close_all(self, call: Call) -> Answer:
        """DELETE /v2/positions: their open orders are cancelled first, whatever is said."""
        seat = call.seat
        held = (await seat.client.portfolio(seat.portfolio)).positions
        if not held:
            return Answer(207, [])
        closing = await seat.client.position_close(
            "", client_order_id=_number(), portfolio=seat.portfolio
        )
        bodies = await self.orders.bodies(call, closing.orders)
        by_symbol = {order.symbol: bodies[order.order_id] for order in closing.orders}
        return Answer(207, [_closed(each.symbol, by_symbol, closing.text) for each in held])

    async def _close_whole(self, call: Call, symbol: str) -> r.Order:
        closing = await call.seat.client.position_close(
            symbol, client_order_id=_number(), portfolio=call.seat.portfolio
        )
        if not closing.orders:
            raise unprocessable(closing.text or "the position could not be closed")
        return closing.orders[0]

    async def _held(self, call: Call) -> tuple[Position, r.Portfolio]:
        """Return the position that is named, and the portfolio."""
        symbol = (await self.orders.book.find(call.seat, call.names["symbol"])).symbol
        portfolio = await call.seat.client.portfolio(call.seat.portfolio)
        for each in portfolio.positions:
            if each.symbol == symbol:
                return each, portfolio
        raise not_found("position does not exist")

    async def _bodies(
        self, call: Call, positions: Sequence[Position], portfolio: r.Portfolio
    ) -> list[dict[str, Any]]:
        """Write ``positions``, some of the portfolio's."""
        if not positions:
            return []
        quotes: dict[str, r.Quote] = {}
        for first in range(0, len(positions), QUOTE_SYMBOLS_MAX):
            symbols = [each.symbol for each in positions[first : first + QUOTE_SYMBOLS_MAX]]
            quotes |= {each.symbol: each for each in await call.seat.client.quotes(symbols)}
        trades = await newest_trades(call, portfolio.positions)
        bodies = []
        for each in positions:
            asset, quote = (
                await self.orders.book.get(call.seat, each.symbol),
                quotes.get(each.symbol),
            )
            today = today_of(each, asset, quote, trades, portfolio.currency)
            bodies.append(position_body(each, asset, quote, today, portfolio.currency))
        return bodies


def _closed(symbol: str, bodies: dict[str, dict[str, Any]], text: str) -> dict[str, Any]:
    body = bodies.get(symbol)
    if body is None:
        failed = {"code": 42210000, "message": text or "not closed", "symbol": symbol}
        return {"symbol": symbol, "status": 422, "body": failed}
    return {"symbol": symbol, "status": 200, "order_id": body["id"], "body": body}


def _number() -> int:
    return secrets.randbits(NUMBER_BITS) or 1


def insufficient(held: Position, wanted: Decimal) -> ApiError:
    """Return what is answered to who would close more than there is."""
    reserved = abs(held.reserved)
    available = amount(abs(held.quantity) - reserved)
    return ApiError(
        403,
        40310000,
        "insufficient qty available for order"
        f" (requested: {amount(wanted)}, available: {available})",
        symbol=held.symbol,
        available=available,
        existing_qty=amount(abs(held.quantity)),
        held_for_orders=amount(reserved),
    )
