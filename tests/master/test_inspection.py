"""The audit finds every change of the books that was made behind the master's back."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from papertrader.core.marketclock import ClockField
from papertrader.core.money import SCALE
from papertrader.core.orders import OrderType, TimeInForce, TrailKind
from papertrader.core.terms import PortfolioTerms
from papertrader.master.database import StoreError, chain
from papertrader.master.engines import place_at
from papertrader.master.operators import Appointment, appoint
from papertrader.master.termrecords import terms_block
from papertrader.ops import apart
from papertrader.ops.backup import make_backup
from papertrader.ops.inspection import Report, audit, rebuild
from papertrader.wire import messages as m
from papertrader.wire.kinds import Scope
from tests.master_kit import PASSWORD, MasterKit

FLIPS = 40
"""Octets changed one by one, drawn with a fixed seed."""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory with all kinds of rows: two accounts, fills, a cancel, replies, a split."""
    state = tmp_path_factory.mktemp("original")
    kit = MasterKit(state, start=1_109_364_900_000_000_000)
    clients = []
    for number, name in enumerate(("ann", "bob"), 1):
        client = kit.client(connection=number)
        client.register(name)
        client.login(name)
        if not clients:
            # While there is one account only, it may.
            client.seq += 1
            wish = m.ClockSet(fields=ClockField.SPEED, speed_milli=60_000)
            assert client.ask(wish, seq=client.seq).status == 0
        clients.append(client)
    for client in clients:
        client.order("AAPL", "10")
        client.order("AAPL", "5", order_type=OrderType.LIMIT, limit_price=20 * SCALE)
        client.order("AAPL", "9999999")
        kit.turn(0.5)
        client.order("AAPL", "4", side=2)
        client.order("MSFT", "7")
        kit.turn(0.5)
        # So far away that it never triggers, it follows every new low.
        trail = m.TriggerRow(trail_kind=TrailKind.PERCENT, trail=SCALE * 99 // 100)
        fields = {"time_in_force": TimeInForce.GTC, "trigger": (trail,)}
        sent = client.order("MSFT", "1", order_type=OrderType.TRAILING_STOP, **fields)
        assert sent.status == 0
    kit.main.journal.change(appoint(kit.main.store, 1, Appointment.HOST))
    kit.turn()
    kit.main.operators.load()
    host = kit.client(connection=3)
    login = m.Login(username="ann", scope=Scope.HOST, password=PASSWORD)
    host.session = host.ask(login, session=0).header.session
    cup = terms_block(
        m.ContestCreate, PortfolioTerms(), name="cup", cash=SCALE, opens_at=0, ends_at=2**62,
        joins_until=2**62,
    )  # fmt: skip
    assert host.ask(cup, seq=1).status == 0
    assert host.ask(m.ContestJoin(contest=1), seq=2).status == 0
    kit.main.checkpoints.take()
    kit.turn(15.0)
    for client in clients:
        client.order("AAPL", "3")
    kit.turn(1.0)
    report = kit.check()
    assert report.checkpoints == 2
    assert report.batches > 10
    return state


@pytest.fixture
def state(original: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    shutil.copytree(original, tmp_path / "state")
    return tmp_path / "state"


class Forger:
    """Somebody with write access to the file: the triggers are no obstacle."""

    def __init__(self, path: Path) -> None:
        self.db = sqlite3.connect(path, isolation_level=None)
        triggers = self.db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in triggers.fetchall():
            self.db.execute(f"DROP TRIGGER {name}")

    def __call__(self, sql: str, *values: Any) -> list[Any]:
        return self.db.execute(sql, values).fetchall()


def truth(state: Path) -> Forger:
    """A forger of the journal."""
    return Forger(state / "truth.db")


def views(state: Path) -> Forger:
    """A forger of the views."""
    return Forger(state / "views.db")


def found(state: Path) -> list[str]:
    """What the audit says is wrong."""
    report: Report = audit(state)
    assert bool(report.violations) == bool(report.violations_in_all)
    return report.violations


def test_an_honest_copy_is_clean(state: Path) -> None:
    """With views and without them; what was counted is what there is."""
    report = audit(state)
    assert report.violations == []
    assert report.views_at == report.inputs
    assert report.transactions == 2 + 6 + 2 + 2 + 1
    assert report.orders == 12
    for path in state.glob("views.db*"):
        path.unlink()
    assert audit(state).violations == []


def flipped(octets: bytes, at: int, bit: int) -> bytes:
    """One bit changed."""
    return octets[:at] + bytes([octets[at] ^ 1 << bit]) + octets[at + 1 :]


@pytest.mark.parametrize("column", ["frames", "hash", "previous"])
def test_one_changed_bit_in_the_journal(state: Path, column: str) -> None:
    """In any row's frames, hash or previous hash; and never an error instead of a finding."""
    draw = random.Random(column)
    forge = truth(state)
    rows = forge(f"SELECT batch, {column} FROM journal")
    for _ in range(FLIPS):
        batch, value = draw.choice(rows)
        changed = flipped(value, draw.randrange(len(value)), draw.randrange(8))
        forge(f"UPDATE journal SET {column} = ? WHERE batch = ?", changed, batch)
        assert any(f"batch {batch}:" in line for line in found(state))
        forge(f"UPDATE journal SET {column} = ? WHERE batch = ?", value, batch)
    assert found(state) == []


@pytest.mark.parametrize("column", ["first_seq", "last_seq", "epoch"])
def test_a_changed_number_in_the_journal(state: Path, column: str) -> None:
    """The bounds and the epoch of a batch are under the hash."""
    forge = truth(state)
    for (batch,) in forge("SELECT batch FROM journal"):
        forge(f"UPDATE journal SET {column} = {column} + 1 WHERE batch = ?", batch)
        assert found(state)
        forge(f"UPDATE journal SET {column} = {column} - 1 WHERE batch = ?", batch)
    assert found(state) == []


def test_a_deleted_row_of_the_journal(state: Path, tmp_path: Path) -> None:
    """Any one, the first and the last too; the latter even if the views are gone."""
    forger = truth(state)
    (count,) = forger("SELECT max(batch) FROM journal")[0]
    # Its files must not go while they are copied.
    forger.db.close()
    for batch in range(1, count + 1):
        copy = tmp_path / f"without {batch}"
        shutil.copytree(state, copy)
        truth(copy)("DELETE FROM journal WHERE batch = ?", batch)
        assert found(copy)
        for path in copy.glob("views.db*"):
            path.unlink()
        assert found(copy)


def test_swapped_rows_of_the_journal(state: Path) -> None:
    """Two neighbors with each other's place."""
    forge = truth(state)
    first, second = forge("SELECT first_seq, last_seq, epoch, frames FROM journal LIMIT 2 OFFSET 3")
    for batch, row in ((4, second), (5, first)):
        forge(
            "UPDATE journal SET first_seq = ?, last_seq = ?, epoch = ?, frames = ? WHERE batch = ?",
            *row,
            batch,
        )
    assert found(state)


def test_a_gap_under_a_chain_that_was_made_anew(state: Path) -> None:
    """Whoever deletes a row and computes every later hash again has left a gap in the inputs."""
    forge = truth(state)
    forge("DELETE FROM journal WHERE batch = 5")
    (head,) = forge("SELECT hash FROM journal WHERE batch = 4")[0]
    for batch, first, last, epoch, frames in forge(
        "SELECT batch, first_seq, last_seq, epoch, frames FROM journal WHERE batch > 5"
    ):
        value = chain(head, first, last, epoch, frames)
        forge("UPDATE journal SET previous = ?, hash = ? WHERE batch = ?", head, value, batch)
        head = value
    assert any("do not follow" in sentence for sentence in found(state))


def test_the_last_changed_row_with_a_new_hash(state: Path) -> None:
    """Whoever can compute the chain anew is found by the views and the checkpoints."""
    forge = truth(state)
    batch, first, last, epoch, previous, frames = forge(
        "SELECT batch, first_seq, last_seq, epoch, previous, frames FROM journal"
        " ORDER BY batch DESC LIMIT 1"
    )[0]
    shorter = frames[: 32 + int.from_bytes(frames[4:8], "big")]
    forge(
        "UPDATE journal SET frames = ?, hash = ? WHERE batch = ?",
        shorter,
        chain(previous, first, last, epoch, shorter),
        batch,
    )
    assert found(state)
    for path in state.glob("views.db*"):
        path.unlink()
    assert found(state)


VIEW_CHANGES = [
    "UPDATE view_account SET event_seq = event_seq + 1 WHERE id = 2",
    "UPDATE view_account SET transaction_id = transaction_id - 1 WHERE id = 1",
    "DELETE FROM view_account WHERE id = 2",
    "UPDATE view_portfolio SET cash = cash + 1 WHERE id = 1",
    "UPDATE view_portfolio SET realized = realized + 1 WHERE id = 1",
    "UPDATE view_portfolio SET currency = 'EUR' WHERE id = 1",
    "DELETE FROM view_portfolio WHERE id = 2",
    "UPDATE view_order SET reserved_quantity = reserved_quantity + 1 WHERE id = 2",
    "UPDATE view_order SET notional = '1' WHERE id = 1",
    "UPDATE view_order SET block = (SELECT block FROM view_order WHERE id = 1) WHERE id = 3",
    "UPDATE view_order SET block = zeroblob(168) WHERE id = 2",
    "UPDATE view_order SET block = x'00' WHERE id = 2",
    "DELETE FROM view_order WHERE id = 2",
    "UPDATE view_order SET terms = x'' WHERE length(terms) > 0",
    "DELETE FROM view_mark",
    "UPDATE view_mark SET bid = bid + 1",
    "DELETE FROM view_contest WHERE id = 2",
    "UPDATE view_contest SET record = (SELECT record FROM view_contest WHERE id = 1)",
    "UPDATE view_portfolio SET frozen = 1 WHERE id = 2",
    "UPDATE view_portfolio SET purse = '[5, 0, []]' WHERE id = 2",
    "UPDATE view_transaction SET kind = 2 WHERE account = 1 AND id = 2",
    "UPDATE view_transaction SET executed_at = executed_at + 1 WHERE account = 2 AND id = 3",
    "UPDATE view_transaction SET portfolio = 1 WHERE account = 2 AND id = 1",
    "UPDATE view_transaction SET block = zeroblob(128) WHERE account = 1 AND id = 1",
    "UPDATE view_transaction SET detail = x'00' WHERE account = 1 AND id = 1",
    "DELETE FROM view_transaction WHERE account = 2 AND id = 4",
    "UPDATE view_transaction SET entries = x'' WHERE account = 1 AND id = 2",
    "UPDATE view_transaction SET entries = zeroblob(144) WHERE account = 2 AND id = 1",
    "UPDATE view_transaction SET entries = CAST(entries || x'00' AS BLOB) WHERE id = 1",
    "UPDATE view_balance SET amount = amount + 1 WHERE asset = 'AAPL'",
    "DELETE FROM view_balance WHERE asset = 'MSFT'",
    "INSERT INTO view_balance VALUES (1, 9, 'AAPL', 5)",
    "UPDATE view_balance SET ledger_kind = 99 WHERE asset = 'MSFT'",
    "UPDATE view_position SET lots = x'' WHERE portfolio = 1 AND symbol = 'AAPL'",
    "UPDATE view_position SET block = zeroblob(64) WHERE portfolio = 1 AND symbol = 'AAPL'",
    "DELETE FROM view_position WHERE portfolio = 2 AND symbol = 'MSFT'",
    "UPDATE view_event SET frame = (SELECT frame FROM view_event WHERE account = 1 AND seq = 3)"
    " WHERE account = 1 AND seq = 2",
    "UPDATE view_event SET frame = x'00' WHERE account = 2 AND seq = 4",
    "DELETE FROM view_event WHERE account = 1 AND seq = 1",
    "DELETE FROM view_event WHERE account = 1 AND seq = 5",
    "DELETE FROM view_event WHERE account = 2",
    "DELETE FROM view_event WHERE account = 1 AND seq = (SELECT max(seq) FROM view_event)",
    "UPDATE view_reply SET frame = (SELECT frame FROM view_reply WHERE seq = 1 AND session = 1)"
    " WHERE session = 1 AND seq = 2",
    "UPDATE view_reply SET request_hash = zeroblob(32) WHERE session = 2 AND seq = 2",
    "UPDATE view_reply SET at = at + 1 WHERE session = 2 AND seq = 3",
    "UPDATE view_reply SET seq = 77 WHERE session = 2 AND seq = 3",
    "DELETE FROM view_reply WHERE session = 1 AND seq = 4",
    "UPDATE view_applied SET at = at + 1",
    "DELETE FROM view_applied",
    "INSERT INTO view_applied VALUES ('IBM', 1, 5)",
    "DELETE FROM view_receipt WHERE event_seq = (SELECT min(event_seq) FROM view_receipt)",
    "UPDATE view_receipt SET block = zeroblob(256)",
    'UPDATE view_receipt SET "order" = "order" + 100',
    "UPDATE view_receipt SET account = account + 1",
    "DELETE FROM view_refusal",
    "UPDATE view_refusal SET text = 'another'",
    "UPDATE view_refusal SET block = zeroblob(232)",
    "UPDATE view_refusal SET account = account + 1",
    "UPDATE view_transaction SET note = 'another' WHERE account = 1 AND id = 1",
    "DELETE FROM view_clock",
    "UPDATE view_clock SET market = 'other'",
    "UPDATE view_clock SET record = x'00'",
    "UPDATE view_meta SET value = value - 1 WHERE key = 'watermark'",
    "UPDATE view_meta SET value = '0' WHERE key = 'watermark'",
    "UPDATE view_meta SET value = replace(value, substr(value, 1, 2), '00') WHERE key = 'head'",
]


@pytest.mark.parametrize("change", VIEW_CHANGES)
def test_a_changed_row_of_the_views(state: Path, change: str) -> None:
    """Of each table; `rebuild` makes the views what they were."""
    forge = views(state)
    before = forge.db.total_changes
    forge(change)
    assert forge.db.total_changes > before, "the change must change something"
    forge.db.close()
    assert found(state)
    assert rebuild(state, lambda line: None).violations == []


def test_every_table_of_the_views_is_under_the_audit(state: Path) -> None:
    """A table that is added later needs a line above."""
    names = views(state)(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'view%'"
    )
    assert len(names) == 15
    for (name,) in names:
        assert any(f" {name} " in f"{change} " for change in VIEW_CHANGES), name


def damage(path: Path, tree: str) -> bytes:
    """Let a table's or an index's root be no page; return what the file was."""
    db = sqlite3.connect(path)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (tree,)).fetchone()
    db.close()
    octets = path.read_bytes()
    with path.open("r+b") as file:
        # What stands in it are the pages of the rows, if there are some.
        file.seek((page - 1) * 4_096)
        file.write(bytes(4_096))
    return octets


def test_a_damaged_page_of_the_journal_is_one_sentence(state: Path) -> None:
    """SQLite meets it while rows are fetched, and tells that in another way."""
    path = state / "truth.db"
    octets = damage(path, "journal")
    with pytest.raises(StoreError, match=r"truth\.db is damaged .*papertrader restore FILE"):
        audit(state)
    with pytest.raises(StoreError, match="papertrader restore FILE"):
        rebuild(state, lambda _: None)
    path.write_bytes(octets)
    assert audit(state).violations == []


@pytest.mark.parametrize("tree", ["account", "audit", "session", "watchlist", "alert", "worker"])
def test_a_start_on_a_damaged_page_names_the_store(state: Path, tree: str) -> None:
    """Of whichever table, and whether what asks meets it or what fetches."""
    damage(state / "truth.db", tree)
    with pytest.raises(StoreError, match=r"truth\.db is damaged .*papertrader restore FILE"):
        MasterKit(state, start=1_109_364_900_000_000_000)


@pytest.mark.parametrize("tree", ["view_order", "view_event", "view_reply", "view_meta"])
def test_a_damaged_page_of_the_views_is_no_reason_for_a_backup(state: Path, tree: str) -> None:
    """They are made again; to put a backup back would throw away what came after it."""
    damage(state / "views.db", tree)
    cure = r"views\.db is damaged .*papertrader rebuild"
    with pytest.raises(StoreError, match=cure):
        MasterKit(state, start=1_109_364_900_000_000_000)
    with pytest.raises(StoreError, match=cure):
        audit(state)
    assert rebuild(state, lambda _: None).violations == []


@pytest.mark.parametrize("tree", ["account", "session_token_hash", "watchlist", "api_key_account"])
def test_a_damaged_page_that_no_audit_reads_is_found(state: Path, tree: str) -> None:
    """Of accounts it reads an index alone, of others nothing; a backup is held against it too."""
    damage(state / "truth.db", tree)
    (sentence,) = audit(state).violations
    assert "truth.db is damaged (" in sentence
    assert "papertrader restore FILE" in sentence
    (sentence,) = make_backup(place_at(state), state / "copy.db").report.violations
    assert "copy.db is damaged (" in sentence
    assert "use another backup" in sentence


def test_a_damaged_index_of_the_views_is_found(state: Path) -> None:
    """Their rows are all there; who asks for those of a portfolio would not get them."""
    damage(state / "views.db", "view_order_portfolio")
    (sentence,) = audit(state).violations
    assert "papertrader rebuild" in sentence
    assert rebuild(state, lambda _: None).violations == []


def test_a_start_on_damaged_views_says_what_to_do(state: Path) -> None:
    """Not a traceback but: rebuild."""
    forge = views(state)
    forge("DELETE FROM view_portfolio WHERE id = 2")
    forge.db.close()
    with pytest.raises(StoreError, match="papertrader rebuild"):
        MasterKit(state, start=1_109_364_900_000_000_000)


AUDIT_CHANGES = [
    "UPDATE audit SET detail = detail || '.' WHERE seq = 2",
    "UPDATE audit SET at = at + 1 WHERE seq = 1",
    "UPDATE audit SET account = account + 1 WHERE seq = 3",
    "UPDATE audit SET kind = 'register' WHERE kind = 'login'",
    "UPDATE audit SET hash = zeroblob(32) WHERE seq = (SELECT max(seq) FROM audit)",
    "UPDATE audit SET previous = zeroblob(32) WHERE seq = 2",
    "DELETE FROM audit WHERE seq = 2",
    "DELETE FROM audit WHERE seq = 1",
]


@pytest.mark.parametrize("change", AUDIT_CHANGES)
def test_a_changed_row_of_the_audit_log(state: Path, change: str) -> None:
    """Any column of any row, and a deleted one."""
    truth(state)(change)
    assert any("audit log" in line for line in found(state))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE checkpoint SET state_hash = zeroblob(33) WHERE rowid = 1",
        "UPDATE checkpoint SET state_hash = zeroblob(33) WHERE rowid = 2",
        "UPDATE checkpoint SET seq = seq - 1 WHERE rowid = 1",
        "UPDATE checkpoint SET seq = 7777 WHERE rowid = 2",
    ],
)
def test_a_wrong_checkpoint(state: Path, change: str) -> None:
    """A hash of memory that the books do not give, or that belongs nowhere."""
    truth(state)(change)
    assert any("memory" in line for line in found(state))


