"""The event log's memory: a ring of records in one buffer, bounded in bytes.

The buffer may be any writable one; over a shared file mapping, the ring outlives its process, and
every record whose `RingWriter.append` returned is found again by `RingReader` after any crash.

Layout, little endian. A page of 4,096 octets: who wrote it (with its own checksum), and at octet
512 the counters. Then records, each at a multiple of 8: tag, CRC-32, length, length of the source,
level, flags, sequence number, wall and monotonic nanoseconds, correlation, line; then the source's
names and the text. The CRC covers the fields, the names and the text, and is seeded with the boot
id: octets that a client makes us log cannot pass for a record. Text is written before the fields,
so a record torn by a kill fails its CRC. A number of 0 is never valid, and neither is a zero tag.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from struct import Struct
from typing import TYPE_CHECKING, Final, TypeAlias
from zlib import crc32

import attrs

from papertrader.core.logrecord import (
    NAME_BYTES_MAX,
    PLAIN,
    UNCORRELATED,
    Correlation,
    Level,
    LogRecord,
    RecordFlag,
    Source,
    json_head,
    json_line,
)

if TYPE_CHECKING:
    from mmap import mmap

PAGE_BYTES: Final = 4096
PAYLOAD_BYTES_MAX: Final = 1024
"""Longest text of one record, in octets of UTF-8. A longer one is cut, marked and counted."""

_ALIGN: Final = 8
_TAG: Final = 0x4C525450
_TAG_OCTETS: Final = _TAG.to_bytes(4, "little")
_PREFIX: Final = Struct("<II")
_FIELDS: Final = Struct("<IHBBQqqQQII")
_Fields: TypeAlias = tuple[int, int, int, int, int, int, int, int, int, int, int]
"""Length, octets of names, level, flags, number, wall clock, monotonic clock, worker, connection,
request, line."""
_SEQ: Final = 4
_HEAD_BYTES: Final = _PREFIX.size + _FIELDS.size
_LINE_AT: Final = _HEAD_BYTES - 4
"""Where a record has the line of code that it comes from; the names come next."""
_U32: Final = Struct("<I")
_unpack_prefix: Final = _PREFIX.unpack_from
_unpack_fields: Final = _FIELDS.unpack_from
_LENGTH_AT: Final = _PREFIX.size

RECORD_BYTES_MAX: Final = _HEAD_BYTES + (3 * NAME_BYTES_MAX + 2 + PAYLOAD_BYTES_MAX + 7) // 8 * 8
RING_BYTES_MIN: Final = PAGE_BYTES + 2 * RECORD_BYTES_MAX
RING_BYTES_MAX: Final = 2**30
_SOURCES_MAX: Final = 4096
"""Decoded sources remembered by one scan; when full, it starts afresh."""

_MAGIC: Final = b"PTRING\r\n"
_VERSION: Final = 1
_IDENTITY: Final = Struct("<8sIQ16sIq32s32s")
_COUNTERS_AT: Final = 512
_COUNTERS: Final = Struct("<QQQQQ")
_CLEAN_AT: Final = _COUNTERS_AT + _COUNTERS.size
_CLEAN: Final = b"STOPPED\n"
_ZEROS: Final = bytes(1 << 16)
_LEVELS: Final = {int(level): level for level in Level}
_CUT: Final = int(RecordFlag.CUT)


class RingUnreadableError(ValueError):
    """The buffer does not hold a ring, or its first page is damaged."""


@attrs.frozen(kw_only=True)
class RingIdentity:
    """Who writes a ring. ``boot_id``: 16 random octets, new for each start of the process."""

    boot_id: bytes = attrs.field(
        validator=[attrs.validators.min_len(16), attrs.validators.max_len(16)]
    )
    pid: int
    started_ns: int
    """Wall nanoseconds."""
    process: str
    """At most 32 octets of ASCII, as is ``build``."""
    build: str


@attrs.frozen
class Gap:
    """Sequence numbers that should be in the ring and are not, both ends included."""

    first: int
    last: int


@attrs.frozen
class RenderedBatch:
    """The whole records of a `Batch` as `render_json` writes them, with their numbers and levels,
    and where in the ring the first one after them begins."""

    seqs: list[int]
    levels: list[int]
    lines: list[str]
    next_offset: int


@attrs.frozen
class Batch:
    """Octets copied from the ring, to be written elsewhere without holding the ring."""

    offset: int
    octets: bytes
    seed: int

    def render(self) -> RenderedBatch:
        """Return the whole records of the batch as lines.

        Without a record between: each command leaves four, and to make one takes as long as its
        line.
        """
        seqs, levels, lines = [], [], []
        octets, end = self.octets, 0
        heads: dict[tuple[int, bytes], str] = {}
        for offset, fields in _scan(octets, self.seed):
            if fields is None:
                continue
            (
                length, names_bytes, level, flags, seq, wall_ns, monotonic_ns, worker, connection,
                request, _,
            ) = fields  # fmt: skip
            text = offset + _HEAD_BYTES + names_bytes
            origin = level, octets[offset + _LINE_AT : text]
            head = heads.get(origin)
            if head is None:
                head = heads[origin] = _head_of(*origin)
            message = octets[text : offset + length].decode("utf-8", "replace")
            lines.append(
                json_line(
                    seq, wall_ns, monotonic_ns, head, message, worker, connection, request, flags
                )
            )
            seqs.append(seq)
            levels.append(level)
            end = offset + (length + 7 & -8)
        return RenderedBatch(seqs, levels, lines, self.offset + end)


def cut_text(octets: bytes, limit: int) -> bytes:
    """Return at most ``limit`` octets of UTF-8, without half a character at the end."""
    if len(octets) <= limit:
        return octets
    while limit > 0 and octets[limit] & 0xC0 == 0x80:
        limit -= 1
    return octets[:limit]


def _padded(length: int) -> int:
    return (length + _ALIGN - 1) & -_ALIGN


class RingWriter:
    """Appends records to a buffer, overwriting the oldest, and remembers which reached the disk.

    It clears the buffer and owns it until `release`. Not thread-safe: the caller serializes the
    calls. Raises `ValueError` for a buffer outside RING_BYTES_MIN..RING_BYTES_MAX.
    """

    def __init__(self, buffer: bytearray | memoryview | mmap, identity: RingIdentity) -> None:
        self._view = memoryview(buffer).cast("B")
        total = len(self._view)
        if not RING_BYTES_MIN <= total <= RING_BYTES_MAX:
            raise ValueError(
                f"the log's memory must have {RING_BYTES_MIN} to {RING_BYTES_MAX} octets, "
                f"not {total}"
            )
        self.capacity: Final = (total - PAGE_BYTES) // _ALIGN * _ALIGN
        """Octets for records."""
        self._seed = crc32(identity.boot_id)
        self._head = 0
        self._tail = 0
        self._last_seq = 0
        self._oldest_seq = 1
        self._flushed_seq = 0
        self._flush_at = 0
        self._dropped = 0
        self._cut = 0
        self._disk_errors = 0
        # The magic goes first and comes last: a half-cleared ring is never taken for a whole one.
        for start in range(0, total, len(_ZEROS)):
            self._view[start : start + len(_ZEROS)] = _ZEROS[: total - start]
        self._put_counters()
        page = _IDENTITY.pack(
            _MAGIC,
            _VERSION,
            total,
            identity.boot_id,
            identity.pid,
            identity.started_ns,
            identity.process.encode("ascii", "replace")[:32],
            identity.build.encode("ascii", "replace")[:32],
        )
        self._view[: _IDENTITY.size + 4] = page + _U32.pack(crc32(page))

    @property
    def last_seq(self) -> int:
        """The newest record's number, which is also how many were written; 0 before the first."""
        return self._last_seq

    @property
    def flushed_seq(self) -> int:
        """Every record up to this one has reached the disk or is counted as dropped."""
        return self._flushed_seq

    @property
    def dropped(self) -> int:
        """How many records were overwritten before they reached the disk."""
        return self._dropped + max(0, self._oldest_seq - self._flushed_seq - 1)

    @property
    def cut(self) -> int:
        """How many texts were cut to PAYLOAD_BYTES_MAX."""
        return self._cut

    @property
    def disk_errors(self) -> int:
        """How many attempts to write the log to disk failed."""
        return self._disk_errors

    @property
    def unflushed_bytes(self) -> int:
        """Octets of the ring that have not yet reached the disk."""
        if self._flushed_seq >= self._last_seq:
            return 0
        span = self._head - self._unflushed_offset()
        return span if span > 0 else span + self.capacity

    def append(
        self,
        level: Level,
        source: Source,
        payload: bytes,
        *,
        wall_ns: int,
        monotonic_ns: int,
        correlation: Correlation = UNCORRELATED,
        flags: int = 0,
    ) -> int:
        """Write one record and return its number. ``payload`` is UTF-8; a long one is cut.

        Raises `struct.error`, with the ring unchanged, if a number does not fit its field.
        """
        return self.put(
            level, source, payload, wall_ns, monotonic_ns,
            correlation.worker, correlation.connection, correlation.request, flags,
        )  # fmt: skip

    def put(
        self,
        level: Level,
        source: Source,
        payload: bytes,
        wall_ns: int,
        monotonic_ns: int,
        worker: int,
        connection: int,
        request: int,
        flags: int = 0,
    ) -> int:
        """Do what `append` does, by places and with the correlation's numbers: each command comes
        here twice."""
        too_long = len(payload) > PAYLOAD_BYTES_MAX
        if too_long:
            payload = cut_text(payload, PAYLOAD_BYTES_MAX)
            flags |= _CUT
        names = source.encoded
        body = names + payload
        length = _HEAD_BYTES + len(body)
        seq = self._last_seq + 1
        fields = _FIELDS.pack(
            length,
            len(names),
            level,
            flags,
            seq,
            wall_ns,
            monotonic_ns,
            worker,
            connection,
            request,
            source.line,
        )
        crc = crc32(body, crc32(fields, self._seed))
        size = (length + 7) & -8
        offset = self._make_room(size)
        start = PAGE_BYTES + offset
        middle = start + _HEAD_BYTES
        self._view[middle : start + length] = body
        self._view[start:middle] = _PREFIX.pack(_TAG, crc) + fields
        if self._flushed_seq == self._last_seq:
            self._flush_at = offset
        self._last_seq = seq
        self._head = offset + size
        if too_long:
            self._cut += 1
            self._put_counters()
        return seq

    def take(self, bytes_max: int) -> Batch | None:
        """Copy the oldest octets not yet on disk; None if there are none.

        ``bytes_max`` is at least RECORD_BYTES_MAX. The last record may be only half there; the
        next batch begins with it.
        """
        if self._flushed_seq >= self._last_seq:
            return None
        offset = self._unflushed_offset()
        end = self._head if self._head > offset else self.capacity
        end = min(end, offset + bytes_max)
        octets = bytes(self._view[PAGE_BYTES + offset : PAGE_BYTES + end])
        return Batch(offset, octets, self._seed)

    def mark_flushed(self, batch: RenderedBatch) -> None:
        """Note that a batch reached the disk. Numbers missing before or in it count as dropped.

        A batch without a single new record means that the memory was damaged: everything
        not yet on disk is given up and counted.
        """
        fresh = sum(seq > self._flushed_seq for seq in batch.seqs)
        last = batch.seqs[-1] if fresh else self._last_seq
        self._dropped += last - self._flushed_seq - fresh
        self._flushed_seq = last
        # The next record, if there is one, is there by now, or at 0 if the rest was too small.
        self._flush_at = self._record_at(batch.next_offset) if fresh else self._head
        self._put_counters()

    def note_disk_error(self) -> None:
        """Count a failed attempt to write to disk, in the ring's own page too."""
        self._disk_errors += 1
        self._put_counters()

    def release(self) -> None:
        """Let go of the buffer, which a mapping needs before it is closed. Ends the writer.

        If everything has reached the disk the ring says so: there is nothing to be saved from it.
        """
        if self._flushed_seq >= self._last_seq:
            self._view[_CLEAN_AT : _CLEAN_AT + len(_CLEAN)] = _CLEAN
        self._view.release()

    def _put_counters(self) -> None:
        flushed = self._flushed_seq
        # The complement tells a reader whether the number was being written when the process died.
        self._view[_COUNTERS_AT : _COUNTERS_AT + _COUNTERS.size] = _COUNTERS.pack(
            flushed, flushed ^ (2**64 - 1), self.dropped, self._cut, self._disk_errors
        )

    def _unflushed_offset(self) -> int:
        overtaken = self._oldest_seq > self._flushed_seq + 1
        return self._tail if overtaken else self._flush_at

    def _record_at(self, offset: int) -> int:
        """Return ``offset``, or 0 if the rest of the ring from there on is unused."""
        if offset >= self.capacity:
            return 0
        tag: int = _U32.unpack_from(self._view, PAGE_BYTES + offset)[0]
        return offset if tag else 0

    def _make_room(self, size: int) -> int:
        """Give up the oldest records until ``size`` octets are free in one piece; return where."""
        head = self._head
        if head + size > self.capacity:
            while self._oldest_seq <= self._last_seq and self._tail >= head:
                self._give_up_oldest()
            # Zeroed so that no record that was given up is found there later.
            rest = bytes(self.capacity - head)
            self._view[PAGE_BYTES + head : PAGE_BYTES + self.capacity] = rest
            head = 0
        end = head + size
        while self._oldest_seq <= self._last_seq and head <= self._tail < end:
            self._give_up_oldest()
        if self._oldest_seq > self._last_seq:
            self._tail = head
        return head

    def _give_up_oldest(self) -> None:
        length: int = _U32.unpack_from(self._view, PAGE_BYTES + self._tail + _LENGTH_AT)[0]
        self._oldest_seq += 1
        self._tail += _padded(length)
        if self._oldest_seq <= self._last_seq:
            self._tail = self._record_at(self._tail)


