"""One entry of the event log as a value, and its two written forms: text and a JSON line."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from enum import IntEnum, IntFlag
from functools import lru_cache
from typing import Final

import attrs

from papertrader.core.instants import SECOND, from_datetime, to_datetime

NAME_BYTES_MAX: Final = 160
"""Longest module, file or function name kept, in octets of UTF-8; longer ones lose their front."""

_quoted: Final = json.encoder.encode_basestring_ascii
_set: Final = object.__setattr__
_U32_MAX: Final = 2**32 - 1
_U64_MAX: Final = 2**64 - 1


class Level(IntEnum):
    """How much an entry matters. From ERROR on, the log goes to disk at once."""

    DEBUG = 1
    INFO = 2
    WARNING = 3
    ERROR = 4
    CRITICAL = 5


class RecordFlag(IntFlag):
    """What a reader must know about a record's text."""

    CUT = 1
    """The text was longer than a record may hold; its end is missing."""
    CONTINUED = 2
    """The text goes on from the record before it (a long traceback)."""


PLAIN: Final = RecordFlag(0)
_CUT: Final = int(RecordFlag.CUT)
_CONTINUED: Final = int(RecordFlag.CONTINUED)
_LEVEL_NAMES: Final = {level: level.name for level in Level}


def _within(bound: int) -> Callable[[object, attrs.Attribute[int], int], None]:
    def check(_: object, attribute: attrs.Attribute[int], value: int) -> None:
        if not 0 <= value <= bound:
            raise ValueError(f"{attribute.name} must be between 0 and {bound}, not {value}")

    return check


@attrs.frozen(kw_only=True)
class Correlation:
    """Which command an entry belongs to, through every process it passes. 0 means "none".

    ``worker`` and ``connection`` are unsigned 64-bit, ``request`` unsigned 32-bit; anything else
    raises `ValueError`.
    """

    worker: int = attrs.field(default=0, validator=_within(_U64_MAX))
    connection: int = attrs.field(default=0, validator=_within(_U64_MAX))
    request: int = attrs.field(default=0, validator=_within(_U32_MAX))

    @classmethod
    def known(cls, worker: int, connection: int, request: int) -> Correlation:
        """Return one of numbers that are known to fit: they come from fields of that width.

        For code that logs each command; checking them takes longer than writing the entry.
        """
        made = object.__new__(cls)
        _set(made, "worker", worker)
        _set(made, "connection", connection)
        _set(made, "request", request)
        return made

    def __str__(self) -> str:
        return f"{self.worker}:{self.connection}:{self.request}"


UNCORRELATED: Final = Correlation()


def _encoded_name(name: str) -> bytes:
    octets = name[-NAME_BYTES_MAX:].replace("\0", "?").encode("utf-8", "replace")
    # A cut in the middle of a character leaves continuation octets, which the decoder replaces.
    return octets[-NAME_BYTES_MAX:]


@attrs.frozen
class Source:
    """Where in the code an entry was written. ``line`` counts from 1; 0 means unknown."""

    module: str
    file: str
    function: str
    line: int
    encoded: bytes = attrs.field(init=False, repr=False, eq=False)

    @encoded.default
    def _encode(self) -> bytes:
        return b"\0".join(map(_encoded_name, (self.module, self.file, self.function)))

    @classmethod
    def decode(cls, octets: bytes, line: int) -> Source:
        """Return the source that ``encoded`` was made from; missing parts become ``"?"``."""
        parts = octets.decode("utf-8", "replace").split("\0")
        module, file, function = (*parts, "?", "?", "?")[:3]
        return cls(module, file, function, line)


@attrs.define(kw_only=True)
class LogRecord:
    """An entry of the event log. Not frozen, to be made quickly; never changed once made.

    ``seq`` grows by one for each entry of a process's life, from 1. ``wall_ns`` is nanoseconds
    since 1970-01-01 UTC, ``monotonic_ns`` nanoseconds of a clock that never steps.
    """

    seq: int
    wall_ns: int
    monotonic_ns: int
    level: Level
    source: Source
    correlation: Correlation
    message: str
    flags: RecordFlag = PLAIN


