"""Finding the file, function and line that wrote a log entry."""

from __future__ import annotations

import sys
from types import CodeType, FrameType
from typing import Final

from papertrader.core.logrecord import Source

SOURCES_MAX: Final = 8192
"""Places in the code remembered; when full, all are forgotten and found again."""
_FRAMES_MAX: Final = 32
_PASSED_OVER: Final = (
    "twisted.logger",
    "twisted.python.log",
    "twisted.python.threadable",
    "papertrader.eventlog",
)


class Callers:
    """Remembers every place in the code that has logged, so that naming it again costs nothing.

    Threads may share it.
    """

    def __init__(self) -> None:
        self._sources: dict[tuple[str, str, str, int], Source] = {}
        self._places: dict[tuple[int, int], tuple[CodeType, Source]] = {}

    def find(self, module: str | None) -> Source:
        """Return the nearest caller outside the logging systems.

        ``module`` is the logger's namespace, if it has one; otherwise the caller's module stands
        there. An event that was kept back and is told again has no caller any more: its file and
        function are ``"-"`` and its line 0 (`was_kept_back`).
        """
        frame: FrameType | None = sys._getframe(1)
        for _ in range(_FRAMES_MAX):
            if frame is None:
                break
            name: str = frame.f_globals.get("__name__", "?")
            if not name.startswith(_PASSED_OVER):
                return self._source(module or name, name, frame.f_code, frame.f_lineno)
            if frame.f_code.co_name == "replayTo":
                break
            frame = frame.f_back
        return Source(module or "?", "-", "-", 0)

    def above(self) -> Source:
        """Return the place that called the function that calls this, found by its code alone.

        For what logs each command: nothing is passed over.
        """
        frame = sys._getframe(2)
        code, line = frame.f_code, frame.f_lineno
        known = self._places.get((id(code), line))
        if known is not None and known[0] is code:
            return known[1]
        if len(self._places) >= SOURCES_MAX:
            self._places.clear()
        name: str = frame.f_globals.get("__name__", "?")
        source = self._source(name, name, code, line)
        self._places[id(code), line] = code, source
        return source

    def here(self) -> Source:
        """Return the place that calls this, whichever module it is in."""
        frame = sys._getframe(1)
        name: str = frame.f_globals.get("__name__", "?")
        return self._source(name, name, frame.f_code, frame.f_lineno)

    def _source(self, module: str, name: str, code: CodeType, line: int) -> Source:
        key = (module, code.co_filename, code.co_qualname, line)
        source = self._sources.get(key)
        if source is None:
            if len(self._sources) >= SOURCES_MAX:
                self._sources.clear()
            source = Source(module, short_file(code.co_filename, name), code.co_qualname, line)
            self._sources[key] = source
        return source


def was_kept_back(source: Source) -> bool:
    """Tell whether a source stands for an event logged before the log was there to see it."""
    return source.line == 0


def short_file(path: str, module: str) -> str:
    """Return the end of a path that says which module it is: ``papertrader/net/clock.py``."""
    parts = path.split("/")
    depth = module.count(".") + (2 if parts[-1] == "__init__.py" else 1)
    return "/".join(parts[-depth:])
