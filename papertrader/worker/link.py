"""One connection to the master: what comes down it, without building a message for each frame."""

from __future__ import annotations

import struct
from collections import deque
from typing import Final, Protocol

from papertrader.net.caller import Caller
from papertrader.net.clock import Clock, Timer
from papertrader.net.protocol import Closed, FrameProtocol, OutputBounds
from papertrader.wire import codec, kinds, limits
from papertrader.wire.codec import EVENT, RESPONSE, Fields, Header
from papertrader.wire.connection import Link
from papertrader.wire.derived import Message
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import ClosedBy, Opcode, Role, Status, Tag
from papertrader.wire.messages import (
    CacheInvalidate,
    ClientClose,
    PingReply,
    RelayAck,
    RelayDown,
    TopicPublish,
    WorkerDrain,
    WorkerRow,
    WorkersChanged,
)
from papertrader.worker.clients import Clients
from papertrader.worker.statistics import WorkerStatistics

PING_EVERY_S: Final = 2
PINGS_KEPT: Final = 8
LINK_BOUNDS: Final = OutputBounds(
    soft=limits.RELAY_WINDOW_OCTETS, hard=2 * limits.RELAY_WINDOW_OCTETS
)
"""The relay window ends what is sent before the soft bound is reached; notices come on top."""

SHUT_OUT: Final = (Status.WORKER_BOOTED, Status.WORKER_UNKNOWN)
"""With these the master says that it does not let the worker in any more."""
_DOWN: Final = struct.Struct(">QQQB1sH4s")
_SECTION: Final = codec.SECTION
_RELAY_DOWN: Final = int(Opcode.RELAY_DOWN)
_INNER: Final = int(Tag.INNER)
_unpack_down: Final = _DOWN.unpack_from
_inner_head: Final = _SECTION.pack
_ROOT: Final = limits.HEADER_SIZE

if _DOWN.size != RelayDown.SIZE:
    raise RuntimeError("RELAY_DOWN is not laid out as it is read here")


class LinkOwner(Protocol):
    """Who is told about the link."""

    clients: Clients
    statistics: WorkerStatistics

    def link_opened(self, link: MasterLink) -> None:
        """HELLO went both ways."""

    def link_closed(self, link: MasterLink, why: str) -> None:
        """The link is of no more use."""

    def acknowledged(self, worker_seq: int) -> None:
        """The master has taken every frame up to ``worker_seq``."""

    def published(self, inner: bytes) -> None:
        """Public events came for many clients."""

    def ordered_closed(self, order: ClientClose) -> None:
        """The master orders a client closed."""

    def invalidated(self, epoch: int) -> None:
        """What is known of the market does not count any more; at epoch 0, cached replies alone."""

    def others_changed(self, workers: tuple[WorkerRow, ...]) -> None:
        """Other workers take clients than before."""

    def ordered_drained(self, order: WorkerDrain) -> None:
        """The master orders what becomes of the clients."""

    def noticed(self, message: Message) -> bool:
        """Something else came from the master; False if it means nothing here."""

    def shut_out(self) -> None:
        """The master does not let this worker in any more."""


