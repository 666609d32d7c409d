"""The owner's second factor, the forgotten password, and leaving (clauses 11.17, 11.19, 11.21)."""

from __future__ import annotations

from collections.abc import Callable

import peewee

from papertrader.master.accounts import Account, AccountBook
from papertrader.master.admission import Admission
from papertrader.master.authorization import Authorization
from papertrader.master.commands import Command, Refused
from papertrader.master.database import TruthStore
from papertrader.master.invitations import ResetTokens
from papertrader.master.journal import Journal
from papertrader.master.passwords import check_password
from papertrader.master.profile import require_owner
from papertrader.master.replies import conclude_message, stored_reply
from papertrader.master.secondfactor import DIGITS, STEP_S, seed_text
from papertrader.master.sessions import Session
from papertrader.master.tries import bucket_key
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.kinds import AccountStatus, Status

_WRONG_PASSWORD = "That is not your present password."
_WRONG_CODE = "That code is not good, or not any more."
_WRONG_TOKEN = "That user name and token do not fit, or the token is not good any more."


class Access:
    """Answers these requests. ``forget`` are told of each account that is closed."""

    def __init__(
        self,
        book: AccountBook,
        store: TruthStore,
        journal: Journal,
        authorization: Authorization,
        resets: ResetTokens,
        has_open_orders: Callable[[int], bool],
    ) -> None:
        self._book = book
        self._store = store
        self._journal = journal
        self._authorization = authorization
        self._proof = authorization.proof
        self._factors = authorization.proof.factors
        self._resets = resets
        self._has_open_orders = has_open_orders
        self.forget: list[Callable[[int], None]] = []

    @property
    def _admission(self) -> Admission:
        return self._authorization.admission

    # --- the second factor ---------------------------------------------------------------------

    async def totp_setup(self, command: Command, session: Session, message: m.TotpSetup) -> bytes:
        """Answer TOTP_SETUP: a fresh seed."""
        require_owner(session)
        account = self._book.get(session.account)
        await self._proof.check_password(
            command, account.username, message.password or "", _WRONG_PASSWORD
        )
        self._still(session)
        session.proven_at = command.accepted_at
        seed, until = self._factors.begin(account, self._proof.time_of_codes())
        reply = m.TotpSetupReply(
            step_s=STEP_S, digits=DIGITS, expires_at=until, seed=seed_text(seed)
        )
        head = command.header
        return codec.encode(reply, session=session.handle, correlation=head.correlation)

    def totp_enable(self, command: Command, session: Session, message: m.TotpEnable) -> bytes:
        """Answer TOTP_ENABLE: the recovery codes."""
        require_owner(session)
        stored = stored_reply(command, session)
        if stored is not None:
            return stored
        account = self._book.get(session.account)
        codes = self._factors.enable(account, message.code or "", self._proof.time_of_codes())
        self._audit(command, account, "second factor on")
        made = len(codes)
        reply = m.TotpEnableReply(count=made, codes="\n".join(codes))
        shown = m.TotpEnableReply(count=made)
        return conclude_message(self._journal, command, session, reply, shown=shown)

    def totp_disable(self, command: Command, session: Session, message: m.TotpDisable) -> bytes:
        """Answer TOTP_DISABLE."""
        stored = self._shown(command, session, message.code)
        if stored is not None:
            return stored
        account = self._book.get(session.account)
        self._factors.disable(account)
        self._audit(command, account, "second factor off")
        if self._authorization.confinement.lacks(account):
            # What this session listens to is not what a confined one may hear.
            self._authorization.end_others(session)
            self._authorization.sessions.on_detach(session)
        return conclude_message(self._journal, command, session, m.TotpDisableReply())

    def recovery_renew(self, command: Command, session: Session, message: m.RecoveryRenew) -> bytes:
        """Answer RECOVERY_RENEW: new recovery codes."""
        stored = self._shown(command, session, message.code)
        if stored is not None:
            return stored
        account = self._book.get(session.account)
        codes = self._factors.renew(account)
        self._audit(command, account, "recovery codes made")
        made = len(codes)
        reply = m.RecoveryRenewReply(count=made, codes="\n".join(codes))
        shown = m.RecoveryRenewReply(count=made)
        return conclude_message(self._journal, command, session, reply, shown=shown)

    def _shown(self, command: Command, session: Session, code: str | None) -> bytes | None:
        """Check the code of a command; return its reply if it was done before."""
        require_owner(session)
        stored = stored_reply(command, session)
        if stored is not None:
            return stored
        account = self._book.get(session.account)
        if not account.totp_seed:
            raise Refused(Status.SECOND_FACTOR_STATE, "The second factor is off.")
        self._proof.check_code(command, account, code or "", _WRONG_CODE)
        session.proven_at = command.accepted_at
        return None

    # --- a forgotten password ------------------------------------------------------------------

    async def password_reset(self, command: Command, message: m.PasswordReset) -> bytes:
        """Answer PASSWORD_RESET: a token that an operator made stands for the old password."""
        admission, now = self._admission, command.accepted_at
        admission.login_begins(command)
        # Apart from logins: who tries tokens must not make logins wait.
        bucket = bucket_key(message.username, b"reset")
        admission.check(bucket, command.address)
        new, token = message.new_password or "", message.reset_token or ""
        weak = check_password(new, message.username, "")
        if weak:
            raise Refused(Status.PASSWORD_WEAK, weak)
        hashed = await self._proof.hash_password(command.address, new)
        admission.check(bucket, command.address)
        account = self._book.named(message.username)
        number = 0 if account is None else account.account
        if not self._resets.fits(number, token, now) or account is None:
            admission.failed(bucket, command.address, now)
            self._journal.change(self._store.audit(now, "reset refused", number))
            raise Refused(Status.AUTH_FAILED, _WRONG_TOKEN)
        self._resets.spend(number)
        self._proof.set_password(account, hashed)
        self._audit(command, account, "password reset")
        ended = self._authorization.end_all(number)
        return codec.encode(
            m.PasswordResetReply(ended=ended), correlation=command.header.correlation
        )

    # --- leaving -------------------------------------------------------------------------------

    async def account_close(
        self, command: Command, session: Session, message: m.AccountClose
    ) -> bytes:
        """Answer ACCOUNT_CLOSE: the owner leaves."""
        require_owner(session)
        account = self._book.get(session.account)
        if self._has_open_orders(account.account):
            raise Refused(Status.ACCOUNT_IN_USE, "You have open orders; cancel them first.")
        await self._proof.confirm(
            command, account.username, message.password or "", _WRONG_PASSWORD, message.code
        )
        self._still(session)
        if self._has_open_orders(account.account):
            raise Refused(Status.ACCOUNT_IN_USE, "You have open orders; cancel them first.")
        ended = self.close(account, command.accepted_at, session)
        head = command.header
        return codec.encode(
            m.AccountCloseReply(ended=ended), session=head.session, correlation=head.correlation
        )

    def close(self, account: Account, at: int, asking: Session | None = None) -> int:
        """Forget what is personal of an account; return how many sessions ended.

        ``asking`` is the session that asks for it, whose connection needs no notice.
        """
        number = account.account
        ended = self._authorization.end_all(number, asking)
        self._factors.forget(account)
        self._resets.spend(number)
        self._admission.forget(number)
        self._authorization.keys.remove_all(number)
        for forget in self.forget:
            forget(number)
        self._book.close(account, f"(closed-{number})")
        account.email = account.password_hash = account.registered_by = ""
        account.privacy, account.status = 0, AccountStatus.CLOSED
        account.failed_tries = account.last_login_at = 0
        row = (account.username, account.username.casefold(), int(account.status), number)

        def erase(db: peewee.Database) -> None:
            db.execute_sql(
                "UPDATE account SET username = ?, username_key = ?, status = ?, email = '',"
                " password_hash = '', registered_by = '', privacy = 0, failed_tries = 0,"
                " last_login_at = 0 WHERE id = ?",
                row,
            )
            db.execute_sql(
                "UPDATE session SET device = '', address = ? WHERE account = ?", (b"", number)
            )
            db.execute_sql(
                "UPDATE api_key SET label = '', revoked_at = ? WHERE account = ?", (at, number)
            )

        self._journal.change(erase)
        self._journal.change(self._store.audit(at, "account closed", number))
        return ended

    # --- what they share -----------------------------------------------------------------------

    def _still(self, session: Session) -> None:
        """Raise `Refused` if the session ended while a password was being checked."""
        if self._authorization.sessions.get(session.session_id) is not session:
            raise Refused(Status.SESSION_REVOKED, "The session has ended meanwhile; log in again.")

    def _audit(self, command: Command, account: Account, kind: str) -> None:
        self._journal.change(self._store.audit(command.accepted_at, kind, account.account))
