"""Another key of the second factors while the present one is there: all are sealed anew.

Nobody notices: codes and recovery codes stay as they are. The new key is on the disk before
anything is sealed with it, and the store changes in one transaction, so that after a crash at any
instant the same command ends what it began; until then no master starts.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from papertrader.master.database import TruthStore
from papertrader.master.engines import StoreError, StorePlace, as_place
from papertrader.master.secondfactor import KEY_FILE, opens, resealed
from papertrader.ops.files import PRIVATE_FILE, write_new_file
from papertrader.ops.lostkey import beside, put_key
from papertrader.ops.running import StartError
from papertrader.ops.sealing import forget_handed_over
from papertrader.ops.sealkey import (
    new_seal_key,
    next_key_file,
    read_key,
    seal_key_file,
)


def seal_anew(where: Path | StorePlace, at: int) -> int:
    """Seal every second factor with a new key; return how many there are.

    ``at`` is now, for the audit log. The key before is kept beside, for backups that need it.
    Interrupted anywhere, it can be done again. Raises `StartError` if a master runs or a key's
    file cannot be used, `StoreError` if the key there does not open them all: nothing is changed
    then.
    """
    place = as_place(where)
    path, following = seal_key_file(place.state), next_key_file(place.state)

    def replace(store: TruthStore) -> int:
        key, fresh = read_key(path), read_key(following)
        if key is None and fresh is None:
            raise StartError(f"{path} is missing; put it back, or see: papertrader lost-key")
        begun = fresh is not None
        fresh = fresh or new_seal_key()
        rows = store.db.execute_sql(
            "SELECT id, totp_seed FROM account WHERE length(totp_seed) > 0 ORDER BY id"
        ).fetchall()
        changed = _changed(rows, key, fresh)
        if not begun:
            _write(following, fresh)
        with store.changing():
            for row in changed:
                store.db.execute_sql("UPDATE account SET totp_seed = ? WHERE id = ?", row)
            if changed or not begun:
                what = f"{len(rows)} accounts"
                store.audit(at, "second factors sealed anew", detail=what)(store.db)
                forget_handed_over(store)
        if key != fresh:
            put_key(place.state, fresh)
        following.unlink()
        return len(rows)

    return beside(place, "papertrader reseal", replace)


def _changed(
    rows: list[tuple[int, bytes]], key: bytes | None, fresh: bytes
) -> list[tuple[bytes, int]]:
    """Return the seeds that are not sealed with the new key yet, sealed with it."""
    changed = []
    for account, sealed in rows:
        if opens(fresh, int(account), bytes(sealed)):
            continue
        if key is None or not opens(key, int(account), bytes(sealed)):
            raise StoreError(
                f"{KEY_FILE} does not open the second factor of account {account}; put back the"
                " file that belongs to this store, or see: papertrader lost-key"
            )
        anew = resealed(key, fresh, int(account), bytes(sealed), secrets.token_bytes)
        changed.append((anew, int(account)))
    return changed


def _write(path: Path, key: bytes) -> None:
    try:
        write_new_file(path, key.hex().encode(), PRIVATE_FILE)
    except OSError as error:
        raise StartError(f"{path} cannot be written: {error.strerror or error}") from None
