"""Stores of older versions: brought forward, audited, decided again; killed and out of room midway.

``tests/stores/schema-N`` holds a store of schema N, made by ``tests/stores/play.py`` in a checkout
of a version that had it: 2 by 38ef252, 3 by 4cf3bf0, 4 by 45d904c. The newest is made by the engine
of now; ``engine-N`` holds what the one of an older engine was. Who changes the schema adds a step,
and a store of the schema before; who changes the rules raises `papertrader.core.desk.ENGINE`, keeps
the newest store under the old engine's name, and makes it anew.
"""

from __future__ import annotations

import contextlib
import lzma
import os
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import peewee
import pytest

from papertrader.core import desk as core_desk
from papertrader.core.money import SCALE
from papertrader.core.statehash import EARLIER_FORMS, FORM, FORM_1_SIZE
from papertrader.master import main as master_main
from papertrader.master.database import SCHEMA_VERSION, TruthStore
from papertrader.master.engines import StoreError, place_at
from papertrader.ops import backup, inspection, replaycheck
from papertrader.wire import messages as m
from tests import backends
from tests.master_kit import MasterKit

STORES = Path(__file__).parent.parent / "stores"
SCHEMAS = sorted(int(path.name.removeprefix("schema-")) for path in STORES.glob("schema-*"))
UNNUMBERED = "decided by a version before engines had numbers"
ENGINES = sorted(int(path.name.removeprefix("engine-")) for path in STORES.glob("engine-*"))
NEWEST = SCHEMAS[-1]
"""The store that was made by the engine of now."""

pytestmark = pytest.mark.sqlite


@pytest.fixture(autouse=True)
def files() -> Iterator[None]:
    """The stores here are files."""
    back = backends.use(backends.SQLITE)
    yield
    back()


def unpack(schema: int, state: Path, kind: str = "schema") -> Path:
    """Put the store of a schema, or of an engine, into a new state directory."""
    state.mkdir()
    for name in ("truth", "views"):
        text = lzma.decompress((STORES / f"{kind}-{schema}" / f"{name}.sql.xz").read_bytes())
        with contextlib.closing(sqlite3.connect(state / f"{name}.db")) as db:
            db.executescript(text.decode())
    return state


def trade_on(kit: MasterKit) -> None:
    """Whoever had an account in an old store has what they had, and trades on with it."""
    ann = kit.client()
    assert ann.login().status == 0
    held = {row.symbol: row.quantity for row in ann.ask(m.PortfolioGet()).message.positions}
    assert held == {"MSFT": 60 * SCALE}
    kit.quote("MSFT", "28", "28.02")
    assert ann.order("MSFT", "7", client_order_id=1_000).status == 0
    kit.quote("MSFT", "28", "28.02")
    kit.check()


