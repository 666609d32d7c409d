"""A master at work in a process of its own, with traders in the same process.

The master is the real one: reactor, threads, both databases; its traders sit where a worker's link
would be. Each of them tells a `Told` what it was told, before it goes on: what is written there is
what an outside observer may rely on. As a program it is what the recorder of file operations is
preloaded to (``python -m tests.torture.disk.load``).
"""

from __future__ import annotations

import argparse
import os
import random
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from papertrader.core.money import SCALE, parse_amount
from papertrader.master import engines
from papertrader.master.commands import Command
from papertrader.master.main import Main
from papertrader.master.rules import Threads
from papertrader.net.clock import Clock, install_monotonic
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.kinds import FrameFlag, Status
from tests.master_kit import PASSWORD, FakeLink, rules

RECORD: Final = struct.Struct(">cQQ32s")
"""What happened; whose (a trader); an order's client number and id; a token."""
ASKED: Final = b"a"
ACKED: Final = b"A"
REFUSED: Final = b"R"
ASKS_TOKEN: Final = b"t"
"""RESUME was sent: until its answer the token told last or an unknown one is valid."""
TOKEN: Final = b"T"
LOST_TOKEN: Final = b"X"
"""A token that was told does not open its session."""
READY: Final = b"r"
TRADERS: Final = 3
WAL_PASS_OCTETS: Final = 32 * 1024
"""So little that the write-ahead log is copied, and begins anew, again and again."""
SYMBOLS: Final = ("IBM", "AAPL", "MSFT", "GOOG")
_RETRY: Final = frozenset({Status.SERVER_BUSY, Status.RATE_LIMITED})


