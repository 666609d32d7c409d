"""Providers of live prices without a network: a stub that serves their real shapes, and a bench.

The stub's bodies have the fields of the providers' own answers; the values are invented. Prices and
stamps are raw tokens, so that a test can put anything in their place.
"""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from treq.testing import RequestTraversalAgent
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock as FakeReactor
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from papertrader.core.callbudget import ProviderLimits
from papertrader.core.instants import SECOND, from_datetime, to_datetime
from papertrader.core.quotes import Asset, Quote
from papertrader.core.secrets import Secret
from papertrader.master.providers.base import load_calendars
from papertrader.master.providers.catalog import PROVIDERS, facts_of, make_provider
from papertrader.master.providers.faults import ProviderFault
from papertrader.master.providers.http import Web
from papertrader.master.providers.live import LiveSource
from papertrader.master.providers.provider import Answer, Provider
from papertrader.master.providers.request import Origin
from papertrader.net.clock import Clock

NOON = from_datetime(datetime(2026, 11, 23, 17, 0, tzinfo=UTC))
"""A Monday noon in New York: every market is open."""
KEY = b"a-very-secret-key-0123456789"
JSON = {"Content-Type": "application/json; charset=utf-8"}
XML = {"Content-Type": "text/xml"}
NAMES = tuple(PROVIDERS)
CALENDARS = functools.cache(load_calendars)


@attrs.frozen(kw_only=True)
class Row:
    """What a provider says of one symbol. Prices are raw tokens; they stand for numbers."""

    bid: str = "100.00"
    ask: str = "100.10"
    last: str = "100.05"
    low: str = "90.00"
    high: str = "110.00"
    at: int = NOON

    @property
    def tokens(self) -> tuple[str, str, str]:
        """Bid, ask and last."""
        return self.bid, self.ask, self.last


def same(token: str) -> Row:
    """Return a row with one token in the place of every price."""
    return Row(bid=token, ask=token, last=token)


def quoted(token: str) -> str:
    """Return a number as the text that some providers write it as; other tokens as they are."""
    is_number = token[:1].isdigit() or (token[:1] == "-" and token[1:2].isdigit())
    return f'"{token}"' if is_number else token


def _seconds(at: int) -> int:
    return at // SECOND


def _rfc(at: int) -> str:
    return to_datetime(at).strftime("%Y-%m-%dT%H:%M:%S.123456Z")


def kraken_key(symbol: str) -> str:
    """Return Kraken's own name of a pair, as in its answers."""
    base, _, quote = symbol.replace("BTC", "XBT").replace("DOGE", "XDG").partition("/")
    return f"X{base}Z{quote}"


def kraken(rows: Mapping[str, Row]) -> str:
    """``/0/public/Ticker``."""
    parts = []
    for symbol, row in rows.items():
        b, a, c = map(quoted, row.tokens)
        low, high = quoted(row.low), quoted(row.high)
        parts.append(
            f'"{kraken_key(symbol)}":{{"a":[{a},"1","1.000"],"b":[{b},"2","2.000"],'
            f'"c":[{c},"0.04"],"v":["5.0","9.0"],"p":["99.9","99.8"],"t":[10,20],'
            f'"l":[{low},"90.0"],"h":[{high},"110.0"],"o":"99.0"}}'
        )
    return f'{{"error":[],"result":{{{",".join(parts)}}}}}'


def kraken_pairs(**status: object) -> str:
    """``/0/public/AssetPairs``; ``status`` by base currency, "online" if it is not given."""
    result = {
        kraken_key(symbol): {
            "altname": symbol.replace("BTC", "XBT").replace("/", ""),
            "wsname": symbol.replace("BTC", "XBT").replace("DOGE", "XDG"),
            "tick_size": "0.1",
            "status": status.get(symbol[:3], "online"),
            "ordermin": "0.0001",
        }
        for symbol in ("BTC/USD", "ETH/USD", "SOL/USD", "DOGE/USD", "XRP/USD")
    }
    result["XXBTZEUR.d"] = {"altname": "XBTEUR.d", "wsname": None, "status": "cancel_only"}
    return json.dumps({"error": [], "result": result})


def coinbase(rows: Mapping[str, Row]) -> str:
    """``/products/{id}/ticker``."""
    (row,) = rows.values()
    b, a, c = map(quoted, row.tokens)
    return (
        f'{{"ask":{a},"bid":{b},"volume":"53602.03","trade_id":86326522,"price":{c},'
        f'"size":"0.00698254","time":"{_rfc(row.at)}","rfq_volume":"0.1"}}'
    )


