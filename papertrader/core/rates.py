"""Dated rates: what regulators charged, when trades settle, and what margin they ask for, as data.

Each table rises by ``effective_from``, a day of New York; a row is in force until the next one
begins. So a replay of 2012 applies the rules of 2012. ``source`` says where a row comes from.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Final, Protocol, TypeVar
from zoneinfo import ZoneInfo

import attrs

from papertrader.core.instants import MINUTE, from_datetime, to_datetime
from papertrader.core.money import SCALE
from papertrader.core.quotes import AssetKind

HOURS_CACHED_MAX: Final = 4_096
"""Hours whose day is remembered; then the one asked for longest ago is forgotten."""
_HOUR: Final = 60 * MINUTE
_NEW_YORK: Final = ZoneInfo("America/New_York")
_ADVISORY: Final = "SEC, fee rate advisory (Section 31), "
_SCHEDULE_A: Final = "FINRA By-Laws, Schedule A, section 1: "


class Dated(Protocol):
    """A row of a table."""

    @property
    def effective_from(self) -> date:
        """The first day on which it is in force."""


RowT = TypeVar("RowT", bound=Dated)


@attrs.frozen
class SecRate:
    """The Section 31 fee on sales: cents per million dollars."""

    effective_from: date
    cents_per_million: int
    source: str


@attrs.frozen
class TafRate:
    """FINRA's trading activity fee on sales: money per share, and the most for one trade."""

    effective_from: date
    per_share: int
    most: int
    source: str


@attrs.frozen
class SettlementCycle:
    """How many sessions after the trade it settles."""

    effective_from: date
    sessions: int
    source: str


@attrs.frozen
class MarginRequirement:
    """What margin is asked for, in basis points of a position's value; prices in 1e-8 units.

    A long below ``long_low_price`` is asked for in full. A short needs ``short`` of its value, but
    ``short_least`` a share at least; below ``short_low_price`` all of its value, but
    ``short_low_least`` a share at least. Below ``equity_least`` in equity there is no credit.
    """

    effective_from: date
    initial: int
    long: int
    long_low_price: int
    short: int
    short_least: int
    short_low_price: int
    short_low_least: int
    equity_least: int
    source: str


@attrs.frozen
class CarryRate:
    """What credit and borrowed shares cost, in basis points a year of 360 days."""

    effective_from: date
    interest: int
    borrow: int
    source: str


def _sec(year: int, month: int, day: int, cents: int, which: str) -> SecRate:
    return SecRate(date(year, month, day), cents, _ADVISORY + which)


SEC_RATES: Final = (
    _sec(2001, 12, 28, 1500, "fiscal 2002"),
    _sec(2002, 4, 1, 3010, "fiscal 2002, mid-year"),
    _sec(2003, 3, 22, 2520, "fiscal 2003"),
    _sec(2003, 4, 1, 4680, "fiscal 2003 #12, mid-year"),
    _sec(2004, 2, 22, 3900, "fiscal 2004"),
    _sec(2004, 4, 1, 2340, "fiscal 2004 #8, mid-year"),
    _sec(2005, 1, 7, 3290, "fiscal 2005"),
    _sec(2005, 4, 1, 4180, "fiscal 2005 #7, mid-year"),
    _sec(2005, 12, 22, 3070, "fiscal 2006"),
    _sec(2007, 3, 17, 1530, "fiscal 2007; day not checked"),
    _sec(2008, 1, 25, 1100, "fiscal 2008; day not checked"),
    _sec(2008, 4, 1, 560, "fiscal 2008, mid-year; not checked"),
    _sec(2009, 4, 10, 2570, "fiscal 2009 (release 2009-100); day not checked"),
    _sec(
        2010,
        1,
        15,
        1270,
        "fiscal 2010 (release 2009-209); day not checked",
    ),
    _sec(
        2010,
        4,
        1,
        1690,
        "fiscal 2010, mid-year (release 2010-255); day not checked",
    ),
    _sec(2011, 1, 21, 1920, "fiscal 2011 #5 (release 2010-255 of 2010-12-22)"),
    _sec(2012, 2, 21, 1800, "fiscal 2012; not checked"),
    _sec(
        2012,
        4,
        1,
        2240,
        "fiscal 2012, mid-year (release 2012-232); day not checked",
    ),
    _sec(
        2013,
        5,
        25,
        1740,
        "fiscal 2013 (FINRA notice of 2014-03-03); day not checked",
    ),
    _sec(2014, 3, 18, 2210, "fiscal 2014 (FINRA information notice of 2014-03-03)"),
    _sec(2015, 2, 14, 1840, "fiscal 2015; not checked"),
    _sec(2016, 2, 16, 2180, "fiscal 2016; not checked"),
    _sec(2017, 7, 4, 2310, "fiscal 2017"),
    _sec(2018, 5, 22, 1300, "fiscal 2018; day not checked"),
    _sec(2019, 4, 16, 2070, "fiscal 2019 (release 34-85287); day not checked"),
    _sec(2020, 2, 18, 2210, "fiscal 2020; day not checked"),
    _sec(2021, 2, 25, 510, "fiscal 2021 #2"),
    _sec(2022, 5, 14, 2290, "fiscal 2022; day not checked"),
    _sec(2023, 2, 27, 800, "fiscal 2023; day not checked"),
    _sec(2024, 5, 22, 2780, "fiscal 2024 (release 34-99973); day not checked"),
    _sec(2025, 5, 14, 0, "fiscal 2025 (FINRA information notice of 2025-04-24)"),
    _sec(2026, 4, 4, 2060, "fiscal 2026 (release 34-104909)"),
)
"""Sales before the first row are free of it here. "Not checked": known, but the advisory was not
read again for this table; "day not checked": the rate was, in the text named, the day was not."""


