"""Octet surgery and the comparison with the reference that several tests share."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from papertrader.wire import codec, limits, reference
from papertrader.wire.derived import Message, Row
from papertrader.wire.errors import RemoteFault

HEAD = limits.HEADER_SIZE


def patched(octets: bytes, offset: int, code: str, value: Any) -> bytes:
    """Return the frame with one big-endian value put over what stands at ``offset``."""
    changed = bytearray(octets)
    struct.pack_into(">" + code, changed, offset, value)
    return bytes(changed)


def with_body(octets: bytes, body: bytes, block_len: int | None = None) -> bytes:
    """Return a frame of the same header with another body and a true length."""
    frame = patched(octets[:HEAD] + body, 4, "I", len(body))
    return frame if block_len is None else patched(frame, 12, "H", block_len)


def decoded(octets: bytes) -> tuple[codec.Header, Message] | None:
    """Return what the derived codec makes of the octets, or None when it refuses them."""
    try:
        return codec.decode(octets)
    except RemoteFault:
        return None


def frames_in(octets: bytes) -> Iterator[tuple[codec.Header, Message]]:
    """Give the frames that a connection wants to send."""
    while octets:
        size = HEAD + codec.parse_header(octets).length
        yield codec.decode(octets[:size])
        octets = octets[size:]


def referred(octets: bytes) -> tuple[Any, str, dict[str, Any]] | None:
    """Return what construct makes of the octets, or None when it refuses them."""
    try:
        return reference.parse(octets)
    except reference.Refused:
        return None


def _same(value: Any, expected: Any) -> bool:
    if isinstance(expected, tuple):
        return len(value) == len(expected) and all(
            isinstance(row, Row) and all(getattr(row, k) == v for k, v in wanted.items())
            for row, wanted in zip(value, expected, strict=True)
        )
    return bool(value == expected) and isinstance(value, bool) == isinstance(expected, bool)


def has_unknown(header: codec.Header, made: Message, octets: bytes) -> bool:
    """Tell whether an accepted frame holds what this revision does not know and so drops."""
    if header.block_len > made.SIZE:
        return True
    known = {spec.tag: spec for spec in made.SECTIONS}
    end = HEAD + header.length - (4 if header.flags & codec.CHECKSUM else 0)
    at = HEAD + header.block_len
    while at < end:
        tag, size = struct.unpack_from(">HI", octets, at)
        spec = known.get(tag)
        if spec is None:
            return True
        if spec.row is not None and struct.unpack_from(">H", octets, at + 6)[0] > spec.row.SIZE:
            return True
        at += 6 + size
    return False


def rebuilt(header: codec.Header, made: Message) -> bytes:
    """Return the frame that the decoded values stand for."""
    return codec.encode(
        made,
        opcode=header.opcode,
        flags=header.flags,
        status=header.status,
        session=header.session,
        correlation=header.correlation,
        seq=header.seq,
    )


def compare(octets: bytes) -> bool:
    """Hold the derived codec against construct and canonical form; tell whether it was accepted."""
    ours, theirs = decoded(octets), referred(octets)
    assert (ours is None) == (theirs is None), (octets.hex(), ours, theirs)
    if ours is None or theirs is None:
        return False
    (header, made), (head, name, values) = ours, theirs
    assert type(made).__name__ == name
    assert all(getattr(header, field) == head[field] for field in header._fields)
    for attribute, expected in values.items():
        assert _same(getattr(made, attribute), expected), (attribute, expected)
    absent = {spec.attribute for spec in made.SECTIONS} - values.keys()
    assert all(getattr(made, attribute) in (None, b"", ()) for attribute in absent)
    if not has_unknown(header, made, octets):
        assert rebuilt(header, made) == octets
    return True
