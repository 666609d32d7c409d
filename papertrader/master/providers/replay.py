"""The replay market: five real US stocks, 2000-03-01 to 2013-03-01, with splits and dividends.

Each real day (open, high, low, close rounded to the cent, volume; unadjusted) is kept exactly; the
way between them is drawn by the rule in `papertrader.master.providers.path`, with a tick every 5
market seconds. A symbol has no quotes before its first day. The usual spreads (AAPL, IBM, GOOG) and
sizes (AAPL, IBM) are measured medians; the others' are chosen in their likeness. prev_close is the
day before's close as traded: on the ex-date of a split it is not adjusted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from papertrader.core.calendar import Calendar
from papertrader.core.instants import SECOND, midnight_of
from papertrader.core.money import CENT, SCALE
from papertrader.core.quotes import Asset, AssetFlag, AssetKind, QuoteFlag
from papertrader.master.providers.path import Texture
from papertrader.master.providers.recorded import RecordedHistory, load_actions, load_daily
from papertrader.master.providers.tape import Listing, Tape

NAME: Final = "replay"
STEP: Final = 5 * SECOND
SHARES_MAX: Final = 1_000_000
"""Largest order, in shares."""


@attrs.frozen
class _Stock:
    symbol: str
    name: str
    exchange: str
    spread_ppm: int
    size: int


_STOCKS: Final = (
    _Stock("AAPL", "Apple Inc.", "XNAS", 140, 200),
    _Stock("FB", "Facebook, Inc.", "XNAS", 300, 1_000),
    _Stock("GOOG", "Google Inc.", "XNAS", 500, 100),
    _Stock("IBM", "International Business Machines Corporation", "XNYS", 220, 200),
    _Stock("MSFT", "Microsoft Corporation", "XNAS", 140, 5_000),
)


def replay_source(calendars: Mapping[str, Calendar], seed: int = 1) -> Tape:
    """Read the recorded data and return the replay market.

    ``calendars`` as from `papertrader.master.providers.base.load_calendars`. Raises
    `papertrader.master.providers.recorded.DataFileError` if the data files are damaged.
    """
    calendar = calendars["XNYS"]
    history = load_daily()
    first_day = min(history.first_day(stock.symbol) for stock in _STOCKS)
    last_day = max(max(days) for days in history.days.values())
    first, last = calendar.session(first_day), calendar.session(last_day)
    if first is None or last is None:
        raise ValueError("the recorded days and the XNYS calendar disagree: reinstall the package")
    return Tape(
        name=NAME,
        seed=seed,
        listings=[_listing(stock, history) for stock in _STOCKS],
        history=history,
        actions=load_actions(calendar),
        calendars=calendars,
        calendar_main="XNYS",
        first_time=first.open,
        last_time=last.close,
        flags=QuoteFlag.REPLAYED,
    )


def _listing(stock: _Stock, history: RecordedHistory) -> Listing:
    asset = Asset(
        symbol=stock.symbol,
        name=stock.name,
        kind=AssetKind.STOCK,
        currency="USD",
        tick=CENT,
        lot=SCALE,
        quantity_min=SCALE,
        quantity_max=SHARES_MAX * SCALE,
        calendar="XNYS",
        exchange=stock.exchange,
        source=NAME,
        flags=AssetFlag.SHORTABLE,
        first_bar=midnight_of(history.first_day(stock.symbol)),
    )
    texture = Texture(
        tick=CENT,
        volume_unit=SCALE,
        step=STEP,
        spread_ppm=stock.spread_ppm,
        size=stock.size,
        size_round=100,
    )
    return Listing(asset=asset, texture=texture)
