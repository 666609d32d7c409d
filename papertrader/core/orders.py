"""Orders: their kinds, their life as a table, and the order itself as a value.

The numbers of the enumerations are those of the wire and are never reused.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final

import attrs

from papertrader.core.money import NULL, divide_half_even


class Side(IntEnum):
    """What an order does with the asset."""

    BUY = 1
    SELL = 2
    SELL_SHORT = 3


class SideFilter(IntEnum):
    """Orders of which side are meant; a member's number is that of the `Side`."""

    ANY = 0
    BUY = 1
    SELL = 2
    SELL_SHORT = 3


class OrderType(IntEnum):
    """How an order is priced."""

    MARKET = 1
    LIMIT = 2
    STOP = 3
    STOP_LIMIT = 4
    TRAILING_STOP = 5


class TimeInForce(IntEnum):
    """How long an order stays open."""

    DAY = 1
    GTC = 2
    IOC = 3
    FOK = 4
    GTD = 5
    OPG = 6
    CLS = 7


class OrderState(IntEnum):
    """Where an order is in its life.

    PENDING waits for its first eligible quote; WORKING has met one and rests.
    """

    PENDING = 1
    WORKING = 2
    PARTIALLY_FILLED = 3
    FILLED = 4
    CANCELLED = 5
    REJECTED = 6
    EXPIRED = 7
    REPLACED = 8
    HELD = 9


class OrderEventKind(IntEnum):
    """What happened to an order. ADJUSTED: a corporate action changed its figures."""

    ACCEPTED = 1
    FILL = 2
    CANCELLED = 3
    REPLACED = 4
    EXPIRED = 5
    REJECTED = 6
    WORKING = 7
    ADJUSTED = 8


OPEN_STATES: Final = frozenset(
    {OrderState.PENDING, OrderState.WORKING, OrderState.PARTIALLY_FILLED}
)
"""States that hold a reservation, and that a cancel or an expiry may end."""


IMMEDIATE: Final = frozenset({TimeInForce.IOC, TimeInForce.FOK})
"""Times in force that end an order with the first quote it may use."""


def _transitions() -> dict[tuple[OrderState, OrderEventKind], OrderState]:
    table = {(OrderState.PENDING, OrderEventKind.WORKING): OrderState.WORKING}
    for state in OPEN_STATES:
        table[state, OrderEventKind.FILL] = OrderState.PARTIALLY_FILLED
        table[state, OrderEventKind.CANCELLED] = OrderState.CANCELLED
        table[state, OrderEventKind.EXPIRED] = OrderState.EXPIRED
        table[state, OrderEventKind.REPLACED] = OrderState.REPLACED
        table[state, OrderEventKind.ADJUSTED] = state
    return table


TRANSITIONS: Final[Mapping[tuple[OrderState, OrderEventKind], OrderState]] = MappingProxyType(
    _transitions()
)
"""(state, event) -> state; a pair that is absent is illegal. A FILL of all that was left leads to
FILLED instead (`next_state`). ACCEPTED is the birth of an order, in PENDING, and so has no row."""


class IllegalTransitionError(Exception):
    """An event that cannot happen to an order in its present state. Nothing was changed."""


def next_state(state: OrderState, kind: OrderEventKind, complete: bool = False) -> OrderState:
    """Return the state that ``kind`` leads to; ``complete`` tells a FILL of all that was left.

    Raises `IllegalTransitionError` for a pair that `TRANSITIONS` does not have.
    """
    after = TRANSITIONS.get((state, kind))
    if after is None:
        raise IllegalTransitionError(f"an order that is {state.name} cannot be {kind.name}")
    if complete and kind == OrderEventKind.FILL:
        return OrderState.FILLED
    return after


@attrs.define
class Order:
    """An order as it stands after its latest change.

    Never changed once it was handed on: each change is made to a `snapshot`, which then takes its
    place. Prices, quantities and money in 1e-8 units; instants in nanoseconds, 0 for none.
    ``expire_at`` is market time, the other instants are the master's clock.
    """

    order_id: int
    client_order_id: int
    account: int
    portfolio: int
    symbol: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    flags: int
    quantity: int
    filled: int = 0
    limit_price: int = NULL
    stop_price: int = NULL
    notional_filled: int = 0
    """Exact sum of price * quantity over the fills: 16 decimals, may exceed 64 bits."""
    reserved_cash: int = 0
    reserved_quantity: int = 0
    collar_price: int = NULL
    """The worst price a market order may fill at, fixed when it was accepted."""
    fees: int = 0
    state: OrderState = OrderState.PENDING
    reason: int = 0
    """Status number saying why the desk itself ended the order; 0 for none."""
    received_at: int = 0
    accepted_at: int = 0
    updated_at: int = 0
    expire_at: int = 0
    version: int = 1
    fills: int = 0
    replaces: int = 0
    sequence: int = 0
    """Sequence number of the input that created the order."""

    @property
    def remaining(self) -> int:
        """What is still to be filled."""
        return self.quantity - self.filled

    @property
    def is_open(self) -> bool:
        """Whether the order may still fill."""
        return self.state in OPEN_STATES

    @property
    def bound_price(self) -> int:
        """The worst price the order may fill at, and that its cash is reserved at."""
        return self.limit_price if self.order_type == OrderType.LIMIT else self.collar_price

    @property
    def avg_price(self) -> int:
        """Average price of the fills, half-even to 1e-8; `NULL` before the first."""
        if self.filled == 0:
            return NULL
        return divide_half_even(self.notional_filled, self.filled)

    def snapshot(self) -> Order:
        """Return a copy."""
        # Spelled out: this runs once for each change of each order, and is five times as quick
        # as copying through the list of fields.
        return Order(
            self.order_id,
            self.client_order_id,
            self.account,
            self.portfolio,
            self.symbol,
            self.side,
            self.order_type,
            self.time_in_force,
            self.flags,
            self.quantity,
            self.filled,
            self.limit_price,
            self.stop_price,
            self.notional_filled,
            self.reserved_cash,
            self.reserved_quantity,
            self.collar_price,
            self.fees,
            self.state,
            self.reason,
            self.received_at,
            self.accepted_at,
            self.updated_at,
            self.expire_at,
            self.version,
            self.fills,
            self.replaces,
            self.sequence,
        )


@attrs.define(kw_only=True)
class NewOrder:
    """A trader's wish, with what the worker and the master stamped on it.

    ``seq`` is the journal sequence of this input, ``received_at`` the worker's stamp, ``at`` the
    master's instant and ``market_at`` the market time. ``expire_at`` (market time) is the close
    of the session for DAY, IOC and FOK, worked out by the caller, and 0 for GTC.
    """

    seq: int
    at: int
    received_at: int
    market_at: int
    account: int
    portfolio: int
    client_order_id: int
    symbol: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    quantity: int
    flags: int = 0
    limit_price: int = NULL
    stop_price: int = NULL
    expire_at: int = 0


@attrs.define(kw_only=True)
class Replacement:
    """A trader's wish to put a new order in the place of the open order ``order_id``.

    ``client_order_id`` names the new order. ``quantity`` is the total, with what the old order has
    filled; 0 leaves it, and ``limit_price`` `NULL` leaves the limit. ``expect_version`` is the
    version of the old order that the trader has seen, 0 for any. Side, type and time in force stay;
    ``stop_price`` and ``expire_at`` must be none.
    """

    seq: int
    at: int
    received_at: int
    market_at: int
    account: int
    portfolio: int
    order_id: int
    client_order_id: int
    quantity: int = 0
    limit_price: int = NULL
    stop_price: int = NULL
    expire_at: int = 0
    expect_version: int = 0