class Told:
    """Where traders write what they were told; one record is one write."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def say(self, kind: bytes, trader: int, number: int = 0, token: bytes = b"") -> None:
        """Write one record."""
        os.write(self._descriptor, RECORD.pack(kind, trader, number, token))

    def order(self, kind: bytes, number: int, order_id: int = 0) -> None:
        """Write a record of an order."""
        os.write(self._descriptor, RECORD.pack(kind, number, order_id, b""))


class Bench(FakeLink):
    """The link of a worker whose clients are the traders."""

    def __init__(self) -> None:
        super().__init__()
        self.receivers: dict[int, Callable[[codec.Header, bytes], None]] = {}

    def relay(self, connection: int, octets: bytes, **_marks: int) -> None:
        header = codec.parse_header(octets)
        receiver = self.receivers.get(connection)
        if receiver is not None and header.flags & FrameFlag.RESPONSE:
            receiver(header, octets)


class Trader:
    """One trader: logs in, then asks one thing after another (see the module)."""

    def __init__(self, load: Load, number: int, first_id: int, token: bytes, unsure: bool) -> None:
        self.load = load
        self.number = number
        self.connection = number
        self.session = 0
        self.seq = 0
        self._id = first_id
        self._mine: list[int] = []
        self._token = token
        self._unsure = unsure
        self._correlation = 0
        self._next: Callable[[codec.Header, bytes], None] = lambda header, octets: None

    @property
    def name(self) -> str:
        """The user's name."""
        return f"trader{self.number}"

    def begin(self) -> None:
        """Go on with the session, or register and log in."""
        self.load.bench.receivers[self.connection] = self._received
        if self._token:
            self._resume()
        else:
            self._send(m.Register(username=self.name, password=PASSWORD), self._registered)

    def _send(
        self, message: Any, then: Callable[[codec.Header, bytes], None], seq: int = 0
    ) -> None:
        self._correlation += 1
        self._next = then
        octets = codec.encode(message, session=self.session, correlation=self._correlation, seq=seq)
        self.load.relay(self.connection, octets)

    def _received(self, header: codec.Header, octets: bytes) -> None:
        if header.correlation == self._correlation and not header.flags & codec.MORE:
            self._next(header, octets)

    def _registered(self, header: codec.Header, octets: bytes) -> None:
        self._log_in()

    def _log_in(self) -> None:
        self.session = 0
        wish = m.Login(username=self.name, password=PASSWORD, remember=True, scope=2)
        self._send(wish, self._logged_in)

    def _resume(self) -> None:
        self.load.told.say(ASKS_TOKEN, self.number)
        self.session = 0
        self._send(m.Resume(token=self._token, flags=2), self._resumed)

    def _resumed(self, header: codec.Header, octets: bytes) -> None:
        if header.status:
            if header.status == Status.AUTH_FAILED and not self._unsure:
                self.load.told.say(LOST_TOKEN, self.number)
            self._log_in()
            return
        message: Any = codec.decode(octets)[1]
        self.seq = max(self.seq, message.last_command_seq)
        self._logged_in(header, octets)

    def _logged_in(self, header: codec.Header, octets: bytes) -> None:
        if header.status:
            self.load.later(0.05, self._log_in)
            return
        message: Any = codec.decode(octets)[1]
        self.session, self._token, self._unsure = header.session, message.token, False
        self.load.told.say(TOKEN, self.number, 0, message.token)
        self.go_on()

    def go_on(self) -> None:
        """Ask for the next thing."""
        random = self.load.random
        if self.load.ending:
            self.load.ended(self)
            return
        kind = random.randrange(12)
        if kind == 0 and self._token:
            # Another connection, as after a loss: RESUME makes the token anew.
            self.load.bench.receivers.pop(self.connection)
            self.load.main.client_closed(self.load.bench, self.connection, False)
            self.connection += TRADERS
            self.load.bench.receivers[self.connection] = self._received
            self._resume()
        elif kind == 1:
            self._send(m.OrderCancelAll(), self._done, self._number())
        elif kind == 2:
            self._send(m.PortfolioGet(), self._done)
        elif kind == 3 and self._mine:
            self._order(random.choice(self._mine))
        else:
            self._id += 1
            self._mine.append(self._id)
            self._order(self._id)

    def _number(self) -> int:
        self.seq += 1
        return self.seq

    def _order(self, number: int) -> None:
        limit = number % 4 == 0
        wish = m.OrderNew(
            client_order_id=number,
            symbol=SYMBOLS[number % len(SYMBOLS)],
            side=1 + (number % 7 == 6 and number % 10_000_000 > 20),
            quantity=parse_amount(str(1 + number % 3)),
            order_type=1 + limit,
            limit_price=SCALE if limit else 0,
            time_in_force=1,
        )
        self.load.told.order(ASKED, number)

        def answered(header: codec.Header, octets: bytes) -> None:
            message: Any = codec.decode(octets)[1]
            if not header.status or header.status == Status.DUPLICATE_ORDER:
                self.load.acked(number, message.order)
            elif header.status not in _RETRY and header.status != Status.OUTCOME_UNKNOWN:
                self.load.told.order(REFUSED, number)
            self._done(header, octets)

        self._send(wish, answered, self._number())

    def _done(self, header: codec.Header, octets: bytes) -> None:
        # Not from within the answer: a reply that comes at once must not go deeper and deeper.
        self.load.later(0.0, self.go_on)


