"""HTTP within bounds: what stands between the network and any page or service of a worker.

`WebSite` builds the connections, `BoundedRequest` refuses what no request here needs (bodies above
its bound, methods other than those allowed), `WebConnection` ends a connection that outstays its
time. Twisted bounds the head of a request itself (16 KiB, 500 fields); it bounds neither a body nor
the time that a connection may take, so both are bounded here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from ipaddress import ip_address
from typing import Any, Final

from twisted.internet.interfaces import IAddress, IReactorTime, ITransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.error import UnsupportedMethod
from twisted.web.http import HTTPChannel
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request, Site

from papertrader.net.clock import Clock, Timer

BODY_MAX: Final = 64 * 1024
"""Octets of a request's body: 413, and the connection is closed."""
IDLE_S: Final = 15
"""Seconds without an octet between requests, or within one: the connection is closed."""
LIFE_S: Final = 120
"""Seconds from the beginning of a connection to its end, unless it was upgraded: then it is cut."""

SAFE_HEADERS: Final[dict[str, str]] = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:",
            "font-src 'self'", "connect-src 'self'", "manifest-src 'self'", "base-uri 'none'",
            "form-action 'none'", "frame-ancestors 'none'",
        )
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}  # fmt: skip
"""On every answer: nothing from another host, no inline code, no frames around the page."""

STRICT_TRANSPORT: Final[dict[str, str]] = {
    "off": "",
    "host": "max-age=31536000",
    "subdomains": "max-age=31536000; includeSubDomains",
    "forget": "max-age=0",
}
"""What the operator may choose, and the ``Strict-Transport-Security`` (RFC 6797) that it means."""
_LOCAL_DOMAINS: Final = frozenset(
    {"corp", "home", "internal", "invalid", "lan", "local", "localhost", "test"}
)


def strict_transport(choice: str, authority: str) -> str:
    """Return the header's value for an answer under a ``Host``, "" for none.

    A browser keeps it for a year, for every port of the host. Names of one machine or of one
    house (``localhost``, ``nas.lan``, addresses) get none: whatever else speaks plain HTTP there
    would be out of reach.
    """
    name = host_name(authority).rstrip(".")
    if "." not in name or name.endswith(".home.arpa") or name.rpartition(".")[2] in _LOCAL_DOMAINS:
        return ""
    try:
        ip_address(name)
    except ValueError:
        return STRICT_TRANSPORT[choice]
    return ""


class BoundedRequest(Request):
    """A request whose body is bounded; of a chunked one the octets are counted as they come."""

    def __init__(self, channel: HTTPChannel, queued: object = None) -> None:
        super().__init__(channel)  # type: ignore[no-untyped-call]
        self._body_octets = 0
        self._refused = False
        """There is no buffer for the rest of its body."""

    def gotLength(self, length: int | None) -> None:
        """Take the length of the body, None for a chunked one; too long a one is refused at once,
        before a buffer is made for it."""
        if length is not None and length > BODY_MAX:
            self._too_large()
            return
        super().gotLength(length)  # type: ignore[no-untyped-call]

    def handleContentChunk(self, data: bytes) -> None:
        """Take a piece of the body."""
        self._body_octets += len(data)
        if self._refused or self._body_octets > BODY_MAX:
            self._too_large()
            return
        super().handleContentChunk(data)  # type: ignore[no-untyped-call]

    def process(self) -> None:
        """Render the resource, with the headers that every answer has."""
        for name, value in SAFE_HEADERS.items():
            self.setHeader(name, value)  # type: ignore[no-untyped-call]
        choice = getattr(getattr(self.channel, "site", None), "strict_transport", "off")
        strict = strict_transport(choice, self.getHeader("Host") or "")
        if strict:
            self.setHeader("Strict-Transport-Security", strict)  # type: ignore[no-untyped-call]
        connection = getattr(self.channel, "web_connection", None)
        if connection is not None:
            connection.renew()
        super().process()  # type: ignore[no-untyped-call]

    def render(self, resrc: IResource) -> None:
        """Render a resource; a method that it has not is refused in a sentence, not on a page."""
        super().render(_Plainly(resrc))  # type: ignore[no-untyped-call]

    def _too_large(self) -> None:
        self._refused = True
        channel = self.channel
        if isinstance(channel, WebChannel):
            channel.refuse(b"413 Content Too Large")


