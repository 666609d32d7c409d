"""The canonical encoding of parts of the desk's state, by their declarations: what is hashed."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import cache
from operator import attrgetter
from typing import Any, Final

import attrs

from papertrader.core.added import ADDED, NAMED
from papertrader.core.orders import Order
from papertrader.core.portfolio import Lot

_ORDER_NAMES: Final = tuple(
    field.name for field in attrs.fields(Order) if ADDED not in field.metadata
)
_ORDER_VALUES: Final = attrgetter(*_ORDER_NAMES)
_SYMBOL: Final = _ORDER_NAMES.index("symbol")
_ORDER_FORMAT: Final = b"(%d:" % len(_ORDER_NAMES) + b"".join(
    b"s%d:%b" if name == "symbol" else b"i%d," for name in _ORDER_NAMES
)


def encoded_order(order: Order) -> bytes:
    """Return the encoding of an order.

    Nearly all are plain: integers but for the symbol, no terms and no tag. Of them it is put
    together at once, which takes a third of the time.
    """
    if order.terms is not None or order.tag:
        return encoded(order)
    return encoded_values(_ORDER_VALUES(order))


def encoded_values(values: tuple[Any, ...]) -> bytes:
    """Return the encoding of a plain order with these fields, those up to its terms."""
    symbol = values[_SYMBOL].encode()
    return _ORDER_FORMAT % (
        *values[:_SYMBOL], len(symbol), symbol, *values[_SYMBOL + 1 :],
    )  # fmt: skip


_LOT: Final = struct.Struct(">5q").pack


def _encoded_lots(lots: Sequence[Lot]) -> bytes:
    """Return the encoding of lots, which are what there is most of in some portfolios.

    As eight octets for each number, a third of the time; lots with one that is greater than any
    ledger allows go the way of everything else.
    """
    try:
        rows = [
            _LOT(each.quantity, each.price, each.cost, each.opened_at, each.transaction)
            for each in lots
        ]
    except struct.error:
        rows = [b"%b;" % encoded(each) for each in lots]
    return b"[%d:" % len(lots) + b"".join(rows)


def encoded(value: Any) -> bytes:
    """Return the encoding of any part of the state, by its declaration."""
    octets: list[bytes] = []
    _write(value, octets)
    return b"".join(octets)


def _write(value: Any, octets: list[bytes]) -> None:
    """Append the encoding of ``value``, each part with its type and length."""
    if isinstance(value, dict):
        parts = [part for key in sorted(value) for part in (key, value[key])]
    elif isinstance(value, list | tuple):
        if value and value[0].__class__ is Lot:
            octets.append(_encoded_lots(value))
            return
        parts = value  # type: ignore[assignment]
    else:
        parts = []
        for name, added, default in _fields_of(value.__class__):
            part = getattr(value, name)
            if added:
                if part == default:
                    continue
                if added == NAMED:
                    parts.append(name)
            parts.append(part)
    octets.append(b"(%d:" % len(parts))
    for part in parts:
        # Nearly all parts are one of these; to call for each is what a hash would cost most.
        if isinstance(part, int):
            octets.append(b"i%d," % part)
        elif isinstance(part, str):
            data = part.encode()
            octets.append(b"s%d:%b" % (len(data), data))
        else:
            _write(part, octets)


@cache
def _fields_of(kind: type[Any]) -> tuple[tuple[str, Any, Any], ...]:
    """Return the fields of a class: name, whether it came later and how, and its default.

    What is not compared follows from the others, and is left out.
    """
    return tuple(
        (field.name, field.metadata.get(ADDED), field.default)
        for field in attrs.fields(kind)
        if field.eq
    )
