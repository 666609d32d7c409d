"""The target over the network: TLS by plain sockets and a selector, many connections at once."""

from __future__ import annotations

import selectors
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs

from papertrader.fuzz.channel import Channel, UnreachableError
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

    ``connect_rate`` bounds new connections a second, so that an honest target need not refuse any.
    """

    def __init__(
        self,
        address: Address,
        now: Callable[[], float],
        sleep: Callable[[float], None],
        leaks: LeakWatch | None = None,
        connect_rate: float = 9.0,
        connect_burst: int = 24,
    ) -> None:
        self.address = address
        self.now = now
        self.refused = 0
        self._sleep = sleep
        self._leaks = leaks
        self._context = self._tls()
        self._selector = selectors.DefaultSelector()
        self._wires: dict[int, _Wire] = {}
        self._number = 0
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
        """Open a connection, waiting for its turn; raises `UnreachableError`."""
        tries = 0
        while True:
            while not self.may_connect:
                self.pump(0.05)
                self._sleep(0.01)
            self._tokens -= 1
            try:
                stream = self._connected()
            except (OSError, ssl.SSLError) as error:
                self.refused += 1
                tries += 1
                certificate = isinstance(error, ssl.SSLCertVerificationError)
                hopeless = certificate or isinstance(error, socket.gaierror)
                if not self._number and isinstance(error, ConnectionRefusedError):
                    hopeless = True
                if tries >= CONNECT_TRIES or hopeless:
                    address = self.address
                    raise UnreachableError(
                        f"{address.host}:{address.port} cannot be reached ({error}); check the"
                        " address, --tls-ca, and that the server is up"
                    ) from None
                self._sleep(RETRY_S)
                continue
            break
        self._number += 1
        wire = _Wire(self._number, stream, self, owner)
        self._wires[wire.channel.number] = wire
        self._selector.register(stream, selectors.EVENT_READ, wire)
        return wire.channel

    def _connected(self) -> ssl.SSLSocket:
        address = self.address
        plain = socket.create_connection((address.host, address.port), CONNECT_S)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stream = self._context.wrap_socket(plain, server_hostname=address.name or address.host)
        except BaseException:
            plain.close()
            raise
        stream.setblocking(False)
        return stream

    def pump(self, seconds: float) -> None:
        """Move octets for at most so long; returns when something came."""
        for wire in list(self._wires.values()):
            wire.write()
        if not self._selector.get_map():
            self._sleep(min(seconds, 0.01))
            return
        for key, events in self._selector.select(seconds):
            wire = key.data
            if events & selectors.EVENT_READ:
                wire.read()
            if events & selectors.EVENT_WRITE:
                wire.write()

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

    def __init__(self, number: int, stream: ssl.SSLSocket, target: TlsTarget, owner: str) -> None:
        self.stream = stream
        self._target = target
        self._out = bytearray()
        self.channel = Channel(number, target.now, self.queue, self.cut, target._leaks)
        self.channel.owner = owner

    def queue(self, octets: bytes) -> None:
        self._out += octets
        self.write()
        if len(self._out) > OUTPUT_MAX:
            self.cut("reset")

    def write(self) -> None:
        try:
            while self._out:
                sent = self.stream.send(self._out[:READ_SIZE])
                del self._out[:sent]
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError, BlockingIOError):
            pass
        except (OSError, ssl.SSLError):
            # What the target said last may still be there to be read; the reader sees the end.
            self._out.clear()
        if self.stream.fileno() >= 0:
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._out else 0)
            self._target._selector.modify(self.stream, wanted, self)

    def read(self) -> None:
        try:
            while True:
                data = self.stream.recv(READ_SIZE)
                if not data:
                    self.lost()
                    return
                self.channel.feed(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            return
        except (OSError, ssl.SSLError):
            self.lost()

    def cut(self, how: str) -> None:
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
        if self.stream.fileno() < 0:
            return
        self._target._selector.unregister(self.stream)
        self._target._wires.pop(self.channel.number, None)
        self.stream.close()
        self.channel.end()
