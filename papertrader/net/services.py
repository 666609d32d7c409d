"""Services that say when they really began and really ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from papertrader.net.clock import Clock
from papertrader.net.factory import AcceptorFactory
from papertrader.net.ports import cannot_listen

STOP_S: Final = 3
"""Connections that are still there so long after the stop began are cut."""


def address(host: str, port: int) -> str:
    """Return a place as people write it: IPv6 addresses in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class PortUnavailableError(Exception):
    """The port cannot be listened on; the text says which, why, and what to do."""


@implementer(IStreamClientEndpoint)
class NextEndpoint:
    """Connects to one of several endpoints: to another each time, in turn.

    ``where`` says of each for people where it leads to, for the log.
    """

    def __init__(self, endpoints: Sequence[IStreamClientEndpoint], where: Sequence[str]) -> None:
        self._endpoints = tuple(endpoints)
        self._where = " or ".join(where)
        self._next = 0

    def __repr__(self) -> str:
        # Twisted's service writes: "Scheduling retry 1 to connect {this} in 0.5 seconds."
        return f"to {self._where}"

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect to the next one."""
        endpoint = self._endpoints[self._next % len(self._endpoints)]
        self._next += 1
        connecting: Deferred[IProtocol] = endpoint.connect(protocolFactory)
        return connecting


class ListeningService(Service):
    """Listens on an endpoint while it runs.

    ``where`` names the port for people (``127.0.0.1:2049``), ``setting`` what to change to choose
    another. Stopping closes the port and waits until the last connection has gone, STOP_S at most;
    whoever owns the connections says GOODBYE on them before.
    """

    def __init__(
        self,
        endpoint: IStreamServerEndpoint,
        factory: AcceptorFactory,
        clock: Clock,
        *,
        where: str,
        setting: str,
    ) -> None:
        self.factory = factory
        factory.name = setting
        self.port: IListeningPort | None = None
        self.listening: Deferred[IListeningPort] = Deferred()
        """Fires with the port once it is open; fails with `PortUnavailableError`."""
        self._endpoint = endpoint
        self._clock = clock
        self._where = where
        self._setting = setting
        self._opening: Deferred[IListeningPort] | None = None

    def startService(self) -> None:
        """Open the port; see `listening` for the outcome."""
        super().startService()  # type: ignore[no-untyped-call]
        self._opening = self._endpoint.listen(self.factory)
        self._opening.addCallbacks(self._opened, self._failed)

    def stopService(self) -> Deferred[None]:
        """Close the port, then wait for the connections to end."""
        super().stopService()  # type: ignore[no-untyped-call]
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
        port, self.port = self.port, None
        if port is not None:
            closing = port.stopListening()
            if isinstance(closing, Deferred):
                await closing
        timer = self._clock.call_later(STOP_S, self.factory.abort_all)
        await self.factory.when_empty()
        timer.cancel()

    def _opened(self, port: IListeningPort) -> None:
        self.port = port
        self.listening.callback(port)

    def _failed(self, failure: Failure) -> None:
        error = failure.value
        if isinstance(error, CannotListenError):
            error = error.socketError
        said = cannot_listen(self._where, self._setting, error)
        self.listening.errback(PortUnavailableError(said))
