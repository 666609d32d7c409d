"""Enrollment, renewal and trust over links: clauses 15.14 to 15.16."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.logger import capturedLogs

from papertrader.core.instants import SECOND
from papertrader.master.registry import OLD_KEY_NS
from papertrader.net.credentials import PeerIdentity, spki_fingerprint, worker_identity
from papertrader.ops.authorities import new_key
from papertrader.ops.signing import make_request, named
from papertrader.wire import limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import Status, WorkerState
from tests.authority_kit import give_authority, request
from tests.master_kit import MasterKit
from tests.yard_kit import UUIDS, Worker, Yard, spki


class Gate(Yard):
    """A master with an authority, and peers that come to enroll."""

    def __init__(self, kit: MasterKit) -> None:
        super().__init__(kit)
        self.signer = give_authority(kit)
        self.parts = kit.main.worker_parts
        self.newcomers: set[Any] = set()
        kit.main.workers.is_enrollment = self.newcomers.__contains__  # type: ignore[method-assign]

    def add(self, name: str = "far", **options: Any) -> tuple[str, bytes]:
        """Make a place; return its UUID and token."""
        chosen: dict[str, Any] = {"again": False, "account": 1, "networks": "", "hosts": ""}
        chosen.update(options)
        pending, token = self.parts.enrollment.add(name, **chosen)
        self.kit.turn()
        return pending.uuid, token

    def newcomer(self) -> Worker:
        """Connect a peer without a certificate."""
        new_link = self.kit.main.workers.new_link

        def made() -> Any:
            link = new_link()
            self.newcomers.add(link)
            return link

        self.kit.main.workers.new_link = made  # type: ignore[method-assign]
        try:
            return self.connect()
        finally:
            self.kit.main.workers.new_link = new_link  # type: ignore[method-assign]

    def enroll(self, token: bytes, csr: str, public: str | None = None) -> tuple[int, Any]:
        """Connect and enroll; return status and reply."""
        peer = self.newcomer()
        peer.send(m.Enroll(token=token, csr=csr, public_csr=public), correlation=1)
        (header, message), *_ = peer.peer.take()
        assert peer.goodbye == header.status
        return header.status, message


@pytest.fixture
def gate(kit: MasterKit) -> Gate:
    """A master that can enroll."""
    return Gate(kit)


def audited(kit: MasterKit, kind: str) -> int:
    """How many entries of a kind the audit log has."""
    row = kit.main.store.db.execute_sql("SELECT count(*) FROM audit WHERE kind = ?", (kind,))
    return int(row.fetchone()[0])


# --- enrolling -----------------------------------------------------------------------------------


def test_a_token_opens_the_registry_once(gate: Gate) -> None:
    """Clause 15.14: certificate, number and trust come back; the second time nothing does."""
    uuid, token = gate.add(hosts="trade.example.org")
    status, reply = gate.enroll(token, request(uuid), request(uuid))
    assert status == Status.OK
    leaf = x509.load_pem_x509_certificate(reply.certificate.encode())
    identity = worker_identity(leaf)
    assert (identity.uuid, str(UUID(bytes=reply.uuid)), reply.name) == (uuid, uuid, "far")
    worker = gate.kit.main.workers.registry.get(reply.worker_id)
    assert worker is not None
    assert (worker.spki, worker.state) == (identity.spki, WorkerState.ACTIVE)
    assert reply.trust == gate.signer.trust()
    public = x509.load_pem_x509_certificate(reply.public_certificate.encode())
    names = public.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "trade.example.org" in names.get_values_for_type(x509.DNSName)
    assert gate.kit.main.workers.admitted(identity.spki, uuid, "192.0.2.1")
    assert gate.enroll(token, request(uuid))[0] == Status.ENROLLMENT_REFUSED
    assert audited(gate.kit, "worker enrolled") == 1
    rows = gate.kit.main.store.db.execute_sql("SELECT count(*) FROM enrollment").fetchone()
    assert rows == (0,)


def test_the_store_knows_the_hash_alone(gate: Gate) -> None:
    """Neither table nor file holds the token."""
    _, token = gate.add()
    row = gate.kit.main.store.db.execute_sql("SELECT token_hash FROM enrollment").fetchone()
    assert bytes(row[0]) == hashlib.sha256(token).digest()
    for path in gate.kit.state_dir.rglob("*"):
        if path.is_file():
            assert token not in path.read_bytes()
            assert token.hex().encode() not in path.read_bytes()


def _foreign(uuid: str) -> str:
    return request("0d9d5a52-6a0f-4c5e-8d0e-1b8f52d0a999")


def _unsigned(uuid: str) -> str:
    pem = request(uuid)
    request_ = x509.load_pem_x509_csr(pem.encode())
    octets = bytearray(request_.public_bytes(Encoding.DER))
    octets[-1] ^= 1
    return x509.load_der_x509_csr(bytes(octets)).public_bytes(Encoding.PEM).decode()


def _two_names(uuid: str) -> str:
    names = [
        x509.UniformResourceIdentifier(f"urn:papertrader:worker:{each}") for each in (uuid, uuid)
    ]
    return _built(new_key(), names)


def _master_name(uuid: str) -> str:
    urn = x509.UniformResourceIdentifier(f"urn:papertrader:worker:{uuid}")
    return _built(new_key(), [urn, x509.DNSName("master.papertrader.internal")])


def _other_curve(uuid: str) -> str:
    urn = x509.UniformResourceIdentifier(f"urn:papertrader:worker:{uuid}")
    return _built(ec.generate_private_key(ec.SECP384R1()), [urn])


def _edwards(uuid: str) -> str:
    urn = x509.UniformResourceIdentifier(f"urn:papertrader:worker:{uuid}")
    return _built(ed25519.Ed25519PrivateKey.generate(), [urn])


def _built(key: Any, names: list[x509.GeneralName]) -> str:
    builder = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(named("x"))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
    )
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256()
    return builder.sign(key, algorithm).public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize(
    "make",
    [
        _foreign, _unsigned, _two_names, _master_name, _other_curve, _edwards,
        lambda uuid: "not a request", lambda uuid: request(uuid)[:-80],
    ],
)  # fmt: skip
def test_a_wrong_request_is_refused_and_the_token_stays_good(gate: Gate, make: Any) -> None:
    """Another UUID, a broken signature, two names, the master's, another kind of key, noise."""
    uuid, token = gate.add()
    status, reply = gate.enroll(token, make(uuid))
    assert status == Status.ENROLLMENT_REFUSED
    assert "token" not in reply.text
    assert gate.enroll(token, request(uuid))[0] == Status.OK


