"""The modules about people, built together: accounts, authorization, and what lies between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import peewee
from twisted.internet.defer import Deferred

from papertrader.core.limithits import LimitHits
from papertrader.master.access import Access
from papertrader.master.accountcontrol import AccountControl
from papertrader.master.accounts import AccountBook, Accounts
from papertrader.master.admission import Admission
from papertrader.master.authorization import Authorization
from papertrader.master.confinement import Confinement
from papertrader.master.database import TruthStore
from papertrader.master.invitations import Invitations, ResetTokens
from papertrader.master.journal import Journal
from papertrader.master.operators import Operators
from papertrader.master.passwords import PasswordVault
from papertrader.master.profile import Profile
from papertrader.master.proof import Proof
from papertrader.master.secondfactor import SecondFactors
from papertrader.master.sessions import DAY
from papertrader.master.streams import Streams
from papertrader.master.transactions import Transactions
from papertrader.net.clock import Clock
from papertrader.wire.kinds import AccountRole, Opcode

if TYPE_CHECKING:
    from papertrader.master.rules import MasterRules

Route = Callable[..., Any]


class People:
    """Builds them, loads them, and says which of them answers what."""

    def __init__(
        self,
        store: TruthStore,
        journal: Journal,
        hashing: Callable[..., Deferred[Any]],
        clock: Clock,
        entropy: Callable[[int], bytes],
        rules: MasterRules,
        hits: LimitHits,
    ) -> None:
        self._store = store
        self._journal = journal
        self._clock = clock
        self._entropy = entropy
        self._rules = rules
        self.book = AccountBook()
        self.vault = PasswordVault(
            hashing,
            rules.argon2_memory_kib,
            rules.argon2_passes,
            clock,
            rules.hashing_threads,
            hits,
        )
        self.admission = Admission(rules.admission, journal, clock, hits)
        self.factors = SecondFactors(
            self.book, journal, rules.seal_key, entropy, key_is_new=rules.seal_key_is_new
        )
        proof = Proof(self.book, store, journal, self.vault, clock, self.admission, self.factors)
        self.authorization = Authorization(self.book, store, journal, proof, clock, entropy)
        self.authorization.sessions.idle = rules.idle_days * DAY
        self.invitations = Invitations(journal, entropy)
        self.resets = ResetTokens(journal, entropy)

    def build(self, transactions: Transactions, streams: Streams, operators: Operators) -> None:
        """Build those that need the others."""
        store, journal, authorization = self._store, self._journal, self.authorization
        desk = transactions.desk
        authorization.stream_of = streams.bounds
        authorization.sessions.on_detach = streams.stop
        authorization.check_scope = operators.check_login
        demand = self._rules.second_factor
        authorization.confinement = Confinement(demand, self.book, operators.role_of)
        self.accounts = Accounts(
            self.book,
            store,
            journal,
            authorization,
            transactions,
            self._clock,
            self._rules.accounts,
            self.invitations,
            operators.set_role,
        )
        self.profile = Profile(self.book, store, journal, authorization, self._entropy)
        self.access = Access(
            self.book,
            store,
            journal,
            authorization,
            self.resets,
            lambda account: any(
                desk.state.open_orders[each] for each in desk.state.accounts[account].portfolios
            ),
        )
        self.control = AccountControl(
            self.book,
            journal,
            operators,
            authorization,
            self.access,
            self.invitations,
            self.resets,
            self._rules.accounts.registration,
        )

        def dismiss(account: int) -> None:
            if operators.role_of(account):
                operators.set_role(account, AccountRole.TRADER, self._clock.wall_ns())

        self.access.forget.append(dismiss)

    def load(self, db: peewee.Database) -> None:
        """Read what is kept of them, but for the sessions."""
        self.book.load(db)
        self.admission.load(db)
        self.factors.load(db)
        self.invitations.load(db)
        self.resets.load(db)

    def open_routes(self) -> dict[int, Route]:
        """Return who answers what needs no session."""
        return {
            Opcode.REGISTER: self.accounts.register,
            Opcode.LOGIN: self.authorization.login,
            Opcode.RESUME: self.authorization.resume,
            Opcode.PASSWORD_RESET: self.access.password_reset,
        }

    def routes(self) -> dict[int, Route]:
        """Return who answers what needs one."""
        return {
            Opcode.LOGOUT: self.authorization.logout,
            Opcode.ACCOUNT_GET: self.accounts.describe,
            Opcode.SESSION_LIST: self.profile.session_list,
            Opcode.SESSION_REVOKE: self.profile.session_revoke,
            Opcode.PASSWORD_CHANGE: self.profile.password_change,
            Opcode.ACCOUNT_UPDATE: self.profile.account_update,
            Opcode.APIKEY_CREATE: self.profile.key_create,
            Opcode.APIKEY_LIST: self.profile.key_list,
            Opcode.APIKEY_REVOKE: self.profile.key_revoke,
            Opcode.TOTP_SETUP: self.access.totp_setup,
            Opcode.TOTP_ENABLE: self.access.totp_enable,
            Opcode.TOTP_DISABLE: self.access.totp_disable,
            Opcode.RECOVERY_RENEW: self.access.recovery_renew,
            Opcode.ACCOUNT_CLOSE: self.access.account_close,
            Opcode.INVITE_CREATE: self.control.invite_create,
            Opcode.INVITE_LIST: self.control.invite_list,
            Opcode.INVITE_REVOKE: self.control.invite_revoke,
            Opcode.RESET_CREATE: self.control.reset_create,
            Opcode.ACCOUNT_LIST: self.control.account_list,
            Opcode.ACCOUNT_CONTROL: self.control.account_control,
            Opcode.ACCOUNT_SESSIONS: self.control.account_sessions,
        }

    def figures(self) -> Iterator[tuple[str, int]]:
        """Give their counters (`operators.Figures`)."""
        yield "hashes", self.vault.hashes
        yield "hashes_waiting", self.vault.queued
        yield "login_names", len(self.admission.names)
        yield "sessions_idle", self.authorization.idle_ended
        yield "factor_demanded", self.authorization.confinement.refused
