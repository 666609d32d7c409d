"""The connection within the process: order, ends, pauses, and a bound."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from papertrader.gateway import memory
from papertrader.net.clock import Clock

PEER = IPv4Address("TCP", "192.0.2.7", 5000)


class Keeper(Protocol):
    """Keeps what comes, and in which pieces."""

    link: Any

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.lost = False

    def connectionMade(self) -> None:
        """Take the transport."""
        self.link = self.transport

    def dataReceived(self, data: bytes) -> None:
        """Keep octets."""
        self.pieces.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Note the end."""
        assert not self.lost
        self.lost = True


class Pair:
    """Two keepers who are connected."""

    def __init__(self) -> None:
        self.reactor = MemoryReactorClock()
        self.overruns = 0
        self.near, self.far = Keeper(), Keeper()
        endpoint = memory.MemoryEndpoint(
            lambda peer: self.near, PEER, Clock(self.reactor), "handle", self._overrun
        )
        factory = Factory()
        factory.buildProtocol = lambda addr: self.far  # type: ignore[method-assign]
        endpoint.connect(factory)

    def _overrun(self) -> None:
        self.overruns += 1

    def turn(self) -> None:
        """Let happen what is due."""
        self.reactor.advance(0)
        self.reactor.advance(0)


def test_octets_come_in_a_later_turn_and_in_order() -> None:
    """What is written in one turn comes as one piece."""
    pair = Pair()
    pair.far.link.write(b"one")
    pair.far.link.write(b"two")
    pair.near.link.write(b"three")
    assert pair.near.pieces == []
    pair.turn()
    assert (pair.near.pieces, pair.far.pieces) == ([b"onetwo"], [b"three"])


def test_the_worker_sees_the_program() -> None:
    """Its address, and the TLS connection that it came over."""
    pair = Pair()
    assert pair.near.link.getPeer() == PEER
    assert (pair.near.link.getHandle(), pair.far.link.getHandle()) == ("handle", None)


def test_closing() -> None:
    """What was written before the end arrives; then both ends are told, once."""
    pair = Pair()
    pair.near.link.write(b"last")
    pair.near.link.loseConnection()
    pair.near.link.write(b"too late")
    pair.near.link.loseConnection()
    pair.turn()
    assert pair.far.pieces == [b"last"]
    assert pair.far.lost
    assert pair.near.lost
    pair.far.link.write(b"nobody is there")
    pair.far.link.abortConnection()
    pair.turn()


def test_aborting() -> None:
    """What waits is lost."""
    pair = Pair()
    pair.near.link.write(b"lost")
    pair.far.link.abortConnection()
    pair.turn()
    assert (pair.far.pieces, pair.far.lost, pair.near.lost) == ([], True, True)


def test_an_end_that_reads_no_more() -> None:
    """Octets wait for it, and come when it reads again."""
    pair = Pair()
    pair.near.link.pauseProducing()
    pair.far.link.write(b"waits")
    pair.turn()
    assert pair.near.pieces == []
    pair.near.link.resumeProducing()
    pair.turn()
    assert pair.near.pieces == [b"waits"]


def test_what_waits_is_bounded() -> None:
    """Beyond `WAITING_OCTETS_MAX` the connection is cut, and counted."""
    pair = Pair()
    pair.near.link.pauseProducing()
    pair.far.link.write(bytes(memory.WAITING_OCTETS_MAX))
    assert pair.overruns == 0
    pair.far.link.write(b"x")
    pair.turn()
    assert (pair.overruns, pair.near.lost, pair.far.lost) == (1, True, True)
    assert pair.near.pieces == []
