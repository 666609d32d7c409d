"""Settlement: when the proceeds of a sale become cash that may be spent and taken out.

A portfolio with DELAYED_SETTLEMENT spends and takes out settled cash only. So nothing is ever
bought with money that has not arrived, and a good-faith violation (selling what unsettled money
bought, before that money arrives) cannot happen.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from typing import Final

from papertrader.core.calendar import ALWAYS_OPEN, AlwaysOpen, Calendar, ExchangeCalendar
from papertrader.core.quotes import Asset
from papertrader.core.rates import settlement_sessions, trading_day

WEEKDAYS: Final = ExchangeCalendar(
    mic="XNYS",
    timezone="America/New_York",
    first=date(1970, 1, 1),
    last=date(1970, 1, 1),
    regular=((1970, (time(9, 30), time(16, 0))),),
    holidays=frozenset(),
    weekend_sessions=frozenset(),
    special={},
)
"""What stands for the calendar of an asset for which none was given: no holidays."""
_ALWAYS: Final = AlwaysOpen()


class Calendars:
    """The calendars of the assets, by name."""

    def __init__(self) -> None:
        self._known: dict[str, Calendar] = {}

    def know_all(self, calendars: Mapping[str, Calendar]) -> None:
        """Take several calendars by their names."""
        self._known.update(calendars)

    def of(self, asset: Asset) -> Calendar:
        """Return the calendar of an asset."""
        return self.named(asset.calendar)

    def named(self, name: str) -> Calendar:
        """Return the calendar of that name."""
        return self._known.get(name) or (_ALWAYS if name == ALWAYS_OPEN else WEEKDAYS)

    def settles_at(self, asset: Asset, market_at: int) -> int:
        """Return when a trade at ``market_at`` settles: the opening of that session; 0: at once.

        How many sessions later that is was different at different times (`rates`). The hours after
        a close belong to their day. What trades around the clock settles at once.
        """
        if asset.calendar == ALWAYS_OPEN:
            return 0
        calendar = self.of(asset)
        session = calendar.extended_at(market_at) or calendar.next_session(market_at)
        for _ in range(settlement_sessions(trading_day(market_at))):
            session = calendar.next_session(session.close)
        return session.open
