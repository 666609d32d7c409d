"""The Nth call fails: ``python -m tests.torture.ioerrors``.

SQLite's own method. A master works on a state directory while the Nth write, sync, open or
truncation there fails, or writes a half, for N = 1, 2, 3 ... until a run ends without having met
it. After each run the books are opened again without trouble: what was acknowledged is there once,
what was refused is not, and the audit is clean. A process may end over an error; it may not lie.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import attrs

from tests.torture import kills
from tests.torture.disk import load
from tests.torture.disk.shim import NoCompiler, library

TROUBLES: Final = {
    "write": ("EIO", "ENOSPC", "short", "kill"),
    "sync": ("EIO", "kill"),
    "open": ("EMFILE", "EIO"),
    "truncate": ("EIO",),
}
ORDERS: Final = 6
RUN_S: Final = 60.0
AUDIT_EVERY: Final = 5


@attrs.define
class Result:
    """What came of the runs of one kind of trouble."""

    kind: str
    what: str
    runs: int = 0
    ended: int = 0
    """Runs in which the master ended over the error."""
    acked: int = 0
    wrong: list[str] = attrs.Factory(list)

    def __str__(self) -> str:
        return (
            f"{self.kind:<9}{self.what:<7}{self.runs:>5} places, the master ended in {self.ended},"
            f" {self.acked} orders acknowledged, {len(self.wrong)} wrong"
        )


def be_master(pipe: int, books: kills.Books, fail: str) -> None:
    """Be a master whose Nth call fails; never returns. Says how many calls there were."""
    shim: Any = ctypes.CDLL(None)
    shim.pt_shim_calls.restype = ctypes.c_long
    if fail:
        shim.pt_shim_arm(str(books.state).encode(), fail.encode())
    told = load.Told(pipe)
    try:
        code = kills.run_load(told, books, orders=ORDERS)
    except Exception as error:
        code = 1 if kills.is_clear(error) else 2
        if code == 2:
            os.write(2, f"{fail}: {error!r}\n".encode())
    told.say(b"n", shim.pt_shim_calls())
    os._exit(code)


def run(books: kills.Books, fail: str, result: Result) -> int:
    """Run a master to its end; return how many calls there were, 0 if it could not say."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        be_master(writing, books, fail)
    os.close(writing)
    ear = kills.Ear(reading)
    ear.listen(RUN_S)
    if not ear.is_over:
        result.wrong.append(f"{fail}: the master neither works nor ends")
        os.kill(pid, 9)
    _, status = os.waitpid(pid, 0)
    os.close(reading)
    tally = kills.Tally()
    books.cycles += 1
    books.hear(bytes(ear.octets), tally)
    if (books.state / "truth.db").exists():
        books.check(tally)
    result.acked += tally.acked
    result.wrong += [f"{fail}: {text}" for text in tally.wrong]
    code = os.waitstatus_to_exitcode(status)
    result.ended += bool(fail) and code != 0
    if code == 2:
        result.wrong.append(f"{fail}: an error came out that says nothing to a person")
    return said_last(bytes(ear.octets))


def said_last(octets: bytes) -> int:
    """Return how many calls a process counted; 0 if it was killed before."""
    size = load.RECORD.size
    if len(octets) < size:
        return 0
    kind, count, _, _ = load.RECORD.unpack(octets[len(octets) // size * size - size :][:size])
    return count if kind == b"n" else 0


def one_kind(kind: str, what: str, place: Path, step: int) -> Result:
    """Let every Nth call of a kind fail, in steps."""
    result, number = Result(kind, what), 1
    while True:
        books = kills.Books(place / f"{kind}-{what}-{number}")
        books.state.mkdir()
        fail = f"{kind}:{number}:{what}"
        calls = run(books, fail, result)
        result.runs += 1
        # Once more without trouble: what the first one left must do.
        before = len(result.wrong)
        run(books, "", result)
        tally = kills.Tally()
        if result.runs % AUDIT_EVERY == 0 or len(result.wrong) > before:
            kills.audited(books, tally)
        result.wrong += [f"{fail}: {text}" for text in tally.wrong]
        shutil.rmtree(books.state)
        if 0 < calls < number:
            return result
        number += step


def campaign(step: int, only: str = "", say: bool = True) -> list[Result]:
    """Try every kind of trouble at every ``step``-th call; must run with the recorder preloaded."""
    results, began = [], time.monotonic()
    memory = kills.MEMORY if kills.MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="papertrader-ioerrors-", dir=memory) as name:
        kills.warm_up(Path(name))
        for kind, whats in TROUBLES.items():
            for what in whats:
                if only in f"{kind}:{what}":
                    results.append(one_kind(kind, what, Path(name), step))
                    if say:
                        print(f"{time.monotonic() - began:7.0f} s  {results[-1]}", flush=True)
    return results


def main() -> int:
    """Run what the command line names, in a process that has the recorder in it."""
    parser = argparse.ArgumentParser(prog="tests.torture.ioerrors", description=__doc__)
    parser.add_argument("--step", type=int, default=1, help="every so many calls")
    parser.add_argument("--only", default="", help="KIND, WHAT or KIND:WHAT")
    options = parser.parse_args()
    try:
        shim = str(library())
    except NoCompiler as error:
        print(f"SKIPPED: {error}")
        return 0
    if os.environ.get("LD_PRELOAD") is None:
        command = [sys.executable, "-m", "tests.torture.ioerrors", *sys.argv[1:]]
        os.execve(sys.executable, command, os.environ | {"LD_PRELOAD": shim})
    results = campaign(options.step, options.only)
    wrong = [text for result in results for text in result.wrong]
    for text in wrong[:20]:
        print(f"    {text}")
    print(f"{sum(each.runs for each in results)} places failed, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
