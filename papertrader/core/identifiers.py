"""Identifiers: what a valid account, portfolio, order number, symbol and currency look like.

Numbers are unsigned 64-bit on the wire, and 0 there means "none"; so a valid one is 1 or more.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final

ID_MAX: Final = 2**64 - 1
SYMBOL_CHARACTERS_MAX: Final = 16
NAME_CHARACTERS_MAX: Final = 24
SHOWN_MAX: Final = 40
"""Characters of a wrong text that a message repeats."""

_SYMBOL = re.compile(r"[A-Z0-9^][A-Z0-9.^=/-]{0,15}\Z", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,23}\Z", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}\Z", re.ASCII)
_WORKER_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,22}[a-z0-9])?\Z", re.ASCII)
_DNS_NAME = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*"
    r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z",
    re.ASCII,
)


def quoted(text: str) -> str:
    """Return a text as messages repeat what is wrong: one line, at most so long."""
    return repr(text if len(text) <= SHOWN_MAX else text[:SHOWN_MAX] + "...")


def is_id(number: int) -> bool:
    """Tell whether ``number`` can name something: 1 to 2**64 - 1."""
    return 0 < number <= ID_MAX


def check_id(number: int, what: str) -> int:
    """Return ``number``, or raise `ValueError` naming ``what`` it should have identified."""
    if not is_id(number):
        raise ValueError(f"{number} is not a valid {what} number; use 1 to {ID_MAX}")
    return number


def check_symbol(symbol: str) -> str:
    """Return ``symbol``, or raise `ValueError`; `TypeError` if it is no text.

    1 to 16 characters: capital letters, digits and ``. ^ = / -``, the first a letter, digit or
    ``^`` (``"BRK.B"``, ``"BTC-USD"``, ``"^GSPC"``).
    """
    try:
        found = _SYMBOL.match(symbol)
    except TypeError:
        raise TypeError(f"a symbol must be text, not {type(symbol).__name__}") from None
    if found is None:
        raise ValueError(
            f"{quoted(symbol)} is not a valid symbol; use 1 to {SYMBOL_CHARACTERS_MAX} of"
            " A-Z 0-9 . ^ = / -"
        )
    return symbol


def check_name(name: str, what: str = "portfolio") -> str:
    """Return ``name``, or raise `ValueError` unless it can name a portfolio, or ``what``.

    1 to 24 characters: letters, digits and ``_ . -``, the first a letter or digit.
    """
    try:
        found = _NAME.match(name)
    except TypeError:
        raise TypeError(f"a {what}'s name must be text, not {type(name).__name__}") from None
    if found is None:
        raise ValueError(
            f"{quoted(name)} cannot name a {what}; use 1 to {NAME_CHARACTERS_MAX} letters, digits"
            " and _ . -, a letter or digit first"
        )
    return name


def check_worker_name(name: str) -> str:
    """Return ``name``, or raise `ValueError` unless files, settings and people can know a worker
    by it."""
    reserved = name in {"ca", "master"} or name.endswith("-public")
    if reserved or _WORKER_NAME.match(name) is None:
        raise ValueError(
            f"{quoted(name)} cannot name a worker; use up to 24 of a-z, 0-9 and inner hyphens, such"
            " as worker-1 (not ca, not master, no -public at the end)"
        )
    return name


def is_dns_name(name: str) -> bool:
    """Tell whether a certificate can bear this name: small letters, as IDNA writes it."""
    return _DNS_NAME.match(name) is not None


def check_host(host: str) -> str:
    """Return ``host``, or raise `ValueError` unless it is an IP address or a DNS name.

    Without a port and without what goes before a name in a URL.
    """
    try:
        ip_address(host)
    except ValueError:
        if not is_dns_name(host.lower().removesuffix(".")):
            raise ValueError(
                f"{quoted(host)} is neither an IP address nor a DNS name; write it in ASCII"
                " (xn--...), without a port and without https://"
            ) from None
    return host


def check_currency(currency: str) -> str:
    """Return ``currency``, three capitals as in ISO 4217; raises `TypeError` and `ValueError`."""
    if not isinstance(currency, str):
        raise TypeError(f"a currency must be text, not {type(currency).__name__}")
    if _CURRENCY.match(currency) is None:
        raise ValueError(
            f"{quoted(currency)} is not a currency code; use three capitals such as USD"
        )
    return currency
