"""The process that writes the views, on both stores: what it writes, and what happens when it, its
master, its connection or its server ends."""

from __future__ import annotations

import contextlib
import fcntl
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import peewee
import pytest

from papertrader.master.database import TruthStore, journal_batches
from papertrader.master.engines import Fenced, StoreAway, StoreError, StorePlace, place_at
from papertrader.master.journal import RETRY_S
from papertrader.master.rules import MasterRules
from papertrader.master.viewsapart import ViewsApart
from papertrader.master.viewstore import ViewStore
from papertrader.master.viewtables import TABLES
from papertrader.ops.inspection import audit
from papertrader.wire import messages as m
from papertrader.wire.kinds import Status
from tests import backends
from tests.apart_kit import ApartKit
from tests.master.conftest import trader
from tests.master_kit import MasterClient, MasterKit
from tests.postgres_kit import schema_of, server

WAIT_S = 60.0
Rows = dict[str, list[tuple[Any, ...]]]
Batch = tuple[int, bytes, bytes]
"""Last input, hash, records."""

FORKING = """
import os, sys
from pathlib import Path
from papertrader.master.database import journal_batches
from papertrader.master.engines import place_at
from papertrader.master.viewsapart import fork_writer

state, url, how, begin, end = Path(sys.argv[1]), *sys.argv[2:4], *map(int, sys.argv[4:])
place = place_at(state, url)
apart = fork_writer(place.views, state / "views.lock", ())
apart.wait(0)
truth = place.truth.snapshot()
batches = [(row[6], row[2], row[5]) for row in journal_batches(truth)]
for batch in batches[begin:end]:
    apart.write(*batch)
if how == "abandoned":
    os._exit(3)
print(apart.lives, flush=True)
apart.close()
"""


@pytest.fixture(name="traded")
def fixture_traded(tmp_path: Path) -> StorePlace:
    """A store in which somebody has traded."""
    kit = MasterKit(tmp_path)
    trade(kit, trader(kit, "ann", 1))
    kit.check()
    return backends.place(tmp_path)


def trade(kit: MasterKit, client: MasterClient) -> None:
    """Buy in three lots, sell one and a half of them, and be refused once."""
    for quantity, side in (("3", 1), ("2", 1), ("4", 1), ("4", 2), ("1", 1)):
        client.order("IBM", quantity, side=side)
        kit.quote("IBM", "188.00", "188.05")
    assert client.order("IBM", "1000000").status != 0


def batches_of(place: StorePlace) -> list[Batch]:
    """Return the journal."""
    truth = place.truth.snapshot()
    with contextlib.closing(truth):
        return [(row[2], bytes(row[5]), bytes(row[6])) for row in journal_batches(truth)]


def rows_of(place: StorePlace) -> Rows:
    """Return every row of every view."""
    views = place.views.snapshot()
    with contextlib.closing(views):
        return {
            model._meta.table_name: sorted(
                views.execute_sql(f'SELECT * FROM "{model._meta.table_name}"').fetchall(), key=repr
            )
            for model in TABLES
        }


def make_anew(place: StorePlace) -> None:
    """Throw the views away and make their tables, as a master does before a writer begins."""
    place.views.remove(TABLES)
    views = ViewStore(place.views)
    views.open()
    views.close()


def beside(place: StorePlace, epoch: int = 0) -> ViewStore:
    """Open views as a writer does."""
    store = ViewStore(place.views)
    store.open_beside()
    store.epoch = epoch
    return store


def written(store: ViewStore, batches: list[Batch]) -> None:
    """Write some of the journal."""
    for last_seq, head, frames in batches:
        store.write(frames, last_seq, head)


# --- the process ----------------------------------------------------------------------------------


