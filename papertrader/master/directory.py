"""The directory of workers: what clients are told of them, and which are being drained.

Each worker is told of the others whenever that changes, so that its GOODBYEs can name them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.kinds import DrainMode, WorkerFlag

TOLD_MAX: Final = 64
"""Workers that one worker is told of, and a GOODBYE names: those of its region first, then those
with the least load."""
LISTED_MAX: Final = 256
"""Workers in one WORKER_LIST."""


class ListedLink(Protocol):
    """A worker's link, as the directory needs it."""

    worker_id: int
    auth: m.WorkerAuth | None
    stats: m.WorkerStats | None
    clients: dict[int, m.ClientOpen]
    rtt_us: int

    def send(self, octets: bytes, frames: int = 1) -> None:
        """Send whole frames."""


class WorkerDirectory:
    """Lists the links it is given; keeps which workers are drained, whether or not they are up."""

    def __init__(self) -> None:
        self._drains: dict[int, m.WorkerDrain] = {}
        self._told: dict[int, tuple[bytes, ...]] = {}

    def rows(self, links: Iterable[ListedLink], region: int = 0) -> list[m.WorkerRow]:
        """Return the workers that are up, of a region or (0) of all."""
        return [
            self._row(link, link.auth)
            for link in links
            if link.auth is not None and region in (0, link.auth.region)
        ][:LISTED_MAX]

    def _row(self, link: ListedLink, auth: m.WorkerAuth) -> m.WorkerRow:
        draining = link.worker_id in self._drains
        return m.WorkerRow(
            address=auth.listen_address,
            port=auth.listen_port,
            load=min(100, len(link.clients) * 100 // max(1, auth.max_clients)),
            flags=WorkerFlag.DRAINING if draining else WorkerFlag.ACCEPTING,
            region=auth.region,
            sessions=link.stats.sessions if link.stats else len(link.clients),
            rtt_us=link.rtt_us,
            host=auth.host,
        )

    def drained(self) -> list[int]:
        """Return the numbers of the workers that are drained, whether or not they are up."""
        return sorted(self._drains)

    def drain(self, worker_id: int, order: m.WorkerDrain, links: Iterable[ListedLink]) -> None:
        """Begin or (OFF) end to drain a worker, now if it is up and each time it comes."""
        if order.mode == DrainMode.OFF:
            self._drains.pop(worker_id, None)
        else:
            self._drains[worker_id] = order
        links = list(links)
        # First the news for the others, so that nobody is sent back.
        self.tell(links)
        for link in links:
            if link.worker_id == worker_id:
                link.send(codec.encode(order))

    def joined(self, link: ListedLink, links: Iterable[ListedLink]) -> None:
        """A worker is in: it and the others are told, and it is drained if that was ordered."""
        self._told.pop(link.worker_id, None)
        self.tell(links)
        order = self._drains.get(link.worker_id)
        if order is not None:
            link.send(codec.encode(order))

    def tell(self, links: Iterable[ListedLink]) -> None:
        """Send every worker whose list of others has changed the new one."""
        links = [link for link in links if link.auth is not None]
        for link in links:
            others = [
                self._row(other, other.auth)
                for other in links
                if other is not link
                and other.auth is not None
                and other.worker_id not in self._drains
            ]
            region = link.auth.region if link.auth is not None else 0
            others.sort(key=lambda row: (row.region != region, row.load))
            del others[TOLD_MAX:]
            # Load and round trip change all the time; they are no news.
            names = tuple(
                sorted(
                    row.address + row.port.to_bytes(2, "big") + row.host.encode() for row in others
                )
            )
            if names != self._told.get(link.worker_id, ()):
                self._told[link.worker_id] = names
                link.send(codec.encode(m.WorkersChanged(workers=tuple(others))))


def _place(row: m.WorkerRow) -> bytes:
    return row.address + row.port.to_bytes(2, "big") + row.host.encode()
