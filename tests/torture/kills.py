"""A master is killed: ``python -m tests.torture.kills --cycles 20000``.

Each cycle is a process of its own, forked from one that has everything imported: it opens the
books that the one before left, trades with real threads on a real reactor, and is ended, at a
random moment or at a named point. Everything that it was told goes into a pipe before it goes on;
after each end the journal must have what was acknowledged, once, and nothing that was refused, and
every token that was told must open its session. After `PER_STATE` cycles the books are audited and
decided again, and new ones begun.

``--at POINT:N`` kills at the Nth time of one point in every cycle; `POINTS` lists them. The package
has no hook for that: statements are points by SQLite's own trace callback, the rest are the places
where the load hands work to the master's threads and takes its replies. ``--early`` puts in the bug
that this is for: replies that do not wait for the commit.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import select
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any, Final

import attrs
import peewee
from twisted.internet.defer import Deferred

from papertrader.core.events import OrderChanged
from papertrader.core.orders import OrderEventKind
from papertrader.master import records
from papertrader.master.database import journal_batches
from papertrader.master.engines import StoreError, connect
from papertrader.net.clock import install_monotonic
from tests.master_kit import MasterKit
from tests.torture.disk import load

STATEMENTS: Final = {
    "BEGIN": "BEGIN",
    "INSERT INTO journal": "journal",
    "INSERT INTO session": "session",
    "UPDATE session": "token",
    "INSERT INTO spent_token": "spent",
    "INSERT INTO account": "account",
    "INSERT INTO audit": "audit",
    "INSERT INTO checkpoint": "checkpoint",
    "INSERT INTO meta": "meta",
    "COMMIT": "COMMIT",
}
"""How a statement of ``truth.db`` begins, and the name of the point before it is executed."""
POINTS: Final = (
    *STATEMENTS.values(),
    "begin",
    "committed",
    "reply",
    "view",
    "viewed",
    "copy",
    "copied",
    "start",
)
"""``start`` is any statement while the books are opened."""
SIGNALS: Final = (signal.SIGKILL,) * 7 + (signal.SIGSEGV, signal.SIGTERM, signal.SIGSTOP)
READY_S: Final = 30.0
LONGEST_S: Final = 0.04
PER_STATE: Final = 200
MOST_SAID: Final = 20
MEMORY: Final = Path("/dev/shm")


@attrs.define
class Books:
    """What one state directory must hold, by what was told."""

    state: Path
    acked: dict[int, int] = attrs.Factory(dict)
    refused: set[int] = attrs.Factory(set)
    accepted: dict[int, int] = attrs.Factory(dict)
    """Orders in the journal: client's number, order id."""
    tokens: dict[int, tuple[bytes, bool]] = attrs.Factory(dict)
    seen: int = 0
    cycles: int = 0

    def hear(self, octets: bytes, tally: Tally) -> None:
        """Take what a process wrote before it ended."""
        size = load.RECORD.size
        for at in range(0, len(octets) - size + 1, size):
            kind, first, second, token = load.RECORD.unpack_from(octets, at)
            if kind == load.ACKED:
                if self.acked.setdefault(first, second) != second:
                    tally.add(f"order {first} was acknowledged as {second} and another")
                tally.acked += 1
            elif kind == load.REFUSED:
                self.refused.add(first)
            elif kind == load.ASKS_TOKEN:
                known = self.tokens.get(first)
                self.tokens[first] = (known[0] if known else b"", True)
            elif kind == load.TOKEN:
                self.tokens[first] = (token, False)
            elif kind == load.LOST_TOKEN:
                tally.add(f"the token of trader {first} opens nothing")

    def check(self, tally: Tally) -> None:
        """Compare what is in the journal now with what was told."""
        if (self.state / "truth.db-journal").exists() and not self.acked:
            # A first start that ended while it made the tables: only a writer can take them back.
            return
        # Read only: the recovery is left to the next start of the product.
        database = connect(self.state / "truth.db", {}, read_only=True)
        try:
            # A first start that did not get far has not even made the table.
            is_made = database.table_exists("journal")
            for _, _, last, *_, frames in journal_batches(database, self.seen) if is_made else ():
                self.seen = last
                self._take(frames, tally)
        finally:
            database.close()
        for number, order_id in self.acked.items():
            if self.accepted.get(number) != order_id:
                tally.lost += 1
                tally.add(
                    f"order {number} was acknowledged as {order_id}, there is"
                    f" {self.accepted.get(number)}"
                )
        for number in self.refused - self.acked.keys():
            if number in self.accepted:
                tally.add(f"order {number} was refused and is there")
        self.acked.clear()
        self.refused -= {n for n in self.refused if n in self.accepted}

    def _take(self, frames: bytes, tally: Tally) -> None:
        for message in records.read_frames(frames):
            fact = records.fact_of(message)
            if isinstance(fact, OrderChanged) and fact.kind == OrderEventKind.ACCEPTED:
                number, order_id = fact.order.client_order_id, fact.order.order_id
                if self.accepted.setdefault(number, order_id) != order_id:
                    tally.twice += 1
                    tally.add(f"order {number} was executed twice")


