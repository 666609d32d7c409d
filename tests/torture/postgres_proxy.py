"""A proxy before a PostgreSQL that cuts a connection at a chosen moment, a commit's middle too."""

from __future__ import annotations

import contextlib
import select
import socket
import threading


class CuttingProxy:
    """Forwards connections; after `arm` it cuts the one that sends next."""

    def __init__(self, port: int) -> None:
        self._server = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._lock = threading.Lock()
        self._countdown = -1
        self._deliver = True
        self._open = True
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, after: int, deliver: bool) -> None:
        """Cut at the request number ``after`` from now; the server gets it if ``deliver``."""
        with self._lock:
            self._countdown, self._deliver = after, deliver

    def close(self) -> None:
        """Take no more connections."""
        self._open = False
        self._listening.close()

    def _accept(self) -> None:
        while self._open:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with contextlib.ExitStack() as stack:
            stack.enter_context(contextlib.closing(client))
            try:
                server = socket.create_connection(("127.0.0.1", self._server), 3)
            except OSError:
                return
            stack.enter_context(contextlib.closing(server))
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with contextlib.suppress(OSError):
                self._pump(client, server)

    def _pump(self, client: socket.socket, server: socket.socket) -> None:
        while self._open:
            ready, _, _ = select.select([client, server], [], [], 1.0)
            for end in ready:
                octets = end.recv(65_536)
                if not octets:
                    return
                if end is client and self._due():
                    if self._deliver:
                        server.sendall(octets)
                    self.cuts += 1
                    return
                (server if end is client else client).sendall(octets)

    def _due(self) -> bool:
        with self._lock:
            if self._countdown < 0:
                return False
            self._countdown -= 1
            return self._countdown < 0
