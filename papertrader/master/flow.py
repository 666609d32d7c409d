"""What one worker's clients may be sent: credit for each, and the parts of transfers in turn.

A client that reads slowly is a matter between its worker and itself: the master sends it nothing
beyond the credit that its worker gave, so that nothing of it fills the shared link. What must wait
waits here: replies and events first, then one part of each transfer after the other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final, Protocol

import attrs
from twisted.internet.defer import Deferred, succeed

from papertrader.wire import codec, limits
from papertrader.wire.kinds import Status

WAITING_OCTETS_MAX: Final = limits.OUTPUT_HARD
"""Replies and events that wait for one client's credit; beyond it the client is closed."""
TRANSFER_OCTETS_MAX: Final = 16 * 1024 * 1024
"""Parts of transfers that wait for one client; another transfer is answered SERVER_BUSY."""


@attrs.frozen
class Mark:
    """What stands beside a frame in RELAY_DOWN."""

    accepted_at: int = 0
    flags: int = 0
    cache_s: int = 0


@attrs.define(slots=True, eq=False)
class _Transfer:
    """The parts of one reply that are still to be sent."""

    mark: Mark
    parts: deque[bytes]


@attrs.define(slots=True, eq=False)
class _Flow:
    """One client. ``sent`` and ``credit`` count octets of frames since its CLIENT_OPEN."""

    sent: int = 0
    credit: int = limits.RELAY_CREDIT_OCTETS
    waiting: deque[tuple[bytes, Mark]] | None = None
    """What waits, at most WAITING_OCTETS_MAX; made when something does: an empty one is 760 octets,
    and nearly every client's is empty."""
    waiting_octets: int = 0
    transfers: dict[int, _Transfer] = attrs.Factory(dict)
    transfer_octets: int = 0
    shut: bool = False
    when_room: list[Deferred[None]] = attrs.Factory(list)


class Outlet(Protocol):
    """The link, as the flows need it."""

    is_congested: bool

    def write_down(self, connection: int, octets: bytes, mark: Mark) -> None:
        """Send one frame in RELAY_DOWN."""

    def close_client(self, connection: int, code: int, text: str = "") -> None:
        """Have the worker close one client."""


