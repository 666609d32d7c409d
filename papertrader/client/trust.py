"""What is made of an authority's file, and made again when another file has taken its place."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")


class Trust(Generic[T]):
    """Gives what ``make`` makes of a file: of the one that is there whenever it is asked.

    A program that runs for months goes on so when its authority is changed: it is looked at before
    each connection, and made anew only if the file was replaced or written to. Raises what ``make``
    raises, which is a `ValueError` for a file that cannot be used: at first only. Later, a file
    that is gone or half written leaves what was made before.
    """

    def __init__(self, file: str | Path, make: Callable[[Path], T]) -> None:
        self._file = Path(file)
        self._make = make
        self._seen = self._look()
        self._made = make(self._file)

    def __call__(self) -> T:
        """Return what is made of the file as it is now."""
        seen = self._look()
        if seen != self._seen:
            with contextlib.suppress(ValueError):
                self._made = self._make(self._file)
                self._seen = seen
        return self._made

    def _look(self) -> tuple[int, int, int]:
        try:
            found = self._file.stat()
        except OSError:
            return 0, 0, 0
        return found.st_ino, found.st_mtime_ns, found.st_size
