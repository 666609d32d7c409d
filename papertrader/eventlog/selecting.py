"""Which entries somebody wants to see: by time, level, module and correlation."""

from __future__ import annotations

from typing import Final

import attrs

from papertrader.core.logrecord import Level, LogRecord

_PARTS: Final = 3
_ANY: Final = ("", "*")


@attrs.frozen
class CorrelationPattern:
    """A correlation to look for; None stands for any number at its place."""

    worker: int | None
    connection: int | None
    request: int | None

    @classmethod
    def parse(cls, text: str) -> CorrelationPattern:
        """Read ``worker:connection:request``, or ``connection:request``; ``*`` is any.

        Raises `ValueError` with a sentence for people.
        """
        parts = text.strip().split(":")
        if len(parts) == _PARTS - 1:
            parts.insert(0, "*")
        if len(parts) != _PARTS or any(p not in _ANY and not p.isdecimal() for p in parts):
            raise ValueError(
                f"{text!r} is no correlation; write worker:connection:request as the log does,"
                " such as 1:12:5, or 1:12:* for all of a connection"
            )
        return cls(*(None if part in _ANY else int(part) for part in parts))

    def takes(self, record: LogRecord) -> bool:
        """Tell whether an entry belongs to it."""
        its = record.correlation
        return (
            self.worker in (None, its.worker)
            and self.connection in (None, its.connection)
            and self.request in (None, its.request)
            and bool(its.worker or its.connection or its.request)
        )

    @property
    def octets(self) -> bytes:
        """What a line of JSON must hold to belong to it; found faster than the line is read."""
        if None in (self.worker, self.connection, self.request):
            return b'"corr":"'
        return f'"corr":"{self.worker}:{self.connection}:{self.request}"'.encode()


@attrs.frozen(kw_only=True)
class Selection:
    """What is wanted. Nanoseconds since 1970, ``since`` included, ``until`` not."""

    since_ns: int = 0
    until_ns: int = 2**63 - 1
    least: Level = Level.DEBUG
    module: str = ""
    """The beginning of the module's or the file's name."""
    correlation: CorrelationPattern | None = None

    def takes(self, record: LogRecord) -> bool:
        """Tell whether an entry is wanted."""
        if not self.since_ns <= record.wall_ns < self.until_ns or record.level < self.least:
            return False
        source = record.source
        if not (source.module.startswith(self.module) or source.file.startswith(self.module)):
            return False
        return self.correlation is None or self.correlation.takes(record)

    def may_take(self, line: bytes) -> bool:
        """Tell whether a line of JSON is worth reading."""
        return self.correlation is None or self.correlation.octets in line