@attrs.define
class Tally:
    """What became of the cycles."""

    cycles: int = 0
    acked: int = 0
    lost: int = 0
    twice: int = 0
    audits: int = 0
    at_points: dict[str, int] = attrs.Factory(dict)
    wrong: list[str] = attrs.Factory(list)

    def add(self, text: str) -> None:
        """Count something that must not be, and say it at once: a campaign takes an hour."""
        self.wrong.append(text)
        if len(self.wrong) <= MOST_SAID:
            print(f"    WRONG in cycle {self.cycles}: {text}", flush=True)

    def __str__(self) -> str:
        return (
            f"{self.cycles} cycles, {self.acked} orders acknowledged: {self.lost} lost,"
            f" {self.twice} twice, {len(self.wrong)} wrong in all, {self.audits} audits"
        )


class Trap:
    """Ends this process the Nth time that it comes to a point."""

    def __init__(self, point: str, count: int) -> None:
        self._point = point
        self._count = count
        self.started = False

    def __call__(self, point: str) -> None:
        """The process is at a point."""
        if point == self._point:
            self._count -= 1
            if self._count <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def statement(self, sql: str) -> None:
        """A statement is about to be executed (SQLite's trace callback)."""
        if not self.started:
            self("start")
        for begin, point in STATEMENTS.items():
            if sql.startswith(begin):
                self(point)


def be_master(pipe: int, books: Books, cycle: Cycle) -> None:
    """Be the process of one cycle. Never returns."""
    trap = Trap(cycle.point, cycle.count)
    reactor: Any = importlib.import_module("twisted.internet.reactor")
    install_monotonic(reactor)
    real_connect = peewee.sqlite3.connect

    def connect(path: str, *arguments: Any, **options: Any) -> Any:
        connection = real_connect(path, *arguments, **options)
        if "truth.db" in path and cycle.point:
            connection.set_trace_callback(trap.statement)
        return connection

    peewee.sqlite3.connect = connect
    work = load.Load(
        reactor, books.state, load.Told(pipe), cycle.seed, first_id=books.cycles * 2_000,
        tokens=books.tokens, early=cycle.early, point=trap,
    )  # fmt: skip
    work.start()
    trap.started = True
    reactor.addSystemEventTrigger(
        "before", "shutdown", lambda: Deferred.fromCoroutine(work.main.stop())
    )
    reactor.run()
    os._exit(0)


@attrs.frozen
class Cycle:
    """How one process is ended: at a point, or by a signal after a while."""

    seed: int
    point: str
    count: int
    early: bool
    signal: int
    after_s: float
    waits: bool
    """Whether it is first waited for until it trades."""


def draw(random: Random, early: bool, at: str) -> Cycle:
    """Draw how the next process ends. ``at``: POINT or POINT:N for all of them."""
    point, _, count = at.partition(":")
    if not point and random.random() < 0.4:
        point = random.choice(POINTS)
    most = {"start": 30, "account": 2, "meta": 3, "checkpoint": 1}.get(point, 12)
    return Cycle(
        seed=random.getrandbits(31),
        point=point,
        count=int(count) if count else random.randint(1, most),
        early=early,
        signal=random.choice(SIGNALS),
        after_s=random.uniform(0.0, LONGEST_S),
        waits=random.random() < 0.85,
    )


class Ear:
    """Reads what a process says, until its end."""

    def __init__(self, descriptor: int) -> None:
        self.octets = bytearray()
        self.is_over = False
        self._descriptor = descriptor

    def listen(self, seconds: float, until: bytes = b"") -> None:
        """Read for so long, or until something was said, or the process is no more."""
        end = time.monotonic() + seconds
        while not self.is_over and not (until and until in self.octets):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self._descriptor], [], [], left)[0]:
                return
            more = os.read(self._descriptor, 65_536)
            self.is_over = not more
            self.octets += more


