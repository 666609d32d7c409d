"""The link to the master: authentication, loss and return, and what becomes of requests."""

from __future__ import annotations

from itertools import pairwise

import pytest
from twisted.internet.error import ConnectionLost
from twisted.internet.testing import StringTransport
from twisted.logger import Logger, formatEvent
from twisted.python.failure import Failure

from papertrader.core.instants import SECOND
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import Opcode, RelayUpFlag, Status
from papertrader.worker.linkstate import TRANSITIONS, LinkState, LinkTransitionError
from papertrader.worker.upstream import BACKOFF_MAX_S, BACKOFF_MIN_S, IN_VAIN_S, LINK_WAIT_S
from tests.worker_kit import House, failure_of, login, subscribe


def house(**reply: object) -> House:
    """A worker whose link to the master is active."""
    it = House()
    it.connect_master(**reply)
    return it


def redial(it: House, **reply: object) -> None:
    """Let the worker come back."""
    it.advance(6)
    it.connect_master(**reply)


@pytest.mark.clause("15.1")
def test_the_worker_says_who_it_is() -> None:
    """WORKER_AUTH carries what the operator set, the real port and the next number."""
    it = House()
    it.connect_master(accept=False)
    assert it.worker.upstream.state is LinkState.AUTHENTICATING
    auth = it.accept()
    assert (auth.worker_id, auth.region, auth.host) == (11, 3, "localhost")
    assert (auth.listen_port, auth.next_worker_seq, auth.clients) == (2049, 1, 0)
    assert auth.listen_address == bytes(10) + b"\xff\xff\x7f\x00\x00\x01"
    assert auth.boot == it.worker.boot != 0
    assert it.worker.upstream.state is LinkState.ACTIVE


@pytest.mark.clause("15.10")
def test_every_pair_of_state_and_event_is_decided() -> None:
    """What the table does not name is a bug here, and raised as one."""
    it = House()
    events = {event for _, event in TRANSITIONS}
    for state in LinkState:
        for event in sorted(events):
            it.worker.upstream.state = state
            if (state, event) in TRANSITIONS:
                it.worker.upstream._happened(event)
                assert it.worker.upstream.state is TRANSITIONS[state, event]
            else:
                with pytest.raises(LinkTransitionError):
                    it.worker.upstream._happened(event)


@pytest.mark.clause("15.10")
def test_it_dials_again_with_growing_random_delays() -> None:
    """0.1 s to 5 s; a success begins anew."""
    it = House()
    upstream = it.worker.upstream
    delays = [upstream._backoff() for _ in range(12)]
    assert all(BACKOFF_MIN_S <= each <= BACKOFF_MAX_S for each in delays)
    assert delays[0] == BACKOFF_MIN_S
    assert min(delays[-4:]) >= BACKOFF_MAX_S / 2
    assert len(set(delays[-4:])) == 4


def test_a_refused_worker_keeps_trying_more_and_more_slowly() -> None:
    """WORKER_UNKNOWN closes the link; the next attempts do not hammer the master."""
    it = House()
    attempts = []
    for _ in range(60):
        if len(it.reactor.tcpClients) > it.dialled:
            attempts.append(it.reactor.seconds())
            master = it.connect_master(accept=False)
            ((header, _),) = master.take()
            master.send(
                codec.failure(
                    Opcode.WORKER_AUTH, Status.WORKER_UNKNOWN, correlation=header.correlation
                )
            )
            it.settle()
            assert master.goodbye is not None
        it.advance(0.5)
    assert it.worker.statistics.link_refusals == len(attempts)
    gaps = [later - earlier for earlier, later in pairwise(attempts)]
    assert 5 < len(attempts) < 20
    assert gaps[-1] >= 2.5


def test_it_says_why_no_link_comes_about() -> None:
    """A master that is reached and ends the connection, as over a certificate: once a minute."""
    it = House()
    told: list[str] = []
    it.worker.upstream.log = Logger(
        observer=lambda event: told.append(formatEvent(event)), source=it.worker.upstream
    )
    tried = 0
    for _ in range(2 * int(IN_VAIN_S) - 2):
        if len(it.reactor.tcpClients) > tried:
            tried = len(it.reactor.tcpClients)
            near = it.reactor.tcpClients[-1][2].buildProtocol(None)
            near.makeConnection(StringTransport())
            near.connectionLost(Failure(ConnectionLost("[('SSL routines', '', 'tls alert bad')]")))
        it.advance(1)
    said = [each for each in told if each.startswith("no link with the master came about: ")]
    assert len(said) == 2 < tried
    assert "came about: tls alert bad; papertrader doctor on both machines tells" in said[0]


