"""Worker Management: who is let in, what is believed of a worker, who gets which quotes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.protocol import Factory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.test.iosim import connectedServerAndClient

from papertrader.core.instants import MILLISECOND, SECOND
from papertrader.master.clockbound import FIRST_ERROR, OFFSETS_KEPT, ClockBound
from papertrader.master.workerlink import STAMP_AGE_MAX
from papertrader.net.credentials import PeerIdentity
from papertrader.net.tls import inner_client_factory, inner_server_factory
from papertrader.ops.certificates import (
    authority_file,
    certificate_files,
    issue_master,
    issue_worker,
    make_authority,
)
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import ClosedBy, FrameFlag, Opcode, RelayUpFlag, Status, TopicKind
from tests.link_kit import Peer
from tests.master_kit import MasterKit
from tests.wire.frames import frames_in
from tests.yard_kit import (
    BAD,
    LOGIN,
    REGISTER,
    TOLERANCE,
    UUIDS,
    Worker,
    Yard,
    enroll,
    spki,
    worker_link,
)


@pytest.fixture
def yard(kit: MasterKit) -> Yard:
    """A master with two registered workers."""
    return Yard(kit)


# --- coming in -----------------------------------------------------------------------------------


def test_a_registered_worker_is_let_in_and_relays(yard: Yard) -> None:
    """WORKER_AUTH, then commands go up and answers come down with their acknowledgement."""
    worker = yard.join()
    assert worker.reply.relay_window == limits.RELAY_WINDOW_FRAMES
    assert worker.reply.master_boot == yard.kit.main.workers.boot
    assert worker.ask(REGISTER).status == 0
    assert worker.down.connection == 1
    assert worker.down.ack_worker_seq == 1
    assert worker.down.accepted_at >= worker.peer.clock.wall_ns()
    assert worker.ask(LOGIN, connection=44).status == 0
    assert worker.down.connection == 44


@pytest.mark.parametrize("wrong", ["no certificate", "key", "name", "number", "booted out"])
def test_an_unknown_worker_is_refused(yard: Yard, wrong: str) -> None:
    """T-30: key, name and number must be those of one registered, active worker. Clause 15.1."""
    worker = yard.connect(1, key=spki(3) if wrong == "key" else b"")
    if wrong == "no certificate":
        yard.identities[worker.link] = None
    elif wrong == "name":
        yard.identities[worker.link] = PeerIdentity(uuid=UUIDS[1], spki=spki(1))
    elif wrong == "booted out":
        yard.kit.main.store.db.execute_sql("UPDATE worker SET active = 0 WHERE id = 1")
        yard.kit.main.workers.load(yard.kit.main.store.db)
    header = worker.authenticate(number=2 if wrong == "number" else 1)
    assert header.status == Status.WORKER_UNKNOWN
    assert worker.goodbye == Status.WORKER_UNKNOWN
    assert yard.kit.main.workers.links() == []
    assert yard.kit.main.commands == 0


def test_only_a_running_master_admits(kit: MasterKit) -> None:
    """The check within TLS: a registered pair of key and name, while the master runs."""
    enroll(kit, (spki(1), UUIDS[0]), (spki(2), UUIDS[1]))
    assert kit.main.admitted(spki(1), UUIDS[0])
    assert not kit.main.admitted(spki(1), UUIDS[1])
    assert not kit.main.admitted(spki(9), UUIDS[0])
    kit.stop()
    assert not kit.main.admitted(spki(1), UUIDS[0])
    kit.boot()


@pytest.mark.parametrize("good", [True, False])
def test_over_real_tls(kit: MasterKit, tmp_path: Path, good: bool) -> None:
    """The certificate names the worker; one whose key is not registered stays outside."""
    state, now = tmp_path / "ca", datetime.now(UTC)
    state.mkdir()
    make_authority(state, now=now)
    issue_master(state, now=now)
    issued = issue_worker(state, "worker-1", UUIDS[0], now=now)
    enroll(kit, (issued.spki if good else spki(1), UUIDS[0]))
    authority = authority_file(state)
    server = inner_server_factory(authority, *certificate_files(state, "master"), kit.main.admitted)
    client = inner_client_factory(authority, *certificate_files(state, "worker-1"))
    link = kit.main.workers.new_link()
    peer = Peer(worker_link(), kit.clock)

    def end(creator: Any, protocol: Any, is_client: bool) -> Callable[[], Any]:
        factory = Factory.forProtocol(lambda: protocol)
        return lambda: TLSMemoryBIOFactory(creator, is_client, factory, kit.reactor).buildProtocol(
            None
        )

    _, _, pump = connectedServerAndClient(
        end(server, link, False), end(client, peer, True), greet=False, clock=kit.reactor
    )
    for _ in range(10):
        kit.turn()
        pump.flush()
    if not good:
        assert peer.lost
        assert peer.raw == b""
        return
    peer.send(
        codec.encode(m.WorkerAuth(worker_id=1, boot=5, clock=kit.clock.wall_ns()), correlation=1)
    )
    for _ in range(10):
        kit.turn()
        pump.flush()
    assert peer.take()[0][0].status == 0
    assert [each.worker_id for each in kit.main.workers.links()] == [1]


@pytest.mark.parametrize(
    "first",
    [
        m.RelayUp(
            received_at=1, worker_seq=1, connection=1, inner=codec.encode(REGISTER, correlation=1)
        ),
        m.ClientOpen(connection=1),
        m.TopicInterest(symbol="AAPL", add=True),
        m.WorkerStats(),
    ],
    ids=lambda each: type(each).__name__,
)
def test_nothing_comes_before_worker_auth(yard: Yard, first: Any) -> None:
    """Anything else first closes the link. Clause 15.1."""
    worker = yard.connect()
    worker.send(first)
    assert worker.goodbye == Status.PROTOCOL_STATE
    assert yard.kit.main.commands == 0


@pytest.mark.parametrize(
    "frame",
    [m.WorkerAuth(worker_id=1), m.RelayAck(), LOGIN, m.TopicPublish(kind=1, inner=b"x" * 40)],
)
def test_what_a_worker_may_not_send(yard: Yard, frame: Any) -> None:
    """Frames of the other direction, of clients, or a second WORKER_AUTH close the link."""
    worker = yard.join()
    worker.send(frame, correlation=3)
    assert worker.goodbye == Status.OPCODE_FORBIDDEN


@pytest.mark.parametrize(("ahead", "good"), [(29, True), (-29, True), (31, False), (-31, False)])
def test_a_clock_that_is_far_off_is_refused(yard: Yard, ahead: int, good: bool) -> None:
    """Beyond SKEW_MAX: CLOCK_SKEW. Clause 15.1."""
    worker = yard.connect(ahead=ahead * SECOND)
    header = worker.authenticate()
    assert header.status == (0 if good else Status.CLOCK_SKEW)
    assert worker.goodbye == (-1 if good else Status.CLOCK_SKEW)


@pytest.mark.parametrize(
    ("ahead", "stepped", "anew"),
    [
        (86_400, 86_400, True),
        (-86_400, -86_400, True),
        (86_400, 0, False),
        (86_400, -86_400, False),
        (1, 86_400, False),
    ],
)
def test_a_master_with_a_stale_clock_begins_anew(
    yard: Yard, ahead: int, stepped: int, anew: bool
) -> None:
    """Only if the system's clock was stepped since, and the worker that is refused goes by it."""
    told: list[bool] = []
    yard.kit.main.workers.clock_is_stale = lambda: told.append(True)
    clock = yard.kit.clock
    clock._wall_time_ns = lambda: clock.wall_ns() + stepped * SECOND
    before = yard.join(2)
    worker = yard.connect(ahead=ahead * SECOND)
    worker.authenticate()
    assert told == [True] * anew
    assert before.goodbye == -1


