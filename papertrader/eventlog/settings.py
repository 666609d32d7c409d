"""How much the event log keeps, in memory and on disk."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import attrs

from papertrader.core.ringlog import RING_BYTES_MAX

MEMORY_BYTES_MIN: Final = 64 * 1024
SEGMENT_BYTES_MIN: Final = 1024 * 1024
"""Room for a block of entries however much JSON has to escape in them."""
SEGMENTS_MIN: Final = 2
FLUSH_INTERVAL_MS_MIN: Final = 10
_PROCESS: Final = re.compile(r"[a-z][a-z0-9-]{0,31}\Z")


class EventLogError(Exception):
    """The event log cannot start, or was used wrongly; the text says what to do."""


def _at_least(minimum: int, what: str) -> Callable[[object, attrs.Attribute[int], int], None]:
    def check(_: object, attribute: attrs.Attribute[int], value: int) -> None:
        if value < minimum:
            raise ValueError(f"{what} must be at least {minimum}, not {value}; raise it")

    return check


@attrs.frozen(kw_only=True)
class EventLogSettings:
    """The deployment variables of the log. Raises `ValueError` for a value outside its bounds."""

    memory_bytes: int = attrs.field(default=16 * 1024 * 1024)
    """Size of the memory that entries pass through on their way to disk, exactly; 64 KiB to 1 GiB.

    Less needs a quicker disk; more bears a longer stall of it before entries are lost.
    """
    segment_bytes: int = attrs.field(
        default=16 * 1024 * 1024,
        validator=_at_least(SEGMENT_BYTES_MIN, "the size of a log file"),
    )
    segments_kept: int = attrs.field(
        default=10,
        validator=_at_least(SEGMENTS_MIN, "the number of log files kept"),
    )
    flush_interval_ms: int = attrs.field(
        default=1000,
        validator=_at_least(FLUSH_INTERVAL_MS_MIN, "the log's flush interval in milliseconds"),
    )

    @memory_bytes.validator
    def _check_memory(self, _: object, value: int) -> None:
        if not MEMORY_BYTES_MIN <= value <= RING_BYTES_MAX:
            raise ValueError(
                f"the log's memory must be {MEMORY_BYTES_MIN} to {RING_BYTES_MAX} bytes, "
                f"not {value}; 16777216 (16 MiB) suits most"
            )


def checked_process(name: str) -> str:
    """Return a process's name, fit for file names; raises `ValueError` for any other."""
    if _PROCESS.match(name) is None:
        raise ValueError(
            f"{name!r} cannot name a process's log files; "
            "use up to 32 small letters, digits and hyphens, a letter first"
        )
    return name
