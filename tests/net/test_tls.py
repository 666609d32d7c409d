"""Both links in memory, good and bad peers: who is refused gets and gives no application byte."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ObjectIdentifier
from OpenSSL import SSL
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions, TLSVersion
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.test.iosim import connectedServerAndClient

from papertrader.net.credentials import (
    CredentialsError,
    PeerIdentity,
    load_certificates,
    load_private_key,
    spki_fingerprint,
)
from papertrader.net.tls import (
    INNER_ALPN,
    PUBLIC_ALPN,
    PeerRefused,
    inner_client_factory,
    inner_server_factory,
    peer_identity,
    public_server_factory,
    refusal,
    web_server_factory,
)
from papertrader.ops.certificates import (
    authority_file,
    certificate_files,
)
from tests.tls_kit import (
    CLIENT_USE,
    ROUNDS,
    SERVER_USE,
    URN_1,
    URN_2,
    UUID_1,
    UUID_2,
    RawSide,
    Recorder,
    ServerSide,
    foreign_side,
    forged,
    installation,
    library_side,
    master_side,
    meet,
    raw_context,
    worker_side,
)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation: authority, master, two workers, a public certificate."""
    return installation(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another installation, with an authority of its own and the same names."""
    return installation(tmp_path_factory.mktemp("stranger"))


def test_registered_worker_is_admitted(state: Path) -> None:
    """The good pair talks, over TLS 1.3 and the inner ALPN, and each knows the other."""
    meeting = meet(master_side(state), worker_side(state))
    assert meeting.good
    assert meeting.server.handshakes == meeting.client.handshakes == 1
    assert meeting.server_connection.get_protocol_version_name() == "TLSv1.3"
    assert meeting.server_connection.get_alpn_proto_negotiated() == INNER_ALPN
    own = load_certificates(certificate_files(state, "worker-1")[0])[0]
    assert meeting.server.peer == PeerIdentity(uuid=UUID_1, spki=spki_fingerprint(own))


def test_identity_only_when_proven(state: Path) -> None:
    """No identity before the handshake, none of the master, none after the end."""
    meeting = meet(master_side(state), worker_side(state))
    assert meeting.server.early_peer is None
    assert meeting.client.peer is None
    server_end = meeting.server.transport
    assert server_end is not None
    assert peer_identity(server_end) is not None
    server_end.abortConnection()
    meeting.pump.flush()
    assert peer_identity(server_end) is None


def test_identity_is_not_believed_before_the_key_is_proven(state: Path) -> None:
    """Byte by byte: a certificate that is shown but not yet signed for names nobody."""
    clock = Clock()
    recorder = Recorder(b"")
    server = TLSMemoryBIOFactory(
        master_side(state), False, Factory.forProtocol(lambda: recorder), clock
    ).buildProtocol(None)
    client = TLSMemoryBIOFactory(
        worker_side(state), True, Factory.forProtocol(Protocol), clock
    ).buildProtocol(None)
    wires = StringTransport(), StringTransport()
    server.makeConnection(wires[0])
    client.makeConnection(wires[1])
    shown_early = 0
    for _ in range(ROUNDS):
        for byte in drain(wires[1]):
            server.dataReceived(bytes([byte]))
            if recorder.handshakes == 0:
                shown_early += server.getHandle().get_peer_certificate() is not None
                assert peer_identity(server) is None
        if answer := drain(wires[0]):
            client.dataReceived(answer)
    assert shown_early > 0
    assert peer_identity(server) is not None


def drain(transport: StringTransport) -> bytes:
    """Take what was written to a transport."""
    data = transport.value()
    transport.clear()
    return data


def test_worker_without_certificate(state: Path) -> None:
    """No certificate: refused."""
    assert meet(master_side(state), foreign_side()).refused


@pytest.mark.parametrize("name", ["expired", "future", "master", "worker-1-public", "ca"])
def test_worker_with_wrong_certificate_of_our_authority(state: Path, name: str) -> None:
    """Expired, not yet valid, made for servers, or the authority's own: refused by the master."""
    meeting = meet(master_side(state), foreign_side(files=certificate_files(state, name)))
    assert meeting.refused
    assert meeting.server.handshakes == 0
    assert meeting.server.reason is not None
    why = refusal(meeting.server.reason)
    if name == "expired":
        whose = "the certificate of CN=PaperTrader expired"
        assert re.fullmatch(whose + r" ended on \d{4}-\d\d-\d\d \d\d:\d\d UTC", why)
    elif name == "future":
        assert re.search(r"is good from .* UTC on only: a clock is wrong, here or there$", why)
    if name in ("expired", "future"):
        # What the worker is told is OpenSSL's alert for just that.
        assert meeting.client.reason is not None
        assert "certificate expired" in refusal(meeting.client.reason) or name == "future"


def test_worker_of_another_authority(state: Path, stranger: Path) -> None:
    """The same name and UUID under another authority: refused by the master."""
    meeting = meet(master_side(state), worker_side(stranger, trusting=state))
    assert meeting.refused
    assert meeting.server.handshakes == 0
    assert meeting.server.reason is not None
    assert refusal(meeting.server.reason).endswith("of an authority that is not trusted here")


@pytest.mark.clause("2.2")
def test_worker_that_is_not_registered(state: Path) -> None:
    """A good certificate of our authority that the registry does not know: refused, and said."""
    meeting = meet(master_side(state), worker_side(state, "worker-2"))
    assert meeting.refused
    assert meeting.server.handshakes == 0
    assert meeting.server.reason is not None
    assert isinstance(meeting.server.reason.value, PeerRefused)
    assert str(meeting.server.reason.value) == (
        f"worker {UUID_2} is not registered with this key, or not there"
    )


@pytest.mark.clause("2.2")
def test_registered_uuid_with_another_key(state: Path) -> None:
    """The registry compares the key, not only the name."""
    meeting = meet(master_side(state, spki=bytes(32)), worker_side(state))
    assert meeting.refused
    assert meeting.server.handshakes == 0


@pytest.mark.parametrize(
    ("names", "uses"),
    [
        ([URN_1], None),
        ([URN_1], [SERVER_USE]),
        ([URN_1], [CLIENT_USE, SERVER_USE]),
        (None, [CLIENT_USE]),
        ([URN_1, URN_2], [CLIENT_USE]),
        ([URN_1, x509.DNSName("a.example")], [CLIENT_USE]),
        ([x509.DNSName("master.papertrader.internal")], [CLIENT_USE]),
        ([x509.UniformResourceIdentifier(UUID_1)], [CLIENT_USE]),
        ([x509.UniformResourceIdentifier(URN_1.value.upper())], [CLIENT_USE]),
        ([x509.UniformResourceIdentifier(URN_1.value + "/")], [CLIENT_USE]),
    ],
)
def test_worker_with_certificate_of_wrong_shape(
    state: Path,
    tmp_path: Path,
    names: Sequence[x509.GeneralName] | None,
    uses: Sequence[ObjectIdentifier] | None,
) -> None:
    """Signed by our authority over the registered key, but not one worker's URN for clients."""
    files = forged(state, tmp_path, names, uses)
    meeting = meet(master_side(state), foreign_side(files=files))
    assert meeting.refused
    assert meeting.server.handshakes == 0


def test_forging_is_what_makes_the_difference(state: Path, tmp_path: Path) -> None:
    """The same construction with the right name and use is admitted: the cases above can pass."""
    files = forged(state, tmp_path, [URN_1], [CLIENT_USE])
    assert meet(master_side(state), foreign_side(files=files)).good


def test_self_signed_worker(state: Path, tmp_path: Path) -> None:
    """The right name and key, signed by itself in the authority's name: refused."""
    files = forged(state, tmp_path, [URN_1], [CLIENT_USE], self_signed=True)
    assert meet(master_side(state), foreign_side(files=files)).refused


@pytest.mark.clause("2.2")
def test_inner_link_is_tls_1_3_only(state: Path) -> None:
    """TLS 1.2 is refused on the inner link, from either side."""
    worker = certificate_files(state, "worker-1")
    old = foreign_side(files=worker, newest=TLSVersion.TLSv1_2)
    assert meet(master_side(state), old).refused
    old = foreign_side(files=certificate_files(state, "master"), newest=TLSVersion.TLSv1_2)
    assert meet(old, worker_side(state)).refused


@pytest.mark.clause("2.2")
@pytest.mark.parametrize("alpn", [[], [PUBLIC_ALPN], [b"h2", b"http/1.1"]])
def test_inner_link_requires_its_alpn(state: Path, alpn: list[bytes]) -> None:
    """No ALPN or another one is refused on the inner link, from either side."""
    meeting = meet(master_side(state), foreign_side(alpn, certificate_files(state, "worker-1")))
    assert meeting.refused
    assert meeting.server.handshakes == 0
    assert isinstance(meeting.server.reason.value, PeerRefused)
    meeting = meet(foreign_side(alpn, certificate_files(state, "master")), worker_side(state))
    assert meeting.refused
    assert meeting.client.handshakes == 0


@pytest.mark.parametrize("name", ["worker-2", "worker-1-public", "ca"])
def test_false_master_of_our_authority(state: Path, name: str) -> None:
    """A worker does not take another holder of a certificate for the master."""
    meeting = meet(foreign_side(files=certificate_files(state, name)), worker_side(state))
    assert meeting.refused
    assert meeting.client.handshakes == 0


def test_false_master_of_another_authority(state: Path, stranger: Path) -> None:
    """The master's name under another authority: refused by the worker."""
    meeting = meet(foreign_side(files=certificate_files(stranger, "master")), worker_side(state))
    assert meeting.refused
    assert meeting.client.handshakes == 0


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "trade.example.org"])
def test_client_reaches_a_worker_by_its_names(state: Path, host: str) -> None:
    """A client that trusts the authority talks to the worker under each of its names."""
    worker = public_server_factory(*certificate_files(state, "worker-1-public"))
    meeting = meet(worker, library_side(authority_file(state), host))
    assert meeting.good
    assert meeting.server_connection.get_alpn_proto_negotiated() == PUBLIC_ALPN
    assert meeting.server.peer is None