def test_an_account_without_portfolio_or_owner(state: Path) -> None:
    """Accounts and portfolios belong together."""
    forge = truth(state)
    forge("DELETE FROM account WHERE id = 2")
    assert found(state) == ["account 2 has portfolios but does not exist"]
    forge("UPDATE account SET id = 3 WHERE id = 1")
    assert "account 3 has no portfolio" in found(state)


def test_two_processes_find_the_same(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is much to read another process looks at the rows: nothing is lost by that."""
    alone = audit(state)
    monkeypatch.setattr(apart, "WORTH_IT", 0)
    assert audit(state) == alone
    views(state)("UPDATE view_transaction SET executed_at = executed_at + 1 WHERE id = 2")
    truth(state)("UPDATE journal SET hash = zeroblob(32) WHERE batch = 5")
    several = audit(state).violations
    assert any("views' transactions of account" in each for each in several)
    assert any("batch 5: the hash chain is broken" in each for each in several)
    monkeypatch.setattr(apart, "WORTH_IT", 10**9)
    assert audit(state).violations == several
    views(state)("DROP TABLE view_meta")
    monkeypatch.setattr(apart, "WORTH_IT", 0)
    with pytest.raises(StoreError, match="view_meta"):
        audit(state)


def test_a_process_with_one_thread_forks_the_others(state: Path) -> None:
    """As the command does it; with more threads (as here, perhaps) others begin anew."""
    run = (
        "import sys, threading; from papertrader.ops import apart, inspection;"
        " from pathlib import Path; apart.WORTH_IT = 0; begun = [];"
        " get = apart.multiprocessing.get_context;"
        " apart.multiprocessing.get_context = lambda how: begun.append(how) or get(how);"
        " report = inspection.audit(Path(sys.argv[1]));"
        " print(*begun, report.violations, report.views_at)"
    )
    said = subprocess.run(
        [sys.executable, "-c", run, str(state)], capture_output=True, text=True, check=True
    )
    how = "fork" if sys.platform == "linux" else "spawn"
    assert said.stdout.split() == [how, how, "[]", str(audit(state).views_at)]


def test_what_is_no_installation_is_said(tmp_path: Path) -> None:
    """No file, or a file that is no database."""
    with pytest.raises(StoreError, match="there is no"):
        audit(tmp_path)
    with pytest.raises(StoreError, match="there is no"):
        rebuild(tmp_path, lambda line: None)
    (tmp_path / "truth.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError):
        audit(tmp_path)
