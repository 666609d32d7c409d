"""Random play finds nothing in the desk as it is, and finds a bug that was put in."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.torture import play
from tests.torture.mutants import __main__ as mutants
from tests.torture.mutants import patches
from tests.torture.player import MOVES, OWNERS, Player

SEEDS = 20


def test_no_seed_breaks_a_rule() -> None:
    """The player is heard, too: most orders are taken, and many fill."""
    done = play.campaign(1, SEEDS)
    assert [(each.seed, each.broken) for each in done if each.broken] == []
    assert sum(each.accepted for each in done) > sum(each.orders for each in done) / 2
    assert play.play(3).digest == done[2].digest != done[3].digest


def test_the_player_does_everything() -> None:
    """Within some seeds every input is given, and orders of every kind are taken."""
    told: Counter[str] = Counter()
    for seed in range(1, 9):
        player = Player(seed)
        for _ in range(play.STEPS):
            player.move()
        told.update(line.partition(" ")[0] for line in player.told)
        orders = player.table.desk.orders_of
        for order in [order for each in OWNERS for order in orders(portfolio=each)]:
            told.update((order.order_type.name, order.time_in_force.name, order.state.name))
    inputs = {"observe", "submit", "replace", "cancel", "cancel_all", "act", "advance", "close"}
    inputs |= {"move_cash", "reset_portfolio", "set_clock", "restart", "set_terms", "list"}
    assert len(MOVES) == len(inputs) + 2  # Actions are of three kinds.
    types = {"MARKET", "LIMIT", "STOP", "STOP_LIMIT", "TRAILING_STOP", "MARKET_IF_TOUCHED"}
    lasting = {"LIMIT_IF_TOUCHED", "DAY", "GTC", "GTD", "IOC", "FOK", "OPG", "CLS"}
    states = {"FILLED", "CANCELLED", "EXPIRED", "REPLACED"}
    assert (inputs | types | lasting | states) - told.keys() == set()


@pytest.mark.slow
def test_the_player_is_not_blind() -> None:
    """A fix that is undone in a copy of the package is found, by the seed and its repetition."""
    (mutant,) = [each for each in patches.every() if each.find[0] == "play"]
    assert mutants.try_one(mutant, 60).text.startswith("seed ")
