"""Polling: who is asked when, who stands in for whom, and how a market ages."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from itertools import pairwise

import attrs
import pytest
from treq.testing import RequestTraversalAgent
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock as FakeReactor

from papertrader.core.callbudget import CallBudget, ProviderLimits
from papertrader.core.fills import may_fill
from papertrader.core.instants import MINUTE, SECOND, from_datetime
from papertrader.core.quotes import Asset, Quote, QuoteFlag, QuoteProvider
from papertrader.core.secrets import Secret
from papertrader.master.polling import FAULTS_MAX, STAND_IN_S, Polling
from papertrader.master.providers.catalog import facts_of, make_provider
from papertrader.master.providers.faults import RETRY_AFTER_S_MAX
from papertrader.master.providers.http import Web
from papertrader.master.providers.live import LiveSource, choose_assets
from papertrader.master.providers.request import ANSWER_S, Origin
from papertrader.net.clock import Clock
from tests.provider_kit import (
    CALENDARS,
    KEY,
    NOON,
    SHAPES,
    Row,
    Sent,
    Stub,
    kraken_key,
    limits_of,
)

SATURDAY = from_datetime(datetime(2026, 11, 21, 17, 0, tzinfo=UTC))
BEFORE_OPEN = from_datetime(datetime(2026, 11, 23, 14, 20, tzinfo=UTC))
BEFORE_CLOSE = from_datetime(datetime(2026, 11, 23, 20, 59, tzinfo=UTC))


@attrs.define
class Interests:
    """Who waits for what, as a test says."""

    ordered: set[str] = attrs.Factory(set)
    held: set[str] = attrs.Factory(set)
    followed: set[str] = attrs.Factory(set)

    def orders(self) -> set[str]:
        return self.ordered

    def positions(self) -> set[str]:
        return self.held

    def watched(self) -> set[str]:
        return self.followed


class Served(Stub):
    """A stub that answers for every symbol it is asked for, and notes when."""

    def __init__(self, name: str, clock: Clock) -> None:
        super().__init__()
        self.name = name
        self.clock = clock
        self.calls: list[tuple[int, frozenset[str]]] = []
        self.fail: Sent | None = None
        self.only: frozenset[str] = frozenset()

    def render_GET(self, request: object) -> bytes | int:
        uri = request.uri.decode()  # type: ignore[attr-defined]
        if "AssetPairs" not in uri:
            symbols = self._asked(uri)
            self.calls.append((self.clock.wall_ns(), frozenset(symbols)))
            known = {s: Row(at=self.clock.wall_ns()) for s in symbols if s not in self.only}
            body = SHAPES[self.name].body(known) if known else '{"message":"NotFound"}'
            good = Sent(200 if known else 404, body.encode(), SHAPES[self.name].headers)
            self.answers = [self.fail or good]
        return super().render_GET(request)

    def _asked(self, uri: str) -> list[str]:
        if self.name == "coinbase":
            return [uri.split("/")[2].replace("-", "/")]
        named = uri.partition("=")[2].partition("&")[0].replace("%2C", ",").split(",")
        if self.name == "kraken":
            return [name.replace("XBT", "BTC")[:-3] + "/USD" for name in named]
        return named


class Market:
    """A live market of some providers on stubs, and the time."""

    def __init__(
        self,
        *names: str,
        symbols: str,
        at: int = NOON,
        interests: Interests | None = None,
        **limits: ProviderLimits,
    ) -> None:
        self.reactor = FakeReactor()
        self.clock = Clock(self.reactor, lambda: at)
        self.interests = interests or Interests(followed=set(symbols.split()))
        self.stubs = {name: Served(name, self.clock) for name in names}
        self.budgets = {name: CallBudget(limits.get(name) or limits_of(name)) for name in names}
        providers = []
        known: dict[str, Asset] = {}
        for name in names:
            facts = facts_of(name)
            agent = RequestTraversalAgent(self.stubs[name])
            web = Web(agent, Origin.parse(facts.url), self.clock)
            key = [Secret(KEY)] * facts.key_lines
            limit = self.budgets[name].limits
            made = make_provider(name, web, self.clock, limits=limit, key=key)
            providers.append((made, self.budgets[name]))
            known.update((asset.symbol, asset) for asset in facts.starters)
        assets = choose_assets(symbols.split(), known)
        self.source = LiveSource(assets, CALENDARS(), self.clock)
        self.polling = Polling(
            providers, self.source.assets, CALENDARS(), self.clock, self.source, lambda: 0.5
        )
        self.polling.interests = self.interests
        self.source.interval_ns = self.polling.interval_ns
        self.quotes: list[Quote] = []
        self.polling.start()

    def turn(self, seconds: float) -> list[Quote]:
        """Let time go on; return the quotes that were made."""
        self.quotes.clear()
        for _ in range(round(seconds * 4)):
            self.reactor.advance(0.25)
            self.quotes += self.source.quotes(self.clock.wall_ns())
        return list(self.quotes)

    def provider_of(self, symbol: str) -> str:
        """Return whose the newest quote of a symbol is; empty before the first."""
        quote = self.source.quote(symbol, NOON)
        return "" if quote is None else QuoteProvider(quote.provider).name.lower()

    def calls(self, name: str) -> list[tuple[int, frozenset[str]]]:
        """Return when a provider was asked for what."""
        return self.stubs[name].calls


def worst_window(calls: list[tuple[int, frozenset[str]]], length: int) -> int:
    """Return the most calls within any time of that length."""
    window: deque[int] = deque(maxlen=100_000)
    worst = 0
    for at, _ in calls:
        window.append(at)
        while window[0] <= at - length:
            window.popleft()
        worst = max(worst, len(window))
    return worst


def test_symbols_are_packed_and_asked_for_within_the_limits() -> None:
    """Many symbols share a call; no minute has more calls than allowed; each gets its prices."""
    market = Market("kraken", symbols="BTC/USD ETH/USD SOL/USD")
    quotes = market.turn(300)
    calls = market.calls("kraken")
    assert worst_window(calls, MINUTE) <= limits_of("kraken").calls_per_minute
    assert any(symbols == {"BTC/USD", "ETH/USD", "SOL/USD"} for _, symbols in calls)
    assert {quote.symbol for quote in quotes} == {"BTC/USD", "ETH/USD", "SOL/USD"}
    assert all(may_fill(quote) for quote in quotes)
    assert all(quote.observed_at >= NOON for quote in quotes)


@pytest.mark.parametrize("name", ["finnhub", "twelvedata", "coinbase"])
def test_no_limit_is_broken_in_an_hour(name: str) -> None:
    """Whatever is wanted, a provider's minute is never overdrawn."""
    symbols = "BTC/USD ETH/USD SOL/USD XRP/USD" if name == "coinbase" else "AAPL IBM MSFT GE F T"
    wanted = Interests(ordered=set(symbols.split()))
    market = Market(name, symbols=symbols, interests=wanted)
    market.turn(3_600)
    spent = [
        (at, frozenset({str(number)}))
        for at, asked in market.calls(name)
        for number in range(market.budgets[name].limits.cost(len(asked)))
    ]
    assert len(spent) > 10
    assert worst_window(spent, MINUTE) <= limits_of(name).calls_per_minute


