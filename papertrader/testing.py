"""A whole PaperTrader in the process of your own tests: no network, no waiting, no chance.

::

    from papertrader.testing import Market

    def test_my_strategy():
        with Market(seed=7, speed=60) as market:
            client = market.client("ann")
            client.buy("BRKF", 10)
            market.advance(60)                # an hour of the market, in a moment
            assert client.portfolio().positions

It is the real thing: the master with its journal in a temporary directory, a worker, and the client
library; only sockets, threads and clocks are replaced. Time passes only while something waits for
it, or when `Market.advance` says so; the same seed and the same calls give the same fills. New
prices come four times in a second: with ``speed``, so many seconds of the market pass in each, and
a test over a day of it needs as many times fewer of them.
"""

from __future__ import annotations

import random
import tempfile
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import ITransport
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from zope.interface import implementer

from papertrader.client.blocking import Client
from papertrader.client.endpoints import Endpoint
from papertrader.client.results import units_of
from papertrader.core.instants import SECOND, from_datetime
from papertrader.master.accounts import AccountRules
from papertrader.master.main import Main
from papertrader.master.marketsource import MarketRules
from papertrader.master.rules import MasterRules, Threads
from papertrader.net.clock import Clock
from papertrader.net.credentials import PeerIdentity
from papertrader.worker.main import Worker, WorkerConfiguration

PASSWORD: Final = "a password for tests"
STEP_S: Final = 0.05
"""Time passes in steps of so much, so that what waits for each other happens in its order."""
PUMPS_MAX: Final = 100_000
"""Deliveries in one step: more is a loop without end, and is refused with `RuntimeError`."""
_MASTER: Final = ("127.0.0.1", 2048)
_WORKER: Final = ("127.0.0.1", 2049)
_IDENTITY: Final = PeerIdentity(spki=bytes(32), uuid="00000000-0000-4000-8000-000000000001")
_WALL: Final = from_datetime(datetime(2026, 1, 5, 14, 30, tzinfo=UTC))


@implementer(ITransport)
class _End:
    """One end of a connection in memory. What is written waits until the market delivers it."""

    def __init__(self, peer: tuple[str, int]) -> None:
        self.other: _End | None = None
        self.protocol: Any = None
        self.disconnecting = False
        self._peer = IPv4Address("TCP", *peer)
        self._waiting: deque[bytes] = deque()  # at most PUMPS_MAX

    def write(self, data: bytes) -> None:
        """Send octets; raises `RuntimeError` when more waits than one step delivers."""
        if len(self._waiting) >= PUMPS_MAX:
            raise RuntimeError(f"{PUMPS_MAX} writes wait on one connection")
        if not self.disconnecting:
            self._waiting.append(bytes(data))

    def writeSequence(self, data: Any) -> None:
        """Send several."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """Close when everything has arrived."""
        self.disconnecting = True

    def abortConnection(self) -> None:
        """Close at once."""
        self._waiting.clear()
        self.disconnecting = True

    def getPeer(self) -> IPv4Address:
        """Return the address of the other end."""
        return self._peer

    def getHost(self) -> IPv4Address:
        """Return an address of our own."""
        return self._peer

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """There is always room."""

    def unregisterProducer(self) -> None:
        """There is always room."""

    def pauseProducing(self) -> None:
        """Nobody sends more than is asked for."""

    def resumeProducing(self) -> None:
        """Nobody sends more than is asked for."""

    def setTcpNoDelay(self, enabled: bool) -> None:
        """There is no network."""

    def deliver(self) -> bool:
        """Bring what waits to the other end; tell whether anything moved."""
        other = self.other
        if other is None:
            return False
        if self._waiting:
            data = b"".join(self._waiting)
            self._waiting.clear()
            other.protocol.dataReceived(data)
            return True
        if self.disconnecting:
            self.other, other.other = None, None
            reason = Failure(ConnectionDone())
            for end in (other, self):
                end.disconnecting = True
                end.protocol.connectionLost(reason)
            return True
        return False


class _Stream:
    """The client's end: octets that the blocking client reads when it wants to."""

    def __init__(self) -> None:
        self.octets = bytearray()
        self.ended = False

    def dataReceived(self, data: bytes) -> None:
        """Keep octets."""
        self.octets += data

    def connectionLost(self, reason: Failure) -> None:
        """Note the end."""
        self.ended = True


