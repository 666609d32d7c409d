"""Making an account an operator's or a host's, beside a master that does not run."""

from __future__ import annotations

from pathlib import Path

from papertrader.master.database import TruthStore
from papertrader.master.engines import StoreError, StorePlace, as_place
from papertrader.master.operators import Appointment, appoint, appointments
from papertrader.ops.inspection import require
from papertrader.ops.running import StateLock

_KINDS = {
    Appointment.ADMIN: "operator appointed",
    Appointment.HOST: "host appointed",
    Appointment.NONE: "operator dismissed",
}


def appoint_operator(where: Path | StorePlace, username: str, role: Appointment, at: int) -> bool:
    """Let an account open sessions of scope ADMIN or HOST, or of none; False if it is so already.

    ``at`` is now, for the audit log. Raises `StartError` if a master runs, `StoreError` if there
    is no such account or the store cannot be used.
    """
    place = as_place(where)
    require(place)
    lock = StateLock(place.state, "master")
    lock.acquire()
    store = TruthStore(place.truth, "papertrader admin")
    try:
        store.open()
        row = store.db.execute_sql(
            "SELECT id FROM account WHERE username_key = ?", (username.casefold(),)
        ).fetchone()
        if row is None:
            raise StoreError(f"there is no account {username}; open it first: papertrader register")
        account = int(row[0])
        if appointments(store).get(account, Appointment.NONE) == role:
            return False
        with store.changing():
            appoint(store, account, role)(store.db)
            store.audit(at, _KINDS[role], account, username)(store.db)
        return True
    finally:
        store.close()
        lock.release()
