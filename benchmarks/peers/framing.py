"""Frames of 64 octets over Twisted, tuned: one write per turn of the reactor, nothing parsed."""

from __future__ import annotations

from typing import Any, Final

from twisted.internet import reactor
from twisted.internet.protocol import Protocol

FRAME: Final = 64


class FramedProtocol(Protocol):
    """Collects what arrives into whole frames, and what is sent into one write per turn."""

    noisy = False
    frame = FRAME
    transport: Any

    def connectionMade(self) -> None:
        """Begin."""
        self._rest = b""
        self._out: list[bytes] = []
        self._due = False
        self.transport.setTcpNoDelay(True)

    def dataReceived(self, data: bytes) -> None:
        """Cut whole frames off."""
        data = self._rest + data if self._rest else data
        whole = len(data) - len(data) % self.frame
        self._rest = data[whole:]
        if whole:
            self.frames(data[:whole])

    def frames(self, data: bytes) -> None:
        """Take one or more whole frames."""
        raise NotImplementedError

    def send(self, data: bytes) -> None:
        """Send with everything else of this turn."""
        self._out.append(data)
        if not self._due:
            self._due = True
            loop: Any = reactor
            loop.callLater(0, self._flush)

    def _flush(self) -> None:
        self._due = False
        out, self._out = self._out, []
        self.transport.write(b"".join(out))
