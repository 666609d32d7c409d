"""TLS of both links: who may connect to whom, and that it is settled before a byte is delivered.

=====================  ====================  ===================  =================================
link                   versions              ALPN (required)      certificates
=====================  ====================  ===================  =================================
client to worker       TLS 1.2 and 1.3       ``ptwp/1``           the worker's, checked by name
browser to worker      TLS 1.2 and 1.3       ``http/1.1`` or none the worker's, checked by name
worker to master       TLS 1.3 alone         ``ptwp-inner/1``     both sides, private authority
enrollment             TLS 1.3 alone         ``ptwp-enroll/1``    the master's, pinned by a hash
log to its receiver    TLS 1.2 and 1.3       none                 the receiver's, checked by name
=====================  ====================  ===================  =================================

Enrollment is on the master's port as well: the ALPN that is offered decides, before a certificate
is asked for, which of the two a connection is, and it stays that.

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
from typing import Any, Final, Protocol

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from OpenSSL import SSL
from OpenSSL.crypto import X509, X509Store, X509StoreContext, X509StoreContextError
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import extract_patterns
from service_identity.hazmat import DNS_ID, IPAddress_ID, verify_service_identity
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
    ISystemHandle,
)
from twisted.internet.ssl import (
    AcceptableCiphers,
    Certificate,
    CertificateOptions,
    TLSVersion,
    trustRootFromCertificates,
)
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from papertrader.net.credentials import (
    BUNDLE_BYTES_MAX,
    MASTER_NAME,
    PEM_BYTES_MAX,
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
ENROLL_ALPN: Final = kinds.ALPN_ENROLL.encode("ascii")

CIPHERS: Final = AcceptableCiphers.fromOpenSSLCipherString("ECDHE+AESGCM:ECDHE+CHACHA20")
"""Of TLS 1.2: forward secrecy and authenticated encryption alone (RFC 9325); of TLS 1.3, all."""
_EARLY: Final = 9
_ENDED: Final = 10
_OF_NOBODY: Final = frozenset({2, 18, 19, 20, 21})
"""Codes of X.509 verification, as OpenSSL has them."""
CHAIN_DEPTH_MAX: Final = 4
"""Most certificates between a peer's own and the authority; a longer chain is refused."""

Admitted = Callable[[bytes, str, str], bool]
"""``admitted(spki, uuid, host)``: whether the registry knows this key under this worker's UUID now,
and lets it come from this address (empty: the peer has none)."""

LeafCheck = Callable[[x509.Certificate, str], None]
"""Judges the peer's own certificate, whose chain is already verified, and where the peer is; raises
`PeerRefused`."""


class ConnectionCreator(Protocol):
    """What makes TLS connections, for either side."""

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Return a new connection for the calling side."""

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Return a new connection for the accepting side."""


class PeerRefused(SSL.Error):
    """The handshake failed because a check of ours, not of OpenSSL, refused the peer."""

    def __init__(self, sentence: str) -> None:
        # Twisted reads the arguments of an SSL.Error as OpenSSL's queue of (library, function,
        # reason); an empty queue would look to it like a plain end of the stream.
        super().__init__([("papertrader", "handshake", sentence)])
        self.sentence = sentence

    def __str__(self) -> str:
        return self.sentence


class NotSpoken(PeerRefused):
    """The peer does not speak the protocol of this link."""

    def __init__(self, alpn: bytes) -> None:
        super().__init__(f"the peer does not speak {alpn.decode()} (ALPN)")


def client_context_factory(trusted: Any, hostname: str) -> _Connections:
    """Return what a client needs to connect to a worker called ``hostname``.

    ``trusted``: the authorities, as Twisted has them. ``hostname`` is a DNS name or an IP address
    and must stand in the worker's certificate; Twisted's own would do with one that has no name at
    all. Raises `ValueError` for an impossible name.
    """
    server = _server_name(hostname)
    options = CertificateOptions(
        trustRoot=trusted,
        raiseMinimumTo=TLSVersion.TLSv1_2,
        acceptableCiphers=CIPHERS,
        verifyDepth=CHAIN_DEPTH_MAX,
    )
    return _Connections(
        context=_context(options, PUBLIC_ALPN, leaf_check=_names(server)),
        alpn=PUBLIC_ALPN,
        server_name=server.hostname if isinstance(server, DNS_ID) else None,
    )


