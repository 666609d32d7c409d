"""Lies: frames that are wrong in one way each, made from frames that are right."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from typing import Final
from zlib import crc32

from papertrader.wire import codec, kinds, limits
from papertrader.wire.codec import CRC, SECTION

H: Final = limits.HEADER_SIZE
Mutator = Callable[[random.Random, bytes], bytes]


def put(octets: bytes, offset: int, code: str, value: int) -> bytes:
    """Return the octets with a number written into them; out of place: unchanged."""
    if offset + struct.calcsize(code) > len(octets):
        return octets
    changed = bytearray(octets)
    struct.pack_into(">" + code, changed, offset, value)
    return bytes(changed)


def resized(octets: bytes) -> bytes:
    """Return the frame with the length that it has."""
    return put(octets, 4, "I", max(0, len(octets) - H))


def root_end(octets: bytes) -> int:
    """Return where the sections of a frame begin."""
    return H + int(codec.parse_header(octets).block_len)


def sections_of(octets: bytes) -> list[tuple[int, int]]:
    """Return (offset, payload length) of each section that can be read."""
    found: list[tuple[int, int]] = []
    position = root_end(octets)
    while position + SECTION.size <= len(octets) and len(found) < limits.SECTIONS_MAX:
        _, size = SECTION.unpack_from(octets, position)
        if position + SECTION.size + size > len(octets):
            break
        found.append((position, size))
        position += SECTION.size + size
    return found


def _near(rng: random.Random, value: int, most: int) -> int:
    return rng.choice((0, 1, value - 1, value + 1, value * 2, most, most - 1, most // 2)) % (
        most + 1
    )


def bit(rng: random.Random, octets: bytes) -> bytes:
    """One bit of the body is different."""
    if len(octets) <= H:
        return octets
    at = rng.randrange(H, len(octets))
    return octets[:at] + bytes([octets[at] ^ (1 << rng.randrange(8))]) + octets[at + 1 :]


def octet(rng: random.Random, octets: bytes) -> bytes:
    """One octet of the body is another."""
    if len(octets) <= H:
        return octets
    at = rng.randrange(H, len(octets))
    return octets[:at] + bytes([rng.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF))]) + octets[at + 1 :]


def length(rng: random.Random, octets: bytes) -> bytes:
    """The header says another length."""
    return put(octets, 4, "I", _near(rng, len(octets) - H, 0xFFFF_FFFF))


def block_length(rng: random.Random, octets: bytes) -> bytes:
    """The header says another length of the root block."""
    return put(octets, 12, "H", _near(rng, root_end(octets) - H, 0xFFFF))


def section_length(rng: random.Random, octets: bytes) -> bytes:
    """A section says another length."""
    found = sections_of(octets)
    if not found:
        return unknown_section(rng, octets)
    at, size = rng.choice(found)
    return put(octets, at + 2, "I", _near(rng, size, 0xFFFF_FFFF))


def row_length(rng: random.Random, octets: bytes) -> bytes:
    """A group says another length of its rows."""
    found = [at for at, size in sections_of(octets) if size >= 6 and octets[at] & 0x40]
    if not found:
        return block_length(rng, octets)
    at = rng.choice(found) + SECTION.size
    return put(octets, at, "H", _near(rng, int.from_bytes(octets[at : at + 2], "big"), 0xFFFF))


def row_count(rng: random.Random, octets: bytes) -> bytes:
    """A group says another number of rows."""
    found = [at for at, size in sections_of(octets) if size >= 6 and octets[at] & 0x40]
    if not found:
        return section_length(rng, octets)
    at = rng.choice(found) + SECTION.size + 2
    return put(octets, at, "I", _near(rng, int.from_bytes(octets[at : at + 4], "big"), 0xFFFFFFFF))


def truncated(rng: random.Random, octets: bytes) -> bytes:
    """The body ends too soon, and the header agrees."""
    return resized(octets[: rng.randrange(H, len(octets) + 1)])


def trailing(rng: random.Random, octets: bytes) -> bytes:
    """Octets are left over."""
    return resized(octets + rng.randbytes(rng.randint(1, 7)))


def longer_block(rng: random.Random, octets: bytes) -> bytes:
    """A newer peer's root block: this is allowed."""
    end = root_end(octets)
    more = rng.randbytes(rng.randint(1, 40))
    grown = resized(octets[:end] + more + octets[end:])
    return put(grown, 12, "H", (end - H + len(more)) & 0xFFFF)


def again(rng: random.Random, octets: bytes) -> bytes:
    """A section comes twice."""
    found = sections_of(octets)
    if not found:
        return unknown_section(rng, octets)
    at, size = rng.choice(found)
    piece = octets[at : at + SECTION.size + size]
    return resized(octets[:at] + piece + octets[at:])


