"""The orders' part of the state's hash, from the journal's octets alone.

What the journal says last of an order is what the order is. So who reads the journal's rows can
work out the digest of all orders, while somebody else applies them.
"""

from __future__ import annotations

import hashlib

from papertrader.core.encoding import encoded_order
from papertrader.core.orders import Order
from papertrader.core.statehash import NUMBER, digest_of
from papertrader.core.touched import ORDERS_TOGETHER
from papertrader.master import quickrecords


class OrderDigests:
    """Takes orders in the journal's order, and gives the digest of all at any moment."""

    def __init__(self) -> None:
        self._encoded: dict[int, bytes] = {}
        self._touched: set[int] = set()
        self._by_group: dict[int, bytes] = {}

    def plain(self, number: int, blob: bytes, offset: int) -> None:
        """Take what the plain STORE_ORDER at ``offset`` says of order ``number``."""
        self._touched.add(number // ORDERS_TOGETHER)
        self._encoded[number] = quickrecords.encoded_order(blob, offset) + NUMBER(number)

    def other(self, order: Order) -> None:
        """Take an order that is not plain."""
        number = order.order_id
        self._touched.add(number // ORDERS_TOGETHER)
        self._encoded[number] = encoded_order(order) + NUMBER(number)

    def digest(self) -> bytes:
        """Return the digest of all orders as they are now."""
        known = self._encoded
        for group in self._touched:
            begun = group * ORDERS_TOGETHER
            octets = b"".join(
                [known[n] for n in range(begun, begun + ORDERS_TOGETHER) if n in known]
            )
            self._by_group[group] = hashlib.sha256(octets).digest()
        self._touched.clear()
        return digest_of(self._by_group)
