"""Forks, freezes and corrections: nothing of the past is edited."""

from __future__ import annotations

from typing import Any

import pytest

from papertrader.core.custody import (
    Holding,
    Likeness,
    brought_forward,
    likeness_of,
    present_likeness,
)
from papertrader.core.events import TransactionPosted
from papertrader.core.instants import DAY
from papertrader.core.ledger import TransactionKind
from papertrader.core.money import NULL, SCALE, parse_amount
from papertrader.core.orders import OrderState, Side
from papertrader.core.quotes import ActionKind, CorporateAction
from papertrader.core.refusals import Refusal
from papertrader.core.terms import PortfolioTerms
from tests.core.test_equity import Book, T

m = parse_amount


def asked(floor: Any, method: str, **fields: Any) -> Any:
    """Ask for something; a refusal must leave the state alone, and it recovers in either case."""
    before = floor.desk.state_hash()
    outcome = getattr(floor.desk, method)(**(floor.tick() | fields))
    if outcome.refusal is not None:
        assert floor.desk.state_hash() == before
    floor.keep(outcome.events)
    assert floor.recovered().state_hash() == floor.desk.state_hash()
    return outcome


def fork(floor: Any, number: int = 2, name: str = "copy", **fields: Any) -> Any:
    """Fork portfolio 1."""
    given = {"account": 1, "portfolio": 1, "fork": number, "name": name}
    return asked(floor, "fork_portfolio", **(given | fields))


def posted(floor: Any, portfolio: int = 1) -> list[Any]:
    """The transactions of a portfolio."""
    return [
        event.transaction
        for event in floor.events
        if isinstance(event, TransactionPosted) and event.portfolio == portfolio
    ]


def unknown(_action: CorporateAction) -> int:
    """What a delisted share paid: nobody knows."""
    return NULL


def test_a_fork_is_as_the_other_is(floor: Any) -> None:
    """Cash, positions and terms; then both go their own ways."""
    terms = PortfolioTerms(hold_seconds=0, price_minimum=SCALE)
    asked(floor, "set_terms", account=1, portfolio=1, terms=terms)
    floor.hold("10", "100.01")
    floor.order("1", "50")
    assert fork(floor).refusal is None
    mine, copy = floor.desk.portfolio(1), floor.desk.portfolio(2)
    assert (copy.cash, copy.terms, copy.name) == (mine.cash, terms, "copy")
    assert copy.positions["ACME"].cost_basis == mine.positions["ACME"].cost_basis
    assert copy.quantity("ACME") == m("10")
    assert copy.deposited == mine.deposited
    assert (copy.realized, copy.reserved_cash, floor.desk.state.open_orders[2]) == (0, 0, set())
    floor.order("10", side=Side.SELL, portfolio=2)
    floor.quote("100", "101")
    assert (floor.desk.portfolio(2).quantity("ACME"), mine.quantity("ACME")) == (0, m("10"))


def test_who_has_spent_the_last_unit_owes_nothing(floor: Any) -> None:
    """Cash of exactly 0 goes into a fork with what was bought for it."""
    floor.hold("100", "100")
    assert floor.desk.portfolio(1).cash == 0
    assert fork(floor).refusal is None
    copy = floor.desk.portfolio(2)
    assert (copy.cash, copy.quantity("ACME"), copy.deposited) == (0, m("100"), m("10000"))


def test_a_fork_of_a_moment(floor: Any) -> None:
    """The ledger tells what was then: bought on, sold off and split since."""
    floor.quote("10", "10")
    floor.order("7")
    floor.quote("10", "10.03")
    then = floor.now
    cash = floor.desk.portfolio(1).cash
    floor.split(3, 2)
    floor.order("5", side=Side.SELL)
    floor.quote("7", "7.01")
    likeness = likeness_of(posted(floor), then)
    assert likeness == Likeness(cash, (Holding("ACME", m("7"), m("70.21")),))
    assert fork(floor, likeness=likeness).refusal is None
    copy = floor.desk.portfolio(2)
    assert (copy.cash, copy.quantity("ACME")) == (cash, m("7"))
    assert copy.positions["ACME"].cost_basis == m("70.21")


def test_a_moment_before_a_split_is_told_in_new_shares() -> None:
    """Whole lots; what is left returns to the cash at its cost, and the whole is worth the same."""
    then = Likeness(
        m("5"), (Holding("ACME", m("7"), m("70.21")), Holding("B", m("1"), m("3")),
                 Holding("C", -m("9"), -m("90"))),
    )  # fmt: skip

    def split(symbol: str, numerator: int, denominator: int) -> CorporateAction:
        return CorporateAction(
            symbol=symbol, kind=ActionKind.SPLIT, at=1, numerator=numerator, denominator=denominator
        )

    splits = [split("ACME", 3, 2), split("B", 1, 10), split("C", 2, 1), split("D", 2, 1)]
    now = brought_forward(then, splits, lambda symbol: SCALE, unknown)
    assert now.holdings == (
        Holding("ACME", m("10"), m("66.86666667")),
        Holding("C", -m("18"), -m("90")),
    )
    assert now.worth == then.worth
    twice = brought_forward(then, splits[:2] * 2, lambda symbol: 1, unknown)
    assert twice.worth == then.worth
    assert brought_forward(then, [], lambda symbol: 1, unknown) == then


