"""Sequences of what a harness does, and their file format ``.ptc``.

A file is: ``PTC1``, seed u64, steps, CRC-32 of everything before. A step is: kind u8, connection
u8, delay_us u32, wait u8, option u8, count of references u16, length u32, references, octets. A
reference is: source u8, reserved u8, length u16, place u32, step u32, offset u32; before the
octets are sent, ``length`` octets of what the server chose are put at ``place``. So a sequence
plays against a live server that need not be changed for it. All integers are big-endian.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final
from zlib import crc32

import attrs

MAGIC: Final = b"PTC1"
STEPS_MAX: Final = 20_000
OCTETS_MAX: Final = 4 * 1024 * 1024
"""Octets of one step, and references and steps that a reader takes."""
REFERENCES_MAX: Final = 256
_HEAD: Final = struct.Struct(">4sQ")
_STEP: Final = struct.Struct(">BBIBBHI")
_REFERENCE: Final = struct.Struct(">BBHIII")
_CRC: Final = struct.Struct(">I")


class CorpusError(Exception):
    """A file is not a sequence; the text says why."""


class Kind(IntEnum):
    """What a step does. RECEIVED only tells what came; a player skips it."""

    OPEN = 1
    SEND = 2
    RECEIVED = 3
    CLOSE = 4
    HALF_CLOSE = 5
    RESET = 6


class Wait(IntEnum):
    """What is waited for after a step."""

    NONE = 0
    REPLY = 1
    """All requests of the connection are answered."""
    CLOSE = 2
    """The target has ended the connection."""
    IDLE = 3
    """A quarter of a second passes."""


class Source(IntEnum):
    """Where the octets of a reference come from."""

    SESSION = 1
    """The handle of the connection's session."""
    TOKEN = 2
    """The newest token of the connection's session; ``step``: the connection, plus 1, if other."""
    REPLY = 3
    """The last reply to step ``step``, from ``offset`` on."""


class Opening(IntEnum):
    """How an OPEN step begins (its option)."""

    RAW = 0
    HELLO = 1
    FIRST = 2
    """HELLO, and a session of the first account."""
    SECOND = 3
    """HELLO, and a session of the second account."""


@attrs.frozen
class Reference:
    """A hole in a frame and where its octets come from."""

    source: Source
    place: int
    length: int
    step: int = 0
    offset: int = 0


@attrs.frozen
class Step:
    """One thing that is done on one connection."""

    kind: Kind
    connection: int = 0
    octets: bytes = b""
    wait: Wait = Wait.NONE
    delay_us: int = 0
    option: int = 0
    references: tuple[Reference, ...] = ()


@attrs.frozen
class Sequence:
    """Steps in order, and the seed they were made with (0: by hand)."""

    steps: tuple[Step, ...]
    seed: int = 0
    name: str = ""

    @property
    def sent_octets(self) -> int:
        """How many octets it sends."""
        return sum(len(step.octets) for step in self.steps if step.kind is Kind.SEND)


SESSION_HOLE: Final = Reference(Source.SESSION, 16, 4)
"""The session field of a frame's header."""


def dumps(sequence: Sequence) -> bytes:
    """Return a sequence as octets."""
    out = [_HEAD.pack(MAGIC, sequence.seed)]
    for step in sequence.steps:
        out.append(
            _STEP.pack(
                step.kind, step.connection, step.delay_us, step.wait, step.option,
                len(step.references), len(step.octets),
            )
        )  # fmt: skip
        out += [
            _REFERENCE.pack(r.source, 0, r.length, r.place, r.step, r.offset)
            for r in step.references
        ]
        out.append(step.octets)
    octets = b"".join(out)
    return octets + _CRC.pack(crc32(octets))


def loads(octets: bytes, name: str = "") -> Sequence:
    """Read a sequence; raises `CorpusError`."""
    if octets[:4] != MAGIC or len(octets) < _HEAD.size + _CRC.size:
        raise CorpusError("this is not a sequence file: it does not begin with PTC1")
    end = len(octets) - _CRC.size
    if _CRC.unpack_from(octets, end)[0] != crc32(octets[:end]):
        raise CorpusError("the file is damaged: its checksum does not fit")
    steps: list[Step] = []
    position = _HEAD.size
    try:
        while position < end:
            if len(steps) >= STEPS_MAX:
                raise CorpusError(f"more than {STEPS_MAX} steps")
            step, position = _step(octets, position, end)
            steps.append(step)
    except (struct.error, ValueError) as error:
        raise CorpusError(f"step {len(steps) + 1} cannot be read: {error}") from None
    return Sequence(tuple(steps), _HEAD.unpack_from(octets)[1], name)


def _step(octets: bytes, position: int, end: int) -> tuple[Step, int]:
    kind, connection, delay, wait, option, count, length = _STEP.unpack_from(octets, position)
    position += _STEP.size
    if count > REFERENCES_MAX or length > OCTETS_MAX:
        raise CorpusError(f"a step of {length} octets and {count} references is out of bounds")
    references = []
    for _ in range(count):
        source, _zero, size, place, which, offset = _REFERENCE.unpack_from(octets, position)
        if place + size > length:
            raise CorpusError("a reference points behind its frame")
        references.append(Reference(Source(source), place, size, which, offset))
        position += _REFERENCE.size
    if position + length > end:
        raise CorpusError("a step ends after the file")
    step = Step(
        Kind(kind), connection, octets[position : position + length], Wait(wait), delay, option,
        tuple(references),
    )  # fmt: skip
    return step, position + length
