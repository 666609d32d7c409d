"""The target over the network: TLS by plain sockets and a selector, many connections at once."""

from __future__ import annotations

import errno
import os
import selectors
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import attrs

from papertrader.fuzz.channel import Channel, Reader, UnreachableError
from papertrader.fuzz.observe import LeakWatch

PUBLIC_ALPN: Final = "ptwp/1"
CONNECT_S: Final = 5.0
CONNECT_TRIES: Final = 12
RETRY_S: Final = 0.5
"""A target may refuse connections that come too fast; so long is waited before the next try."""
READ_SIZE: Final = 256 * 1024
OUTPUT_MAX: Final = 8 * 1024 * 1024
"""Octets that wait for a target that does not read; beyond it the connection is cut."""


@attrs.frozen(kw_only=True)
class Address:
    """Where the target listens and whom it must prove to be.

    ``ca`` None with ``verify`` takes the platform's authorities; without ``verify`` any
    certificate will do. ``certificate`` and ``key`` are shown if given (the inner link).
    """

    host: str
    port: int
    ca: Path | None = None
    verify: bool = True
    alpn: str = PUBLIC_ALPN
    name: str = ""
    certificate: Path | None = None
    key: Path | None = None

    @classmethod
    def parse(cls, text: str, ca: Path | None = None, verify: bool = True) -> Address:
        """Read ``HOST:PORT``, an IPv6 address in brackets; raises `ValueError`."""
        host, colon, port = text.rpartition(":")
        if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ValueError(f"{text!r} is not HOST:PORT")
        return cls(host=host.strip("[]"), port=int(port), ca=ca, verify=verify)


