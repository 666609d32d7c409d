"""A million ledger entries: their audit, the hashes of memory, a restart after kill -9.

The entries are made by a master of the benchmark's own (`inside.py`), as quickly as it trades; each
few thousand orders it takes the hash of its memory, as a busy master does each minute. The audit is
``papertrader audit``, the master ``twistd papertrader-master``, as an operator has them.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from twisted.internet.defer import Deferred

from benchmarks import product
from benchmarks.bench import Bench
from benchmarks.figures import Verdict
from benchmarks.growth import hold
from benchmarks.inside import Inside
from benchmarks.processes import BenchmarkError, Running
from papertrader.ops.driver import SPARE_AFTER_S
from papertrader.wire import messages as m

ENTRIES: Final = 1_000_000
ACCOUNTS: Final = 50
AUDIT_S: Final = 10.0
RESTART_S: Final = 2.0
PART: Final = 0.25
"""A hash of memory costs at most so much of one of everything."""
SOME: Final = 10
"""Hashes whose middle is taken, the last ones."""
RESTARTS: Final = 8
"""Kills of each round."""
RESTART_MAX_S: Final = 60.0
LOOK_S: Final = 0.002
SPARE_S: Final = SPARE_AFTER_S + 4.0


def measure_books(bench: Bench) -> None:
    """Measure both, of one state."""
    state = bench.directory / "books"
    entries, hashes, whole = make_state(state, ENTRIES)
    bench.results.add("books", "hash of memory", "CPU ms", hashes[-SOME:], size=entries)
    bench.results.add("books", "hash of everything", "CPU ms", [whole], size=entries)
    text = f"books: a hash of memory to one of everything, {entries:,} entries"
    ratio = sorted(hashes[-SOME:])[SOME // 2] / whole
    bench.results.conclude(Verdict(text=text, ratio=ratio, wanted=PART, least=False))
    times = [_audit_s(state) for _ in range(bench.rounds)]
    bench.results.add("books", "papertrader audit", "s", times, size=entries)
    text = f"books: audit of {entries:,} entries, s"
    worst = sorted(times)[len(times) // 2]
    bench.results.conclude(Verdict(text=text, ratio=worst, wanted=AUDIT_S, least=False))
    restarts = _restarts(state, RESTARTS * bench.rounds)
    bench.results.add("books", "master, kill -9 to serving", "s", restarts, size=entries)
    p99 = sorted(restarts)[-max(1, len(restarts) // 100)]
    text = f"books: kill -9 to serving, s p99 of {len(restarts)}"
    bench.results.conclude(Verdict(text=text, ratio=p99, wanted=RESTART_S, least=False))


def make_state(state: Path, entries: int) -> tuple[int, list[float], float]:
    """Make an installation whose ledger has so many entries, or a few more.

    Return how many, and the milliseconds of a processor that each hash of memory took, and at last
    one of everything.
    """
    product.install(state)
    master = Inside(state)
    master.open(ACCOUNTS)
    master.turn(0.2)
    hold(master)
    made, hashes = 0, []
    while made < entries:
        master.trade(4)
        hashes.append(_milliseconds(master.main.checkpoints.take))
        ((octets,),) = master.main.view_store.db.execute_sql(
            "SELECT sum(length(entries)) FROM view_transaction"
        ).fetchall()
        made = octets // m.EntryRow.SIZE
    whole = _milliseconds(master.main.transactions.desk.state_hash)
    stopped = Deferred.fromCoroutine(master.main.stop())
    master.turn()
    if not stopped.called:
        raise BenchmarkError("the master that made the entries does not stop")
    return made, hashes, whole


def _milliseconds(what: Callable[[], object]) -> float:
    """Return what something takes of a processor."""
    start = time.process_time()
    what()
    return (time.process_time() - start) * 1_000


def _audit_s(state: Path) -> float:
    """Run the command of an operator; return the seconds that it took."""
    command = [
        str(Path(sys.executable).with_name("papertrader")), "--state-dir", str(state), "audit",
        "--json",
    ]  # fmt: skip
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise BenchmarkError(f"the audit ended with {done.returncode}: {done.stdout[-300:]}")
    return seconds


def _restarts(state: Path, count: int) -> list[float]:
    """Kill a master's workings again and again; return the seconds until the next ones serve.

    Each time after a while: the spare of those that serve is then there, as it would be.
    """
    seconds: list[float] = []
    while len(seconds) < count:
        (state / "run" / "master.json").unlink(missing_ok=True)
        with product.master(state) as running:
            kills = min(8, count - len(seconds))
            seconds += [_kill(state, running) for _ in range(kills)]
    return seconds


def _kill(state: Path, running: Running) -> float:
    time.sleep(SPARE_S)
    said = state / "run" / "master.json"
    killed = running.workings
    start = time.perf_counter()
    os.kill(killed, signal.SIGKILL)
    while time.perf_counter() - start < RESTART_MAX_S:
        try:
            running.workings = int(json.loads(said.read_text())["pid"])
        except (OSError, ValueError):
            running.workings = killed  # It is being written.
        if running.workings != killed:
            return time.perf_counter() - start
        time.sleep(LOOK_S)
    raise BenchmarkError("the master does not come back")
