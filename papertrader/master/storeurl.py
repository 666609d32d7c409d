"""Where a shared store is: the form of its URL. Settings read it, so it loads no database."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import parse_qsl, urlsplit, urlunsplit


def checked_url(url: str) -> str:
    """Return a PostgreSQL's URL, which holds no password; `ValueError` says what is allowed."""
    parts = urlsplit(url)
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError("a URL such as postgresql://papertrader@127.0.0.1:5432/papertrader")
    if parts.password is not None or "password" in dict(parse_qsl(parts.query)):
        raise ValueError(
            "a URL without a password, for settings hold no secrets: put it in ~/.pgpass, or in a"
            " file named by ?passfile=/path, readable by you alone"
        )
    return urlunsplit(("postgresql", *parts[1:]))


def why_open(url: str, environment: Mapping[str, str]) -> str:
    """Say what a listener between here and a store's server could do; "" if nothing.

    Over the machine itself nobody is between. Elsewhere libpq takes what the server offers, plain
    text among it, unless ``sslmode``, in the URL or as ``PGSSLMODE``, demands more.
    """
    parts = urlsplit(url)
    asked = dict(parse_qsl(parts.query))
    host = asked.get("host") or parts.hostname or environment.get("PGHOST", "")
    if not host or host.startswith("/") or host == "localhost" or _is_loopback(host):
        return ""
    mode = asked.get("sslmode") or environment.get("PGSSLMODE", "prefer")
    if mode in ("verify-ca", "verify-full"):
        return ""
    if mode == "require":
        return f"nobody checks who answers as {host}"
    return f"what passes to and from {host} may be read and changed on the way"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
