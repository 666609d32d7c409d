"""Time in the ledger over a restart: later than whatever the journal has seen.

See ``specs/decisions/0060-time-over-restarts.rst``.
"""

from __future__ import annotations

from typing import Final

from twisted.logger import Logger

from papertrader.core.instants import SECOND, format_instant
from papertrader.net.clock import Clock

LEAD_MAX: Final = 3 * 86_400 * SECOND
"""So far a master runs ahead of the system's clock at most, to stay behind its own journal."""
LEAD_LIVE_MAX: Final = 10 * SECOND
"""The same where prices are live: there the clock is compared with that of the world."""

log = Logger()


def go_on_after(clock: Clock, written_at: int, live: bool) -> int:
    """Let the clock begin after the newest batch of the journal; return how far ahead it is.

    A clock that was stepped back further than may be bridged is followed, loudly: the ledger's
    stamps go back with it, and orders that are open already wait until it is later again than
    they are.
    """
    behind = written_at - clock.wall_ns()
    if behind < 0:
        return 0
    seconds, newest = round(behind / SECOND, 1), format_instant(written_at)
    if behind > (LEAD_LIVE_MAX if live else LEAD_MAX):
        log.error(
            "ALERT: the system's clock is {seconds} s earlier than the journal's newest entry, of"
            " {newest}; set it right and start again, or open orders wait until then",
            seconds=seconds,
            newest=newest,
        )
        return 0
    log.warn(
        "the system's clock is {seconds} s earlier than the journal's newest entry, of {newest};"
        " time goes on from there, and more slowly until the clock has caught up",
        seconds=seconds,
        newest=newest,
    )
    return clock.not_before(written_at)
