"""The states of the link to the master, and what the worker does about what comes over it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final

import attrs

from papertrader.wire.derived import Message
from papertrader.wire.messages import (
    ClientClose,
    LimitHits,
    WorkerAuth,
    WorkerDrain,
    WorkerLog,
    WorkerRow,
    WorkerStats,
)


class LinkState(Enum):
    """Where the link is in its life."""

    CONNECTING = "connecting"
    AUTHENTICATING = "authenticating"
    ACTIVE = "active"
    LOST = "lost"


# (state, what happened) -> state; what is absent cannot happen.
TRANSITIONS: Final = {
    (LinkState.CONNECTING, "opened"): LinkState.AUTHENTICATING,
    (LinkState.CONNECTING, "failed"): LinkState.LOST,
    (LinkState.AUTHENTICATING, "accepted"): LinkState.ACTIVE,
    (LinkState.AUTHENTICATING, "failed"): LinkState.LOST,
    (LinkState.ACTIVE, "failed"): LinkState.LOST,
    (LinkState.LOST, "failed"): LinkState.LOST,
    (LinkState.LOST, "retried"): LinkState.CONNECTING,
    (LinkState.CONNECTING, "retried"): LinkState.CONNECTING,
}


class LinkTransitionError(RuntimeError):
    """The link's state machine was told of something that cannot happen: a bug here."""


@attrs.frozen(kw_only=True)
class LinkHooks:
    """What the rest of the worker does when something comes from the master."""

    credentials: Callable[[int, int], WorkerAuth]
    """(next worker_seq, clients) -> what to say in WORKER_AUTH."""
    activated: Callable[[bool], None]
    """The link is active; True if another master (or a restarted one) answers than before."""
    publish: Callable[[bytes], None]
    """Event frames of TOPIC_PUBLISH."""
    close_client: Callable[[ClientClose], None]
    """The master orders a client closed."""
    others_changed: Callable[[tuple[WorkerRow, ...]], None]
    """Other workers take clients than before."""
    invalidated: Callable[[int], None]
    """What is known of the market does not count any more, in the epoch that begins."""
    drain: Callable[[WorkerDrain], None]
    """The master orders what becomes of the clients."""
    stats: Callable[[], Sequence[WorkerStats | LimitHits]]
    log: Callable[[], WorkerLog | None] = lambda: None
    """Entries of our log that wait to be sent; asked every `LOG_EVERY_S`."""
    noticed: Callable[[Message], bool] = lambda message: False
    """Something else came; False if it means nothing here."""
    shut_out: Callable[[], None] = lambda: None
    """The master does not let this worker in any more."""
    lost: Callable[[], None] = lambda: None
    """The link is down."""