class MasterLink(FrameProtocol):
    """The worker's end of the link. Calls of our own go through `caller`."""

    def __init__(
        self,
        owner: LinkOwner,
        clock: Clock,
        boot: int,
        keepalive_s: int = limits.INNER_KEEPALIVE_S,
    ) -> None:
        super().__init__(
            Link(
                role=Role.WORKER,
                initiator=True,
                frame_max=limits.FRAME_MAX,
                instance=boot,
                keepalive_s=keepalive_s,
                software=f"papertrader-worker/{kinds.REVISION}",
            ),
            clock,
            bounds=LINK_BOUNDS,
        )
        self.caller = Caller(self.send, clock)
        self._owner = owner
        self._clients = owner.clients
        self._statistics = owner.statistics
        self._pings: deque[tuple[int, int]] = deque(maxlen=PINGS_KEPT)
        self.offset_ns = 0
        """Master's clock minus ours, by the quickest of the last PINGS_KEPT."""
        self._ping_timer: Timer | None = None
        self._ping_token = 0
        self._acknowledged = 0

    # --- what the master sends ------------------------------------------------------------------

    def opened(self) -> None:
        """Tell the owner; it says who we are."""
        peer = self.connection.peer
        if peer is None or peer.role != Role.MASTER:
            raise RemoteFault(Status.PROTOCOL_STATE, "a master is expected at this port")
        self.connection.on_pong = self._pong
        self._owner.link_opened(self)

    def fields_received(self, fields: Fields, octets: bytes) -> None:
        """Take one frame of the master; a client's by the short way."""
        if fields[4] == _RELAY_DOWN and fields[5] & EVENT:
            self._relay_down(fields, octets)
        else:
            self.frame_received(Header._make(fields), octets)

    def frame_received(self, header: Header, octets: bytes) -> None:
        """Take one frame that is for this worker itself."""
        opcode = header.opcode
        if header.flags & RESPONSE:
            self.caller.reply_received(header, octets)
        elif header.flags & EVENT:
            self._notice(header, octets)
        else:
            self._statistics.unknown_frames += 1
            self.send(
                codec.failure(
                    opcode, Status.UNKNOWN_OPCODE, "a worker does not answer this",
                    correlation=header.correlation,
                )
            )  # fmt: skip

    def _relay_down(self, fields: Fields, octets: bytes) -> None:
        block_len = fields[6]
        if block_len < _DOWN.size or fields[5] & codec.CHECKSUM:
            raise RemoteFault(Status.BLOCK_TOO_SHORT, "RELAY_DOWN is too short")
        connection, ack, _, flags, _, cache_s, _ = _unpack_down(octets, _ROOT)
        if ack > self._acknowledged:
            self._acknowledged = ack
            self._owner.acknowledged(ack)
        start = _ROOT + block_len + _SECTION.size
        inner = octets[start:]
        if octets[start - _SECTION.size : start] != _inner_head(_INNER, len(inner)):
            inner = self._inner(Header._make(fields), octets)
        statistics = self._statistics
        statistics.frames_down += 1
        statistics.octets_down += len(octets)
        client = self._clients.get(connection)
        if client is None:
            statistics.strays += 1
        else:
            client.deliver(inner, flags, cache_s)

    @staticmethod
    def _inner(header: Header, octets: bytes) -> bytes:
        """Read a RELAY_DOWN that has more than INNER: a newer master may have added sections."""
        message = codec.decode_body(header, octets)
        if not isinstance(message, RelayDown):
            raise RemoteFault(Status.PROTOCOL_STATE, "RELAY_DOWN is expected")
        return message.inner

    def _notice(self, header: Header, octets: bytes) -> None:
        try:
            message = codec.decode_body(header, octets)
        except RemoteFault as fault:
            if fault.status != Status.UNKNOWN_OPCODE:
                raise
            self._statistics.unknown_frames += 1
            return
        if isinstance(message, RelayAck):
            self._owner.acknowledged(message.ack_worker_seq)
        elif isinstance(message, TopicPublish):
            self._owner.published(message.inner)
        elif isinstance(message, CacheInvalidate):
            self._owner.invalidated(message.epoch)
        elif isinstance(message, ClientClose) and message.by == ClosedBy.MASTER:
            self._owner.ordered_closed(message)
        elif isinstance(message, WorkersChanged):
            self._owner.others_changed(message.workers)
        elif isinstance(message, WorkerDrain):
            self._owner.ordered_drained(message)
        elif not self._owner.noticed(message):
            self._statistics.unknown_frames += 1

    def closed(self, why: Closed) -> None:
        """Fail our own calls and tell the owner. A silent master gets no polite end."""
        if why.status == Status.KEEPALIVE_TIMEOUT:
            self.abort()
        if self._ping_timer is not None:
            self._ping_timer.cancel()
            self._ping_timer = None
        self.caller.fail_all(why.text or "the link was lost")
        self._owner.link_closed(self, why.text)
        if why.status in SHUT_OUT:
            self._owner.shut_out()

    # --- the master's clock ---------------------------------------------------------------------

    def begin_pings(self) -> None:
        """Measure the round trip and the master's clock now and every PING_EVERY_S."""
        self._ping_timer = self.clock.call_later(PING_EVERY_S, self.begin_pings)
        self._ping_token += 1
        self.ping(self._ping_token)

    def _pong(self, reply: PingReply, now: int) -> None:
        if reply.token == self._ping_token and reply.sent_at <= now:
            rtt = now - reply.sent_at
            self._pings.append((rtt, reply.received_at - (reply.sent_at + rtt // 2)))
            self.offset_ns = min(self._pings)[1]
