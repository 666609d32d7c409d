"""The codec alone: very many changed frames read, and judged without a target.

Every frame is made from a well-formed one by changing its octets in place; nothing is built anew.
Each must either be refused with `RemoteFault` or be read; what was read must be built to the same
octets again, or, if it has parts that only a newer revision knows, to a shorter frame of the same
meaning. Of a stated share the construct reference says whether it is to be taken, too.

The same seed and number give the same frames, however many processes share them.
"""

from __future__ import annotations

import random
import struct
import time
from array import array
from collections.abc import Callable, Iterator
from functools import lru_cache
from multiprocessing import get_context
from typing import Any, Final
from zlib import crc32

import attrs

from papertrader.fuzz.generate import Generator
from papertrader.fuzz.observe import Breach
from papertrader.wire import codec, limits, reference, vectors
from papertrader.wire.declarations import Shape
from papertrader.wire.derived import Message
from papertrader.wire.errors import RemoteFault
from papertrader.wire.schema import MESSAGES

BLOCK: Final = 10_000
"""Frames of one block: what a process does at a time, and what a seed stands for."""
VARIANTS: Final = 6
"""Well-formed frames made of each message to begin with, besides the vectors."""
TEMPLATE_MAX: Final = 2_048
"""Longer frames teach nothing new, and cost as much as many short ones."""
COMPARED_DEFAULT: Final = 100
"""Of so many frames one is also read by the construct reference, which is slower by far."""
BREACHES_MAX: Final = 20
H: Final = limits.HEADER_SIZE
_ODD: Final = bytes.fromhex("00017f80feff20415a2d00ff40c08181")
_U16: Final = struct.Struct(">H")
_U32: Final = struct.Struct(">I")
_U64: Final = struct.Struct(">Q")
_BOUNDS: Final = (
    0, 1, 2, 3, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1,
    2**63 - 1, 2**63,
)  # fmt: skip


@attrs.define(kw_only=True)
class Counts:
    """What was done: frames, how many were taken, refused, and compared with the reference."""

    frames: int = 0
    taken: int = 0
    refused: int = 0
    compared: int = 0
    breaches: list[Breach] = attrs.Factory(list)

    def add(self, other: Counts) -> None:
        """Add what another process did."""
        self.frames += other.frames
        self.taken += other.taken
        self.refused += other.refused
        self.compared += other.compared
        self.breaches += other.breaches[: BREACHES_MAX - len(self.breaches)]


@lru_cache(maxsize=4)
def templates(seed: int = 0) -> tuple[bytes, ...]:
    """Return the frames that changes begin with: each vector, and each message some times over."""
    made = [vector.octets for vector in vectors.accepted()]
    generator = Generator(random.Random(f"templates {seed}"))
    for declared in MESSAGES:
        for n in range(VARIANTS):
            correlation = {"correlation": n + 1} if declared.shape is Shape.REPLY else {}
            octets = generator.frame(declared, **correlation)
            made.append(codec.encode(codec.decode(octets)[1], opcode=declared.opcode))
            if n % 3 == 0:
                made.append(_summed(octets))
    return tuple(dict.fromkeys(octets for octets in made if len(octets) <= TEMPLATE_MAX))


def _summed(octets: bytes) -> bytes:
    header = codec.parse_header(octets)
    head = codec.HEADER.pack(
        *header._replace(length=header.length + 4, flags=header.flags | codec.CHECKSUM)
    )
    whole = head + octets[H:]
    return whole + codec.CRC.pack(crc32(whole))


def changed(template: bytes, chance: int) -> bytes:
    """Return a frame made from another by one change, chosen by 64 bits of chance.

    A fifth of the changes are made to the header; where the length changes, the header is mostly
    told, since otherwise every such frame would be refused for the same reason.
    """
    kind = chance & 31
    place = chance >> 5 & 0xFFFF
    value = chance >> 21 & 0xFFFF
    octets = bytearray(template)
    size = len(octets)
    if kind < 6:  # The header.
        at = place % H
        octets[at] = _ODD[value & 15] if kind < 3 else octets[at] ^ (1 << (value & 7))
    elif size == H or kind > 28:  # Octets more, or a section that may be unknown.
        if value & 1:
            octets += codec.section(place, _ODD[: value >> 1 & 7])
        else:
            octets += _ODD[: (value >> 1 & 7) + 1]
        _U32.pack_into(octets, 4, len(octets) - H)
    elif kind < 14:  # One bit of the body.
        octets[H + place % (size - H)] ^= 1 << (value & 7)
    elif kind < 19:  # One octet of the body.
        octets[H + place % (size - H)] = _ODD[value & 15]
    elif kind < 24:  # A number of the body at a bound.
        layout = (_U16, _U32, _U64)[value % 3]
        at = H + place % (size - H)
        if at + layout.size <= size:
            bits = 8 * layout.size
            layout.pack_into(octets, at, _BOUNDS[value >> 4 & 15] & ((1 << bits) - 1))
    elif kind < 27:  # The end is missing.
        del octets[H + place % (size - H) :]
        _U32.pack_into(octets, 4, len(octets) - H)
    else:  # A piece is missing or there twice, within the body.
        at = H + place % (size - H)
        piece = octets[at : at + (value >> 4 & 15) + 1]
        if value & 1:
            octets[at:at] = piece
        else:
            del octets[at : at + len(piece)]
        _U32.pack_into(octets, 4, len(octets) - H)
        if value & 2:
            block = _U16.unpack_from(template, 12)[0] + len(octets) - size
            _U16.pack_into(octets, 12, block & 0xFFFF)
    return bytes(octets)


