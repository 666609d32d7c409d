"""Instants: integer nanoseconds since 1970-01-01 UTC. 0 means "none"; no leap seconds; no float."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final, NewType

Instant = NewType("Instant", int)
"""Nanoseconds since the Unix epoch, UTC."""

NEVER: Final = Instant(0)
MILLISECOND: Final = 1_000_000
SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
DAY: Final = 86_400 * SECOND

_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()


def from_datetime(moment: datetime) -> Instant:
    """Turn an aware datetime into an `Instant`, exact to the microsecond."""
    if moment.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    since = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return Instant((since.days * 86_400 + since.seconds) * SECOND + since.microseconds * 1_000)


def to_datetime(instant: int) -> datetime:
    """Turn an `Instant` into an aware UTC datetime; what is finer than a microsecond is cut off."""
    days, rest = divmod(instant, DAY)
    seconds, nanoseconds = divmod(rest, SECOND)
    midnight = datetime.fromordinal(days + _EPOCH_ORDINAL)
    return midnight.replace(
        hour=seconds // 3600,
        minute=seconds // 60 % 60,
        second=seconds % 60,
        microsecond=nanoseconds // 1_000,
        tzinfo=UTC,
    )


def midnight_of(day: date) -> Instant:
    """Return the instant at which ``day`` begins in UTC."""
    return Instant((day.toordinal() - _EPOCH_ORDINAL) * DAY)


def format_instant(instant: int) -> str:
    """Write an instant as ISO 8601 to the millisecond, for people; ``"-"`` for none."""
    if instant == NEVER:
        return "-"
    return to_datetime(instant).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
