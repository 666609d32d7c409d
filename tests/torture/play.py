"""Random play at the trading desk, by seed: ``python -m tests.torture.play --seeds 5000``.

After each input of a `tests.torture.player.Player` the desk's invariants must hold, no cash
portfolio may owe money or shares, and nothing may be raised: in a master that is its end. At the
end the events alone must lead to the same state. `tests.torture.model` compares with what a model
says should come out; this reaches what no model has.

``--seed N`` plays one seed twice, shows its last inputs, and fails unless both have the same hash.
A campaign prints, for each seed that breaks a rule, the input and the command that plays it again.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
import traceback
from typing import Final

import attrs

from tests.torture.player import Player

STEPS: Final = 250
SHOWN: Final = 30
REPEATED_EVERY: Final = 50
"""Of so many seeds one is played twice, to see that its play is its own."""


@attrs.frozen
class Played:
    """What became of a seed; ``broken`` is "" if every rule held.

    ``digest`` is that of all inputs and of the state at the end.
    """

    seed: int
    digest: str
    broken: str
    moves: int
    orders: int
    accepted: int
    events: int
    told: tuple[str, ...]


def play(seed: int, steps: int = STEPS) -> Played:
    """Play one seed until a rule breaks or the steps are done."""
    player, broken = Player(seed), ""
    try:
        for _ in range(steps):
            player.move()
        player.restart()
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{place.filename.rpartition('/')[2]}:{place.lineno}"
        text = " ".join(str(error).split())[:300]
        broken = f"step {player.moves}: {type(error).__name__} in {where}: {text}"
    text = "\n".join((*player.told, broken))
    digest = hashlib.sha256(text.encode() + player.table.desk.state_hash()).hexdigest()[:16]
    return Played(
        seed, digest, broken, player.moves, player.orders, player.accepted,
        len(player.table.events), tuple(player.told[-SHOWN:]),
    )  # fmt: skip


def one(seed: int) -> Played:
    """Play a seed; every so often, and if it broke a rule, twice."""
    played = play(seed)
    if seed % REPEATED_EVERY == 0 or played.broken:
        again = play(seed)
        if again.digest != played.digest:
            text = f"{played.broken} two plays differ: {played.digest} and {again.digest}"
            return attrs.evolve(played, broken=text.strip())
    return played


def summary(done: list[Played]) -> str:
    """Return what was done in all, in one line."""

    def count(name: str) -> int:
        return sum(getattr(each, name) for each in done)

    return (
        f"{len(done)} seeds: {count('moves')} steps, {count('orders')} orders and replacements"
        f" ({count('accepted')} accepted), {count('events')} events"
    )


def show(seed: int) -> int:
    """Play one seed twice and print its last inputs."""
    played, second = play(seed), play(seed)
    print("\n".join(played.told))
    print(summary([played]))
    print(f"seed {seed}: history {played.digest}, run again {second.digest}")
    if played.broken:
        print(f"BROKEN: {played.broken}")
    return 1 if played.broken or played.digest != second.digest else 0


def campaign(first: int, count: int, stop_at_first: bool = False) -> list[Played]:
    """Play seeds and say how it goes; return what became of all."""
    began, done = time.monotonic(), []
    for seed in range(first, first + count):
        played = one(seed)
        done.append(attrs.evolve(played, told=()))
        if played.broken:
            print(f"seed {seed} ({played.digest}): {played.broken}")
            print(f"    python -m tests.torture.play --seed {seed}", flush=True)
            if stop_at_first:
                break
        if len(done) % max(1, count // 20) == 0:
            broken = sum(bool(each.broken) for each in done)
            print(
                f"{time.monotonic() - began:7.0f} s  {summary(done)}; {broken} broken", flush=True
            )
    return done


def main() -> int:
    """Play what the command line names."""
    parser = argparse.ArgumentParser(prog="tests.torture.play", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5_000)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seed", type=int, help="only this one, twice, and show it")
    parser.add_argument("--stop", action="store_true", help="at the first broken rule")
    options = parser.parse_args()
    if options.seed is not None:
        return show(options.seed)
    done = campaign(options.first, options.seeds, options.stop)
    broken = sum(bool(each.broken) for each in done)
    print(f"{summary(done)}; {broken} broke a rule")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