class TlsTarget:
    """Connections to one address. ``now`` and ``sleep`` are a monotonic clock in seconds.

    ``make`` makes the channels. ``connect_rate`` bounds new connections a second, so that an
    honest target need not refuse any.
    """

    def __init__(
        self,
        address: Address,
        now: Callable[[], float],
        sleep: Callable[[float], None],
        leaks: LeakWatch | None = None,
        connect_rate: float = 9.0,
        connect_burst: int = 24,
        make: Callable[..., Channel] = Channel,
    ) -> None:
        self.address = address
        self.now = now
        self.refused = 0
        self._sleep = sleep
        self._leaks = leaks
        self._make = make
        self._reader = Reader()
        self._tickets: ssl.SSLSession | None = None
        self._context = self._tls()
        self._selector = selectors.DefaultSelector()
        self._wires: dict[int, _Wire] = {}
        self._number = 0
        self._resolved: list[tuple[int, Any]] = []
        self._rate, self._burst = connect_rate, float(connect_burst)
        self._tokens, self._refilled = self._burst, now()

    def _tls(self) -> ssl.SSLContext:
        address = self.address
        try:
            context = ssl.create_default_context(cafile=str(address.ca) if address.ca else None)
            if address.certificate is not None:
                context.load_cert_chain(address.certificate, address.key)
        except (OSError, ssl.SSLError) as error:
            raise UnreachableError(
                f"the certificate files cannot be used ({error}); check --tls-ca"
            ) from None
        if not address.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols([address.alpn])
        return context

    # --- Target --------------------------------------------------------------------------------

    @property
    def may_connect(self) -> bool:
        """Whether a connection can be opened now without waiting for its turn."""
        now = self.now()
        self._tokens = min(self._burst, self._tokens + (now - self._refilled) * self._rate)
        self._refilled = now
        return self._tokens >= 1

    def connect(self, owner: str = "") -> Channel:
        """Open a connection, waiting for its turn; raises `UnreachableError`.

        The first one is there when this returns; later ones become `Channel.connected` while
        `pump` is called.
        """
        while not self.may_connect:
            self.pump(0.05)
            self._sleep(0.01)
        self._tokens -= 1
        self._number += 1
        wire = _Wire(self._number, self, owner)
        self._wires[wire.channel.number] = wire
        wire.begin()
        while self._number == 1 and not wire.channel.connected:
            self.pump(0.05)
        return wire.channel

    def _begun(self) -> socket.socket:
        """Return a socket that connects; raises `OSError`."""
        address = self.address
        if not self._resolved:
            found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
            self._resolved = [(each[0], each[4]) for each in found]
        family, place = self._resolved[0]
        plain = socket.socket(family, socket.SOCK_STREAM)
        try:
            plain.setblocking(False)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            number = plain.connect_ex(place)
            if number not in (0, errno.EINPROGRESS):
                raise _error_of(number)
        except BaseException:
            plain.close()
            raise
        return plain

    def _wrapped(self, plain: socket.socket) -> ssl.SSLSocket:
        """Return TLS over a socket that is connected; raises `OSError` if it is not any more."""
        address = self.address
        return self._context.wrap_socket(
            plain, server_hostname=address.name or address.host, do_handshake_on_connect=False,
            session=self._tickets,
        )  # fmt: skip

    def _refused(self, wire: _Wire, error: Exception) -> None:
        """A connection did not come about: try again later, or give up."""
        self.refused += 1
        wire.tries += 1
        certificate = isinstance(error, ssl.SSLCertVerificationError)
        hopeless = certificate or isinstance(error, socket.gaierror)
        if self._number == 1 and isinstance(error, ConnectionRefusedError):
            hopeless = True
        if wire.tries >= CONNECT_TRIES or hopeless:
            self._wires.pop(wire.channel.number, None)
            address = self.address
            raise UnreachableError(
                f"{address.host}:{address.port} cannot be reached ({error}); check the"
                " address, --tls-ca, and that the server is up"
            ) from None
        wire.again_at = self.now() + RETRY_S

    def pump(self, seconds: float) -> None:
        """Move octets for at most so long; returns when something came."""
        for wire in list(self._wires.values()):
            wire.tend()
        if not self._selector.get_map():
            self._sleep(min(seconds, 0.01))
            return
        for key, events in self._selector.select(seconds):
            wire = key.data
            if not wire.channel.connected:
                wire.shake()
                continue
            if events & selectors.EVENT_READ:
                wire.read()
            if events & selectors.EVENT_WRITE:
                wire.write()

    def keep_ticket(self, stream: ssl.SSLSocket) -> None:
        """Let later connections go on with this one's secrets, as clients do."""
        ticket = stream.session
        if ticket is not None and ticket.has_ticket:
            self._tickets = ticket

    def forget(self, channel: Channel) -> None:
        """Cut a channel for good and give its place free."""
        wire = self._wires.get(channel.number)
        if wire is not None:
            channel.reference.cut()
            wire.lost()

    def close(self) -> None:
        """Cut everything."""
        for wire in list(self._wires.values()):
            wire.channel.reference.cut()
            wire.lost()
        self._selector.close()


