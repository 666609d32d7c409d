"""Both kinds of streams: keys, subscriptions, what is told, and bounds."""

from __future__ import annotations

from typing import Any

import attrs
import msgpack as reference
import pytest
from alpaca.data.models import Bar, Orderbook, Quote, Trade
from alpaca.trading.models import TradeUpdate
from wsproto.events import BytesMessage, TextMessage

from papertrader.core.quotes import QuoteFlag
from papertrader.gateway import datastream, streams, tradestream
from papertrader.gateway.streams import AUTH_S, SILENCE_S
from tests.gateway_kit import Bot, GatewayMarket, StreamLine

DATA = "/v2/iex"


def trades(market: GatewayMarket, bot: Bot) -> StreamLine:
    """Open a stream of orders that listens."""
    line = market.stream("/stream")
    keys = {"key_id": bot.key_id, "secret_key": bot.secret}
    line.say({"action": "authenticate", "data": keys})
    market.advance(0.2)
    line.say({"action": "listen", "data": {"streams": ["trade_updates"]}})
    market.advance(0.5)
    assert line.take() == [
        {"stream": "authorization", "data": {"status": "authorized", "action": "authenticate"}},
        {"stream": "listening", "data": {"streams": ["trade_updates"]}},
    ]
    return line


def data(market: GatewayMarket, bot: Bot, **headers: str) -> StreamLine:
    """Open a stream of market data that has shown its key."""
    line = market.stream(DATA, **headers)
    line.say({"action": "auth", "key": bot.key_id, "secret": bot.secret})
    market.advance(0.2)
    assert line.take() == [
        [{"T": "success", "msg": "connected"}], [{"T": "success", "msg": "authenticated"}],
    ]  # fmt: skip
    return line


def of_kind(line: StreamLine, kind: str) -> list[dict[str, Any]]:
    """Return and forget the messages that came, those of one kind."""
    return [each for batch in line.take() for each in batch if each["T"] == kind]


# --- orders ---------------------------------------------------------------------------------------


def test_an_order_is_told_from_its_birth_to_its_end(shared: GatewayMarket, guest: Bot) -> None:
    """In binary messages of JSON, with what is held after each fill."""
    line = trades(shared, guest)
    order = guest.order(qty="10", client_order_id="mine")
    shared.advance(2)
    told = line.take()
    assert set(line.kinds) == {BytesMessage}
    assert [each["stream"] for each in told] == ["trade_updates"] * len(told)
    updates = [TradeUpdate(**each["data"]) for each in told]
    assert updates[0].event == "new"
    assert updates[-1].event == "fill"
    assert updates[-1].position_qty == sum(each.qty or 0 for each in updates) == 10
    assert {each.order.client_order_id for each in updates} == {"mine"}
    assert str(updates[0].order.id) == order["id"]
    rests = guest.order(type="limit", limit_price="1")
    guest.ask("PATCH", f"/v2/orders/{rests['id']}", {"qty": 3}, expect=200)
    guest.ask("DELETE", "/v2/orders", expect=207)
    shared.advance(1)
    events = [each["data"]["event"] for each in line.take()]
    assert sorted(events) == ["canceled", "new", "new", "replaced"]
    guest.order(side="sell", qty="4")
    shared.advance(2)
    assert line.take()[-1]["data"]["position_qty"] == "6"


def test_only_the_portfolio_of_the_key_is_told(shared: GatewayMarket, guest: Bot) -> None:
    """What another portfolio of the account does is nothing of this one's."""
    line = trades(shared, guest)
    second = guest.owner.portfolio_create("second", cash=10_000)
    guest.owner.buy("BRKF", 1, portfolio=second.portfolio)
    shared.advance(2)
    assert line.take() == []


def test_listening_can_be_given_up(shared: GatewayMarket, guest: Bot) -> None:
    """A list without the stream ends it; the positions are counted on."""
    line = trades(shared, guest)
    line.say({"action": "listen", "data": {"streams": []}})
    guest.order()
    shared.advance(2)
    assert line.take() == [{"stream": "listening", "data": {"streams": []}}]
    line.say({"action": "listen", "data": {"streams": ["trade_updates"]}})
    guest.order()
    shared.advance(2)
    assert line.take()[-1]["data"]["position_qty"] == "20"


