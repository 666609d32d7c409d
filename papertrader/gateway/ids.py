"""Our numbers as the UUIDs that programs for Alpaca expect, and API keys in two halves.

A UUID of version 8 has 122 bits of its own: 6 say what it names, 116 hold the number or the symbol,
so that each is turned back without a table.
"""

from __future__ import annotations

import hashlib
from enum import IntEnum
from typing import Final
from uuid import UUID

import attrs

from papertrader.client.results import Order
from papertrader.wire import limits

KEY_ID_DIGITS: Final = 16
SECRET_DIGITS: Final = 64
PORTFOLIO_MARK: Final = "."
"""Between a key's ID and the number of the portfolio that it is to trade, if not the default."""
CLIENT_TEXT_MAX: Final = limits.ORDER_TAG_MAX
"""Octets of a client order id: Alpaca's are of 128 characters, and ASCII."""
CLIENT_NUMBER_MAX: Final = 2**63 - 1
_VALUE_BITS: Final = 116
_LOW_BITS: Final = 62
_MIDDLE_BITS: Final = 12
_SYMBOL_CHARACTERS: Final = 16
_HEXADECIMAL: Final = frozenset("0123456789abcdefABCDEF")


class Kind(IntEnum):
    """What a UUID names."""

    ACCOUNT = 1
    ORDER = 2
    ASSET = 3
    WATCHLIST = 4
    FILL = 5
    ACTION = 6
    CLOSING = 7


@attrs.frozen
class Credential:
    """An API key of ours as LOGIN takes it, and the portfolio meant: 0 is the default one."""

    key: str = attrs.field(repr=False)
    portfolio: int = 0

    @property
    def digest(self) -> bytes:
        """What the credential is remembered by."""
        return hashlib.sha256(self.key.encode()).digest()


def credential_of(key_id: str, secret: str) -> Credential | None:
    """Put an API key together again; None if the halves cannot be ones."""
    number, mark, portfolio = key_id.partition(PORTFOLIO_MARK)
    well = (
        len(number) == KEY_ID_DIGITS
        and len(secret) == SECRET_DIGITS
        and _HEXADECIMAL.issuperset(number + secret)
        and (not mark or (portfolio.isascii() and portfolio.isdecimal() and len(portfolio) < 19))
    )
    return Credential(number + secret, int(portfolio or 0)) if well else None


def halves_of(key: str) -> tuple[str, str]:
    """Cut an API key of ours into what programs call its ID and its secret."""
    return key[:KEY_ID_DIGITS], key[KEY_ID_DIGITS:]


def uuid_of(kind: Kind, number: int) -> str:
    """Write a number as a UUID. Raises `ValueError` if it has more than 116 bits."""
    if not 0 <= number < 1 << _VALUE_BITS:
        raise ValueError("the number does not fit in a UUID")
    value = int(kind) << _VALUE_BITS | number
    low = value & (1 << _LOW_BITS) - 1
    middle = value >> _LOW_BITS & (1 << _MIDDLE_BITS) - 1
    high = value >> _LOW_BITS + _MIDDLE_BITS
    return str(UUID(int=high << 80 | 8 << 76 | middle << 64 | 2 << 62 | low))


def number_of(kind: Kind, text: str) -> int | None:
    """Read a number from its UUID; None for what is no UUID of this kind."""
    try:
        octets = UUID(text).int
    except ValueError:
        return None
    value = (
        octets >> 80 << _LOW_BITS + _MIDDLE_BITS
        | (octets >> 64 & (1 << _MIDDLE_BITS) - 1) << _LOW_BITS
        | octets & (1 << _LOW_BITS) - 1
    )
    number = value & (1 << _VALUE_BITS) - 1
    is_ours = value >> _VALUE_BITS == kind and UUID(uuid_of(kind, number)).int == octets
    return number if is_ours else None


def asset_uuid(symbol: str) -> str:
    """Write a symbol (at most 16 ASCII characters) as a UUID."""
    number = 0
    for character in symbol.ljust(_SYMBOL_CHARACTERS, "\0"):
        number = number << 7 | ord(character)
    return uuid_of(Kind.ASSET, number)


def symbol_of(text: str) -> str | None:
    """Read a symbol from its UUID; None for what is none."""
    number = number_of(Kind.ASSET, text)
    if number is None or number >> 7 * _SYMBOL_CHARACTERS:
        return None
    places = range(7 * (_SYMBOL_CHARACTERS - 1), -1, -7)
    return "".join(chr(number >> place & 0x7F) for place in places).rstrip("\0")


def hashed_uuid(kind: Kind, *parts: object) -> str:
    """Name by a UUID what has no number: the same for the same parts."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
    return uuid_of(kind, int.from_bytes(digest[:14], "big"))


def client_text(order: Order) -> str:
    """Return the client order id of an order as it was said, or its number.

    A tag is shown if the order came under it: not one that the owner wrote by another program, nor
    that of the order which this one replaced.
    """
    if order.tag and client_number(order.tag) == order.client_order_id:
        return order.tag
    return str(order.client_order_id)


def client_number(text: str) -> int:
    """Return the number by which we know a client order id: itself, if it is one, or its hash."""
    if (
        text.isascii()
        and text.isdecimal()
        and text[0] != "0"
        and len(text) < 20
        and int(text) <= CLIENT_NUMBER_MAX
    ):
        return int(text)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") & CLIENT_NUMBER_MAX or 1
