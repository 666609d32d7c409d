"""Authorities and their rotation on the disk; the audit log's keys; what a worker keeps."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.verification import PolicyBuilder, Store

from papertrader.master.database import StoreError, TruthStore
from papertrader.net.credentials import load_certificates
from papertrader.ops import authorities
from papertrader.ops.certificates import (
    certificate_files,
    is_due,
    is_ours,
    issue_again,
    issue_master,
    issue_worker,
    issue_worker_public,
    make_authority,
)
from papertrader.ops.sealing import begin_epoch
from papertrader.ops.signing import CertificateError, fingerprint
from papertrader.ops.witnessing import check_keys
from papertrader.wire.kinds import AuthorityPhase
from papertrader.worker.witness import follows

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
UUID = "6f1b2c1e-5a77-4e7b-9d3c-0a4b7a1f0c11"
PHRASE = "a phrase that is long"


def tls(state: Path) -> Path:
    """The directory of certificates, made."""
    (state / "tls").mkdir(mode=0o700, parents=True, exist_ok=True)
    return state / "tls"


def rooted(state: Path) -> Path:
    """An installation with a root and an issuing authority under it."""
    directory = tls(state)
    made = authorities.make_root(directory, state / "root.key", PHRASE, now=NOW)
    authorities.use_first(directory, made)
    return directory


def accepted(state: Path, name: str, host: str) -> bool:
    """Tell whether another implementation accepts a public certificate under what is trusted."""
    leaf, *between = load_certificates(certificate_files(state, name)[0])
    store = Store(list(authorities.anchors(state / "tls")))
    verifier = PolicyBuilder().store(store).time(NOW).build_server_verifier(x509.DNSName(host))
    try:
        verifier.verify(leaf, between)
    except x509.verification.VerificationError:
        return False
    return True


def test_a_root_and_an_issuing_authority(tmp_path: Path) -> None:
    """The root's key is under the pass phrase, elsewhere; what it issued verifies under it."""
    directory = rooted(tmp_path)
    with pytest.raises(TypeError):
        load_pem_private_key((tmp_path / "root.key").read_bytes(), None)
    assert load_pem_private_key((tmp_path / "root.key").read_bytes(), PHRASE.encode())
    assert (tmp_path / "root.key").stat().st_mode & 0o777 == 0o600
    (root,) = authorities.anchors(directory)
    authority = authorities.load_authority(directory)
    assert authority.anchor == root != authority.certificate
    basic = authority.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (basic.ca, basic.path_length) == (True, 0)
    issue_worker_public(tmp_path, "far", ["far.example.org"], now=NOW)
    assert accepted(tmp_path, "far-public", "far.example.org")
    for path in directory.iterdir():
        if path.suffix == ".key":
            assert path.stat().st_mode & 0o777 == 0o600


def test_what_ca_init_refuses(tmp_path: Path) -> None:
    """A short pass phrase; a second authority; a root's key that is there already."""
    directory = tls(tmp_path)
    with pytest.raises(CertificateError, match="12 characters"):
        authorities.make_root(directory, tmp_path / "root.key", "short", now=NOW)
    made = authorities.make_root(directory, tmp_path / "root.key", PHRASE, now=NOW)
    authorities.use_first(directory, made)
    with pytest.raises(CertificateError, match="already"):
        authorities.use_first(directory, made)
    with pytest.raises(CertificateError, match="exists"):
        authorities.make_root(directory, tmp_path / "root.key", PHRASE, now=NOW)


@pytest.mark.parametrize("kind", ["plain", "root"])
def test_a_rotation_and_every_way_back(tmp_path: Path, kind: str) -> None:
    """Each phase trusts and issues as it says; what is out of turn is refused."""
    if kind == "plain":
        make_authority(tmp_path, now=NOW)
        directory = tls(tmp_path)
    else:
        directory = rooted(tmp_path)
    issue_worker_public(tmp_path, "far", ["far.example.org"], now=NOW)
    old = fingerprint(authorities.load_authority(directory).anchor)
    for step in (authorities.trust_next, authorities.reissue, authorities.drop_old,
                 authorities.go_back):  # fmt: skip
        with pytest.raises(CertificateError):
            step(directory)
    authorities.prepare_next(directory, authorities.make_plain(directory, now=NOW))
    authorities.trust_next(directory)
    assert authorities.load_set(directory).phase is AuthorityPhase.BOTH
    authorities.go_back(directory)
    assert len(authorities.anchors(directory)) == 1
    authorities.trust_next(directory)
    assert len(authorities.anchors(directory)) == 2
    assert fingerprint(authorities.load_authority(directory).anchor) == old
    authorities.reissue(directory)
    authorities.go_back(directory)
    assert fingerprint(authorities.load_authority(directory).anchor) == old
    authorities.reissue(directory)
    assert authorities.load_set(directory).phase is AuthorityPhase.REISSUED
    assert accepted(tmp_path, "far-public", "far.example.org")
    issue_again(tmp_path, "far-public", now=NOW)
    assert accepted(tmp_path, "far-public", "far.example.org")
    authorities.drop_old(directory)
    assert authorities.load_set(directory).phase is AuthorityPhase.SINGLE
    assert old not in [fingerprint(each) for each in authorities.anchors(directory)]
    assert accepted(tmp_path, "far-public", "far.example.org")
    kept = {path.name for path in directory.glob("*.key")}
    assert "ca.key" not in kept
    assert len([name for name in kept if name.startswith("authority-")]) == 1


