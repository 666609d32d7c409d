"""A port for HTTPS: certificate, caps, names and bounds, whatever is served behind them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint
from twisted.internet.interfaces import (
    IOpenSSLServerConnectionCreator,
    IReactorTCP,
    IReactorTime,
    IStreamServerEndpoint,
)
from twisted.web.resource import Resource

from papertrader.net.clock import Clock
from papertrader.net.factory import AcceptCaps, AcceptorFactory
from papertrader.net.services import ListeningService, address
from papertrader.net.web import IDLE_S, Gate, WebSite

HEALTH_PATH: Final = b"health"
"""For load balancers: 200 while the worker can ask its master."""


@attrs.frozen(kw_only=True)
class WebConfiguration:
    """What the operator decides about one port for HTTPS of a worker."""

    listen_host: str
    listen_port: int
    """0 lets the system choose (see `WebPort.port`)."""
    names: Collection[str]
    """Names and addresses in the worker's public certificate, the only ones answered under. They
    may change with it."""
    caps: AcceptCaps = attrs.Factory(AcceptCaps)
    strict_transport: str = "off"
    """One of `papertrader.net.web.STRICT_TRANSPORT`."""


class WebPort:
    """Serves ``root`` under the names of the configuration.

    ``setting`` is what an error names if the port cannot be had. ``endpoint``: a socket that
    somebody else keeps open, instead of the configured address. ``renewable``: see `WebSite`.
    """

    def __init__(
        self,
        configuration: WebConfiguration,
        root: Resource,
        clock: Clock,
        reactor: IReactorTCP,
        tls: IOpenSSLServerConnectionCreator | None,
        endpoint: IStreamServerEndpoint | None,
        *,
        setting: str,
        idle_s: int = IDLE_S,
        renewable: bool = False,
    ) -> None:
        self.host, self._configured_port = configuration.listen_host, configuration.listen_port
        self.gate = Gate(configuration.names, root)
        site = WebSite(
            self.gate,
            clock,
            IReactorTime(reactor),
            idle_s=idle_s,
            renewable=renewable,
            strict_transport=configuration.strict_transport,
        )
        self.acceptor = AcceptorFactory(
            site.build, clock, caps=configuration.caps, tls=tls, reactor=IReactorTime(reactor)
        )
        host, port = self.host, self._configured_port
        kind = TCP6ServerEndpoint if ":" in host else TCP4ServerEndpoint
        self.listening = ListeningService(
            endpoint or kind(reactor, port, interface=host),
            self.acceptor,
            clock,
            where=address(host, port),
            setting=setting,
        )

    @property
    def port(self) -> int:
        """The port to connect to: the real one once it is open."""
        listening = self.listening.port
        if listening is None:
            return self._configured_port
        port: int = getattr(listening.getHost(), "port", self._configured_port)
        return port

    def start(self) -> None:
        """Open the port; ``listening.listening`` tells the outcome."""
        self.listening.startService()

    def stop(self) -> Deferred[None]:
        """Close it, and the connections that came over it."""
        return self.listening.stopService()
