"""The servers of a simulation: a real master and real workers, on machines that can fail.

The master's store is SQLite on a memory file system; a crash drops the objects and opens it again.
Its threads are queues in simulated time, so that a crash can come before a write, between the
write and its answer, or after it. Nothing else stands in for anything.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import attrs
import peewee
from treq.testing import RequestTraversalAgent
from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from papertrader.master.database import Batch, TruthStore
from papertrader.master.engines import place_at
from papertrader.master.livemarket import LiveParts
from papertrader.master.main import Main
from papertrader.master.providers.catalog import facts_of, make_provider
from papertrader.master.providers.http import Web
from papertrader.master.providers.request import Origin
from papertrader.master.rules import Threads
from papertrader.net.clock import Clock
from papertrader.net.credentials import PeerIdentity
from papertrader.net.factory import AcceptCaps, AcceptorFactory
from papertrader.ops.process import FAIL_DELAY_S
from papertrader.worker.main import Worker, WorkerConfiguration
from tests.master_kit import rules
from tests.provider_kit import SHAPES, Row, Sent, Stub, same
from tests.torture.simulation.network import Machine, Network

MASTER: Final = ("10.0.0.1", 2048)
WORKER_PORT: Final = 2049
LIVE_SYMBOL: Final = "BTC/USD"
LOW_WATER: Final = 1 << 20
"""With fewer free octets the master changes nothing."""
_CAPS: Final = AcceptCaps(rate=10_000, burst=10_000, total_rate=10_000, total_burst=10_000)
"""Nobody floods here; how floods are met is tested in tests/abuse."""


def worker_host(number: int) -> str:
    """Return where a worker is, counted from 1."""
    return f"10.0.1.{number}"


def identity_of(number: int) -> PeerIdentity:
    """Return what a worker's certificate would say."""
    return PeerIdentity(spki=bytes([number]) * 32, uuid=f"00000000-0000-4000-8000-{number:012d}")


class DiskTrouble:
    """What becomes of the next writes: ``full`` and ``lost`` do not happen, ``ghost`` does, but
    the caller is told that it failed."""

    def __init__(self) -> None:
        self.kind = ""
        self.after = 0
        self.times = 1
        self.room = 1 << 40
        """Free octets, as the master is told."""

    def now(self) -> str:
        """Return what happens to this write, and count it."""
        if not self.kind:
            return ""
        self.after -= 1
        kind = self.kind if self.after < 0 else ""
        if kind:
            self.times -= 1
            self.kind = kind if self.times > 0 else ""
        return kind


def disk_is_full() -> peewee.OperationalError:
    """Return what peewee makes of SQLite's error for a full disk: its code says what it is."""
    cause = sqlite3.OperationalError("database or disk is full")
    cause.sqlite_errorcode = sqlite3.SQLITE_FULL
    error = peewee.OperationalError(str(cause))
    error.__cause__ = error.__context__ = cause
    return error


class TroubledStore(TruthStore):
    """The truth store on a disk that fails when told to."""

    trouble: DiskTrouble

    def _write(self, db: peewee.Database, batch: Batch) -> bytes:
        kind = self.trouble.now()
        if kind == "full":
            raise disk_is_full()
        if kind == "lost":
            raise peewee.OperationalError("disk I/O error")
        head = super()._write(db, batch)
        if kind == "ghost":
            raise peewee.OperationalError("disk I/O error")
        return head


@attrs.define(eq=False)
class Job:
    """A call that waits in a thread."""

    done: Deferred[Any]
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


