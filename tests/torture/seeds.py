"""Campaigns in which a number decides everything: what breaks is told by its seed, and comes again.

``--seeds N`` runs so many, every fiftieth and each that broke something twice, to see that its
history is its own, and prints for each that broke something the one command that runs it again.
``--seed N`` runs one seed twice, shows its end, and fails unless both have the same hash.
"""

from __future__ import annotations

import argparse
import multiprocessing
import string
import time
from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar

import attrs

SHOWN: Final = 60
"""Lines of a history that are printed."""
REPEATED_EVERY: Final = 50


@attrs.frozen(kw_only=True)
class Outcome:
    """What came of a seed; each campaign adds what it counts.

    ``digest`` is the hash of its history, ``tail`` the end of it if that was asked for. ``broken``
    is empty when everything was as promised.
    """

    seed: int
    digest: str
    broken: tuple[str, ...]
    tail: tuple[str, ...] = ()


OutcomeT = TypeVar("OutcomeT", bound=Outcome)


@attrs.frozen
class Campaign(Generic[OutcomeT]):
    """One campaign: ``module`` is its program, ``run`` runs a seed and keeps a tail if told to.

    ``words`` tell the sums of what its outcomes count, as in ``{steps} steps``.
    """

    module: str
    run: Callable[[int, bool], OutcomeT]
    words: str

    def one(self, seed: int) -> OutcomeT:
        """Run a seed; every so often, and if it broke something, twice."""
        outcome = self.run(seed, False)
        if seed % REPEATED_EVERY == 0 or outcome.broken:
            again = self.run(seed, False)
            if again.digest != outcome.digest:
                text = f"two runs differ: {outcome.digest} and {again.digest}"
                return attrs.evolve(outcome, broken=(*outcome.broken, text))
        return outcome

    def outcomes(self, seeds: range, jobs: int) -> Iterator[OutcomeT]:
        """Run seeds, in processes of their own, and as they end, if more than one job may run."""
        if jobs == 1:
            yield from map(self.one, seeds)
            return
        # Forked: each starts with what was read of the package's data already.
        with multiprocessing.get_context("fork").Pool(jobs) as pool:
            yield from pool.imap_unordered(self.one, seeds, chunksize=4)

    def over(
        self, first: int, count: int, *, jobs: int = 1, stop_at_first: bool = False
    ) -> list[OutcomeT]:
        """Run ``count`` seeds and say how it goes; return the outcomes of all."""
        began, done = time.monotonic(), []
        for outcome in self.outcomes(range(first, first + count), jobs):
            done.append(outcome)
            for text in outcome.broken:
                print(f"seed {outcome.seed} ({outcome.digest}): {text}")
                print(f"    python -m {self.module} --seed {outcome.seed}", flush=True)
            if outcome.broken and stop_at_first:
                break
            if len(done) % max(1, count // 20) == 0:
                print(f"{time.monotonic() - began:7.0f} s  {self.summary(done)}", flush=True)
        return done

    def summary(self, done: list[OutcomeT]) -> str:
        """Return what was done in all, in one line."""
        names = [name for _, name, *_ in string.Formatter().parse(self.words) if name]
        sums = {name: sum(getattr(each, name) for each in done) for name in names}
        broken = sum(bool(each.broken) for each in done)
        return f"{len(done)} seeds: {self.words.format_map(sums)}; {broken} broken"

    def show(self, seed: int) -> int:
        """Run one seed twice and print how it ended; return the exit code."""
        outcome, second = self.run(seed, True), self.run(seed, False)
        print("\n".join(outcome.tail[-SHOWN:]))
        print(self.summary([outcome]))
        print(f"seed {seed}: history {outcome.digest}, run again {second.digest}")
        for text in outcome.broken:
            print(f"BROKEN: {text}")
        return 1 if outcome.broken or outcome.digest != second.digest else 0

    def main(self, about: str | None, seeds: int) -> int:
        """Run what the command line names, ``seeds`` of them by default; return the exit code."""
        parser = argparse.ArgumentParser(prog=self.module, description=about)
        parser.add_argument("--seeds", type=int, default=seeds)
        parser.add_argument("--first", type=int, default=1)
        parser.add_argument("--seed", type=int, help="only this one, twice, and show it")
        parser.add_argument("--jobs", type=int, default=1)
        parser.add_argument("--stop", action="store_true", help="at the first that breaks")
        options = parser.parse_args()
        if options.seed is not None:
            return self.show(options.seed)
        done = self.over(
            options.first, options.seeds, jobs=options.jobs, stop_at_first=options.stop
        )
        print(self.summary(done))
        return 1 if any(each.broken for each in done) else 0