class _Wire:
    """One socket and its channel."""

    def __init__(self, number: int, target: TlsTarget, owner: str) -> None:
        self.stream: ssl.SSLSocket | None = None
        self.plain: socket.socket | None = None
        self.tries = 0
        self.again_at: float | None = None
        self._target = target
        self._out = bytearray()
        self._events = 0
        self._told_ticket = False
        self._began = 0.0
        self.channel = target._make(
            number, target.now, self.queue, self.cut, target._leaks, target._reader
        )
        self.channel.owner = owner
        self.channel.connected = False

    # --- connecting ----------------------------------------------------------------------------

    def begin(self) -> None:
        self.again_at, self._began = None, self._target.now()
        try:
            self.plain = self._target._begun()
        except (OSError, ssl.SSLError) as error:
            self._target._refused(self, error)
            return
        self._events = selectors.EVENT_WRITE
        self._target._selector.register(self.plain, self._events, self)

    def shake(self) -> None:
        """Go on with connecting: TCP first, then TLS."""
        try:
            if self.stream is None:
                self._over_tcp()
            if self.stream is None:
                return
            self.stream.do_handshake()
        except ssl.SSLWantReadError:
            self._watch(selectors.EVENT_READ)
        except ssl.SSLWantWriteError:
            self._watch(selectors.EVENT_WRITE)
        except (OSError, ssl.SSLError, ValueError) as error:
            self._failed(error)
        else:
            self.channel.connected = True
            self._watch(selectors.EVENT_READ)
            self.write()

    def _over_tcp(self) -> None:
        plain = self.plain
        if plain is None:
            return
        number = plain.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            raise _error_of(number)
        self._target._selector.unregister(plain)
        self.plain = None
        try:
            self.stream = self._target._wrapped(plain)
        except BaseException:
            plain.close()
            raise
        self._events = selectors.EVENT_READ
        self._target._selector.register(self.stream, self._events, self)

    def _failed(self, error: Exception) -> None:
        self._close()
        self._target._refused(self, error)

    def tend(self) -> None:
        """Write what waits; connect again; give up a handshake that takes too long."""
        if self.channel.connected:
            if self._out:
                self.write()
        elif self.again_at is not None:
            if self._target.now() >= self.again_at:
                self.begin()
        elif self._target.now() - self._began > CONNECT_S:
            self._failed(TimeoutError("no TLS handshake in time"))

    def _watch(self, events: int) -> None:
        if events != self._events and self.stream is not None and self.stream.fileno() >= 0:
            self._events = events
            self._target._selector.modify(self.stream, events, self)

    # --- octets --------------------------------------------------------------------------------

    def queue(self, octets: bytes, at_once: bool) -> None:
        self._out += octets
        if at_once and self.channel.connected:
            self.write()
        if len(self._out) > OUTPUT_MAX:
            self.cut("reset")

    def write(self) -> None:
        if self.stream is None:
            return
        try:
            while self._out:
                sent = self.stream.send(self._out[:READ_SIZE])
                del self._out[:sent]
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError, BlockingIOError):
            pass
        except (OSError, ssl.SSLError):
            # What the target said last may still be there to be read; the reader sees the end.
            self._out.clear()
        self._watch(selectors.EVENT_READ | (selectors.EVENT_WRITE if self._out else 0))

    def read(self) -> None:
        if self.stream is None:
            return
        pieces: list[bytes] = []
        try:
            while True:
                data = self.stream.recv(READ_SIZE)
                if not data:
                    self._feed(pieces)
                    self.lost()
                    return
                pieces.append(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            self._feed(pieces)
        except (OSError, ssl.SSLError):
            self._feed(pieces)
            self.lost()

    def _feed(self, pieces: list[bytes]) -> None:
        if not pieces:
            return
        if not self._told_ticket:
            self._told_ticket = True
            if self.stream is not None:
                self._target.keep_ticket(self.stream)
        self.channel.feed(b"".join(pieces))

    def cut(self, how: str) -> None:
        if self.channel.connected and self.stream is not None:
            self.write()
            if how == "half":
                try:
                    # SSLSocket.shutdown would take TLS away from what still comes.
                    socket.socket.shutdown(self.stream, socket.SHUT_WR)
                except OSError:
                    self.lost()
                return
            if how == "reset":
                linger = b"\1\0\0\0\0\0\0\0"
                self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.lost()

    def lost(self) -> None:
        self._target._wires.pop(self.channel.number, None)
        self._close()
        self.channel.connected = True  # Nobody need wait for it any more.
        self.channel.end()

    def _close(self) -> None:
        for each in (self.plain, self.stream):
            if each is not None and each.fileno() >= 0:
                self._target._selector.unregister(each)
                each.close()
        self.plain = self.stream = None


def _error_of(number: int) -> OSError:
    # OSError makes itself the subclass of its number, such as ConnectionRefusedError.
    return OSError(number, os.strerror(number))
