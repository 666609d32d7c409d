"""Orders as the rows that a desk's state is put together from: each row holds one."""

from __future__ import annotations

from papertrader.core.allorders import Glance
from papertrader.core.encoding import encoded_order
from papertrader.core.orders import Order


class OrdersAsRows:
    """Reads rows that are orders."""

    @staticmethod
    def row(order: Order) -> tuple[Order]:
        """A row that holds it."""
        return (order,)

    @staticmethod
    def glance(row: tuple[Order]) -> Glance:
        """What a start needs."""
        (order,) = row
        return (
            order.order_id, order.client_order_id, order.portfolio, order.symbol, order.flags,
            order.state, order.replaces, order.sequence, order.tag,
        )  # fmt: skip

    @staticmethod
    def order(row: tuple[Order]) -> Order:
        """The order, another one each time."""
        return row[0].snapshot()

    @staticmethod
    def encoded(row: tuple[Order]) -> bytes | None:
        """Return the encoding of a plain order."""
        order = row[0]
        return None if order.terms is not None or order.tag else encoded_order(order)
