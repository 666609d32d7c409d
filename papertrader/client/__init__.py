"""The client library: three faces over one session core.

`Client` (blocking sockets), `AsyncClient` (asyncio) and `TwistedClient` (Deferreds) have the same
methods with the same arguments, and raise the errors of `papertrader.client.errors`. Each is
imported only when it is asked for; the first two need no Twisted.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from papertrader.client.aio import AsyncClient
    from papertrader.client.blocking import Client
    from papertrader.client.protocol import TwistedClient

__all__ = ["AsyncClient", "Client", "TwistedClient"]

_FACES: Final = {
    "AsyncClient": "papertrader.client.aio",
    "Client": "papertrader.client.blocking",
    "TwistedClient": "papertrader.client.protocol",
}


def __getattr__(name: str) -> Any:
    if name not in _FACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_FACES[name]), name)
