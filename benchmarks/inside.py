"""A whole master within the benchmark's own process: its store on disk, its link without a socket.

For what cannot be had of a running installation: ten thousand orders that one quote fills, a
hundred thousand that it does not touch, a million in the database. The master is the real one with
real files; frames come over a worker's link whose transport keeps what is written. Its threads do
their work at once, in turn, so that CPU times add up; time stands still unless it is told to go on.
What is lifted: the limits on open orders, of an account and of a symbol, and on registrations.
"""

from __future__ import annotations

import contextlib
import gc
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock as HandClock
from twisted.internet.testing import StringTransport

from benchmarks.processes import BenchmarkError
from benchmarks.product import COINS, KEEPALIVE_S, PASSWORD
from papertrader.core.money import NULL, SCALE
from papertrader.core.orders import OrderType, Side, TimeInForce
from papertrader.core.rules import DeskRules
from papertrader.master.accounts import AccountRules
from papertrader.master.admission import AdmissionRules
from papertrader.master.main import Main
from papertrader.master.marketsource import MarketRules
from papertrader.master.rules import MasterRules, Threads
from papertrader.master.workers import WorkerLink
from papertrader.net.clock import Clock
from papertrader.net.credentials import PeerIdentity
from papertrader.ops.running import GC_THRESHOLDS
from papertrader.wire import codec, kinds, limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import Family, Opcode, Role, Scope
from papertrader.worker.stamping import ClientData, Envelope

START: Final = 1_338_818_400 * 10**9
"""Market time at the start: a Monday of 2012."""
STEP_S: Final = 0.002
UPDATE_S: Final = 0.1
WORKER_ID: Final = 99
"""No installation has so many workers already."""
IDENTITY: Final = PeerIdentity(uuid="benchmark", spki=bytes(32))
CREDIT: Final = 1 << 50
UNLIMITED: Final = 10**9


class _Transport(StringTransport):
    """Keeps what is written, and counts the writes."""

    writes = 0

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Nothing is delayed."""

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """There is always room."""

    def unregisterProducer(self) -> None:
        """Nothing was registered."""

    def abortConnection(self) -> None:
        """The master never cuts a good link."""
        raise BenchmarkError("the master cut the worker's link")

    def write(self, data: bytes) -> None:
        """Keep octets."""
        self.writes += 1
        super().write(data)


@attrs.define
class Spent:
    """CPU seconds: the reactor's, the truth's thread, the views' thread."""

    reactor: float = 0.0
    truth: float = 0.0
    views: float = 0.0

    @property
    def whole(self) -> float:
        """All of them."""
        return self.reactor + self.truth + self.views


