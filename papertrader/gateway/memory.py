"""A connection within the process: a client of the library on one end, the worker's client
protocol on the other. What the worker demands of a client over TLS it demands here as well.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IAddress,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from papertrader.net.clock import Clock, Timer

WAITING_OCTETS_MAX: Final = 8 * 1024 * 1024
"""Octets that wait for one end; beyond, the connection is cut. Nobody waits for a network here: it
is what one turn of the reactor has written, or what came while an end read no more."""


class End:
    """One end: the transport of its protocol. Octets come to it in a later turn of the reactor."""

    def __init__(
        self,
        clock: Clock,
        peer: IAddress,
        handle: Any = None,
        overrun: Callable[[], None] = lambda: None,
    ) -> None:
        self._overrun = overrun
        self.protocol: Any = None
        self.other: End | None = None
        self._clock = clock
        self._peer = peer
        self._handle = handle
        self._waiting: deque[bytes] = deque()  # at most WAITING_OCTETS_MAX
        self._waiting_octets = 0
        self._reading = True
        self._closing = False
        self._over = False
        self._timer: Timer | None = None

    def write(self, data: bytes) -> None:
        """Send octets."""
        if not self._closing and self.other is not None:
            self.other._take(bytes(data))

    def loseConnection(self) -> None:
        """Close when everything has arrived."""
        if not self._closing and self.other is not None:
            self._closing = True
            self.other._soon()

    def abortConnection(self) -> None:
        """Close at once."""
        for end in (self, self.other):
            if end is not None:
                end._empty()
        self.loseConnection()

    def getPeer(self) -> IAddress:
        """Return whose connection it is: the address that the program came from."""
        return self._peer

    def getHandle(self) -> Any:
        """Return the TLS connection that the program came over."""
        return self._handle

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """There is always room."""

    def unregisterProducer(self) -> None:
        """There is always room."""

    def pauseProducing(self) -> None:
        """Take no more for a while."""
        self._reading = False

    def resumeProducing(self) -> None:
        """Go on."""
        self._reading = True
        self._soon()

    def _take(self, data: bytes) -> None:
        self._waiting.append(data)
        self._waiting_octets += len(data)
        if self._waiting_octets > WAITING_OCTETS_MAX:
            self._overrun()
            self.abortConnection()
        self._soon()

    def _empty(self) -> bytes:
        data = b"".join(self._waiting)
        self._waiting.clear()
        self._waiting_octets = 0
        return data

    def _soon(self) -> None:
        if self._timer is None and not self._over:
            self._timer = self._clock.call_later(0, self._deliver)

    def _deliver(self) -> None:
        self._timer = None
        if self._waiting and self._reading and not self._over:
            self.protocol.dataReceived(self._empty())
        other = self.other
        if other is not None and other._closing and not (self._waiting and self._reading):
            self._end()
            other._end()

    def _end(self) -> None:
        if not self._over:
            self._over = self._closing = True
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            protocol, self.protocol, self.other = self.protocol, None, None
            # No ring is left behind for the collector.
            protocol.connectionLost(Failure(ConnectionDone()))


@implementer(IStreamClientEndpoint)
class MemoryEndpoint:
    """Connects to what ``build`` makes of the program's address.

    ``handle`` is the TLS connection that the program came over: the master is told its version.
    ``overrun`` is called when a connection is cut because too much waited on it.
    """

    def __init__(
        self,
        build: Callable[[IAddress], Any],
        peer: IAddress,
        clock: Clock,
        handle: Any = None,
        overrun: Callable[[], None] = lambda: None,
    ) -> None:
        self._overrun = overrun
        self._build = build
        self._peer = peer
        self._clock = clock
        self._handle = handle

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect; it never fails."""
        far = protocolFactory.buildProtocol(self._peer)
        near = self._build(self._peer)
        ends = (
            End(self._clock, self._peer, overrun=self._overrun),
            End(self._clock, self._peer, self._handle, self._overrun),
        )
        for end, other, protocol in zip(ends, ends[::-1], (far, near), strict=True):
            end.other, end.protocol = other, protocol
        near.makeConnection(ends[1])
        if far is not None:
            far.makeConnection(ends[0])  # type: ignore[arg-type]
        return succeed(far)  # type: ignore[arg-type]