def test_an_interrupted_step_is_ended_by_the_next_start(tmp_path: Path) -> None:
    """``ca.pem`` follows the one file that decides."""
    make_authority(tmp_path, now=NOW)
    directory = tls(tmp_path)
    authorities.prepare_next(directory, authorities.make_plain(directory, now=NOW))
    before = (directory / "ca.pem").read_bytes()
    authorities.trust_next(directory)
    (directory / "ca.pem").write_bytes(before)
    authorities.repair(directory)
    assert len(authorities.anchors(directory)) == 2


@pytest.mark.parametrize("noise", ["", "[]", '{"trusted": 3}', "\0"])
def test_noise_instead_of_the_set(tmp_path: Path, noise: str) -> None:
    """One sentence."""
    (tls(tmp_path) / "authorities.json").write_text(noise)
    with pytest.raises(CertificateError, match="cannot be read"):
        authorities.load_set(tmp_path / "tls")


def test_what_is_due_and_whose_it_is(tmp_path: Path) -> None:
    """At two thirds of its life; not what another authority signed. The key stays."""
    make_authority(tmp_path, now=NOW)
    issue_master(tmp_path, now=NOW)
    issue_worker(tmp_path, "far", UUID, now=NOW)
    assert not is_due(tmp_path, "far", now=NOW + timedelta(days=18))
    assert is_due(tmp_path, "far", now=NOW + timedelta(days=20))
    before = load_certificates(certificate_files(tmp_path, "far")[0])[0]
    issue_again(tmp_path, "far", now=NOW + timedelta(days=40))
    # Made while the clock was ahead; or the clock is behind, which no certificate mends.
    assert is_due(tmp_path, "far", now=NOW)
    assert not is_due(tmp_path, "far", now=NOW - timedelta(days=2))
    after = load_certificates(certificate_files(tmp_path, "far")[0])[0]
    assert before.public_key() == after.public_key()
    assert after.not_valid_after_utc == NOW + timedelta(days=69)
    other = tmp_path / "other"
    make_authority(other, now=NOW)
    issue_worker(other, "far", UUID, now=NOW)
    foreign = load_certificates(certificate_files(other, "far")[0])[0]
    # The same name of the authority, another key.
    assert is_ours(tmp_path, after)
    assert not is_ours(tmp_path, foreign)


# --- the audit log's keys ------------------------------------------------------------------------


def test_each_start_has_a_key_that_the_last_one_handed_over_to(tmp_path: Path) -> None:
    """The private half of the one before is gone; a chain from the first to the last."""
    directory = tls(tmp_path)
    texts = set()
    for _ in range(3):
        store = TruthStore(tmp_path / "truth.db")
        store.open()
        keys = begin_epoch(tmp_path, store)
        store.close()
        texts.add((directory / "audit.key").read_bytes())
    assert len(texts) == 3
    before = None
    for epoch, public, signature in keys.chain:
        assert follows(before, epoch, public, signature)
        before = public
    assert [epoch for epoch, _, _ in keys.chain] == [1, 2, 3]
    assert sorted(path.name for path in directory.iterdir()) == ["audit.key"]


@pytest.mark.parametrize("when", ["before the store", "after the store"])
def test_a_start_that_was_cut_short(tmp_path: Path, when: str) -> None:
    """Killed before or after the store took the new key: the next start goes on from it."""
    directory = tls(tmp_path)
    store = TruthStore(tmp_path / "truth.db")
    store.open()
    begin_epoch(tmp_path, store)
    store.close()
    first = (directory / "audit.key").read_bytes()
    store = TruthStore(tmp_path / "truth.db")
    store.open()
    begin_epoch(tmp_path, store)
    store.close()
    second = (directory / "audit.key").read_bytes()
    (directory / "audit.next-key").write_bytes(second)
    (directory / "audit.next-key").chmod(0o600)
    if when == "after the store":
        (directory / "audit.key").write_bytes(first)
    store = TruthStore(tmp_path / "truth.db")
    store.open()
    chain = begin_epoch(tmp_path, store).chain
    store.close()
    assert all(follows(before[1], *after) for before, after in pairwise(chain))


def test_another_stores_key_is_not_used_and_a_lost_one_is_begun_anew(tmp_path: Path) -> None:
    """With another's key the start fails and says what to do; without any the audit log says that
    the chain of keys begins anew, and the audit knows it."""
    directory = tls(tmp_path)
    store = TruthStore(tmp_path / "truth.db")
    store.open()
    begin_epoch(tmp_path, store)
    other = Ed25519PrivateKey.generate()
    text = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (directory / "audit.key").write_bytes(text)
    store.close()
    store.open()
    with pytest.raises(StoreError, match=r"audit\.key does not belong"):
        begin_epoch(tmp_path, store)
    (directory / "audit.key").unlink()
    chain = begin_epoch(tmp_path, store, 7).chain
    assert not follows(chain[0][1], *chain[1])
    assert follows(None, *chain[1])
    found: list[str] = []
    check_keys(store.db, found.append)
    assert found == []
    store.db.execute_sql("DROP TRIGGER audit_no_delete")
    store.db.execute_sql("DELETE FROM audit")
    check_keys(store.db, found.append)
    assert len(found) == 1
    store.close()


def test_the_set_is_one_small_file(tmp_path: Path) -> None:
    """What decides is written whole or not at all, and holds no secret."""
    rooted(tmp_path)
    content = json.loads((tmp_path / "tls" / "authorities.json").read_text())
    assert sorted(content) == ["issuing", "prepared", "trusted"]
