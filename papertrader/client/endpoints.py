"""Which worker to try next, and when: a rotating list with backoff. No sockets, no clock."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import attrs

from papertrader.client.conversion import address_text
from papertrader.core.instants import MILLISECOND, SECOND
from papertrader.wire.kinds import PORT_CLIENT, WorkerFlag
from papertrader.wire.messages import WorkerRow

ENDPOINTS_MAX: Final = 64
"""Workers one client knows; more that it is told of are left out."""
BACKOFF_MIN: Final = 200 * MILLISECOND
BACKOFF_MAX: Final = 5 * SECOND
PORT_MAX: Final = 65_535
DEFAULT_PORT: Final = PORT_CLIENT
RETRY_AFTER_MAX: Final = 60 * SECOND
"""Longest wait a server's "retry after" is believed."""


@attrs.frozen
class Endpoint:
    """A worker's address; ``host`` is also the name that its certificate must carry."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_endpoint(text: str, port_default: int = DEFAULT_PORT) -> Endpoint:
    """Read ``HOST:PORT``, ``HOST`` (port 2049, or another default) or ``[IPV6]:PORT``.

    Raises `ValueError`, and `TypeError` for what is no text.
    """
    if not isinstance(text, str):
        raise TypeError(f"a worker must be HOST:PORT or an Endpoint, not {type(text).__name__}")
    wrong = ValueError(f"{text!r} is not HOST:PORT; write for example 127.0.0.1:{port_default}")
    bracketed = text.startswith("[")
    host, separator, rest = text[1:].partition("]") if bracketed else text.partition(":")
    if bracketed:
        if not separator or (rest and not rest.startswith(":")):
            raise wrong
        port_text = rest[1:]
    else:
        port_text = rest
    if not host or any(character.isspace() for character in host):
        raise wrong
    if not port_text and (rest or (separator and not bracketed)):
        raise wrong
    if port_text and not (port_text.isascii() and port_text.isdecimal()):
        raise wrong
    port = int(port_text) if port_text else port_default
    if not 1 <= port <= PORT_MAX:
        raise wrong
    return Endpoint(host, port)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class WorkerChoice:
    """The workers known, the one in use, and when the next may be dialed.

    ``randbits`` gives that many random bits; it spreads the clients of a fallen worker over time.
    """

    def __init__(self, endpoints: Sequence[Endpoint], randbits: Callable[[int], int]) -> None:
        if not endpoints:
            raise ValueError("a client needs at least one worker: give HOST:PORT")
        self._endpoints = list(dict.fromkeys(endpoints))[:ENDPOINTS_MAX]
        self._randbits = randbits
        self._index = 0
        self._not_before = 0
        self.failures = 0
        """Connections in a row that failed before they were of use."""

    @property
    def current(self) -> Endpoint:
        """The worker in use, or the next one to dial."""
        return self._endpoints[self._index]

    @property
    def known(self) -> tuple[Endpoint, ...]:
        """All workers known."""
        return tuple(self._endpoints)

    @property
    def not_before(self) -> int:
        """When the next dial is due (nanoseconds)."""
        return self._not_before

    def learn(self, endpoints: Iterable[Endpoint]) -> None:
        """Add workers the server told of; loopback addresses only to a client of loopback."""
        local = _is_loopback(self.current.host)
        for endpoint in endpoints:
            if len(self._endpoints) >= ENDPOINTS_MAX:
                return
            if endpoint not in self._endpoints and (local or not _is_loopback(endpoint.host)):
                self._endpoints.append(endpoint)

    def worked(self) -> None:
        """Note that the worker in use answers; the backoff begins anew."""
        self.failures = 0

    def failed(self, now: int, retry_after: int = 0) -> None:
        """Go to the next worker, after a pause that doubles with each failure in a row.

        ``retry_after`` (nanoseconds) is the server's wish; it counts only if there is no other
        worker to go to.
        """
        self.failures += 1
        pause = min(BACKOFF_MAX, BACKOFF_MIN << min(self.failures - 1, 8))
        pause = pause // 2 + pause * self._randbits(16) // (1 << 17)
        if len(self._endpoints) == 1:
            pause = max(pause, min(retry_after, RETRY_AFTER_MAX))
        self._index = (self._index + 1) % len(self._endpoints)
        self._not_before = now + pause


def usable(rows: Iterable[WorkerRow]) -> Iterator[Endpoint]:
    """Give the workers of a list that may be dialed: not those that send their clients away."""
    for row in rows:
        host = row.host or address_text(row.address)
        if host and row.port and not row.flags & WorkerFlag.DRAINING:
            yield Endpoint(host, row.port)
