"""The derived codec and construct agree on every frame, good or bad."""

from __future__ import annotations

import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from papertrader.wire import codec, vectors
from papertrader.wire.derived import Message as Made
from papertrader.wire.kinds import Opcode, Status
from papertrader.wire.schema import MESSAGES, Message
from tests.strategies import messages, messages_of, rows
from tests.wire.frames import HEAD, compare, patched, with_body

QUICK = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
CORNERS = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)
BY_NAME = pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)


@pytest.mark.clause("3.1")
@BY_NAME
@settings(QUICK, max_examples=10)
@given(data=st.data(), flags=st.sampled_from([0, codec.CHECKSUM, codec.MORE, 0x0800]))
def test_valid_frames(message: Message, data: st.DataObject, flags: int) -> None:
    """A frame built from any values decodes to them, in both, and builds the same octets."""
    made = data.draw(messages_of(message))
    octets = codec.encode(made, flags=flags, session=1, correlation=2, seq=3)
    assert compare(octets)
    assert codec.decode(octets)[1] == made


@BY_NAME
def test_every_shorter_body(message: Message) -> None:
    """Cut at each octet, with lengths that lie or that fit, both refuse or accept alike."""
    octets = codec.encode(vectors.full(message), correlation=1)
    (block_len,) = struct.unpack_from(">H", octets, 12)
    for end in range(len(octets)):
        assert not compare(octets[:end])
    for size in range(len(octets) - HEAD):
        accepted = compare(with_body(octets, octets[HEAD : HEAD + size], min(block_len, size)))
        # Only a cut between two sections leaves a whole frame, if none that is needed is lost.
        assert not accepted or size >= block_len


@pytest.mark.clause("6.3")
@BY_NAME
def test_every_octet_at_its_corners(message: Message) -> None:
    """With any one octet of the root block or the first section heads changed, both agree."""
    octets = codec.encode(vectors.full(message), correlation=1)
    (block_len,) = struct.unpack_from(">H", octets, 12)
    for offset in range(HEAD, min(len(octets), HEAD + block_len + 16)):
        for value in CORNERS[offset % 2 :: 2]:
            compare(patched(octets, offset, "B", value))


@pytest.mark.clause("3.6")
@settings(QUICK, max_examples=250)
@given(
    made=messages(),
    changes=st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), max_size=4),
    resized=st.integers(-3, 3),
)
def test_mutated_frames(made: Made, changes: list[tuple[int, int]], resized: int) -> None:
    """Octets changed anywhere and a body grown or shrunk: accepted by both or by neither."""
    octets = bytearray(codec.encode(made, flags=len(changes) % 2 * codec.CHECKSUM))
    for where, value in changes:
        octets[where % len(octets)] = value
    frame = bytes(octets)
    compare(frame)
    body = frame[HEAD:] + bytes(resized) if resized > 0 else frame[HEAD : len(frame) + resized]
    compare(with_body(frame, body))


@settings(QUICK, max_examples=200)
@given(
    made=messages(),
    sections=st.lists(
        st.tuples(st.sampled_from([1, 4, 7, 0x5A, 0x4005, 0x4008, 0x8003]), st.binary(max_size=40)),
        max_size=3,
    ),
)
def test_foreign_sections(made: Made, sections: list[tuple[int, bytes]]) -> None:
    """Sections of any tag in place of a message's own: accepted by both or by neither."""
    octets = codec.encode(made)
    body = octets[HEAD : HEAD + made.SIZE] + b"".join(codec.section(*s) for s in sections)
    compare(with_body(octets, body))


@pytest.mark.clause("6.5")
@settings(QUICK, max_examples=100)
@given(data=st.data(), extra=st.binary(max_size=5), count=st.integers(0, 4))
def test_groups_that_lie(data: st.DataObject, extra: bytes, count: int) -> None:
    """Groups whose row length, count and octets do not fit: accepted by both or by neither."""
    packed = [row.pack() + extra for row in data.draw(st.lists(rows("SymbolRow"), max_size=3))]
    row_len = data.draw(st.sampled_from([0, 15, 16, 16 + len(extra)]))
    payload = struct.pack(">HI", row_len, count) + b"".join(packed)
    body = bytes(8) + codec.section(0x4008, payload)
    compare(codec.frame(1, Opcode.QUOTE_GET, body[:8], body[8:]))


@pytest.mark.clause("9.4")
@settings(QUICK, max_examples=100)
@given(
    opcode=st.sampled_from([*Opcode, 0x0A5A]),
    status=st.sampled_from(list(Status)),
    text=st.text(max_size=40),
    field=st.none() | st.integers(0, 0xFFFF),
    wait=st.none() | st.integers(0, 2**32 - 1),
    category=st.none() | st.integers(0, 4),
)
def test_failures(
    opcode: int,
    status: Status,
    text: str,
    field: int | None,
    wait: int | None,
    category: int | None,
) -> None:
    """A reply that says only why not is read alike; with status 0 it is no failure."""
    octets = codec.failure(opcode, status, text, field=field, retry_after_ms=wait, correlation=9)
    if category is not None:
        octets = patched(octets, 3, "B", category)
    accepted = compare(octets)
    assert not (accepted and status == Status.OK)
    if category is None and status:
        expected = codec.Failure(text or None, field, wait)
        assert codec.decode(octets)[1] == expected


@settings(QUICK, max_examples=200)
@given(octets=st.binary(max_size=120))
def test_random_octets(octets: bytes) -> None:
    """Random octets, bare or behind a good header, are refused by both or by neither."""
    compare(octets)
    order = codec.encode(vectors.full(MESSAGES[0]))
    compare(with_body(order, octets, min(len(octets), 28)))
