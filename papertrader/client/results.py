"""What the client library returns: frozen values with exact decimals and aware UTC datetimes.

Prices, quantities and money are `decimal.Decimal`, exact to the wire's 1e-8 units; None stands for
"none" or "unknown". Numbers of an enumeration that this version does not know stay plain integers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, Generic, Self, TypeVar, overload

import attrs

from papertrader.client.moneyresults import Earnings, Margin, Position
from papertrader.client.orderterms import OrderTerms
from papertrader.client.tables import ROWS_SHOWN, Tabular, html_table, sparkline
from papertrader.core.fills import LimitingRule
from papertrader.core.identifiers import quoted
from papertrader.core.instants import to_datetime
from papertrader.core.marketclock import ClockMode
from papertrader.core.money import AMOUNT_MAX, NULL, AmountOverflow, format_amount, parse_amount
from papertrader.core.orders import OPEN_STATES, OrderState, OrderType, Side, TimeInForce
from papertrader.core.quotes import AssetFlag, AssetKind, AssetStatus, QuoteFlag
from papertrader.wire import kinds
from papertrader.wire.kinds import AccountStatus, Privacy, Scope, TxKind

ItemT = TypeVar("ItemT")

_VAST_DIGITS: Final = 40
_VAST: Final = 10**_VAST_DIGITS
"""Far more than any amount: written out in full a `Decimal` may have 10**18 digits."""


def decimal_of(units: int) -> Decimal:
    """Turn 1e-8 units into a Decimal, exactly, whatever the decimal context is."""
    return Decimal(format_amount(units))


def decimal_or_none(units: int) -> Decimal | None:
    """As `decimal_of`; None for the wire's NULL."""
    return None if units == NULL else decimal_of(units)


def units_of(value: str | int | Decimal, what: str) -> int:
    """Turn what a user gave for an amount into 1e-8 units.

    Raises `TypeError` for a float (it cannot hold most prices exactly) and `ValueError` for
    anything with more than 8 decimals or out of range; ``what`` names it in the message.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        hint = " (floats are not exact)" if isinstance(value, float) else ""
        raise TypeError(
            f"{what} must be text, an integer or a Decimal, "
            f'not {type(value).__name__}{hint}; write for example "12.5"'
        )
    text = _text_of(value)
    try:
        return parse_amount(text)
    except AmountOverflow:
        most = format_amount(AMOUNT_MAX)
        raise ValueError(f"{what} {quoted(text)} is out of range; it is at most {most}") from None
    except ValueError:
        raise ValueError(
            f"{what} {quoted(text)} is not a decimal number with at most 8 decimals and 11 digits "
            "before the point, such as 0.5"
        ) from None


def _text_of(value: str | int | Decimal) -> str:
    """Return what a user gave for an amount as text, for which no octets beyond it are made."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int):
        return str(value) if abs(value) < _VAST else f"{'-' if value < 0 else ''}1e40 and more"
    if not value:
        return "0"
    if value.is_finite() and abs(value.adjusted()) > _VAST_DIGITS:
        return str(value)
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def moment_of(instant: int) -> datetime | None:
    """Turn an instant into an aware UTC datetime, None for "never"."""
    return to_datetime(instant) if instant else None


@attrs.frozen(kw_only=True)
class Registration:
    """A new account; ``starting_cash`` is what its default portfolio begins with."""

    account: int
    created_at: datetime | None
    starting_cash: Decimal


@attrs.frozen(kw_only=True)
class Login:
    """An open session. ``token`` lets `resume` go on with it later: keep it secret.

    ``failed_tries`` counts failed logins since the last good one; 0 after `resume`.
    """

    account: int
    session_id: int
    token: bytes = attrs.field(repr=False)
    scope: Scope | int
    expires_at: datetime | None
    next_event_seq: int
    failed_tries: int = 0


@attrs.frozen(kw_only=True)
class Account:
    """An account; of another user's only what its privacy allows, the rest is None or 0."""

    account: int
    username: str
    created_at: datetime | None
    currency: str
    privacy: Privacy
    cash: Decimal | None
    reserved_cash: Decimal | None
    equity: Decimal | None
    realized_pnl: Decimal | None
    as_of: datetime | None
    open_orders: int
    positions: int
    status: AccountStatus | int
    scope: Scope | int
    email: str | None


