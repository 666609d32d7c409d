"""The mutants do not rot: each patch fits the sources as they are, and what it makes is Python."""

from __future__ import annotations

import pytest

from tests.torture.mutants import patches
from tests.torture.mutants.patches import HERE, ROOT, Hunk, Mutant, PatchError

MUTANTS = patches.every()


def test_there_are_enough_and_each_says_what_it_is() -> None:
    """At least 20, numbered without a gap, each with a sentence and how it is found."""
    assert len(MUTANTS) >= 20
    numbers = [int(path.name.split("-")[0]) for path in sorted(HERE.glob("*.patch"))]
    assert numbers == list(range(1, len(numbers) + 1))
    for mutant in MUTANTS:
        assert mutant.what.endswith(".")
        assert mutant.find[0] in ("conform", "fuzz", "pytest", "simulation")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_fits_the_sources(mutant: Mutant) -> None:
    """Its lines are there once, it changes something, and the result can be compiled."""
    for path, text in patches.applied(mutant).items():
        assert text != (ROOT / path).read_text(encoding="utf-8")
        compile(text, path, "exec")


def test_a_patch_that_does_not_fit_is_told() -> None:
    """Lines that are not there, or there twice, are an error that names the file."""
    path = "papertrader/core/money.py"
    for old in ("no such line\n", "\n"):
        mutant = Mutant("x", "x.", ["conform"], [], [Hunk(path, old, "other\n")])
        with pytest.raises(PatchError, match=path):
            patches.applied(mutant)
