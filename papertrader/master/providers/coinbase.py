"""Coinbase Exchange: coins with bid and ask, day and night, without any key; one symbol a call.

``/products/BTC-USD/ticker`` has prices as texts and the time of the newest trade; its ``volume`` is
that of 24 hours, which is no day of ours and is left out. ``/candles`` has rows of time, low, high,
open, close, volume, newest first, at most 300.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from papertrader.core.callbudget import ProviderLimits
from papertrader.core.identifiers import check_symbol
from papertrader.core.instants import SECOND, to_datetime
from papertrader.core.money import SCALE
from papertrader.core.quotes import Asset, Bar
from papertrader.master.providers.exact import (
    list_of,
    object_of,
    price,
    rfc3339,
    seconds,
    size,
    units,
)
from papertrader.master.providers.faults import BadValue, FaultKind, ProviderFault, malformed
from papertrader.master.providers.provider import (
    COINS,
    Answer,
    BarsAnswer,
    Observation,
    Problem,
    Provider,
    ProviderFacts,
    coin,
    in_range,
)
from papertrader.master.providers.request import LISTING_MAX, Request

NAME: Final = "coinbase"
BARS_MAX: Final = 300
_GRANULARITIES: Final = {each: str(each) for each in (60, 300, 900, 3_600, 86_400)}


class Coinbase(Provider):
    """See the module."""

    facts = ProviderFacts(
        name=NAME,
        title="Coinbase Exchange, public data",
        url="https://api.exchange.coinbase.com",
        limits=ProviderLimits(calls_per_minute=300, symbols_per_call=1, spacing_ms=100),
        key_lines=0,
        has_bid_ask=True,
        intervals_s=tuple(_GRANULARITIES),
        has_assets=True,
        terms="Public data; Coinbase's market data terms count, and candles are not for polling.",
        terms_url="https://www.coinbase.com/legal/market_data",
        kinds=COINS,
        starters=(
            coin("BTC/USD", "Bitcoin", NAME),
            coin("ETH/USD", "Ethereum", NAME),
            coin("SOL/USD", "Solana", NAME),
            coin("XRP/USD", "XRP", NAME, tick=SCALE // 10_000),
            coin("DOGE/USD", "Dogecoin", NAME, tick=SCALE // 100_000),
        ),
    )

    def quote_request(self, symbols: Sequence[str]) -> Request:
        """Return the request for the ticker of the first of the symbols."""
        return Request(path=f"/products/{_product(symbols[0])}/ticker")

    async def quotes(self, symbols: Sequence[str]) -> Answer:
        """Ask for the newest prices of one symbol; one call."""
        (symbol,) = symbols
        try:
            row = object_of(await self.ask(self.quote_request(symbols)))
        except ProviderFault as fault:
            if fault.kind is not FaultKind.REFUSED or "NotFound" not in str(fault):
                raise
            return Answer((), (Problem(symbol, "Coinbase has no such product", unknown=True),))
        return self.gathered(symbols, {symbol: row}, "not in the answer")

    def row(self, symbol: str, row: Mapping[str, object]) -> Observation:
        """Read a ticker."""
        return Observation(
            symbol=symbol,
            provider=NAME,
            bid=price(row.get("bid"), "bid"),
            ask=price(row.get("ask"), "ask"),
            last=price(row.get("price"), "price"),
            last_size=size(row.get("size"), "size"),
            source_time=rfc3339(row.get("time"), "time"),
        )

    async def bars(self, symbol: str, interval_s: int, start: int, end: int) -> BarsAnswer:
        """Ask for up to 300 bars from ``start`` on; one call."""
        granularity = self.interval_name(_GRANULARITIES, interval_s)
        upto = min(end, start + BARS_MAX * interval_s * SECOND)
        request = Request(
            path=f"/products/{_product(symbol)}/candles",
            query=(
                ("granularity", granularity),
                ("start", to_datetime(start).isoformat()),
                ("end", to_datetime(upto - SECOND).isoformat()),
            ),
        )
        try:
            bars = [_bar(row) for row in list_of(await self.ask(request))]
        except BadValue as error:
            raise malformed(f"a bar of {symbol}: {error}") from None
        return BarsAnswer(in_range(bars, start, upto), upto >= end)

    async def assets(self) -> list[Asset]:
        """Ask for all products that are traded now; one call."""
        rows = list_of(await self.ask(Request(path="/products", body_max=LISTING_MAX)))
        found = []
        for row in rows:
            # A product that we cannot name is one that nobody can ask for.
            try:
                found.append(_listed(row))
            except (BadValue, ValueError):
                continue
        return found


def _product(symbol: str) -> str:
    return symbol.replace("/", "-")


def _listed(row: object) -> Asset:
    if not isinstance(row, dict) or row.get("status") != "online" or row.get("trading_disabled"):
        raise BadValue("not traded")
    currency = str(row.get("quote_currency"))
    symbol = check_symbol(f"{row.get('base_currency')}/{currency}")
    tick = units(row.get("quote_increment"), "quote_increment")
    if tick <= 0 or len(currency) != 3 or not currency.isalpha():
        raise BadValue("not priced in a currency")
    return coin(symbol, symbol.replace("/", " in "), NAME, tick=tick)


def _bar(row: object) -> Bar:
    if not isinstance(row, list) or len(row) < 6:
        raise BadValue("is no row of 6")
    low, high, opening, close = (price(value, "a price") for value in row[1:5])
    return Bar(seconds(row[0], "time"), opening, high, low, close, size(row[5], "volume"))
