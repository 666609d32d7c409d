"""The web face of a worker: one more port, where a browser gets the page and its WebSocket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IOpenSSLServerConnectionCreator,
    IReactorTCP,
    IStreamServerEndpoint,
)

from papertrader.net.clock import Clock
from papertrader.net.protocol import FrameProtocol
from papertrader.net.web import Health
from papertrader.net.webport import HEALTH_PATH, WebConfiguration, WebPort
from papertrader.wire.kinds import Status
from papertrader.worker.page import Page, page_files
from papertrader.worker.websocket import SocketResource

SOCKET_PATH: Final = b"ptwp"
"""Where the WebSocket is: ``wss://HOST:PORT/ptwp``."""


class WebFace(WebPort):
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
        self.sockets = SocketResource(build, clock)
        children = {SOCKET_PATH: self.sockets, HEALTH_PATH: Health(trouble)}
        self.page = Page(page_files(), children)
        super().__init__(
            configuration, self.page, clock, reactor, tls, endpoint, setting="web.listen"
        )

    def stop(self) -> Deferred[None]:
        """Say GOODBYE on every WebSocket, and close."""
        self.sockets.stop()
        self.sockets.goodbye(Status.SHUTDOWN, "the worker stops")
        return super().stop()