def test_a_worker_that_lost_its_link_comes_again_at_once(yard: Yard) -> None:
    """Clause 15.18: with the same boot the older link is dead; its sessions are detached."""
    older = yard.join()
    older.ask(REGISTER)
    session = older.ask(LOGIN).session
    newer = yard.join()
    older.settle()
    assert older.wire.near.aborted
    assert yard.kit.main.workers.links() == [newer.link]
    assert newer.ask(m.PortfolioGet(), session=session).status == Status.SESSION_DETACHED
    other = yard.join(2)
    assert set(yard.kit.main.workers.links()) == {newer.link, other.link}
    newer.wire.cut()
    assert yard.kit.main.workers.links() == [other.link]
    assert yard.kit.main.workers.duplicates.counts.total() == 0


def test_of_two_living_links_the_older_stays(yard: Yard) -> None:
    """T-31, clause 15.18: it answers a PING; the newcomer is turned away, and both are noted."""
    older = yard.join()
    thief = yard.connect()
    thief.send(m.WorkerAuth(worker_id=1, boot=6, clock=thief.peer.clock.wall_ns()), correlation=1)
    assert thief.take() == []
    older.settle()
    thief.settle()
    (reply,) = (header for header, _ in thief.peer.take())
    assert reply.status == thief.goodbye == Status.WORKER_DUPLICATE
    assert yard.kit.main.workers.links() == [older.link]
    assert older.ask(BAD).status == Status.AUTH_FAILED
    assert yard.kit.main.workers.duplicates.counts[1] == 1
    kinds = [row[0] for row in yard.kit.main.store.db.execute_sql("SELECT kind FROM audit")]
    assert kinds.count("worker duplicate") == 1


