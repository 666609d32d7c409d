"""Simulate by seed: ``python -m tests.torture.simulation --seeds 1000 [--jobs 2]``.

See `tests.torture.seeds` for what a campaign prints and for ``--seed N``.
"""

from __future__ import annotations

import sys
from typing import Final

from tests.torture.seeds import Campaign
from tests.torture.simulation.run import simulate

CAMPAIGN: Final = Campaign(
    "tests.torture.simulation",
    simulate,
    "{steps} steps, {faults} faults, {crashes} crashes of the master, {orders} orders"
    " ({done} acknowledged, {refused} refused, {unknown} unknown and not there), {events} events",
)


if __name__ == "__main__":
    sys.exit(CAMPAIGN.main(__doc__, seeds=1_000))
