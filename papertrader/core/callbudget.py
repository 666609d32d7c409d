"""What a provider of market data lets be asked, and the ledger that never lets more be asked.

Pure: each call is given the time, nanoseconds of a wall clock that does not go back. Every call is
entered *before* it is sent. An entry leaves a window of one minute or one hour only when that time
and `GRACE` have passed: whether the provider counts by the clock or by the last sixty seconds, it
never counts more than was allowed.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import attrs

from papertrader.core.instants import MILLISECOND, MINUTE, SECOND, from_datetime, to_datetime

GRACE: Final = 500 * MILLISECOND
"""How much later or earlier a provider may see two calls than they were sent."""
DAY_GRACE: Final = 5 * SECOND
"""Around a provider's midnight a call counts for both days: its clock is not ours."""
SLOTS: Final = 600
"""Parts of a window within which calls are kept as one entry (as late as the last of them)."""
RESERVE_PERMILLE: Final = 100
"""Of every limit this much is kept for what people ask themselves and for what is urgent."""
COUNT_MAX: Final = 1_000_000
"""The largest limit that can be stated."""
HOUR: Final = 60 * MINUTE

_DAY: Final = timedelta(days=1)
_SEARCH_MAX: Final = 8


def _count(instance: object, attribute: attrs.Attribute[int], value: int) -> None:
    least = 1 if attribute.name == "symbols_per_call" else 0
    if not least <= value <= COUNT_MAX:
        raise ValueError(f"{attribute.name} must be {least} to {COUNT_MAX:,}, not {value:,}")


def _zone(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"there is no time zone {value!r}; write one as UTC") from error