@pytest.mark.clause("2.1")
@pytest.mark.parametrize("host", ["example.org", "192.0.2.1", "master.papertrader.internal"])
def test_client_refuses_a_wrong_name(state: Path, host: str) -> None:
    """A certificate for other names is refused, and the error names what was expected."""
    worker = public_server_factory(*certificate_files(state, "worker-1-public"))
    meeting = meet(worker, library_side(authority_file(state), host))
    assert meeting.refused
    assert meeting.client.handshakes == 0
    assert meeting.client.reason is not None
    assert str(meeting.client.reason.value) == f"the server's certificate does not name {host}"


def test_client_refuses_expired_other_and_nameless_certificates(
    state: Path, stranger: Path, tmp_path: Path
) -> None:
    """Expired, of another authority, without any name: refused by the client."""
    client = library_side(authority_file(state))
    nameless = forged(state, tmp_path, None, [SERVER_USE])
    for files in (
        certificate_files(state, "expired-public"),
        certificate_files(stranger, "worker-1-public"),
        nameless,
    ):
        meeting = meet(public_server_factory(*files), client)
        assert meeting.refused
        assert meeting.client.handshakes == 0


@pytest.mark.clause("2.1")
@pytest.mark.parametrize("alpn", [[], [INNER_ALPN], [b"http/1.1"]])
def test_public_link_requires_its_alpn(state: Path, alpn: list[bytes]) -> None:
    """No ALPN or another one is refused, by the worker and by the client."""
    files = certificate_files(state, "worker-1-public")
    meeting = meet(public_server_factory(*files), foreign_side(alpn))
    assert meeting.refused
    assert meeting.server.handshakes == 0
    assert isinstance(meeting.server.reason.value, PeerRefused)
    meeting = meet(foreign_side(alpn, files), library_side(authority_file(state)))
    assert meeting.refused
    assert meeting.client.handshakes == 0


