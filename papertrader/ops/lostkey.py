"""Going on without the key of the second factors, when it is lost for ever.

No second factor is taken off by it. Each seed that nothing opens any more is replaced by one that
nobody knows: codes of the old one open nothing, recovery codes still do, and their owner sets the
factor up anew. Who has none left asks an operator who knows him (``papertrader account totp-off``).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import attrs

from papertrader.master.database import TruthStore
from papertrader.master.engines import StoreError, StorePlace, as_place
from papertrader.master.secondfactor import KEY_FILE, opens, sealed_anew
from papertrader.ops.files import PRIVATE_FILE, make_private_directory, replace_file
from papertrader.ops.inspection import require
from papertrader.ops.running import StartError, StateLock
from papertrader.ops.sealing import forget_handed_over
from papertrader.ops.sealkey import NoKeyError, new_seal_key, read_seal_key, seal_key_file

REPLACED: Final = ".replaced"
"""Behind the name of a file that was no key, or another store's: it is kept."""


ResultT = TypeVar("ResultT")


@attrs.frozen
class Affected:
    """An account whose second factor nothing opens, and how many recovery codes it has left."""

    account: int
    username: str
    recovery_codes: int


def affected(where: Path | StorePlace) -> list[Affected]:
    """Return the accounts whose second factors the key that is there does not open.

    Raises `StartError` if a master runs or the key's file is open to others, `StoreError`.
    """
    place = as_place(where)
    return beside(place, "papertrader lost-key", lambda store: _affected(store, _key(place.state)))


def begin_anew(where: Path | StorePlace, at: int) -> list[Affected]:
    """Replace what the key does not open, and the key, unless it opens some; return whose it was.

    ``at`` is now, for the audit log. Interrupted anywhere, it can be done again. Raises as
    `affected`, and `StoreError` if nothing is lost.
    """
    place = as_place(where)

    def replace(store: TruthStore) -> list[Affected]:
        key = _key(place.state)
        lost = _affected(store, key)
        if not lost:
            raise StoreError(f"nothing is lost: no second factor waits for another {KEY_FILE}")
        rows = store.db.execute_sql("SELECT id FROM account WHERE length(totp_seed) > 0").fetchall()
        # A key that opens some is the right one; the others are damaged.
        fresh = new_seal_key() if key is None or len(rows) == len(lost) else None
        sealing = fresh or key or b""
        with store.changing():
            for each in lost:
                sealed = sealed_anew(sealing, each.account, secrets.token_bytes)
                store.db.execute_sql(
                    "UPDATE account SET totp_seed = ? WHERE id = ?", (sealed, each.account)
                )
                store.audit(at, "second factor lost", each.account)(store.db)
            store.audit(at, "second factors begun anew", detail=f"{len(lost)} accounts")(store.db)
            if fresh is not None:
                forget_handed_over(store)
        if fresh is not None:
            put_key(place.state, fresh)
        return lost

    return beside(place, "papertrader lost-key", replace)


def beside(place: StorePlace, who: str, work: Callable[[TruthStore], ResultT]) -> ResultT:
    """Do something with the store beside a master that does not run."""
    require(place)
    lock = StateLock(place.state, "master")
    lock.acquire()
    store = TruthStore(place.truth, who)
    try:
        store.open()
        return work(store)
    finally:
        store.close()
        lock.release()


def _key(state: Path) -> bytes | None:
    try:
        return read_seal_key(state)
    except NoKeyError:
        return None


def _affected(store: TruthStore, key: bytes | None) -> list[Affected]:
    rows = store.db.execute_sql(
        "SELECT id, username, totp_seed,"
        " (SELECT count(*) FROM recovery_code WHERE recovery_code.account = account.id)"
        " FROM account WHERE length(totp_seed) > 0 ORDER BY id"
    ).fetchall()
    return [
        Affected(int(account), str(username), int(codes))
        for account, username, sealed, codes in rows
        if key is None or not opens(key, int(account), bytes(sealed))
    ]


def put_key(state: Path, key: bytes) -> None:
    """Put a key in the place of the one there, which is kept; raises `StartError`."""
    path = seal_key_file(state)
    try:
        make_private_directory(path.parent)
        if path.exists():
            path.rename(path.with_name(path.name + REPLACED))
        replace_file(path, key.hex().encode(), PRIVATE_FILE)
    except OSError as error:
        reason = error.strerror or error
        raise StartError(f"{path} cannot be written: {reason}; do this again") from None
