"""Arguments of the wrong kind: what people write who have not read, told in one sentence each."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Any, Final, TypeVar

from papertrader.core.instants import SECOND

KindT = TypeVar("KindT")

TIMEOUT_MAX_S: Final = 10 * 365 * 86_400
"""Longest time that a client waits for an answer, in seconds: ten years."""


def of_kind(value: KindT, what: str, kind: type[Any], article: str = "a") -> KindT:
    """Return ``value`` if it is of a kind; raises `TypeError`, which says what ``what`` must be."""
    if not isinstance(value, kind):
        raise TypeError(f"{what} must be {article} {kind.__name__}, not {type(value).__name__}")
    return value


def bits_of(values: Iterable[int], what: str, kind: type[IntEnum]) -> int:
    """Return a set of bits, one for each of some values of an enumeration.

    Raises `TypeError` for what is none of its, and `ValueError` for a number that it has not.
    """
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"{what} must be several of {kind.__name__}, not {type(values).__name__}")
    bits = 0
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{what} must be of {kind.__name__}, not {type(value).__name__}")
        bits |= 1 << kind(value)
    return bits


def timeout_of(timeout: float) -> int:
    """Return in nanoseconds how long a call may take; raises `TypeError` and `ValueError`."""
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise TypeError(f"timeout must be a number of seconds, not {type(timeout).__name__}")
    if not 0 < timeout <= TIMEOUT_MAX_S:
        raise ValueError(
            f"timeout must be more than 0 and {TIMEOUT_MAX_S} seconds at most, not {timeout}"
        )
    return round(timeout * SECOND)
