"""Floor: a bare Twisted TLS echo. Nobody who answers over Twisted and TLS can be faster.

Settings: epoll reactor, TLS 1.3, P-256, TCP_NODELAY, frames of 64 octets never looked at, one
write for all frames of one read. Runs on Twisted's defaults otherwise.

    python -m benchmarks.peers.echo TLS_DIRECTORY
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.protocol import Factory

from benchmarks.peers import tls
from benchmarks.peers.common import ready
from benchmarks.peers.framing import FramedProtocol


class Echo(FramedProtocol):
    """Gives back what it gets."""

    def frames(self, data: bytes) -> None:
        """Write at once: a read is a turn here."""
        self.transport.write(data)


def main() -> None:
    """Serve until SIGTERM."""
    factory = Factory.forProtocol(Echo)
    factory.noisy = False
    options = tls.server_options(Path(sys.argv[1]), "worker-1-public")
    loop: Any = reactor
    port = loop.listenSSL(0, factory, options, backlog=2048, interface="127.0.0.1")
    loop.callWhenRunning(ready, port.getHost().port)
    loop.run()


if __name__ == "__main__":
    main()
