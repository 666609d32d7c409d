"""API keys: which there are, and how one that is shown is recognized.

A key is a number and 32 random octets, of which only the SHA-256 hash is kept: 256 random bits need
no slow hash.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

import attrs
import peewee

SECRET_OCTETS: Final = 32
_NUMBER_OCTETS: Final = 8


def secret_hash(secret: bytes) -> bytes:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret).digest()


@attrs.define(slots=True)
class ApiKey:
    """A key that is not revoked; ``expires_at`` and ``last_used_at`` are 0 for "never"."""

    key: int
    account: int
    secret_hash: bytes = attrs.field(repr=False)
    scope: int
    label: str
    created_at: int
    expires_at: int = 0
    last_used_at: int = 0

    def is_good(self, now: int) -> bool:
        """Tell whether it has not expired."""
        return not self.expires_at or now < self.expires_at


class KeyTable:
    """All keys that are not revoked, by number; at most KEYS_PER_ACCOUNT of one account."""

    def __init__(self) -> None:
        self._by_id: dict[int, ApiKey] = {}
        self._by_account: dict[int, dict[int, ApiKey]] = {}
        self._last = 0

    def load(self, db: peewee.Database) -> None:
        """Read the keys from the store."""
        (self._last,) = db.execute_sql("SELECT coalesce(max(id), 0) FROM api_key").fetchone()
        rows = db.execute_sql(
            "SELECT id, account, secret_hash, scope, label, created_at, expires_at, last_used_at"
            " FROM api_key WHERE revoked_at = 0 ORDER BY id"
        )
        for row in rows:
            self.add(ApiKey(*row))

    def next_id(self) -> int:
        """Give out the next key's number."""
        self._last += 1
        return self._last

    def add(self, key: ApiKey) -> None:
        """Take a key in."""
        self._by_id[key.key] = key
        self._by_account.setdefault(key.account, {})[key.key] = key

    def remove(self, key: ApiKey) -> None:
        """Forget a revoked key."""
        self._by_id.pop(key.key, None)
        mine = self._by_account.get(key.account, {})
        mine.pop(key.key, None)
        if not mine:
            self._by_account.pop(key.account, None)

    def remove_all(self, account: int) -> None:
        """Forget the keys of an account that is closed."""
        for key in self.of_account(account):
            self.remove(key)

    def get(self, key: int) -> ApiKey | None:
        """Return a key by number."""
        return self._by_id.get(key)

    def of_account(self, account: int) -> list[ApiKey]:
        """Return the keys of an account, oldest first."""
        return list(self._by_account.get(account, {}).values())

    def shown(self, credential: str, now: int) -> ApiKey | None:
        """Return the key that a LOGIN's 80 hexadecimal digits show, if it is good at ``now``."""
        try:
            octets = bytes.fromhex(credential)
        except ValueError:
            return None
        if len(octets) != _NUMBER_OCTETS + SECRET_OCTETS:
            return None
        key = self._by_id.get(int.from_bytes(octets[:_NUMBER_OCTETS], "big"))
        if key is None or not key.is_good(now):
            return None
        good = hmac.compare_digest(secret_hash(octets[_NUMBER_OCTETS:]), key.secret_hash)
        return key if good else None
