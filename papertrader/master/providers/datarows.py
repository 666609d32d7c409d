"""A user's own prices, read into a `Dataset`: what each column means, and what is wrong with a row.

The kind of a file follows from its column names; ``specs/market-data.rst`` describes them. The
first row that cannot be used ends the reading, with one sentence: file, line and what is wrong.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Final

import attrs

from papertrader.core.calendar import ALWAYS_OPEN, Calendar, Session
from papertrader.core.identifiers import check_currency, check_symbol
from papertrader.core.instants import DAY, MINUTE, SECOND, format_instant, from_datetime
from papertrader.core.money import DECIMALS, NULL, parse_amount
from papertrader.core.quotes import ActionKind, AssetKind, CorporateAction
from papertrader.master.providers.datafiles import DataFile, Row
from papertrader.master.providers.path import Candle
from papertrader.master.providers.recorded import DataFileError

ROWS_MAX: Final = 4_000_000
"""Rows of prices in all files together; more are refused."""

SYMBOLS_MAX: Final = 4_096
"""Symbols in all files together; more are refused."""

_ALIASES: Final = {
    "ticker": "symbol",
    "day": "date",
    "timestamp": "time",
    "datetime": "time",
    "price": "last",
    "vol": "volume",
    "bidsize": "bid_size",
    "asksize": "ask_size",
    "lastsize": "last_size",
}
_PRICES: Final = ("open", "high", "low", "close")
_EPOCH_UNITS: Final = {10: SECOND, 13: 1_000_000, 16: 1_000, 19: 1}
"""By number of digits: what a time that is a whole number counts."""
_FRACTION: Final = re.compile(r"(\.\d{6})\d{1,3}")


class RowKind(StrEnum):
    """What a file's rows are."""

    DAILY = "daily"
    MINUTE = "minute"
    QUOTE = "quote"
    ACTION = "action"
    ASSET = "asset"


@attrs.define
class Listed:
    """What an assets file says of a symbol, or the default."""

    name: str = ""
    kind: AssetKind = AssetKind.STOCK
    calendar: str = "XNYS"
    exchange: str = ""
    lot: int = 0
    spread_ppm: int = 200
    currency: str = "USD"


@attrs.define
class QuoteColumns:
    """The quotes of one symbol in order of time: 1e-8 units; `NULL` and 0 for unknown."""

    times: array[int] = attrs.Factory(lambda: array("q"))
    bids: array[int] = attrs.Factory(lambda: array("q"))
    asks: array[int] = attrs.Factory(lambda: array("q"))
    lasts: array[int] = attrs.Factory(lambda: array("q"))
    bid_sizes: array[int] = attrs.Factory(lambda: array("q"))
    ask_sizes: array[int] = attrs.Factory(lambda: array("q"))
    last_sizes: array[int] = attrs.Factory(lambda: array("q"))


@attrs.define
class Dataset:
    """Everything read. Candles are in 1e-8 units here, of prices and of volumes.

    ``minutes``: by symbol and session's day, the minute of the session to its bar. ``decimals``:
    the most decimals of a symbol's prices, ``volume_decimals`` those of its volumes.
    """

    assets: dict[str, Listed] = attrs.Factory(dict)
    kinds: dict[str, RowKind] = attrs.Factory(dict)
    days: dict[str, dict[date, Candle]] = attrs.Factory(dict)
    minutes: dict[str, dict[date, dict[int, Candle]]] = attrs.Factory(dict)
    quotes: dict[str, QuoteColumns] = attrs.Factory(dict)
    actions: list[CorporateAction] = attrs.Factory(list)
    decimals: dict[str, int] = attrs.Factory(dict)
    volume_decimals: dict[str, int] = attrs.Factory(dict)
    rows: int = 0

    def listed(self, symbol: str) -> Listed:
        """Return what is known of a symbol; a pair such as BTC/USD is traded at any time."""
        pair = Listed(kind=AssetKind.FX, calendar=ALWAYS_OPEN)
        return self.assets.get(symbol) or (pair if "/" in symbol else Listed())


