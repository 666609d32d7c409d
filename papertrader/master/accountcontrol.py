"""What operators do about accounts: invitations, resets, roles, sessions, closing. Scope ADMIN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import peewee

from papertrader.master.access import Access
from papertrader.master.accounts import Account, AccountBook
from papertrader.master.authorization import Authorization
from papertrader.master.commands import Command, Refused
from papertrader.master.holdings import parts
from papertrader.master.invitations import Invitations, ResetTokens
from papertrader.master.journal import Journal
from papertrader.master.operators import Operators
from papertrader.master.profile import session_row
from papertrader.master.registration import Registration
from papertrader.master.replies import conclude_message, stored_reply
from papertrader.master.sessions import Session
from papertrader.wire import limits
from papertrader.wire import messages as m
from papertrader.wire.derived import Message
from papertrader.wire.kinds import AccountAction, AccountRole, AccountStatus, Status, Tag


class AccountControl:
    """Answers these requests."""

    def __init__(
        self,
        book: AccountBook,
        journal: Journal,
        operators: Operators,
        authorization: Authorization,
        access: Access,
        invitations: Invitations,
        resets: ResetTokens,
        registration: Registration,
    ) -> None:
        self._book = book
        self._journal = journal
        self._operators = operators
        self._authorization = authorization
        self._access = access
        self._invitations = invitations
        self._resets = resets
        self._registration = registration
        self._actions: Final[dict[int, Callable[[Command, Account, m.AccountControl], int]]] = {
            AccountAction.DISABLE: self._disable,
            AccountAction.ENABLE: self._enable,
            AccountAction.CLOSE: self._close,
            AccountAction.END_SESSIONS: self._end_sessions,
            AccountAction.SET_ROLE: self._set_role,
            AccountAction.TOTP_OFF: self._totp_off,
        }

    # --- invitations and resets ----------------------------------------------------------------

    def invite_create(self, command: Command, session: Session, message: m.InviteCreate) -> bytes:
        """Answer INVITE_CREATE: the code."""
        stored = self._begin(command, session)
        if stored is not None:
            return stored
        if self._registration is Registration.CLOSED:
            raise Refused(
                Status.REGISTRATION_CLOSED,
                "This server takes no new accounts, with an invitation neither; with"
                ' accounts.registration = "invite" it does.',
            )
        role, now = AccountRole(message.role), command.accepted_at
        made, code = self._invitations.create(
            role, message.lifetime_s, session.account, message.label or "", now
        )
        number, until = made.invitation_id, made.expires_at
        self._note(command, session, "invitation made", f"invitation {number} {role.name.lower()}")
        reply = m.InviteCreateReply(invitation_id=number, expires_at=until, invitation=code)
        shown = m.InviteCreateReply(invitation_id=number, expires_at=until)
        return self._conclude(command, session, reply, shown)

    def invite_list(self, command: Command, session: Session, message: m.InviteList) -> list[bytes]:
        """Answer INVITE_LIST."""
        self._operators.require(session)
        rows = [
            m.InvitationRow(
                invitation_id=each.invitation_id,
                created_at=each.created_at,
                expires_at=each.expires_at,
                created_by=each.created_by,
                role=each.role,
            ).pack()
            for each in self._invitations.listing(command.accepted_at)
        ]
        head = m.InviteListPart(as_of=command.accepted_at)
        return parts(command, session, Tag.INVITATIONS, m.InvitationRow.SIZE, rows, head)

    def invite_revoke(self, command: Command, session: Session, message: m.InviteRevoke) -> bytes:
        """Answer INVITE_REVOKE."""
        stored = self._begin(command, session)
        if stored is not None:
            return stored
        number = message.invitation_id
        self._invitations.revoke(number, command.accepted_at)
        self._note(command, session, "invitation revoked", f"invitation {number}")
        return self._conclude(command, session, m.InviteRevokeReply())

    def reset_create(self, command: Command, session: Session, message: m.ResetCreate) -> bytes:
        """Answer RESET_CREATE: the token."""
        stored = self._begin(command, session)
        if stored is not None:
            return stored
        account = self._named(message.username)
        token, until = self._resets.create(account.account, command.accepted_at)
        self._note(command, session, "reset token made", f"account {account.account}")
        reply = m.ResetCreateReply(expires_at=until, reset_token=token)
        return self._conclude(command, session, reply, m.ResetCreateReply(expires_at=until))

    # --- accounts ------------------------------------------------------------------------------

    def account_list(
        self, command: Command, session: Session, message: m.AccountList
    ) -> list[bytes]:
        """Answer ACCOUNT_LIST."""
        self._operators.require(session)
        limit = min(message.limit or limits.LIST_ROWS_DEFAULT, limits.ROWS_MAX)
        found = [self._named(message.username)] if message.username else list(self._book)
        rest = [each for each in found if each.account > message.after]
        shown, more = rest[:limit], len(rest) > limit
        rows = [self._row(each) for each in shown]
        head = m.AccountListPart(
            as_of=command.accepted_at, next_after=shown[-1].account if more else 0
        )
        return parts(command, session, Tag.ACCOUNTS, m.AccountRow.SIZE, rows, head)

    def _row(self, each: Account) -> bytes:
        return m.AccountRow(
            account=each.account,
            username=each.username,
            created_at=each.created_at,
            last_login_at=each.last_login_at,
            failed_tries=min(each.failed_tries, 2**32 - 1),
            sessions=len(self._authorization.sessions.of_account(each.account)),
            status=each.status,
            role=self._operators.role_of(each.account),
            has_totp=bool(each.totp_seed),
        ).pack()

    def account_sessions(
        self, command: Command, session: Session, message: m.AccountSessions
    ) -> list[bytes]:
        """Answer ACCOUNT_SESSIONS."""
        self._operators.require(session)
        account = self._named(message.username)
        theirs = self._authorization.sessions.of_account(account.account)
        rows = [session_row(each, current=each is session) for each in theirs]
        head = m.AccountSessionsPart(as_of=command.accepted_at)
        return parts(command, session, Tag.SESSIONS, m.SessionRow.SIZE, rows, head)

    def account_control(
        self, command: Command, session: Session, message: m.AccountControl
    ) -> bytes:
        """Answer ACCOUNT_CONTROL."""
        stored = self._begin(command, session)
        if stored is not None:
            return stored
        account, action = self._named(message.username), AccountAction(message.action)
        if account.account == session.account:
            raise Refused(
                Status.INVALID_FIELD, "That is your own account; another operator may.", field=0
            )
        if message.role and action is not AccountAction.SET_ROLE:
            raise Refused(Status.INVALID_FIELD, "A role goes with SET_ROLE only.", field=25)
        if message.session_id and action is not AccountAction.END_SESSIONS:
            raise Refused(Status.INVALID_FIELD, "A session goes with END_SESSIONS only.", field=32)
        ended = self._actions[action](command, account, message)
        self._note(command, session, "account control", f"account {account.account}: {action.name}")
        return self._conclude(command, session, m.AccountControlReply(ended=ended))

    def _disable(self, command: Command, account: Account, message: m.AccountControl) -> int:
        self._set_status(account, AccountStatus.SUSPENDED)
        return self._authorization.end_all(account.account)

    def _enable(self, command: Command, account: Account, message: m.AccountControl) -> int:
        self._set_status(account, AccountStatus.ACTIVE)
        return 0

    def _set_status(self, account: Account, status: AccountStatus) -> None:
        account.status = status
        row = (int(status), account.account)

        def update(db: peewee.Database) -> None:
            db.execute_sql("UPDATE account SET status = ? WHERE id = ?", row)

        self._journal.change(update)

    def _close(self, command: Command, account: Account, message: m.AccountControl) -> int:
        return self._access.close(account, command.accepted_at)

    def _end_sessions(self, command: Command, account: Account, message: m.AccountControl) -> int:
        if not message.session_id:
            return self._authorization.end_all(account.account)
        found = self._authorization.sessions.get(message.session_id)
        if found is None or found.account != account.account:
            raise Refused(
                Status.NO_SUCH_SESSION, f"{account.username} has no session {message.session_id}."
            )
        return self._authorization.end(found, Status.SESSION_REVOKED)

    def _set_role(self, command: Command, account: Account, message: m.AccountControl) -> int:
        before, role = self._operators.role_of(account.account), AccountRole(message.role)
        self._operators.set_role(account.account, role, command.accepted_at)
        if role < before or self._authorization.confinement.lacks(account):
            return self._authorization.end_all(account.account)
        return 0

    def _totp_off(self, command: Command, account: Account, message: m.AccountControl) -> int:
        self._authorization.proof.factors.disable(account)
        lacks = self._authorization.confinement.lacks(account)
        return self._authorization.end_all(account.account) if lacks else 0

    # --- what they share -----------------------------------------------------------------------

    def _begin(self, command: Command, session: Session) -> bytes | None:
        self._operators.require(session)
        return stored_reply(command, session)

    def _named(self, username: str) -> Account:
        found = self._book.named(username)
        if found is None:
            raise Refused(Status.NO_SUCH_ACCOUNT, f"There is no account {username}.")
        return found

    def _note(self, command: Command, session: Session, kind: str, detail: str) -> None:
        self._operators.note(command.accepted_at, kind, session, detail)

    def _conclude(
        self, command: Command, session: Session, reply: Message, shown: Message | None = None
    ) -> bytes:
        return conclude_message(self._journal, command, session, reply, shown=shown)