class RingReader:
    """Reads a copy of a ring, of a live, dead or damaged process alike.

    It follows no pointer: it looks at every place where a record may begin and keeps those whose
    CRC is right. Raises `RingUnreadableError` if the first page is not that of a ring.
    """

    def __init__(self, buffer: bytes | bytearray | memoryview | mmap) -> None:
        octets = bytes(memoryview(buffer).cast("B"))
        self.identity: Final = _read_identity(octets)
        flushed, complement, dropped, cut, disk_errors = _COUNTERS.unpack_from(octets, _COUNTERS_AT)
        self.flushed_seq: Final = flushed if flushed ^ complement == 2**64 - 1 else 0
        """Records up to this one are in the log files; 0 if it cannot be told."""
        self.dropped: Final[int] = dropped
        self.cut: Final[int] = cut
        self.disk_errors: Final[int] = disk_errors
        self.torn: int = 0
        """How many records were begun and never finished, or damaged later."""
        self._octets = octets[PAGE_BYTES:]
        found: dict[int, int] = {}
        for offset, fields in _scan(self._octets, crc32(self.identity.boot_id)):
            if fields is None:
                self.torn += 1
            else:
                found[fields[_SEQ]] = offset
        self._places = dict(sorted(found.items()))

    def __len__(self) -> int:
        """How many whole records there are."""
        return len(self._places)

    def __iter__(self) -> Iterator[LogRecord]:
        """Give every whole record, oldest first: a full ring has 100,000, too many to make at once
        while somebody waits for the collector to walk them."""
        return self._made(self._places)

    def records(self) -> list[LogRecord]:
        """Return every whole record, oldest first."""
        return list(self)

    def unflushed(self) -> list[LogRecord]:
        """Return the records that had not reached the log files, oldest first."""
        return list(self._made(seq for seq in self._places if seq > self.flushed_seq))

    def count_unflushed(self) -> int:
        """Return how many those are."""
        return sum(seq > self.flushed_seq for seq in self._places)

    def gaps(self) -> list[Gap]:
        """Return the numbers missing between the oldest and the newest record."""
        return [Gap(low + 1, high - 1) for low, high in pairwise(self._places) if high > low + 1]

    def _made(self, seqs: Iterable[int]) -> Iterator[LogRecord]:
        octets, sources = self._octets, _Sources()
        for seq in seqs:
            offset = self._places[seq]
            fields = _FIELDS.unpack_from(octets, offset + _PREFIX.size)
            yield _record_of(octets, offset, fields, sources)


