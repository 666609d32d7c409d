"""TLS without buffers of its own: records are read from the socket and written to it by OpenSSL.

Twisted gives OpenSSL two buffers in memory and carries the octets between them and the socket. So
a handshake goes here as well, because Twisted paces and judges it. When it is through, OpenSSL is
given the socket itself (`RecordTransport`), as it would be without Twisted: what was four calls and
two exceptions a read is one, and a write is one.

`FrameProtocol` writes once per turn of the reactor, so there are no small writes to gather; and a
socket mostly takes a record at once, so that the reactor need not be asked to watch it. What the
socket does not take waits in Twisted's own buffer, in the clear, with its back-pressure, as ever.
"""

from __future__ import annotations

import errno
import socket
from typing import Any, Final

from OpenSSL._util import lib as _lib
from OpenSSL.SSL import Error, SysCallError, WantReadError, WantWriteError, ZeroReturnError
from twisted.internet.interfaces import ITransport
from twisted.internet.protocol import connectionDone
from twisted.internet.tcp import Connection
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure

READ_MAX: Final = 32 * 1024
"""Octets taken at once from the TLS engine: more than one record, which has 16 KiB at most."""
RECORD_MAX: Final = 16 * 1024
"""Octets that make one record; more are cut."""
NO_SOCKET: Final = -1
_HANDS_OVER: Final = hasattr(_lib, "SSL_set_fd") and hasattr(_lib, "SSL_write")
"""Whether pyOpenSSL lets us do what its own connections over a socket do."""


def _send(engine: Any, data: bytes) -> int:
    """Send a record, as ``engine.send`` does at twice the cost; raises its errors."""
    sent: int = _lib.SSL_write(engine._ssl, data, len(data))
    if sent <= 0:
        engine._raise_ssl_error(engine._ssl, sent)
    return sent


class TlsSocket:
    """Stands in the place of a connection's socket: takes and gives what OpenSSL encrypts.

    Twisted's connection reads, writes, buffers and closes as it does without TLS. What is not
    named here is the socket's own.
    """

    def __init__(self, owner: RecordTransport, engine: Any, beneath: socket.socket) -> None:
        self._owner = owner
        self._engine = engine
        self._beneath = beneath

    def __getattr__(self, name: str) -> Any:
        return getattr(self._beneath, name)

    def recv(self, size: int) -> bytes:
        """Return what came, of several records if they are full; raises `OSError` as a socket does.

        What the peer says of the connection itself (its end, or something that is not TLS) is dealt
        with as Twisted does, and looks here as if nothing had come.
        """
        data = b""
        try:
            while size >= RECORD_MAX:
                part: bytes = self._engine.recv(RECORD_MAX)
                data = data + part if data else part
                if len(part) < RECORD_MAX:
                    break
                size -= RECORD_MAX
        except (WantReadError, WantWriteError):
            pass
        except SysCallError as error:
            # TCP's end. It is still there when the next read looks for more.
            if not data:
                raise ConnectionResetError(errno.ECONNRESET, str(error)) from None
        except ZeroReturnError:
            self._end(data, None)
        except Error:
            self._end(data, Failure())
        else:
            return data
        if not data:
            raise BlockingIOError(errno.EWOULDBLOCK, "no whole record has come")
        return data

    def _end(self, data: bytes, reason: Failure | None) -> None:
        """Give what came before an end, and then deal with it: nobody would read it again."""
        if data:
            self._owner.dataReceived(data)
        self._owner.tls_ended(reason)
        raise BlockingIOError(errno.EWOULDBLOCK, "TLS has ended")

    def send(self, data: bytes | memoryview) -> int:
        """Send the first octets, a record at the most; return how many. Raises `OSError`."""
        if not data:
            # The reactor was asked to say when there is room, with nothing written: see `_say_end`.
            self._owner.sent(0)
            return 0
        try:
            sent = _send(self._engine, bytes(data[:RECORD_MAX]))
        except (WantReadError, WantWriteError):
            raise BlockingIOError(errno.EWOULDBLOCK, "the socket is full") from None
        except Error as error:
            raise ConnectionResetError(errno.ECONNRESET, str(error)) from None
        self._owner.sent(sent)
        return sent

    def close(self) -> None:
        """Close the socket, when OpenSSL cannot reach it any more.

        The number of the socket may be another connection's in a moment.
        """
        _lib.SSL_set_fd(self._engine._ssl, NO_SOCKET)
        self._beneath.close()