class Inside:
    """The master, a worker's link to it, and clients with a session each (see the module)."""

    def __init__(self, state: Path) -> None:
        self.spent = Spent()
        self._threads = 0.0
        self.reactor = HandClock()
        self.reactor.advance(1_000)
        self.clock = Clock(self.reactor)
        threads = Threads(
            truth=self._thread("truth"), views=self._thread("views"), hashing=_at_once
        )
        self.failures: list[str] = []
        self.main = Main(_rules(state), self.clock, threads, secrets.token_bytes, self._fail)
        self.main.initialize()
        self.main.transactions.desk.rules = DeskRules(
            open_orders_max=UNLIMITED, open_orders_symbol_max=UNLIMITED
        )
        self.main.start()
        self.transport = _Transport()
        self.link = self._join()
        self._worker_seq = 0
        self.sessions: dict[int, int] = {}
        self._envelopes: dict[int, Envelope] = {}
        self._seqs: dict[int, int] = {}
        gc.set_threshold(*GC_THRESHOLDS)

    def _fail(self, why: str) -> None:
        raise BenchmarkError(f"the master failed: {why}")

    def _thread(self, name: str) -> Callable[..., Deferred[Any]]:
        def run(function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
            start = time.process_time()
            done = execute(function, *arguments)
            used = time.process_time() - start
            self._threads += used
            setattr(self.spent, name, getattr(self.spent, name) + used)
            return done

        return run

    def _join(self) -> WorkerLink:
        """Let a worker come in: registered, with HELLO and WORKER_AUTH said."""
        workers, db = self.main.workers, self.main.store.db
        db.execute_sql(
            "INSERT INTO worker (id, name, uuid, spki, active, added_at)"
            " VALUES (?, 'benchmark', ?, ?, 1, 0)",
            (WORKER_ID, IDENTITY.uuid, IDENTITY.spki),
        )
        workers.load(db)
        vars(workers)["identify"] = lambda link: IDENTITY
        link = workers.new_link()
        link.makeConnection(self.transport)
        hello = m.Hello(
            min_version=1, max_version=1, role=Role.WORKER, revision=kinds.REVISION,
            keepalive_s=KEEPALIVE_S, max_frame=limits.FRAME_MAX, software="benchmark",
        )  # fmt: skip
        link.dataReceived(codec.encode(hello, correlation=1))
        auth = m.WorkerAuth(
            worker_id=WORKER_ID, boot=7, clock=self.clock.wall_ns(), next_worker_seq=1
        )
        link.dataReceived(codec.encode(auth, correlation=2))
        self.turn()
        if link.worker is None:
            raise BenchmarkError("the master did not let the benchmark's worker in")
        return link

    # --- time ----------------------------------------------------------------------------------

    def turn(self, seconds: float = 0.0) -> None:
        """Let time go on, and what is due be done."""
        self.reactor.advance(seconds)
        self.reactor.advance(0)
        self.reactor.advance(0)

    def alive(self) -> None:
        """Let the worker say that it lives: a silent link is cut after some minutes."""
        self.link.dataReceived(codec.encode(m.Heartbeat(next_event_seq=0)))

    @contextlib.contextmanager
    def measured(self) -> Iterator[Spent]:
        """Count the CPU time of a block by whose it is."""
        self.spent, self._threads = Spent(), 0.0
        start = time.process_time()
        yield self.spent
        self.spent.reactor = time.process_time() - start - self._threads

    # --- clients -------------------------------------------------------------------------------

    def relay(self, connection: int, frame: bytes) -> bytes:
        """Return the RELAY_UP of a client's frame."""
        self._worker_seq += 1
        stamp = self.clock.stamp_ns()
        return self._envelopes[connection].wrap(stamp, self._worker_seq, frame)

    def open(self, accounts: int, follow: bool = False) -> None:
        """Register accounts, each with a session on a connection of its own.

        ``follow``: each listens to its account's events.
        """
        for connection in range(len(self.sessions) + 1, accounts + 1):
            client = ClientData(address=bytes(16), port=1, family=Family.IPV4)
            self._envelopes[connection] = Envelope(connection, client)
            notice = m.ClientOpen(
                connection=connection, opened_at=self.clock.wall_ns(), address=bytes(16), port=1,
                family=Family.IPV4,
            )  # fmt: skip
            self.link.dataReceived(codec.encode(notice))
            self.link.dataReceived(codec.encode(m.RelayCredit(connection=connection, total=CREDIT)))
            name = f"load{connection}"
            for message in (
                m.Register(username=name, password=PASSWORD),
                m.Login(username=name, password=PASSWORD, scope=Scope.TRADE),
            ):
                self.transport.clear()
                self.turn(STEP_S)
                asked = codec.encode(message, correlation=1)
                self.link.dataReceived(self.relay(connection, asked))
                self.turn()
            header = next(each for each in self.replies() if each.opcode == Opcode.LOGIN)
            if header.status:
                raise BenchmarkError(f"a login was refused with status {header.status:#06x}")
            self.sessions[connection], self._seqs[connection] = header.session, 0
            if follow:
                wish = m.Subscribe(topics=kinds.Topic.ACCOUNT)
                asked = codec.encode(wish, session=header.session, correlation=2)
                self.link.dataReceived(self.relay(connection, asked))
        self.turn()
        self.transport.clear()

    def register(self, accounts: int) -> None:
        """Register accounts that never log in."""
        for number in range(accounts):
            self.turn(STEP_S)
            message = m.Register(username=f"idle{number}", password=PASSWORD)
            self.link.dataReceived(self.relay(1, codec.encode(message, correlation=1)))
            self.turn()
        if any(each.status for each in self.replies()):
            raise BenchmarkError("an account could not be registered")
        self.transport.clear()

    def order(self, connection: int, message: m.OrderNew) -> bytes:
        """Return the RELAY_UP of a new order, under the session's next number."""
        seq = self._seqs[connection] = self._seqs[connection] + 1
        message.client_order_id = seq
        session = self.sessions[connection]
        frame = codec.encode(message, session=session, correlation=seq & 0xFFFFFFFF or 1, seq=seq)
        return self.relay(connection, frame)

    def replies(self) -> Iterator[codec.Header]:
        """Give the headers of what the clients were sent since the transport was cleared."""
        for octets in self.sent():
            yield codec.parse_header(octets)

    def sent(self) -> Iterator[bytes]:
        """Give the frames that the clients were sent since the transport was cleared."""
        octets, at = self.transport.value(), 0
        inner = limits.HEADER_SIZE + m.RelayDown.SIZE + codec.SECTION.size
        while at < len(octets):
            header = codec.parse_header(octets, at)
            end = at + limits.HEADER_SIZE + header.length
            if header.opcode == Opcode.RELAY_DOWN:
                yield octets[at + inner : end]
            at = end

    def send(self, orders: list[bytes]) -> None:
        """Have orders taken, decided and made durable; every one must be accepted."""
        self.transport.clear()
        for at in range(0, len(orders), limits.RELAY_WINDOW_FRAMES // 2):
            chunk = orders[at : at + limits.RELAY_WINDOW_FRAMES // 2]
            self.link.dataReceived(b"".join(chunk))
            self.turn()
        refused = [each.status for each in self.replies() if each.status]
        if refused:
            raise BenchmarkError(f"{len(refused)} orders were refused, as {refused[0]:#06x}")

    def trade(self, rounds: int, depth: int = 16) -> Spent:
        """Send rounds of market and limit orders of all clients; the market fills each round.

        The orders are those of the other benchmarks; making their frames is not counted.
        """
        turnover = _turnover()
        total, number = Spent(), 0
        for _ in range(rounds):
            self.turn(STEP_S)
            orders = []
            for connection in self.sessions:
                for _ in range(depth):
                    number += 1
                    orders.append(self.order(connection, turnover[number % len(turnover)]))
                number += 3
            with self.measured() as spent:
                self.send(orders)
                self.turn(UPDATE_S)
            total.reactor += spent.reactor
            total.truth += spent.truth
            total.views += spent.views
        return total

    def close(self) -> None:
        """Close the stores: nothing of this master is used again."""
        self.clock.cancel_all()
        self.main.store.close()
        self.main.view_store.close()


def an_order(
    symbol: str, side: Side, kind: OrderType, limit: int = NULL, quantity: int = 100
) -> m.OrderNew:
    """Return an order of one lot that lasts until it is cancelled."""
    return m.OrderNew(
        client_order_id=1, symbol=symbol, side=side, order_type=kind,
        time_in_force=TimeInForce.GTC, quantity=quantity, limit_price=limit,
    )  # fmt: skip


def _turnover() -> list[m.OrderNew]:
    made = []
    for kind in (OrderType.MARKET, OrderType.LIMIT):
        for place, side in enumerate((Side.BUY, Side.SELL)):
            for symbol, prices in COINS.items():
                limit = prices[place] * SCALE if kind == OrderType.LIMIT else NULL
                made.append(an_order(symbol, side, kind, limit))
    return made


def _at_once(function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
    return execute(function, *arguments)


def _rules(state: Path) -> MasterRules:
    return MasterRules(
        state_dir=state,
        market=MarketRules(
            source="simulated", start=START, speed_milli=10_000, keep_closed_hours=False, seed=1,
            update_interval_ms=round(UPDATE_S * 1_000),
        ),
        accounts=AccountRules(
            starting_cash=10**9 * SCALE, currency="USD"
        ),
        argon2_memory_kib=8,
        argon2_passes=1,
        seal_key=bytes(32),
        admission=AdmissionRules(
            logins_per_second=UNLIMITED, registrations_per_second=UNLIMITED,
            registrations_per_hour=UNLIMITED, registrations_per_day=UNLIMITED,
        ),
    )  # fmt: skip