def public_server_factory(
    certificate_file: Path, key_file: Path, alpn: bytes = PUBLIC_ALPN
) -> _Connections:
    """Return what a worker needs to face the clients: its own certificate, none asked of them.

    ``certificate_file`` may hold intermediates after the worker's own certificate. Raises
    `CredentialsError` if a file is unusable or the key is open to other users.
    """
    own = load_credentials(certificate_file, key_file)
    options = CertificateOptions(raiseMinimumTo=TLSVersion.TLSv1_2, acceptableCiphers=CIPHERS)
    return _Connections(context=_context(options, alpn, own=own), alpn=alpn)


def web_server_factory(certificate_file: Path, key_file: Path) -> _Connections:
    """Return what a worker needs to face browsers: HTTP/1.1 over TLS.

    A program that offers no ALPN is taken for one that speaks HTTP/1.1, as it is everywhere. Raises
    `CredentialsError`.
    """
    own = load_credentials(certificate_file, key_file)
    options = CertificateOptions(raiseMinimumTo=TLSVersion.TLSv1_2, acceptableCiphers=CIPHERS)
    return _Connections(
        context=_context(options, WEB_ALPN, own=own), alpn=WEB_ALPN, alpn_optional=True
    )


def inner_server_factory(
    ca_file: Path, certificate_file: Path, key_file: Path, admitted: Admitted
) -> _Connections:
    """Return what the master needs to listen for workers.

    ``admitted`` is asked within each handshake, once the chain, the dates and the use of the
    worker's certificate are good; it must answer at once. A peer that offers `ENROLL_ALPN` alone
    is asked for no certificate; see `is_enrollment`. Raises `CredentialsError`.
    """

    def check(certificate: x509.Certificate, host: str) -> None:
        try:
            peer = worker_identity(certificate)
        except ValueError as error:
            raise PeerRefused(str(error)) from None
        if not admitted(peer.spki, peer.uuid, host):
            raise PeerRefused(f"worker {peer.uuid} is not registered with this key, or not there")

    own = load_credentials(certificate_file, key_file)
    # Whoever enrolls knows the authority by its hash alone, and must be shown it.
    anchors = tuple(load_certificates(ca_file))
    shown = attrs.evolve(own, chain=own.chain + tuple(a for a in anchors if a not in own.chain))
    context = _context(
        _inner_options(ca_file), INNER_ALPN, own=shown, leaf_check=check, enrolls=True
    )
    return _Connections(context=context, alpn=INNER_ALPN, enrolls=True)


def inner_client_factory(ca_file: Path, certificate_file: Path, key_file: Path) -> _Connections:
    """Return what a worker needs to connect to the master, wherever the master listens.

    The master is known by the name in its certificate, not by its address. Raises
    `CredentialsError`.
    """
    own = load_credentials(certificate_file, key_file)
    master = DNS_ID(MASTER_NAME)
    context = _context(_inner_options(ca_file), INNER_ALPN, own=own, leaf_check=_names(master))
    return _Connections(context=context, alpn=INNER_ALPN, server_name=master.hostname)


def log_client_factory(ca_file: Path, hostname: str, own: tuple[Path, Path] | None) -> _Connections:
    """Return what sends a log to a receiver called ``hostname`` (RFC 5425, RFC 9662).

    ``own`` is the certificate and key to show, if the receiver wants one. Raises
    `CredentialsError` for an unusable file and `ValueError` for an impossible name.
    """
    server = _server_name(hostname)
    options = CertificateOptions(
        trustRoot=trustRootFromCertificates(_authorities(ca_file, BUNDLE_BYTES_MAX)),
        raiseMinimumTo=TLSVersion.TLSv1_2,
        acceptableCiphers=CIPHERS,
        verifyDepth=CHAIN_DEPTH_MAX,
    )
    shown = load_credentials(*own) if own is not None else None
    return _Connections(
        context=_context(options, b"", own=shown, leaf_check=_names(server)),
        alpn=b"",
        server_name=server.hostname if isinstance(server, DNS_ID) else None,
    )


