"""What every peer needs, whatever it is made of: the READY line, certificates, uvicorn."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from pathlib import Path
from typing import Any


def ready(port: int) -> None:
    """Say that clients may come."""
    print("READY", os.getpid(), port, flush=True)


def files(directory: Path, name: str) -> tuple[Path, Path]:
    """Return key and certificate of ``name`` in an installation's directory."""
    return directory / f"{name}.key", directory / f"{name}.pem"


def stdlib_context(directory: Path, name: str) -> ssl.SSLContext:
    """Return the standard library's context for a server."""
    key, certificate = files(directory, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate, key)
    return context


def serve_with_uvicorn(app: Any, directory: Path, **more: Any) -> None:
    """Run an ASGI application on uvicorn with uvloop and httptools, and say READY."""
    import uvicorn  # noqa: PLC0415

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    key, certificate = files(directory, "worker-1-public")
    server = uvicorn.Server(
        uvicorn.Config(
            app, loop="uvloop", http="httptools", access_log=False, log_level="error",
            backlog=2048, timeout_keep_alive=600, ssl_keyfile=str(key),
            ssl_certfile=str(certificate), **more,
        )
    )  # fmt: skip

    def tell() -> None:
        while not server.started:
            time.sleep(0.02)
        ready(listener.getsockname()[1])

    threading.Thread(target=tell, daemon=True).start()
    server.run(sockets=[listener])
