"""Passwords: what is refused, and Argon2id in a thread of its own behind a bounded queue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type, hash_secret_raw
from twisted.internet.defer import Deferred

from papertrader.master.commands import Refused
from papertrader.wire import limits
from papertrader.wire.kinds import Status

QUEUE_MAX: Final = 32
"""Hashes waiting or running; one more is refused at once (SERVER_BUSY), whoever asks."""
BUSY_RETRY_MS: Final = 2_000
FINGERPRINT_OCTETS: Final = 32

_COMMON_WORDS: Final = (
    "password passw0rd password1 password123 12345678 123456789 1234567890 87654321 11111111 "
    "00000000 qwertyui qwerty123 qwertyuiop 1q2w3e4r 1qaz2wsx iloveyou sunshine princess "
    "football baseball trustno1 superman welcome1 letmein1 abc12345 abcd1234 admin123 "
    "monkey123 dragon123 michelle jennifer computer starwars whatever michael1 charlie1 "
    "changeme secret123 master123 asdfghjk asdfasdf zaq12wsx internet samantha mustang1 "
    "shadow12 papertrader "
)
_COMMON: Final = frozenset(_COMMON_WORDS.split())
"""The most frequent passwords of 8 characters and more in published leaks."""


def check_password(password: str, username: str, email: str) -> str:
    """Return why a new password is refused, in one sentence, or the empty string.

    There are no rules of composition; only what everybody tries first is refused.
    """
    if not limits.PASSWORD_MIN <= len(password.encode()) <= limits.PASSWORD_MAX:
        return f"A password has {limits.PASSWORD_MIN} to {limits.PASSWORD_MAX} octets."
    lowered = password.casefold()
    if lowered in _COMMON or len(set(lowered)) <= 2:
        return "That password is among the first that anybody would try; choose another."
    local = email.partition("@")[0].casefold()
    if lowered == username.casefold() or (local and lowered == local):
        return "A password must not be the user name or the e-mail address."
    return ""


class PasswordVault:
    """Hashes and verifies. ``in_thread`` runs a function in the hashing thread."""

    def __init__(
        self, in_thread: Callable[..., Deferred[Any]], memory_kib: int, passes: int
    ) -> None:
        self._in_thread = in_thread
        self._hasher = PasswordHasher(
            time_cost=passes, memory_cost=memory_kib, parallelism=1, type=Type.ID
        )
        # Verified when the user does not exist, so that both cases do the same work.
        self._decoy = self._hasher.hash("nobody's password")
        self.queued = 0
        self.refused = 0
        self.hashes = 0

    async def hash(self, password: str) -> str:
        """Return the Argon2id string of a password; raises `Refused` when the queue is full."""
        hashed: str = await self._queue(self._hasher.hash, password)
        return hashed

    async def fingerprint(self, octets: bytes, salt: bytes) -> bytes:
        """Return 32 octets that tell ``octets`` apart and are as hard to undo as a password's hash.

        Raises `Refused` when the queue is full. ``salt`` has 8 octets or more.
        """
        hasher = self._hasher
        made: bytes = await self._queue(
            hash_secret_raw,
            octets,
            salt,
            hasher.time_cost,
            hasher.memory_cost,
            hasher.parallelism,
            FINGERPRINT_OCTETS,
            hasher.type,
        )
        return made

    async def verify(self, hashed: str | None, password: str) -> bool:
        """Tell whether the password fits; None stands for a user that does not exist."""
        good: bool = await self._queue(self._verify, hashed or self._decoy, password)
        return good and hashed is not None

    def needs_rehash(self, hashed: str) -> bool:
        """Tell whether the parameters have risen since this hash was made."""
        return self._hasher.check_needs_rehash(hashed)

    def _verify(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _queue(self, function: Callable[..., Any], *arguments: Any) -> Any:
        if self.queued >= QUEUE_MAX:
            self.refused += 1
            raise Refused(
                Status.SERVER_BUSY,
                "Too many logins at this moment; try again shortly.",
                retry_after_ms=BUSY_RETRY_MS,
            )
        self.queued += 1
        self.hashes += 1
        try:
            return await self._in_thread(function, *arguments)
        finally:
            self.queued -= 1
