"""Workers at the door of a master: their links, what they send, what they are sent."""

from __future__ import annotations

from typing import Any

import attrs

from papertrader.core.instants import MILLISECOND
from papertrader.master.workerlink import WorkerLink
from papertrader.net.clock import Clock
from papertrader.net.credentials import PeerIdentity
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.connection import Link
from papertrader.wire.kinds import (
    RelayUpFlag,
    Role,
)
from tests.link_kit import Peer, Wire, join
from tests.master_kit import PASSWORD, MasterKit

UUIDS = ("6f1b2c1e-5a77-4e7b-9d3c-0a4b7a1f0c11", "0d9d5a52-6a0f-4c5e-8d0e-1b8f52d0a222")
TOLERANCE = limits.CLOCK_TOLERANCE_MS * MILLISECOND
REGISTER = m.Register(username="ann", password=PASSWORD)
LOGIN = m.Login(username="ann", password=PASSWORD, remember=True, scope=2)
BAD = m.Login(username="nobody", password="a wrong password")


def spki(number: int) -> bytes:
    """The fingerprint of a worker's key."""
    return bytes([number]) * 32


def enroll(kit: MasterKit, *keys: tuple[bytes, str]) -> None:
    """Register workers 1, 2, ... with these keys and names."""
    for number, (fingerprint, uuid) in enumerate(keys, 1):
        kit.main.store.db.execute_sql(
            "INSERT INTO worker (id, name, uuid, spki, active, added_at) VALUES (?, ?, ?, ?, 1, 0)",
            (number, f"worker-{number}", uuid, fingerprint),
        )
    kit.main.workers.load(kit.main.store.db)


def worker_link() -> Link:
    """What a worker is on the inner port."""
    return Link(
        role=Role.WORKER,
        initiator=True,
        frame_max=limits.FRAME_MAX,
        instance=9,
        keepalive_s=limits.INNER_KEEPALIVE_S,
    )


class Yard:
    """A master with two registered workers, and scripted workers to connect to it.

    Without TLS: who a peer has proved to be is said by the test.
    """

    def __init__(self, kit: MasterKit) -> None:
        self.kit = kit
        self.identities: dict[WorkerLink, PeerIdentity | None] = {}
        enroll(kit, (spki(1), UUIDS[0]), (spki(2), UUIDS[1]))
        kit.main.workers.identify = self.identities.__getitem__  # type: ignore[method-assign]

    def connect(self, number: int = 1, *, key: bytes = b"", ahead: int = 0) -> Worker:
        """Connect a peer that shows worker ``number``'s key, its clock ahead by that much."""
        link = self.kit.main.workers.new_link()
        self.identities[link] = PeerIdentity(uuid=UUIDS[number - 1], spki=key or spki(number))
        wall = self.kit.clock.wall_ns() + ahead
        peer = Peer(worker_link(), Clock(self.kit.reactor, lambda: wall))
        wire = join(link, peer, self.kit.reactor, near_is_server=True)  # type: ignore[arg-type]
        return Worker(self, link, peer, wire, number)

    def join(self, number: int = 1, **options: Any) -> Worker:
        """Connect a worker and let it in."""
        worker = self.connect(number, **options)
        assert worker.authenticate().status == 0
        return worker


@attrs.define(eq=False)
class Worker:
    """A scripted worker."""

    yard: Yard
    link: WorkerLink
    peer: Peer
    wire: Wire
    number: int
    seq: int = 0
    reply: Any = None
    down: Any = None
    answer: Any = None

    def settle(self) -> None:
        """Move octets until all is quiet."""
        for _ in range(20):
            self.yard.kit.turn()
            if not self.wire.flush():
                return

    def send(self, message: Any, **header: int) -> None:
        """Send one frame."""
        self.peer.send(codec.encode(message, **header))
        self.settle()

    def take(self, kind: type[Any] | None = None) -> list[Any]:
        """The messages since the last look, of one kind if that is given."""
        frames = [message for _, message in self.peer.take()]
        return [each for each in frames if kind is None or isinstance(each, kind)]

    def authenticate(self, *, boot: int = 5, number: int = 0, **fields: Any) -> codec.Header:
        """Say WORKER_AUTH; return the reply's header."""
        fields.setdefault("clock", self.peer.clock.wall_ns())
        message = m.WorkerAuth(
            worker_id=number or self.number, boot=boot, max_clients=200, **fields
        )
        self.send(message, correlation=1)
        frames = self.peer.take()
        self.reply = frames[0][1]
        return frames[0][0]

    def stamp(self) -> int:
        """The worker's own clock."""
        return self.peer.clock.stamp_ns()

    def relay(
        self, inner: bytes, *, at: int = 0, seq: int = 0, connection: int = 1, flags: int = 0
    ) -> None:
        """Relay a frame, stamped now unless said otherwise."""
        self.seq = seq or self.seq + 1
        self.send(
            m.RelayUp(
                received_at=at or self.stamp(),
                worker_seq=self.seq,
                connection=connection,
                flags=RelayUpFlag(flags),
                inner=inner,
            )
        )

    def ask(self, message: Any, *, session: int = 0, **options: Any) -> codec.Header:
        """Relay a client's request; return the header of the answer."""
        self.relay(codec.encode(message, session=session, correlation=77), **options)
        downs = self.take(m.RelayDown)
        assert downs, "no answer"
        self.down = downs[-1]
        header, self.answer = codec.decode(downs[-1].inner)
        return header

    @property
    def goodbye(self) -> int:
        """The code with which the master closed the link; -1 while it has not."""
        said = self.peer.goodbye
        return -1 if said is None else said.code
