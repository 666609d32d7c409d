"""A worker's own keys while its link is up: real keys and certificates in a state directory."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock as FakeReactor
from twisted.web.test.requesthelper import DummyRequest

from papertrader.core.instants import SECOND, from_datetime, to_datetime
from papertrader.net.caller import CallLostError
from papertrader.net.clock import Clock
from papertrader.net.credentials import load_certificates, load_credentials
from papertrader.net.web import Gate, Refusal
from papertrader.ops.certificates import (
    certificate_files,
    issue_master,
    issue_worker,
    issue_worker_public,
    make_authority,
    settle_pair,
)
from papertrader.ops.signer import LocalSigner
from papertrader.ops.workerkeys import WorkerKeys
from papertrader.wire import messages as m
from papertrader.worker.upkeep import LOOK_S, RETRY_S, Upkeep
from papertrader.worker.witness import Witness

UUID = "6f1b2c1e-5a77-4e7b-9d3c-0a4b7a1f0c11"
START = from_datetime(to_datetime(1_800_000_000 * SECOND))


class Yard:
    """A worker's state directory, its upkeep, and a master that signs."""

    def __init__(self, state: Path) -> None:
        self.reactor = FakeReactor()
        self.clock = Clock(self.reactor, lambda: START)
        now = to_datetime(START)
        make_authority(state, now=now)
        issue_master(state, now=now)
        issue_worker(state, "far", UUID, now=now)
        issue_worker_public(state, "far", now=now)
        self.state = state
        self.signer = LocalSigner(state, lambda: to_datetime(self.clock.wall_ns()), lambda: None)
        self.keys = WorkerKeys(state, "far")
        self.told: list[Any] = []
        self.asked: list[tuple[Any, Deferred[Any]]] = []
        self.witness = Witness(state / "witness" / "far.jsonl", self.clock)
        self.upkeep = Upkeep(self.clock, self.keys, self.witness, self.call, self.told.append)

    def call(self, message: Any) -> Deferred[Any]:
        """Keep a request."""
        answer: Deferred[Any] = Deferred()
        self.asked.append((message, answer))
        return answer

    def sign(self) -> None:
        """Answer the oldest request as a master would."""
        message, answer = self.asked.pop(0)
        signed = self.signer.sign(message.csr, UUID, "far")
        public = message.public_csr and self.signer.sign_public(message.public_csr, UUID, "far", "")
        answer.callback(
            m.CertificateRenewReply(
                certificate=signed.certificate, public_certificate=public or None,
                trust=self.signer.trust(),
            )
        )  # fmt: skip

    def leaf(self, name: str = "far") -> x509.Certificate:
        """The certificate on the disk, whose key fits it."""
        return load_credentials(*certificate_files(self.state, name)).certificate


def named(host: str) -> DummyRequest:
    """A request for a page of a host."""
    request = DummyRequest([])
    request.requestHeaders.setRawHeaders("Host", [f"{host}:2050"])
    return request


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    """A worker whose certificates are new."""
    return Yard(tmp_path / "state")


@pytest.mark.clause("15.15")
def test_it_renews_at_two_thirds_of_its_life(yard: Yard) -> None:
    """Not before; both certificates get new keys; the next connections show them at once."""
    before, public = yard.leaf(), yard.leaf("far-public")
    inner = yard.keys.inner.current
    yard.upkeep.begin()
    life = before.not_valid_after_utc - before.not_valid_before_utc
    due = from_datetime(before.not_valid_before_utc + life * 2 / 3)
    yard.reactor.advance((due - START) / SECOND - LOOK_S - 1)
    assert yard.asked == []
    for _ in range(3):
        yard.reactor.advance(LOOK_S)
    assert len(yard.asked) == 1
    yard.sign()
    after = yard.leaf()
    assert after.public_key() != before.public_key()
    assert after.not_valid_after_utc > before.not_valid_after_utc
    assert yard.leaf("far-public").public_key() != public.public_key()
    assert yard.keys.inner.current is not inner
    assert yard.keys.renew_at() > due
    trust = hashlib.sha256(yard.keys.trust().encode()).digest()
    assert yard.told[-1] == m.TrustTaken(trust=trust, witnessed=0)


def test_an_order_renews_at_once_and_only_one_is_under_way(yard: Yard) -> None:
    """RENEW_ORDER twice is one request."""
    yard.upkeep.begin()
    assert yard.upkeep.take(m.RenewOrder())
    assert yard.upkeep.take(m.RenewOrder())
    assert len(yard.asked) == 1
    yard.sign()
    assert yard.upkeep.renewals == 1


