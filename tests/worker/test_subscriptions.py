"""Subscriptions at the worker: quotes, bars and the market, their snapshots, faults and ends."""

from __future__ import annotations

import pytest

from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.derived import Message
from papertrader.wire.kinds import Opcode, Status, Tag, Topic, TopicKind
from tests.worker_kit import (
    bar,
    failure_of,
    follow,
    market_event,
    quote,
    request,
    scene,
    subscribe,
    subscribe_bars,
)


def test_quotes_reach_their_subscribers_in_one_write_each() -> None:
    """An update of 10 symbols is one write per client, octets exact."""
    it, client = scene()
    other = it.connect_client(port=4001)
    it.log_in(other, 71)
    symbols = [f"S{n}" for n in range(10)]
    it.ask(client, subscribe(*symbols), correlation=5, session=77)
    it.ask(other, subscribe(*symbols[:3]), correlation=6, session=71)
    client.take()
    other.take()
    frames = [quote(symbol, seq=n) for n, symbol in enumerate(symbols)]
    writes = len(client.wire.near.writes), len(other.wire.near.writes)
    it.publish(*frames)
    assert len(client.wire.near.writes) == writes[0] + 1
    assert len(other.wire.near.writes) == writes[1] + 1
    assert [octets for _, octets in client.frames] == [
        codec.readdress(each, 77, 5) for each in frames
    ]
    assert [octets for _, octets in other.frames] == [
        codec.readdress(each, 71, 6) for each in frames[:3]
    ]


@pytest.mark.clause("8.8", "14.1")
def test_a_snapshot_follows_the_reply() -> None:
    """First the reply, then the newest quotes."""
    it, client = scene()
    follow(it, client, "A")
    it.ask(client, subscribe("A", "B", snapshot=True), correlation=5, session=77)
    (reply, event) = client.take()
    assert isinstance(reply[1], m.SubscribeReply)
    assert isinstance(event[1], m.QuoteEvent)
    assert event[0].correlation == 5


@pytest.mark.clause("14.7")
def test_unsubscribing_ends_it() -> None:
    """Some symbols, then all; an unknown subscription is the master's to answer."""
    it, client = scene()
    it.ask(client, subscribe("A", "B"), correlation=5, session=77)
    client.take()
    rows = (m.SymbolRow(symbol="A"),)
    it.ask(client, m.Unsubscribe(subscription=5, symbols=rows), correlation=6, session=77)
    it.ask(client, m.Unsubscribe(subscription=5), correlation=7, session=77)
    replies = [reply for _, reply in client.take() if isinstance(reply, m.UnsubscribeReply)]
    assert [reply.symbols_left for reply in replies] == [1, 0]
    it.publish(quote("A"), quote("B"))
    assert client.frames == []
    it.master.take()
    it.ask(client, m.Unsubscribe(subscription=5), correlation=8, session=77)
    assert len(it.relayed()) == 1


def test_account_events_are_the_masters_business() -> None:
    """SUBSCRIBE(ACCOUNT) is relayed, and so are its events."""
    it, client = scene()
    it.ask(client, m.Subscribe(topics=Topic.ACCOUNT), correlation=5, session=77)
    (up,) = it.relayed()
    it.answer(up, m.SubscribeReply(next_event_seq=1))
    event = codec.encode(m.TransactionEvent(), session=77, correlation=5, seq=1)
    it.down(1, event)
    assert client.frames[-1][1] == event


@pytest.mark.clause("14.1")
@pytest.mark.parametrize(
    ("message", "status"),
    [
        (m.Subscribe(topics=Topic.QUOTES), Status.MISSING_SECTION),
        (subscribe(""), Status.INVALID_FIELD),
        (
            m.Subscribe(topics=Topic.QUOTES | Topic.ACCOUNT, symbols=(m.SymbolRow(symbol="A"),)),
            Status.INVALID_FIELD,
        ),
        (m.Subscribe(topics=Topic.BARS), Status.MISSING_SECTION),
        (subscribe_bars("A", interval_s=61), Status.INTERVAL_UNSUPPORTED),
        (
            m.Subscribe(topics=Topic.MARKET, symbols=(m.SymbolRow(symbol="A"),)),
            Status.INVALID_FIELD,
        ),
        (m.Subscribe(topics=0), Status.INVALID_FIELD),
        (m.QuoteGet(symbols=(m.SymbolRow(symbol=""),)), Status.INVALID_FIELD),
    ],
)
def test_what_is_wrong_in_a_request_is_answered(message: Message, status: Status) -> None:
    """The connection lives."""
    it, client = scene()
    it.ask(client, message, correlation=5, session=77)
    assert failure_of(client.take()[0]) == (5, status)
    assert client.goodbye is None


