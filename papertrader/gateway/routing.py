"""Which request is answered by what."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import unquote

import attrs

from papertrader.gateway.errors import ApiError, bad_request
from papertrader.gateway.seats import Seat

LIST_MAX: Final = 1_000
"""Names in one comma-separated parameter."""


@attrs.frozen(kw_only=True)
class Call:
    """One request, read. ``names`` are the variable parts of its path."""

    seat: Seat
    names: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, Any]

    def symbols(self, name: str = "symbols") -> list[str]:
        """Return a list of symbols from the query. Raises `ApiError` if it is empty or too long."""
        listed = [each.strip().upper() for each in self.query.get(name, "").split(",")]
        found = list(dict.fromkeys(each for each in listed if each))
        if not found:
            raise bad_request(f"{name} is required")
        if len(found) > LIST_MAX:
            raise bad_request(f"at most {LIST_MAX} {name} can be asked for")
        return found

    def whole(self, name: str, otherwise: int, most: int) -> int:
        """Return a whole number of 1 to ``most`` from the query, cut at ``most``."""
        text = self.query.get(name, "")
        if not text:
            return otherwise
        if not (text.isascii() and text.isdecimal() and 0 < len(text) < 19 and int(text)):
            raise bad_request(f"{name} must be a whole number of at least 1")
        return min(int(text), most)


@attrs.frozen
class Answer:
    """What a request is answered with, if not 200: ``body`` None for no content."""

    status: int
    body: Any = None


Handler = Callable[[Call], Awaitable[Any]]


@attrs.frozen
class Route:
    """A method and a path; ``{name}`` is one part of it, ``{name*}`` all that follows."""

    method: str
    path: str
    handler: Handler

    @property
    def parts(self) -> list[str]:
        """The path in pieces."""
        return self.path.strip("/").split("/")


class Routes:
    """The table of all routes; fixed parts of a path go before variable ones."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.all = tuple(sorted(routes, key=lambda route: ["{" in part for part in route.parts]))

    def find(self, method: str, path: str) -> tuple[Handler, dict[str, str]]:
        """Return who answers, and the variable parts. Raises `ApiError` (404, 405)."""
        parts = path.strip("/").split("/")
        others = False
        for route in self.all:
            names = _match(route.parts, parts)
            if names is None:
                continue
            if route.method == method:
                return route.handler, names
            others = True
        if others:
            raise ApiError(405, 40510000, "method not allowed")
        raise ApiError(404, 40410000, "endpoint not found.")


def _match(pattern: list[str], parts: list[str]) -> dict[str, str] | None:
    names: dict[str, str] = {}
    for number, each in enumerate(pattern):
        if number >= len(parts):
            return None
        if each.endswith("*}"):
            names[each[1:-2]] = unquote("/".join(parts[number:]))
            return names if names[each[1:-2]] else None
        if each.startswith("{"):
            if not parts[number]:
                return None
            names[each[1:-1]] = unquote(parts[number])
        elif each != parts[number]:
            return None
    return names if len(pattern) == len(parts) else None
