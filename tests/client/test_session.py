"""The session core by properties: whatever breaks when, each command is executed once at most."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from papertrader.client import errors
from papertrader.client import updates as u
from papertrader.client.blocking import Client
from papertrader.client.buffer import EventBuffer
from papertrader.client.endpoints import ENDPOINTS_MAX, Endpoint, WorkerChoice, parse_endpoint
from papertrader.client.results import decimal_of, units_of
from papertrader.client.stream import AccountStream, Verdict
from papertrader.client.transport import endpoints_of
from papertrader.core.money import AMOUNT_MAX, AMOUNT_MIN
from papertrader.wire.kinds import Opcode, Status
from tests.client_kit import BlockingMarket

MISHAPS = st.sampled_from(
    [
        None,
        "drop",
        "drop after",
        "detach",
        Status.RATE_LIMITED,
        Status.SERVER_BUSY,
        Status.MASTER_UNAVAILABLE,
        Status.OUTCOME_UNKNOWN,
    ]
)


@settings(max_examples=150, deadline=None)
@given(
    orders=st.lists(MISHAPS, max_size=12),
    cancels=st.lists(MISHAPS, max_size=4),
    resumes=st.lists(st.sampled_from([None, "drop", "drop after", Status.SERVER_BUSY]), max_size=4),
    subscribes=st.lists(st.sampled_from([None, "drop", "drop after"]), max_size=3),
)
def test_every_order_is_executed_once_and_every_event_is_seen_once(
    orders: list, cancels: list, resumes: list, subscribes: list
) -> None:
    """Any mishaps in any order: five orders, five results, and events 1, 2, 3 ... without a gap."""
    market = BlockingMarket()
    market.add("ada", "correct horse")
    with Client("127.0.0.1:2049", learn_workers=False, **market.options()) as client:
        client.login("ada", "correct horse")
        market.plan(Opcode.SUBSCRIBE, *subscribes)
        market.plan(Opcode.ORDER_NEW, *orders)
        market.plan(Opcode.ORDER_CANCEL, *cancels)
        market.plan(Opcode.RESUME, *resumes)
        client.subscribe_account(from_event_seq=1)
        sent = [client.buy("AAPL", n, client_order_id=n) for n in range(1, 6)]
        client.order_cancel(sent[0].order_id)
        market.tick()
        events = list(client.events(10.0))
    account = market.accounts["ada"]
    assert [order.client_order_id for order in account.orders] == [1, 2, 3, 4, 5]
    assert [order.order_id for order in sent] == [1, 2, 3, 4, 5]
    sequences = [e.sequence for e in events if isinstance(e, u.OrderUpdate | u.TransactionUpdate)]
    assert sequences == list(range(1, len(account.events) + 1))


@given(st.integers(AMOUNT_MIN, AMOUNT_MAX))
def test_amounts_go_both_ways_exactly(units: int) -> None:
    """1e-8 units to Decimal and back, also through text."""
    value = decimal_of(units)
    assert units_of(value, "it") == units
    assert units_of(f"{value:f}", "it") == units


@pytest.mark.parametrize("text", ["", "1e5", "nan", "1.123456789", "1 000", "--1", "9" * 12])
def test_amounts_that_cannot_be_sent(text: str) -> None:
    """What is not a plain decimal number in range is a ValueError that names the argument."""
    with pytest.raises(ValueError, match="price"):
        units_of(text, "price")


@given(st.lists(st.integers(1, 12), max_size=40))
def test_the_stream_applies_nothing_twice_and_nothing_out_of_order(arrivals: list[int]) -> None:
    """Whatever order events arrive in, those applied are 1, 2, 3 ... until something is lost."""
    stream = AccountStream()
    stream.begin(1)
    applied = []
    for sequence in arrivals:
        verdict = stream.judge(sequence)
        if verdict is Verdict.ASK:
            stream.ask()
            stream.answered(13, gap=False)
        elif verdict is Verdict.LOST:
            return
        elif verdict is Verdict.APPLY:
            applied.append(sequence)
    assert applied == list(range(1, len(applied) + 1))


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:2049", "127.0.0.1", 2049),
        ("example.org", "example.org", 2049),
        ("[::1]:7", "::1", 7),
        ("[::1]", "::1", 2049),
    ],
)
def test_endpoints_are_read(text: str, host: str, port: int) -> None:
    """HOST:PORT, HOST alone, and IPv6 in brackets; written as they are read."""
    assert parse_endpoint(text) == Endpoint(host, port)
    assert parse_endpoint(str(parse_endpoint(text))) == Endpoint(host, port)


@pytest.mark.parametrize("text", ["", ":1", "a:", "a:0", "a:70000", "a:b", "::1", "[::1", "a b:1"])
def test_endpoints_that_are_none(text: str) -> None:
    """Anything else is a ValueError that shows how to write it."""
    with pytest.raises(ValueError, match="HOST:PORT"):
        parse_endpoint(text)


@pytest.mark.parametrize("wrong", [[("127.0.0.1", 2049)], [b"127.0.0.1:2049"], [None]])
def test_what_is_no_address_is_told(wrong: list[object]) -> None:
    """A pair of host and port is what many libraries take, and this one does not."""
    with pytest.raises(TypeError, match=r"HOST:PORT or an Endpoint, not (tuple|bytes|NoneType)"):
        endpoints_of(wrong)  # type: ignore[arg-type]


def test_the_pause_between_dials_grows_and_is_bounded() -> None:
    """0.2 s doubling to 5 s, between half and the whole of it, and back to the start."""
    choice = WorkerChoice([Endpoint("a", 1), Endpoint("b", 1)], Random(1).getrandbits)
    pauses = []
    for _ in range(12):
        choice.failed(0)
        pauses.append(choice.not_before / 1e9)
    for number, pause in enumerate(pauses):
        whole = min(5.0, 0.2 * 2**number)
        assert whole / 2 <= pause <= whole
    choice.worked()
    choice.failed(0)
    assert choice.not_before <= 0.2e9


def test_the_list_of_workers_is_bounded_and_keeps_loopback_to_itself() -> None:
    """No more than ENDPOINTS_MAX; a distant server cannot send its client to loopback."""
    choice = WorkerChoice([Endpoint("worker.example", 1)], Random(1).getrandbits)
    choice.learn([Endpoint("127.0.0.1", 1), Endpoint("localhost", 1), Endpoint("b.example", 1)])
    assert [each.host for each in choice.known] == ["worker.example", "b.example"]
    choice.learn(Endpoint("c.example", port) for port in range(1, 200))
    assert len(choice.known) == ENDPOINTS_MAX


def test_a_program_that_never_looks_loses_quotes_first() -> None:
    """The buffer is bounded: old quotes go first, then events, and their loss is told."""
    buffer = EventBuffer(3)
    quote = u.QuoteUpdate(subscription=1, quote=None)
    other = [u.ConnectionUpdate(connected=True, worker=str(n)) for n in range(5)]
    for event in (other[0], quote, other[1], other[2]):
        buffer.append(event)
    assert [buffer.take() for _ in range(4)] == [*other[:3], None]
    for event in other:
        buffer.append(event)
    assert isinstance(buffer.take(), u.EventsLost)
    assert buffer.take() == other[3]
    assert buffer.take() == other[4]


def test_errors_know_their_status() -> None:
    """Statuses that this version does not know are kept as numbers."""
    error = errors.refusal(0x04FE)
    assert (error.status, error.code) == (0x04FE, "STATUS_0x04fe")
    assert isinstance(errors.refusal(Status.SESSION_REVOKED), errors.SessionEnded)