class Load:
    """The master and its traders, on the reactor of this process.

    ``early`` puts a bug in: replies do not wait for the commit. ``crashed`` is called at named
    points: ``begin``, ``committed`` (before the reactor knows), ``reply``, ``viewed``, ``copied``.
    """

    def __init__(
        self,
        reactor: Any,
        state: Path,
        told: Told,
        seed: int,
        *,
        orders: int = 0,
        first_id: int = 0,
        tokens: dict[int, tuple[bytes, bool]] | None = None,
        early: bool = False,
        point: Callable[[str], None] = lambda name: None,
    ) -> None:
        self.reactor = reactor
        self.told = told
        self.random = random.Random(seed)
        self.bench = Bench()
        self.ending = False
        self._left = orders
        self._early = early
        self._point = point
        self._seq = 0
        self._ended: set[int] = set()
        self._pools: list[ThreadPool] = []
        self.clock = Clock(reactor)
        self.failure = ""
        self.main = Main(
            attrs.evolve(rules(state), wal_pass_octets=WAL_PASS_OCTETS),
            self.clock,
            Threads(
                truth=self._thread("begin", "committed"),
                views=self._thread("view", "viewed"),
                hashing=self._thread("", ""),
                copying=self._thread("copy", "copied"),
            ),
            os.urandom,
            self._failed,
        )
        known = tokens or {}
        self.traders = [
            Trader(self, n, first_id + n * 10_000_000, *known.get(n, (b"", False)))
            for n in range(1, TRADERS + 1)
        ]

    def _thread(self, before: str, after: str) -> Callable[..., Deferred[Any]]:
        pool = ThreadPool(1, 1)
        self._pools.append(pool)

        def work(function: Callable[..., Any], *arguments: Any) -> Any:
            self._point(before)
            result = function(*arguments)
            self._point(after)
            return result

        def run(function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
            return deferToThreadPool(self.reactor, pool, work, function, *arguments)

        return run

    def start(self) -> None:
        """Open the books, start the master, let the traders begin."""
        for pool in self._pools:
            pool.start()
        self.main.initialize()
        if self._early:
            self._answer_early()
        self.main.start()
        self.told.say(READY, 0)
        for trader in self.traders:
            trader.begin()

    def _answer_early(self) -> None:
        """Put the bug in: nobody waits for the commit, until the end."""
        journal, wait = self.main.journal, self.main.journal.when_durable

        def at_once(done: Callable[[], None], lost: Callable[[], None] | None = None) -> None:
            if self.ending:
                wait(done, lost)
            else:
                done()

        journal.when_durable = at_once  # type: ignore[method-assign]

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call something later."""
        self.clock.call_later(seconds, call)

    def relay(self, connection: int, octets: bytes) -> None:
        """Give the master a frame as a worker would."""
        self._seq += 1
        stamp = self.clock.stamp_ns()
        envelope = codec.encode(
            m.RelayUp(received_at=stamp, worker_seq=self._seq, connection=connection, inner=octets)
        )
        header = codec.parse_header(octets)
        self.main.command(
            Command(
                self.bench, connection, self._seq, stamp, self.clock.stamp_ns(), bytes(16), False,
                header, octets, envelope,
            )
        )  # fmt: skip

    def acked(self, number: int, order_id: int) -> None:
        """An order was acknowledged; after so many the load ends."""
        self._point("reply")
        self.told.order(ACKED, number, order_id)
        if self._left:
            self._left -= 1
            self.ending = self._left == 0

    def ended(self, trader: Trader) -> None:
        """A trader is through."""
        self._ended.add(trader.number)
        if len(self._ended) == len(self.traders):
            self.stop()

    def stop(self) -> None:
        """Stop the master as SIGTERM does, then the reactor."""
        self.ending = True
        Deferred.fromCoroutine(self.main.stop()).addBoth(lambda _: self._end())

    def _end(self) -> None:
        self.clock.cancel_all()
        if self.reactor.running:
            self.reactor.stop()

    def _failed(self, why: str) -> None:
        self.failure = why
        self.clock.call_later(0.02, self._end)

    def finish(self) -> None:
        """End the threads, after the reactor."""
        for pool in self._pools:
            pool.stop()


def main() -> int:
    """Be the program that the recorder watches; exit code 70 after a failure of the store."""
    parser = argparse.ArgumentParser(prog="tests.torture.disk.load")
    parser.add_argument("state", type=Path)
    parser.add_argument("--marks", type=Path, required=True)
    parser.add_argument("--orders", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first-id", type=int, default=0)
    parser.add_argument("--synchronous", type=int, default=2, help="the negative controls: 1, 0")
    parser.add_argument("--early", action="store_true", help="the bug: replies before the commit")
    options = parser.parse_args()
    engines.TRUTH_PRAGMAS["synchronous"] = options.synchronous  # type: ignore[index]
    from twisted.internet import reactor

    install_monotonic(reactor)  # type: ignore[arg-type]
    descriptor = os.open(options.marks, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    load = Load(
        reactor, options.state, Told(descriptor), options.seed, orders=options.orders,
        first_id=options.first_id, early=options.early,
    )  # fmt: skip
    try:
        load.start()
    except (engines.StoreError, OSError) as error:
        print(f"cannot start: {error}", file=sys.stderr)
        load.finish()
        return 1
    reactor.run()  # type: ignore[attr-defined]
    load.finish()
    if load.failure:
        print(f"failed: {load.failure}", file=sys.stderr)
    return 70 if load.failure else 0


if __name__ == "__main__":
    sys.exit(main())
