"""What every face can do about getting in, and operators about accounts; each inherits its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from papertrader.client import access_commands as commands
from papertrader.client.account_commands import SessionInfo
from papertrader.client.asking import AsyncAsker, BlockingAsker, TwistedAsker
from papertrader.wire.kinds import AccountAction, AccountRole

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

WEEK_S: Final = 7 * 86_400
"""How long an invitation is good unless something else is said."""


class BlockingAccess(BlockingAsker):
    """Methods of `Client`."""

    def totp_setup(self, password: str) -> commands.FactorSetup:
        """Begin to set up a second factor: a seed for an authenticator program.

        It counts from `totp_enable` on. Raises `AuthenticationFailed`, and `RefusedError`
        (SECOND_FACTOR_STATE) if it is on already.
        """
        return self._ask(commands.totp_setup(password))

    def totp_enable(self, code: str) -> tuple[str, ...]:
        """Turn the second factor on by a code of the seed; returns the recovery codes.

        They are empty if the server was restarted meanwhile: then `recovery_renew`.
        """
        return self._ask(commands.totp_enable(code))

    def totp_disable(self, code: str) -> None:
        """Turn the second factor off; ``code`` is one of it, or a recovery code."""
        self._ask(commands.totp_disable(code))

    def recovery_renew(self, code: str) -> tuple[str, ...]:
        """Void the recovery codes and return new ones."""
        return self._ask(commands.recovery_renew(code))

    def password_reset(self, username: str, token: str, new_password: str) -> int:
        """Set a new password with a token that an operator made; needs no session.

        Every session ends (how many is returned); a second factor stays needed. Raises
        `AuthenticationFailed`, and `RefusedError` (PASSWORD_WEAK).
        """
        return self._ask(commands.password_reset(username, token, new_password))

    def account_close(self, password: str, code: str | None = None) -> int:
        """Close the own account for ever; returns how many sessions ended.

        What is personal is forgotten, the ledger is kept. Raises `RefusedError` (ACCOUNT_IN_USE)
        while orders are open.
        """
        return self._ask(commands.account_close(password, code))

    def invite_create(
        self,
        *,
        role: AccountRole = AccountRole.TRADER,
        lifetime_s: int = WEEK_S,
        label: str = "",
    ) -> commands.NewInvitation:
        """Make an invitation, with which one account can be opened (operators only)."""
        return self._ask(commands.invite_create(role, lifetime_s, label))

    def invitations(self) -> tuple[commands.InvitationInfo, ...]:
        """Read the invitations that are open (operators only)."""
        return self._ask(commands.invitations())

    def invite_revoke(self, invitation_id: int) -> None:
        """Void an invitation (operators only)."""
        self._ask(commands.invite_revoke(invitation_id))

    def reset_create(self, username: str) -> commands.ResetToken:
        """Make a token with which the owner of an account sets a new password (operators only)."""
        return self._ask(commands.reset_create(username))

    def accounts(
        self, username: str = "", *, after: int = 0, limit: int = 0
    ) -> commands.AccountPage:
        """Read the accounts, or the one named (operators only)."""
        return self._ask(commands.accounts(username, after, limit))

    def account_control(
        self,
        username: str,
        action: AccountAction,
        *,
        role: AccountRole = AccountRole.TRADER,
        session_id: int = 0,
    ) -> int:
        """Change what an account may do; returns how many sessions ended (operators only)."""
        return self._ask(commands.account_control(username, action, role, session_id))

    def account_sessions(self, username: str) -> tuple[SessionInfo, ...]:
        """Read the living sessions of an account (operators only)."""
        return self._ask(commands.account_sessions(username))


class AsyncAccess(AsyncAsker):
    """Methods of `AsyncClient`."""

    async def totp_setup(self, password: str) -> commands.FactorSetup:
        """As `Client.totp_setup`."""
        return await self._ask(commands.totp_setup(password))

    async def totp_enable(self, code: str) -> tuple[str, ...]:
        """Turn the second factor on by a code of the seed; as `Client.totp_enable`."""
        return await self._ask(commands.totp_enable(code))

    async def totp_disable(self, code: str) -> None:
        """Turn the second factor off; as `Client.totp_disable`."""
        await self._ask(commands.totp_disable(code))

    async def recovery_renew(self, code: str) -> tuple[str, ...]:
        """Void the recovery codes and return new ones; as `Client.recovery_renew`."""
        return await self._ask(commands.recovery_renew(code))

    async def password_reset(self, username: str, token: str, new_password: str) -> int:
        """Set a new password with a token that an operator made; as `Client.password_reset`."""
        return await self._ask(commands.password_reset(username, token, new_password))

    async def account_close(self, password: str, code: str | None = None) -> int:
        """Close the own account for ever; as `Client.account_close`."""
        return await self._ask(commands.account_close(password, code))

    async def invite_create(
        self,
        *,
        role: AccountRole = AccountRole.TRADER,
        lifetime_s: int = WEEK_S,
        label: str = "",
    ) -> commands.NewInvitation:
        """Make an invitation, with which one account can be opened; as `Client.invite_create`."""
        return await self._ask(commands.invite_create(role, lifetime_s, label))

    async def invitations(self) -> tuple[commands.InvitationInfo, ...]:
        """Read the invitations that are open; as `Client.invitations`."""
        return await self._ask(commands.invitations())

    async def invite_revoke(self, invitation_id: int) -> None:
        """Void an invitation; as `Client.invite_revoke`."""
        await self._ask(commands.invite_revoke(invitation_id))

    async def reset_create(self, username: str) -> commands.ResetToken:
        """As `Client.reset_create`."""
        return await self._ask(commands.reset_create(username))

    async def accounts(
        self, username: str = "", *, after: int = 0, limit: int = 0
    ) -> commands.AccountPage:
        """Read the accounts, or the one named; as `Client.accounts`."""
        return await self._ask(commands.accounts(username, after, limit))

    async def account_control(
        self,
        username: str,
        action: AccountAction,
        *,
        role: AccountRole = AccountRole.TRADER,
        session_id: int = 0,
    ) -> int:
        """Change what an account may do; as `Client.account_control`."""
        return await self._ask(commands.account_control(username, action, role, session_id))

    async def account_sessions(self, username: str) -> tuple[SessionInfo, ...]:
        """Read the living sessions of an account; as `Client.account_sessions`."""
        return await self._ask(commands.account_sessions(username))


class TwistedAccess(TwistedAsker):
    """Methods of `TwistedClient`."""

    def totp_setup(self, password: str) -> Deferred[commands.FactorSetup]:
        """As `Client.totp_setup`."""
        return self._ask(commands.totp_setup(password))

    def totp_enable(self, code: str) -> Deferred[tuple[str, ...]]:
        """Turn the second factor on by a code of the seed; as `Client.totp_enable`."""
        return self._ask(commands.totp_enable(code))

    def totp_disable(self, code: str) -> Deferred[None]:
        """Turn the second factor off; as `Client.totp_disable`."""
        return self._ask(commands.totp_disable(code))

    def recovery_renew(self, code: str) -> Deferred[tuple[str, ...]]:
        """Void the recovery codes and return new ones; as `Client.recovery_renew`."""
        return self._ask(commands.recovery_renew(code))

    def password_reset(self, username: str, token: str, new_password: str) -> Deferred[int]:
        """Set a new password with a token that an operator made; as `Client.password_reset`."""
        return self._ask(commands.password_reset(username, token, new_password))

    def account_close(self, password: str, code: str | None = None) -> Deferred[int]:
        """Close the own account for ever; as `Client.account_close`."""
        return self._ask(commands.account_close(password, code))

    def invite_create(
        self,
        *,
        role: AccountRole = AccountRole.TRADER,
        lifetime_s: int = WEEK_S,
        label: str = "",
    ) -> Deferred[commands.NewInvitation]:
        """Make an invitation, with which one account can be opened; as `Client.invite_create`."""
        return self._ask(commands.invite_create(role, lifetime_s, label))

    def invitations(self) -> Deferred[tuple[commands.InvitationInfo, ...]]:
        """Read the invitations that are open; as `Client.invitations`."""
        return self._ask(commands.invitations())

    def invite_revoke(self, invitation_id: int) -> Deferred[None]:
        """Void an invitation; as `Client.invite_revoke`."""
        return self._ask(commands.invite_revoke(invitation_id))

    def reset_create(self, username: str) -> Deferred[commands.ResetToken]:
        """As `Client.reset_create`."""
        return self._ask(commands.reset_create(username))

    def accounts(
        self, username: str = "", *, after: int = 0, limit: int = 0
    ) -> Deferred[commands.AccountPage]:
        """Read the accounts, or the one named; as `Client.accounts`."""
        return self._ask(commands.accounts(username, after, limit))

    def account_control(
        self,
        username: str,
        action: AccountAction,
        *,
        role: AccountRole = AccountRole.TRADER,
        session_id: int = 0,
    ) -> Deferred[int]:
        """Change what an account may do; as `Client.account_control`."""
        return self._ask(commands.account_control(username, action, role, session_id))

    def account_sessions(self, username: str) -> Deferred[tuple[SessionInfo, ...]]:
        """Read the living sessions of an account; as `Client.account_sessions`."""
        return self._ask(commands.account_sessions(username))
