"""The blocking face when something is lost: resume, resend, events again, other workers."""

from __future__ import annotations

from decimal import Decimal

import pytest

from papertrader.client import errors
from papertrader.client import updates as u
from papertrader.client.blocking import Client
from papertrader.client.losses import SHUT_OUT, SHUT_OUT_TRIES
from papertrader.core.orders import OrderEventKind, OrderState
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.kinds import Mechanism, Opcode, Status
from tests.blocking_kit import client_of, logged_in, market
from tests.client_kit import BlockingMarket

__all__ = ["market"]


def test_an_order_lost_before_it_was_acted_on_is_sent_again_with_its_number(
    market: BlockingMarket,
) -> None:
    """Connection lost with the order unread: RESUME, the same seq, one order."""
    client = logged_in(market)
    market.plan(Opcode.ORDER_NEW, "drop")
    order = client.buy("AAPL", 10)
    assert [header.seq for header in market.seen(Opcode.ORDER_NEW)] == [1, 1]
    assert len(market.accounts["ada"].orders) == 1
    assert order.order_id == 1
    assert market.bodies(Opcode.RESUME)[0].flags == 2


@pytest.mark.clause("12.9")
def test_an_order_whose_reply_was_lost_has_one_result(market: BlockingMarket) -> None:
    """Connection lost between sending and reply: same seq again, the stored reply, one order."""
    client = logged_in(market)
    market.plan(Opcode.ORDER_NEW, "drop after")
    order = client.buy("AAPL", 10, client_order_id=99)
    first, second = market.seen(Opcode.ORDER_NEW)
    assert (first.seq, second.seq) == (1, 1)
    assert market.bodies(Opcode.ORDER_NEW)[0] == market.bodies(Opcode.ORDER_NEW)[1]
    assert len(market.accounts["ada"].orders) == 1
    assert order.client_order_id == 99
    # The next command goes on counting.
    client.order_cancel(order.order_id)
    assert market.seen(Opcode.ORDER_CANCEL)[0].seq == 2


def test_tokens_rotate(market: BlockingMarket) -> None:
    """Each RESUME uses the newest token received."""
    client = logged_in(market)
    first = next(iter(market.sessions))
    for _ in range(2):
        market.peers[-1].drop()
        client.account()
    used = [request.token for request in market.bodies(Opcode.RESUME)]
    assert used[0] == first
    assert used[1] != first
    assert len(market.sessions) == 3


@pytest.mark.clause("11.7")
def test_a_detached_session_is_resumed_on_the_same_connection(market: BlockingMarket) -> None:
    """SESSION_DETACHED, by event and by reply: RESUME once, the same command again."""
    client = logged_in(market)
    market.plan(Opcode.ORDER_NEW, "detach")
    order = client.buy("AAPL", 10)
    assert order.order_id == 1
    assert len(market.accounts["ada"].orders) == 1
    assert [header.seq for header in market.seen(Opcode.ORDER_NEW)] == [1, 1]
    assert len(market.seen(Opcode.RESUME)) == 1
    assert len(market.peers) == 1


@pytest.mark.clause("11.7")
def test_a_detach_while_idle_keeps_the_subscriptions(market: BlockingMarket) -> None:
    """After EV_SESSION(SESSION_DETACHED) both subscriptions are made again, without a gap."""
    client = logged_in(market)
    client.subscribe_account()
    quotes = client.subscribe_quotes(["AAPL"], snapshot=False)
    market.idle.append(market.peers[0].detach)
    list(client.events(0.1))
    client.buy("AAPL", 1)
    market.tick()
    events = list(client.events(0.1))
    assert [e.sequence for e in events if isinstance(e, u.OrderUpdate)] == [1, 2]
    assert [e.subscription for e in events if isinstance(e, u.QuoteUpdate)] == [quotes]
    assert len(market.peers) == 1
    last_account = [b for b in market.bodies(Opcode.SUBSCRIBE) if b.topics == 8][-1]
    assert last_account.from_event_seq == 1


