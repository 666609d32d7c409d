"""Where a shared store is: the form of its URL. Settings read it, so it loads no database."""

from __future__ import annotations

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