def test_a_dead_link_makes_room(yard: Yard) -> None:
    """T-31: the older link does not answer within DUPLICATE_PING_S; until then it waits."""
    older = yard.join()
    older.wire.far.stalled = True
    newer = yard.connect()
    newer.send(m.WorkerAuth(worker_id=1, boot=6, clock=newer.peer.clock.wall_ns()), correlation=1)
    yard.kit.turn(limits.DUPLICATE_PING_S - 0.2)
    newer.settle()
    assert yard.kit.main.workers.links() == [older.link]
    yard.kit.turn(0.4)
    newer.settle()
    assert yard.kit.main.workers.links() == [newer.link]
    assert older.wire.near.aborted


def test_who_waits_for_room_may_say_nothing(yard: Yard) -> None:
    """A second WORKER_AUTH while the first is undecided is a fault."""
    older = yard.join()
    newer = yard.connect()
    hello = m.WorkerAuth(worker_id=1, boot=6, clock=newer.peer.clock.wall_ns())
    newer.send(hello, correlation=1)
    newer.send(hello, correlation=2)
    assert newer.goodbye == Status.PROTOCOL_STATE
    yard.kit.turn(limits.DUPLICATE_PING_S + 1)
    assert yard.kit.main.workers.links() == [older.link]


@pytest.mark.clause("15.2")
def test_numbers_are_remembered_per_boot(yard: Yard) -> None:
    """R11: WORKER_AUTH's reply says the highest number taken since that boot, 0 for another."""
    worker = yard.join()
    for _ in range(3):
        worker.ask(BAD)
    worker.relay(codec.encode(BAD, correlation=1), seq=2, flags=RelayUpFlag.RESENT)
    worker.wire.cut()
    again = yard.join()
    assert again.reply.last_worker_seq == 3
    again.wire.cut()
    other = yard.connect()
    other.authenticate(boot=6)
    assert other.reply.last_worker_seq == 0


def test_relays_are_acknowledged_without_answers(yard: Yard) -> None:
    """RELAY_ACK follows soon when nothing goes down that could carry it. Clause 15.6."""
    worker = yard.join()
    worker.ask(REGISTER)
    session = worker.ask(LOGIN).session
    gone = codec.encode(m.PortfolioGet(), session=session, correlation=5)
    yard.kit.main.running = False
    worker.relay(gone)
    yard.kit.main.running = True
    worker.take()
    yard.kit.turn(0.1)
    worker.settle()
    acks = worker.take(m.RelayAck)
    assert [each.ack_worker_seq for each in acks] in ([3], [])
    assert worker.link._acked == 3


# --- stamps --------------------------------------------------------------------------------------