@pytest.mark.parametrize("message", ["no JSON", {"action": "dance"}, [1, 2], b"\xff", {}])
def test_what_an_order_stream_does_not_know(shared: GatewayMarket, message: Any) -> None:
    """It says so and goes on."""
    line = shared.stream("/stream")
    line.say(message)
    shared.settle()
    (said,) = line.take()
    assert said["data"]["error"] == "invalid message"
    line.say({"action": "listen", "data": {"streams": ["trade_updates"]}})
    shared.settle()
    assert line.take()[0]["data"]["error"] == "not authorized"


# --- market data ----------------------------------------------------------------------------------


def test_quotes_trades_and_bars(shared: GatewayMarket, guest: Bot) -> None:
    """As JSON text, if nothing else is asked for; alpaca-py's models read each."""
    line = data(shared, guest)
    line.say({"action": "subscribe", "quotes": ["BRKF"], "trades": ["ALRB"], "bars": ["BRKF"],
              "dailyBars": ["BRKF"], "orderbooks": ["AURUSD"]})  # fmt: skip
    shared.advance(0.5)
    (answer,) = [each for batch in line.messages for each in batch if each["T"] == "subscription"]
    assert (answer["quotes"], answer["bars"], answer["trades"]) == (["BRKF"], ["BRKF"], ["ALRB"])
    shared.advance(70)
    assert set(line.kinds) == {TextMessage}
    said = [each for batch in line.take() for each in batch]
    kinds: dict[str, list[dict[str, Any]]] = {}
    for each in said:
        kinds.setdefault(each["T"], []).append(each)
    assert {"q", "t", "b", "d", "o"} <= set(kinds)
    quote = Quote("BRKF", kinds["q"][-1])
    assert quote.ask_price >= quote.bid_price > 0
    assert Trade("ALRB", kinds["t"][-1]).price > 0
    assert {each["S"] for each in kinds["t"]} == {"ALRB"}
    bars = [Bar("BRKF", each) for each in kinds["b"]]
    assert len(bars) == len({bar.timestamp for bar in bars}) >= 1
    assert bars[0].low <= bars[0].close <= bars[0].high
    assert len(Orderbook("AURUSD", kinds["o"][-1]).bids) == 1
    assert [each["t"] for each in kinds["q"]] == sorted(each["t"] for each in kinds["q"])


def test_msgpack_if_it_is_asked_for(shared: GatewayMarket, guest: Bot) -> None:
    """As alpaca-py does; instants are timestamps then."""
    line = data(shared, guest, Content_Type="application/msgpack")
    line.say(reference.packb({"action": "subscribe", "quotes": ["BRKF"]}))
    shared.advance(2)
    quote = of_kind(line, "q")[-1]
    assert quote["t"].to_datetime().year == 2020
    assert set(line.kinds) == {BytesMessage}


def test_what_is_given_up_comes_no_more(shared: GatewayMarket, guest: Bot) -> None:
    """The answer tells what is left."""
    line = data(shared, guest)
    line.say({"action": "subscribe", "quotes": ["BRKF", "ALRB", "NOPE"]})
    shared.advance(1)
    line.say({"action": "unsubscribe", "quotes": ["BRKF"]})
    shared.advance(0.5)
    assert of_kind(line, "subscription")[-1]["quotes"] == ["ALRB"]
    shared.advance(1)
    assert {each["S"] for each in of_kind(line, "q")} == {"ALRB"}
    line.say({"action": "unsubscribe", "quotes": ["*"]})
    shared.advance(0.5)
    line.take()
    shared.advance(1)
    assert line.take() == []
    (session,) = [each for each in guest.owner.sessions() if each.api_key]
    assert session.online