def end(pid: int, cycle: Cycle, ear: Ear) -> None:
    """Let a process work for a while, then end it as was drawn."""
    if cycle.waits or cycle.point:
        ear.listen(READY_S, load.READY)
    at_stop = cycle.point == "checkpoint"
    ear.listen(cycle.after_s if not cycle.point or at_stop else 4 * LONGEST_S)
    number = signal.SIGKILL if cycle.point else cycle.signal
    if at_stop:
        # The hash of the memory is written when a master stops, once a minute otherwise.
        number = signal.SIGTERM
    os.kill(pid, number)
    if number == signal.SIGSTOP:
        ear.listen(0.01)
        os.kill(pid, signal.SIGCONT)
        ear.listen(0.01)
        os.kill(pid, signal.SIGKILL)
    ear.listen(READY_S)
    if not ear.is_over:
        os.kill(pid, signal.SIGKILL)


def one_cycle(books: Books, cycle: Cycle, tally: Tally) -> None:
    """Start a process, end it, and look at what it left."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.close(reading)
            be_master(writing, books, cycle)
        except BaseException as error:
            os.write(2, f"a process of a cycle failed: {error!r}\n".encode())
        finally:
            os._exit(1)
    os.close(writing)
    ear = Ear(reading)
    try:
        end(pid, cycle, ear)
        _, status = os.waitpid(pid, 0)
    finally:
        os.close(reading)
    tally.cycles += 1
    books.cycles += 1
    kind = cycle.point or signal.Signals(cycle.signal).name
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        tally.add(f"a start failed after {kind}")
    tally.at_points[kind] = tally.at_points.get(kind, 0) + 1
    books.hear(bytes(ear.octets), tally)
    if (books.state / "truth.db").exists():
        books.check(tally)


def audited(books: Books, tally: Tally) -> None:
    """Start a master on the books, stop it, audit, decide everything again."""
    tally.audits += 1
    try:
        MasterKit(books.state).check()
    except (AssertionError, StoreError, RuntimeError) as error:
        tally.add(f"after {books.cycles} cycles: {error!r}")


def run_load(told: load.Told, books: Books, orders: int) -> int:
    """Let a master trade in this process until so many orders were acknowledged, or it failed.

    Returns 0, or 70 if its store failed.
    """
    reactor: Any = importlib.import_module("twisted.internet.reactor")
    install_monotonic(reactor)
    work = load.Load(
        reactor, books.state, told, books.cycles + 1, orders=orders,
        first_id=books.cycles * 2_000, tokens=books.tokens,
    )  # fmt: skip
    work.start()
    reactor.run()
    return 70 if work.failure else 0


def is_clear(error: Exception) -> bool:
    """Tell whether an error at a start is one that the program tells its user of in a sentence."""
    return isinstance(error, (StoreError, OSError))


def warm_up(place: Path) -> None:
    """Read once what every process of a campaign would read, and keep it out of collections."""
    state = place / "warm"
    state.mkdir()
    MasterKit(state).kill()
    gc.collect()
    gc.freeze()


def campaign(
    cycles: int, seed: int, *, early: bool = False, at: str = "", say: bool = True
) -> Tally:
    """Run so many cycles."""
    tally, random, began = Tally(), Random(seed), time.monotonic()
    memory = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="papertrader-kills-", dir=memory) as name:
        warm_up(Path(name))
        while tally.cycles < cycles and not (early and tally.lost):
            books = Books(Path(name) / f"state{tally.cycles}")
            books.state.mkdir()
            for _ in range(min(PER_STATE, cycles - tally.cycles)):
                one_cycle(books, draw(random, early, at), tally)
                if early and tally.lost:
                    break
            if not early:
                audited(books, tally)
            shutil.rmtree(books.state)
            if say:
                print(f"{time.monotonic() - began:7.0f} s  {tally}", flush=True)
    gc.unfreeze()
    return tally


def main() -> int:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(prog="tests.torture.kills", description=__doc__)
    parser.add_argument("--cycles", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at", default="", help=f"POINT or POINT:N; points: {', '.join(POINTS)}")
    parser.add_argument("--early", action="store_true", help="put the bug in")
    options = parser.parse_args()
    tally = campaign(options.cycles, options.seed, early=options.early, at=options.at)
    print(", ".join(f"{kind} {count}" for kind, count in sorted(tally.at_points.items())))
    if options.early:
        print(f"control: {'found' if tally.lost else 'NOT FOUND'}")
        return 0 if tally.lost else 1
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