@attrs.frozen(kw_only=True)
class ProviderLimits:
    """What a provider allows. All counts are in *credits*; 0 means "no such limit".

    A call for n symbols costs ``call_cost + symbol_cost * n`` credits. Most providers count calls:
    1 and 0; those that count symbols: 0 and 1. ``day_zone`` is where the provider's day begins at
    midnight. ``spacing_ms``: two calls must be this far apart. Raises `ValueError` for a count
    outside 0..`COUNT_MAX`, an unknown zone, or a limit that not even one symbol's call fits in.
    """

    calls_per_minute: int = attrs.field(default=0, validator=_count)
    calls_per_hour: int = attrs.field(default=0, validator=_count)
    calls_per_day: int = attrs.field(default=0, validator=_count)
    symbols_per_call: int = attrs.field(default=1, validator=_count)
    call_cost: int = attrs.field(default=1, validator=_count)
    symbol_cost: int = attrs.field(default=0, validator=_count)
    spacing_ms: int = attrs.field(default=0, validator=_count)
    day_zone: str = attrs.field(default="UTC", validator=_zone)

    def __attrs_post_init__(self) -> None:
        cost = self.cost(1)
        if cost < 1:
            raise ValueError(
                "a call must cost something: set call_cost or symbol_cost to 1 or more"
            )
        smallest = min(filter(None, self._counts()), default=cost)
        if cost > smallest:
            raise ValueError(
                f"a call for one symbol costs {cost} credits, but only {smallest} are allowed"
            )

    def _counts(self) -> tuple[int, int, int]:
        return self.calls_per_minute, self.calls_per_hour, self.calls_per_day

    def of(self, window: str) -> int:
        """Return the limit of a ``minute``, an ``hour`` or a ``day``; 0 if there is none."""
        return dict(zip(("minute", "hour", "day"), self._counts(), strict=True))[window]

    def cost(self, symbols: int) -> int:
        """Return the credits of one call for that many symbols."""
        return self.call_cost + self.symbol_cost * symbols

    def calls(self, symbols: int) -> int:
        """Return how many calls are needed for that many symbols."""
        return -(-symbols // self.batch_max())

    def cost_of_all(self, symbols: int) -> int:
        """Return the credits of asking that many symbols once, in as few calls as can be."""
        return self.calls(symbols) * self.call_cost + self.symbol_cost * symbols

    def batch_max(self) -> int:
        """Return the most symbols of one call: a call never costs more than a window allows."""
        if not self.symbol_cost:
            return self.symbols_per_call
        smallest = min((unreserved(c) for c in self._counts() if c), default=COUNT_MAX)
        affordable = max(1, (smallest - self.call_cost) // self.symbol_cost)
        return min(self.symbols_per_call, affordable)

    def windows(self) -> tuple[tuple[int, int], ...]:
        """Return (length in ns, credits) of each limit that rolls: the minute's and the hour's."""
        both = ((MINUTE, self.calls_per_minute), (HOUR, self.calls_per_hour))
        return tuple((length, limit) for length, limit in both if limit)


def unreserved(limit: int) -> int:
    """Return what of a limit may be spent without touching the reserve: at least 1."""
    return max(1, limit - -(-limit * RESERVE_PERMILLE // 1000))


class CallBudget:
    """The ledger of what was spent at one provider (see the module): at most `SLOTS` entries and
    ten more for each of its rolling limits."""

    def __init__(self, limits: ProviderLimits, state: str = "") -> None:
        """Begin with nothing spent, or with the ``state`` that `export` returned.

        Raises `ValueError` for a state that cannot be read: then it is not known what was spent.
        """
        self.limits = limits
        self._zone = ZoneInfo(limits.day_zone)
        self._windows = [_Window(*window) for window in limits.windows()]
        self._days: dict[date, int] = {}
        self._blocked_until = 0
        self._last_call = 0
        if state:
            self._restore(state)

    def take(self, now_ns: int, calls: int = 1, *, reserve: bool = False) -> bool:
        """Spend ``calls`` credits if they are there; tell whether they were.

        To be called before the request is sent. ``reserve``: take from what is kept for people's
        own requests too. Raises `ValueError` for more credits than a limit can ever allow.
        """
        if self.next_free(now_ns, calls, reserve=reserve) > now_ns:
            return False
        for window in self._windows:
            window.forget(now_ns)
            window.add(now_ns, calls)
        if self.limits.calls_per_day:
            days = self._days_of(now_ns)
            self._days = {day: self._days.get(day, 0) + calls for day in days}
        self._last_call = now_ns
        return True

    def next_free(self, now_ns: int, calls: int = 1, *, reserve: bool = False) -> int:
        """Return the first instant from ``now_ns`` on at which `take` would answer True.

        Raises `ValueError` for more credits than a limit can ever allow.
        """
        at = max(now_ns, self._blocked_until)
        if self._last_call:
            at = max(at, self._last_call + self.limits.spacing_ms * MILLISECOND)
        for window in self._windows:
            at = max(at, window.next_free(at, calls, _allowed(window.limit, calls, reserve)))
        if not self.limits.calls_per_day:
            return at
        allowed = _allowed(self.limits.calls_per_day, calls, reserve)
        for _ in range(_SEARCH_MAX):
            full = [day for day in self._days_of(at) if self._days.get(day, 0) + calls > allowed]
            if not full:
                break
            at = max(at, self._midnight(max(full) + _DAY) + DAY_GRACE)
        return at

    def penalize(self, until_ns: int) -> None:
        """Allow nothing before ``until_ns``: the provider said to wait, or refused a call."""
        self._blocked_until = max(self._blocked_until, until_ns)

    @property
    def blocked_until(self) -> int:
        """Until when the provider is left alone; 0 if it never was."""
        return self._blocked_until

    def spent(self, now_ns: int) -> Mapping[str, int]:
        """Return the credits spent, by limit: ``minute``, ``hour``, ``day`` (those there are)."""
        names = {MINUTE: "minute", HOUR: "hour"}
        spent = {names[window.length]: window.spent(now_ns) for window in self._windows}
        if self.limits.calls_per_day:
            spent["day"] = max(self._days.get(day, 0) for day in self._days_of(now_ns))
        return spent

    def day_left(self, now_ns: int) -> int:
        """Return the credits left of the provider's day; `COUNT_MAX` without such a limit."""
        if not self.limits.calls_per_day:
            return COUNT_MAX
        return max(0, self.limits.calls_per_day - self.spent(now_ns)["day"])

    def day_end(self, now_ns: int) -> int:
        """Return when the provider's day ends."""
        return self._midnight(self._day(now_ns) + _DAY)

    def export(self) -> str:
        """Return what was spent, as one line of text: to be kept over a restart."""
        state = {
            "windows": {str(w.length): w.entries() for w in self._windows},
            "days": {day.isoformat(): spent for day, spent in self._days.items()},
            "blocked_until": self._blocked_until,
            "last_call": self._last_call,
        }
        return json.dumps(state, separators=(",", ":"))

    # --- inner ---------------------------------------------------------------------------------

    def _restore(self, text: str) -> None:
        """Take over a state; a window that the limits had not then is filled from the longer."""
        try:
            state: dict[str, Any] = json.loads(text)
            kept = {int(k): [(int(a), int(n)) for a, n in v] for k, v in state["windows"].items()}
            self._days = {date.fromisoformat(d): int(n) for d, n in state["days"].items()}
            self._blocked_until = int(state["blocked_until"])
            self._last_call = int(state["last_call"])
            longest = max(kept.values(), default=[], key=len)
            for window in self._windows:
                for at, cost in kept.get(window.length, longest):
                    window.add(at, cost)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"the state of a call budget cannot be read: {error!r}") from error

    def _day(self, instant: int) -> date:
        return to_datetime(instant).astimezone(self._zone).date()

    def _days_of(self, instant: int) -> tuple[date, ...]:
        """Return the day, or near midnight both days, that a call now counts for."""
        first, last = self._day(instant - DAY_GRACE), self._day(instant + DAY_GRACE - 1)
        return (first,) if first == last else (first, last)

    def _midnight(self, day: date) -> int:
        return from_datetime(datetime.combine(day, time(), tzinfo=self._zone))


class _Window:
    """What was spent within one rolling length of time, in entries of a `SLOTS`-th of it."""

    __slots__ = ("_entries", "_slot", "length", "limit")

    def __init__(self, length: int, limit: int) -> None:
        self.length = length
        self.limit = limit
        self._slot = length // SLOTS
        self._entries: deque[tuple[int, int]] = deque()  # at most SLOTS + 10

    def add(self, at: int, cost: int) -> None:
        """Enter a call; entries of one slot are kept as one, at the last one's time."""
        if self._entries and at // self._slot == self._entries[-1][0] // self._slot:
            last, spent = self._entries.pop()
            at, cost = max(at, last), cost + spent
        self._entries.append((at, cost))

    def forget(self, now: int) -> None:
        """Forget what does not count any more at ``now``."""
        while self._entries and self._entries[0][0] + self.length + GRACE <= now:
            self._entries.popleft()

    def spent(self, at: int) -> int:
        """Return what of it counts at ``at``."""
        since = at - self.length - GRACE
        return sum(cost for then, cost in self._entries if then > since)

    def next_free(self, now: int, cost: int, allowed: int) -> int:
        """Return when ``cost`` more fits into ``allowed``."""
        over = sum(spent for _, spent in self._entries) + cost - allowed
        free = now
        for then, spent in self._entries:
            if over <= 0:
                break
            over -= spent
            free = max(free, then + self.length + GRACE)
        return free

    def entries(self) -> list[tuple[int, int]]:
        """Return what is kept, oldest first."""
        return list(self._entries)


def _allowed(limit: int, calls: int, reserve: bool) -> int:
    if not 1 <= calls <= limit:
        raise ValueError(f"a call of {calls} credits can never be made: the limit is {limit}")
    # A call that would not fit beside the reserve could never be made: it may have the whole.
    without = unreserved(limit)
    return limit if reserve or calls > without else without
