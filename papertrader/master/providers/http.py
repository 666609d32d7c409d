"""HTTP to one provider, through treq: one origin, one deadline, few octets, nothing followed.

What protects here: the agent refuses every request that is not to the configured origin, so that no
key goes anywhere else; redirects are answers like any other; the deadline covers the whole answer,
not only its head; the size limit counts octets after decompression, and gzip is opened a little at
a time; a fresh client for each call keeps no cookies. Plain HTTP is allowed to this machine only.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.error import ConnectError, ConnectionClosed, DNSLookupError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import (
    Agent,
    BrowserLikePolicyForHTTPS,
    HTTPConnectionPool,
    ResponseDone,
    ResponseFailed,
    ResponseNeverReceived,
)
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from papertrader.core.secrets import Secret
from papertrader.master.providers.faults import FaultKind, ProviderFault
from papertrader.master.providers.request import (
    ANSWER_S,
    HEAD,
    PORTS,
    SAID_MAX,
    Origin,
    Reply,
    Request,
)
from papertrader.net.clock import Clock

CONNECT_S: Final = 5.0
IDLE_S: Final = 20
"""A connection unused for so long is closed."""
_ENCODING: Final = b"X-Papertrader-Encoding"


@implementer(IAgent)
class PinnedAgent:
    """An agent for one origin. Asks for no compression, and leaves what is compressed to us."""

    def __init__(self, agent: IAgent, origin: Origin) -> None:
        self._agent = agent
        self._origin = origin

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> Deferred[IResponse]:
        """Send a request if it is to the origin; fails with `ProviderFault` if it is not."""
        parts = urlsplit(uri.decode("ascii", "replace"))
        target = (parts.scheme, parts.hostname, parts.port or PORTS.get(parts.scheme, 0))
        if target != (self._origin.scheme, self._origin.host, self._origin.port):
            fault = ProviderFault(FaultKind.REDIRECT, f"a request left {self._origin}: not sent")
            return fail(fault)
        sent = Headers() if headers is None else headers.copy()
        for name, value in HEAD:
            sent.setRawHeaders(name, [value])
        asked: Deferred[Any] = self._agent.request(method, uri, sent, bodyProducer)
        return asked.addCallback(_keep_encoded)


def _keep_encoded(response: Any) -> Any:
    """Hide the encoding from treq, which would open it without a limit."""
    encodings = response.headers.getRawHeaders(b"Content-Encoding", [])
    if encodings:
        response.headers.removeHeader(b"Content-Encoding")
        response.headers.setRawHeaders(_ENCODING, [b",".join(encodings).lower().strip()])
    return response


class _Body(Protocol):
    """Collects an answer's body up to the limit."""

    def __init__(self, encoding: bytes, limit: int) -> None:
        self.done: Deferred[bytes] = Deferred(lambda _: self._abort())
        self._parts: list[bytes] = []
        self._limit = self._left = limit
        self._inflate = zlib.decompressobj(31) if encoding in (b"gzip", b"x-gzip") else None
        self._ended = False

    def dataReceived(self, data: bytes) -> None:
        """Take octets; beyond the limit nothing more is taken."""
        if self._ended:
            return
        if self._inflate is not None:
            try:
                data = self._inflate.decompress(data, self._left + 1)
            except zlib.error:
                self._fail(FaultKind.MALFORMED, "the answer is no gzip, though it says so")
                return
        self._left -= len(data)
        if self._left < 0:
            self._parts.clear()
            self._fail(FaultKind.TOO_LARGE, f"the answer is longer than {self._limit >> 10} KiB")
            return
        self._parts.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The body is over, or broke off."""
        if self._ended:
            return
        if self._inflate is not None and not self._inflate.eof:
            self._fail(FaultKind.MALFORMED, "the compressed answer breaks off")
        elif reason.check(ResponseDone, PotentialDataLoss) is None:
            self._fail(FaultKind.UNREACHABLE, "the answer breaks off")
        else:
            self._ended = True
            self.done.callback(b"".join(self._parts))

    def _fail(self, kind: FaultKind, text: str) -> None:
        self._ended = True
        self._abort()
        self.done.errback(ProviderFault(kind, text))

    def _abort(self) -> None:
        """End the connection at once: a polite close would wait for the rest."""
        self._ended = True
        transport: Any = self.transport
        # Twisted's response hands out a proxy of its transport that cannot abort.
        for candidate in (transport, getattr(transport, "_producer", None)):
            abort = getattr(candidate, "abortConnection", None)
            if abort is not None:
                abort()
                return
        if transport is not None:
            transport.stopProducing()


class Web:
    """Calls one origin (see the module)."""

    def __init__(
        self, agent: IAgent, origin: Origin, clock: Clock, deadline_s: int = ANSWER_S
    ) -> None:
        """A call that has not ended after ``deadline_s`` seconds is given up, wherever it is."""
        self.origin = origin
        self._agent = PinnedAgent(agent, origin)
        self._clock = clock
        self._deadline_s = deadline_s

    async def get(self, request: Request) -> Reply:
        """Send a GET and return the whole answer, whatever its status but 3xx.

        Raises `ProviderFault`: UNREACHABLE, DEADLINE, TOO_LARGE, REDIRECT or MALFORMED.
        """
        exchange = Deferred.fromCoroutine(self._exchange(request))
        timer = self._clock.call_later(self._deadline_s, exchange.cancel)
        try:
            return await exchange
        except CancelledError:
            raise ProviderFault(
                FaultKind.DEADLINE, f"no whole answer within {self._deadline_s} seconds"
            ) from None
        except (ResponseFailed, ResponseNeverReceived) as error:
            if not timer.active:
                raise ProviderFault(FaultKind.DEADLINE, "no answer in time") from None
            raise ProviderFault(FaultKind.UNREACHABLE, _reason(error)) from None
        except (ConnectError, ConnectionClosed, DNSLookupError, OSError) as error:
            raise ProviderFault(FaultKind.UNREACHABLE, _reason(error)) from None
        finally:
            timer.cancel()

    async def _exchange(self, request: Request) -> Reply:
        headers = Headers()
        for name, value in request.headers:
            plain = value.reveal() if isinstance(value, Secret) else value.encode("ascii")
            headers.addRawHeader(name.encode("ascii"), plain)
        response: Any = await HTTPClient(self._agent).get(
            f"{self.origin}{request.path}",
            params=list(request.query),
            headers=headers,
            allow_redirects=False,
            unbuffered=True,
        )
        encoding = _first(response.headers, _ENCODING).encode("ascii", "replace")
        body = _Body(encoding, request.body_max)
        response.deliverBody(body)
        if 300 <= response.code < 400:
            body.done.addErrback(lambda _: None)
            body.done.cancel()
            where = _first(response.headers, b"Location")[:SAID_MAX]
            raise ProviderFault(
                FaultKind.REDIRECT,
                f"it sends us to {where or 'another address'}; we follow nobody with a key",
            )
        if encoding not in (b"", b"identity", b"gzip", b"x-gzip"):
            body.done.addErrback(lambda _: None)
            body.done.cancel()
            raise ProviderFault(FaultKind.MALFORMED, "the answer is packed in a way not asked for")
        return Reply(
            status=response.code,
            content_type=_first(response.headers, b"Content-Type").partition(";")[0].lower(),
            retry_after_s=self._retry_after(_first(response.headers, b"Retry-After")),
            body=await body.done,
        )

    def _retry_after(self, text: str) -> int:
        """Return what a Retry-After header means in seconds, 0 for none or nonsense."""
        text = text.strip()
        if text.isascii() and text.isdigit():
            return int(text[:9])
        try:
            moment = parsedate_to_datetime(text)
            now = datetime.fromtimestamp(self._clock.wall_ns() // 1_000_000_000, UTC)
            return max(0, int((moment.astimezone(UTC) - now).total_seconds()))
        except (ValueError, TypeError, OverflowError, IndexError):
            return 0


def _first(headers: Headers, name: bytes) -> str:
    values: Any = headers.getRawHeaders(name)
    return values[0].decode("latin-1") if values else ""


def _reason(error: BaseException) -> str:
    reasons: Iterable[Any] = getattr(error, "reasons", None) or [Failure(error)]
    return "; ".join(each.getErrorMessage() for each in reasons)[:SAID_MAX] or "no connection"


class Connections:
    """The real network: connections that are kept between calls, TLS judged by the platform."""

    def __init__(self, reactor: IReactorTime) -> None:
        self._pool = HTTPConnectionPool(reactor, persistent=True)
        # Given up before a server would: a call on a connection it has just closed is repeated
        # on a new one, by Twisted, and the provider has not seen the first.
        self._pool.cachedConnectionTimeout = IDLE_S
        # Two lines of log for every connection would bury the rest; the pool has no setting for it.
        quiet: Any = type("QuietFactory", (self._pool._factory,), {"noisy": False})
        self._pool._factory = quiet
        self.agent: IAgent = Agent(
            reactor, BrowserLikePolicyForHTTPS(), connectTimeout=CONNECT_S, pool=self._pool
        )

    async def close(self) -> None:
        """Close what is kept."""
        await self._pool.closeCachedConnections()
