"""Triggers: the orders of one symbol that wait for the market to reach their stop.

They are sorted by what would trigger them, so that a quote that reaches nobody costs a constant
number of comparisons. Trailing stops with the same best price are kept in one group, which moves as
a whole; groups only ever merge, and the smaller is put into the larger.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Final, TypeAlias

import attrs

from papertrader.core.money import NULL, SCALE
from papertrader.core.orders import (
    STOPS,
    NewOrder,
    Order,
    OrderTerms,
    OrderType,
    Side,
    TrailKind,
    TriggerSource,
)

_NO_TERMS: Final = OrderTerms()
_LIST_KEY: TypeAlias = tuple[Side, TriggerSource, int]


@attrs.frozen
class Prices:
    """What triggers look at: the prices of one quote; `NULL` where unknown."""

    bid: int
    ask: int
    last: int

    def seen_by(self, side: Side, source: TriggerSource) -> int:
        """Return the price that an order of ``side`` looks at; `NULL` if there is none."""
        touch = self.ask if side == Side.BUY else self.bid
        inside = source == TriggerSource.DEFAULT and self.bid <= self.last <= self.ask
        price = self.last if inside or source == TriggerSource.LAST else touch
        return price if price > 0 else NULL


def rises_to(side: Side, order_type: OrderType) -> bool:
    """Tell whether a rising price triggers: buy stops, and sells that wait to be touched."""
    return (side == Side.BUY) == (order_type in STOPS)


def reaches(order: Order | NewOrder, level: int, price: int) -> bool:
    """Tell whether ``price`` triggers an order whose stop is at ``level``."""
    if price == NULL:
        return False
    return price >= level if rises_to(order.side, order.order_type) else price <= level


def trailing_stop(side: Side, kind: TrailKind, trail: int, mark: int) -> int:
    """Return the stop that keeps ``trail`` behind the best price ``mark``; 1 unit at least."""
    distance = trail if kind == TrailKind.AMOUNT else mark * trail // SCALE
    return mark + distance if side == Side.BUY else max(mark - distance, 1)


def better_mark(side: Side, mark: int, price: int) -> int:
    """Return the better of two prices for a trailing stop: the lower for a buy; `NULL` is none."""
    if NULL in (price, mark):
        return mark if price == NULL else price
    return min(mark, price) if side == Side.BUY else max(mark, price)


def with_mark(order: Order, mark: int, at: int) -> Order:
    """Return a copy of a trailing stop whose best price is ``mark`` since ``at``."""
    changed = order.with_terms(mark=mark, marked_at=at)
    terms = changed.terms or _NO_TERMS
    changed.stop_price = trailing_stop(order.side, terms.trail_kind, terms.trail, mark)
    return changed


class _Group:
    """Trailing stops with the same best price; the tightest comes first."""

    __slots__ = ("mark", "orders")

    def __init__(self, mark: int) -> None:
        self.mark = mark
        self.orders: list[tuple[int, int]] = []


class _Trails:
    """Trailing stops that look at one price and trail in one way.

    ``sign`` is 1 for sells, whose mark is the highest price, and -1 for buys; all prices in here
    are multiplied by it, so that marks rise and stops lie below them.
    """

    __slots__ = ("_groups", "_kind", "_marks", "_of", "_side", "_stops", "sign")

    def __init__(self, side: Side, kind: TrailKind) -> None:
        self.sign = -1 if side == Side.BUY else 1
        self._side = side
        self._kind = kind
        self._groups: dict[int, _Group] = {}
        self._marks: list[int] = []
        self._stops: list[tuple[int, int]] = []
        self._of: dict[int, _Group] = {}

    def __len__(self) -> int:
        return len(self._of)

    def ids(self) -> Iterator[int]:
        return iter(self._of)

    def mark_of(self, order_id: int) -> int:
        return self._of[order_id].mark * self.sign

    def add(self, order_id: int, trail: int, mark: int) -> None:
        scaled = mark * self.sign
        group = self._groups.get(scaled)
        if group is None:
            group = self._groups[scaled] = _Group(scaled)
            insort(self._marks, scaled)
        else:
            self._forget_stop(group)
        insort(group.orders, (trail, order_id))
        self._of[order_id] = group
        insort(self._stops, (self._stop(group), group.mark))

    def remove(self, order_id: int, trail: int) -> None:
        group = self._of.pop(order_id)
        self._forget_stop(group)
        del group.orders[bisect_left(group.orders, (trail, order_id))]
        if group.orders:
            insort(self._stops, (self._stop(group), group.mark))
        else:
            del self._groups[group.mark]
            del self._marks[bisect_left(self._marks, group.mark)]

    def touched_by(self, price: int) -> bool:
        return bool(self._stops) and price * self.sign <= self._stops[-1][0]

    def moved_by(self, price: int) -> bool:
        return bool(self._marks) and price * self.sign > self._marks[0]

    def due(self, price: int) -> Iterator[int]:
        scaled = price * self.sign
        for stop, mark in reversed(self._stops):
            if stop < scaled:
                return
            for trail, order_id in self._groups[mark].orders:
                if self._level(trail, mark) < scaled:
                    break
                yield order_id

    def move(self, price: int) -> None:
        scaled = price * self.sign
        behind = bisect_left(self._marks, scaled)
        if behind == 0:
            return
        groups = [self._groups.pop(mark) for mark in self._marks[:behind]]
        for group in groups:
            self._forget_stop(group)
        del self._marks[:behind]
        there = self._groups.get(scaled)
        if there is not None:
            self._forget_stop(there)
            groups.append(there)
        else:
            self._marks.insert(0, scaled)
        largest = max(groups, key=lambda each: len(each.orders))
        for group in groups:
            if group is not largest:
                for entry in group.orders:
                    insort(largest.orders, entry)
                    self._of[entry[1]] = largest
        largest.mark = scaled
        self._groups[scaled] = largest
        insort(self._stops, (self._stop(largest), scaled))

    def _level(self, trail: int, mark: int) -> int:
        return trailing_stop(self._side, self._kind, trail, mark * self.sign) * self.sign

    def _stop(self, group: _Group) -> int:
        return self._level(group.orders[0][0], group.mark)

    def _forget_stop(self, group: _Group) -> None:
        del self._stops[bisect_left(self._stops, (self._stop(group), group.mark))]


class Triggers:
    """The waiting orders of one symbol that have met a quote already."""

    __slots__ = ("_levels", "_trails", "newest")

    def __init__(self) -> None:
        self._levels: dict[_LIST_KEY, list[tuple[int, int]]] = {}
        self._trails: dict[tuple[Side, TriggerSource, TrailKind], _Trails] = {}
        self.newest = 0
        """Observation of the newest quote that moved a mark; older ones move none."""

    def add(self, order: Order) -> None:
        """Take an order in."""
        terms = order.terms or _NO_TERMS
        if order.order_type == OrderType.TRAILING_STOP:
            key = (order.side, terms.source, terms.trail_kind)
            trails = self._trails.get(key)
            if trails is None:
                trails = self._trails[key] = _Trails(order.side, terms.trail_kind)
            trails.add(order.order_id, terms.trail, terms.mark)
            return
        sign = -1 if rises_to(order.side, order.order_type) else 1
        levels = self._levels.setdefault((order.side, terms.source, sign), [])
        insort(levels, (order.stop_price * sign, order.order_id))

    def remove(self, order: Order) -> None:
        """Take ``order``, as it was taken in, out."""
        terms = order.terms or _NO_TERMS
        if order.order_type == OrderType.TRAILING_STOP:
            key = (order.side, terms.source, terms.trail_kind)
            trails = self._trails[key]
            trails.remove(order.order_id, terms.trail)
            if not len(trails):
                del self._trails[key]
            return
        sign = -1 if rises_to(order.side, order.order_type) else 1
        list_key = (order.side, terms.source, sign)
        levels = self._levels[list_key]
        del levels[bisect_left(levels, (order.stop_price * sign, order.order_id))]
        if not levels:
            del self._levels[list_key]

    def __bool__(self) -> bool:
        return bool(self._levels or self._trails)

    def order_ids(self) -> Iterator[int]:
        """Give the ids of all orders in here."""
        for levels in self._levels.values():
            for _, order_id in levels:
                yield order_id
        for trails in self._trails.values():
            yield from trails.ids()

    def marks(self) -> Iterator[tuple[int, int]]:
        """Give the number and the best price of each trailing stop in here."""
        for trails in self._trails.values():
            for order_id in trails.ids():
                yield order_id, trails.mark_of(order_id)

    def mark_of(self, order: Order) -> int:
        """Return the best price that a trailing stop in here has seen."""
        terms = order.terms or _NO_TERMS
        return self._trails[order.side, terms.source, terms.trail_kind].mark_of(order.order_id)

    def touched_by(self, prices: Prices) -> bool:
        """Tell, in constant time, whether `due` would give any order."""
        for (side, source, sign), levels in self._levels.items():
            price = prices.seen_by(side, source)
            if price != NULL and price * sign <= levels[-1][0]:
                return True
        for (side, source, _), trails in self._trails.items():
            price = prices.seen_by(side, source)
            if price != NULL and trails.touched_by(price):
                return True
        return False

    def moved_by(self, prices: Prices, at: int) -> bool:
        """Tell, in constant time, whether a quote observed at ``at`` moves any trailing stop."""
        if at <= self.newest:
            return False
        for (side, source, _), trails in self._trails.items():
            price = prices.seen_by(side, source)
            if price != NULL and trails.moved_by(price):
                return True
        return False

    def due(self, prices: Prices) -> list[int]:
        """Return the orders that these prices trigger."""
        found = []
        for (side, source, sign), levels in self._levels.items():
            price = prices.seen_by(side, source)
            if price != NULL:
                start = bisect_left(levels, (price * sign,))
                found += [order_id for _, order_id in levels[start:]]
        for (side, source, _), trails in self._trails.items():
            price = prices.seen_by(side, source)
            if price != NULL:
                found += trails.due(price)
        return found

    def move(self, prices: Prices, at: int) -> None:
        """Let the trailing stops follow the prices of a quote observed at ``at``."""
        self.newest = max(self.newest, at)
        for (side, source, _), trails in self._trails.items():
            price = prices.seen_by(side, source)
            if price != NULL:
                trails.move(price)
