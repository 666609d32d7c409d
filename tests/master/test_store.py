"""The store itself: what it refuses, what becomes of a commit in doubt, and who may write."""

from __future__ import annotations

import itertools
import shutil
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import attrs
import peewee
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from papertrader.core.money import SCALE
from papertrader.core.seals import key_statement
from papertrader.master.database import (
    FREE_S,
    SCHEMA_VERSION,
    SILENT_S,
    Batch,
    TruthStore,
    journal_batches,
)
from papertrader.master.engines import (
    Fenced,
    StoreAway,
    StoreError,
    StoreFull,
    StorePlace,
    place_at,
)
from papertrader.master.rules import Threads
from papertrader.master.storeguard import FOR_LOGINS
from papertrader.master.viewtables import TABLES as VIEW_TABLES
from papertrader.ops.sealing import begin_epoch
from papertrader.ops.sealkey import keep_seal_key, new_seal_key
from papertrader.wire import messages as m
from papertrader.wire.kinds import ResumeFlag, Status
from tests import backends
from tests.backends import audit
from tests.master_kit import Gate, MasterClient, MasterKit, at_once
from tests.postgres_kit import server

REFUSALS = (peewee.DatabaseError,)


@pytest.fixture
def place(tmp_path: Path) -> StorePlace:
    """Where a store of this test's engine is."""
    return backends.place(tmp_path)


@pytest.fixture
def store(place: StorePlace) -> Iterator[TruthStore]:
    """An open store."""
    made = TruthStore(place.truth, "the first")
    made.open()
    yield made
    made.close()


def batch(number: int, *, audited: TruthStore | None = None) -> Batch:
    """A batch of one input; with an entry of the audit log if a store is given."""
    changes = () if audited is None else (audited.audit(number, "tested"),)
    return Batch(
        frames=b"frame %d" % number,
        first_seq=number,
        last_seq=number,
        written_at=number,
        changes=changes,
    )


def inputs(store: TruthStore) -> list[int]:
    """The inputs that stand in the journal."""
    return [row[1] for row in journal_batches(store.db)]


# --- what both engines do ------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["journal", "audit", "checkpoint"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET {} = 7", "DELETE FROM {}"])
def test_what_is_written_stays(store: TruthStore, table: str, verb: str) -> None:
    """Append-only by trigger: the program itself could not change it by mistake."""
    store.write(batch(1, audited=store))
    store.db.execute_sql("INSERT INTO checkpoint (seq, at, state_hash) VALUES (1, 1, x'')")
    column = {"journal": "first_seq", "audit": "at", "checkpoint": "at"}[table]
    with pytest.raises(REFUSALS, match="append-only"):
        store.db.execute_sql(verb.format(table, column))
    assert inputs(store) == [1]


@pytest.mark.parametrize("wrong", ["not a number", 2**63, 1.5, None])
def test_a_column_takes_its_own_type_alone(store: TruthStore, wrong: object) -> None:
    """STRICT in SQLite, types in PostgreSQL: no integer becomes a float or a text by itself."""
    with pytest.raises((*REFUSALS, OverflowError)), store.db.atomic():
        store.db.execute_sql(
            "INSERT INTO checkpoint (seq, at, state_hash) VALUES (?, 1, x'')", (wrong,)
        )
    assert store.db.execute_sql("SELECT count(*) FROM checkpoint").fetchone() == (0,)


def test_a_batch_is_written_once(store: TruthStore) -> None:
    """A second one of the same number is refused, whatever else happened."""
    store.write(batch(1))
    store.batch, store.last_seq = 0, 0
    with pytest.raises(StoreError):
        store.write(batch(1))


