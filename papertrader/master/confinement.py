"""Who lacks a second factor that is demanded, and the little that they may do (clause 11.26).

Their sessions are confined as long as that is so, and no longer: nothing of it is stored, so that
another setting, another role and the factor itself count from the next command on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from papertrader.master.commands import Refused
from papertrader.master.demand import Demand
from papertrader.master.sessions import Session
from papertrader.wire.kinds import AccountRole, Opcode, Scope, Status

if TYPE_CHECKING:
    from papertrader.master.accounts import Account, AccountBook

LEFT_OPEN: Final = frozenset({Opcode.TOTP_SETUP, Opcode.TOTP_ENABLE, Opcode.LOGOUT})
"""What a confined session may ask."""
_TEXT: Final = (
    "This server demands a second factor, and this account has none: set one up first"
    " (papertrader totp setup)."
)


class Confinement:
    """The rule. ``role_of`` tells what an account may be."""

    def __init__(
        self, demand: Demand, book: AccountBook, role_of: Callable[[int], AccountRole]
    ) -> None:
        self._demand = demand
        self._book = book
        self._role_of = role_of
        self.refused = 0
        """Commands and logins that were refused for the want of a second factor."""

    def lacks(self, account: Account) -> bool:
        """Tell whether an account must have a second factor, and has none."""
        if self._demand is Demand.OFFERED or account.totp_seed:
            return False
        if self._demand is Demand.EVERYBODY:
            return True
        return self._role_of(account.account) is AccountRole.OPERATOR

    def scope_of(self, session: Session) -> int:
        """Return what a session may do at present, as its client is told."""
        return Scope.SETUP if self.lacks(self._book.get(session.account)) else session.scope

    def check(self, session: Session, opcode: int) -> None:
        """Raise `Refused` for a command that a confined session may not ask."""
        if self._demand is Demand.OFFERED or opcode in LEFT_OPEN:
            return
        self.check_account(self._book.get(session.account))

    def check_account(self, account: Account) -> None:
        """Raise `Refused` if an account must have a second factor, and has none."""
        if self.lacks(account):
            self.refused += 1
            raise Refused(Status.SECOND_FACTOR_DEMANDED, _TEXT)
