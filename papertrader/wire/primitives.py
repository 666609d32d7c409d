"""The strict building blocks that every declaration in ``schema`` is made of.

construct accepts more than it should: unknown enumeration numbers, a boolean of 2, text with inner
NULs, octets left over, a count of a billion empty things. Each block here refuses what has a second
encoding, so that every accepted frame has exactly one: ``build(parse(octets)) == octets``.

Each block says how the derived codec packs it: ``code`` is its `struct` format, ``type_name`` what
the specification's tables call it.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Any

import construct as c

from papertrader.core.money import NULL

U8 = c.Int8ub
U16 = c.Int16ub
U32 = c.Int32ub
U64 = c.Int64ub


class Alias(c.Adapter):
    """An integer with a meaning of its own; parsed and built as it is."""

    def __init__(self, subcon: Any, type_name: str, default: int = 0) -> None:
        super().__init__(subcon)
        self.code = subcon.fmtstr[1:]
        self.type_name = type_name
        self.default = default

    def _decode(self, obj: int, context: Any, path: str) -> int:
        return obj

    def _encode(self, obj: int, context: Any, path: str) -> int:
        return obj


Ts = Alias(c.Int64ub, "ts")
Id = Alias(c.Int64ub, "id")
Px = Alias(c.Int64sb, "px", NULL)
Qty = Alias(c.Int64sb, "qty")
Money = Alias(c.Int64sb, "money")
Op = Alias(c.Int16ub, "op")
Err = Alias(c.Int16ub, "err")


class Ascii(c.Adapter):
    """Printable ASCII without spaces, padded with NUL on the right; empty is allowed."""

    def __init__(self, length: int, type_name: str) -> None:
        super().__init__(c.Bytes(length))
        self.length = length
        self.code = f"{length}s"
        self.type_name = type_name

    def _decode(self, obj: bytes, context: Any, path: str) -> str:
        text = obj.rstrip(b"\0")
        if any(not 0x21 <= octet <= 0x7E for octet in text):
            raise c.ValidationError("text must be printable ASCII, NUL only at its end", path=path)
        return text.decode("ascii")

    def _encode(self, obj: str, context: Any, path: str) -> bytes:
        text = obj if isinstance(obj, str) else " "
        if len(text) > self.length or any(not "!" <= character <= "~" for character in text):
            raise c.ValidationError(f"not printable ASCII of {self.length} octets", path=path)
        return text.encode("ascii").ljust(self.length, b"\0")


Sym16 = Ascii(16, "sym16")
Name24 = Ascii(24, "name24")
Host64 = Ascii(64, "host64")
Ccy4 = Ascii(4, "ccy4")


class Octets(c.Adapter):
    """A fixed number of octets, any value."""

    def __init__(self, length: int, type_name: str) -> None:
        super().__init__(c.Bytes(length))
        self.length = length
        self.code = f"{length}s"
        self.type_name = type_name

    def _decode(self, obj: bytes, context: Any, path: str) -> bytes:
        return obj

    def _encode(self, obj: bytes, context: Any, path: str) -> bytes:
        return obj


Ip16 = Octets(16, "ip16")
Tok32 = Octets(32, "tok32")
Hash32 = Octets(32, "hash32")
Uuid16 = Octets(16, "uuid16")
Key32 = Octets(32, "key32")
Sig64 = Octets(64, "sig64")
Text24 = Octets(24, "text24")
Text64 = Octets(64, "text64")
Text128 = Octets(128, "text128")
Text240 = Octets(240, "text240")


class Choice(c.Adapter):
    """One octet naming a member of an enumeration.

    ``strict`` (requests): an unknown number is refused. Otherwise (replies, events) it is kept as a
    plain integer, since a newer revision may have added members.
    """

    def __init__(self, members: type[IntEnum], strict: bool) -> None:
        super().__init__(c.Int8ub)
        self.members = members
        self.strict = strict
        self.code = "B"
        self.type_name = f"e:{members.__name__}"

    def _decode(self, obj: int, context: Any, path: str) -> int:
        if obj in self.members._value2member_map_:
            return self.members(obj)
        if self.strict:
            raise c.ValidationError(f"{obj} is not a {self.members.__name__}", path=path)
        return obj

    def _encode(self, obj: int, context: Any, path: str) -> int:
        if self.strict and obj not in self.members._value2member_map_:
            raise c.ValidationError(f"{obj} is not a {self.members.__name__}", path=path)
        return int(obj)


class Flags(c.Adapter):
    """A set of bits. ``strict`` (requests): undefined bits are refused."""

    def __init__(self, subcon: Any, members: type[IntFlag], strict: bool) -> None:
        super().__init__(subcon)
        self.members = members
        self.strict = strict
        self.code = subcon.fmtstr[1:]
        self.mask = sum(member.value for member in members)
        self.type_name = f"f:{8 * subcon.length}"

    def _check(self, obj: int, path: str) -> int:
        if self.strict and obj & ~self.mask:
            raise c.ValidationError(f"undefined bits {obj & ~self.mask:#x}", path=path)
        return int(obj)

    def _decode(self, obj: int, context: Any, path: str) -> int:
        return self._check(obj, path)

    def _encode(self, obj: int, context: Any, path: str) -> int:
        return self._check(obj, path)


class Bool8(c.Adapter):
    """One octet, 0 or 1 and nothing else."""

    code = "B"
    type_name = "bool8"

    def __init__(self) -> None:
        super().__init__(c.Int8ub)

    def _decode(self, obj: int, context: Any, path: str) -> bool:
        if obj > 1:
            raise c.ValidationError(f"a boolean is 0 or 1, not {obj}", path=path)
        return obj == 1

    def _encode(self, obj: bool, context: Any, path: str) -> int:
        return 1 if obj else 0


Bool = Bool8()


class Zero(c.Adapter):
    """Reserved octets: zero when sent, refused when not; extension is by appending, never here."""

    def __init__(self, length: int) -> None:
        super().__init__(c.Bytes(length))
        self.flagbuildnone = True
        self.length = length
        self.code = f"{length}s"
        self.type_name = {1: "u8", 2: "u16", 4: "u32"}.get(length, f"zero{length}")

    def _decode(self, obj: bytes, context: Any, path: str) -> None:
        if any(obj):
            raise c.ValidationError("reserved octets must be zero", path=path)

    def _encode(self, obj: None, context: Any, path: str) -> bytes:
        return bytes(self.length)