def test_events_go_on_after_a_lost_connection(market: BlockingMarket) -> None:
    """What happened while the client was away is delivered once, and nothing twice."""
    client = logged_in(market)
    client.subscribe_account()
    client.buy("AAPL", 1)
    seen = [e.sequence for e in client.events(0.1) if hasattr(e, "sequence")]
    market.peers[-1].drop()
    market.tick()
    events = list(client.events(5.0))
    assert seen == [1]
    assert [e.sequence for e in events if hasattr(e, "sequence")] == [2, 3]
    links = [e.connected for e in events if isinstance(e, u.ConnectionUpdate)]
    assert links == [False, True]
    fill = next(e for e in events if isinstance(e, u.OrderUpdate))
    assert fill.kind == OrderEventKind.FILL
    assert fill.replayed
    assert fill.fill.price == Decimal("182.50")
    assert fill.fill.receipt.quote_seq == 7


@pytest.mark.clause("12.10", "14.4")
def test_a_gap_in_the_events_is_asked_for(market: BlockingMarket) -> None:
    """An event that never came is fetched by SUBSCRIBE from its number; order is kept."""
    client = logged_in(market)
    client.subscribe_account()
    market.skip_events.add(2)
    client.buy("AAPL", 1)
    client.buy("IBM", 1)
    client.buy("AAPL", 2)
    events = list(client.events(0.1))
    assert [e.sequence for e in events if hasattr(e, "sequence")] == [1, 2, 3]
    assert [b.from_event_seq for b in market.bodies(Opcode.SUBSCRIBE)] == [0, 2]


@pytest.mark.clause("8.3")
def test_a_lost_tail_is_seen_by_the_heartbeat(market: BlockingMarket) -> None:
    """A heartbeat that names a later next event makes the client ask."""
    client = logged_in(market)
    client.subscribe_account()
    market.skip_events.add(1)
    client.buy("AAPL", 1)
    market.peers[0].out.append(codec.encode(m.Heartbeat(next_event_seq=2)))
    assert [e.sequence for e in client.events(0.1) if hasattr(e, "sequence")] == [1]


def test_events_the_server_no_longer_has_are_told(market: BlockingMarket) -> None:
    """RESUME_GAP becomes EventsLost, and what is still there follows."""
    client = logged_in(market)
    for _ in range(4):
        client.buy("AAPL", 1)
    market.events_kept_from = 3
    client.subscribe_account(from_event_seq=1)
    events = list(client.events(0.1))
    assert isinstance(events[1], u.EventsLost)
    assert [e.sequence for e in events if hasattr(e, "sequence")] == [3, 4]


def test_overload_is_retried_with_the_next_number(market: BlockingMarket) -> None:
    """RATE_LIMITED and the like are asked again until there is an answer."""
    client = logged_in(market)
    market.plan(
        Opcode.ORDER_NEW, Status.RATE_LIMITED, Status.SERVER_BUSY, Status.MASTER_UNAVAILABLE
    )
    assert client.buy("AAPL", 1).order_id == 1
    assert len(market.seen(Opcode.ORDER_NEW)) == 4
    assert len(market.accounts["ada"].orders) == 1


@pytest.mark.clause("12.12")
def test_outcome_unknown_is_asked_again_with_the_same_number(market: BlockingMarket) -> None:
    """OUTCOME_UNKNOWN keeps the seq, since a copy may have been executed."""
    client = logged_in(market)
    market.plan(Opcode.ORDER_NEW, Status.OUTCOME_UNKNOWN, Status.MASTER_UNAVAILABLE)
    client.buy("AAPL", 1)
    assert [header.seq for header in market.seen(Opcode.ORDER_NEW)] == [1, 1, 1]


