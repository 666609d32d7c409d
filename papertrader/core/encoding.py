"""The canonical encoding of parts of the desk's state, by their declarations: what is hashed."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import cache
from operator import attrgetter
from typing import Any, Final

import attrs

from papertrader.core.added import ADDED, NAMED
from papertrader.core.orders import Order
from papertrader.core.portfolio import Lot

_PLAIN: Final = b"o"
"""What the encoding of a plain order begins with, and no other does."""
_ORDER: Final = struct.Struct(">cQQQQ16sBBBBBxHqqqqqqqqQQQQLLQqQqQ").pack
_ORDER_VALUES: Final = attrgetter(
    "order_id", "client_order_id", "account", "portfolio", "symbol", "side", "order_type",
    "time_in_force", "flags", "state", "reason", "quantity", "filled", "limit_price", "stop_price",
    "avg_price", "collar_price", "reserved_cash", "fees", "received_at", "accepted_at",
    "updated_at", "expire_at", "version", "fills", "replaces", "reserved_quantity", "sequence",
    "notional_filled",
)  # fmt: skip
_SYMBOL: Final = 4
_SYMBOL_MAX: Final = 16
_LOW: Final = 2**64 - 1
OWNER_OF: Final = struct.Struct(">9xQ8xQ").unpack_from
"""Client order id and portfolio of a plain order's encoding."""


def encoded_order(order: Order) -> bytes:
    """Return the encoding of an order.

    Nearly all are plain, with no terms and no tag. Theirs is `plain_order` of the octets in which
    the wire has an order, so that who keeps those need not make the order of them.
    """
    if order.terms is None and not order.tag:
        values = _ORDER_VALUES(order)
        symbol, notional = values[_SYMBOL].encode(), values[-1]
        if len(symbol) <= _SYMBOL_MAX:
            try:
                return _ORDER(
                    _PLAIN, *values[:_SYMBOL], symbol, *values[_SYMBOL + 1 : -1],
                    notional >> 64, notional & _LOW,
                )  # fmt: skip
            except struct.error:
                pass  # A number greater than any desk takes goes the way of everything else.
    return encoded(order)


def plain_order(row: bytes, beyond: bytes) -> bytes:
    """Return the encoding of a plain order from the wire's OrderRow and 32 octets beyond it.

    Those are the quantity that it reserves, the input that brought it, and both halves of the
    money of its fills.
    """
    return _PLAIN + row + beyond


_LOT: Final = struct.Struct(">5q")
LOTS_FEW: Final = 16
"""So many lots of a position are encoded each time."""
KEPT_MAX: Final = 4_096
"""Positions with more, of which the lots are kept encoded: those met last, 10 KiB for each."""


def _rows(lots: Sequence[Lot]) -> bytes:
    pack = _LOT.pack
    return b"".join([
        pack(each.quantity, each.price, each.cost, each.opened_at, each.transaction)
        for each in lots
    ])  # fmt: skip


def _encoded_lots(lots: Sequence[Lot]) -> bytes:
    """Return the encoding of lots, which are what there is most of in some portfolios.

    As eight octets for each number, a third of the time; lots with one that is greater than any
    ledger allows go the way of everything else.
    """
    try:
        rows = _rows(lots)
    except struct.error:
        rows = b"".join([b"%b;" % encoded(each) for each in lots])
    return b"[%d:" % len(lots) + rows


class LotsKept:
    """Encodes the lots of positions, and remembers those of positions that have many.

    From one time to the next the oldest have gone or changed, and new ones have come: only the
    first one and the new ones are encoded.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[int, int], tuple[Sequence[Lot], bytes]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def encoded(self, portfolio: int, lots: Sequence[Lot], *, anew: bool = False) -> bytes:
        """Return what `encoded` makes of lots of a portfolio; ``anew``: whatever is kept of it."""
        if len(lots) <= LOTS_FEW:
            return _encoded_lots(lots)
        kept, oldest = self._kept, (portfolio, lots[0].transaction)
        before, rows = kept.pop(oldest, ((), b""))
        try:
            as_before = 0 if anew else _as_before(lots, before)
            rows = (
                _rows(lots[:1])
                + rows[len(rows) - as_before * _LOT.size :]
                + _rows(lots[1 + as_before :])
            )
        except struct.error:
            return _encoded_lots(lots)
        kept[oldest] = lots, rows
        if len(kept) > KEPT_MAX:
            del kept[next(iter(kept))]
        return b"[%d:" % len(lots) + rows


def _as_before(lots: Sequence[Lot], before: Sequence[Lot]) -> int:
    """Return how many after the first are the last ones of those before."""
    newest = before[-1] if before else None
    for place in range(len(lots) - 1, 0, -1):
        if lots[place] is newest:
            # They are the same objects: to see that takes no time.
            return place if before[-place:] == lots[1 : place + 1] else 0
    return 0


def encoded(value: Any, lots: Callable[[Sequence[Lot]], bytes] = _encoded_lots) -> bytes:
    """Return the encoding of any part of the state, by its declaration."""
    octets: list[bytes] = []
    _write(value, octets, lots)
    return b"".join(octets)


def _write(value: Any, octets: list[bytes], lots: Callable[[Sequence[Lot]], bytes]) -> None:
    """Append the encoding of ``value``, each part with its type and length."""
    if isinstance(value, dict):
        parts = [part for key in sorted(value) for part in (key, value[key])]
    elif isinstance(value, list | tuple):
        if value and value[0].__class__ is Lot:
            octets.append(lots(value))
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
            _write(part, octets, lots)


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
