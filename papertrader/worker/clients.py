"""Client connections: what a client may ask, how often, and who answers.

A request is refused here when it breaks a limit, answered here when it is public and known here,
and otherwise relayed to the master without a look at its body.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

import attrs
from OpenSSL.SSL import Connection as TlsConnection

from papertrader.core.buckets import TokenBucket
from papertrader.core.instants import MILLISECOND, SECOND
from papertrader.eventlog.trail import TRAILED, Note, status_name
from papertrader.net.clock import Clock, Timer
from papertrader.net.protocol import Closed, FrameProtocol, Gathering, OutputBounds, Reason
from papertrader.wire import codec, kinds, limits
from papertrader.wire.codec import EVENT, MORE, RESPONSE, Fields, Header
from papertrader.wire.connection import Link
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import (
    WITHOUT_SESSION,
    ClosedBy,
    Opcode,
    RelayDownFlag,
    Role,
    Scope,
    Status,
    TlsVersion,
)
from papertrader.wire.messages import (
    REQUESTS,
    Cancel,
    ClientClose,
    ClientOpen,
    LoginReply,
    RelayCredit,
    ResumeReply,
    SessionEvent,
    WorkerRow,
)
from papertrader.worker.cache import CACHEABLE, ENTRY_OCTETS, request_key
from papertrader.worker.market import Market
from papertrader.worker.stamping import ClientData, Envelope
from papertrader.worker.statistics import WorkerStatistics

RELAYED_FIRST: Final = 0x0101
RELAYED_LAST: Final = 0x06FF
"""Opcodes that a client may ask the master."""
SESSION_BEGINS: Final = frozenset({Opcode.LOGIN, Opcode.RESUME})
RETRY_AFTER_MS: Final = 1_000
"""What clients that are sent away are told to wait if there is no other worker."""
CREDIT_STEP: Final = limits.RELAY_CREDIT_OCTETS // 2
"""More credit is given when a client has taken so much: rarely, and before it runs out."""
REFUSED_MAX: Final = 32
"""Requests refused as RATE_LIMITED in a second before a client is not listened to for a while."""
_CANCEL: Final = int(Opcode.CANCEL)
_TLS_VERSIONS: Final = {"TLSv1.2": TlsVersion.TLS12, "TLSv1.3": TlsVersion.TLS13}
_ATTACHED: Final = (Status.OK, Status.RESUME_GAP)
"""With RESUME_GAP the session lives; only some of its events are lost."""
# Plain integers: the operators of IntFlag are slow, and each frame passes here.
_CACHEABLE: Final = int(RelayDownFlag.CACHEABLE)
_CLOSE: Final = int(RelayDownFlag.CLOSE)
_EV_SESSION: Final = int(Opcode.EV_SESSION)
_NOTEWORTHY: Final = frozenset(
    map(int, (Opcode.LOGIN, Opcode.RESUME, Opcode.LOGOUT, Opcode.QUOTE_GET, Opcode.TOTP_ENABLE))
)
"""Replies that change what the worker knows."""
_unpack: Final = codec.HEADER.unpack_from
_OUTER: Final = (Role.CLIENT, Role.TOOL)


@attrs.define(slots=True, eq=False)
class OpenRequest:
    """A relayed request that the master has not answered yet.

    ``octets`` is the client's frame, kept as long as it may have to be relayed again: until it was
    written once, and, without a session, until it is answered. ``worker_seq`` is 0 until then.
    """

    client: ClientProtocol
    opcode: int
    session: int
    correlation: int
    received_at: int
    octets: bytes
    worker_seq: int = 0
    cache_key: bytes = b""
    symbols: tuple[bytes, ...] = ()
    parts: Sequence[bytes] = ()
    parts_octets: int = 0


class Relay(Protocol):
    """The way to the master, as the clients see it."""

    def relay(self, request: OpenRequest) -> Status:
        """Send a request on, or keep it until the link is back; OK, or why it was not taken."""

    def pass_on(self, notice: OpenRequest) -> None:
        """Send on what has no answer, if the link is active and has room; else it is dropped."""

    def answered(self, request: OpenRequest) -> None:
        """A request relayed before is open no more."""

    def tell(self, message: ClientOpen | ClientClose | RelayCredit) -> None:
        """Send the master a notice if the link is active."""


class Clients:
    """The connections that said HELLO, by number. Numbers start at 1 and are never used again."""

    def __init__(self) -> None:
        self._living: dict[int, ClientProtocol] = {}
        self._last = 0
        self.others: tuple[WorkerRow, ...] = ()
        """The other workers that take clients, as the master told."""
        self.admitting = True
        """False: the worker is drained; whoever comes is sent to the others."""

    def __len__(self) -> int:
        return len(self._living)

    def __iter__(self) -> Iterator[ClientProtocol]:
        return iter(list(self._living.values()))

    def next_number(self) -> int:
        """Return the number of a new connection."""
        self._last += 1
        return self._last

    def get(self, number: int) -> ClientProtocol | None:
        """Return the connection of that number if it lives."""
        return self._living.get(number)

    def add(self, client: ClientProtocol) -> None:
        """Take in a connection."""
        self._living[client.number] = client

    def remove(self, client: ClientProtocol) -> None:
        """Forget a connection."""
        self._living.pop(client.number, None)

    @property
    def sessions(self) -> int:
        """How many of them have a session."""
        return sum(client.session != 0 for client in self._living.values())

    @property
    def queued(self) -> int:
        """Octets that wait for all of them."""
        return sum(client.queued for client in self._living.values())


@attrs.frozen(kw_only=True)
class Surroundings:
    """What all client connections of a worker share."""

    clock: Clock
    clients: Clients
    relay: Relay
    market: Market
    statistics: WorkerStatistics
    gathering: Gathering
    bounds: OutputBounds = attrs.Factory(OutputBounds)
    command_rate: int = limits.COMMAND_RATE
    command_burst: int = limits.COMMAND_BURST
    worker_id: int = 0
    trail: Note | None = None
    """Writes down what becomes of commands; None: nobody wants to know."""


class ClientProtocol(FrameProtocol):
    """One client's connection."""

    def __init__(self, link: Link, data: ClientData, around: Surroundings) -> None:
        super().__init__(link, around.clock, bounds=around.bounds, gathering=around.gathering)
        self.number = link.connection_id
        self.data = data
        self.envelope = Envelope(self.number, data)
        self.session = 0
        self.confined = False
        """Whether the session lacks a second factor that is demanded: the master answers all."""
        self.open: dict[int, OpenRequest] = {}
        self.opened_at = 0
        self._detached_session = 0
        self._refused_since = 0
        self._refused_lately = 0
        self._throttled: Timer | None = None
        self._relayed = 0
        self._granted = limits.RELAY_CREDIT_OCTETS
        self._relay = around.relay
        self._market = around.market
        self._around = around
        self._statistics = around.statistics
        self._commands = TokenBucket(
            around.command_rate, around.command_burst, around.clock.wall_ns()
        )
        # One table for all: a table of its own would be a kilobyte of each idle client.
        self._public = around.market.public

    # --- from the client ------------------------------------------------------------------------

    def opened(self) -> None:
        """Announce the client to the master."""
        if self.connection.peer is None or self.connection.peer.role not in _OUTER:
            raise RemoteFault(Status.OPCODE_FORBIDDEN, "only clients connect here")
        if not self._around.clients.admitting:
            self.say_goodbye(Status.SHUTDOWN, "this worker takes no more clients")
            return
        self.opened_at = self.clock.stamp_ns()
        self._around.clients.add(self)
        self._relay.tell(self.announcement())

    def note(self, request: OpenRequest, what: str) -> None:
        """Write into the trail of a request, whose opcode leaves one, what becomes of it."""
        trail = self._around.trail
        if trail is not None:
            text = f"{TRAILED[request.opcode]} {what}"
            trail(text, self._around.worker_id, self.number, request.correlation)

    def announcement(self) -> ClientOpen:
        """Return what the master is told about this client; its credit begins anew with it."""
        self._relayed, self._granted = 0, limits.RELAY_CREDIT_OCTETS
        return ClientOpen(
            connection=self.number,
            opened_at=self.opened_at,
            address=self.data.address,
            port=self.data.port,
            family=self.data.family,
            tls=self._tls_version(),
            software=self.connection.peer.software if self.connection.peer else None,
        )

    def fields_received(self, fields: Fields, octets: bytes) -> None:
        """Refuse, answer or relay one request; nothing is made of its header on the way."""
        opcode, session, correlation = fields[4], fields[8], fields[9]
        received_at = self.clock.stamp_ns()
        if opcode == _CANCEL:
            self._cancel(Header._make(fields), octets, received_at)
            return
        waiting = self.open
        if not correlation or correlation in waiting:
            if correlation:
                raise RemoteFault(Status.DUPLICATE_CORRELATION, f"request {correlation} is open")
            raise RemoteFault(Status.PROTOCOL_STATE, "a request needs a correlation other than 0")
        if not self._commands.take(received_at):
            self._statistics.rate_limited += 1
            wait_ms = self._commands.wait_ms()
            self.refuse(Header._make(fields), Status.RATE_LIMITED, "too many requests", wait_ms)
            self._throttle(received_at)
            return
        mine = session and session == self.session and RELAYED_FIRST <= opcode <= RELAYED_LAST
        if not mine and not self._may_ask(Header._make(fields)):
            return
        public = None if self.confined else self._public.get(opcode)
        if public is not None and self._served(public, Header._make(fields), octets):
            return
        if len(waiting) >= limits.INFLIGHT_MAX:
            self._statistics.over_inflight += 1
            text = f"{limits.INFLIGHT_MAX} requests are open; wait for an answer"
            self.refuse(Header._make(fields), Status.TOO_MANY_INFLIGHT, text)
            return
        request = OpenRequest(self, opcode, session, correlation, received_at, octets)
        if public is not None and opcode in CACHEABLE:
            request.cache_key = request_key(octets)
            if opcode == Opcode.QUOTE_GET:
                request.symbols = self._market.symbols_of(Header._make(fields), octets)
        status = self._relay.relay(request)
        if status:
            self._statistics.unavailable += 1
            text = "the master cannot be asked now; try again"
            self.refuse(Header._make(fields), status, text, 1000)
        else:
            waiting[correlation] = request

    def forestalled(self, data: bytes, now: int) -> int:
        """Answer QUOTE_GETs of the session that were asked before, all of a read by few writes.

        What `fields_received` looks at is looked at here as well: a known question is a frame that
        was read without a fault, and only its address is new. Whatever is not so plain (an open
        request, another session, no tokens left, quotes that are not here) is left to it.
        """
        market, done = self._market, 0
        while self.session and not (
            self.open or self._reading_paused or self.ended or self.confined
        ):
            question = market.questions.at(data, done)
            if question is None:
                break
            addresses = question.addresses(data, done, self.session.to_bytes(4, "big"))
            tail = market.tail(question) if addresses else None
            if tail is None:
                break
            count = self._commands.take_up_to(now, len(addresses))
            if not count:
                break
            between = tail + question.answer_head
            answers = question.answer_head + between.join(addresses[:count]) + tail
            self.send(answers, count)
            self.counters.frames_in += count
            self._statistics.served += count
            done += count * question.size
        return done

    def _throttle(self, now: int) -> None:
        """Listen no more to a flood for as long as its refused requests would have taken at the
        rate allowed: it feels that in the transport, and costs little here."""
        if now - self._refused_since > SECOND:
            self._refused_since, self._refused_lately = now, 0
        self._refused_lately += 1
        if self._refused_lately >= REFUSED_MAX and self._throttled is None:
            self._refused_lately = 0
            self.pause_reading()
            wait = REFUSED_MAX / self._around.command_rate
            self._throttled = self.clock.call_later(wait, self._throttle_over)

    def _throttle_over(self) -> None:
        self._throttled = None
        if not self.is_congested:
            self.resume_reading()

    def _cancel(self, header: Header, octets: bytes, received_at: int) -> None:
        """Pass CANCEL on if its target is open; its answer, or the whole reply, ends the target."""
        message = codec.decode_body(header, octets)
        if isinstance(message, Cancel) and message.target in self.open and self.session:
            self._relay.pass_on(OpenRequest(self, _CANCEL, self.session, 0, received_at, octets))

    def _may_ask(self, header: Header) -> bool:
        opcode, session = header.opcode, header.session
        if not RELAYED_FIRST <= opcode <= RELAYED_LAST:
            self.refuse(header, Status.UNKNOWN_OPCODE, f"opcode {opcode:#06x} is not known here")
        elif session and session == self._detached_session != self.session:
            self.refuse(header, Status.SESSION_DETACHED, "send RESUME, then repeat the request")
        elif session != self.session and session:
            self.refuse(header, Status.NOT_LOGGED_IN, "this is not the session of the connection")
        elif not session and opcode not in WITHOUT_SESSION and opcode in REQUESTS:
            self.refuse(header, Status.NOT_LOGGED_IN, "log in first")
        else:
            return True
        return False

    def _served(
        self,
        public: Callable[[FrameProtocol, Header, bytes], bool],
        header: Header,
        octets: bytes,
    ) -> bool:
        try:
            served = public(self, header, octets)
        except RemoteFault as fault:
            if fault.fatal:
                raise
            self.refuse(header, fault.status, fault.text, field=fault.field)
            return True
        self._statistics.served += served
        return served

    def refuse(
        self,
        header: Header,
        status: Status,
        text: str,
        retry_after_ms: int | None = None,
        field: int | None = None,
    ) -> None:
        """Answer a request with why not."""
        self._statistics.refused += 1
        self.send(
            codec.failure(
                header.opcode, status, text, session=header.session,
                correlation=header.correlation, field=field, retry_after_ms=retry_after_ms,
            )
        )  # fmt: skip

    # --- from the master ------------------------------------------------------------------------

    def deliver(self, inner: bytes, down_flags: int, cache_s: int) -> None:
        """Take a frame that the master has for this client and write it as it is.

        Raises `RemoteFault` if the master's frame is not one.
        """
        self._relayed += len(inner)
        if len(inner) < limits.HEADER_SIZE:
            raise RemoteFault(Status.BAD_LENGTH, "the relayed frame is shorter than a header")
        fields: Fields = _unpack(inner)
        codec.check_header(fields, limits.FRAME_MAX)
        _, _, _, length, opcode, flags, _, status, _, correlation, _ = fields
        if length + limits.HEADER_SIZE != len(inner):
            raise RemoteFault(Status.BAD_LENGTH, "the relayed frame is not as long as it says")
        if flags & RESPONSE:
            request = self.open.get(correlation)
            if request is None or request.opcode != opcode:
                self._statistics.late_replies += 1
                return
            if request.cache_key and down_flags & _CACHEABLE:
                self._collect(request, inner)
            if not flags & MORE:
                del self.open[correlation]
                self._relay.answered(request)
                if opcode in TRAILED:
                    took = (self.clock.wall_ns() - request.received_at) / MILLISECOND
                    what = f"answered to the client: {status_name(status)}, {took:.1f} ms after"
                    self.note(request, f"{what} it came")
                if opcode in _NOTEWORTHY or request.cache_key:
                    self._complete(request, Header._make(fields), inner, cache_s)
        elif opcode == _EV_SESSION and flags & EVENT:
            self._session_event(Header._make(fields), inner)
        self.send(inner)
        if down_flags & _CLOSE:
            # The master answers a fatal fault with a reply: it is this end that says GOODBYE.
            fatal = flags & RESPONSE and kinds.is_fatal(status)
            self.say_goodbye(status if fatal else Status.OK, "closed by the master")

    def _collect(self, request: OpenRequest, inner: bytes) -> None:
        request.parts_octets += len(inner)
        if request.parts_octets > ENTRY_OCTETS:
            request.cache_key, request.parts = b"", ()
        else:
            request.parts = [*request.parts, inner]

    def _complete(self, request: OpenRequest, header: Header, inner: bytes, cache_s: int) -> None:
        """Take what a reply means for the session or for the cache."""
        opcode = header.opcode
        if opcode in SESSION_BEGINS and header.status in _ATTACHED:
            self._end_session()
            self.session = header.session
            begun = codec.decode_body(header, inner)
            if isinstance(begun, LoginReply | ResumeReply):
                self.confined = begun.scope == Scope.SETUP
        if header.status:
            return
        if request.cache_key and request.parts:
            self._market.cache.store(request.cache_key, request.parts, cache_s)
        if opcode == Opcode.LOGOUT:
            self._end_session()
        elif opcode == Opcode.QUOTE_GET:
            self._market.topics.asked(request.symbols)
        elif opcode == Opcode.TOTP_ENABLE:
            self.confined = False

    def _session_event(self, header: Header, inner: bytes) -> None:
        event = codec.decode_body(header, inner)
        at_once = isinstance(event, SessionEvent) and event.code and not event.grace_ms
        if at_once and header.session in (0, self.session):
            self._end_session()

    def _end_session(self, linger: bool = False) -> None:
        self.session, self.confined = 0, False
        self._market.topics.drop(self, linger)

    # --- when the link to the master was lost ---------------------------------------------------

    def give_up(self, request: OpenRequest, status: Status, text: str) -> None:
        """Answer an open request in the master's place."""
        del self.open[request.correlation]
        self._relay.answered(request)
        self.send(
            codec.failure(
                request.opcode, status, text, session=request.session,
                correlation=request.correlation,
            )
        )  # fmt: skip

    def detach(self) -> None:
        """Forget the session, which the master detached, and tell the client to resume it."""
        if self.session:
            session, self._detached_session = self.session, self.session
            self._end_session(linger=True)
            self.send(codec.encode(SessionEvent(code=Status.SESSION_DETACHED), session=session))

    # --- the end --------------------------------------------------------------------------------

    def say_goodbye(
        self,
        code: int,
        text: str = "",
        retry_after_ms: int = RETRY_AFTER_MS,
        workers: Sequence[WorkerRow] = (),
    ) -> None:
        """Say GOODBYE, with the other workers if none are named, and close."""
        super().say_goodbye(code, text, retry_after_ms, workers or self._around.clients.others)

    def flush(self) -> None:
        """Write what waits; then the master may send as much again as the client has taken."""
        super().flush()
        credit = self._relayed + limits.RELAY_CREDIT_OCTETS - self.queued
        if credit >= self._granted + CREDIT_STEP and not self.ended:
            self._granted = credit
            self._relay.tell(RelayCredit(connection=self.number, total=credit))

    def congested(self) -> None:
        """Let a client that does not read wait for its next request as well."""
        self.pause_reading()

    def drained(self) -> None:
        """Go on with a client that reads again."""
        self._market.topics.drained(self)
        if self._throttled is None:
            self.resume_reading()

    def closed(self, why: Closed) -> None:
        """Forget the client and report its end.

        The report's ``by`` is CLIENT with code 0 if it said GOODBYE, CLIENT with KEEPALIVE_TIMEOUT
        if the connection was just lost, WORKER with the code we said otherwise.
        """
        if self._throttled is not None:
            self._throttled.cancel()
            self._throttled = None
        if why.reason is Reason.FAULT:
            self._statistics.faults += 1
            self._statistics.slow_consumers += why.status == Status.SLOW_CONSUMER
        self._end_session()
        for request in list(self.open.values()):
            self._relay.answered(request)
        self.open.clear()
        if self._around.clients.get(self.number) is not self:
            return
        self._around.clients.remove(self)
        by = ClosedBy.WORKER if why.reason in (Reason.FAULT, Reason.OURS) else ClosedBy.CLIENT
        code = why.status
        if by is ClosedBy.CLIENT:
            code = Status.OK if why.reason is Reason.GOODBYE else Status.KEEPALIVE_TIMEOUT
        self._relay.tell(
            ClientClose(
                connection=self.number,
                code=code,
                by=by,
                frames_up=self.counters.frames_in,
                frames_down=self.counters.frames_out,
                text=codec.clipped(why.text),
            )
        )

    def _tls_version(self) -> TlsVersion:
        handle = getattr(self.transport, "getHandle", None)
        tls = handle() if handle is not None else None
        if not isinstance(tls, TlsConnection):
            return TlsVersion.NONE
        return _TLS_VERSIONS.get(tls.get_protocol_version_name(), TlsVersion.NONE)


def outer_link(number: int, boot: int, command_rate: int = limits.COMMAND_RATE) -> Link:
    """Return what a worker is towards its clients."""
    return Link(
        role=Role.WORKER,
        initiator=False,
        frame_max=limits.CLIENT_FRAME_MAX,
        instance=boot,
        outer=True,
        connection_id=number,
        command_rate=command_rate,
        software=f"papertrader-worker/{kinds.REVISION}",
    )
