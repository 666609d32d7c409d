"""``/stream``: what becomes of an account's orders, as JSON in binary messages."""

from __future__ import annotations

import json
from collections import deque
from decimal import Decimal
from typing import Any, Final

from twisted.web.server import Request

from papertrader.client import results as r
from papertrader.client import updates as u
from papertrader.core.orders import OrderEventKind, OrderState, Side
from papertrader.gateway.assets import class_of
from papertrader.gateway.errors import ApiError
from papertrader.gateway.ids import Kind, uuid_of
from papertrader.gateway.orders import order_body
from papertrader.gateway.seats import Visitor
from papertrader.gateway.streams import STREAM_QUEUE_MAX, Around, Stream
from papertrader.gateway.values import amount, moment

STREAM: Final = "trade_updates"
_EVENTS: Final = {
    OrderEventKind.ACCEPTED: "new",
    OrderEventKind.ACTIVATED: "new",
    OrderEventKind.FILL: "partial_fill",
    OrderEventKind.CANCELLED: "canceled",
    OrderEventKind.REPLACED: "replaced",
    OrderEventKind.EXPIRED: "expired",
    OrderEventKind.REJECTED: "rejected",
    OrderEventKind.ADJUSTED: "restated",
}
"""What is told; that an order rests, or that its stop was reached, has no event of Alpaca's."""


class TradeStream(Stream):
    """One program that listens to its account."""

    _listening = False

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._waiting: deque[bytes] = deque()  # at most STREAM_QUEUE_MAX
        self._subscribed = False
        self._portfolio = 0
        self._counted_to = 0
        self._held: dict[str, Decimal] = {}
        self._known_to = 0

    # --- what the program says --------------------------------------------------------------------

    def asked(self, message: dict[str, Any]) -> None:
        """Take ``auth``, ``authenticate`` or ``listen``."""
        action = message.get("action")
        data = message.get("data")
        given = data if isinstance(data, dict) else {}
        if action == "authenticate":
            self.authenticate(given.get("key_id"), given.get("secret_key"))
        elif action == "auth":
            self.authenticate(message.get("key"), message.get("secret"))
        elif action == "listen" and self.seat is not None:
            streams = given.get("streams")
            wanted = isinstance(streams, list) and STREAM in streams
            self.later(("listen", wanted))
        elif action == "listen":
            self._say("listening", {"error": "not authorized", "streams": []})
        else:
            self.unreadable()

    def unreadable(self) -> None:
        """Answer what could not be read."""
        self._say("listening", {"error": "invalid message", "streams": self._streams})

    def answered(self, authorized: bool, error: ApiError | None) -> None:
        """Say whether the key is good."""
        status = "authorized" if authorized else "unauthorized"
        self._say("authorization", {"status": status, "action": "authenticate"})

    def late(self) -> None:
        """Say that no key came in time."""
        self.answered(False, None)

    def too_slow(self) -> None:
        """There is nothing to say to a program that does not read."""

    @property
    def _streams(self) -> list[str]:
        return [STREAM] if self._listening else []

    # --- what is pushed ---------------------------------------------------------------------------

    def pushed(self, event: u.Event) -> None:
        """Take the account's events, in their order."""
        if isinstance(event, u.OrderUpdate | u.TransactionUpdate | u.EventsLost):
            self.later(event)

    async def work(self, thing: Any) -> None:
        """Begin to listen, or tell one event."""
        if isinstance(thing, tuple):
            await self._listen(thing[1])
        elif isinstance(thing, u.OrderUpdate):
            await self._tell(thing)
        elif isinstance(thing, u.TransactionUpdate):
            self._take_transaction(thing)
        elif isinstance(thing, u.EventsLost):
            # Whoever connects again reads orders and positions anew.
            self.close()

    async def _listen(self, wanted: bool) -> None:
        seat = self.seat
        if seat is None:
            return
        if wanted and not self._subscribed:
            self._subscribed = True
            await seat.client.subscribe_account()
            portfolio = await seat.client.portfolio(seat.portfolio)
            self._portfolio, self._counted_to = portfolio.portfolio, portfolio.event_seq
            self._held = {each.symbol: each.quantity for each in portfolio.positions}
        self._listening = wanted
        self._say("listening", {"streams": self._streams})

    def _take_transaction(self, update: u.TransactionUpdate) -> None:
        row, holding = update.transaction, update.holding
        if row.symbol and row.portfolio == self._portfolio and update.sequence > self._counted_to:
            self._held[row.symbol] = holding.quantity if holding is not None else Decimal(0)
            self._known_to = max(self._known_to, row.transaction)

    async def _tell(self, update: u.OrderUpdate) -> None:
        seat, order = self.seat, update.order
        event = _EVENTS.get(OrderEventKind(update.kind))
        if seat is None or event is None or order.portfolio != self._portfolio:
            return
        asset = await self.around.book.get(seat, order.symbol)
        if event == "new" and order.state == OrderState.HELD:
            event = "accepted"
        data: dict[str, Any] = {
            "event": event,
            "timestamp": moment(order.updated_at),
            "order": order_body(order, class_of(asset)),
        }
        fill = update.fill
        if fill is not None:
            whole = order.state == OrderState.FILLED
            data |= {
                "event": "fill" if whole else event,
                "execution_id": uuid_of(Kind.FILL, fill.transaction),
                "price": amount(fill.price),
                "qty": amount(fill.quantity),
                "position_qty": amount(self._position_after(update, fill)),
            }
        if self._listening:
            self._say(STREAM, data)

    def _position_after(self, update: u.OrderUpdate, fill: r.Fill) -> Decimal:
        """Return what is held after a fill, whose transaction may have been told before it."""
        order = update.order
        held = self._held.get(order.symbol, Decimal(0))
        if fill.transaction > self._known_to and update.sequence > self._counted_to:
            held += fill.quantity if order.side == Side.BUY else -fill.quantity
            self._held[order.symbol] = held
            self._known_to = fill.transaction
        return held

    # --- out --------------------------------------------------------------------------------------

    def _say(self, stream: str, data: dict[str, Any]) -> None:
        if self.is_over:
            return
        octets = json.dumps({"stream": stream, "data": data}, separators=(",", ":")).encode()
        if self.can_write and not self._waiting:
            self.write(octets)
        elif len(self._waiting) >= STREAM_QUEUE_MAX:
            self.ended_as_slow()
        else:
            self._waiting.append(octets)

    def readable(self) -> None:
        """Write what waits."""
        while self._waiting and self.can_write:
            self.write(self._waiting.popleft())


def trade_stream(around: Around, request: Request, visitor: Visitor) -> TradeStream:
    """Build a stream of orders."""
    return TradeStream(around, visitor)
