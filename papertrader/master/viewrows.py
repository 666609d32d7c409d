"""Rows of the views as values: what a master that starts makes of them."""

from __future__ import annotations

from papertrader.core.events import ClockSet
from papertrader.core.orders import Order
from papertrader.core.portfolio import Lot, Position
from papertrader.master import records
from papertrader.master.orderrecords import order_of
from papertrader.wire import codec
from papertrader.wire import messages as m


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
    block: bytes, terms: bytes, reserved_quantity: int, sequence: int, notional: str
) -> Order:
    """Return the order of a row, its terms, and what only the desk knows."""
    total = int(notional)
    record = m.StoreOrder(
        reserved_quantity=reserved_quantity,
        sequence=sequence,
        notional_high=total >> 64,
        notional_low=total & (2**64 - 1),
    )
    row = m.OrderTermsRow.unpack(terms) if terms else None
    return order_of(m.OrderRow.unpack(block), record, row)
