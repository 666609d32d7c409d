"""Events that were pushed and not fetched yet: bounded, for a program that does not look."""

from __future__ import annotations

from collections import deque
from typing import Final

from papertrader.client.updates import BarUpdate, Event, EventsLost, QuoteUpdate

EVENTS_MAX: Final = 10_000
"""Events kept. Then the oldest quote or bar in formation goes; if there is none, the oldest event,
and an `EventsLost` stands for it."""


class EventBuffer:
    """At most ``events_max`` events, oldest first."""

    def __init__(self, events_max: int = EVENTS_MAX) -> None:
        self._events: deque[Event] = deque()  # at most EVENTS_MAX, see append
        self._max = events_max

    def __len__(self) -> int:
        return len(self._events)

    def append(self, event: Event) -> None:
        """Add an event, leaving out an old one when there are too many."""
        if len(self._events) >= self._max:
            self._make_room()
        self._events.append(event)

    def take(self) -> Event | None:
        """Return the oldest event, None if there is none."""
        return self._events.popleft() if self._events else None

    def _make_room(self) -> None:
        for index, event in enumerate(self._events):
            if isinstance(event, QuoteUpdate) or (isinstance(event, BarUpdate) and not event.final):
                del self._events[index]
                return
        self._events.popleft()
        if self._events:
            self._events[0] = EventsLost(reason="too many events were not fetched in time")
