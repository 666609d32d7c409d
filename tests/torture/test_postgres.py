"""Rounds of faults on a real PostgreSQL: nothing acknowledged is lost, nothing is there twice.

The master is the real one, in memory, and a process of its own writes its views; its store is a
server that is killed under it: backends are ended, killed with -9, the postmaster killed with -9
and started again, or a connection cut in the middle of a commit. In the last quarter the master
writes the views itself, for their writer was killed. ``PAPERTRADER_PG_ROUNDS`` says how many rounds
(10; ``make torture``: 2,000).
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from twisted.internet.defer import Deferred

from papertrader.core.ledger import InvariantViolated
from papertrader.core.money import SCALE
from papertrader.master import journal, views
from papertrader.master.engines import place_at
from papertrader.master.postgres import Fence
from papertrader.master.viewtables import TABLES as VIEW_TABLES
from papertrader.ops.inspection import Report, audit
from papertrader.ops.replaycheck import replay_check
from papertrader.wire import messages as m
from papertrader.wire.kinds import Status
from tests.apart_kit import ApartKit
from tests.master_kit import MasterClient, MasterRules
from tests.postgres_kit import NoPostgres, PostgresServer, schema_of
from tests.torture.postgres_proxy import CuttingProxy

ROUNDS = int(os.environ.get("PAPERTRADER_PG_ROUNDS", "10"))
SEED = int(os.environ.get("PAPERTRADER_TORTURE_SEED", "1"))
ORDERS_AFTER = 3
OPEN_MAX = 40
ANSWER_S = 120.0
FAULTS = ("terminate", "kill backend", "kill postmaster", "cut before", "cut after")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server of these tests' own, since it is killed."""
    try:
        made = PostgresServer()
    except NoPostgres as missing:
        pytest.skip(f"no PostgreSQL: {missing}")
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let masters wait for their server for as long as it takes.

    Their time goes on by a twentieth of a second with each look, however quick: half a minute of
    it is a few seconds of this machine's, and a server that begins anew may need more.
    """
    for each in (journal, views):
        monkeypatch.setattr(each, "AWAY_MAX_S", 100_000)


class ServerKit(ApartKit):
    """A master and its writer of views, whose store is reached through the proxy."""

    def __init__(self, state_dir: Path, url: str) -> None:
        self.url = url
        super().__init__(state_dir)

    def master_rules(self) -> MasterRules:
        """Add the URL."""
        import attrs

        return attrs.evolve(super().master_rules(), store_url=self.url)

    def stop(self) -> None:
        """Stop as SIGTERM would: what is still to be written waits for a server that is away."""
        done = Deferred.fromCoroutine(self.main.stop())
        deadline = time.monotonic() + ANSWER_S
        while not done.called and time.monotonic() < deadline:
            self.turn(0.05)
            time.sleep(0.012)
        assert done.called
        self.clock.cancel_all()


class Rounds:
    """One campaign."""

    def __init__(self, server: PostgresServer, state: Path, seed: int) -> None:
        self.server = server
        self.chance = random.Random(seed)
        self.proxy = CuttingProxy(server.port)
        self.schema = schema_of(state)
        self.place = place_at(state, server.schema_url(self.schema))
        self.kit = ServerKit(state, server.schema_url(self.schema, self.proxy.port))
        self.ann: MasterClient = self.kit.client()
        self.patiently(m.Register(username="ann", password="a long enough one"), session=0)
        reply = self.patiently(
            m.Login(username="ann", password="a long enough one", remember=True, scope=2),
            session=0,
        )
        self.ann.session = reply.header.session
        self.report = Report()
        self.striker: threading.Thread | None = None
        self.acknowledged: dict[int, int] = {}
        self.refused: list[int] = []
        self.unknown = 0
        self.number = self.seq = 0
        self.happened: Counter[str] = Counter()

    def patiently(self, message: object, **options: int) -> object:
        """Send a command and wait for its answer while the store comes back."""
        correlation = self.ann.send(message, **options)
        deadline = time.monotonic() + ANSWER_S
        while time.monotonic() < deadline:
            self.kit.turn(0.01)
            replies = self.ann.replies(correlation)
            if replies:
                return replies[-1]
            time.sleep(0.012)
        raise AssertionError("no answer in time")

    def order(self) -> None:
        """Send an order until it is answered for good; note what was said of it."""
        if self.number % OPEN_MAX == OPEN_MAX - 1:
            self.cancel_all()
        self.number += 1
        self.seq += 1
        message = m.OrderNew(
            client_order_id=self.number, symbol="AAPL", quantity=SCALE, limit_price=SCALE,
            order_type=2,
        )  # fmt: skip
        while True:
            reply = self.patiently(message, seq=self.seq)
            status = reply.header.status  # type: ignore[attr-defined]
            if status == Status.OUTCOME_UNKNOWN:
                self.unknown += 1
            elif status in (Status.READ_ONLY, Status.SERVER_BUSY):
                time.sleep(0.02)
                continue
            elif status == 0:
                self.acknowledged[self.number] = reply.message.order  # type: ignore[attr-defined]
            else:
                self.refused.append(self.number)
            return

    def cancel_all(self) -> None:
        """Make room for more open orders."""
        self.seq += 1
        while True:
            reply = self.patiently(m.OrderCancelAll(), seq=self.seq)
            if reply.header.status in (0, Status.OUTCOME_UNKNOWN):  # type: ignore[attr-defined]
                return
            time.sleep(0.01)

    def round(self) -> None:
        """Let one fault happen in a stream of orders."""
        fault = self.chance.choice(FAULTS)
        self.happened[fault] += 1
        if fault.startswith("cut"):
            self.proxy.arm(self.chance.randrange(6), fault == "cut after")
        else:
            delay, role = self.chance.uniform(0, 0.01), self.chance.choice(("truth", "views"))
            if self.striker is not None:
                self.striker.join()
            self.striker = threading.Timer(delay, self.strike, (fault, role))
            self.striker.start()
            time.sleep(delay / 2)
        for _ in range(self.chance.randrange(2, 5) + ORDERS_AFTER):
            self.order()

    def strike(self, fault: str, role: str) -> None:
        """Kill something of the server: all of it, or what works the truth or the views."""
        if fault == "kill postmaster":
            self.server.kill()
            self.server.start()
            return
        sql = (
            f"SELECT pid FROM pg_stat_activity WHERE application_name = 'papertrader-{role}'"
            " ORDER BY pid"
        )
        struck = []
        with contextlib.suppress(psycopg.Error):
            struck = [int(str(row[0])) for row in self.server.sql(sql)]
        for pid in struck:
            if fault == "terminate":
                with contextlib.suppress(psycopg.Error):
                    self.server.sql(f"SELECT pg_terminate_backend({pid})")
            else:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        # One that was killed stays listed until the postmaster has begun anew because of it.
        deadline = time.monotonic() + ANSWER_S
        while time.monotonic() < deadline:
            with contextlib.suppress(psycopg.Error):
                listed = {row[0] for row in self.server.sql("SELECT pid FROM pg_stat_activity")}
                if not listed & set(struck):
                    return
            time.sleep(0.02)

    def lost(self) -> list[int]:
        """Stop, and return what was acknowledged and is not there as it was said."""
        self.patiently(m.OrderList(states=0xFFFF, limit=1))
        desk = self.kit.main.transactions.desk
        there = Counter(order.client_order_id for order in desk.state.orders.values())
        if self.striker is not None:
            self.striker.join()
        written, truth = self.kit.main.views, self.kit.main.journal
        deadline = time.monotonic() + ANSWER_S
        while written.watermark < truth.durable_seq and time.monotonic() < deadline:
            self.kit.turn(0.05)
            time.sleep(0.06)
        assert not self.kit.failures, self.kit.failures
        self.kit.stop()
        self.proxy.close()
        # Neither memory nor views are believed: the journal is counted anew.
        self.report = audit(self.place)
        self.place.views.remove(VIEW_TABLES)
        kit = ServerKit(self.place.state, self.server.schema_url(self.schema))
        kept = {
            o.client_order_id: o.order_id for o in kit.main.transactions.desk.state.orders.values()
        }
        kit.stop()
        assert max(there.values(), default=0) <= 1
        assert not [number for number in self.refused if number in kept]
        return [n for n, order in self.acknowledged.items() if kept.get(n) != order]


def test_rounds(server: PostgresServer, tmp_path: Path) -> None:
    """P-01, P-02, finding 2: every commit in doubt is found out about."""
    began = time.monotonic()
    rounds = Rounds(server, tmp_path, SEED)
    for number in range(ROUNDS):
        if number == ROUNDS * 3 // 4:
            assert rounds.kit.apart.lives
            rounds.kit.kill_writer()
        rounds.round()
    assert not rounds.kit.apart.lives
    store = rounds.kit.main.store
    lost = rounds.lost()
    assert lost == []
    assert rounds.refused == []
    assert rounds.report.violations == []
    assert audit(rounds.place).violations == []
    assert replay_check(rounds.place).findings == []
    print(
        f"{ROUNDS} rounds ({dict(rounds.happened)}) in {time.monotonic() - began:.0f} s:"
        f" {len(rounds.acknowledged)} orders acknowledged, {rounds.unknown} unknown, 0 lost, 0"
        f" twice; {store.resolved} commits in doubt found out about"
    )
    assert store.resolved > ROUNDS // 8
    assert len(rounds.acknowledged) + rounds.unknown == rounds.number


def test_the_rounds_see_a_commit_that_is_only_believed(
    server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: a master that takes a commit in doubt for made loses orders, and it shows."""
    real = Fence.regain

    def believe(self: Fence, db: object) -> bool:
        real(self, db)  # type: ignore[arg-type]
        return True

    monkeypatch.setattr(Fence, "regain", believe)
    rounds = Rounds(server, tmp_path, SEED)
    for _ in range(10):
        rounds.proxy.arm(0, False)
        rounds.order()
    # An event of a later quote may be kept without those before it: no start takes that.
    with contextlib.suppress(InvariantViolated):
        assert rounds.lost()
    assert rounds.report.violations
