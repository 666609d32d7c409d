"""The master's end of one worker's link: what comes up it, what goes down it.

Everything that comes is believed only as far as that worker may know it: it may say who its clients
are and when their frames arrived, within the bound of its measured clock.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from papertrader.core.instants import SECOND
from papertrader.core.limithits import hit_name
from papertrader.master.clockbound import ClockBound
from papertrader.master.commands import Command
from papertrader.master.credentialing import Newcomer
from papertrader.master.duplicates import PROBE_TOKEN
from papertrader.master.flow import ClientFlows, Mark
from papertrader.master.registry import RegisteredWorker
from papertrader.net.clock import Clock, Timer
from papertrader.net.protocol import Closed, FrameProtocol
from papertrader.net.tls import refusal
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.codec import Fields, Header
from papertrader.wire.connection import Link
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import (
    MAGIC,
    VERSION,
    Category,
    ClosedBy,
    Family,
    FrameFlag,
    Opcode,
    RelayUpFlag,
    Role,
    Status,
    Tag,
    TopicKind,
)

if TYPE_CHECKING:
    from papertrader.master.workers import Workers

PING_S: Final = 2.0
SKEW_MAX: Final = 30 * SECOND
"""A worker whose clock is off by more is not let in, and one whose clock has moved by more since
is not kept: it comes again, and is judged anew."""
STAMP_AGE_MAX: Final = 15 * SECOND
"""A frame may have waited so long at a worker that had lost its link."""
ACK_DELAY_S: Final = 0.05
BOOT_ABORT_S: Final = 0.5
"""How long a worker that is shut out has to close its link itself."""
STATS_EVERY_S: Final = 10
RTT_US_MAX: Final = 2**32 - 1
"""More does not stand in a frame; a master that was stopped finds answers that are as old."""
PUBLISH_OCTETS_MAX: Final = 512 * 1024
Topic: TypeAlias = str | tuple[str, int]
"""What workers may follow: a symbol (its quotes), a symbol and an interval (its bars), or
`MARKET_TOPIC`."""
MARKET_TOPIC: Final = ""
_SECTION: Final = codec.SECTION
_ZERO1: Final = b"\0"
_ZERO4: Final = bytes(4)
_FAMILIES: Final = frozenset(map(int, Family))
_UP: Final = struct.Struct(m.RelayUp.LAYOUT.format + _SECTION.format.lstrip(">"))
_UP_END: Final = limits.HEADER_SIZE + _UP.size
"""Where the client's frame begins in a RELAY_UP that has nothing else."""
_unpack_up: Final = _UP.unpack_from
_unpack_header: Final = codec.HEADER.unpack_from
_DOWN: Final = struct.Struct(
    codec.HEADER.format + m.RelayDown.LAYOUT.format.lstrip(">") + _SECTION.format.lstrip(">")
).pack
_DOWN_SIZE: Final = m.RelayDown.SIZE
_EVENT: Final = int(FrameFlag.EVENT)
_CONTROL: Final = int(Category.CONTROL)
# Plain integers: each frame from or to a client passes with them.
_RELAY_DOWN: Final = int(Opcode.RELAY_DOWN)
_INNER: Final = int(Tag.INNER)
_RELAY_UP: Final = int(Opcode.RELAY_UP)
_RESENT: Final = int(RelayUpFlag.RESENT)