def shape(path: Path) -> tuple[int, dict[str, str]]:
    """Return a store's version, and the SQL of everything in it."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        (version,) = db.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
        rows = db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return int(version), dict(rows)


def test_there_is_a_store_of_every_schema() -> None:
    """So that no change of the schema is made without trying it on what is out there."""
    assert set(range(2, SCHEMA_VERSION)) <= set(SCHEMAS)
    for schema in SCHEMAS:
        size = sum(path.stat().st_size for path in (STORES / f"schema-{schema}").iterdir())
        assert size < 20_000


def test_what_is_done_with_an_old_store_is_told(tmp_path: Path) -> None:
    """How much of it is copied, and each version that it is brought to; of a new one nothing."""
    state = unpack(2, tmp_path / "state")
    told: list[tuple[str, int, int]] = []
    for wanted in (range(3, SCHEMA_VERSION + 1), range(0)):
        store = TruthStore(state / "truth.db")
        store.tell = lambda *what: told.append(what)
        store.open()
        store.close()
        copied = [each for each in told if each[2]]
        assert all(done == total > 0 for _, done, total in copied[-1:])
        assert len(copied) == bool(wanted)
        steps = [what.rpartition(" is brought to ")[2] for what, _, total in told if not total]
        assert steps == [f"schema {number} of {SCHEMA_VERSION}" for number in wanted]
        told.clear()


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_store_goes_on(tmp_path: Path, schema: int) -> None:
    """It is brought forward with a copy kept; people have what they had; all of it adds up."""
    state = unpack(schema, tmp_path / "state")
    before = replaycheck.replay_check(state)
    assert before.findings == []
    kit = MasterKit(state)
    copy = state / f"truth.db.schema-{schema}.bak"
    assert copy.exists() == (schema < SCHEMA_VERSION)
    if copy.exists():
        assert shape(copy)[0] == schema
    trade_on(kit)
    after = replaycheck.replay_check(state)
    assert after.taken == before.taken
    assert after.inputs - before.inputs == 2
    assert after.why == ({} if schema == NEWEST else {UNNUMBERED: before.inputs})
    assert after.checkpoints > before.checkpoints


@pytest.mark.parametrize("engine", ENGINES)
def test_a_store_of_an_older_engine_goes_on(tmp_path: Path, engine: int) -> None:
    """What it decided is taken as told; people have what they had, and trade on by other rules."""
    state = unpack(engine, tmp_path / "state", "engine")
    before = replaycheck.replay_check(state)
    assert (before.findings, before.taken) == ([], before.inputs)
    trade_on(MasterKit(state))
    after = replaycheck.replay_check(state)
    now = core_desk.ENGINE
    why = f"decided by engine {engine}, whose rules differ from those of engine {now}"
    assert (after.why, after.inputs - before.inputs) == ({why: before.inputs}, 2)


def test_there_is_a_store_of_the_engine_before() -> None:
    """So that no change of the rules is made without trying it on what is out there."""
    assert [*range(2, core_desk.ENGINE)] == ENGINES


def test_the_engine_of_now_decides_its_store_as_it_did(tmp_path: Path) -> None:
    """If this fails, the rules have changed: raise ENGINE, and add a store that they have made."""
    found = replaycheck.replay_check(unpack(NEWEST, tmp_path / "state"))
    assert found.findings == [], "the rules have changed: read specs/decisions/0020-engines.rst"
    assert (found.taken, found.why) == (0, {})
    assert found.receipts >= 5


def test_what_other_rules_decided_can_be_decided_by_those_of_now(tmp_path: Path) -> None:
    """And says what differs: engines before the second kept no receipt of a refused order."""
    state = unpack(3, tmp_path / "state")
    found = replaycheck.replay_check(state, other_engines=True)
    assert found.findings == ["input 4: 0 receipts of refused orders are kept, and 1 are made now"]
    assert found.taken == 0


def test_each_engine_answers_for_its_own_inputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer engine takes what an older one decided, even behind an update that was undone."""
    state = unpack(NEWEST, tmp_path / "state")
    first = replaycheck.replay_check(state).inputs
    now = core_desk.ENGINE

    def play(engine: int, number: int) -> None:
        monkeypatch.setattr(master_main, "ENGINE", engine)
        monkeypatch.setattr(replaycheck, "ENGINE", engine)
        kit = MasterKit(state)
        kit._entropy = 1_000 * number
        ann = kit.client()
        ann.login()
        kit.quote("MSFT", "28", "28.02")
        ann.order("MSFT", "1", client_order_id=1_000 + number)
        kit.check()

    play(now + 1, 1)
    newer = replaycheck.replay_check(state)
    why = f"decided by engine {now}, whose rules differ from those of engine {now + 1}"
    assert newer.why == {why: first}
    assert newer.inputs - newer.taken > 0
    play(now, 2)
    back = replaycheck.replay_check(state)
    assert list(back.why.values()) == [newer.inputs - first]
    with contextlib.closing(sqlite3.connect(state / "truth.db")) as db:
        rows = db.execute("SELECT detail FROM audit WHERE kind = 'engine' ORDER BY seq").fetchall()
    assert [detail for (detail,) in rows] == [
        f"engine {now} after input 0",
        f"engine {now + 1} after input {first}",
        f"engine {now} after input {newer.inputs}",
    ]


def test_a_store_of_a_newer_program_is_left_as_it_is(tmp_path: Path) -> None:
    """An older program reads nothing wrongly, and keeps the views that are there."""
    state = unpack(NEWEST, tmp_path / "state")
    with contextlib.closing(sqlite3.connect(state / "truth.db")) as db:
        db.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
        db.commit()
    views = (state / "views.db").read_bytes()
    newer = r"written by a newer PaperTrader \(schema 99"
    with pytest.raises(StoreError, match=newer):
        inspection.audit(state)
    with pytest.raises(StoreError, match=newer):
        inspection.rebuild(state, lambda line: None)
    with pytest.raises(StoreError, match=newer):
        replaycheck.replay_check(state)
    with pytest.raises(StoreError, match=newer):
        backup.make_backup(place_at(state), tmp_path / "copy")
    assert ((state / "views.db").read_bytes(), (tmp_path / "copy").exists()) == (views, False)


def test_a_lie_about_an_engine_is_found(tmp_path: Path) -> None:
    """The entry that says who decided stands in the audit log's chain."""
    state = unpack(NEWEST, tmp_path / "state")
    # The views may be of an older version than the store; an audit reads none of those.
    inspection.rebuild(state, lambda line: None)
    with contextlib.closing(sqlite3.connect(state / "truth.db")) as db:
        db.execute("DROP TRIGGER audit_no_update")
        db.execute("UPDATE audit SET detail = 'engine 9 after input 0' WHERE kind = 'engine'")
        db.commit()
    assert any("audit log" in line for line in inspection.audit(state).violations)
    assert replaycheck.replay_check(state).taken == replaycheck.replay_check(state).inputs
    with contextlib.closing(sqlite3.connect(state / "truth.db")) as db:
        db.execute("UPDATE audit SET detail = 'engine of mine' WHERE kind = 'engine'")
        db.commit()
    with pytest.raises(StoreError, match="names no engine"):
        replaycheck.replay_check(state)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_backup_before_the_first_start(tmp_path: Path, schema: int) -> None:
    """What `papertrader doctor` advises before a store is brought forward."""
    state = unpack(schema, tmp_path / "state")
    made = backup.make_backup(place_at(state), tmp_path / "copy")
    assert made.report.violations == []
    assert made.report.batches > 20
    assert shape(tmp_path / "copy") == shape(state / "truth.db")
    put_back = tmp_path / "new"
    put_back.mkdir()
    backup.restore_backup(place_at(put_back), tmp_path / "copy")
    assert shape(put_back / "truth.db")[0] == SCHEMA_VERSION
    MasterKit(put_back).check()


