"""Second factor, reset, leaving, operators over accounts, as requests; see `commands`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, cast
from urllib.parse import quote

import attrs

from papertrader.client.account_commands import SessionInfo, session_of
from papertrader.client.arguments import member_of, octets_of
from papertrader.client.commands import Command, text_of, username_of, whole_number
from papertrader.client.results import moment_of
from papertrader.wire import limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import AccountAction, AccountRole, AccountStatus

ISSUER: Final = "PaperTrader"


@attrs.frozen(kw_only=True)
class FactorSetup:
    """A seed for an authenticator program, until `expires_at`; then a code of it must have come."""

    seed: str = attrs.field(repr=False)
    step_s: int
    digits: int
    expires_at: datetime | None

    def uri(self, username: str) -> str:
        """Return what authenticator programs read from a QR code."""
        label = quote(f"{ISSUER}:{username}")
        return (
            f"otpauth://totp/{label}?secret={self.seed}&issuer={ISSUER}"
            f"&algorithm=SHA1&digits={self.digits}&period={self.step_s}"
        )


@attrs.frozen(kw_only=True)
class NewInvitation:
    """An invitation that was just made. ``code`` is shown only here; "" if it was lost."""

    invitation_id: int
    code: str = attrs.field(repr=False)
    expires_at: datetime | None


@attrs.frozen(kw_only=True)
class InvitationInfo:
    """An invitation that is open."""

    invitation_id: int
    role: AccountRole | int
    created_at: datetime | None
    expires_at: datetime | None
    created_by: int


@attrs.frozen(kw_only=True)
class ResetToken:
    """What sets a new password once. ``token`` is shown only here; "" if it was lost."""

    token: str = attrs.field(repr=False)
    expires_at: datetime | None


@attrs.frozen(kw_only=True)
class AccountInfo:
    """An account, as its operator sees it."""

    account: int
    username: str
    status: AccountStatus | int
    role: AccountRole | int
    created_at: datetime | None
    last_login_at: datetime | None
    failed_tries: int
    sessions: int
    second_factor: bool


@attrs.frozen(kw_only=True)
class AccountPage:
    """Accounts, and the number to give as ``after`` for the next ones; 0: there are no more."""

    accounts: tuple[AccountInfo, ...]
    next_after: int


def _code(code: str) -> str:
    return text_of(code, "the code", limits.CODE_MAX)


def _codes(parts: Sequence[m.TotpEnableReply | m.RecoveryRenewReply]) -> tuple[str, ...]:
    return tuple((parts[0].codes or "").split())


def _ended(parts: Sequence[m.PasswordResetReply | m.AccountCloseReply]) -> int:
    return parts[0].ended


def totp_setup(password: str) -> Command[FactorSetup]:
    """Begin to set up a second factor."""

    def read(parts: Sequence[m.TotpSetupReply]) -> FactorSetup:
        made = parts[0]
        return FactorSetup(
            seed=made.seed or "",
            step_s=made.step_s,
            digits=made.digits,
            expires_at=moment_of(made.expires_at),
        )

    return Command(
        message=m.TotpSetup(password=text_of(password, "the password", limits.PASSWORD_MAX)),
        read=read,
    )


def totp_enable(code: str) -> Command[tuple[str, ...]]:
    """Turn the second factor on; answers the recovery codes."""
    return Command(message=m.TotpEnable(code=_code(code)), read=_codes)


def totp_disable(code: str) -> Command[None]:
    """Turn the second factor off."""
    return Command(message=m.TotpDisable(code=_code(code)), read=lambda parts: None)


def recovery_renew(code: str) -> Command[tuple[str, ...]]:
    """Make new recovery codes."""
    return Command(message=m.RecoveryRenew(code=_code(code)), read=_codes)


def password_reset(username: str, token: str, new_password: str) -> Command[int]:
    """Set a new password with an operator's token; answers how many sessions ended."""
    message = m.PasswordReset(
        username=username_of(username),
        new_password=text_of(
            new_password, "the new password", limits.PASSWORD_MAX, limits.PASSWORD_MIN
        ),
        reset_token=text_of(token, "the token", limits.CODE_MAX),
    )
    return Command(message=message, read=_ended, needs_session=False)


