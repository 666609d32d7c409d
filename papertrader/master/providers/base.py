"""What every source of market data offers, and the exchange calendars that come with the package.

A *tape* is a market that is a pure function of market time: recorded or simulated.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from importlib import resources
from typing import Final, Protocol

from papertrader.core.calendar import ALWAYS_OPEN, AlwaysOpen, Calendar, ExchangeCalendar
from papertrader.core.exchange import RateTable, read_rates
from papertrader.core.instants import Instant
from papertrader.core.quotes import BAR_INTERVALS_S, Asset, Bar, CorporateAction, Quote

MONTH_S: Final = 2_592_000
"""Stands for one calendar month, not for 30 days."""

INTERVALS_S: Final = BAR_INTERVALS_S
"""Lengths of bar that can be asked for, in seconds."""

BARS_MAX: Final = 50_000
"""Bars in one answer; ask again from the last one's time for more."""


class UnknownSymbol(LookupError):
    """This market has no such symbol."""

    def __init__(self, symbol: str) -> None:
        super().__init__(f"this market has no symbol {symbol!r}: list the assets for those it has")


class IntervalUnsupported(ValueError):
    """Bars of this length cannot be had."""

    def __init__(self, interval_s: int) -> None:
        choices = ", ".join(map(str, INTERVALS_S))
        super().__init__(f"no bars of {interval_s} seconds: choose one of {choices}")


class TapeSource(Protocol):
    """A market that is a pure function of market time.

    Two sources made with the same arguments give the same answers on every machine. Nothing that
    is answered for a market time depends on anything later.
    """

    name: str
    calendar_main: Calendar
    """The calendar that drives the market clock."""
    assets: Mapping[str, Asset]

    def first_time(self) -> Instant:
        """Return the earliest market time that has data."""

    def last_time(self) -> Instant:
        """Return the market time at which the tape ends."""

    def calendar(self, symbol: str) -> Calendar:
        """Return the calendar of the symbol's exchange. Raises `UnknownSymbol`."""

    def quotes(self, market_now: int) -> list[Quote]:
        """Return the newest quote of each symbol that has a new one since the last call.

        ``source_time`` is set; ``observed_at`` and ``quote_seq`` are 0, for the caller to fill.
        """

    def quote(self, symbol: str, market_now: int) -> Quote | None:
        """Return the symbol's newest quote at that time; None before it was listed.

        Does not change what `quotes` will answer. Raises `UnknownSymbol`.
        """

    def bars(
        self,
        symbol: str,
        interval_s: int,
        start: int,
        end: int,
        now: int,
        limit: int = 0,
        *,
        newest: bool = False,
    ) -> list[Bar]:
        """Return the bars with ``start <= time < end``, oldest first, as known at ``now``.

        ``start`` 0: from the first; ``end`` 0: to now; ``limit`` 0: `BARS_MAX`. When there are
        more than ``limit``, the oldest are returned, or with ``newest`` the newest. The bar in
        formation is cut at ``now``. Prices are raw. Raises `UnknownSymbol`, `IntervalUnsupported`.
        """

    def actions(self, after: int, upto: int) -> list[CorporateAction]:
        """Return the corporate actions with ``after < at <= upto``, in the order they apply."""


def has_extended_hours(calendar: Calendar) -> bool:
    """Tell whether a calendar knows hours before and after the session."""
    return isinstance(calendar, ExchangeCalendar) and calendar.has_extended_hours


def load_rates() -> RateTable:
    """Read the package's table of exchange rates: those of the European Central Bank, by day."""
    packed = resources.files("papertrader.data").joinpath("ecb_fx_daily.csv.gz").read_bytes()
    return read_rates(gzip.decompress(packed).decode("ascii"))


def load_calendars(*, extended: bool = False) -> Mapping[str, Calendar]:
    """Read the package's exchange calendars: by MIC, and ``"24/7"``.

    ``extended``: with the hours before and after the session where they are known.
    """
    text = resources.files("papertrader.data").joinpath("calendars.json").read_text("utf-8")
    calendars: dict[str, Calendar] = {ALWAYS_OPEN: AlwaysOpen()}
    for mic, data in json.loads(text).items():
        if not mic.startswith("_"):
            calendars[mic] = ExchangeCalendar.from_data(mic, data, extended=extended)
    return calendars