def chances(seed: int, block: int, count: int) -> array[int]:
    """Return the chance of each frame of a block, 64 bits each, the same on every machine."""
    numbers = array("Q")
    numbers.frombytes(random.Random(f"{seed} {block}").randbytes(8 * count))
    return numbers


def judged(octets: bytes) -> str | None:
    """Read a frame: "" if it was refused, "taken" if it was read; raises `Objection`."""
    try:
        header, message = codec.decode(octets)
    except RemoteFault:
        return ""
    again = codec.encode(
        message, opcode=header.opcode, flags=header.flags, status=header.status,
        session=header.session, correlation=header.correlation, seq=header.seq,
    )  # fmt: skip
    if again != octets:
        check_extended(octets, again, message)
    return "taken"


class Objection(Exception):
    """A frame was read in a way that the specification does not allow."""


def check_extended(octets: bytes, again: bytes, message: Message) -> None:
    """A longer block or row, or an unknown section, may be left out; nothing else may."""
    if len(again) >= len(octets):
        raise Objection(f"{type(message).__name__} has another encoding than its own")
    if codec.decode(again)[1] != message:
        raise Objection(f"{type(message).__name__} means something else when built again")


def compare(octets: bytes, taken: bool) -> None:
    """Compare with what the construct reference says of the frame; raises `Objection`."""
    try:
        reference.parse(octets)
    except reference.Refused as why:
        if taken:
            raise Objection(f"the reference refuses it: {why}") from None
    else:
        if not taken:
            raise Objection("the reference takes it")


Judge = Callable[[bytes], str | None]


def run_block(
    frames: tuple[bytes, ...], seed: int, block: int, count: int, compared: int,
    judge: Judge = judged,
) -> Counts:  # fmt: skip
    """Change, read and judge ``count`` frames; of ``compared`` one is compared (0: none)."""
    done = Counts(frames=count)
    many = len(frames)
    taken = 0
    for number, chance in enumerate(chances(seed, block, count)):
        octets = changed(frames[(chance >> 37) % many], chance)
        try:
            verdict = judge(octets)
            if verdict:
                taken += 1
            if compared and number % compared == 0:
                done.compared += 1
                compare(octets, bool(verdict))
        except Exception as fault:
            # Whatever is raised here but a refusal is what is looked for.
            if len(done.breaches) < BREACHES_MAX:
                name = "" if isinstance(fault, Objection) else f"{type(fault).__name__}: "
                text = f"{name}{fault}: block {block}, frame {number}: {octets.hex()}"
                done.breaches.append(Breach("framing", text))
    done.taken, done.refused = taken, count - taken
    return done


def _blocks(total: int) -> Iterator[tuple[int, int]]:
    for block in range((total + BLOCK - 1) // BLOCK):
        yield block, min(BLOCK, total - block * BLOCK)


def _job(arguments: tuple[int, int, int, int]) -> Counts:
    seed, block, count, compared = arguments
    return run_block(templates(seed), seed, block, count, compared)


def run(
    total: int,
    seed: int,
    jobs: int,
    compared: int = COMPARED_DEFAULT,
    told: Callable[[Counts, float], Any] = lambda counts, seconds: None,
    now: Callable[[], float] = time.monotonic,
) -> tuple[Counts, float]:
    """Do ``total`` frames in ``jobs`` processes; return what was done and in how many seconds.

    ``told`` hears after each block what was done so far.
    """
    done, began = Counts(), now()
    work = ((seed, block, count, compared) for block, count in _blocks(total))
    if jobs <= 1:
        for arguments in work:
            done.add(_job(arguments))
            told(done, now() - began)
    else:
        with get_context("spawn").Pool(jobs) as pool:
            for counts in pool.imap_unordered(_job, work, 1):
                done.add(counts)
                told(done, now() - began)
    return done, now() - began
