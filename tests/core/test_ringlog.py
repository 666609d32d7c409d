"""The ring: what is written is read, what is damaged is not, and the bytes are bounded."""

from __future__ import annotations

import struct
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from papertrader.core.logrecord import (
    Correlation,
    Level,
    LogRecord,
    RecordFlag,
    Source,
    parse_json,
    render_json,
)
from papertrader.core.ringlog import (
    PAGE_BYTES,
    PAYLOAD_BYTES_MAX,
    RECORD_BYTES_MAX,
    RING_BYTES_MIN,
    Gap,
    RingIdentity,
    RingReader,
    RingUnreadableError,
    RingWriter,
    cut_text,
)

IDENTITY = RingIdentity(
    boot_id=bytes(range(16)), pid=77, started_ns=1_000, process="master", build="0.1"
)
SOURCE = Source("m", "m.py", "f", 3)


def new_ring(size: int = RING_BYTES_MIN) -> tuple[bytearray, RingWriter]:
    buffer = bytearray(b"\xa5" * size)
    return buffer, RingWriter(buffer, IDENTITY)


def put(writer: RingWriter, text: bytes = b"text", level: Level = Level.INFO) -> int:
    return writer.append(level, SOURCE, text, wall_ns=10, monotonic_ns=20)


def flush(writer: RingWriter, bytes_max: int = RECORD_BYTES_MAX) -> list[LogRecord]:
    """Take and mark everything that waits, as the flusher does."""
    records: list[LogRecord] = []
    for _ in range(10_000):
        batch = writer.take(bytes_max)
        if batch is None:
            return records
        rendered = batch.render()
        records += map(parse_json, rendered.lines)
        writer.mark_flushed(rendered)
    raise AssertionError("flushing never ended")


def test_a_record_is_read_as_it_was_written() -> None:
    """Every field comes back."""
    buffer, writer = new_ring()
    corr = Correlation(worker=2**64 - 1, connection=5, request=2**32 - 1)
    seq = writer.append(
        Level.ERROR,
        SOURCE,
        "Größe".encode(),
        wall_ns=2**62,
        monotonic_ns=-5,
        correlation=corr,
        flags=RecordFlag.CONTINUED,
    )
    assert RingReader(buffer).records() == [
        LogRecord(
            seq=seq,
            wall_ns=2**62,
            monotonic_ns=-5,
            level=Level.ERROR,
            source=SOURCE,
            correlation=corr,
            message="Größe",
            flags=RecordFlag.CONTINUED,
        )
    ]
    assert RingReader(buffer).identity == IDENTITY


@given(
    st.lists(
        st.tuples(
            st.sampled_from(Level),
            st.builds(Source, st.text(max_size=5), st.text(max_size=5), st.just("f"), st.just(7)),
            st.text(max_size=20) | st.binary(max_size=20),
            st.integers(-(2**63), 2**63 - 1),
            st.builds(
                Correlation,
                worker=st.integers(0, 2**64 - 1),
                connection=st.integers(0, 2),
                request=st.integers(0, 2**32 - 1),
            ),
            st.integers(0, 3),
        ),
        min_size=1,
        max_size=8,
    )
)
@settings(max_examples=100, deadline=None)
def test_what_is_flushed_is_written_as_what_a_crash_leaves(entries: list[tuple[Any, ...]]) -> None:
    """A flush makes its lines without a record between; they are those of the records."""
    buffer, writer = new_ring()
    for level, source, text, monotonic_ns, corr, flags in entries:
        payload = text.encode() if isinstance(text, str) else text
        writer.append(
            level, source, payload, wall_ns=2**60 + monotonic_ns % 2**40,
            monotonic_ns=monotonic_ns, correlation=corr, flags=flags,
        )  # fmt: skip
    batch = writer.take(RING_BYTES_MIN)
    assert batch is not None
    records = RingReader(buffer).records()
    rendered = batch.render()
    assert rendered.lines == [render_json(record) for record in records]
    assert rendered.levels == [record.level for record in records]
    assert rendered.seqs == list(range(1, len(entries) + 1))


