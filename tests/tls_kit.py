"""Both ends of a TLS connection in memory, and certificates that are good, foreign and forged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier
from OpenSSL import SSL
from twisted.internet.interfaces import (
    IHandshakeListener,
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import CertificateOptions, TLSVersion
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.test.iosim import IOPump, connectedServerAndClient
from zope.interface import implementer

from papertrader.client.octetstream import trust_root
from papertrader.net.credentials import (
    PeerIdentity,
    load_certificates,
    load_private_key,
    spki_fingerprint,
)
from papertrader.net.tls import (
    INNER_ALPN,
    PUBLIC_ALPN,
    client_context_factory,
    inner_client_factory,
    inner_server_factory,
    peer_identity,
)
from papertrader.ops.certificates import (
    authority_file,
    certificate_files,
    issue_master,
    issue_worker,
    issue_worker_public,
    make_authority,
)

UUID_1 = "6f1b2c1e-5a77-4e7b-9d3c-0a4b7a1f0c11"
UUID_2 = "0d9d5a52-6a0f-4c5e-8d0e-1b8f52d0a222"
ROUNDS = 20

ServerSide = IOpenSSLServerConnectionCreator
ClientSide = IOpenSSLClientConnectionCreator


@implementer(IHandshakeListener)
class Recorder(Protocol):
    """Greets at once, keeps what arrives, and sees who the peer is."""

    def __init__(self, greeting: bytes) -> None:
        self.greeting = greeting
        self.received = b""
        self.handshakes = 0
        self.early_peer: PeerIdentity | None = None
        self.peer: PeerIdentity | None = None
        self.reason: Failure | None = None

    def connectionMade(self) -> None:
        """Write before the handshake: nothing of it may reach a peer that is refused."""
        assert self.transport is not None
        self.early_peer = peer_identity(self.transport)
        self.transport.write(self.greeting)

    def handshakeCompleted(self) -> None:
        """Note the peer."""
        assert self.transport is not None
        self.handshakes += 1
        self.peer = peer_identity(self.transport)

    def dataReceived(self, data: bytes) -> None:
        """Keep what arrives."""
        self.received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Keep why it ended."""
        self.reason = reason


@attrs.frozen
class Meeting:
    """What became of one connection."""

    server: Recorder
    client: Recorder
    pump: IOPump
    server_connection: SSL.Connection
    client_connection: SSL.Connection

    @property
    def refused(self) -> bool:
        """Both ends are down, and neither got an application byte from the other."""
        return (
            self.server.reason is not None
            and self.client.reason is not None
            and self.server.received == self.client.received == b""
        )

    @property
    def good(self) -> bool:
        """Both ends are up and got each other's greeting."""
        return (
            self.server.received == b"from the client"
            and self.client.received == b"from the server"
            and self.server.reason is None
            and self.client.reason is None
        )


def meet(server_side: ServerSide, client_side: ClientSide) -> Meeting:
    """Connect two ends in memory and let them talk until they fall silent."""
    clock = Clock()
    server, client = Recorder(b"from the server"), Recorder(b"from the client")

    def end(creator: object, recorder: Recorder, is_client: bool) -> Callable[[], Protocol]:
        factory = Factory.forProtocol(lambda: recorder)
        wrapping = TLSMemoryBIOFactory(creator, is_client, factory, clock)
        return lambda: wrapping.buildProtocol(None)

    client_end, server_end, pump = connectedServerAndClient(
        end(server_side, server, False),
        end(client_side, client, True),
        greet=False,
        clock=clock,
    )
    connections = server_end.getHandle(), client_end.getHandle()
    for _ in range(ROUNDS):
        clock.advance(0)
        pump.flush()
    return Meeting(server, client, pump, *connections)


def installation(state: Path) -> Path:
    """Make the certificates of a small installation, and expired and future ones."""
    now = datetime.now(UTC)
    past = now - timedelta(days=3 * 365)
    make_authority(state, now=past)
    issue_master(state, now=now)
    issue_worker(state, "worker-1", UUID_1, now=now)
    issue_worker(state, "worker-2", UUID_2, now=now)
    issue_worker(state, "expired", UUID_1, now=past)
    issue_worker(state, "future", UUID_1, now=now + timedelta(days=10))
    issue_worker_public(state, "worker-1", ["trade.example.org"], now=now)
    issue_worker_public(state, "expired", now=past)
    return state


def master_side(state: Path, spki: bytes | None = None) -> ServerSide:
    """The master's side, which knows worker 1 alone, by the key ``spki`` or its own."""
    own = load_certificates(certificate_files(state, "worker-1")[0])[0]
    known = spki_fingerprint(own) if spki is None else spki
    return inner_server_factory(
        authority_file(state),
        *certificate_files(state, "master"),
        lambda key, uuid, host: (key, uuid) == (known, UUID_1),
    )


def library_side(ca: Path, host: str = "localhost") -> ClientSide:
    """A client's side, as the Twisted face of the library makes it."""
    return client_context_factory(trust_root(ca), host)


def worker_side(state: Path, name: str = "worker-1", trusting: Path | None = None) -> ClientSide:
    """A worker's side with the certificate called ``name``."""
    return inner_client_factory(authority_file(trusting or state), *certificate_files(state, name))


def foreign_side(
    alpn: Sequence[bytes] = (INNER_ALPN,),
    files: tuple[Path, Path] | None = None,
    newest: object = TLSVersion.TLSv1_3,
) -> CertificateOptions:
    """Either side as a program that is not ours would make it: it verifies nothing."""
    certificate = load_certificates(files[0])[0] if files else None
    key = load_private_key(files[1]) if files else None
    return CertificateOptions(
        certificate=certificate,
        privateKey=key,
        acceptableProtocols=list(alpn) or None,
        lowerMaximumSecurityTo=newest,
    )


def forged(
    state: Path,
    tmp_path: Path,
    names: Sequence[x509.GeneralName] | None,
    uses: Sequence[ObjectIdentifier] | None,
    self_signed: bool = False,
) -> tuple[Path, Path]:
    """Issue what our own code never would, under the real authority or under none."""
    key = load_private_key(certificate_files(state, "worker-1")[1])
    authority = load_certificates(authority_file(state))[0]
    signer = load_pem_private_key((state / "tls" / "ca.key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .serial_number(1)
        .subject_name(x509.Name([]) if not self_signed else authority.subject)
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )
    if names is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
    if uses is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    certificate = builder.sign(key if self_signed else signer, SHA256())
    path = tmp_path / "forged.pem"
    path.write_bytes(certificate.public_bytes(Encoding.PEM))
    return path, certificate_files(state, "worker-1")[1]


CLIENT_USE = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER_USE = ExtendedKeyUsageOID.SERVER_AUTH
URN_1 = x509.UniformResourceIdentifier(f"urn:papertrader:worker:{UUID_1}")
URN_2 = x509.UniformResourceIdentifier(f"urn:papertrader:worker:{UUID_2}")


@implementer(IOpenSSLClientConnectionCreator)
@attrs.frozen
class RawSide:
    """A client made of an OpenSSL context, for what Twisted offers no switch."""

    context: SSL.Context
    session: SSL.Session | None = None

    def clientConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        """Return a connection that offers the public ALPN, and the session if there is one."""
        connection = SSL.Connection(self.context, None)
        connection.set_alpn_protos([PUBLIC_ALPN])
        if self.session is not None:
            connection.set_session(self.session)
        return connection


def raw_context(newest: int) -> SSL.Context:
    """Make a client's context that verifies nothing and speaks at most the version ``newest``."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_max_proto_version(newest)
    return context
