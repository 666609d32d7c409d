"""Reading what providers send without trusting it: strict JSON, exact numbers, times.

Numbers never pass through floating point: JSON's decimals become `decimal.Decimal` and then
integers of 1e-8 units, rounded half to even where a provider sends more decimals than that. What
cannot be a price or a time raises `BadValue`, and an answer that is no strict JSON `ProviderFault`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Final, NoReturn
from zoneinfo import ZoneInfo

from papertrader.core.instants import SECOND, from_datetime
from papertrader.core.money import AMOUNT_MAX, DECIMALS, NULL
from papertrader.master.providers.faults import BadValue, malformed

DIGITS_MAX: Final = 40
"""Digits that one number may have; a float written out in full has fewer."""
SECONDS_MAX: Final = 4_102_444_800
"""The year 2100: what lies beyond is no time of a quote in seconds."""
_WHOLE_DIGITS_MAX: Final = 11
_EXACT: Final = Context(prec=DIGITS_MAX + DECIMALS, rounding=ROUND_HALF_EVEN)
_NUMBER: Final = re.compile(r"-?\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,3})?\Z", re.ASCII)
_RFC3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|z|[+-]\d\d:\d\d)\Z", re.ASCII
)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice in one object")
    return found


def _integer(digits: str) -> int:
    if len(digits) > DIGITS_MAX:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _decimal(text: str) -> Decimal:
    if len(text) > 2 * DIGITS_MAX:
        raise ValueError(f"a number of {len(text)} characters")
    return Decimal(text)


def strict_json(body: bytes) -> object:
    """Read JSON: no NaN or Infinity, no name twice, no number too long, no nesting too deep.

    Raises `ProviderFault` (MALFORMED) saying what is wrong with it.
    """
    try:
        return json.loads(
            body.decode("utf-8"),
            parse_float=_decimal,
            parse_int=_integer,
            parse_constant=_refuse_constant,
            object_pairs_hook=_pairs,
        )
    except RecursionError:
        raise malformed("the answer is nested too deeply") from None
    except (ValueError, ArithmeticError) as error:
        raise malformed(f"the answer is no strict JSON: {str(error)[:120]}") from None


def object_of(value: object, what: str = "the answer") -> Mapping[str, object]:
    """Return a JSON object; raises `ProviderFault` for anything else."""
    if not isinstance(value, dict):
        raise malformed(f"{what} is not a JSON object")
    return value


def list_of(value: object, what: str = "the answer") -> list[object]:
    """Return a JSON array; raises `ProviderFault` for anything else."""
    if not isinstance(value, list):
        raise malformed(f"{what} is not a JSON array")
    return value


def units(value: object, what: str) -> int:
    """Return a number, or a text that is one, in 1e-8 units; it may be 0 or below.

    Raises `BadValue` for anything else: null, true, text, NaN, or a number beyond the wire's range.
    """
    if isinstance(value, str) and _NUMBER.match(value):
        value = Decimal(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise BadValue(f"{what} is no number")
    number = Decimal(value)
    # Before anything is multiplied: 1e999 as an integer would fill the memory.
    if not number.is_finite() or number.adjusted() >= _WHOLE_DIGITS_MAX:
        raise BadValue(f"{what} lies beyond any price")
    if number.adjusted() < -DIGITS_MAX:
        return 0
    if len(number.as_tuple().digits) > DIGITS_MAX:
        raise BadValue(f"{what} has too many digits")
    scaled = int(number.scaleb(DECIMALS, _EXACT).to_integral_value(ROUND_HALF_EVEN, _EXACT))
    if abs(scaled) > AMOUNT_MAX:
        raise BadValue(f"{what} lies beyond any price")
    return scaled


def price(value: object, what: str) -> int:
    """Return a price in 1e-8 units, above 0; `NULL` for 0, which providers send for "none".

    Raises `BadValue` for what is no number, or below 0.
    """
    found = units(value, what)
    if found < 0:
        raise BadValue(f"{what} is below 0")
    return found or NULL


def price_or_null(row: Mapping[str, object], name: str) -> int:
    """Return a price that may be missing or null; raises `BadValue` if it is there and wrong."""
    return NULL if row.get(name) is None else price(row[name], name)


def size(value: object, what: str) -> int:
    """Return a size or volume in 1e-8 units, 0 for unknown; raises `BadValue` below 0."""
    if value is None:
        return 0
    found = units(value, what)
    if found < 0:
        raise BadValue(f"{what} is below 0")
    return found


def seconds(value: object, what: str) -> int:
    """Return an instant given in whole Unix seconds. Raises `BadValue`."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 10:
        value = int(value)
    if isinstance(value, Decimal) and value.is_finite() and value.adjusted() < _WHOLE_DIGITS_MAX:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < SECONDS_MAX:
        raise BadValue(f"{what} is no time in seconds")
    return value * SECOND


def rfc3339(value: object, what: str) -> int:
    """Return an instant given as ``2026-01-02T15:00:00.123456789Z``. Raises `BadValue`."""
    match = _RFC3339.match(value) if isinstance(value, str) else None
    if match is None:
        raise BadValue(f"{what} is no time")
    day, clock, fraction, zone = match.groups()
    offset = "+00:00" if zone in "Zz" else zone
    try:
        whole = from_datetime(datetime.fromisoformat(f"{day}T{clock}{offset}"))
    except (ValueError, OverflowError):
        raise BadValue(f"{what} is no time") from None
    if not 0 < whole < SECONDS_MAX * SECOND:
        raise BadValue(f"{what} is no time of a quote")
    return whole + int((fraction or "").ljust(9, "0"))


def local_time(value: object, zone: str, what: str) -> int:
    """Return an instant given as ``2026-01-02 10:00:00`` or ``2026-01-02`` on the clock of a zone.

    The second time that a clock shows when it is put back counts as the first. Raises `BadValue`.
    """
    try:
        if not isinstance(value, str):
            raise ValueError
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            raise ValueError
        return from_datetime(moment.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC))
    except (ValueError, OverflowError, KeyError, OSError):
        raise BadValue(f"{what} is no time of {zone[:40]}") from None


def day(value: object, what: str) -> date:
    """Return a date given as ``2026-01-02``. Raises `BadValue`."""
    try:
        if not isinstance(value, str):
            raise ValueError("no text")
        return date.fromisoformat(value)
    except ValueError:
        raise BadValue(f"{what} is no date") from None
