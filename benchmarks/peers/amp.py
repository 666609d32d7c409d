"""Peer: twisted.protocols.amp, what a Twisted user would take for commands; one hop only.

Settings: epoll reactor, TLS 1.3, P-256, one command of one 60-octet argument, answered at once with
the same. AMP answers each box by itself; that is how it works.

    python -m benchmarks.peers.amp TLS_DIRECTORY
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.protocol import Factory
from twisted.protocols import amp

from benchmarks.peers import tls
from benchmarks.peers.common import ready

BODY = b"a" * 60
REQUEST = amp.AmpBox(_ask=b"1", _command=b"Echo", body=BODY).serialize()
REPLY = amp.AmpBox(_answer=b"1", body=BODY).serialize()


class Echo(amp.Command):
    """Gives back what it gets."""

    arguments = [(b"body", amp.String())]
    response = [(b"body", amp.String())]


class Server(amp.AMP):
    """Answers `Echo`."""

    noisy = False

    @Echo.responder
    def echo(self, body: bytes) -> dict[str, bytes]:
        """Give back what came."""
        return {"body": body}


def main() -> None:
    """Serve until SIGTERM."""
    factory = Factory.forProtocol(Server)
    factory.noisy = False
    options = tls.server_options(Path(sys.argv[1]), "worker-1-public")
    loop: Any = reactor
    port = loop.listenSSL(0, factory, options, backlog=2048, interface="127.0.0.1")
    loop.callWhenRunning(ready, port.getHost().port)
    loop.run()


if __name__ == "__main__":
    main()
