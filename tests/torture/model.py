"""The model of everything at once, for long: ``python -m tests.torture.model``.

The machine of ``tests/model/test_whole_model.py`` in shards, each a process of its own with its own
seed, so that memory stays flat, a shard can be run again by its number (``--first 17 --shards 1``),
and a line of progress comes after each. A failing shard prints its smallest example; the others go
on. Exit code 0: no failure. 1: some.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
import traceback
from typing import NamedTuple

from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from tests.model.test_whole_model import WholeMachine

EXAMPLES = 20_000
STEPS = 100
EXAMPLES_OF_A_SHARD = 250


class Shard(NamedTuple):
    """A part of the campaign: which one, and how much."""

    number: int
    examples: int
    steps: int


class Told(NamedTuple):
    """What became of a shard; ``failure`` is empty if nothing failed."""

    number: int
    examples: int
    steps: int
    cpu_s: float
    failure: str


def run(shard: Shard) -> Told:
    """Run one shard; its number is its seed."""
    counted = [0, 0]

    @seed(shard.number)
    class Counted(WholeMachine):
        """The machine, with a count of what it did."""

        @invariant()
        def counts(self) -> None:
            """Count a step."""
            counted[1] += 1

        def teardown(self) -> None:
            """Count an example."""
            super().teardown()
            counted[0] += 1

    begun, failure = time.process_time(), ""
    try:
        run_state_machine_as_test(
            Counted,
            settings=settings(
                max_examples=shard.examples,
                stateful_step_count=shard.steps,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
                print_blob=True,
            ),
        )
    except Exception:
        failure = traceback.format_exc()
    return Told(shard.number, counted[0], counted[1], time.process_time() - begun, failure)


def main(arguments: list[str] | None = None) -> int:
    """Run the campaign; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=EXAMPLES)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--jobs", type=int, default=1, help="processes at the same time")
    parser.add_argument("--first", type=int, default=1, help="number of the first shard")
    parser.add_argument("--shards", type=int, default=0, help="how many; 0: for all examples")
    given = parser.parse_args(arguments)
    size = min(EXAMPLES_OF_A_SHARD, given.examples)
    count = given.shards or -(-given.examples // size)
    shards = [
        Shard(number, size, given.steps) for number in range(given.first, given.first + count)
    ]
    examples = steps = failures = 0
    cpu_s, begun = 0.0, time.monotonic()
    context = multiprocessing.get_context("spawn")
    with context.Pool(given.jobs, maxtasksperchild=1) as pool:
        for done, told in enumerate(pool.imap_unordered(run, shards), 1):
            examples, steps, cpu_s = (
                examples + told.examples,
                steps + told.steps,
                cpu_s + told.cpu_s,
            )
            print(
                f"shard {told.number}, {done} of {count}: {examples:,} examples, {steps:,} steps,"
                f" {cpu_s:,.0f} CPU s, {time.monotonic() - begun:,.0f} s, {failures} failures",
                flush=True,
            )
            if told.failure:
                failures += 1
                print(f"FAILURE in shard {told.number}:\n{told.failure}", flush=True)
    print(f"{examples:,} examples, {steps:,} steps, {failures} failures", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
