"""Rows of the views as values: what a master that starts makes of them."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from papertrader.core.events import ClockSet
from papertrader.core.orders import Order, OrderState, OrderType, Side, TimeInForce
from papertrader.core.portfolio import Lot, Position
from papertrader.master import records
from papertrader.master.orderrecords import order_terms_of
from papertrader.wire import codec
from papertrader.wire import messages as m

_SIDES: Final = {int(each): each for each in Side}
_TYPES: Final = {int(each): each for each in OrderType}
_TIMES_IN_FORCE: Final = {int(each): each for each in TimeInForce}
_STATES: Final = {int(each): each for each in OrderState}
_unpack_row: Final = m.OrderRow.LAYOUT.unpack_from


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


def order_kept(
    block: bytes, terms: bytes, reserved_quantity: int, sequence: int, notional: str, tag: str
) -> Order:
    """Return the order of a row, its terms, what only the desk knows, and its tag.

    A start reads every order there ever was: no message is made of the row on the way, which takes
    a million entries' start half the time.
    """
    (
        order_id, client_order_id, account, portfolio, symbol, side, order_type, time_in_force,
        flags, state, _, reason, quantity, filled, limit_price, stop_price, _, collar_price,
        reserved_cash, fees, received_at, accepted_at, updated_at, expire_at, version, fills,
        replaces,
    ) = _unpack_row(block)  # fmt: skip
    return Order(
        order_id, client_order_id, account, portfolio, _symbol(symbol), _SIDES[side],
        _TYPES[order_type], _TIMES_IN_FORCE[time_in_force], flags, quantity, filled, limit_price,
        stop_price, int(notional), reserved_cash, reserved_quantity, collar_price, fees,
        _STATES[state], reason, received_at, accepted_at, updated_at, expire_at, version, fills,
        replaces, sequence, order_terms_of(m.OrderTermsRow.unpack(terms)) if terms else None,
        tag,
    )  # fmt: skip


@lru_cache(maxsize=4_096)
def _symbol(octets: bytes) -> str:
    return octets.rstrip(b"\0").decode("ascii")
