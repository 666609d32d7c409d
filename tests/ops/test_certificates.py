"""The private authority and what it issues: names, uses, dates, files and their modes."""

from __future__ import annotations

import os
import socket
import stat
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store
from hypothesis import given
from hypothesis import strategies as st

from papertrader.net.credentials import (
    PEM_BYTES_MAX,
    CredentialsError,
    is_uuid,
    load_certificates,
    load_credentials,
    load_private_key,
    spki_fingerprint,
    worker_identity,
)
from papertrader.ops.certificates import (
    CertificateError,
    authority_file,
    certificate_files,
    check_dates,
    issue_master,
    issue_worker,
    issue_worker_public,
    make_authority,
)
from papertrader.ops.files import write_new_file

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
UUID_1 = "6f1b2c1e-5a77-4e7b-9d3c-0a4b7a1f0c11"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory with an authority."""
    directory = tmp_path / "state"
    make_authority(directory, now=NOW)
    return directory


def certificate_of(file: Path) -> x509.Certificate:
    """Read one certificate."""
    return x509.load_pem_x509_certificate(file.read_bytes())


def names_of(certificate: x509.Certificate) -> list[object]:
    """Read the subject alternative names."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [name.value for name in names]


def uses_of(certificate: x509.Certificate) -> list[x509.ObjectIdentifier]:
    """Read the extended key usages."""
    return list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


def test_authority_may_sign_leaves_only(state: Path) -> None:
    """The authority is P-256, lasts 10 years and a day, and bears no other authority."""
    authority = certificate_of(authority_file(state))
    key = authority.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"
    basic = authority.extensions.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical
    assert (basic.value.ca, basic.value.path_length) == (True, 0)
    assert authority.not_valid_before_utc == NOW - timedelta(days=1)
    assert authority.not_valid_after_utc == NOW + timedelta(days=3652)


def test_master_certificate(state: Path) -> None:
    """The master's certificate is for servers only and has the one inner name."""
    issued = issue_master(state, now=NOW)
    certificate = certificate_of(issued.certificate_file)
    assert names_of(certificate) == ["master.papertrader.internal"]
    assert uses_of(certificate) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert (issued.certificate_file, issued.key_file) == certificate_files(state, "master")


def test_worker_certificate(state: Path) -> None:
    """A worker's inner certificate is for clients only and names its UUID."""
    issued = issue_worker(state, "worker-1", UUID_1, now=NOW)
    certificate = certificate_of(issued.certificate_file)
    assert names_of(certificate) == [f"urn:papertrader:worker:{UUID_1}"]
    assert uses_of(certificate) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    identity = worker_identity(certificate)
    assert (identity.uuid, identity.spki) == (UUID_1, issued.spki)
    assert issued.spki == spki_fingerprint(certificate)
    assert len(issued.spki) == 32


def test_public_certificate_names(state: Path) -> None:
    """A worker's public certificate names the local addresses, the machine and what was asked."""
    hosts = ["Trade.Example.org", "192.0.2.7", "localhost", "2001:db8::1"]
    issued = issue_worker_public(state, "worker-1", hosts, now=NOW)
    certificate = certificate_of(issued.certificate_file)
    names = names_of(certificate)
    assert {"localhost", "trade.example.org"} <= set(names)
    for address in ("127.0.0.1", "::1", "192.0.2.7", "2001:db8::1"):
        assert ip_address(address) in names
    machine = socket.gethostname().lower()
    assert (machine in names) == machine.replace("-", "").replace(".", "").isalnum()
    assert len(names) == len(set(names))
    assert uses_of(certificate) == [ExtendedKeyUsageOID.SERVER_AUTH]


def test_leaf_dates(state: Path) -> None:
    """A leaf starts a day back and lasts 825 days."""
    issued = issue_master(state, now=NOW)
    certificate = certificate_of(issued.certificate_file)
    assert certificate.not_valid_before_utc == NOW - timedelta(days=1)
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == timedelta(days=825)
    assert issued.not_after == certificate.not_valid_after_utc


def test_leaf_never_outlives_its_authority(state: Path) -> None:
    """Near the authority's end a leaf ends with it; after that none is issued."""
    authority = certificate_of(authority_file(state))
    end = authority.not_valid_after_utc
    issued = issue_master(state, now=end - timedelta(days=10))
    assert issued.not_after == end
    with pytest.raises(
        CertificateError, match=r"the authority ended on .*papertrader init --missing"
    ):
        issue_worker(state, "worker-1", UUID_1, now=end)


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (-2, r"worker-1.pem is good from .* but this machine's clock says .*: set the clock right"),
        (31, r"worker-1.pem ended on .*papertrader init --missing makes a new one"),
    ],
)
def test_a_certificate_that_is_not_good_now(state: Path, days: int, said: str) -> None:
    """It is told at the start: no link comes about with it, and nothing else says why."""
    issue_worker(state, "worker-1", UUID_1, now=NOW)
    check_dates(state, ["worker-1"], now=NOW)
    with pytest.raises(CertificateError, match=said):
        check_dates(state, ["worker-1"], now=NOW + timedelta(days=days))


