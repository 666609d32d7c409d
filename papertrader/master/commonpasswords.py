"""The passwords that everybody tries first: 10,000 of them, from published leaks (data/NOTICE)."""

from __future__ import annotations

import functools
import gzip
from importlib import resources
from typing import Final

FILE: Final = "common_passwords.txt.gz"
_OF_THIS_PLACE: Final = frozenset({"papertrader", "papertrading"})


@functools.cache
def common_passwords() -> frozenset[str]:
    """Return the list, in lower case; read once, when it is first needed."""
    packed = resources.files("papertrader.data").joinpath(FILE).read_bytes()
    return frozenset(gzip.decompress(packed).decode("utf-8").casefold().split("\n")) - {""}


def is_common(password: str) -> bool:
    """Tell whether a password is on the list, is the product's name, or one or two letters."""
    lowered = password.casefold()
    return len(set(lowered)) <= 2 or lowered in _OF_THIS_PLACE or lowered in common_passwords()
