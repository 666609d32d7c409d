"""One simulation: a world is made from a seed, everything goes wrong in it, then it is healed.

After the faults comes a time without any: everything that was asked must be answered, or be found
out by asking again. Then the books are audited, decided again, and compared with what each client
was told.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import attrs
from twisted.logger import LogEvent, globalLogPublisher

from papertrader.master.engines import connect
from papertrader.ops.inspection import audit
from papertrader.ops.replaycheck import replay_check
from papertrader.wire import messages as m
from tests.torture.seeds import Outcome
from tests.torture.simulation.machines import (
    Feed,
    Installation,
    MasterMachine,
    WorkerMachine,
    worker_host,
)
from tests.torture.simulation.network import End, Machine, Network, World
from tests.torture.simulation.traders import Record, Trader

ACTIVITY_S: Final = (4.0, 14.0)
"""Simulated seconds in which things go wrong."""
HEALING_S: Final = 150.0
"""Simulated seconds without faults in which everybody must come to an end."""
FAULT_EVERY_S: Final = (0.2, 2.0)
STEPS_MAX: Final = 400_000
CPU_S: Final = 60.0
"""Seconds of the processor for one seed; the longest takes two or three."""
SECOND: Final = 1_000_000_000
DAY_S: Final = 86_400
MEMORY: Final = Path("/dev/shm")


class Violation(Exception):
    """A promise was broken; the text says which."""


class Circle(BaseException):
    """A seed uses the processor without end. No handler of errors may keep it."""


@attrs.frozen(kw_only=True)
class Simulated(Outcome):
    """What came of a seed: orders by what their clients were told, events that came to them."""

    steps: int
    orders: int
    done: int
    refused: int
    unknown: int
    events: int
    crashes: int
    faults: int


class Simulation:
    """A whole installation from one seed (see the module)."""

    def __init__(self, seed: int, state: Path, keep_tail: bool = False) -> None:
        self.seed = seed
        self.world = SimulatedWorld(seed)
        if keep_tail:
            self.world.tail = []
        self.random = self.world.random
        self.network = Network(self.world)
        live = self.random.random() < 0.25
        self.installation = Installation(state, self.random.randint(2, 3), live)
        if live:
            self.installation.feed = Feed(self.network)
        self.faults = 0
        self.step_ns = 0
        """How far the wall clocks of all hosts were set since the beginning."""
        self.quiet = False
        self.master: MasterMachine | None = None
        self.workers: dict[int, WorkerMachine | None] = {}
        self.start_master()
        for number in range(1, self.installation.workers + 1):
            self.start_worker(number)
        accounts = self.random.randint(2, 4)
        self.records = [Record(f"user{n}") for n in range(accounts)]
        self.traders = [
            Trader(self.network, n + 1, self.records[n % accounts], self.installation.workers, live)
            for n in range(self.random.randint(4, 8))
        ]

    # --- starting and ending --------------------------------------------------------------------

    def _skew(self) -> int:
        return self.step_ns + self.random.randint(-SECOND, SECOND)

    def start_master(self) -> None:
        """Start the master, as its supervisor does: one at a time, as the lock has it."""
        if self.master is not None:
            return
        self.master = MasterMachine(
            self.network, self.installation, self._skew(), self._master_ended
        )

    def _master_ended(self) -> None:
        self.master = None
        self.world.later(self.random.uniform(0.05, 3.0), self.start_master)

    def start_worker(self, number: int) -> None:
        """Start a worker, as its supervisor does."""
        self.workers[number] = WorkerMachine(self.network, number, self._skew())

    def crash_worker(self) -> None:
        """Kill one of the workers; it comes back."""
        number = self.random.randint(1, self.installation.workers)
        worker = self.workers[number]
        if worker is not None:
            self.workers[number] = None
            worker.crash()
            self.world.later(self.random.uniform(0.05, 3.0), lambda: self.start_worker(number))

    def crash_trader(self) -> None:
        """Kill one of the clients; it comes back."""
        trader = self.random.choice(self.traders)
        if trader.machine.alive:
            trader.crash()
            self.world.later(self.random.uniform(0.05, 3.0), trader.start)

    # --- what goes wrong ------------------------------------------------------------------------

    def _any_end(self) -> End | None:
        ends = [end for end in self.network.ends.all() if not end.lost]
        return self.random.choice(ends) if ends else None

    def cut(self) -> None:
        """Break a connection."""
        end = self._any_end()
        if end is not None:
            self.network.cut(end)

    def hold(self) -> None:
        """Let a connection stand still, one way or both."""
        end = self._any_end()
        if end is not None:
            seconds = self.random.choice((0.3, 2.0, 8.0, 40.0)) * self.random.random()
            self.network.hold(end, seconds)
            if self.random.random() < 0.5:
                self.network.hold(end.peer, seconds)

    def isolate(self) -> None:
        """Let a host be reached by nobody for a while."""
        hosts = [worker_host(n) for n in self.workers] + ["10.0.0.1"]
        self.network.isolate(self.random.choice(hosts), self.random.uniform(0.5, 20.0))

    def crash_master(self) -> None:
        """Kill the master now, or at a named point of its next writes."""
        master = self.master
        if master is None:
            return
        stage = self.random.choice(("", "before", "before", "between", "between", "after"))
        if not stage:
            master.crash()
            return
        thread = self.random.choice((master.truth, master.truth, master.views))
        thread.trap = (stage, self.random.randrange(4))

    def pause(self) -> None:
        """Stop a process for a while; it does not know (SIGSTOP, SIGCONT)."""
        machines: list[Machine] = [w for w in self.workers.values() if w is not None]
        machines += [each.machine for each in self.traders if each.machine.alive]
        machines += [self.master] if self.master is not None else []
        machine = self.random.choice(machines)
        seconds = self.random.choice((0.2, 2.0, 12.0)) * self.random.random()
        self.world.note(f"pause {machine.host} {seconds:.3f}")
        machine.paused = True
        self.world.later(seconds, machine.resume)

    def disk(self) -> None:
        """Let one of the next writes fail."""
        disk = self.installation.disk
        disk.kind = self.random.choice(("full", "lost", "ghost"))
        disk.after = self.random.randrange(4)
        disk.times = self.random.choice((1, 1, 5)) if disk.kind == "full" else 1
        self.world.note(f"disk {disk.kind} {disk.after} {disk.times}")

    def fill_disk(self) -> None:
        """Let the room on the disk go below what the master wants, for a while."""
        disk, seconds = self.installation.disk, self.random.uniform(0.5, 8.0)
        self.world.note(f"no room {seconds:.3f}")
        disk.room = 0
        self.world.later(seconds, lambda: setattr(disk, "room", 1 << 40))

    def step_clocks(self) -> None:
        """Set the clocks of all hosts; each process learns it when it is started anew."""
        self.step_ns += self.random.choice((-DAY_S, -3_600, -20, 20, 3_600, DAY_S)) * SECOND
        self.world.note(f"step {self.step_ns}")
        if self.master is not None:
            self.master.crash()
        for number, worker in list(self.workers.items()):
            if worker is not None:
                self.workers[number] = None
                worker.crash()
                self.world.later(1.0, lambda number=number: self.start_worker(number))

    def one_fault(self) -> None:
        """Let something go wrong, and the next thing after a while."""
        if self.quiet:
            return
        kinds: list[Callable[[], None]] = [
            self.cut, self.cut, self.cut, self.hold, self.hold, self.isolate, self.crash_master,
            self.crash_master, self.crash_master, self.crash_worker, self.crash_worker,
            self.crash_trader, self.crash_trader, self.pause, self.pause, self.disk, self.fill_disk,
        ]  # fmt: skip
        if self.random.random() < 0.02:
            self.step_clocks()
        else:
            self.random.choice(kinds)()
        self.faults += 1
        self.world.later(self.random.uniform(*FAULT_EVERY_S), self.one_fault)

    # --- the run --------------------------------------------------------------------------------

    def run(self) -> None:
        """Let everything go wrong, heal it, and check every promise."""
        self.world.later(self.random.uniform(0.5, 3.0), self.one_fault)
        self.world.run_until(self.world.now + self.random.uniform(*ACTIVITY_S))
        self.heal()
        end = self.world.now + HEALING_S
        while not all(trader.finished for trader in self.traders):
            if self.world.now > end:
                idle = [str(each.number) for each in self.traders if not each.finished]
                raise Violation(f"traders {', '.join(idle)} came to no end after the healing")
            self.world.run_until(self.world.now + 1.0)
        self.check()

    def heal(self) -> None:
        """End every fault."""
        self.world.note("heal")
        self.quiet = True
        self.installation.disk.kind = ""
        self.installation.disk.room = 1 << 40
        if self.installation.feed is not None:
            self.installation.feed.trouble = 0.0
        if self.master is not None:
            for thread in (self.master.truth, self.master.views):
                thread.trap = ("", 0)
        self.network.heal()
        for machine in list(self.world.machines):
            machine.resume()
        for trader in self.traders:
            trader.calm = True

    def check(self) -> None:
        """Stop the master, audit, decide everything again, compare with what was told."""
        self._stop_master()
        state = self.installation.state
        report = audit(state)
        if report.violations:
            raise Violation(f"audit: {report.violations[0]}")
        findings = replay_check(state).findings
        if findings:
            raise Violation(f"replay: {findings[0]}")
        check_records(state, self.records)

    def _stop_master(self) -> None:
        while self.master is None:
            self.world.step()
        if self.random.random() < 0.5:
            self.master.crash()
            self.start_master()
        master = self.master
        stopped: list[Any] = []
        master.stop().addBoth(stopped.append)
        end = self.world.now + 30.0
        while not stopped:
            self.world.step()
            if self.world.now > end:
                raise Violation("the master does not stop")
        if stopped != [None]:
            raise Violation(f"the stop failed: {stopped[0]}")
        if master.main.internal_errors:
            raise Violation("a command was answered INTERNAL")


def check_records(state: Path, records: list[Record]) -> None:
    """I-11, I-12, I-13: what each client was told is what the books have.

    Orders are found by their client's number in the views, which the audit has compared with the
    journal; events by their frames.
    """
    views = connect(state / "views.db", {}, read_only=True)
    truth = connect(state / "truth.db", {}, read_only=True)
    try:
        accounts = dict(truth.execute_sql("SELECT username, id FROM account").fetchall())
        present = orders_of(views)
        last = dict(views.execute_sql("SELECT id, event_seq FROM view_account").fetchall())
    finally:
        views.close()
        truth.close()
    for record in records:
        account = accounts.get(record.name)
        if account is None:
            if record.orders:
                raise Violation(f"{record.name} had orders and has no account")
            continue
        mine = present.get(account, {})
        for number, told in record.orders.items():
            ids = mine.get(number, [])
            if len(ids) > 1:
                raise Violation(f"{record.name}: order {number} is there {len(ids)} times")
            if told.what == "done" and ids != [told.order_id]:
                raise Violation(f"{record.name}: order {number} was acknowledged, {ids} is there")
            if told.what == "refused" and ids:
                raise Violation(f"{record.name}: order {number} was refused ({told.status}), is")
        if record.events and max(record.events) > last.get(account, 0):
            raise Violation(f"{record.name}: event {max(record.events)} was told and is not kept")


def orders_of(views: Any) -> dict[int, dict[int, list[int]]]:
    """Return the orders in the views: account, client's number, order ids."""
    found: dict[int, dict[int, list[int]]] = {}
    for (block,) in views.execute_sql("SELECT block FROM view_order ORDER BY id"):
        row = m.OrderRow.unpack(block)
        found.setdefault(row.account, {}).setdefault(row.client_order_id, []).append(row.order)
    return found


