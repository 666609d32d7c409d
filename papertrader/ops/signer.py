"""What signs for the master: the issuing authority in its state directory (`enrollment.Signer`)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from papertrader.core.instants import from_datetime
from papertrader.master.enrollment import AuthorityStatus, Signed, SigningRefused
from papertrader.net.credentials import (
    WORKER_URN,
    CredentialsError,
    load_certificates,
    spki_fingerprint,
)
from papertrader.ops import authorities
from papertrader.ops.certificates import (
    certificate_files,
    is_due,
    issue_again,
    public_names,
    tls_directory,
)
from papertrader.ops.signing import (
    LEAF_DAYS,
    WORKER_DAYS,
    CertificateError,
    fingerprint,
    read_request,
    sign_leaf,
)
from papertrader.wire.kinds import AuthorityStep


class LocalSigner:
    """Signs with the authority of a state directory.

    ``changed`` is called after what the master shows or trusts has changed on the disk.
    """

    def __init__(
        self, state: Path, now: Callable[[], datetime], changed: Callable[[], None]
    ) -> None:
        self._state = state
        self._directory = tls_directory(state)
        self._now = now
        self._changed = changed

    def sign(self, csr: str, uuid: str, name: str) -> Signed:
        """Sign a worker's request for its link (`enrollment.Signer`)."""
        try:
            key = read_request(csr, uuid)
            authority = authorities.load_authority(self._directory)
            names = [x509.UniformResourceIdentifier(WORKER_URN + uuid)]
            use = ExtendedKeyUsageOID.CLIENT_AUTH
            leaf = sign_leaf(
                authority, key, f"PaperTrader {name}", names, use, now=self._now(), days=WORKER_DAYS
            )
        except CertificateError as error:
            raise SigningRefused(str(error)) from None
        return Signed(
            certificate=(leaf.public_bytes(Encoding.PEM) + authority.between).decode("ascii"),
            spki=spki_fingerprint(leaf),
            not_after=from_datetime(leaf.not_valid_after_utc),
            authority=fingerprint(authority.anchor),
        )

    def sign_public(self, csr: str, uuid: str, name: str, hosts: str) -> str:
        """Sign a worker's request for its clients, for ``hosts`` alone (`enrollment.Signer`)."""
        try:
            key = read_request(csr, uuid)
            authority = authorities.load_authority(self._directory)
            names = public_names(hosts.split(), here=False)
            subject = f"PaperTrader {name} for clients"
            use = ExtendedKeyUsageOID.SERVER_AUTH
            leaf = sign_leaf(authority, key, subject, names, use, now=self._now(), days=LEAF_DAYS)
        except CertificateError as error:
            raise SigningRefused(str(error)) from None
        return (leaf.public_bytes(Encoding.PEM) + authority.between).decode("ascii")

    def trust(self) -> str:
        """Return the authorities that count, as PEM (`enrollment.Signer`)."""
        try:
            found = authorities.anchors(self._directory)
        except CredentialsError as error:
            raise SigningRefused(str(error)) from None
        return b"".join(each.public_bytes(Encoding.PEM) for each in found).decode("ascii")

    def status(self) -> AuthorityStatus:
        """Tell which authorities count (`enrollment.Signer`)."""
        try:
            chosen = authorities.load_set(self._directory)
            issuing = authorities.load_authority(self._directory)
            trusted = [fingerprint(each) for each in authorities.anchors(self._directory)]
            master = load_certificates(certificate_files(self._state, "master")[0])[0]
        except (CertificateError, CredentialsError) as error:
            raise SigningRefused(str(error)) from None
        own = fingerprint(issuing.anchor)
        return AuthorityStatus(
            phase=chosen.phase,
            issuing=own,
            other=next((each for each in trusted if each != own), b""),
            issuing_until=from_datetime(issuing.certificate.not_valid_after_utc),
            master_until=from_datetime(master.not_valid_after_utc),
        )

    def step(self, step: AuthorityStep) -> None:
        """Go on with the change to another authority (`enrollment.Signer`)."""
        act = {
            AuthorityStep.TRUST: authorities.trust_next,
            AuthorityStep.REISSUE: authorities.reissue,
            AuthorityStep.DROP: authorities.drop_old,
            AuthorityStep.BACK: authorities.go_back,
        }[step]
        try:
            before = authorities.load_set(self._directory).issuing
            act(self._directory)
            if authorities.load_set(self._directory).issuing != before:
                issue_again(self._state, "master", now=self._now())
        except (CertificateError, CredentialsError, OSError) as error:
            raise SigningRefused(str(error)) from None
        self._changed()

    def renew_master(self) -> bool:
        """Issue the master's own certificate again if that is due; tell whether it was."""
        try:
            if not is_due(self._state, "master", now=self._now()):
                return False
            issue_again(self._state, "master", now=self._now())
        except (CertificateError, CredentialsError, OSError) as error:
            raise SigningRefused(str(error)) from None
        self._changed()
        return True