def enrollment_client_factory(authority: bytes) -> _Connections:
    """Return what a worker to be needs to reach its master before it has a certificate.

    ``authority`` is the SHA-256 (32 octets) of the authority's certificate in DER, from the
    operator: the master must show that certificate, and its own must follow from it.
    """
    options = CertificateOptions(raiseMinimumTo=TLSVersion.TLSv1_3, verifyDepth=CHAIN_DEPTH_MAX)
    context = _context(options, ENROLL_ALPN)
    return _Connections(
        context=context, alpn=ENROLL_ALPN, server_name=MASTER_NAME.encode(), pin=authority
    )


@implementer(IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator)
class Reloading:
    """Stands for what makes connections, so that it can be replaced while ports are open.

    Connections that were made before stay as they are; those made from now on show and trust what
    ``current`` does.
    """

    def __init__(self, current: ConnectionCreator) -> None:
        self.current = current
        self.replaced = 0

    def replace(self, current: ConnectionCreator) -> None:
        """Let another one count."""
        self.current = current
        self.replaced += 1

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Return a new connection of the present kind, for the calling side."""
        return self.current.clientConnectionForTLS(tlsProtocol)

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Return a new connection of the present kind, for the accepting side."""
        return self.current.serverConnectionForTLS(tlsProtocol)


def is_enrollment(transport: object) -> bool:
    """Tell whether a connection to the master's port is a worker's that has no certificate yet.

    One without TLS (in tests) is not.
    """
    handle = getattr(transport, "getHandle", None)
    connection = handle() if handle is not None else None
    return (
        isinstance(connection, _CheckedConnection)
        and connection.settled
        and connection.get_alpn_proto_negotiated() == ENROLL_ALPN
    )


def refusal(reason: Failure) -> str:
    """Return what was wrong with a handshake, ours or the peer's sentence; empty when a connection
    ended for anything else."""
    error = reason.value
    if isinstance(error, PeerRefused):
        return error.sentence
    queue = error.args[0] if isinstance(error, SSL.Error) and error.args else ()
    return "; ".join(each[2] for each in queue) if isinstance(queue, list) else ""


def peer_certificate(transport: ISystemHandle) -> x509.Certificate | None:
    """Return the proven certificate of a worker at the other end of an inner link, or None."""
    connection = transport.getHandle()
    if not isinstance(connection, _CheckedConnection) or not connection.settled:
        return None
    if connection.get_alpn_proto_negotiated() != INNER_ALPN:
        return None
    return connection.get_peer_certificate(as_cryptography=True)


def peer_identity(transport: ISystemHandle) -> PeerIdentity | None:
    """Return which worker is at the other end of an inner link.

    ``None`` without a worker's proven certificate: on the public link, when the peer is the
    master, before the handshake is complete, or after the connection is lost.
    """
    certificate = peer_certificate(transport)
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

    def __init__(
        self,
        context: SSL.Context,
        alpn: Sequence[bytes],
        pin: bytes = b"",
        beneath: TLSMemoryBIOProtocol | None = None,
    ) -> None:
        super().__init__(context, None)
        self._alpn = alpn
        self._pin = pin
        self._beneath = beneath
        self.settled = False

    def do_handshake(self) -> None:
        """Drive the handshake; raises `PeerRefused` when it ends without our ALPN protocol."""
        super().do_handshake()
        if self.get_alpn_proto_negotiated() not in self._alpn:
            raise NotSpoken(self._alpn[0])
        if self._pin:
            _check_pin(self.get_peer_cert_chain() or [], self._pin)
        # The transport refers to this connection: no circle for the collector to find.
        self._beneath = None
        self.settled = True

    @property
    def peer_host(self) -> str:
        """The peer's address, known while the handshake lasts; empty if it has none."""
        transport = self._beneath.transport if self._beneath is not None else None
        host = getattr(transport.getPeer(), "host", "") if transport is not None else ""
        return host if isinstance(host, str) else ""


