"""The web face of a worker: one more port, where a browser gets the page and its WebSocket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint
from twisted.internet.interfaces import (
    IAddress,
    IOpenSSLServerConnectionCreator,
    IReactorTCP,
    IReactorTime,
    IStreamServerEndpoint,
)

from papertrader.net.clock import Clock
from papertrader.net.factory import AcceptCaps, AcceptorFactory
from papertrader.net.protocol import FrameProtocol
from papertrader.net.services import ListeningService
from papertrader.net.web import Gate, Health, WebSite
from papertrader.wire.kinds import Status
from papertrader.worker.page import Page, page_files
from papertrader.worker.websocket import SocketResource

HEALTH_PATH: Final = b"health"
"""For load balancers: 200 while the worker can ask its master."""
SOCKET_PATH: Final = b"ptwp"
"""Where the WebSocket is: ``wss://HOST:PORT/ptwp``."""


@attrs.frozen(kw_only=True)
class WebConfiguration:
    """What the operator decides about the web face of one worker."""

    listen_host: str
    listen_port: int
    """0 lets the system choose (see `WebFace.port`)."""
    names: tuple[str, ...]
    """Names and addresses in the worker's public certificate: the only ones answered under."""
    caps: AcceptCaps = attrs.Factory(AcceptCaps)


class WebFace:
    """Listens for browsers. ``build`` makes the client connection of a WebSocket; ``trouble`` says
    why the worker cannot serve just now, "" if it can."""

    def __init__(
        self,
        configuration: WebConfiguration,
        build: Callable[[IAddress], FrameProtocol],
        trouble: Callable[[], str],
        clock: Clock,
        reactor: IReactorTCP,
        tls: IOpenSSLServerConnectionCreator | None,
        endpoint: IStreamServerEndpoint | None = None,
    ) -> None:
        self.configuration = configuration
        self.sockets = SocketResource(build, clock)
        children = {SOCKET_PATH: self.sockets, HEALTH_PATH: Health(trouble)}
        self.page = Page(page_files(), children)
        self.gate = Gate(configuration.names, self.page)
        site = WebSite(self.gate, clock, IReactorTime(reactor))
        self.acceptor = AcceptorFactory(
            site.build, clock, caps=configuration.caps, tls=tls, reactor=IReactorTime(reactor)
        )
        host, port = configuration.listen_host, configuration.listen_port
        kind = TCP6ServerEndpoint if ":" in host else TCP4ServerEndpoint
        self.listening = ListeningService(
            endpoint or kind(reactor, port, interface=host),
            self.acceptor,
            clock,
            where=f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            setting="web.listen",
        )

    @property
    def port(self) -> int:
        """The port that browsers use: the real one once it is open."""
        listening = self.listening.port
        if listening is None:
            return self.configuration.listen_port
        port: int = getattr(listening.getHost(), "port", self.configuration.listen_port)
        return port

    def start(self) -> None:
        """Open the port; ``listening.listening`` tells the outcome."""
        self.listening.startService()

    def stop(self) -> Deferred[None]:
        """Say GOODBYE on every WebSocket, and close."""
        self.sockets.stop()
        self.sockets.goodbye(Status.SHUTDOWN, "the worker stops")
        return self.listening.stopService()
