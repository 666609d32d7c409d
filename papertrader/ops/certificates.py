"""The private certificate authority of one installation, and the certificates it issues.

All live in ``tls/`` below the state directory (mode 0700, keys 0600)::

    ca.pem, ca.key, ...                         what is trusted; see papertrader.ops.authorities
    master.pem, master.key                      inner link, server: master.papertrader.internal
    worker-1.pem, worker-1.key                  inner link, client: urn:papertrader:worker:<uuid>
    worker-1-public.pem, worker-1-public.key    for the clients, server: the worker's host names

A certificate starts one day before it is made, so that a machine whose clock is slow accepts it,
and ends after 825 days (the longest that common clients accept), a worker's for the inner link
after 30, never after its authority. No file is overwritten but by what follows it.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import attrs
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from papertrader.core import identifiers
from papertrader.net.credentials import (
    INNER_DOMAIN,
    MASTER_NAME,
    WORKER_URN,
    CredentialsError,
    is_uuid,
    load_certificates,
    load_credentials,
    load_private_key,
    spki_fingerprint,
)
from papertrader.ops.authorities import as_elliptic, key_text, load_authority, new_key
from papertrader.ops.files import (
    PRIVATE_FILE,
    PUBLIC_FILE,
    make_private_directory,
    replace_file,
    write_new_file,
)
from papertrader.ops.signing import (
    LEAF_DAYS,
    WORKER_DAYS,
    CertificateError,
    renew_at,
    sign_authority,
    sign_leaf,
)

__all__ = ["CertificateError"]

HOSTS_MAX: Final = 32
"""Most names in one public certificate, the four of the machine itself included."""

LOCAL_HOSTS: Final = ("localhost", "127.0.0.1", "::1")
"""Names that every worker's public certificate carries."""