class _Plainly:
    """A resource of this request, as the request renders it."""

    def __init__(self, resource: IResource) -> None:
        self._resource = resource

    def render(self, request: Request) -> bytes | int:
        """Return what the resource does; raises `UnsupportedMethod` where HEAD becomes GET."""
        try:
            answer: bytes | int = self._resource.render(request)
        except UnsupportedMethod as error:
            allowed: list[bytes] = sorted(error.allowedMethods)
            if request.method == b"HEAD" and b"GET" in allowed:
                raise
            request.setHeader("Allow", b", ".join(allowed).decode())
            named = " and ".join(each.decode() for each in allowed)
            return Refusal(405, f"only {named} are answered here").render(request)
        return answer


class WebConnection(Protocol):
    """One connection with a browser, over whatever Twisted builds for it.

    ``when_lost`` is called last, ``leave`` before it. A connection that is not `upgraded` ends
    after `LIFE_S`, counted from its beginning or, if ``renewable``, its last complete request.
    """

    def __init__(
        self,
        inner: Any,
        clock: Clock,
        renewable: bool = False,
        leave: Callable[[WebConnection], None] | None = None,
    ) -> None:
        self.when_lost: Callable[[], None] | None = None
        self.has_asked = False
        """A request was complete."""
        self._leave = leave
        self._renewable = renewable
        self._inner = inner
        self._clock = clock
        self._link: Any = None
        self._timer: Timer | None = None

    def makeConnection(self, transport: ITransport) -> None:
        """Begin."""
        self._timer = self._clock.call_later(LIFE_S, self.abort)
        self.transport = transport
        self._link = transport
        self.connected = 1
        self._inner.makeConnection(transport)
        self._inner.web_connection = self

    def renew(self) -> None:
        """Count from now on: a request is complete."""
        self.has_asked = True
        if self._renewable and self._timer is not None:
            self._timer.cancel()
            self._timer = self._clock.call_later(LIFE_S, self.abort)

    def upgraded(self) -> None:
        """Let the connection live: it is another protocol's now, with deadlines of its own."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def dataReceived(self, data: bytes) -> None:
        """Pass octets on."""
        self._inner.dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End."""
        self.upgraded()
        self._inner.connectionLost(reason)
        if self._leave is not None:
            self._leave(self)
        when_lost, self.when_lost = self.when_lost, None
        if when_lost is not None:
            when_lost()

    def say_goodbye(self, code: int, text: str = "") -> None:
        """End in an orderly way: HTTP has no last words."""
        if self._link is not None:
            self._link.loseConnection()

    def abort(self) -> None:
        """Cut the connection at once."""
        if self._link is not None:
            self._link.abortConnection()


