"""Kraken: coins with bid and ask, day and night, without any key; one call a second.

``/Ticker`` answers many pairs at once, keyed by Kraken's own names (XBTUSD is XXBTZUSD), which are
learned from ``/AssetPairs``, and with them whether each is traded: a pair with another ``status``
than online (cancel_only, post_only, limit_only, reduce_only) has quotes, which are flagged HALTED
until a later list says online. It stamps nothing: the time of receipt counts. Errors come under
status 200, as texts in ``error``. The day is the UTC day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from papertrader.core.callbudget import ProviderLimits
from papertrader.core.identifiers import check_symbol
from papertrader.core.instants import SECOND
from papertrader.core.money import SCALE
from papertrader.core.quotes import Asset, Bar
from papertrader.master.providers.exact import (
    list_of,
    object_of,
    price,
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

NAME: Final = "kraken"
PAIRS_MAX: Final = 20_000
PAIRS_S: Final = 300
"""How long the list of pairs counts: so late at most is it known that one is halted."""
_ONLINE: Final = "online"
_MINUTES: Final = {60: "1", 300: "5", 900: "15", 3_600: "60", 86_400: "1440", 604_800: "10080"}
_COMMON_NAMES: Final = {"XBT": "BTC", "XDG": "DOGE"}
_OWN_NAMES: Final = {common: own for own, common in _COMMON_NAMES.items()}


@attrs.frozen
class _Pair:
    key: str
    """Kraken's name in answers."""
    ask_as: str
    """The name to ask by."""
    halted: bool


