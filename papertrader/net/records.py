"""TLS without buffers of its own: a record goes straight to the socket when nothing is before it.

`FrameProtocol` writes once per turn of the reactor, so there are no small writes to gather; and a
socket mostly takes a record at once, so that the reactor need not be asked to watch it. What the
socket does not take waits in Twisted's own buffer, with its back-pressure, as ever.
"""

from __future__ import annotations

from typing import Any, Final

from OpenSSL.SSL import Error, WantReadError
from twisted.internet.interfaces import ITransport
from twisted.internet.tcp import Connection
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol

READ_MAX: Final = 32 * 1024
"""Octets taken at once from the TLS engine: more than one record, which has 16 KiB at most."""
RECORD_MAX: Final = 16 * 1024
"""Octets that make one record; more are cut by Twisted."""


class RecordTransport(TLSMemoryBIOProtocol):
    """TLS over a connection, each record sent as soon as it is made."""

    transport: Any
    _socket: Any = None
    """The connection beneath, if it is one of Twisted's over TCP."""

    def makeConnection(self, transport: ITransport) -> None:
        """Begin the handshake."""
        if isinstance(transport, Connection):
            self._socket = transport
        super().makeConnection(transport)  # type: ignore[no-untyped-call]

    def write(self, data: bytes) -> None:
        """Send octets: as one record, at once, if they fit one and nothing is before them.

        What cannot go that way, or fails, is left to Twisted, which finds out the same again.
        """
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


class RecordFactory(TLSMemoryBIOFactory):
    """Puts TLS around what another factory builds."""

    protocol = RecordTransport
