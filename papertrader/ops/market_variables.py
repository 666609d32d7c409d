"""The deployment variables of the market: where its prices come from, and how its clock goes."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from papertrader.master.providers.request import ANSWER_S
from papertrader.ops.provider_variables import read_providers, read_symbols, show_words
from papertrader.ops.variable import (
    Variable,
    boolean,
    one_of,
    show_boolean,
    shown,
    text_literal,
    whole_number,
)

UPDATE_INTERVAL_MS_AUTO: Final = 250
"""How often a market is looked at that is not asked for over a network."""
UPDATE_INTERVAL_MS_MIN: Final = 100
UPDATE_INTERVAL_MS_MAX: Final = 3_600_000
ANSWER_TIMEOUT_S_MAX: Final = 60
SPEED_MILLI_MIN: Final = 1
SPEED_MILLI_MAX: Final = 10_000_000
SEED_MAX: Final = 2**63 - 1
PATH_MAX: Final = 4_096

_SPEED = re.compile(r"(\d{1,5})(?:\.(\d{1,3})0*)?\Z", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)


class MarketSource(StrEnum):
    """Where prices come from."""

    REPLAY = "replay"
    SIMULATED = "simulated"
    LIVE = "live"


def _interval_ms(raw: object) -> int:
    """Read the stock data update interval; 0 is "auto"."""
    if isinstance(raw, str) and raw.strip() == "auto":
        return 0
    try:
        return whole_number(UPDATE_INTERVAL_MS_MIN, UPDATE_INTERVAL_MS_MAX, " (milliseconds)")(raw)
    except ValueError as error:
        raise ValueError(f'{error}, or "auto"') from None


def _path_text(raw: object) -> str:
    if isinstance(raw, str) and len(raw) <= PATH_MAX and raw.isprintable():
        return raw.strip()
    raise ValueError(f"{shown(raw)} is wrong; allowed is the path of a file or directory")


def _speed(raw: object) -> int:
    text = raw.strip() if isinstance(raw, str) else str(raw)
    match = _SPEED.match(text) if isinstance(raw, str | int | Decimal) else None
    speed = int(match[1]) * 1000 + int((match[2] or "").ljust(3, "0")) if match else 0
    if not SPEED_MILLI_MIN <= speed <= SPEED_MILLI_MAX:
        raise ValueError(
            f"{shown(raw)} is wrong; allowed is from 0.001 to 10000, with at most 3 decimals"
        )
    return speed


def _show_speed(speed_milli: int) -> str:
    whole, thousandths = divmod(speed_milli, 1000)
    return f"{whole}.{thousandths:03d}".rstrip("0").rstrip(".")


def _date(raw: object) -> date:
    if isinstance(raw, date) and not isinstance(raw, datetime):
        return raw
    try:
        if isinstance(raw, str) and _DATE.match(raw.strip()):
            return date.fromisoformat(raw.strip())
    except ValueError:
        pass
    raise ValueError(f"{shown(raw)} is wrong; allowed is a date such as 2010-01-04")


MARKET_UPDATE_INTERVAL_MS: Final = Variable(
    name="market.update_interval_ms",
    default='"auto"',
    read=_interval_ms,
    show=lambda value: str(value) if value else '"auto"',
    comment="""\
The stock data update interval in milliseconds of real time, 100 to 3600000, or "auto". New prices
are fetched, and waiting orders are filled, once in each interval. "auto" is 250 for a recorded or
simulated market; for a live one the shortest that the providers' limits hold (papertrader plan
tells it): symbols with open orders get it, those held and those watched twice and four times.""",
)
MARKET_SOURCE: Final = Variable(
    name="market.source",
    default='"replay"',
    read=one_of(MarketSource),
    show=text_literal,
    comment="""\
"replay" plays five recorded US stocks, 2000 to 2013; "simulated" invents a market from a seed.
Neither needs a key or a network. "live" asks the providers of market.providers for the prices of
today, at the real speed: speed, start, keep_closed_hours and seed do not count for it.""",
)
MARKET_DATA: Final[Variable[str]] = Variable(
    name="market.data",
    default='""',
    read=_path_text,
    show=text_literal,
    comment="""\
