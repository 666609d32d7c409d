"""How much of what was written to a connection its other end's machine has not taken yet."""

from __future__ import annotations

import fcntl
import socket
import struct
import sys
from typing import Final

from twisted.internet.interfaces import ITransport
from twisted.internet.tcp import Connection
from twisted.protocols.tls import TLSMemoryBIOProtocol

_SIOCOUTQ: Final = 0x5411
"""Linux, tcp(7): octets in the send queue that are not acknowledged. The number is TIOCOUTQ's."""


def octets_unsent(transport: ITransport | None) -> int:
    """Return how many octets wait in this process, or for an acknowledgment of TCP's.

    0 says that the other machine has all of it; not that a program there has read it. Where the
    system does not tell what it still holds (it does on Linux), that counts as taken.
    """
    waiting = 0
    if isinstance(transport, TLSMemoryBIOProtocol):
        waiting = sum(map(len, transport._appSendBuffer))
        transport = transport.transport
    if not isinstance(transport, Connection):
        return waiting
    waiting += len(transport.dataBuffer) - transport.offset + transport._tempDataLen
    return waiting + _in_kernel(transport.socket)


def _in_kernel(end: socket.socket) -> int:
    if sys.platform != "linux":
        return 0
    answer = fcntl.ioctl(end.fileno(), _SIOCOUTQ, bytes(4))
    return int(struct.unpack("i", answer)[0])
