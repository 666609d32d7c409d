"""The gateway's port: HTTPS with the worker's certificate, requests to their routes, streams."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IOpenSSLServerConnectionCreator,
    IReactorTCP,
    IStreamServerEndpoint,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from papertrader.gateway.assets import AssetBook
from papertrader.gateway.datastream import data_stream
from papertrader.gateway.errors import (
    RETRY_AFTER_S,
    ApiError,
    bad_request,
    error_of,
    forbidden,
    internal,
    unauthorized,
)
from papertrader.gateway.ids import Credential, credential_of
from papertrader.gateway.routing import Answer, Call, Routes
from papertrader.gateway.seats import Seat, SeatRules, Seats, Visitor
from papertrader.gateway.streams import Around, StreamResource
from papertrader.gateway.table import routes
from papertrader.gateway.tradestream import trade_stream
from papertrader.net.clock import Clock
from papertrader.net.web import Health
from papertrader.net.webport import HEALTH_PATH, WebConfiguration, WebPort

IDLE_S: Final = 75
"""Seconds without a request, after which a connection is closed: programs keep theirs open."""
QUERY_MAX: Final = 64
"""Parameters of one request: 400."""
TRADES_PATH: Final = b"/stream"
"""Where an account's orders are told; every other stream is one of market data."""
_SECONDS_A_MINUTE: Final = 60
_OK: Final = 200
_NO_CONTENT: Final = 204


@attrs.frozen(kw_only=True)
class GatewayConfiguration(WebConfiguration):
    """What the operator decides about the gateway of one worker."""

    rules: SeatRules


@attrs.define(slots=True, kw_only=True)
class GatewayCounters:
    """What became of the requests of a gateway."""

    requests: int = 0
    errors: int = 0
    """Answered with another status than 2xx."""
    faults: int = 0
    """Of them ours: logged."""


