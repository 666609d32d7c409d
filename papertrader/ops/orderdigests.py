"""The orders' part of the state's hash, from the journal's octets alone.

What the journal says last of an order is what the order is. So who reads the journal's rows can
work out the digest of all orders, while somebody else applies them.
"""

from __future__ import annotations

import hashlib
from typing import Final

from papertrader.core.encoding import encoded_order, encoded_values
from papertrader.core.orders import OPEN_STATES, Order
from papertrader.core.statehash import NUMBER, digest_of
from papertrader.core.touched import ORDERS_TOGETHER
from papertrader.master import quickrecords

_OPEN: Final = frozenset(map(int, OPEN_STATES))


class OrderDigests:
    """Takes orders in the journal's order, and gives the digest of all at any moment."""

    def __init__(self) -> None:
        self._open: dict[int, bytes] = {}
        """The newest record of each plain order that is open: it is encoded when it must be."""
        self._encoded: dict[int, bytes] = {}
        self._touched: set[int] = set()
        self._by_group: dict[int, bytes] = {}

    def plain(self, number: int, state: int, blob: bytes, offset: int, end: int) -> None:
        """Take what a plain STORE_ORDER says of order ``number``, which is in ``state`` then.

        Raises `ValueError` or `struct.error` for what is no order after all.
        """
        self._touched.add(number // ORDERS_TOGETHER)
        if state in _OPEN:
            self._open[number] = blob[offset:end]
        else:
            self._open.pop(number, None)
            octets = encoded_values(quickrecords.order_values(blob, offset))
            self._encoded[number] = octets + NUMBER % number

    def other(self, order: Order) -> None:
        """Take an order that is not plain."""
        number = order.order_id
        self._touched.add(number // ORDERS_TOGETHER)
        self._open.pop(number, None)
        self._encoded[number] = encoded_order(order) + NUMBER % number

    def digest(self) -> bytes:
        """Return the digest of all orders as they are now."""
        known = self._encoded
        for number, record in self._open.items():
            octets = encoded_values(quickrecords.order_values(record, 0))
            known[number] = octets + NUMBER % number
        self._open.clear()
        for group in self._touched:
            begun = group * ORDERS_TOGETHER
            octets = b"".join(
                [known[n] for n in range(begun, begun + ORDERS_TOGETHER) if n in known]
            )
            self._by_group[group] = hashlib.sha256(octets).digest()
        self._touched.clear()
        return digest_of(self._by_group)
