"""Contesting: the inputs that open contests, let portfolios enter, and end them.

A part of the desk (`papertrader.core.desk`); what a contest is stands in `contests`.
"""

from __future__ import annotations

from papertrader.core.actions import last_price
from papertrader.core.contests import CONTESTS_MAX, ENTRIES_MAX, Contest, ContestRules
from papertrader.core.custody import Custody
from papertrader.core.events import (
    ContestEnded,
    ContestJoined,
    ContestOpened,
    Outcome,
    PortfolioNamed,
    TermsSet,
)
from papertrader.core.identifiers import check_id
from papertrader.core.instants import format_instant
from papertrader.core.orders import NewOrder, OrderEventKind
from papertrader.core.portfolio import PortfolioState
from papertrader.core.refusals import Figures, FigureUnit, Refusal, Refused
from papertrader.core.terms import DEFAULT_TERMS


class Contesting(Custody):
    """Contests in, entries and results out."""

    def open_contest(
        self, *, seq: int, at: int, account: int, contest: int, rules: ContestRules, market_at: int
    ) -> Outcome:
        """Open a contest of the host ``account``.

        Refused with CONTEST_FORBIDS when too many go on, when its end has passed, or when each
        entry would have more cash than a portfolio may. Raises `ValueError` for a number that is
        taken.
        """
        check_id(contest, "contest")
        if contest in self.state.contests:
            raise ValueError(f"contest {contest} exists already; choose another number")
        self._begin(seq, market_at)
        going_on = sum(not each.ended_at for each in self.state.contests.values())
        if going_on >= CONTESTS_MAX:
            return self._no(
                Refusal.CONTEST_FORBIDS,
                f"{going_on} contests go on already; wait until one of them has ended.",
            )
        if rules.ends_at <= market_at:
            return self._no(
                Refusal.CONTEST_FORBIDS,
                f"The contest would have ended at {format_instant(rules.ends_at)}, and the"
                f" market's time is {format_instant(market_at)}; let it end later.",
            )
        refused = self._too_rich(rules.cash, rules.currency)
        if refused is not None:
            return refused
        self._emit(ContestOpened(contest, account, rules, at))
        return Outcome(None, "", None, self._finish())

    def join_contest(
        self, *, seq: int, at: int, account: int, contest: int, portfolio: int, market_at: int
    ) -> Outcome:
        """Let an account enter: a portfolio is opened for it with the contest's cash and terms.

        Refused with NO_SUCH_CONTEST, CONTEST_CLOSED, CONTEST_FORBIDS (entered already, or full) or
        PORTFOLIO_LIMIT. Raises `ValueError` for a portfolio number that is taken.
        """
        check_id(portfolio, "portfolio")
        if portfolio in self.state.portfolios:
            raise ValueError(f"portfolio {portfolio} exists already; choose another number")
        self._begin(seq, market_at)
        found = self.state.contests.get(contest)
        if found is None:
            return self._no(
                Refusal.NO_SUCH_CONTEST,
                f"There is no contest {contest}; ask for the list of contests.",
            )
        refused = self._may_join(found, account, market_at)
        if refused is not None:
            return refused
        rules = found.rules
        self._open(account, portfolio, rules.currency, rules.cash, at)
        name = self._free_name(account, rules.name, contest)
        self._emit(PortfolioNamed(account, portfolio, name, at))
        if rules.terms != DEFAULT_TERMS:
            self._emit(TermsSet(account, portfolio, rules.terms, at))
        self._emit(ContestJoined(contest, account, portfolio, market_at, at))
        return Outcome(None, "", None, self._finish())

    def _may_join(self, contest: Contest, account: int, market_at: int) -> Outcome | None:
        rules = contest.rules
        if contest.ended_at or market_at >= rules.joins_until > rules.opens_at:
            return self._no(
                Refusal.CONTEST_CLOSED,
                f"Contest {contest.contest} could be joined until"
                f" {format_instant(rules.joins_until)}, market time.",
            )
        if rules.joins_until == rules.opens_at <= market_at:
            return self._no(
                Refusal.CONTEST_CLOSED,
                f"Contest {contest.contest} has begun at {format_instant(rules.opens_at)}; nobody"
                " may come late.",
            )
        if contest.entry_of(account) is not None:
            return self._no(
                Refusal.CONTEST_FORBIDS, f"You have entered contest {contest.contest} already."
            )
        if len(contest.entries) >= ENTRIES_MAX:
            return self._no(
                Refusal.CONTEST_FORBIDS,
                f"Contest {contest.contest} has {ENTRIES_MAX} entries, and more do not fit.",
            )
        mine = self.state.accounts[account].portfolios
        if len(mine) >= self.rules.portfolios_max:
            return self._no(
                Refusal.PORTFOLIO_LIMIT,
                f"A contest needs a portfolio of its own: you have {len(mine)},"
                f" {self.rules.portfolios_max} are allowed, and none is ever given back; enter with"
                " another account.",
            )
        return None

    def _free_name(self, account: int, name: str, contest: int) -> str:
        """Return the contest's name, or one of its number where the account has used that."""
        if self._name_taken(account, name) is None:
            return name
        return f"contest-{contest}"

    def end_contests(self, at: int, market_at: int, until: int) -> None:
        """End the contests whose end is ``until`` or before, the earliest first.

        A part of `Desk.advance`.
        """
        due = [
            each
            for each in self.state.contests.values()
            if not each.ended_at and each.rules.ends_at <= until
        ]
        for contest in sorted(due, key=lambda each: (each.rules.ends_at, each.contest)):
            self._end_contest(contest, at, market_at)

    def _end_contest(self, contest: Contest, at: int, market_at: int) -> None:
        symbols: set[str] = set()
        for portfolio in contest.entries:
            for order_id in sorted(self.state.open_orders[portfolio]):
                order = self.state.orders[order_id]
                if order.is_open:
                    reason = int(Refusal.CONTEST_CLOSED)
                    self._end(order, OrderEventKind.CANCELLED, reason, at)
            held = self.state.portfolios[portfolio].positions.values()
            symbols.update(each.symbol for each in held if each.quantity)
        marks = {symbol: last_price(self._quotes.get(symbol)) for symbol in sorted(symbols)}
        results = tuple(
            (portfolio, self.state.portfolios[portfolio].equity(marks))
            for portfolio in contest.entries
        )
        self._emit(ContestEnded(contest.contest, market_at, tuple(marks.items()), results, at))

    def next_contest_end(self) -> int:
        """Return the market time at which the next contest ends; 0 if none goes on."""
        return min(self.contest_ends(), default=0)

    def contest_ends(self) -> list[int]:
        """Return the market times at which those that go on end."""
        return [each.rules.ends_at for each in self.state.contests.values() if not each.ended_at]


def check_contest(
    command: NewOrder, portfolio: PortfolioState, contests: dict[int, Contest]
) -> Refused | None:
    """Refuse an order of an entry whose contest does not run at the command's market time."""
    contest = contests[portfolio.contest]
    if contest.is_running(command.market_at):
        return None
    rules = contest.rules
    return Refused(
        Refusal.CONTEST_CLOSED,
        f"Contest {contest.contest} runs from {format_instant(rules.opens_at)} to"
        f" {format_instant(rules.ends_at)}, and the market's time is"
        f" {format_instant(command.market_at)}.",
        Figures(
            FigureUnit.INSTANT,
            command.market_at,
            rules.opens_at if command.market_at < rules.opens_at else rules.ends_at,
        ),
    )
