"""The power fails: ``python -m tests.torture.power --images 200000``.

A real master works under a recorder of its file operations (``disk/shim.c``); from each record are
built the states in which the disk may be after a power failure at any moment, with every part of
what was not synced missing, there, or torn. Each is opened as the product does, its hash chain is
followed, and it must hold everything that anybody had been told by that moment. Of a part the whole
start is made, and the books are audited and decided again.

``--control normal``, ``off`` and ``early`` put in the bug (``synchronous=NORMAL``, ``OFF``, replies
before the commit): with them the same must fail.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Final

import attrs
import peewee

from papertrader.core.events import OrderChanged
from papertrader.core.ledger import InvariantViolated
from papertrader.core.orders import OrderEventKind
from papertrader.master import records
from papertrader.master.database import GENESIS, TruthStore, chain, journal_batches
from papertrader.master.engines import StoreError, place_at
from papertrader.ops.inspection import audit
from tests.master_kit import MasterKit
from tests.torture.disk import load
from tests.torture.disk.images import Image, Operation, images, read_trace
from tests.torture.disk.shim import NoCompiler, library

DAMAGED: Final = (peewee.DatabaseError, sqlite3.DatabaseError)
"""What a damaged page raises: where a query begins, or while its rows are fetched."""
CONTROLS: Final = {
    "": (),
    "normal": ("--synchronous", "1"),
    "off": ("--synchronous", "0"),
    "early": ("--early",),
}
PER_TRACE: Final = 2_000
WHOLE_EVERY: Final = 250
MOST_SAID: Final = 20
"""Of so many images one is started as a whole, audited and decided again."""
ORDERS: Final = 25
MEMORY: Final = Path("/dev/shm")
ROOT: Final = Path(__file__).parents[2]


@attrs.define
class Tally:
    """What became of the images."""

    images: int = 0
    whole: int = 0
    lost: int = 0
    corrupt: int = 0
    lost_most: int = 0
    refused_present: int = 0
    said: int = 0

    def add(self, what: str, text: str) -> None:
        """Count something that must not be, and say the first few at once."""
        setattr(self, what, getattr(self, what) + 1)
        if self.said < MOST_SAID:
            self.said += 1
            print(f"    WRONG, {what}: {text}", flush=True)

    def __str__(self) -> str:
        return (
            f"{self.images} images ({self.whole} started and audited): {self.lost} lost something"
            f" acknowledged (at most {self.lost_most} orders), {self.corrupt} corrupt,"
            f" {self.refused_present} refused and present"
        )


@attrs.frozen
class Recording:
    """A run under the recorder: its operations, and what its journal became in the end."""

    directory: Path
    marks: str
    trace: list[Operation]
    hashes: list[bytes]
    batch_of: dict[int, int]
    """The batch that accepted an order, by its client's number."""
    accepted: int

    def told_by(self, at: int) -> tuple[set[int], set[bytes]]:
        """Return what had been told when so many operations were recorded: orders, tokens."""
        acked: set[int] = set()
        tokens: dict[int, bytes] = {}
        for operation in self.trace[:at]:
            if operation.kind == "w" and operation.path == self.marks:
                kind, first, _, token = load.RECORD.unpack(operation.data)
                if kind == load.ACKED:
                    acked.add(first)
                elif kind == load.TOKEN:
                    tokens[first] = token
        return acked, set(tokens.values())

    def refused(self) -> set[int]:
        """Return the orders that were refused at any time, and never acknowledged."""
        kinds: dict[int, set[bytes]] = {}
        for operation in self.trace:
            if operation.kind == "w" and operation.path == self.marks:
                kind, first, _, _ = load.RECORD.unpack(operation.data)
                kinds.setdefault(first, set()).add(kind)
        return {n for n, seen in kinds.items() if load.REFUSED in seen and load.ACKED not in seen}


def record(state: Path, seed: int, *options: str) -> Recording:
    """Run a master under the recorder until it stops by itself. Raises `NoCompiler`."""
    state.mkdir()
    trace, marks = state.with_suffix(".trace"), state / "marks"
    environment = os.environ | {
        "PT_SHIM_DIR": str(state),
        "PT_SHIM_TRACE": str(trace),
        "LD_PRELOAD": str(library()),
    }
    command = [
        sys.executable, "-m", "tests.torture.disk.load", str(state), "--marks", str(marks),
        "--orders", str(ORDERS), "--seed", str(seed), *options,
    ]  # fmt: skip
    done = subprocess.run(
        command, env=environment, cwd=Path.cwd(), capture_output=True, text=True, check=False,
        timeout=300,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"the load failed: {done.stderr}")
    hashes, batch_of, accepted = journal_of(state / "truth.db")
    operations = read_trace(trace)
    trace.unlink()
    return Recording(state, str(marks), operations, hashes, batch_of, accepted)


