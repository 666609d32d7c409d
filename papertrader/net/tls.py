"""TLS of both links: who may connect to whom, and that it is settled before a byte is delivered.

=====================  ====================  ===================  =================================
link                   versions              ALPN (required)      certificates
=====================  ====================  ===================  =================================
client to worker       TLS 1.2 and 1.3       ``ptwp/1``           the worker's, checked by name
browser to worker      TLS 1.2 and 1.3       ``http/1.1`` or none the worker's, checked by name
worker to master       TLS 1.3 alone         ``ptwp-inner/1``     both sides, private authority
=====================  ====================  ===================  =================================

Neither link renegotiates, resumes a session or hands out tickets: each connection shows its
certificate anew. A peer that fails a check of ours fails the *handshake*: Twisted then never calls
``handshakeCompleted`` nor delivers a byte, and ``connectionLost`` gets the `PeerRefused`.

In TLS 1.3 the client's handshake ends before the server has judged the client's certificate, so a
worker knows that it was admitted only from the master's first frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import attrs
from cryptography import x509
from OpenSSL import SSL
from OpenSSL.crypto import X509
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import extract_patterns
from service_identity.hazmat import DNS_ID, IPAddress_ID, verify_service_identity
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
    ISystemHandle,
)
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    TLSVersion,
    platformTrust,
    trustRootFromCertificates,
)
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from papertrader.net.credentials import (
    MASTER_NAME,
    Credentials,
    PeerIdentity,
    load_certificates,
    load_credentials,
    worker_identity,
)
from papertrader.wire import kinds

PUBLIC_ALPN: Final = kinds.ALPN_CLIENT.encode("ascii")
INNER_ALPN: Final = kinds.ALPN_WORKER.encode("ascii")
WEB_ALPN: Final = b"http/1.1"

CHAIN_DEPTH_MAX: Final = 4
"""Most certificates between a peer's own and the authority; a longer chain is refused."""

Admitted = Callable[[bytes, str], bool]
"""``admitted(spki, uuid)``: whether the registry knows this key under this worker's UUID now."""

LeafCheck = Callable[[x509.Certificate], None]
"""Judges the peer's own certificate, whose chain is already verified; raises `PeerRefused`."""


class PeerRefused(SSL.Error):
    """The handshake failed because a check of ours, not of OpenSSL, refused the peer."""

    def __init__(self, sentence: str) -> None:
        # Twisted reads the arguments of an SSL.Error as OpenSSL's queue of (library, function,
        # reason); an empty queue would look to it like a plain end of the stream.
        super().__init__([("papertrader", "handshake", sentence)])
        self.sentence = sentence

    def __str__(self) -> str:
        return self.sentence


def client_context_factory(
    ca_file: Path | None, hostname: str, alpn: bytes = PUBLIC_ALPN
) -> IOpenSSLClientConnectionCreator:
    """Return what a client needs to connect to a worker called ``hostname``.

    ``ca_file`` holds the authorities to trust (PEM); ``None`` trusts those of the platform.
    ``hostname`` is a DNS name or an IP address and must stand in the worker's certificate.
    Raises `CredentialsError` for an unusable file and `ValueError` for an impossible name.
    """
    server = _server_name(hostname)
    options = CertificateOptions(
        trustRoot=platformTrust()
        if ca_file is None
        else trustRootFromCertificates(_authorities(ca_file)),
        raiseMinimumTo=TLSVersion.TLSv1_2,
        verifyDepth=CHAIN_DEPTH_MAX,
    )
    return _Connections(
        context=_context(options, alpn, leaf_check=_names(server)),
        alpn=alpn,
        server_name=server.hostname if isinstance(server, DNS_ID) else None,
    )


def public_server_factory(
    certificate_file: Path, key_file: Path, alpn: bytes = PUBLIC_ALPN
) -> IOpenSSLServerConnectionCreator:
    """Return what a worker needs to face the clients: its own certificate, none asked of them.

    ``certificate_file`` may hold intermediates after the worker's own certificate. Raises
    `CredentialsError` if a file is unusable or the key is open to other users.
    """
    own = load_credentials(certificate_file, key_file)
    options = CertificateOptions(raiseMinimumTo=TLSVersion.TLSv1_2)
    return _Connections(context=_context(options, alpn, own=own), alpn=alpn)


def web_server_factory(certificate_file: Path, key_file: Path) -> IOpenSSLServerConnectionCreator:
    """Return what a worker needs to face browsers: HTTP/1.1 over TLS.

    A program that offers no ALPN is taken for one that speaks HTTP/1.1, as it is everywhere. Raises
    `CredentialsError`.
    """
    own = load_credentials(certificate_file, key_file)
    options = CertificateOptions(raiseMinimumTo=TLSVersion.TLSv1_2)
    return _Connections(
        context=_context(options, WEB_ALPN, own=own), alpn=WEB_ALPN, alpn_optional=True
    )


def inner_server_factory(
    ca_file: Path, certificate_file: Path, key_file: Path, admitted: Admitted
) -> IOpenSSLServerConnectionCreator:
    """Return what the master needs to listen for workers.

    ``admitted`` is asked within each handshake, once the chain, the dates and the use of the
    worker's certificate are good; it must answer at once. Raises `CredentialsError`.
    """

    def check(certificate: x509.Certificate) -> None:
        try:
            peer = worker_identity(certificate)
        except ValueError as error:
            raise PeerRefused(str(error)) from None
        if not admitted(peer.spki, peer.uuid):
            raise PeerRefused(f"worker {peer.uuid} is not registered with this key")

    own = load_credentials(certificate_file, key_file)
    context = _context(_inner_options(ca_file), INNER_ALPN, own=own, leaf_check=check)
    return _Connections(context=context, alpn=INNER_ALPN)


