"""Rows of the views as values: what a master that starts makes of them."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Any, Final, TypeAlias

from papertrader.core.allorders import Glance
from papertrader.core.encoding import plain_order
from papertrader.core.events import ClockSet
from papertrader.core.orders import Order, OrderState, OrderType, Side, TimeInForce
from papertrader.core.portfolio import Lot, Position
from papertrader.master import records
from papertrader.master.orderrecords import order_row, order_terms_of, terms_row
from papertrader.wire import codec
from papertrader.wire import messages as m

_SIDES: Final = {int(each): each for each in Side}
_TYPES: Final = {int(each): each for each in OrderType}
_TIMES_IN_FORCE: Final = {int(each): each for each in TimeInForce}
_STATES: Final = {int(each): each for each in OrderState}
_unpack_row: Final = m.OrderRow.LAYOUT.unpack_from
_beyond: Final = struct.Struct(">qQqQ").pack
_glance_at: Final = struct.Struct(">QQ8xQ16s3xBB107xQ").unpack_from
"""Of the same row: number, client order id, portfolio, symbol, flags, state, what it replaces."""


def position_of(block: bytes, lots: bytes) -> Position:
    """Return the position of a row and of its lots."""
    row = m.HoldingRow.unpack(block)
    size = m.LotRow.SIZE
    read = (m.LotRow.unpack(lots, at) for at in range(0, len(lots), size))
    return Position(
        row.symbol,
        row.quantity,
        row.cost_basis,
        row.realized,
        row.opened_at,
        row.updated_at,
        tuple(Lot(x.quantity, x.price, x.cost, x.opened_at, x.transaction) for x in read),
    )


def clock_kept(market: str, record: bytes) -> ClockSet:
    """Return the setting of a market's clock that a row keeps."""
    _, message = codec.decode(record)
    if not isinstance(message, m.StoreClock) or message.market != market:
        raise TypeError("the setting of a clock is another record")
    return records.clock_of(message)


OrderRowKept: TypeAlias = tuple[bytes, bytes, int, int, str, str]
"""The wire's row of an order, that of its terms, what only the desk knows (the quantity that it
reserves, the input that brought it, the money of its fills), and its tag."""


class ViewRows:
    """Orders as the rows in which the views keep them (`papertrader.core.allorders.OrderRows`).

    A start looks at every order there ever was, and makes few: no message is made on the way.
    """

    @staticmethod
    def row(order: Order) -> OrderRowKept:
        """Return the row of an order."""
        return (
            order_row(order).pack(), terms_row(order), order.reserved_quantity, order.sequence,
            str(order.notional_filled), order.tag,
        )  # fmt: skip

    @staticmethod
    def glance(row: OrderRowKept) -> Glance:
        """Return what a start needs of every order."""
        block, _, _, sequence, _, tag = row
        number, client_order_id, portfolio, symbol, flags, state, replaces = _glance_at(block)
        return (
            number, client_order_id, portfolio, _symbol(symbol), flags, _STATES[state], replaces,
            sequence, tag,
        )  # fmt: skip

    @staticmethod
    def order(row: OrderRowKept) -> Order:
        """Return the order of a row."""
        terms, tag = row[1], row[5]
        more = order_terms_of(m.OrderTermsRow.unpack(terms)) if terms else None
        return Order(*_values(row, more, tag))

    @staticmethod
    def encoded(row: OrderRowKept) -> bytes | None:
        """Return the encoding of a plain order."""
        block, terms, reserved_quantity, sequence, notional, tag = row
        if terms or tag or len(block) != m.OrderRow.SIZE:
            return None
        beyond = _beyond(reserved_quantity, sequence, *divmod(int(notional), 2**64))
        return plain_order(block, beyond)


def _values(row: OrderRowKept, *beyond: Any) -> tuple[Any, ...]:
    block, _, reserved_quantity, sequence, notional, _ = row
    (
        order_id, client_order_id, account, portfolio, symbol, side, order_type, time_in_force,
        flags, state, _, reason, quantity, filled, limit_price, stop_price, _, collar_price,
        reserved_cash, fees, received_at, accepted_at, updated_at, expire_at, version, fills,
        replaces,
    ) = _unpack_row(block)  # fmt: skip
    return (
        order_id, client_order_id, account, portfolio, _symbol(symbol), _SIDES[side],
        _TYPES[order_type], _TIMES_IN_FORCE[time_in_force], flags, quantity, filled, limit_price,
        stop_price, int(notional), reserved_cash, reserved_quantity, collar_price, fees,
        _STATES[state], reason, received_at, accepted_at, updated_at, expire_at, version, fills,
        replaces, sequence, *beyond,
    )  # fmt: skip


@lru_cache(maxsize=4_096)
def _symbol(octets: bytes) -> str:
    return octets.rstrip(b"\0").decode("ascii")
