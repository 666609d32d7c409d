"""Profile relay: a worker that lies, against a master in memory, honest or with a bug put in."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from papertrader.fuzz import relay as relay_profile
from papertrader.fuzz.observe import Breach
from papertrader.fuzz.relay import Relay, RoundResult
from papertrader.fuzz.world import World
from papertrader.wire import codec, kinds, limits
from papertrader.wire import messages as m
from papertrader.wire.declarations import Shape
from papertrader.wire.schema import MESSAGES
from tests.fuzz_kit import FakeTarget
from tests.fuzz_master_kit import WORKER_ID, FakeMaster

ROUNDS = 30


def rounds(
    *bugs: str, seed: int = 4, first: int = 0, count: int = ROUNDS, run: int = 1
) -> list[RoundResult]:
    """Play some rounds; ``run`` is the chance of names, which differs from run to run."""
    clients = FakeTarget(command_rate=60_000)
    world = World(clients, random.Random(run))
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


def test_each_notice_is_told_the_way_that_the_schema_says() -> None:
    """One that a worker may send must not end a link; one that a master alone sends must."""
    notices = [
        message
        for message in MESSAGES
        if kinds.INNER_OPCODES <= message.opcode < kinds.STORE_OPCODES
        and message.shape is Shape.EVENT
        and message.name != "RelayUp"
    ]
    down = {message.name for message in notices if message.docs.startswith("Master to worker")}
    assert {message.name for message in relay_profile._DOWN} == down
    assert {message.name for message in relay_profile._UP} == {
        message.name for message in notices if message.name not in down
    }


def test_a_round_that_is_played_again_is_another_boot() -> None:
    """Otherwise the master acknowledges what the worker said in the round before."""
    boots = set()
    for run in (1, 2):
        for step in rounds("counts ahead", count=1, run=run)[0].transcript:
            for header, octets in _frames(step.octets):
                if header.opcode == m.WorkerAuth.OPCODE and not header.flags & codec.RESPONSE:
                    boots.add(codec.decode_body(header, octets).boot)
    assert len(boots) == 2


def _frames(octets: bytes) -> Iterator[tuple[codec.Header, bytes]]:
    while len(octets) >= limits.HEADER_SIZE:
        header = codec.parse_header(octets)
        size = limits.HEADER_SIZE + header.length
        yield header, octets[:size]
        octets = octets[size:]
