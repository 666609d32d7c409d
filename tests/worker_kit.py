"""A whole worker in memory, with a scripted master and any number of scripted clients."""

from __future__ import annotations

import random
from typing import Any

import attrs
from twisted.internet.address import IPv4Address
from twisted.internet.testing import MemoryReactorClock

from papertrader.core.money import NULL
from papertrader.net.clock import Clock
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.codec import Header
from papertrader.wire.derived import Message
from papertrader.wire.kinds import Category, Opcode, RelayDownFlag, Role, TopicKind
from papertrader.worker.clients import ClientProtocol
from papertrader.worker.main import Worker, WorkerConfiguration
from tests.link_kit import WALL_NS, Peer, Wire, client_link, join, master_link

CONFIGURATION = WorkerConfiguration(
    worker_id=11,
    name="worker-1",
    master_host="127.0.0.1",
    master_port=2048,
    listen_host="127.0.0.1",
    listen_port=2049,
    region=3,
    public_host="localhost",
)


class ClientPeer(Peer):
    """A scripted client, with what it is joined to."""

    wire: Wire
    near: ClientProtocol


class House:
    """One worker, its reactor, its peers."""

    def __init__(self, **changes: Any) -> None:
        self.reactor = MemoryReactorClock()
        self.clock = Clock(self.reactor, lambda: WALL_NS)
        configuration = attrs.evolve(CONFIGURATION, **changes)
        self.worker = self.make_worker(configuration)
        self.wires: list[Wire] = []
        self.peers: list[Peer] = []
        self.master_boot = 1000
        self.dialled = 0
        self.worker.start()

    def make_worker(self, configuration: WorkerConfiguration) -> Worker:
        """Return the worker under test."""
        return Worker(configuration, self.reactor, self.clock, random.Random(5))

    # --- time and octets ------------------------------------------------------------------------

    def settle(self) -> None:
        """Move octets and run what is due now, until nothing moves."""
        for _ in range(200):
            self.reactor.advance(0)
            moved = [wire.flush() for wire in list(self.wires)]
            if not any(moved):
                return
        raise AssertionError("the links never come to rest")

    def advance(self, seconds: float, step: float = 0.5) -> None:
        """Let time pass, with every peer keeping its link alive."""
        for _ in range(round(seconds / step)):
            self.reactor.advance(step)
            for peer in self.peers:
                if not peer.lost:
                    peer.keep_alive()
            self.settle()

    # --- peers ----------------------------------------------------------------------------------

    def connect_master(self, accept: bool = True, **reply: Any) -> Peer:
        """Answer the worker's newest attempt to reach the master."""
        if len(self.reactor.tcpClients) <= self.dialled:
            raise AssertionError("the worker did not dial")
        self.dialled = len(self.reactor.tcpClients)
        factory = self.reactor.tcpClients[-1][2]
        near = factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 2048))
        master = Peer(master_link(), self.clock)
        self.master = master
        self.peers.append(master)
        self.master_wire = join(near, master, self.reactor, near_is_server=False)
        self.wires.append(self.master_wire)
        self.settle()
        if accept:
            self.accept(**reply)
        return master

    def accept(self, **reply: Any) -> m.WorkerAuth:
        """Let the master accept WORKER_AUTH, which must be the only frame so far."""
        ((header, auth),) = self.master.take()
        if not isinstance(auth, m.WorkerAuth):
            raise AssertionError(f"WORKER_AUTH is expected, not {auth}")
        values = {"master_boot": self.master_boot, "relay_window": 4096, "stats_every_s": 10}
        answer = m.WorkerAuthReply(clock=self.clock.wall_ns(), **{**values, **reply})
        self.master.send(codec.encode(answer, correlation=header.correlation))
        self.settle()
        return auth

    def cut_master(self) -> None:
        """Break the link to the master without a word."""
        self.master_wire.cut()
        self.wires.remove(self.master_wire)
        self.settle()

    def connect_client(
        self, host: str = "192.0.2.1", port: int = 4000, role: Role = Role.CLIENT
    ) -> ClientPeer:
        """Connect a client; raises `ConnectionRefusedError` if it is closed at once."""
        factory = self.reactor.tcpServers[-1][1]
        near = factory.buildProtocol(IPv4Address("TCP", host, port))
        if near is None:
            raise ConnectionRefusedError(host)
        client = ClientPeer(client_link(role=role), self.clock)
        client.near = near
        client.wire = join(
            near, client, self.reactor, near_is_server=True, peer=IPv4Address("TCP", host, port)
        )
        self.peers.append(client)
        self.wires.append(client.wire)
        self.settle()
        return client

    # --- conversations --------------------------------------------------------------------------

    def relayed(self) -> list[m.RelayUp]:
        """Return what was relayed to the master since the last look; other notices are dropped."""
        return [each for _, each in self.master.take() if isinstance(each, m.RelayUp)]

    def told(self, kind: type[Message]) -> list[Any]:
        """Return the notices of one kind since the last look; all others are dropped."""
        return [each for _, each in self.master.take() if isinstance(each, kind)]

    def answer(
        self,
        up: m.RelayUp,
        message: Message,
        *,
        status: int = 0,
        session: int | None = None,
        flags: int = 0,
        down: int = 0,
        cache_s: int = 0,
    ) -> bytes:
        """Let the master answer a relayed request; returns the octets of the inner reply."""
        header = codec.parse_header(up.inner)
        inner = codec.encode(
            message,
            opcode=header.opcode,
            status=status,
            session=header.session if session is None else session,
            correlation=header.correlation,
            flags=flags,
        )
        self.down(up.connection, inner, ack=up.worker_seq, down=down, cache_s=cache_s)
        return inner

    def down(
        self, connection: int, inner: bytes, *, ack: int = 0, down: int = 0, cache_s: int = 0
    ) -> None:
        """Let the master send a frame to one client."""
        message = m.RelayDown(
            connection=connection,
            ack_worker_seq=ack,
            accepted_at=self.clock.wall_ns(),
            flags=RelayDownFlag(down),
            cache_s=cache_s,
            inner=inner,
        )
        self.master.send(codec.encode(message))
        self.settle()

    def ask(self, client: Peer, message: Message, *, correlation: int, session: int = 0) -> bytes:
        """Let a client ask; returns the octets of its frame."""
        octets = codec.encode(message, session=session, correlation=correlation)
        client.send(octets)
        self.settle()
        return octets

    def log_in(self, client: Peer, session: int = 77) -> None:
        """Give a client a session."""
        self.ask(client, login(), correlation=1)
        up = self.relayed()[-1]
        self.answer(up, m.LoginReply(session=session, account=5), session=session)
        ((header, _),) = client.take()
        if header.session != session or header.status:
            raise AssertionError("the login was not answered")

    def publish(self, *frames: bytes) -> None:
        """Let the master publish quotes."""
        message = m.TopicPublish(kind=TopicKind.QUOTE, frames=len(frames), inner=b"".join(frames))
        self.master.send(codec.encode(message))
        self.settle()