@pytest.mark.parametrize(
    ("stepped", "status", "anew"),
    [
        (86_400, Status.CLOCK_SKEW, True),
        (-86_400, Status.CLOCK_SKEW, True),
        (1, Status.CLOCK_SKEW, False),
        (86_400, Status.WORKER_UNKNOWN, False),
    ],
)
def test_a_worker_with_a_stale_clock_begins_anew(stepped: int, status: Status, anew: bool) -> None:
    """Only if the master refuses its clock, and the system's was stepped since it began."""
    wall = [0]
    it = House()
    it.clock._wall_time_ns = lambda: it.clock.wall_ns() + wall[0]

    told: list[bool] = []
    it.worker.upstream.clock_is_stale = lambda: told.append(True)
    master = it.connect_master(accept=False)
    ((header, _),) = master.take()
    wall[0] = stepped * 10**9
    assert told == []
    master.send(codec.failure(Opcode.WORKER_AUTH, status, correlation=header.correlation))
    it.settle()
    assert told == [True] * anew


def test_a_master_that_does_not_answer_is_given_up() -> None:
    """WORKER_AUTH has a timeout; then the worker dials again."""
    it = House()
    master = it.connect_master(accept=False)
    it.advance(5)
    assert master.lost
    assert it.worker.upstream.state in (LinkState.LOST, LinkState.CONNECTING)
    redial(it)
    assert it.worker.upstream.state is LinkState.ACTIVE


def test_a_silent_master_is_noticed_within_five_seconds() -> None:
    """The keep-alive of the inner link is 2 s, a silence of 4.5 s its end."""
    it = house()
    it.master_wire.far.stalled = True
    it.advance(4)
    assert it.worker.upstream.state is LinkState.ACTIVE
    it.advance(0.5)
    assert it.worker.upstream.state is not LinkState.ACTIVE


def test_requests_that_wait_are_relayed_when_the_link_comes() -> None:
    """Never written, without a session: relayed in the order of arrival, not RESENT."""
    it = House()
    client = it.connect_client()
    it.ask(client, login(), correlation=1)
    it.ask(client, m.WorkerList(), correlation=2)
    it.advance(2)
    it.connect_master()
    frames = it.master.take()
    assert [type(each) for _, each in frames] == [m.ClientOpen, m.RelayUp, m.RelayUp]
    ups = [each for _, each in frames if isinstance(each, m.RelayUp)]
    assert [(up.worker_seq, up.flags) for up in ups] == [(1, 0), (2, 0)]
    assert ups[0].received_at < it.clock.wall_ns() - 1_000_000_000
    it.answer(ups[0], m.LoginReply(session=70), session=70)
    assert it.worker.clients.sessions == 1


@pytest.mark.clause("12.11")
def test_what_was_written_without_a_session_is_relayed_again() -> None:
    """Same envelope, same worker_seq, flag RESENT; the reply then arrives once."""
    it = house()
    client = it.connect_client()
    it.ask(client, login(), correlation=1)
    (before,) = it.relayed()
    it.cut_master()
    redial(it)
    (again,) = it.relayed()
    assert again.flags == RelayUpFlag.RESENT
    again.flags = before.flags
    assert again == before
    assert it.worker.statistics.resent == 1
    it.answer(again, m.LoginReply(session=70), session=70)
    assert len(client.frames) == 1


def test_what_the_master_acknowledged_but_did_not_answer_is_relayed_again_too() -> None:
    """An acknowledgement is not an answer."""
    it = house()
    client = it.connect_client()
    it.ask(client, login(), correlation=1)
    (up,) = it.relayed()
    it.master.send(codec.encode(m.RelayAck(ack_worker_seq=up.worker_seq)))
    it.settle()
    assert it.worker.upstream.unacknowledged == 0
    it.cut_master()
    redial(it)
    assert [each.worker_seq for each in it.relayed()] == [up.worker_seq]
    assert it.worker.upstream.unacknowledged == 1


@pytest.mark.clause("11.7", "12.11")
@pytest.mark.parametrize("same_master", [True, False])
def test_sessions_are_detached_by_a_loss_of_the_link(same_master: bool) -> None:
    """Open requests get SESSION_DETACHED, each client with a session the event; others nothing."""
    it = house()
    client, other = it.connect_client(), it.connect_client(port=4001)
    it.log_in(client)
    it.ask(client, m.OrderNew(symbol="A", quantity=1), correlation=5, session=77)
    assert len(it.relayed()) == 1
    it.cut_master()
    it.ask(client, m.AccountGet(), correlation=6, session=77)
    assert client.take() == []
    it.master_boot += not same_master
    it.advance(2)
    it.connect_master()
    frames = client.take()
    assert [failure_of(each) for each in frames[:2]] == [
        (5, Status.SESSION_DETACHED),
        (6, Status.SESSION_DETACHED),
    ]
    header, event = frames[2]
    assert isinstance(event, m.SessionEvent)
    assert (event.code, header.session, header.correlation) == (Status.SESSION_DETACHED, 77, 0)
    assert len(frames) == 3
    assert other.take() == []
    kinds = [type(each) for _, each in it.master.take()]
    assert kinds == [m.ClientOpen, m.ClientOpen]
    assert it.worker.clients.sessions == 0


