"""Makes a sequence smaller while it still breaks the same: delta debugging, steps then octets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from papertrader.fuzz.corpus import Kind, Sequence, Source, Step, Wait

TRIES_MAX: Final = 2_000
"""Runs at most; the smallest sequence found until then is the result."""

Breaks = Callable[[Sequence], bool]


class _Budget:
    def __init__(self, breaks: Breaks, tries: int) -> None:
        self.left = tries
        self._breaks = breaks

    def breaks(self, sequence: Sequence) -> bool:
        if self.left <= 0:
            return False
        self.left -= 1
        return self._breaks(sequence)


def minimized(sequence: Sequence, breaks: Breaks, tries: int = TRIES_MAX) -> Sequence:
    """Return the smallest sequence found for which ``breaks`` still is true.

    Raises `ValueError` if the whole sequence does not break.
    """
    budget = _Budget(breaks, tries)
    kept = attrs.evolve(
        sequence, steps=tuple(s for s in sequence.steps if s.kind is not Kind.RECEIVED)
    )
    if not budget.breaks(kept):
        raise ValueError("the sequence does not break anything now; nothing to minimize")
    return _fewer_octets(_fewer_steps(kept, budget), budget)


def _fewer_steps(sequence: Sequence, budget: _Budget) -> Sequence:
    """Leave out ever smaller pieces until every single step is needed."""
    size = max(1, len(sequence.steps) // 2)
    while True:
        at, smaller = 0, False
        while at < len(sequence.steps):
            tried = without(sequence, at, at + size)
            if tried.steps and budget.breaks(tried):
                sequence, smaller = tried, True
            else:
                at += size
        if size == 1 and not smaller:
            return sequence
        size = max(1, size // 2)


def without(sequence: Sequence, first: int, last: int) -> Sequence:
    """Return the sequence without some steps; references to what is left stay right."""
    left: list[Step] = []
    last = min(last, len(sequence.steps))
    for step in (*sequence.steps[:first], *sequence.steps[last:]):
        references = tuple(
            attrs.evolve(r, step=r.step - (last - first))
            if r.source is Source.REPLY and r.step >= last
            else r
            for r in step.references
        )
        left.append(attrs.evolve(step, references=references))
    return attrs.evolve(sequence, steps=tuple(left))


def _fewer_octets(sequence: Sequence, budget: _Budget) -> Sequence:
    """Make octets zero and waits short where that does not matter."""
    for number, step in enumerate(sequence.steps):
        if step.delay_us or step.wait is Wait.IDLE:
            quick = attrs.evolve(step, delay_us=0, wait=Wait.NONE)
            sequence = _try_step(sequence, number, quick, budget)
    for number in range(len(sequence.steps)):
        size = max(1, len(sequence.steps[number].octets) // 2)
        while size:
            for at in range(32, len(sequence.steps[number].octets), size):
                step = sequence.steps[number]
                octets = step.octets
                piece = octets[at : at + size]
                if any(piece):
                    blank = octets[:at] + bytes(len(piece)) + octets[at + size :]
                    changed = attrs.evolve(step, octets=blank)
                    sequence = _try_step(sequence, number, changed, budget)
            size //= 2
    return sequence


def _try_step(sequence: Sequence, number: int, step: Step, budget: _Budget) -> Sequence:
    steps = (*sequence.steps[:number], step, *sequence.steps[number + 1 :])
    tried = attrs.evolve(sequence, steps=steps)
    return tried if budget.breaks(tried) else sequence
