"""A forwarder and its receiver over TLS in memory, with a clock that moves when told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs
from twisted.internet import error
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock as TaskClock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.test.iosim import FakeTransport, IOPump, connectedServerAndClient
from zope.interface import implementer

from papertrader.core.logrecord import Correlation, Level, LogRecord, Source, render_json
from papertrader.eventlog.segments import SegmentFiles
from papertrader.net.clock import Clock
from papertrader.net.tls import log_client_factory
from papertrader.ops.certificates import authority_file, certificate_files
from papertrader.ops.forwarded import Forwarded, read_forwarded
from papertrader.ops.forwarding import SETTLE_S, Forwarder
from papertrader.ops.outbox import Outbox
from tests.syslog_kit import Frames, Message
from tests.tls_kit import ServerSide, foreign_side

NAME = "trade.example.org"
"""For whom the receiver's certificate is (`tls_kit.installation`)."""
SOURCE = Source("papertrader.a.b", "papertrader/a/b.py", "f", 3)
TICK_S = 0.5


class LogWriter:
    """Writes the files of one process, as its server would."""

    def __init__(self, log: Path, process: str = "master", kept: int = 10) -> None:
        log.mkdir(parents=True, exist_ok=True)
        self.files = SegmentFiles(log, process, 64 << 20, kept)
        self.seq = 0

    def write(
        self, *texts: str, new: bool = False, level: Level = Level.INFO,
        corr: tuple[int, int, int] = (1, 2, 3),
    ) -> None:  # fmt: skip
        """Append entries; ``new``: to a new file."""
        if new:
            self.files._size = 64 << 20
        worker, connection, request = corr
        lines = []
        for text in texts:
            self.seq += 1
            record = LogRecord(
                seq=self.seq, wall_ns=self.seq * 10**9, monotonic_ns=self.seq, level=level,
                source=SOURCE, message=text,
                correlation=Correlation(worker=worker, connection=connection, request=request),
            )  # fmt: skip
            lines.append(render_json(record) + "\n")
        self.files.append("".join(lines).encode("ascii"))


class Receiver(Protocol):
    """Takes messages and keeps them."""

    def __init__(self) -> None:
        self.frames = Frames()
        self.messages: list[Message] = []
        self.reason: Failure | None = None

    def dataReceived(self, data: bytes) -> None:
        """Read what came."""
        self.messages += self.frames.feed(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Keep why it ended."""
        self.reason = reason


@implementer(IStreamClientEndpoint)
@attrs.define
class Scene:
    """A log directory, a forwarder, and the way to a receiver, which is the endpoint, too."""

    state: Path
    name: str = NAME
    server: ServerSide | None = None
    trusting: Path | None = None
    own: tuple[Path, Path] | None = None
    secure: bool = True
    least: Level = Level.INFO
    refusing: bool = False
    stalled: bool = False
    """Nothing moves between the two."""
    reactor: TaskClock = attrs.field(factory=TaskClock)
    receivers: list[Receiver] = attrs.field(factory=list)
    pumps: list[IOPump] = attrs.field(factory=list)
    wires: list[FakeTransport] = attrs.field(factory=list)
    """The forwarder's end of each connection, beneath TLS."""
    said: list[str] = attrs.field(factory=list)
    attempts: list[float] = attrs.field(factory=list)
    outbox: Outbox = attrs.field(init=False)
    forwarder: Forwarder = attrs.field(init=False)

    @property
    def log(self) -> Path:
        """The directory of the logs."""
        return self.state / "log"

    def begin(self) -> Scene:
        """Start a forwarder, from what the one before left in the file."""
        clock = Clock(self.reactor, lambda: 1_767_323_045_000_000_000)
        forwarded = read_forwarded(self.log) or Forwarded(receiver="tls://there:6514")
        self.outbox = Outbox(
            self.log, host="box", least=self.least, places=forwarded.places,
            wall_ns=clock.wall_ns, say=self.said.append,
        )  # fmt: skip
        self.forwarder = Forwarder(
            endpoint=self, secure=self.secure, outbox=self.outbox, forwarded=forwarded,
            log=self.log, clock=clock, unsent=lambda transport: self.unsent(), say=self.said.append,
        )  # fmt: skip
        self.forwarder.start()
        self.run(0)
        return self

    def killed(self) -> Scene:
        """Let the forwarder be gone without a word, and a new one begin with the file alone."""
        self.reactor = TaskClock()
        return self.begin()

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect to a new receiver in memory."""
        self.attempts.append(self.reactor.seconds())
        if self.refusing:
            return fail(error.ConnectionRefusedError())
        receiver = Receiver()
        self.receivers.append(receiver)
        server = self.server or foreign_side(
            alpn=(), files=certificate_files(self.state, "worker-1-public")
        )
        client = log_client_factory(
            authority_file(self.trusting or self.state), self.name, self.own
        )
        near, far = protocolFactory, Factory.forProtocol(lambda: receiver)
        if self.secure:
            near = TLSMemoryBIOFactory(client, True, near, self.reactor)
            far = TLSMemoryBIOFactory(server, False, far, self.reactor)
        made: list[IProtocol] = []

        def client_end() -> IProtocol:
            made.append(near.buildProtocol(None))
            return made[0]

        end, _, pump = connectedServerAndClient(
            lambda: far.buildProtocol(None), client_end, greet=False, clock=self.reactor
        )
        self.pumps.append(pump)
        self.wires.append(end.transport)
        return succeed(getattr(made[0], "wrappedProtocol", made[0]))

    def unsent(self) -> int:
        """What the receiver's machine has not taken: what nobody carried over yet."""
        return sum(map(len, self.wires[-1].stream))

    def run(self, seconds: float = TICK_S) -> None:
        """Let time pass and octets travel."""
        for _ in range(max(1, int(seconds / TICK_S))):
            self.flush()
            self.reactor.advance(TICK_S if seconds else 0)
            self.flush()
            # Twice what is between two looks at what was taken: the next batch follows in time.
            for _ in range(4):
                self.reactor.advance(0.02)
                self.flush()

    def flush(self) -> None:
        """Carry over what waits, unless the receiver is stalled."""
        if not self.stalled:
            for pump in self.pumps:
                pump.flush()
        elif self.wires and self.wires[-1].disconnecting and not self.wires[-1].disconnected:
            # Given up at this end: the other one never hears of it, nor of what was on its way.
            self.wires[-1].disconnected = True
            self.wires[-1].stream.clear()
            self.pumps.pop()
            self.wires[-1].reportDisconnect()

    def settle(self) -> None:
        """Let so much time pass that what was taken is settled."""
        self.run(SETTLE_S + 2 * TICK_S)

    @property
    def messages(self) -> list[Message]:
        """All that was received, over all connections."""
        return [each for receiver in self.receivers for each in receiver.messages]

    @property
    def texts(self) -> list[str]:
        """Their texts."""
        return [each.text for each in self.messages]

    def at(self, process: str = "master") -> int:
        """Return the number of the newest entry that the file says was forwarded."""
        found = read_forwarded(self.log)
        return found.places[process].seq if found and process in found.places else 0


Make = Callable[..., Scene]