class Api(Resource):
    """Every path of the gateway that is no stream."""

    isLeaf = True
    log = Logger()

    def __init__(self, seats: Seats, routes: Routes, clock: Clock) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.counters = GatewayCounters()
        self._seats = seats
        self._routes = routes
        self._clock = clock

    def render(self, request: Request) -> int:
        """Answer, later."""
        self.counters.requests += 1
        gone: list[bool] = []
        request.notifyFinish().addErrback(lambda _: gone.append(True))

        def fault(failure: Failure) -> None:
            self.log.failure("an answer of the gateway failed", failure)

        Deferred.fromCoroutine(self._answer(request, gone)).addErrback(fault)
        return NOT_DONE_YET

    async def _answer(self, request: Request, gone: list[bool]) -> None:
        seat: Seat | None = None
        try:
            handler, names = self._routes.find(
                request.method.decode("ascii", "replace"), request.path.decode("ascii", "replace")
            )
            credential, query, body = _credential(request), _query(request), _body(request)
            seat = await self._seats.take(credential, _visitor(request))
            try:
                call = Call(seat=seat, names=names, query=query, body=body)
                found = await handler(call)
            finally:
                self._seats.give_back(seat)
            answer = found if isinstance(found, Answer) else Answer(_OK, found)
        except Exception as error:
            answer = self._failed(error)
        if not gone:
            self._write(request, answer, seat)

    def _failed(self, error: Exception) -> Answer:
        self.counters.errors += 1
        known = error_of(error)
        if known is None and isinstance(error, ValueError | TypeError):
            known = bad_request(str(error))
        if known is None:
            self.counters.faults += 1
            self.log.failure("a request to the gateway failed", Failure(error))
            known = internal()
        return Answer(known.status, known.body())

    def _write(self, request: Request, answer: Answer, seat: Seat | None) -> None:
        request.setResponseCode(answer.status)
        request.setHeader("Cache-Control", "no-store")
        if seat is not None:
            self._limits(request, seat)
        if answer.status == ApiError(429, 0, "").status:
            request.setHeader("Retry-After", str(RETRY_AFTER_S))
        if answer.body is not None:
            octets = json.dumps(answer.body, separators=(",", ":")).encode()
            request.setHeader("Content-Type", "application/json; charset=UTF-8")
            request.setHeader("Content-Length", str(len(octets)))
            request.write(octets)
        request.finish()

    def _limits(self, request: Request, seat: Seat) -> None:
        """Say how many requests a program may make, in Alpaca's headers."""
        rules, now = self._seats.rules, self._clock.wall_ns()
        full_in_s = -(-seat.bucket.wait_ms(rules.burst) // 1_000)
        request.setHeader("X-RateLimit-Limit", str(rules.rate * _SECONDS_A_MINUTE))
        request.setHeader("X-RateLimit-Remaining", str(seat.bucket.left()))
        request.setHeader("X-RateLimit-Reset", str(now // 1_000_000_000 + full_in_s))


def _visitor(request: Request) -> Visitor:
    channel = request.channel
    handle = getattr(channel.transport if channel is not None else None, "getHandle", None)
    return Visitor(peer=request.getClientAddress(), handle=handle() if handle else None)


def _credential(request: Request) -> Credential:
    """Read the two halves of the key from the headers; never logged, never answered."""
    key_id = request.getHeader("APCA-API-KEY-ID") or ""
    secret = request.getHeader("APCA-API-SECRET-KEY") or ""
    if not key_id or not secret:
        raise unauthorized()
    found = credential_of(key_id, secret)
    if found is None:
        raise forbidden()
    return found


def _query(request: Request) -> dict[str, str]:
    given: dict[bytes, list[bytes]] = request.args or {}
    if len(given) > QUERY_MAX:
        raise bad_request(f"at most {QUERY_MAX} parameters are read")
    try:
        return {name.decode(): ",".join(each.decode() for each in values)
                for name, values in given.items()}  # fmt: skip
    except UnicodeDecodeError:
        raise bad_request("the parameters are no UTF-8") from None


def _body(request: Request) -> dict[str, Any]:
    if request.method not in (b"POST", b"PUT", b"PATCH") or request.content is None:
        return {}
    octets = request.content.read()
    if not octets.strip():
        return {}
    try:
        body = json.loads(octets, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise bad_request("request body format is invalid") from None
    if not isinstance(body, dict):
        # What a client without parameters sends: null.
        if body is None:
            return {}
        raise bad_request("request body format is invalid")
    return body


class Root(Resource):
    """Hands every path to the API, but for the streams and what has a name of its own."""

    def __init__(self, api: Api, trades: Resource, data: Resource) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._api = api
        self._trades = trades
        self._data = data

    def getChild(self, path: bytes, request: Request) -> Resource:
        """Return the API, or a stream for a request that wants to become one."""
        upgrade = (request.getHeader("Upgrade") or "").lower() == "websocket"
        if not upgrade:
            return self._api
        request.postpath = []
        return self._trades if request.path == TRADES_PATH else self._data


class Gateway(WebPort):
    """Listens for programs. ``connect`` makes a client's connection to the worker; ``trouble``
    says why the worker cannot serve just now, "" if it can."""

    def __init__(
        self,
        configuration: GatewayConfiguration,
        connect: Callable[[IAddress], Any],
        trouble: Callable[[], str],
        clock: Clock,
        reactor: IReactorTCP,
        tls: IOpenSSLServerConnectionCreator | None,
        endpoint: IStreamServerEndpoint | None = None,
    ) -> None:
        self.seats = Seats(connect, clock, configuration.rules)
        book = AssetBook(clock)
        self.api = Api(self.seats, Routes(routes(book)), clock)
        self.around = Around(seats=self.seats, book=book, clock=clock)
        self.trades = StreamResource(trade_stream, self.around)
        self.data = StreamResource(data_stream, self.around)
        root = Root(self.api, self.trades, self.data)
        root.putChild(HEALTH_PATH, Health(trouble))
        super().__init__(
            configuration, root, clock, reactor, tls, endpoint,
            setting="gateway.listen", idle_s=IDLE_S, renewable=True,
        )  # fmt: skip

    def limit_hits(self) -> dict[str, int]:
        """Return how often each limit of the gateway was hit since its start."""
        seats, streams = self.seats.counters, self.around.counters
        return {
            "gateway_seats": seats.full,
            "gateway_rate": seats.rate_limited,
            "gateway_streams": streams.refused,
            "gateway_slow": streams.slow,
            "gateway_silent": streams.silent,
            "gateway_pipe": seats.overrun,
        }

    def start(self) -> None:
        """Open the port; ``listening.listening`` tells the outcome."""
        self.seats.start()
        super().start()

    def stop(self) -> Deferred[None]:
        """End every seat and stream, and close."""
        for streams in (self.trades, self.data):
            streams.stop()
            streams.goodbye(0, "")
        self.seats.stop()
        return super().stop()
