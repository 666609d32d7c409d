"""The protocol over WebSocket, for browsers: the same octets, the same client connection.

What a browser sends in binary messages is the stream of the client link, cut in whatever way
(clause 2.5); each write of ours is one message. `SocketTransport` is to a `ClientProtocol` what a
TCP transport is, so that every limit and deadline of the client link holds here too. What Twisted's
WebSocket leaves open is closed here: who may connect (`papertrader.net.web.Gate`), how long a
message may be, control frames without end, a peer that does not read, one that is silent.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final
from typing import Protocol as Interface

import attrs
from twisted.internet.interfaces import IAddress, IPushProducer
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import BAD_REQUEST
from twisted.web.server import NOT_DONE_YET, Request
from twisted.web.websocket import WebSocketProtocol, WebSocketResource, WebSocketTransport
from wsproto import ConnectionType
from wsproto.handshake import H11Handshake
from wsproto.utilities import LocalProtocolError, RemoteProtocolError
from zope.interface import implementer

from papertrader.net.clock import Clock, Timer
from papertrader.wire import limits

MESSAGE_MAX: Final = limits.CLIENT_FRAME_MAX
"""Octets from the end of one message to the end of the next, control frames included: beyond them
the connection is cut, before Twisted puts more together."""
PING_S: Final = 10
"""Browsers slow the timers of pages that nobody looks at, but answer a ping by themselves: each
answer is a sign of life, as a HEARTBEAT is."""
CLOSE_NORMAL: Final = 1000
CLOSE_UNSUPPORTED: Final = 1003
"""The peer sent text."""


@attrs.define(slots=True, kw_only=True)
class SocketCounters:
    """What became of the WebSockets of a worker."""

    opened: int = 0
    too_long: int = 0
    """Cut because a message was longer than `MESSAGE_MAX`."""
    malformed: int = 0
    """Cut because the octets were no WebSocket frames, or were text."""


class Carried(Interface):
    """What a WebSocket carries: a `FrameProtocol`, or another protocol with the same life."""

    when_lost: Callable[[], None] | None
    """Called last, when the transport is gone."""

    def makeConnection(self, transport: Any) -> Any:
        """Begin."""

    def dataReceived(self, data: bytes) -> Any:
        """Take a message; an empty one is a sign of life."""

    def connectionLost(self, reason: Failure) -> Any:
        """End."""

    def say_goodbye(self, code: int, text: str = "") -> Any:
        """End in an orderly way."""


@implementer(IPushProducer)
class SocketTransport:
    """One WebSocket: a transport to its protocol, a protocol to Twisted's WebSocket."""

    def __init__(self, protocol: Carried, peer: IAddress, counters: SocketCounters) -> None:
        self.protocol = protocol
        self._peer = peer
        self._counters = counters
        self._socket: Any = None
        self._channel: Any = None
        self._producer: Any = None
        self._since_message = 0
        self._full = False
        self._reading = True
        self._closed = False

    # --- to the protocol: a transport -----------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send octets as one binary message."""
        if self._closed:
            return
        try:
            self._socket.sendBytesMessage(data)
        except LocalProtocolError:
            # The peer has said its last word already; `connectionLost` follows.
            self._closed = True

    def loseConnection(self) -> None:
        """Close when everything is written."""
        self._close(CLOSE_NORMAL)

    def _close(self, code: int) -> None:
        if self._closed:
            return
        self._closed = True
        # TLS does not shut down while a producer is registered.
        self._channel.transport.unregisterProducer()
        with suppress(LocalProtocolError):
            self._socket.loseConnection(code)

    def abortConnection(self) -> None:
        """Cut at once."""
        self._closed = True
        if self._channel is not None and self._channel.transport is not None:
            self._channel.transport.abortConnection()

    def getPeer(self) -> IAddress:
        """Return the address of the browser."""
        return self._peer

    def getHandle(self) -> Any:
        """Return the TLS connection beneath, None without one."""
        beneath = self._channel.transport if self._channel is not None else None
        handle = getattr(beneath, "getHandle", None)
        return handle() if handle is not None else None

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Tell ``producer`` from now on when to wait."""
        self._producer = producer

    def unregisterProducer(self) -> None:
        """Tell it no more."""
        self._producer = None

    def pauseProducing(self) -> None:
        """Stop reading (asked by the protocol), or: the network takes no more (told from below)."""
        self._reading = False
        self._read()

    def resumeProducing(self) -> None:
        """Read again."""
        self._reading = True
        self._read()

    def stopProducing(self) -> None:
        """The transport ends; `connectionLost` follows."""

    # --- from beneath: back-pressure --------------------------------------------------------------

    def full(self) -> None:
        """The network takes no more: nothing is read from a peer that does not read, so that it
        cannot have us answer pings without end."""
        self._full = True
        self._read()
        if self._producer is not None:
            self._producer.pauseProducing()

    def empty(self) -> None:
        """The network takes more."""
        self._full = False
        self._read()
        if self._producer is not None:
            self._producer.resumeProducing()

    def _read(self) -> None:
        beneath = self._channel.transport if self._channel is not None else None
        if beneath is None:
            return
        if self._reading and not self._full:
            beneath.resumeProducing()
        else:
            beneath.pauseProducing()

    # --- from Twisted's WebSocket ----------------------------------------------------------------

    def negotiationStarted(self, transport: WebSocketTransport) -> None:
        """Take what messages are sent with."""
        self._socket = transport

    def negotiationFinished(self) -> None:
        """Begin: see `begin`, which comes when the HTTP channel has handed the octets over."""

    def begin(self, channel: Any) -> None:
        """Take the place of HTTP on its connection."""
        self._channel = channel
        channel.setTimeout(None)
        if channel.web_connection is not None:
            channel.web_connection.upgraded()
        beneath = channel.transport
        beneath.unregisterProducer()
        beneath.registerProducer(_Pressure(self), True)
        self._deliver = channel.dataReceived
        channel.dataReceived = self._received
        self._counters.opened += 1
        self.protocol.makeConnection(self)

    def _received(self, data: bytes) -> None:
        self._since_message += len(data)
        if self._since_message > MESSAGE_MAX + len(data):
            self._counters.too_long += 1
            self.abortConnection()
            return
        try:
            self._deliver(data)
        except (RemoteProtocolError, LocalProtocolError):
            # LocalProtocolError: the peer had closed, and sent more all the same.
            self._counters.malformed += 1
            self.abortConnection()
            return
        beneath = self._channel.transport if self._channel is not None else None
        ending = beneath is not None and getattr(beneath, "disconnecting", False)
        if beneath is not None and ending and not self._closed:
            # The peer has said its last word, and Twisted has answered it. TLS does not shut down
            # while a producer is registered, and the peer would wait for that.
            self._closed = True
            beneath.unregisterProducer()

    def bytesMessageReceived(self, data: bytes | bytearray) -> None:
        """Take a message."""
        self._since_message = 0
        if not self._closed:
            self.protocol.dataReceived(bytes(data))

    def textMessageReceived(self, message: str) -> None:
        """Refuse text: there is none in this protocol."""
        self._counters.malformed += 1
        self._close(CLOSE_UNSUPPORTED)

    def pongReceived(self, payload: bytes) -> None:
        """A sign of life."""
        if not self._closed:
            self.protocol.dataReceived(b"")

    def ping(self) -> None:
        """Ask for a sign of life, unless the peer is behind with reading."""
        if not (self._closed or self._full):
            self._socket.ping()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End."""
        self._closed = True
        self._producer = None
        self.protocol.connectionLost(reason)