def login() -> m.Login:
    """A LOGIN as a client sends it."""
    return m.Login(username="ada", password="correct horse")


def quote(symbol: str, last: int = 100, seq: int = 1, observed_at: int = WALL_NS) -> bytes:
    """An EV_QUOTE frame as the master publishes it."""
    return codec.encode(
        m.QuoteEvent(symbol=symbol, last=last, bid=NULL, quote_seq=seq, observed_at=observed_at)
    )


def request(opcode: int, body: bytes = b"", **header: int) -> bytes:
    """A frame of any opcode, known or not."""
    return codec.frame(Category.COMMAND, opcode, body, **header)


def failure_of(frame: tuple[Header, Message]) -> tuple[int, int]:
    """Return (correlation, status) of a failed reply."""
    header, message = frame
    if not isinstance(message, codec.Failure):
        raise AssertionError(f"a failure is expected, not {message}")
    return header.correlation, header.status


def subscribe(*symbols: str, **changes: Any) -> m.Subscribe:
    """SUBSCRIBE(QUOTES)."""
    rows = tuple(m.SymbolRow(symbol=symbol) for symbol in symbols)
    return m.Subscribe(topics=1, symbols=rows, **changes)


def subscribe_bars(*symbols: str, interval_s: int, **changes: Any) -> m.Subscribe:
    """SUBSCRIBE(BARS)."""
    return attrs.evolve(subscribe(*symbols, **changes), topics=2, bar_interval_s=interval_s)


def bar(symbol: str, interval_s: int, time: int, final: bool = False) -> bytes:
    """An EV_BAR frame as the master publishes it."""
    return codec.encode(m.BarEvent(symbol=symbol, interval_s=interval_s, time=time, final=final))


def market_event() -> bytes:
    """An EV_MARKET frame as the master publishes it."""
    return codec.encode(m.MarketEvent(exchange="XNYS", state=3, now=WALL_NS))


def quote_get(*symbols: str, max_age_ms: int = 0) -> m.QuoteGet:
    """QUOTE_GET."""
    rows = tuple(m.SymbolRow(symbol=symbol) for symbol in symbols)
    return m.QuoteGet(max_age_ms=max_age_ms, symbols=rows)


EV_QUOTE = int(Opcode.EV_QUOTE)


def scene() -> tuple[House, ClientPeer]:
    """A worker with an active link and a client with session 77."""
    it = House()
    it.connect_master()
    client = it.connect_client()
    it.log_in(client)
    return it, client


def follow(it: House, client: ClientPeer, *symbols: str) -> None:
    """Make the worker know the quotes of some symbols."""
    it.ask(client, subscribe(*symbols), correlation=900, session=77)
    it.publish(*[quote(symbol, last=n, seq=n) for n, symbol in enumerate(symbols, 1)])
    client.take()
    it.master.take()