def test_a_late_token_a_wrong_one_and_a_known_key(gate: Gate) -> None:
    """One answer for all: 15 minutes are over, a guess, a key that is registered already."""
    uuid, token = gate.add()
    assert gate.enroll(bytes(32), request(uuid))[0] == Status.ENROLLMENT_REFUSED
    key = new_key()
    csr = make_request(key, "x", uuid)
    assert gate.enroll(token, csr)[0] == Status.OK
    again, token = gate.add(again=True)
    assert gate.enroll(token, csr)[0] == Status.ENROLLMENT_REFUSED
    gate.kit.reactor.advance(limits.ENROLLMENT_TOKEN_S + 1)
    assert gate.enroll(token, request(again))[0] == Status.ENROLLMENT_REFUSED


def test_an_older_token_is_void(gate: Gate) -> None:
    """Adding a name anew that never enrolled: another token, the same UUID, the first one opens no
    more."""
    uuid, first = gate.add()
    same, second = gate.add()
    assert uuid == same
    assert gate.enroll(first, request(uuid))[0] == Status.ENROLLMENT_REFUSED
    assert gate.enroll(second, request(uuid))[0] == Status.OK


def test_of_two_with_one_token_one_is_let_in(gate: Gate) -> None:
    """Both are connected before either asks."""
    uuid, token = gate.add()
    peers = [gate.newcomer(), gate.newcomer()]
    for peer in peers:
        peer.send(m.Enroll(token=token, csr=request(uuid)), correlation=1)
    assert sorted(peer.goodbye for peer in peers) == [Status.OK, Status.ENROLLMENT_REFUSED]