@implementer(IPushProducer)
class _Pressure:
    """What the connection beneath tells to wait."""

    def __init__(self, socket: SocketTransport) -> None:
        self._socket = socket

    def pauseProducing(self) -> None:
        """Wait."""
        self._socket.full()

    def resumeProducing(self) -> None:
        """Go on."""
        self._socket.empty()

    def stopProducing(self) -> None:
        """`connectionLost` follows."""


def _asks_for_upgrade(request: Request) -> bool:
    """Tell whether a WebSocket can be made of a request; Twisted, which looks again, would log one
    that cannot as an error of ours."""
    headers = [
        (name, value)
        for name, values in request.requestHeaders.getAllRawHeaders()
        for value in values
    ]
    try:
        H11Handshake(ConnectionType.SERVER).initiate_upgrade_connection(headers, request.path)
    except RemoteProtocolError:
        return False
    return True


class SocketResource(WebSocketResource):
    """Where browsers open their WebSocket: each becomes a client of the worker."""

    isLeaf = True

    def __init__(self, build: Callable[[IAddress], Carried], clock: Clock) -> None:
        super().__init__(self)
        self.counters = SocketCounters()
        self._build = build
        self._clock = clock
        self._living: set[SocketTransport] = set()
        self._newest: SocketTransport | None = None
        self._timer: Timer | None = None

    def __len__(self) -> int:
        return len(self._living)

    def buildProtocol(self, request: Request) -> WebSocketProtocol:
        """Return the socket of a request that was let through."""
        peer = request.getClientAddress()
        socket = self.socket(request, peer)
        socket.protocol.when_lost = lambda: self._lost(socket)
        self._living.add(socket)
        self._newest = socket
        return socket

    def socket(self, request: Request, peer: IAddress) -> SocketTransport:
        """Return what carries the protocol of a request that was let through."""
        return SocketTransport(self._build(peer), peer, self.counters)

    def render_GET(self, request: Request) -> bytes | int:
        """Upgrade the connection; an answer of HTTP says why not."""
        if not _asks_for_upgrade(request):
            request.setResponseCode(BAD_REQUEST)
            request.setHeader("Content-Type", "text/plain; charset=utf-8")
            return b"here a WebSocket opens, and this is no request for one\n"
        answer = super().render_GET(request)
        newest, self._newest = self._newest, None
        if newest is not None:
            newest.begin(request.channel)
        if answer == NOT_DONE_YET and self._timer is None:
            self._timer = self._clock.call_later(PING_S, self._ping)
        return answer

    def stop(self) -> None:
        """Ping no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def goodbye(self, code: int, text: str) -> None:
        """Say GOODBYE on every socket."""
        for socket in list(self._living):
            socket.protocol.say_goodbye(code, text)

    def _lost(self, socket: SocketTransport) -> None:
        self._living.discard(socket)

    def _ping(self) -> None:
        self._timer = self._clock.call_later(PING_S, self._ping) if self._living else None
        for socket in list(self._living):
            socket.ping()