Files of your own prices for the replay market: a CSV or Parquet file, or a directory of such,
with daily rows, minute rows or quotes; a relative path counts from this file. Empty: the recorded
stocks that come with PaperTrader. Unless start is set, the market begins with the first price.""",
)
MARKET_ASSETS: Final[Variable[str]] = Variable(
    name="market.assets",
    default='""',
    read=_path_text,
    show=text_literal,
    comment="""\
The list of assets: a CSV or TOML file that says which symbols are listed, and of each its name,
status (tradable, halted, close_only), flags and limits; a relative path counts from this file.
Empty: all that the market has. papertrader assets import writes one from a provider.""",
)
MARKET_SPEED: Final[Variable[int]] = Variable(
    name="market.speed",
    default="60",
    read=_speed,
    show=_show_speed,
    comment="""\
How many market seconds pass in one real second, 0.001 to 10000. At 60 a trading day takes
six and a half minutes.""",
)
MARKET_START: Final[Variable[date]] = Variable(
    name="market.start",
    default="2010-01-04",
    read=_date,
    show=str,
    comment="""\
The market's first day. Replay: 2000-03-01 to 2013-03-01. Simulated: 1991-01-02 to 2026-12-31.""",
)
MARKET_KEEP_CLOSED_HOURS: Final[Variable[bool]] = Variable(
    name="market.keep_closed_hours",
    default="false",
    read=boolean,
    show=show_boolean,
    comment="""\
true lets nights, weekends and holidays pass at market.speed; false skips them.""",
)
MARKET_EXTENDED_HOURS: Final[Variable[bool]] = Variable(
    name="market.extended_hours",
    default="false",
    read=boolean,
    show=show_boolean,
    comment="""\
true gives US stocks prices from 04:00 to 09:30 and from 16:00 to 20:00 too, in which limit orders
with the extended-hours flag work. For the simulated market, and for your own files of quotes.""",
)
MARKET_SEED: Final = Variable(
    name="market.seed",
    default="1",
    read=whole_number(0, SEED_MAX),
    show=str,
    comment="""\
The same seed gives the same market again, tick by tick: the simulated one, and the paths within
each day of the replayed one.""",
)
MARKET_PROVIDERS: Final[Variable[tuple[str, ...]]] = Variable(
    name="market.providers",
    default='"kraken coinbase"',
    read=read_providers,
    show=show_words,
    comment="""\
Who is asked for live prices, in this order: the next one stands in for one that fails. See
papertrader provider list. Keys: one file each in the directory keys beside this file, mode 0600,
or PAPERTRADER_KEY_NAME in the environment.""",
)
MARKET_SYMBOLS: Final[Variable[tuple[str, ...]]] = Variable(
    name="market.symbols",
    default='""',
    read=read_symbols,
    show=show_words,
    comment="""\
The symbols of the live market, such as "AAPL MSFT BTC/USD"; empty for a few that the providers
suggest.""",
)

MARKET_ANSWER_TIMEOUT_S: Final[Variable[int]] = Variable(
    name="market.answer_timeout_s",
    default=str(ANSWER_S),
    read=whole_number(1, ANSWER_TIMEOUT_S_MAX, " (seconds)"),
    show=str,
    comment="""\
Seconds that the whole answer of a provider may take. When one takes longer, the next provider of
market.providers stands in for it at once.""",
)

MARKET_VARIABLES: Final[tuple[Variable[Any], ...]] = (
    MARKET_SOURCE,
    MARKET_UPDATE_INTERVAL_MS,
    MARKET_SPEED,
    MARKET_START,
    MARKET_KEEP_CLOSED_HOURS,
    MARKET_EXTENDED_HOURS,
    MARKET_SEED,
    MARKET_DATA,
    MARKET_ASSETS,
    MARKET_PROVIDERS,
    MARKET_SYMBOLS,
    MARKET_ANSWER_TIMEOUT_S,
)
"""The section, in its order."""
