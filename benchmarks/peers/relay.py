"""Floor: a bare relay of the product's shape: client, TLS, worker, mutual TLS, master and back.

Settings: two processes, epoll reactors, TLS 1.3 on both hops, P-256, TCP_NODELAY; frames of 64
octets carried unread, with 8 octets of connection number on the inner link; one write per turn and
direction. ``--journal FILE`` makes it the journal prototype with the least possible core: the
master appends each turn's frames as one record and calls fdatasync in a thread before it answers.

    python -m benchmarks.peers.relay master TLS_DIRECTORY [--journal FILE]
    python -m benchmarks.peers.relay worker TLS_DIRECTORY MASTER_PORT
"""

from __future__ import annotations

import os
import sys
import zlib
from pathlib import Path
from typing import Any, Final

from twisted.internet import reactor
from twisted.internet.protocol import ClientFactory, Factory
from twisted.internet.threads import deferToThread

from benchmarks.peers import tls
from benchmarks.peers.common import ready
from benchmarks.peers.framing import FRAME, FramedProtocol

INNER: Final = FRAME + 8
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
    worker: Worker
    directory: Path

    def connectionMade(self) -> None:
        """Listen for clients now."""
        super().connectionMade()
        self.worker.link = self
        factory = Factory.forProtocol(Client)
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


def main() -> None:
    """Serve until SIGTERM."""
    role, directory, more = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    if role == "master":
        if more:
            Master.journal = Journal(more[1])
        factory = Factory.forProtocol(Master)
        factory.noisy = False
        options = tls.server_options(directory, "master", mutual=True)
        port = loop.listenSSL(0, factory, options, interface="127.0.0.1")
        loop.callWhenRunning(ready, port.getHost().port)
    else:
        Client.worker = Link.worker = Worker()
        Link.directory = directory
        connector = ClientFactory.forProtocol(Link)
        connector.noisy = False
        options = tls.client_options(directory, "worker-1")
        loop.connectSSL("127.0.0.1", int(more[0]), connector, options)
    loop.run()


if __name__ == "__main__":
    main()
