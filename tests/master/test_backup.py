"""Backups: whole and audited, from one engine into the other, and nothing put back by mistake."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import attrs
import pytest

from papertrader.master import postgres
from papertrader.master.engines import StoreError, place_at
from papertrader.ops.backup import backup_place, inspect_backup, make_backup, restore_backup
from papertrader.ops.certificates import tls_directory
from papertrader.ops.inspection import audit, rebuild
from papertrader.ops.replaycheck import replay_check
from papertrader.ops.running import StartError, StateLock
from papertrader.ops.sealing import begin_epoch
from papertrader.ops.sealkey import keep_seal_key, new_seal_key
from papertrader.wire import messages as m
from tests import backends
from tests.master_kit import MasterClient, MasterKit
from tests.postgres_kit import place_of


def busy(kit: MasterKit, ann: MasterClient) -> None:
    """Some orders, one of them filled."""
    for number in range(1, 4):
        ann.order("AAPL", str(number))
    kit.quote("AAPL", "500", "501")
    kit.main.checkpoints.take()
    kit.turn()


def test_a_backup_of_a_running_master(kit: MasterKit, ann: MasterClient, tmp_path: Path) -> None:
    """T-59: clean, of what was durable at one moment, and open to its owner alone."""
    busy(kit, ann)
    target = tmp_path / "first.backup"
    made = make_backup(backends.place(kit.state_dir), target)
    assert made.report.violations == []
    assert (made.last_seq, made.head) == (kit.main.journal.durable_seq, kit.main.store.head)
    assert made.report.orders == 3
    assert made.report.checkpoints == 1
    assert stat.S_IMODE(os.stat(target).st_mode) == 0o600
    assert list(tmp_path.glob("*.part")) == []
    ann.order("AAPL", "9")
    again = make_backup(backends.place(kit.state_dir), tmp_path / "second.backup")
    assert again.report.orders == 4
    assert inspect_backup(target).head == made.head
    with pytest.raises(StoreError, match="is there already"):
        make_backup(backends.place(kit.state_dir), target)


@pytest.mark.parametrize("into", [backends.SQLITE, backends.POSTGRES])
def test_a_backup_goes_into_either_engine(
    kit: MasterKit, ann: MasterClient, tmp_path: Path, into: str
) -> None:
    """The same books, sessions and accounts: the master goes on where the backup was made."""
    busy(kit, ann)
    target = tmp_path / "moved.backup"
    made = make_backup(backends.place(kit.state_dir), target)
    state = tmp_path / "elsewhere"
    state.mkdir()
    if into == backends.POSTGRES:
        from tests.postgres_kit import NoPostgres, server

        try:
            server()
        except NoPostgres as missing:
            pytest.skip(f"no PostgreSQL: {missing}")
    place = place_of(state) if into == backends.POSTGRES else place_at(state)
    restore_backup(place, target)
    back = backends.use(into)
    try:
        other = MasterKit(state)
        assert other.main.store.epoch > made.epoch
        assert other.main.journal.seq >= made.last_seq
        bob = other.client()
        bob.token, bob.seq = ann.token, ann.seq
        assert bob.resume().status == 0
        assert len(bob.ask(m.OrderList(states=0xFFFF)).message.orders) == 3
        assert bob.order("AAPL", "1").status == 0
        other.main.checkpoints.take()
        other.check()
    finally:
        back()
    assert audit(place).violations == []
    assert replay_check(place).findings == []


def test_the_key_of_another_time_is_put_aside(
    kit: MasterKit, ann: MasterClient, tmp_path: Path
) -> None:
    """The audit log's key changes at each start: one that is none of the backup's is kept beside,
    and the next start begins a new chain; the backup's own is left where it is."""
    tls_directory(kit.state_dir).mkdir(0o700)
    keep_seal_key(kit.state_dir, new_seal_key())
    begin_epoch(kit.state_dir, kit.main.store)
    made = make_backup(backends.place(kit.state_dir), tmp_path / "of then")
    key = tls_directory(kit.state_dir) / "audit.key"
    kit.stop()
    place = backends.place(kit.state_dir)
    assert restore_backup(place, made.path, force=True, accept_loss=True).key_aside is None
    own = key.read_bytes()
    kit.boot()
    begin_epoch(kit.state_dir, kit.main.store)
    later = key.read_bytes()
    kit.stop()
    assert later != own
    aside = restore_backup(place, made.path, force=True, accept_loss=True).key_aside
    assert aside is not None
    assert (aside.read_bytes(), key.exists()) == (later, False)
    kit.boot()
    begin_epoch(kit.state_dir, kit.main.store)
    assert key.exists()