def journal_of(path: Path) -> tuple[list[bytes], dict[int, int], int]:
    """Return a journal's hashes, the batch of each accepted order, and how many were accepted."""
    database = peewee.SqliteDatabase(str(path))
    hashes: list[bytes] = []
    batch_of: dict[int, int] = {}
    accepted = 0
    for batch, *_, hash_, frames in journal_batches(database):
        hashes.append(hash_)
        for message in records.read_frames(frames):
            fact = records.fact_of(message)
            if isinstance(fact, OrderChanged) and fact.kind == OrderEventKind.ACCEPTED:
                batch_of.setdefault(fact.order.client_order_id, batch)
                accepted += 1
    database.close()
    return hashes, batch_of, accepted


class Examination:
    """Looks at the images of one recording, one after another."""

    def __init__(self, recording: Recording, place: Path, tally: Tally) -> None:
        self._recording = recording
        self._place = place
        self._tally = tally
        self._at = -1
        self._acked: set[int] = set()
        self._tokens: set[bytes] = set()
        if recording.refused() & recording.batch_of.keys():
            tally.add("refused_present", "an order was refused and is in the journal")
        if recording.accepted != len(recording.batch_of):
            tally.add("refused_present", "an order was accepted twice")

    def look(self, image: Image) -> None:
        """Recover an image, and compare it with what had been told."""
        tally, recording = self._tally, self._recording
        tally.images += 1
        if image.at != self._at:
            self._at = image.at
            self._acked, self._tokens = recording.told_by(image.at)
        image.write(self._place, recording.marks)
        try:
            count, hashes = self._recover()
        except (StoreError, *DAMAGED, ValueError) as error:
            tally.add("corrupt", f"{image}: {error}")
            return
        lost = [n for n in self._acked if recording.batch_of.get(n, 1 << 62) > count]
        if lost:
            tally.lost_most = max(tally.lost_most, len(lost))
            tally.add("lost", f"{image}: {len(lost)} acknowledged orders are not there")
        elif not {hashlib.sha256(token).digest() for token in self._tokens} <= hashes:
            tally.add("lost", f"{image}: a session that was told of is not there")
        elif image.is_whole:
            self._start_whole(image)

    def _recover(self) -> tuple[int, set[bytes]]:
        """Open the store as the product does; return its batches and the hashes of its tokens."""
        store = TruthStore(place_at(self._place).truth)
        try:
            store.open()
            head, count = GENESIS, 0
            for _, first, last, epoch, previous, hash_, frames in journal_batches(store.db):
                if previous != head or chain(head, first, last, epoch, frames) != hash_:
                    raise ValueError("the chain is broken")
                if count >= len(self._recording.hashes) or self._recording.hashes[count] != hash_:
                    raise ValueError("the journal is another one")
                head, count = hash_, count + 1
            rows = store.db.execute_sql(
                "SELECT token_hash FROM session UNION ALL SELECT previous_hash FROM session"
                " UNION ALL SELECT token_hash FROM spent_token"
            ).fetchall()
            return count, {bytes(value) for (value,) in rows}
        finally:
            store.close()

    def _start_whole(self, image: Image) -> None:
        """Start a master on the image, stop it, audit, decide everything again."""
        self._tally.whole += 1
        try:
            MasterKit(self._place).check()
            violations = audit(self._place).violations
        except (AssertionError, StoreError, InvariantViolated, RuntimeError, *DAMAGED) as error:
            violations = [repr(error)]
        if violations:
            self._tally.add("corrupt", f"{image}: {violations[0]}")


def campaign(count: int, seed: int, control: str = "", say: bool = True) -> Tally:
    """Look at ``count`` images. Raises `NoCompiler`."""
    tally, began = Tally(), time.monotonic()
    memory = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="papertrader-power-", dir=memory) as name:
        while tally.images < count:
            recording = record(Path(name) / f"state{seed}", seed, *CONTROLS[control])
            place = Path(name) / "image"
            place.mkdir(exist_ok=True)
            examination = Examination(recording, place, tally)
            wanted = min(PER_TRACE, count - tally.images)
            for image in images(
                recording.trace, recording.directory, wanted, Random(seed), "truth.db", WHOLE_EVERY
            ):
                examination.look(image)
            shutil.rmtree(recording.directory)
            seed += 1
            if say:
                print(f"{time.monotonic() - began:7.0f} s  {tally}", flush=True)
    return tally


def main() -> int:
    """Run what the command line names; a control succeeds when it fails as it should."""
    parser = argparse.ArgumentParser(prog="tests.torture.power", description=__doc__)
    parser.add_argument("--images", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--control", choices=[*CONTROLS], default="")
    options = parser.parse_args()
    try:
        tally = campaign(options.images, options.seed, options.control)
    except NoCompiler as error:
        print(f"SKIPPED: {error}")
        return 0
    bad = tally.lost + tally.corrupt + tally.refused_present
    if options.control:
        print(f"control {options.control}: {'found' if bad else 'NOT FOUND'}")
        return 0 if bad else 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
