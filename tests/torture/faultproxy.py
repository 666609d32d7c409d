"""A proxy that does harm to TCP: ``python -m tests.torture.faultproxy HOST:PORT``.

It prints the port that it listens on, and takes one command a line from its standard input, for
every connection that there is and comes::

    pass              pass everything on (what it begins with)
    latency SECONDS   hold each piece back for so long
    slice             pass on one octet after another
    black             pass nothing on, and close nothing: a silent partition
    flip CHANCE       turn a bit of a piece over, with this chance
    limit OCTETS      pass on so many octets of each connection, then cut it
    reset             cut every connection now, with RST, and pass the later ones on

What it passes on is in order; TLS inside must turn every flipped bit into the end of a connection.
"""

from __future__ import annotations

import random
import socket
import struct
import sys
from typing import Any, Final

from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.stdio import StandardIO
from twisted.protocols.basic import LineReceiver

SLICE_S: Final = 0.0005
SLICED_MOST: Final = 512
"""Octets of a piece that come one by one; the rest in one piece, or nothing would get anywhere."""


class Harm:
    """What is done to all connections now, and how often it was done."""

    def __init__(self) -> None:
        self.kind = "pass"
        self.value = 0.0
        self.ends: set[End] = set()
        self.done = 0

    def order(self, line: str) -> None:
        """Take a command."""
        kind, _, value = line.strip().partition(" ")
        self.kind, self.value = kind, float(value or 0)
        for end in list(self.ends):
            if kind == "reset":
                end.reset()
            elif kind != "black":
                end.push()
        if kind == "reset":
            self.kind = "pass"


class End(Protocol):
    """One side of a connection through the proxy; ``peer`` is the other side."""

    def __init__(self, harm: Harm, reactor: Any) -> None:
        self.harm = harm
        self.reactor = reactor
        self.peer: End | None = None
        self.passed = 0
        self._waiting = bytearray()
        self._busy = False
        self._closing = False

    def connectionMade(self) -> None:
        self.harm.ends.add(self)
        self.transport.setTcpNoDelay(True)  # type: ignore[union-attr]
        if self.peer is not None:
            self.peer.push()

    def dataReceived(self, data: bytes) -> None:
        self._waiting += data
        self.push()

    def connectionLost(self, reason: Any = connectionDone) -> None:
        self.harm.ends.discard(self)
        self._closing = True
        self.push()

    def reset(self) -> None:
        """Cut with RST."""
        handle = self.transport.getHandle()  # type: ignore[union-attr]
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abortConnection()  # type: ignore[union-attr]

    def push(self) -> None:
        """Pass on what waits, as the harm of the moment has it."""
        harm, peer = self.harm, self.peer
        if peer is None or peer.transport is None or self._busy or harm.kind == "black":
            return
        if not self._waiting:
            if self._closing:
                peer.transport.loseConnection()
            return
        if harm.kind == "latency":
            self._later(harm.value, len(self._waiting))
        elif harm.kind == "slice":
            self._later(SLICE_S, 1 if len(self._waiting) < SLICED_MOST else SLICED_MOST)
        else:
            self._give(len(self._waiting))

    def _later(self, seconds: float, size: int) -> None:
        self._busy = True

        def give() -> None:
            self._busy = False
            self._give(size)

        self.reactor.callLater(seconds, give)

    def _give(self, size: int) -> None:
        harm, peer = self.harm, self.peer
        if peer is None or peer.transport is None or harm.kind == "black":
            return
        data = bytearray(self._waiting[:size])
        del self._waiting[:size]
        if harm.kind == "flip" and data and random.random() < harm.value:
            harm.done += 1
            data[random.randrange(len(data))] ^= 1 << random.randrange(8)
        self.passed += len(data)
        peer.transport.write(bytes(data))
        if harm.kind == "limit" and self.passed > harm.value:
            harm.done += 1
            self.reset()
            peer.reset()
        else:
            self.push()


class Door(Factory):
    """Takes connections, and makes one to the server for each."""

    noisy = False

    def __init__(self, harm: Harm, reactor: Any, host: str, port: int) -> None:
        self.harm = harm
        self.reactor = reactor
        self.server = (host, port)

    def buildProtocol(self, addr: object) -> End:
        near, far = End(self.harm, self.reactor), End(self.harm, self.reactor)
        near.peer, far.peer = far, near
        out: Any = Factory.forProtocol(lambda: far)  # type: ignore[arg-type]
        out.noisy = False
        from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol

        connecting = connectProtocol(TCP4ClientEndpoint(self.reactor, *self.server), far)
        connecting.addErrback(lambda _: near.transport and near.transport.loseConnection())
        return near


class Orders(LineReceiver):
    """Commands from the standard input; its end ends the proxy."""

    delimiter = b"\n"

    def __init__(self, harm: Harm, reactor: Any) -> None:
        self._harm = harm
        self._reactor = reactor

    def lineReceived(self, line: bytes) -> None:
        self._harm.order(line.decode())
        self.sendLine(b"%d" % self._harm.done)

    def connectionLost(self, reason: Any = connectionDone) -> None:
        self._reactor.stop()


def main() -> int:
    """Be a proxy until the standard input ends."""
    from twisted.internet import reactor

    core: Any = reactor
    host, _, port = sys.argv[1].rpartition(":")
    harm = Harm()
    listening = core.listenTCP(0, Door(harm, core, host, int(port)), interface="127.0.0.1")
    print(listening.getHost().port, flush=True)
    StandardIO(Orders(harm, core))
    core.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