def run_forking(place: StorePlace, how: str, begin: int, end: int) -> str:
    """Let a process fork a writer and give it some of the journal; return what it said."""
    url = backends.url_at(place.state)
    done = subprocess.run(
        [sys.executable, "-c", FORKING, str(place.state), url, how, str(begin), str(end)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == (3 if how == "abandoned" else 0), done.stderr
    # The pipe of its output is closed only when the child has ended too.
    with open(place.state / "views.lock", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return done.stdout.strip()


def test_it_ends_with_its_master(traded: StorePlace) -> None:
    """After whole transactions; the next master's goes on from there. Together they write what a
    thread of the master would."""
    expected = rows_of(traded)
    make_anew(traded)
    run_forking(traded, "abandoned", 0, 5)
    assert ("watermark", str(batches_of(traded)[4][0])) in rows_of(traded)["view_meta"]
    assert run_forking(traded, "whole", 5, 100) == "True"
    assert rows_of(traded) == expected


@pytest.fixture(name="apart")
def fixture_apart(tmp_path: Path) -> Iterator[ApartKit]:
    """A master with such a process, whose books must be right when the test is over."""
    kit = ApartKit(tmp_path)
    yield kit
    kit.check()


@pytest.fixture(name="bob")
def fixture_bob(apart: ApartKit) -> MasterClient:
    """A trader at it."""
    return trader(apart, "bob", 1)


def seen(client: MasterClient) -> int:
    """Return how many transactions a client is told of."""
    return len(client.ask(m.TransactionsGet()).message.transactions)


def bought(kit: MasterKit, client: MasterClient) -> None:
    """Have an order filled."""
    assert client.order("IBM", "1").status == 0
    kit.quote("IBM", "188.00", "188.05")


def test_killed_while_its_master_lives(apart: ApartKit, bob: MasterClient) -> None:
    """The master writes from then on."""
    bought(apart, bob)
    before = seen(bob)
    assert apart.apart.lives
    apart.kill_writer()
    bought(apart, bob)
    assert not apart.apart.lives
    bought(apart, bob)
    assert seen(bob) == before + 2


def test_an_answer_is_of_one_moment(traded: StorePlace) -> None:
    """Whatever is written while a question reads."""
    batches = batches_of(traded)
    make_anew(traded)
    writer = beside(traded)
    written(writer, batches[:5])
    reader = ViewStore(traded.views)
    reader.open()

    def question() -> list[int]:
        counts = []
        for more in (batches[5:], []):
            counts.append(len(reader.events(1, 0, 100)))
            written(writer, more)
        return counts

    first, second = reader.asked(batches[4][0], question)
    assert first == second
    assert reader.asked(batches[-1][0], reader.events, 1, 0, 100)[first:]
    reader.close()
    writer.close()


# --- a server ------------------------------------------------------------------------------------


def writers(state: Path) -> list[int]:
    """Return the processes of the server whose connections hold the lock on the views."""
    rows = server().sql(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 2049"
        f" AND objid = '{schema_of(state)}'::regnamespace::oid ORDER BY pid"
    )
    return [int(str(row[0])) for row in rows]


def cut(state: Path) -> None:
    """End the connections of all who have the views open."""
    for pid in writers(state):
        server().sql(f"SELECT pg_terminate_backend({pid}, 5000)")


@pytest.mark.postgresql
def test_its_connection_is_lost(apart: ApartKit, bob: MasterClient) -> None:
    """It connects anew, and nothing is missing or there twice."""
    for orders in range(3):
        bought(apart, bob)
        apart.turn(2 * RETRY_S)
        assert seen(bob) == 2 + orders
        assert len(writers(apart.state_dir)) == 2
        assert (apart.main.views.retries > 0) == (orders > 0)
        cut(apart.state_dir)
    assert seen(bob) == 4
    assert apart.apart.lives


@pytest.mark.postgresql
def test_what_its_server_forgot_is_there_before_anybody_reads(
    apart: ApartKit, bob: MasterClient
) -> None:
    """Views are not durable on a server: what it lost in a crash is taken from the journal by
    whoever comes first, the one that reads or the one that writes."""
    bought(apart, bob)
    schema = schema_of(apart.state_dir)
    tables = [f"{schema}.{model._meta.table_name}" for model in TABLES]
    for table in tables:
        server().sql(f"CREATE TABLE {table}_old AS TABLE {table}")
    for reads_first in (True, False):
        for _ in range(3):
            bought(apart, bob)
        there = seen(bob)
        for table in tables:
            server().sql(f"TRUNCATE {table}; INSERT INTO {table} TABLE {table}_old")
        cut(apart.state_dir)
        if reads_first:
            assert seen(bob) == there
        bob.order("IBM", "1")
        apart.turn(2 * RETRY_S)
        assert seen(bob) == there
        apart.quote("IBM", "188.00", "188.05")
        assert seen(bob) == there + 1
    for table in tables:
        server().sql(f"DROP TABLE {table}_old")


@pytest.mark.postgresql
def test_what_another_connection_wrote_is_not_written_twice(traded: StorePlace) -> None:
    """Such as that of a writer that was killed: its last commit is waited for, and noticed."""
    expected = rows_of(traded)
    batches = batches_of(traded)
    make_anew(traded)
    first, second = beside(traded), beside(traded)
    written(first, batches[:5])
    written(second, batches[4:7])
    with first.db.atomic():
        # As if its process was gone, and the server had not yet noticed.
        assert not first._is_as_left()
        first._catch_up(batches[7][0])
        waiting = threading.Thread(target=written, args=(second, batches[7:9]))
        waiting.start()
        (pid,) = first.db.execute_sql("SELECT pg_backend_pid()").fetchone()
        blocked = f"SELECT 1 FROM pg_stat_activity WHERE {pid} = ANY(pg_blocking_pids(pid))"
        deadline = time.monotonic() + WAIT_S
        while not server().sql(blocked):
            assert time.monotonic() < deadline, "the other one does not wait"
    waiting.join(WAIT_S)
    written(second, batches[9:])
    for store in (first, second):
        store.close()
    assert rows_of(traded) == expected


class OtherKit(ApartKit):
    """A master of another machine with the same store."""

    def __init__(self, first: ApartKit) -> None:
        self.first = first
        self.connected: list[int] = []
        state = first.state_dir / "other"
        state.mkdir()
        super().__init__(state)

    def master_rules(self) -> MasterRules:
        """Take the URL of the first."""
        url = self.first.master_rules().store_url
        return attrs.evolve(super().master_rules(), store_url=url)

    def new_apart(self) -> ViewsApart:
        """Look who is connected when the writer waits, and the master has not the store yet."""
        apart = super().new_apart()
        assert apart._link is not None
        assert apart._link.recv(1, socket.MSG_PEEK)
        self.connected = writers(self.first.state_dir)
        return apart


@pytest.mark.postgresql
def test_another_master_takes_over(tmp_path: Path) -> None:
    """The writer of one that waits is not connected. When that one begins, the writer of the one
    before has ended its last transaction, and writes nothing any more."""
    first = ApartKit(tmp_path)
    bob = trader(first, "bob", 1)
    bought(first, bob)
    before = writers(tmp_path)
    assert len(before) == 2
    # The first one loses its lock, as that of a machine that is cut off.
    (pid,) = first.main.store.db.execute_sql("SELECT pg_backend_pid()").fetchone()
    server().sql(f"SELECT pg_terminate_backend({pid}, 5000)")
    second = OtherKit(first)
    assert second.connected == before
    assert not set(before) & set(writers(tmp_path))
    place = backends.place(tmp_path)
    seq, _, frames = batches_of(place)[-1]
    there = rows_of(place)
    for error in (StoreAway, Fenced, Fenced):
        with pytest.raises(error):
            first.apart.write(frames, seq + 1, bytes(32))
    assert rows_of(place) == there
    bob.kit = second
    bob.resume()
    bought(second, bob)
    assert seen(bob) == 3
    first.kill()
    second.stop()
    assert audit(place).violations == []


@pytest.mark.postgresql
def test_a_server_that_is_away_is_waited_for(tmp_path: Path) -> None:
    """By a process that writes its first, and by a master whose process has ended."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        place = place_at(tmp_path, f"postgresql://x@127.0.0.1:{unused.getsockname()[1]}/x")
        ours, theirs = socket.socketpair()
        theirs.close()
        ended = subprocess.Popen([sys.executable, "-c", ""])
        apart = ViewsApart(ours, ended.pid, place.views)
        ended.wait()
        for _ in range(2):
            with pytest.raises(StoreAway, match="cannot connect"):
                apart.write(b"", 1, bytes(32))
        assert not apart.lives
        apart.close()


@pytest.mark.postgresql
def test_a_server_that_may_not_be_used_is_told(traded: StorePlace) -> None:
    """What does not pass by itself is said once, in the server's words."""
    epoch = TruthStore(traded.truth)
    epoch.open()
    make_anew(traded)
    store = beside(traded, epoch.epoch)
    epoch.db.execute_sql("ALTER TABLE view_event RENAME TO away")
    with pytest.raises(StoreError, match="view_event") as told:
        written(store, batches_of(traded)[-1:])
    assert type(told.value) is StoreError
    epoch.db.execute_sql("ALTER TABLE away RENAME TO view_event")
    store.close()
    epoch.close()


@pytest.mark.postgresql
def test_a_question_while_the_server_is_away(
    kit: MasterKit, ann: MasterClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks is told to ask again; that is no error of ours."""
    cut(kit.state_dir)

    def nobody_there(db: peewee.Database) -> None:
        raise peewee.OperationalError("nobody there")

    with monkeypatch.context() as patch:
        patch.setattr(kit.main.view_store.engine, "reopen", nobody_there)
        answer = ann.ask(m.TransactionsGet())
    assert answer.status == Status.SERVER_BUSY
    assert answer.message.retry_after_ms
    assert len(ann.ask(m.TransactionsGet()).message.transactions) == 1