def alpaca(rows: Mapping[str, Row]) -> str:
    """``/v2/stocks/snapshots``."""
    parts = []
    for symbol, row in rows.items():
        day = to_datetime(NOON).replace(hour=5, minute=0).strftime("%Y-%m-%dT%H:%M:%SZ")
        parts.append(
            f'"{symbol}":{{"latestTrade":{{"t":"{_rfc(row.at)}","x":"V","p":{row.last},"s":100,'
            f'"c":["@"],"i":1,"z":"C"}},"latestQuote":{{"t":"{_rfc(row.at)}","ax":"V",'
            f'"ap":{row.ask},"as":2,"bx":"V","bp":{row.bid},"bs":1,"c":["R"],"z":"C"}},'
            f'"dailyBar":{{"t":"{day}","o":99.0,"h":{row.high},"l":{row.low},"c":{row.last},'
            f'"v":1200,"n":14,"vw":100.02}},"prevDailyBar":{{"t":"{day}","o":98,"h":99.5,"l":97,'
            f'"c":99.1,"v":9000,"n":99,"vw":98.5}}}}'
        )
    return "{" + ",".join(parts) + "}"


def finnhub(rows: Mapping[str, Row]) -> str:
    """``/api/v1/quote``."""
    (row,) = rows.values()
    return (
        f'{{"c":{row.last},"d":0.11,"dp":1.11,"h":{row.high},"l":{row.low},"o":99.0,"pc":99.1,'
        f'"t":{_seconds(row.at)}}}'
    )


def twelvedata(rows: Mapping[str, Row]) -> str:
    """``/quote``: one object, or an object of them."""
    parts = {
        symbol: f'{{"symbol":"{symbol}","name":"An Inc","exchange":"NASDAQ","mic_code":"XNGS",'
        f'"currency":"USD","datetime":"2026-11-23","timestamp":{_seconds(row.at)},'
        f'"last_quote_at":{_seconds(row.at)},"open":"99.0","high":{quoted(row.high)},'
        f'"low":{quoted(row.low)},"close":{quoted(row.last)},"volume":"1200",'
        f'"previous_close":"99.1","change":"0.11","is_market_open":true,'
        f'"fifty_two_week":{{"low":"5","high":"112"}}}}'
        for symbol, row in rows.items()
    }
    if len(parts) == 1:
        return next(iter(parts.values()))
    return "{" + ",".join(f'"{symbol}":{part}' for symbol, part in parts.items()) + "}"


def ecb(rows: Mapping[str, Row]) -> str:
    """``/stats/eurofxref/eurofxref-daily.xml``; a stamp counts by its day."""
    cubes = "".join(
        f"<Cube currency='{symbol[-3:]}' rate='{row.last.strip(chr(34))}'/>"
        for symbol, row in rows.items()
    )
    at = next((row.at for row in rows.values()), NOON)
    return (
        '<?xml version="1.0" encoding="UTF-8"?><gesmes:Envelope'
        ' xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01"><gesmes:subject>Reference rates'
        f"</gesmes:subject><Cube><Cube time='{to_datetime(at):%Y-%m-%d}'>{cubes}</Cube></Cube>"
        "</gesmes:Envelope>"
    )


@attrs.frozen(kw_only=True)
class Shape:
    """How one provider is served: two symbols it has, its answer, its own words for errors."""

    symbols: tuple[str, str]
    body: Callable[[Mapping[str, Row]], str]
    limited: tuple[int, str]
    denied: tuple[int, str]
    refused: tuple[int, str]
    headers: Mapping[str, str] = attrs.Factory(lambda: JSON)
    has_stamp: bool = True
    has_day: bool = True


def _message(text: str) -> str:
    return json.dumps({"message": text})


def _error(*texts: str) -> str:
    return json.dumps({"error": list(texts) if len(texts) > 1 else texts[0]})


SHAPES: Mapping[str, Shape] = {
    "kraken": Shape(
        symbols=("BTC/USD", "ETH/USD"),
        body=kraken,
        limited=(200, '{"error":["EGeneral:Too many requests"]}'),
        denied=(403, "{}"),
        refused=(200, '{"error":["EQuery:Unknown asset pair"]}'),
        has_stamp=False,
    ),
    "coinbase": Shape(
        symbols=("BTC/USD", "ETH/USD"),
        body=coinbase,
        limited=(429, _message("Public rate limit exceeded")),
        denied=(403, _message("Forbidden")),
        refused=(404, _message("NotFound")),
        has_day=False,
    ),
    "alpaca": Shape(
        symbols=("AAPL", "MSFT"),
        body=alpaca,
        limited=(429, _message("too many requests.")),
        denied=(403, _message("forbidden.")),
        refused=(400, _message("invalid symbol: A$")),
    ),
    "finnhub": Shape(
        symbols=("AAPL", "MSFT"),
        body=finnhub,
        limited=(429, _error("API limit reached. Please try again later.")),
        denied=(401, _error("Invalid API key")),
        refused=(403, _error("You don't have access to this resource.")),
    ),
    "twelvedata": Shape(
        symbols=("AAPL", "MSFT"),
        body=twelvedata,
        limited=(200, '{"code":429,"message":"You have run out of API credits","status":"error"}'),
        denied=(401, '{"code":401,"message":"**apikey** parameter is wrong","status":"error"}'),
        refused=(200, '{"code":404,"message":"symbol not found","status":"error"}'),
    ),
    "ecb": Shape(
        symbols=("EUR/USD", "EUR/GBP"),
        body=ecb,
        limited=(429, ""),
        denied=(403, "<html>Access Denied</html>"),
        refused=(404, "<html>not found</html>"),
        headers=XML,
        has_day=False,
    ),
}


