"""Streams: what both kinds have in common. A WebSocket, a key, a seat of its own, bounds.

`StreamSocket` is the guarded WebSocket of the worker's page (message sizes, pings, peers that do
not read) for text and binary messages. `Stream` is one program on it: it must show a key in time,
must give a sign of life, and must read; what it does not read waits here, within a bound.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, cast

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request
from wsproto.utilities import LocalProtocolError

from papertrader.client import updates as u
from papertrader.core.instants import SECOND
from papertrader.gateway.assets import AssetBook
from papertrader.gateway.errors import ApiError, error_of
from papertrader.gateway.ids import credential_of
from papertrader.gateway.seats import Seat, Seats, Visitor
from papertrader.net.clock import Clock, Timer
from papertrader.worker.websocket import SocketResource, SocketTransport

STREAMS_MAX: Final = 256
"""Streams of one worker's gateway: 503 instead of an upgrade."""
STREAM_QUEUE_MAX: Final = 1_024
"""Messages that wait for a program that does not read; one more, and the stream is closed."""
BATCH_MAX: Final = 256
"""Messages of market data that go into one frame."""
AUTH_S: Final = 10
"""Seconds in which a program must have shown its key."""
SILENCE_S: Final = 45
"""Seconds without a sign of life (a pong is one), after which a stream is cut."""


@attrs.define(slots=True, kw_only=True)
class StreamCounters:
    """What became of the streams of a gateway."""

    opened: int = 0
    refused: int = 0
    """Not upgraded: there were `STREAMS_MAX`."""
    unauthorized: int = 0
    """Wrong keys, and keys that did not come in time."""
    slow: int = 0
    """Closed because more than `STREAM_QUEUE_MAX` messages waited."""
    conflated: int = 0
    """Quotes and trades that gave way to newer ones of their symbol."""
    silent: int = 0


@attrs.frozen(kw_only=True)
class Around:
    """What all streams of a gateway share."""

    seats: Seats
    book: AssetBook
    clock: Clock
    counters: StreamCounters = attrs.Factory(StreamCounters)


class StreamSocket(SocketTransport):
    """A WebSocket whose messages may be text, too."""

    def textMessageReceived(self, message: str) -> None:
        """Take text."""
        self._since_message = 0
        if not self._closed:
            cast("Stream", self.protocol).dataReceived(message.encode())

    def write_text(self, text: str) -> None:
        """Send text."""
        if self._closed:
            return
        try:
            self._socket.sendTextMessage(text)
        except LocalProtocolError:
            self._closed = True


