"""What a market says: assets, quotes, bars and corporate actions, as values."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final

import attrs

from papertrader.core.money import NULL


class AssetKind(IntEnum):
    """What an asset is (wire numbers)."""

    STOCK = 1
    ETF = 2
    CRYPTO = 3
    FX = 4
    INDEX = 5


class AssetStatus(IntEnum):
    """Whether an asset may be traded (wire numbers)."""

    TRADABLE = 1
    HALTED = 2
    CLOSE_ONLY = 3
    DELISTED = 4


class AssetFlag(IntFlag):
    """Properties of an asset (wire bits)."""

    FRACTIONAL = 1
    SHORTABLE = 2
    ALWAYS_OPEN = 4
    EXTENDED_HOURS = 8
    """Its market has prices before and after the session, too."""


NO_FLAGS: Final = AssetFlag(0)


class QuoteFlag(IntFlag):
    """Warnings on a quote (wire bits). STALE, CLOSED, SUSPECT and HALTED quotes fill nothing."""

    STALE = 1
    DELAYED = 2
    SYNTHETIC = 4
    CLOSED = 8
    SUSPECT = 16
    REPLAYED = 32
    EXTENDED = 64
    """Of the hours before or after a session: it fills only orders with that flag."""
    HALTED = 128
    """Trade in it is halted: it fills nothing."""


class QuoteProvider(IntEnum):
    """Who said the prices of a quote (wire numbers). A number that is not here is a later one."""

    UNKNOWN = 0
    REPLAY = 1
    SIMULATED = 2
    FILES = 3
    KRAKEN = 4
    COINBASE = 5
    ALPACA = 6
    FINNHUB = 7
    TWELVEDATA = 8
    ECB = 9

    @classmethod
    def named(cls, name: str) -> QuoteProvider:
        """Return the provider, or the market, of that name; UNKNOWN if it has no number."""
        return cls.__members__.get(name.upper(), cls.UNKNOWN)


@attrs.frozen(kw_only=True)
class Asset:
    """A tradable thing. Prices and quantities in 1e-8 units; ``currency`` ISO 4217."""

    symbol: str
    name: str
    kind: AssetKind
    currency: str
    tick: int
    lot: int
    quantity_min: int
    quantity_max: int
    calendar: str
    """MIC of its exchange calendar (``"XNYS"``), or ``"24/7"``."""
    exchange: str = ""
    source: str = ""
    status: AssetStatus = AssetStatus.TRADABLE
    flags: AssetFlag = NO_FLAGS
    first_bar: int = 0
    last_bar: int = 0


BAR_INTERVALS_S: Final = (60, 300, 900, 3_600, 86_400, 604_800, 2_592_000)
"""Lengths of bar that can be asked for, in seconds; the last stands for one calendar month."""


@attrs.define(kw_only=True)
class Quote:
    """The newest prices of one symbol. Unknown prices are `NULL`, unknown sizes 0.

    ``source_time`` is market time (the source's stamp); ``observed_at`` the master's clock when it
    received the quote; ``quote_seq`` grows by one for each quote of this symbol for ever.
    Not frozen: it is made on the hot path. It is never changed after it was handed on.
    """

    symbol: str
    bid: int = NULL
    ask: int = NULL
    last: int = NULL
    bid_size: int = 0
    ask_size: int = 0
    last_size: int = 0
    day_open: int = NULL
    day_high: int = NULL
    day_low: int = NULL
    prev_close: int = NULL
    day_volume: int = 0
    source_time: int = 0
    observed_at: int = 0
    quote_seq: int = 0
    flags: int = 0
    provider: int = 0
    """Number of a `QuoteProvider`."""


_MARKET_STAMPED: Final = int(QuoteFlag.SYNTHETIC | QuoteFlag.REPLAYED)


def market_time(quote: Quote) -> int:
    """Return the market time of a quote.

    The stamp of a recorded or simulated market is market time; a live source's stamp may be hours
    old, and there the market's time is the master's clock.
    """
    return quote.source_time if quote.flags & _MARKET_STAMPED else quote.observed_at


@attrs.frozen
class Bar:
    """One bar: ``time`` is its start (market time), prices and volume in 1e-8 units."""

    time: int
    open: int
    high: int
    low: int
    close: int
    volume: int


class ActionKind(IntEnum):
    """Kinds of corporate action."""

    SPLIT = 1
    CASH_DIVIDEND = 2
    SYMBOL_CHANGE = 3
    DELISTING = 4


@attrs.frozen(kw_only=True)
class CorporateAction:
    """Something a company does to its shares, applied once, before the first price of ``at``.

    ``at`` is the market time at which the ex-date's session opens. A split turns ``denominator``
    shares into ``numerator``; a dividend pays ``amount`` (1e-8 of the currency) per share; a
    delisting pays it likewise for what is held, and the last price if it is 0. A change of symbol
    makes all shares those of ``successor``.
    """

    symbol: str
    kind: ActionKind
    at: int
    numerator: int = 1
    denominator: int = 1
    amount: int = 0
    successor: str = ""
