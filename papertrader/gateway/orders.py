"""Orders: Alpaca's requests as our commands, our orders as Alpaca's."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import attrs

from papertrader.client import results as r
from papertrader.client.conditions import Conditions, Leg
from papertrader.client.errors import PaperTraderError
from papertrader.core.orders import OPEN_STATES, LegRole, OrderState, OrderType, Side, TimeInForce
from papertrader.gateway.assets import AssetBook, class_of
from papertrader.gateway.errors import (
    ApiError,
    internal,
    not_found,
    unprocessable,
    unsupported,
)
from papertrader.gateway.ids import (
    CLIENT_TEXT_MAX,
    Kind,
    asset_uuid,
    client_number,
    client_text,
    number_of,
    uuid_of,
)
from papertrader.gateway.routing import Answer, Call
from papertrader.gateway.values import amount, decimal_in, flag_in, instant_in, moment, text_in

NUMBER_BITS: Final = 62
LISTED: Final = 50
LISTED_MAX: Final = 500
"""Orders of one answer, where nothing is said and at most."""
ORDERS_READ_MAX: Final = 50_000
"""Orders that are looked through for one answer: 422 beyond."""
_READ_AT_ONCE: Final = 5_000
SIDES: Final = {"buy": Side.BUY, "sell": Side.SELL}
CLASSES: Final = ("", "simple", "bracket", "oco", "oto")
TYPES: Final = ("market", "limit", "stop", "stop_limit", "trailing_stop")
IN_FORCE: Final = ("day", "gtc", "opg", "cls", "ioc", "fok")
_TYPE_NAMES: Final = {
    OrderType.MARKET: "market",
    OrderType.LIMIT: "limit",
    OrderType.STOP: "stop",
    OrderType.STOP_LIMIT: "stop_limit",
    OrderType.TRAILING_STOP: "trailing_stop",
    # Alpaca has none that the market must come to; they trigger at a price, as its stops do.
    OrderType.MARKET_IF_TOUCHED: "stop",
    OrderType.LIMIT_IF_TOUCHED: "stop_limit",
}
_STATES: Final = {
    OrderState.PENDING: "new",
    OrderState.WORKING: "new",
    OrderState.PARTIALLY_FILLED: "partially_filled",
    OrderState.FILLED: "filled",
    OrderState.CANCELLED: "canceled",
    OrderState.REJECTED: "rejected",
    OrderState.EXPIRED: "expired",
    OrderState.REPLACED: "replaced",
    OrderState.HELD: "held",
}
_PRICES: Final = {
    "market": (),
    "limit": ("limit_price",),
    "stop": ("stop_price",),
    "stop_limit": ("stop_price", "limit_price"),
    "trailing_stop": (),
}


def order_body(order: r.Order, asset_class: str) -> dict[str, Any]:
    """Write an order without its legs."""
    terms = order.terms
    ended = {order.state: moment(order.updated_at)}
    trail = amount(terms.trail) if terms is not None and terms.trail is not None else None
    percent = terms is not None and terms.trails_percent
    in_force = TimeInForce(order.time_in_force)
    kind = _TYPE_NAMES[OrderType(order.order_type)]
    return {
        "id": uuid_of(Kind.ORDER, order.order_id),
        "client_order_id": client_text(order),
        "created_at": moment(order.received_at),
        "updated_at": moment(order.updated_at),
        "submitted_at": moment(order.accepted_at),
        "filled_at": ended.get(OrderState.FILLED),
        "expired_at": ended.get(OrderState.EXPIRED),
        "expires_at": moment(order.expire_at),
        "canceled_at": ended.get(OrderState.CANCELLED),
        "failed_at": ended.get(OrderState.REJECTED),
        "replaced_at": ended.get(OrderState.REPLACED),
        "replaced_by": uuid_of(Kind.ORDER, order.replaced_by) if order.replaced_by else None,
        "replaces": uuid_of(Kind.ORDER, order.replaces) if order.replaces else None,
        "asset_id": asset_uuid(order.symbol),
        "symbol": order.symbol,
        "asset_class": asset_class,
        "notional": amount(terms.notional) if terms is not None else None,
        "qty": amount(order.quantity) if order.quantity else None,
        "filled_qty": amount(order.filled),
        "filled_avg_price": amount(order.average_price),
        "order_class": _class_of_leg(order),
        "order_type": kind,
        "type": kind,
        "side": "buy" if order.side == Side.BUY else "sell",
        "time_in_force": "gtc" if in_force == TimeInForce.GTD else in_force.name.lower(),
        "limit_price": amount(order.limit_price),
        "stop_price": amount(order.stop_price),
        "status": _STATES[OrderState(order.state)],
        "extended_hours": False,
        "legs": None,
        "trail_percent": trail if percent else None,
        "trail_price": None if percent else trail,
        "hwm": amount(terms.mark) if terms is not None else None,
        "position_intent": "sell_to_open" if order.side == Side.SELL_SHORT else None,
    }


def _class_of_leg(order: r.Order) -> str:
    """Return the class that an order's own terms tell; a parent's is told by its legs."""
    terms = order.terms
    if terms is None or terms.role == LegRole.NONE:
        return "oco" if terms is not None and terms.pair and not terms.parent else "simple"
    if terms.role == LegRole.OCO:
        return "oco"
    return "bracket" if terms.pair and terms.role != LegRole.OTO else "oto"


def nested(
    orders: Sequence[r.Order], bodies: Mapping[int, dict[str, Any]], wanted: bool = True
) -> list[dict[str, Any]]:
    """Put the legs among ``orders`` under their parents, and say there which class it is.

    Not ``wanted``: the classes are told all the same, and every order stays in the list.
    """
    shown = [order.order_id for order in orders]
    # By number, whatever the order of the list: a parent comes before its legs.
    listed = {order.order_id: order for order in sorted(orders, key=lambda each: each.order_id)}
    first_of: dict[int, int] = {}
    under: dict[int, list[int]] = {}
    for number, order in listed.items():
        terms = order.terms
        if terms is None:
            continue
        above = terms.parent
        if not above and terms.pair:
            above = first_of.setdefault(terms.pair, number)
        if above in listed and above != number:
            under.setdefault(above, []).append(number)
    for number, legs in under.items():
        classes = {bodies[leg]["order_class"] for leg in legs}
        bodies[number]["order_class"] = classes.pop() if len(classes) == 1 else "bracket"
        if wanted:
            bodies[number]["legs"] = [bodies[leg] for leg in legs]
    hidden = {leg for legs in under.values() for leg in legs} if wanted else set()
    return [bodies[number] for number in shown if number not in hidden]


@attrs.frozen
class Orders:
    """The requests about orders."""

    book: AssetBook

    # --- as answers -----------------------------------------------------------------------------

    async def body(self, call: Call, order: r.Order, legs: bool = True) -> dict[str, Any]:
        """Write an order, with those that hang together with it if ``legs``."""
        together = (order, *order.combined) if legs else (order,)
        bodies = await self.bodies(call, together)
        nested(together, bodies)
        return bodies[order.order_id]

    async def taken(self, call: Call, order: r.Order) -> dict[str, Any]:
        """Write an order that was just taken. Whatever fails now, it must not be sent again."""
        try:
            return await self.body(call, order)
        except (ApiError, PaperTraderError) as error:
            number = uuid_of(Kind.ORDER, order.order_id)
            raise internal(f"order {number} was taken, but cannot be shown: {error}") from None

    async def bodies(self, call: Call, orders: Iterable[r.Order]) -> dict[int, dict[str, Any]]:
        """Write orders, by number."""
        written: dict[int, dict[str, Any]] = {}
        for each in orders:
            asset = await self.book.get(call.seat, each.symbol)
            written[each.order_id] = order_body(each, class_of(asset))
        return written

    # --- requests -------------------------------------------------------------------------------

    async def submit(self, call: Call) -> dict[str, Any]:
        """POST /v2/orders."""
        body = call.body
        if text_in(body, "order_class") == "mleg" or body.get("legs"):
            raise unsupported("orders of several legs are")
        if text_in(body, "order_class") not in CLASSES:
            raise unprocessable("order_class must be one of simple, bracket, oco, oto")
        side = SIDES.get(text_in(body, "side"))
        if side is None:
            raise unprocessable("side must be buy or sell")
        symbol = await self._symbol(call, text_in(body, "symbol"))
        wish = wish_of(body)
        number, tag = _named(text_in(body, "client_order_id"))
        if text_in(body, "position_intent") == "sell_to_open":
            side = Side.SELL_SHORT
        order = await call.seat.client.order_new(
            side,
            symbol,
            wish.quantity,
            wish.limit,
            wish.time_in_force,
            number,
            call.seat.portfolio,
            tag,
            conditions=wish.conditions,
        )
        return await self.taken(call, order)

    async def _symbol(self, call: Call, name: str) -> str:
        if not name:
            raise unprocessable("symbol is required")
        return (await self.book.find(call.seat, name)).symbol

    async def one(self, call: Call) -> dict[str, Any]:
        """GET /v2/orders/{id}."""
        seat = call.seat
        order = await seat.client.order(_order_number(call), portfolio=seat.portfolio)
        return await self.body(call, order)

    async def by_client_id(self, call: Call) -> dict[str, Any]:
        """GET /v2/orders:by_client_order_id."""
        text = call.query.get("client_order_id", "")
        if not text:
            raise unprocessable("client_order_id is required")
        number, seat = client_number(text), call.seat
        order = await seat.client.order(client_order_id=number, portfolio=seat.portfolio)
        return await self.body(call, order)

    async def all(self, call: Call) -> list[dict[str, Any]]:
        """GET /v2/orders: the newest first unless ``direction=asc``."""
        wanted = call.query.get("status", "open")
        if wanted not in ("open", "closed", "all"):
            raise unprocessable("status must be one of open, closed, all")
        backwards = call.query.get("direction", "desc") != "asc"
        in_nests = call.query.get("nested", "").lower() == "true"
        limit = call.whole("limit", LISTED, LISTED_MAX)

        def enough(found: Sequence[r.Order], place: int) -> bool:
            # Legs come after their parents: from the newest on, what is shown is known sooner.
            if in_nests:
                return backwards and _shown(found, place) >= limit
            return len(found) >= limit

        chosen = await self._read(call, wanted, backwards, 2 * limit, enough)
        bodies = await self.bodies(call, chosen)
        # A leg counts with its parent: the limit is of what the list shows.
        return nested(chosen, bodies, in_nests)[:limit]

    async def _read(
        self,
        call: Call,
        wanted: str,
        backwards: bool = False,
        first: int = _READ_AT_ONCE,
        enough: Callable[[Sequence[r.Order], int], bool] = lambda found, place: False,
    ) -> list[r.Order]:
        """Return the account's orders that its filters let through, until there are ``enough``.

        They are read in pages, of ``first`` orders for a beginning.
        """
        seat, read, size, place = call.seat, 0, first, 0
        states = {"open": OPEN_STATES, "closed": frozenset(OrderState) - OPEN_STATES}.get(wanted)
        found: list[r.Order] = []
        while True:
            page = await seat.client.orders(
                states=states,
                every=states is None,
                limit=size,
                after=place,
                portfolio=seat.portfolio,
                newest_first=backwards,
            )
            found += [order for order in page if chooses(call, order)]
            read, place, size = read + len(page), page.next_after, _READ_AT_ONCE
            if not place or enough(found, place):
                return found
            if read >= ORDERS_READ_MAX:
                raise unprocessable(f"this account has more than {ORDERS_READ_MAX} such orders")

    async def replace(self, call: Call) -> dict[str, Any]:
        """PATCH /v2/orders/{id}."""
        seat, body = call.seat, call.body
        number = _order_number(call)
        named, tag = _named(text_in(body, "client_order_id"))
        before = await seat.client.order(number, portfolio=seat.portfolio)
        in_force = text_in(body, "time_in_force")
        if in_force and in_force != TimeInForce(before.time_in_force).name.lower():
            raise unsupported("another time_in_force is")
        trail = decimal_in(body, "trail")
        percent = before.terms is not None and before.terms.trails_percent
        order = await seat.client.order_replace(
            number,
            quantity=decimal_in(body, "qty"),
            limit=decimal_in(body, "limit_price"),
            stop=decimal_in(body, "stop_price"),
            trail=f"{amount(trail)}%" if trail is not None and percent else trail,
            client_order_id=named,
            portfolio=seat.portfolio,
            tag=tag,
        )
        return await self.taken(call, order)

    async def cancel_all(self, call: Call) -> Answer:
        """DELETE /v2/orders."""
        seat = call.seat
        before = await self._read(call, "open")
        await seat.client.order_cancel_all(portfolio=seat.portfolio)
        still = {order.order_id for order in await self._read(call, "open")}
        statuses = [(each.order_id, 500 if each.order_id in still else 200) for each in before]
        return Answer(
            207, [{"id": uuid_of(Kind.ORDER, number), "status": code} for number, code in statuses]
        )

    async def cancel(self, call: Call) -> Answer:
        """DELETE /v2/orders/{id}."""
        seat = call.seat
        await seat.client.order_cancel(_order_number(call), portfolio=seat.portfolio)
        return Answer(204)


def _above(order: r.Order) -> int:
    """Return the order under which one is shown in a nest; 0 for one that stands by itself."""
    terms = order.terms
    above = (terms.parent or terms.pair) if terms is not None else 0
    return above if above != order.order_id else 0


def _shown(chosen: Sequence[r.Order], place: int) -> int:
    """Return how many orders of a list, read from the newest to ``place``, are shown at any rate.

    A leg whose parent may come yet is not among them, nor what is behind it.
    """
    known = {order.order_id for order in chosen}
    count = 0
    for order in chosen:
        above = _above(order)
        if 0 < above < place:
            return count
        count += above not in known
    return count


def _named(text: str) -> tuple[int, str | None]:
    """Return the number by which an order is known, and the tag that keeps the text it came under.

    The order itself keeps it: whichever worker is asked, and after whatever restart, it is found.
    """
    if not text:
        return secrets.randbits(NUMBER_BITS) or 1, None
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        size = 0
    if not 0 < size <= CLIENT_TEXT_MAX or not text.isprintable():
        raise unprocessable(
            f"client_order_id must have at most {CLIENT_TEXT_MAX} octets, all of them printable"
        )
    number = client_number(text)
    return number, None if text == str(number) else text


def chooses(call: Call, order: r.Order) -> bool:
    """Tell whether the filters of a list let an order through."""
    query = call.query
    side = query.get("side", "")
    if side and (order.side == Side.BUY) != (side == "buy"):
        return False
    if query.get("symbols") and order.symbol not in call.symbols():
        return False
    at = order.accepted_at
    after, until = instant_in(query, "after"), instant_in(query, "until")
    if at is None:
        return after is None and until is None
    return (after is None or at > after) and (until is None or at < until)


def _order_number(call: Call) -> int:
    number = number_of(Kind.ORDER, call.names["order"])
    if not number:
        raise not_found(f"order not found for {call.names['order'][:64]}")
    return number


@attrs.frozen(kw_only=True)
class Wish:
    """What an order is to be, as our commands take it."""

    quantity: Decimal
    limit: Decimal | None
    time_in_force: str
    conditions: Conditions


def wish_of(body: Mapping[str, Any]) -> Wish:
    """Read the terms of an order. Raises `ApiError`, naming what is wrong."""
    kind = text_in(body, "type")
    if kind not in TYPES:
        raise unprocessable(f"type must be one of {', '.join(TYPES)}")
    in_force = text_in(body, "time_in_force")
    if in_force not in IN_FORCE:
        raise unprocessable(f"time_in_force must be one of {', '.join(IN_FORCE)}")
    quantity, notional = decimal_in(body, "qty"), decimal_in(body, "notional")
    if (quantity is None) == (notional is None):
        raise unprocessable("give one of qty and notional")
    prices = {name: decimal_in(body, name) for name in ("limit_price", "stop_price")}
    is_oco = text_in(body, "order_class") == "oco"
    if is_oco:
        # Its own price may stand in take_profit alone.
        prices["limit_price"] = prices["limit_price"] or _part(body, "take_profit", "limit_price")
    for name, price in prices.items():
        if (name in _PRICES[kind]) != (price is not None):
            raise unprocessable(
                f"{kind} orders require {name}"
                if price is None
                else f"{kind} orders have no {name}"
            )
    conditions = Conditions(
        stop=prices["stop_price"],
        trail=_trail(body, kind),
        for_money=notional is not None,
        reduce_only=text_in(body, "position_intent").endswith("_to_close"),
        extended_hours=flag_in(body, "extended_hours"),
        legs=_legs(body, in_force),
    )
    return Wish(
        quantity=quantity if quantity is not None else notional or Decimal(0),
        limit=prices["limit_price"],
        time_in_force=in_force,
        conditions=conditions,
    )


def _part(body: Mapping[str, Any], part: str, name: str) -> Decimal | None:
    given = body.get(part)
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise unprocessable(f"{part} must be an object")
    return decimal_in(given, name)


def _trail(body: Mapping[str, Any], kind: str) -> str | Decimal | None:
    price, percent = decimal_in(body, "trail_price"), decimal_in(body, "trail_percent")
    if kind != "trailing_stop":
        return None
    if (price is None) == (percent is None):
        raise unprocessable("trailing stop orders require one of trail_price and trail_percent")
    return price if price is not None else f"{amount(percent)}%"


def _legs(body: Mapping[str, Any], in_force: str) -> tuple[Leg, ...]:
    """Return what comes with an order of a class other than simple."""
    kind = text_in(body, "order_class")
    profit = _part(body, "take_profit", "limit_price")
    stop, limit = _part(body, "stop_loss", "stop_price"), _part(body, "stop_loss", "limit_price")
    if kind in ("", "simple"):
        if profit is not None or stop is not None:
            raise unprocessable("a simple order has neither take_profit nor stop_loss")
        return ()
    if kind != "oto" and (profit is None or stop is None):
        raise unprocessable(
            f"{kind} orders require take_profit.limit_price and stop_loss.stop_price"
        )
    if kind == "oto" and (profit is None) == (stop is None):
        raise unprocessable("oto orders require one of take_profit and stop_loss")
    lasting = in_force if in_force in ("day", "gtc") else None
    if kind == "oco":
        return (Leg(role="oco", stop=stop, limit=limit, time_in_force=lasting),)
    legs = []
    if profit is not None:
        legs.append(Leg(role="take_profit", limit=profit, time_in_force=lasting))
    if stop is not None:
        legs.append(Leg(role="stop_loss", stop=stop, limit=limit, time_in_force=lasting))
    return tuple(legs)