def test_a_change_that_fails_takes_its_batch_with_it(store: TruthStore) -> None:
    """One transaction: the journal, the tables and the chain of the audit log."""
    store.write(batch(1, audited=store))
    broken = attrs.evolve(
        batch(2, audited=store),
        changes=(store.audit(2, "lost"), lambda db: db.execute_sql("SELECT * FROM nowhere")),
    )
    with pytest.raises(StoreError):
        store.write(broken)
    assert inputs(store) == [1]
    store.write(batch(2, audited=store))
    assert store.db.execute_sql("SELECT seq, kind FROM audit ORDER BY seq").fetchall() == [
        (1, "tested"),
        (2, "tested"),
    ]


def test_a_newer_schema_is_refused(place: StorePlace, store: TruthStore) -> None:
    """By the version that wrote it, with what to do; and it is left as it is."""
    with store.db.atomic():
        store.set_meta("schema", str(SCHEMA_VERSION + 1))
    store.close()
    with pytest.raises(StoreError, match=r"newer PaperTrader.*upgrade the program"):
        TruthStore(place.truth).open()


def test_an_epoch_that_another_began_ends_the_first(place: StorePlace, store: TruthStore) -> None:
    """T-39, M-38: the old master's next commit fails, with a table's change alone too."""
    store.write(batch(1))
    begin_another_epoch(place)
    for late in (batch(2), batch(2, audited=store), attrs.evolve(batch(2), frames=b"")):
        with pytest.raises(Fenced):
            store.write(late)
    assert inputs(store) == [1]


