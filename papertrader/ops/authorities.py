"""The private authorities of an installation: which are trusted, which one issues, where they lie.

``tls/ca.pem``
    what is trusted: one anchor, or two while one authority gives way to another.
``tls/ca.key``
    an authority that is its own anchor, as ``papertrader up`` makes it for one machine.
``tls/authority-ID.pem``, ``tls/authority-ID.key``
    an authority of `make_root`: the issuing certificate and its root; the root's key, under a
    pass phrase, can be kept elsewhere.
``tls/authorities.json``
    which of them are trusted, the older first, and which one issues. One write of this file is a
    step of a rotation; without it there is ``ca.key`` alone.

A rotation: `trust_next` (both are trusted), `reissue` (the new one issues), `drop_old`. `go_back`
takes either of the first two back.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from papertrader.net.credentials import (
    CredentialsError,
    load_certificates,
    load_credentials,
)
from papertrader.ops.files import PRIVATE_FILE, PUBLIC_FILE, replace_file, write_new_file
from papertrader.ops.passphrase import under_pass_phrase
from papertrader.ops.signing import Authority, CertificateError, fingerprint, sign_authority
from papertrader.wire.kinds import AuthorityPhase

PASS_PHRASE_MIN: Final = 12
"""Characters of a root's pass phrase, at least."""
_OWN: Final = "ca"
"""The id of the authority in ``ca.pem`` and ``ca.key``."""
_STATE: Final = "authorities.json"


@attrs.frozen(kw_only=True)
class AuthoritySet:
    """Which authorities count: ids of those trusted, the older first, and of the one that issues.

    ``prepared`` was made for the next rotation and counts for nothing yet; empty: none.
    """

    trusted: tuple[str, ...] = (_OWN,)
    issuing: str = _OWN
    prepared: str = ""

    @property
    def phase(self) -> AuthorityPhase:
        """How far a rotation is."""
        if len(self.trusted) < 2:
            return AuthorityPhase.SINGLE
        both = self.issuing == self.trusted[0]
        return AuthorityPhase.BOTH if both else AuthorityPhase.REISSUED


def _files(directory: Path, name: str) -> tuple[Path, Path]:
    if name == _OWN:
        return directory / "ca.pem", directory / "ca.key"
    return directory / f"authority-{name}.pem", directory / f"authority-{name}.key"


def load_set(directory: Path) -> AuthoritySet:
    """Read which authorities count; raises `CertificateError`."""
    path = directory / _STATE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return AuthoritySet(
            trusted=tuple(map(str, content["trusted"])),
            issuing=str(content["issuing"]),
            prepared=str(content["prepared"]),
        )
    except FileNotFoundError:
        return AuthoritySet()
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise CertificateError(f"{path} cannot be read ({error}); restore it") from None


def _save_set(directory: Path, chosen: AuthoritySet) -> None:
    """Let another set count. ``ca.pem`` follows; `repair` makes it follow after a crash between."""
    content = json.dumps(attrs.asdict(chosen), indent=1) + "\n"
    replace_file(directory / _STATE, content.encode(), PUBLIC_FILE)
    repair(directory)


def repair(directory: Path) -> None:
    """Have ``ca.pem`` hold what is trusted, whatever was interrupted."""
    chosen = load_set(directory)
    if chosen.trusted == (_OWN,):
        return
    anchors = [load_certificates(_files(directory, name)[0])[-1] for name in chosen.trusted]
    wanted = b"".join(each.public_bytes(Encoding.PEM) for each in anchors)
    file = directory / "ca.pem"
    if not file.exists() or file.read_bytes() != wanted:
        replace_file(file, wanted, PUBLIC_FILE)


def load_authority(directory: Path, name: str = "") -> Authority:
    """Read the authority that issues, or another by its id. Raises `CertificateError`."""
    name = name or load_set(directory).issuing
    certificate_file, key_file = _files(directory, name)
    if not certificate_file.exists():
        raise CertificateError(f"there is no authority in {directory}; make one first.")
    try:
        own = load_credentials(certificate_file, key_file)
    except CredentialsError as error:
        raise CertificateError(str(error)) from None
    above = () if name == _OWN else own.chain
    return Authority(certificate=own.certificate, key=as_elliptic(own.key, key_file), above=above)


def as_elliptic(key: object, file: Path) -> ec.EllipticCurvePrivateKey:
    """Return a key as one of ours; raises `CertificateError` if it is not."""
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CertificateError(f"{file} was not made by PaperTrader; move it away and try again.")
    return key


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a new key on P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def key_text(key: ec.EllipticCurvePrivateKey, pass_phrase: str = "") -> bytes:
    """Return a private key as PEM, under a pass phrase if there is one."""
    if pass_phrase:
        return under_pass_phrase(key, pass_phrase)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def make_root(directory: Path, root_key_file: Path, pass_phrase: str, *, now: datetime) -> str:
    """Make a root and an issuing authority under it; return the id. Nothing trusts it yet.

    The root's key goes to ``root_key_file`` alone, under the pass phrase: only to sign the next
    issuing authority is it needed again. Raises `CertificateError`.
    """
    if len(pass_phrase) < PASS_PHRASE_MIN:
        raise CertificateError(f"the pass phrase needs {PASS_PHRASE_MIN} characters at least")
    root_key, key = new_key(), new_key()
    mark = f"{now:%Y-%m-%d} {root_key.public_key().public_numbers().x % 0x1_0000_0000:08x}"
    top = sign_authority(root_key, f"PaperTrader root {mark}", now=now, path_length=1)
    root = Authority(certificate=top, key=root_key)
    issuing = sign_authority(key, f"PaperTrader issuing {mark}", now=now, path_length=0, above=root)
    name = fingerprint(top).hex()[:12]
    certificate_file, key_file = _files(directory, name)
    try:
        write_new_file(root_key_file, key_text(root_key, pass_phrase), PRIVATE_FILE)
        write_new_file(key_file, key_text(key), PRIVATE_FILE)
        chain = issuing.public_bytes(Encoding.PEM) + top.public_bytes(Encoding.PEM)
        write_new_file(certificate_file, chain, PUBLIC_FILE)
    except FileExistsError as error:
        raise CertificateError(
            f"{error.filename2 or error.filename} exists already; choose another place"
        ) from None
    except OSError as error:
        raise CertificateError(
            f"cannot write {root_key_file} or into {directory}: {error.strerror}"
        ) from None
    return name


