"""The worker's end of a link to a master, as the harness plays it: the link, and clients behind it.

A client behind the link is a `Channel` like any other, judged by the same reference; what a worker
does for its clients (HELLO, PING, GOODBYE, one answer for each correlation) is done here, and
everything else is put into RELAY_UP. Whoever plays a liar sends octets of its own besides.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from papertrader.fuzz import allowed
from papertrader.fuzz.channel import Channel, Exchange, Reader
from papertrader.fuzz.observe import Breach, LeakWatch
from papertrader.wire import codec, kinds, limits
from papertrader.wire import messages as m
from papertrader.wire.codec import EVENT, MORE, RESPONSE, Header
from papertrader.wire.connection import Connection, Link, State
from papertrader.wire.derived import Message
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import ClosedBy, Family, Opcode, RelayDownFlag, Role, Status

INNER_ALPN: Final = "ptwp-inner/1"
REPLIES_MAX: Final = 64
"""Replies to the link's own requests that are kept until they are looked at."""
_ADDRESS: Final = bytes(10) + b"\xff\xff\x7f\0\0\1"


class InnerLink(Channel):
    """One link. ``wall`` is the time in nanoseconds since 1970, as received_at has it."""

    def __init__(
        self,
        number: int,
        now: Callable[[], float],
        write: Callable[[bytes, bool], None],
        cut: Callable[[str], None],
        leaks: LeakWatch | None = None,
        reader: Reader | None = None,
        *,
        wall: Callable[[], int],
        instance: int,
    ) -> None:
        super().__init__(number, now, write, cut, leaks, reader)
        link = Link(
            role=Role.WORKER, initiator=True, frame_max=limits.FRAME_MAX, instance=instance,
            keepalive_s=limits.INNER_KEEPALIVE_S,
        )  # fmt: skip
        self.wall = wall
        self.connection = Connection(link, wall())
        self.replies: deque[tuple[Header, Message | None]] = deque(maxlen=REPLIES_MAX)
        self.clients: dict[int, InnerClient] = {}
        self.gone: set[int] = set()
        """Connections that were closed or lied about: what is meant for them may still come."""
        self.worker_seq = self.acknowledged = self.highest = 0
        self.lie: dict[str, int] = {}
        """Fields that the next envelope has instead of the honest ones."""
        self.cases = 0
        self._stamp = 0
        self._last_client = 0

    # --- out -----------------------------------------------------------------------------------

    def put(self, octets: bytes) -> None:
        """Send octets as they are."""
        if not self.ended and octets:
            self.transcript.append(Exchange(self._now(), True, octets))
            self._write(octets, False)

    def tend(self) -> None:
        """Say what the link itself has to say: HELLO, heartbeats, answers to PING."""
        if self.connected and not self.ended:
            self.connection.handle_time(self.wall())
            self.put(self.connection.data_to_send())

    def stamp(self) -> int:
        """Return the next stamp: later than every one before."""
        self._stamp = max(self.wall(), self._stamp + 1)
        return self._stamp

    def envelope(self, connection: int, inner: bytes, **changes: int) -> bytes:
        """Return a RELAY_UP around a frame, honest but for the changes."""
        self.worker_seq += 1
        message = m.RelayUp(
            received_at=changes.get("received_at", 0) or self.stamp(),
            worker_seq=changes.get("worker_seq", self.worker_seq), connection=connection,
            address=_ADDRESS, port=1, family=Family.IPV4, inner=inner,
        )  # fmt: skip
        self.highest = max(self.highest, message.worker_seq)
        return codec.encode(message)

    def relay(self, connection: int, inner: bytes) -> None:
        """Pass a client's frame on, with what `lie` changes of its envelope."""
        self.cases += 1
        changes, self.lie = self.lie, {}
        self.put(self.envelope(connection, inner, **changes))

    def client(self, owner: str) -> InnerClient:
        """Open a client behind the link."""
        self._last_client += 1
        made = self.clients[self._last_client] = InnerClient(self, self._last_client, owner)
        return made

    # --- in ------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Take octets of the master."""
        self.transcript.append(Exchange(self._now(), False, data))
        frames = self.connection.receive(data, self.wall())
        for header, octets in frames:
            self.frames_in += 1
            message, breach = self._reader.read(header, octets)
            if breach is not None:
                self.breaches.append(breach)
            if header.flags & RESPONSE:
                self.replies.append((header, message))
            elif message is not None:
                self._event(message)
        if self.connection.fault is not None:
            self.breaches.append(Breach("framing", f"the master: {self.connection.fault}"))
            self.cut("close")
        else:
            self.tend()

    def _event(self, message: Message) -> None:
        if isinstance(message, m.RelayDown):
            self._acknowledge(message.ack_worker_seq)
            client = self.clients.get(message.connection)
            if client is not None:
                client.deliver(message.inner, message.flags)
            elif message.connection not in self.gone:
                text = f"RELAY_DOWN for connection {message.connection}, which was never opened"
                self.breaches.append(Breach("leak", text))
        elif isinstance(message, m.RelayAck):
            self._acknowledge(message.ack_worker_seq)
        elif isinstance(message, m.ClientClose):
            client = self.clients.get(message.connection)
            if client is not None and message.by == ClosedBy.MASTER:
                client.closed(message.code)
        elif isinstance(message, m.TopicPublish):
            self._published(message.inner)

    def _acknowledge(self, worker_seq: int) -> None:
        if worker_seq > self.highest:
            text = f"worker_seq {worker_seq} is acknowledged, {self.highest} was the last"
            self.breaches.append(Breach("framing", text))
        self.acknowledged = max(self.acknowledged, worker_seq)

    def _published(self, octets: bytes) -> None:
        while octets:
            size = limits.HEADER_SIZE
            if len(octets) >= size:
                size += codec.parse_header(octets).length
            try:
                header, _ = codec.decode(octets[:size])
            except RemoteFault as fault:
                self.breaches.append(Breach("framing", f"a frame in TOPIC_PUBLISH: {fault}"))
                return
            if header.session or header.correlation or not header.flags & EVENT:
                text = f"{codec.describe(header.opcode)} in TOPIC_PUBLISH is addressed"
                self.breaches.append(Breach("leak", text))
            octets = octets[size:]

    def end(self) -> None:
        """Take note that the link is gone, and with it the clients."""
        if not self.ended:
            self.ended = True
            for client in list(self.clients.values()):
                client.channel.reference.cut()
                client.drop()

    def take_breaches(self) -> list[Breach]:
        """Return and forget what was found, at the link and at each client."""
        found, self.breaches = self.breaches, []
        for client in self.clients.values():
            found += client.channel.take_breaches()
        return found