def inner_client_factory(
    ca_file: Path, certificate_file: Path, key_file: Path
) -> IOpenSSLClientConnectionCreator:
    """Return what a worker needs to connect to the master, wherever the master listens.

    The master is known by the name in its certificate, not by its address. Raises
    `CredentialsError`.
    """
    own = load_credentials(certificate_file, key_file)
    master = DNS_ID(MASTER_NAME)
    context = _context(_inner_options(ca_file), INNER_ALPN, own=own, leaf_check=_names(master))
    return _Connections(context=context, alpn=INNER_ALPN, server_name=master.hostname)


def peer_identity(transport: ISystemHandle) -> PeerIdentity | None:
    """Return which worker is at the other end of an inner link.

    ``None`` without a worker's proven certificate: on the public link, when the peer is the
    master, before the handshake is complete, or after the connection is lost.
    """
    connection = transport.getHandle()
    if not isinstance(connection, _CheckedConnection) or not connection.settled:
        return None
    certificate = connection.get_peer_certificate(as_cryptography=True)
    if certificate is None:
        return None
    try:
        return worker_identity(certificate)
    except ValueError:
        return None


class _CheckedConnection(SSL.Connection):
    """A connection whose handshake fails unless the required application protocol was agreed on.

    OpenSSL calls the ALPN callback only when the peer offers a list; a peer that offers none would
    otherwise be let in. Twisted treats an `SSL.Error` from here as a failed handshake.
    """

    def __init__(self, context: SSL.Context, alpn: bytes, optional: bool = False) -> None:
        super().__init__(context, None)
        self._alpn = alpn
        self._agreed = (alpn, b"") if optional else (alpn,)
        self.settled = False

    def do_handshake(self) -> None:
        """Drive the handshake; raises `PeerRefused` when it ends without our ALPN protocol."""
        super().do_handshake()
        if self.get_alpn_proto_negotiated() not in self._agreed:
            raise PeerRefused(f"the peer does not speak {self._alpn.decode()} (ALPN)")
        self.settled = True


@implementer(IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator)
@attrs.frozen(kw_only=True)
class _Connections:
    """Makes the connections of one factory: they share a context that never changes again."""

    context: SSL.Context
    alpn: bytes
    alpn_optional: bool = False
    server_name: bytes | None = None

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Return a new connection that offers our protocol and asks for the server by name."""
        connection = _CheckedConnection(self.context, self.alpn)
        connection.set_alpn_protos([self.alpn])
        if self.server_name is not None:
            connection.set_tlsext_host_name(self.server_name)
        return connection

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Return a new connection for the accepting side."""
        return _CheckedConnection(self.context, self.alpn, self.alpn_optional)


def _context(
    options: CertificateOptions,
    alpn: bytes,
    own: Credentials | None = None,
    leaf_check: LeafCheck | None = None,
) -> SSL.Context:
    """Finish Twisted's context: our certificate, no renegotiation, ALPN, our check of the peer."""

    def select(connection: SSL.Connection, offered: Sequence[bytes]) -> bytes:
        # An exception here makes OpenSSL send the no_application_protocol alert.
        if alpn not in offered:
            raise PeerRefused(f"the peer does not speak {alpn.decode()} (ALPN)")
        return alpn

    def verify(connection: SSL.Connection, peer: X509, error: int, depth: int, good: int) -> bool:
        if good and depth == 0 and leaf_check is not None:
            leaf_check(peer.to_cryptography())
        return bool(good)

    context: SSL.Context = options.getContext()
    context.set_options(SSL.OP_NO_RENEGOTIATION)
    context.set_alpn_select_callback(select)
    if own is not None:
        context.use_certificate(own.certificate)
        context.use_privatekey(own.key)
        for each in own.chain:
            context.add_extra_chain_cert(each)
    if leaf_check is not None:
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, verify)
    return context


def _inner_options(ca_file: Path) -> CertificateOptions:
    return CertificateOptions(
        trustRoot=trustRootFromCertificates(_authorities(ca_file)),
        raiseMinimumTo=TLSVersion.TLSv1_3,
        verifyDepth=CHAIN_DEPTH_MAX,
    )


def _server_name(hostname: str) -> DNS_ID | IPAddress_ID:
    try:
        ip_address(hostname)
    except ValueError:
        return DNS_ID(hostname)
    return IPAddress_ID(hostname)


def _names(server: DNS_ID | IPAddress_ID) -> LeafCheck:
    """Return the check that a certificate names ``server`` (RFC 9525: in its SAN alone)."""

    def check(certificate: x509.Certificate) -> None:
        try:
            verify_service_identity(extract_patterns(certificate), [server], [])
        except (CertificateError, VerificationError):
            name = server.hostname.decode() if isinstance(server, DNS_ID) else server.ip
            raise PeerRefused(f"the server's certificate does not name {name}") from None

    return check


def _authorities(ca_file: Path) -> list[Certificate]:
    return [Certificate(X509.from_cryptography(each)) for each in load_certificates(ca_file)]
