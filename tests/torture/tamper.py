"""Tampering with the journal, the audit log and the views, and putting old copies back.

A master in memory trades and a real witness keeps what it is told; then copies of its files are
changed in every way that the files allow, and ``audit`` with the witness must find each::

    python -m tests.torture.tamper --edits 10000
"""

from __future__ import annotations

import argparse
import random
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs

from papertrader.core.seals import head_detail, read_head_detail
from papertrader.master.database import GENESIS, audit_hash, chain
from papertrader.ops.inspection import audit
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.worker.witness import Witness
from tests.authority_kit import give_authority
from tests.master_kit import MasterKit

TABLES: Final = ("journal", "audit")


@attrs.frozen
class Scene:
    """A state directory that is right, an older copy of it, and what a worker kept."""

    state: Path
    older: Path
    witness: Path


def witnessing(kit: MasterKit, witness: Witness) -> None:
    """Let a master tell a witness what it tells its workers."""

    def take(frame: bytes) -> None:
        message = codec.decode_body(codec.parse_header(frame), frame)
        if isinstance(message, m.AuditKey):
            witness.take_key(message)
        elif isinstance(message, m.AuditHead):
            witness.take_head(message)

    notary = kit.main.worker_parts.notary
    notary._tell = take
    for frame in notary.greeting(1, witness.epoch):
        take(frame)


def trade(kit: MasterKit, name: str, orders: int) -> None:
    """Open an account and trade; the head is sealed in between and at the end."""
    client = kit.client(connection=len(name) + 1)
    assert client.register(name).status == 0
    assert client.login(name).status == 0
    for number in range(orders):
        client.order(symbol="AAPL", quantity="1")
        kit.quote("AAPL", "100.00", "100.10")
        if number == orders // 2:
            kit.main.worker_parts.notary.seal()
            kit.turn()
    kit.main.worker_parts.notary.seal()
    kit.turn()


def stage(place: Path, orders: int = 6) -> Scene:
    """Make a scene: two starts of a master, trades in each, all witnessed."""
    state, older = place / "state", place / "older"
    state.mkdir(parents=True)
    kit = MasterKit(state)
    give_authority(kit)
    witness = Witness(place / "far.jsonl", kit.clock)
    witnessing(kit, witness)
    trade(kit, "ann", orders)
    kit.stop()
    shutil.copytree(state, older)
    kit.boot()
    give_authority(kit)
    witnessing(kit, witness)
    trade(kit, "berta", orders)
    kit.main.worker_parts.notary.seal()
    kit.turn()
    kit.stop()
    assert witness.alarms == 0
    return Scene(state, older, witness.path)


# --- what is done to a copy -----------------------------------------------------------------------


def opened(state: Path, name: str = "truth.db") -> sqlite3.Connection:
    """Open a store past its guards, as somebody with the file can."""
    db = sqlite3.connect(state / name, isolation_level=None)
    for (trigger,) in db.execute(
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    ).fetchall():
        db.execute(f"DROP TRIGGER {trigger}")
    return db


def _key(table: str) -> str:
    return "batch" if table == "journal" else "seq"


def edit(scene: Scene, state: Path, chance: random.Random) -> str:
    """Change one value of one row."""
    table = chance.choice(TABLES)
    db = opened(state)
    columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
    if table == "journal":
        # When a batch was written is told to nobody and decides nothing.
        columns.remove("written_at")
    column = chance.choice(columns)
    rows = [row[0] for row in db.execute(f"SELECT {_key(table)} FROM {table}")]
    row = chance.choice(rows)
    (value,) = db.execute(
        f"SELECT {column} FROM {table} WHERE {_key(table)} = ?", (row,)
    ).fetchone()
    if isinstance(value, bytes):
        changed = bytearray(value)
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        new: object = bytes(changed)
    elif isinstance(value, int):
        new = value + chance.choice((1, -1, 1_000_000))
        if column == _key(table) and new in rows:
            new = max(rows) + 7
    else:
        new = f"{value}x"
    db.execute(f"UPDATE {table} SET {column} = ? WHERE {_key(table)} = ?", (new, row))
    db.close()
    return f"edit {table}.{column}"


def delete(scene: Scene, state: Path, chance: random.Random) -> str:
    """Delete one row, the last one too."""
    table = chance.choice(TABLES)
    db = opened(state)
    rows = [row[0] for row in db.execute(f"SELECT {_key(table)} FROM {table}")]
    db.execute(f"DELETE FROM {table} WHERE {_key(table)} = ?", (chance.choice(rows),))
    db.close()
    return f"delete {table}"


def swap(scene: Scene, state: Path, chance: random.Random) -> str:
    """Let two rows change their places."""
    table = chance.choice(TABLES)
    key = _key(table)
    db = opened(state)
    rows = [row[0] for row in db.execute(f"SELECT {key} FROM {table}")]
    one, other = chance.sample(rows, 2)
    db.execute(f"UPDATE {table} SET {key} = -1 WHERE {key} = ?", (one,))
    db.execute(f"UPDATE {table} SET {key} = ? WHERE {key} = ?", (one, other))
    db.execute(f"UPDATE {table} SET {key} = ? WHERE {key} = -1", (other,))
    db.close()
    return f"swap {table}"


