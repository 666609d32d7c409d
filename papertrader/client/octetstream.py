"""What the Twisted face stands on: TLS endpoints, and a connection as a stream of octets."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import (
    ConnectError,
    ConnectionClosed,
    ConnectionDone,
    ConnectionLost,
)
from twisted.internet.interfaces import (
    IHandshakeListener,
    IOpenSSLClientConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IProtocolNegotiationFactory,
    IStreamClientEndpoint,
    ITCPTransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.python.failure import Failure
from zope.interface import implementer

from papertrader.client.endpoints import Endpoint
from papertrader.client.losses import UNTRUSTED, tls_failure
from papertrader.client.transport import ALPN
from papertrader.client.trust import Trust
from papertrader.net.records import RecordFactory
from papertrader.net.tls import NotSpoken, PeerRefused, client_context_factory

EndpointFor = Callable[[Endpoint], IStreamClientEndpoint]

_NOT_SPOKEN: Final = f"the server does not speak {ALPN}; is it a worker?"
_PEM_END: Final = b"-----END CERTIFICATE-----"


def tls_endpoints(reactor: Any, ca: str | Path) -> EndpointFor:
    """Return what makes TLS endpoints for workers whose certificates come from the CA file.

    TLS 1.2 or better, names checked, ALPN offered. The file is looked at before each connection:
    another one may have taken its place. Raises `ValueError`, naming the file, if it cannot be
    used.
    """
    trust = Trust(ca, trust_root)

    def endpoint_for(endpoint: Endpoint) -> IStreamClientEndpoint:
        plain = HostnameEndpoint(reactor, endpoint.host, endpoint.port)
        return _TlsEndpoint(client_context_factory(trust(), endpoint.host), plain)

    return endpoint_for


@implementer(IStreamClientEndpoint)
class _TlsEndpoint:
    """Twisted's ``wrapClientTLS`` with the TLS of a worker: a request costs a quarter less."""

    def __init__(
        self, options: IOpenSSLClientConnectionCreator, plain: IStreamClientEndpoint
    ) -> None:
        self._options = options
        self._plain = plain

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect, and give the protocol within TLS, whose handshake begins."""
        made: Any = self._plain.connect(RecordFactory(self._options, True, protocolFactory))
        within: Deferred[IProtocol] = made.addCallback(lambda tls: tls.wrappedProtocol)
        return within


def trust_root(ca: Path) -> Any:
    """Return what Twisted trusts by the CA file. Raises `ValueError`, naming the file."""
    try:
        blocks = ca.read_bytes().split(_PEM_END)[:-1]
        certificates = [Certificate.loadPEM(block + _PEM_END) for block in blocks]
    except OSError as error:
        raise ValueError(f"the CA file {ca} cannot be read: {error.strerror}") from None
    except Exception:
        # pyOpenSSL has its own exceptions for each kind of unreadable PEM.
        certificates = []
    if not certificates:
        raise ValueError(f"the CA file {ca} holds no readable PEM certificate")
    return trustRootFromCertificates(certificates)


def _why_lost(reason: Failure) -> str:
    """Say in few words why a connection ended."""
    if reason.check(ConnectionDone) is not None:
        return "the server closed the connection"
    if isinstance(reason.value, NotSpoken):
        return _NOT_SPOKEN
    if isinstance(reason.value, PeerRefused):
        return f"{UNTRUSTED}: {reason.value.sentence}"
    arguments = reason.value.args if reason.value is not None else ()
    details = arguments[0] if arguments else ""
    if isinstance(details, list):
        # pyOpenSSL's errors: a list of (library, function, reason).
        return "; ".join(tls_failure(str(each[-1])) for each in details) or "TLS failed"
    if reason.check(ConnectionLost) is not None:
        return "the connection was cut"
    return reason.getErrorMessage()


def why_not_made(reason: Failure) -> tuple[str, bool]:
    """Say in few words why a connection was not made, and whether the peer just ended it."""
    if isinstance(reason.value, ConnectError) and isinstance(reason.value.osError, int):
        number = reason.value.osError
        return os.strerror(number), number == errno.ECONNRESET
    return reason.getErrorMessage(), False


@implementer(IHandshakeListener)
class Octets(Protocol):
    """One connection: tells of itself that it is usable, what came, and why it ended."""

    def __init__(
        self,
        connected: Callable[[Octets], None],
        received: Callable[[Octets, bytes], None],
        lost: Callable[[Octets, str, bool], None],
    ) -> None:
        self._connected = connected
        self._received = received
        self._lost = lost

    def connectionMade(self) -> None:
        transport = self.transport
        if ITCPTransport.providedBy(transport):
            transport.setTcpNoDelay(True)
        if not hasattr(transport, "negotiatedProtocol"):
            # Not TLS: an endpoint of the program's own choice.
            self._connected(self)

    def handshakeCompleted(self) -> None:
        chosen = getattr(self.transport, "negotiatedProtocol", None)
        if chosen == ALPN.encode():
            self._connected(self)
        else:
            self._lost(self, _NOT_SPOKEN, False)
            self.abort()

    def dataReceived(self, data: bytes) -> None:
        self._received(self, data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        ended = reason.check(ConnectionClosed) is not None
        self._lost(self, _why_lost(reason), ended)

    def write(self, octets: bytes) -> None:
        """Write, as long as there is a transport."""
        if self.transport is not None:
            self.transport.write(octets)

    def close(self) -> None:
        """End it once everything is written."""
        if self.transport is not None:
            self.transport.loseConnection()

    def abort(self) -> None:
        """End it at once."""
        if self.transport is not None:
            getattr(self.transport, "abortConnection", self.transport.loseConnection)()


@implementer(IProtocolNegotiationFactory)
class OctetsFactory(Factory):
    """Makes the one connection that it is given."""

    noisy = False

    def __init__(self, stream: Octets) -> None:
        self._stream = stream

    def buildProtocol(self, addr: object) -> Octets:
        return self._stream

    def acceptableProtocols(self) -> list[bytes]:
        return [ALPN.encode()]