def begin_another_epoch(place: StorePlace) -> None:
    """Do what a second master does that did not ask for the lock."""
    other = place.truth.open()
    try:
        with other.atomic():
            (epoch,) = other.execute_sql("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
            other.execute_sql(
                "UPDATE meta SET value = ? WHERE key = 'epoch'", (str(int(epoch) + 1),)
            )
            if place.truth.shared:
                other.execute_sql("UPDATE fence SET epoch = epoch + 1, commits = commits + 1")
    finally:
        other.close()


def test_views_thrown_away_are_made_again(kit: MasterKit, ann: MasterClient) -> None:
    """At the next start, from the journal alone."""
    ann.order("AAPL", "3")
    kit.quote("AAPL", "500", "501")
    before = ann.ask(m.TransactionsGet()).message.transactions
    assert len(before) == 2
    kit.kill()
    backends.remove_views(kit.state_dir)
    kit.boot()
    ann.resume()
    assert ann.ask(m.TransactionsGet()).message.transactions == before


# --- room ----------------------------------------------------------------------------------------


class Room:
    """How much room there is, as a test says."""

    def __init__(self) -> None:
        self.free = 1 << 40

    def __call__(self) -> int:
        return self.free


class SmallKit(MasterKit):
    """A master that looks how much room there is."""

    def __init__(self, state_dir: Path) -> None:
        self.room = Room()
        super().__init__(state_dir)

    def master_rules(self) -> object:
        """Add the mark."""
        return attrs.evolve(super().master_rules(), low_water=1_000, room=self.room)


@pytest.mark.sqlite
def test_too_little_room_is_a_pause(tmp_path: Path) -> None:
    """P-16: changes are refused and retried, questions and logins go on, and the market waits."""
    kit = SmallKit(tmp_path)
    ann = kit.client()
    ann.register()
    ann.login()
    ann.order("AAPL", "1")
    kit.turn(0.5)
    kit.room.free = 999
    kit.turn(1.1)
    updates, seq = kit.main.assets.updates, kit.main.journal.seq
    refused = ann.ask(m.OrderNew(client_order_id=2, symbol="AAPL", quantity=SCALE), seq=ann.seq + 1)
    assert refused.status == Status.READ_ONLY
    assert kit.client(connection=3).register("bob").status == Status.READ_ONLY
    assert ann.ask(m.PortfolioGet()).status == 0
    assert ann.ask(m.TransactionsGet()).status == 0
    assert kit.client(connection=2).login().status == 0
    kit.turn(5.0)
    kit.room.free = 1_000 // FOR_LOGINS - 1
    kit.turn(1.1)
    refused = kit.client(connection=4).login()
    assert (refused.status, refused.message.text) == (
        Status.READ_ONLY,
        "The server has no room on its disk: until that is over nobody can log in or out.",
    )
    token = m.Resume(token=ann.token, flags=int(ResumeFlag.TAKE_OVER))
    late = (kit.client(connection=5).ask(token, session=0), ann.ask(m.Logout()))
    assert {each.status for each in late} == {Status.READ_ONLY}
    assert ann.ask(m.PortfolioGet()).status == 0
    assert (kit.main.assets.updates, kit.main.journal.seq) == (updates, seq)
    kit.room.free = 1_000
    kit.turn(1.1)
    assert ann.order("AAPL", "1").status == 0
    assert kit.client(connection=5).ask(token, session=0).status == 0
    assert kit.main.assets.updates > updates
    assert dict(kit.main.store_guard.figures())["store_pauses"] == 1
    kit.check()


class FullDisk:
    """A thread whose writes find no room as long as a test says so."""

    def __init__(self) -> None:
        self.full = False
        self.tries = 0

    def __call__(self, function: object, *arguments: object) -> object:
        if self.full:
            self.tries += 1
            return at_once(self._fail)
        return at_once(function, *arguments)

    def _fail(self) -> None:
        raise StoreFull("truth.db: database or disk is full")


@pytest.mark.sqlite
def test_a_commit_that_finds_no_room_waits_for_it(tmp_path: Path) -> None:
    """What was under way is neither refused nor lost: it is answered when there is room again."""
    disk = FullDisk()
    kit = MasterKit(tmp_path, threads=Threads(truth=disk, views=at_once, hashing=at_once))  # type: ignore[arg-type]
    ann = kit.client()
    ann.register()
    ann.login()
    disk.full = True
    sent = ann.send(m.OrderNew(client_order_id=1, symbol="AAPL", quantity=SCALE), seq=1)
    kit.turn(3.0)
    assert disk.tries > 5
    assert ann.replies(sent) == []
    late = ann.send(m.OrderNew(client_order_id=2, symbol="AAPL", quantity=SCALE), seq=2)
    kit.turn()
    disk.full = False
    kit.turn(0.5)
    assert [each.status for each in ann.replies(sent)] == [0]
    (refused,) = ann.replies(late)
    assert refused.status == Status.READ_ONLY
    assert kit.failures == []
    kit.check()


@pytest.mark.sqlite
def test_a_real_full_file_system_is_told_from_an_error(tmp_path: Path) -> None:
    """SQLite's own code for it, from a file that may not grow; the batch can be written later."""
    store = TruthStore(place_at(tmp_path).truth)
    store.open()
    store.write(batch(1))
    (pages,) = store.db.execute_sql("PRAGMA page_count").fetchone()
    store.db.execute_sql(f"PRAGMA max_page_count = {pages}")
    large = attrs.evolve(batch(2, audited=store), frames=bytes(100_000))
    with pytest.raises(StoreFull):
        store.write(large)
    assert inputs(store) == [1]
    store.db.execute_sql("PRAGMA max_page_count = 1000000")
    store.write(large)
    assert inputs(store) == [1, 2]
    assert store.db.execute_sql("SELECT count(*), max(seq) FROM audit").fetchone() == (1, 1)
    store.close()


@pytest.mark.sqlite
def test_a_program_beside_the_master_says_that_there_is_no_room(tmp_path: Path) -> None:
    """Such as a start that registers workers: in a sentence, and nothing has been changed."""
    store = TruthStore(place_at(tmp_path).truth)
    store.open()
    (pages,) = store.db.execute_sql("PRAGMA page_count").fetchone()
    store.db.execute_sql(f"PRAGMA max_page_count = {pages}")
    with (
        pytest.raises(StoreError, match="cannot be written: database or disk is full; make room"),
        store.changing() as db,
    ):
        store.set_meta("small", "x")
        db.execute_sql("INSERT INTO meta (key, value) VALUES ('large', ?)", ("x" * 100_000,))
    assert store.meta("small", "none") == "none"
    store.db.execute_sql("PRAGMA max_page_count = 1000000")
    with store.changing():
        store.set_meta("small", "x")
    assert store.meta("small", "none") == "x"
    store.close()


@pytest.mark.sqlite
@pytest.mark.parametrize("code", ["SQLITE_IOERR_FSYNC", "SQLITE_IOERR_WRITE", "SQLITE_CORRUPT"])
def test_any_other_error_of_a_disk_is_the_end(tmp_path: Path, code: str) -> None:
    """T-51: never tried again; who waits is told that the outcome is unknown."""
    gate = Gate()
    kit = MasterKit(tmp_path, threads=Threads(truth=at_once, views=at_once, hashing=at_once))
    ann = kit.client()
    ann.register()
    ann.login()
    kit.main.journal._in_thread = gate
    sent = ann.send(m.OrderNew(client_order_id=1, symbol="AAPL", quantity=SCALE), seq=1)
    kit.turn()
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = getattr(sqlite3, code, 11)
    wrapped = peewee.OperationalError("disk I/O error")
    wrapped.__context__ = error
    writing = kit.main.store._write

    def fail(*arguments: object) -> bytes:
        raise wrapped

    kit.main.store._write = fail  # type: ignore[method-assign]
    gate.work()
    kit.turn(2.0)
    kit.main.store._write = writing  # type: ignore[method-assign]
    assert [each.status for each in ann.replies(sent)] == [Status.OUTCOME_UNKNOWN]
    assert len(kit.failures) == 1
    assert not gate
    kit.kill()
    assert audit(tmp_path).violations == []


# --- a server ------------------------------------------------------------------------------------


@pytest.fixture
def only_postgres(backend: str) -> None:
    """For what files do not have."""
    if backend != backends.POSTGRES:
        pytest.skip("files have no connection to lose")


def cut(store: TruthStore) -> None:
    """End the store's connection, as an operator of the server can; it has ended then."""
    pid = store.db.execute_sql("SELECT pg_backend_pid()").fetchone()[0]
    server().sql(f"SELECT pg_terminate_backend({pid}, 30000)")


@pytest.mark.usefixtures("only_postgres")
def test_a_connection_lost_before_a_commit(store: TruthStore) -> None:
    """The batch is in doubt until it is written again: then it is there once."""
    store.write(batch(1))
    for number in (2, 3, 4):
        cut(store)
        doubtful = batch(number, audited=store if number % 2 else None)
        with pytest.raises(StoreAway):
            store.write(doubtful)
        store.write(doubtful)
    assert inputs(store) == [1, 2, 3, 4]
    assert store.resolved == 3
    store.write(batch(5, audited=store))
    assert store.db.execute_sql("SELECT seq FROM audit ORDER BY seq").fetchall() == [(1,), (2,)]


@pytest.mark.usefixtures("only_postgres")
@pytest.mark.parametrize("audited", [False, True])
def test_a_connection_lost_after_a_commit(store: TruthStore, audited: bool) -> None:
    """It is found out that the batch is there, and it is not written a second time."""
    store.write(batch(1))
    real = store._write
    doubtful = batch(2, audited=store if audited else None)

    def write_and_lose(db: peewee.Database, given: Batch) -> bytes:
        before = store.head, store.batch, store.last_seq, store._fence.commits  # type: ignore[union-attr]
        real(db, given)
        store.head, store.batch, store.last_seq, store._fence.commits = before  # type: ignore[union-attr]
        cut(store)
        db.execute_sql("SELECT 1")
        raise AssertionError("the connection lives")

    store._write = write_and_lose  # type: ignore[method-assign]
    with pytest.raises(StoreAway):
        store.write(doubtful)
    store._write = real  # type: ignore[method-assign]
    store.write(doubtful)
    store.write(batch(3, audited=store))
    assert inputs(store) == [1, 2, 3]
    assert store.db.execute_sql("SELECT max(seq) FROM audit").fetchone() == (1 + audited,)


@pytest.mark.usefixtures("only_postgres")
def test_a_beat_that_finds_nobody_leaves_the_next_batch_in_doubt_only(
    store: TruthStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection stays closed behind it: peewee has another error for that than for a loss."""
    store.write(batch(1))
    cut(store)

    def nobody_there(db: peewee.Database) -> None:
        db.close()
        raise peewee.OperationalError("nobody there")

    with monkeypatch.context() as patch, pytest.raises(peewee.OperationalError):
        patch.setattr(store.engine, "reopen", nobody_there)
        store.beat()
    assert store.db.is_closed()
    with pytest.raises(StoreAway, match="not opened"):
        store.write(batch(2))
    store.write(batch(2))
    assert inputs(store) == [1, 2]


@pytest.mark.usefixtures("only_postgres")
def test_a_second_master_waits(place: StorePlace, store: TruthStore) -> None:
    """One that is not patient is refused; a patient one gets the store when the first ends."""
    with pytest.raises(StoreError, match=r"another master .*the first.*master.standby = true"):
        TruthStore(place.truth).open()
    waiting = TruthStore(place.truth, "the second")
    for second in range(4):
        store.beat()
        assert not waiting.claim(float(second), patient=True)
    store.write(batch(1))
    store.close()
    assert waiting.claim(5.0, patient=True)
    waiting.open()
    assert (waiting.epoch, waiting.last_seq) == (store.epoch + 1, 1)
    waiting.close()


@pytest.mark.usefixtures("only_postgres")
def test_a_dead_master_is_followed_when_it_has_been_silent(
    place: StorePlace, store: TruthStore
) -> None:
    """Its lock is free at once, but it might only have lost its connection: a little patience."""
    waiting = TruthStore(place.truth, "the second")
    assert not waiting.claim(0.0, patient=True)
    cut(store)
    assert not waiting.claim(FREE_S - 0.1, patient=True)
    assert waiting.claim(FREE_S, patient=True)
    waiting.open()
    with pytest.raises(StoreAway):
        store.write(batch(1))
    with pytest.raises(Fenced):
        store.write(batch(1))
    waiting.write(batch(1))
    waiting.close()


@pytest.mark.usefixtures("only_postgres")
def test_a_hanging_master_is_ended(place: StorePlace, store: TruthStore) -> None:
    """It holds the lock, in the middle of a transaction even, but gives no sign."""
    store.db.begin()
    store._fence.pass_through(store.db)  # type: ignore[union-attr]
    waiting = TruthStore(place.truth, "the second")
    assert not waiting.claim(0.0, patient=True)
    assert not waiting.claim(SILENT_S - 0.1, patient=True)
    assert not waiting.claim(SILENT_S, patient=True)
    for _ in range(3_000):
        if waiting.claim(SILENT_S + 1, patient=True):
            break
        waiting.db.execute_sql("SELECT pg_sleep(0.02)")
    waiting.open()
    assert waiting.epoch == store.epoch + 1
    store.db.dispose()
    store._db = None
    waiting.close()


@pytest.mark.usefixtures("only_postgres")
def test_the_audit_logs_key_is_handed_from_master_to_master(
    place: StorePlace, tmp_path: Path
) -> None:
    """Each signs the next one's key, to and fro; one with other secrets is refused in a line."""
    states = [tmp_path / name for name in ("first", "second", "stranger")]
    for state in states:
        (state / "tls").mkdir(parents=True)
    for state in (states[0], states[2]):
        keep_seal_key(state, new_seal_key())
    shutil.copytree(states[0] / "keys", states[1] / "keys")
    chain: tuple[tuple[int, bytes, bytes], ...] = ()
    for turn in (0, 1, 0, 1, 1):
        store = TruthStore(place.truth)
        store.open()
        keys = begin_epoch(states[turn], store)
        assert keys.chain[:-1] == chain
        chain = keys.chain
        store.close()
    store = TruthStore(place.truth)
    store.open()
    for before, now in itertools.pairwise(chain):
        signer = Ed25519PublicKey.from_public_bytes(before[1])
        signer.verify(now[2], key_statement(now[0], now[1]))
    with pytest.raises(StoreError, match="copy tls/ and keys/ from one of them"):
        begin_epoch(states[2], store)
    store.close()


@pytest.mark.usefixtures("only_postgres")
def test_a_server_that_would_lose_commits_is_refused(tmp_path: Path) -> None:
    """synchronous_commit is set and read back at each connection; the URL cannot undo it."""
    url = backends.url_at(tmp_path).replace("options=", "options=-csynchronous_commit%3Doff%20")
    store = TruthStore(place_at(tmp_path, url).truth)
    store.open()
    assert store.db.execute_sql("SHOW synchronous_commit").fetchone() == ("on",)
    store.close()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mysql://x/y", "a URL such as postgresql://"),
        ("postgresql://ann:secret@127.0.0.1/x", "settings hold no secrets"),
        ("postgresql://127.0.0.1/x?password=secret", "settings hold no secrets"),
        ("postgresql://127.0.0.1/x?no_such_word=1", "store.url is wrong"),
    ],
)
@pytest.mark.sqlite
def test_wrong_urls(tmp_path: Path, url: str, why: str) -> None:
    """One clear line, without the secret."""
    with pytest.raises(StoreError, match=why) as wrong:
        place_at(tmp_path, url)
    assert "secret@" not in str(wrong.value)


