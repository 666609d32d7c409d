"""The one owner of timers and of "now": nothing else in the house reads a clock.

Twisted's reactors time their calls by the wall clock, so that a step of it fires or freezes every
timer. `install_monotonic` is the first thing a process does; after it, wall time is only data.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

TIMERS_MAX: Final = 1_000_000
"""Timers that one clock has waiting at once. One more is refused with `TooManyTimersError`."""

_SECOND: Final = 1_000_000_000
CATCHING_UP: Final = 32
"""A clock that runs ahead of the system's is slower than it by one part in so many."""


class TooManyTimersError(RuntimeError):
    """Something sets timers and never lets them end."""


def install_monotonic(reactor: IReactorTime) -> None:
    """Make a reactor time its calls by the monotonic clock, before anything else uses it.

    Raises `RuntimeError` if a call is already waiting: it was timed by the wall clock.
    """
    if reactor.getDelayedCalls():
        raise RuntimeError("install_monotonic must come before the first timer is set")
    vars(reactor)["seconds"] = time.monotonic


class Timer:
    """A call that will come once, unless it is cancelled."""

    __slots__ = ("_arguments", "_call", "_function", "_owner")

    def __init__(
        self, owner: set[Timer], function: Callable[..., object], arguments: tuple[Any, ...]
    ) -> None:
        self._owner = owner
        self._function = function
        self._arguments = arguments
        self._call: IDelayedCall | None = None

    @property
    def active(self) -> bool:
        """True until the call has come or was cancelled."""
        return self in self._owner

    def cancel(self) -> None:
        """Stop the call from coming. Does nothing if it came already or was cancelled."""
        if self in self._owner and self._call is not None:
            self._owner.discard(self)
            # Call and timer know each other; apart they are freed at once, without the collector.
            call, self._call = self._call, None
            call.cancel()

    def _set(self, reactor: IReactorTime, seconds: float) -> None:
        self._call = reactor.callLater(seconds, self._come)

    def _come(self) -> None:
        self._owner.discard(self)
        self._call = None
        self._function(*self._arguments)


class Clock:
    """Timers and instants over one reactor, which `install_monotonic` has seen first.

    The wall clock is read once, when the clock is made; from there on wall time is that reading
    plus what the monotonic clock has run, so that it never steps; `not_before` may let it begin
    later than that reading. Use it from the reactor's thread, except `wall_ns` and `monotonic_ns`,
    which any thread may call.
    """

    def __init__(
        self, reactor: IReactorTime, wall_time_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._reactor = reactor
        self._monotonic: Callable[[], float] = reactor.seconds
        self._seconds = self._monotonic
        self._lead: tuple[float, float] = 0.0, 0.0
        """Since when (monotonic) this clock runs ahead of the system's, and by how much then."""
        self._timers: set[Timer] = set()
        self._wall_time_ns = wall_time_ns
        self._wall_offset_ns = wall_time_ns() - self.monotonic_ns()
        self._stamp_last_ns = 0

    def monotonic_ns(self) -> int:
        """Return nanoseconds of a clock that never steps; only differences mean anything."""
        return int(self._monotonic() * _SECOND)

    def wall_ns(self) -> int:
        """Return nanoseconds since 1970-01-01 UTC; never earlier than the call before."""
        return self._wall_offset_ns + int(self._seconds() * _SECOND)

    def stepped_ns(self) -> int:
        """Return how far the system's clock was stepped forward since this one was made."""
        return self._wall_time_ns() - self.true_ns()

    def true_ns(self) -> int:
        """Return the wall time that the system's reading means, whatever `not_before` did: for
        what others measure with clocks of their own, such as certificates and codes."""
        return self._wall_offset_ns + self.monotonic_ns()

    def not_before(self, instant: int) -> int:
        """Run ahead, if need be, so that everything from now on is later than ``instant``.

        Return how far ahead, in nanoseconds. While it is, a second of this clock takes longer by
        one part in `CATCHING_UP`, until the system's clock has caught up. To be called once.
        """
        lead = instant + 1 - self.wall_ns()
        if lead <= 0:
            return 0
        # Rounded up: as a float of seconds it must not be less.
        self._lead = self._monotonic(), (lead + 1_000) / _SECOND
        self._seconds = self._ahead
        return lead

    def _ahead(self) -> float:
        since, lead = self._lead
        now = self._monotonic()
        left = lead - (now - since) / CATCHING_UP
        if left <= 0:
            self._seconds = self._monotonic
            return now
        return now + left

    def stamp_ns(self) -> int:
        """Return wall nanoseconds greater than those of every stamp before: no two are equal."""
        # Each frame is stamped twice: spelled out, this is half as dear.
        now = self._wall_offset_ns + int(self._seconds() * _SECOND)
        if now <= self._stamp_last_ns:
            now = self._stamp_last_ns + 1
        self._stamp_last_ns = now
        return now

    def call_later(self, seconds: float, function: Callable[..., object], *arguments: Any) -> Timer:
        """Call ``function(*arguments)`` once, ``seconds`` (0 or more) from now.

        Raises `TooManyTimersError` when TIMERS_MAX are waiting.
        """
        if len(self._timers) >= TIMERS_MAX:
            raise TooManyTimersError(f"{TIMERS_MAX} timers are waiting; one more was refused")
        timer = Timer(self._timers, function, arguments)
        timer._set(self._reactor, seconds)
        self._timers.add(timer)
        return timer

    def cancel_all(self) -> None:
        """Cancel every waiting timer: the last thing a process does with its clock."""
        for timer in list(self._timers):
            timer.cancel()

    @property
    def waiting(self) -> int:
        """How many timers are waiting."""
        return len(self._timers)