def stopped_cleanly(page: bytes) -> bool:
    """Tell from a ring's first page whether its writer ended with everything on the disk."""
    return page[_CLEAN_AT : _CLEAN_AT + len(_CLEAN)] == _CLEAN


def _read_identity(octets: bytes) -> RingIdentity:
    size = _IDENTITY.size
    if len(octets) < RING_BYTES_MIN or octets[: len(_MAGIC)] != _MAGIC:
        raise RingUnreadableError("this is not a memory file of the event log")
    if crc32(octets[:size]) != _U32.unpack_from(octets, size)[0]:
        raise RingUnreadableError("the first page of the event log's memory file is damaged")
    _, version, total, boot_id, pid, started_ns, process, build = _IDENTITY.unpack_from(octets)
    if version != _VERSION or total != len(octets):
        raise RingUnreadableError(
            f"the event log's memory file has format {version} and {total} octets; "
            f"this program reads format {_VERSION} and found {len(octets)} octets"
        )
    return RingIdentity(
        boot_id=boot_id,
        pid=pid,
        started_ns=started_ns,
        process=process.rstrip(b"\0").decode("ascii", "replace"),
        build=build.rstrip(b"\0").decode("ascii", "replace"),
    )


class _Sources(dict[tuple[bytes, int], Source]):
    """Sources met before, by their names and line: to read one takes as long as all the rest."""

    def __missing__(self, key: tuple[bytes, int]) -> Source:
        if len(self) >= _SOURCES_MAX:
            self.clear()
        source = self[key] = Source.decode(*key)
        return source


