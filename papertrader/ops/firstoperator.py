"""The first operator: an invitation that is made beside the service and shown once.

There is no default account and no default password. While an installation has no operator, whoever
starts it gets a code with which one operator's account can be opened.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final

import attrs

from papertrader.core.instants import SECOND
from papertrader.master.database import TruthStore
from papertrader.master.engines import StorePlace, as_place
from papertrader.master.invitations import (
    CODE_OCTETS,
    Invitation,
    code_hash,
    insert_invitation,
    next_invitation,
)
from papertrader.master.operators import Appointment, appointments
from papertrader.ops.running import StateLock
from papertrader.wire.kinds import AccountRole

LIFETIME_S: Final = 86_400


def has_operator(store: TruthStore) -> bool:
    """Tell whether some account may log in as an operator."""
    return Appointment.ADMIN in appointments(store).values()


def invite_operator(store: TruthStore, at: int) -> str:
    """Make a code with which one operator's account can be opened; an older such code is void.

    ``at`` is now. Opens a transaction of its own.
    """
    code = secrets.token_hex(CODE_OCTETS)
    with store.changing() as db:
        db.execute_sql(
            "UPDATE invitation SET ended_at = ? WHERE ended_at = 0 AND created_by = 0", (at,)
        )
        made = Invitation(
            next_invitation(db),
            code_hash(code),
            int(AccountRole.OPERATOR),
            at,
            at + LIFETIME_S * SECOND,
        )
        insert_invitation(made)(db)
        store.audit(at, "invitation made", detail=f"invitation {made.invitation_id} operator")(db)
    return code


@attrs.frozen
class Beginning:
    """What an installation has before it is started."""

    operator_code: str
    """With which its first operator's account can be opened; "" if there is one already."""
    has_accounts: bool


def first_operator_code(
    where: Path | StorePlace, at: int, anyway: bool = False, standby: bool = False
) -> str:
    """Return `Beginning.operator_code` of `beginning_of`, with the same arguments."""
    return beginning_of(where, at, anyway, standby).operator_code


def beginning_of(
    where: Path | StorePlace, at: int, anyway: bool = False, standby: bool = False
) -> Beginning:
    """Make a code for the first operator if there is none yet, and look for accounts.

    The master must be stopped. ``anyway``: a code also if there is an operator. A ``standby`` makes
    none while another master has the store, and takes it that there are accounts. Raises
    `StartError` if a master runs, `StoreError`.
    """
    place = as_place(where)
    lock = StateLock(place.state, "master")
    lock.acquire()
    store = TruthStore(place.truth, "papertrader operator")
    try:
        if standby and not store.claim(0.0, patient=False):
            return Beginning("", has_accounts=True)
        store.open()
        code = invite_operator(store, at) if anyway or not has_operator(store) else ""
        found = store.db.execute_sql("SELECT id FROM account LIMIT 1").fetchone()
        return Beginning(code, found is not None)
    finally:
        store.close()
        lock.release()
