"""Orders that have ended are put away as the rows that the views keep: they take half the room so.

Done while nobody waits for anything: to make a row costs a fortieth of what the order cost.
"""

from __future__ import annotations

from typing import Final

from papertrader.core.allorders import Orders
from papertrader.master.journal import Journal
from papertrader.master.viewrows import ViewRows
from papertrader.net.clock import Clock, Timer

PUT_AWAY_S: Final = 1.0
"""How often it is looked whether there is something to put away."""
AT_ONCE: Final = 100
"""Orders put away in one turn of the reactor: a millisecond."""


class PutAway:
    """Puts away, a few at a time, for as long as the journal is idle."""

    def __init__(self, clock: Clock, orders: Orders, journal: Journal) -> None:
        self._clock = clock
        self._orders = orders
        self._journal = journal
        self._rows = ViewRows()
        self._timer: Timer | None = None

    def look(self) -> None:
        """Begin, if it is not under way."""
        if self._timer is None:
            self._go_on()

    def stop(self) -> None:
        """Put nothing away any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _go_on(self) -> None:
        self._timer = None
        if self._journal.is_idle and self._orders.put_away(AT_ONCE, self._rows):
            self._timer = self._clock.call_later(0, self._go_on)
