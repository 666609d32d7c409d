"""A wrapper that keeps a secret's octets out of logs, tracebacks, pickles and copies."""

from __future__ import annotations

import hmac
from typing import Final, NoReturn, SupportsIndex

SHOWN: Final = "<secret>"
"""What stands for a secret wherever people or log files would read it."""


class Secret:
    """Octets that must not be shown: a password, a token, a key.

    Every way of turning it into text gives ``<secret>``; only `reveal` gives the octets. Equality
    takes the same time wherever two secrets differ (their length is not hidden). It cannot be
    pickled, copied, hashed or changed.
    """

    __slots__ = ("_octets",)
    __hash__ = None  # type: ignore[assignment]

    _octets: bytes

    def __init__(self, octets: bytes) -> None:
        object.__setattr__(self, "_octets", bytes(octets))

    def reveal(self) -> bytes:
        """Return the octets. Call it where they are used, and keep no other name for them."""
        return self._octets

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._octets, other._octets)

    def __repr__(self) -> str:
        return SHOWN

    def __format__(self, spec: str) -> str:
        return SHOWN

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a secret cannot be changed; make a new one")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a secret cannot be changed; make a new one")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled or copied")

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a secret cannot be pickled or copied")