@pytest.mark.clause("15.8")
def test_the_bound_of_a_clock_is_its_best_measurement() -> None:
    """As in NTP: of the last eight the one with the shortest way; before the first, a second."""
    bound = ClockBound(5 * SECOND)
    assert bound.allows(100 * SECOND + 5 * SECOND + FIRST_ERROR + TOLERANCE, 100 * SECOND, 0)
    assert not bound.allows(
        100 * SECOND + 5 * SECOND + FIRST_ERROR + TOLERANCE + 1, 100 * SECOND, 0
    )
    bound.measured(0, 5 * SECOND + 40 * MILLISECOND, 80 * MILLISECOND)
    assert (bound.offset, bound.error) == (5 * SECOND, 40 * MILLISECOND)
    bound.measured(0, 5 * SECOND + 900 * MILLISECOND, SECOND)
    assert (bound.offset, bound.error) == (5 * SECOND, 40 * MILLISECOND)
    bound.measured(0, 5 * SECOND + 12 * MILLISECOND, 20 * MILLISECOND)
    assert (bound.offset, bound.error) == (5 * SECOND + 2 * MILLISECOND, 10 * MILLISECOND)
    for _ in range(OFFSETS_KEPT):
        bound.measured(0, 6 * SECOND + 50 * MILLISECOND, 100 * MILLISECOND)
    assert (bound.offset, bound.error) == (6 * SECOND, 50 * MILLISECOND)


@given(
    offset=st.integers(-20 * SECOND, 20 * SECOND),
    up=st.integers(0, SECOND),
    down=st.integers(0, SECOND),
    age=st.integers(0, STAMP_AGE_MAX),
)
def test_an_honest_stamp_is_always_allowed(offset: int, up: int, down: int, age: int) -> None:
    """Whatever the offset and the ways of the measurement."""
    bound = ClockBound(0)
    sent = 1_000 * SECOND
    bound.measured(sent, sent + up + offset, sent + up + down)
    assert abs(bound.offset - offset) <= bound.error + 1
    now = sent + 10 * SECOND
    assert bound.allows(now - age + offset, now, STAMP_AGE_MAX)


def test_pings_measure_the_worker(yard: Yard) -> None:
    """A worker that is 3 s ahead is known to be, within the time that a PING takes. Clause 15.8."""
    worker = yard.join(ahead=3 * SECOND)
    for _ in range(3):
        yard.kit.turn(1.0)
        worker.settle()
    assert abs(worker.link.bound.offset - 3 * SECOND) <= worker.link.bound.error + MILLISECOND
    assert worker.link.bound.error < 100 * MILLISECOND
    assert worker.ask(BAD).status == Status.AUTH_FAILED


def test_stamps_from_the_future_are_clamped_or_refused(yard: Yard) -> None:
    """T-32: what is believed is never later than now; what cannot be honest is CLOCK_SKEW."""
    worker = yard.join()
    worker.ask(REGISTER)
    session = worker.ask(LOGIN).session
    order = m.OrderNew(client_order_id=1, symbol="AAPL", quantity=10**8)
    now = yard.kit.clock.wall_ns()
    frame = codec.encode(order, session=session, correlation=5, seq=1)
    # No PING has measured the clock by less than this.
    worker.relay(frame, at=now + TOLERANCE)
    ((_, reply),) = [codec.decode(each.inner) for each in worker.take(m.RelayDown)]
    assert now <= reply.received_at < yard.kit.clock.stamp_ns()
    assert reply.received_at <= reply.accepted_at
    refused = yard.kit.main.commands
    assert worker.ask(BAD, at=now + 2 * SECOND).status == Status.CLOCK_SKEW
    assert yard.kit.main.commands == refused
    assert worker.link.stamps_refused == 1


def test_old_stamps_are_refused_unless_sent_again(yard: Yard) -> None:
    """5 s for a frame to be done, 15 s to be believed; 60 s for one that is RESENT."""
    worker = yard.join()
    now = yard.kit.clock.wall_ns()
    bound = FIRST_ERROR + TOLERANCE
    resent = int(RelayUpFlag.RESENT)
    assert worker.ask(BAD, at=now - 4 * STAMP_AGE_MAX - bound - 1, flags=resent).status == (
        Status.CLOCK_SKEW
    )
    assert worker.ask(BAD, at=now - 4 * STAMP_AGE_MAX, flags=resent).status == Status.AUTH_FAILED
    assert worker.ask(BAD, at=now - STAMP_AGE_MAX - bound - SECOND).status == Status.CLOCK_SKEW
    assert worker.ask(BAD, at=now - STAMP_AGE_MAX).status == Status.EXPIRED
    assert worker.ask(BAD, at=now - 4 * SECOND).status == Status.AUTH_FAILED