def test_everything(shared: GatewayMarket, guest: Bot) -> None:
    """A star stands for every asset."""
    line = data(shared, guest)
    line.say({"action": "subscribe", "quotes": ["*"]})
    shared.advance(2)
    every = {asset["symbol"] for asset in guest.get("/v2/assets")}
    said = line.take()
    (answer,) = [each for batch in said for each in batch if each["T"] == "subscription"]
    assert set(answer["quotes"]) == every
    told = {each["S"] for batch in said for each in batch if each["T"] == "q"}
    assert len(told) > len(every) / 2


def test_pairs_are_known_by_the_name_that_is_used(shared: GatewayMarket, guest: Bot) -> None:
    """Who subscribes with a UUID hears of it by that."""
    asset = guest.get("/v2/assets/AURUSD")
    line = data(shared, guest)
    line.say({"action": "subscribe", "quotes": [asset["id"]]})
    shared.advance(2)
    assert {each["S"] for each in of_kind(line, "q")} == {asset["id"]}


def test_halts(market: GatewayMarket, bot: Bot) -> None:
    """A quote that is flagged HALTED, and the first that is not any more, are told as a status."""
    line = data(market, bot)
    line.say({"action": "subscribe", "statuses": ["BRKF"]})
    market.advance(1)
    (stream,) = market.gateway.data._living
    protocol: Any = stream.protocol
    quote = protocol._last["BRKF"]
    for number, flags in ((1, QuoteFlag.HALTED), (2, QuoteFlag.HALTED), (3, QuoteFlag(0))):
        protocol._quote(with_flags(quote, number, flags))
    market.settle()
    assert [each["sc"] for each in of_kind(line, "s")] == ["H", "T"]


def with_flags(quote: Any, number: int, flags: QuoteFlag) -> Any:
    """Return a later quote with flags."""
    return attrs.evolve(quote, quote_seq=quote.quote_seq + number, flags=flags)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("no JSON", 400),
        ({"action": "dance"}, 400),
        ([{"action": "auth"}], 400),
        ({"action": "subscribe", "quotes": ["BRKF"]}, 401),
        ({"action": "auth", "key": "x", "secret": "y"}, 402),
        ({"action": "auth", "key": 5, "secret": None}, 402),
    ],
)
def test_errors_before_a_key(shared: GatewayMarket, message: Any, code: int) -> None:
    """In Alpaca's form; after a wrong key the stream is closed."""
    line = shared.stream(DATA)
    line.take()
    line.say(message)
    shared.advance(0.2)
    ((error,),) = line.take()
    assert (error["T"], error["code"]) == ("error", code)
    assert (line.closed_with is not None) == (code == 402)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"action": "auth", "key": "x", "secret": "y"}, 403),
        ({"action": "subscribe", "quotes": "BRKF"}, 400),
        ({"action": "subscribe", "bars": [5]}, 400),
    ],
)
def test_errors_after_a_key(shared: GatewayMarket, guest: Bot, message: Any, code: int) -> None:
    """They are said, and the stream goes on."""
    line = data(shared, guest)
    line.say(message)
    shared.advance(0.2)
    assert [each["code"] for each in of_kind(line, "error")] == [code]
    line.say({"action": "subscribe", "quotes": ["BRKF"]})
    shared.advance(1)
    assert of_kind(line, "q")


# --- bounds ---------------------------------------------------------------------------------------


