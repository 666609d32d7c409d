"""What the in-memory worker of `client_kit` does with orders, their receipts and refusals."""

from __future__ import annotations

from papertrader.core.money import NULL, SCALE, cost_of
from papertrader.core.orders import OrderState, Side
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.kinds import Status
from tests.client_accounts import ASK, START, paged, reply_of, tag_rows

REFUSAL = 41


class OrderPeer:
    """Answers of `Peer`: reads send their reply, commands return it with its status."""

    def _order_new(self, wish: m.OrderNew) -> tuple[object, int]:
        account = self._mine()
        for order in account.orders:
            if order.client_order_id == wish.client_order_id:
                reply = reply_of(order)
                reply.text = "An order with this number exists."
                return reply, Status.DUPLICATE_ORDER
        if wish.symbol not in {"AAPL", "IBM"}:
            return codec.Failure("There is no such symbol."), Status.NO_SUCH_SYMBOL
        if wish.side == Side.BUY and cost_of(ASK, wish.quantity) > account.cash:
            return codec.Failure("There is too little cash."), Status.INSUFFICIENT_CASH
        order = self.market.new_order(account, wish)
        accepted = reply_of(order, account)
        if self.market.fill_at_once:
            self.market.tick()
        return accepted, Status.OK

    def _preview(self, header: codec.Header, wish: m.OrderNew) -> None:
        cost = cost_of(ASK, wish.quantity)
        left = self._mine().cash - cost
        if header.seq or left < 0:
            status = Status.INVALID_FIELD if header.seq else Status.INSUFFICIENT_CASH
            self._fail(header, status, "There is too little cash.")
            return
        row = m.PreviewRow(price=ASK, cost=cost, buying_power_after=left, currency="USD")
        shown = m.OrderReply(
            symbol=wish.symbol, side=wish.side, order_type=wish.order_type, quantity=wish.quantity,
            time_in_force=wish.time_in_force, reserved_cash=cost, version=1, preview=(row,),
            text="It would wait." if wish.stop_price != NULL else "",
        )  # fmt: skip
        self._send(header, shown)

    def _change_order_replace(self, wish: m.OrderReplace) -> tuple[object, int]:
        account = self._mine()
        found = next((each for each in account.orders if each.order == wish.order), None)
        if found is None:
            return codec.Failure("There is no such order."), Status.NO_SUCH_ORDER
        if wish.expect_version not in {0, found.version}:
            reply = reply_of(found)
            reply.text = "The order has changed."
            return reply, Status.STALE_VERSION
        found.state = OrderState.REPLACED
        anew = m.OrderNew(
            client_order_id=wish.client_order_id, portfolio=found.portfolio, symbol=found.symbol,
            side=found.side, order_type=found.order_type, time_in_force=found.time_in_force,
            quantity=wish.quantity or found.quantity,
            limit_price=found.limit_price if wish.limit_price == NULL else wish.limit_price,
        )  # fmt: skip
        new = self.market.new_order(account, anew)
        new.replaces = found.order
        return reply_of(new), Status.OK

    def _change_order_cancel_all(self, wish: m.OrderCancelAll) -> tuple[object, int]:
        pending = [each for each in self._mine().orders if each.state == OrderState.PENDING]
        meant = [
            each for each in pending
            if wish.symbol in {"", each.symbol} and wish.side in {0, each.side}
        ]  # fmt: skip
        for order in meant:
            order.state = OrderState.CANCELLED
        left = len(pending) - len(meant)
        return m.OrderCancelAllReply(cancelled=len(meant), still_open=left), Status.OK

    def _change_position_close(self, wish: m.PositionClose) -> tuple[object, int]:
        account = self._mine()
        if wish.symbol == "IBM":
            return codec.Failure("You hold no IBM."), Status.INSUFFICIENT_POSITION
        sell = m.OrderNew(
            client_order_id=wish.client_order_id, symbol="AAPL", side=Side.SELL, quantity=SCALE
        )
        order = self.market.new_order(account, sell)
        reply = m.PositionCloseReply(cancelled=2, closing=1, orders=(order,))
        reply.text = None if wish.symbol else "No price of MSFT is known yet."
        return reply, Status.OK

    def _find(self, message: m.OrderGet | m.OrderCancel) -> m.OrderRow | None:
        for order in self._mine().orders:
            if order.order == message.order or (
                not message.order and order.client_order_id == message.client_order_id
            ):
                return order
        if getattr(message, "tag", None):
            tags = self._mine().tags
            return next(
                (o for o in self._mine().orders[::-1] if tags[o.order] == message.tag), None
            )
        return None

    def _order_cancel(self, message: m.OrderCancel) -> tuple[object, int]:
        order = self._find(message)
        if order is None:
            return codec.Failure("There is no such order."), Status.NO_SUCH_ORDER
        if order.state != OrderState.PENDING:
            return reply_of(order), Status.ORDER_DONE
        order.state = OrderState.CANCELLED
        return reply_of(order), Status.OK

    def _order_get(self, header: codec.Header, message: m.OrderGet) -> None:
        order = self._find(message)
        if order is None:
            self._fail(header, Status.NO_SUCH_ORDER, "There is no such order.")
        else:
            self._send(header, reply_of(order, self._mine()))

    def _refusals_get(self, header: codec.Header, message: m.RefusalsGet) -> None:
        """Every refusal has the same number: what is refused again is told by the same words."""
        known = self._mine().refused
        wanted = [message.client_order_id] if message.client_order_id else list(known)
        rows = [
            m.RefusalRow(refusal=REFUSAL, client_order_id=number, reason=known[number][0])
            for number in wanted
            if number in known
        ]
        self._parts(header, m.RefusalsPart, "refusals", rows, as_of=START)

    def _receipt_get(self, header: codec.Header, message: m.ReceiptGet) -> None:
        if not message.order and not message.client_order_id:
            numbers = sorted(each for each in self.market.receipts if each > message.after)
            rows = [row for number in numbers for row in self.market.receipts[number]]
            self._parts(header, m.ReceiptPart, "receipts", rows, as_of=START)
            return
        order = self._find(message)
        if order is None:
            self._fail(header, Status.NO_SUCH_ORDER, "There is no such order.")
            return
        kept = self.market.receipts.get(order.order, [])
        rows = [row for row in kept if row.event_seq > message.after]
        self._parts(header, m.ReceiptPart, "receipts", rows, as_of=START)

    def _order_list(self, header: codec.Header, message: m.OrderList) -> None:
        wanted = message.states or 0b1110
        rows = [order for order in self._mine().orders if wanted >> order.state & 1]
        if message.symbol:
            rows = [order for order in rows if order.symbol == message.symbol]
        rows, after = paged(rows, message, "order")
        self._parts(
            header, m.OrderListPart, "orders", rows, as_of=START, next_after=after,
            order_tags=tag_rows(self._mine(), rows),
        )  # fmt: skip