@implementer(IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator)
@attrs.frozen(kw_only=True)
class _Connections:
    """Makes the connections of one factory: they share a context that never changes again."""

    context: SSL.Context
    alpn: bytes
    alpn_optional: bool = False
    server_name: bytes | None = None
    enrolls: bool = False
    pin: bytes = b""

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Return a new connection that offers our protocol and asks for the server by name."""
        connection = _CheckedConnection(self.context, [self.alpn], self.pin)
        if self.alpn:
            connection.set_alpn_protos([self.alpn])
        if self.server_name is not None:
            connection.set_tlsext_host_name(self.server_name)
        return connection

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Return a new connection for the accepting side."""
        if not self.enrolls:
            agreed = [self.alpn, b""] if self.alpn_optional else [self.alpn]
            return _CheckedConnection(self.context, agreed)
        return _CheckedConnection(self.context, [self.alpn, ENROLL_ALPN], beneath=tlsProtocol)


def _context(
    options: CertificateOptions,
    alpn: bytes,
    own: Credentials | None = None,
    leaf_check: LeafCheck | None = None,
    enrolls: bool = False,
) -> SSL.Context:
    """Finish Twisted's context: our certificate, no renegotiation, ALPN, our check of the peer."""

    def select(connection: SSL.Connection, offered: Sequence[bytes]) -> bytes:
        if enrolls and list(offered) == [ENROLL_ALPN]:
            # Before the certificate is asked for: this connection has none to show.
            connection.set_verify(SSL.VERIFY_NONE, verify)
            return ENROLL_ALPN
        # An exception here makes OpenSSL send the no_application_protocol alert.
        if alpn not in offered:
            raise NotSpoken(alpn)
        if enrolls and connection.get_verify_mode() == SSL.VERIFY_NONE:
            raise PeerRefused("an earlier ClientHello of this handshake came to enroll")
        return alpn

    def verify(connection: SSL.Connection, peer: X509, error: int, depth: int, good: int) -> bool:
        if good and depth == 0 and leaf_check is not None:
            leaf_check(peer.to_cryptography(), getattr(connection, "peer_host", ""))
        why = "" if good else _unverified(peer.to_cryptography(), error)
        if why:
            # The peer is told by OpenSSL's alert as before, of this error.
            raise PeerRefused(why)
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


def _unverified(certificate: x509.Certificate, error: int) -> str:
    """Say what OpenSSL found wrong with a certificate of the peer's chain; "" for what is rare.

    A name is told of those alone whose signature was good: dates are looked at after it.
    """
    if error in _OF_NOBODY:
        return "its certificate is of an authority that is not trusted here"
    if error not in (_ENDED, _EARLY):
        return ""
    whose = f"the certificate of {certificate.subject.rfc4514_string()}"
    if error == _ENDED:
        return f"{whose} ended on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    began = f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M}"
    return f"{whose} is good from {began} UTC on only: a clock is wrong, here or there"


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

    def check(certificate: x509.Certificate, host: str) -> None:
        try:
            verify_service_identity(extract_patterns(certificate), [server], [])
        except (CertificateError, VerificationError):
            name = server.hostname.decode() if isinstance(server, DNS_ID) else server.ip
            raise PeerRefused(f"the server's certificate does not name {name}") from None

    return check


def _check_pin(chain: Sequence[X509], pin: bytes) -> None:
    """Raise `PeerRefused` unless a chain is the master's under the authority with this hash."""
    shown = [(each, each.to_cryptography()) for each in chain]
    anchor = next((each for each, read in shown if read.fingerprint(SHA256()) == pin), None)
    if anchor is None:
        raise PeerRefused("the master does not show the authority whose hash was given")
    store = X509Store()
    store.add_cert(anchor)
    try:
        X509StoreContext(store, chain[0], chain=list(chain[1:])).verify_certificate()
    except X509StoreContextError as error:
        raise PeerRefused(f"the master's certificate does not follow: {error}") from None
    _names(DNS_ID(MASTER_NAME))(shown[0][1], "")


def _authorities(ca_file: Path, bytes_max: int = PEM_BYTES_MAX) -> list[Certificate]:
    found = load_certificates(ca_file, bytes_max)
    return [Certificate(X509.from_cryptography(each)) for each in found]
