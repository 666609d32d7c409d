"""What the server pushes to a client, and what the library itself tells of the connection."""

from __future__ import annotations

import attrs

from papertrader.client.alertresults import AlertUpdate
from papertrader.client.results import Bar, Fill, Holding, MarketState, Order, Quote, Transaction
from papertrader.core.orders import OrderEventKind


@attrs.frozen(kw_only=True)
class OrderUpdate:
    """An order of the account changed. ``sequence`` is contiguous over all account events."""

    sequence: int
    kind: OrderEventKind | int
    order: Order
    fill: Fill | None
    replayed: bool = False


@attrs.frozen(kw_only=True)
class TransactionUpdate:
    """A ledger transaction of the account; ``holding`` is the position after it, if any.

    ``note`` says why an operator has corrected something.
    """

    sequence: int
    transaction: Transaction
    holding: Holding | None
    replayed: bool = False
    note: str = ""


@attrs.frozen(kw_only=True)
class QuoteUpdate:
    """A new quote of a subscribed symbol."""

    subscription: int
    quote: Quote


@attrs.frozen(kw_only=True)
class BarUpdate:
    """A bar of a subscribed symbol; ``final``: it is closed and will not change."""

    subscription: int
    symbol: str
    interval_s: int
    final: bool
    bar: Bar


@attrs.frozen(kw_only=True)
class MarketUpdate:
    """The market has opened or closed."""

    subscription: int
    market: MarketState


@attrs.frozen(kw_only=True)
class EventsLost:
    """Account events are missing: read portfolio and orders anew, then go on with what follows."""

    reason: str


@attrs.frozen(kw_only=True)
class SubscriptionEnded:
    """A subscription could not be set up again after a lost connection."""

    subscription: int
    reason: str


@attrs.frozen(kw_only=True)
class ConnectionUpdate:
    """The connection came or went; the library reconnects by itself. ``worker`` is HOST:PORT."""

    connected: bool
    worker: str
    reason: str = ""


@attrs.frozen(kw_only=True)
class SessionUpdate:
    """The session has ended for good (expired, revoked, taken over): log in again."""

    code: str
    reason: str


Event = (
    OrderUpdate
    | TransactionUpdate
    | QuoteUpdate
    | BarUpdate
    | MarketUpdate
    | AlertUpdate
    | EventsLost
    | SubscriptionEnded
    | ConnectionUpdate
    | SessionUpdate
)