def test_chain_is_accepted_by_an_independent_verifier(state: Path) -> None:
    """A public certificate passes the checks of another implementation than OpenSSL's."""
    issued = issue_worker_public(state, "worker-1", ["trade.example.org"], now=NOW)
    store = Store([certificate_of(authority_file(state))])
    for name in (x509.DNSName("trade.example.org"), x509.IPAddress(ip_address("::1"))):
        verifier = PolicyBuilder().store(store).time(NOW).build_server_verifier(name)
        chain = verifier.verify(certificate_of(issued.certificate_file), [])
        assert len(chain) == 2


def test_modes(state: Path) -> None:
    """Keys are for their owner alone, in a directory for its owner alone, whatever the umask."""
    before = os.umask(0)
    try:
        issue_master(state, now=NOW)
    finally:
        os.umask(before)
    assert stat.S_IMODE((state / "tls").stat().st_mode) == 0o700
    for key in ("ca.key", "master.key"):
        assert stat.S_IMODE((state / "tls" / key).stat().st_mode) == 0o600
    assert sorted(path.name for path in (state / "tls").iterdir()) == [
        "ca.key",
        "ca.pem",
        "master.key",
        "master.pem",
    ]


def test_nothing_is_overwritten(state: Path) -> None:
    """A second issue of the same name is refused and leaves both files as they were."""
    issue_master(state, now=NOW)
    before = {path: path.read_bytes() for path in (state / "tls").iterdir()}
    with pytest.raises(CertificateError, match="exists already"):
        issue_master(state, now=NOW)
    with pytest.raises(CertificateError, match="exists already"):
        make_authority(state, now=NOW)
    assert {path: path.read_bytes() for path in (state / "tls").iterdir()} == before


def test_interrupted_issue_is_completed(state: Path) -> None:
    """A key whose certificate was never written is used, not replaced."""
    issued = issue_master(state, now=NOW)
    key = issued.key_file.read_bytes()
    issued.certificate_file.unlink()
    again = issue_master(state, now=NOW)
    assert again.key_file.read_bytes() == key
    assert again.spki == issued.spki


def test_leftover_key_of_another_kind_is_refused(state: Path) -> None:
    """A key file that is no elliptic key is not ours, and is not used."""
    path = state / "tls" / "master.key"
    write_new_file(path, b"no key", 0o600)
    with pytest.raises(CertificateError, match="no readable PEM private key"):
        issue_master(state, now=NOW)


def test_open_directory_is_refused(state: Path) -> None:
    """Keys are not put into a directory that others may enter."""
    (state / "tls").chmod(0o750)
    with pytest.raises(CertificateError, match="chmod 700"):
        issue_master(state, now=NOW)


def test_issue_without_authority(tmp_path: Path) -> None:
    """Without an authority the message says what to do."""
    with pytest.raises(CertificateError, match="make one first"):
        issue_master(tmp_path / "state", now=NOW)


def test_time_without_zone_is_refused(tmp_path: Path) -> None:
    """A naive time is a programming error."""
    with pytest.raises(ValueError, match="zone"):
        make_authority(tmp_path / "state", now=datetime(2026, 3, 2))  # noqa: DTZ001


@pytest.mark.parametrize(
    "name", ["", "ca", "master", "w-public", "../x", "Worker", "-w", "w-", "w" * 25, "w\n"]
)
def test_bad_worker_names(state: Path, name: str) -> None:
    """A worker's name cannot leave the directory or take the name of another certificate."""
    with pytest.raises(CertificateError, match="cannot name a worker"):
        issue_worker(state, name, UUID_1, now=NOW)
    with pytest.raises(CertificateError, match="cannot name a worker"):
        issue_worker_public(state, name, now=NOW)


@pytest.mark.parametrize(
    "uuid", ["", "1", UUID_1.upper(), UUID_1.replace("-", ""), f"{{{UUID_1}}}"]
)
def test_uuid_has_one_form(state: Path, uuid: str) -> None:
    """Only the canonical form of a UUID is an identity."""
    with pytest.raises(CertificateError, match="not a UUID"):
        issue_worker(state, "worker-1", uuid, now=NOW)


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("master.papertrader.internal", "inner world"),
        ("Papertrader.Internal.", "inner world"),
        ("*.example.org", "neither an IP address nor a DNS name"),
        ("example.org:2049", "neither"),
        ("exämple.org", "xn--"),
        ("a..b", "neither"),
        ("x" * 64, "neither"),
    ],
)
def test_bad_public_hosts(state: Path, host: str, message: str) -> None:
    """A public certificate never names the inner world, a wildcard or what is no host."""
    with pytest.raises(CertificateError, match=message.replace("*", r"\*")):
        issue_worker_public(state, "worker-1", [host], now=NOW)
    assert not (state / "tls" / "worker-1-public.key").exists()


