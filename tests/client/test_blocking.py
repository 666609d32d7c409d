"""The blocking face against a scripted worker of real frames: commands, resume, resend, events."""

from __future__ import annotations

import doctest
import functools
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from papertrader.client import blocking, errors
from papertrader.client import updates as u
from papertrader.client.blocking import Client
from papertrader.client.losses import SHUT_OUT, SHUT_OUT_TRIES
from papertrader.core.orders import OrderEventKind, OrderState
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.kinds import Mechanism, Opcode, Status
from tests.client_accounts import START
from tests.client_kit import BlockingMarket


@pytest.fixture
def market() -> BlockingMarket:
    """A market with one user, ada."""
    market = BlockingMarket()
    market.add("ada", "correct horse")
    return market


def client_of(market: BlockingMarket, **options: object) -> Client:
    """A client of the scripted worker."""
    options = {"learn_workers": False, **market.options(), **options}
    return Client("127.0.0.1:2049", **options)


def logged_in(market: BlockingMarket, **options: object) -> Client:
    """A client that has logged in."""
    client = client_of(market, **options)
    client.login("ada", "correct horse")
    return client


def test_the_example_in_the_documentation_runs() -> None:
    """The doctest of the module is executed word for word."""
    market = BlockingMarket()
    connected = functools.partial(Client, **market.options())
    outcome = doctest.testmod(blocking, extraglobs={"Client": connected})
    assert outcome.attempted >= 1
    assert outcome.failed == 0


def test_register_login_and_account(market: BlockingMarket) -> None:
    """A new user registers, logs in and sees the starting cash."""
    with client_of(market) as client:
        registration = client.register("bob", "battery staple")
        assert registration.starting_cash == Decimal("100000")
        login = client.login("bob", "battery staple")
        assert login.account == registration.account
        assert client.account().username == "bob"
        assert client.account().created_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def test_goodbye_is_said_at_close(market: BlockingMarket) -> None:
    """Leaving the context sends GOODBYE with code 0."""
    with logged_in(market):
        pass
    assert market.peers[0].connection.goodbye is not None
    assert market.peers[0].connection.goodbye.code == 0


def test_typed_refusals(market: BlockingMarket) -> None:
    """Each refusal is an error of its own class, with the status and the server's sentence."""
    client = client_of(market)
    with pytest.raises(errors.AuthenticationFailed, match="wrong"):
        client.login("ada", "not the password")
    with pytest.raises(errors.UsernameTaken):
        client.register("ada", "battery staple")
    client.login("ada", "correct horse")
    with pytest.raises(errors.InsufficientCash) as caught:
        client.buy("AAPL", 1_000_000)
    assert caught.value.status == Status.INSUFFICIENT_CASH
    assert caught.value.code == "INSUFFICIENT_CASH"
    with pytest.raises(errors.NoSuchSymbol):
        client.buy("ZZZZ", 1)
    with pytest.raises(errors.NoSuchOrder):
        client.order(order_id=77)
    order = client.buy("AAPL", 1, client_order_id=5)
    with pytest.raises(errors.RefusedError) as twice:
        client.buy("AAPL", 1, client_order_id=5)
    assert twice.value.code == "DUPLICATE_ORDER"
    assert twice.value.order == order


def test_a_session_is_needed(market: BlockingMarket) -> None:
    """Without a login a command fails at once and nothing is sent."""
    with pytest.raises(errors.NotLoggedIn):
        client_of(market).portfolio()
    assert market.requests == []


@pytest.mark.parametrize("quantity", [1.5, True, None])
def test_amounts_that_are_not_exact_are_refused(market: BlockingMarket, quantity: object) -> None:
    """A float, a bool or nothing is no quantity, and the message says what is."""
    client = logged_in(market)
    with pytest.raises(TypeError, match="text, an integer or a Decimal"):
        client.buy("AAPL", quantity)
    with pytest.raises(ValueError, match="8 decimals"):
        client.buy("AAPL", "0.000000001")
    with pytest.raises(ValueError, match="not a valid symbol"):
        client.buy("not a symbol", 1)
    assert market.seen(Opcode.ORDER_NEW) == []


def test_multi_part_replies_are_put_together(market: BlockingMarket) -> None:
    """Lists that come in parts are one result, in order."""
    client = logged_in(market)
    assert [asset.symbol for asset in client.assets()] == ["AAPL", "IBM", "MSFT"]
    bars = client.bars("AAPL", "1d", from_time=date(2010, 1, 1), limit=5)
    assert len(bars) == 5
    assert [bar.time for bar in bars] == sorted(bar.time for bar in bars)
    assert bars.bars[0].close == Decimal("182.50")
    sent = market.bodies(Opcode.BARS_GET)[0]
    assert (sent.interval_s, sent.limit) == (86_400, 5)


@pytest.mark.parametrize("wrong", ["number", "total", "early"])
def test_a_broken_transfer_ends_the_connection(market: BlockingMarket, wrong: str) -> None:
    """Missing parts, wrong totals or an early end are a protocol fault, answered by GOODBYE."""
    client = logged_in(market)
    row = m.AssetRow(symbol="AAPL", currency="USD")
    part = m.AssetListPart(part=1, parts=1, rows=1, total_rows=1, assets=(row,))
    if wrong == "number":
        part.part = 2
    elif wrong == "total":
        part.total_rows = 3
    else:
        part.parts = 2
    correlation = market.requests[-1][0].correlation + 1
    market.plan(Opcode.ASSET_LIST, codec.encode(part, correlation=correlation))
    with pytest.raises(errors.ProtocolFault):
        client.assets()
    # The next call finds a new connection.
    assert client.account().username == "ada"
    assert market.peers[0].connection.goodbye.code == Status.PROTOCOL_STATE
    assert len(market.peers) == 2


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


