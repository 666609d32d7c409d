"""Finnhub: US shares, last price without bid and ask, 60 calls a minute, one symbol a call.

``/quote`` names no symbol in its answer; since each call is for one symbol and each connection
answers in order, it is that symbol's. An unknown symbol gives zeros with the time 0. Candles are
not in the free plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from papertrader.core.callbudget import ProviderLimits
from papertrader.core.identifiers import check_symbol
from papertrader.core.quotes import Asset
from papertrader.master.providers.exact import (
    list_of,
    object_of,
    price,
    price_or_null,
    seconds,
)
from papertrader.master.providers.faults import BadValue
from papertrader.master.providers.provider import (
    SHARES,
    Answer,
    Observation,
    Problem,
    Provider,
    ProviderFacts,
    stock,
)
from papertrader.master.providers.request import LISTING_MAX, Request

NAME: Final = "finnhub"
_KINDS: Final = frozenset({"Common Stock", "ETP", "ADR", "REIT"})
_NAME_MAX: Final = 64


class Finnhub(Provider):
    """See the module."""

    facts = ProviderFacts(
        name=NAME,
        title="Finnhub",
        url="https://finnhub.io",
        limits=ProviderLimits(calls_per_minute=60, symbols_per_call=1, spacing_ms=50),
        key_lines=1,
        has_bid_ask=False,
        has_assets=True,
        terms="The free plan is for personal use: only the key's owner may see live values.",
        terms_url="https://finnhub.io/terms-of-service",
        kinds=SHARES,
        starters=(
            stock("AAPL", "Apple Inc.", "XNAS", NAME),
            stock("IBM", "International Business Machines Corporation", "XNYS", NAME),
            stock("MSFT", "Microsoft Corporation", "XNAS", NAME),
        ),
    )

    def quote_request(self, symbols: Sequence[str]) -> Request:
        """Return the request for the quote of the first of the symbols."""
        return self._request("/api/v1/quote", (("symbol", symbols[0]),))

    def _request(self, path: str, query: tuple[tuple[str, str], ...], **limits: int) -> Request:
        headers = (("X-Finnhub-Token", self._key[0]),)
        return Request(path=path, query=query, headers=headers, **limits)

    async def quotes(self, symbols: Sequence[str]) -> Answer:
        """Ask for the newest price of one symbol; one call."""
        (symbol,) = symbols
        row = object_of(await self.ask(self.quote_request(symbols)))
        return self.gathered(symbols, {symbol: row}, "not in the answer")

    def row(self, symbol: str, row: Mapping[str, object]) -> Observation | Problem:
        """Read a quote: c current, h high, l low, o open, pc the close before, t seconds."""
        if row.get("t") == 0 and row.get("c") == 0:
            return Problem(symbol, "Finnhub knows no such symbol", unknown=True)
        return Observation(
            symbol=symbol,
            provider=NAME,
            last=price(row.get("c"), "c"),
            day_open=price_or_null(row, "o"),
            day_high=price_or_null(row, "h"),
            day_low=price_or_null(row, "l"),
            prev_close=price_or_null(row, "pc"),
            source_time=seconds(row.get("t"), "t"),
        )

    async def assets(self) -> list[Asset]:
        """Ask for the shares and funds of the US exchanges; one call."""
        request = self._request("/api/v1/stock/symbol", (("exchange", "US"),), body_max=LISTING_MAX)
        found = []
        for row in list_of(await self.ask(request)):
            # A line that we cannot name is one that nobody can ask for.
            try:
                found.append(_listed(row))
            except (BadValue, ValueError):
                continue
        return found


def _listed(row: object) -> Asset:
    if not isinstance(row, dict) or row.get("currency") != "USD" or row.get("type") not in _KINDS:
        raise BadValue("not a share in dollars")
    symbol = check_symbol(str(row.get("symbol")))
    name, exchange = str(row.get("description")), str(row.get("mic"))
    return stock(symbol, name[:_NAME_MAX], exchange[:4], NAME)