def test_a_renewal_that_fails_is_tried_again_later(yard: Yard) -> None:
    """The old keys stay; not before RETRY_S, not with every look."""
    due = yard.keys.renew_at()
    yard.reactor.advance((due - START) / SECOND + 1)
    before = yard.leaf()
    yard.upkeep.begin()
    yard.asked.pop()[1].errback(CallLostError("the link was lost"))
    assert yard.leaf() == before
    for _ in range(int(RETRY_S / LOOK_S) - 1):
        yard.reactor.advance(LOOK_S)
    assert yard.asked == []
    yard.reactor.advance(LOOK_S)
    yard.reactor.advance(LOOK_S)
    assert len(yard.asked) == 1
    yard.upkeep.stop()
    yard.reactor.advance(10 * RETRY_S)
    assert len(yard.asked) == 1


def test_a_certificate_over_another_key_is_not_taken(yard: Yard) -> None:
    """Whatever the master answers: what is kept is a pair."""
    yard.upkeep.begin()
    yard.upkeep.renew()
    _, answer = yard.asked.pop()
    wrong = (certificate_files(yard.state, "far")[0]).read_text()
    before = yard.leaf()
    answer.callback(m.CertificateRenewReply(certificate=wrong, trust=yard.signer.trust()))
    assert yard.leaf() == before
    assert yard.upkeep.failures == 1


def test_trust_is_set_kept_and_said(yard: Yard) -> None:
    """Clause 15.16: what is told replaces what was; noise and leaves are not taken."""
    yard.upkeep.begin()
    old = yard.keys.trust()
    for bad in ("noise", certificate_files(yard.state, "far")[0].read_text()):
        assert yard.upkeep.take(m.TrustSet(trust=bad))
        assert yard.keys.trust() == old
    other = yard.state.parent / "other"
    make_authority(other, now=to_datetime(START))
    both = old + (other / "tls" / "ca.pem").read_text()
    inner = yard.keys.inner.current
    assert yard.upkeep.take(m.TrustSet(trust=both))
    assert yard.keys.trust() == both
    assert yard.keys.inner.current is not inner
    assert len(load_certificates(yard.state / "tls" / "ca.pem")) == 2
    assert yard.told[-1].trust == hashlib.sha256(both.encode()).digest()


def test_a_certificate_of_somebody_elses_is_left_alone(yard: Yard) -> None:
    """A public certificate of another authority is not renewed, only read again when told.

    From then on pages are answered under its names.
    """
    other = yard.state.parent / "other"
    now = to_datetime(START)
    make_authority(other, now=now)
    # As a public authority would be called.
    issue_worker_public(other, "far", now=now - timedelta(days=1), hosts=("trade.example.org",))
    gate = Gate(yard.keys.hosts, Refusal(404, ""))
    assert not gate.admits(named("trade.example.org"))
    for mine, theirs in zip(
        certificate_files(yard.state, "far-public"),
        certificate_files(other, "far-public"),
        strict=True,
    ):
        mine.write_bytes(theirs.read_bytes())
    ca = yard.state / "tls" / "ca.pem"
    ca.write_bytes(ca.read_bytes())
    public = yard.keys.public.current
    assert yard.keys.reload()
    assert yard.keys.public.current is not public
    assert gate.admits(named("trade.example.org"))
    shown = yard.leaf("far-public")
    assert yard.keys.requests()[1] is None
    assert shown == yard.leaf("far-public")


def test_files_that_do_not_fit_change_nothing(yard: Yard) -> None:
    """SIGHUP with half a renewal on the disk: what was shown is shown on, and it is counted."""
    public = yard.keys.public.current
    certificate_files(yard.state, "far-public")[0].write_text("noise")
    assert not yard.keys.reload()
    assert yard.keys.public.current is public
    assert yard.keys.reload_failures == 1


@pytest.mark.parametrize("reached", ["key", "certificate"])
def test_killed_between_two_files(yard: Yard, reached: str) -> None:
    """Whichever of the two had been written, the pair on the disk fits after the next start."""
    certificate_file, key_file = certificate_files(yard.state, "far")
    waiting = key_file.with_suffix(".next-key")
    old = (certificate_file.read_bytes(), key_file.read_bytes())
    yard.upkeep.begin()
    yard.upkeep.renew()
    yard.sign()
    new = (certificate_file.read_bytes(), key_file.read_bytes())
    waiting.write_bytes(new[1])
    waiting.chmod(0o600)
    key_file.write_bytes(old[1])
    if reached == "key":
        certificate_file.write_bytes(old[0])
    settle_pair(certificate_file, key_file)
    assert not waiting.exists()
    assert load_credentials(certificate_file, key_file)
    assert (certificate_file.read_bytes(), key_file.read_bytes()) == (
        old if reached == "key" else new
    )
