"""Each provider: what it asks, and what it reads from an honest answer."""

from __future__ import annotations

import attrs
import pytest

from papertrader.core.fills import may_fill
from papertrader.core.instants import DAY, MINUTE, SECOND
from papertrader.core.money import parse_amount
from papertrader.core.quotes import Bar, QuoteFlag, QuoteProvider
from papertrader.master.providers.alpaca import Alpaca
from papertrader.master.providers.faults import FaultKind, ProviderFault
from papertrader.master.providers.kraken import PAIRS_S
from papertrader.master.providers.provider import Answer
from tests.provider_kit import (
    KEY,
    NAMES,
    NOON,
    SHAPES,
    Bench,
    Row,
    Sent,
    kraken_pairs,
    limits_of,
    texts,
)


@pytest.mark.parametrize("name", NAMES)
def test_an_honest_answer_becomes_a_quote(name: str) -> None:
    """Prices are exact; the quote carries its provider, both times, and fills unless it is old."""
    bench = Bench(name)
    bench.serve(Row())
    answer = bench.ask()
    assert isinstance(answer, Answer)
    assert answer.problems == ()
    (quote,) = bench.quotes()
    assert quote.symbol == bench.symbol
    assert quote.last == parse_amount("100.05")
    facts = bench.provider.facts
    if facts.has_bid_ask:
        assert (quote.bid, quote.ask) == (parse_amount("100.00"), parse_amount("100.10"))
        assert not quote.flags & QuoteFlag.SYNTHETIC
    else:
        assert quote.flags & QuoteFlag.SYNTHETIC
        assert quote.bid < quote.last < quote.ask
    assert quote.source_time // SECOND == NOON // SECOND or name == "ecb"
    assert quote.observed_at >= NOON
    assert QuoteProvider(quote.provider).name.lower() == name
    assert may_fill(quote) == (name != "ecb")
    if bench.shape.has_day:
        assert (quote.day_low, quote.day_high) == (parse_amount("90"), parse_amount("110"))


