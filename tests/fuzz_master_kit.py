"""A master in memory for tests of profile ``relay``: honest, or with one bug put in on purpose.

It answers the clients behind a link as `tests.fuzz_kit.FakeTarget` does, without a market.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from papertrader.fuzz.channel import Channel
from papertrader.fuzz.inner import InnerLink
from papertrader.wire import codec, kinds, limits
from papertrader.wire import messages as m
from papertrader.wire.codec import Header
from papertrader.wire.connection import Connection, Link, State
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import Opcode, RelayDownFlag, Role, Status
from tests.fuzz_kit import FakeEnd, FakeTarget

WORKER_ID = 2
_NOTICES = (m.ClientOpen, m.RelayCredit, m.TopicInterest, m.WorkerStats)


class FakeMaster:
    """Takes links; ``bugs`` names what is wrong with it. ``clients`` answers who is behind them."""

    may_connect = True

    def __init__(self, clients: FakeTarget, *bugs: str) -> None:
        self.clients = clients
        self.bugs = frozenset(bugs)
        self.ends: list[MasterEnd] = []

    def now(self) -> float:
        """The time, which the clients' target keeps."""
        return self.clients.now()

    def connect(self, owner: str = "") -> Channel:
        """Open a link."""
        end = MasterEnd(self)
        self.ends.append(end)
        return end.link

    def pump(self, seconds: float) -> None:
        """Give every link a turn."""
        idle = not any(end.inbox for end in self.ends)
        for end in list(self.ends):
            end.turn()
        self.ends = [end for end in self.ends if not end.gone]
        self.clients.time += 0.1 if idle else 0.001

    def forget(self, channel: Channel) -> None:
        """Cut a link."""
        for end in self.ends:
            if end.link is channel:
                end.cut("close")


class MasterEnd:
    """The master's end of one link."""

    def __init__(self, master: FakeMaster) -> None:
        self.master = master
        self.inbox = b""
        self.gone = False
        self.authenticated = False
        self.behind: dict[int, FakeEnd] = {}
        self.acknowledged = self.stamp = 0
        wall = master.clients.wall
        link = Link(
            role=Role.MASTER, initiator=False, frame_max=limits.FRAME_MAX, instance=1,
            keepalive_s=limits.INNER_KEEPALIVE_S,
        )  # fmt: skip
        self.connection = Connection(link, wall())
        make = partial(InnerLink, wall=wall, instance=5)
        self.link = make(1, master.now, self.take, self.cut, master.clients.leaks)

    def take(self, octets: bytes, at_once: bool) -> None:
        """Keep what was sent until the next turn."""
        self.inbox += octets

    def cut(self, how: str) -> None:
        """End the link."""
        if not self.gone:
            self.gone = True
            self.link.end()

    def turn(self) -> None:
        """Read, answer, close."""
        data, self.inbox = self.inbox, b""
        if self.gone or not data:
            return
        out: list[bytes] = []
        wall = self.master.clients.wall()
        try:
            for header, octets in self.connection.receive(data, wall):
                self.frame(header, octets, out)
        except RemoteFault as fault:
            self.connection.fail(fault)
        if "mute" in self.master.bugs and self.connection.fault is not None:
            self.cut("close")
            return
        self.link.feed(b"".join(out) + self.connection.data_to_send())
        if self.connection.state is State.CLOSED:
            self.cut("close")

    def frame(self, header: Header, octets: bytes, out: list[bytes]) -> None:
        """Take one frame as the clauses of part 15 say."""
        bugs = self.master.bugs
        if header.opcode == Opcode.RELAY_UP and self.authenticated:
            self.relayed(codec.decode_body(header, octets), out)
            return
        try:
            message = codec.decode_body(header, octets)
        except RemoteFault as fault:
            if fault.status != Status.UNKNOWN_OPCODE or not self.authenticated:
                raise
            if not header.flags & 3:
                out.append(codec.failure(header.opcode, fault.status))
            return
        if isinstance(message, m.WorkerAuth) and not self.authenticated:
            self.authenticate(header, message, out)
        elif not self.authenticated and "anyone" not in bugs:
            raise RemoteFault(Status.PROTOCOL_STATE, "WORKER_AUTH must come first")
        elif isinstance(message, m.ClientClose):
            self.behind.pop(message.connection, None)
        elif not isinstance(message, _NOTICES) and "anyone" not in bugs:
            raise RemoteFault(Status.OPCODE_FORBIDDEN, "this is not for a worker to send")

    def authenticate(self, header: Header, message: m.WorkerAuth, out: list[bytes]) -> None:
        """Let a worker in, or not."""
        status = Status.OK
        if message.worker_id != WORKER_ID and "anyone" not in self.master.bugs:
            status = Status.WORKER_UNKNOWN
        elif abs(message.clock - self.master.clients.wall()) > 60 * 10**9:
            status = Status.CLOCK_SKEW
        reply = m.WorkerAuthReply(relay_window=limits.RELAY_WINDOW_FRAMES)
        out.append(codec.encode(reply, status=status, correlation=header.correlation))
        if status:
            self.connection.say_goodbye(status)
        self.authenticated = not status

    def relayed(self, envelope: Any, out: list[bytes]) -> None:
        """Answer one client's frame."""
        bugs = self.master.bugs
        if envelope.worker_seq > self.acknowledged + limits.RELAY_WINDOW_FRAMES:
            raise RemoteFault(Status.WINDOW_EXCEEDED, "more than may be unacknowledged")
        self.acknowledged = max(self.acknowledged, envelope.worker_seq)
        inner = codec.parse_header(envelope.inner)
        codec.check_header(inner, limits.CLIENT_FRAME_MAX)
        if len(envelope.inner) != limits.HEADER_SIZE + inner.length:
            raise RemoteFault(Status.BAD_LENGTH, "half a frame")
        end = self.behind.get(envelope.connection)
        if end is None:
            end = self.behind[envelope.connection] = FakeEnd(self.master.clients, "")
        now = self.master.clients.wall()
        skewed = not self.stamp < envelope.received_at <= now + 10**9
        if skewed and "any time" not in bugs:
            answer = codec.failure(
                inner.opcode, Status.CLOCK_SKEW, session=inner.session,
                correlation=inner.correlation,
            )  # fmt: skip
        else:
            self.stamp = max(self.stamp, envelope.received_at)
            answer = self.answered(end, inner, envelope.inner)
        connection = envelope.connection + (1 if "elsewhere" in bugs else 0)
        self.down(connection, answer, out)

    def answered(self, end: FakeEnd, inner: Header, octets: bytes) -> bytes:
        """Let the fake target answer; what closes a client there is a status with CLOSE here."""
        if "any session" in self.master.bugs and end.session and inner.session:
            inner = inner._replace(session=end.session.handle)
        try:
            return self.master.clients.answer(end, inner, octets)
        except RemoteFault as fault:
            return codec.failure(
                inner.opcode, fault.status, session=inner.session, correlation=inner.correlation
            )

    def down(self, connection: int, inner: bytes, out: list[bytes]) -> None:
        """Put an answer into RELAY_DOWN."""
        header = codec.parse_header(inner)
        fatal = header.flags & codec.RESPONSE and kinds.is_fatal(header.status)
        ack = self.acknowledged + (1_000 if "counts ahead" in self.master.bugs else 0)
        out.append(
            codec.encode(
                m.RelayDown(
                    connection=connection, ack_worker_seq=ack, inner=inner,
                    flags=int(RelayDownFlag.CLOSE) if fatal else 0,
                )
            )
        )  # fmt: skip
