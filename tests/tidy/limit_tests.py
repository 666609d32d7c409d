"""Which test hits each limit, and which counter of ``papertrader stats`` counts it.

``limit_tests.txt`` has a line for each: name, counter (or -), test. A limit of the protocol
(`papertrader.wire.limits.RULES`) that says a status, and each bound of ``test_spec_tables.py``
must have its line: ``test_limits.py`` fails otherwise. ``specs/deployment.rst`` shows it all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_LINES = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines()
_ALL: Final = {name: (counter, test) for name, counter, test in map(str.split, _LINES)}

WIRE: Final = {name: row for name, row in _ALL.items() if "." not in name}
"""Limits of the protocol: name -> (counter, test)."""
BOUNDS: Final = {name: row for name, row in _ALL.items() if "." in name}
"""Bounds that are not the protocol's: module and name -> (counter, test)."""
