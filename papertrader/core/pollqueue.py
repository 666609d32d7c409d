"""Which symbols to ask a provider for next: the plan put into practice, call by call.

Pure: the caller tells the time and makes the calls. Of the symbols that are due those of the most
urgent class go first, in it the one that is due for longest. Room that is left in a call is filled
with the symbols that fall due next, if they cost nothing more. New symbols are spread over their
interval, so that none begins with a burst; a symbol somebody begins to wait for is due at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from itertools import islice
from typing import Final

import attrs

from papertrader.core.callbudget import COUNT_MAX, CallBudget
from papertrader.core.callplan import (
    PACED_PERMILLE,
    PLANNED_PERMILLE,
    REST_FLOOR_MS,
    UNIT,
    CallPlan,
    Demand,
    SymbolClass,
    rolling_rate,
)
from papertrader.core.instants import MILLISECOND, SECOND

SYMBOLS_MAX: Final = 100_000
"""Symbols followed at once; `PollQueue.follow` refuses more with `ValueError`."""
LATE_PERMILLE: Final = 200
"""A round that came late by at most this part of its interval keeps its rhythm."""
URGENT_PERMILLE: Final = 80
"""Of a rolling limit this much goes to urgent calls, beyond what is planned."""
MEASURED: Final = 30 * SECOND
"""The shortest time over which the urgent calls are counted."""
URGENT_BURST_S: Final = 60
"""Urgent calls of this many seconds may come at once."""
EXTRA_PERMILLE: Final = 200
"""Weight of the newest measurement in `PollQueue.extra_rate`."""
IDLE: Final = 3_600 * SECOND
"""`PollQueue.wake_at` is at most this far away."""

_SPREAD: Final = 2_654_435_769
_TURN: Final = 1 << 32
"""The golden ratio of a turn: its multiples lie evenly around it, whatever their number."""


@attrs.define(kw_only=True)
class _Symbol:
    symbol_class: SymbolClass
    due: int
    answered_at: int = 0
    asked: bool = False


class _Pace:
    """Spreads calls out: after one that cost n, the next comes n emissions later."""

    __slots__ = ("_burst", "_emission", "_next")

    def __init__(self, rate: int, burst_s: int) -> None:
        """``rate`` in nanocredits per second; what ``burst_s`` seconds give may come at once."""
        self._burst = burst_s * SECOND
        self._next = 0
        self.set_rate(rate)

    def set_rate(self, rate: int) -> None:
        self._emission = SECOND * UNIT // max(rate, 1)

    def free_at(self) -> int:
        return self._next - self._burst

    def spend(self, now: int, cost: int) -> None:
        self._next = max(now, self._next) + cost * self._emission


class PollQueue:
    """The symbols one provider is asked for, in the order they fall due (see the module)."""

    def __init__(self, budget: CallBudget) -> None:
        self._budget = budget
        self._limits = budget.limits
        self._symbols: dict[str, _Symbol] = {}
        self._urgent: dict[str, None] = {}
        self._heaps: dict[SymbolClass, list[tuple[int, str]]] = {of: [] for of in SymbolClass}
        self._intervals = dict.fromkeys(SymbolClass, REST_FLOOR_MS * MILLISECOND)
        self._spread = 0
        self._refused_until = 0
        self._extra_cost = 0
        self._extra_rate = 0
        self._extra_since = 0
        rate = rolling_rate(self._limits, PACED_PERMILLE)
        self._pace = _Pace(rate, 0)
        self._urgent_pace = _Pace(rolling_rate(self._limits, URGENT_PERMILLE), URGENT_BURST_S)

    def __len__(self) -> int:
        return len(self._symbols)

    # --- what is followed ----------------------------------------------------------------------

    def demand(self) -> Demand:
        """Return how many symbols are in each class: what the next plan is made for."""
        counts = dict.fromkeys(SymbolClass, 0)
        for item in self._symbols.values():
            counts[item.symbol_class] += 1
        return Demand(
            orders=counts[SymbolClass.ORDERS],
            positions=counts[SymbolClass.POSITIONS],
            watched=counts[SymbolClass.WATCHED],
            rest=counts[SymbolClass.REST],
        )

    def replan(self, plan: CallPlan, now_ns: int) -> None:
        """Use the intervals of ``plan`` from now on."""
        self._urgent_pace.set_rate(plan.rate * URGENT_PERMILLE // PLANNED_PERMILLE)
        for of in plan.classes:
            self._intervals[of.symbol_class] = of.interval_ms * MILLISECOND
        for symbol, item in self._symbols.items():
            interval = self._intervals[item.symbol_class]
            if item.due > now_ns + interval and not item.asked:
                self._set_due(symbol, item, now_ns + self._offset(interval))

    def follow(
        self, symbol: str, symbol_class: SymbolClass, now_ns: int, *, urgent: bool = False
    ) -> None:
        """Begin to ask for a symbol, or move it to another class.

        ``urgent``: it is due at once and may use the reserve (someone waits for its price). Raises
        `ValueError` when `SYMBOLS_MAX` are followed.
        """
        item = self._symbols.get(symbol)
        due = now_ns if urgent else now_ns + self._offset(self._intervals[symbol_class])
        if item is None:
            if len(self._symbols) >= SYMBOLS_MAX:
                raise ValueError(
                    f"{SYMBOLS_MAX:,} symbols are followed already: shorten the list of assets"
                )
            item = self._symbols[symbol] = _Symbol(symbol_class=symbol_class, due=due)
            self._set_due(symbol, item, due)
        elif symbol_class is not item.symbol_class or urgent:
            if symbol_class > item.symbol_class and item.answered_at:
                # Less urgent now: its last quote is good for the longer interval.
                due = max(now_ns, item.answered_at + self._intervals[symbol_class])
            else:
                due = min(item.due, due)
            item.symbol_class = symbol_class
            if not item.asked:
                self._set_due(symbol, item, due)
        if urgent and not item.asked:
            self._urgent[symbol] = None

    def drop(self, symbol: str) -> None:
        """Ask for a symbol no more (its market closed, or it was delisted). Unknown ones too."""
        self._symbols.pop(symbol, None)
        self._urgent.pop(symbol, None)

    def extra_rate(self, now_ns: int) -> int:
        """Return the nanocredits per second that urgent symbols took of late: the next plan counts
        with them, see `papertrader.core.callplan.plan_calls`. Measured each `MEASURED` at most."""
        elapsed = now_ns - self._extra_since
        if elapsed < MEASURED:
            return self._extra_rate
        if self._extra_since:
            measured = self._extra_cost * UNIT * SECOND // elapsed
            weight = EXTRA_PERMILLE if self._extra_rate else 1000
            self._extra_rate += weight * (measured - self._extra_rate) // 1000
        self._extra_since, self._extra_cost = now_ns, 0
        return self._extra_rate

    # --- calls ---------------------------------------------------------------------------------

    def next_batch(self, now_ns: int) -> tuple[str, ...]:
        """Return the symbols of a call to make now, paid for already; empty if there is none.

        Each returned symbol must come back through `answered` or `failed`.
        """
        urgent = bool(self._urgent) and self._urgent_pace.free_at() <= now_ns
        if not urgent and (self._pace.free_at() > now_ns or not self._is_due(now_ns)):
            return ()
        batch = self._batch(now_ns, urgent)
        extra = batch[0] in self._urgent
        cost = self._limits.cost(len(batch))
        if not self._budget.take(now_ns, cost, reserve=urgent):
            self._refused_until = self._budget.next_free(now_ns, cost, reserve=urgent)
            return ()
        self._refused_until = 0
        self._extra_cost += cost if extra else 0
        (self._urgent_pace if urgent else self._pace).spend(now_ns, cost)
        for symbol in batch:
            self._symbols[symbol].asked = True
            self._urgent.pop(symbol, None)
        return tuple(batch)

    def wake_at(self, now_ns: int) -> int:
        """Return when to call `next_batch` again, if nothing changes until then."""
        heads = [head[0] for of in SymbolClass if (head := self._head(of)) is not None]
        if not heads:
            return now_ns + IDLE
        cost = self._limits.cost(1)
        at = self._budget.next_free(max(min(heads), self._pace.free_at(), now_ns), cost)
        if self._urgent:
            soonest = max(now_ns, self._urgent_pace.free_at())
            at = min(at, self._budget.next_free(soonest, cost, reserve=True))
        return min(max(at, self._refused_until, now_ns + MILLISECOND), now_ns + IDLE)

    def answered(self, symbols: Iterable[str], now_ns: int) -> None:
        """Take note that the quotes of ``symbols`` came: each is due an interval later.

        The rhythm is kept (no shift for a round that came a little late), but never caught up.
        """
        for symbol in symbols:
            item = self._symbols.get(symbol)
            if item is not None and item.asked:
                interval = self._intervals[item.symbol_class]
                item.asked, item.answered_at = False, now_ns
                late = interval * LATE_PERMILLE // 1000
                self._set_due(symbol, item, max(min(item.due, now_ns), now_ns - late) + interval)

    def failed(self, symbols: Iterable[str], retry_at: int) -> None:
        """Take note that no quotes of ``symbols`` came: they are due again at ``retry_at``."""
        for symbol in symbols:
            item = self._symbols.get(symbol)
            if item is not None and item.asked:
                item.asked = False
                self._set_due(symbol, item, retry_at)

    # --- inner ---------------------------------------------------------------------------------

    def _offset(self, interval: int) -> int:
        self._spread = (self._spread + 1) % COUNT_MAX
        return interval * (self._spread * _SPREAD % _TURN) // _TURN

    def _set_due(self, symbol: str, item: _Symbol, due: int) -> None:
        item.due = due
        heap = self._heaps[item.symbol_class]
        heappush(heap, (due, symbol))
        if len(heap) > 4 * len(self._symbols) + 64:
            heap[:] = {entry for entry in heap if self._counts_still(item.symbol_class, entry)}
            heapify(heap)

    def _counts_still(self, of: SymbolClass, entry: tuple[int, str]) -> bool:
        item = self._symbols.get(entry[1])
        if item is None or item.asked:
            return False
        return item.due == entry[0] and item.symbol_class is of

    def _head(self, of: SymbolClass) -> tuple[int, str] | None:
        heap = self._heaps[of]
        while heap and not self._counts_still(of, heap[0]):
            heappop(heap)
        return heap[0] if heap else None

    def _is_due(self, now_ns: int) -> bool:
        heads = map(self._head, SymbolClass)
        return any(head is not None and head[0] <= now_ns for head in heads)

    def _next(self, now_ns: int) -> tuple[SymbolClass, int, str] | None:
        """Return what to ask next: the first class with a symbol that is due, or what is due next;
        None if that would cost more and is not due."""
        soonest: tuple[SymbolClass, int, str] | None = None
        for of in SymbolClass:
            head = self._head(of)
            if head is None:
                continue
            if head[0] <= now_ns:
                return of, *head
            if soonest is None or head[0] < soonest[1]:
                soonest = of, *head
        return None if self._limits.symbol_cost else soonest

    def _batch(self, now_ns: int, urgent: bool) -> list[str]:
        """Choose the symbols of one call; they keep their places until it is paid for."""
        most = self._limits.batch_max()
        batch = dict.fromkeys(islice(self._urgent, most)) if urgent else {}
        taken: list[tuple[SymbolClass, int, str]] = []
        while len(batch) < most and (entry := self._next(now_ns)) is not None:
            heappop(self._heaps[entry[0]])
            taken.append(entry)
            batch[entry[2]] = None
        for of, due, symbol in taken:
            heappush(self._heaps[of], (due, symbol))
        return list(batch)
