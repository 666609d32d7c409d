"""Floods: what asks too much costs little, gets no more than its share, and changes nothing."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from papertrader.net.clock import Clock
from papertrader.net.handshakes import EARLY_MAX, STEPS_PER_TURN, HandshakeQueue, PacedFactory
from papertrader.net.tls import public_server_factory
from papertrader.ops.certificates import (
    authority_file,
    certificate_files,
    issue_worker_public,
    make_authority,
)
from papertrader.wire import codec, kinds, limits
from papertrader.wire import messages as m
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import Status
from papertrader.worker.clients import REFUSED_MAX
from tests.link_kit import WALL_NS, MeteredTransport
from tests.tls_kit import library_side
from tests.worker_kit import ClientPeer, House

HERE = "192.0.2.1"


def house_and_client() -> tuple[House, ClientPeer]:
    """A worker with a master, and one client that has a session."""
    house = House()
    house.connect_master()
    client = house.connect_client(HERE)
    house.log_in(client)
    return house, client


def requests(count: int, first: int = 100) -> bytes:
    """Return many requests that look as they should."""
    return b"".join(
        codec.encode(m.PortfolioGet(), session=77, correlation=first + n) for n in range(count)
    )


def test_a_flood_of_requests_is_not_listened_to() -> None:
    """The master sees no more than the rate, few are refused, and the reading stops meanwhile."""
    house, client = house_and_client()
    client.send(requests(2_000))
    house.settle()
    assert not client.wire.near.reading
    refused = [header for header, _ in client.take() if header.status]
    assert len(refused) <= REFUSED_MAX + limits.COMMAND_BURST
    assert len(house.relayed()) <= limits.INFLIGHT_MAX
    assert not client.lost
    written = len(client.raw)
    house.advance(3.0)
    replies = house.worker.statistics.refused
    assert replies <= 3 * limits.COMMAND_RATE * 2 + REFUSED_MAX + limits.COMMAND_BURST
    assert len(client.raw) - written < 64 * 1024


def test_so_many_refusals_in_a_second_are_answered() -> None:
    """One less, and it is listened to still."""
    house, client = house_and_client()
    refused, sent = 0, 0
    while client.wire.near.reading:
        assert refused < REFUSED_MAX
        sent += 1
        client.send(requests(1, 100 + sent))
        house.settle()
        refused += sum(header.status == Status.RATE_LIMITED for header, _ in client.take())
        for request in list(client.near.open.values()):
            client.near.give_up(request, Status.SERVER_BUSY, "")
        client.take()
    assert refused == REFUSED_MAX


def test_who_stops_flooding_is_listened_to_again() -> None:
    """What waited is dealt with at the rate allowed, in its order; then all is as before."""
    house, client = house_and_client()
    client.send(requests(150))
    house.settle()
    house.advance(4.0)
    assert client.wire.near.reading
    house.relayed()
    numbers = [header.correlation for header, _ in client.take() if header.status]
    assert numbers == sorted(numbers)
    for request in list(client.near.open.values()):
        client.near.give_up(request, Status.SERVER_BUSY, "")
    house.ask(client, m.PortfolioGet(), correlation=9_000, session=77)
    assert [codec.parse_header(up.inner).correlation for up in house.relayed()] == [9_000]


def test_a_flood_disturbs_nobody_else() -> None:
    """Another client is answered as if there were none."""
    house, client = house_and_client()
    other = house.connect_client("192.0.2.9")
    client.send(requests(3_000))
    house.ask(other, m.Login(username="bob", password="correct horse"), correlation=5)
    assert house.relayed()[-1].connection == 2


@pytest.mark.parametrize("flood", ["ping", "hello", "cancel"])
def test_control_floods_are_cut(flood: str) -> None:
    """Beyond the bucket of control frames it is over, with little written and nothing relayed."""
    house, client = house_and_client()
    before = len(client.raw)
    frame = {
        "ping": codec.encode(m.Ping(token=1), correlation=9),
        "hello": codec.encode(
            m.Hello(min_version=1, max_version=1, role=kinds.Role.CLIENT, revision=1, instance=7),
            correlation=1,
        ),
        "cancel": codec.encode(m.Cancel(target=5)),
    }[flood]
    client.send(frame * 5_000)
    house.settle()
    assert client.near.ended
    assert client.goodbye is not None
    assert client.goodbye.code == Status.PROTOCOL_STATE
    assert len(client.raw) - before <= 17 * 1024
    assert len(house.relayed()) <= limits.CONTROL_BURST


def test_counts_of_all_ones_cost_nothing() -> None:
    """A group that says it has 2^32 rows, in every message that has groups, is refused at once."""
    tried = 0
    for cls in m.REQUESTS.values():
        for spec in cls.SECTIONS:
            if spec.kind != "group":
                continue
            payload = codec.GROUP.pack(0xFFFF, 0xFFFF_FFFF)
            octets = codec.frame(
                cls.CATEGORY, cls.OPCODE, bytes(cls.SIZE), codec.section(spec.tag, payload)
            )
            # Once before: what is imported or derived at the first use is not of the frame.
            with pytest.raises(RemoteFault):
                codec.decode(octets)
            tracemalloc.start()
            with pytest.raises(RemoteFault):
                codec.decode(octets)
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert most < 1024 * 1024
            tried += 1
    assert tried >= 3


# --- handshakes ----------------------------------------------------------------------------------


class Silent(Protocol):
    """Says nothing."""


def paced(tmp_path_factory: pytest.TempPathFactory) -> tuple[MemoryReactorClock, PacedFactory]:
    """Return a factory of connections whose handshakes take turns, and its reactor."""
    state = tmp_path_factory.mktemp("paced")
    make_authority(state, now=datetime.now(UTC))
    issue_worker_public(state, "worker-1", now=datetime.now(UTC))
    reactor = MemoryReactorClock()
    queue = HandshakeQueue(Clock(reactor, lambda: WALL_NS))
    tls = public_server_factory(*certificate_files(state, "worker-1-public"))
    made = PacedFactory(tls, Factory.forProtocol(Silent), reactor, queue)
    made.state = state  # type: ignore[attr-defined]
    return reactor, made


def first_flight(factory: PacedFactory, reactor: MemoryReactorClock) -> bytes:
    """Return a real ClientHello."""
    creator = library_side(authority_file(factory.state))  # type: ignore[attr-defined]
    client = TLSMemoryBIOFactory(creator, True, Factory.forProtocol(Silent), reactor)
    far = client.buildProtocol(None)
    transport = MeteredTransport(far, False)
    far.makeConnection(transport)
    return b"".join(transport.writes)


def arriving(factory: PacedFactory, count: int) -> list[MeteredTransport]:
    """Connect so many newcomers."""
    found = []
    for number in range(count):
        near = factory.buildProtocol(IPv4Address("TCP", "192.0.2.5", number))
        transport = MeteredTransport(near, True)
        near.makeConnection(transport)
        found.append(transport)
    return found


def test_handshakes_take_turns(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Of many newcomers at once only a few are dealt with in a turn, in order; all come at last."""
    reactor, factory = paced(tmp_path_factory)
    flight = first_flight(factory, reactor)
    newcomers = arriving(factory, 20)
    for each in newcomers:
        each.protocol.dataReceived(flight)
    assert [bool(each.writes) for each in newcomers].count(True) == STEPS_PER_TURN
    assert len(factory.queue) == 20 - STEPS_PER_TURN
    reactor.advance(0)
    for _ in range(20):
        reactor.advance(0.001)
    assert all(each.writes for each in newcomers)
    assert len(factory.queue) == 0
    assert reactor.getDelayedCalls() == []


def test_a_newcomer_that_goes_leaves_the_queue(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Its octets are forgotten and its turn goes to the next."""
    reactor, factory = paced(tmp_path_factory)
    flight = first_flight(factory, reactor)
    newcomers = arriving(factory, 6)
    for each in newcomers:
        each.protocol.dataReceived(flight)
    waiting = len(factory.queue)
    newcomers[-1].protocol.connectionLost(Failure(ConnectionDone()))
    assert len(factory.queue) == waiting - 1
    reactor.advance(0.01)
    reactor.advance(0.01)
    assert len(b"".join(newcomers[-1].writes)) < 100
    assert all(len(b"".join(each.writes)) > 500 for each in newcomers[:-1])


def test_what_a_waiting_newcomer_may_say_is_bounded(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Who sends more than EARLY_MAX before its turn is cut."""
    reactor, factory = paced(tmp_path_factory)
    flight = first_flight(factory, reactor)
    newcomers = arriving(factory, STEPS_PER_TURN + 1)
    for each in newcomers:
        each.protocol.dataReceived(flight)
    last = newcomers[-1]
    for _ in range(EARLY_MAX // 16_384 + 1):
        last.protocol.dataReceived(bytes(16_384))
    assert last.aborted