@attrs.frozen
class Sent:
    """One answer of the stub. ``then``: what is done instead of ending it."""

    status: int
    body: bytes
    headers: Mapping[str, str] = attrs.Factory(lambda: JSON)
    then: Callable[[Any], object] | None = None


@attrs.frozen
class Seen:
    """One request that the stub saw."""

    uri: str
    headers: Mapping[str, str]


class Stub(Resource):
    """A provider's server: the answers a test has set, in their order; the last one stays."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Seen] = []
        self.answers: list[Sent] = []
        self.pairs = Sent(200, kraken_pairs().encode())

    def render_GET(self, request: Any) -> bytes | int:
        """Answer."""
        uri = request.uri.decode()
        headers = {
            name.decode().lower(): values[0].decode()
            for name, values in request.requestHeaders.getAllRawHeaders()
        }
        if "AssetPairs" in uri:
            answer = self.pairs
        else:
            self.seen.append(Seen(uri, headers))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        request.setResponseCode(answer.status)
        for name, value in answer.headers.items():
            request.setHeader(name, value)
        if answer.then is None:
            return answer.body
        request.write(answer.body)
        answer.then(request)
        return NOT_DONE_YET


class Bench:
    """One provider on the stub, the live market behind it, and the time."""

    def __init__(
        self,
        name: str,
        *,
        agent: Any = None,
        url: str = "",
        clock: Any = None,
        kind: type[Provider] | None = None,
    ) -> None:
        self.name = name
        self.shape = SHAPES[name]
        self.stub = Stub()
        self.reactor = FakeReactor()
        self.clock = clock or Clock(self.reactor, lambda: NOON)
        facts = facts_of(name)
        key = tuple(Secret(KEY + str(n).encode()) for n in range(facts.key_lines))
        self.agent = agent or RequestTraversalAgent(self.stub)
        web = Web(self.agent, Origin.parse(url or facts.url), self.clock)
        self.provider: Provider = (
            make_provider(name, web, self.clock, limits=facts.limits, key=key)
            if kind is None
            else kind(web, self.clock, key, facts.limits)
        )
        self.asset: Asset = next(a for a in facts.starters if a.symbol == self.shape.symbols[0])
        known = {asset.symbol: asset for asset in facts.starters}
        assets = [known.get(s) or attrs.evolve(self.asset, symbol=s) for s in self.shape.symbols]
        self.source = LiveSource(assets, CALENDARS(), self.clock)

    @property
    def symbol(self) -> str:
        """The symbol that is asked for."""
        return self.shape.symbols[0]

    def serve(self, *answers: Sent | str | Mapping[str, Row] | Row) -> None:
        """Set the next answers: rows by symbol, one row of the symbol, a body, or all of it."""
        self.stub.answers = [self._sent(each) for each in answers]

    def _sent(self, answer: Sent | str | Mapping[str, Row] | Row) -> Sent:
        if isinstance(answer, Row):
            answer = {self.symbol: answer}
        if isinstance(answer, Mapping):
            answer = self.shape.body(answer)
        if isinstance(answer, str):
            answer = Sent(200, answer.encode(), self.shape.headers)
        return answer

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a call to its end; time goes on if it waits. Returns the result or the fault."""
        done = Deferred.fromCoroutine(coroutine)
        found: list[Any] = []
        done.addBoth(found.append)
        for _ in range(30):
            if found:
                break
            self.reactor.advance(1)
        assert found, "the call never ended"
        (result,) = found
        if isinstance(result, Failure):
            if isinstance(result.value, ProviderFault):
                return result.value
            result.raiseException()
        return result

    def ask(self, *symbols: str) -> Answer | ProviderFault:
        """Ask the provider for quotes, and give the live market what it says."""
        if not self.provider.prepared:
            self.run(self.provider.prepare())
        answer = self.run(self.provider.quotes(symbols or (self.symbol,)))
        if isinstance(answer, Answer):
            self.source.take(answer, self.provider, self.clock.wall_ns())
        assert isinstance(answer, Answer | ProviderFault)
        return answer

    def quotes(self) -> list[Quote]:
        """Return the quotes that the market has made since the last look."""
        return self.source.quotes(self.clock.wall_ns())


@functools.cache
def bomb() -> bytes:
    """Return 200 MB of zeros in some 200 kB of gzip."""
    return gzip.compress(bytes(200_000_000), compresslevel=9)


def limits_of(name: str) -> ProviderLimits:
    """Return a provider's usual limits."""
    return facts_of(name).limits


def later(seconds: float) -> int:
    """Return an instant so long after noon."""
    return from_datetime(to_datetime(NOON) + timedelta(seconds=seconds))


def texts(values: Sequence[object]) -> str:
    """Return everything as one text, to look for what must not be in it."""
    return " ".join(f"{value} {value!r}" for value in values)