class _ClientTransport:
    """What a blocking client sends with and waits on; waiting lets time pass."""

    def __init__(self, market: Market, end: _End, stream: _Stream) -> None:
        self._market = market
        self._end = end
        self._stream = stream

    def send(self, octets: bytes) -> None:
        """Write everything; raises `OSError` after the end."""
        if self._stream.ended:
            raise ConnectionResetError("the worker has closed the connection")
        self._end.write(octets)

    def receive(self, timeout: float) -> bytes | None:
        """Return what came, None if nothing came in time, b"" at the end."""
        self._market.settle()
        waited = 0.0
        while not self._stream.octets and not self._stream.ended and waited < timeout:
            step = min(STEP_S, timeout - waited)
            self._market.advance(step)
            waited += step
        if self._stream.octets:
            data = bytes(self._stream.octets)
            self._stream.octets.clear()
            return data
        return b"" if self._stream.ended else None

    def close(self) -> None:
        """Let go of it."""
        self._end.loseConnection()
        self._market.settle()


def _at_once(function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
    return maybeDeferred(function, *arguments)


class Market:
    """A server with a market, in memory. Use it as a context manager.

    ``source`` is ``simulated`` or ``replay``; ``data`` names a file or directory of your own prices
    for ``replay``. ``start`` is the market's first instant, ``speed`` market seconds in a second of
    `advance`, ``seed`` whatever chance there is, ``cash`` what each account begins with. ``state``
    keeps the journal in a directory of yours, where ``papertrader audit`` can read it.
    """

    def __init__(
        self,
        *,
        source: str = "simulated",
        start: datetime = datetime(2020, 1, 6, 14, 30, tzinfo=UTC),
        speed: int = 1,
        seed: int = 1,
        cash: Decimal | int | str = 100_000,
        data: str | Path | None = None,
        state: str | Path | None = None,
    ) -> None:
        if source not in ("simulated", "replay"):
            raise ValueError(f"source must be simulated or replay, not {source!r}")
        if data is not None and source != "replay":
            raise ValueError("data is for source='replay'")
        self._directory = tempfile.TemporaryDirectory() if state is None else None
        self.state = Path(state if state is not None else self._directory.name)  # type: ignore[union-attr]
        self._random = random.Random(seed)
        self._reactor = MemoryReactorClock()
        self.clock = Clock(self._reactor, lambda: _WALL)
        self._ends: list[_End] = []
        self._dialled = 0
        self._clients: list[Client] = []
        self._rules = MasterRules(
            state_dir=self.state,
            market=MarketRules(
                source=source,
                start=0 if data is not None else from_datetime(start),
                speed_milli=speed * 1000,
                keep_closed_hours=False,
                seed=seed,
                update_interval_ms=250,
                data=Path(data) if data is not None else None,
            ),
            accounts=AccountRules(starting_cash=units_of(cash, "cash"), currency="USD"),
            argon2_memory_kib=8,
            argon2_passes=1,
            seal_key=self._random.randbytes(32),
        )
        self._main: Main | None = None
        self._worker: Worker | None = None

    # --- life -----------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        threads = Threads(truth=_at_once, views=_at_once, hashing=_at_once)
        main = Main(self._rules, self.clock, threads, self._random.randbytes, self._failed)
        self._main = main
        main.initialize()
        main.store.db.execute_sql(
            "INSERT INTO worker (id, name, uuid, spki, active, added_at) VALUES (1, ?, ?, ?, 1, 0)",
            ("worker-1", _IDENTITY.uuid, _IDENTITY.spki),
        )
        main.workers.load(main.store.db)
        # There is no TLS in memory that would say who somebody is.
        main.workers.identify = lambda link: _IDENTITY  # type: ignore[method-assign]
        main.start()
        self._worker = Worker(
            WorkerConfiguration(
                worker_id=1, name="worker-1", master_host=_MASTER[0], master_port=_MASTER[1],
                listen_host=_WORKER[0], listen_port=_WORKER[1], public_host=_WORKER[0],
            ),
            self._reactor, self.clock, self._random,
        )  # fmt: skip
        self._worker.start()
        self.advance(1)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for client in self._clients:
            client.close()
        if self._worker is not None:
            self._worker.stop()
        if self._main is not None:
            stopping = Deferred.fromCoroutine(self._main.stop())
            for _ in range(200):
                if stopping.called:
                    break
                self.advance(STEP_S)
        if self._directory is not None:
            self._directory.cleanup()

    def _failed(self, why: str) -> None:
        raise RuntimeError(f"the master failed: {why}")

    # --- use ------------------------------------------------------------------------------------

    def client(self, name: str, *, register: bool = True, **options: Any) -> Client:
        """Return a client of the account ``name``, logged in; the account is opened first.

        ``register=False``: it is there already. Further ``options`` are those of `Client`.
        """
        client = Client(
            Endpoint(*_WORKER), dial=self._dial, now_ns=self.clock.wall_ns, sleep=self.advance,
            randbits=self._random.getrandbits, learn_workers=False, **options,
        )  # fmt: skip
        self._clients.append(client)
        if register:
            client.register(name, PASSWORD)
        # While time passes the client is silent: its session outlives its connection.
        client.login(name, PASSWORD, remember=True)
        return client

    def advance(self, seconds: float) -> None:
        """Let time pass for everybody."""
        left = float(seconds)
        while left > 0:
            step = min(STEP_S, left)
            self._reactor.advance(step)
            self.settle()
            left -= step

    def settle(self) -> None:
        """Let happen what need not wait."""
        for _ in range(PUMPS_MAX):
            self._reactor.advance(0)
            self._connect_worker()
            moved = [end.deliver() for end in list(self._ends)]
            if not any(moved) and not self._due():
                self._ends = [end for end in self._ends if end.other is not None]
                return
        raise RuntimeError("something never comes to rest")

    @property
    def now(self) -> datetime:
        """The market's time."""
        if self._main is None:
            raise RuntimeError("the market runs within its with block")
        instant: int = self._main.assets.market.now()
        return datetime.fromtimestamp(instant / SECOND, tz=UTC)

    # --- connections ------------------------------------------------------------------------------

    def _due(self) -> bool:
        calls = self._reactor.getDelayedCalls()
        now = self._reactor.seconds()
        return any(call.getTime() <= now for call in calls)

    def _join(self, one: Any, other: Any, peers: tuple[tuple[str, int], tuple[str, int]]) -> _End:
        ends = _End(peers[1]), _End(peers[0])
        ends[0].other, ends[1].other = ends[1], ends[0]
        ends[0].protocol, ends[1].protocol = one, other
        self._ends += ends
        for end in ends:
            if not isinstance(end.protocol, _Stream):
                end.protocol.makeConnection(end)
        return ends[0]

    def _connect_worker(self) -> None:
        """Answer the worker's attempts to reach the master."""
        while self._dialled < len(self._reactor.tcpClients) and self._main is not None:
            factory = self._reactor.tcpClients[self._dialled][2]
            self._dialled += 1
            protocol = factory.buildProtocol(IPv4Address("TCP", *_MASTER))
            self._join(protocol, self._main.workers.new_link(), (("127.0.0.1", 40_000), _MASTER))

    def _dial(self, endpoint: Endpoint, timeout: float) -> _ClientTransport:
        if self._worker is None:
            raise ConnectionRefusedError("the market does not run")
        address = IPv4Address("TCP", "127.0.0.1", 41_000 + len(self._ends))
        protocol = self._worker.acceptor.buildProtocol(address)
        if protocol is None:
            raise ConnectionRefusedError("the worker takes no more connections")
        stream = _Stream()
        end = self._join(stream, protocol, (("127.0.0.1", address.port), _WORKER))
        return _ClientTransport(self, end, stream)
