"""The terms of an order: what the client library returns of one that is not plain."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import attrs

from papertrader.core.orders import LegRole, TriggerSource


@attrs.frozen(kw_only=True)
class OrderTerms:
    """What an order has beyond a plain one; None and 0 where it has not.

    A stop trails by ``trail``, money a share or, if ``trails_percent``, per cent of the ``mark``,
    the best price that it has seen. ``notional`` is the money that it is for. ``parent`` must fill
    first; the two of a ``pair`` cancel one another.
    """

    role: LegRole | int
    source: TriggerSource | int
    trail: Decimal | None
    trails_percent: bool
    mark: Decimal | None
    notional: Decimal | None
    parent: int
    pair: int
    works_from: datetime | None
    active_at: datetime | None
    triggered_at: datetime | None
    currency: str = ""
    """Of its prices; empty if that of the portfolio."""
