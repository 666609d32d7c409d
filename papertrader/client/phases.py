"""How a client session behaves, and the tables of its life: the connection's and the login's."""

from __future__ import annotations

from enum import Enum
from typing import Final

import attrs

from papertrader.core.instants import SECOND
from papertrader.wire import limits


@attrs.frozen(kw_only=True)
class Profile:
    """How a session behaves. Times in nanoseconds.

    ``timeout`` is how long a request may take, repeats included. ``patient``: stay connected, and
    go on dialing though no worker was ever reached (else everything fails after each was tried
    once). ``learn_workers``: ask the server for other workers, to have where to go.
    ``keepalive_s``: a worker that is silent for two and a half times as long is left.
    """

    timeout: int = 30 * SECOND
    patient: bool = False
    learn_workers: bool = True
    keepalive_s: int = limits.KEEPALIVE_MIN_S
    software: str = "papertrader-client"


class Phase(Enum):
    """Where the connection is."""

    IDLE = "idle"
    DIALING = "dialing"
    GREETING = "greeting"
    OPEN = "open"
    CLOSED = "closed"


class Login(Enum):
    """Where the login is. DETACHED: we hold a token, and the server has to be told RESUME."""

    NONE = "none"
    ATTACHED = "attached"
    DETACHED = "detached"
    RESUMING = "resuming"


# (where, what happened) -> where; what is absent does not happen.
PHASES: Final = {
    (Phase.IDLE, "dial"): Phase.DIALING,
    (Phase.DIALING, "connected"): Phase.GREETING,
    (Phase.GREETING, "hello"): Phase.OPEN,
    (Phase.DIALING, "lost"): Phase.IDLE,
    (Phase.GREETING, "lost"): Phase.IDLE,
    (Phase.OPEN, "lost"): Phase.IDLE,
}
LOGINS: Final = {
    (Login.NONE, "granted"): Login.ATTACHED,
    (Login.RESUMING, "granted"): Login.ATTACHED,
    (Login.ATTACHED, "detached"): Login.DETACHED,
    (Login.RESUMING, "detached"): Login.DETACHED,
    (Login.DETACHED, "asked"): Login.RESUMING,
    (Login.ATTACHED, "ended"): Login.NONE,
    (Login.RESUMING, "ended"): Login.NONE,
    (Login.DETACHED, "ended"): Login.NONE,
}