class SimulatedWorld(World):
    """A world in which a promise can be seen broken."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.seen_broken: list[str] = []

    def broken(self, what: object) -> None:
        """Note that something was not as promised; the run ends at the next step."""
        self.seen_broken.append(str(what))

    def step(self) -> None:
        """Let the next thing happen. Raises `Violation`."""
        super().step()
        if self.seen_broken:
            raise Violation(self.seen_broken[0])
        if self.steps > STEPS_MAX:
            raise Violation(f"{STEPS_MAX} steps and no end: something goes in a circle")


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `Circle` within the block when it has used so much of the processor.

    For what goes in a circle without a step of the world. Only the main thread can do that.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def over(_signal: int, _frame: object) -> None:
        raise Circle("something goes in a circle and does nothing else any more")

    before = signal.signal(signal.SIGVTALRM, over)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
        signal.signal(signal.SIGVTALRM, before)


def simulate(seed: int, keep_tail: bool = False) -> Simulated:
    """Run one seed from beginning to end."""
    place = MEMORY if MEMORY.is_dir() else None
    state = Path(tempfile.mkdtemp(prefix="papertrader-simulation-", dir=place))
    broken: list[str] = []
    simulation: Simulation | None = None

    def observe(event: LogEvent) -> None:
        failure = event.get("log_failure")
        if failure is not None and simulation is not None:
            simulation.world.broken(f"an error was logged: {failure.getTraceback()}")

    globalLogPublisher.addObserver(observe)
    try:
        with time_limit(CPU_S):
            simulation = Simulation(seed, state, keep_tail)
            simulation.run()
    except (Violation, Circle) as violation:
        broken.append(str(violation))
    except Exception as error:
        broken.append("".join(traceback.format_exception(error)))
    finally:
        globalLogPublisher.removeObserver(observe)
        if simulation is not None and simulation.master is not None:
            simulation.master.main.store.close()
            simulation.master.main.view_store.close()
        shutil.rmtree(state, ignore_errors=True)
    return outcome_of(seed, simulation, tuple(broken))


def outcome_of(seed: int, simulation: Simulation | None, broken: tuple[str, ...]) -> Simulated:
    """Count what happened."""
    if simulation is None:
        return Simulated(
            seed=seed, digest="", broken=broken, steps=0, orders=0, done=0, refused=0, unknown=0,
            events=0, crashes=0, faults=0,
        )  # fmt: skip
    told = [each.what for record in simulation.records for each in record.orders.values()]
    world = simulation.world
    return Simulated(
        seed=seed,
        digest=world.digest,
        broken=broken,
        tail=tuple(world.tail or ()),
        steps=world.steps,
        orders=len(told),
        done=told.count("done"),
        refused=told.count("refused"),
        unknown=told.count("unknown"),
        events=sum(len(record.events) for record in simulation.records),
        crashes=simulation.installation.crashes,
        faults=simulation.faults,
    )