class WorkerLink(FrameProtocol):
    """The master's end of one worker's link."""

    log = Logger()

    def __init__(self, workers: Workers, clock: Clock, instance: int, number: int) -> None:
        super().__init__(
            Link(
                role=Role.MASTER,
                initiator=False,
                frame_max=limits.FRAME_MAX,
                instance=instance,
                keepalive_s=limits.INNER_KEEPALIVE_S,
                connection_id=number,
                software="papertrader-master",
            ),
            clock,
        )
        self._workers = workers
        self.worker: RegisteredWorker | None = None
        self.worker_id = 0
        self.boot = 0
        self.auth: m.WorkerAuth | None = None
        self.stats: m.WorkerStats | None = None
        self.hits: dict[str, int] = {}
        """How often each limit of the worker was hit, by the name that operators see."""
        self.log_dropped = 0
        self.bound = ClockBound(0)
        self._ahead = 0
        """How far the worker's clock was ahead of the system's when it came."""
        self.clients: dict[int, m.ClientOpen] = {}
        self.flows = ClientFlows(self)
        self.last_seq = 0
        self._last_stamp = 0
        self._acked = 0
        self._ack_timer: Timer | None = None
        self._ping_timer: Timer | None = None
        self.rtt_us = 0
        self.stamps_refused = 0
        self.trusting = b""
        """SHA-256 of what the worker trusts, as it said; empty before."""
        self.shown = b""
        """SHA-256 of the public key that the link showed."""
        self.renewal_ordered = False
        self.renewal_unconfirmed = False
        self._newcomer: Newcomer | None = None
        self._waiting = False

    # --- life ----------------------------------------------------------------------------------

    def opened(self) -> None:
        """HELLO is done; the next frame must be WORKER_AUTH."""
        peer = self.connection.peer
        if peer is None or peer.role != Role.WORKER:
            raise RemoteFault(Status.OPCODE_FORBIDDEN, "only workers connect here")
        self.connection.on_pong = self._pong
        if self._workers.is_enrollment(self):
            self._newcomer = self._workers.credentialing.newcomer(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End; if it is TLS that let nobody in, the operator is to know."""
        why = refusal(reason) if not self.is_open else ""
        if why:
            self._workers.turned_away(self._peer_host(), why)
        super().connectionLost(reason)

    def closed(self, why: Closed) -> None:
        """The link is gone. To who has been silent no polite end is sent and waited for."""
        if why.status == Status.KEEPALIVE_TIMEOUT:
            self.abort()
        for timer in (self._ack_timer, self._ping_timer):
            if timer is not None:
                timer.cancel()
        self.flows.closed_all()
        if self._newcomer is not None:
            self._newcomer.ended()
        self._workers.duplicates.lost(self)
        if self.worker is not None:
            self._workers.lost(self, why)

    def drained(self) -> None:
        """The worker takes octets again: go on with transfers."""
        self.flows.resume()

    def _ping(self) -> None:
        self.ping(1)
        self._ping_timer = self.clock.call_later(PING_S, self._ping)

    def _pong(self, reply: m.PingReply, now: int) -> None:
        # It was read at some instant between the PING and now.
        moved = reply.received_at - now + self.clock.wall_ns() - self.clock.true_ns() - self._ahead
        if moved > SKEW_MAX or moved + now - reply.sent_at < -SKEW_MAX:
            raise RemoteFault(Status.CLOCK_SKEW, "the worker's clock is not what it was")
        self.bound.measured(reply.sent_at, reply.received_at, now)
        self.rtt_us = min((now - reply.sent_at) // 1_000, RTT_US_MAX)
        if reply.token == PROBE_TOKEN:
            self._workers.duplicates.answered(self)

    def frame_received(self, header: Header, octets: bytes) -> None:
        """Take one frame; anything that does not belong here closes the link."""
        opcode = header.opcode
        if self._newcomer is not None:
            self._newcomer.frame(header, octets)
            return
        try:
            message = codec.decode_body(header, octets)
        except RemoteFault as fault:
            if fault.status != Status.UNKNOWN_OPCODE or self.worker is None:
                raise
            self._unknown(header, fault)
            return
        if self.worker is None:
            if not isinstance(message, m.WorkerAuth) or self._waiting:
                raise RemoteFault(Status.PROTOCOL_STATE, "WORKER_AUTH must come first")
            self._authenticate(header, message)
        elif isinstance(message, m.ClientOpen):
            if len(self.clients) >= limits.CONNECTIONS_MAX * 2:
                raise RemoteFault(Status.TOO_MANY_CONNECTIONS, "more clients than a worker has")
            self.clients[message.connection] = message
            self.flows.opened(message.connection)
        elif isinstance(message, m.RelayCredit):
            self.flows.credited(message.connection, message.total)
        elif isinstance(message, m.ClientClose):
            self.clients.pop(message.connection, None)
            self.flows.closed(message.connection)
            clean = message.by == ClosedBy.CLIENT and message.code == 0
            self._workers.listener.client_closed(self, message.connection, clean)
        elif isinstance(message, m.TopicInterest):
            self._workers.interest(self, message)
        elif isinstance(message, m.WorkerStats):
            self.stats = message
        elif isinstance(message, m.LimitHits):
            self.hits = {hit_name(row.key): row.hits for row in message.hits}
        elif isinstance(message, m.WorkerLog):
            self.log_dropped = message.dropped
            self._workers.take_log(self.worker.name, message.lines or "")
        elif isinstance(message, m.CertificateRenew):
            self._workers.credentialing.renew(self, header, message)
        elif isinstance(message, m.TrustTaken):
            self._workers.credentialing.trust_taken(self, message)
        else:
            raise RemoteFault(
                Status.OPCODE_FORBIDDEN, f"{codec.describe(opcode)} is not for a worker to send"
            )

    def _unknown(self, header: Header, fault: RemoteFault) -> None:
        """A newer worker may say what is not known here: notices are ignored, requests answered."""
        if not header.flags & (codec.RESPONSE | codec.EVENT):
            correlation = header.correlation
            self.send(
                codec.failure(header.opcode, fault.status, fault.text, correlation=correlation)
            )

    def _authenticate(self, header: Header, message: m.WorkerAuth) -> None:
        # Ours may run ahead of the system's, which is what the worker's own is like.
        now = self.clock.true_ns()
        worker, status = self._workers.find(self, message.worker_id)
        if not status and abs(message.clock - now) > SKEW_MAX:
            status = Status.CLOCK_SKEW
            self._workers.skewed(message.clock - now, SKEW_MAX)
        elif not status and message.epoch > self._workers.epoch:
            status = Status.MASTER_SUPERSEDED
            self._workers.listener.superseded(message.epoch)
        if worker is None or status:
            self._let_in(header, message, worker, status)
            return
        self.worker_id, self.boot = message.worker_id, message.boot
        self._waiting = True
        self._workers.arbitrate(
            self,
            lambda alone: self._let_in(
                header, message, worker, Status.OK if alone else Status.WORKER_DUPLICATE
            ),
        )

    def _let_in(
        self,
        header: Header,
        message: m.WorkerAuth,
        worker: RegisteredWorker | None,
        status: Status,
    ) -> None:
        """Answer WORKER_AUTH."""
        self._waiting = False
        if self.ended:
            return
        now = self.clock.wall_ns()
        reply = m.WorkerAuthReply(
            last_worker_seq=self._workers.last_seq(message.worker_id, message.boot),
            master_boot=self._workers.boot,
            clock=now,
            max_skew_ms=limits.CLOCK_TOLERANCE_MS,
            relay_window=limits.RELAY_WINDOW_FRAMES,
            stats_every_s=STATS_EVERY_S,
            update_interval_ms=self._workers.update_interval_ms,
            epoch=self._workers.epoch,
        )
        self.send(codec.encode(reply, status=status, correlation=header.correlation))
        if worker is None or status:
            self.log.warn(
                "a worker was refused: {status}, id {worker}",
                status=status.name,
                worker=message.worker_id,
            )
            self.say_goodbye(status, "this worker is not let in")
            return
        self.worker, self.auth = worker, message
        identity = self._workers.identify(self)
        self.shown = identity.spki if identity is not None else worker.spki
        self.last_seq = self._workers.last_seq(message.worker_id, message.boot)
        # A master that has just started has acknowledged nothing; the worker counts on.
        self._acked = max(self.last_seq, message.next_worker_seq - 1)
        self.bound = ClockBound(message.clock - now)
        self._ahead = message.clock - self.clock.true_ns()
        self._workers.joined(self)
        self._ping()

    def peer_address(self) -> bytes:
        """Return where the link comes from, as it stands in frames."""
        try:
            address = ip_address(self._peer_host())
        except ValueError:
            return bytes(16)
        return address.packed if address.version == 6 else bytes(10) + b"\xff\xff" + address.packed

    def _peer_host(self) -> str:
        transport: Any = self.transport
        return str(getattr(transport.getPeer(), "host", "")) if transport is not None else ""

    # --- up ------------------------------------------------------------------------------------

    def fields_received(self, fields: Fields, octets: bytes) -> None:
        """Take a relayed frame by the short way, anything else by the long one."""
        if fields[4] == _RELAY_UP and self.worker is not None:
            self._relay_up(fields, octets)
        else:
            self.frame_received(Header._make(fields), octets)

    def _relay_up(self, fields: Fields, octets: bytes) -> None:
        if len(octets) < _UP_END or fields[6] < m.RelayUp.SIZE:
            raise RemoteFault(Status.BAD_LENGTH, "RELAY_UP is shorter than its parts")
        unpacked = _unpack_up(octets, limits.HEADER_SIZE)
        received_at, worker_seq, connection, address, _, family, flags, zero, tag, size = unpacked
        if family not in _FAMILIES or flags & ~_RESENT or zero != _ZERO4:
            # The declared reader says what is wrong, unless it knows more than we do.
            m.RelayUp.unpack(octets, limits.HEADER_SIZE)
        if (
            tag == _INNER
            and _UP_END + size == len(octets)
            and size >= limits.HEADER_SIZE
            and fields[6] == m.RelayUp.SIZE
            and not fields[5] & codec.CHECKSUM
        ):
            inner = octets[_UP_END:]
        else:
            inner = self._inner(Header._make(fields), octets, limits.HEADER_SIZE + fields[6])
        now = self.clock.stamp_ns()
        if worker_seq > self._acked + limits.RELAY_WINDOW_FRAMES:
            raise RemoteFault(Status.WINDOW_EXCEEDED, "more frames than may be unacknowledged")
        self.last_seq = max(self.last_seq, worker_seq)
        resent = bool(flags & _RESENT)
        inner_fields = _unpack_header(inner)
        command = Command(
            self,
            connection,
            worker_seq,
            received_at if received_at < now else now,
            now,
            address,
            resent,
            inner_fields,
            inner,
            octets,
            self.bound.waited(received_at, now),
        )
        if self._ack_timer is None:
            self._ack_timer = self.clock.call_later(ACK_DELAY_S, self._acknowledge)
        age = STAMP_AGE_MAX if not resent else 4 * STAMP_AGE_MAX
        honest = self.bound.allows(received_at, now, age)
        if not honest or (received_at <= self._last_stamp and not resent):
            self.stamps_refused += 1
            command.answer(
                command.failure(
                    Status.CLOCK_SKEW, "The worker's clock cannot be trusted; try another worker."
                )
            )
            return
        self._last_stamp = max(self._last_stamp, received_at)
        if len(inner) != limits.HEADER_SIZE + inner_fields[3]:
            raise RemoteFault(Status.BAD_LENGTH, "RELAY_UP holds half a frame")
        codec.check_header(inner_fields, limits.CLIENT_FRAME_MAX)
        self._workers.listener.command(command)

    @staticmethod
    def _inner(header: Header, octets: bytes, at: int) -> bytes:
        """Return the frame that stands in RELAY_UP's section at ``at``; raises `RemoteFault`."""
        if len(octets) < at + _SECTION.size:
            raise RemoteFault(Status.BAD_LENGTH, "RELAY_UP is shorter than its parts")
        tag, size = _SECTION.unpack_from(octets, at)
        start = at + _SECTION.size
        if tag == _INNER and start + size == len(octets) and not header.flags & codec.CHECKSUM:
            inner = octets[start:]
        else:
            # A newer worker may have added sections: the long way.
            message = codec.decode_body(header, octets)
            inner = message.inner if isinstance(message, m.RelayUp) else b""
        if len(inner) < limits.HEADER_SIZE:
            raise RemoteFault(Status.BAD_LENGTH, "RELAY_UP holds no whole frame")
        return inner

    def _acknowledge(self) -> None:
        self._ack_timer = None
        if self._acked < self.last_seq:
            self._acked = self.last_seq
            self.send(codec.encode(m.RelayAck(ack_worker_seq=self.last_seq)))

    # --- down ----------------------------------------------------------------------------------

    def relay(
        self,
        connection: int,
        octets: bytes,
        *,
        accepted_at: int = 0,
        flags: int = 0,
        cache_s: int = 0,
        counted: bool = False,
    ) -> None:
        """Send one frame to one client, or keep it until there is credit.

        ``counted``: its credit was taken already. Does nothing when the link is gone.
        """
        if self.worker is None or self.ended:
            return
        if not counted and not self.flows.may_send(connection, len(octets)):
            self.flows.hold(connection, octets, Mark(accepted_at, flags, cache_s))
            return
        self._acked = self.last_seq
        size = len(octets)
        head = _DOWN(
            MAGIC, VERSION, _CONTROL, _DOWN_SIZE + 6 + size, _RELAY_DOWN, _EVENT, _DOWN_SIZE,
            0, 0, 0, 0,
            connection, self.last_seq, accepted_at, flags, _ZERO1, cache_s, _ZERO4,
            _INNER, size,
        )  # fmt: skip
        self.send(head + octets)

    def relay_parts(
        self,
        connection: int,
        correlation: int,
        parts: Sequence[bytes],
        *,
        accepted_at: int = 0,
        flags: int = 0,
        cache_s: int = 0,
    ) -> bool:
        """Send the parts of one reply as credit comes; False if too much waits for the client."""
        if self.worker is None or self.ended:
            return True
        mark = Mark(accepted_at, flags, cache_s)
        return self.flows.transfer(connection, correlation, parts, mark)

    def cancel(self, connection: int, correlation: int) -> None:
        """End a transfer to a client of which parts still wait."""
        self.flows.cancel(connection, correlation)

    def room(self, connection: int) -> Deferred[None]:
        """Fire when nothing but transfers waits for a client's credit."""
        return self.flows.room(connection)

    def write_down(self, connection: int, octets: bytes, mark: Mark) -> None:
        """Send one frame whose credit was taken already (`flow.Outlet`)."""
        self.relay(
            connection,
            octets,
            accepted_at=mark.accepted_at,
            flags=mark.flags,
            cache_s=mark.cache_s,
            counted=True,
        )

    def close_client(self, connection: int, code: int, text: str = "") -> None:
        """Have the worker close one client with GOODBYE(code)."""
        message = m.ClientClose(
            connection=connection, code=code, by=ClosedBy.MASTER, text=text or None
        )
        self.send(codec.encode(message))

    def publish(self, frames: list[bytes], kind: TopicKind = TopicKind.QUOTE) -> None:
        """Send events for the worker to spread: as few frames as the size limit allows."""
        batch: list[bytes] = []
        size = 0
        for frame in frames:
            if size + len(frame) > PUBLISH_OCTETS_MAX:
                self._publish(batch, kind)
                batch, size = [], 0
            batch.append(frame)
            size += len(frame)
        if batch:
            self._publish(batch, kind)

    def _publish(self, batch: list[bytes], kind: TopicKind) -> None:
        message = m.TopicPublish(kind=kind, frames=len(batch), inner=b"".join(batch))
        self.send(codec.encode(message))
