"""What a deployment variable is: a name, a default, how it is read and shown, and its comment."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Final, Generic, TypeVar

import attrs

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

TEXT_SHOWN_MAX: Final = 40
"""Longest part of a wrong value that an error message repeats."""

_INTEGER = re.compile(r"-?\d{1,19}\Z", re.ASCII)
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


def place(host: str, port: int) -> str:
    """Return an address and a port as people write them: IPv6 in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


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


def whole_number(low: int, high: int, unit: str = "") -> Callable[[object], int]:
    """Return what reads a number without decimals, bounds included; ``unit`` ends the error."""
    allowed = f"allowed is a whole number from {low} to {high}{unit}"

    def read(raw: object) -> int:
        if isinstance(raw, str) and _INTEGER.match(raw.strip()):
            raw = int(raw)
        if isinstance(raw, bool) or not isinstance(raw, int) or not low <= raw <= high:
            raise ValueError(f"{shown(raw)} is wrong; {allowed}")
        return raw

    return read


def one_of(kind: type[E]) -> Callable[[object], E]:
    """Return what reads the value of one of a kind."""
    allowed = " or ".join(f'"{each}"' for each in kind)

    def read(raw: object) -> E:
        for each in kind:
            if raw == each.value:
                return each
        raise ValueError(f"{shown(raw)} is wrong; allowed is {allowed}")

    return read


def boolean(raw: object) -> bool:
    """Read true or false, of TOML or as text."""
    if isinstance(raw, bool):
        return raw
    if raw in ("true", "false"):
        return raw == "true"
    raise ValueError(f"{shown(raw)} is wrong; allowed is true or false")


def show_boolean(value: bool) -> str:
    """Write true or false as a TOML literal."""
    return str(value).lower()
