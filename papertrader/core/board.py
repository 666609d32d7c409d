"""Boards: reference data by symbol, with a note of what an input has looked at.

A decision depends on the newest quotes and on what is known of the assets. Neither is made of
events, so whoever keeps the inputs has to keep with each what of it was used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

ValueT = TypeVar("ValueT")


class Board(Generic[ValueT]):
    """The newest value of each symbol.

    ``used`` holds what `get` has returned since it was last cleared, as it then was; it is bounded
    by the symbols that there are.
    """

    __slots__ = ("_newest", "used")

    def __init__(self) -> None:
        self._newest: dict[str, ValueT] = {}
        self.used: dict[str, ValueT] = {}

    def get(self, symbol: str) -> ValueT | None:
        """Return the newest value of ``symbol`` for a decision, and note that it was used."""
        found = self._newest.get(symbol)
        if found is not None and symbol not in self.used:
            self.used[symbol] = found
        return found

    def peek(self, symbol: str) -> ValueT | None:
        """Return the newest value of ``symbol`` for anything but a decision."""
        return self._newest.get(symbol)

    def __getitem__(self, symbol: str) -> ValueT:
        found = self.get(symbol)
        if found is None:
            raise KeyError(symbol)
        return found

    def __setitem__(self, symbol: str, value: ValueT) -> None:
        self._newest[symbol] = value

    def __iter__(self) -> Iterator[str]:
        return iter(self._newest)

    def __len__(self) -> int:
        return len(self._newest)

    def pop(self, symbol: str) -> None:
        """Forget ``symbol``, if it is known."""
        self._newest.pop(symbol, None)

    def clear(self) -> None:
        """Forget all values; what was used stays noted."""
        self._newest.clear()
