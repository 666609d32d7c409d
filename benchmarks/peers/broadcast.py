"""Peers of the fan-out: one update of 160 octets to every client, ten times a second.

Kinds: ``twisted`` (transport.write in a loop), ``websockets`` (websockets.broadcast), ``fastapi``
(uvicorn, send_bytes to each). Settings: TLS 1.3, P-256; the update is encoded once and made in the
same process; an update begins when its time has come, however long the one before took, if that is
over; no compression, no keep-alive pings (the product answers one of each client every 15 s);
uvloop for the two that run on asyncio, as their users would.

    python -m benchmarks.peers.broadcast TLS_DIRECTORY twisted|websockets|fastapi PERIOD_S
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from benchmarks.peers.common import ready, serve_with_uvicorn, stdlib_context

UPDATE: Final = 160
TAIL: Final = 60
"""The wall clock stands so many octets before the end (load.c)."""


def update() -> bytes:
    """Return an update that carries the wall clock."""
    return bytes(UPDATE - TAIL) + time.time_ns().to_bytes(8, "big") + bytes(TAIL - 8)


async def ticks(period: float) -> AsyncIterator[None]:
    """Give each update's turn; those that are missed are left out, as LoopingCall does."""
    start, number = time.monotonic(), 0
    while True:
        number = max(number + 1, int((time.monotonic() - start) / period))
        await asyncio.sleep(start + number * period - time.monotonic())
        yield


def run_twisted(directory: Path, period: float) -> None:
    """Write to each transport in a loop."""
    from twisted.internet import reactor, task  # noqa: PLC0415 (the others run without Twisted)
    from twisted.internet.protocol import Factory, Protocol  # noqa: PLC0415

    from benchmarks.peers import tls  # noqa: PLC0415

    loop: Any = reactor
    transports: dict[Any, Any] = {}

    class Subscriber(Protocol):
        transport: Any

        def connectionMade(self) -> None:
            self.transport.setTcpNoDelay(True)
            transports[self] = self.transport

        def connectionLost(self, reason: Any = None) -> None:
            transports.pop(self, None)

    def tick() -> None:
        data = update()
        for transport in transports.values():
            transport.write(data)

    factory = Factory.forProtocol(Subscriber)
    factory.noisy = False
    options = tls.server_options(directory, "worker-1-public")
    port = loop.listenSSL(0, factory, options, backlog=2048, interface="127.0.0.1")
    task.LoopingCall(tick).start(period, now=False)
    loop.callWhenRunning(ready, port.getHost().port)
    loop.run()


def run_websockets(directory: Path, period: float) -> None:
    """Let the websockets library do it."""
    import uvloop  # noqa: PLC0415
    from websockets.asyncio.server import broadcast, serve  # noqa: PLC0415

    async def main() -> None:
        clients: set[Any] = set()

        async def serve_one(connection: Any) -> None:
            clients.add(connection)
            try:
                await connection.wait_closed()
            finally:
                clients.discard(connection)

        context = stdlib_context(directory, "worker-1-public")
        async with serve(
            serve_one, "127.0.0.1", 0, ssl=context, compression=None, ping_interval=None,
            backlog=2048,
        ) as server:  # fmt: skip
            ready(next(iter(server.sockets)).getsockname()[1])
            async for _ in ticks(period):
                broadcast(clients, update())

    uvloop.run(main())


def run_fastapi(directory: Path, period: float) -> None:
    """Send to each socket, as the framework's documentation shows it."""
    from fastapi import FastAPI, WebSocket  # noqa: PLC0415

    clients: set[Any] = set()
    tasks: set[Any] = set()

    async def tick() -> None:
        async for _ in ticks(period):
            data = update()
            for client in list(clients):
                try:
                    await client.send_bytes(data)
                except Exception:
                    # Gone between two sends; its own task notices too.
                    clients.discard(client)

    async def started() -> None:
        tasks.add(asyncio.create_task(tick()))

    app = FastAPI()
    app.router.on_startup.append(started)

    async def serve_one(client: Any) -> None:
        await client.accept()
        clients.add(client)
        try:
            while True:
                await client.receive_bytes()
        except Exception:
            clients.discard(client)

    serve_one.__annotations__["client"] = WebSocket
    app.add_api_websocket_route("/", serve_one)
    serve_with_uvicorn(app, directory, ws_per_message_deflate=False, ws_ping_interval=None)


KINDS: Final = {"twisted": run_twisted, "websockets": run_websockets, "fastapi": run_fastapi}

if __name__ == "__main__":
    KINDS[sys.argv[2]](Path(sys.argv[1]), float(sys.argv[3]))