# --- midway --------------------------------------------------------------------------------------


def open_and_die(path: Path, at: int) -> bool:
    """Open a store in a process that is killed before its ``at``-th statement; True if it was."""
    child = os.fork()
    if child == 0:
        # Nothing of the test's own process may run here: it ends by a signal or at once.
        try:
            run = peewee.SqliteDatabase.execute_sql
            count = 0

            def counted(self: Any, *arguments: Any) -> Any:
                nonlocal count
                count += 1
                if count == at:
                    os.kill(os.getpid(), signal.SIGKILL)
                return run(self, *arguments)

            peewee.SqliteDatabase.execute_sql = counted
            TruthStore(path).open()
            os._exit(0)
        except BaseException:
            os._exit(9)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL), status
    return status != 0


def test_a_kill_at_any_statement_of_a_migration(tmp_path: Path) -> None:
    """What is there is the old schema or the new one, whole, and the copy of the old beside it."""
    old = shape(unpack(2, tmp_path / "old") / "truth.db")
    TruthStore(unpack(2, tmp_path / "new") / "truth.db").open()
    new = shape(tmp_path / "new" / "truth.db")
    assert (old[0], new[0]) == (2, SCHEMA_VERSION)
    killed, seen = 0, []
    for at in range(1, 200):
        state = unpack(2, tmp_path / f"{at}")
        if not open_and_die(state / "truth.db", at):
            break
        killed += 1
        found = shape(state / "truth.db")
        assert found in (old, new)
        copy = state / "truth.db.schema-2.bak"
        seen.append((copy.exists(), found == new))
        if copy.exists():
            assert shape(copy) == old
        TruthStore(state / "truth.db").open()
        assert shape(state / "truth.db") == new
        assert shape(copy) == old
    else:
        pytest.fail("the migration never comes to its end")
    assert killed >= 40
    # Before the copy, with it, and after the commit: never the new schema without the copy.
    assert seen == sorted(seen)
    assert {(False, False), (True, False), (True, True)} == set(seen)
    MasterKit(state).check()


def test_no_room_for_a_migration(tmp_path: Path) -> None:
    """At each page that is missing the store stays as it was, and the next start goes through."""
    state = unpack(2, tmp_path / "state")
    old = shape(state / "truth.db")
    failures = 0
    for more in range(100):
        store = TruthStore(place_at(state).truth)
        db = store.engine.open()
        (pages,) = db.execute_sql("PRAGMA page_count").fetchone()
        db.execute_sql(f"PRAGMA max_page_count = {pages + more}")
        store._db = db
        try:
            store.open()
        except StoreError as error:
            assert "make room on the disk" in str(error)
            failures += 1
            db.close()
            assert shape(state / "truth.db") == old
            assert shape(state / "truth.db.schema-2.bak") == old
            continue
        store.close()
        break
    assert failures >= 5
    assert shape(state / "truth.db")[0] == SCHEMA_VERSION
    MasterKit(state).check()


def test_no_room_for_the_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its copy nothing is changed, and no half of a copy is left to be taken for one."""
    state = unpack(2, tmp_path / "state")
    old = shape(state / "truth.db")
    connect = sqlite3.connect

    def small(path: Any, *arguments: Any, **options: Any) -> sqlite3.Connection:
        made = connect(path, *arguments, **options)
        if str(path).endswith(".part"):
            made.execute("PRAGMA max_page_count = 5")
        return made

    monkeypatch.setattr(sqlite3, "connect", small)
    with pytest.raises(StoreError, match=r"cannot copy the store .* make room"):
        TruthStore(place_at(state).truth).open()
    monkeypatch.undo()
    assert not [path.name for path in state.iterdir() if "bak" in path.name]
    assert shape(state / "truth.db") == old


def test_hashes_of_other_forms_are_not_compared() -> None:
    """What an earlier program took of its memory, nobody can take any more."""
    db = peewee.SqliteDatabase(":memory:")
    db.execute_sql("CREATE TABLE checkpoint (id INTEGER PRIMARY KEY, seq, at, state_hash)")
    taken = [
        bytes(FORM_1_SIZE),
        *(form + bytes(32) for form in sorted(EARLIER_FORMS)),
        FORM + bytes(32),
        FORM + bytes(31),
    ]
    for seq, value in enumerate(taken):
        db.execute_sql(
            "INSERT INTO checkpoint (seq, at, state_hash) VALUES (?, 0, ?)", (seq, value)
        )
    assert list(inspection.hashes_taken(db)) == [(1 + len(EARLIER_FORMS), FORM + bytes(32))]
    db.close()
