"""Frames as a peer of a later revision would send them: everything longer, grease everywhere.

What is added has no meaning: octets behind every root block and row, unknown sections, the grease
flag and a reserved bit. A receiver of this revision must read the same values.
"""

from __future__ import annotations

import struct

from papertrader.wire import codec, kinds, limits
from papertrader.wire.kinds import FrameFlag, Opcode, Tag

BLOCK_MORE = b"\xa5" * 9
ROW_MORE = b"\x5a" * 5
RESERVED_FLAGS = 0x0080 | 0x0200
SECTIONS_MORE = {kinds.GREASE_TAGS[0]: b"", kinds.GREASE_TAGS[1]: b"\xff", 0x3E01: b"later\0text"}
WRAPS_OURS = frozenset({Opcode.RELAY_DOWN, Opcode.TOPIC_PUBLISH})
"""Messages whose INNER frames come from the same peer; RELAY_UP holds another's."""


def split(octets: bytes) -> list[bytes]:
    """Return the frames that stand one behind the other."""
    frames = []
    while octets:
        size = limits.HEADER_SIZE + codec.parse_header(octets).length
        if len(octets) < size:
            raise ValueError("half a frame")
        frames.append(octets[:size])
        octets = octets[size:]
    return frames


def _rows(payload: bytes) -> bytes:
    row_len, count = codec.GROUP.unpack_from(payload)
    rows = payload[codec.GROUP.size :]
    longer = [rows[at : at + row_len] + ROW_MORE for at in range(0, len(rows), row_len)]
    return codec.GROUP.pack(row_len + len(ROW_MORE), count) + b"".join(longer)


def _sections(octets: bytes, opcode: int) -> dict[int, bytes]:
    found = dict(SECTIONS_MORE)
    while octets:
        tag, size = codec.SECTION.unpack_from(octets)
        payload = octets[codec.SECTION.size : codec.SECTION.size + size]
        octets = octets[codec.SECTION.size + size :]
        if tag & kinds.TAG_GROUP:
            payload = _rows(payload)
        elif tag == Tag.INNER and opcode in WRAPS_OURS:
            payload = later(payload)
        found[tag] = payload
    return found


def _frame(octets: bytes) -> bytes:
    head = codec.parse_header(octets)
    summed = head.flags & FrameFlag.CHECKSUM
    end = len(octets) - (codec.CRC.size if summed else 0)
    root_end = limits.HEADER_SIZE + head.block_len
    block = octets[limits.HEADER_SIZE : root_end]
    if head.opcode == Opcode.HELLO:
        # Frozen for ever: only the revision it names is another.
        block = block[:4] + struct.pack(">H", kinds.REVISION + 1) + block[6:]
    elif head.block_len:
        block += BLOCK_MORE
    sections = b"".join(
        codec.section(tag, payload)
        for tag, payload in sorted(_sections(octets[root_end:end], head.opcode).items())
    )
    return codec.frame(
        head.category, head.opcode, block, sections,
        flags=head.flags | FrameFlag.GREASE | RESERVED_FLAGS, status=head.status,
        session=head.session, correlation=head.correlation, seq=head.seq,
    )  # fmt: skip


def later(octets: bytes) -> bytes:
    """Return whole frames as a peer of the next revision would send them."""
    return b"".join(map(_frame, split(octets)))
