"""What the generated message classes stand on: memoized text, checked integers, blame.

The memos are bounded: an attacker can fill them with junk symbols, but not make them grow.
"""

from __future__ import annotations

import struct
from typing import ClassVar, Final, Self

import attrs

from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import Status

MEMO_MAX: Final = 8_192

BAD: Final = (struct.error, KeyError, ValueError, TypeError, OverflowError, AttributeError)
"""What a bad field can make the derived code raise; all of it becomes a fault of one kind."""

BOOL: Final = {0: False, 1: True}

_ascii_memo: dict[bytes, str] = {}
_packed_memo: dict[tuple[str, int], bytes] = {}
ascii_get: Final = _ascii_memo.get
packed_get: Final = _packed_memo.get


def ascii_of(octets: bytes) -> str:
    """Decode NUL-padded printable ASCII without spaces; raises `ValueError`."""
    stripped = octets.rstrip(b"\0")
    text = stripped.decode("ascii")
    if text and (not text.isprintable() or " " in text):
        raise ValueError("not printable ASCII")
    if len(_ascii_memo) >= MEMO_MAX:
        _ascii_memo.clear()
    _ascii_memo[octets] = text
    return text


def ccy_of(octets: bytes) -> str:
    """Decode a currency code or market code of 4 octets."""
    return _ascii_memo.get(octets) or ascii_of(octets)


def packed(text: str, length: int) -> bytes:
    """Encode text to exactly ``length`` octets, NUL-padded; raises `ValueError`."""
    octets = text.encode("ascii")
    if len(octets) > length or (text and (not text.isprintable() or " " in text)):
        raise ValueError(f"{text!r} is not printable ASCII of at most {length} octets")
    padded = octets.ljust(length, b"\0")
    if len(_packed_memo) >= MEMO_MAX:
        _packed_memo.clear()
    _packed_memo[text, length] = padded
    return padded


def sized(octets: bytes, length: int) -> bytes:
    """Return ``octets`` if there are exactly ``length``; `struct` would pad or cut in silence."""
    if len(octets) != length:
        raise ValueError(f"{len(octets)} octets instead of {length}")
    return octets


def masked(bits: int, mask: int) -> int:
    """Return ``bits`` if all of them are defined."""
    if bits & ~mask:
        raise ValueError(f"undefined bits {bits & ~mask:#x}")
    return bits


@attrs.frozen
class SectionSpec:
    """A section a message may carry (see ``schema.Section``)."""

    tag: int
    attribute: str
    kind: str
    size_max: int
    required: bool
    size_min: int
    row: type[Row] | None


class Row:
    """Base of the rows of groups."""

    __slots__ = ()
    LAYOUT: ClassVar[struct.Struct]
    SIZE: ClassVar[int]

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> Self:
        """Read one block at ``offset``; raises `RemoteFault`."""
        raise TypeError(f"{cls.__name__} is not generated")

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        raise TypeError(f"{type(self).__name__} is not generated")


class Message(Row):
    """Base of the messages: a root block and sections."""

    __slots__ = ()
    OPCODE: ClassVar[int]
    SHAPE: ClassVar[str]
    CATEGORY: ClassVar[int]
    SECTIONS: ClassVar[tuple[SectionSpec, ...]]


def blame(cls: type[Row], octets: bytes, offset: int) -> RemoteFault:
    """Find the field that made ``unpack`` fail and return the fault that names it.

    Only bad input comes here, so it may be slow: the declaration itself is asked, field by field.
    """
    # Imported late: schema pulls construct in, which no good frame ever needs.
    from papertrader.wire.reference import field_at_fault  # noqa: PLC0415

    where, why = field_at_fault(cls.__name__, bytes(octets[offset : offset + cls.SIZE]))
    return RemoteFault(Status.INVALID_FIELD, f"{cls.__name__}: {why}", where)