def test_enrolled_again_the_old_key_is_worth_nothing(gate: Gate) -> None:
    """Also after the worker was revoked."""
    uuid, token = gate.add()
    _, first = gate.enroll(token, request(uuid))
    old = worker_identity(x509.load_pem_x509_certificate(first.certificate.encode())).spki
    _, token = gate.add(again=True)
    status, second = gate.enroll(token, request(uuid))
    assert (status, second.worker_id) == (Status.OK, first.worker_id)
    assert not gate.kit.main.workers.admitted(old, uuid)


@pytest.mark.parametrize(
    "message", [m.WorkerAuth(worker_id=1, boot=5), m.CertificateRenew(csr="x"), m.TrustTaken()]
)
def test_nothing_else_is_taken_from_who_enrolls(gate: Gate, message: Any) -> None:
    """T-30, clause 15.14: any other frame ends the connection; nothing was done."""
    peer = gate.newcomer()
    peer.send(message, correlation=1)
    assert peer.goodbye == Status.OPCODE_FORBIDDEN
    assert gate.kit.main.workers.links() == []


def test_enrolling_is_bounded(gate: Gate) -> None:
    """ENROLLMENTS_OPEN_MAX at once, ENROLLMENT_S each, ENROLLMENT_RATE a second for all."""
    peers = [gate.newcomer() for _ in range(limits.ENROLLMENTS_OPEN_MAX)]
    assert gate.newcomer().goodbye == Status.TOO_MANY_CONNECTIONS
    for _ in range(limits.ENROLLMENT_S):
        gate.kit.turn(1.05)
        for peer in peers:
            peer.peer.keep_alive()
            peer.settle()
    assert {peer.goodbye for peer in peers} == {Status.HELLO_TIMEOUT}
    assert gate.parts.enrollment.open == 0
    statuses = [gate.enroll(bytes(32), "x")[0] for _ in range(8)]
    assert statuses[0] == Status.ENROLLMENT_REFUSED
    assert statuses[-1] == Status.RATE_LIMITED
    hits = gate.kit.main.limit_hits
    assert (hits["enrollments_open"], hits["enrollment_rate"]) == (
        1,
        statuses.count(Status.RATE_LIMITED),
    )
    gate.kit.turn(2)
    assert gate.enroll(bytes(32), "x")[0] == Status.ENROLLMENT_REFUSED


def test_refusals_of_too_many_are_logged_with_their_number(gate: Gate) -> None:
    """One line a minute at most, however many come."""
    with capturedLogs() as seen:
        statuses = [gate.enroll(bytes(32), "x")[0] for _ in range(12)]
        told = [each["count"] for each in seen if "enrollment(s) refused" in each["log_format"]]
        assert told == [1]
        gate.kit.turn(61)
        statuses += [gate.enroll(bytes(32), "x")[0] for _ in range(12)]
    told = [each["count"] for each in seen if "enrollment(s) refused" in each["log_format"]]
    assert told[0] == 1
    assert 1 < sum(told) < statuses.count(Status.RATE_LIMITED)
    assert len(told) == 2


def test_networks_bind_a_worker(gate: Gate) -> None:
    """The optional allow-list, asked within the handshake: IPv4, and IPv6 that maps it."""
    uuid, token = gate.add(networks="192.0.2.0/24 2001:db8::/32")
    _, reply = gate.enroll(token, request(uuid))
    key = worker_identity(x509.load_pem_x509_certificate(reply.certificate.encode())).spki
    admitted = gate.kit.main.admitted
    good = ("192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1")
    assert [host for host in good if not admitted(key, uuid, host)] == []
    assert [
        host for host in ("192.0.3.7", "2001:db9::1", "", "x") if admitted(key, uuid, host)
    ] == []


# --- renewing ------------------------------------------------------------------------------------


def up(gate: Gate) -> tuple[Worker, str]:
    """A worker with a real certificate, let in; and its UUID."""
    uuid, token = gate.add()
    _, reply = gate.enroll(token, request(uuid))
    leaf = x509.load_pem_x509_certificate(reply.certificate.encode())
    worker = gate.connect(1)
    gate.identities[worker.link] = PeerIdentity(uuid=uuid, spki=spki_fingerprint(leaf))
    worker.number = reply.worker_id
    assert worker.authenticate().status == 0
    return worker, uuid


