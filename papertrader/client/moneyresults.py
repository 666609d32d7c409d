"""Results: what a portfolio holds, what its money is made of, how one that may borrow stands."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_FLOOR, Decimal

import attrs


@attrs.frozen(kw_only=True)
class Position:
    """A position with market prices. ``mark`` is what it could be closed at; None if unknown.

    ``unrealized_pnl`` is at the mark, ``unrealized_at_last`` at the last price. Cost and profit are
    by average; the fields named ``fifo`` tell the same lots first in first out.
    """

    symbol: str
    quantity: Decimal
    reserved: Decimal
    average_cost: Decimal | None
    cost_basis: Decimal
    mark: Decimal | None
    last: Decimal | None
    market_value: Decimal | None
    unrealized_pnl: Decimal | None
    realized_pnl: Decimal
    opened_at: datetime | None
    updated_at: datetime | None
    fifo_cost_basis: Decimal
    fifo_realized: Decimal

    @property
    def unrealized_at_last(self) -> Decimal | None:
        """Profit or loss at the last price, to a unit, rounded down; None where it is unknown."""
        if self.last is None:
            return None
        worth = (self.quantity * self.last).quantize(Decimal("0.00000001"), ROUND_FLOOR)
        return worth - self.cost_basis


@attrs.frozen(kw_only=True)
class Earnings:
    """What a season's realized profit is made of, and which cash has settled.

    `fees` count against the profit; `borrow` and `interest` are negative for costs.
    """

    price: Decimal
    fees: Decimal
    dividends: Decimal
    borrow: Decimal
    interest: Decimal
    settled_cash: Decimal
    unsettled_cash: Decimal
    settles_at: datetime | None


@attrs.frozen(kw_only=True)
class ClosingStep:
    """One step of what a margin call would close: a negative quantity is sold."""

    symbol: str
    quantity: Decimal
    mark: Decimal | None


@attrs.frozen(kw_only=True)
class Margin:
    """How a portfolio that may borrow stands; `plan` is what a margin call would close now.

    `called_at` and `due_at` (market time) are those of the margin call that stands, if any.
    """

    equity: Decimal
    long_value: Decimal
    short_value: Decimal
    initial: Decimal
    maintenance: Decimal
    available: Decimal
    buying_power: Decimal
    called_at: datetime | None
    due_at: datetime | None
    shortfall: Decimal
    plan: tuple[ClosingStep, ...] = ()
