"""Machines, their time and the network between them, all in one process and from one seed.

A `Machine` is a process that can die: it has a Twisted clock of its own (`task.Clock`), which is
thrown away with everything that waits in it. `Network` carries octets between machines as TCP
does: in order, in pieces of any size, late, or not at all; and it notices an end when a kernel
would.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable
from random import Random
from typing import Any, Final

import attrs
from twisted.internet import error
from twisted.internet.address import IPv4Address
from twisted.internet.error import (
    ConnectionAborted,
    ConnectionDone,
    ConnectionLost,
)
from twisted.internet.interfaces import IHostnameResolver
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from zope.interface import implementer

WINDOW: Final = 64 * 1024
"""Octets that a direction takes before its writer is told to wait, as a socket's buffer does."""
PIECES: Final = 0.15
"""How often only a part of what has come is handed over at once."""
WALL_NS: Final = 1_800_000_000_000_000_000


class World:
    """What time it is, what happens next, and the hash of all that has happened."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.now = 1_000.0
        self.machines: list[Machine] = []
        self.steps = 0
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._number = 0
        self._history = hashlib.sha256()
        self.tail: list[str] | None = None
        """What happened, as lines, if somebody wants to read it."""

    def note(self, what: str, octets: bytes = b"") -> None:
        """Add to the history. Two runs of a seed have the same or something is not from it."""
        self._history.update(b"%.9f %s\0" % (self.now, what.encode()))
        if octets:
            self._history.update(octets)
        if self.tail is not None:
            self.tail.append(f"{self.now:12.6f} {what} {len(octets) or ''}")

    @property
    def digest(self) -> str:
        """The hash of everything so far."""
        return self._history.hexdigest()[:16]

    def later(self, seconds: float, call: Callable[[], object]) -> None:
        """Have something happen that belongs to no machine."""
        self._number += 1
        heapq.heappush(self._due, (self.now + seconds, self._number, call))

    def step(self) -> None:
        """Let the next thing happen, whatever it is."""
        self.steps += 1
        at = self._due[0][0] if self._due else float("inf")
        next_machine = None
        for machine in self.machines:
            calls = machine.reactor.calls
            if calls and not machine.paused and calls[0].getTime() < at:
                at, next_machine = calls[0].getTime(), machine
        self.now = max(self.now, at)
        if next_machine is None:
            heapq.heappop(self._due)[2]()
        else:
            next_machine.enter()
            next_machine.reactor.advance(0)

    def run_until(self, at: float) -> None:
        """Let everything happen that is due before an instant."""
        done = [False]
        self.later(at - self.now, lambda: done.__setitem__(0, True))
        while not done[0]:
            self.step()


@implementer(IHostnameResolver)
class Addresses:
    """Hosts are named by their addresses here."""

    def resolveHostName(
        self, receiver: Any, host: str, portNumber: int = 0, *_kinds: Any, **_more: Any
    ) -> Any:
        receiver.resolutionBegan(None)
        receiver.addressResolved(IPv4Address("TCP", host, portNumber))
        receiver.resolutionComplete()
        return receiver


class MachineReactor(MemoryReactorClock):
    """The reactor of one machine: its connections go over the network."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self.machine = machine
        self.rightNow = machine.world.now
        self.installNameResolver(Addresses())

    def connectTCP(
        self, host: str, port: int, factory: Any, timeout: float = 30, bindAddress: Any = None
    ) -> Any:
        return self.machine.network.dial(self.machine, (host, port), factory, timeout)

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        self.machine.network.listen(self.machine, (interface, port), factory)
        return super().listenTCP(port, factory, backlog, interface)


class Machine:
    """A process on a host of its own. ``skew_ns``: how far its wall clock is off."""

    def __init__(self, network: Network, host: str, skew_ns: int = 0) -> None:
        self.network = network
        self.world = network.world
        self.host = host
        self.skew_ns = skew_ns
        self.paused = False
        self.alive = True
        self.reactor = MachineReactor(self)
        self.world.machines.append(self)

    def wall_ns(self) -> int:
        """Return what its wall clock shows: read when a `papertrader.net.clock.Clock` is made."""
        return WALL_NS + self.skew_ns + int((self.world.now - 1_000.0) * 1e9)

    def enter(self) -> None:
        """Something is about to happen here: its reactor sees what time it is."""
        self.reactor.rightNow = max(self.reactor.rightNow, self.world.now)

    def resume(self) -> None:
        """Go on after a pause (SIGCONT)."""
        if self.alive and self.paused:
            self.paused = False
            self.network.woken(self)

    def die(self) -> None:
        """End without a word (SIGKILL): nothing that waits will ever come."""
        self.alive = False
        self.world.machines.remove(self)
        self.network.died(self)