def test_the_streams_are_bounded(
    market: GatewayMarket, bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One more is not upgraded: 503."""
    monkeypatch.setattr(streams, "STREAMS_MAX", 1)
    first = data(market, bot)
    assert market.stream(DATA).status == 503
    assert market.gateway.limit_hits()["gateway_streams"] == 1
    first.end.loseConnection()
    market.settle()
    data(market, bot)


def test_the_symbols_are_bounded(
    market: GatewayMarket, bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Error 405, and what was subscribed to stays."""
    monkeypatch.setattr(datastream, "STREAM_SYMBOLS_MAX", 2)
    line = data(market, bot)
    line.say({"action": "subscribe", "quotes": ["BRKF", "ALRB"]})
    for names in (["CALX"], ["*"], ["CALX", "DOVN", "EVRA"]):
        line.say({"action": "subscribe", "quotes": names})
    market.advance(1)
    said = [each for batch in line.take() for each in batch]
    assert [each["code"] for each in said if each["T"] == "error"] == [405, 405, 405]
    assert {each["S"] for each in said if each["T"] == "q"} <= {"BRKF", "ALRB"}


@pytest.mark.parametrize("path", ["/stream", DATA])
def test_a_key_must_come_in_time(market: GatewayMarket, path: str) -> None:
    """Else the stream is closed, with Alpaca's error."""
    line = market.stream(path)
    line.take()
    market.advance(AUTH_S + 1)
    assert line.closed_with is not None
    assert len(line.take()) == 1
    assert market.gateway.around.counters.unauthorized == 1


def test_a_program_without_a_sign_of_life(market: GatewayMarket, bot: Bot) -> None:
    """It is cut when it answers no ping; one that answers stays."""
    lives, silent = data(market, bot), data(market, bot)
    silent.answers_pings = False
    market.advance(SILENCE_S + 2 * AUTH_S)
    assert (lives.lost, silent.lost) == (False, True)
    assert market.gateway.limit_hits()["gateway_silent"] == 1
    assert len(market.gateway.seats) == 1


def producer(market: GatewayMarket, kind: str) -> Any:
    """Return the only stream of a kind, which a test tells to wait as a network would."""
    (socket,) = (market.gateway.trades if kind == "trades" else market.gateway.data)._living
    return socket.protocol


def test_newer_quotes_take_the_place_of_older_ones(market: GatewayMarket, bot: Bot) -> None:
    """While a program does not read, only the newest of each symbol waits for it."""
    line = data(market, bot)
    line.say({"action": "subscribe", "quotes": ["BRKF", "ALRB"], "trades": ["BRKF"]})
    market.advance(1)
    line.take()
    stream = producer(market, "data")
    stream.pauseProducing()
    market.advance(20)
    assert line.take() == []
    assert len(stream._waiting) == 3
    assert market.gateway.around.counters.conflated > 10
    stream.resumeProducing()
    market.settle()
    ((one, two, three),) = line.take()
    assert {(each["T"], each["S"]) for each in (one, two, three)} == {
        ("q", "BRKF"), ("q", "ALRB"), ("t", "BRKF"),
    }  # fmt: skip


def test_a_program_that_does_not_read_its_bars(
    market: GatewayMarket, bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What may not be left out waits, within a bound; then the stream ends, as too slow."""
    monkeypatch.setattr(datastream, "STREAM_QUEUE_MAX", 2)
    line = data(market, bot)
    line.say({"action": "subscribe", "bars": ["BRKF"]})
    market.advance(1)
    line.take()
    producer(market, "data").pauseProducing()
    market.advance(200)
    assert of_kind(line, "error")[0]["code"] == 407
    assert line.closed_with is not None
    assert market.gateway.limit_hits()["gateway_slow"] == 1


def test_a_program_that_does_not_read_its_orders(
    market: GatewayMarket, bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its stream ends: it connects again and reads its orders anew."""
    monkeypatch.setattr(tradestream, "STREAM_QUEUE_MAX", 3)
    line = trades(market, bot)
    stream = producer(market, "trades")
    stream.pauseProducing()
    bot.order()
    market.advance(2)
    stream.resumeProducing()
    market.settle()
    assert len(line.take()) >= 2
    stream.pauseProducing()
    for _ in range(3):
        bot.order()
    market.advance(2)
    assert line.closed_with is not None
    assert market.gateway.limit_hits()["gateway_slow"] == 1


def test_a_key_that_is_revoked_ends_its_streams(market: GatewayMarket, bot: Bot) -> None:
    """At once."""
    lines = [trades(market, bot), data(market, bot)]
    (key,) = bot.owner.api_keys()
    bot.owner.api_key_revoke(key.key)
    market.advance(1)
    assert [line.closed_with for line in lines] == [1000, 1000]
    assert len(market.gateway.seats) == 0


def test_closing_a_stream_ends_its_session(shared: GatewayMarket, guest: Bot) -> None:
    """Nothing is left behind."""
    line = data(shared, guest)
    line.end.loseConnection()
    shared.advance(1)
    assert [each for each in guest.owner.sessions() if each.api_key] == []