@pytest.mark.clause("17.3")
def test_no_outcome_is_made_up_at_the_deadline(market: BlockingMarket) -> None:
    """A command still in doubt at its deadline raises OutcomeUnknown with its client order id."""
    client = logged_in(market, timeout=3.0)
    market.plan(Opcode.ORDER_NEW, *[Status.OUTCOME_UNKNOWN] * 100)
    before = market.clock()
    with pytest.raises(errors.OutcomeUnknown, match="client order id 7") as caught:
        client.buy("AAPL", 1, client_order_id=7)
    assert caught.value.client_order_id == 7
    assert market.clock() - before <= 3_100_000_000


def test_overload_until_the_deadline_is_no_doubt(market: BlockingMarket) -> None:
    """What was certainly not executed is refused as such."""
    client = logged_in(market, timeout=3.0)
    market.plan(Opcode.ORDER_NEW, *[Status.SERVER_BUSY] * 100)
    with pytest.raises(errors.Overloaded):
        client.buy("AAPL", 1)
    assert market.accounts["ada"].orders == []


def test_silence_after_a_command_is_unknown_and_after_a_read_is_not(
    market: BlockingMarket,
) -> None:
    """No answer at all: OutcomeUnknown for an order, ConnectionLost for a read."""
    client = logged_in(market, timeout=3.0)
    market.plan(Opcode.ORDER_NEW, "silence")
    market.plan(Opcode.PORTFOLIO_GET, "silence")
    with pytest.raises(errors.OutcomeUnknown):
        client.buy("AAPL", 1)
    with pytest.raises(errors.ConnectionLost):
        client.portfolio()


def test_a_command_that_fell_out_of_the_reply_store_is_looked_for(
    market: BlockingMarket,
) -> None:
    """SEQ_TOO_OLD for a repeated order: ORDER_GET by client order id gives the answer."""
    client = logged_in(market)
    market.plan(Opcode.ORDER_NEW, "drop after", Status.SEQ_TOO_OLD)
    order = client.buy("AAPL", 1, client_order_id=12)
    assert order.client_order_id == 12
    assert len(market.accounts["ada"].orders) == 1
    assert market.bodies(Opcode.ORDER_GET)[0].client_order_id == 12


def test_a_command_never_executed_is_sent_with_a_fresh_number(market: BlockingMarket) -> None:
    """SEQ_TOO_OLD and no such order: it was not executed, so it is sent once more."""
    client = logged_in(market)
    market.plan(Opcode.ORDER_NEW, "drop", Status.SEQ_TOO_OLD)
    assert client.buy("AAPL", 1).order_id == 1
    assert [header.seq for header in market.seen(Opcode.ORDER_NEW)] == [1, 1, 2]


def test_a_repeated_cancel_that_worked_the_first_time_succeeds(market: BlockingMarket) -> None:
    """ORDER_DONE after a lost reply to a cancel is what the cancel was for."""
    client = logged_in(market)
    order = client.buy("AAPL", 1)
    market.plan(Opcode.ORDER_CANCEL, "drop after", Status.SEQ_TOO_OLD)
    assert client.order_cancel(order.order_id).state == OrderState.CANCELLED


def test_a_session_that_is_gone_leaves_doubt(market: BlockingMarket) -> None:
    """RESUME refused: a read says log in again, a command in doubt says unknown."""
    client = logged_in(market)
    market.plan(Opcode.ORDER_NEW, "drop after")
    market.plan(Opcode.RESUME, "expire")
    with pytest.raises(errors.OutcomeUnknown) as unknown:
        client.buy("AAPL", 1)
    assert str(unknown.value).count("log in again") == 1
    assert ".;" not in str(unknown.value)
    with pytest.raises(errors.NotLoggedIn):
        client.portfolio()
    client.login("ada", "correct horse")
    assert len(client.orders()) == 1


@pytest.mark.clause("14.6")
def test_a_session_taken_over_is_told(market: BlockingMarket) -> None:
    """EV_SESSION(SESSION_TAKEN_OVER) ends the session here; nothing is resumed."""
    client = logged_in(market)
    client.subscribe_account()
    taken = m.SessionEvent(code=Status.SESSION_TAKEN_OVER)
    market.idle.append(lambda: market.peers[0]._event(taken))
    events = list(client.events(0.1))
    assert any(isinstance(e, u.SessionUpdate) and e.code == "SESSION_TAKEN_OVER" for e in events)
    assert market.seen(Opcode.RESUME) == []