def _taf(year: int, month: int, day: int, micro: int, cents: int, note: str) -> TafRate:
    per_share = micro * SCALE // 1_000_000
    return TafRate(date(year, month, day), per_share, cents * SCALE // 100, _SCHEDULE_A + note)


TAF_RATES: Final = (
    _taf(2010, 1, 1, 75, 375, "the rate before 2011-07-01; its first day is not checked"),
    _taf(2011, 7, 1, 90, 450, "regulatory notice 11-27"),
    _taf(2012, 3, 1, 95, 475, "day not checked"),
    _taf(
        2012,
        7,
        1,
        119,
        595,
        "brokers' schedules of 2013 to 2021; day not checked",
    ),
    _taf(2022, 1, 1, 130, 649, "the schedule of 2022 to 2024"),
    _taf(2023, 1, 1, 145, 727, "the schedule of 2022 to 2024"),
    _taf(2024, 1, 1, 166, 830, "the schedule of 2022 to 2024"),
    _taf(2026, 1, 1, 195, 979, "the schedule from 2026"),
)

SETTLEMENT_CYCLES: Final = (
    SettlementCycle(date(1995, 6, 7), 3, "SEC rule 15c6-1, T+3"),
    SettlementCycle(date(2017, 9, 5), 2, "SEC rule 15c6-1 as amended, T+2"),
    SettlementCycle(date(2024, 5, 28), 1, "SEC rule 15c6-1 as amended, T+1"),
)

MARGIN_REQUIREMENTS: Final = (
    MarginRequirement(
        effective_from=date(1974, 1, 3),
        initial=5_000,
        long=3_000,
        long_low_price=250 * SCALE // 100,
        short=3_000,
        short_least=5 * SCALE,
        short_low_price=5 * SCALE,
        short_low_least=250 * SCALE // 100,
        equity_least=2_000 * SCALE,
        source="Regulation T, 12 CFR 220.12 (initial); FINRA rule 4210(c) and house rule",
    ),
)

COIN_REQUIREMENTS: Final = (
    MarginRequirement(
        effective_from=date(2009, 1, 3),
        initial=10_000,
        long=10_000,
        long_low_price=0,
        short=10_000,
        short_least=0,
        short_low_price=0,
        short_low_least=0,
        equity_least=2_000 * SCALE,
        source="house rule, as brokers do: Alpaca lists assets of class crypto as not marginable;"
        " no margin security under Regulation T, 12 CFR 220.2",
    ),
)
"""Of coins: no credit on them, they are asked for in full. A short one, where an operator allows it
(no market lists coins as SHORTABLE by itself), asks for its whole value besides its proceeds."""

CARRY_RATES: Final = (
    CarryRate(date(1974, 1, 3), 800, 300, "house rate: 8 % for credit, 3 % for borrowed shares"),
)


def in_force(table: Sequence[RowT], day: date) -> RowT | None:
    """Return the row in force on ``day``; None before the first."""
    index = bisect_right(table, day, key=lambda row: row.effective_from)
    return table[index - 1] if index else None


def trading_day(market_at: int) -> date:
    """Return the day in New York at a market time."""
    return _day_in_hour(market_at // _HOUR)


@lru_cache(maxsize=HOURS_CACHED_MAX)
def _day_in_hour(hour: int) -> date:
    # A day there begins at a whole hour of UTC, in summer and in winter.
    return to_datetime(hour * _HOUR).astimezone(_NEW_YORK).date()


def day_begins(day: date) -> int:
    """Return the instant at which a day begins in New York: from then on its rows hold."""
    return from_datetime(datetime(day.year, day.month, day.day, tzinfo=_NEW_YORK))


def sec_rate(day: date) -> int:
    """Return the Section 31 fee of a day in cents per million; 0 where there was none."""
    row = in_force(SEC_RATES, day)
    return row.cents_per_million if row is not None else 0


def settlement_sessions(day: date) -> int:
    """Return after how many sessions a trade of a day settles."""
    row = in_force(SETTLEMENT_CYCLES, day)
    return (row or SETTLEMENT_CYCLES[0]).sessions


def margin_requirement(day: date, kind: AssetKind = AssetKind.STOCK) -> MarginRequirement:
    """Return the margin rules of a day for a kind of asset; before the first row, that one."""
    table = COIN_REQUIREMENTS if kind == AssetKind.CRYPTO else MARGIN_REQUIREMENTS
    return in_force(table, day) or table[0]


def carry_rate(day: date) -> CarryRate:
    """Return what carrying costs on a day."""
    return in_force(CARRY_RATES, day) or CARRY_RATES[0]
