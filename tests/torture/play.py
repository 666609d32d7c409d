"""Random play at the trading desk, by seed: ``python -m tests.torture.play --seeds 5000``.

After each input of a `tests.torture.player.Player` the desk's invariants must hold, no cash
portfolio may owe money or shares, and nothing may be raised: in a master that is its end. At the
end the events alone must lead to the same state. `tests.torture.model` compares with what a model
says should come out; this reaches what no model has.

See `tests.torture.seeds` for what a campaign prints and for ``--seed N``.
"""

from __future__ import annotations

import hashlib
import sys
import traceback
from typing import Final

import attrs

from tests.torture.player import Player
from tests.torture.seeds import SHOWN, Campaign, Outcome

STEPS: Final = 250


@attrs.frozen(kw_only=True)
class Played(Outcome):
    """What became of a seed; its digest is that of all inputs and of the state at the end."""

    moves: int
    orders: int
    accepted: int
    events: int


def play(seed: int, keep_tail: bool = False) -> Played:
    """Play one seed until a rule breaks or the steps are done."""
    player, broken = Player(seed), ""
    try:
        for _ in range(STEPS):
            player.move()
        player.restart()
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{place.filename.rpartition('/')[2]}:{place.lineno}"
        text = " ".join(str(error).split())[:300]
        broken = f"step {player.moves}: {type(error).__name__} in {where}: {text}"
    text = "\n".join((*player.told, broken))
    return Played(
        seed=seed,
        digest=hashlib.sha256(text.encode() + player.table.desk.state_hash()).hexdigest()[:16],
        broken=(broken,) if broken else (),
        tail=tuple(player.told[-SHOWN:]) if keep_tail else (),
        moves=player.moves,
        orders=player.orders,
        accepted=player.accepted,
        events=len(player.table.events),
    )


CAMPAIGN: Final = Campaign(
    "tests.torture.play",
    play,
    "{moves} steps, {orders} orders and replacements ({accepted} accepted), {events} events",
)


if __name__ == "__main__":
    sys.exit(CAMPAIGN.main(__doc__, seeds=5_000))
