"""What can go wrong between us and a provider of live prices, in the few kinds that we act on."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

RETRY_AFTER_S_MAX: Final = 900
"""Longest wait that a provider can ask of us: 15 minutes, then it is tried again."""


class FaultKind(StrEnum):
    """Kinds of fault; what the poller does about each stands in specs/providers.rst."""

    UNREACHABLE = "unreachable"
    """No connection, no TLS, or it broke off."""
    DEADLINE = "deadline"
    """The whole answer was not there in time."""
    TOO_LARGE = "too large"
    """More octets than any honest answer has, before or after decompression."""
    REDIRECT = "redirect"
    """It sent us elsewhere; we never follow, since our key would follow too."""
    LIMITED = "limited"
    """Too many calls: 429 or 418, or the provider's own words for it under another status."""
    DENIED = "denied"
    """The key is missing, wrong, or may not do this."""
    FAILED = "failed"
    """The provider says that it is broken (5xx)."""
    REFUSED = "refused"
    """The provider does not like the request (another 4xx, or an error in the body)."""
    MALFORMED = "malformed"
    """What came cannot be what we asked for."""


class ProviderFault(Exception):
    """A call that brought nothing. ``retry_after_s`` is 0 unless the provider named a wait."""

    def __init__(self, kind: FaultKind, text: str, retry_after_s: int = 0) -> None:
        super().__init__(text)
        self.kind = kind
        self.retry_after_s = min(max(retry_after_s, 0), RETRY_AFTER_S_MAX)


class BadValue(ValueError):
    """One value of an answer cannot be used; the rest of the answer may be good."""


def malformed(text: str) -> ProviderFault:
    """Return the fault of an answer that cannot be read."""
    return ProviderFault(FaultKind.MALFORMED, text)