def test_outcome_unknown_is_asked_again_with_the_same_number(market: BlockingMarket) -> None:
    """OUTCOME_UNKNOWN keeps the seq, since a copy may have been executed."""
    client = logged_in(market)
    market.plan(Opcode.ORDER_NEW, Status.OUTCOME_UNKNOWN, Status.MASTER_UNAVAILABLE)
    client.buy("AAPL", 1)
    assert [header.seq for header in market.seen(Opcode.ORDER_NEW)] == [1, 1, 1]


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
    market.plan(Opcode.RESUME, Status.SESSION_EXPIRED)
    with pytest.raises(errors.OutcomeUnknown):
        client.buy("AAPL", 1)
    with pytest.raises(errors.NotLoggedIn):
        client.portfolio()
    client.login("ada", "correct horse")
    assert len(client.orders()) == 1


def test_a_session_taken_over_is_told(market: BlockingMarket) -> None:
    """EV_SESSION(SESSION_TAKEN_OVER) ends the session here; nothing is resumed."""
    client = logged_in(market)
    client.subscribe_account()
    taken = m.SessionEvent(code=Status.SESSION_TAKEN_OVER)
    market.idle.append(lambda: market.peers[0]._event(taken))
    events = list(client.events(0.1))
    assert any(isinstance(e, u.SessionUpdate) and e.code == "SESSION_TAKEN_OVER" for e in events)
    assert market.seen(Opcode.RESUME) == []


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


def test_unsubscribe(market: BlockingMarket) -> None:
    """After unsubscribing no quote comes, and a reconnect does not bring it back."""
    client = logged_in(market)
    number = client.subscribe_quotes(["AAPL", "IBM"], snapshot=False)
    client.unsubscribe(number, ["IBM"])
    market.tick()
    events = [e.quote.symbol for e in client.events(0.1) if isinstance(e, u.QuoteUpdate)]
    assert events == ["AAPL"]
    client.unsubscribe(number)
    market.peers[0].drop()
    client.account()
    market.tick()
    assert not [e for e in client.events(0.1) if isinstance(e, u.QuoteUpdate)]
    with pytest.raises(ValueError, match="no subscription"):
        client.unsubscribe(number)


def test_history_and_portfolio_are_exact(market: BlockingMarket) -> None:
    """Bought and sold: amounts, cash and positions are exact decimals."""
    market.fill_at_once = True
    client = logged_in(market)
    client.buy("AAPL", "10")
    portfolio = client.portfolio()
    assert portfolio.cash == Decimal("98175")
    assert portfolio.positions[0].quantity == Decimal(10)
    assert portfolio.positions[0].unrealized_pnl == Decimal("-1.00")
    client.sell("AAPL", Decimal("10"))
    history = client.transactions()
    assert [t.amount for t in history] == [Decimal("-1825.00"), Decimal("1824.00")]
    assert history[-1].cash_after == Decimal("99999")
    assert history.next_after == 0
    assert client.portfolio().positions == ()
    assert START > 0


def test_lists_go_both_ways(market: BlockingMarket) -> None:
    """A page's ``next_after`` goes on the way that was begun."""
    market.fill_at_once = True
    client = logged_in(market)
    for _ in range(5):
        client.buy("AAPL", "1")
    for newest_first, numbers in ((False, [1, 2, 3, 4, 5]), (True, [5, 4, 3, 2, 1])):
        orders, transactions, after = [], [], 0
        for _ in range(3):
            page = client.orders(every=True, limit=2, after=after, newest_first=newest_first)
            rows = client.transactions(limit=2, after=after, newest_first=newest_first)
            assert page.next_after == rows.next_after
            orders += [each.order_id for each in page]
            transactions += [each.transaction for each in rows]
            after = page.next_after
        assert orders == transactions == numbers
        assert after == 0


def test_a_tag_comes_back_and_finds_its_order(market: BlockingMarket) -> None:
    """With the order, in lists and events; one that could not be a tag is not sent."""
    client = logged_in(market)
    client.subscribe_account()
    sent = client.buy("AAPL", "1", tag="swing / é")
    newest = client.sell("AAPL", "1", tag="swing / é")
    plain = client.buy("AAPL", "1")
    assert (sent.tag, plain.tag) == ("swing / é", "")
    assert client.order(tag="swing / é").order_id == newest.order_id
    assert [each.tag for each in client.orders()] == ["swing / é", "swing / é", ""]
    told = [each for each in client.events(0) if isinstance(each, u.OrderUpdate)]
    assert [each.order.tag for each in told] == ["swing / é", "swing / é", ""]
    sent_before = len(market.seen(Opcode.ORDER_NEW))
    for tag in ("two\nlines", "x" * 129):
        with pytest.raises(ValueError, match="tag"):
            client.buy("AAPL", "1", tag=tag)
    with pytest.raises(ValueError, match="not by both"):
        client.order(sent.order_id, tag="swing / é")
    assert len(market.seen(Opcode.ORDER_NEW)) == sent_before
