"""Conformance: numbered cases against a live target, each with the clause that it tests."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

import attrs

from papertrader.fuzz import (
    cases_connection,
    cases_frames,
    cases_money,
    cases_orders,
    cases_rules,
    cases_status,
)
from papertrader.fuzz.bench import Bench, Case, CaseFailed, CaseSkipped
from papertrader.fuzz.channel import UnreachableError
from papertrader.fuzz.observe import Coverage
from papertrader.fuzz.world import SetupError, World

SECTIONS: dict[str, Callable[[], Iterator[Case]]] = {
    "messages": cases_frames.message_cases,
    "refused": cases_frames.refused_cases,
    "once": cases_rules.once_cases,
    "sessions": cases_rules.session_cases,
    "money": cases_money.money_cases,
    "orders": cases_orders.order_cases,
    "events": cases_rules.event_cases,
    "grease": cases_connection.grease_cases,
    "shapes": cases_connection.shape_cases,
    "opening": cases_connection.opening_cases,
    "limits": cases_status.limit_cases,
    "statuses": cases_status.status_cases,
    "direction": cases_frames.direction_cases,
    "states": cases_frames.state_cases,
}
"""The sections, in the order they are played: first those that find much in little time."""


@attrs.frozen(kw_only=True)
class Numbered:
    """A case and its number, which is the same in every run of one version."""

    number: int
    case: Case


@attrs.frozen(kw_only=True)
class Result:
    """What became of a case: "passed", "failed" or "skipped", and why."""

    number: int
    section: str
    name: str
    clause: str
    verdict: str
    text: str
    seconds: float


def numbered(sections: Sequence[str] = ()) -> list[Numbered]:
    """Return the cases of some sections (all if none is named), numbered over all."""
    out: list[Numbered] = []
    number = 0
    for name, make in SECTIONS.items():
        for case in make():
            number += 1
            if not sections or name in sections:
                out.append(Numbered(number=number, case=case))
    return out


class Conformance:
    """A run. ``progress`` is told each result. ``strict`` counts skipped cases as failed."""

    def __init__(
        self,
        world: World,
        rng: random.Random,
        progress: Callable[[Result, int], None],
        strict: bool = False,
    ) -> None:
        self.coverage = Coverage()
        self.results: list[Result] = []
        self._world = world
        self._bench = Bench(world, rng)
        self._progress = progress
        self._strict = strict

    def run(self, cases: Sequence[Numbered], only: str = "") -> list[Result]:
        """Play the cases in order; raises `UnreachableError` when the target is gone for good."""
        try:
            for each in cases:
                if only and only not in f"{each.number} {each.case.name}":
                    continue
                result = self._one(each)
                self.results.append(result)
                self._progress(result, len(cases))
        finally:
            self._bench.close()
        return self.results

    def _one(self, each: Numbered) -> Result:
        began = self._world.target.now()
        verdict, text = "passed", ""
        try:
            each.case.run(self._bench)
        except CaseSkipped as why:
            verdict, text = ("failed" if self._strict else "skipped"), str(why)
        except (CaseFailed, SetupError) as why:
            verdict, text = "failed", str(why)
        except UnreachableError as why:
            verdict, text = "failed", f"crash: {why}"
        objections = self._bench.finish()
        for seen in self._bench.seen:
            self.coverage.add(seen)
        self._bench.seen.clear()
        if objections:
            verdict, text = "failed", "; ".join([text, *objections] if text else objections)
        return Result(
            number=each.number,
            section=each.case.section,
            name=each.case.name,
            clause=each.case.clause,
            verdict=verdict,
            text=text,
            seconds=self._world.target.now() - began,
        )