class ClientFlows:
    """All clients of one link."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self._flows: dict[int, _Flow] = {}
        self._transferring: dict[int, _Flow] = {}
        self.held = 0
        """Frames that had to wait for credit."""
        self.cancelled = 0
        """Transfers that their clients ended."""

    def opened(self, connection: int) -> None:
        """A client is there; its count begins anew."""
        self.closed(connection)
        self._flows[connection] = _Flow()

    def closed(self, connection: int) -> None:
        """A client is gone, and what waited for it with it."""
        flow = self._flows.pop(connection, None)
        self._transferring.pop(connection, None)
        if flow is not None:
            _tell_room(flow)

    def closed_all(self) -> None:
        """The link is gone."""
        for connection in list(self._flows):
            self.closed(connection)

    def may_send(self, connection: int, size: int) -> bool:
        """Tell whether a frame may be sent at once, and count it if so.

        A client that is not known has gone, or has not been announced: its worker decides.
        """
        flow = self._flows.get(connection)
        if flow is None:
            return True
        if flow.waiting or flow.sent + size > flow.credit:
            return False
        flow.sent += size
        return True

    def hold(self, connection: int, octets: bytes, mark: Mark) -> None:
        """Keep a reply or an event until there is credit; too many of them close the client."""
        flow = self._flows[connection]
        if flow.shut:
            return
        if flow.waiting_octets + len(octets) > WAITING_OCTETS_MAX:
            flow.shut, flow.credit = True, 0
            self._drop(connection, flow)
            text = f"more than {WAITING_OCTETS_MAX} octets were not read in time"
            self._outlet.close_client(connection, Status.SLOW_CONSUMER, text)
            return
        self.held += 1
        if flow.waiting is None:
            flow.waiting = deque()  # at most WAITING_OCTETS_MAX
        flow.waiting.append((octets, mark))
        flow.waiting_octets += len(octets)

    def transfer(
        self, connection: int, correlation: int, parts: Sequence[bytes], mark: Mark
    ) -> bool:
        """Send the parts of a reply as credit comes; False: too much waits, nothing was taken."""
        flow = self._flows.get(connection)
        if flow is None:
            for part in parts:
                self._outlet.write_down(connection, part, mark)
            return True
        size = sum(map(len, parts))
        if flow.transfers and flow.transfer_octets + size > TRANSFER_OCTETS_MAX:
            return False
        flow.transfers[correlation] = _Transfer(mark, deque(parts, maxlen=len(parts)))
        flow.transfer_octets += size
        self._transferring[connection] = flow
        self._pump(connection, flow)
        return True

    def cancel(self, connection: int, correlation: int) -> None:
        """End a transfer of which parts still wait, with CANCELLED; else do nothing."""
        flow = self._flows.get(connection)
        transfer = flow.transfers.pop(correlation, None) if flow is not None else None
        if flow is None or transfer is None:
            return
        self.cancelled += 1
        if not flow.transfers:
            self._transferring.pop(connection, None)
        flow.transfer_octets -= sum(map(len, transfer.parts))
        head = codec.parse_header(transfer.parts[0])
        last = codec.failure(
            head.opcode,
            Status.CANCELLED,
            "The transfer was ended as asked.",
            session=head.session,
            correlation=correlation,
        )
        if self.may_send(connection, len(last)):
            self._outlet.write_down(connection, last, Mark(transfer.mark.accepted_at))
        else:
            self.hold(connection, last, Mark(transfer.mark.accepted_at))

    def credited(self, connection: int, total: int) -> None:
        """The worker has room up to ``total`` octets; a smaller number than before is old news."""
        flow = self._flows.get(connection)
        if flow is not None and total > flow.credit and not flow.shut:
            flow.credit = total
            self._pump(connection, flow)

    def resume(self) -> None:
        """The link takes octets again: go on with the transfers, those longest unserved first."""
        for connection, flow in list(self._transferring.items()):
            if self._outlet.is_congested:
                return
            self._transferring[connection] = self._transferring.pop(connection)
            self._pump(connection, flow)

    def room(self, connection: int) -> Deferred[None]:
        """Fire when no reply or event waits for a client any more, or it is gone."""
        flow = self._flows.get(connection)
        if flow is None or not flow.waiting:
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        flow.when_room.append(waiting)
        return waiting

    def _pump(self, connection: int, flow: _Flow) -> None:
        """Send what the credit allows: first what waits, then a part of each transfer in turn."""
        outlet, waiting = self._outlet, flow.waiting
        while waiting:
            octets, mark = waiting[0]
            if flow.sent + len(octets) > flow.credit:
                return
            waiting.popleft()
            flow.sent += len(octets)
            flow.waiting_octets -= len(octets)
            outlet.write_down(connection, octets, mark)
        flow.waiting = None
        _tell_room(flow)
        transfers = flow.transfers
        while transfers and not outlet.is_congested:
            correlation, transfer = next(iter(transfers.items()))
            part = transfer.parts[0]
            if flow.sent + len(part) > flow.credit:
                return
            transfer.parts.popleft()
            flow.sent += len(part)
            flow.transfer_octets -= len(part)
            del transfers[correlation]
            if transfer.parts:
                transfers[correlation] = transfer
            outlet.write_down(connection, part, transfer.mark)
        if not transfers:
            self._transferring.pop(connection, None)

    def _drop(self, connection: int, flow: _Flow) -> None:
        flow.waiting = None
        flow.transfers.clear()
        flow.waiting_octets = flow.transfer_octets = 0
        self._transferring.pop(connection, None)
        _tell_room(flow)


def _tell_room(flow: _Flow) -> None:
    waiting, flow.when_room = flow.when_room, []
    for each in waiting:
        each.callback(None)
