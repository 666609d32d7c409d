"""Purses in the views: the same as the desk's, for they follow from the same facts."""

from __future__ import annotations

import json
from typing import Any

import attrs
import peewee

from papertrader.core.events import PortfolioMarked, SeasonBegun, TermsSet
from papertrader.core.ledger import Transaction
from papertrader.core.purse import EMPTY_PURSE, Purse
from papertrader.core.terms import AccountKind


def purse_of(text: str) -> Purse:
    """Return the purse that a row holds as a JSON list; an empty one for no text."""
    if not text:
        return EMPTY_PURSE
    borrow, interest, unsettled, *rest = json.loads(text)
    return Purse(borrow, interest, tuple((at, amount) for at, amount in unsettled), *rest)


class PurseBook:
    """All purses that are not empty, read once; bounded by the portfolios that there are."""

    def __init__(self) -> None:
        self._purses: dict[int, Purse] | None = None
        self._changed: set[int] = set()

    def begin(self, db: peewee.Database) -> None:
        """Read what the views hold, before the first fact."""
        if self._purses is None:
            rows = db.execute_sql("SELECT id, purse FROM view_portfolio WHERE purse != ''")
            self._purses = {row[0]: purse_of(row[1]) for row in rows}

    def changed(self) -> list[tuple[Any, ...]]:
        """Return the rows (text, portfolio) that changed since the last call."""
        numbers, self._changed = sorted(self._changed), set()
        return [(json.dumps(attrs.astuple(self._of(number))), number) for number in numbers]

    def has(self, portfolio: int) -> bool:
        """Tell whether there is something in a portfolio's purse, or once was."""
        return portfolio in (self._purses or ())

    def posted(self, transaction: Transaction) -> None:
        """Take a transaction."""
        purse = self._of(transaction.portfolio)
        if purse.concerns(transaction):
            self._keep(transaction.portfolio, purse.after(transaction))

    def marked(self, event: PortfolioMarked) -> None:
        """Take a mark."""
        purse = self._of(event.portfolio).marked(
            carried_to=event.carried_to,
            called_at=event.called_at,
            due_at=event.due_at,
            shortfall=event.shortfall,
        )
        self._keep(event.portfolio, purse)

    def terms_set(self, event: TermsSet) -> None:
        """Take new terms."""
        margin = event.terms.account_kind == AccountKind.MARGIN
        self._keep(event.portfolio, attrs.evolve(self._of(event.portfolio), margin=margin))

    def season_begun(self, event: SeasonBegun) -> None:
        """Take a reset."""
        self._keep(event.portfolio, self._of(event.portfolio).in_new_season())

    def turned_back(self, market_at: int) -> None:
        """Take the market's clock having been turned back."""
        for number, purse in list((self._purses or {}).items()):
            self._keep(number, purse.turned_back(market_at))

    def _of(self, portfolio: int) -> Purse:
        return (self._purses or {}).get(portfolio, EMPTY_PURSE)

    def _keep(self, portfolio: int, purse: Purse) -> None:
        if self._purses is not None and purse != self._of(portfolio):
            self._purses[portfolio] = purse
            self._changed.add(portfolio)
