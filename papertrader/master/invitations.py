"""Invitations: codes that open one account each, and the tokens that reset one password each.

Both are 128 random bits of which only the SHA-256 hash is kept.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Final

import attrs
import peewee

from papertrader.core.instants import SECOND
from papertrader.master.commands import Refused
from papertrader.master.database import Change
from papertrader.master.journal import Journal
from papertrader.wire import limits
from papertrader.wire.kinds import AccountRole, Status

CODE_OCTETS: Final = 16


def code_hash(code: str) -> bytes:
    """Return what is kept of a code or token; people may have typed it with spaces or capitals."""
    return hashlib.sha256("".join(code.split()).casefold().encode()).digest()


@attrs.frozen
class Invitation:
    """One that is open. ``created_by`` is the operator's account; 0: made beside the service."""

    invitation_id: int
    code_hash: bytes = attrs.field(repr=False)
    role: int
    created_at: int
    expires_at: int
    created_by: int = 0
    label: str = ""


def insert_invitation(invitation: Invitation) -> Change:
    """Return the change that writes an invitation down."""
    row = attrs.astuple(invitation)

    def insert(db: peewee.Database) -> None:
        db.execute_sql(
            "INSERT INTO invitation (id, code_hash, role, created_at, expires_at, created_by,"
            " label, used_by, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0)",
            row,
        )

    return insert


def next_invitation(db: peewee.Database) -> int:
    """Return the number of the next invitation."""
    (last,) = db.execute_sql("SELECT coalesce(max(id), 0) FROM invitation").fetchone()
    return int(last) + 1


class Invitations:
    """The open invitations; at most INVITATIONS_MAX."""

    def __init__(self, journal: Journal, entropy: Callable[[int], bytes]) -> None:
        self._journal = journal
        self._entropy = entropy
        self._open: dict[int, Invitation] = {}
        self._held: set[int] = set()
        """Those with which an account is being opened at this moment."""
        self._next = 1

    def load(self, db: peewee.Database) -> None:
        """Read them."""
        self._next = next_invitation(db)
        for row in db.execute_sql(
            "SELECT id, code_hash, role, created_at, expires_at, created_by, label FROM invitation"
            " WHERE ended_at = 0 ORDER BY id"
        ).fetchall():
            self._open[row[0]] = Invitation(row[0], bytes(row[1]), *row[2:])

    def create(
        self, role: AccountRole, lifetime_s: int, by: int, label: str, now: int
    ) -> tuple[Invitation, str]:
        """Make one; return it and its code. Raises `Refused`."""
        self._drop_over(now)
        if not 0 < lifetime_s <= limits.INVITATION_LIFETIME_MAX_S:
            raise Refused(
                Status.INVALID_FIELD,
                f"An invitation is good for 1 to {limits.INVITATION_LIFETIME_MAX_S} seconds.",
                field=4,
            )
        if len(self._open) >= limits.INVITATIONS_MAX:
            raise Refused(
                Status.TOO_MANY_INVITATIONS,
                f"{limits.INVITATIONS_MAX} invitations are open already; revoke some.",
            )
        code = self._entropy(CODE_OCTETS).hex()
        made = Invitation(
            self._next, code_hash(code), int(role), now, now + lifetime_s * SECOND, by, label
        )
        self._next += 1
        self._open[made.invitation_id] = made
        self._journal.change(insert_invitation(made))
        return made, code

    def listing(self, now: int) -> list[Invitation]:
        """Return those that are open, oldest first."""
        self._drop_over(now)
        return list(self._open.values())

    def revoke(self, number: int, now: int) -> None:
        """Void one; raises `Refused` if it is not open."""
        self._drop_over(now)
        if number not in self._open:
            raise Refused(Status.NO_SUCH_INVITATION, f"There is no open invitation {number}.")
        self._end(number, now, 0)

    def hold(self, code: str, now: int) -> Invitation:
        """Return the open invitation of a code and keep it from others until `let_go` or `spend`.

        Raises `Refused`, the same whatever is wrong.
        """
        self._drop_over(now)
        shown = code_hash(code)
        for each in self._open.values():
            if hmac.compare_digest(each.code_hash, shown) and each.invitation_id not in self._held:
                self._held.add(each.invitation_id)
                return each
        raise Refused(
            Status.INVITATION_INVALID,
            "New accounts need an invitation here, and this is none that is good; ask an operator.",
        )

    def let_go(self, invitation: Invitation) -> None:
        """The account was not opened, or it was and the invitation is spent."""
        self._held.discard(invitation.invitation_id)

    def spend(self, invitation: Invitation, account: int, now: int) -> None:
        """The account was opened."""
        self._end(invitation.invitation_id, now, account)

    def _drop_over(self, now: int) -> None:
        for number in [n for n, each in self._open.items() if now >= each.expires_at]:
            self._end(number, now, 0)

    def _end(self, number: int, now: int, used_by: int) -> None:
        self._open.pop(number, None)
        row = (now, used_by, number)
        self._journal.change(
            lambda db: db.execute_sql(
                "UPDATE invitation SET ended_at = ?, used_by = ? WHERE id = ?", row
            )
        )


class ResetTokens:
    """One token at most of each account; made by an operator, shown once by the owner."""

    def __init__(self, journal: Journal, entropy: Callable[[int], bytes]) -> None:
        self._journal = journal
        self._entropy = entropy
        self._tokens: dict[int, tuple[bytes, int]] = {}  # one of each account

    def load(self, db: peewee.Database) -> None:
        """Read them."""
        for account, hash_, expires_at in db.execute_sql(
            "SELECT account, token_hash, expires_at FROM reset_token"
        ).fetchall():
            self._tokens[account] = bytes(hash_), expires_at

    def create(self, account: int, now: int) -> tuple[str, int]:
        """Make one in the place of an older one; return it and its end."""
        token = self._entropy(CODE_OCTETS).hex()
        until = now + limits.RESET_LIFETIME_S * SECOND
        self._tokens[account] = code_hash(token), until
        row = (account, code_hash(token), until)

        def replace(db: peewee.Database) -> None:
            db.execute_sql("DELETE FROM reset_token WHERE account = ?", (account,))
            db.execute_sql(
                "INSERT INTO reset_token (account, token_hash, expires_at) VALUES (?, ?, ?)", row
            )

        self._journal.change(replace)
        return token, until

    def fits(self, account: int, token: str, now: int) -> bool:
        """Tell whether a token is the account's, and good; 0 for an account that is not there."""
        kept, until = self._tokens.get(account, (bytes(32), 0))
        return hmac.compare_digest(kept, code_hash(token)) and now < until

    def spend(self, account: int) -> None:
        """Void the account's token, if there is one."""
        if self._tokens.pop(account, None) is not None:
            self._journal.change(
                lambda db: db.execute_sql("DELETE FROM reset_token WHERE account = ?", (account,))
            )