@pytest.mark.clause("2.1")
def test_public_link_versions(state: Path) -> None:
    """TLS 1.2 and 1.3 are spoken with clients."""
    worker = public_server_factory(*certificate_files(state, "worker-1-public"))
    for version, name in ((TLSVersion.TLSv1_2, "TLSv1.2"), (TLSVersion.TLSv1_3, "TLSv1.3")):
        meeting = meet(worker, foreign_side([PUBLIC_ALPN], newest=version))
        assert meeting.good
        assert meeting.client_connection.get_protocol_version_name() == name


def test_public_link_refuses_old_versions(state: Path) -> None:
    """A client limited to TLS 1.1 is refused."""
    context = raw_context(SSL.TLS1_1_VERSION)
    context.set_cipher_list(b"ALL:@SECLEVEL=0")
    worker = public_server_factory(*certificate_files(state, "worker-1-public"))
    assert meet(worker, RawSide(context)).refused


def certificate_sent_again(server_side: ServerSide, newest: int) -> bool:
    """Connect twice with one session; tell whether the second handshake was a full one."""
    seen: list[bytes] = []
    context = raw_context(newest)
    context.set_session_cache_mode(SSL.SESS_CACHE_CLIENT)
    context.set_info_callback(lambda each, where, code: seen.append(each.get_state_string()))
    first = meet(server_side, RawSide(context))
    assert first.good
    session = first.client_connection.get_session()
    assert session is not None
    assert any(b"server certificate" in each for each in seen)
    seen.clear()
    assert meet(server_side, RawSide(context, session)).good
    return any(b"server certificate" in each for each in seen)


