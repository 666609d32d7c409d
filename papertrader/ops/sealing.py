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

from papertrader.core.seals import BEGUN_ANEW, key_statement
from papertrader.master.database import TruthStore
from papertrader.master.engines import StoreError
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


def begin_epoch(state: Path, store: TruthStore, at: int = 0) -> SealKeys:
    """Make the key of the store's epoch at the instant ``at``; the last one hands over to it.

    The store must be open and nobody else writing. An installation whose operator removed the key
    begins anew, which the audit log says and the workers take for what it looks like: a forgery.
    Raises `StoreError`: also for the key of another store, as after an old copy was put back.
    """
    directory = tls_directory(state)
    rows = store.db.execute_sql("SELECT epoch, public, signature FROM audit_key ORDER BY epoch")
    chain = [(int(epoch), bytes(public), bytes(by)) for epoch, public, by in rows]
    last = chain[-1][1] if chain else None
    current = _settled(directory, last)
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
        with store.db.atomic("IMMEDIATE"):
            store.db.execute_sql(
                "INSERT INTO audit_key (epoch, public, signature) VALUES (?, ?, ?)",
                (store.epoch, public, signature),
            )
            if anew:
                store.audit(at, BEGUN_ANEW, detail=f"epoch {store.epoch}")(store.db)
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
