"""Values in Alpaca's forms: amounts as text, times with a zone; what comes in, exactly."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from papertrader.client.moneyresults import Position
from papertrader.gateway.errors import bad_request, unprocessable

EXPONENT_MAX: Final = 20
"""Amounts with more digits before or after the point are refused before they are written out."""
TEXT_MAX: Final = 128


def amount(value: Decimal | None) -> str | None:
    """Write an amount without needless zeros; None stays None."""
    if value is None:
        return None
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") or "0" if "." in text else text


def price_of(position: Position) -> Decimal | None:
    """Return the price of a position: the last one, as closes and curves are; else its mark."""
    return position.mark if position.last is None else position.last


def value_of(position: Position) -> Decimal | None:
    """Return what a position is worth at `price_of`; None where no price is known."""
    at_last = position.unrealized_at_last
    return position.market_value if at_last is None else at_last + position.cost_basis


def ratio(part: Decimal | None, whole: Decimal | None) -> str | None:
    """Write ``part / whole``; "0" where the whole is nothing."""
    if part is None or whole is None:
        return None
    return amount((part / whole).quantize(Decimal("0.00000001"))) if whole else "0"


def moment(value: datetime | None) -> str | None:
    """Write an instant as RFC 3339 in UTC; None stays None."""
    if value is None:
        return None
    text = value.astimezone(UTC).isoformat()
    return text.replace("+00:00", "Z")


def decimal_in(body: Mapping[str, Any], name: str) -> Decimal | None:
    """Read an amount, given as a number or as text; None where it is left out.

    Raises `ApiError`, naming it, for anything else.
    """
    given = body.get(name)
    if given is None or given == "":
        return None
    if isinstance(given, bool) or not isinstance(given, int | str | Decimal):
        raise unprocessable(f"{name} must be a number")
    try:
        if isinstance(given, str) and len(given) > TEXT_MAX:
            raise InvalidOperation
        value = Decimal(given)
    except (InvalidOperation, ValueError):
        raise unprocessable(f"{name} must be a number") from None
    if not value.is_finite() or (value and abs(value.adjusted()) > EXPONENT_MAX):
        raise unprocessable(f"{name} is out of range")
    if value.as_tuple().exponent < -2 * EXPONENT_MAX:  # type: ignore[operator]
        raise unprocessable(f"{name} has too many decimals")
    return value


def text_in(body: Mapping[str, Any], name: str) -> str:
    """Read a short text, "" where it is left out. Raises `ApiError` for anything else."""
    given = body.get(name)
    if given is None:
        return ""
    if not isinstance(given, str) or len(given) > TEXT_MAX:
        raise unprocessable(f"{name} must be text of at most {TEXT_MAX} characters")
    return given


def flag_in(body: Mapping[str, Any], name: str) -> bool:
    """Read a truth value, False where it is left out."""
    given = body.get(name)
    if given is None:
        return False
    if isinstance(given, bool):
        return given
    if given in ("true", "True", "false", "False"):
        return str(given).lower() == "true"
    raise unprocessable(f"{name} must be true or false")


def instant_in(query: Mapping[str, str], name: str) -> datetime | None:
    """Read an instant or a day (its midnight, UTC); None where it is left out."""
    text = query.get(name, "")
    if not text:
        return None
    # In a query a plus sign may arrive as a blank.
    text = text.replace(" ", "+") if "T" in text else text
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise bad_request(f"{name} is no time: {text[:TEXT_MAX]}") from None
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


def day_in(query: Mapping[str, str], name: str) -> date | None:
    """Read a day; None where it is left out."""
    found = instant_in(query, name)
    return None if found is None else found.date()