def renew(worker: Worker, uuid: str) -> tuple[int, Any]:
    """Ask for the next certificate; return status and reply."""
    worker.take()
    worker.send(m.CertificateRenew(csr=request(uuid)), correlation=9)
    replies = [each for each in worker.peer.take() if each[0].correlation == 9]
    return replies[0][0].status, replies[0][1]


def test_a_renewed_key_counts_beside_the_old_one_for_an_hour(gate: Gate) -> None:
    """Clause 15.15: both until the worker has said that it keeps the new one, then an hour."""
    worker, uuid = up(gate)
    old = worker.link.shown
    status, reply = renew(worker, uuid)
    assert status == Status.OK
    new = worker_identity(x509.load_pem_x509_certificate(reply.certificate.encode())).spki
    admitted = gate.kit.main.workers.admitted
    assert admitted(new, uuid)
    gate.kit.reactor.advance(3 * 3_600)
    assert admitted(old, uuid)
    worker.link.renewal_unconfirmed = True
    gate.parts.enrollment.confirm(worker.number)
    gate.kit.reactor.advance(OLD_KEY_NS / SECOND - 1)
    assert admitted(old, uuid)
    assert admitted(new, uuid)
    gate.kit.reactor.advance(2)
    assert not admitted(old, uuid)
    assert admitted(new, uuid)


def test_the_link_goes_on_over_a_renewal_and_says_what_it_keeps(gate: Gate) -> None:
    """TRUST_TAKEN after it begins the hour; what is trusted was told with WORKER_AUTH."""
    worker, uuid = up(gate)
    assert [each.trust for each in worker.take(m.TrustSet)] in ([], [gate.signer.trust()])
    assert renew(worker, uuid)[0] == Status.OK
    trust = hashlib.sha256(gate.signer.trust().encode()).digest()
    worker.send(m.TrustTaken(trust=trust))
    known = gate.kit.main.workers.registry.get(worker.number)
    assert known is not None
    assert known.previous_until <= gate.kit.clock.wall_ns() + OLD_KEY_NS
    assert worker.link.trusting == gate.kit.main.workers.trust_hash()
    assert gate.kit.main.workers.links() == [worker.link]


def test_renewals_have_a_rate_unless_they_were_ordered(gate: Gate) -> None:
    """The second within a minute is RATE_LIMITED; RENEW_ORDER lets one through."""
    worker, uuid = up(gate)
    assert renew(worker, uuid)[0] == Status.OK
    assert renew(worker, uuid)[0] == Status.RATE_LIMITED
    assert gate.kit.main.workers.order_renewal(worker.number) == 1
    worker.settle()
    assert len(worker.take(m.RenewOrder)) == 1
    assert renew(worker, uuid)[0] == Status.OK


def test_a_worker_cannot_have_a_key_signed_in_anothers_name(gate: Gate) -> None:
    """T-33: the certificate is for the worker of the link, whatever the request says."""
    worker, _ = up(gate)
    status, _ = renew(worker, UUIDS[1])
    assert status == Status.INVALID_FIELD
    assert gate.kit.main.workers.registry.get(2).spki == spki(2)  # type: ignore[union-attr]


def test_a_worker_killed_before_it_kept_its_key_comes_again_with_the_old_one(gate: Gate) -> None:
    """Renewing from the old key again replaces the one that was lost."""
    worker, uuid = up(gate)
    old = worker.link.shown
    renew(worker, uuid)
    worker.wire.cut()
    again = gate.connect(1)
    gate.identities[again.link] = PeerIdentity(uuid=uuid, spki=old)
    again.number = worker.number
    assert again.authenticate(boot=6).status == 0
    gate.kit.main.workers.order_renewal(again.number)
    status, reply = renew(again, uuid)
    assert status == Status.OK
    new = worker_identity(x509.load_pem_x509_certificate(reply.certificate.encode())).spki
    assert gate.kit.main.workers.admitted(new, uuid)
    assert gate.kit.main.workers.admitted(old, uuid)
