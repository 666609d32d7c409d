"""Events: everything that can change the desk's state, each complete at birth, in its final form.

Those with an ``event_seq`` make up the account's stream: contiguous from 1, over all the
account's portfolios. ``at`` is the master's instant of the cause. None is changed once it exists.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs

from papertrader.core.contests import ContestRules
from papertrader.core.fills import Receipt
from papertrader.core.ledger import Entry, Transaction
from papertrader.core.marketclock import ClockMode
from papertrader.core.money import NULL
from papertrader.core.orders import Order, OrderEventKind
from papertrader.core.portfolio import Position
from papertrader.core.quotes import CorporateAction
from papertrader.core.refusals import Refusal
from papertrader.core.refusedorders import RefusedOrder
from papertrader.core.terms import PortfolioTerms


@attrs.define
class PortfolioOpened:
    """A portfolio came into being, empty."""

    account: int
    portfolio: int
    currency: str
    at: int


@attrs.define
class OrderChanged:
    """An order was born or changed; ``order`` is what it is now.

    The ``fill_`` figures and ``transaction`` belong to a FILL and are 0 (the price `NULL`)
    otherwise. ``receipt`` is there when a quote was the cause.
    """

    account: int
    portfolio: int
    event_seq: int
    kind: OrderEventKind
    order: Order
    at: int
    fill: int = 0
    fill_quantity: int = 0
    fill_price: int = NULL
    fill_fees: int = 0
    transaction: int = 0
    receipt: Receipt | None = None


@attrs.define
class TransactionPosted:
    """Money or shares moved; ``position`` is what is then held of the symbol, if it has one."""

    account: int
    portfolio: int
    event_seq: int
    transaction: Transaction
    entries: tuple[Entry, ...]
    position: Position | None
    at: int


@attrs.define
class MarksMoved:
    """The trailing stops of a symbol, those that had met a quote before, followed these prices."""

    symbol: str
    bid: int
    ask: int
    last: int
    at: int


@attrs.define
class ActionApplied:
    """A corporate action was applied to every position and open order; it will not be again."""

    action: CorporateAction
    at: int


@attrs.define
class PortfolioNamed:
    """A portfolio got its name, or another one."""

    account: int
    portfolio: int
    name: str
    at: int


@attrs.define
class TermsSet:
    """A portfolio, without positions and open orders, trades by other terms from now on."""

    account: int
    portfolio: int
    terms: PortfolioTerms
    at: int


@attrs.define
class PortfolioMarked:
    """A portfolio that may borrow was valued, at the close of a session or for a margin call.

    ``carried_to`` is the market time of the last close for which interest and borrow fees were
    charged. ``called_at`` and ``due_at`` (market time) are of the margin call that stands, 0 for
    none; ``shortfall`` is what was missing. ``equity`` and ``maintenance`` are as of the mark.
    """

    account: int
    portfolio: int
    carried_to: int
    equity: int
    maintenance: int
    called_at: int
    due_at: int
    shortfall: int
    at: int


@attrs.define
class SeasonBegun:
    """A portfolio, without positions and open orders now, counts its profits anew."""

    account: int
    portfolio: int
    season: int
    at: int


@attrs.define
class ClockSet:
    """The clock of a market was set: from ``market_at`` it goes on as said.

    ``epoch`` counts from 1, and one more each time a clock is turned ``back``: corporate actions
    after ``market_at`` apply again then. ``speed_setting`` and ``start_setting`` are what the
    settings said at that moment; where they have changed since, they count.
    """

    market: str
    epoch: int
    mode: ClockMode
    paused: bool
    speed_milli: int
    market_at: int
    speed_setting: int
    start_setting: int
    at: int
    back: bool = False


@attrs.define
class PortfolioFrozen:
    """A portfolio, without open orders, trades no more, or trades again."""

    account: int
    portfolio: int
    frozen: bool
    at: int


@attrs.define
class ContestOpened:
    """A host opened a contest."""

    contest: int
    account: int
    rules: ContestRules
    at: int


@attrs.define
class ContestJoined:
    """A portfolio, just opened for it, entered a contest."""

    contest: int
    account: int
    portfolio: int
    market_at: int
    at: int


@attrs.define
class ContestEnded:
    """A contest ended: what each portfolio was worth, and the prices by which (`NULL`: at cost)."""

    contest: int
    market_at: int
    marks: tuple[tuple[str, int], ...]
    results: tuple[tuple[int, int], ...]
    at: int


Event: TypeAlias = (
    PortfolioOpened
    | OrderChanged
    | MarksMoved
    | TransactionPosted
    | ActionApplied
    | PortfolioNamed
    | SeasonBegun
    | PortfolioMarked
    | ClockSet
    | TermsSet
    | PortfolioFrozen
    | ContestOpened
    | ContestJoined
    | ContestEnded
)


@attrs.define
class Outcome:
    """The answer to a command.

    Either ``refusal`` is None and ``events`` say what happened, or ``text`` says in one sentence
    why nothing did. ``order`` is the order as it stands, if there is one to show. ``refused`` are
    the receipts of the orders that were refused on arrival: no events, they change nothing.
    """

    refusal: Refusal | None
    text: str
    order: Order | None
    events: list[Event]
    refused: list[RefusedOrder] = attrs.Factory(list)


@attrs.define(kw_only=True)
class Preview:
    """What an order would be and cost if it were sent now; nothing was changed.

    ``order`` is as it would be accepted, with number 0. ``price`` is what it would fill at on the
    newest quote, or its limit; ``cost`` the cash that would take (negative: bring), without
    ``fees``; ``available_after`` the cash that would be free once it is accepted, in a margin
    portfolio the buying power; there, ``margin`` is what the order would reserve and
    ``margin_left`` what would be left of it. If there is a ``refusal`` they are 0, and ``order`` is
    the order that the refusal speaks of, if any. ``text`` says why it is refused, or what else its
    owner should know before it is sent; "" is nothing.
    """

    refusal: Refusal | None
    text: str
    order: Order | None
    price: int = 0
    cost: int = 0
    fees: int = 0
    available_after: int = 0
    margin: int = 0
    margin_left: int = 0
