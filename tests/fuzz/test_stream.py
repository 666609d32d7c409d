"""Streams: many changed requests in one write, each judged; what ends a connection comes last."""

from __future__ import annotations

import random
import time

import pytest

from papertrader.fuzz.observe import Breach, Coverage
from papertrader.fuzz.player import leave, play
from papertrader.fuzz.stream import LIFE, WRITE_FRAMES, Frames, Stream
from papertrader.fuzz.world import World
from papertrader.wire import codec, limits
from papertrader.wire.kinds import Opcode
from tests.fuzz_kit import FakeTarget, world

RATE_LEAST = 1_000
"""Cases for each second of processor time, the target in memory included: a tenth of what a
common machine does, so that only a real loss fails."""
TRIES_MAX = 10


def streamed(it: World, lives: int, number: int = 0) -> tuple[Stream, list[Breach]]:
    """Let a stream run until its connection has ended so many times."""
    stream = Stream(it, number, 5, Coverage())
    found: list[Breach] = []
    ended = 0
    for _ in range(20_000):
        if not stream.turn():
            channel = stream.finish()
            assert channel is not None
            found += channel.take_breaches()
            if found:
                return stream, found
            leave(it, channel)
            ended += 1
            if ended == lives:
                return stream, found
        it.target.pump(0.01)
    raise AssertionError("the stream does not end")


def test_an_honest_target_has_no_findings() -> None:
    """Some lives of a stream: as many requests as they should have, each life ended by a fault."""
    rates: list[float] = []
    # A machine that shares its processors may count the time of others as ours, now and then.
    while not rates or (rates[-1] <= RATE_LEAST and len(rates) < TRIES_MAX):
        it = open_world()
        began = time.process_time()
        stream, found = streamed(it, 3)
        took = time.process_time() - began
        assert found == []
        assert 3 * LIFE <= stream.cases <= 3 * (LIFE + WRITE_FRAMES + 1)
        assert stream.endings == 3
        rates.append(stream.cases / took)
    assert rates[-1] > RATE_LEAST, rates


def open_world(*bugs: str) -> World:
    """Return a world whose target says that it takes as many requests as come."""
    target = FakeTarget(*bugs, command_rate=100_000)
    return World(target, random.Random(1))


def test_a_stream_keeps_to_the_rate_that_the_target_tells() -> None:
    """50 a second, and what may come at once: the harness is not refused for its haste."""
    it = world()
    stream = Stream(it, 0, 5, Coverage())
    while it.target.now() < 102.0:
        assert stream.turn()
        it.target.pump(0.05)
    assert limits.COMMAND_BURST * 0.5 < stream.cases <= limits.COMMAND_BURST + 2 * 50


@pytest.mark.parametrize(("bug", "oracle"), [("refuses", "model"), ("internal", "crash")])
def test_a_bug_is_found_and_can_be_played_again(bug: str, oracle: str) -> None:
    """The sequence that a finding is saved with shows it once more."""
    stream, found = streamed(open_world(bug), 8)
    assert oracle in {breach.oracle for breach in found}
    again = play(open_world(bug), stream.sequence())
    assert oracle in {breach.oracle for breach in again.breaches}
    assert play(open_world(), stream.sequence()).breaches == []


def test_the_same_seed_draws_the_same_frames() -> None:
    """Deterministic by seed; nothing is drawn that begins or ends a session."""

    def drawn(seed: int) -> list[bytes]:
        frames = Frames(random.Random(seed))
        return [frames.draw(7, 1, False).octets for _ in range(300)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    opcodes = {codec.parse_header(octets).opcode for octets in drawn(3)}
    assert not opcodes & {Opcode.LOGIN, Opcode.REGISTER, Opcode.RESUME, Opcode.LOGOUT}
    assert len(opcodes) > 20
