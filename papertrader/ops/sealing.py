"""The keys that sign the audit log's heads: a new one at each start of the master.

The key before it signs the new one and is gone then, so that whoever takes the state directory
today cannot sign in the name of an earlier epoch. ``tls/audit.key`` is the present one; the public
halves are in the truth store. Where masters on several machines share a store, the present key
stands there too, sealed with the secret that they share (``keys/second-factor``): whichever of them
takes over can have its predecessor sign.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final

import peewee
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from papertrader.core.seals import BEGUN_ANEW, key_statement
from papertrader.master.database import TruthStore
from papertrader.master.engines import Engine, StoreError
from papertrader.master.notary import SealKeys
from papertrader.net.credentials import CredentialsError, load_private_key
from papertrader.ops.certificates import tls_directory
from papertrader.ops.files import PRIVATE_FILE, replace_file
from papertrader.ops.sealkey import seal_key, seal_key_file

FILE: Final = "audit.key"
_NEXT: Final = "audit.next-key"
_HANDED: Final = "audit_key_sealed"
_NONCE_OCTETS: Final = 12


def _public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def _load(path: Path) -> Ed25519PrivateKey | None:
    if not path.exists():
        return None
    try:
        key = load_private_key(path)
    except CredentialsError as error:
        raise StoreError(str(error)) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise StoreError(f"{path} is not the audit log's key; restore it from a backup")
    return key


def begin_epoch(state: Path, store: TruthStore, at: int = 0) -> SealKeys:
    """Make the key of the store's epoch at the instant ``at``; the last one hands over to it.

    The store must be open and nobody else writing. An installation whose operator removed the key
    begins anew, which the audit log says and the workers take for what it looks like: a forgery.
    Raises `StoreError`: also for the key of another store, as after an old copy was put back, and
    for a new store where there has been one.
    """
    directory = tls_directory(state)
    rows = store.db.execute_sql("SELECT epoch, public, signature FROM audit_key ORDER BY epoch")
    chain = [(int(epoch), bytes(public), bytes(by)) for epoch, public, by in rows]
    last = chain[-1][1] if chain else None
    current = _settled(directory, last)
    if current is None and last is not None and store.engine.shared:
        current = _handed_over(state, store, last)
    if last is None and (directory / FILE).exists():
        raise StoreError(
            f"{store.where} is new, but a master has run here before ({directory / FILE} is of its"
            " time): put its store back with papertrader restore FILE --force, or let store.url"
            " name it; to begin with nothing, remove that key"
        )
    anew = last is not None and current is None
    if anew and (directory / FILE).exists():
        raise StoreError(
            f"{directory / FILE} does not belong to {store.where}: put back the file that was"
            " beside this store; if it is lost, remove this one, and what the workers have"
            " witnessed will not fit any more"
        )
    key = Ed25519PrivateKey.generate()
    public = _public(key)
    signature = (current or key).sign(key_statement(store.epoch, public))
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        replace_file(directory / _NEXT, text, PRIVATE_FILE)
        with store.changing():
            store.db.execute_sql(
                "INSERT INTO audit_key (epoch, public, signature) VALUES (?, ?, ?)",
                (store.epoch, public, signature),
            )
            if store.engine.shared:
                store.set_meta(_HANDED, _sealed(state, public, text))
            if anew:
                store.audit(at, BEGUN_ANEW, detail=f"epoch {store.epoch}")(store.db)
        (directory / _NEXT).replace(directory / FILE)
    except OSError as error:
        raise StoreError(f"cannot write into {directory}: {error.strerror or error}") from None
    return SealKeys(private=key, chain=(*chain, (store.epoch, public, signature)))


def set_aside_foreign(state: Path, last: bytes | None) -> Path | None:
    """Put the key aside that is not the one of a store whose last public key is ``last``.

    For who puts a store back; no master may run. Returns the file it is kept as, None if there was
    nothing to do. Raises `StoreError`.
    """
    directory = tls_directory(state)
    path = directory / FILE
    try:
        if not path.exists() or _settled(directory, last) is not None:
            return None
        kept = path.with_name(f"{FILE}.replaced")
        path.replace(kept)
    except OSError as error:
        raise StoreError(f"cannot write into {directory}: {error.strerror or error}") from None
    return kept


def forget_handed_over(store: TruthStore) -> None:
    """Take away the key that a master left for the next, sealed with a secret that is lost.

    Within a transaction of the caller's. The next master without a key of its own begins anew.
    """
    if store.engine.shared:
        store.set_meta(_HANDED, "")


def has_handed_over(store: TruthStore) -> bool:
    """Tell whether a master left its key for the next, sealed with the secret that they share."""
    return bool(store.meta(_HANDED, ""))


def check_shared_secret(state: Path, engine: Engine) -> None:
    """Raise `StoreError` if what a master left in a shared store does not open with our secret.

    For one that waits for the store: when it takes over it is too late. A store that cannot be read
    now, or has nothing in it yet, says nothing.
    """
    try:
        db = engine.snapshot()
        try:
            found = db.execute_sql("SELECT value FROM meta WHERE key = ?", (_HANDED,)).fetchone()
            last = db.execute_sql(
                "SELECT public FROM audit_key ORDER BY epoch DESC LIMIT 1"
            ).fetchone()
        finally:
            db.close()
    except (StoreError, peewee.PeeweeException):
        return
    if found and found[0] and last:
        _opened(state, engine.where, bytes.fromhex(found[0]), bytes(last[0]))


def _cipher(state: Path) -> ChaCha20Poly1305:
    derived = HKDF(SHA256(), 32, None, b"papertrader audit key").derive(seal_key(state))
    return ChaCha20Poly1305(derived)


def _sealed(state: Path, public: bytes, text: bytes) -> str:
    nonce = secrets.token_bytes(_NONCE_OCTETS)
    return (nonce + _cipher(state).encrypt(nonce, text, public)).hex()


def _handed_over(state: Path, store: TruthStore, last: bytes) -> Ed25519PrivateKey | None:
    """Return the key that another master left in the shared store. Raises `StoreError`."""
    kept = bytes.fromhex(store.meta(_HANDED, ""))
    if not kept:
        return None
    key = load_pem_private_key(_opened(state, store.where, kept, last), None)
    return key if isinstance(key, Ed25519PrivateKey) and _public(key) == last else None


def _opened(state: Path, where: str, kept: bytes, last: bytes) -> bytes:
    try:
        return _cipher(state).decrypt(kept[:_NONCE_OCTETS], kept[_NONCE_OCTETS:], last)
    except InvalidTag:
        raise StoreError(
            f"{seal_key_file(state)} is not that of the other masters on {where}; copy"
            " tls/ and keys/ from one of them"
        ) from None


def _settled(directory: Path, last: bytes | None) -> Ed25519PrivateKey | None:
    """Return the key that the store names last, whichever file an interrupted start left it in."""
    if last is None:
        return None
    for name in (FILE, _NEXT):
        key = _load(directory / name)
        if key is not None and _public(key) == last:
            return key
    return None
