"""``python -m benchmarks``: every figure, the product and its peers in the same run.

    python -m benchmarks [--rounds N] [--seconds S] [--only SECTION]... [--output DIRECTORY]

Writes results.json and plots to the output directory, and a table to the terminal.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks import (
    books,
    codec,
    endurance,
    entries,
    growth,
    readers,
    scenarios,
    states,
    storm,
    trading,
)
from benchmarks.bench import Bench, used_by_others
from benchmarks.figures import Results, row, verdict_row
from benchmarks.plots import write_plots

SECTIONS: Final[dict[str, Callable[[Bench], None]]] = {
    "codec": codec.measure,
    "desk": trading.measure,
    "start": states.measure_start,
    "relay": scenarios.measure_relay,
    "reads": scenarios.measure_reads,
    "orders": scenarios.measure_orders,
    "postgres": endurance.measure_postgres,
    "fanout": states.measure_fanout,
    "crowd": readers.measure_crowd,
    "browsers": readers.measure_browsers,
    "stall": readers.measure_stall,
    "storm": storm.measure_storm,
    "memory": states.measure_memory,
    "audit": states.measure_audit,
    "fills": growth.measure_fills,
    "accounts": growth.measure_accounts_memory,
    "scale": growth.measure_scale,
    "pages": growth.measure_pages,
    "workers": endurance.measure_workers,
    "sustained": endurance.measure_sustained,
    "books": books.measure_books,
    "entries": entries.measure_entries,
}
HERE: Final = Path(__file__).parent


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds, of which medians are told")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a round")
    parser.add_argument("--warm", type=float, default=0.5, help="seconds before a round counts")
    parser.add_argument("--stall", type=float, default=60.0, help="seconds that a reader stalls")
    parser.add_argument("--sustained", type=float, default=60.0, help="seconds of steady orders")
    parser.add_argument(
        "--largest",
        type=int,
        default=100_000,
        help="most orders and accounts by which growth is measured: 1000000 takes ten minutes more",
    )
    parser.add_argument("--only", action="append", choices=list(SECTIONS), help="repeatable")
    parser.add_argument("--skip", action="append", default=[], choices=list(SECTIONS))
    parser.add_argument("--output", type=Path, default=HERE, help="where results.json goes")
    parser.add_argument("--build", type=Path, default=HERE.parent / "build" / "benchmarks")
    return parser.parse_args(given)


def run(options: argparse.Namespace) -> Results:
    """Measure what was asked for."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        bench = Bench(
            directory=Path(name), build=options.build, rounds=options.rounds,
            seconds=options.seconds, warm=options.warm, stall_s=options.stall,
            sustained_s=options.sustained, largest=options.largest,
        )  # fmt: skip
        before = used_by_others(1.0)
        bench.results.add("machine", "used by others before the run", "cores", [before])
        for section in options.only or SECTIONS:
            if section in options.skip:
                bench.results.skip(f"{section}: not wanted")
                continue
            # What a section has measured is kept even if its rest fails.
            start = time.monotonic()
            try:
                SECTIONS[section](bench)
            except Exception as error:
                # A fault of a section must not cost a run of twenty minutes what the others gave.
                traceback.print_exc()
                bench.results.skip(f"the rest of {section}: {type(error).__name__}: {error}")
            bench.results.add("machine", f"{section} took", "s", [time.monotonic() - start])
        after = used_by_others(1.0)
        bench.results.add("machine", "used by others after the run", "cores", [after])
    return bench.results


def main() -> None:
    """Measure, show, write. The servers end with it, however it is ended."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    options = arguments()
    results = run(options)
    options.output.mkdir(parents=True, exist_ok=True)
    results.write(options.output / "results.json")
    plots = write_plots(results.figures, options.output)
    print("\n".join(["", "Figures", *map(row, results.figures), "", "Targets"]))
    print("\n".join(map(verdict_row, results.verdicts)))
    for what in results.skipped:
        print(f"!!! SKIPPED: {what}")
    print(f"\nwritten: {options.output / 'results.json'}", *plots)


if __name__ == "__main__":
    main()
