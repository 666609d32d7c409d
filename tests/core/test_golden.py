"""The golden cases: what ``specs/vectors/ledger`` tells happens, to the last unit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.golden import Player, case_files

KEYS = {"title", "rule", "start", "assets", "portfolios", "rules", "rates", "steps"}


@pytest.mark.clause("13.22", "13.23", "13.24", "13.25", "13.26", "13.27")
@pytest.mark.parametrize("path", case_files(), ids=lambda path: path.stem)
def test_a_golden_case(path: Path) -> None:
    """Every step causes what it says, all invariants hold, and the events alone lead there too."""
    case = json.loads(path.read_text(encoding="utf-8"))
    assert case["title"]
    assert case["rule"]
    assert set(case) <= KEYS
    assert case["steps"]
    Player(case).play()


def test_each_case_has_a_number_and_a_title_of_its_own() -> None:
    """So that a case can be named in a few characters."""
    numbers = [path.stem.split("-")[0] for path in case_files()]
    assert len(set(numbers)) == len(numbers)
    titles = [json.loads(path.read_text(encoding="utf-8"))["title"] for path in case_files()]
    assert len(set(titles)) == len(titles)


def test_a_wrong_expectation_is_noticed() -> None:
    """The player is no rubber stamp: a wrong figure, event or refusal fails."""
    order = {"order": {"id": 1, "quantity": "10", "limit": "100"}}
    for wrong in (
        {"refusal": "NO_QUOTE"},
        {"events": []},
        {"events": [{"kind": "FILL"}]},
        {"orders": {"1": {"state": "FILLED"}}},
        {"portfolio": {"reserved_cash": "999.99"}},
    ):
        with pytest.raises(AssertionError, match="step 1, order"):
            Player({"steps": [order | wrong]}).play()
    Player({"steps": [order | {"portfolio": {"reserved_cash": "1000"}}]}).play()
