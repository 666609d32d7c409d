"""Everything goes wrong from one seed: every promise is kept, and each run is its own again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.torture.simulation.__main__ import CAMPAIGN
from tests.torture.simulation.network import End, Machine, Network, World
from tests.torture.simulation.run import simulate

SEEDS = int(os.environ.get("PAPERTRADER_SEEDS", "40"))
ROOT = Path(__file__).parents[2]


def test_no_seed_breaks_a_promise() -> None:
    """I-01 to I-13 and the clients' records, after crashes, cuts, pauses and failing disks."""
    done = CAMPAIGN.over(1, SEEDS)
    assert [(each.seed, each.broken) for each in done if each.broken] == []
    assert sum(each.crashes for each in done) > SEEDS / 2
    assert sum(each.done for each in done) > 4 * SEEDS


@pytest.mark.slow
def test_a_seed_is_the_same_in_another_process() -> None:
    """P-24: whatever order its sets have there."""
    wanted = {seed: simulate(seed).digest for seed in (3, 8)}
    for seed, digest in wanted.items():
        environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
        done = subprocess.run(
            [sys.executable, "-m", "tests.torture.simulation", "--seed", str(seed)],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert f"history {digest}, run again {digest}" in done.stdout


class Ear:
    """A protocol that keeps what it hears."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.lost = ""

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: object) -> None:
        self.lost = getattr(reason, "type", type(None)).__name__


def pair(seed: int = 1) -> tuple[World, Network, End, End]:
    """Two ends of a connection between two machines."""
    world = World(seed)
    network = Network(world)
    near, far = (End(Machine(network, host), (host, 1), 1) for host in ("10.0.0.1", "10.0.0.2"))
    for end, peer in ((near, far), (far, near)):
        end.peer, end.protocol, end.latency = peer, Ear(), 0.01
        network.ends.add(end)
    return world, network, near, far


def test_octets_arrive_in_order_and_in_pieces() -> None:
    """As TCP: nothing is missing, nothing comes twice, and no write is a message."""
    world, _, near, far = pair()
    text = bytes(range(256)) * 40
    for at in range(0, len(text), 100):
        near.write(text[at : at + 100])
        world.run_until(world.now + 0.002)
    world.run_until(world.now + 5)
    assert bytes(far.protocol.heard) == text


def test_a_held_direction_is_silent_and_then_goes_on() -> None:
    """A partition loses nothing by itself, and the other direction is not concerned."""
    world, network, near, far = pair()
    network.hold(near, 3.0)
    near.write(b"late")
    far.write(b"soon")
    world.run_until(world.now + 1)
    assert (bytes(far.protocol.heard), bytes(near.protocol.heard)) == (b"", b"soon")
    world.run_until(world.now + 5)
    assert bytes(far.protocol.heard) == b"late"


def test_a_dead_machine_is_noticed_and_hears_nothing() -> None:
    """Its peers get a part of what it said, then the end."""
    world, _, near, far = pair()
    near.write(b"last words")
    near.machine.die()
    far.write(b"hello?")
    world.run_until(world.now + 1)
    assert b"last words".startswith(bytes(far.protocol.heard))
    assert far.protocol.lost == "ConnectionLost"
    assert near.protocol.heard == b""
