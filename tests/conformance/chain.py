"""Client library, worker and master in memory, joined by frames that each may send longer."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.test.iosim import IOPump

from papertrader.client.blocking import Client
from papertrader.net.credentials import PeerIdentity
from tests.conformance.newer import later
from tests.link_kit import WALL_NS, MeteredTransport, Wire
from tests.master_kit import MasterKit
from tests.worker_kit import House

STEP_S = 0.05
UUID = "6f1b2c1e-5a77-4e7b-9d3c-0a4b7a1f0c11"
KEY = b"\x07" * 32


class NewerTransport(MeteredTransport):
    """An end whose owner is of a later revision: every frame it writes is a longer one."""

    def write(self, data: bytes) -> None:
        """Write the frames as the next revision has them."""
        super().write(later(bytes(data)))


@attrs.frozen(kw_only=True)
class Ahead:
    """Who is ahead of the others."""

    client: bool = False
    worker: bool = False
    master: bool = False


def joined(
    server: Protocol,
    client: Protocol,
    reactor: MemoryReactorClock,
    *,
    server_ahead: bool,
    client_ahead: bool,
    peer: object = None,
) -> Wire:
    """Connect two protocols, each with a transport of its revision."""
    kinds = {False: MeteredTransport, True: NewerTransport}
    near = kinds[server_ahead](server, True, peer)
    far = kinds[client_ahead](client, False)
    server.makeConnection(near)
    client.makeConnection(far)
    return Wire(near, far, IOPump(client, server, far, near, False, clock=reactor))


class Socket(Protocol):
    """The client library's transport: blocking on the outside, time goes on while it waits."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.data = b""
        self.wire: Wire
        self.ended = False

    def dataReceived(self, data: bytes) -> None:
        """Keep what came."""
        self.data += data

    def connectionLost(self, reason: object = None) -> None:
        """The worker closed."""
        self.ended = True

    def send(self, octets: bytes) -> None:
        """Write everything."""
        if self.ended or self.transport is None:
            raise ConnectionResetError("Connection reset by peer")
        self.transport.write(octets)
        self.chain.settle()

    def receive(self, timeout: float) -> bytes | None:
        """Return what came; let time pass if nothing did."""
        waited = 0.0
        while not self.data and not self.ended and waited < timeout:
            self.chain.advance(STEP_S)
            waited += STEP_S
        data, self.data = self.data, b""
        return data if data or self.ended else None

    def close(self) -> None:
        """Let go of it."""
        if not self.ended:
            self.wire.cut()
            self.chain.house.wires.remove(self.wire)


class _Master(MasterKit):
    """A master on the worker's reactor, so that both see the same time."""

    def __init__(self, state_dir: Path, reactor: MemoryReactorClock, **market: Any) -> None:
        self.shared = reactor
        super().__init__(state_dir, **market)

    def boot(self) -> None:
        """Start on the shared reactor."""
        self.reactor = self.shared
        self.wall = WALL_NS + round(self.shared.seconds() * 1e9)
        super().boot()


class Chain:
    """A worker linked to a master, and clients of the library."""

    def __init__(self, state_dir: Path, ahead: Ahead) -> None:
        self.ahead = ahead
        self.house = House(worker_id=1)
        self.reactor = self.house.reactor
        self.random = random.Random(3)
        self.master = _Master(state_dir, self.reactor)
        self.master.main.store.db.execute_sql(
            "INSERT INTO worker (id, name, uuid, spki, active, added_at)"
            " VALUES (1, 'worker-1', ?, ?, 1, 0)",
            (UUID, KEY),
        )
        workers = self.master.main.workers
        workers.load(self.master.main.store.db)
        # TLS, which proves who a worker is, is left out here; its tests are elsewhere.
        workers.identify = lambda link: PeerIdentity(uuid=UUID, spki=KEY)  # type: ignore[method-assign]
        self.link()

    def link(self) -> None:
        """Connect the worker's newest attempt to the master."""
        near = self.reactor.tcpClients[-1][2].buildProtocol(IPv4Address("TCP", "127.0.0.1", 2048))
        wire = joined(
            self.master.main.workers.new_link(), near, self.reactor,
            server_ahead=self.ahead.master, client_ahead=self.ahead.worker,
        )  # fmt: skip
        self.master_wire = wire
        self.house.wires.append(wire)
        self.settle()

    def settle(self) -> None:
        """Move octets and run what is due now, until nothing moves."""
        self.house.settle()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.reactor.advance(seconds)
        self.settle()

    def dial(self, endpoint: object, timeout: float) -> Socket:
        """Connect the client library to the worker."""
        peer = IPv4Address("TCP", "192.0.2.1", 4000 + len(self.house.wires))
        near = self.reactor.tcpServers[-1][1].buildProtocol(peer)
        if near is None:
            raise ConnectionRefusedError("Connection refused")
        socket = Socket(self)
        socket.wire = joined(
            near, socket, self.reactor, server_ahead=self.ahead.worker,
            client_ahead=self.ahead.client, peer=peer,
        )  # fmt: skip
        self.house.wires.append(socket.wire)
        self.settle()
        return socket

    def client(self) -> Client:
        """Return a client of the library on this chain."""
        return Client(
            "localhost:2049",
            dial=self.dial,
            now_ns=lambda: WALL_NS + round(self.reactor.seconds() * 1e9),
            sleep=self.advance,
            randbits=self.random.getrandbits,
            timeout=60.0,
        )
