"""The book of one symbol: its open orders in the order of their turn.

Market orders come first, then limits by price; equals by the worker's stamp, then by sequence.
Both lists are sorted with the best at the *end*, so that what fills is taken off cheaply and a
quote that touches nobody costs one comparison.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import TypeAlias

from papertrader.core.money import NULL
from papertrader.core.orders import Order, OrderState, OrderType, Side

_Key: TypeAlias = tuple[int, int, int, int]
"""Rank of the price, minus the stamp, minus the sequence, order id: the greater, the sooner."""


class _Queue:
    """One side of a book. ``sign`` is 1 for buys, whose higher bound is better, else -1."""

    __slots__ = ("limits", "market", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.market: list[_Key] = []
        self.limits: list[_Key] = []

    def place(self, order: Order) -> tuple[list[_Key], _Key]:
        """Return the list that ``order`` belongs to, and its key there."""
        is_limit = order.order_type == OrderType.LIMIT
        rank = order.limit_price * self.sign if is_limit else 0
        key = (rank, -order.received_at, -order.sequence, order.order_id)
        return (self.limits if is_limit else self.market), key


class Book:
    """The open orders of one symbol, by id; the desk has the orders themselves."""

    __slots__ = ("_buys", "_sells", "pending")

    def __init__(self) -> None:
        self._buys = _Queue(1)
        self._sells = _Queue(-1)
        self.pending: dict[int, tuple[int, int]] = {}
        """Orders that have met no eligible quote yet: id -> (stamp, sequence)."""

    def add(self, order: Order) -> None:
        """Put an open order in its place."""
        keys, key = self._queue(order.side).place(order)
        insort(keys, key)
        if order.state == OrderState.PENDING:
            self.pending[order.order_id] = (order.received_at, order.sequence)

    def remove(self, order: Order) -> None:
        """Take ``order``, as it was added, out."""
        keys, key = self._queue(order.side).place(order)
        del keys[bisect_left(keys, key)]
        self.pending.pop(order.order_id, None)

    def order_ids(self) -> list[int]:
        """Return the ids of all orders in the book, rising."""
        queues = (self._buys, self._sells)
        return sorted(key[3] for queue in queues for key in (*queue.market, *queue.limits))

    def candidates(self, side: Side, price: int) -> Iterator[int]:
        """Give the orders that may trade at ``price``, best first: all market orders, then limits.

        The one given last may be removed from the book before the next is asked for.
        """
        queue = self._queue(side)
        yield from _backwards(queue.market, 0)
        yield from _backwards(queue.limits, bisect_left(queue.limits, (price * queue.sign,)))

    def touches(self, side: Side, price: int) -> bool:
        """Tell, in constant time, whether `candidates` would give any order."""
        if price == NULL:
            return False
        queue = self._queue(side)
        limits = queue.limits
        return bool(queue.market) or bool(limits and limits[-1][0] >= price * queue.sign)

    def _queue(self, side: Side) -> _Queue:
        return self._buys if side == Side.BUY else self._sells


def _backwards(keys: list[_Key], start: int) -> Iterator[int]:
    """Give the ids of ``keys[start:]`` from the end; the last one given may be deleted."""
    for index in range(len(keys) - 1, start - 1, -1):
        yield keys[index][3]
