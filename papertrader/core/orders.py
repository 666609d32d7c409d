"""Orders: their kinds, their life as a table, and the order itself as a value.

The numbers of the enumerations are those of the wire and are never reused.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, IntFlag
from types import MappingProxyType
from typing import Any, Final

import attrs

from papertrader.core.added import ADDED, NAMED
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
    MARKET_IF_TOUCHED = 6
    LIMIT_IF_TOUCHED = 7


class OrderFlag(IntFlag):
    """Options of an order."""

    EXTENDED_HOURS = 1
    VALIDATE_ONLY = 2
    NOTIONAL = 4
    REDUCE_ONLY = 8
    ALLOW_FLIP = 16


class TriggerSource(IntEnum):
    """Which price of a quote triggers an order, and moves a trailing stop."""

    DEFAULT = 0
    """The last trade if it lies inside bid and ask, else the side that the order trades at."""
    LAST = 1
    """The last trade."""
    BID_ASK = 2
    """The side that the order trades at: the ask for a buy, the bid for a sell."""


class TrailKind(IntEnum):
    """How far a trailing stop keeps behind the market."""

    NONE = 0
    AMOUNT = 1
    """So much money a share."""
    PERCENT = 2
    """Such a part of the price, in 1e-8."""


class LegRole(IntEnum):
    """What an order is in a combination. A parent is an order like any other: NONE."""

    NONE = 0
    TAKE_PROFIT = 1
    """Waits for its parent; the stop loss is its partner."""
    STOP_LOSS = 2
    """Waits for its parent; the take profit is its partner."""
    OCO = 3
    """One of two of which one cancels the other; both work from the start."""
    OTO = 4
    """Waits for its parent."""


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
    """What happened to an order.

    ADJUSTED: a corporate action, or its combination, changed its figures. TRIGGERED: the market
    reached its stop. ACTIVATED: its parent has filled, and it works from now on.
    """

    ACCEPTED = 1
    FILL = 2
    CANCELLED = 3
    REPLACED = 4
    EXPIRED = 5
    REJECTED = 6
    WORKING = 7
    ADJUSTED = 8
    TRIGGERED = 9
    ACTIVATED = 10


ACTIVE_STATES: Final = frozenset(
    {OrderState.PENDING, OrderState.WORKING, OrderState.PARTIALLY_FILLED}
)
"""States that hold a reservation and may fill."""

OPEN_STATES: Final = ACTIVE_STATES | {OrderState.HELD}
"""States that a cancel or an expiry may end."""

STOPS: Final = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP})
"""Types that trigger when the market has gone against them."""

TOUCHED: Final = frozenset({OrderType.MARKET_IF_TOUCHED, OrderType.LIMIT_IF_TOUCHED})
"""Types that trigger when the market has come their way."""

TRIGGERED_TYPES: Final = STOPS | TOUCHED
"""Types that wait outside the book until they trigger."""

OWN_ORDERS: Final = 1 << 63
"""Client order ids from here on are those of orders that the desk itself sends."""
LIMITED: Final = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.LIMIT_IF_TOUCHED})
"""Types with a limit price."""

WAITING: Final = frozenset({TimeInForce.OPG, TimeInForce.CLS})
"""Times in force that wait for the opening or the close of a session."""


IMMEDIATE: Final = frozenset({TimeInForce.IOC, TimeInForce.FOK})
"""Times in force that end an order with the first quote it may use."""


def _transitions() -> dict[tuple[OrderState, OrderEventKind], OrderState]:
    table = {
        (OrderState.PENDING, OrderEventKind.WORKING): OrderState.WORKING,
        (OrderState.PENDING, OrderEventKind.TRIGGERED): OrderState.WORKING,
        (OrderState.WORKING, OrderEventKind.TRIGGERED): OrderState.WORKING,
        (OrderState.HELD, OrderEventKind.ACTIVATED): OrderState.PENDING,
    }
    for state in ACTIVE_STATES:
        table[state, OrderEventKind.FILL] = OrderState.PARTIALLY_FILLED
    for state in OPEN_STATES:
        table[state, OrderEventKind.CANCELLED] = OrderState.CANCELLED
        table[state, OrderEventKind.EXPIRED] = OrderState.EXPIRED
        table[state, OrderEventKind.REPLACED] = OrderState.REPLACED
        table[state, OrderEventKind.ADJUSTED] = state
    return table


TRANSITIONS: Final[Mapping[tuple[OrderState, OrderEventKind], OrderState]] = MappingProxyType(
    _transitions()
)
"""(state, event) -> state; a pair that is absent is illegal. A FILL of all that was left leads to
FILLED instead (`next_state`). ACCEPTED is the birth of an order, in PENDING or HELD, and so has no
row."""


class IllegalTransitionError(Exception):
    """An event that cannot happen to an order in its present state. Nothing was changed."""


# Python 3.11 looks the members of an enumeration up slowly: each costs as much as a call.
_FILL: Final = OrderEventKind.FILL
_FILLED: Final = OrderState.FILLED


def next_state(state: OrderState, kind: OrderEventKind, complete: bool = False) -> OrderState:
    """Return the state that ``kind`` leads to; ``complete`` tells a FILL of all that was left.

    Raises `IllegalTransitionError` for a pair that `TRANSITIONS` does not have.
    """
    after = TRANSITIONS.get((state, kind))
    if after is None:
        raise IllegalTransitionError(f"an order that is {state.name} cannot be {kind.name}")
    return _FILLED if complete and kind == _FILL else after


@attrs.frozen(kw_only=True)
class OrderTerms:
    """What an order has beyond the plain ones. Never changed once handed on.

    Prices and money in 1e-8 units; instants in nanoseconds, 0 for none: ``works_from`` is market
    time, the others the master's clock.
    """

    trail_kind: TrailKind = TrailKind.NONE
    trail: int = 0
    source: TriggerSource = TriggerSource.DEFAULT
    role: LegRole = LegRole.NONE
    notional: int = 0
    """Money to trade for: the quantity is worked out at the fill. 0: the quantity is given."""
    parent: int = 0
    """The order that must fill before this one works."""
    pair: int = 0
    """Number of the pair of which one cancels the other: that of its first order."""
    shares: bool = False
    """Its shares are reserved by the other one of the pair."""
    works_from: int = 0
    """Opening of the session that it waits for."""
    active_at: int = 0
    """When it was ACTIVATED; it uses no quote observed before."""
    triggered_at: int = 0
    mark: int = NULL
    """Best price seen by a trailing stop until ``marked_at``; later ones move it on."""
    marked_at: int = 0
    currency: str = attrs.field(default="", metadata={ADDED: NAMED})
    """Of its prices; empty if they are in the portfolio's own."""


