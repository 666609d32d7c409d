"""The trail of one command: an entry at each station, all with the same correlation.

Reading them by that correlation (``papertrader log show --correlation``) shows a command's life:
received and relayed by a worker, taken up by the master, durable and answered there, answered to
the client. Only commands that change something, and logins, leave a trail.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from papertrader.eventlog.log import EventLog
from papertrader.wire.kinds import STATE_CHANGING, Opcode, Status

TRAILED: Final = {
    int(opcode): opcode.name
    for opcode in (*STATE_CHANGING, Opcode.REGISTER, Opcode.LOGIN, Opcode.RESUME, Opcode.LOGOUT)
}
"""Opcodes whose requests leave a trail, and what they are called there."""
_STATUSES: Final = {int(status): status.name for status in Status}

Note = Callable[[str, int, int, int], None]
"""(text without a secret in it, worker, connection, request): writes one entry."""


def trail_of(log: EventLog) -> Note:
    """Return what writes entries of trails into a log. It is called for each command: twice by a
    worker, twice by the master."""
    return log.note


def status_name(status: int) -> str:
    """Return a status in words, or its number."""
    return _STATUSES.get(status) or f"status {status:#06x}"
