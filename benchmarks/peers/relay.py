"""Floor: a bare relay of the product's shape: client, TLS, worker, mutual TLS, master and back.

Settings: two processes, epoll reactors, TLS 1.3 on both hops, P-256, TCP_NODELAY; frames of 64
octets carried unread, with 8 octets of connection number on the inner link; one write per turn and
direction. ``--journal FILE`` makes it the journal prototype with the least possible core: the
master appends each turn's frames as one record and calls fdatasync in a thread before it answers.

``--look`` makes it a relay that looks at each frame, with the least that this project's
specification asks of each: the worker reads its head, stamps it, says who sent it from where and
keeps what is open; the master reads both, finds the account, answers that frame, and the worker
finds who asked. No check fails, nothing is authorized, logged, counted or bounded: what is left of
the bare relay's rate is what this interpreter leaves to anything that keeps to the specification.

    python -m benchmarks.peers.relay master TLS_DIRECTORY [--journal FILE | --look]
    python -m benchmarks.peers.relay worker TLS_DIRECTORY MASTER_PORT [--look]
"""

from __future__ import annotations

import os
import sys
import time
import zlib
from pathlib import Path
from struct import Struct
from typing import Any, Final

from twisted.internet import reactor
from twisted.internet.protocol import ClientFactory, Factory
from twisted.internet.threads import deferToThread

from benchmarks.peers import tls
from benchmarks.peers.common import ready
from benchmarks.peers.framing import FRAME, FramedProtocol

INNER: Final = FRAME + 8
HEAD: Final = Struct(">2sBBLHHHHQQL")
"""As many fields, and octets, as the product's frames begin with."""
STAMP: Final = Struct(">QQQ16s")
"""When a frame came, its number on the link, the client, and from where."""
STAMPED: Final = STAMP.size + FRAME
ANSWER: Final = Struct(f">2sBBLHHHHQQLqqq{FRAME - HEAD.size - 24}x")
PREALLOCATED: Final = 64 * 1024 * 1024
loop: Any = reactor


class Journal:
    """Group commit: what comes while a commit runs is the next record."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        # Written once, so that fdatasync has no block to allocate, as in a log that is reused.
        os.write(self._file, bytes(PREALLOCATED))
        os.fsync(self._file)
        self._at = 0
        self._waiting: list[tuple[Master, bytes]] = []
        self._flying = False

    def take(self, link: Master, data: bytes) -> None:
        """Keep frames; they are answered when they are durable."""
        self._waiting.append((link, data))
        if not self._flying:
            self._flying = True
            loop.callLater(0, self._commit)

    def _commit(self) -> None:
        batch, self._waiting = self._waiting, []
        record = b"".join(data for _, data in batch)
        deferToThread(self._write, record).addCallback(self._committed, batch)

    def _write(self, record: bytes) -> None:
        record += zlib.crc32(record).to_bytes(4, "big")
        if self._at + len(record) > PREALLOCATED:
            self._at = 0
        os.pwrite(self._file, record, self._at)
        self._at += len(record)
        os.fdatasync(self._file)

    def _committed(self, result: None, batch: list[tuple[Master, bytes]]) -> None:
        if self._waiting:
            loop.callLater(0, self._commit)
        else:
            self._flying = False
        for link, data in batch:
            link.send(data)


class Master(FramedProtocol):
    """Gives back what it gets, durable if there is a journal."""

    frame = INNER
    journal: Journal | None = None

    def frames(self, data: bytes) -> None:
        """Answer all frames of this read."""
        if self.journal is None:
            self.send(data)
        else:
            self.journal.take(self, data)


class Worker:
    """Knows the clients by number and the one link to the master."""

    def __init__(self) -> None:
        self.clients: dict[int, Client] = {}
        self.last = 0
        self.link: Link | None = None


class Client(FramedProtocol):
    """One client's connection."""

    worker: Worker

    def connectionMade(self) -> None:
        """Number the client."""
        super().connectionMade()
        self.worker.last += 1
        self.number = self.worker.last
        self.name = self.number.to_bytes(8, "big")
        self.worker.clients[self.number] = self

    def connectionLost(self, reason: Any = None) -> None:
        """Forget the client."""
        self.worker.clients.pop(self.number, None)

    def frames(self, data: bytes) -> None:
        """Send each frame on with the client's number."""
        if self.worker.link is not None:
            for at in range(0, len(data), FRAME):
                self.worker.link.send(self.name + data[at : at + FRAME])


