"""Results: what a portfolio's money is made of, and how one that may borrow stands."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import attrs


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
