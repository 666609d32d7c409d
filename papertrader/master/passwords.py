"""Passwords: what is refused, and Argon2id in threads of its own behind a bounded, fair queue."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any, Final

import attrs
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type, hash_secret_raw
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from papertrader.core.limithits import LimitHits
from papertrader.master.commands import Refused
from papertrader.master.commonpasswords import is_common
from papertrader.net.clock import Clock, Timer
from papertrader.wire import limits
from papertrader.wire.kinds import Status

QUEUE_MAX: Final = 32
"""Hashes waiting or running; one more is refused at once (SERVER_BUSY), whoever asks."""
WAIT_MAX_S: Final = 2.0
"""So long a hash may wait for its turn; then it is refused as if there had been no room."""
BUSY_RETRY_MS: Final = 2_000
FINGERPRINT_OCTETS: Final = 32
_PART_OCTETS: Final = 4
"""So much of a password must differ from the user name that stands in it."""


def check_password(password: str, username: str, email: str) -> str:
    """Return why a new password is refused, in one sentence, or the empty string.

    There are no rules of composition; only what everybody tries first is refused.
    """
    size = len(password.encode())
    if not limits.PASSWORD_MIN <= size <= limits.PASSWORD_MAX:
        return f"A password has {limits.PASSWORD_MIN} to {limits.PASSWORD_MAX} octets."
    if is_common(password):
        return "That password is among the first that anybody would try; choose another."
    lowered = password.casefold()
    for name in (username.casefold(), email.partition("@")[0].casefold()):
        if name and name in lowered and len(lowered) - len(name) < _PART_OCTETS:
            return "A password must not be the user name or the e-mail address, nor nearly so."
    return ""


@attrs.define(eq=False)
class _Job:
    """A hash that somebody waits for."""

    source: bytes
    function: Callable[..., Any]
    arguments: tuple[Any, ...] = attrs.field(repr=False)
    done: Deferred[Any]
    timer: Timer | None = None


class PasswordVault:
    """Hashes and verifies, ``threads`` at a time, the sources (addresses) in turn.

    ``in_thread`` runs a function in a hashing thread. ``source`` is whom a hash is for: when the
    queue is full, whoever has most of it gives way to others.
    """

    def __init__(
        self,
        in_thread: Callable[..., Deferred[Any]],
        memory_kib: int,
        passes: int,
        clock: Clock,
        threads: int = 1,
        hits: LimitHits | None = None,
    ) -> None:
        self._in_thread = in_thread
        self._clock = clock
        self._threads = threads
        self._hits = hits if hits is not None else LimitHits()
        self._hasher = PasswordHasher(
            time_cost=passes, memory_cost=memory_kib, parallelism=1, type=Type.ID
        )
        # Verified when the user does not exist, so that both cases do the same work.
        self._decoy = self._hasher.hash("nobody's password")
        self._waiting: OrderedDict[bytes, deque[_Job]] = OrderedDict()  # QUEUE_MAX in all
        self._running = 0
        self.queued = 0
        self.refused = 0
        self.hashes = 0

    async def hash(self, password: str, source: bytes = b"") -> str:
        """Return the Argon2id string of a password; raises `Refused` when there is no room."""
        hashed: str = await self._queue(source, self._hasher.hash, password)
        return hashed

    async def fingerprint(self, octets: bytes, salt: bytes, source: bytes = b"") -> bytes:
        """Return 32 octets that tell ``octets`` apart and are as hard to undo as a password's hash.

        Raises `Refused` when the queue is full. ``salt`` has 8 octets or more.
        """
        hasher = self._hasher
        made: bytes = await self._queue(
            source,
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

    async def verify(self, hashed: str | None, password: str, source: bytes = b"") -> bool:
        """Tell whether the password fits; None stands for a user that does not exist."""
        good: bool = await self._queue(source, self._verify, hashed or self._decoy, password)
        return good and bool(hashed)

    def needs_rehash(self, hashed: str) -> bool:
        """Tell whether the parameters have changed since this hash was made."""
        return self._hasher.check_needs_rehash(hashed)

    def _verify(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False

    # --- the queue -----------------------------------------------------------------------------

    async def _queue(self, source: bytes, function: Callable[..., Any], *arguments: Any) -> Any:
        if self.queued >= QUEUE_MAX and not self._make_room(source):
            raise self._busy()
        job = _Job(source, function, arguments, Deferred())
        self.queued += 1
        if self._running < self._threads:
            self._start(job)
        else:
            job.timer = self._clock.call_later(WAIT_MAX_S, self._give_up, job)
            self._waiting.setdefault(source, deque(maxlen=QUEUE_MAX)).append(job)
        return await job.done

    def _make_room(self, source: bytes) -> bool:
        """Refuse the newest hash of whoever waits for most, if that is more than ``source`` does.

        So an address that floods the queue shuts out nobody but itself.
        """
        greediest = max(self._waiting.values(), key=len, default=None)
        mine = len(self._waiting.get(source, ()))
        if greediest is None or len(greediest) <= mine + 1:
            return False
        self._give_up(greediest[-1])
        return True

    def _give_up(self, job: _Job) -> None:
        mine = self._waiting[job.source]
        mine.remove(job)
        if not mine:
            del self._waiting[job.source]
        if job.timer is not None:
            job.timer.cancel()
        self.queued -= 1
        job.done.errback(Failure(self._busy()))

    def _busy(self) -> Refused:
        self.refused += 1
        self._hits.hit("hash_queue")
        return Refused(
            Status.SERVER_BUSY,
            "Too many logins at this moment; try again shortly.",
            retry_after_ms=BUSY_RETRY_MS,
        )

    def _start(self, job: _Job) -> None:
        if job.timer is not None:
            job.timer.cancel()
        self._running += 1
        self.hashes += 1
        self._in_thread(job.function, *job.arguments).addBoth(self._finished, job)

    def _finished(self, result: Any, job: _Job) -> None:
        self._running -= 1
        self.queued -= 1
        self._next()
        job.done.callback(result)

    def _next(self) -> None:
        """Begin what has waited longest of the source whose turn it is."""
        while self._waiting and self._running < self._threads:
            source, mine = next(iter(self._waiting.items()))
            job = mine.popleft()
            del self._waiting[source]
            if mine:
                self._waiting[source] = mine
            self._start(job)
