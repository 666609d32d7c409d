"""How much a client adds to the load of a server that has too much to do."""

from __future__ import annotations

from papertrader.client.retries import DRIP, SAVED_MAX, RetryBudget
from papertrader.core.instants import SECOND


def test_repeats_are_a_tenth() -> None:
    """However often requests are refused: a tenth of them, what was saved, and one a second."""
    budget = RetryBudget()
    now, at_once = 0, 0
    for _ in range(10_000):
        budget.earn()
        at_once += budget.due(now) <= now
    assert 1_000 <= at_once <= 1_000 + 2 * SAVED_MAX


def test_what_is_not_earned_waits_for_its_second() -> None:
    """One after the other, however many wait; a rest saves no more than the bound."""
    budget = RetryBudget()
    assert [budget.due(5) for _ in range(SAVED_MAX)] == [5] * SAVED_MAX
    assert [budget.due(5) for _ in range(3)] == [5 + DRIP, 5 + 2 * DRIP, 5 + 3 * DRIP]
    assert budget.due(100 * SECOND) == 100 * SECOND + DRIP
    for _ in range(10_000):
        budget.earn()
    assert [budget.due(0) for _ in range(SAVED_MAX + 1)].count(0) == SAVED_MAX
