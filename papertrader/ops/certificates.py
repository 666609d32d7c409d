"""The private certificate authority of one installation, and the certificates it issues.

All live in ``tls/`` below the state directory (mode 0700, keys 0600)::

    ca.pem, ca.key                              the authority, P-256, 10 years
    master.pem, master.key                      inner link, server: master.papertrader.internal
    worker-1.pem, worker-1.key                  inner link, client: urn:papertrader:worker:<uuid>
    worker-1-public.pem, worker-1-public.key    for the clients, server: the worker's host names

No file is ever overwritten. A certificate starts one day before it is made, so that a machine whose
clock is slow accepts it, and ends after 825 days (the longest that common clients accept), never
after its authority.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from papertrader.net.credentials import (
    INNER_DOMAIN,
    MASTER_NAME,
    WORKER_URN,
    CredentialsError,
    PrivateKey,
    is_uuid,
    load_credentials,
    load_private_key,
    spki_fingerprint,
)
from papertrader.ops.files import (
    PRIVATE_FILE,
    PUBLIC_FILE,
    make_private_directory,
    write_new_file,
)

AUTHORITY_DAYS: Final = 3652
LEAF_DAYS: Final = 825
SKEW: Final = timedelta(days=1)
HOSTS_MAX: Final = 32
"""Most names in one public certificate, the four of the machine itself included."""

LOCAL_HOSTS: Final = ("localhost", "127.0.0.1", "::1")
"""Names that every worker's public certificate carries."""

_WORKER_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,22}[a-z0-9])?\Z", re.ASCII)
_DNS_NAME = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*"
    r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z",
    re.ASCII,
)


Sign = Callable[[ec.EllipticCurvePrivateKey], x509.Certificate]


class CertificateError(Exception):
    """A certificate cannot be made; the text says why and what to do."""


@attrs.frozen(kw_only=True)
class _Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Issued:
    """A certificate that was written, with its key file.

    ``spki`` is the SHA-256 of its public key (32 bytes), ``not_after`` its last moment.
    """

    certificate_file: Path
    key_file: Path
    spki: bytes
    not_after: datetime


def tls_directory(state: Path) -> Path:
    """Return where the certificates of a state directory live."""
    return state / "tls"


def authority_file(state: Path) -> Path:
    """Return the file with the authority's certificate: what a client is given to trust."""
    return tls_directory(state) / "ca.pem"


def certificate_files(state: Path, name: str) -> tuple[Path, Path]:
    """Return the certificate and key file of ``name``: master, worker-1, worker-1-public, ..."""
    directory = tls_directory(state)
    return directory / f"{name}.pem", directory / f"{name}.key"