def test_a_request_that_crossed_the_event_is_told_the_same() -> None:
    """With the old handle: SESSION_DETACHED; after RESUME the new one is good."""
    it = house()
    client = it.connect_client()
    it.log_in(client)
    it.cut_master()
    redial(it)
    client.take()
    it.master.take()
    it.ask(client, m.AccountGet(), correlation=6, session=77)
    assert failure_of(client.take()[0]) == (6, Status.SESSION_DETACHED)
    it.ask(client, m.Resume(), correlation=7)
    it.answer(it.relayed()[0], m.ResumeReply(session=78), session=78)
    client.take()
    it.ask(client, m.AccountGet(), correlation=8, session=78)
    assert len(it.relayed()) == 1


@pytest.mark.clause("12.12", "17.3")
def test_without_a_link_for_long_each_request_is_told_what_is_known() -> None:
    """MASTER_UNAVAILABLE if never written, OUTCOME_UNKNOWN if it was."""
    it = house()
    client = it.connect_client()
    it.log_in(client)
    it.ask(client, m.OrderNew(symbol="A", quantity=1), correlation=5, session=77)
    it.cut_master()
    it.advance(3)
    it.ask(client, m.OrderNew(symbol="B", quantity=1), correlation=6, session=77)
    it.advance(LINK_WAIT_S - 3.5)
    assert client.take() == []
    it.advance(1)
    assert [failure_of(each) for each in client.take()] == [(5, Status.OUTCOME_UNKNOWN)]
    it.advance(2)
    assert client.take() == []
    it.advance(1)
    assert [failure_of(each) for each in client.take()] == [(6, Status.MASTER_UNAVAILABLE)]
    assert it.worker.upstream.waiting == 0
    statistics = it.worker.statistics
    assert (statistics.outcome_unknown, statistics.unavailable) == (1, 1)
    it.connect_master()
    assert it.relayed() == []
    assert [type(each) for _, each in client.take()] == [m.SessionEvent]


def test_how_long_the_master_is_silent() -> None:
    """0 while the link is active, however long it lives; from its loss on the time since."""
    it = house()
    it.advance(3)
    assert it.worker.upstream.silent_ns == 0
    it.cut_master()
    it.advance(2)
    assert SECOND < it.worker.upstream.silent_ns <= 2 * SECOND
    it.advance(6)
    it.connect_master()
    assert it.worker.upstream.silent_ns == 0


def test_a_worker_that_never_had_a_master_answers_as_well() -> None:
    """From the start a request waits LINK_WAIT_S at most."""
    it = House()
    client = it.connect_client()
    it.advance(5)
    it.ask(client, login(), correlation=1)
    it.advance(LINK_WAIT_S - 0.5)
    assert client.take() == []
    it.advance(1)
    assert failure_of(client.take()[0]) == (1, Status.MASTER_UNAVAILABLE)


@pytest.mark.clause("15.3")
def test_a_client_that_leaves_during_the_loss_leaves_nothing() -> None:
    """Its requests are forgotten; the master hears only of the living."""
    it = house()
    client = it.connect_client()
    it.ask(client, login(), correlation=1)
    it.cut_master()
    it.ask(client, m.WorkerList(), correlation=2)
    client.wire.cut()
    it.settle()
    assert it.worker.upstream.waiting == 0
    redial(it)
    assert it.master.take() == []


@pytest.mark.clause("10.2", "15.6")
def test_the_window_bounds_what_is_not_acknowledged() -> None:
    """Above it: MASTER_UNAVAILABLE at once; an acknowledgement opens it."""
    it = house(relay_window=3)
    client = it.connect_client()
    it.log_in(client)  # answered with an acknowledgement
    for number in range(4):
        it.ask(client, m.AccountGet(), correlation=10 + number, session=77)
    assert [failure_of(each) for each in client.take()] == [(13, Status.MASTER_UNAVAILABLE)]
    ups = it.relayed()
    it.master.send(codec.encode(m.RelayAck(ack_worker_seq=ups[1].worker_seq)))
    it.settle()
    assert it.worker.upstream.unacknowledged == 1
    it.ask(client, m.AccountGet(), correlation=20, session=77)
    assert len(it.relayed()) == 1


@pytest.mark.clause("15.6")
def test_the_window_bounds_what_waits_for_the_link() -> None:
    """New frames during a loss wait within the window only."""
    it = house(relay_window=2)
    client = it.connect_client()
    it.cut_master()
    for number in range(1, 4):
        it.ask(client, login(), correlation=number)
    assert [failure_of(each) for each in client.take()] == [(3, Status.MASTER_UNAVAILABLE)]
    assert it.worker.upstream.waiting == 2


