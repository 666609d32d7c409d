"""European Central Bank: reference rates of the euro, one each working day; no key.

The rates are for information, not for transactions: they are hours old when they come, so that
every quote made of them is STALE and fills nothing. They value what is held in other currencies.
One file has all rates. It is read with two patterns, not with an XML parser: no entities.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from papertrader.core.callbudget import ProviderLimits
from papertrader.core.instants import from_datetime, midnight_of
from papertrader.core.money import NULL
from papertrader.core.quotes import Asset, AssetKind, Bar
from papertrader.master.providers.exact import day, price
from papertrader.master.providers.faults import BadValue, malformed
from papertrader.master.providers.provider import (
    CURRENCIES,
    Answer,
    BarsAnswer,
    Observation,
    Problem,
    Provider,
    ProviderFacts,
    currency_pair,
    in_range,
)
from papertrader.master.providers.request import Request

NAME: Final = "ecb"
RATES_MAX: Final = 10_000
"""Rates in one file: 90 days of at most some 40 currencies."""
_DAILY: Final = "/stats/eurofxref/eurofxref-daily.xml"
_RECENT: Final = "/stats/eurofxref/eurofxref-hist-90d.xml"
_FRANKFURT: Final = ZoneInfo("Europe/Berlin")
_PUBLISHED: Final = time(16)
_DAY_S: Final = 86_400
_CUBE: Final = re.compile(
    r"<Cube\s+(?:time=['\"](?P<day>[^'\"<>]{1,20})['\"]"
    r"|currency=['\"](?P<currency>[A-Z]{3})['\"]\s+rate=['\"](?P<rate>[^'\"<>]{1,40})['\"])\s*/?>",
    re.ASCII,
)


class EuropeanCentralBank(Provider):
    """See the module."""

    facts = ProviderFacts(
        name=NAME,
        title="European Central Bank, euro reference rates",
        url="https://www.ecb.europa.eu",
        limits=ProviderLimits(calls_per_minute=2, calls_per_day=48, symbols_per_call=50),
        key_lines=0,
        has_bid_ask=False,
        intervals_s=(_DAY_S,),
        has_assets=True,
        terms="Free to use if the ECB is named as the source; for information, not transactions.",
        terms_url="https://www.ecb.europa.eu/services/using-our-site/disclaimer",
        kinds=CURRENCIES,
        starters=(
            currency_pair("EUR/USD", "Euro in US dollars", NAME),
            currency_pair("EUR/GBP", "Euro in pounds sterling", NAME),
            currency_pair("EUR/JPY", "Euro in yen", NAME),
            currency_pair("EUR/CHF", "Euro in Swiss francs", NAME),
        ),
    )
    content_types = ("text/xml", "application/xml")

    def may_have(self, symbol: str, kind: AssetKind) -> bool:
        """Tell whether a symbol is a price of the euro."""
        return kind in self.facts.kinds and symbol.startswith("EUR/")

    def quote_request(self, symbols: Sequence[str]) -> Request:
        """Return the request for the newest rates; it is the same for all symbols."""
        return Request(path=_DAILY)

    async def quotes(self, symbols: Sequence[str]) -> Answer:
        """Ask for the newest rates; one call."""
        rates = list(await self._rates(_DAILY))
        newest = max((stamp for stamp, _, _ in rates), default="")
        rows = {
            f"EUR/{currency}": {"day": stamp, "rate": rate}
            for stamp, currency, rate in rates
            if stamp == newest
        }
        found = self.gathered(symbols, rows, "not in the answer")
        strangers = {symbol for symbol in symbols if symbol not in rows}
        return Answer(
            found.observations,
            tuple(
                Problem(each.symbol, "the ECB has no such rate", unknown=True)
                if each.symbol in strangers
                else each
                for each in found.problems
            ),
        )

    def row(self, symbol: str, row: Mapping[str, object]) -> Observation:
        """Read a rate; its time is the day's publication."""
        published = datetime.combine(day(row.get("day"), "day"), _PUBLISHED, tzinfo=_FRANKFURT)
        return Observation(
            symbol=symbol,
            provider=NAME,
            last=price(row.get("rate"), "rate"),
            source_time=from_datetime(published),
        )

    async def bars(self, symbol: str, interval_s: int, start: int, end: int) -> BarsAnswer:
        """Ask for the days of the last 90; all four prices of a day are its rate; one call."""
        self.interval_name({_DAY_S: "day"}, interval_s)
        bars = []
        try:
            for stamp, currency, text in await self._rates(_RECENT):
                if symbol == f"EUR/{currency}":
                    rate = price(text, "rate")
                    if rate == NULL:
                        raise BadValue("a rate is 0")
                    bars.append(Bar(midnight_of(day(stamp, "day")), rate, rate, rate, rate, 0))
        except BadValue as error:
            raise malformed(f"a rate of {symbol}: {error}") from None
        return BarsAnswer(in_range(bars, start, end), True)

    async def assets(self) -> list[Asset]:
        """Ask for the currencies that there are; one call."""
        rates = await self._rates(_DAILY)
        currencies = sorted({currency for _, currency, _ in rates})
        return [currency_pair(f"EUR/{each}", f"Euro in {each}", NAME) for each in currencies]

    async def _rates(self, path: str) -> Iterator[tuple[str, str, str]]:
        """Return (day, currency, rate) as texts; raises `ProviderFault` if there is none."""
        reply = await self.fetch(Request(path=path))
        text = reply.body.decode("utf-8", "replace")
        if "<!" in text.replace("<!--", "") or text.count("<Cube") > RATES_MAX:
            raise malformed("the file declares what no file of rates has")
        stamp, found = "", []
        for match in _CUBE.finditer(text):
            if match["day"]:
                stamp = match["day"]
            elif stamp:
                found.append((stamp, match["currency"], match["rate"]))
        if not found or not text.rstrip().endswith(">"):
            raise malformed("the file has no rates, or breaks off")
        return iter(found)
