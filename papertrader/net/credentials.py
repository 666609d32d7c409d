"""Certificates and private keys as read from files, and what a certificate says of its owner.

The private keys of the inner world (master and workers) decide who is inside, so a key file that
other users of the machine can read is refused rather than used.
"""

from __future__ import annotations

import hashlib
import os
import stat
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from uuid import UUID

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID

MASTER_NAME: Final = "master.papertrader.internal"
"""The only name in the master's certificate; no address of the outer world can look like it."""

INNER_DOMAIN: Final = "papertrader.internal"
"""No certificate for the outer world may carry a name in this domain."""

WORKER_URN: Final = "urn:papertrader:worker:"
"""What stands before the UUID in the one subject alternative name of a worker's certificate."""

PEM_BYTES_MAX: Final = 64 * 1024
"""Longest certificate or key file that is read; a chain of ten certificates takes about 20 KiB."""

BUNDLE_BYTES_MAX: Final = 1024 * 1024
"""Longest file of authorities of the outer world; a system's own has about 220 KiB."""


PrivateKey = EllipticCurvePrivateKey | RSAPrivateKey | Ed25519PrivateKey
"""The kinds of private key that a TLS certificate is made over."""


class CredentialsError(Exception):
    """A certificate or key file cannot be used; the text says why and what to do."""


@attrs.frozen(kw_only=True)
class Credentials:
    """A private key with its certificate and the intermediate certificates above it."""

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    key: PrivateKey = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class PeerIdentity:
    """Who stands at the other end of an inner link, as its certificate says.

    ``spki`` is the SHA-256 of the public key (32 bytes): what the master's registry compares.
    """

    uuid: str
    spki: bytes


def spki_fingerprint(certificate: x509.Certificate) -> bytes:
    """Return the SHA-256 (32 bytes) of the certificate's SubjectPublicKeyInfo in DER.

    It names the key, not the certificate: a renewed certificate over the same key keeps it.
    """
    public = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(public).digest()


def worker_identity(certificate: x509.Certificate) -> PeerIdentity:
    """Read which worker a certificate names.

    The chain and the dates are not checked here. Raises `ValueError`, saying why, unless the
    certificate is for clients only and has exactly one subject alternative name, a worker's URN.
    """
    extensions = certificate.extensions
    try:
        usage = list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
        names = list(extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        raise ValueError("the certificate does not say whom it names and for what use") from None
    if usage != [ExtendedKeyUsageOID.CLIENT_AUTH]:
        raise ValueError("the certificate is not a worker's: its use is not clientAuth alone")
    if len(names) != 1 or not isinstance(names[0], x509.UniformResourceIdentifier):
        raise ValueError("the certificate is not a worker's: it needs one name, an URN")
    urn = names[0].value
    text = urn.removeprefix(WORKER_URN)
    if not urn.startswith(WORKER_URN) or not is_uuid(text):
        raise ValueError(f"the certificate is not a worker's: its name is not {WORKER_URN}<uuid>")
    return PeerIdentity(uuid=text, spki=spki_fingerprint(certificate))


def is_uuid(text: str) -> bool:
    """Tell whether ``text`` is a UUID in its one canonical form: lower case, with hyphens."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def load_certificates(path: Path, bytes_max: int = PEM_BYTES_MAX) -> Sequence[x509.Certificate]:
    """Read the certificates of a PEM file, at least one; raises `CredentialsError`."""
    data = _read(path, "certificate", private=False, bytes_max=bytes_max)
    try:
        with warnings.catch_warnings():
            # Bundles of public authorities have old ones with the number 0; nobody mends that here.
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            return x509.load_pem_x509_certificates(data)
    except ValueError as error:
        raise CredentialsError(
            f"{path} holds no readable PEM certificate ({error}); put the right file there."
        ) from None


def load_private_key(path: Path) -> PrivateKey:
    """Read a private key from a PEM file only its owner can read; raises `CredentialsError`."""
    data = _read(path, "private key", private=True)
    try:
        key = load_pem_private_key(data, password=None)
    except TypeError:
        raise CredentialsError(
            f"{path} is protected by a pass phrase; store the key without one, with mode 0600."
        ) from None
    except ValueError as error:
        raise CredentialsError(
            f"{path} holds no readable PEM private key ({str(error).splitlines()[0]}); "
            "put the right file there."
        ) from None
    if not isinstance(key, PrivateKey):
        raise CredentialsError(
            f"{path} is of no kind used for TLS; make an EC, RSA or Ed25519 key."
        )
    return key


def load_credentials(certificate_file: Path, key_file: Path) -> Credentials:
    """Read a certificate, the intermediates after it in the same file, and its private key.

    Raises `CredentialsError` if a file is missing, unreadable or open to other users, or when key
    and certificate are not a pair.
    """
    certificate, *chain = load_certificates(certificate_file)
    key = load_private_key(key_file)
    if _public_der(key) != certificate.public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    ):
        raise CredentialsError(
            f"{key_file} is not the private key of {certificate_file}; use the two files that "
            "were made together."
        )
    return Credentials(certificate=certificate, chain=tuple(chain), key=key)


def host_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the DNS names and IP addresses that a certificate is for, as text."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    addresses = names.get_values_for_type(x509.IPAddress)
    return (*names.get_values_for_type(x509.DNSName), *(str(each) for each in addresses))


def _public_der(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _read(path: Path, what: str, *, private: bool, bytes_max: int = PEM_BYTES_MAX) -> bytes:
    """Read a whole small file; the mode is checked on the file that was opened, not on its name."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise CredentialsError(
            f"cannot read the {what} {path}: {error.strerror}; check the path and its owner."
        ) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise CredentialsError(f"the {what} {path} is not a file; name the PEM file itself.")
        mode = stat.S_IMODE(status.st_mode)
        if private and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise CredentialsError(
                f"the {what} {path} is open to other users (mode {mode:04o}); run: chmod 600 {path}"
            )
        data = os.read(descriptor, bytes_max + 1)
    finally:
        os.close(descriptor)
    if len(data) > bytes_max:
        raise CredentialsError(
            f"the {what} {path} is longer than {bytes_max} bytes; name the PEM file itself."
        )
    return data