class End:
    """One end of a connection, as a protocol's transport."""

    def __init__(self, machine: Machine, address: tuple[str, int], number: int) -> None:
        self.machine = machine
        self.address = address
        self.number = number
        self.protocol: Any = None
        self.peer: End
        self.identity: Any = None
        """What TLS would tell of the peer."""
        self.disconnecting = False
        self.lost = False
        self.reading = True
        self.held = False
        """What is written here goes nowhere for now: a silent partition of this direction."""
        self.latency = 0.0
        self._waiting = bytearray()
        self._due = False
        self._producer: Any = None
        self._full = False
        self._closing: type[Exception] | None = None

    # --- what a protocol calls ------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Take octets."""
        if self.lost or self.disconnecting or not data:
            return
        self._waiting += data
        if len(self._waiting) > WINDOW and self._producer is not None and not self._full:
            self._full = True
            self._producer.pauseProducing()
        self.hurry()

    def writeSequence(self, data: Any) -> None:
        """Take octets."""
        self.write(b"".join(data))

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Have somebody told when to wait."""
        self._producer = producer

    def unregisterProducer(self) -> None:
        """Tell nobody any more."""
        self._producer = None

    def pauseProducing(self) -> None:
        """The protocol wants no more octets."""
        self.reading = False

    def resumeProducing(self) -> None:
        """The protocol wants octets again."""
        if not self.reading:
            self.reading = True
            self.peer.hurry()

    def loseConnection(self, _reason: object = None) -> None:
        """Close once everything is out."""
        if not self.lost and not self.disconnecting:
            self.disconnecting = True
            self._closing = ConnectionDone
            self.hurry()

    def abortConnection(self) -> None:
        """Cut: what has not arrived never does."""
        if not self.lost:
            self._waiting.clear()
            self.disconnecting = True
            self._closing = ConnectionLost
            self.machine.reactor.callLater(0, self.end, ConnectionAborted)
            self.hurry()

    def setTcpNoDelay(self, _enabled: bool) -> None:
        """Nothing is delayed here but by the network."""

    def setTcpKeepAlive(self, _enabled: bool) -> None:
        """There is no keepalive but the protocol's own."""

    def getPeer(self) -> IPv4Address:
        """Return the other end's address."""
        return IPv4Address("TCP", *self.peer.address)

    def getHost(self) -> IPv4Address:
        """Return this end's address."""
        return IPv4Address("TCP", *self.address)

    # --- what the network does ------------------------------------------------------------------

    def hurry(self) -> None:
        """Have what waits delivered after this direction's latency."""
        if not self._due and not self.held and (self._waiting or self._closing):
            self._due = True
            world = self.machine.world
            world.later(self.latency * (0.5 + world.random.random()), self._deliver)

    def _deliver(self) -> None:
        self._due = False
        peer, world = self.peer, self.machine.world
        if self.held or peer.machine.paused:
            return
        if self._waiting and not peer.lost and peer.machine.alive:
            if not peer.reading:
                return
            size = len(self._waiting)
            if world.random.random() < PIECES:
                size = world.random.randint(1, size)
            data = bytes(self._waiting[:size])
            del self._waiting[:size]
            world.note(f"octets {self.number} to {peer.machine.host}", data)
            peer.machine.enter()
            peer.protocol.dataReceived(data)
            if self._full and not self._waiting:
                self._refill()
            if self._waiting:
                self.hurry()
                return
        if self._closing is not None:
            peer.end(self._closing)
            if self.machine.alive:
                self.machine.reactor.callLater(0, self.end, ConnectionDone)
        else:
            self.hurry()

    def _refill(self) -> None:
        self._full = False
        if self._producer is not None and not self.lost and self.machine.alive:
            self.machine.enter()
            self._producer.resumeProducing()

    def end(self, why: type[Exception]) -> None:
        """Notice that the connection is gone."""
        if self.lost:
            return
        self.lost = True
        self.machine.network.ends.discard(self)
        if self.machine.alive and self.protocol is not None:
            self.machine.world.note(f"end {self.number} at {self.machine.host} {why.__name__}")
            self.machine.enter()
            self.protocol.connectionLost(Failure(why()))

    def drop(self, keep: int, why: type[Exception]) -> None:
        """The peer's kernel gets ``keep`` more octets of what is under way, then learns the end."""
        del self._waiting[keep:]
        self._closing = why
        self.disconnecting = True
        self.hurry()

    @property
    def under_way(self) -> int:
        """Octets that were written and have not arrived."""
        return len(self._waiting)


class Ends:
    """The open ends, in the order in which they were made."""

    def __init__(self) -> None:
        self._all: dict[End, None] = {}

    def add(self, end: End) -> None:
        """Add one."""
        self._all[end] = None

    def discard(self, end: End) -> None:
        """Forget one."""
        self._all.pop(end, None)

    def of(self, machine: Machine) -> list[End]:
        """Return those of one machine."""
        return [end for end in self._all if end.machine is machine]

    def all(self) -> list[End]:
        """Return all."""
        return list(self._all)