def test_too_many_hosts(state: Path) -> None:
    """The number of names in one certificate is bounded."""
    hosts = [f"h{number}.example.org" for number in range(40)]
    with pytest.raises(CertificateError, match="at most 32"):
        issue_worker_public(state, "worker-1", hosts, now=NOW)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o644])
def test_readable_key_is_refused(state: Path, mode: int) -> None:
    """A key with any right for others is refused in one sentence that says what to run."""
    issued = issue_master(state, now=NOW)
    issued.key_file.chmod(mode)
    with pytest.raises(CredentialsError, match=rf"mode 0{mode:o}\); run: chmod 600 .*master\.key$"):
        load_credentials(issued.certificate_file, issued.key_file)
    (state / "tls" / "ca.key").chmod(mode)
    with pytest.raises(CertificateError, match="open to other users"):
        issue_worker(state, "worker-1", UUID_1, now=NOW)


def test_key_of_another_certificate(state: Path) -> None:
    """Two files that do not belong together are noticed when read."""
    master = issue_master(state, now=NOW)
    worker = issue_worker(state, "worker-1", UUID_1, now=NOW)
    with pytest.raises(CredentialsError, match="is not the private key of"):
        load_credentials(master.certificate_file, worker.key_file)


def test_unusable_key_files(tmp_path: Path) -> None:
    """Missing, long, protected files and directories each get their own sentence."""
    with pytest.raises(CredentialsError, match="No such file"):
        load_private_key(tmp_path / "none.key")
    with pytest.raises(CredentialsError, match="is not a file"):
        load_private_key(tmp_path)
    write_new_file(tmp_path / "long.key", b"x" * (PEM_BYTES_MAX + 1), 0o600)
    with pytest.raises(CredentialsError, match="longer than"):
        load_private_key(tmp_path / "long.key")
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"phrase"))
    write_new_file(tmp_path / "protected.key", pem, 0o600)
    with pytest.raises(CredentialsError, match="pass phrase"):
        load_private_key(tmp_path / "protected.key")


def test_key_is_not_in_the_repr(state: Path) -> None:
    """Printing credentials never prints the key."""
    issued = issue_master(state, now=NOW)
    credentials = load_credentials(issued.certificate_file, issued.key_file)
    pem = credentials.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert b"PRIVATE KEY" in pem
    assert "key" not in repr(credentials).lower().replace("keyusage", "")


def test_write_new_file_leaves_nothing_behind(tmp_path: Path) -> None:
    """A refused write changes neither the file nor the directory."""
    write_new_file(tmp_path / "a", b"first", 0o600)
    with pytest.raises(FileExistsError):
        write_new_file(tmp_path / "a", b"second", 0o600)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"first"


@given(st.uuids())
def test_every_uuid_has_its_canonical_form(value: object) -> None:
    """The canonical text of any UUID is accepted, the same in capitals only if it has no letter."""
    text = str(value)
    assert is_uuid(text)
    assert is_uuid(text.upper()) == (text.upper() == text)


OF_NUMBER_0 = """\
-----BEGIN CERTIFICATE-----
MIIBdDCCARqgAwIBAgIBADAKBggqhkjOPQQDAjAYMRYwFAYDVQQDDA1PbGQgQXV0
aG9yaXR5MCAXDTI2MTEzMDEwNDQzNVoYDzIxMjYxMTA2MTA0NDM1WjAYMRYwFAYD
VQQDDA1PbGQgQXV0aG9yaXR5MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEn+Vr
2hBHA4GiCmjEP8FMi4IVwDJAiBX82OrAOeMYK6rcs8XMvmepTgfXnUV82uvfX6Er
cOoTGbCUtIGP+bmMR6NTMFEwHQYDVR0OBBYEFKObrV6m6RD3MkdoKHLqUpLRKaVO
MB8GA1UdIwQYMBaAFKObrV6m6RD3MkdoKHLqUpLRKaVOMA8GA1UdEwEB/wQFMAMB
Af8wCgYIKoZIzj0EAwIDSAAwRQIhAMnuLG8qDpP188dlQfC+ghmTUMI38AZ4lNrk
RYT8bqwlAiAYToR8n3JFFm2ySSaoVsMMjAFsvl0aX34EAG7o2eA1bw==
-----END CERTIFICATE-----
"""


def test_an_authority_with_the_number_0_is_read_in_silence(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    """Debian's bundle has such; who names it as --ca saw a warning of a library about it."""
    bundle = tmp_path / "bundle.pem"
    bundle.write_text(OF_NUMBER_0)
    assert len(load_certificates(bundle)) == 1
    assert list(recwarn) == []