@lru_cache(maxsize=64)
def _second_text(second: int) -> str:
    return to_datetime(second * SECOND).strftime("%Y-%m-%dT%H:%M:%S")


def _timestamp(wall_ns: int) -> str:
    second, rest = divmod(wall_ns, SECOND)
    return f"{_second_text(second)}.{rest:09d}Z"


def printable(text: str) -> str:
    """Return ``text`` with everything that could move a terminal's cursor or forge a line escaped.

    Line breaks become a break and a margin, so that a message cannot pass for another entry.
    """
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable()
        else "\n    | "
        if character == "\n"
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def render_text(record: LogRecord) -> str:
    """Write a record for people: date and time, level, module, file, line, function, message."""
    who = record.correlation
    corr = ""
    if who.worker or who.connection or who.request:
        corr = f" [{who.worker}:{who.connection}:{who.request}]"
    more = cut = ""
    if record.flags is not PLAIN:
        more = "(continued) " if record.flags & RecordFlag.CONTINUED else ""
        cut = " (cut)" if record.flags & RecordFlag.CUT else ""
    return (
        f"{_timestamp(record.wall_ns)} {_LEVEL_NAMES[record.level]} {_place(record.source)}{corr}: "
        f"{more}{printable(record.message)}{cut}"
    )


@lru_cache(maxsize=1024)
def _place(source: Source) -> str:
    return printable(f"{source.module} {source.file}:{source.line} in {source.function}")


def render_json(record: LogRecord) -> str:
    """Write a record as one line of JSON in pure ASCII, without the line break.

    ``corr`` is "worker:connection:request" in decimal, absent when there is none: text, because
    many JSON readers cannot hold 64-bit numbers. ``cut`` and ``continued`` are there when true.
    """
    who = record.correlation
    return json_line(
        record.seq, record.wall_ns, record.monotonic_ns, json_head(record.level, record.source),
        record.message, who.worker, who.connection, who.request, record.flags,
    )  # fmt: skip


def json_line(
    seq: int,
    wall_ns: int,
    monotonic_ns: int,
    head: str,
    message: str,
    worker: int,
    connection: int,
    request: int,
    flags: int,
) -> str:
    """Do what `render_json` does, of a record's parts; ``head`` is of `json_head`."""
    # Put together by hand: the encoder takes three times as long, and each command leaves four.
    corr = more = ""
    if worker or connection or request:
        corr = f',"corr":"{worker}:{connection}:{request}"'
    if flags:
        more = ',"cut":true' if flags & _CUT else ""
        more += ',"continued":true' if flags & _CONTINUED else ""
    return (
        f'{{"seq":{seq},"ts":"{_timestamp(wall_ns)}","mono":{monotonic_ns},'
        f'{head},"msg":{_quoted(message)}{corr}{more}}}'
    )


@lru_cache(maxsize=1024)
def json_head(level: Level, source: Source) -> str:
    """Return the part of a line that says how much an entry matters, and where it comes from."""
    return (
        f'"level":"{level.name.lower()}",'
        f'"module":{_quoted(source.module)},"file":{_quoted(source.file)},'
        f'"line":{source.line:d},"func":{_quoted(source.function)}'
    )


def parse_json(line: str) -> LogRecord:
    """Read what `render_json` wrote. Raises `ValueError` for any other text."""
    try:
        entry = json.loads(line)
        whole, fraction = entry["ts"].removesuffix("Z").split(".")
        seconds = from_datetime(datetime.fromisoformat(whole).replace(tzinfo=UTC))
        worker, connection, request = map(int, entry.get("corr", "0:0:0").split(":"))
        cut = RecordFlag.CUT if entry.get("cut") else PLAIN
        continued = RecordFlag.CONTINUED if entry.get("continued") else PLAIN
        return LogRecord(
            seq=int(entry["seq"]),
            wall_ns=seconds + int(fraction),
            monotonic_ns=int(entry["mono"]),
            level=Level[entry["level"].upper()],
            source=Source(entry["module"], entry["file"], entry["func"], int(entry["line"])),
            correlation=Correlation(worker=worker, connection=connection, request=request),
            message=entry["msg"],
            flags=cut | continued,
        )
    except (AttributeError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"not an entry of the event log: {line[:80]!r}") from error