@pytest.mark.clause("15.8")
def test_stamps_only_rise(yard: Yard) -> None:
    """An equal or an earlier stamp is refused; a frame that is RESENT may be earlier."""
    worker = yard.join()
    now = worker.stamp()
    assert worker.ask(BAD, at=now).status == Status.AUTH_FAILED
    assert worker.ask(BAD, at=now).status == Status.CLOCK_SKEW
    assert worker.ask(BAD, at=now - 1).status == Status.CLOCK_SKEW
    assert worker.ask(BAD, at=now - 1, flags=RelayUpFlag.RESENT).status == Status.AUTH_FAILED
    assert worker.ask(BAD, at=now).status == Status.CLOCK_SKEW
    assert worker.ask(BAD, at=now + 1).status == Status.AUTH_FAILED


# --- damage --------------------------------------------------------------------------------------


INNER = codec.encode(REGISTER, correlation=9)


@pytest.mark.parametrize(
    "inner",
    [
        INNER[:-1],
        INNER + b"x",
        b"XX" + INNER[2:],
        INNER[:4] + struct.pack(">I", 2**31) + INNER[8:],
        bytes(32),
        b"\xff" * 64,
    ],
    ids=["cut", "longer", "magic", "length", "zeros", "ones"],
)
def test_a_damaged_frame_inside_closes_the_link_only(yard: Yard, inner: bytes) -> None:
    """T-36: the link goes, the master stays, nothing is done; the next link works."""
    worker = yard.join()
    worker.relay(inner)
    assert worker.goodbye > 0
    assert yard.kit.main.commands == 0
    assert yard.join().ask(REGISTER).status == 0


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(at=st.integers(0, 200), value=st.integers(0, 255), cut=st.integers(0, 60))
def test_damaged_relays_never_disturb_the_master(yard: Yard, at: int, value: int, cut: int) -> None:
    """One changed octet and a cut anywhere in RELAY_UP: answered, refused or closed; no error."""
    worker = yard.join()
    inner = codec.encode(m.Logout(), session=3, correlation=9)
    whole = codec.encode(
        m.RelayUp(received_at=worker.stamp(), worker_seq=1, connection=1, inner=inner)
    )
    octets = bytearray(whole[: len(whole) - cut] if cut % 3 == 0 else whole)
    octets[at % len(octets)] = value
    octets[4:8] = struct.pack(">I", len(octets) - limits.HEADER_SIZE)
    worker.peer.send(bytes(octets))
    worker.settle()
    assert yard.kit.main.internal_errors == 0
    assert worker.goodbye != Status.INTERNAL
    worker.wire.cut()


# --- clients -------------------------------------------------------------------------------------


def test_the_end_of_a_client_reaches_its_session(yard: Yard) -> None:
    """A clean CLIENT_CLOSE ends what is not remembered; any other only detaches."""
    worker = yard.join()
    worker.ask(REGISTER)
    sessions = yard.kit.main.authorization.sessions
    login = attrs.evolve(LOGIN, remember=False)
    for connection, by, code, left in (
        (1, ClosedBy.CLIENT, 0, 0),
        (2, ClosedBy.CLIENT, Status.SLOW_CONSUMER, 1),
        (3, ClosedBy.WORKER, 0, 2),
    ):
        worker.send(m.ClientOpen(connection=connection))
        assert worker.ask(login, connection=connection).status == 0
        assert len(worker.link.clients) == 1
        worker.send(m.ClientClose(connection=connection, by=by, code=code))
        assert len(worker.link.clients) == 0
        assert len(sessions) == left


def test_a_client_can_be_closed_from_here(yard: Yard) -> None:
    """CLIENT_CLOSE by the master."""
    worker = yard.join()
    worker.link.close_client(4, Status.BOOTED, "by the operator")
    worker.settle()
    (close,) = worker.take(m.ClientClose)
    assert (close.connection, close.code, close.by) == (4, Status.BOOTED, ClosedBy.MASTER)


def test_a_stopping_master_says_goodbye(yard: Yard) -> None:
    """SHUTDOWN with a time to come back."""
    worker = yard.join()
    yard.kit.stop()
    worker.wire.flush()
    assert worker.goodbye == Status.SHUTDOWN
    assert worker.peer.goodbye is not None
    assert worker.peer.goodbye.retry_after_ms > 0
    yard.kit.boot()


# --- quotes --------------------------------------------------------------------------------------


