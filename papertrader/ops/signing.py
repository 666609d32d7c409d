"""Making certificates: what stands in one, and what a request for one must look like.

Pure: time and keys come in, certificates go out. Which authority signs, and where files lie, is
decided in `papertrader.ops.authorities` and `papertrader.ops.certificates`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, ObjectIdentifier

from papertrader.net.credentials import WORKER_URN

AUTHORITY_DAYS: Final = 3652
LEAF_DAYS: Final = 825
"""Life of the master's and of public certificates."""
WORKER_DAYS: Final = 30
"""Life of a worker's certificate for the inner link; it asks for the next one in time."""
SKEW: Final = timedelta(days=1)


class CertificateError(Exception):
    """A certificate cannot be made; the text says why and what to do."""


@attrs.frozen(kw_only=True)
class Authority:
    """What signs: a certificate that may, its key, and those above it, the anchor last.

    ``above`` is empty for an authority that is its own anchor.
    """

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = attrs.field(repr=False)
    above: tuple[x509.Certificate, ...] = ()

    @property
    def anchor(self) -> x509.Certificate:
        """What others trust."""
        return self.above[-1] if self.above else self.certificate

    @property
    def between(self) -> bytes:
        """PEM of what must be shown with a leaf: the certificates between it and the anchor."""
        chain = (self.certificate, *self.above)[:-1]
        return b"".join(each.public_bytes(Encoding.PEM) for each in chain)


def key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    """Return the use of a key: for certificates, or for handshakes."""
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


def _dated(now: datetime, last: datetime) -> x509.CertificateBuilder:
    if now.tzinfo is None:
        raise ValueError("a certificate needs a time with its zone")
    return (
        x509.CertificateBuilder()
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(last)
    )


def named(text: str) -> x509.Name:
    """Return a subject with one common name."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def sign_authority(
    key: ec.EllipticCurvePrivateKey,
    subject: str,
    *,
    now: datetime,
    path_length: int,
    above: Authority | None = None,
) -> x509.Certificate:
    """Return the certificate of an authority over ``key``: its own anchor, or under ``above``."""
    last = now + timedelta(days=AUTHORITY_DAYS)
    if above is not None:
        last = min(last, above.certificate.not_valid_after_utc)
    issuer = named(subject) if above is None else above.certificate.subject
    builder = (
        _dated(now, last)
        .subject_name(named(subject))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if above is not None:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(above.key.public_key())
        builder = builder.add_extension(identifier, critical=False)
    return builder.sign(key if above is None else above.key, SHA256())


def sign_leaf(
    authority: Authority,
    public_key: ec.EllipticCurvePublicKey,
    subject: str,
    names: Sequence[x509.GeneralName],
    use: ObjectIdentifier,
    *,
    now: datetime,
    days: int,
) -> x509.Certificate:
    """Return a certificate for one use and exactly these names; raises `CertificateError`."""
    last = min(now - SKEW + timedelta(days=days), authority.certificate.not_valid_after_utc)
    if last <= now:
        raise CertificateError(
            f"the authority ended on {last:%Y-%m-%d}, and all that it signed: stop the master, put"
            " tls/ of the state directory elsewhere, and make another by: papertrader init"
            " --missing; clients get the new ca.pem, workers elsewhere: papertrader worker add NAME"
            " --again"
        )
    above = authority.key.public_key()
    return (
        _dated(now, last)
        .subject_name(named(subject))
        .issuer_name(authority.certificate.subject)
        .public_key(public_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above), critical=False)
        .sign(authority.key, SHA256())
    )


def make_request(key: ec.EllipticCurvePrivateKey, subject: str, uuid: str) -> str:
    """Return a worker's request (PEM) for a certificate over ``key`` that names its UUID."""
    name = x509.UniformResourceIdentifier(WORKER_URN + uuid)
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(named(subject))
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .sign(key, SHA256())
        .public_bytes(Encoding.PEM)
        .decode("ascii")
    )


def read_request(pem: str, uuid: str) -> ec.EllipticCurvePublicKey:
    """Return the public key of a worker's request.

    Raises `CertificateError` unless the request is signed by its own key on P-256 and names exactly
    the worker ``uuid``. Whatever else it asks for is not looked at: it does not get it.
    """
    try:
        request = x509.load_pem_x509_csr(pem.encode("utf-8"))
        signed = request.is_signature_valid
        key = request.public_key()
        names = list(request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except (ValueError, TypeError, x509.ExtensionNotFound):
        raise CertificateError("the request for a certificate cannot be read") from None
    if not signed:
        raise CertificateError("the request for a certificate is not signed by its own key")
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CertificateError("the request for a certificate is not over a key on P-256")
    if names != [x509.UniformResourceIdentifier(WORKER_URN + uuid)]:
        raise CertificateError("the request for a certificate does not name this worker alone")
    return key


def renew_at(certificate: x509.Certificate) -> datetime:
    """Return when the next certificate should be asked for: at two thirds of this one's life."""
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return first + (last - first) * 2 / 3


def fingerprint(certificate: x509.Certificate) -> bytes:
    """Return the SHA-256 of a certificate in DER: what an operator hands over to pin it."""
    return certificate.fingerprint(SHA256())
