"""The keys that sign the audit log's heads: a new one at each start of the master.

The key before it signs the new one and is gone then, so that whoever takes the state directory
today cannot sign in the name of an earlier epoch. ``tls/audit.key`` is the present one; the public
halves are in the truth store.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from papertrader.core.seals import key_statement
from papertrader.master.database import StoreError, TruthStore
from papertrader.master.notary import SealKeys
from papertrader.net.credentials import CredentialsError, load_private_key
from papertrader.ops.certificates import tls_directory
from papertrader.ops.files import PRIVATE_FILE, replace_file

FILE: Final = "audit.key"
_NEXT: Final = "audit.next-key"


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


def begin_epoch(state: Path, store: TruthStore) -> SealKeys:
    """Make the key of the store's epoch, and have the last one hand over to it.

    The store must be open and nobody else writing. Raises `StoreError`: also when the key that
    signed last is missing, since workers would take a new one for a forgery.
    """
    directory = tls_directory(state)
    rows = store.db.execute_sql("SELECT epoch, public, signature FROM audit_key ORDER BY epoch")
    chain = [(int(epoch), bytes(public), bytes(by)) for epoch, public, by in rows]
    last = chain[-1][1] if chain else None
    current = _settled(directory, last)
    if last is not None and current is None:
        raise StoreError(
            f"{directory / FILE} does not belong to {store.path}: the key that signed the audit"
            " log's last heads is missing; put back the file that belongs to this store"
        )
    key = Ed25519PrivateKey.generate()
    public = _public(key)
    signature = (current or key).sign(key_statement(store.epoch, public))
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        replace_file(directory / _NEXT, text, PRIVATE_FILE)
        with store.db.atomic("IMMEDIATE"):
            store.db.execute_sql(
                "INSERT INTO audit_key (epoch, public, signature) VALUES (?, ?, ?)",
                (store.epoch, public, signature),
            )
        (directory / _NEXT).replace(directory / FILE)
    except OSError as error:
        raise StoreError(f"cannot write into {directory}: {error.strerror or error}") from None
    return SealKeys(private=key, chain=(*chain, (store.epoch, public, signature)))


def _settled(directory: Path, last: bytes | None) -> Ed25519PrivateKey | None:
    """Return the key that the store names last, whichever file an interrupted start left it in."""
    if last is None:
        return None
    for name in (FILE, _NEXT):
        key = _load(directory / name)
        if key is not None and _public(key) == last:
            return key
    return None
