"""Every kind of tampering is found, and what the files alone cannot show by the witness alone.

``python -m tests.torture.tamper`` does it 10,000 times.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture.tamper import ALONE, DEEDS, campaign

ROUNDS = 5


@pytest.mark.clause("15.17")
def test_all_of_it_is_found(tmp_path: Path) -> None:
    """T-53: edits, deletions, swaps, cuts, an old copy, a chain made anew, replies forgotten."""
    done, missed = campaign(tmp_path, ROUNDS * len(DEEDS), seed=7)
    assert missed == {}
    assert set(ALONE) | {"edit", "truncate", "replies"} <= set(done)


def test_without_the_witness_some_of_it_is_not(tmp_path: Path) -> None:
    """The control: these are right in themselves, so that it is the witness that tells."""
    _, missed = campaign(tmp_path, 2 * len(DEEDS), seed=7, witnessed=False)
    assert {"old copy", "rechain"} <= set(missed)