Sign = Callable[[ec.EllipticCurvePrivateKey], x509.Certificate]


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

    def sign(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
        return sign_authority(key, "PaperTrader private authority", now=now, path_length=0)

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
    check_worker_name(name)
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
    check_worker_name(name)
    names = public_names(hosts)
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
    authority = load_authority(directory)
    days = WORKER_DAYS if use == ExtendedKeyUsageOID.CLIENT_AUTH else LEAF_DAYS

    def sign(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
        return sign_leaf(authority, key.public_key(), subject, names, use, now=now, days=days)

    return _write_pair(
        directory / f"{name}.pem", directory / f"{name}.key", sign, authority.between
    )


def is_due(state: Path, name: str, *, now: datetime) -> bool:
    """Tell whether the certificate called ``name`` is ours and two thirds of its life are over.

    So is one that is not good yet, though our authority is: it was made while the clock was ahead.
    One that another authority signed is its owner's to renew. Raises `CredentialsError`.
    """
    leaf = load_certificates(certificate_files(state, name)[0])[0]
    if not is_ours(state, leaf):
        return False
    if now < leaf.not_valid_before_utc:
        anchors = load_certificates(authority_file(state))
        return all(each.not_valid_before_utc <= now for each in anchors)
    return renew_at(leaf) <= now


ANEW: Final = (
    "with the master stopped, papertrader init --missing makes a new one; on another machine:"
    " papertrader worker add NAME --again beside the master"
)
"""How a certificate of ours is made anew that no link comes about with."""


def check_dates(state: Path, names: Iterable[str], *, now: datetime) -> None:
    """Raise `CertificateError` if one of these certificates is not good yet, or not any more.

    No link comes about with it, and of the two sides only the other one is told why. Raises
    `CredentialsError` for a file that cannot be read.
    """
    for name in names:
        file = certificate_files(state, name)[0]
        leaf = load_certificates(file)[0]
        first, last = leaf.not_valid_before_utc, leaf.not_valid_after_utc
        if now < first:
            raise CertificateError(
                f"{file} is good from {first:%Y-%m-%d} on, but this machine's clock says"
                f" {now:%Y-%m-%d}: set the clock right, then start again. If it is right, the"
                f" certificate was made while it was not: {ANEW}"
            )
        if now >= last:
            raise CertificateError(f"{file} ended on {last:%Y-%m-%d}: {ANEW}")


def is_ours(state: Path, leaf: x509.Certificate) -> bool:
    """Tell whether an authority of this installation signed a certificate.

    Of a worker on another machine only the anchors are there: what stands between has their names.
    """
    directory = tls_directory(state)
    files = [directory / "ca.pem", *sorted(directory.glob("authority-*.pem"))]
    known = [each for file in files if file.exists() for each in load_certificates(file)]
    if any(leaf.issuer == each.subject and _signed(leaf, each) for each in known):
        return True
    return leaf.issuer.rfc4514_string().startswith("CN=PaperTrader issuing ")


def _signed(leaf: x509.Certificate, above: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def issue_again(state: Path, name: str, *, now: datetime) -> Issued:
    """Put a new certificate over the same key, for the same names and use, in the place of one.

    The authority that issues now signs it. Raises `CertificateError`, `CredentialsError`.
    """
    certificate_file, key_file = certificate_files(state, name)
    old = load_credentials(certificate_file, key_file)
    key = as_elliptic(old.key, key_file)
    extensions = old.certificate.extensions
    (use,) = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    names = list(extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    (subject,) = old.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    authority = load_authority(tls_directory(state))
    days = WORKER_DAYS if use == ExtendedKeyUsageOID.CLIENT_AUTH else LEAF_DAYS
    new = sign_leaf(authority, key.public_key(), str(subject.value), names, use, now=now, days=days)
    replace_file(certificate_file, new.public_bytes(Encoding.PEM) + authority.between, PUBLIC_FILE)
    return Issued(
        certificate_file=certificate_file,
        key_file=key_file,
        spki=spki_fingerprint(new),
        not_after=new.not_valid_after_utc,
    )


def replace_pair(certificate_file: Path, key_file: Path, certificate: str, key: bytes) -> None:
    """Put a certificate and its new key in the place of a pair, so that no crash parts them.

    `settle_pair` ends what was interrupted. Raises `OSError`.
    """
    waiting = key_file.with_suffix(".next-key")
    replace_file(waiting, key, PRIVATE_FILE)
    replace_file(certificate_file, certificate.encode("ascii"), PUBLIC_FILE)
    waiting.replace(key_file)


def settle_pair(certificate_file: Path, key_file: Path) -> None:
    """End a `replace_pair` that was interrupted: the key that fits the certificate is the key."""
    waiting = key_file.with_suffix(".next-key")
    if not waiting.exists():
        return
    try:
        load_credentials(certificate_file, waiting)
    except CredentialsError:
        waiting.unlink()
    else:
        waiting.replace(key_file)


def _write_pair(certificate_file: Path, key_file: Path, sign: Sign, above: bytes = b"") -> Issued:
    """Make key and certificate; a key without one, left by an interrupted run, is used."""
    if certificate_file.exists():
        raise CertificateError(
            f"{certificate_file} exists already and was left as it is; to make a new one, move it "
            f"and {key_file.name} away first."
        )
    try:
        if key_file.exists():
            key = as_elliptic(load_private_key(key_file), key_file)
        else:
            key = new_key()
            write_new_file(key_file, key_text(key), PRIVATE_FILE)
        certificate = sign(key)
        text = certificate.public_bytes(Encoding.PEM) + above
        write_new_file(certificate_file, text, PUBLIC_FILE)
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


def check_worker_name(name: str) -> None:
    """Raise `CertificateError` if files, settings and people could not know a worker by it."""
    try:
        identifiers.check_worker_name(name)
    except ValueError as error:
        raise CertificateError(f"{error}.") from None


def public_names(hosts: Sequence[str], *, here: bool = True) -> list[x509.GeneralName]:
    """Return the names of a public certificate: local ones, ``hosts``, and if ``here`` the machine.

    Raises `CertificateError`.
    """
    machine = socket.gethostname().lower() if here else ""
    # A machine may bear a name that no certificate can; it is then reached by another one.
    usable = [machine] if identifiers.is_dns_name(machine) and not _is_inner(machine) else []
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
    if not identifiers.is_dns_name(name):
        raise CertificateError(
            f"{host!r} is neither an IP address nor a DNS name; write names in ASCII (xn--...), "
            "without a port and without *."
        )
    return x509.DNSName(name)


def _is_inner(name: str) -> bool:
    return name == INNER_DOMAIN or name.endswith("." + INNER_DOMAIN)