def test_nothing_is_replaced_by_mistake(kit: MasterKit, ann: MasterClient, tmp_path: Path) -> None:
    """A store that is there, one that knows more, a master that runs: one clear line each."""
    busy(kit, ann)
    target = tmp_path / "early.backup"
    make_backup(backends.place(kit.state_dir), target)
    ann.order("AAPL", "9")
    kit.stop()
    place = backends.place(kit.state_dir)
    with pytest.raises(StoreError, match="--force replaces it"):
        restore_backup(place, target)
    with pytest.raises(StoreError, match="--accept-loss says so"):
        restore_backup(place, target, force=True)
    lock = StateLock(kit.state_dir, "master")
    lock.acquire()
    with pytest.raises(StartError):
        restore_backup(place, target, force=True, accept_loss=True)
    lock.release()
    restore_backup(place, target, force=True, accept_loss=True)
    kit.boot()
    assert len(kit.main.transactions.desk.state.orders) == 3


@pytest.mark.sqlite
def test_what_is_no_good_backup(kit: MasterKit, ann: MasterClient, tmp_path: Path) -> None:
    """No file, no backup, one that was changed, one of a newer program."""
    busy(kit, ann)
    target = tmp_path / "good.backup"
    make_backup(backends.place(kit.state_dir), target)
    place = place_at(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="there is no"):
        restore_backup(place, tmp_path / "none")
    (tmp_path / "text").write_text("no database" * 200)
    with pytest.raises(StoreError):
        restore_backup(place, tmp_path / "text")
    db = sqlite3.connect(target, isolation_level=None)
    db.execute("DROP TRIGGER journal_no_update")
    db.execute("UPDATE journal SET epoch = epoch + 1 WHERE batch = 2")
    with pytest.raises(StoreError, match=r"books .* are wrong: batch 2"):
        restore_backup(place, target)
    db.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    db.close()
    with pytest.raises(StoreError, match="newer PaperTrader"):
        restore_backup(place, target)
    assert not place.truth.exists()
    assert backup_place(target).views.exists() is False


@pytest.mark.postgresql
def test_not_under_a_master_of_another_machine(
    kit: MasterKit, ann: MasterClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither restored nor rebuilt: the views that it works with stay as they are."""
    monkeypatch.setattr(postgres, "WAIT_TRIES", 1)
    busy(kit, ann)
    place = backends.place(kit.state_dir)
    kept = make_backup(place, tmp_path / "kept.backup").path
    elsewhere = attrs.evolve(place, state=tmp_path / "elsewhere")
    elsewhere.state.mkdir()
    with pytest.raises(StoreError, match="a master runs on"):
        restore_backup(elsewhere, kept, force=True, accept_loss=True)
    with pytest.raises(StoreError, match="a master runs on"):
        rebuild(elsewhere, lambda line: None)
    assert len(ann.ask(m.TransactionsGet()).message.transactions) == 4
    kit.stop()
    assert rebuild(elsewhere, lambda line: None).violations == []
    kit.boot()
    ann.resume()
    assert len(ann.ask(m.TransactionsGet()).message.transactions) == 4