@attrs.define(eq=False)
class Dialing:
    """A connection that is being made (what Twisted calls a connector)."""

    machine: Machine
    address: tuple[str, int]
    factory: Any
    over: bool = False

    def getDestination(self) -> IPv4Address:
        """Return where it goes."""
        return IPv4Address("TCP", *self.address)

    def stopConnecting(self) -> None:
        """Give up."""
        self.over = True

    def fail(self, why: Exception) -> None:
        """It cannot be had."""
        if not self.over and self.machine.alive:
            self.over = True
            self.machine.enter()
            self.factory.clientConnectionFailed(self, Failure(why))

    def disconnect(self) -> None:
        """Give up."""
        self.over = True


class Network:
    """Who listens where, and the connections (see the module)."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ends = Ends()
        self._listeners: dict[tuple[str, int], tuple[Machine, Any]] = {}
        self._numbers = 0
        self.unreachable: set[str] = set()
        """Hosts that nobody reaches: what is sent there is lost without a word."""
        self.identities: dict[str, Any] = {}

    def listen(self, machine: Machine, address: tuple[str, int], factory: Any) -> None:
        """Take connections from now on."""
        self._listeners[address] = (machine, factory)

    def dial(
        self, machine: Machine, address: tuple[str, int], factory: Any, timeout: float
    ) -> Dialing:
        """Begin to connect."""
        dialing = Dialing(machine, address, factory)
        factory.doStart()
        factory.startedConnecting(dialing)
        if {address[0], machine.host} & self.unreachable:
            machine.reactor.callLater(timeout, dialing.fail, error.TimeoutError())
        else:
            seconds = 0.001 * self.world.random.random()
            self.world.later(seconds, lambda: self._connect(dialing, address))
        return dialing

    def _connect(self, dialing: Dialing, address: tuple[str, int]) -> None:
        machine, (server, factory) = dialing.machine, self._listeners.get(address, (None, None))
        if dialing.over or not machine.alive:
            return
        if server is None or not server.alive:
            dialing.fail(error.ConnectionRefusedError())
            return
        self._numbers += 1
        self.world.note(f"connect {self._numbers} {machine.host} to {address[0]}")
        near = End(machine, (machine.host, 10_000 + self._numbers), self._numbers)
        far = End(server, address, self._numbers)
        near.peer, far.peer = far, near
        far.identity = self.identities.get(machine.host)
        slow = self.world.random.random() < 0.1
        for end in (near, far):
            end.latency = self.world.random.uniform(0.0002, 0.2 if slow else 0.004)
        server.enter()
        far.protocol = factory.buildProtocol(IPv4Address("TCP", *near.address))
        dialing.over = True
        machine.enter()
        near.protocol = dialing.factory.buildProtocol(IPv4Address("TCP", *address))
        self.ends.add(near)
        self.ends.add(far)
        if far.protocol is None:
            far.loseConnection()
        else:
            far.protocol.makeConnection(far)
        near.protocol.makeConnection(near)

    # --- what goes wrong ------------------------------------------------------------------------

    def cut(self, end: End) -> None:
        """Break a connection: each side learns it for itself, and gets a part of what came."""
        random = self.world.random
        self.world.note(f"cut {end.number}")
        for each in (end, end.peer):
            each.drop(random.randint(0, each.under_way), ConnectionLost)

    def hold(self, end: End, seconds: float) -> None:
        """Let one direction of a connection stand still for a while, without a word."""
        self.world.note(f"hold {end.number} from {end.machine.host} {seconds:.3f}")
        end.held = True

        def release() -> None:
            end.held = False
            end.hurry()

        self.world.later(seconds, release)

    def isolate(self, host: str, seconds: float) -> None:
        """Let nothing pass to or from a host for a while: a silent partition."""
        self.world.note(f"isolate {host} {seconds:.3f}")
        self.unreachable.add(host)
        for end in self.ends.all():
            if host in (end.machine.host, end.peer.machine.host):
                self.hold(end, seconds)
        self.world.later(seconds, lambda: self.unreachable.discard(host))

    def heal(self) -> None:
        """Let everything pass again."""
        self.unreachable.clear()
        for end in self.ends.all():
            end.held = False
            end.hurry()

    def woken(self, machine: Machine) -> None:
        """A machine goes on: what came meanwhile waits for it."""
        for end in self.ends.of(machine):
            end.peer.hurry()

    def died(self, machine: Machine) -> None:
        """A machine is dead: its peers get a part of what it had written, and learn it."""
        for end in self.ends.of(machine):
            self.ends.discard(end)
            end.lost = True
            end.drop(self.world.random.randint(0, end.under_way), ConnectionLost)
