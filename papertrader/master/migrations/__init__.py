"""Steps from one version of the truth store's schema to the next: forward only, never edited."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import peewee

from papertrader.master.migrations import (
    v0002_api_keys,
    v0003_alerts,
    v0004_access,
    v0005_enrollment,
    v0006_journal,
)

Step = Callable[[peewee.Database], None]

STEPS: Final[Mapping[int, Step]] = MappingProxyType(
    {
        2: v0002_api_keys.up,
        3: v0003_alerts.up,
        4: v0004_access.up,
        5: v0005_enrollment.up,
        6: v0006_journal.up,
    }
)
"""What brings a store to each version from the one before it."""


def migrate(
    db: peewee.Database,
    version: int,
    wanted: int,
    tell: Callable[[int], object] = lambda number: None,
) -> None:
    """Bring a store from ``version`` to ``wanted``, in the transaction that is open.

    ``tell`` is told of each version before the step to it. Raises `KeyError` for a version
    from which no step leads on.
    """
    for number in range(version + 1, wanted + 1):
        tell(number)
        STEPS[number](db)
