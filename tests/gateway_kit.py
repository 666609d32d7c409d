"""A whole PaperTrader in memory with a gateway, and programs that speak Alpaca's API to it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import msgpack as reference
from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    BytesMessage,
    CloseConnection,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)

from papertrader.client.blocking import Client
from papertrader.core.limithits import PREFIX
from papertrader.gateway.seats import SeatRules
from papertrader.gateway.server import Gateway, GatewayConfiguration
from papertrader.net.factory import AcceptCaps
from papertrader.testing import Market
from papertrader.wire.kinds import Scope

NAME = "worker.example"
ADDRESS = "192.0.2.7"


class Line(Protocol):
    """A program's connection: keeps what comes."""

    def __init__(self) -> None:
        self.octets = b""
        self.lost = False
        self.end: Any = None

    def dataReceived(self, data: bytes) -> None:
        """Keep octets."""
        self.octets += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Note the end."""
        self.lost = True


class Reply:
    """An HTTP answer, read."""

    def __init__(self, octets: bytes) -> None:
        head, _, body = octets.partition(b"\r\n\r\n")
        first, *fields = head.decode("latin-1").split("\r\n")
        self.status = int(first.split(" ")[1])
        self.headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (field.partition(":") for field in fields)
        }
        if self.headers.get("transfer-encoding") == "chunked":
            body = body.partition(b"\r\n")[2].rpartition(b"\r\n0\r\n")[0]
        self.text = body.decode()
        self.body: Any = json.loads(body) if body else None


class GatewayMarket(Market):
    """A market in memory whose worker has a gateway."""

    gateway: Gateway

    def __init__(self, rate: int = 50, burst: int = 100, **options: Any) -> None:
        super().__init__(**options)
        self._seat_rules = SeatRules(rate=rate, burst=burst)
        self._ports = 50_000
        self._bots = 0

    def __enter__(self) -> GatewayMarket:
        super().__enter__()
        worker = self._worker
        assert worker is not None
        configuration = GatewayConfiguration(
            listen_host="127.0.0.1",
            listen_port=2070,
            names=(NAME,),
            rules=self._seat_rules,
            # Time stands still between requests: as many as a test likes.
            caps=AcceptCaps(rate=10_000, burst=10_000, total_rate=10_000, total_burst=10_000),
        )
        self.reactor = self._reactor
        self.gateway = Gateway(
            configuration, worker.client, worker.trouble, self.clock, self._reactor, None
        )
        worker.more_hits = self.gateway.limit_hits
        self.gateway.start()
        self.settle()
        return self

    def __exit__(self, *raised: Any) -> None:
        self.gateway.stop()
        self.advance(4)
        super().__exit__(*raised)

    def lose_master(self) -> None:
        """Cut the worker's link, for good."""
        self._dialled = 1_000_000
        for end in self._ends:
            if end._peer.port == 2048:
                end.abortConnection()
        self.settle()

    def told_hits(self) -> dict[str, int]:
        """Return the limits of workers that were hit, as the master knows them."""
        assert self._main is not None
        links = self._main.workers.links()
        return {key.removeprefix(PREFIX): hits for link in links for key, hits in link.hits.items()}

    def line(self, address: str = ADDRESS, line: Line | None = None) -> Line:
        """Open a connection to the gateway's port."""
        self._ports += 1
        peer = IPv4Address("TCP", address, self._ports)
        factory = self._reactor.tcpServers[-1][1]
        near = factory.buildProtocol(peer)
        assert near is not None, "the connection was refused"
        line = line or Line()
        line.end = self._join(line, near, ((address, self._ports), ("127.0.0.1", 2070)))
        return line

    def raw(self, octets: bytes, *, address: str = ADDRESS, line: Line | None = None) -> Line:
        """Say octets on a connection, a new one if none is given."""
        line = line or self.line(address)
        line.end.write(octets)
        self.settle()
        return line

    def stream(self, path: str, address: str = ADDRESS, **headers: str) -> StreamLine:
        """Open a WebSocket."""
        line = StreamLine(path, **headers)
        self.line(address, line)
        line.end.write(line.hello())
        self.settle()
        return line

    def bot(self, scope: Scope = Scope.TRADE) -> Bot:
        """Return a program with a key of a new account."""
        self._bots += 1
        owner = self.client(f"bot{self._bots}")
        key = owner.api_key_create("bot", scope=scope).credential
        return Bot(self, owner, key)