def test_the_first_that_is_well_is_asked_and_the_next_stands_in() -> None:
    """After five failures the second provider takes over; when the first is well it is asked."""
    market = Market("kraken", "coinbase", symbols="BTC/USD")
    market.turn(20)
    assert market.calls("coinbase") == []
    assert market.provider_of("BTC/USD") == "kraken"
    market.stubs["kraken"].fail = Sent(503, b"{}")
    market.turn(180)
    assert market.polling.feeds[0].faults >= FAULTS_MAX
    assert market.provider_of("BTC/USD") == "coinbase"
    assert len(market.calls("coinbase")) > 3
    market.stubs["kraken"].fail = None
    market.turn(1_000)
    assert market.provider_of("BTC/USD") == "kraken"
    before = len(market.calls("coinbase"))
    market.turn(60)
    assert len(market.calls("coinbase")) == before


def test_who_gives_no_prices_is_told_once_and_that_it_gives_some_again() -> None:
    """To who runs the market, not into the log alone: after five failures, or when it lets nobody
    in."""
    market = Market("kraken", "coinbase", symbols="BTC/USD ETH/USD")
    told: list[str] = []
    market.polling.tell = told.append
    market.turn(20)
    assert told == []
    market.stubs["kraken"].fail = Sent(503, b"{}")
    market.turn(400)
    (line,) = told
    assert line.startswith("kraken: ")
    assert line.endswith("; no prices until it answers")
    market.stubs["kraken"].fail = None
    market.turn(1_000)
    assert told[1:] == ["kraken answers again"]
    market.stubs["kraken"].fail = Sent(403, b"{}")
    market.turn(60)
    assert told[2].startswith("kraken: ")
    assert len(told) == 3