@pytest.mark.parametrize("newest", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
def test_sessions_are_not_resumed(state: Path, newest: int) -> None:
    """A session offered again gets a full handshake, unlike at a server that hands out tickets."""
    files = certificate_files(state, "worker-1-public")
    assert certificate_sent_again(public_server_factory(*files), newest)
    resuming = CertificateOptions(
        certificate=load_certificates(files[0])[0],
        privateKey=load_private_key(files[1]),
        acceptableProtocols=[PUBLIC_ALPN],
        enableSessions=True,
        enableSessionTickets=True,
    )
    assert not certificate_sent_again(resuming, newest)


ALLOW_CLIENT_RENEGOTIATION = 1 << 8
"""OpenSSL's SSL_OP_ALLOW_CLIENT_RENEGOTIATION, which pyOpenSSL does not name."""


def renegotiated(server_side: ServerSide) -> bool:
    """Start a second TLS 1.2 handshake on a good connection; tell whether it took place."""
    meeting = meet(server_side, RawSide(raw_context(SSL.TLS1_2_VERSION)))
    assert meeting.good
    before = meeting.server_connection.get_finished()
    assert before is not None
    assert meeting.client_connection.renegotiate()
    client_end = meeting.client.transport
    assert client_end is not None
    with pytest.raises(SSL.WantReadError):
        meeting.client_connection.do_handshake()
    client_end.transport.write(meeting.client_connection.bio_read(2**14))
    client_end.write(b" and again")
    for _ in range(ROUNDS):
        meeting.pump.clock.advance(0)
        meeting.pump.flush()
    delivered = meeting.server.received == b"from the client and again"
    assert delivered == (meeting.server_connection.get_finished() != before)
    return delivered


def test_renegotiation_is_refused(state: Path) -> None:
    """A new TLS 1.2 handshake on a connection does not take place, as it does where allowed."""
    files = certificate_files(state, "worker-1-public")
    assert not renegotiated(public_server_factory(*files))
    willing = foreign_side([PUBLIC_ALPN], files)
    willing.getContext().set_options(ALLOW_CLIENT_RENEGOTIATION)
    assert renegotiated(willing)


def test_plain_text_on_the_tls_port(state: Path) -> None:
    """Bytes that are no TLS end the connection without reaching the application."""
    worker = public_server_factory(*certificate_files(state, "worker-1-public"))
    clock = Clock()
    recorder = Recorder(b"")
    factory = TLSMemoryBIOFactory(worker, False, Factory.forProtocol(lambda: recorder), clock)
    client, _, pump = connectedServerAndClient(
        lambda: factory.buildProtocol(None),
        Protocol,
        clock=clock,
    )
    assert client.transport is not None
    client.transport.write(b"GET / HTTP/1.1\r\n\r\n")
    pump.flush()
    assert recorder.reason is not None
    assert recorder.handshakes == 0
    assert recorder.received == b""


def test_every_cipher_hides_the_past_and_is_authenticated(state: Path) -> None:
    """ECDHE with AES-GCM or ChaCha20 on every side and port (RFC 9325); TLS 1.3 has no others."""
    certificate, key = certificate_files(state, "worker-1-public")
    sides = [
        public_server_factory(certificate, key),
        web_server_factory(certificate, key),
        library_side(authority_file(state)),
    ]
    for side in sides:
        ciphers = SSL.Connection(side.context).get_cipher_list()
        assert len(ciphers) > 5
        assert all(
            re.match(r"TLS_(AES|CHACHA20)|ECDHE-(ECDSA|RSA)-(AES\d+-GCM|CHACHA20)", each)
            for each in ciphers
        ), ciphers


def test_open_key_file_is_refused_at_start(stranger: Path) -> None:
    """A factory is not made from a key that other users can read."""
    certificate, key = certificate_files(stranger, "worker-2")
    key.chmod(0o640)
    with pytest.raises(CredentialsError, match="open to other users"):
        inner_client_factory(authority_file(stranger), certificate, key)
    with pytest.raises(CredentialsError, match="open to other users"):
        public_server_factory(certificate, key)


def test_error_in_the_registry_admits_nobody(state: Path) -> None:
    """When asking the registry fails, the worker is not let in, and the error is not hidden."""

    def broken(spki: bytes, uuid: str, host: str) -> bool:
        raise LookupError("the registry is closed")

    server_side = inner_server_factory(
        authority_file(state), *certificate_files(state, "master"), broken
    )
    with pytest.raises(LookupError, match="registry is closed"):
        meet(server_side, worker_side(state))
