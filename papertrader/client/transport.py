"""What the faces without Twisted stand on: TLS contexts, sockets, a clock."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from papertrader.client.endpoints import Endpoint, parse_endpoint
from papertrader.client.trust import Trust
from papertrader.core.instants import from_datetime
from papertrader.wire.kinds import ALPN_CLIENT

ALPN: Final = ALPN_CLIENT
DIAL_TIMEOUT_S: Final = 10.0
SEND_TIMEOUT_S: Final = 10.0
RECEIVE_OCTETS: Final = 256 * 1024


class Transport(Protocol):
    """A connected byte stream."""

    def send(self, octets: bytes) -> None:
        """Write everything; raises `OSError`."""

    def receive(self, timeout: float) -> bytes | None:
        """Return what came, None if nothing came in ``timeout`` seconds, b"" at the end."""

    def close(self) -> None:
        """Let go of it; never raises."""


Dial = Callable[[Endpoint, float], Transport]
"""Connects to a worker within so many seconds; raises `OSError`."""


def wall_clock() -> Callable[[], int]:
    """Return a clock in nanoseconds since 1970 that never steps: read once, then monotonic."""
    # Programs without Twisted have no clock of `papertrader.net`: this is the one of theirs.
    offset = from_datetime(datetime.now(UTC)) - time.monotonic_ns()
    return lambda: offset + time.monotonic_ns()


def endpoints_of(workers: str | Endpoint | Iterable[str | Endpoint]) -> Sequence[Endpoint]:
    """Read one or several ``HOST:PORT``; raises `ValueError` and `TypeError`."""
    listed = [workers] if isinstance(workers, str | Endpoint) else list(workers)
    return [one if isinstance(one, Endpoint) else parse_endpoint(one) for one in listed]


def client_context(ca: str | Path) -> ssl.SSLContext:
    """Return a TLS context that trusts the CA file only: TLS 1.2 or better, names checked.

    Raises `ValueError`, naming the file, if it cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=str(ca))
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or str(error)
        raise ValueError(f"the CA file {ca} cannot be used: {reason}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([ALPN])
    return context


def require_alpn(chosen: str | None) -> None:
    """Raise `ConnectionError` unless the peer agreed to speak our protocol."""
    if chosen != ALPN:
        raise ConnectionError(f"the server does not speak {ALPN}; is it a PaperTrader worker?")


class TlsTransport:
    """A TLS socket."""

    def __init__(self, stream: ssl.SSLSocket) -> None:
        self._stream = stream

    def send(self, octets: bytes) -> None:
        """Write everything; raises `OSError`, also when the peer takes nothing for 10 seconds."""
        self._stream.settimeout(SEND_TIMEOUT_S)
        self._stream.sendall(octets)

    def receive(self, timeout: float) -> bytes | None:
        """Return what came, None if nothing came in ``timeout`` seconds, b"" at the end."""
        self._stream.settimeout(max(timeout, 0.0))
        try:
            return self._stream.recv(RECEIVE_OCTETS)
        except (TimeoutError, ssl.SSLWantReadError, BlockingIOError):
            return None

    def close(self) -> None:
        """Close the socket."""
        try:
            self._stream.close()
        except OSError:
            return


def tls_dialer(ca: str | Path) -> Dial:
    """Return what connects with TLS to workers whose certificates come from the CA file.

    The file is looked at before each connection: another one may have taken its place.
    """
    context = Trust(ca, client_context)

    def dial(endpoint: Endpoint, timeout: float) -> Transport:
        plain = socket.create_connection((endpoint.host, endpoint.port), timeout=timeout)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stream = context().wrap_socket(plain, server_hostname=endpoint.host)
        except BaseException:
            plain.close()
            raise
        try:
            require_alpn(stream.selected_alpn_protocol())
        except ConnectionError:
            stream.close()
            raise
        return TlsTransport(stream)

    return dial
