"""MessagePack, as much of it as a stream of market data needs.

Written are None, truth values, whole numbers, floats, text, lists, dictionaries and instants (the
timestamp extension, -1). Read is what programs send: the same without instants, within bounds.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from typing import Any, Final

DEPTH_MAX: Final = 8
ITEMS_MAX: Final = 8_192
"""Values in one message that is read; beyond, and below `DEPTH_MAX`, it is refused."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT_SMALL: Final = 32
_LIST_SMALL: Final = 16
_TIMESTAMP: Final = -1


def pack(value: Any) -> bytes:
    """Write a value. Raises `TypeError` for what is none of the above."""
    out = bytearray()
    _pack(value, out)
    return bytes(out)


def _pack(value: Any, out: bytearray) -> None:
    if value is None:
        out.append(0xC0)
    elif value is True or value is False:
        out.append(0xC3 if value else 0xC2)
    elif isinstance(value, int):
        _pack_whole(value, out)
    elif isinstance(value, float):
        out += struct.pack(">Bd", 0xCB, value)
    elif isinstance(value, str):
        octets = value.encode()
        _head(len(octets), _TEXT_SMALL, (0xA0, 0xD9, 0xDA, 0xDB), out)
        out += octets
    elif isinstance(value, list | tuple):
        _head(len(value), _LIST_SMALL, (0x90, 0, 0xDC, 0xDD), out)
        for each in value:
            _pack(each, out)
    elif isinstance(value, dict):
        _head(len(value), _LIST_SMALL, (0x80, 0, 0xDE, 0xDF), out)
        for key, each in value.items():
            _pack(key, out)
            _pack(each, out)
    elif isinstance(value, datetime):
        _pack_instant(value, out)
    else:
        raise TypeError(f"{type(value).__name__} cannot be written as MessagePack")


def _head(size: int, small: int, marks: tuple[int, int, int, int], out: bytearray) -> None:
    """Write the head of a text, a list or a dictionary; a mark of 0 does not exist."""
    if size < small:
        out.append(marks[0] | size)
    elif size < 1 << 8 and marks[1]:
        out += struct.pack(">BB", marks[1], size)
    elif size < 1 << 16:
        out += struct.pack(">BH", marks[2], size)
    else:
        out += struct.pack(">BI", marks[3], size)


def _pack_whole(value: int, out: bytearray) -> None:
    if 0 <= value < 1 << 7:
        out.append(value)
    elif -32 <= value < 0:
        out += struct.pack(">b", value)
    elif 0 <= value < 1 << 64:
        out += struct.pack(">BQ", 0xCF, value)
    elif -(1 << 63) <= value < 0:
        out += struct.pack(">Bq", 0xD3, value)
    else:
        raise TypeError("a whole number of more than 64 bits cannot be written as MessagePack")


def _pack_instant(value: datetime, out: bytearray) -> None:
    since = value - _EPOCH
    seconds, nanoseconds = since.days * 86_400 + since.seconds, since.microseconds * 1_000
    if 0 <= seconds < 1 << 34:
        out += struct.pack(">BbQ", 0xD7, _TIMESTAMP, nanoseconds << 34 | seconds)
    else:
        out += struct.pack(">BBbIq", 0xC7, 12, _TIMESTAMP, nanoseconds, seconds)


def unpack(octets: bytes) -> Any:
    """Read one value, and nothing after it. Raises `ValueError` for anything else."""
    reader = _Reader(octets)
    try:
        value = reader.value(0)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"this is not MessagePack: {error}") from None
    if reader.place != len(octets):
        raise ValueError("this is not MessagePack: octets are left over")
    return value


_NUMBERS: Final = {
    0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q",
    0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q",
}  # fmt: skip
_TEXTS: Final = {0xD9: ">B", 0xDA: ">H", 0xDB: ">I", 0xC4: ">B", 0xC5: ">H", 0xC6: ">I"}
_LISTS: Final = {0xDC: ">H", 0xDD: ">I"}
_TABLES: Final = {0xDE: ">H", 0xDF: ">I"}
_SINGLES: Final = {0xC0: None, 0xC2: False, 0xC3: True}


class _Reader:
    """The place in octets that are read."""

    def __init__(self, octets: bytes) -> None:
        self.place = 0
        self._octets = octets
        self._items = 0

    def value(self, depth: int) -> Any:
        """Read the next value."""
        self._items += 1
        if depth > DEPTH_MAX or self._items > ITEMS_MAX:
            raise ValueError("the message has too many values, or they lie too deep")
        mark = self._octets[self.place]
        self.place += 1
        if mark < 0x80:
            return mark
        if mark >= 0xE0:
            return mark - 256
        if mark < 0x90:
            return self._table(mark & 0x0F, depth)
        if mark < 0xA0:
            return self._list(mark & 0x0F, depth)
        if mark < 0xC0:
            return self._text(mark & 0x1F)
        if mark in _SINGLES:
            return _SINGLES[mark]
        if mark in _NUMBERS:
            return self._number(_NUMBERS[mark])
        if mark in _TEXTS:
            return self._text(self._number(_TEXTS[mark]))
        if mark in _LISTS:
            return self._list(self._number(_LISTS[mark]), depth)
        if mark in _TABLES:
            return self._table(self._number(_TABLES[mark]), depth)
        raise ValueError(f"mark {mark:#x} is not read here")

    def _number(self, form: str) -> Any:
        (found,) = struct.unpack_from(form, self._octets, self.place)
        self.place += struct.calcsize(form)
        return found

    def _text(self, size: int) -> str:
        octets = self._octets[self.place : self.place + size]
        if len(octets) != size:
            raise ValueError("a text is shorter than it says")
        self.place += size
        return octets.decode()

    def _list(self, size: int, depth: int) -> list[Any]:
        return [self.value(depth + 1) for _ in range(size)]

    def _table(self, size: int, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for _ in range(size):
            key = self.value(depth + 1)
            if not isinstance(key, str):
                raise ValueError("a key is no text")
            found[key] = self.value(depth + 1)
        return found