@attrs.frozen(kw_only=True)
class Order:
    """An order as it stands. Money in the portfolio's currency, ``quantity`` in shares or coins."""

    order_id: int
    client_order_id: int
    portfolio: int
    symbol: str
    side: Side | int
    order_type: OrderType | int
    time_in_force: TimeInForce | int
    state: OrderState | int
    reason: str
    """Name of the status that ended it, "" for none."""
    quantity: Decimal
    filled: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None
    average_price: Decimal | None
    collar_price: Decimal | None
    """The worst price a market order may fill at."""
    reserved_cash: Decimal
    fees: Decimal
    received_at: datetime | None
    accepted_at: datetime | None
    updated_at: datetime | None
    expire_at: datetime | None
    """Market time at which it expires."""
    version: int
    fills: int
    replaces: int = 0
    """The order in whose place it came, 0 for none."""
    replaced_by: int = 0
    """The order in its place, where the server told it; 0 for none."""
    terms: OrderTerms | None = None
    """None for a plain market or limit order."""
    combined: tuple[Order, ...] = ()
    """Open orders that hang together with it, where the server told them."""
    tag: str = ""
    """What its trader has written on it."""

    @property
    def is_open(self) -> bool:
        """Whether it may still fill."""
        return self.state in OPEN_STATES

    @property
    def remaining(self) -> Decimal:
        """What is still to be filled."""
        return self.quantity - self.filled


@attrs.frozen(kw_only=True)
class Receipt:
    """The quote that priced a fill, and what the fill cost against it."""

    quote_seq: int
    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    bid_size: Decimal
    ask_size: Decimal
    observed_at: datetime | None
    source_time: datetime | None
    """Market time of the quote."""
    age_ns: int
    spread_cost: Decimal
    slippage: Decimal
    limiting: LimitingRule | int


@attrs.frozen(kw_only=True)
class Fill:
    """One fill of an order; ``number`` counts from 1 within the order."""

    order_id: int
    number: int
    quantity: Decimal
    price: Decimal | None
    fees: Decimal
    transaction: int
    receipt: Receipt | None


@attrs.frozen(kw_only=True)
class Asset:
    """A tradable thing. ``tick`` and ``lot`` are the smallest steps of price and quantity."""

    symbol: str
    kind: AssetKind | int
    status: AssetStatus | int
    flags: AssetFlag
    currency: str
    tick: Decimal
    lot: Decimal
    quantity_min: Decimal
    quantity_max: Decimal
    first_bar: datetime | None
    last_bar: datetime | None
    name: str = ""
    exchange: str = ""
    source: str = ""


@attrs.frozen(kw_only=True)
class Quote:
    """The newest prices of a symbol; None where unknown.

    ``source_time`` is market time, ``observed_at`` the server's clock when it received the quote,
    ``provider`` who said the prices: ``"kraken"``, or the market's name; ``"unknown"``.
    """

    symbol: str
    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    bid_size: Decimal
    ask_size: Decimal
    last_size: Decimal
    day_open: Decimal | None
    day_high: Decimal | None
    day_low: Decimal | None
    prev_close: Decimal | None
    day_volume: Decimal
    source_time: datetime | None
    observed_at: datetime | None
    quote_seq: int
    flags: QuoteFlag
    provider: str = "unknown"


class Quotes(tuple[Quote, ...], Tabular):
    """Newest quotes in the order asked, and when they were the newest: ``as_of``, by the server's
    clock. A quote's age then is ``as_of - quote.observed_at``."""

    as_of: datetime | None

    def __new__(cls, rows: Iterable[Quote], as_of: datetime | None = None) -> Self:
        """Take the rows."""
        found = super().__new__(cls, tuple(rows))
        found.as_of = as_of
        return found

    def table_rows(self) -> Sequence[Quote]:
        """Return the quotes."""
        return self


@attrs.frozen(kw_only=True)
class Bar:
    """One bar; ``time`` is its start (market time)."""

    time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


@attrs.frozen(kw_only=True)
class MarketState:
    """Whether an exchange is open. All times are market time."""

    exchange: str
    state: kinds.MarketState | int
    now: datetime
    next_open: datetime | None
    next_close: datetime | None
    update_interval_ms: int
    epoch: int = 0
    """Pushed states only: grows by 1 each time the market's clock is turned back."""
    cache_until: datetime | None = None
    """Server's time until which a worker may give the same answer again; None for pushed states."""
    speed: Decimal | None = None
    """Pushed states only: market seconds per second, 0 while the clock stands still."""

    @property
    def is_open(self) -> bool:
        """Whether it trades now."""
        return self.state == kinds.MarketState.OPEN


@attrs.frozen(kw_only=True)
class MarketClock:
    """Where market time stands: ``now``, when the server's own clock showed ``as_of``.

    ``speed`` is market seconds per second; ``ends_at`` None: the market's data does not end.
    ``epoch`` counts from 1 and grows each time the clock is turned back.
    """

    mode: ClockMode | int
    paused: bool
    skips_closed: bool
    speed: Decimal
    now: datetime
    ends_at: datetime | None
    as_of: datetime
    begins_at: datetime | None = None
    epoch: int = 1
    cache_until: datetime | None = None