def _head_of(level: int, origin: bytes) -> str:
    """Return the part of a line that says where a record comes from, as its octets have it."""
    line = _U32.unpack_from(origin)[0]
    return json_head(_LEVELS[level], Source.decode(origin[_U32.size :], line))


def _scan(octets: bytes, seed: int) -> Iterator[tuple[int, _Fields | None]]:
    """Yield the offset of each place tagged as a record, with its fields if it is whole."""
    offset = octets.find(_TAG_OCTETS)
    while offset >= 0:
        step = 1
        if offset % _ALIGN == 0:
            fields = _fields_at(octets, offset, seed)
            yield offset, fields
            step = _padded(fields[0]) if fields is not None else _ALIGN
        offset = octets.find(_TAG_OCTETS, offset + step)


def _fields_at(octets: bytes, offset: int, seed: int) -> _Fields | None:
    if offset + _HEAD_BYTES > len(octets):
        return None
    begun = offset + _LENGTH_AT
    crc = _unpack_prefix(octets, offset)[1]
    fields: _Fields = _unpack_fields(octets, begun)
    length, names_bytes, seq = fields[0], fields[1], fields[_SEQ]
    end = offset + length
    if not _HEAD_BYTES + names_bytes <= length <= RECORD_BYTES_MAX or end > len(octets) or seq == 0:
        return None
    return fields if crc32(octets[begun:end], seed) == crc else None


def _record_of(octets: bytes, offset: int, fields: _Fields, sources: _Sources) -> LogRecord:
    (
        length, names_bytes, level, flags, seq, wall_ns, monotonic_ns, worker, connection, request,
        line,
    ) = fields  # fmt: skip
    body = offset + _HEAD_BYTES
    text = body + names_bytes
    correlated = worker or connection or request
    # Enumerations and checks are slow, and a full ring holds 100,000 records.
    return LogRecord(
        seq=seq,
        wall_ns=wall_ns,
        monotonic_ns=monotonic_ns,
        level=_LEVELS[level],
        source=sources[octets[body:text], line],
        correlation=Correlation.known(worker, connection, request) if correlated else UNCORRELATED,
        message=octets[text : offset + length].decode("utf-8", "replace"),
        flags=RecordFlag(flags) if flags else PLAIN,
    )
