"""A client connection for campaigns: blocking, one request after another, without the library."""

from __future__ import annotations

import itertools
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

from papertrader.wire import codec, kinds
from papertrader.wire import messages as m
from papertrader.wire.codec import EVENT, MORE, RESPONSE, Header
from papertrader.wire.derived import Message

READ_SIZE = 256 * 1024
TIMEOUT_S = 60.0


def client_context(ca: Path) -> ssl.SSLContext:
    """Return what a client of a worker trusts and speaks."""
    context = ssl.create_default_context(cafile=str(ca))
    context.set_alpn_protocols([kinds.ALPN_CLIENT])
    return context


def hello() -> bytes:
    """Return a client's first frame."""
    message = m.Hello(
        min_version=1, max_version=1, role=kinds.Role.TOOL, revision=kinds.REVISION,
        max_frame=1 << 20, instance=7,
    )  # fmt: skip
    return codec.encode(message, correlation=1)


class Line:
    """One connection that has said HELLO. ``source`` is the address it comes from."""

    def __init__(self, worker: str, context: ssl.SSLContext, source: str = "127.0.0.1") -> None:
        host, _, port = worker.rpartition(":")
        plain = socket.create_connection((host, int(port)), TIMEOUT_S, (source, 0))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = context.wrap_socket(plain, server_hostname=host)
        self._buffer = bytearray()
        self._correlations = itertools.count(2)
        self._seqs = itertools.count(1)
        self.session = 0
        self._stream.sendall(hello())
        self.await_reply(1)

    def close(self) -> None:
        """Say GOODBYE and close."""
        self._stream.sendall(codec.encode(m.Goodbye()))
        self._stream.close()

    def log_in(self, username: str, password: str, new: bool = True) -> None:
        """Open a session, registering the account first if ``new``."""
        if new:
            self.ask(m.Register(username=username, password=password))
        self.session = self.ask(
            m.Login(username=username, password=password, scope=kinds.Scope.TRADE)
        )[0].session

    def frame(self, message: Message, *, changing: bool = False) -> tuple[int, bytes]:
        """Return a request's correlation and octets."""
        correlation = next(self._correlations)
        seq = next(self._seqs) if changing else 0
        octets = codec.encode(message, session=self.session, correlation=correlation, seq=seq)
        return correlation, octets

    def ask(self, message: Message, *, changing: bool = False) -> tuple[Header, bytes]:
        """Ask and return the last frame of the reply; raises `ValueError` for a refusal."""
        correlation, octets = self.frame(message, changing=changing)
        self._stream.sendall(octets)
        header, reply = self.await_reply(correlation)
        if header.status:
            said = kinds.Status(header.status).name
            raise ValueError(f"{type(message).__name__} was answered {said}")
        return header, reply

    def ask_all(self, messages: list[Message], *, changing: bool = False) -> list[int]:
        """Ask many things in one write and return the statuses of the replies, in their order."""
        asked = [self.frame(message, changing=changing) for message in messages]
        self._stream.sendall(b"".join(octets for _, octets in asked))
        return [self.await_reply(correlation)[0].status for correlation, _ in asked]

    def send(self, octets: bytes) -> None:
        """Send octets as they are."""
        self._stream.sendall(octets)

    def await_reply(self, correlation: int) -> tuple[Header, bytes]:
        """Return the last frame of the reply to a request."""
        for _ in range(1_000_000):
            header, octets = self._frame()
            if header.opcode == kinds.Opcode.GOODBYE and header.flags & EVENT:
                said = codec.decode_body(header, octets)
                raise ConnectionError(f"the worker said GOODBYE: {said}")
            mine = header.correlation == correlation and header.flags & RESPONSE
            if mine and not header.flags & MORE:
                return header, octets
        raise ConnectionError("too many frames before the reply")

    def at_hand(self) -> Iterator[Header]:
        """Give the headers of the replies that have come, without waiting for any."""
        self._stream.setblocking(False)
        try:
            while True:
                self._read()
        except (ssl.SSLWantReadError, BlockingIOError):
            pass
        finally:
            self._stream.settimeout(TIMEOUT_S)
        while len(self._buffer) >= codec.HEADER.size:
            header = codec.parse_header(bytes(self._buffer[: codec.HEADER.size]))
            if len(self._buffer) < codec.HEADER.size + header.length:
                return
            yield self._frame()[0]

    def cut(self) -> None:
        """End the connection from another thread, whatever this one is about to do."""
        # Past the TLS layer, which is not for two threads at once.
        socket.socket.shutdown(self._stream, socket.SHUT_RDWR)

    def _frame(self) -> tuple[Header, bytes]:
        while len(self._buffer) < codec.HEADER.size:
            self._read()
        header = codec.parse_header(bytes(self._buffer[: codec.HEADER.size]))
        size = codec.HEADER.size + header.length
        while len(self._buffer) < size:
            self._read()
        octets = bytes(self._buffer[:size])
        del self._buffer[:size]
        return header, octets

    def _read(self) -> None:
        data = self._stream.recv(READ_SIZE)
        if not data:
            raise ConnectionError("the worker closed the connection")
        self._buffer += data
