"""Browsers in memory: HTTP requests, and WebSockets that carry a scripted client."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    Pong,
    RejectConnection,
    Request,
    TextMessage,
)

from papertrader.net.webport import WebConfiguration
from tests.link_kit import Peer, Wire, client_link, join
from tests.worker_kit import House

NAME = "worker.example"
WEB = WebConfiguration(listen_host="127.0.0.1", listen_port=2050, names=(NAME, "127.0.0.1"))


class RawBrowser(Protocol):
    """A connection that says what a test tells it to, and keeps what it gets."""

    wire: Wire

    def __init__(self) -> None:
        self.octets = b""
        self.lost = False

    def dataReceived(self, data: bytes) -> None:
        """Keep octets."""
        self.octets += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Note the end."""
        self.lost = True

    def say(self, octets: bytes) -> None:
        """Write octets."""
        if self.transport is not None:
            self.transport.write(octets)


class Browser(RawBrowser):
    """A WebSocket client; ``peer`` is the scripted client whose octets it carries."""

    def __init__(self, origin: str | None = f"https://{NAME}", host: str = NAME) -> None:
        super().__init__()
        self.socket = WSConnection(ConnectionType.CLIENT)
        self.peer: Peer | None = None
        self.messages: list[bytes] = []
        self.accepted = False
        self.status = 0
        self.closed_with: int | None = None
        self.pings = 0
        self.answers_pings = True
        self._request = Request(
            host=host,
            target="/ptwp",
            extra_headers=[] if origin is None else [(b"Origin", origin.encode())],
        )

    def connectionMade(self) -> None:
        """Ask for the upgrade."""
        self.say(self.socket.send(self._request))

    def dataReceived(self, data: bytes) -> None:
        """Take what the worker says."""
        super().dataReceived(data)
        self.socket.receive_data(data)
        for event in self.socket.events():
            self._event(event)

    def _event(self, event: Any) -> None:
        if isinstance(event, AcceptConnection):
            self.accepted = True
            if self.peer is not None:
                self.peer.makeConnection(self)  # type: ignore[arg-type]
        elif isinstance(event, RejectConnection):
            self.status = event.status_code
        elif isinstance(event, BytesMessage):
            self.messages.append(bytes(event.data))
            if self.peer is not None:
                self.peer.dataReceived(bytes(event.data))
        elif isinstance(event, Ping):
            self.pings += 1
            if self.answers_pings:
                self.say(self.socket.send(event.response()))
        elif isinstance(event, CloseConnection):
            self.closed_with = event.code
            if self.socket.state is not ConnectionState.CLOSED:
                self.say(self.socket.send(event.response()))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End."""
        super().connectionLost(reason)
        if self.peer is not None:
            self.peer.connectionLost(reason)

    # --- a transport to the scripted client, and more ---------------------------------------------

    def write(self, data: bytes) -> None:
        """Send octets as one message."""
        self.message(data)

    def message(self, data: bytes, *, finished: bool = True) -> None:
        """Send a binary message, or a fragment of one."""
        self.say(self.socket.send(BytesMessage(data, message_finished=finished)))

    def text(self, text: str) -> None:
        """Send text."""
        self.say(self.socket.send(TextMessage(text)))

    def pong(self) -> None:
        """Answer a ping that nobody sent."""
        self.say(self.socket.send(Pong()))

    def ping(self, payload: bytes = b"") -> None:
        """Ask for a sign of life."""
        self.say(self.socket.send(Ping(payload)))


class WebHouse(House):
    """A worker that also waits for browsers."""

    def __init__(self, *, strict_transport: str = "off", **changes: Any) -> None:
        web = attrs.evolve(WEB, strict_transport=strict_transport)
        super().__init__(web=web, **changes)
        self.browsers = 0

    def connect_raw(self, raw: RawBrowser | None = None) -> RawBrowser:
        """Open a connection to the web port."""
        raw = raw or RawBrowser()
        self.browsers += 1
        address = IPv4Address("TCP", "192.0.2.9", 5000 + self.browsers)
        near = self.reactor.tcpServers[1][1].buildProtocol(address)
        if near is None:
            raise ConnectionRefusedError("closed at once")
        raw.wire = join(near, raw, self.reactor, near_is_server=True, peer=address)
        self.wires.append(raw.wire)
        self.settle()
        return raw

    def get(self, path: str, *headers: str, host: str = NAME, method: str = "GET") -> RawBrowser:
        """Ask for a path on a new connection."""
        raw = self.connect_raw()
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *headers, "", ""]
        raw.say("\r\n".join(lines).encode())
        self.settle()
        return raw

    def connect_browser(self, browser: Browser | None = None) -> Browser:
        """Open a WebSocket with a scripted client on it."""
        browser = browser or Browser()
        browser.peer = Peer(client_link(), self.clock)
        self.connect_raw(browser)
        if browser.accepted:
            self.peers.append(browser.peer)
        self.settle()
        return browser