def truncate(scene: Scene, state: Path, chance: random.Random) -> str:
    """Cut the last rows off both, at a place where the files alone agree, and drop the views."""
    db = opened(state)
    seqs = [row[0] for row in db.execute("SELECT seq FROM audit WHERE kind = 'head' ORDER BY seq")]
    cut = chance.choice(seqs)
    (detail,) = db.execute("SELECT detail FROM audit WHERE seq = ?", (cut,)).fetchone()
    batch, last, _, _ = read_head_detail(detail)
    db.execute("DELETE FROM audit WHERE seq > ?", (cut - 1,))
    db.execute("DELETE FROM journal WHERE batch > ?", (batch,))
    db.execute("DELETE FROM checkpoint WHERE seq > ?", (last,))
    db.execute("DELETE FROM account WHERE id NOT IN (SELECT 0)")
    db.close()
    for name in ("views.db", "views.db-wal", "views.db-shm"):
        (state / name).unlink(missing_ok=True)
    return "truncate"


def put_back(scene: Scene, state: Path, chance: random.Random) -> str:
    """Put the older copy back: right in itself."""
    shutil.rmtree(state)
    shutil.copytree(scene.older, state)
    return "old copy"


def reseal(scene: Scene, state: Path, chance: random.Random) -> str:
    """Change an entry and make the whole chain anew over it, as the code itself would."""
    db = opened(state)
    rows = db.execute("SELECT seq, at, kind, account, detail FROM audit ORDER BY seq").fetchall()
    victim = chance.choice([row[0] for row in rows if row[2] != "head"])
    previous = GENESIS
    for seq, at, kind, account, detail in rows:
        text = f"{detail}!" if seq == victim else detail
        value = audit_hash(previous, seq, at, kind, account, text)
        db.execute(
            "UPDATE audit SET detail = ?, previous = ?, hash = ? WHERE seq = ?",
            (text, previous, value, seq),
        )
        previous = value
    db.close()
    return "reseal"


def rechain(scene: Scene, state: Path, chance: random.Random) -> str:
    """Chain the journal anew under another epoch, heads and audit log with it; views dropped."""
    db = opened(state)
    hashes: dict[int, bytes] = {0: GENESIS}
    previous = GENESIS
    from_batch = chance.randint(1, db.execute("SELECT max(batch) FROM journal").fetchone()[0])
    for batch, first, last, epoch, frames in db.execute(
        "SELECT batch, first_seq, last_seq, epoch, frames FROM journal ORDER BY batch"
    ).fetchall():
        other = epoch + (batch >= from_batch)
        value = chain(previous, first, last, other, frames)
        db.execute(
            "UPDATE journal SET epoch = ?, previous = ?, hash = ? WHERE batch = ?",
            (other, previous, value, batch),
        )
        previous = hashes[batch] = value
    above = GENESIS
    for seq, at, kind, account, detail in db.execute(
        "SELECT seq, at, kind, account, detail FROM audit ORDER BY seq"
    ).fetchall():
        text = detail
        if kind == "head":
            batch, last, points, _ = read_head_detail(detail)
            text = head_detail(batch, last, points, hashes[batch])
        value = audit_hash(above, seq, at, kind, account, text)
        db.execute(
            "UPDATE audit SET detail = ?, previous = ?, hash = ? WHERE seq = ?",
            (text, above, value, seq),
        )
        above = value
    db.close()
    for name in ("views.db", "views.db-wal", "views.db-shm"):
        (state / name).unlink(missing_ok=True)
    return "rechain"


def forget_replies(scene: Scene, state: Path, chance: random.Random) -> str:
    """Delete every stored reply of a session: what makes a command be carried out twice."""
    db = opened(state, "views.db")
    sessions = [row[0] for row in db.execute("SELECT DISTINCT session FROM view_reply")]
    db.execute("DELETE FROM view_reply WHERE session = ?", (chance.choice(sessions),))
    db.close()
    return "replies"


DEEDS: Final[tuple[Callable[[Scene, Path, random.Random], str], ...]] = (
    edit, edit, edit, edit, delete, swap, truncate, put_back, reseal, rechain, forget_replies,
)  # fmt: skip
ALONE: Final = ("old copy", "reseal", "rechain")
"""What the files alone cannot show: right in themselves."""


def campaign(
    place: Path, edits: int, seed: int, *, witnessed: bool = True
) -> tuple[Counter[str], Counter[str]]:
    """Tamper so many times; return how often each kind was done, and how often it was missed."""
    scene = stage(place)
    chance = random.Random(seed)
    assert audit(scene.state, witnesses=[scene.witness]).violations == []
    done: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    copy = place / "copy"
    for number in range(edits):
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(scene.state, copy)
        kind = DEEDS[number % len(DEEDS)](scene, copy, chance)
        done[kind.split()[0] if kind.startswith("edit") else kind] += 1
        report = audit(copy, witnesses=[scene.witness] if witnessed else [])
        if not report.violations_in_all:
            missed[kind] += 1
    return done, missed


def main() -> None:
    """Run a campaign and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edits", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        done, missed = campaign(Path(place), options.edits, options.seed)
    for kind, count in sorted(done.items()):
        print(f"{count:>7,}  {kind}")
    print(
        f"{sum(done.values()):,} changes, {sum(missed.values()):,} not found {dict(missed) or ''}"
    )
    raise SystemExit(1 if missed else 0)


if __name__ == "__main__":
    main()
