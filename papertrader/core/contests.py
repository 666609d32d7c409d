"""Contests: the same cash and the same terms for everybody, from one market time to another.

An entry is a portfolio of its own that the contest opens. Nothing can be paid in or taken out of
it, it cannot be reset, and it trades only while the contest runs. When the contest ends its open
orders are cancelled and every entry is valued at the last prices known; that is the result.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Final

import attrs

from papertrader.core.identifiers import check_currency, check_name
from papertrader.core.money import AMOUNT_MAX, NULL, SCALE
from papertrader.core.terms import PortfolioTerms

ENTRIES_MAX: Final = 1_000
"""Entries of one contest; one more is CONTEST_FORBIDS."""
CONTESTS_MAX: Final = 256
"""Contests that have not ended; one more is CONTEST_FORBIDS."""


class ContestState(IntEnum):
    """Where a contest is."""

    ANNOUNCED = 1
    RUNNING = 2
    ENDED = 3


class StandingOrder(IntEnum):
    """By what the entries of a contest are ranked."""

    EQUITY = 1
    RISK_ADJUSTED = 2


@attrs.frozen(kw_only=True)
class ContestRules:
    """What a host decides. Times are market time; ``cash`` is what each entry begins with.

    Joining ends at ``joins_until``: at ``opens_at`` where nobody may come late. Raises `ValueError`
    for rules that contradict themselves.
    """

    name: str
    currency: str
    cash: int
    opens_at: int
    ends_at: int
    joins_until: int
    terms: PortfolioTerms

    def __attrs_post_init__(self) -> None:
        check_name(self.name)
        check_currency(self.currency)
        if not 0 < self.cash <= AMOUNT_MAX:
            raise ValueError("each entry begins with more than 0 in cash")
        if not 0 < self.opens_at < self.ends_at:
            raise ValueError("a contest ends after it opens")
        if not self.opens_at <= self.joins_until <= self.ends_at:
            raise ValueError("joining ends between the opening and the end of the contest")


@attrs.define
class Entry:
    """One portfolio in a contest; ``equity`` is `NULL` until the contest ends."""

    portfolio: int
    account: int
    joined_at: int
    equity: int = NULL


@attrs.define
class Contest:
    """A contest as it stands; ``entries`` by portfolio. ``ended_at`` is 0 while it goes on.

    ``marks`` are the prices that the result was valued at.
    """

    contest: int
    host: int
    rules: ContestRules
    created_at: int
    entries: dict[int, Entry] = attrs.Factory(dict)
    ended_at: int = 0
    marks: tuple[tuple[str, int], ...] = ()

    def entry_of(self, account: int) -> Entry | None:
        """Return the entry of an account."""
        return next((each for each in self.entries.values() if each.account == account), None)

    def is_running(self, market_at: int) -> bool:
        """Tell whether entries may trade."""
        return not self.ended_at and self.rules.opens_at <= market_at < self.rules.ends_at


@attrs.frozen(kw_only=True)
class Standing:
    """One line of the standings.

    ``gain`` is the return in 1e-8, rounded down; ``risk_adjusted`` the Sharpe ratio of the daily
    equity after all costs, in 1e-8, `NULL` where there is too little to say.
    """

    rank: int
    portfolio: int
    account: int
    equity: int
    gain: int
    risk_adjusted: int = NULL


def gain_of(equity: int, cash: int) -> int:
    """Return the return in 1e-8, rounded down."""
    return (equity - cash) * SCALE // cash


def ranked(
    contest: Contest, equities: Iterable[tuple[int, int, int]], *, by_risk: bool = False
) -> list[Standing]:
    """Return the standings: equals share a rank, in the order in which they joined.

    ``equities`` holds (portfolio, equity, risk-adjusted return) of each entry. ``by_risk`` ranks by
    the latter, those without one last.
    """
    found = [
        Standing(
            rank=0,
            portfolio=portfolio,
            account=contest.entries[portfolio].account,
            equity=equity,
            gain=gain_of(equity, contest.rules.cash),
            risk_adjusted=risk,
        )
        for portfolio, equity, risk in equities
    ]

    def merit(standing: Standing) -> int:
        return standing.risk_adjusted if by_risk else standing.equity

    # NULL is the least of all numbers, and so comes last.
    found.sort(key=lambda each: (-merit(each), contest.entries[each.portfolio].joined_at))
    result: list[Standing] = []
    for place, each in enumerate(found, 1):
        tied = bool(result) and merit(result[-1]) == merit(each)
        result.append(attrs.evolve(each, rank=result[-1].rank if tied else place))
    return result
