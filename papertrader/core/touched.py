"""What events have touched of a state since its hash was taken last (`papertrader.core.statehash`).

Orders and accounts come by the million, so that groups of them are noted here.
"""

from __future__ import annotations

from typing import Final

import attrs

ACCOUNTS_TOGETHER: Final = 4
"""Accounts, and portfolios, of which one digest is kept: 80 octets of memory for each."""
ORDERS_TOGETHER: Final = 64
"""Orders of which one digest is kept. To encode so many takes a third of a millisecond."""


@attrs.define
class Touched:
    """Groups of accounts, portfolios and orders; assets of the ledger; contests, and whether any
    corporate action was applied."""

    accounts: set[int] = attrs.Factory(set)
    portfolios: set[int] = attrs.Factory(set)
    orders: set[int] = attrs.Factory(set)
    assets: set[str] = attrs.Factory(set)
    contests: set[int] = attrs.Factory(set)
    actions: bool = False

    def portfolio(self, portfolio: int, account: int) -> None:
        """Note a portfolio and its account."""
        self.portfolios.add(portfolio // ACCOUNTS_TOGETHER)
        self.accounts.add(account // ACCOUNTS_TOGETHER)
