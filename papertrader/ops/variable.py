"""What a deployment variable is: a name, a default, how it is read and shown, and its comment."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final, Generic, TypeVar

import attrs

T = TypeVar("T")

TEXT_SHOWN_MAX: Final = 40
"""Longest part of a wrong value that an error message repeats."""


_SIZE = re.compile(r"(\d{1,13})\s*(B|KiB|MiB|GiB)?\Z", re.ASCII | re.IGNORECASE)
_UNITS: Final = {"": 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}


@attrs.frozen(kw_only=True)
class Variable(Generic[T]):
    """One deployment variable.

    ``default`` is a TOML literal; ``read`` turns a raw value into the setting or raises
    `ValueError` saying what is wrong and what is allowed; ``show`` writes a TOML literal.
    """

    name: str
    default: str
    read: Callable[[object], T]
    show: Callable[[T], str]
    comment: str

    @property
    def section(self) -> str:
        """The TOML table it stands in; empty for the top of the file."""
        return self.name.rpartition(".")[0]

    @property
    def key(self) -> str:
        """Its name within the section."""
        return self.name.rpartition(".")[2]

    @property
    def environment_name(self) -> str:
        """The environment variable that overrides the file."""
        return "PAPERTRADER_" + self.name.replace(".", "_").upper()


def shown(raw: object) -> str:
    """Return a wrong value as an error message repeats it."""
    text = raw if isinstance(raw, str) else str(raw).lower() if isinstance(raw, bool) else str(raw)
    cut = text if len(text) <= TEXT_SHOWN_MAX else text[:TEXT_SHOWN_MAX] + "..."
    return f'"{cut}"' if isinstance(raw, str) else cut


def text_literal(text: object) -> str:
    """Write a text as a TOML literal, whatever is in it.

    TOML knows the escapes of JSON except the pairs of surrogates that stand there for one letter.
    """
    return json.dumps(str(text), ensure_ascii=False).replace("\x7f", "\\u007f")


def size_between(lowest: int, highest: int, allowed: str) -> Callable[[object], int]:
    """Return what reads a number of octets; ``allowed`` are the bounds as an error tells them."""

    def read(raw: object) -> int:
        match = _SIZE.match(str(raw).strip()) if isinstance(raw, str | int) else None
        size = int(match[1]) * _UNITS[(match[2] or "").lower()] if match else -1
        if isinstance(raw, bool) or not lowest <= size <= highest:
            raise ValueError(
                f"{shown(raw)} is wrong; allowed is {allowed}, as text with a unit or as a number"
                " of bytes"
            )
        return size

    return read
