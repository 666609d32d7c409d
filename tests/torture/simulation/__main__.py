"""Simulate by seed: ``python -m tests.torture.simulation --seeds 1000 [--jobs 2]``.

``--seed N`` runs one seed twice, shows its history, and fails unless both have the same hash. A
campaign prints, for each seed that breaks a promise, the one command that runs it again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Iterable, Iterator

import attrs

from tests.torture.simulation.run import Outcome, simulate

SHOWN = 60
REPEATED_EVERY = 50
"""Of so many seeds one is run twice, to see that its history is its own."""


def one(seed: int) -> Outcome:
    """Run a seed; every so often twice."""
    outcome = simulate(seed)
    if seed % REPEATED_EVERY == 0 or outcome.broken:
        again = simulate(seed)
        if again.digest != outcome.digest:
            text = f"two runs differ: {outcome.digest} and {again.digest}"
            return attrs.evolve(outcome, broken=(*outcome.broken, text))
    return outcome


def outcomes(seeds: Iterable[int], jobs: int) -> Iterator[Outcome]:
    """Run seeds, in processes of their own if more than one job may run."""
    if jobs == 1:
        yield from map(one, seeds)
        return
    # Forked: each starts with what was read of the package's data already.
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        yield from pool.imap_unordered(one, seeds, chunksize=4)


def again(seed: int) -> str:
    """Return the command that runs a seed again."""
    return f"python -m tests.torture.simulation --seed {seed}"


def show(seed: int) -> int:
    """Run one seed twice and print what happened."""
    outcome, second = simulate(seed, keep_tail=True), simulate(seed)
    print("\n".join(outcome.tail[-SHOWN:]))
    print(summary([outcome]))
    print(f"seed {seed}: history {outcome.digest}, run again {second.digest}")
    for text in outcome.broken:
        print(f"BROKEN: {text}")
    return 1 if outcome.broken or outcome.digest != second.digest else 0


def summary(done: list[Outcome]) -> str:
    """Return what was done in all, in one line."""

    def count(name: str) -> int:
        return sum(getattr(each, name) for each in done)

    return (
        f"{len(done)} seeds: {count('steps')} steps, {count('faults')} faults,"
        f" {count('crashes')} crashes of the master, {count('orders')} orders"
        f" ({count('done')} acknowledged, {count('refused')} refused,"
        f" {count('unknown')} unknown and not there), {count('events')} events"
    )


def campaign(first: int, count: int, jobs: int, stop_at_first: bool) -> list[Outcome]:
    """Run seeds and say how it goes; return the outcomes of all."""
    began, done = time.monotonic(), []
    for outcome in outcomes(range(first, first + count), jobs):
        done.append(outcome)
        for text in outcome.broken:
            print(f"seed {outcome.seed} ({outcome.digest}): {text}\n    {again(outcome.seed)}")
        if outcome.broken and stop_at_first:
            break
        if len(done) % max(1, count // 20) == 0:
            broken = sum(bool(each.broken) for each in done)
            print(
                f"{time.monotonic() - began:7.0f} s  {summary(done)}; {broken} broken", flush=True
            )
    return done


def main() -> int:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(prog="tests.torture.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1_000)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seed", type=int, help="only this one, twice, and show it")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--stop", action="store_true", help="at the first broken promise")
    options = parser.parse_args()
    if options.seed is not None:
        return show(options.seed)
    done = campaign(options.first, options.seeds, options.jobs, options.stop)
    broken = [outcome for outcome in done if outcome.broken]
    print(f"{summary(done)}; {len(broken)} broke a promise")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
