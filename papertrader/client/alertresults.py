"""Results: watchlists, price alerts, and what is pushed when an alert ends."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import attrs

from papertrader.core.alerts import AlertCondition, AlertState


@attrs.frozen(kw_only=True)
class Watchlist:
    """A named list of symbols, in the order they were given in."""

    name: str
    symbols: tuple[str, ...]


@attrs.frozen(kw_only=True)
class AlertInfo:
    """A price alert. ``price`` follows splits, ``asked`` is what was asked for.

    ``expires_at`` and ``market_at`` are market time, None for never and for an open alert;
    ``created_at`` and ``ended_at`` the server's clock. ``seen`` is the price that triggered it.
    """

    alert: int
    symbol: str
    condition: AlertCondition | int
    state: AlertState | int
    price: Decimal
    asked: Decimal
    expires_at: datetime | None
    created_at: datetime | None
    ended_at: datetime | None
    market_at: datetime | None
    seen: Decimal | None


@attrs.frozen(kw_only=True)
class AlertUpdate:
    """An alert of the account has ended: it was triggered, expired, or lost its market.

    It comes with the account's events and is not repeated: who was away reads `alerts`.
    """

    alert: AlertInfo
