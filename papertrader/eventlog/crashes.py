"""Writing down what a dead process left in the event log's memory file."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

from papertrader.core.instants import format_instant
from papertrader.core.logrecord import render_text
from papertrader.core.ringlog import (
    PAGE_BYTES,
    RING_BYTES_MAX,
    RING_BYTES_MIN,
    RingReader,
    RingUnreadableError,
    stopped_cleanly,
)

CRASH_FILES_MAX: Final = 20
"""Crash files kept in one directory; the oldest are deleted."""
THE_END: Final = "--- the end\n"
"""The last line of every crash file."""


@attrs.frozen(kw_only=True)
class CrashDump:
    """What was written down of a process that did not stop cleanly."""

    path: Path
    records: int
    unflushed: int


def dump_ring(ring_path: Path, directory: Path) -> CrashDump | None:
    """Write a dead process's memory file as text to ``crash-<boot id>.log`` in ``directory``.

    Every record still in the memory is written, those that the log files lack are marked with an
    asterisk. Returns None if the log files lack nothing, or there is no readable memory file.
    Doing it twice writes the same file twice. Raises `OSError`.
    """
    try:
        reader = _read(ring_path)
    except (FileNotFoundError, RingUnreadableError):
        return None
    unflushed = reader.count_unflushed()
    if unflushed == 0:
        return None
    path = directory / f"crash-{reader.identity.boot_id.hex()}.log"
    _write_whole(path, "", reader)
    _prune(directory)
    return CrashDump(path=path, records=len(reader), unflushed=unflushed)


def dump_death(ring_path: Path, directory: Path, name: str, story: str) -> CrashDump:
    """Write ``crash-<name>.log``: what is known of a death, then what the memory file holds.

    ``story`` is text of several lines, which must hold no secret. Written even when the log files
    lack nothing, or there is no memory to read: the file then says why. Raises `OSError`.
    """
    path = directory / f"crash-{name}.log"
    try:
        reader = _read(ring_path)
    except (FileNotFoundError, RingUnreadableError) as error:
        why = "it left none" if isinstance(error, FileNotFoundError) else str(error)
        _write_whole(path, f"{story}--- the event log's memory: {why}\n", None)
        _prune(directory)
        return CrashDump(path=path, records=0, unflushed=0)
    _write_whole(path, f"{story}--- the event log's memory\n", reader)
    _prune(directory)
    return CrashDump(path=path, records=len(reader), unflushed=reader.count_unflushed())


def set_aside(ring_path: Path) -> Path | None:
    """Move a dead process's memory file away, so that the next life can begin with a new one.

    Returns where it is now; None if there is none, or it holds nothing that the log files lack
    because the process stopped in good order. Raises `OSError`.
    """
    try:
        with open(ring_path, "rb") as ring:
            if stopped_cleanly(ring.read(PAGE_BYTES)):
                return None
    except FileNotFoundError:
        return None
    aside = ring_path.with_suffix(".dead")
    os.replace(ring_path, aside)
    return aside


def _read(ring_path: Path) -> RingReader:
    with open(ring_path, "rb") as ring:
        size = os.fstat(ring.fileno()).st_size
        if not RING_BYTES_MIN <= size <= RING_BYTES_MAX:
            raise RingUnreadableError(f"a memory file has no {size} octets")
        return RingReader(ring.read())


def _heading(reader: RingReader) -> str:
    identity = reader.identity
    gaps = ", ".join(f"{gap.first} to {gap.last}" for gap in reader.gaps()) or "none"
    return (
        f"PaperTrader {identity.build}: what the memory of process {identity.process!r} held\n"
        f"boot {identity.boot_id.hex()}, process number {identity.pid}, "
        f"started {format_instant(identity.started_ns)}\n"
        f"{len(reader)} entries, {reader.count_unflushed()} of them not in the log files "
        f"(marked *); unfinished: {reader.torn}; missing numbers: {gaps}; "
        f"dropped: {reader.dropped}; cut: {reader.cut}; disk errors: {reader.disk_errors}\n"
    )


def _write_whole(path: Path, story: str, reader: RingReader | None) -> None:
    """Write the dump under another name first: a crash file is always a whole one."""
    temporary = path.with_suffix(".part")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(temporary, flags, 0o600), "w", encoding="utf-8") as output:
            output.write(story)
            if reader is not None:
                output.write(_heading(reader))
                output.writelines(_lines(reader))
            output.write(THE_END)
            output.flush()
            os.fsync(output.fileno())
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _lines(reader: RingReader) -> Iterator[str]:
    flushed = reader.flushed_seq
    for record in reader:
        mark = "* " if record.seq > flushed else "  "
        yield f"{mark}{record.seq} {render_text(record)}\n"


def _prune(directory: Path) -> None:
    crashes = sorted(directory.glob("crash-*.log"), key=lambda path: path.stat().st_mtime_ns)
    for path in crashes[:-CRASH_FILES_MAX]:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
