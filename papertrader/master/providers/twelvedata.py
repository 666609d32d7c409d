"""Twelve Data: shares of the world, currencies, coins; last price; 8 credits a minute, 800 a day.

Each symbol costs a credit, in one call or in several. Numbers are texts. One symbol's ``/quote`` is
an object, several are an object of objects by symbol, any of which may be an error of its own;
errors have ``code`` and ``status: error``, sometimes under status 200. ``last_quote_at`` is the
start of the newest minute with a price, ``timestamp`` that of the newest bar. Series come newest
first, in the exchange's local time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from papertrader.core.callbudget import ProviderLimits
from papertrader.core.instants import midnight_of, to_datetime
from papertrader.core.quotes import Bar
from papertrader.core.secrets import Secret
from papertrader.master.providers.base import MONTH_S
from papertrader.master.providers.exact import (
    day,
    list_of,
    local_time,
    object_of,
    price,
    price_or_null,
    seconds,
    size,
    strict_json,
)
from papertrader.master.providers.faults import BadValue, FaultKind, ProviderFault, malformed
from papertrader.master.providers.provider import (
    COINS,
    CURRENCIES,
    SHARES,
    Answer,
    BarsAnswer,
    Observation,
    Problem,
    Provider,
    ProviderFacts,
    coin,
    currency_pair,
    in_range,
    stock,
)
from papertrader.master.providers.request import Request

NAME: Final = "twelvedata"
BARS_MAX: Final = 5_000
_DAY_S: Final = 86_400
_INTERVALS: Final = {
    60: "1min",
    300: "5min",
    900: "15min",
    3_600: "1h",
    _DAY_S: "1day",
    604_800: "1week",
    MONTH_S: "1month",
}


class TwelveData(Provider):
    """See the module."""

    facts = ProviderFacts(
        name=NAME,
        title="Twelve Data",
        url="https://api.twelvedata.com",
        limits=ProviderLimits(
            calls_per_minute=8, calls_per_day=800, symbols_per_call=8, call_cost=0, symbol_cost=1
        ),
        key_lines=1,
        has_bid_ask=False,
        intervals_s=tuple(_INTERVALS),
        terms="The free plan is for personal use: only the key's owner may see live values.",
        terms_url="https://twelvedata.com/terms",
        kinds=SHARES | COINS | CURRENCIES,
        starters=(
            stock("AAPL", "Apple Inc.", "XNAS", NAME),
            stock("IBM", "International Business Machines Corporation", "XNYS", NAME),
            stock("MSFT", "Microsoft Corporation", "XNAS", NAME),
            coin("BTC/USD", "Bitcoin", NAME),
            currency_pair("EUR/USD", "Euro in US dollars", NAME),
        ),
    )

    def quote_request(self, symbols: Sequence[str]) -> Request:
        """Return the request for the quotes of the symbols."""
        return self._request("/quote", (("symbol", ",".join(symbols)),))

    def _request(self, path: str, query: tuple[tuple[str, str], ...]) -> Request:
        bearer = Secret(b"apikey " + self._key[0].reveal())
        return Request(path=path, query=query, headers=(("Authorization", bearer),))

    async def quotes(self, symbols: Sequence[str]) -> Answer:
        """Ask for the newest prices; one call."""
        reply = object_of(await self.ask(self.quote_request(symbols)))
        _raise_error(reply, self)
        rows: Mapping[str, object] = {symbols[0]: reply} if len(symbols) == 1 else reply
        return self.gathered(symbols, rows, "not in the answer")

    def said(self, body: bytes) -> str:
        """Return the words of an error: the same shape under every status."""
        try:
            found = strict_json(body)
        except ProviderFault:
            return ""
        message = found.get("message") if isinstance(found, dict) else None
        return f": {self.clean(message)}" if isinstance(message, str) else ""

    def row(self, symbol: str, row: Mapping[str, object]) -> Observation | Problem:
        """Read a quote, or the error in its place."""
        if row.get("status") == "error":
            # What is wrong with the key or the quota is so for every symbol.
            if row.get("code") in (401, 403, 429):
                _raise_error(row, self)
            text = self.clean(str(row.get("message")))
            return Problem(symbol, text, unknown=row.get("code") in (400, 404))
        if row.get("symbol") != symbol:
            raise BadValue("the answer is about another symbol")
        stamp = row.get("last_quote_at") or row.get("timestamp")
        return Observation(
            symbol=symbol,
            provider=NAME,
            last=price(row.get("close"), "close"),
            day_open=price_or_null(row, "open"),
            day_high=price_or_null(row, "high"),
            day_low=price_or_null(row, "low"),
            prev_close=price_or_null(row, "previous_close"),
            day_volume=size(row.get("volume"), "volume"),
            source_time=seconds(stamp, "timestamp"),
            closed=row.get("is_market_open") is False,
        )

    async def bars(self, symbol: str, interval_s: int, start: int, end: int) -> BarsAnswer:
        """Ask for up to 5,000 raw bars, the newest of the range; one call."""
        query = (
            ("symbol", symbol),
            ("interval", self.interval_name(_INTERVALS, interval_s)),
            ("start_date", _stamp(start)),
            ("end_date", _stamp(end - 1)),
            ("timezone", "UTC"),
            ("order", "ASC"),
            ("outputsize", str(BARS_MAX)),
            ("adjust", "none"),
        )
        reply = object_of(await self.ask(self._request("/time_series", query)))
        _raise_error(reply, self)
        meta = object_of(reply.get("meta"), "the series' description")
        if meta.get("symbol") != symbol:
            raise malformed("the series is about another symbol")
        rows = list_of(reply.get("values"), "the list of bars")
        try:
            bars = [_bar(row, interval_s) for row in rows]
        except BadValue as error:
            raise malformed(f"a bar of {symbol}: {error}") from None
        return BarsAnswer(in_range(bars, start, end), len(rows) < BARS_MAX)


def _raise_error(reply: Mapping[str, object], provider: TwelveData) -> None:
    """Raise the fault that an error object means, under whatever status it came."""
    if reply.get("status") != "error":
        return
    code = reply.get("code")
    kind = {
        401: FaultKind.DENIED,
        403: FaultKind.DENIED,
        429: FaultKind.LIMITED,
        500: FaultKind.FAILED,
    }.get(code if isinstance(code, int) else 0, FaultKind.REFUSED)
    raise ProviderFault(kind, f"code {code}: {provider.clean(str(reply.get('message')))}")


def _stamp(instant: int) -> str:
    return to_datetime(instant).strftime("%Y-%m-%d %H:%M:%S")


def _bar(row: object, interval_s: int) -> Bar:
    if not isinstance(row, dict):
        raise BadValue("is no object")
    stamp = row.get("datetime")
    time = (
        midnight_of(day(stamp, "datetime"))
        if interval_s >= _DAY_S
        else local_time(stamp, "UTC", "datetime")
    )
    first, high, low, last = (
        price(row.get(name), name) for name in ("open", "high", "low", "close")
    )
    return Bar(time, first, high, low, last, size(row.get("volume"), "volume"))
