"""TLS handshakes take turns: however many come at once, whoever is connected already goes first.

A step of a handshake costs about a millisecond of the processor, and the reactor deals with all
that has arrived in one turn. A hundred newcomers would hold up everybody for a tenth of a second.
So only `STEPS_PER_TURN` steps are made in a turn of the reactor; the rest wait in a queue, in the
order in which they came, and what is already connected is served in between.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from twisted.internet.interfaces import (
    IOpenSSLServerConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
)
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from papertrader.net.clock import Clock, Timer
from papertrader.net.records import RecordTransport

STEPS_PER_TURN: Final = 2
"""Steps of handshakes in one turn of the reactor: about two milliseconds."""
EARLY_MAX: Final = 64 * 1024
"""Octets kept for a connection whose turn has not come; more, and it is cut."""


class HandshakeQueue:
    """Gives out the turns. Each connection waits here once at most."""

    def __init__(self, clock: Clock) -> None:
        self.waited = 0
        """Steps that could not be made at once."""
        self._clock = clock
        self._steps = STEPS_PER_TURN
        # Bounded by the number of connections that are admitted.
        self._waiting: OrderedDict[PacedTransport, None] = OrderedDict()
        self._timer: Timer | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self) -> bool:
        """Tell whether a step may be made now."""
        if self._timer is None:
            self._timer = self._clock.call_later(0, self._turn)
        if self._steps > 0 and not self._waiting:
            self._steps -= 1
            return True
        return False

    def wait(self, transport: PacedTransport) -> None:
        """Have ``transport.step`` called when its turn has come."""
        self.waited += 1
        self._waiting[transport] = None

    def leave(self, transport: PacedTransport) -> None:
        """Forget a connection that is gone."""
        self._waiting.pop(transport, None)

    def _turn(self) -> None:
        self._timer = None
        self._steps = STEPS_PER_TURN
        while self._steps > 0 and self._waiting:
            self._steps -= 1
            self._waiting.popitem(last=False)[0].step()
        if self._waiting and self._timer is None:
            self._timer = self._clock.call_later(0, self._turn)


class PacedTransport(RecordTransport):
    """TLS over a connection; until the handshake is through, it goes on only in its turn."""

    factory: PacedFactory
    log = Logger()

    def __init__(
        self, factory: PacedFactory, wrapped: IProtocol, _connectWrapped: bool = True
    ) -> None:
        super().__init__(factory, wrapped, _connectWrapped)  # type: ignore[no-untyped-call]
        self._queue = factory.queue
        self._early = bytearray()

    def dataReceived(self, data: bytes) -> None:
        """Take octets of the peer, now or when there is a turn."""
        if self._early:
            self._early += data
            if len(self._early) > EARLY_MAX:
                self.abortConnection()  # type: ignore[no-untyped-call]
        elif self._is_settled or self._queue.take():
            super().dataReceived(data)
        else:
            self._early += data
            self._queue.wait(self)

    @property
    def _is_settled(self) -> bool:
        connection = self.getHandle()  # type: ignore[no-untyped-call]
        return bool(getattr(connection, "settled", True))

    def step(self) -> None:
        """Go on with what came."""
        data = bytes(self._early)
        self._early.clear()
        if not self.connected:
            return
        try:
            super().dataReceived(data)
        except Exception:
            # No reactor reads here, which would log it and end this connection alone.
            self.log.failure("a connection is cut: an error happened in it")
            self.abortConnection()  # type: ignore[no-untyped-call]

    def _tlsShutdownFinished(self, reason: Failure | None) -> None:
        # A failure's traceback refers to itself; the collector, which finds it, stops the reactor.
        super()._tlsShutdownFinished(reason)  # type: ignore[no-untyped-call]
        if reason is not None:
            reason.cleanFailure()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Give the place in the queue back."""
        if self._early:
            self._queue.leave(self)
            self._early.clear()
        super().connectionLost(reason)
        # A peer that ends leaves the producer registered, which is the protocol, which has us: a
        # ring that only the collector would find, with 6 KiB, and it comes rarely.
        self._producer = None


class PacedFactory(TLSMemoryBIOFactory):
    """Puts TLS around what another factory builds; handshakes take turns in ``queue``."""

    protocol = PacedTransport

    def __init__(
        self,
        tls: IOpenSSLServerConnectionCreator,
        wrapped: IProtocolFactory,
        reactor: IReactorTime | None,
        queue: HandshakeQueue,
    ) -> None:
        super().__init__(tls, False, wrapped, reactor)
        self.queue = queue