class InnerClient:
    """One client behind the link; ``channel`` is what a client would see."""

    def __init__(self, link: InnerLink, number: int, owner: str) -> None:
        self.link = link
        self.number = number
        self.owner = owner
        self.opened = False
        self._open: dict[int, int] = {}
        self._delivered = self._granted = 0
        outer = Link(
            role=Role.WORKER, initiator=False, frame_max=limits.CLIENT_FRAME_MAX, instance=1,
            outer=True, command_rate=0xFFFF,
        )  # fmt: skip
        self._worker = Connection(outer, link.wall())
        self.channel = Channel(
            number, link._now, self._said, lambda how: self.drop(), link._leaks, link._reader
        )
        self.channel.owner = owner

    def _said(self, octets: bytes, at_once: bool) -> None:
        """Do with a client's octets what a worker does."""
        link = self.link
        try:
            for header, frame in self._worker.receive(octets, link.wall()):
                if header.opcode == Opcode.CANCEL:
                    continue
                if not header.correlation or header.correlation in self._open:
                    status = Status.PROTOCOL_STATE
                    if header.correlation:
                        status = Status.DUPLICATE_CORRELATION
                    raise RemoteFault(status, "the correlation is 0 or in use")
                self._open[header.correlation] = header.opcode
                if header.session and header.opcode in allowed.WITHOUT_SESSION:
                    # It is the worker that looks at the session of these.
                    self.channel.reference.allow(
                        header.correlation, *allowed.OUTCOMES[header.opcode]
                    )
                link.relay(self.number, frame)
        except RemoteFault as fault:
            self._worker.fail(fault)
        if self._worker.peer is not None and not self.opened:
            self.opened = True
            link.put(codec.encode(m.ClientOpen(
                connection=self.number, opened_at=link.stamp(), address=_ADDRESS, port=1,
                family=Family.IPV4,
            )))  # fmt: skip
        self._hand_over()

    def _hand_over(self) -> None:
        out = self._worker.data_to_send()
        if out:
            self.channel.feed(out)
        if self._worker.state is State.CLOSED:
            self.drop()

    def deliver(self, inner: bytes, flags: int) -> None:
        """Take a frame that the master has for this client."""
        self._delivered += len(inner)
        if self._delivered - self._granted > limits.RELAY_CREDIT_OCTETS // 4:
            self._granted = self._delivered
            total = self._delivered + limits.RELAY_CREDIT_OCTETS
            self.link.put(codec.encode(m.RelayCredit(connection=self.number, total=total)))
        header = codec.parse_header(inner)
        if header.opcode >= kinds.INNER_OPCODES:
            return  # An answer to what no client can have asked: a lie was told.
        if header.flags & RESPONSE and not header.flags & MORE:
            self._open.pop(header.correlation, None)
        self.channel.feed(inner)
        if flags & RelayDownFlag.CLOSE:
            fatal = header.flags & RESPONSE and kinds.is_fatal(header.status)
            self.closed(header.status if fatal else Status.OK)

    def closed(self, code: int) -> None:
        """The master orders the client closed."""
        self._worker.say_goodbye(code)
        self._hand_over()

    def drop(self) -> None:
        """The client is gone."""
        link = self.link
        if link.clients.pop(self.number, None) is None:
            return
        link.gone.add(self.number)
        if self.opened:
            link.put(codec.encode(m.ClientClose(connection=self.number, by=ClosedBy.CLIENT)))
        self.channel.end()
        link.breaches += self.channel.take_breaches()