def test_a_moment_before_an_ending_is_told_in_what_has_become_of_it() -> None:
    """A symbol that changed its name is held under the new one; what was delisted is cash."""
    then = Likeness(
        m("5"), (Holding("A", m("3"), m("30")), Holding("B", m("2"), m("10")),
                 Holding("GONE", m("4"), m("40")), Holding("LOST", m("1"), m("7"))),
    )  # fmt: skip

    def action(symbol: str, kind: ActionKind, successor: str = "", **ratio: int) -> CorporateAction:
        return CorporateAction(symbol=symbol, kind=kind, at=1, successor=successor, **ratio)

    prices = {"GONE": m("2.50"), "LOST": NULL}
    actions = [
        action("A", ActionKind.CASH_DIVIDEND, amount=m("1")),
        action("A", ActionKind.SYMBOL_CHANGE, "B"),
        action("B", ActionKind.SPLIT, numerator=2),
        action("B", ActionKind.SYMBOL_CHANGE, "C"),
        action("GONE", ActionKind.DELISTING),
        action("LOST", ActionKind.DELISTING),
        action("ELSE", ActionKind.DELISTING),
    ]
    now = brought_forward(then, actions, lambda symbol: SCALE, lambda each: prices[each.symbol])
    assert now == Likeness(m("5") + m("10") + m("7"), (Holding("C", m("10"), m("40")),))


def test_the_moment_of_a_turn_is_of_the_time_after_it() -> None:
    """What was held when the clock was turned back was held from then on."""
    book = Book()
    book.post(TransactionKind.DEPOSIT, T + 5 * DAY, m("100"))
    book.post(TransactionKind.DEPOSIT, T, m("10"))
    book.post(TransactionKind.DEPOSIT, T + DAY, m("1"))
    found = [likeness_of(book.posted, at).cash for at in (T, T + DAY - 1, T + DAY)]
    assert found == [m("110"), m("110"), m("111")]


def test_the_likeness_of_now_is_what_the_desk_has(floor: Any) -> None:
    """Counted from the ledger, to the unit, after everything that moves cost."""
    floor.hold("7", "30.07")
    floor.split(3, 2)
    floor.dividend("0.24")
    floor.order("3", side=Side.SELL)
    floor.quote("21.13", "21.14")
    floor.hold("11", "19.99")
    assert likeness_of(posted(floor), floor.now) == present_likeness(floor.desk.portfolio(1))


def test_forks_that_are_refused(floor: Any) -> None:
    """The name, the number of portfolios, what owes; a number that is taken."""
    assert fork(floor, portfolio=9).refusal == Refusal.NO_SUCH_PORTFOLIO
    assert fork(floor).refusal is None
    assert fork(floor, 3).refusal == Refusal.NAME_TAKEN
    owing = Likeness(-1, ())
    assert fork(floor, 3, "x", likeness=owing).refusal == Refusal.INSUFFICIENT_CASH
    short = Likeness(1, (Holding("ACME", -1, -1),))
    assert fork(floor, 3, "x", likeness=short).refusal == Refusal.INSUFFICIENT_CASH
    rich = Likeness(2**62, (Holding("ACME", 1, 2**62), Holding("B", 1, 2**62)))
    assert fork(floor, 3, "x", likeness=rich).refusal == Refusal.AMOUNT_OVERFLOW
    most = floor.desk.rules.portfolios_max
    for number in range(3, most + 1):
        fork(floor, number, f"p{number}")
    assert fork(floor, 99, "more").refusal == Refusal.PORTFOLIO_LIMIT
    with pytest.raises(ValueError, match="exists already"):
        fork(floor, 2, "y")


def test_a_frozen_portfolio_does_not_trade(floor: Any) -> None:
    """Its orders end, new ones are refused; cash may still be moved; then it trades again."""
    floor.quote("9", "10")
    order = floor.order("1", "5")
    frozen = {"account": 1, "portfolio": 1}
    assert asked(floor, "freeze_portfolio", **frozen, frozen=True).refusal is None
    ended = floor.now_is(order)
    assert (ended.state, ended.reason) == (OrderState.CANCELLED, Refusal.PORTFOLIO_FROZEN)
    assert floor.submit("1").refusal == Refusal.PORTFOLIO_FROZEN
    assert asked(floor, "freeze_portfolio", **frozen, frozen=True).events == []
    assert asked(floor, "move_cash", **frozen, amount=SCALE).refusal is None
    assert asked(floor, "freeze_portfolio", **frozen, frozen=False).refusal is None
    assert floor.submit("1").refusal is None
    missing = asked(floor, "freeze_portfolio", account=1, portfolio=9, frozen=True)
    assert missing.refusal == Refusal.NO_SUCH_PORTFOLIO


def test_a_correction_is_an_entry_with_a_reason(floor: Any) -> None:
    """No profit and no loss; what is reserved stays."""
    outcome = asked(floor, "correct", portfolio=1, amount=m("12.5"), reason="a fee too many")
    (event,) = outcome.events
    assert event.transaction.kind == TransactionKind.CORRECTION
    assert event.transaction.note == "a fee too many"
    owner = floor.desk.portfolio(1)
    assert (owner.cash, owner.deposited, owner.realized) == (m("10012.5"), m("10012.5"), 0)
    floor.order("10", "1000")
    refused = asked(floor, "correct", portfolio=1, amount=-m("100"), reason="x")
    assert refused.refusal == Refusal.INSUFFICIENT_CASH
    assert asked(floor, "correct", portfolio=1, amount=-m("12.5"), reason="x").refusal is None
    missing = asked(floor, "correct", portfolio=7, amount=1, reason="x")
    # The operator's own portfolios have nothing to do with it.
    assert (missing.refusal, missing.text) == (
        Refusal.NO_SUCH_PORTFOLIO, "There is no portfolio 7."
    )  # fmt: skip
    with pytest.raises(ValueError, match="amount is 0"):
        asked(floor, "correct", portfolio=1, amount=0, reason="x")
