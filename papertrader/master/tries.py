"""Failed logins: how many are free, how long one waits after them, and whom they count against.

A user name has a bucket for all the world and one for each address from which its owner has logged
in well: who guesses from elsewhere makes strangers wait, not the owner. Nothing here asks whether a
name exists, so that nothing tells.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import attrs

from papertrader.core.instants import SECOND

TRIES_FREE: Final = 5
"""Failures of one bucket in a row before there is a wait."""
WAIT_MAX: Final = 15 * 60 * SECOND
"""The longest wait after one failure: 2, 4, 8 ... seconds, until here."""
HOUR: Final = 3_600 * SECOND
TRIES_PER_HOUR: Final = 100
"""Failures of one bucket in an hour, whatever lies between; then its end is waited for."""
TRIES_KEYS_MAX: Final = 100_000
"""Names and addresses whose failures are remembered; the longest unseen is forgotten."""
ADDRESS_TRIES: Final = 20
"""Failures from one address in `ADDRESS_WINDOW`, unless the operator sets another number
(``limits.failed_logins_per_address``)."""
ADDRESS_WINDOW: Final = 600 * SECOND
KNOWN_DAYS: Final = 30
KNOWN_ADDRESSES: Final = 16
"""Addresses of one account that count apart; the longest unused is forgotten."""
_V4: Final = bytes(10) + b"\xff\xff"
_LOOPBACK: Final = (bytes(15) + b"\x01", _V4 + b"\x7f\x00\x00\x01")


def network_of(address: bytes) -> bytes:
    """Return what counts as one address: an IPv4 address, or the first 64 bits of an IPv6 one."""
    return address if address.startswith(_V4) else address[:8]


def is_loopback(address: bytes) -> bool:
    """Tell whether a client is on its worker's own machine."""
    return address == _LOOPBACK[0] or address[:13] == _LOOPBACK[1][:13]


def bucket_key(username: str, known: bytes = b"") -> bytes:
    """Return the bucket of a user name, or that of one of its owner's addresses.

    A hash, so that no list of names tried (some are passwords in the wrong field) is kept.
    """
    text = username.casefold().encode("utf-8", "surrogatepass")
    return hashlib.sha256(text + b"\0" + known).digest()[:16]


@attrs.define(slots=True)
class Tries:
    """Failures of one bucket. Instants in nanoseconds."""

    failures: int = 0
    last_at: int = 0
    hour_at: int = 0
    hour: int = 0

    def wait_ms(self, now: int) -> int:
        """Return how long to wait before the next try; 0: it may come now."""
        until = 0
        over = self.failures - TRIES_FREE
        if over >= 0 and now - self.last_at < HOUR:
            until = self.last_at + min(WAIT_MAX, SECOND << min(over + 1, 20))
        if self.hour >= TRIES_PER_HOUR and now - self.hour_at < HOUR:
            until = max(until, self.hour_at + HOUR)
        return max(0, -(-(until - now) // 1_000_000))

    def failed(self, now: int) -> None:
        """Count a failure."""
        if now - self.last_at >= HOUR:
            self.failures = 0
        if now - self.hour_at >= HOUR:
            self.hour_at, self.hour = now, 0
        self.failures += 1
        self.hour += 1
        self.last_at = now


class NameTries:
    """The buckets of user names. ``keep`` writes one down (None: it is forgotten)."""

    def __init__(self, keep: Callable[[bytes, Tries | None], None]) -> None:
        self._keep = keep
        self._tries: OrderedDict[bytes, Tries] = OrderedDict()
        self.refused = 0

    def __len__(self) -> int:
        return len(self._tries)

    def load(self, key: bytes, tries: Tries) -> None:
        """Take in what was written down, the longest unseen first."""
        self._tries[key] = tries

    def wait_ms(self, key: bytes, now: int) -> int:
        """Return how long this bucket's next try must wait; 0: it may come now."""
        found = self._tries.get(key)
        return 0 if found is None else found.wait_ms(now)

    def failed(self, key: bytes, now: int) -> None:
        """Count a failure."""
        tries = self._tries.pop(key, None) or Tries()
        tries.failed(now)
        self._tries[key] = tries
        self._keep(key, tries)
        while len(self._tries) > TRIES_KEYS_MAX:
            oldest, _ = self._tries.popitem(last=False)
            self._keep(oldest, None)

    def clear(self, key: bytes) -> None:
        """A good login: the failures in a row are over; those of the hour stay counted."""
        tries = self._tries.get(key)
        if tries is not None and tries.failures:
            tries.failures = 0
            self._keep(key, tries)


class WindowCounter:
    """At most ``most`` events of a key in ``window`` nanoseconds. Bounded, in memory only."""

    def __init__(self, most: int, window: int) -> None:
        self._most = most
        self._window = window
        self._counts: OrderedDict[bytes, tuple[int, int]] = OrderedDict()
        self.refused = 0

    def __len__(self) -> int:
        return len(self._counts)

    def wait_ms(self, key: bytes, now: int) -> int:
        """Return how long this key must wait; 0: not at all."""
        count, since = self._counts.get(key, (0, now))
        if now - since >= self._window or count < self._most:
            return 0
        return (since + self._window - now) // 1_000_000 + 1

    def count(self, key: bytes, now: int) -> None:
        """Count an event."""
        count, since = self._counts.pop(key, (0, now))
        if now - since >= self._window:
            count, since = 0, now
        self._counts[key] = (count + 1, since)
        while len(self._counts) > TRIES_KEYS_MAX:
            self._counts.popitem(last=False)


class KnownAddresses:
    """From where the owner of each account has logged in well in the last `KNOWN_DAYS`."""

    def __init__(self) -> None:
        self._known: dict[int, OrderedDict[bytes, int]] = {}

    def load(self, account: int, network: bytes, at: int) -> None:
        """Take in a row, the oldest first."""
        self._known.setdefault(account, OrderedDict())[network] = at

    def knows(self, account: int, network: bytes, now: int) -> bool:
        """Tell whether the account was logged in to from there lately."""
        mine = self._known.get(account)
        at = None if mine is None else mine.get(network)
        return at is not None and now - at < KNOWN_DAYS * 24 * HOUR

    def saw(self, account: int, network: bytes, at: int) -> list[bytes]:
        """Note a good login; returns the networks that are forgotten for it."""
        mine = self._known.setdefault(account, OrderedDict())
        mine.pop(network, None)
        mine[network] = at
        gone = []
        while len(mine) > KNOWN_ADDRESSES:
            gone.append(mine.popitem(last=False)[0])
        return gone

    def forget(self, account: int) -> None:
        """Forget an account."""
        self._known.pop(account, None)
