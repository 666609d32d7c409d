"""The recorded market's data files: daily bars and corporate actions of five US stocks.

See ``papertrader/data/NOTICE`` for where they come from. Some 1,300 of the 48,616 recorded prices
are finer than a cent (trades between the quotes); they are rounded to the market's tick, a cent.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable, Mapping
from datetime import date
from importlib import resources
from typing import Final

import attrs

from papertrader.core.calendar import Calendar
from papertrader.core.money import parse_amount, to_cents
from papertrader.core.quotes import ActionKind, CorporateAction
from papertrader.master.providers.path import Candle

DAILY_FILE: Final = "wiki5_daily.csv.gz"
ACTIONS_FILE: Final = "wiki5_actions.csv"
DAILY_FILE_MAX: Final = 16 * 1024 * 1024
"""Octets of the daily file when unpacked; a larger one is refused."""


class DataFileError(ValueError):
    """A data file cannot be read: the message names it and the line."""


@attrs.frozen
class RecordedHistory:
    """Daily bars as traded (unadjusted), prices rounded to cents, volumes in shares."""

    days: Mapping[str, Mapping[date, Candle]]

    def candle(self, symbol: str, day: date) -> Candle | None:
        """Return the day's bar, None when the symbol was not traded."""
        return self.days[symbol].get(day)

    def first_day(self, symbol: str) -> date:
        """Return the symbol's first day."""
        return min(self.days[symbol])


def load_daily() -> RecordedHistory:
    """Read the daily bars that come with the package. Raises `DataFileError`."""
    packed = resources.files("papertrader.data").joinpath(DAILY_FILE)
    with packed.open("rb") as raw, gzip.open(raw) as unpacked:
        content = unpacked.read(DAILY_FILE_MAX + 1)
    if len(content) > DAILY_FILE_MAX:
        raise DataFileError(f"{DAILY_FILE} holds more than {DAILY_FILE_MAX} octets: reinstall it")
    return read_daily(content.decode("ascii").splitlines())


def read_daily(lines: Iterable[str]) -> RecordedHistory:
    """Read daily bars from CSV lines: Ticker, Date, Open, High, Low, Close, Volume, ...

    Raises `DataFileError` for a line that cannot be read or whose prices contradict each other.
    """
    days: dict[str, dict[date, Candle]] = {}
    reader = csv.DictReader(lines, restval="")
    for row in reader:
        try:
            opening, high, low, close = (_cents(row[k]) for k in ("Open", "High", "Low", "Close"))
            candle = Candle(opening, high, low, close, int(row["Volume"]))
            day = date.fromisoformat(row["Date"])
            of_symbol = days.setdefault(row["Ticker"], {})
        except (KeyError, TypeError, ValueError) as error:
            raise DataFileError(f"{DAILY_FILE}, line {reader.line_num}: {error!r}") from error
        if not 0 < low <= min(opening, close) <= max(opening, close) <= high or candle.volume < 0:
            raise DataFileError(f"{DAILY_FILE}, line {reader.line_num}: prices out of order")
        of_symbol[day] = candle
    return RecordedHistory(days)


def load_actions(calendar: Calendar) -> list[CorporateAction]:
    """Read the corporate actions that come with the package. Raises `DataFileError`."""
    text = resources.files("papertrader.data").joinpath(ACTIONS_FILE).read_text("ascii")
    return read_actions(text.splitlines(), calendar)


def read_actions(lines: Iterable[str], calendar: Calendar) -> list[CorporateAction]:
    """Read actions from CSV lines: ticker, ex_date, kind, value ("2:1", or dollars a share).

    Raises `DataFileError` for a line that cannot be read or a day without a session.
    """
    actions = []
    reader = csv.DictReader(lines, restval="")
    for row in reader:
        try:
            actions.append(_action(row, calendar))
        except (KeyError, TypeError, ValueError) as error:
            raise DataFileError(f"{ACTIONS_FILE}, line {reader.line_num}: {error}") from error
    return actions


def _action(row: Mapping[str, str], calendar: Calendar) -> CorporateAction:
    session = calendar.session(date.fromisoformat(row["ex_date"]))
    if session is None:
        raise ValueError(f"{row['ex_date']} has no session on {calendar.mic}")
    symbol, value = row["ticker"], row["value"]
    if row["kind"] == "split":
        numerator, denominator = map(int, value.split(":"))
        if numerator < 1 or denominator < 1:
            raise ValueError(f"not a split: {value!r}")
        return CorporateAction(
            symbol=symbol,
            kind=ActionKind.SPLIT,
            at=session.open,
            numerator=numerator,
            denominator=denominator,
        )
    if row["kind"] != "cash_dividend":
        raise ValueError(f"unknown kind of action {row['kind']!r}")
    amount = parse_amount(value)
    if amount <= 0 or amount != to_cents(amount):
        raise ValueError(f"not a dividend in whole cents: {value!r}")
    return CorporateAction(
        symbol=symbol, kind=ActionKind.CASH_DIVIDEND, at=session.open, amount=amount
    )


def _cents(text: str) -> int:
    """Turn "12.5" into 1250 cents; up to four decimals, rounded to the nearest cent, halves up."""
    whole, _, fraction = text.partition(".")
    if len(fraction) > 4:
        raise ValueError(f"more than four decimals: {text!r}")
    return (int(whole) * 10_000 + int(fraction.ljust(4, "0")) + 50) // 100