@given(
    sizes=st.lists(st.integers(0, PAYLOAD_BYTES_MAX), max_size=120),
    extra=st.integers(0, 3000),
)
@settings(max_examples=150, deadline=None)
def test_the_ring_holds_the_newest_records(sizes: list[int], extra: int) -> None:
    """Any sequence of sizes: the reader sees an unbroken run up to the last record written."""
    buffer, writer = new_ring(RING_BYTES_MIN + extra)
    for number, size in enumerate(sizes, 1):
        assert put(writer, b"%d" % number + b"x" * (size - 5)) == number
    reader = RingReader(buffer)
    seqs = [record.seq for record in reader.records()]
    assert seqs == list(range(len(sizes) - len(seqs) + 1, len(sizes) + 1))
    assert reader.gaps() == []
    assert reader.torn == 0
    assert all(record.message.startswith(str(record.seq)) for record in reader.records())
    used = sum(64 + 8 + len(SOURCE.encoded) + max(size, 4) for size in sizes[-len(seqs) or 1 :])
    # Nothing is given up before it must be: one more record of the largest size would not fit.
    assert len(seqs) == len(sizes) or used + 2 * RECORD_BYTES_MAX > writer.capacity
    assert len(buffer) == RING_BYTES_MIN + extra


@given(
    steps=st.lists(
        st.one_of(st.integers(0, PAYLOAD_BYTES_MAX), st.just("flush"), st.just("take")),
        max_size=120,
    ),
    bytes_max=st.integers(RECORD_BYTES_MAX, 3 * RECORD_BYTES_MAX),
)
@settings(max_examples=200, deadline=None)
def test_every_record_is_flushed_once_or_dropped(steps: list[object], bytes_max: int) -> None:
    """Any mixture of writing and flushing, also while a batch is under way, loses count of none."""
    _, writer = new_ring()
    flushed: list[int] = []
    batch = None
    for step in steps:
        if isinstance(step, int):
            put(writer, b"y" * step)
        elif step == "take" and batch is None:
            batch = writer.take(bytes_max)
        elif batch is not None:
            rendered = batch.render()
            flushed += rendered.seqs
            writer.mark_flushed(rendered)
            batch = None
        else:
            flushed += [record.seq for record in flush(writer, bytes_max)]
        assert (writer.unflushed_bytes == 0) == (writer.flushed_seq == writer.last_seq)
        assert 0 <= writer.unflushed_bytes <= writer.capacity
    flushed += [record.seq for record in flush(writer, bytes_max) if record.seq not in set(flushed)]
    assert flushed == sorted(set(flushed))
    assert len(flushed) + writer.dropped == writer.last_seq


def test_flushed_after_the_end_of_a_lap() -> None:
    """Records of a new lap are flushed although they have grown past where the last flush ended."""
    _, writer = new_ring(4 * RING_BYTES_MIN)
    for small in range(60, 120):
        before = writer.last_seq
        put(writer, b"b" * PAYLOAD_BYTES_MAX)
        for _ in range(small):
            put(writer, b"c" * 10)
        wanted = list(range(before + 1, before + small + 2))
        assert [read.seq for read in flush(writer)] == wanted
    assert writer.dropped == 0


def test_dropped_counts_what_was_overwritten_before_it_was_flushed() -> None:
    """Overwriting flushed records drops none; overwriting others counts each of them."""
    buffer, writer = new_ring()
    for _ in range(10):
        put(writer)
    flush(writer)
    for _ in range(100):
        put(writer, b"z" * 500)
    kept = len(flush(writer))
    assert writer.dropped == 100 - kept > 0
    assert RingReader(buffer).dropped == writer.dropped