def test_what_is_kept_for_relaying_again_is_bounded_in_octets() -> None:
    """Large frames without a session cannot fill the memory: SERVER_BUSY."""
    it = house()
    octets = codec.frame(1, 0x0466, bytes(60_000), correlation=1)
    allowed = limits.RELAY_WINDOW_OCTETS // (len(octets) + 86)
    refused = 0
    for port in range(allowed // 60 + 1):
        client = it.connect_client(f"192.0.2.{port + 1}", port)
        for number in range(1, 61):
            client.send(codec.frame(1, 0x0466, bytes(60_000), correlation=number))
            it.settle()
            for up in it.relayed():
                it.master.send(codec.encode(m.RelayAck(ack_worker_seq=up.worker_seq)))
            it.settle()
        refused += [header.status for header, _ in client.frames].count(Status.SERVER_BUSY)
    assert it.worker.statistics.frames_up == allowed
    assert refused == (allowed // 60 + 1) * 60 - allowed


@pytest.mark.clause("15.8")
def test_the_clock_of_the_master_is_measured() -> None:
    """PINGs every 2 s; the offset is that of the quickest answer."""
    it = house()
    it.advance(4)
    assert it.worker.upstream.offset_ns == 0
    assert it.worker.upstream._link is not None
    assert it.worker.upstream._link._ping_token == 3


@pytest.mark.clause("15.9")
def test_stats_are_sent_as_often_as_the_master_wants() -> None:
    """WORKER_STATS with the worker's counters; none while the link is lost."""
    it = house(stats_every_s=2)
    client = it.connect_client()
    it.log_in(client)
    it.advance(5)
    stats = it.told(m.WorkerStats)
    assert len(stats) == 2
    assert (stats[0].clients, stats[0].sessions) == (1, 1)
    assert (stats[0].frames_up, stats[0].frames_down) == (1, 1)
    assert stats[0].link == (m.LinkRow(),)
    it.master.send(codec.frame(3, 0x7099, bytes(10), flags=2))
    it.master.send(codec.encode(m.RelayDown(connection=99, inner=codec.encode(m.LogoutReply()))))
    it.master.send(b"no frame")
    it.settle()
    redial(it, stats_every_s=2)
    it.advance(3)
    assert it.told(m.WorkerStats)[-1].link == (m.LinkRow(losses=1, unknown_frames=1, strays=1),)


@pytest.mark.clause("7.8")
def test_an_unknown_notice_of_a_newer_master_is_ignored() -> None:
    """Unknown events are counted, unknown requests answered; the link lives."""
    it = house()
    it.master.send(codec.frame(3, 0x7099, bytes(10), flags=2))
    it.master.send(codec.frame(3, 0x7098, bytes(10), correlation=6))
    it.settle()
    assert [failure_of(each) for each in it.master.take()] == [(6, Status.UNKNOWN_OPCODE)]
    assert it.worker.statistics.unknown_frames == 2
    assert it.worker.upstream.state is LinkState.ACTIVE


@pytest.mark.parametrize(
    "octets",
    [
        b"garbage that is no frame at all, not even close to one",
        codec.encode(m.RelayDown(connection=1, inner=bytes(32))),
        codec.encode(
            m.RelayDown(connection=1, inner=b"PT\x01\x01" + bytes(3) + b"\x05" + bytes(24))
        ),
        codec.frame(3, Opcode.RELAY_DOWN, bytes(10), flags=2),
        codec.encode(m.TopicPublish(kind=1, frames=1, inner=bytes(40))),
    ],
)
def test_a_broken_master_loses_the_link_and_the_clients_live(octets: bytes) -> None:
    """The fault is said in one GOODBYE; clients keep their connections."""
    it = house()
    client = it.connect_client()
    it.log_in(client)
    it.master.send(octets)
    it.settle()
    assert it.master.goodbye is not None
    assert it.worker.statistics.link_losses == 1
    assert not client.lost
    redial(it)
    assert it.worker.upstream.state is LinkState.ACTIVE


def test_interest_is_told_anew_after_a_loss() -> None:
    """Subscribed symbols are followed on while the clients resume."""
    it = house()
    client = it.connect_client()
    it.log_in(client)
    it.ask(client, subscribe("A"), correlation=9, session=77)
    assert [(each.symbol, each.add) for each in it.told(m.TopicInterest)] == [("A", True)]
    it.cut_master()
    redial(it)
    assert [(each.symbol, each.add) for each in it.told(m.TopicInterest)] == [("A", True)]
    it.advance(59)
    assert it.told(m.TopicInterest) == []
    it.advance(2)
    assert [(each.symbol, each.add) for each in it.told(m.TopicInterest)] == [("A", False)]
