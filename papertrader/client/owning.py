"""What every face can do to the own account; each face inherits its own kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from papertrader.client import account_commands as commands
from papertrader.client.asking import AsyncAsker, BlockingAsker, TwistedAsker
from papertrader.wire.kinds import Privacy, Scope

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred


class BlockingOwner(BlockingAsker):
    """Methods of `Client`."""

    def sessions(self) -> tuple[commands.SessionInfo, ...]:
        """Read the living sessions of the account, oldest first."""
        return self._ask(commands.sessions())

    def session_revoke(self, session_id: int) -> int:
        """End another session and those beside it; returns how many ended.

        The session of this client, and the one it was opened beside, are for `logout`. Raises
        `ProofTooOld` ten minutes after the login with the password, and `RefusedError`
        (NO_SUCH_SESSION).
        """
        return self._ask(commands.session_revoke(session_id))

    def password_change(self, password: str, new_password: str) -> int:
        """Set a new password of 8 to 256 octets; returns how many other sessions ended.

        ``password`` is the present one. API keys stay. Raises `AuthenticationFailed`, and
        `RefusedError` (PASSWORD_WEAK).
        """
        return self._ask(commands.password_change(password, new_password))

    def account_update(
        self, *, privacy: Privacy | None = None, email: str | None = None
    ) -> commands.AccountSettings:
        """Set what others see, or the e-mail address (``""`` removes it); None leaves it.

        For the address, raises `ProofTooOld` ten minutes after the login with the password.
        """
        return self._ask(commands.account_update(privacy, email))

    def api_key_create(
        self, label: str, *, scope: Scope = Scope.READ, lifetime_s: int = 0
    ) -> commands.NewApiKey:
        """Make a key with which programs log in: ``login(api_key=made.credential)``.

        ``label`` is a line of 64 octets at most; ``lifetime_s`` 0: until it is revoked. Raises
        `ProofTooOld` ten minutes after the login with the password, and `RefusedError`
        (TOO_MANY_KEYS).
        """
        return self._ask(commands.api_key_create(label, scope, lifetime_s))

    def api_keys(self) -> tuple[commands.ApiKeyInfo, ...]:
        """Read the account's keys that are not revoked, oldest first."""
        return self._ask(commands.api_keys())

    def api_key_revoke(self, key: int) -> int:
        """Void a key for ever; returns how many sessions ended with it.

        Raises `RefusedError` (NO_SUCH_KEY).
        """
        return self._ask(commands.api_key_revoke(key))


class AsyncOwner(AsyncAsker):
    """Methods of `AsyncClient`."""

    async def sessions(self) -> tuple[commands.SessionInfo, ...]:
        """Read the living sessions of the account, oldest first."""
        return await self._ask(commands.sessions())

    async def session_revoke(self, session_id: int) -> int:
        """End another session and those beside it; as `Client.session_revoke`."""
        return await self._ask(commands.session_revoke(session_id))

    async def password_change(self, password: str, new_password: str) -> int:
        """Set a new password; as `Client.password_change`."""
        return await self._ask(commands.password_change(password, new_password))

    async def account_update(
        self, *, privacy: Privacy | None = None, email: str | None = None
    ) -> commands.AccountSettings:
        """Set what others see, or the e-mail address; as `Client.account_update`."""
        return await self._ask(commands.account_update(privacy, email))

    async def api_key_create(
        self, label: str, *, scope: Scope = Scope.READ, lifetime_s: int = 0
    ) -> commands.NewApiKey:
        """Make a key with which programs log in; as `Client.api_key_create`."""
        return await self._ask(commands.api_key_create(label, scope, lifetime_s))

    async def api_keys(self) -> tuple[commands.ApiKeyInfo, ...]:
        """Read the account's keys that are not revoked, oldest first."""
        return await self._ask(commands.api_keys())

    async def api_key_revoke(self, key: int) -> int:
        """Void a key for ever; as `Client.api_key_revoke`."""
        return await self._ask(commands.api_key_revoke(key))


class TwistedOwner(TwistedAsker):
    """Methods of `TwistedClient`."""

    def sessions(self) -> Deferred[tuple[commands.SessionInfo, ...]]:
        """Read the living sessions of the account, oldest first."""
        return self._ask(commands.sessions())

    def session_revoke(self, session_id: int) -> Deferred[int]:
        """End another session and those beside it; as `Client.session_revoke`."""
        return self._ask(commands.session_revoke(session_id))

    def password_change(self, password: str, new_password: str) -> Deferred[int]:
        """Set a new password; as `Client.password_change`."""
        return self._ask(commands.password_change(password, new_password))

    def account_update(
        self, *, privacy: Privacy | None = None, email: str | None = None
    ) -> Deferred[commands.AccountSettings]:
        """Set what others see, or the e-mail address; as `Client.account_update`."""
        return self._ask(commands.account_update(privacy, email))

    def api_key_create(
        self, label: str, *, scope: Scope = Scope.READ, lifetime_s: int = 0
    ) -> Deferred[commands.NewApiKey]:
        """Make a key with which programs log in; as `Client.api_key_create`."""
        return self._ask(commands.api_key_create(label, scope, lifetime_s))

    def api_keys(self) -> Deferred[tuple[commands.ApiKeyInfo, ...]]:
        """Read the account's keys that are not revoked, oldest first."""
        return self._ask(commands.api_keys())

    def api_key_revoke(self, key: int) -> Deferred[int]:
        """Void a key for ever; as `Client.api_key_revoke`."""
        return self._ask(commands.api_key_revoke(key))
