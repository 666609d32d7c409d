"""Arguments of the wrong kind: what people write who have not read, told in one sentence each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import Enum, IntEnum, IntFlag
from typing import Any, Final, TypeVar

from papertrader.core.identifiers import quoted
from papertrader.core.instants import SECOND

KindT = TypeVar("KindT")
MemberT = TypeVar("MemberT", bound=IntEnum | IntFlag)

TIMEOUT_MAX_S: Final = 10 * 365 * 86_400
"""Longest time that a client waits for an answer, in seconds: ten years."""
_SHOWN_BITS_MAX: Final = 128
"""Of a number that a message repeats; Python does not write the largest at all."""


def shown(value: object) -> str:
    """Return what is wrong as a message repeats it: in one line, which is not long."""
    if isinstance(value, int) and value.bit_length() > _SHOWN_BITS_MAX:
        return f"a number of {value.bit_length()} bits"
    if isinstance(value, Decimal):
        return str(value)
    return quoted(value) if isinstance(value, str) else repr(value)


def octets_of(value: str, what: str) -> bytes:
    """Return a text as it is sent; raises `TypeError` and `ValueError`, which name ``what``."""
    if not isinstance(value, str):
        raise TypeError(f"{what} must be text, not {type(value).__name__}")
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{what} has half a character, which cannot be sent") from None


def flag_of(value: bool, what: str) -> bool:
    """Return a flag. Raises `TypeError` for anything else: ``"no"`` must not count for yes."""
    if not isinstance(value, bool):
        raise TypeError(f"{what} must be True or False, not {type(value).__name__}")
    return value


def choice_of(value: str, what: str, choices: Mapping[str, KindT]) -> KindT:
    """Return what a word stands for; raises `TypeError` and `ValueError`, which name ``what``."""
    if not isinstance(value, str):
        raise TypeError(f"{what} must be text, not {type(value).__name__}")
    if value not in choices:
        raise ValueError(f"{what} must be one of {', '.join(choices)}, not {shown(value)}")
    return choices[value]


def member_of(value: MemberT, what: str, kind: type[MemberT]) -> MemberT:
    """Return a member of an enumeration, which may be given by its number.

    Raises `TypeError` for what is none, `ValueError` for a number that it has not.
    """
    is_other = isinstance(value, bool | Enum) and not isinstance(value, kind)
    if is_other or not isinstance(value, int):
        raise TypeError(f"{what} must be of {kind.__name__}, not {type(value).__name__}")
    try:
        found = kind(value)
    except ValueError:
        raise ValueError(f"{what}: {kind.__name__} has no {shown(value)}") from None
    if issubclass(kind, IntFlag) and not 0 <= value <= sum(kind):
        raise ValueError(f"{what}: {kind.__name__} has no {shown(value)}")
    return found


def of_kind(value: KindT, what: str, kind: type[Any], article: str = "a") -> KindT:
    """Return ``value`` if it is of a kind; raises `TypeError`, which says what ``what`` must be."""
    if not isinstance(value, kind):
        raise TypeError(f"{what} must be {article} {kind.__name__}, not {type(value).__name__}")
    return value


def bits_of(values: Iterable[IntEnum], what: str, kind: type[IntEnum]) -> int:
    """Return a set of bits, one for each of some values of an enumeration.

    Raises `TypeError` for what is none of its, and `ValueError` for a number that it has not.
    """
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise TypeError(f"{what} must be several of {kind.__name__}, not {type(values).__name__}")
    bits = 0
    for value in values:
        bits |= 1 << member_of(value, what, kind)
    return bits


def wait_of(timeout: float | None) -> int | None:
    """Return in nanoseconds how long to wait for what is pushed: None for ever, nothing below 0.

    Raises `TypeError` and `ValueError`.
    """
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise TypeError(f"timeout must be a number of seconds, not {type(timeout).__name__}")
    if not timeout <= TIMEOUT_MAX_S:
        raise ValueError(
            f"timeout must be {TIMEOUT_MAX_S} seconds at most, or None, not {shown(timeout)}"
        )
    return round(max(timeout, 0) * SECOND)


def timeout_of(timeout: float) -> int:
    """Return in nanoseconds how long a call may take; raises `TypeError` and `ValueError`."""
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise TypeError(f"timeout must be a number of seconds, not {type(timeout).__name__}")
    if not 0 < timeout <= TIMEOUT_MAX_S:
        raise ValueError(
            f"timeout must be more than 0 and {TIMEOUT_MAX_S} seconds at most, not {shown(timeout)}"
        )
    return round(timeout * SECOND)
