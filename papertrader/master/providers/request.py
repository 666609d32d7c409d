"""What is asked of a provider and what it answers, as values: origins, requests, replies."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final, Protocol, TypeAlias
from urllib.parse import urlsplit

import attrs

from papertrader import __version__
from papertrader.core.secrets import SHOWN, Secret

ANSWER_S: Final = 10
"""Seconds that a whole answer may take, unless settings say otherwise."""
BODY_MAX: Final = 1024 * 1024
"""Octets of one answer after decompression; one more and the connection is dropped."""
LISTING_MAX: Final = 8 * BODY_MAX
"""The same for the few answers that list everything a provider has."""
USER_AGENT: Final = f"PaperTrader/{__version__}"
SAID_MAX: Final = 160
"""Characters of a provider's own words that are repeated to people."""
HEAD: Final = (("Accept-Encoding", "identity"), ("User-Agent", USER_AGENT))
"""Headers of every request."""
PORTS: Final = {"https": 443, "http": 80}

HeaderValue: TypeAlias = str | Secret


@attrs.frozen
class Origin:
    """Where a provider is: scheme, host and port, and the path under which its API begins."""

    scheme: str
    host: str
    port: int
    path: str = ""

    @classmethod
    def parse(cls, url: str) -> Origin:
        """Read a base URL. Raises `ValueError` saying what is wrong with it."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError("it is not a web address") from None
        host = (parts.hostname or "").lower()
        if parts.scheme not in PORTS or not host or not url.isascii() or not url.isprintable():
            raise ValueError("it is not a web address")
        if parts.username or parts.password or parts.query or parts.fragment or " " in url:
            raise ValueError("it has a user, a query or a fragment")
        if parts.scheme == "http" and not _is_this_machine(host):
            raise ValueError("it is not encrypted; plain http is for this machine only")
        return cls(parts.scheme, host, port or PORTS[parts.scheme], parts.path.rstrip("/"))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@attrs.frozen(kw_only=True)
class Request:
    """A GET: path under the origin's, query, and headers; secrets stand in headers only."""

    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, HeaderValue], ...] = ()
    body_max: int = BODY_MAX

    def shown(self, origin: Origin) -> str:
        """Write the request as it would be sent, secrets masked."""
        query = "&".join(f"{name}={value}" for name, value in self.query)
        lines = [f"GET {origin}{self.path}" + (f"?{query}" if query else "")]
        lines += [f"{name}: {value}" for name, value in HEAD]
        lines += [
            f"{name}: {SHOWN if isinstance(value, Secret) else value}"
            for name, value in self.headers
        ]
        return "\n".join(lines)


@attrs.frozen(kw_only=True)
class Reply:
    """A whole answer, within the limits. ``content_type`` in lower case, without parameters."""

    status: int
    content_type: str
    retry_after_s: int
    body: bytes


class Asker(Protocol):
    """Who sends requests to one origin."""

    origin: Origin

    async def get(self, request: Request) -> Reply:
        """Send a GET and return the whole answer, whatever its status but 3xx.

        Raises `papertrader.master.providers.faults.ProviderFault`.
        """
