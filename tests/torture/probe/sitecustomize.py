"""Counts what a Python process holds when it gets SIGUSR2; the soak puts it into the path of all.

``PAPERTRADER_PROBE`` names a directory. A file ``PID.ready`` there says that the process listens;
each SIGUSR2 makes ``PID.json`` anew, whole or not at all. Nothing of the package knows of it.
"""

from __future__ import annotations

import gc
import json
import os
import signal
from collections import Counter
from pathlib import Path

COUNTED = (
    "Deferred", "DelayedCall", "Timer", "Failure", "Order", "Command", "OpenRequest", "Session",
    "ClientProtocol", "coroutine", "Thread",
)  # fmt: skip


def count(_signal: int, _frame: object) -> None:
    """Write how many objects of each kind are held, and how many were not any more.

    What refers to itself waits for the collector, and the servers let it wait for long.
    """
    garbage = gc.collect()
    kinds = Counter(type(each).__name__ for each in gc.get_objects())
    said = {
        "objects": sum(kinds.values()),
        "garbage": garbage,
        **{name: kinds[name] for name in COUNTED},
    }
    place = Path(os.environ["PAPERTRADER_PROBE"])
    partial = place / f".{os.getpid()}"
    partial.write_text(json.dumps(said))
    partial.replace(place / f"{os.getpid()}.json")


if "PAPERTRADER_PROBE" in os.environ:
    signal.signal(signal.SIGUSR2, count)
    (Path(os.environ["PAPERTRADER_PROBE"]) / f"{os.getpid()}.ready").touch()