def kind_of(file: DataFile) -> RowKind:
    """Return what the rows of a file are, by its column names. Raises `DataFileError`."""
    names = {_ALIASES.get(name, name) for name in file.columns}
    if "ex_date" in names:
        return RowKind.ACTION
    if "time" in names and {"bid", "ask"} <= names:
        return RowKind.QUOTE
    if "time" in names and names.issuperset(_PRICES):
        return RowKind.MINUTE
    if "date" in names and names.issuperset(_PRICES):
        return RowKind.DAILY
    if "symbol" in names and "name" in names:
        return RowKind.ASSET
    raise DataFileError(
        f"{file.path}, line 1: these columns are no prices: daily rows have date, open, high, low,"
        " close; minute rows time instead of date; quotes time, bid, ask"
    )


def read_dataset(files: Iterable[DataFile], calendars: Mapping[str, Calendar]) -> Dataset:
    """Read all files, assets first. Raises `DataFileError` for the first row that is wrong."""
    kinds = [(kind_of(file), file) for file in files]
    reader = _Reader(calendars)
    for kind in (RowKind.ASSET, RowKind.DAILY, RowKind.MINUTE, RowKind.QUOTE, RowKind.ACTION):
        for _, file in (each for each in kinds if each[0] is kind):
            for row in file.rows():
                try:
                    reader.take(kind, file, row)
                except (ValueError, ArithmeticError) as error:
                    raise DataFileError(f"{row.place}: {error}") from None
    if not reader.data.kinds:
        raise DataFileError("the files have no prices; give at least one row")
    return reader.data