def make_plain(directory: Path, *, now: datetime) -> str:
    """Make an authority that is its own anchor, its key in ``directory`` alone; return the id."""
    key = new_key()
    mark = f"{now:%Y-%m-%d} {key.public_key().public_numbers().x % 0x1_0000_0000:08x}"
    own = sign_authority(key, f"PaperTrader private authority {mark}", now=now, path_length=0)
    name = fingerprint(own).hex()[:12]
    certificate_file, key_file = _files(directory, name)
    write_new_file(key_file, key_text(key), PRIVATE_FILE)
    write_new_file(certificate_file, own.public_bytes(Encoding.PEM), PUBLIC_FILE)
    return name


def use_first(directory: Path, name: str) -> None:
    """Let the authority of a new installation count; raises `CertificateError` if there is one."""
    if (directory / "ca.pem").exists() or (directory / _STATE).exists():
        raise CertificateError(
            f"there is an authority in {directory} already; to change it: papertrader ca rotate"
        )
    _save_set(directory, AuthoritySet(trusted=(name,), issuing=name))


def prepare_next(directory: Path, name: str) -> None:
    """Note the authority that the next rotation goes to; raises `CertificateError` within one."""
    chosen = load_set(directory)
    if chosen.phase is not AuthorityPhase.SINGLE:
        raise CertificateError("a rotation is under way; end it or take it back first")
    _keep_own(directory, chosen)
    _save_set(directory, attrs.evolve(load_set(directory), prepared=name))


def _keep_own(directory: Path, chosen: AuthoritySet) -> None:
    """Copy an authority of ``ca.pem`` to files of its own: ``ca.pem`` gets another meaning."""
    if chosen.issuing != _OWN:
        return
    own = load_authority(directory, _OWN)
    name = fingerprint(own.certificate).hex()[:12]
    certificate_file, key_file = _files(directory, name)
    if not certificate_file.exists():
        replace_file(key_file, key_text(own.key), PRIVATE_FILE)
        text = own.certificate.public_bytes(Encoding.PEM)
        replace_file(certificate_file, text, PUBLIC_FILE)
    _save_set(directory, AuthoritySet(trusted=(name,), issuing=name))


def _require(chosen: AuthoritySet, phase: AuthorityPhase, what: str) -> None:
    if chosen.phase is not phase:
        raise CertificateError(
            f"{what} does not follow: the rotation is in phase {chosen.phase.name};"
            " see: papertrader ca status"
        )


def trust_next(directory: Path) -> None:
    """Trust the prepared authority beside the one that issues. Raises `CertificateError`."""
    chosen = load_set(directory)
    _require(chosen, AuthorityPhase.SINGLE, "TRUST")
    if not chosen.prepared:
        raise CertificateError("no other authority is prepared; run: papertrader ca rotate")
    trusted = (*chosen.trusted, chosen.prepared)
    _save_set(directory, attrs.evolve(chosen, trusted=trusted))


def reissue(directory: Path) -> None:
    """Let the new authority issue. Raises `CertificateError`."""
    chosen = load_set(directory)
    _require(chosen, AuthorityPhase.BOTH, "REISSUE")
    _save_set(directory, attrs.evolve(chosen, issuing=chosen.trusted[1]))


def drop_old(directory: Path) -> None:
    """Trust the new authority alone; the old one's key is removed. Raises `CertificateError`."""
    chosen = load_set(directory)
    _require(chosen, AuthorityPhase.REISSUED, "DROP")
    new = chosen.trusted[1]
    _save_set(directory, AuthoritySet(trusted=(new,), issuing=new))
    _files(directory, chosen.trusted[0])[1].unlink(missing_ok=True)
    (directory / "ca.key").unlink(missing_ok=True)


def go_back(directory: Path) -> None:
    """Take the last step back. Raises `CertificateError` when there is none to take back."""
    chosen = load_set(directory)
    if chosen.phase is AuthorityPhase.REISSUED:
        _save_set(directory, attrs.evolve(chosen, issuing=chosen.trusted[0]))
    elif chosen.phase is AuthorityPhase.BOTH:
        _save_set(directory, attrs.evolve(chosen, trusted=chosen.trusted[:1]))
    else:
        raise CertificateError("no rotation is under way")


def anchors(directory: Path) -> Sequence[x509.Certificate]:
    """Return the certificates that are trusted, the older first. Raises `CredentialsError`."""
    return load_certificates(directory / "ca.pem")