@pytest.mark.parametrize("name", [n for n in NAMES if limits_of(n).batch_max() > 1])
def test_several_symbols_in_one_call(name: str) -> None:
    """Where a provider batches, one request brings all; order does not matter."""
    bench = Bench(name)
    first, second = bench.shape.symbols
    bench.serve({second: Row(), first: Row(last="101.00", bid="100.99", ask="101.01")})
    answer = bench.ask(first, second)
    assert isinstance(answer, Answer)
    assert len(bench.stub.seen) == 1
    assert [(seen.symbol, seen.last) for seen in answer.observations] == [
        (first, parse_amount("101")),
        (second, parse_amount("100.05")),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_keys_go_in_headers_alone_and_are_never_shown(name: str) -> None:
    """The key is in a header, not in the address; the request as shown masks it."""
    bench = Bench(name)
    bench.serve(Row())
    bench.ask()
    (seen,) = bench.stub.seen
    assert KEY.decode() not in seen.uri
    in_headers = [value for value in seen.headers.values() if KEY.decode() in value]
    assert len(in_headers) == bench.provider.facts.key_lines
    assert seen.headers["accept-encoding"] == "identity"
    request = bench.provider.quote_request((bench.symbol,))
    shown = request.shown(bench.provider.origin)
    assert KEY.decode() not in shown + texts([request])
    assert shown.count("<secret>") == bench.provider.facts.key_lines
    assert shown.startswith(f"GET {bench.provider.facts.url}/")


@pytest.mark.parametrize("name", [n for n in NAMES if Bench(n).provider.facts.key_lines])
def test_a_provider_that_repeats_our_key_cannot_make_us_show_it(name: str) -> None:
    """Its words are shown to people and logged, without the key in them."""
    bench = Bench(name)
    said = f'{{"message":"bad key {KEY.decode()}0","error":"bad key {KEY.decode()}0"}}'
    bench.serve(Sent(401, said.encode()))
    fault = bench.ask()
    assert isinstance(fault, ProviderFault)
    assert fault.kind is FaultKind.DENIED
    assert KEY.decode() not in texts([fault])
    assert "<secret>" in str(fault)


def test_kraken_stamps_nothing_so_the_receipt_counts() -> None:
    """A quote without a time of its own has the time at which it came."""
    bench = Bench("kraken")
    bench.serve(Row())
    bench.ask()
    (quote,) = bench.quotes()
    assert quote.source_time == NOON


def test_kraken_learns_its_names_once() -> None:
    """The list of pairs is asked for once; a pair that is not there is an unknown symbol."""
    bench = Bench("kraken")
    bench.serve(Row())
    assert not bench.provider.prepared
    bench.ask()
    bench.ask()
    assert [seen.uri for seen in bench.stub.seen] == ["/0/public/Ticker?pair=XBTUSD"] * 2
    answer = bench.ask("NOPE/USD")
    assert isinstance(answer, Answer)
    assert [(p.symbol, p.unknown) for p in answer.problems] == [("NOPE/USD", True)]
    assert len(bench.stub.seen) == 2


@pytest.mark.parametrize(
    "status", ["cancel_only", "post_only", "limit_only", "reduce_only", "maintenance", ""]
)
def test_kraken_halts_a_pair_and_lifts_it(status: str) -> None:
    """Clause 14.18: quotes of a pair that is not online are HALTED and fill nothing, in time."""
    bench = Bench("kraken")
    bench.serve(Row())
    bench.stub.pairs = Sent(200, kraken_pairs(BTC=status).encode())
    bench.ask()
    (quote,) = bench.quotes()
    assert quote.flags & QuoteFlag.HALTED
    assert not may_fill(quote)
    assert "BTC/USD" not in {each.symbol for each in bench.run(bench.provider.assets())}
    bench.stub.pairs = Sent(200, kraken_pairs().encode())
    bench.ask()
    assert bench.quotes()[-1].flags & QuoteFlag.HALTED, "the list counts for a while"
    bench.reactor.advance(PAIRS_S)
    assert not bench.provider.prepared
    bench.ask()
    assert may_fill(bench.quotes()[-1])


@pytest.mark.parametrize(
    "pairs",
    [b"", b"[]", b"{", b'{"error":[],"result":{}}', b'{"error":["EService:Busy"]}'],
)
def test_kraken_keeps_its_names_and_halts_when_the_list_fails(pairs: bytes) -> None:
    """A bad list is a fault of the provider once in `PAIRS_S`; prices come by what is known."""
    bench = Bench("kraken")
    bench.serve(Row())
    bench.stub.pairs = Sent(200, kraken_pairs(BTC="post_only").encode())
    bench.ask()
    bench.reactor.advance(PAIRS_S)
    bench.stub.pairs = Sent(200, pairs)
    assert isinstance(bench.run(bench.provider.prepare()), ProviderFault)
    assert bench.provider.prepared
    bench.ask()
    assert bench.quotes()[-1].flags & QuoteFlag.HALTED


@pytest.mark.parametrize("status", [None, 1, True, ["online"], {"a": 1}])
def test_a_pair_whose_status_is_no_word_is_not_there(status: object) -> None:
    """What cannot be read is not traded; the other pairs are."""
    bench = Bench("kraken")
    bench.stub.pairs = Sent(200, kraken_pairs(BTC=status).encode())
    bench.serve({"ETH/USD": Row()})
    answer = bench.ask("BTC/USD", "ETH/USD")
    assert isinstance(answer, Answer)
    assert [(each.symbol, each.unknown) for each in answer.problems] == [("BTC/USD", True)]
    assert [each.symbol for each in answer.observations] == ["ETH/USD"]


def test_delayed_prices_say_so() -> None:
    """A provider whose facts say so flags every quote DELAYED; its age is measured from there."""

    class Late(Alpaca):
        facts = attrs.evolve(Alpaca.facts, delay_s=900)

    bench = Bench("alpaca", kind=Late)
    bench.serve(Row(at=NOON - 15 * MINUTE))
    bench.ask()
    (quote,) = bench.quotes()
    assert quote.flags & QuoteFlag.DELAYED
    assert may_fill(quote)


BARS = {
    "kraken": (
        '{"error":[],"result":{"XXBTZUSD":[[1767366000,"100.0","100.5","99.5","100.1","100.0","3.5",12],'
        '[1767366060,"100.1","100.2","100.0","100.2","100.1","1.5",3]],"last":1767366000}}'
    ),
    "coinbase": "[[1767366000,99.5,100.5,100.0,100.1,3.5]]",
    "alpaca": (
        '{"bars":{"AAPL":[{"t":"2026-01-02T15:00:00Z","o":100.0,"h":100.5,"l":99.5,"c":100.1,"v":3.5,'
        '"n":14,"vw":100}]},"next_page_token":null}'
    ),
    "twelvedata": (
        '{"meta":{"symbol":"AAPL","interval":"1min"},"values":[{"datetime":"2026-01-02 15:00:00",'
        '"open":"100.0","high":"100.5","low":"99.5","close":"100.1","volume":"3.5"}],"status":"ok"}'
    ),
}


@pytest.mark.parametrize("name", BARS)
def test_minute_bars(name: str) -> None:
    """Raw bars, oldest first, exact; the unfinished one is left out."""
    bench = Bench(name)
    bench.serve(BARS[name])
    start = 1_767_366_000 * SECOND
    answer = bench.run(bench.provider.bars(bench.symbol, 60, start, start + 10 * MINUTE))
    assert answer.bars == (
        Bar(
            start,
            *map(parse_amount, ("100.0", "100.5", "99.5", "100.1")),
            parse_amount("3.5"),
        ),
    )
    assert answer.complete
    outside = bench.run(bench.provider.bars(bench.symbol, 60, start + DAY, start + 2 * DAY))
    assert outside.bars == ()


def test_days_of_the_ecb() -> None:
    """The rate of a day is all four prices of its bar, at midnight UTC."""
    bench = Bench("ecb")
    bench.serve({"EUR/USD": Row(last="1.1000"), "EUR/GBP": Row(last="0.85")})
    answer = bench.run(bench.provider.bars("EUR/USD", 86_400, NOON - 9 * DAY, NOON))
    rate = parse_amount("1.1")
    assert answer.bars == (Bar(NOON - NOON % DAY, rate, rate, rate, rate, 0),)


@pytest.mark.parametrize("name", [*BARS, "ecb"])
def test_bars_that_contradict_themselves_are_refused(name: str) -> None:
    """A high below the low, or a length the provider has not, brings nothing."""
    bench = Bench(name)
    start = 1_767_366_000 * SECOND
    if name != "ecb":
        bench.serve(BARS[name].replace("100.5", "1.5"))
        fault = bench.run(bench.provider.bars(bench.symbol, 60, start, start + DAY))
        assert fault.kind is FaultKind.MALFORMED
    fault = bench.run(bench.provider.bars(bench.symbol, 61, start, start + DAY))
    assert fault.kind is FaultKind.REFUSED


def test_what_is_listed() -> None:
    """Kraken, Coinbase, Finnhub and the ECB tell what they have; others are left out."""
    kraken = Bench("kraken")
    found = {asset.symbol: asset for asset in kraken.run(kraken.provider.assets())}
    assert set(found) == {"BTC/USD", "ETH/USD", "SOL/USD", "DOGE/USD", "XRP/USD"}
    assert found["BTC/USD"].tick == parse_amount("0.1")
    coinbase = Bench("coinbase")
    coinbase.serve(
        '[{"id":"BTC-USD","base_currency":"BTC","quote_currency":"USD","quote_increment":"0.01",'
        '"status":"online","trading_disabled":false},{"id":"OLD-USD","base_currency":"OLD",'
        '"quote_currency":"USD","quote_increment":"0.01","status":"delisted"},null]'
    )
    assert [asset.symbol for asset in coinbase.run(coinbase.provider.assets())] == ["BTC/USD"]
    finnhub = Bench("finnhub")
    finnhub.serve(
        '[{"currency":"USD","description":"APPLE INC","displaySymbol":"AAPL","mic":"XNAS",'
        '"symbol":"AAPL","type":"Common Stock"},{"currency":"EUR","symbol":"X","type":"ETP"}]'
    )
    assert [asset.symbol for asset in finnhub.run(finnhub.provider.assets())] == ["AAPL"]
    ecb = Bench("ecb")
    ecb.serve({"EUR/USD": Row(last="1.1"), "EUR/GBP": Row(last="0.85")})
    symbols = [asset.symbol for asset in ecb.run(ecb.provider.assets())]
    assert symbols == ["EUR/GBP", "EUR/USD"]


def test_the_facts_are_what_they_must_be() -> None:
    """Every provider has terms, assets of its own, limits, and an address over TLS."""
    for name, shape in SHAPES.items():
        facts = Bench(name).provider.facts
        assert facts.name == name
        assert facts.url.startswith("https://")
        assert facts.terms
        assert facts.terms_url.startswith("https://")
        assert {asset.symbol for asset in facts.starters} >= {shape.symbols[0]}
        assert all(asset.kind in facts.kinds for asset in facts.starters)
        assert facts.limits.calls_per_minute