class SimulatedThread:
    """A thread of a machine: its calls run in their order, each after a while.

    ``trap`` names a stage (``before``, ``between`` the work and its answer, ``after``) and a count:
    the machine dies there.
    """

    def __init__(self, machine: MasterMachine, name: str, slowest: float) -> None:
        self._machine = machine
        self._name = name
        self._slowest = slowest
        self._jobs: deque[Job] = deque()
        self._busy = False
        self._told_at = 0.0
        self.trap = ("", 0)

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        """Take a call."""
        done: Deferred[Any] = Deferred()
        self._jobs.append(Job(done, function, arguments))
        self._next()
        return done

    def _next(self) -> None:
        if self._jobs and not self._busy:
            self._busy = True
            self._machine.reactor.callLater(self._pause(), self._work)

    def _pause(self) -> float:
        random = self._machine.world.random
        if random.random() < 0.03:
            return random.uniform(0.05, 1.0)
        return random.uniform(0.0001, self._slowest)

    def _trapped(self, stage: str) -> bool:
        wanted, count = self.trap
        if wanted != stage:
            return False
        self.trap = (wanted, count - 1)
        if count > 0:
            return False
        self._machine.world.note(f"trap {self._name} {stage}")
        self._machine.crash()
        return True

    def _work(self) -> None:
        job = self._jobs[0]
        # A batch without an input has nothing that anybody could miss.
        matters = bool(job.arguments) and bool(getattr(job.arguments[0], "frames", True))
        if matters and self._trapped("before"):
            return
        self._jobs.popleft()
        try:
            result = job.function(*job.arguments)
        except Exception:
            result = Failure()
        self._machine.world.note(f"did {self._name}")
        if matters and self._trapped("between"):
            return
        reactor = self._machine.reactor
        self._told_at = max(self._told_at, reactor.seconds() + self._pause() / 4)
        reactor.callLater(self._told_at - reactor.seconds(), self._tell, job, result)
        self._busy = False
        self._next()

    def _tell(self, job: Job, result: Any) -> None:
        job.done.callback(result)
        self._trapped("after")


class Feed(Stub):
    """A provider of one symbol: prices that walk, and every now and then something bad."""

    BAD = (
        same("0"), same("-5.0"), same("NaN"), same("1e999"), same("null"), same("true"),
        same('"12"'), Row(bid="200.00", ask="100.00"), Row(bid="1", ask="2", last="1.5"),
        same("9" * 400),
    )  # fmt: skip

    def __init__(self, network: Network) -> None:
        super().__init__()
        self._random = network.world.random
        self._cents = 10_000
        self.answers = []
        self.trouble = 0.2

    def render_GET(self, request: Any) -> bytes | int:
        """Answer; what is asked and what is said is drawn from the seed."""
        self.answers = [self._answer()]
        self.seen.clear()
        return super().render_GET(request)

    def _answer(self) -> Sent:
        random = self._random
        self._cents = max(9_100, min(10_900, self._cents + random.randint(-60, 60)))
        if random.random() >= self.trouble:
            last, half = self._cents, random.randint(1, 20)
            return self._said(Row(
                bid=_money(last - half), ask=_money(last + half), last=_money(last),
            ))  # fmt: skip
        kind = random.randrange(6)
        if kind == 0:
            return Sent(*SHAPES["kraken"].limited[:1], SHAPES["kraken"].limited[1].encode())
        if kind == 1:
            return Sent(500, b"<html>oops</html>")
        if kind == 2:
            return Sent(200, b'{"error":[],"resul')
        if kind == 3:
            return Sent(200, b"{", then=lambda request: None)
        return self._said(random.choice(self.BAD))

    @staticmethod
    def _said(row: Row) -> Sent:
        return Sent(200, SHAPES["kraken"].body({LIVE_SYMBOL: row}).encode())


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


@attrs.define
class Installation:
    """What outlives the master's process: its state directory, its market, who may come in."""

    state: Path
    workers: int
    live: bool
    disk: DiskTrouble = attrs.Factory(DiskTrouble)
    feed: Feed | None = None
    crashes: int = 0
    starts: int = 0


