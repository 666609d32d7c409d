"""Accepting connections within caps: in total, per address, per second; before TLS begins.

A TLS handshake costs about a millisecond of the processor, so a refused connection is closed
before it: `AcceptorFactory` is the outermost factory, TLS is within it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from ipaddress import IPv6Address, ip_address
from typing import Any, Final, cast
from typing import Protocol as Interface

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    ILoggingContext,
    IOpenSSLServerConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
)
from twisted.logger import Logger
from zope.interface import implementer

from papertrader.core.buckets import TokenBucket
from papertrader.core.instants import SECOND
from papertrader.net.clock import Clock
from papertrader.net.handshakes import HandshakeQueue, PacedFactory
from papertrader.wire import limits

ACCEPT_RATE: Final = 10
ACCEPT_BURST: Final = 30
"""New connections a second from one address, and how many at once."""
TOTAL_RATE: Final = 200
TOTAL_BURST: Final = 100
"""New connections a second from all addresses together, and how many at once: a connection costs
two milliseconds from its handshake to its end, so that newcomers get less than half of the time."""
ADDRESSES_MAX: Final = 10_000
"""Addresses remembered. Beyond it the longest unseen one without a connection is forgotten."""
TELL_S: Final = 60
"""How often refused connections are told in the log: the first at once, then their number."""
LOCAL: Final = "local"
"""Where peers without an IP address are counted."""


@attrs.define(slots=True)
class Files:
    """What all ports of a process have for connections, of the files that it may open."""

    most: int
    taken: int = 0


@attrs.frozen(kw_only=True)
class AcceptCaps:
    """How many connections are taken. ``files`` are shared by all ports that are given them."""

    total: int = limits.CONNECTIONS_MAX
    per_address: int = limits.CONNECTIONS_PER_ADDRESS
    rate: int = ACCEPT_RATE
    burst: int = ACCEPT_BURST
    total_rate: int = TOTAL_RATE
    total_burst: int = TOTAL_BURST
    files: Files | None = None


@attrs.define(slots=True, kw_only=True)
class AcceptCounters:
    """What became of the connections that arrived."""

    accepted: int = 0
    over_total: int = 0
    over_files: int = 0
    over_address: int = 0
    over_rate: int = 0
    over_total_rate: int = 0
    banned: int = 0

    @property
    def refused(self) -> int:
        """All that were closed before TLS."""
        by_rate = self.over_rate + self.over_total_rate
        over = self.over_total + self.over_files + self.over_address
        return over + by_rate + self.banned


@attrs.define(slots=True)
class _Origin:
    """One address: its open connections, its rate, its ban."""

    bucket: TokenBucket
    connections: int = 0
    banned_until: int = 0


def address_block(address: object) -> str:
    """Return what an address is counted as: IPv4 /32, IPv6 /64, or `LOCAL`."""
    host = getattr(address, "host", None)
    if not isinstance(host, str):
        return LOCAL
    try:
        ip = ip_address(host.partition("%")[0])
    except ValueError:
        return LOCAL
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(IPv6Address(int(ip) >> 64 << 64)) + "/64"
    return str(ip)


class Admission:
    """Decides which connections are taken, and remembers the addresses they come from."""

    def __init__(self, clock: Clock, caps: AcceptCaps) -> None:
        self.caps = caps
        self.counters = AcceptCounters()
        self.connections = 0
        self.why = ""
        """Which cap the newest refused connection met."""
        self._files = caps.files
        self._clock = clock
        self._origins: OrderedDict[str, _Origin] = OrderedDict()
        self._all = TokenBucket(caps.total_rate, caps.total_burst, clock.monotonic_ns())

    def admit(self, block: str) -> bool:
        """Take one connection from ``block`` (see `address_block`), or count it as refused."""
        now = self._clock.monotonic_ns()
        origin = self._origin(block, now)
        if self._files is not None and self._files.taken >= self._files.most:
            self.counters.over_files += 1
            self.why = (
                f"{self._files.most} connections are open, and this process may open no more files;"
                " raise the limit (ulimit -n, or LimitNOFILE= of the unit)"
            )
        elif self.connections >= self.caps.total:
            self.counters.over_total += 1
            self.why = f"{self.caps.total} connections are open"
        elif now < origin.banned_until:
            self.counters.banned += 1
            self.why = "the address is banned"
        elif origin.connections >= self.caps.per_address:
            self.counters.over_address += 1
            self.why = f"the address has {self.caps.per_address} connections open"
        elif not origin.bucket.take(now):
            self.counters.over_rate += 1
            self.why = f"the address makes more than {self.caps.rate} a second"
        elif not self._all.take(now):
            self.counters.over_total_rate += 1
            self.why = f"all together make more than {self.caps.total_rate} a second"
        else:
            origin.connections += 1
            self.connections += 1
            if self._files is not None:
                self._files.taken += 1
            self.counters.accepted += 1
            return True
        return False

    def release(self, block: str) -> None:
        """Give back what `admit` took."""
        self.connections -= 1
        if self._files is not None:
            self._files.taken -= 1
        self._origins[block].connections -= 1

    def ban(self, block: str, seconds: int) -> None:
        """Refuse new connections from ``block`` for so long."""
        now = self._clock.monotonic_ns()
        self._origin(block, now).banned_until = now + seconds * SECOND

    def _origin(self, block: str, now: int) -> _Origin:
        origin = self._origins.get(block)
        if origin is None:
            if len(self._origins) >= ADDRESSES_MAX:
                self._forget_one()
            bucket = TokenBucket(self.caps.rate, self.caps.burst, now)
            origin = self._origins[block] = _Origin(bucket)
        else:
            self._origins.move_to_end(block)
        return origin

    def _forget_one(self) -> None:
        # At most `total` origins have a connection, so an idle one is near the front.
        for block, origin in self._origins.items():
            if not origin.connections:
                del self._origins[block]
                return


class Accepted(Interface):
    """What an `AcceptorFactory` must know of the protocols that it builds."""

    when_lost: Callable[[], None] | None
    """Called last, when the transport is gone."""

    def say_goodbye(self, code: int, text: str = "") -> Any:
        """End in an orderly way."""

    def abort(self) -> None:
        """Cut the connection."""


@implementer(IProtocolFactory, ILoggingContext)
class AcceptorFactory:
    """Builds one protocol per admitted connection and knows those that live.

    ``build`` makes the protocol for a peer's address. ``tls`` is given for every real network;
    without it the link is plain (tests, a socket that another program protects). ``reactor`` times
    the gathering of small TLS records.
    """

    log = Logger()

    def __init__(
        self,
        build: Callable[[IAddress], Accepted],
        clock: Clock,
        *,
        caps: AcceptCaps | None = None,
        tls: IOpenSSLServerConnectionCreator | None = None,
        reactor: IReactorTime | None = None,
    ) -> None:
        self.name = "listening"
        """What the log calls the port; its setting, once a service has it."""
        self.admission = Admission(clock, caps or AcceptCaps())
        self.handshakes = HandshakeQueue(clock)
        self._clock = clock
        self._told_at = 0
        self._told = 0
        self._build = build
        self._protocols: set[Accepted] = set()
        self._waiting: list[Deferred[None]] = []
        inner: IProtocolFactory = _Within(self)
        if tls is not None:
            inner = PacedFactory(tls, inner, reactor, self.handshakes)
        self._inner = inner

    def __iter__(self) -> Iterator[Accepted]:
        return iter(list(self._protocols))

    @property
    def counters(self) -> AcceptCounters:
        """What became of the connections that arrived."""
        return self.admission.counters

    def logPrefix(self) -> str:
        """Return what the log calls the port."""
        return self.name

    def doStart(self) -> None:
        """A port began to listen; nothing to prepare."""

    def doStop(self) -> None:
        """A port ended; the connections go on until they end."""

    def buildProtocol(self, addr: IAddress) -> IProtocol | None:
        """Return the protocol for a new connection, or None to close it before TLS."""
        block = address_block(addr)
        if not self.admission.admit(block):
            self._tell_refused(block)
            return None
        try:
            return self._inner.buildProtocol(addr)
        except BaseException:
            self.admission.release(block)
            raise

    def _tell_refused(self, block: str) -> None:
        now, refused = self._clock.monotonic_ns(), self.counters.refused
        if self._told and now - self._told_at < TELL_S * SECOND:
            return
        count, self._told, self._told_at = refused - self._told, refused, now
        self.log.warn(
            "{port}: {count} connection(s) closed before TLS, the newest of {block}: {why}",
            port=self.name, count=count, block=block, why=self.admission.why,
        )  # fmt: skip

    def when_empty(self) -> Deferred[None]:
        """Return a Deferred that fires when no connection is left (at once if there is none)."""
        waiting: Deferred[None] = Deferred()
        if self._protocols:
            self._waiting.append(waiting)
        else:
            waiting.callback(None)
        return waiting

    def abort_all(self) -> None:
        """Cut every connection."""
        for protocol in list(self._protocols):
            protocol.abort()

    def _made(self, addr: IAddress) -> Accepted:
        protocol = self._build(addr)
        block = address_block(addr)

        def lost() -> None:
            self._protocols.discard(protocol)
            self.admission.release(block)
            if not self._protocols:
                waiting, self._waiting = self._waiting, []
                for each in waiting:
                    each.callback(None)

        protocol.when_lost = lost
        self._protocols.add(protocol)
        return protocol


@implementer(IProtocolFactory)
class _Within:
    """What stands inside TLS."""

    def __init__(self, outer: AcceptorFactory) -> None:
        self._outer = outer

    def doStart(self) -> None:
        """Nothing: the outer factory is what is started."""

    def doStop(self) -> None:
        """Nothing: the outer factory is what is stopped."""

    def buildProtocol(self, addr: IAddress) -> IProtocol | None:
        return cast("IProtocol", self._outer._made(addr))