class Link(FramedProtocol):
    """The worker's connection to the master."""

    frame = INNER
    clients: type[Client] = Client
    worker: Worker
    directory: Path

    def connectionMade(self) -> None:
        """Listen for clients now."""
        super().connectionMade()
        self.worker.link = self
        factory = Factory.forProtocol(self.clients)
        factory.noisy = False
        options = tls.server_options(self.directory, "worker-1-public")
        port = loop.listenSSL(0, factory, options, backlog=2048, interface="127.0.0.1")
        ready(port.getHost().port)

    def frames(self, data: bytes) -> None:
        """Send each frame to its client."""
        clients = self.worker.clients
        for at in range(0, len(data), INNER):
            client = clients.get(int.from_bytes(data[at : at + 8], "big"))
            if client is not None:
                client.send(data[at + 8 : at + INNER])


class LookingMaster(Master):
    """Reads each frame and answers it with three figures of an account."""

    frame = STAMPED

    def connectionMade(self) -> None:
        """Begin."""
        super().connectionMade()
        self._last = 0
        self._accounts = {0: (1, 2, 3)}

    def frames(self, data: bytes) -> None:
        """Answer each frame."""
        stamp, head, answer, told = STAMP.unpack_from, HEAD.unpack_from, ANSWER.pack, STAMP.pack
        accounts, out = self._accounts, []
        for at in range(0, len(data), STAMPED):
            received, seq, client, address = stamp(data, at)
            magic, version, category, length, opcode, flags, size, status, session, _, asked = head(
                data, at + STAMP.size
            )
            self._last = max(self._last, seq)
            cash, equity, power = accounts[session]
            out.append(told(received, seq, client, address))
            out.append(
                answer(
                    magic, version, category, length, opcode, flags, size, status, session, seq,
                    asked, cash, equity, power,
                )
            )  # fmt: skip
        self.send(b"".join(out))


class LookingClient(Client):
    """Reads, stamps and remembers each frame before it goes on."""

    def connectionMade(self) -> None:
        """Begin."""
        super().connectionMade()
        self._seq = 0
        self._address = bytes(10) + b"\xff\xff\x7f\0\0\1"
        self.asked: dict[int, int] = {}
        """By a frame's number, when it came."""

    def frames(self, data: bytes) -> None:
        """Send each frame on, stamped."""
        link = self.worker.link
        if link is None:
            return
        head, stamp, number, address = HEAD.unpack_from, STAMP.pack, self.number, self._address
        out = []
        for at in range(0, len(data), FRAME):
            magic, version, _, length, *_ = head(data, at)
            if magic == b"PT" and (version != 1 or length > FRAME):
                raise ValueError("this is no frame")
            now = time.time_ns()
            self._seq += 1
            self.asked[self._seq] = now
            out.append(stamp(now, self._seq, number, address))
            out.append(data[at : at + FRAME])
        link.send(b"".join(out))


class LookingLink(Link):
    """Finds who asked what each frame answers."""

    frame = STAMPED
    clients = LookingClient

    def frames(self, data: bytes) -> None:
        """Send each frame to its client."""
        clients, stamp = self.worker.clients, STAMP.unpack_from
        for at in range(0, len(data), STAMPED):
            _, seq, number, _ = stamp(data, at)
            client = clients.get(number)
            if isinstance(client, LookingClient) and client.asked.pop(seq, 0):
                client.send(data[at + STAMP.size : at + STAMPED])


def main() -> None:
    """Serve until SIGTERM."""
    role, directory, more = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    looks = "--look" in more
    if role == "master":
        if "--journal" in more:
            Master.journal = Journal(more[1])
        factory = Factory.forProtocol(LookingMaster if looks else Master)
        factory.noisy = False
        options = tls.server_options(directory, "master", mutual=True)
        port = loop.listenSSL(0, factory, options, interface="127.0.0.1")
        loop.callWhenRunning(ready, port.getHost().port)
    else:
        Client.worker = Link.worker = Worker()
        Link.directory = directory
        connector = ClientFactory.forProtocol(LookingLink if looks else Link)
        connector.noisy = False
        options = tls.client_options(directory, "worker-1")
        loop.connectSSL("127.0.0.1", int(more[0]), connector, options)
    loop.run()


if __name__ == "__main__":
    main()
