"""TLS of the master's port beside the worker link: enrolling, allowed addresses, reloading."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from OpenSSL import SSL
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.test.iosim import FakeTransport, connectedServerAndClient
from zope.interface import implementer

from papertrader.net.credentials import load_certificates, load_private_key
from papertrader.net.tls import (
    ENROLL_ALPN,
    INNER_ALPN,
    Reloading,
    enrollment_client_factory,
    inner_server_factory,
    is_enrollment,
    public_server_factory,
)
from papertrader.ops.certificates import authority_file, certificate_files
from tests.tls_kit import (
    ROUNDS,
    UUID_1,
    Recorder,
    foreign_side,
    installation,
    library_side,
    master_side,
    meet,
    raw_context,
    worker_side,
)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation."""
    return installation(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another one, with an authority of its own."""
    return installation(tmp_path_factory.mktemp("stranger"))


def pin_of(state: Path) -> bytes:
    """The SHA-256 of an installation's authority."""
    return load_certificates(authority_file(state))[0].fingerprint(SHA256())


@pytest.mark.clause("15.14", "2.2")
def test_who_enrolls_knows_the_master_by_a_hash_and_shows_nothing(state: Path) -> None:
    """Over its own ALPN, TLS 1.3, without a certificate; it is nobody, and known to be so."""
    meeting = meet(master_side(state), enrollment_client_factory(pin_of(state)))
    assert meeting.good
    assert meeting.server_connection.get_alpn_proto_negotiated() == ENROLL_ALPN
    assert meeting.server_connection.get_protocol_version_name() == "TLSv1.3"
    assert meeting.server.peer is None
    assert is_enrollment(meeting.server.transport)
    assert not is_enrollment(meet(master_side(state), worker_side(state)).server.transport)
    assert not is_enrollment(object())


@pytest.mark.parametrize("name", ["worker-1", "worker-1-public", "ca", "expired"])
def test_who_enrolls_takes_nobody_else_for_the_master(state: Path, name: str) -> None:
    """T-30: another certificate of the same authority, whose hash fits."""
    false = foreign_side([ENROLL_ALPN], certificate_files(state, name))
    meeting = meet(false, enrollment_client_factory(pin_of(state)))
    assert meeting.refused
    assert meeting.client.handshakes == 0


def test_who_enrolls_refuses_another_authority(state: Path, stranger: Path) -> None:
    """A master of another authority; one that shows ours but whose certificate does not follow."""
    meeting = meet(master_side(stranger), enrollment_client_factory(pin_of(state)))
    assert meeting.refused
    assert "does not show the authority" in str(meeting.client.reason.value)
    both = stranger / "both.pem"
    both.write_bytes(
        certificate_files(stranger, "master")[0].read_bytes() + authority_file(state).read_bytes()
    )
    own = load_certificates(certificate_files(state, "worker-1")[0])[0]
    false = inner_server_factory(
        authority_file(stranger),
        both,
        certificate_files(stranger, "master")[1],
        lambda *_: own is not None,
    )
    meeting = meet(false, enrollment_client_factory(pin_of(state)))
    assert meeting.refused
    assert "does not follow" in str(meeting.client.reason.value)


@pytest.mark.parametrize("alpn", [[INNER_ALPN], [ENROLL_ALPN, INNER_ALPN], [INNER_ALPN, b"x"]])
def test_without_a_certificate_nothing_but_enrolling(state: Path, alpn: list[bytes]) -> None:
    """T-30: whoever offers the worker link, alone or too, must show a certificate."""
    meeting = meet(master_side(state), foreign_side(alpn))
    assert meeting.refused
    assert meeting.server.handshakes == 0


def test_a_certificate_is_no_help_to_who_enrolls(state: Path) -> None:
    """A worker's certificate is not asked for there, and names nobody."""
    files = certificate_files(state, "worker-1")
    meeting = meet(master_side(state), foreign_side([ENROLL_ALPN], files))
    assert meeting.good
    assert meeting.server.peer is None


def test_the_registry_is_told_where_a_worker_is(state: Path) -> None:
    """Within the handshake: an address that is not allowed is refused like a key that is not."""
    asked: list[str] = []

    def admitted(spki: bytes, uuid: str, host: str) -> bool:
        asked.append(host)
        return False

    side = inner_server_factory(
        authority_file(state), *certificate_files(state, "master"), admitted
    )
    server, client = Recorder(b""), Recorder(b"")

    def end(creator: object, recorder: Recorder, is_client: bool) -> Callable[[], Protocol]:
        factory = Factory.forProtocol(lambda: recorder)
        return lambda: TLSMemoryBIOFactory(creator, is_client, factory, Clock()).buildProtocol(None)

    _, _, pump = connectedServerAndClient(
        end(side, server, False),
        end(worker_side(state), client, True),
        serverTransportFactory=lambda protocol: FakeTransport(
            protocol, True, peerAddress=IPv4Address("TCP", "192.0.2.9", 4_000)
        ),
        greet=False,
    )
    for _ in range(ROUNDS):
        pump.flush()
    assert asked == ["192.0.2.9"]
    assert server.handshakes == 0


def test_a_replaced_context_counts_for_new_connections_alone(state: Path, stranger: Path) -> None:
    """What is open goes on; who connects next meets the new one."""
    worker = Reloading(public_server_factory(*certificate_files(state, "worker-1-public")))
    client = library_side(authority_file(state))
    first = meet(worker, client)
    assert first.good
    worker.replace(public_server_factory(*certificate_files(stranger, "worker-1-public")))
    assert meet(worker, client).refused
    assert meet(worker, library_side(authority_file(stranger))).good
    first.client.transport.write(b" still")
    first.pump.flush()
    assert first.server.received.endswith(b" still")
    assert worker.replaced == 1


@implementer(IOpenSSLClientConnectionCreator)
@attrs.frozen
class InnerRaw:
    """A worker made of an OpenSSL context, that offers a session it had before."""

    context: SSL.Context
    session: SSL.Session | None = None

    def clientConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        """Return a connection of the inner link."""
        connection = SSL.Connection(self.context, None)
        connection.set_alpn_protos([INNER_ALPN])
        if self.session is not None:
            connection.set_session(self.session)
        return connection


def test_the_inner_link_resumes_nothing(state: Path) -> None:
    """T-30: a worker that was shut out cannot come back over a session of before: its certificate
    is asked for in every handshake."""
    asked: list[str] = []

    def admitted(spki: bytes, uuid: str, host: str) -> bool:
        asked.append(uuid)
        return len(asked) == 1

    side = inner_server_factory(
        authority_file(state), *certificate_files(state, "master"), admitted
    )
    context = raw_context(SSL.TLS1_3_VERSION)
    context.set_session_cache_mode(SSL.SESS_CACHE_CLIENT)
    own = certificate_files(state, "worker-1")
    context.use_certificate(load_certificates(own[0])[0])
    context.use_privatekey(load_private_key(own[1]))
    first = meet(side, InnerRaw(context))
    assert first.good
    session = first.client_connection.get_session()
    assert session is not None
    second = meet(side, InnerRaw(context, session))
    assert second.server.handshakes == 0
    assert asked == [UUID_1, UUID_1]