class RecordTransport(TLSMemoryBIOProtocol):
    """TLS over a connection, each record sent as soon as it is made."""

    transport: Any
    _socket: Any = None
    """The connection beneath, if it is one of Twisted's over TCP."""
    is_direct = False
    """Whether OpenSSL reads and writes the socket itself: from the handshake's end on."""
    _end_waits = False
    """Whether the word that nothing more comes found no room in the socket."""

    def makeConnection(self, transport: ITransport) -> None:
        """Begin the handshake."""
        if isinstance(transport, Connection):
            self._socket = transport
        super().makeConnection(transport)  # type: ignore[no-untyped-call]

    # --- reading --------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        """Take what the connection read: records, or what was in them once OpenSSL reads them."""
        if self.is_direct:
            self.wrappedProtocol.dataReceived(data)
            return
        try:
            super().dataReceived(data)  # type: ignore[no-untyped-call]
        except Exception:
            # The reactor ends a connection that raises, and Twisted would deliver what else came
            # then: what raises once more is never told of the end, nor is it counted.
            self._aborted = True
            raise
        if self._handshakeDone:
            self._hand_over()

    def _hand_over(self) -> None:
        """Give OpenSSL the socket, if nothing is on its way in buffers.

        Reading went on until OpenSSL had taken all that came and asked for more, so what it has not
        delivered is part of a record, which it keeps itself.
        """
        link = self._socket
        if (
            link is None
            or not _HANDS_OVER
            or not link.connected
            or link.socket.fileno() < 0
            or self.disconnecting
            or self._lostTLSConnection
            or self._appSendBuffer
        ):
            return
        self._flushSendBIO()
        if self._waiting():
            return
        engine = self._tlsConnection
        # As pyOpenSSL makes a connection over a socket. OpenSSL frees the buffers that it had.
        if _lib.SSL_set_fd(engine._ssl, link.socket.fileno()) != 1:
            return
        engine._into_ssl = engine._from_ssl = None
        engine._socket = link.socket
        link.socket = TlsSocket(self, engine, link.socket)
        self.is_direct = True

    def tls_ended(self, reason: Failure | None) -> None:
        """Deal with the peer's word that nothing more comes, or with the error that was no TLS."""
        if not self.connected or self._lostTLSConnection:
            return
        if reason is None:
            self._shutdownTLS()
        self._tlsShutdownFinished(reason)  # type: ignore[no-untyped-call]

    # --- writing --------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send octets: as one record, at once, if they fit one and nothing is before them.

        What cannot go that way, or fails, is left to Twisted, which finds out the same again.
        """
        if not self.is_direct:
            self._write_to_buffers(data)
            return
        if self._lostTLSConnection or (self.disconnecting and self._producer is None):
            return
        link, engine, size = self._socket, self._tlsConnection, len(data)
        if not (link.dataBuffer or link._tempDataBuffer):
            try:
                if 0 < size <= RECORD_MAX:
                    # Nearly always one record that the socket takes: `_send`, without a call.
                    sent = _lib.SSL_write(engine._ssl, data, size)
                    if sent == size:
                        return
                    if sent <= 0:
                        engine._raise_ssl_error(engine._ssl, sent)
                    data = data[sent:]
                while data:
                    data = data[_send(engine, data[:RECORD_MAX]) :]
            except Error:
                # Full, or lost; the latter is found again, and dealt with, when the reactor writes.
                pass
        if data:
            link.write(data)

    def _write_to_buffers(self, data: bytes) -> None:
        if (
            self._socket is not None
            and 0 < len(data) <= RECORD_MAX
            and not (self._appSendBuffer or self._lostTLSConnection)
            and not (self.disconnecting and self._producer is None)
        ):
            try:
                self._tlsConnection.send(data)
            except Error:
                # The handshake is not through, or the engine is broken.
                super().write(data)  # type: ignore[no-untyped-call]
            else:
                self._flushSendBIO()
        else:
            super().write(data)  # type: ignore[no-untyped-call]

    def _flushSendBIO(self) -> None:
        if self.is_direct:
            return
        try:
            octets = self._tlsConnection.bio_read(READ_MAX)
        except WantReadError:
            return
        link = self._socket
        if link is not None and link.connected and not (link.dataBuffer or link._tempDataBuffer):
            try:
                sent = link.socket.send(octets)
            except OSError:
                # Full, or lost; the latter is found again, and dealt with, when the reactor writes.
                sent = 0
            if sent == len(octets):
                return
            if sent:
                octets = octets[sent:]
        self.transport.write(octets)

    def _waiting(self) -> int:
        """Return how many octets wait in the connection's own buffer."""
        link = self._socket
        return len(link.dataBuffer) - int(link.offset) + int(link._tempDataLen)

    # --- the end --------------------------------------------------------------------------------

    def sent(self, count: int) -> None:
        """Note what the reactor could send; with the last of it, say that nothing more comes."""
        is_ending = self.disconnecting or self._lostTLSConnection
        if is_ending and (count or self._end_waits) and self._waiting() <= count:
            self._say_end()

    def _shutdownTLS(self) -> None:
        if not self.is_direct:
            super()._shutdownTLS()  # type: ignore[no-untyped-call]
        elif self.connected and not self._waiting():
            self._say_end()

    def _say_end(self) -> None:
        self._end_waits = False
        try:
            both = self._tlsConnection.shutdown()
        except WantWriteError:
            self._end_waits = True
            self._socket.startWriting()
            return
        except Error:
            both = False
        if both:
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell the protocol; nothing more is sent."""
        if self.is_direct:
            # There is no buffer whose rest could be read.
            self._lostTLSConnection = True
        super().connectionLost(reason)  # type: ignore[no-untyped-call]


class RecordFactory(TLSMemoryBIOFactory):
    """Puts TLS around what another factory builds."""

    protocol = RecordTransport