@attrs.frozen(kw_only=True)
class Leg:
    """An order that a new one brings along: everything that is not its parent's or partner's.

    ``side`` None: the opposite of the parent's, or the partner's own.
    """

    role: LegRole
    order_type: OrderType
    time_in_force: TimeInForce
    client_order_id: int
    side: Side | None = None
    limit_price: int = NULL
    stop_price: int = NULL
    trail_kind: TrailKind = TrailKind.NONE
    trail: int = 0
    source: TriggerSource = TriggerSource.DEFAULT


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
    terms: OrderTerms | None = attrs.field(default=None, metadata={ADDED: True})
    """None for a plain order."""
    tag: str = attrs.field(default="", metadata={ADDED: NAMED})
    """What its trader has written on it; decides nothing."""

    @property
    def remaining(self) -> int:
        """What is still to be filled."""
        return self.quantity - self.filled

    @property
    def is_open(self) -> bool:
        """Whether the order may still fill, perhaps after its parent."""
        return self.state in OPEN_STATES

    @property
    def is_liquidation(self) -> bool:
        """Whether it is the desk's own, which carries out a margin call: not its owner's to end."""
        return self.client_order_id > OWN_ORDERS

    @property
    def is_limited(self) -> bool:
        """Whether it has a limit price."""
        return self.order_type in LIMITED

    @property
    def is_triggered(self) -> bool:
        """Whether it may fill as far as its trigger goes: it has none, or the market reached it."""
        if self.order_type not in TRIGGERED_TYPES:
            return True
        return self.terms is not None and self.terms.triggered_at > 0

    @property
    def since(self) -> int:
        """The instant after which a quote must have been observed for this order to use it."""
        return (
            self.received_at if self.terms is None else max(self.received_at, self.terms.active_at)
        )

    @property
    def bound_price(self) -> int:
        """The worst price the order may fill at, and that its cash is reserved at.

        `NULL` for a sell at any price: one whose stop was reached.
        """
        return self.limit_price if self.is_limited else self.collar_price

    def reservable(self, quantity: int) -> int:
        """Return how much of ``quantity`` this order itself reserves: 0 if its partner does."""
        return 0 if self.terms is not None and self.terms.shares else quantity

    @property
    def is_foreign(self) -> bool:
        """Whether its prices are in another currency than its portfolio's money."""
        return self.terms is not None and bool(self.terms.currency)

    def with_terms(self, **changes: Any) -> Order:
        """Return a copy with other terms."""
        order = self.snapshot()
        order.terms = attrs.evolve(self.terms or OrderTerms(), **changes)
        return order

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
            self.terms,
            self.tag,
        )


@attrs.define(kw_only=True)
class NewOrder:
    """A trader's wish, with what the worker and the master stamped on it.

    ``seq`` is the journal sequence of this input, ``received_at`` the worker's stamp, ``at`` the
    master's instant and ``market_at`` the market time. ``expire_at`` (market time) is the close
    of the session for DAY, IOC, FOK, OPG and CLS, worked out by the caller, the trader's own for
    GTD, and 0 for GTC; ``works_from`` the opening for OPG. With the flag NOTIONAL, ``quantity`` is
    money. ``legs`` are orders that come with it; ``tag`` is what the trader writes on it, "" for
    nothing.
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
    works_from: int = 0
    trail_kind: TrailKind = TrailKind.NONE
    trail: int = 0
    source: TriggerSource = TriggerSource.DEFAULT
    legs: tuple[Leg, ...] = ()
    tag: str = ""


@attrs.define(kw_only=True)
class Replacement:
    """A trader's wish to put a new order in the place of the open order ``order_id``.

    ``client_order_id`` names the new order. ``quantity`` is the total, with what the old order has
    filled, of an order for an amount of money that amount; 0 leaves it. ``limit_price``,
    ``stop_price`` `NULL` and ``trail_kind`` NONE leave those, and ``expire_at`` 0 the expiry of a
    GTD order. ``expect_version`` is the version of the old order that the trader has seen, 0 for
    any. Side, type and time in force stay, and so does the ``tag`` if it is "".
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
    trail_kind: TrailKind = TrailKind.NONE
    trail: int = 0
    tag: str = ""
