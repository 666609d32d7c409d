"""Alpaca: US shares with bid and ask from IEX, 200 calls a minute with a free key.

``/v2/stocks/snapshots`` has quote, trade and the day's bar of many symbols in one call; an unknown
or silent symbol is simply absent, a price of 0 means none. ``last`` is the close of the day's bar
so far: the newest trade may be an odd lot, which no exchange counts for its day's range. Bars are
always asked for raw. ``/v1/corporate-actions`` announces splits and dividends. Sizes are in round
lots; we count them as shares, which is never too much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from papertrader.core.callbudget import ProviderLimits
from papertrader.core.instants import DAY, midnight_of, to_datetime
from papertrader.core.money import NULL
from papertrader.core.quotes import ActionKind, Bar
from papertrader.master.providers.announced import ratio
from papertrader.master.providers.base import MONTH_S
from papertrader.master.providers.exact import (
    day,
    list_of,
    object_of,
    price,
    price_or_null,
    rfc3339,
    size,
)
from papertrader.master.providers.faults import BadValue, malformed
from papertrader.master.providers.provider import (
    SHARES,
    ActionsAnswer,
    Announcement,
    Answer,
    BarsAnswer,
    Observation,
    Problem,
    Provider,
    ProviderFacts,
    in_range,
    stock,
)
from papertrader.master.providers.request import Request

NAME: Final = "alpaca"
BARS_PAGE: Final = 10_000
ACTIONS_PAGE: Final = 1_000
PAGE_TOKEN_MAX: Final = 512
_NEW_YORK: Final = ZoneInfo("America/New_York")
_DAY_S: Final = 86_400
_TIMEFRAMES: Final = {
    60: "1Min",
    300: "5Min",
    900: "15Min",
    3_600: "1Hour",
    _DAY_S: "1Day",
    604_800: "1Week",
    MONTH_S: "1Month",
}


class Alpaca(Provider):
    """See the module."""

    facts = ProviderFacts(
        name=NAME,
        title="Alpaca market data (IEX)",
        url="https://data.alpaca.markets",
        limits=ProviderLimits(calls_per_minute=200, symbols_per_call=200),
        key_lines=2,
        has_bid_ask=True,
        intervals_s=tuple(_TIMEFRAMES),
        has_actions=True,
        terms="API data may not be redistributed: only the key's owner may see live values.",
        terms_url="https://alpaca.markets/disclosures",
        kinds=SHARES,
        starters=(
            stock("AAPL", "Apple Inc.", "XNAS", NAME),
            stock("AMZN", "Amazon.com, Inc.", "XNAS", NAME),
            stock("GOOGL", "Alphabet Inc. Class A", "XNAS", NAME),
            stock("IBM", "International Business Machines Corporation", "XNYS", NAME),
            stock("MSFT", "Microsoft Corporation", "XNAS", NAME),
            stock("NVDA", "NVIDIA Corporation", "XNAS", NAME),
            stock("SPY", "SPDR S&P 500 ETF Trust", "ARCX", NAME),
        ),
    )

    def quote_request(self, symbols: Sequence[str]) -> Request:
        """Return the request for the snapshots of the symbols."""
        query = (("symbols", ",".join(symbols)), ("feed", "iex"))
        return self._request("/v2/stocks/snapshots", query)

    def _request(self, path: str, query: tuple[tuple[str, str], ...]) -> Request:
        names = ("APCA-API-KEY-ID", "APCA-API-SECRET-KEY")
        return Request(path=path, query=query, headers=tuple(zip(names, self._key, strict=True)))

    async def quotes(self, symbols: Sequence[str]) -> Answer:
        """Ask for the newest prices; one call."""
        rows = object_of(await self.ask(self.quote_request(symbols)))
        # Other endpoints wrap the rows; this one did not, and may one day.
        wrapped = rows.get("snapshots")
        if isinstance(wrapped, dict):
            rows = wrapped
        return self.gathered(symbols, rows, "not in the answer")

    def row(self, symbol: str, row: Mapping[str, object]) -> Observation:
        """Read a snapshot."""
        quote = _part(row, "latestQuote")
        if quote is None:
            raise BadValue("no quote")
        stamp = rfc3339(quote.get("t"), "t")
        trade, day, before = (
            _part(row, name) for name in ("latestTrade", "dailyBar", "prevDailyBar")
        )
        today = day if day is not None and stamp - rfc3339(day.get("t"), "t") < DAY else None
        last = NULL
        if today is not None:
            last = price_or_null(today, "c")
        elif trade is not None:
            last = price_or_null(trade, "p")
        return Observation(
            symbol=symbol,
            provider=NAME,
            bid=price(quote.get("bp"), "bp"),
            ask=price(quote.get("ap"), "ap"),
            last=last,
            bid_size=size(quote.get("bs"), "bs"),
            ask_size=size(quote.get("as"), "as"),
            last_size=size(trade.get("s"), "s") if trade is not None else 0,
            day_open=NULL if today is None else price_or_null(today, "o"),
            day_high=NULL if today is None else price_or_null(today, "h"),
            day_low=NULL if today is None else price_or_null(today, "l"),
            day_volume=0 if today is None else size(today.get("v"), "v"),
            prev_close=NULL if before is None else price_or_null(before, "c"),
            source_time=stamp,
        )

    async def bars(self, symbol: str, interval_s: int, start: int, end: int) -> BarsAnswer:
        """Ask for one page of raw bars; one call."""
        query = (
            ("symbols", symbol),
            ("timeframe", self.interval_name(_TIMEFRAMES, interval_s)),
            ("start", _stamp(start)),
            ("end", _stamp(end - 1)),
            ("limit", str(BARS_PAGE)),
            ("adjustment", "raw"),
            ("feed", "iex"),
        )
        reply = object_of(await self.ask(self._request("/v2/stocks/bars", query)))
        by_symbol = reply.get("bars")
        rows = by_symbol.get(symbol) or [] if isinstance(by_symbol, dict) else []
        try:
            bars = [_bar(row, interval_s) for row in list_of(rows, "the list of bars")]
        except BadValue as error:
            raise malformed(f"a bar of {symbol}: {error}") from None
        return BarsAnswer(in_range(bars, start, end), not reply.get("next_page_token"))

    async def actions(
        self, symbols: Sequence[str], first: date, last: date, page: str = ""
    ) -> ActionsAnswer:
        """Ask for one page of splits and cash dividends; one call."""
        query = (
            ("symbols", ",".join(symbols)),
            ("types", "forward_split,reverse_split,cash_dividend"),
            ("start", first.isoformat()),
            ("end", last.isoformat()),
            ("limit", str(ACTIONS_PAGE)),
            *((("page_token", page),) if page else ()),
        )
        reply = object_of(await self.ask(self._request("/v1/corporate-actions", query)))
        lists = object_of(reply.get("corporate_actions"), "corporate_actions")
        found, problems = [], []
        for name, read in _ACTIONS.items():
            for row in list_of(lists.get(name, []), name):
                symbol = row.get("symbol") if isinstance(row, dict) else None
                if not isinstance(row, dict) or symbol not in symbols:
                    problems.append(Problem("", f"{name}: a row of something else"))
                    continue
                try:
                    each = read(str(symbol), day(row.get("ex_date"), "ex_date"), row)
                except BadValue as error:
                    problems.append(Problem(str(symbol), f"{name}: {error}"))
                    continue
                if first <= each.ex_date <= last:
                    found.append(each)
                else:
                    problems.append(Problem(each.symbol, f"{name}: a day nobody asked for"))
        token = reply.get("next_page_token") or ""
        if not isinstance(token, str) or len(token) > PAGE_TOKEN_MAX:
            raise malformed("the token of the next page is no text")
        return ActionsAnswer(tuple(found), tuple(problems), token)


def _split(symbol: str, ex_date: date, row: Mapping[str, object]) -> Announcement:
    new, old = ratio(row.get("new_rate"), row.get("old_rate"))
    kind = ActionKind.SPLIT
    return Announcement(symbol=symbol, kind=kind, ex_date=ex_date, numerator=new, denominator=old)


def _dividend(symbol: str, ex_date: date, row: Mapping[str, object]) -> Announcement:
    kind, amount = ActionKind.CASH_DIVIDEND, price(row.get("rate"), "rate")
    if amount == NULL:
        raise BadValue("a dividend of nothing")
    return Announcement(symbol=symbol, kind=kind, ex_date=ex_date, amount=amount)


_ACTIONS: Final = {
    "forward_splits": _split,
    "reverse_splits": _split,
    "cash_dividends": _dividend,
}


def _part(row: Mapping[str, object], name: str) -> Mapping[str, object] | None:
    part = row.get(name)
    if part is not None and not isinstance(part, dict):
        raise BadValue(f"{name} is no object")
    return part


def _stamp(instant: int) -> str:
    return to_datetime(instant).strftime("%Y-%m-%dT%H:%M:%SZ")


def _bar(row: object, interval_s: int) -> Bar:
    if not isinstance(row, dict):
        raise BadValue("is no object")
    time = rfc3339(row.get("t"), "t")
    if interval_s >= _DAY_S:
        local: datetime = to_datetime(time).astimezone(_NEW_YORK)
        time = midnight_of(local.date())
    first, high, low, last = (price(row.get(name), name) for name in "ohlc")
    return Bar(time, first, high, low, last, size(row.get("v"), "v"))
