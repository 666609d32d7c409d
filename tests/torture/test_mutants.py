"""The mutants do not rot: each patch fits the sources as they are, and what it makes is Python."""

from __future__ import annotations

import re

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
        assert mutant.find[0] in ("conform", "fuzz", "play", "pytest", "simulation")


def test_every_bug_of_the_design_has_its_row() -> None:
    """M-01 to M-40 stand in the specification, each with its patch or why it is none."""
    text = (ROOT / "specs" / "torture.rst").read_text(encoding="utf-8")
    parts = re.split(r"^   \* - ([MP]-\d\d)\n", text, flags=re.M)
    rows = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert [key for key in rows if key[0] == "M"] == [f"M-{n:02d}" for n in range(1, 41)]
    assert [key for key in rows if key[0] == "P"] == [f"P-{n:02d}" for n in range(1, 26)]
    names = {mutant.name for mutant in MUTANTS}
    for key, row in rows.items():
        if key[0] == "M" and "Not a patch" not in row:
            assert re.findall(r"``(\d\d-[\w-]+)``", row)[0] in names, key
    for mutant in MUTANTS:
        if mutant.design.startswith("M-"):
            assert f"``{mutant.name}``" in rows[mutant.design], mutant.name


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