def account_close(password: str, code: str | None) -> Command[int]:
    """Close the own account for ever; answers how many sessions ended."""
    message = m.AccountClose(
        password=text_of(password, "the password", limits.PASSWORD_MAX),
        code=None if code is None else _code(code),
    )
    return Command(message=message, read=_ended)


def invite_create(role: AccountRole, lifetime_s: int, label: str) -> Command[NewInvitation]:
    """Make an invitation."""
    if len(octets_of(label, "label")) > limits.TAG_TEXT_MAX or not label.isprintable():
        raise ValueError(f"the label must be one line of at most {limits.TAG_TEXT_MAX} octets")
    message = m.InviteCreate(
        role=member_of(role, "role", AccountRole),
        lifetime_s=whole_number(lifetime_s, "lifetime_s", limits.INVITATION_LIFETIME_MAX_S),
        label=label or None,
    )

    def read(parts: Sequence[m.InviteCreateReply]) -> NewInvitation:
        made = parts[0]
        return NewInvitation(
            invitation_id=made.invitation_id,
            code=made.invitation or "",
            expires_at=moment_of(made.expires_at),
        )

    return Command(message=message, read=read)


def invitations() -> Command[tuple[InvitationInfo, ...]]:
    """Read the invitations that are open."""

    def read(parts: Sequence[m.InviteListPart]) -> tuple[InvitationInfo, ...]:
        return tuple(
            InvitationInfo(
                invitation_id=row.invitation_id,
                role=row.role,
                created_at=moment_of(row.created_at),
                expires_at=moment_of(row.expires_at),
                created_by=row.created_by,
            )
            for part in parts
            for row in part.invitations
        )

    return Command(message=m.InviteList(), read=read)


def invite_revoke(invitation_id: int) -> Command[None]:
    """Void an invitation."""
    number = whole_number(invitation_id, "invitation_id")
    return Command(message=m.InviteRevoke(invitation_id=number), read=lambda parts: None)


def reset_create(username: str) -> Command[ResetToken]:
    """Make a token with which the owner of an account sets a new password."""

    def read(parts: Sequence[m.ResetCreateReply]) -> ResetToken:
        made = parts[0]
        return ResetToken(token=made.reset_token or "", expires_at=moment_of(made.expires_at))

    return Command(message=m.ResetCreate(username=username_of(username)), read=read)


def accounts(username: str, after: int, limit: int) -> Command[AccountPage]:
    """Read the accounts, or one of them."""
    message = m.AccountList(
        username="" if username == "" else username_of(username),
        after=whole_number(after, "after"),
        limit=whole_number(limit, "limit", limits.ROWS_MAX),
    )

    def read(parts: Sequence[m.AccountListPart]) -> AccountPage:
        rows = tuple(
            AccountInfo(
                account=row.account,
                username=row.username,
                status=row.status,
                role=row.role,
                created_at=moment_of(row.created_at),
                last_login_at=moment_of(row.last_login_at),
                failed_tries=row.failed_tries,
                sessions=row.sessions,
                second_factor=row.has_totp,
            )
            for part in parts
            for row in part.accounts
        )
        return AccountPage(accounts=rows, next_after=parts[-1].next_after)

    return Command(message=message, read=read)


def account_control(
    username: str, action: AccountAction, role: AccountRole, session_id: int
) -> Command[int]:
    """Change what an account may do; answers how many of its sessions ended."""
    message = m.AccountControl(
        username=username_of(username),
        action=member_of(action, "action", AccountAction),
        role=member_of(role, "role", AccountRole),
        session_id=whole_number(session_id, "session_id"),
    )
    return Command(message=message, read=lambda parts: cast("int", parts[0].ended))


def account_sessions(username: str) -> Command[tuple[SessionInfo, ...]]:
    """Read the living sessions of an account."""

    def read(parts: Sequence[m.AccountSessionsPart]) -> tuple[SessionInfo, ...]:
        return tuple(session_of(row) for part in parts for row in part.sessions)

    return Command(message=m.AccountSessions(username=username_of(username)), read=read)