class WebChannel(HTTPChannel):
    """HTTP/1.1 on one connection."""

    web_connection: WebConnection | None = None
    site: Site
    abortTimeout = None  # type: ignore[assignment]
    _ended = False

    def refuse(self, status: bytes) -> None:
        """Answer what is not read to its end, and close the connection."""
        if self._ended or self.transport is None:
            return
        self.transport.write(
            b"HTTP/1.1 " + status + b"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        )
        # Not the transport's: TLS is only shut down when its producer, the channel, has left it.
        self.loseConnection()

    def loseConnection(self) -> None:
        """Close the connection when what was written is out."""
        if not self._ended:
            self._ended = True
            super().loseConnection()  # type: ignore[no-untyped-call]

    def dataReceived(self, data: bytes) -> None:
        """Read what comes; TLS goes on to deliver until the other end has closed as well."""
        if not self._ended:
            super().dataReceived(data)  # type: ignore[no-untyped-call]

    def lineLengthExceeded(self, line: bytes) -> None:
        """A line of a head that does not end."""
        self.refuse(b"431 Request Header Fields Too Large")

    def timeoutConnection(self) -> None:
        """Cut a connection on which nothing has come for `IDLE_S`, without a word to the log."""
        if self.web_connection is not None:
            self.web_connection.abort()


class WebSite(Site):
    """Builds the connections of one port: `WebConnection` around `WebChannel`.

    ``idle_s`` is the longest silence on one. ``renewable``: they live as long as requests come, for
    programs that keep theirs open and must not lose one within a request. ``strict_transport`` is
    one of `STRICT_TRANSPORT`. ``crowd``: with so many open, a new one takes the place of the oldest
    that has asked nothing yet, or of the oldest; 0: of none.
    """

    def __init__(
        self,
        root: Resource,
        clock: Clock,
        reactor: IReactorTime,
        idle_s: int = IDLE_S,
        renewable: bool = False,
        strict_transport: str = "off",
        crowd: int = 0,
    ) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            root, requestFactory=BoundedRequest, timeout=idle_s
        )
        self._renewable = renewable
        self.strict_transport = strict_transport
        self.displayTracebacks = False
        self._clock = clock
        self._reactor = reactor
        self.made_room = 0
        """Connections that were cut for newer ones."""
        self._crowd = crowd
        # In the order in which they came. What is cut is out of it before it is lost.
        self._open: dict[WebConnection, None] = {}

    def build(self, peer: IAddress) -> WebConnection:
        """Return the protocol of a new connection."""
        channel: Any = WebChannel()  # type: ignore[no-untyped-call]
        channel.requestFactory = self.requestFactory
        channel.site = self
        channel.factory = self
        channel.timeOut = self.timeOut
        # Twisted's own time-out of a silent connection needs the calls of a reactor.
        channel.callLater = self._reactor.callLater
        if not self._crowd:
            return WebConnection(channel, self._clock, self._renewable)
        if len(self._open) >= self._crowd:
            self._make_room()
        connection = WebConnection(channel, self._clock, self._renewable, self._left)
        self._open[connection] = None
        return connection

    def _make_room(self) -> None:
        silent = (each for each in self._open if not each.has_asked)
        going = next(silent, None) or next(iter(self._open))
        del self._open[going]
        self.made_room += 1
        going.abort()

    def _left(self, connection: WebConnection) -> None:
        self._open.pop(connection, None)

    def log(self, request: object) -> None:
        """Write no access log: what was asked for may say who someone is."""


def host_name(authority: str) -> str:
    """Return the host of ``host``, ``host:port`` or ``[v6]:port``, in lower case."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0].lower()
    return authority.partition(":")[0].lower()


class Gate(Resource):
    """Lets only requests through that were meant for this host.

    A page of another site may have a browser send requests here; it cannot forge ``Origin``. A name
    of another site may be made to point here; then ``Host`` is not one of our ``names``, which are
    looked at for each request: they follow the certificate.
    """

    def __init__(self, names: Collection[str], within: Resource) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.refused = 0
        self._names = names
        self._within = within

    def getChild(self, path: bytes, request: Request) -> Resource:
        """Return what is within, or why not."""
        if not self.admits(request):
            self.refused += 1
            return Refusal(403, "this page answers only under its own name")
        child: Resource = self._within.getChildWithDefault(path, request)
        return child

    def admits(self, request: IRequest) -> bool:
        """Tell whether Host is ours and Origin, if the browser sent one, is the same."""
        host = request.getHeader("Host") or ""
        name = host_name(host)
        # A certificate for *.example.org is for one more label, as TLS has it.
        ours = {each.lower() for each in self._names}
        if not ours & {name, f"*.{name.partition('.')[2]}"}:
            return False
        origin = request.getHeader("Origin")
        return origin is None or origin.lower() == f"https://{host.lower()}"


class Refusal(Resource):
    """Answers any request with a status and one sentence."""

    isLeaf = True

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._code = code
        self._sentence = sentence

    def render(self, request: Request) -> bytes:
        """Return the sentence."""
        request.setResponseCode(self._code)
        request.setHeader("Content-Type", "text/plain; charset=utf-8")
        return f"{self._sentence}\n".encode()


class Health(Resource):
    """``/health``: 200 and "ok", or 503 and why not."""

    isLeaf = True

    def __init__(self, trouble: Callable[[], str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._trouble = trouble

    def render_GET(self, request: Request) -> bytes:
        """Return how it is."""
        trouble = self._trouble()
        request.setHeader("Content-Type", "text/plain; charset=utf-8")
        request.setHeader("Cache-Control", "no-store")
        if trouble:
            request.setResponseCode(503)
        return f"{trouble or 'ok'}\n".encode()