class Stream:
    """One program on a WebSocket (see the module); it is its transport's producer, too."""

    log = Logger()

    def __init__(self, around: Around, visitor: Visitor) -> None:
        self.when_lost: Callable[[], None] | None = None
        self.around = around
        self.seat: Seat | None = None
        self._visitor = visitor
        self._transport: Any = None
        self._paused = False
        self._ended = False
        self._authenticating = False
        self._heard_at = 0
        self._timer: Timer | None = None
        self._arrived: deque[Any] = deque()  # at most STREAM_QUEUE_MAX
        self._working = False

    # --- what a stream is -------------------------------------------------------------------------

    def opened(self) -> None:
        """The connection stands; nobody has shown a key yet."""

    @abstractmethod
    def asked(self, message: dict[str, Any]) -> None:
        """Take a message that could be read."""

    @abstractmethod
    def unreadable(self) -> None:
        """Answer what could not be read."""

    @abstractmethod
    def answered(self, authorized: bool, error: ApiError | None) -> None:
        """Say whether the key is good."""

    @abstractmethod
    def late(self) -> None:
        """Say that no key came in time."""

    @abstractmethod
    def too_slow(self) -> None:
        """Say that too much waits."""

    def pushed(self, event: u.Event) -> None:
        """Take what our server pushes."""

    def readable(self) -> None:
        """The program reads again: write what waits."""

    async def work(self, thing: Any) -> None:
        """Do one thing of those that `later` took, in their order."""

    # --- to the socket ----------------------------------------------------------------------------

    def makeConnection(self, transport: Any) -> None:
        """Begin."""
        self._transport = transport
        transport.registerProducer(self, True)
        self.around.counters.opened += 1
        self._heard_at = self.around.clock.monotonic_ns()
        self._timer = self.around.clock.call_later(AUTH_S, self._look)
        self.opened()

    def dataReceived(self, data: bytes) -> None:
        """Take a message; an empty one is a sign of life."""
        self._heard_at = self.around.clock.monotonic_ns()
        if not data or self._ended:
            return
        try:
            message = self.read(data)
        except (ValueError, RecursionError):
            self.unreadable()
            return
        if isinstance(message, dict):
            self.asked(message)
        else:
            self.unreadable()

    def read(self, data: bytes) -> Any:
        """Read a message. Raises `ValueError`."""
        return json.loads(data, parse_float=Decimal)

    def connectionLost(self, reason: Failure) -> None:
        """End."""
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._leave()
        when_lost, self.when_lost = self.when_lost, None
        if when_lost is not None:
            when_lost()

    def _leave(self) -> None:
        self._arrived.clear()
        seat, self.seat = self.seat, None
        if seat is not None:
            self.around.seats.close_apart(seat)

    def say_goodbye(self, code: int, text: str = "") -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Close when everything is written."""
        self._ended = True
        self._leave()
        if self._transport is not None:
            self._transport.loseConnection()

    def pauseProducing(self) -> None:
        """The program does not read."""
        self._paused = True

    def resumeProducing(self) -> None:
        """It reads again."""
        self._paused = False
        self.readable()

    def stopProducing(self) -> None:
        """`connectionLost` follows."""

    @property
    def can_write(self) -> bool:
        """Whether the program reads what is written."""
        return not (self._paused or self._ended)

    @property
    def is_over(self) -> bool:
        """Whether nothing more is said here."""
        return self._ended

    def write(self, octets: bytes) -> None:
        """Write a binary message, whether or not it is read."""
        if self._transport is not None:
            self._transport.write(octets)

    def write_text(self, text: str) -> None:
        """Write a text message, whether or not it is read."""
        if self._transport is not None:
            self._transport.write_text(text)

    # --- keys and time ----------------------------------------------------------------------------

    def authenticate(self, key_id: object, secret: object) -> None:
        """Open a seat with a key; `answered` tells the outcome."""
        if self._authenticating or self.seat is not None:
            self.unreadable()
            return
        self._authenticating = True

        async def enter() -> None:
            credential = None
            if isinstance(key_id, str) and isinstance(secret, str):
                credential = credential_of(key_id, secret)
            error: ApiError | None = None
            if credential is not None:
                try:
                    self.seat = await self.around.seats.open_apart(credential, self._visitor)
                except Exception as problem:
                    error = error_of(problem)
                    if error is None:
                        raise
            self._authenticating = False
            self._entered(error)

        Deferred.fromCoroutine(enter()).addErrback(self._broken)

    def _entered(self, error: ApiError | None) -> None:
        seat = self.seat
        if seat is not None and self._ended:
            self.seat = None
            self.around.seats.close_apart(seat)
            return
        if seat is None:
            self.around.counters.unauthorized += 1
            self.answered(False, error)
            self.close()
            return
        seat.client.listen(self._event)
        self.answered(True, None)

    def _event(self, event: u.Event) -> None:
        if self._ended:
            return
        if isinstance(event, u.SessionUpdate):
            self.close()
        else:
            self.pushed(event)

    def _look(self) -> None:
        """Look whether the program has shown its key, and whether it lives."""
        clock = self.around.clock
        if self.seat is None and not self._authenticating and not self._ended:
            self.around.counters.unauthorized += 1
            self.late()
            self.close()
        elif clock.monotonic_ns() - self._heard_at >= SILENCE_S * SECOND:
            self.around.counters.silent += 1
            self._transport.abortConnection()
        self._timer = clock.call_later(AUTH_S, self._look)

    # --- work that takes its time -----------------------------------------------------------------

    def later(self, thing: Any) -> None:
        """Have `work` done with ``thing``, after all that was given before."""
        if self._ended:
            return
        if len(self._arrived) >= STREAM_QUEUE_MAX:
            self.ended_as_slow()
            return
        self._arrived.append(thing)
        if not self._working:
            self._working = True
            Deferred.fromCoroutine(self._work()).addErrback(self._broken)

    async def _work(self) -> None:
        try:
            while self._arrived and not self._ended:
                await self.work(self._arrived.popleft())
        finally:
            self._working = False

    def ended_as_slow(self) -> None:
        """Close, because too much waits."""
        if not self._ended:
            self.around.counters.slow += 1
            self.too_slow()
            self.close()

    def _broken(self, failure: Failure) -> None:
        if self._ended or (isinstance(failure.value, Exception) and error_of(failure.value)):
            # The seat is gone, or cannot be asked: the program connects again.
            self.close()
            return
        self.log.failure("a stream of the gateway failed", failure)
        self.close()


Build = Callable[[Around, Request, Visitor], Stream]


class StreamResource(SocketResource):
    """Where programs open a stream."""

    def __init__(self, build: Build, around: Around) -> None:
        super().__init__(_never, around.clock)
        self._build_stream = build
        self._around = around

    def socket(self, request: Request, peer: IAddress) -> SocketTransport:
        """Return what carries the stream of a request."""
        channel = request.channel
        handle = getattr(channel.transport if channel is not None else None, "getHandle", None)
        visitor = Visitor(peer=peer, handle=handle() if handle is not None else None)
        stream = self._build_stream(self._around, request, visitor)
        return StreamSocket(stream, peer, self.counters)

    def render_GET(self, request: Request) -> bytes | int:
        """Upgrade the connection, unless there are too many streams."""
        if len(self) >= STREAMS_MAX:
            self._around.counters.refused += 1
            request.setResponseCode(503)
            return b'{"code":50310000,"message":"too many streams"}'
        return super().render_GET(request)


def _never(peer: IAddress) -> Any:
    raise RuntimeError("a stream is built from its request")
