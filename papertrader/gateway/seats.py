"""Seats: for each key in use, a session of our own protocol, kept between requests.

A program over REST says its key with each request; a login with each would cost the master one. A
seat is a client of the library, connected within the process (`memory`) and logged in with the
program's own key from the program's own address, so that limits, stamps and audit are those of any
client. It ends when it has been idle for long, or when its session ends.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.logger import Logger

from papertrader.client import errors
from papertrader.client import updates as u
from papertrader.client.protocol import TwistedClient
from papertrader.core.buckets import TokenBucket
from papertrader.core.instants import SECOND
from papertrader.gateway.errors import too_many, unavailable
from papertrader.gateway.ids import Credential
from papertrader.gateway.memory import MemoryEndpoint
from papertrader.net.clock import Clock, Timer
from papertrader.net.factory import address_block
from papertrader.wire.kinds import Scope

SEATS_MAX: Final = 512
"""Seats at once. With all of them in use, one more program is answered 503; else the longest idle
one gives way."""
SEAT_IDLE_S: Final = 300
"""Seconds without a request, after which a seat ends."""
SEAT_REQUESTS_MAX: Final = 24
"""Requests of one seat under way; one more is answered 429."""
ANSWER_S: Final = 10
"""Seconds that one command may take."""
LOOK_S: Final = 30
"""How often idle seats are looked for."""
DEVICE: Final = "gateway"


@attrs.define(slots=True, kw_only=True)
class SeatCounters:
    """What became of those who wanted a seat."""

    opened: int = 0
    refused: int = 0
    """Keys that were not good."""
    full: int = 0
    """Answered 503 because every seat was in use."""
    rate_limited: int = 0
    overrun: int = 0
    """Connections within the process that were cut because too much waited on them."""


@attrs.frozen(kw_only=True)
class SeatRules:
    """What the operator decides: requests a second of one seat, and how many at once."""

    rate: int
    burst: int


@attrs.frozen(kw_only=True)
class Visitor:
    """Where a program comes from, and over which TLS connection."""

    peer: IAddress
    handle: Any = None


class Seat:
    """One key in use. ``client`` is logged in; ``portfolio`` is the one meant, 0 for the default.

    ``kept`` holds what a request found out and the next may use again, by name.
    """

    def __init__(self, client: TwistedClient, credential: Credential, bucket: TokenBucket) -> None:
        self.client = client
        self.portfolio = credential.portfolio
        self.account = 0
        self.running = 0
        self.used_at = 0
        self.over = False
        self.kept: dict[str, Any] = {}
        self.bucket = bucket
        client.listen(self._event)

    def _event(self, event: u.Event) -> None:
        if isinstance(event, u.SessionUpdate):
            self.over = True


class Seats:
    """All seats of a worker. ``connect`` makes a client's connection to the worker."""

    log = Logger()

    def __init__(self, connect: Callable[[IAddress], Any], clock: Clock, rules: SeatRules) -> None:
        self.counters = SeatCounters()
        self.rules = rules
        self._connect = connect
        self._clock = clock
        self._seats: OrderedDict[tuple[bytes, int, str], Seat] = OrderedDict()
        self._coming: dict[tuple[bytes, int, str], list[Deferred[Seat]]] = {}
        self._apart: set[Seat] = set()
        self._timer: Timer | None = None

    def __len__(self) -> int:
        return len(self._seats) + len(self._coming) + len(self._apart)

    async def take(self, credential: Credential, visitor: Visitor) -> Seat:
        """Return the seat of a key, for one request; `give_back` must follow.

        Raises `ApiError`: a key that is not good, no seat, too many requests.
        """
        place = (credential.digest, credential.portfolio, address_block(visitor.peer))
        seat = self._seats.get(place)
        if seat is not None and seat.over:
            self._drop(place)
            seat = None
        if seat is None:
            seat = await self._newcomer(place, credential, visitor)
        if seat.running >= SEAT_REQUESTS_MAX or not seat.bucket.take(self._clock.wall_ns()):
            self.counters.rate_limited += 1
            raise too_many()
        if place in self._seats:
            self._seats.move_to_end(place)
        seat.running += 1
        return seat

    def give_back(self, seat: Seat) -> None:
        """End what `take` began."""
        seat.running -= 1
        seat.used_at = self._clock.monotonic_ns()

    async def open_apart(self, credential: Credential, visitor: Visitor) -> Seat:
        """Open a seat for a stream, which has its own; `close_apart` must follow."""
        self._make_room()
        seat = await self._open(credential, visitor)
        self._apart.add(seat)
        return seat

    def close_apart(self, seat: Seat) -> None:
        """End the seat of a stream."""
        if seat in self._apart:
            self._apart.discard(seat)
            self._end(seat)

    def start(self) -> None:
        """Begin to look for idle seats."""
        self._timer = self._clock.call_later(LOOK_S, self._look)

    def stop(self) -> None:
        """End every seat."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for place in list(self._seats):
            self._drop(place)
        for seat in list(self._apart):
            self.close_apart(seat)

    async def _newcomer(
        self, place: tuple[bytes, int, str], credential: Credential, visitor: Visitor
    ) -> Seat:
        """Log in; whoever shows the same key meanwhile waits for the same login."""
        waiting = self._coming.get(place)
        if waiting is not None:
            shared: Deferred[Seat] = Deferred()
            waiting.append(shared)
            return await shared
        self._make_room()
        self._coming[place] = []
        try:
            seat = await self._open(credential, visitor)
        except Exception as error:
            for each in self._coming.pop(place):
                each.errback(error)
            raise
        self._seats[place] = seat
        for each in self._coming.pop(place):
            each.callback(seat)
        return seat

    async def _open(self, credential: Credential, visitor: Visitor) -> Seat:
        endpoint = MemoryEndpoint(
            self._connect, visitor.peer, self._clock, visitor.handle, self._overrun
        )
        client = TwistedClient(
            None,
            "worker",
            timeout=ANSWER_S,
            patient=False,
            learn_workers=False,
            clock=self._clock,
            endpoint_for=lambda _: endpoint,
        )
        bucket = TokenBucket(self.rules.rate, self.rules.burst, self._clock.wall_ns())
        seat = Seat(client, credential, bucket)
        try:
            login = await client.login(api_key=credential.key, scope=Scope.TRADE, device=DEVICE)
        except errors.PaperTraderError as error:
            self.counters.refused += isinstance(error, errors.AuthenticationFailed)
            client.close()
            raise
        seat.account = login.account
        seat.used_at = self._clock.monotonic_ns()
        self.counters.opened += 1
        return seat

    def _overrun(self) -> None:
        self.counters.overrun += 1

    def _make_room(self) -> None:
        if len(self) < SEATS_MAX:
            return
        idle = next((place for place, seat in self._seats.items() if not seat.running), None)
        if idle is None:
            self.counters.full += 1
            raise unavailable("every seat of this gateway is in use; try again later")
        self._drop(idle)

    def _look(self) -> None:
        self._timer = self._clock.call_later(LOOK_S, self._look)
        now = self._clock.monotonic_ns()
        for place, seat in list(self._seats.items()):
            idle = not seat.running and now - seat.used_at >= SEAT_IDLE_S * SECOND
            if idle or (seat.over and not seat.running):
                self._drop(place)

    def _drop(self, place: tuple[bytes, int, str]) -> None:
        self._end(self._seats.pop(place))

    def _end(self, seat: Seat) -> None:
        ended, seat.over = seat.over, True

        async def leave() -> None:
            try:
                if not ended:
                    await seat.client.logout()
            except errors.PaperTraderError:
                # The session ends by itself, then.
                pass
            await seat.client.close()

        def failed(failure: Any) -> None:
            self.log.failure("a seat of the gateway did not end well", failure)

        Deferred.fromCoroutine(leave()).addErrback(failed)