@pytest.mark.sqlite
def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    """What is wrong and where to look."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        store = TruthStore(place_at(tmp_path, f"postgresql://x@127.0.0.1:{port}/x").truth)
        with pytest.raises(StoreError, match=r"cannot connect to 127\.0\.0\.1/x: "):
            store.open()
        assert not store.claim(0.0, patient=True)


@pytest.mark.usefixtures("only_postgres")
def test_views_that_a_server_forgot_are_taken_from_the_journal(
    kit: MasterKit, ann: MasterClient
) -> None:
    """Views are not durable there: after a crash of the server they are behind what was told."""
    ann.order("AAPL", "1")
    kit.turn()
    views = kit.main.view_store
    db = views.db
    tables = [model._meta.table_name for model in VIEW_TABLES]
    for table in tables:
        db.execute_sql(f"CREATE TABLE old_{table} AS TABLE {table}")
    for number in range(2, 6):
        ann.order("AAPL", str(number))
    with db.atomic():
        for table in tables:
            db.execute_sql(f"DELETE FROM {table}")
            db.execute_sql(f"INSERT INTO {table} SELECT * FROM old_{table}")
            db.execute_sql(f"DROP TABLE old_{table}")
    cut_views(kit)
    assert len(ann.ask(m.OrderList(states=0xFFFF)).message.orders) == 5
    assert ann.order("AAPL", "6").status == 0
    kit.turn(0.5)
    kit.quote("AAPL", "500", "501")
    assert len(ann.ask(m.TransactionsGet()).message.transactions) == 7


def cut_views(kit: MasterKit) -> None:
    """End the connection of a master's views."""
    pid = kit.main.view_store.db.execute_sql("SELECT pg_backend_pid()").fetchone()[0]
    server().sql(f"SELECT pg_terminate_backend({pid})")


@pytest.mark.usefixtures("only_postgres")
def test_a_question_outlives_the_connection(kit: MasterKit, ann: MasterClient) -> None:
    """Views that nobody writes to at the moment are asked on a new one."""
    ann.order("AAPL", "1")
    kit.quote("AAPL", "500", "501")
    cut_views(kit)
    assert len(ann.ask(m.TransactionsGet()).message.transactions) == 2