def make_authority(state: Path, *, now: datetime) -> Issued:
    """Make the installation's authority. ``now`` is the wall time, with its zone.

    Raises `CertificateError` if there is one already: a second would make strangers of all that
    trust the first.
    """
    directory = _directory(state)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "PaperTrader private authority")])

    def sign(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        return (
            _dated(now, now + timedelta(days=AUTHORITY_DAYS))
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(identifier, critical=False)
            .sign(key, SHA256())
        )

    return _write_pair(directory / "ca.pem", directory / "ca.key", sign)


def issue_master(state: Path, *, now: datetime) -> Issued:
    """Issue the master's certificate for the inner link. Raises `CertificateError`."""
    names = [x509.DNSName(MASTER_NAME)]
    return _issue(
        state, "master", "PaperTrader master", names, ExtendedKeyUsageOID.SERVER_AUTH, now
    )


def issue_worker(state: Path, name: str, uuid: str, *, now: datetime) -> Issued:
    """Issue a worker's certificate for the inner link; it can never be used by a server.

    ``name`` names the files and stands in the subject for people; ``uuid``, in canonical form,
    is the identity. Raises `CertificateError`.
    """
    _check_worker_name(name)
    if not is_uuid(uuid):
        raise CertificateError(
            f"{uuid!r} is not a UUID in lower case with hyphens; give that form."
        )
    names = [x509.UniformResourceIdentifier(WORKER_URN + uuid)]
    return _issue(state, name, f"PaperTrader {name}", names, ExtendedKeyUsageOID.CLIENT_AUTH, now)


def issue_worker_public(
    state: Path, name: str, hosts: Sequence[str] = (), *, now: datetime
) -> Issued:
    """Issue the certificate that a worker shows to clients.

    It names localhost, 127.0.0.1, ::1, this machine and ``hosts`` (DNS names or IP addresses).
    Raises `CertificateError`, for a name of the inner world too.
    """
    _check_worker_name(name)
    names = _public_names(hosts)
    subject = f"PaperTrader {name} for clients"
    return _issue(state, f"{name}-public", subject, names, ExtendedKeyUsageOID.SERVER_AUTH, now)


def _issue(
    state: Path,
    name: str,
    subject: str,
    names: Sequence[x509.GeneralName],
    use: ObjectIdentifier,
    now: datetime,
) -> Issued:
    directory = _directory(state)
    authority = _load_authority(directory)
    last = min(now - SKEW + timedelta(days=LEAF_DAYS), authority.certificate.not_valid_after_utc)
    if last <= now:
        raise CertificateError(
            f"the authority in {directory} expired on {last:%Y-%m-%d}; move that directory away "
            "and make all certificates anew."
        )

    def sign(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
        above = authority.key.public_key()
        return (
            _dated(now, last)
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(authority.certificate.subject)
            .public_key(key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(above), critical=False
            )
            .sign(authority.key, SHA256())
        )

    return _write_pair(directory / f"{name}.pem", directory / f"{name}.key", sign)


def _load_authority(directory: Path) -> _Authority:
    if not (directory / "ca.pem").exists():
        raise CertificateError(f"there is no authority in {directory}; make one first.")
    try:
        own = load_credentials(directory / "ca.pem", directory / "ca.key")
    except CredentialsError as error:
        raise CertificateError(str(error)) from None
    return _Authority(certificate=own.certificate, key=_as_elliptic(own.key, directory / "ca.key"))


def _as_elliptic(key: PrivateKey, file: Path) -> ec.EllipticCurvePrivateKey:
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CertificateError(f"{file} was not made by PaperTrader; move it away and try again.")
    return key


def _write_pair(certificate_file: Path, key_file: Path, sign: Sign) -> Issued:
    """Make key and certificate; a key without one, left by an interrupted run, is used."""
    if certificate_file.exists():
        raise CertificateError(
            f"{certificate_file} exists already and was left as it is; to make a new one, move it "
            f"and {key_file.name} away first."
        )
    try:
        if key_file.exists():
            key = _as_elliptic(load_private_key(key_file), key_file)
        else:
            key = ec.generate_private_key(ec.SECP256R1())
            text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            write_new_file(key_file, text, PRIVATE_FILE)
        certificate = sign(key)
        write_new_file(certificate_file, certificate.public_bytes(Encoding.PEM), PUBLIC_FILE)
    except CredentialsError as error:
        raise CertificateError(str(error)) from None
    except FileExistsError:
        raise CertificateError(
            f"another program is making {certificate_file} right now; try again."
        ) from None
    return Issued(
        certificate_file=certificate_file,
        key_file=key_file,
        spki=spki_fingerprint(certificate),
        not_after=certificate.not_valid_after_utc,
    )


def _directory(state: Path) -> Path:
    directory = tls_directory(state)
    try:
        make_private_directory(directory)
    except PermissionError as error:
        raise CertificateError(str(error)) from None
    return directory


def _dated(now: datetime, last: datetime) -> x509.CertificateBuilder:
    if now.tzinfo is None:
        raise ValueError("a certificate needs a time with its zone")
    return (
        x509.CertificateBuilder()
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(last)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _check_worker_name(name: str) -> None:
    reserved = name in {"ca", "master"} or name.endswith("-public")
    if reserved or _WORKER_NAME.match(name) is None:
        raise CertificateError(
            f"{name!r} cannot name a worker; use up to 24 of a-z, 0-9 and inner hyphens, such as "
            "worker-1 (not ca, not master, no -public at the end)."
        )


def _public_names(hosts: Sequence[str]) -> list[x509.GeneralName]:
    machine = socket.gethostname().lower()
    # A machine may bear a name that no certificate can; it is then reached by another one.
    usable = [machine] if _DNS_NAME.match(machine) and not _is_inner(machine) else []
    names = {_general_name(host): None for host in (*LOCAL_HOSTS, *usable, *hosts)}
    if len(names) > HOSTS_MAX:
        raise CertificateError(
            f"{len(names)} names in one certificate; at most {HOSTS_MAX} are allowed, so issue it "
            "for fewer hosts."
        )
    return list(names)


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        name = host.lower().removesuffix(".")
    if _is_inner(name):
        raise CertificateError(f"{host} belongs to the inner world; a worker cannot answer to it.")
    if _DNS_NAME.match(name) is None:
        raise CertificateError(
            f"{host!r} is neither an IP address nor a DNS name; write names in ASCII (xn--...), "
            "without a port and without *."
        )
    return x509.DNSName(name)


def _is_inner(name: str) -> bool:
    return name == INNER_DOMAIN or name.endswith("." + INNER_DOMAIN)
