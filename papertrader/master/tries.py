"""Failed logins: how many are free, and how long one waits after them."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from papertrader.core.instants import SECOND

TRIES_FREE: Final = 5
TRIES_WINDOW: Final = 60 * SECOND
TRIES_KEYS_MAX: Final = 100_000
"""Addresses and names whose failures are remembered; the longest unseen is forgotten."""


class FailureCounter:
    """Failed tries by key: after `TRIES_FREE` in a window, none for as long (wire limits)."""

    def __init__(self) -> None:
        self._tries: OrderedDict[bytes, tuple[int, int]] = OrderedDict()

    def wait_ms(self, key: bytes, now: int) -> int:
        """Return how long this key must wait; 0 = it may try."""
        count, since = self._tries.get(key, (0, now))
        if now - since >= TRIES_WINDOW or count < TRIES_FREE:
            return 0
        return (since + TRIES_WINDOW - now) // 1_000_000 + 1

    def failed(self, key: bytes, now: int) -> None:
        """Count a failure."""
        count, since = self._tries.pop(key, (0, now))
        if now - since >= TRIES_WINDOW:
            count, since = 0, now
        self._tries[key] = (count + 1, since)
        while len(self._tries) > TRIES_KEYS_MAX:
            self._tries.popitem(last=False)

    def clear(self, key: bytes) -> None:
        """Forget the failures of a key."""
        self._tries.pop(key, None)
