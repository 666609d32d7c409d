"""Profile relay: a worker that lies, against a master in memory, honest or with a bug put in."""

from __future__ import annotations

import random
from typing import Any

import pytest

from papertrader.fuzz.observe import Breach
from papertrader.fuzz.relay import Relay, RoundResult
from papertrader.fuzz.world import World
from tests.fuzz_kit import FakeTarget
from tests.fuzz_master_kit import WORKER_ID, FakeMaster

ROUNDS = 30


def rounds(*bugs: str, seed: int = 4, first: int = 0, count: int = ROUNDS) -> list[RoundResult]:
    """Play some rounds."""
    clients = FakeTarget(command_rate=60_000)
    world = World(clients, random.Random(1))
    for number in (0, 1):
        world.keeper_token(world.account(number))
    master: Any = FakeMaster(clients, *bugs)
    relay = Relay(master, world, WORKER_ID, seed, first)
    done: list[RoundResult] = []
    for _ in range(200_000):
        result = relay.turn(True)
        if result is not None:
            done.append(result)
            if len(done) == count:
                return done
    raise AssertionError("the rounds do not end")


def found(results: list[RoundResult]) -> list[Breach]:
    """Return every breach."""
    return [breach for result in results for breach in result.breaches]


def test_an_honest_master_has_no_findings() -> None:
    """Requests behind the link, small lies, and one at the end of each round."""
    done = rounds()
    assert found(done) == []
    assert sum(result.cases for result in done) > 20 * ROUNDS
    assert sum(result.lies for result in done) > ROUNDS


@pytest.mark.parametrize(
    ("bug", "oracle"),
    [
        ("anyone", "discipline"),
        ("any time", "model"),
        ("any session", "model"),
        ("elsewhere", "leak"),
        ("counts ahead", "framing"),
        ("mute", "discipline"),
    ],
)
def test_a_bug_is_found(bug: str, oracle: str) -> None:
    """A master that believes a worker too much, mixes up connections, or does not say why."""
    assert oracle in {breach.oracle for breach in found(rounds(bug))}


def test_a_round_depends_on_seed_and_number() -> None:
    """What a finding names can be played again: the same lies, whatever came before."""
    third = rounds(count=4)[3]
    again = rounds(first=3, count=1)[0]
    assert (again.number, again.lies) == (third.number, third.lies) == (3, third.lies)
