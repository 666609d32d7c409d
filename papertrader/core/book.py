"""The book of one symbol: its open orders in the order of their turn.

Market orders come first, then limits by price; equals by the worker's stamp, then by sequence.
Both lists are sorted with the best at the *end*, so that what fills is taken off cheaply and a
quote that touches nobody costs one comparison. Orders that cannot fill yet stand beside them: those
that wait for a trigger, for their parent, for the opening or the close.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Final, TypeAlias

from papertrader.core.money import NULL
from papertrader.core.orders import (
    IMMEDIATE,
    LIMITED,
    TRIGGERED_TYPES,
    Order,
    OrderState,
    Side,
    TimeInForce,
)
from papertrader.core.triggers import Triggers

# Python 3.11 looks the members of an enumeration up slowly: each costs as much as a call.
_BUY: Final = Side.BUY
_CLS: Final = TimeInForce.CLS
_PENDING: Final = OrderState.PENDING

_Key: TypeAlias = tuple[int, int, int, int]
"""Rank of the price, minus the stamp, minus the sequence, order id: the greater, the sooner."""

_QUEUE: Final = 0
_TRIGGERS: Final = 1
_OPENING: Final = 2
_ASIDE: Final = 3


class _Queue:
    """One side of a book. ``sign`` is 1 for buys, whose higher bound is better, else -1."""

    __slots__ = ("limits", "market", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.market: list[_Key] = []
        self.limits: list[_Key] = []

    def place(self, order: Order) -> tuple[list[_Key], _Key]:
        """Return the list that ``order`` belongs to, and its key there."""
        is_limit = order.order_type in LIMITED
        rank = order.limit_price * self.sign if is_limit else 0
        key = (rank, -order.since, -order.sequence, order.order_id)
        return (self.limits if is_limit else self.market), key


def _place(order: Order) -> int:
    """Return in which part of the book an open order stands."""
    if order.terms is None:
        return _waiting(order) if order.order_type in TRIGGERED_TYPES else _QUEUE
    if order.state == OrderState.HELD or order.time_in_force == _CLS:
        return _ASIDE
    if not order.is_triggered:
        return _waiting(order)
    if order.time_in_force == TimeInForce.OPG and order.state == _PENDING:
        return _OPENING
    return _QUEUE


def _waiting(order: Order) -> int:
    # Until it has met a quote it is looked at by itself: not every quote is for it yet.
    return _ASIDE if order.state == _PENDING else _TRIGGERS


class Book:
    """The open orders of one symbol, by id; the desk has the orders themselves."""

    __slots__ = ("_aside", "_buys", "_sells", "opening", "pending", "triggers", "unmet")

    def __init__(self) -> None:
        self._buys = _Queue(1)
        self._sells = _Queue(-1)
        self._aside: set[int] = set()
        self.triggers = Triggers()
        self.opening: list[tuple[int, int, int]] = []
        """Orders that wait for an opening: (market time of it, sequence, id), first one first."""
        self.unmet: dict[int, tuple[int, int]] = {}
        """As `pending`, but of orders that a trigger must reach first."""
        self.pending: dict[int, tuple[int, int]] = {}
        """Orders that have met no quote yet that they may use: id -> (stamp, sequence)."""

    def add(self, order: Order) -> None:
        """Put an open order in its place."""
        place = _place(order)
        if place == _QUEUE:
            keys, key = self._queue(order.side).place(order)
            insort(keys, key)
        elif place == _TRIGGERS:
            self.triggers.add(order)
            return
        elif place == _OPENING:
            insort(self.opening, self._opening(order))
            return
        else:
            self._aside.add(order.order_id)
        waits = order.time_in_force == _CLS
        if (order.state == _PENDING and not waits) or _has_its_chance_to_come(order):
            met = self.pending if place == _QUEUE else self.unmet
            met[order.order_id] = (order.since, order.sequence)

    def remove(self, order: Order) -> None:
        """Take ``order``, as it was added, out."""
        place = _place(order)
        if place == _QUEUE:
            keys, key = self._queue(order.side).place(order)
            if keys[-1] == key:  # The best is what fills, and so what leaves most often.
                keys.pop()
            else:
                del keys[bisect_left(keys, key)]
        elif place == _TRIGGERS:
            self.triggers.remove(order)
        elif place == _OPENING:
            del self.opening[bisect_left(self.opening, self._opening(order))]
        else:
            self._aside.remove(order.order_id)
            _drop(self.unmet, order.order_id)
        _drop(self.pending, order.order_id)

    def met(self, order: Order) -> None:
        """Note that ``order``, which stays where it is, has met a quote."""
        _drop(self.pending, order.order_id)

    def change(self, old: Order, order: Order) -> None:
        """Put an order that changed, and is open still, in its new place."""
        if _place(old) == _place(order) == _TRIGGERS and _trigger(old) == _trigger(order):
            return  # Its best price is known better in here.
        self.remove(old)
        self.add(order)

    def order_ids(self) -> list[int]:
        """Return the ids of all orders in the book, rising."""
        queues = (self._buys, self._sells)
        working = [key[3] for queue in queues for key in (*queue.market, *queue.limits)]
        opening = [order_id for _, _, order_id in self.opening]
        return sorted([*working, *opening, *self._aside, *self.triggers.order_ids()])

    def candidates(self, side: Side, price: int) -> Iterator[int]:
        """Give the orders that may trade at ``price``, best first: all market orders, then limits.

        Orders may be put in and taken out before the next is asked for.
        """
        queue = self._queue(side)
        yield from _backwards(queue.market, ())
        yield from _backwards(queue.limits, (price * queue.sign,))

    def touches(self, side: Side, price: int) -> bool:
        """Tell, in constant time, whether `candidates` would give any order."""
        if price == NULL:
            return False
        queue = self._queue(side)
        limits = queue.limits
        return bool(queue.market) or bool(limits and limits[-1][0] >= price * queue.sign)

    def opens(self, market_at: int) -> bool:
        """Tell whether an order waits for an opening at or before ``market_at``."""
        return bool(self.opening) and self.opening[0][0] <= market_at

    def _queue(self, side: Side) -> _Queue:
        return self._buys if side == _BUY else self._sells

    @staticmethod
    def _opening(order: Order) -> tuple[int, int, int]:
        works_from = order.terms.works_from if order.terms is not None else 0
        return works_from, order.sequence, order.order_id


def _has_its_chance_to_come(order: Order) -> bool:
    """Tell whether an order has one chance, and triggered on a quote that could not be it."""
    terms = order.terms
    if terms is None or order.time_in_force not in IMMEDIATE or order.state != OrderState.WORKING:
        return False
    return 0 < terms.triggered_at <= terms.active_at


def _trigger(order: Order) -> tuple[object, ...]:
    terms = order.terms
    if terms is None:
        return (order.stop_price,)
    return order.stop_price, terms.trail_kind, terms.trail, terms.mark, terms.marked_at


def _backwards(keys: list[_Key], least: tuple[()] | tuple[int]) -> Iterator[int]:
    """Give the ids of the keys from the last down to ``least``; the list may change meanwhile."""
    index = len(keys)
    while index and keys[index - 1] >= least:
        key = keys[index - 1]
        yield key[3]
        # The usual thing is that it was the best, and has filled and left.
        index = bisect_left(keys, key) if keys and keys[-1] >= key else len(keys)


def _drop(met: dict[int, tuple[int, int]], order_id: int) -> None:
    """Take an order out of those that have met no quote."""
    if met.pop(order_id, None) is not None and not met:
        # Python walks an emptied dictionary as if it were full; a cleared one it does not.
        met.clear()
