"""What a worker counts since its start.

WORKER_STATS and LIMIT_HITS tell the master what operators watch; what is resent, late or served is
seen by tests alone.
"""

from __future__ import annotations

import attrs


@attrs.define(slots=True, kw_only=True)
class WorkerStatistics:
    """Counters of the whole worker; those of the cache, topics and acceptor stand there."""

    frames_up: int = 0
    """Client frames relayed to the master."""
    frames_down: int = 0
    """Frames of the master relayed to clients."""
    octets_up: int = 0
    octets_down: int = 0
    served: int = 0
    """Requests answered by the worker itself with success."""
    refused: int = 0
    """Requests answered by the worker itself with a refusal."""
    rate_limited: int = 0
    over_inflight: int = 0
    unavailable: int = 0
    """Answered MASTER_UNAVAILABLE or SERVER_BUSY: never sent to the master."""
    outcome_unknown: int = 0
    resent: int = 0
    """Frames relayed a second time after a loss of the link."""
    late_replies: int = 0
    """Replies for which no request was open any more; dropped."""
    strays: int = 0
    """Frames of the master for a client that has gone; dropped."""
    faults: int = 0
    """Clients closed because they broke the protocol."""
    slow_consumers: int = 0
    link_losses: int = 0
    """How often the link to the master was lost."""
    link_refusals: int = 0
    """How often the master refused WORKER_AUTH."""
    unknown_frames: int = 0
    """Frames of the master with an opcode that this worker does not know; ignored."""