class Bot:
    """A program with a key, and the owner of its account."""

    def __init__(self, market: GatewayMarket, owner: Client, key: str) -> None:
        self.market = market
        self.owner = owner
        self.key_id, self.secret = key[:16], key[16:]
        self.address = ADDRESS

    def head(self, method: str, path: str) -> list[str]:
        """Return the lines of a request."""
        return [
            f"{method} {path} HTTP/1.1",
            f"Host: {NAME}:2070",
            f"APCA-API-KEY-ID: {self.key_id}",
            f"APCA-API-SECRET-KEY: {self.secret}",
            # Nobody is believed who says where he comes from.
            "X-Forwarded-For: 203.0.113.9",
            "Forwarded: for=203.0.113.9",
            "X-Real-IP: 203.0.113.9",
        ]

    def ask(
        self, method: str, path: str, body: Any = None, *, expect: int | None = None, **query: Any
    ) -> Reply:
        """Send a request on a new connection; return the answer, whose status is checked."""
        target = f"{path}?{urlencode(query)}" if query else path
        octets = b"" if body is None else json.dumps(body).encode()
        lines = [*self.head(method, target), f"Content-Length: {len(octets)}", "", ""]
        line = self.market.raw("\r\n".join(lines).encode() + octets, address=self.address)
        waited = 0
        while b"\r\n\r\n" not in line.octets and not line.lost and waited < 300:
            self.market.advance(0.05)
            waited += 1
        reply = Reply(line.octets)
        line.end.loseConnection()
        self.market.settle()
        if expect is not None:
            assert reply.status == expect, (reply.status, reply.text)
        return reply

    def get(self, path: str, **query: Any) -> Any:
        """Return the body of a good answer."""
        return self.ask("GET", path, expect=200, **query).body

    def order(self, **terms: Any) -> Any:
        """Send an order that is taken; a market order of 10 shares if nothing else is said."""
        usual = {"symbol": "BRKF", "qty": "10", "side": "buy", "type": "market"}
        body = {**usual, "time_in_force": "gtc", **terms}
        return self.ask("POST", "/v2/orders", body, expect=200).body


class StreamLine(Line):
    """A WebSocket of a program; ``messages`` are those that came, read."""

    def __init__(self, path: str, **headers: str) -> None:
        super().__init__()
        self.socket = WSConnection(ConnectionType.CLIENT)
        self.messages: list[Any] = []
        self.kinds: list[type] = []
        self.status = 0
        self.closed_with: int | None = None
        self.answers_pings = True
        fields = [
            (name.replace("_", "-").encode(), each.encode()) for name, each in headers.items()
        ]
        self._request = Request(host=NAME, target=path, extra_headers=fields)

    def hello(self) -> bytes:
        """Return what asks for the upgrade."""
        return self.socket.send(self._request)

    def dataReceived(self, data: bytes) -> None:
        """Take what the gateway says."""
        super().dataReceived(data)
        self.socket.receive_data(data)
        for event in self.socket.events():
            if isinstance(event, RejectConnection):
                self.status = event.status_code
            elif isinstance(event, BytesMessage | TextMessage):
                self._message(event)
            elif isinstance(event, Ping) and self.answers_pings:
                self.end.write(self.socket.send(event.response()))
            elif isinstance(event, CloseConnection):
                self.closed_with = event.code

    def _message(self, event: BytesMessage | TextMessage) -> None:
        self.kinds.append(type(event))
        if isinstance(event, TextMessage):
            self.messages.append(json.loads(event.data))
        else:
            octets = bytes(event.data)
            readable = octets[:1] in (b"{", b"[")
            self.messages.append(json.loads(octets) if readable else reference.unpackb(octets))

    def say(self, message: Any) -> None:
        """Send a message: octets as they are, text as text, anything else as JSON."""
        if isinstance(message, bytes):
            event: Any = BytesMessage(message)
        else:
            event = TextMessage(message if isinstance(message, str) else json.dumps(message))
        self.end.write(self.socket.send(event))

    def take(self) -> list[Any]:
        """Return and forget what came."""
        taken, self.messages = self.messages, []
        return taken