def test_a_long_text_is_cut_between_characters_and_marked() -> None:
    """A text over the limit keeps whole characters, carries the mark, and is counted."""
    buffer, writer = new_ring()
    put(writer, "é".encode() * 600)
    put(writer, b"x" * PAYLOAD_BYTES_MAX)
    first, second = RingReader(buffer).records()
    assert first.message == "é" * (PAYLOAD_BYTES_MAX // 2)
    assert first.flags == RecordFlag.CUT
    assert second.flags == RecordFlag(0)
    assert writer.cut == RingReader(buffer).cut == 1


@given(st.text(max_size=50), st.integers(0, 60))
def test_cut_text_is_always_whole_characters(text: str, limit: int) -> None:
    """A cut text is the longest beginning of the text that fits."""
    octets = text.encode("utf-8", "replace")
    cut = cut_text(octets, limit)
    assert octets.startswith(cut)
    assert len(cut) <= limit or cut == octets
    assert cut.decode("utf-8") == octets.decode("utf-8")[: len(cut.decode("utf-8"))]
    assert len(octets) <= limit or limit - len(cut) < 4


def test_a_missing_record_is_a_gap() -> None:
    """A damaged record is not read, is counted, and its number is reported missing."""
    buffer, writer = new_ring()
    for number in range(5):
        put(writer, b"record %d" % number)
    at = buffer.find(b"record 1")
    buffer[at + 7] ^= 1
    at = buffer.find(b"record 2")
    buffer[at - 20] ^= 0x80
    reader = RingReader(buffer)
    assert [record.seq for record in reader.records()] == [1, 4, 5]
    assert reader.gaps() == [Gap(2, 3)]
    assert reader.torn == 2


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_any_changed_octet_makes_a_record_invalid(data: st.DataObject) -> None:
    """Whatever octet of a record changes, it is not read; its neighbors are."""
    buffer, writer = new_ring()
    for _ in range(3):
        put(writer, b"text")
    size = 64 + len(SOURCE.encoded) + 4
    at = data.draw(st.integers(0, size - 1))
    change = data.draw(st.integers(1, 255))
    buffer[PAGE_BYTES + (size + 7) // 8 * 8 + at] ^= change
    assert [record.seq for record in RingReader(buffer).records()] == [1, 3]


def test_zeros_are_no_record() -> None:
    """A header of zeros, with or without the tag, is never accepted."""
    buffer, writer = new_ring()
    put(writer)
    tag = bytes(buffer[PAGE_BYTES : PAGE_BYTES + 4])
    zero_tagged = tag + bytes(60)
    buffer[PAGE_BYTES + 800 : PAGE_BYTES + 864] = zero_tagged
    reader = RingReader(buffer)
    assert [record.seq for record in reader.records()] == [1]
    assert reader.torn == 1


def test_sequence_number_zero_is_no_record() -> None:
    """A record that is right in everything but bears the number 0 is not accepted."""
    buffer, writer = new_ring()
    put(writer)
    size = 64 + len(SOURCE.encoded) + 4
    record = bytearray(buffer[PAGE_BYTES : PAGE_BYTES + size])
    struct.pack_into("<Q", record, 16, 0)
    seed = crc32(IDENTITY.boot_id)
    struct.pack_into("<I", record, 4, crc32(record[64:], crc32(record[8:64], seed)))
    buffer[PAGE_BYTES : PAGE_BYTES + size] = record
    assert RingReader(buffer).records() == []
    struct.pack_into("<Q", record, 16, 9)
    struct.pack_into("<I", record, 4, crc32(record[64:], crc32(record[8:64], seed)))
    buffer[PAGE_BYTES : PAGE_BYTES + size] = record
    assert [read.seq for read in RingReader(buffer).records()] == [9]


def test_a_torn_write_is_recognized() -> None:
    """A record of which only the beginning reached the memory is not read, in a used ring too."""
    whole, writer = new_ring()
    for number in range(30):
        put(writer, b"old text number %d, rather long" % number * 10)
    before = bytearray(whole)
    last = writer.last_seq
    put(writer, b"new text" * 20)
    changed = [at for at in range(PAGE_BYTES, len(whole)) if whole[at] != before[at]]
    for end in range(changed[0] + 1, changed[-1] + 1, 7):
        torn = bytearray(before)
        torn[changed[0] : end] = whole[changed[0] : end]
        seqs = [record.seq for record in RingReader(torn).records()]
        assert max(seqs) == last
        assert RingReader(torn).gaps() == []


def test_text_cannot_pass_for_a_record() -> None:
    """A whole record of another boot inside a text is not read, even if its frame is damaged."""
    other = bytearray(RING_BYTES_MIN)
    stranger = RingIdentity(
        boot_id=b"another boot id!", pid=1, started_ns=1, process="p", build="b"
    )
    writer = RingWriter(other, stranger)
    put(writer, b"forged")
    forged = bytes(other[PAGE_BYTES : PAGE_BYTES + 80])
    assert b"forged" in forged
    for shift in range(8):
        buffer, writer = new_ring()
        put(writer, b"-" * shift + forged + b"-" * 30)
        buffer[PAGE_BYTES + 5] ^= 1
        assert RingReader(buffer).records() == []


def test_a_new_writer_begins_with_an_empty_ring() -> None:
    """Nothing of an earlier boot is found once a ring was begun again."""
    buffer, writer = new_ring()
    put(writer)
    writer.release()
    RingWriter(buffer, IDENTITY)
    assert RingReader(buffer).records() == []


def test_a_number_too_large_leaves_the_ring_as_it_was() -> None:
    """A value that does not fit its field raises, and nothing was given up for it."""
    buffer, writer = new_ring()
    put(writer)
    before = bytes(buffer)
    with pytest.raises(struct.error):
        writer.append(Level.INFO, SOURCE, b"x", wall_ns=2**70, monotonic_ns=0)
    assert bytes(buffer) == before
    assert put(writer) == 2


def test_the_reader_tells_what_was_flushed() -> None:
    """Records after the last flush are told apart; a half-written mark means: none was flushed."""
    buffer, writer = new_ring()
    put(writer)
    put(writer)
    flush(writer)
    put(writer)
    writer.note_disk_error()
    reader = RingReader(buffer)
    assert reader.flushed_seq == 2
    assert [record.seq for record in reader.unflushed()] == [3]
    assert reader.disk_errors == writer.disk_errors == 1
    buffer[512] ^= 1
    assert [record.seq for record in RingReader(buffer).unflushed()] == [1, 2, 3]


def test_damaged_memory_is_given_up_and_counted() -> None:
    """If nothing that waits can be read any more, flushing goes on after it."""
    buffer, writer = new_ring()
    put(writer)
    put(writer)
    buffer[PAGE_BYTES : PAGE_BYTES + 300] = bytes(300)
    assert flush(writer) == []
    assert writer.dropped == 2
    put(writer, b"later")
    assert [record.message for record in flush(writer)] == ["later"]
    assert writer.dropped == 2


def test_a_record_may_push_out_all_others() -> None:
    """When the rest of the ring is too small, one large record replaces everything."""
    buffer, writer = new_ring()
    long = Source("m" * 160, "f" * 160, "n" * 160, 1)
    for size in (PAYLOAD_BYTES_MAX - 600, PAYLOAD_BYTES_MAX, PAYLOAD_BYTES_MAX):
        writer.append(Level.INFO, long, b"x" * size, wall_ns=1, monotonic_ns=1)
    assert [record.seq for record in RingReader(buffer).records()] == [3]
    assert [record.seq for record in flush(writer)] == [3]
    assert put(writer) == 4
    assert [record.seq for record in RingReader(buffer).records()] == [3, 4]


def test_damage_to_any_place_never_stops_the_log() -> None:
    """With records overwritten by anything at all, writing and flushing still come to an end."""
    for start in range(PAGE_BYTES, RING_BYTES_MIN, 40):
        for filler in (0, 0xFF, 0x50):
            buffer, writer = new_ring()
            for _ in range(30):
                put(writer, b"before")
            flush(writer)
            for _ in range(30):
                put(writer, b"between")
            buffer[start : start + 40] = bytes([filler]) * len(buffer[start : start + 40])
            for _ in range(30):
                put(writer, b"after")
            assert [record.message for record in flush(writer)][-1] == "after"
            assert writer.unflushed_bytes == 0
            assert 0 <= writer.dropped <= 60


def test_any_number_of_sources_is_read() -> None:
    """A scan that meets more places in the code than it remembers reads them all the same."""
    buffer, writer = new_ring(1 << 20)
    for line in range(5000):
        source = Source("m", "f", "n", line)
        writer.append(Level.INFO, source, b"x", wall_ns=1, monotonic_ns=1)
    assert [record.source.line for record in RingReader(buffer).records()] == list(range(5000))


@pytest.mark.parametrize("size", [0, PAGE_BYTES, RING_BYTES_MIN - 1])
def test_too_small_a_buffer_is_refused(size: int) -> None:
    """A ring needs room for its page and two of the largest records."""
    with pytest.raises(ValueError, match="the log's memory"):
        RingWriter(bytearray(size), IDENTITY)


def test_other_files_are_refused() -> None:
    """A buffer that is no ring, a damaged page, another format or size raise one kind of error."""
    buffer, _ = new_ring()
    damaged = bytearray(buffer)
    damaged[20] ^= 1
    newer = bytearray(buffer)
    struct.pack_into("<I", newer, 8, 2)
    struct.pack_into("<I", newer, 112, crc32(newer[:112]))
    for octets in (b"", bytes(RING_BYTES_MIN), bytes(damaged), bytes(newer), bytes(buffer[:-8])):
        with pytest.raises(RingUnreadableError):
            RingReader(octets)
    with pytest.raises(RingUnreadableError, match="format 2"):
        RingReader(newer)