class MasterMachine(Machine):
    """A running master. ``on_end`` is told when it is gone, and what it was that ended it."""

    def __init__(
        self,
        network: Network,
        installation: Installation,
        skew_ns: int,
        on_end: Callable[[], None],
    ) -> None:
        super().__init__(network, MASTER[0], skew_ns)
        self.installation = installation
        self._on_end = on_end
        installation.starts += 1
        self.clock = Clock(self.reactor, self.wall_ns)
        self.truth = SimulatedThread(self, "truth", 0.004)
        self.views = SimulatedThread(self, "views", 0.02)
        hashing = SimulatedThread(self, "hashing", 0.01)
        kind = {"source": "live"} if installation.live else {}
        chosen = rules(installation.state, **kind)
        self.main = Main(
            attrs.evolve(chosen, low_water=LOW_WATER, room=lambda: installation.disk.room),
            self.clock,
            Threads(truth=self.truth, views=self.views, hashing=hashing),
            self.world.random.randbytes,
            self._failed,
            self._parts() if installation.live else None,
        )
        store = TroubledStore(place_at(installation.state).truth)
        store.trouble = installation.disk
        self.main.store = store
        self._open()

    def _open(self) -> None:
        main = self.main
        main.initialize()
        if self.installation.starts == 1:
            for number in range(1, self.installation.workers + 1):
                who = identity_of(number)
                main.store.db.execute_sql(
                    "INSERT INTO worker (id, name, uuid, spki, active, added_at)"
                    " VALUES (?, ?, ?, ?, 1, 0)",
                    (number, f"worker-{number}", who.uuid, who.spki),
                )
        main.workers.load(main.store.db)
        # There is no TLS here to say who somebody is.
        main.workers.identify = lambda link: link.transport.identity  # type: ignore[method-assign]
        main.start()
        factory = AcceptorFactory(
            lambda address: main.workers.new_link(), self.clock, caps=_CAPS, reactor=self.reactor
        )
        self.network.listen(self, MASTER, factory)

    def _parts(self) -> LiveParts:
        facts, feed = facts_of("kraken"), self.installation.feed
        web = Web(RequestTraversalAgent(feed), Origin.parse(facts.url), self.clock)
        provider = make_provider("kraken", web, self.clock, limits=facts.limits, key=())
        return LiveParts(
            providers=(provider,),
            assets=facts.starters[:1],
            jitter=self.world.random.random,
            close=lambda: succeed(None),
            interval_ms=2_000,
        )

    def _failed(self, why: str) -> None:
        """Do what the driver does: stop the workings after a while, then end."""
        self.world.note(f"master failed: {why.rpartition(': ')[2]}")
        self.reactor.callLater(FAIL_DELAY_S, self._exit)

    def _exit(self) -> None:
        Deferred.fromCoroutine(self.main.stop()).addErrback(lambda _: None)
        self.reactor.callLater(0.05, self.crash)

    def crash(self) -> None:
        """End without a word."""
        if self.alive:
            self.installation.crashes += 1
            self.world.note("master dies")
            self.die()
            self.main.store.close()
            self.main.view_store.close()
            self._on_end()

    def stop(self) -> Deferred[None]:
        """Stop as SIGTERM would; fires when everything is durable and closed."""
        self.enter()
        return Deferred.fromCoroutine(self.main.stop())


class WorkerMachine(Machine):
    """A running worker."""

    def __init__(self, network: Network, number: int, skew_ns: int) -> None:
        super().__init__(network, worker_host(number), skew_ns)
        self.number = number
        network.identities[self.host] = identity_of(number)
        self.worker = Worker(
            WorkerConfiguration(
                worker_id=number,
                name=f"worker-{number}",
                master_host=MASTER[0],
                master_port=MASTER[1],
                listen_host=self.host,
                listen_port=WORKER_PORT,
                public_host=self.host,
                caps=_CAPS,
            ),
            self.reactor,
            Clock(self.reactor, self.wall_ns),
            self.world.random,
        )
        self.worker.start()

    def crash(self) -> None:
        """End without a word."""
        self.world.note(f"worker {self.number} dies")
        self.die()