class Kraken(Provider):
    """See the module."""

    facts = ProviderFacts(
        name=NAME,
        title="Kraken spot, public data",
        url="https://api.kraken.com",
        limits=ProviderLimits(calls_per_minute=60, symbols_per_call=100, spacing_ms=1_000),
        key_lines=0,
        has_bid_ask=True,
        intervals_s=tuple(_MINUTES),
        has_assets=True,
        terms="Public data for use with Kraken; its terms of service count.",
        terms_url="https://www.kraken.com/legal",
        kinds=COINS,
        starters=(
            coin("BTC/USD", "Bitcoin", NAME),
            coin("ETH/USD", "Ethereum", NAME),
            coin("SOL/USD", "Solana", NAME),
            coin("XRP/USD", "XRP", NAME, tick=SCALE // 100_000),
            coin("DOGE/USD", "Dogecoin", NAME, tick=SCALE // 10_000_000),
        ),
    )

    _pairs: Mapping[str, _Pair] = {}
    _asked_at = 0

    @property
    def prepared(self) -> bool:
        """Whether Kraken's names of the pairs are known, and lately which are traded."""
        return bool(self._pairs) and self.clock.monotonic_ns() - self._asked_at < PAIRS_S * SECOND

    async def prepare(self) -> None:
        """Learn Kraken's names of all pairs and which are traded; one call.

        When that fails, prices are asked for by the names known before, if any, and the list again
        in `PAIRS_S`.
        """
        self._asked_at = self.clock.monotonic_ns()
        self._pairs = {symbol: pair for symbol, pair, _ in await self._listing()}

    def quote_request(self, symbols: Sequence[str]) -> Request:
        """Return the request for the tickers of the symbols."""
        return Request(
            path="/0/public/Ticker",
            query=(("pair", ",".join(self._ask_as(symbol) for symbol in symbols)),),
        )

    def _ask_as(self, symbol: str) -> str:
        pair = self._pairs.get(symbol)
        if pair is not None:
            return pair.ask_as
        base, _, quote = symbol.partition("/")
        return _OWN_NAMES.get(base, base) + _OWN_NAMES.get(quote, quote)

    async def quotes(self, symbols: Sequence[str]) -> Answer:
        """Ask for the newest prices; one call, or none if Kraken has none of the symbols."""
        known = [symbol for symbol in symbols if symbol in self._pairs]
        strangers = tuple(
            Problem(symbol, "Kraken has no such pair", unknown=True)
            for symbol in symbols
            if symbol not in self._pairs
        )
        if not known:
            return Answer((), strangers)
        result = object_of(_result(await self.ask(self.quote_request(known))))
        rows = {symbol: result.get(self._pairs[symbol].key) for symbol in known}
        found = self.gathered(known, rows, "not in the answer")
        return Answer(found.observations, found.problems + strangers)

    def row(self, symbol: str, row: Mapping[str, object]) -> Observation:
        """Read a ticker: a, b: price, whole lots, lots; c: price, lot; others: today, 24 hours."""
        ask, bid, last = (_texts(row, name) for name in "abc")
        today = {name: _texts(row, name) for name in "vlh"}
        return Observation(
            symbol=symbol,
            provider=NAME,
            bid=price(bid[0], "b"),
            ask=price(ask[0], "a"),
            last=price(last[0], "c"),
            bid_size=size(bid[-1], "b"),
            ask_size=size(ask[-1], "a"),
            last_size=size(last[-1], "c"),
            day_open=price(row.get("o"), "o"),
            day_high=price(today["h"][0], "h"),
            day_low=price(today["l"][0], "l"),
            day_volume=size(today["v"][0], "v"),
            halted=self._pairs[symbol].halted if symbol in self._pairs else False,
        )

    async def bars(self, symbol: str, interval_s: int, start: int, end: int) -> BarsAnswer:
        """Ask for the bars that Kraken still has, the newest 720, but the unfinished; one call."""
        request = Request(
            path="/0/public/OHLC",
            query=(
                ("pair", self._ask_as(symbol)),
                ("interval", self.interval_name(_MINUTES, interval_s)),
                ("since", str(start // SECOND - 1)),
            ),
        )
        result = object_of(_result(await self.ask(request)))
        rows = [value for name, value in result.items() if name != "last"]
        if len(rows) != 1:
            raise malformed("the answer has not just the one pair asked for")
        try:
            bars = [_bar(row) for row in list_of(rows[0], "the list of bars")[:-1]]
        except BadValue as error:
            raise malformed(f"a bar of {symbol}: {error}") from None
        return BarsAnswer(in_range(bars, start, end), True)

    async def assets(self) -> list[Asset]:
        """Ask for all pairs that are traded now; one call."""
        return [asset for _, pair, asset in await self._listing() if not pair.halted]

    async def _listing(self) -> list[tuple[str, _Pair, Asset]]:
        request = Request(path="/0/public/AssetPairs", body_max=LISTING_MAX)
        result = object_of(_result(await self.ask(request)))
        if not result or len(result) > PAIRS_MAX:
            raise malformed(f"a list of {len(result)} pairs")
        found = []
        for key, row in result.items():
            # A pair that we cannot name is one that nobody can ask for: no reason to have none.
            try:
                found.append(_listed(key, row))
            except (BadValue, ValueError):
                continue
        if not found:
            raise malformed("a list of pairs, none of which can be read")
        return found


def _listed(key: str, row: object) -> tuple[str, _Pair, Asset]:
    if not isinstance(row, dict):
        raise BadValue("is no pair")
    status = row.get("status", _ONLINE)
    if not isinstance(status, str):
        raise BadValue("a status is a word")
    base, _, quote = str(row.get("wsname")).partition("/")
    symbol = check_symbol(f"{_COMMON_NAMES.get(base, base)}/{_COMMON_NAMES.get(quote, quote)}")
    tick = units(row.get("tick_size"), "tick_size")
    if tick <= 0 or not symbol.partition("/")[2].isalpha() or len(symbol.partition("/")[2]) != 3:
        raise BadValue("not priced in a currency")
    altname = str(row.get("altname"))
    return (
        symbol,
        _Pair(key, altname, status != _ONLINE),
        coin(symbol, symbol.replace("/", " in "), NAME, tick=tick),
    )


def _result(reply: object) -> object:
    """Return what an answer is about, or raise the fault that its error texts mean."""
    envelope = object_of(reply)
    errors = list_of(envelope.get("error"), "the list of errors")
    for error in errors:
        text = str(error)[:80]
        if not text.startswith("E"):
            continue
        if "Too many requests" in text or "Rate limit" in text or "lockout" in text:
            raise ProviderFault(FaultKind.LIMITED, text)
        kind = FaultKind.FAILED if text.startswith("EService") else FaultKind.REFUSED
        raise ProviderFault(kind, text)
    return envelope.get("result")


def _texts(row: Mapping[str, object], name: str) -> list[object]:
    found = row.get(name)
    if not isinstance(found, list) or not found:
        raise BadValue(f"{name} is no list")
    return found


def _bar(row: object) -> Bar:
    if not isinstance(row, list) or len(row) < 7:
        raise BadValue("is no row of 7 or more")
    first, high, low, last = (price(value, "a price") for value in row[1:5])
    return Bar(seconds(row[0], "time"), first, high, low, last, size(row[6], "volume"))