def interest(symbol: str, add: bool = True, kind: TopicKind = TopicKind.QUOTE) -> m.TopicInterest:
    """Say that a worker wants, or wants no more."""
    return m.TopicInterest(kind=kind, symbol=symbol, add=add)


def quotes(worker: Worker) -> list[str]:
    """The symbols of the quotes published to a worker since the last look."""
    found = []
    for publish in worker.take(m.TopicPublish):
        frames = list(frames_in(publish.inner))
        assert len(frames) == publish.frames
        for header, made in frames:
            assert (header.opcode, header.session, header.correlation) == (Opcode.EV_QUOTE, 0, 0)
            assert header.flags & FrameFlag.EVENT
            assert isinstance(made, m.QuoteEvent)
            found.append(made.symbol)
    return found


def test_quotes_go_to_the_workers_that_want_them(yard: Yard) -> None:
    """The newest at once, then each new one, until it is not wanted any more. Clause 15.7."""
    first, second = yard.join(1), yard.join(2)
    first.send(interest("AAPL"))
    second.send(interest("MSFT"))
    assert (quotes(first), quotes(second)) == (["AAPL"], ["MSFT"])
    first.send(interest("MSFT"))
    quotes(first)
    yard.kit.turn(0.3)
    first.settle()
    second.wire.flush()
    assert sorted(quotes(first)) == ["AAPL", "MSFT"]
    assert quotes(second) == ["MSFT"]
    first.send(interest("AAPL", add=False))
    second.wire.cut()
    yard.kit.turn(0.3)
    first.settle()
    assert quotes(first) == ["MSFT"]


def test_no_worker_can_make_the_master_remember_what_does_not_exist(yard: Yard) -> None:
    """Interest in symbols that are not in the market, or given up, leaves nothing behind."""
    worker = yard.join()
    for number in range(50):
        worker.send(interest(f"X{number}"))
        worker.send(interest(f"Y{number}", add=False))
    worker.send(interest("AAPL", kind=TopicKind.BAR))
    assert yard.kit.main.workers._topics == {}
    worker.send(interest("AAPL"))
    assert list(yard.kit.main.workers._topics) == ["AAPL"]
    worker.send(interest("AAPL", add=False))
    assert yard.kit.main.workers._topics == {}
    worker.send(interest("AAPL"))
    worker.wire.cut()
    assert yard.kit.main.workers._topics == {}


# --- listing -------------------------------------------------------------------------------------


def test_clients_are_told_of_the_workers(yard: Yard) -> None:
    """Address, region and load of each that is up; region 0 asks for all."""
    first = yard.connect(1)
    first.authenticate(host="one.example.org", listen_port=2049, region=3)
    second = yard.connect(2)
    second.authenticate(host="two.example.org", listen_port=2050, region=4)
    for connection in range(1, 51):
        second.send(m.ClientOpen(connection=connection))
    first.ask(REGISTER)
    session = first.ask(LOGIN).session

    def listing(region: int) -> dict[str, m.WorkerRow]:
        assert first.ask(m.WorkerList(region=region), session=session).status == 0
        return {row.host: row for row in first.answer.workers}

    rows = listing(0)
    assert set(rows) == {"one.example.org", "two.example.org"}
    assert (rows["two.example.org"].port, rows["two.example.org"].load) == (2050, 25)
    assert set(listing(4)) == {"two.example.org"}
    assert listing(9) == {}
    second.wire.cut()
    assert set(listing(0)) == {"one.example.org"}


def test_what_waited_for_a_commit_leaves_with_it(kit: MasterKit) -> None:
    """All replies of a commit in one write, and not a turn of the reactor later."""
    yard = Yard(kit)
    worker = yard.join()
    journal, link = kit.main.journal, worker.link
    frame = codec.encode(m.AccountGet())
    seen: list[int] = []
    tell = journal.told

    def told() -> None:
        seen.append(link.counters.writes)
        tell()
        seen.append(link.counters.writes)

    journal.told = told
    journal.change(lambda db: None)
    for connection in (1, 2, 3):
        journal.when_durable(lambda connection=connection: link.relay(connection, frame))  # type: ignore[misc]
    kit.turn()
    assert seen[1] == seen[0] + 1
    worker.settle()
    assert [each.connection for each in worker.take(m.RelayDown)] == [1, 2, 3]
    assert link.counters.writes == seen[1]