def test_the_fault_names_its_place() -> None:
    """FIELD tells which section is missing, or where that begins whose content is not allowed."""
    it, client = scene()
    client.send(request(Opcode.QUOTE_GET, bytes(8), session=77, correlation=5))
    it.settle()
    ((header, failure),) = client.take()
    assert header.status == Status.MISSING_SECTION
    assert isinstance(failure, codec.Failure)
    assert failure.field == Tag.SYMBOLS
    wrong = m.Subscribe(topics=Topic.MARKET, symbols=(m.SymbolRow(symbol="A"),))
    it.ask(client, wrong, correlation=6, session=77)
    ((header, failure),) = client.take()
    assert isinstance(failure, codec.Failure)
    assert (header.status, failure.field) == (Status.INVALID_FIELD, m.Subscribe.SIZE)


@pytest.mark.clause("10.1")
def test_subscriptions_of_one_client_are_bounded() -> None:
    """Their number, the symbols in all of them, and one number per subscription."""
    it, client = scene()
    for number in range(limits.SUBSCRIPTIONS_MAX):
        it.ask(client, subscribe(f"S{number}"), correlation=100 + number, session=77)
    client.take()
    it.ask(client, subscribe("X"), correlation=50, session=77)
    it.ask(client, m.Unsubscribe(subscription=100), correlation=51, session=77)
    it.ask(client, subscribe("X"), correlation=101, session=77)
    many = [f"M{n}" for n in range(limits.SYMBOLS_MAX)]
    it.ask(client, subscribe(*many), correlation=52, session=77)
    frames = client.take()
    assert failure_of(frames[0]) == (50, Status.TOO_MANY_SYMBOLS)
    assert failure_of(frames[2]) == (101, Status.INVALID_FIELD)
    assert failure_of(frames[3]) == (52, Status.TOO_MANY_SYMBOLS)


def test_subscriptions_end_with_the_client() -> None:
    """The master is told that the last one left."""
    it, client = scene()
    it.ask(client, subscribe("A"), correlation=5, session=77)
    it.master.take()
    client.wire.cut()
    it.settle()
    assert [(each.symbol, each.add) for each in it.told(m.TopicInterest)] == [("A", False)]


# --- bars and the market -----------------------------------------------------------------------


@pytest.mark.clause("14.8")
def test_bars_are_a_topic_of_their_own_for_each_interval() -> None:
    """The master is told symbol and interval; each subscriber gets its own and nothing else."""
    it, client = scene()
    it.ask(client, subscribe_bars("A", interval_s=60), correlation=5, session=77)
    it.ask(client, subscribe_bars("A", interval_s=300), correlation=6, session=77)
    told = [(each.kind, each.symbol, each.interval_s) for each in it.told(m.TopicInterest)]
    assert told == [(TopicKind.BAR, "A", 60), (TopicKind.BAR, "A", 300)]
    client.take()
    it.publish(bar("A", 60, 1), bar("A", 300, 1), bar("A", 900, 1), quote("A"))
    got = [(header.correlation, event.interval_s) for header, event in client.take()]
    assert got == [(5, 60), (6, 300)]


def test_leaving_out_a_symbol_leaves_out_its_bars() -> None:
    """UNSUBSCRIBE names symbols, of whichever interval."""
    it, client = scene()
    it.ask(client, subscribe_bars("A", "B", interval_s=60), correlation=5, session=77)
    client.take()
    rows = (m.SymbolRow(symbol="A"),)
    it.ask(client, m.Unsubscribe(subscription=5, symbols=rows), correlation=6, session=77)
    assert [reply.symbols_left for _, reply in client.take()] == [1]
    it.publish(bar("A", 60, 1), bar("B", 60, 1))
    assert [event.symbol for _, event in client.take()] == ["B"]


@pytest.mark.clause("14.9")
def test_the_market_is_one_topic() -> None:
    """Who subscribes with snapshot gets the newest state at once, the others the next one."""
    it, client = scene()
    it.ask(client, m.Subscribe(topics=Topic.MARKET), correlation=5, session=77)
    told = [(each.kind, each.symbol, each.add) for each in it.told(m.TopicInterest)]
    assert told == [(TopicKind.MARKET, "", True)]
    client.take()
    it.publish(market_event())
    assert [header.correlation for header, _ in client.take()] == [5]
    it.ask(client, m.Subscribe(topics=Topic.MARKET, snapshot=True), correlation=6, session=77)
    reply, event = client.take()
    assert isinstance(reply[1], m.SubscribeReply)
    assert (event[0].correlation, event[1].exchange) == (6, "XNYS")
    it.ask(client, m.Unsubscribe(subscription=5), correlation=7, session=77)
    it.ask(client, m.Unsubscribe(subscription=6), correlation=8, session=77)
    assert [each.add for each in it.told(m.TopicInterest)] == [False]