def unknown_section(rng: random.Random, octets: bytes) -> bytes:
    """A section that nobody knows, in order: this is allowed."""
    return resized(octets + codec.section(rng.randint(0x7000, 0x7FFF), rng.randbytes(3)))


def critical_section(rng: random.Random, octets: bytes) -> bytes:
    """A section that must be understood and is not."""
    return resized(octets + codec.section(rng.randint(0x8000, 0xFFFF), rng.randbytes(3)))


def many_sections(rng: random.Random, octets: bytes) -> bytes:
    """As many sections as are allowed, or one more."""
    count = limits.SECTIONS_MAX - len(sections_of(octets)) + rng.randint(0, 1)
    return resized(octets + b"".join(codec.section(0x7000 + n, b"") for n in range(count)))


def empty_section(rng: random.Random, octets: bytes) -> bytes:
    """A section of the message with nothing in it."""
    tag = rng.choice([int(tag) for tag in kinds.Tag])
    return resized(octets + codec.section(tag, b""))


def category(rng: random.Random, octets: bytes) -> bytes:
    """Another category."""
    return put(octets, 3, "B", rng.choice((0, 1, 2, 3, 4, 255)))


def opcode(rng: random.Random, octets: bytes) -> bytes:
    """Another opcode: a neighbor, grease, another link's, any."""
    now = int(codec.parse_header(octets).opcode)
    chosen = rng.choice((now + 1, now - 1, *kinds.GREASE_OPCODES, *map(int, kinds.Opcode)))
    return put(octets, 8, "H", chosen & 0xFFFF)


def any_opcode(rng: random.Random, octets: bytes) -> bytes:
    """Any opcode that is not one of control, of the worker link or of the journal."""
    return put(octets, 8, "H", rng.randint(0x0100, 0x7000))


def flags(rng: random.Random, octets: bytes) -> bytes:
    """Another set of flags."""
    return put(octets, 10, "H", 1 << rng.randrange(16))


def soft_flags(rng: random.Random, octets: bytes) -> bytes:
    """Flags that must be ignored."""
    return put(octets, 10, "H", rng.choice((0x0020, 0x0080, 0x0100, 0x0200, 0x0400, 0x0800)))


def status(rng: random.Random, octets: bytes) -> bytes:
    """A request with a status."""
    return put(octets, 14, "H", rng.choice((1, 0x0101, 0x0F01, 0xFFFF)))


def session(rng: random.Random, octets: bytes) -> bytes:
    """Another session."""
    return put(octets, 16, "I", rng.choice((0, 1, 2, rng.getrandbits(32), 0xFFFF_FFFF)))


def correlation(rng: random.Random, octets: bytes) -> bytes:
    """A correlation that is 0 or was used before."""
    return put(octets, 20, "I", rng.choice((0, 1, 0xFFFF_FFFF)))


def seq(rng: random.Random, octets: bytes) -> bytes:
    """Another number of the command."""
    return put(octets, 24, "Q", rng.choice((0, 1, 2, 3, 2**63, 2**64 - 1)))


def version(rng: random.Random, octets: bytes) -> bytes:
    """Another version."""
    return put(octets, 2, "B", rng.choice((0, 2, 255)))


def magic(rng: random.Random, octets: bytes) -> bytes:
    """Another beginning."""
    return rng.choice((b"PX", b"\0\0", b"GE", b"\x16\x03")) + octets[2:]


def checksum(rng: random.Random, octets: bytes) -> bytes:
    """A CRC-32 that fits: this is allowed."""
    value = put(octets, 10, "H", codec.parse_header(octets).flags | codec.CHECKSUM)
    value = put(value, 4, "I", len(octets) - H + 4)
    return value + CRC.pack(crc32(value))


def wrong_checksum(rng: random.Random, octets: bytes) -> bytes:
    """A CRC-32 that does not fit."""
    good = checksum(rng, octets)
    return good[:-1] + bytes([good[-1] ^ (1 << rng.randrange(8))])


def too_large(rng: random.Random, octets: bytes) -> bytes:
    """A length beyond what is taken."""
    return put(octets, 4, "I", limits.CLIENT_FRAME_MAX - H + rng.choice((1, 2, 2**16, 2**30)))


MUTATORS: Final[tuple[Mutator, ...]] = (
    bit, octet, length, block_length, section_length, row_length, row_count, truncated, trailing,
    longer_block, again, unknown_section, critical_section, many_sections, empty_section, category,
    opcode, any_opcode, flags, soft_flags, status, session, correlation, seq, version, magic,
    checksum, wrong_checksum, too_large,
)  # fmt: skip
"""Every kind of lie, and the changes that must be taken."""


def mutated(rng: random.Random, octets: bytes) -> bytes:
    """Return the frame with one or two changes."""
    changed = rng.choice(MUTATORS)(rng, octets)
    if rng.random() < 0.2 and len(changed) >= H:
        changed = rng.choice(MUTATORS)(rng, changed)
    return changed