@attrs.frozen(kw_only=True)
class Figure:
    """A counter of a worker, or of the master (``worker`` 0)."""

    worker: int
    name: str
    value: int


@attrs.frozen(kw_only=True)
class Bars(Tabular):
    """A series of bars, oldest first. ``complete``: none of those asked for was left out."""

    symbol: str
    interval_s: int
    complete: bool
    as_of: datetime | None
    bars: tuple[Bar, ...]
    missing: int = 0
    """Bars that are not there, within trading hours, between the first and the last."""
    cache_until: datetime | None = None
    """Server's time until which a worker may give the same answer again."""

    def table_rows(self) -> Sequence[Bar]:
        """Return the bars."""
        return self.bars

    def _repr_html_(self) -> str:
        caption = f"{self.symbol}, {len(self.bars)} bars of {self.interval_s} s"
        closes = [bar.close for bar in self.bars]
        return sparkline(closes) + html_table(self.to_records()[-ROWS_SHOWN:], caption)

    def __iter__(self) -> Iterator[Bar]:
        return iter(self.bars)

    def __len__(self) -> int:
        return len(self.bars)


@attrs.frozen(kw_only=True)
class Portfolio(Tabular):
    """Cash, totals and positions. It holds every account event up to ``event_seq``."""

    account: int
    portfolio: int
    currency: str
    cash: Decimal
    reserved_cash: Decimal
    equity: Decimal | None
    market_value: Decimal | None
    unrealized_pnl: Decimal | None
    realized_pnl: Decimal
    as_of: datetime | None
    market_time: datetime | None
    event_seq: int
    positions: tuple[Position, ...]
    earnings: Earnings | None = None
    """None as long as all profit is of prices and all cash has settled."""
    margin: Margin | None = None
    """None for a cash portfolio."""

    def table_rows(self) -> Sequence[Position]:
        """Return the positions."""
        return self.positions

    def _repr_html_(self) -> str:
        caption = f"cash {self.cash:,f} {self.currency}, equity {self.equity or 0:,f}"
        return html_table(self.to_records(), caption)


@attrs.frozen(kw_only=True)
class Transaction:
    """One ledger transaction. ``amount`` is the signed change of cash, ``fees`` part of it."""

    transaction: int
    portfolio: int
    kind: TxKind | int
    currency: str
    symbol: str
    quantity: Decimal
    price: Decimal | None
    amount: Decimal
    fees: Decimal
    cash_after: Decimal
    realized: Decimal
    order_id: int
    fill: int
    received_at: datetime | None
    executed_at: datetime | None
    quote_seq: int
    market_at: datetime | None = None
    """The market's time at it; `executed_at` in a live market."""
    settles_at: datetime | None = None
    """The market time at which its cash settles; None for at once."""
    commission: Decimal = Decimal(0)
    sec_fee: Decimal = Decimal(0)
    taf_fee: Decimal = Decimal(0)
    rate: Decimal | None = None
    """What one unit of `asset_currency` was worth in `currency`; None where the price is in it."""
    asset_currency: str = ""
    note: str = ""
    """Why a correction was made; empty for the others."""


@attrs.frozen(kw_only=True)
class Holding:
    """A position by itself, without market prices, as it is after a transaction."""

    symbol: str
    quantity: Decimal
    cost_basis: Decimal
    realized: Decimal
    opened_at: datetime | None
    updated_at: datetime | None


@attrs.frozen(kw_only=True)
class WorkerInfo:
    """A worker that clients may use. ``host`` is the name in its certificate."""

    host: str
    address: str
    port: int
    load: int
    accepting: bool
    draining: bool
    region: int
    sessions: int
    rtt_us: int


@attrs.frozen(kw_only=True)
class Page(Tabular, Sequence[ItemT], Generic[ItemT]):
    """Some rows of a list, and where the list goes on.

    Give ``next_after`` as ``after`` for the next page; 0 means there is no more. ``event_seq`` is
    the account event up to which the rows are complete; 0 for what is not account data.
    """

    items: tuple[ItemT, ...]
    next_after: int
    event_seq: int
    as_of: datetime | None
    cache_until: datetime | None = None
    """Lists of assets: server's time until which a worker may give the same answer again."""

    @overload
    def __getitem__(self, index: int) -> ItemT: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ItemT]: ...
    def __getitem__(self, index: int | slice) -> ItemT | Sequence[ItemT]:
        return self.items[index]

    def __len__(self) -> int:
        return len(self.items)

    def table_rows(self) -> Sequence[ItemT]:
        """Return the rows of this page."""
        return self.items
