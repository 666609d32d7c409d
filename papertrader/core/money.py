"""Money, prices and quantities: one scale of 8 decimals, integers only, every rounding named.

A price is in 1e-8 of a currency unit, a quantity in 1e-8 of a share or coin, money in 1e-8 of a
currency unit. All are signed 64-bit on the wire; ``NULL`` there means "none". No float is used
anywhere (trading rules, part 1).
"""

from __future__ import annotations

import re
from typing import Final

SCALE: Final = 100_000_000
DECIMALS: Final = 8
AMOUNT_MAX: Final = 2**63 - 1
AMOUNT_MIN: Final = -(2**63) + 1
NULL: Final = -(2**63)
CENT: Final = SCALE // 100

_DECIMAL = re.compile(r"([+-]?)(\d{1,11})(?:\.(\d{1,8}))?\Z", re.ASCII)


class AmountOverflow(ArithmeticError):
    """An amount lies outside the signed 64-bit range of 1e-8 units."""


def checked(amount: int) -> int:
    """Return ``amount`` unchanged, or raise `AmountOverflow` if it does not fit the wire."""
    if not AMOUNT_MIN <= amount <= AMOUNT_MAX:
        raise AmountOverflow(f"{amount} does not fit in 64 bits of 1e-8 units")
    return amount


def parse_amount(text: str) -> int:
    """Turn decimal text such as ``"12.5"`` into 1e-8 units.

    Raises `ValueError` for anything but an optional sign, up to 11 digits and up to 8 decimals
    (no exponent, no rounding), and `AmountOverflow` outside the range.
    """
    match = _DECIMAL.match(text)
    if match is None:
        raise ValueError(f"not a decimal number with at most {DECIMALS} decimals: {text!r}")
    sign, whole, fraction = match.groups()
    units = int(whole) * SCALE + int((fraction or "").ljust(DECIMALS, "0"))
    return checked(-units if sign == "-" else units)


def format_amount(amount: int, places_min: int = 2, group: bool = False) -> str:
    """Write 1e-8 units as decimal text, exactly, with at least ``places_min`` decimals.

    ``group`` puts commas between thousands.
    """
    whole, fraction = divmod(abs(amount), SCALE)
    digits = f"{fraction:08d}".rstrip("0").ljust(places_min, "0")
    text = f"{whole:,}" if group else str(whole)
    return ("-" if amount < 0 else "") + text + (f".{digits}" if digits else "")


def cost_of(price: int, quantity: int) -> int:
    """Return what ``quantity`` costs at ``price``, rounded up to a unit: against the buyer."""
    return checked(-(-price * quantity // SCALE))


def proceeds_of(price: int, quantity: int) -> int:
    """Return what ``quantity`` brings at ``price``, rounded down to a unit: against the seller."""
    return checked(price * quantity // SCALE)


def divide_half_even(numerator: int, denominator: int) -> int:
    """Divide two integers, rounding half to even. ``denominator`` must be positive."""
    whole, rest = divmod(numerator, denominator)
    if 2 * rest > denominator or (2 * rest == denominator and whole % 2):
        whole += 1
    return whole


def cost_of_notional(notional: int) -> int:
    """Turn an exact ``price * quantity`` (16 decimals) into a cost: up to a whole unit.

    The fills of one order are charged as differences of this over the order's running notional.
    So an order filled in ten pieces costs what it costs in one, and never more than it reserved.
    """
    # Every fill comes here: only what does not fit pays for the call.
    cost = -(-notional // SCALE)
    return cost if AMOUNT_MIN <= cost <= AMOUNT_MAX else checked(cost)


def proceeds_of_notional(notional: int) -> int:
    """Turn an exact ``price * quantity`` (16 decimals) into proceeds: down to a whole unit."""
    proceeds = notional // SCALE
    return proceeds if AMOUNT_MIN <= proceeds <= AMOUNT_MAX else checked(proceeds)


def to_cents(amount: int) -> int:
    """Round an amount that brokers post in cents (dividends, cash in lieu), half to even."""
    return checked(divide_half_even(amount, CENT) * CENT)


def cents_of(price: int, quantity: int) -> int:
    """Return ``price * quantity`` in whole cents, rounded once, half to even."""
    return checked(divide_half_even(price * quantity, SCALE * CENT) * CENT)