def test_who_lets_a_call_wait_is_stood_in_for_at_once() -> None:
    """One deadline is enough; the first is tried again later and later, until it answers."""
    market = Market("kraken", "coinbase", symbols="BTC/USD")
    market.turn(20)
    assert market.provider_of("BTC/USD") == "kraken"
    market.stubs["kraken"].fail = Sent(200, b"{", {}, lambda request: None)
    market.turn(ANSWER_S + 10)
    assert market.polling.feeds[0].faults == 1
    assert market.provider_of("BTC/USD") == "coinbase"
    begun = market.clock.wall_ns()
    market.turn(3_600)
    late = [at for at, _ in market.calls("kraken") if at > begun]
    gaps = [(after - before) // SECOND for before, after in pairwise(late)]
    # The list of pairs, which is answered, is asked for every 300 s: then it begins again.
    assert STAND_IN_S <= min(gaps) <= 2 * STAND_IN_S + ANSWER_S + 10
    assert 4 * STAND_IN_S <= max(gaps) <= RETRY_AFTER_S_MAX + ANSWER_S + 10
    assert gaps[:3] == sorted(gaps[:3])
    market.stubs["kraken"].fail = None
    market.turn(1_000)
    assert (market.provider_of("BTC/USD"), market.polling.feeds[0].faults) == ("kraken", 0)


def test_what_no_other_has_tries_out_who_is_stood_in_for() -> None:
    """It is asked for as if there were no other; the first answer takes every symbol back."""
    market = Market("kraken", "coinbase", symbols="BTC/USD SOL/USD")
    market.stubs["coinbase"].only = frozenset({"SOL/USD"})
    market.turn(20)
    market.stubs["kraken"].fail = Sent(200, b"{", {}, lambda request: None)
    market.turn(120)
    assert market.provider_of("BTC/USD") == "coinbase"
    assert market.calls("kraken")[-1][1] == {"SOL/USD"}
    feed = market.polling.feeds[0]
    assert feed.doubted_until > market.clock.wall_ns() + 60 * SECOND
    market.stubs["kraken"].fail = None
    market.turn(60)
    assert (market.provider_of("BTC/USD"), feed.doubted_until) == ("kraken", 0)


def test_retry_after_is_obeyed_and_stood_in_for() -> None:
    """Sent away for two minutes, nothing is asked for so long; the other provider answers."""
    market = Market("kraken", "coinbase", symbols="BTC/USD ETH/USD")
    market.turn(20)
    market.stubs["kraken"].fail = Sent(429, b"{}", {"Retry-After": "120"})
    market.turn(10)
    calls = len(market.calls("kraken"))
    market.turn(105)
    assert len(market.calls("kraken")) == calls
    assert market.provider_of("ETH/USD") == "coinbase"
    market.stubs["kraken"].fail = None
    market.turn(60)
    assert len(market.calls("kraken")) > calls


def test_backoff_grows_and_has_an_end() -> None:
    """Alone and broken, a provider is tried less and less, but at least every 15 minutes."""
    market = Market("kraken", symbols="BTC/USD")
    market.stubs["kraken"].fail = Sent(500, b"{}")
    market.turn(4 * 3_600)
    times = [at for at, _ in market.calls("kraken")]
    gaps = [(after - before) // SECOND for before, after in pairwise(times)]
    assert gaps[0] < 10
    # The list of pairs is asked for again every 300 s, which shortens what is between two calls.
    assert max(gaps) > 200
    assert max(gaps) <= 920
    market.stubs["kraken"].fail = None
    quotes = market.turn(1_000)
    assert quotes[-1].symbol == "BTC/USD"
    assert may_fill(quotes[-1])


def test_a_wrong_key_is_not_tried_all_day() -> None:
    """Denied, a provider rests for a quarter of an hour."""
    market = Market("finnhub", symbols="AAPL MSFT")
    market.stubs["finnhub"].fail = Sent(401, b'{"error":"Invalid API key"}')
    begun = len(market.calls("finnhub"))
    market.turn(890)
    assert len(market.calls("finnhub")) == begun + 1
    market.turn(60)
    assert len(market.calls("finnhub")) == begun + 2


def test_one_call_at_a_time() -> None:
    """While an answer is awaited no other call goes to that provider; the deadline ends it."""
    market = Market("kraken", symbols="BTC/USD")
    market.turn(20)
    market.stubs["kraken"].fail = Sent(200, b"{", {}, lambda request: None)
    begun = len(market.calls("kraken"))
    market.turn(6)
    assert len(market.calls("kraken")) == begun + 1
    market.turn(5)
    assert len(market.calls("kraken")) == begun + 1
    market.stubs["kraken"].fail = None
    market.turn(30)
    assert len(market.calls("kraken")) > begun + 1


def test_a_symbol_that_one_has_not_is_asked_for_elsewhere() -> None:
    """Kraken has no FOO/USD, so Coinbase is asked for it; the others stay where they are."""
    market = Market("kraken", "coinbase", symbols="BTC/USD FOO/USD")
    market.turn(30)
    assert market.provider_of("FOO/USD") == "coinbase"
    assert market.provider_of("BTC/USD") == "kraken"
    assert all("FOO/USD" not in symbols for _, symbols in market.calls("kraken"))


def test_a_symbol_that_nobody_has_does_no_harm() -> None:
    """It is quarantined for a day; the rest goes on."""
    market = Market("coinbase", symbols="BTC/USD FOO/USD")
    market.stubs["coinbase"].only = frozenset({"FOO/USD"})
    market.turn(600)
    asked = [symbols for _, symbols in market.calls("coinbase")]
    assert asked.count(frozenset({"FOO/USD"})) == 1
    assert asked.count(frozenset({"BTC/USD"})) > 5
    assert market.source.quote("FOO/USD", NOON) is None


def test_a_closed_market_is_asked_once_and_then_left_alone() -> None:
    """On a Saturday each share is asked for once, so that there is a price; it is CLOSED."""
    market = Market("alpaca", symbols="AAPL MSFT", at=SATURDAY)
    quotes = market.turn(3_600)
    asked = [symbol for _, symbols in market.calls("alpaca") for symbol in symbols]
    assert sorted(set(asked)) == ["AAPL", "MSFT"]
    assert len(asked) <= 4
    assert all(quote.flags & QuoteFlag.CLOSED for quote in quotes)


def test_asking_begins_with_the_open() -> None:
    """Ten minutes before the open nothing more is asked; after it the prices come."""
    market = Market("alpaca", symbols="AAPL", at=BEFORE_OPEN)
    market.turn(60)
    early = len(market.calls("alpaca"))
    market.turn(530)
    assert len(market.calls("alpaca")) == early
    quotes = market.turn(120)
    assert len(market.calls("alpaca")) > early
    assert may_fill(quotes[-1])


def test_asking_goes_on_for_two_minutes_behind_the_close() -> None:
    """What was traded last arrives then; after that nobody is asked."""
    market = Market("alpaca", symbols="AAPL", at=BEFORE_CLOSE)
    market.turn(60)
    at_the_close = len(market.calls("alpaca"))
    market.turn(110)
    behind = len(market.calls("alpaca"))
    assert behind >= at_the_close + 2
    market.turn(20)
    last = len(market.calls("alpaca"))
    market.turn(3_600)
    assert len(market.calls("alpaca")) == last


def test_an_open_order_is_asked_for_at_once() -> None:
    """A symbol that nobody wanted is seldom asked for; an order on it makes it urgent."""
    interests = Interests()
    market = Market("finnhub", symbols="AAPL IBM MSFT GE F T KO PEP V MA", interests=interests)
    market.turn(120)
    interests.ordered = {"KO"}
    before = len(market.calls("finnhub"))
    market.turn(3)
    asked = [symbols for _, symbols in market.calls("finnhub")[before:]]
    assert frozenset({"KO"}) in asked
    market.turn(600)
    counts = {
        name: sum(name in symbols for _, symbols in market.calls("finnhub")[before:])
        for name in ("KO", "PEP")
    }
    assert counts["KO"] > counts["PEP"]


def test_a_silent_provider_lets_each_quote_become_stale() -> None:
    """Without answers the last good quote stands, is told once as STALE, and fills nothing."""
    market = Market("kraken", symbols="BTC/USD ETH/USD")
    market.turn(20)
    market.stubs["kraken"].fail = Sent(200, b"<html>", {"Content-Type": "text/html"})
    quotes = market.turn(16 * 60)
    stale = [quote for quote in quotes if quote.flags & QuoteFlag.STALE]
    assert sorted(quote.symbol for quote in stale) == ["BTC/USD", "ETH/USD"]
    assert not any(may_fill(quote) for quote in stale)
    newest = market.source.quote("BTC/USD", NOON)
    assert newest is not None
    assert newest.last == 10_005_000_000
    market.stubs["kraken"].fail = None
    assert may_fill(market.turn(1_000)[-1])


def test_bars_are_built_from_quotes_of_one_provider() -> None:
    """Each minute has one bar, of the provider that began it."""
    market = Market("kraken", symbols="BTC/USD")
    market.turn(200)
    now = market.clock.wall_ns()
    bars = market.source.bars("BTC/USD", 60, 0, 0, now)
    assert [bar.time for bar in bars] == [NOON + n * MINUTE for n in range(4)]
    (day,) = market.source.bars("BTC/USD", 86_400, 0, 0, now)
    assert day.open == bars[0].open
    assert market.source.bars("BTC/USD", 300, 0, 0, now)[0].high == max(bar.high for bar in bars)


def test_stopping_gives_up_what_is_under_way() -> None:
    """After the stop nothing is asked, and no timer is left."""
    market = Market("kraken", "coinbase", symbols="BTC/USD ETH/USD")
    market.turn(20)
    market.stubs["kraken"].fail = Sent(200, b"{", {}, lambda request: None)
    market.turn(6)
    done = Deferred.fromCoroutine(market.polling.stop())
    assert done.called
    calls = len(market.calls("kraken"))
    market.turn(60)
    assert len(market.calls("kraken")) == calls
    assert market.clock.waiting == 0
    assert kraken_key("BTC/USD") == "XXBTZUSD"