@pytest.mark.clause("12.1")
def test_a_registration_in_doubt_is_not_called_taken(market: BlockingMarket) -> None:
    """USERNAME_TAKEN on a repeated REGISTER may be our own doing, and the error says so."""
    client = client_of(market)
    market.plan(Opcode.REGISTER, "drop after")
    with pytest.raises(errors.OutcomeUnknown, match="perhaps by this request"):
        client.register("bob", "battery staple")


def test_logout_that_lost_its_reply_is_done(market: BlockingMarket) -> None:
    """A session that is gone after a repeated LOGOUT was ended by it."""
    client = logged_in(market)
    market.plan(Opcode.LOGOUT, "drop after")
    assert client.logout() == 1
    with pytest.raises(errors.NotLoggedIn):
        client.account()


def test_a_dead_worker_is_left_for_the_next(market: BlockingMarket) -> None:
    """The list is rotated until one answers."""
    market.refuse_dials = 1
    client = Client(["10.0.0.1:1", "10.0.0.2:2"], learn_workers=False, **market.options())
    client.login("ada", "correct horse")
    assert market.dials == ["10.0.0.1:1", "10.0.0.2:2"]


def test_nothing_to_connect_to_fails_soon_and_says_why(market: BlockingMarket) -> None:
    """Each worker is tried once; the error names the last one and the reason."""
    market.refuse_dials = 100
    before = market.clock()
    with pytest.raises(errors.ConnectionLost, match=r"127\.0\.0\.1:2049: Connection refused"):
        client_of(market).login("ada", "correct horse")
    assert len(market.dials) == 1
    assert market.clock() - before < 1_000_000_000


def test_who_is_shut_out_for_a_moment_comes_in_a_little_later(market: BlockingMarket) -> None:
    """A worker that has too many connections just now closes the next: two more tries, and told."""
    market.shut_dials = SHUT_OUT_TRIES
    client_of(market).login("ada", "correct horse")
    assert len(market.dials) == 1 + SHUT_OUT_TRIES
    market.shut_dials = 100
    before = market.clock()
    with pytest.raises(errors.ConnectionLost, match=f"2049: {SHUT_OUT}$"):
        client_of(market).login("ada", "correct horse")
    assert len(market.dials) == 2 * (1 + SHUT_OUT_TRIES)
    assert market.clock() - before < 1_000_000_000


def test_an_end_before_the_greeting_is_the_same(market: BlockingMarket) -> None:
    """TLS stands, and the server ends before its HELLO: nothing was sent, so it is tried again."""
    ends: list[object] = []

    def dial(endpoint: object, timeout: float) -> object:
        ends.append(endpoint)
        return Mute() if len(ends) < 2 else market.transport(endpoint, timeout)

    client = Client("127.0.0.1:2049", learn_workers=False, **{**market.options(), "dial": dial})
    client.login("ada", "correct horse")
    assert len(ends) == 2


class Mute:
    """A connection that is at its end."""

    def send(self, octets: bytes) -> None:
        """Take them: they are lost on the way."""

    def receive(self, timeout: float) -> bytes:
        return b""

    def close(self) -> None:
        """Nothing is left."""


def test_patience_keeps_dialing(market: BlockingMarket) -> None:
    """A patient client goes on until its deadline."""
    market.refuse_dials = 3
    client_of(market, patient=True).login("ada", "correct horse")
    assert len(market.dials) == 4


def test_goodbye_names_other_workers(market: BlockingMarket) -> None:
    """GOODBYE.workers and WORKER_LIST extend the list; a draining worker is left out."""
    rows = (
        m.WorkerRow(address=bytes(16), port=7, flags=1, host="worker-b.example"),
        m.WorkerRow(address=bytes(16), port=8, flags=2, host="worker-c.example"),
    )
    client = client_of(market)
    client.login("ada", "correct horse")
    market.peers[0].goodbye(Status.SHUTDOWN, "going down", workers=rows)
    client.account()
    assert market.dials == ["127.0.0.1:2049", "worker-b.example:7"]


