"""Sending the event log to a receiver on another machine, beside the servers: nothing left out.

The protocol has no acknowledgments. What was written is *taken* when the other machine's TCP has
all of it, and *settled*, thus recorded in the file, when the connection was still there SETTLE_S
later: a receiver that refuses our certificate, or goes away, has said so by then. What was not
settled when a connection ends is sent again, with the same identities; and REPEATED_OCTETS before
it if the receiver had stopped taking, since it may never have read what its machine took.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IHandshakeListener,
    IProtocol,
    IStreamClientEndpoint,
    ITransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from papertrader.eventlog.tail import Place
from papertrader.net.clock import Clock, Timer
from papertrader.ops.forwarded import Forwarded
from papertrader.ops.outbox import Outbox

HELD_OCTETS: Final = 1024 * 1024
"""Octets written and not taken: no more is read until all of them are."""
SETTLE_S: Final = 5.0
MARKS_MAX: Final = 256
"""Batches that were taken and are not settled; of more, two settle as one, with the later."""
REPEATED_OCTETS: Final = 8 * 1024 * 1024
"""More than a Linux machine takes for a program that does not read (``tcp_rmem``: 6 MiB)."""
LOOK_S: Final = 0.5
"""How often is looked for new entries."""
TAKEN_LOOK_S: Final = 0.02
"""How often is looked whether all was taken."""
STALLED_S: Final = 60.0
"""A receiver that took nothing for so long is left, and connected to again."""
HANDSHAKE_S: Final = 10.0
"""A TLS handshake that lasts longer is given up."""
RETRY_MIN_S: Final = 1.0
RETRY_MAX_S: Final = 60.0
"""Attempts to connect: twice as long between them each time, up to this."""
STOP_S: Final = 3.0
"""What a connection has to end in order at the stop."""
_STEP_OCTETS: Final = REPEATED_OCTETS // 128


@attrs.frozen
class _Mark:
    """Where the files were when something was so: ``at`` seconds, or after ``octets``."""

    places: dict[str, Place]
    entries: int
    lost: int
    at: float = 0.0
    octets: int = 0


class Forwarder:
    """Sends what an `Outbox` gives over one connection at a time, and records how far that is.

    ``secure``: the endpoint speaks TLS, and nothing is sent before its handshake. ``unsent`` tells
    what the other machine has not taken of what was written. ``say`` is told sentences for the
    operator. Starts with `start`, once.
    """

    def __init__(
        self,
        *,
        endpoint: IStreamClientEndpoint,
        secure: bool,
        outbox: Outbox,
        forwarded: Forwarded,
        log: Path,
        clock: Clock,
        unsent: Callable[[ITransport | None], int],
        say: Callable[[str], None],
    ) -> None:
        self.forwarded = forwarded
        self.connections = 0
        self._endpoint = endpoint
        self._secure = secure
        self._outbox = outbox
        self._log = log
        self._clock = clock
        self._unsent = unsent
        self._say = say
        self._connecting: Deferred[IProtocol] | None = None
        self._link: _Link | None = None
        self._timer: Timer | None = None
        self._delay_s = RETRY_MIN_S
        self._since = 0.0
        """When the link was ready, and when something of what was written was last taken."""
        self._moved = 0.0
        self._handed = 0
        """Octets written and not taken, at the last look; 0: all was."""
        self._octets = 0
        self._marks: deque[_Mark] = deque()  # at most MARKS_MAX
        self._earlier: deque[_Mark] = deque()  # at most REPEATED_OCTETS, one for each _STEP_OCTETS
        self._complaint = ""
        self._unwritten = False
        self._stopping: Deferred[None] | None = None
        self._lost_before = forwarded.lost
        self._entries_before = forwarded.entries

    def start(self) -> None:
        """Connect, and again whenever that fails."""
        self._connect()

    def stop(self) -> Deferred[None]:
        """End the connection in order; fires when it is gone. What is not settled comes again."""
        self._stopping = Deferred()
        stopped = self._stopping
        self._cancel_timer()
        if self._connecting is not None:
            self._connecting.cancel()
        link = self._link
        if link is None or link.transport is None:
            stopped.callback(None)
            return stopped
        link.transport.loseConnection()
        self._timer = self._clock.call_later(STOP_S, link.abort)
        return stopped

    # --- connecting ------------------------------------------------------------------------------

    def _connect(self) -> None:
        connecting = self._endpoint.connect(Factory.forProtocol(lambda: _Link(self)))
        self._connecting = connecting
        connecting.addCallbacks(self._connected, self._failed)

    def _connected(self, _: object) -> None:
        self._connecting = None

    def _failed(self, failure: Failure) -> None:
        self._connecting = None
        self._again(f"cannot connect to {self.forwarded.receiver}: {_reason(failure)}")

    def _again(self, complaint: str) -> None:
        """Try again later; say why, unless it is for the same reason as before."""
        if self._stopping is not None:
            return
        if complaint != self._complaint:
            self._complaint = complaint
            self._say(f"{complaint}; tries again, every {RETRY_MAX_S:.0f} s at the longest")
        self._timer = self._clock.call_later(self._delay_s, self._connect)
        self._delay_s = min(RETRY_MAX_S, 2 * self._delay_s)

    def begun(self, link: _Link) -> None:
        """A connection is there, maybe before its handshake."""
        self._link = link
        if self._secure:
            self._timer = self._clock.call_later(HANDSHAKE_S, link.abort)
        else:
            self.ready()

    def ready(self) -> None:
        """The receiver is who it should be: send, from where all was settled."""
        self._cancel_timer()
        self.connections += 1
        self._say(f"connected to {self.forwarded.receiver}")
        self._complaint = ""
        self._since = self._moved = self._now()
        self._octets = 0
        self._earlier.append(self._mark())
        self._look()

    def ended(self, failure: Failure) -> None:
        """The connection is gone: what may not have arrived will be sent again."""
        self._cancel_timer()
        link, self._link = self._link, None
        ready, link_ready = bool(self._earlier), link is not None
        if self._handed and self._earlier:
            first = self._earlier[0]
            self._set_forwarded(first)
        self._outbox.go_back(self.forwarded.places)
        self._handed = 0
        self._marks.clear()
        self._earlier.clear()
        if self._stopping is not None:
            self._stopping.callback(None)
        elif link_ready:
            what = "lost the connection to" if ready else "no connection in order to"
            self._again(f"{what} {self.forwarded.receiver}: {_reason(failure)}")

    # --- sending ---------------------------------------------------------------------------------

    def _look(self) -> None:
        """See what was taken, then send more."""
        link, now = self._link, self._now()
        if link is None or link.transport is None:
            return
        if self._handed:
            left = self._unsent(link.transport)
            if left < self._handed:
                self._moved = now
            elif now - self._moved >= STALLED_S:
                self._say(f"{self.forwarded.receiver} took nothing for {STALLED_S:.0f} s")
                link.abort()
                return
            self._handed = left
            if not left:
                self._taken(now)
        self._settle(now)
        if not self._handed:
            self._send(link.transport, now)
        busy = self._handed or self._outbox.more
        self._timer = self._clock.call_later(TAKEN_LOOK_S if busy else LOOK_S, self._look)

    def _send(self, transport: ITransport, now: float) -> None:
        if self._octets - self._earlier[-1].octets >= _STEP_OCTETS:
            self._earlier.append(self._mark())
            while self._octets - self._earlier[1].octets >= REPEATED_OCTETS:
                self._earlier.popleft()
        octets = b"".join(self._outbox.gather(HELD_OCTETS))
        if octets:
            transport.write(octets)
            self._octets += len(octets)
            # More than there can be: the next look finds out how much is left of it.
            self._handed = 2 * len(octets) + HELD_OCTETS
            self._moved = now

    def _taken(self, now: float) -> None:
        mark = attrs.evolve(self._mark(), at=now)
        if len(self._marks) == MARKS_MAX:
            self._marks[-1] = mark
        else:
            self._marks.append(mark)

    def _settle(self, now: float) -> None:
        if now - self._since >= SETTLE_S:
            self._delay_s = RETRY_MIN_S
        settled = None
        while self._marks and now - self._marks[0].at >= SETTLE_S:
            settled = self._marks.popleft()
        if settled is not None:
            self._set_forwarded(settled)

    def _mark(self) -> _Mark:
        counts = self._outbox.counts
        return _Mark(
            self._outbox.places,
            self._entries_before + counts.entries,
            self._lost_before + counts.lost,
            octets=self._octets,
        )

    def _set_forwarded(self, mark: _Mark) -> None:
        self.forwarded = attrs.evolve(
            self.forwarded, places=mark.places, entries=mark.entries, lost=mark.lost
        )
        try:
            self.forwarded.write(self._log)
        except OSError as error:
            if not self._unwritten:
                self._say(f"cannot record how far it is ({error}); after a crash more comes twice")
            self._unwritten = True
        else:
            self._unwritten = False

    def _now(self) -> float:
        return self._clock.monotonic_ns() / 1_000_000_000

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


@implementer(IHandshakeListener)
class _Link(Protocol):
    """One connection. Receivers say nothing; what comes all the same is not looked at."""

    def __init__(self, forwarder: Forwarder) -> None:
        self._forwarder = forwarder

    def connectionMade(self) -> None:
        self._forwarder.begun(self)

    def handshakeCompleted(self) -> None:
        self._forwarder.ready()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._forwarder.ended(reason)

    def abort(self) -> None:
        """End it at once."""
        abort = getattr(self.transport, "abortConnection", None)
        if abort is not None:
            abort()


def _reason(failure: Failure) -> str:
    """Return why, in a line."""
    return " ".join(failure.getErrorMessage().split()) or type(failure.value).__name__
