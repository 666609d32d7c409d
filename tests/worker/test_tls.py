"""A worker with real TLS on both links, in memory: gathering, back-pressure and closing hold."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.tls import TLSMemoryBIOFactory

from papertrader.net.protocol import OutputBounds
from papertrader.net.tls import (
    inner_client_factory,
    inner_server_factory,
    public_server_factory,
)
from papertrader.ops.certificates import (
    authority_file,
    certificate_files,
    issue_master,
    issue_worker,
    issue_worker_public,
    make_authority,
)
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import Status, TlsVersion
from papertrader.worker.clients import ClientProtocol
from papertrader.worker.linkstate import LinkState
from papertrader.worker.main import Worker, WorkerConfiguration
from tests.link_kit import MeteredTransport, Peer, client_link, join, master_link
from tests.tls_kit import library_side
from tests.worker_kit import ClientPeer, House, quote, subscribe

WORKER_UUID = "6f1b2c1e-5a77-4e7b-9d3c-0a4b7a1f0c11"


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificates of a small installation."""
    path = tmp_path_factory.mktemp("state")
    now = datetime.now(UTC)
    make_authority(path, now=now)
    issue_master(path, now=now)
    issue_worker(path, "worker-1", WORKER_UUID, now=now)
    issue_worker_public(path, "worker-1", now=now)
    return path


class SecureHouse(House):
    """A worker whose links are TLS."""

    def __init__(self, state: Path, **changes: object) -> None:
        self.state = state
        super().__init__(**changes)

    def make_worker(self, configuration: WorkerConfiguration) -> Worker:
        """Return the worker with both TLS factories."""
        files = certificate_files(self.state, "worker-1")
        return Worker(
            configuration,
            self.reactor,
            self.clock,
            random.Random(5),
            public_tls=public_server_factory(*certificate_files(self.state, "worker-1-public")),
            inner_tls=inner_client_factory(authority_file(self.state), *files),
        )

    def secured(self, peer: Peer, is_client: bool) -> Protocol:
        """Return the far end's TLS around a scripted peer."""
        ca = authority_file(self.state)
        creator: object
        if is_client:
            creator = library_side(ca)
        else:
            files = certificate_files(self.state, "master")
            creator = inner_server_factory(ca, *files, lambda _, uuid, host: uuid == WORKER_UUID)
        factory = Factory.forProtocol(lambda: peer)
        wrapped = TLSMemoryBIOFactory(creator, is_client, factory, self.reactor)
        return wrapped.buildProtocol(None)

    def connect_master(self, accept: bool = True, **reply: object) -> Peer:
        """Answer the worker's attempt over mutual TLS."""
        near = self.reactor.tcpClients[-1][2].buildProtocol(IPv4Address("TCP", "127.0.0.1", 2048))
        self.dialled = len(self.reactor.tcpClients)
        self.master = Peer(master_link(), self.clock)
        self.peers.append(self.master)
        far = self.secured(self.master, is_client=False)
        self.master_wire = join(near, far, self.reactor, near_is_server=False)
        self.wires.append(self.master_wire)
        self.settle()
        if accept:
            self.accept(**reply)
        return self.master

    def connect_client(self, *_: object, **__: object) -> ClientPeer:
        """Connect a client over TLS."""
        address = IPv4Address("TCP", "192.0.2.1", 4000)
        near = self.reactor.tcpServers[-1][1].buildProtocol(address)
        client = ClientPeer(client_link(), self.clock)
        far = self.secured(client, is_client=True)
        client.near = near.wrappedProtocol
        client.wire = join(near, far, self.reactor, near_is_server=True, peer=address)
        self.wires.append(client.wire)
        self.peers.append(client)
        self.settle()
        return client


def house(state: Path, **changes: object) -> SecureHouse:
    """A worker with an active link."""
    it = SecureHouse(state, **changes)
    it.connect_master()
    return it


def test_both_links_work_over_tls(state: Path) -> None:
    """The master is told the client's TLS version; a request goes up and comes back."""
    it = house(state)
    assert it.worker.upstream.state is LinkState.ACTIVE
    client = it.connect_client()
    (opened,) = it.told(m.ClientOpen)
    assert opened.tls == TlsVersion.TLS13
    it.log_in(client)
    it.ask(client, m.AccountGet(), correlation=5, session=77)
    inner = it.answer(it.relayed()[0], m.AccountReply(account=5))
    assert [octets for _, octets in client.frames] == [inner]


def test_an_update_is_one_record_per_client(state: Path) -> None:
    """Several quotes and a reply of one turn leave as one TLS write."""
    it = house(state)
    client = it.connect_client()
    it.log_in(client)
    it.ask(client, subscribe("A", "B"), correlation=9, session=77)
    client.take()
    writes = len(client.wire.near.writes)
    it.publish(quote("A"), quote("B"))
    assert len(client.take()) == 2
    assert len(client.wire.near.writes) == writes + 1


def test_back_pressure_passes_through_tls(state: Path) -> None:
    """A client that does not read is congested; when it reads, everything arrives in order."""
    it = house(state, bounds=OutputBounds(soft=3000, hard=200_000))
    client = it.connect_client()
    it.log_in(client)
    client.wire.near.stalled = True
    events = [
        codec.encode(m.TransactionEvent(transaction=n), session=77, seq=n) for n in range(1, 101)
    ]
    for event in events:
        it.down(1, event)
    assert isinstance(client.near, ClientProtocol)
    assert client.near.is_congested
    assert client.frames == []
    client.wire.near.unstall()
    it.settle()
    assert [octets for _, octets in client.frames] == events
    assert not client.near.is_congested


def test_stopping_closes_tls_connections(state: Path) -> None:
    """GOODBYE arrives, TLS shuts down, nothing waits."""
    it = house(state)
    client = it.connect_client()
    it.log_in(client)
    done: list[None] = []
    it.worker.stop().addCallback(done.append)
    it.settle()
    assert client.goodbye is not None
    assert client.goodbye.code == Status.SHUTDOWN
    assert client.lost
    assert it.master.goodbye is not None
    assert done == [None]
    assert it.clock.waiting == 0


def test_a_handshake_that_does_not_come_is_cut(state: Path) -> None:
    """The deadline of HELLO covers TLS; the place in the caps is given back."""
    it = house(state)
    near = it.reactor.tcpServers[-1][1].buildProtocol(IPv4Address("TCP", "192.0.2.7", 1))
    transport = MeteredTransport(near, True)
    near.makeConnection(transport)
    assert it.worker.acceptor.admission.connections == 1
    it.advance(limits.HELLO_TIMEOUT_S + limits.LINGER_S + 0.5)
    assert transport.aborted
    transport.reportDisconnect()
    assert it.worker.acceptor.admission.connections == 0
    assert it.told(m.ClientOpen) == []