def test_a_login_whose_answer_was_lost_does_not_shut_the_user_out(market: BlockingMarket) -> None:
    """The connection has a session that nobody was told of: the next login leaves it there."""
    with client_of(market) as client:
        market.plan(Opcode.LOGIN, Status.SESSION_IN_USE)
        client.login("ada", "correct horse")
        assert client.account().username == "ada"
        assert len(market.dials) == 2


def test_a_session_that_is_in_use_everywhere_is_told_of(market: BlockingMarket) -> None:
    """A server that says it again on a new connection is believed."""
    with client_of(market) as client:
        market.plan(Opcode.LOGIN, Status.SESSION_IN_USE, Status.SESSION_IN_USE)
        with pytest.raises(errors.RefusedError) as refused:
            client.login("ada", "correct horse")
        assert refused.value.code == "SESSION_IN_USE"
        assert len(market.dials) == 2


def test_the_worker_list_is_learned_after_login(market: BlockingMarket) -> None:
    """With learn_workers the client knows where to go when its worker falls silent."""
    market.workers = (m.WorkerRow(address=bytes(16), port=7, flags=1, host="worker-b.example"),)
    client = logged_in(market, learn_workers=True)
    client.account()
    market.peers[0].drop()
    assert client.account().username == "ada"
    assert market.dials[-1] == "worker-b.example:7"
    listed = client.workers()
    assert [(worker.host, worker.port) for worker in listed] == [("worker-b.example", 7)]


def test_a_sibling_session_by_token(market: BlockingMarket) -> None:
    """LOGIN with SESSION_TOKEN carries the token's hexadecimal digits and leaves it good."""
    token = client_of(market).login("ada", "correct horse", remember=True).token
    with client_of(market) as sibling:
        sibling.login("ada", session_token=token)
    with client_of(market) as sibling:
        sibling.login("ada", session_token=token)
    sent = market.bodies(Opcode.LOGIN)[-1]
    assert sent.mechanism == Mechanism.SESSION_TOKEN
    assert sent.password == token.hex()
    assert not sent.remember


def test_resume_by_token_in_another_program(market: BlockingMarket) -> None:
    """A program that kept the token goes on counting where the other stopped."""
    first = logged_in(market)
    first.buy("AAPL", 1)
    token = next(iter(market.sessions.values())).token
    second = client_of(market)
    second.resume(token)
    second.buy("AAPL", 1)
    assert [header.seq for header in market.seen(Opcode.ORDER_NEW)] == [1, 2]


def test_secrets_are_not_shown(market: BlockingMarket) -> None:
    """Neither password nor token appears in the repr of what a program may print."""
    client = client_of(market)
    login = client.login("ada", "correct horse")
    assert login.token.hex() not in repr(login)
    assert repr(login.token) not in repr(login)
    assert "correct horse" not in repr(vars(client))
    assert "correct horse" not in repr(vars(client._session))


def test_keep_alive_while_watching(market: BlockingMarket) -> None:
    """A minute of silence: heartbeats go out and the connection stands."""
    client = logged_in(market)
    client.subscribe_account()

    def answer() -> None:
        market.clock.sleep(5)
        market.peers[0].out.append(codec.encode(m.Heartbeat(next_event_seq=1)))
        market.idle.append(answer)

    market.idle.append(answer)
    list(client.events(60.0))
    assert len(market.peers) == 1
    assert not market.peers[0].closed


def test_a_silent_server_is_left(market: BlockingMarket) -> None:
    """Nothing heard for 2.5 intervals: GOODBYE(KEEPALIVE_TIMEOUT), and a new connection."""
    client = logged_in(market)
    client.subscribe_account()
    list(client.events(60.0))
    assert market.peers[0].connection.goodbye.code == Status.KEEPALIVE_TIMEOUT
    assert len(market.peers) >= 2
