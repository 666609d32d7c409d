"""What the events of contests change of a desk's state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from papertrader.core.contests import Contest, Entry
from papertrader.core.events import ContestEnded, ContestJoined, ContestOpened
from papertrader.core.ledger import InvariantViolated

if TYPE_CHECKING:
    from papertrader.core.state import DeskState


def apply_contest(state: DeskState, event: ContestOpened | ContestJoined | ContestEnded) -> None:
    """Change the contests as ``event`` says; raises `InvariantViolated` as `DeskState.apply`."""
    known = state.contests.get(event.contest)
    state.touched.contests.add(event.contest)
    name = f"contest {event.contest}"
    if isinstance(event, ContestOpened):
        if known is not None:
            raise InvariantViolated(f"{name} is opened twice")
        state.contests[event.contest] = Contest(event.contest, event.account, event.rules, event.at)
        return
    if known is None or known.ended_at:
        raise InvariantViolated(f"{name} does not go on, but there is an event for it")
    if isinstance(event, ContestJoined):
        portfolio = state.portfolios.get(event.portfolio)
        if portfolio is None or portfolio.account != event.account or portfolio.contest:
            raise InvariantViolated(f"portfolio {event.portfolio} cannot enter {name}")
        portfolio.contest = event.contest
        state.touched.portfolio(event.portfolio, event.account)
        known.entries[event.portfolio] = Entry(event.portfolio, event.account, event.market_at)
        return
    if [portfolio for portfolio, _ in event.results] != list(known.entries):
        raise InvariantViolated(f"{name} ends without a result for each entry")
    for number, equity in event.results:
        if state.open_orders[number]:
            raise InvariantViolated(f"{name} ends while portfolio {number} has open orders")
        if state.portfolios[number].equity(dict(event.marks)) != equity:
            raise InvariantViolated(f"{name}: the result of portfolio {number} is another one")
        known.entries[number].equity = equity
    known.ended_at, known.marks = event.market_at, event.marks
