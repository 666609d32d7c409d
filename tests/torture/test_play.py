"""Random play finds nothing in the desk as it is, and finds a bug that was put in."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.torture import play
from tests.torture.mutants import __main__ as mutants
from tests.torture.mutants import patches
from tests.torture.player import MOVES, OWNERS, Player
from tests.torture.seeds import REPEATED_EVERY, Campaign, Outcome

SEEDS = 20


def test_no_seed_breaks_a_rule() -> None:
    """The player is heard, too: of five orders two are taken at least, and many fill."""
    done = play.CAMPAIGN.over(1, SEEDS)
    assert [(each.seed, each.broken) for each in done if each.broken] == []
    assert sum(each.accepted for each in done) > sum(each.orders for each in done) * 2 / 5
    assert play.play(3).digest == done[2].digest != done[3].digest


def test_a_seed_that_breaks_is_told_with_what_runs_it_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Also one that breaks nothing but has another history each time; one breaks, the rest goes."""
    histories = iter(range(1_000))

    def run(seed: int, keep_tail: bool) -> Outcome:
        digest = f"history {next(histories) if seed == REPEATED_EVERY else 0}"
        return Outcome(seed=seed, digest=digest, broken=("It broke.",) * (seed == 48))

    campaign = Campaign("tests.torture.play", run, "{seed} in all")
    done = campaign.over(47, 4)
    assert [each.broken for each in done] == [
        (), ("It broke.",), (), ("two runs differ: history 0 and history 1",)
    ]  # fmt: skip
    assert campaign.summary(done) == "4 seeds: 194 in all; 2 broken"
    told = capsys.readouterr().out
    assert "seed 48 (history 0): It broke.\n    python -m tests.torture.play --seed 48\n" in told
    assert campaign.over(47, 4, stop_at_first=True) == done[:2]
    assert (campaign.show(47), campaign.show(48), campaign.show(REPEATED_EVERY)) == (0, 1, 1)


def test_the_player_does_everything() -> None:
    """Within some seeds every input is given, and orders of every kind are taken."""
    told: Counter[str] = Counter()
    closed = completed = 0
    for seed in range(1, 9):
        player = Player(seed)
        for _ in range(play.STEPS):
            player.move()
        told.update(line.partition(" ")[0] for line in player.told)
        closed += player.closed
        completed += player.completed
        orders = player.table.desk.orders_of
        for order in [order for each in OWNERS for order in orders(portfolio=each)]:
            told.update((order.order_type.name, order.time_in_force.name, order.state.name))
    inputs = {"observe", "submit", "replace", "cancel", "cancel_all", "act", "advance", "close"}
    inputs |= {"move_cash", "reset_portfolio", "set_clock", "restart", "set_terms", "list"}
    inputs.add("freeze_portfolio")
    assert len(MOVES) == len(inputs) + 3  # Actions are of three kinds, and a session ends with one.
    types = {"MARKET", "LIMIT", "STOP", "STOP_LIMIT", "TRAILING_STOP", "MARKET_IF_TOUCHED"}
    lasting = {"LIMIT_IF_TOUCHED", "DAY", "GTC", "GTD", "IOC", "FOK", "OPG", "CLS"}
    states = {"FILLED", "CANCELLED", "EXPIRED", "REPLACED"}
    assert (inputs | types | lasting | states) - told.keys() == set()
    assert closed, "some close at the close by models of volumes"
    assert completed, "some that rest fill with the bar that a close completes"


@pytest.mark.slow
def test_the_player_is_not_blind() -> None:
    """A fix that is undone in a copy of the package is found, by the seed and its repetition."""
    (mutant,) = [each for each in patches.every() if each.find[0] == "play"]
    assert mutants.try_one(mutant, 60).text.startswith("seed ")