class _Reader:
    """Takes rows into a dataset; everything wrong with one is a `ValueError`."""

    def __init__(self, calendars: Mapping[str, Calendar]) -> None:
        self.data = Dataset()
        self._calendars = calendars
        self._session: dict[str, Session] = {}

    def take(self, kind: RowKind, file: DataFile, row: Row) -> None:
        """Take one row."""
        fields = {_ALIASES.get(name, name): text for name, text in row.fields.items()}
        symbol = check_symbol((fields.get("symbol") or file.stem).upper())
        if kind is RowKind.ASSET:
            self._asset(symbol, fields)
            return
        if kind is RowKind.ACTION:
            self._action(symbol, fields)
            return
        known = self.data.kinds.setdefault(symbol, kind)
        if known is not kind:
            raise ValueError(f"{symbol} has {known} rows already; keep one kind for a symbol")
        self.data.rows += 1
        if self.data.rows > ROWS_MAX or len(self.data.kinds) > SYMBOLS_MAX:
            raise ValueError(f"more than {ROWS_MAX} rows or {SYMBOLS_MAX} symbols; give less")
        if kind is RowKind.DAILY:
            self._daily(symbol, fields)
        elif kind is RowKind.MINUTE:
            self._minute(symbol, fields)
        else:
            self._quote(symbol, fields)

    # --- prices ----------------------------------------------------------------------------------

    def _daily(self, symbol: str, fields: Mapping[str, str]) -> None:
        day = _date(fields["date"])
        if self._calendar(symbol).session(day) is None:
            raise ValueError(self._closed(symbol, str(day)))
        of_symbol = self.data.days.setdefault(symbol, {})
        if day in of_symbol:
            raise ValueError(f"a second row of {symbol} for {day}")
        of_symbol[day] = self._candle(symbol, fields)

    def _minute(self, symbol: str, fields: Mapping[str, str]) -> None:
        time = _time(fields["time"])
        session = self._calendar(symbol).extended_at(time) or self._session_at(symbol, time)
        minute, rest = divmod(time - session.open, MINUTE)
        if rest:
            raise ValueError(f"{format_instant(time)} is not the start of a minute")
        of_day = self.data.minutes.setdefault(symbol, {}).setdefault(session.day, {})
        if minute in of_day:
            raise ValueError(f"a second row of {symbol} for {format_instant(time)}")
        of_day[minute] = self._candle(symbol, fields)

    def _candle(self, symbol: str, fields: Mapping[str, str]) -> Candle:
        opening, high, low, close = (self._price(symbol, name, fields[name]) for name in _PRICES)
        if not low <= min(opening, close) <= max(opening, close) <= high:
            raise ValueError("the prices contradict each other: low <= open, close <= high")
        volume = self._size(symbol, "volume", fields.get("volume", ""))
        return Candle(opening, high, low, close, volume)

    def _quote(self, symbol: str, fields: Mapping[str, str]) -> None:
        time = _time(fields["time"])
        # A quote at the very close is of its session.
        session = self._session.get(symbol)
        within = session is not None and session.open <= time <= session.close
        if not within and self._calendar(symbol).extended_at(time) is None:
            self._session_at(symbol, time - (self._calendar(symbol).session_at(time) is None))
        columns = self.data.quotes.setdefault(symbol, QuoteColumns())
        if columns.times and time < columns.times[-1]:
            raise ValueError(
                f"{format_instant(time)} comes after {format_instant(columns.times[-1])}; sort the"
                f" quotes of {symbol} by time"
            )
        bid, ask = (self._price(symbol, name, fields[name]) for name in ("bid", "ask"))
        if bid > ask:
            raise ValueError("the bid is above the ask")
        last = fields.get("last", "")
        columns.times.append(time)
        columns.bids.append(bid)
        columns.asks.append(ask)
        columns.lasts.append(self._price(symbol, "last", last) if last else NULL)
        for name, column in (
            ("bid_size", columns.bid_sizes),
            ("ask_size", columns.ask_sizes),
            ("last_size", columns.last_sizes),
        ):
            column.append(self._size(symbol, name, fields.get(name, "")))

    def _price(self, symbol: str, name: str, text: str) -> int:
        price = _number(name, text)
        if price <= 0:
            raise ValueError(f"{name}: {text} is no price; it must be above 0")
        decimals = len(text.partition(".")[2])
        if decimals > self.data.decimals.get(symbol, 0):
            self.data.decimals[symbol] = decimals
        return price

    def _size(self, symbol: str, name: str, text: str) -> int:
        if not text:
            return 0
        size = _number(name, text)
        if size < 0:
            raise ValueError(f"{name}: {text} is below 0")
        decimals = len(text.partition(".")[2].rstrip("0"))
        if decimals > self.data.volume_decimals.get(symbol, 0):
            self.data.volume_decimals[symbol] = decimals
        return size

    # --- what else there is ----------------------------------------------------------------------

    def _asset(self, symbol: str, fields: Mapping[str, str]) -> None:
        if symbol in self.data.assets:
            raise ValueError(f"a second row of {symbol}")
        listed = Listed(name=fields["name"][:48], exchange=fields.get("exchange", "")[:4])
        kind = fields.get("kind", "")
        if kind:
            names = {each.name.lower(): each for each in AssetKind}
            if kind.lower() not in names:
                raise ValueError(f"kind: {kind!r} is not one of {', '.join(names)}")
            listed.kind = names[kind.lower()]
        if listed.kind is AssetKind.CRYPTO:
            listed.calendar = ALWAYS_OPEN
        if fields.get("calendar"):
            listed.calendar = fields["calendar"]
        if listed.calendar not in self._calendars:
            known = ", ".join(sorted(self._calendars))
            raise ValueError(f"calendar: {listed.calendar!r} is not one of {known}")
        if fields.get("lot"):
            listed.lot = _number("lot", fields["lot"])
            if listed.lot <= 0:
                raise ValueError("lot: it must be above 0")
        if fields.get("currency"):
            listed.currency = check_currency(fields["currency"])
        if fields.get("spread_ppm"):
            listed.spread_ppm = int(fields["spread_ppm"])
            if not 0 <= listed.spread_ppm <= 100_000:
                raise ValueError("spread_ppm: it must be 0 to 100000 millionths of the price")
        self.data.assets[symbol] = listed

    def _action(self, symbol: str, fields: Mapping[str, str]) -> None:
        if symbol not in self.data.kinds:
            raise ValueError(f"{symbol} has no prices in these files")
        day = _date(fields["ex_date"])
        session = self._calendar(symbol).session(day)
        if session is None:
            raise ValueError(self._closed(symbol, str(day)))
        value, kind = fields.get("value", ""), fields.get("kind", "")
        if kind == "split":
            match = re.fullmatch(r"(\d{1,5}):(\d{1,5})", value, re.ASCII)
            if match is None or min(int(match[1]), int(match[2])) < 1:
                raise ValueError(f"value: {value!r} is no split; write new:old, as 2:1")
            action = CorporateAction(
                symbol=symbol, kind=ActionKind.SPLIT, at=session.open,
                numerator=int(match[1]), denominator=int(match[2]),
            )  # fmt: skip
        elif kind in ("cash_dividend", "dividend"):
            amount = _number("value", value)
            if amount <= 0:
                raise ValueError(f"value: {value} is no dividend; it must be above 0")
            action = CorporateAction(
                symbol=symbol, kind=ActionKind.CASH_DIVIDEND, at=session.open, amount=amount
            )
        elif kind == "delisting":
            amount = _number("value", value) if value else 0
            action = CorporateAction(
                symbol=symbol, kind=ActionKind.DELISTING, at=session.open, amount=amount
            )
        elif kind == "symbol_change":
            if value not in self.data.kinds:
                raise ValueError(f"value: the new symbol {value!r} has no prices in these files")
            action = CorporateAction(
                symbol=symbol, kind=ActionKind.SYMBOL_CHANGE, at=session.open, successor=value
            )
        else:
            raise ValueError(
                f"kind: {kind!r} is not one of split, cash_dividend, delisting, symbol_change"
            )
        key = (symbol, action.kind, action.at)
        if any((each.symbol, each.kind, each.at) == key for each in self.data.actions):
            raise ValueError(f"a second {kind} of {symbol} on {day}; add them up")
        self.data.actions.append(action)

    # --- hours -----------------------------------------------------------------------------------

    def _calendar(self, symbol: str) -> Calendar:
        return self._calendars[self.data.listed(symbol).calendar]

    def _session_at(self, symbol: str, time: int) -> Session:
        """Return the session that a time lies in."""
        last = self._session.get(symbol)
        if last is not None and last.open <= time < last.close:
            return last
        session = self._calendar(symbol).session_at(time)
        if session is None:
            raise ValueError(self._closed(symbol, format_instant(time)))
        self._session[symbol] = session
        return session

    def _closed(self, symbol: str, when: str) -> str:
        name = self.data.listed(symbol).calendar
        return (
            f"{name} is closed on {when}; leave the row out, or give {symbol} another calendar"
            f" (such as {ALWAYS_OPEN}) in a file of assets"
        )


def _number(name: str, text: str) -> int:
    try:
        return parse_amount(text)
    except (ValueError, ArithmeticError):
        raise ValueError(
            f"{name}: {text!r} is not a number with at most {DECIMALS} decimals"
        ) from None


def _date(text: str) -> date:
    try:
        if len(text) == len("2010-01-04"):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise ValueError(f"date: {text!r} is not a date such as 2010-01-04")


def _time(text: str) -> int:
    """Return an instant: ISO 8601 (UTC unless it says otherwise) or a whole number since 1970."""
    if text.isascii() and text.isdigit():
        unit = _EPOCH_UNITS.get(len(text))
        if unit is not None:
            return int(text) * unit
    try:
        fine = 0
        match = _FRACTION.search(text)
        if match is not None:
            digits = match[0].removeprefix(".")
            fine = int(digits[6:].ljust(3, "0"))
            text = text.replace(match[0], match[1])
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or len(text) <= len("2010-01-04"):
        raise ValueError(f"time: {text!r} is not a time such as 2010-01-04T14:30:00Z")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    instant = from_datetime(moment)
    if not 0 < instant < 2**63 - DAY:
        raise ValueError(f"time: {text!r} is out of range")
    return instant + fine
