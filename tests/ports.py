"""Ports for servers whose address must be known before they start, or stay over restarts.

A server that can say where it listens asks for port 0 instead.
"""

from __future__ import annotations

import contextlib
import random
import socket
from typing import Final

LOWEST: Final = 12_000
HIGHEST: Final = 31_999
"""Below 32,768, where Linux begins to take the near ends of outgoing connections from. One of
those, even a minute after its end, keeps a server from listening on its port."""
TRIES: Final = 200
_random = random.SystemRandom()


def free_port(host: str = "127.0.0.1", following: int = 1) -> int:
    """Return a port that nobody uses, and neither the ``following`` ones.

    A worker takes the port after its own for browsers. Raises `OSError` if none is found.
    """
    for _ in range(TRIES):
        first = _random.randint(LOWEST, HIGHEST - following)
        with contextlib.ExitStack() as held:
            try:
                for port in range(first, first + following + 1):
                    held.enter_context(socket.create_server((host, port)))
            except OSError:
                continue
            return first
    raise OSError(f"no free port on {host} in {TRIES} tries")
