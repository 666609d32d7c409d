"""How often each named limit was hit: what an operator looks at before raising one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

NAME_OCTETS: Final = 24
"""Octets of a name with its prefix, as counters go over the wire."""
PREFIX: Final = "hit."
NAMES_MAX: Final = 64
DRAINED: Final = "drained"
"""A counter that is none: 1 of each worker that is out of service, whether or not it is up."""


def hit_name(limit: str) -> str:
    """Return the name under which the hits of a limit are counted; cut if it came from outside."""
    return (PREFIX + limit)[:NAME_OCTETS]


class LimitHits:
    """Counters by name; the names are constants of the code, never taken from outside."""

    def __init__(self) -> None:
        self._hits: dict[str, int] = {}
        self.changed = False

    def hit(self, name: str, times: int = 1) -> None:
        """Count that the limit ``name`` was hit. Raises `ValueError` for a name that is too long
        or one too many: both are mistakes of the code."""
        if name not in self._hits and (
            len(PREFIX + name) > NAME_OCTETS or len(self._hits) >= NAMES_MAX
        ):
            raise ValueError(f"{name} cannot be counted: too long, or one name too many")
        self._hits[name] = self._hits.get(name, 0) + times
        self.changed = True

    def __getitem__(self, name: str) -> int:
        return self._hits.get(name, 0)

    def figures(self) -> Iterator[tuple[str, int]]:
        """Give (``hit.`` and the name, how often), by name."""
        for name in sorted(self._hits):
            yield PREFIX + name, self._hits[name]
