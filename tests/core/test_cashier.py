"""Portfolios: opened, named, funded and reset as their owner asks; nothing is ever lost of them."""

from __future__ import annotations

from typing import Any

import pytest

from papertrader.core.audit import find_violations
from papertrader.core.events import PortfolioNamed, SeasonBegun, TransactionPosted
from papertrader.core.ledger import InvariantViolated, TransactionKind
from papertrader.core.money import SCALE, parse_amount
from papertrader.core.orders import OrderEventKind, Side
from papertrader.core.refusals import Refusal
from papertrader.core.rules import DeskRules

m = parse_amount


def asked(floor: Any, method: str, **fields: Any) -> Any:
    """Ask for something of portfolio 1; a refusal must leave the state alone."""
    before = floor.desk.state_hash()
    given: dict[str, Any] = {"account": 1, "portfolio": 1}
    outcome = getattr(floor.desk, method)(**(floor.tick() | given | fields))
    if outcome.refusal is not None:
        assert (outcome.events, outcome.order) == ([], None)
        assert outcome.text.endswith(".")
        assert floor.desk.state_hash() == before
    floor.keep(outcome.events)
    assert floor.recovered().state_hash() == floor.desk.state_hash()
    return outcome


def create(floor: Any, portfolio: int, name: str, deposit: str = "0", **fields: Any) -> Any:
    """Create a portfolio."""
    return asked(
        floor,
        "create_portfolio",
        portfolio=portfolio,
        name=name,
        currency="USD",
        deposit=m(deposit),
        **fields,
    )


def test_a_further_portfolio_has_a_name_and_its_own_cash(floor: Any) -> None:
    """It trades by itself; its cash is nobody else's."""
    assert create(floor, 2, "tech", "500").refusal is None
    assert create(floor, 3, "empty").refusal is None
    second = floor.desk.portfolio(2)
    assert (second.name, second.cash, second.season) == ("tech", m("500"), 1)
    assert floor.desk.portfolio(3).cash == 0
    refused = floor.submit("100", "10", portfolio=2)
    assert refused.refusal == Refusal.INSUFFICIENT_CASH
    floor.order("50", "10", portfolio=2)
    floor.quote("9", "10")
    assert floor.desk.portfolio(2).quantity("ACME") == m("50")
    assert floor.desk.portfolio(1).cash == m("10000")


def test_what_a_portfolio_cannot_be(floor_class: Any) -> None:
    """Too many, a name that is taken, more cash than allowed; faults of the caller raise."""
    floor = floor_class(rules=DeskRules(portfolios_max=2, cash_max=m("20000")))
    assert create(floor, 2, "a", "20000.01").refusal == Refusal.AMOUNT_OVERFLOW
    create(floor, 2, "Tech")
    assert create(floor, 3, "b").refusal == Refusal.PORTFOLIO_LIMIT
    floor.desk.rules = DeskRules()
    assert create(floor, 3, "tECH").refusal == Refusal.NAME_TAKEN
    for fields in (
        {"portfolio": 2, "name": "c"},
        {"portfolio": 0, "name": "c"},
        {"portfolio": 3, "name": "no blanks"},
        {"portfolio": 3, "name": ""},
        {"portfolio": 3, "name": "c", "deposit": "-1"},
    ):
        with pytest.raises(ValueError, match=r"."):
            create(floor, **fields)


def test_names_change(floor: Any) -> None:
    """To any name that no other portfolio of the account has; the same name is no event."""
    create(floor, 2, "two")
    floor.open(2, 3)
    assert asked(floor, "rename_portfolio", name="Two").refusal == Refusal.NAME_TAKEN
    assert asked(floor, "rename_portfolio", name="one").refusal is None
    assert asked(floor, "rename_portfolio", name="one").events == []
    assert asked(floor, "rename_portfolio", name="One").refusal is None
    assert floor.desk.portfolio(1).name == "One"
    assert asked(floor, "rename_portfolio", account=2, portfolio=3, name="one").refusal is None
    for portfolio in (3, 9):
        refused = asked(floor, "rename_portfolio", portfolio=portfolio, name="x")
        assert refused.refusal == Refusal.NO_SUCH_PORTFOLIO


def test_cash_is_moved_within_bounds(floor_class: Any) -> None:
    """In up to what a portfolio may hold, out down to what open orders have reserved."""
    floor = floor_class(rules=DeskRules(cash_max=m("20000")))
    floor.order("100", "40")
    assert asked(floor, "move_cash", amount=m("10000.01")).refusal == Refusal.AMOUNT_OVERFLOW
    refused = asked(floor, "move_cash", amount=-m("6000.01"))
    assert refused.refusal == Refusal.INSUFFICIENT_CASH
    assert "available 6,000.00" in refused.text
    (paid,) = asked(floor, "move_cash", amount=-m("6000")).events
    assert paid.transaction.kind == TransactionKind.WITHDRAWAL
    assert paid.transaction.amount == -m("6000")
    (paid,) = asked(floor, "move_cash", amount=m("16000")).events
    assert paid.transaction.kind == TransactionKind.DEPOSIT
    assert floor.desk.portfolio(1).deposited == m("20000")
    assert asked(floor, "move_cash", account=2, amount=1).refusal == Refusal.NO_SUCH_PORTFOLIO
    with pytest.raises(ValueError, match="0"):
        asked(floor, "move_cash", amount=0)


def test_a_reset_begins_a_new_season(floor: Any) -> None:
    """Orders cancelled, positions closed at the last price, cash as wished, profits from 0."""
    floor.hold("10", "50")
    floor.dividend("1")
    floor.order("1", "10")
    floor.order("5", "90", side=Side.SELL)
    floor.quote("59", "61", last="60")
    outcome = asked(floor, "reset_portfolio", cash=m("2000"))
    kinds = [getattr(event, "kind", None) for event in outcome.events]
    assert kinds[:2] == [OrderEventKind.CANCELLED] * 2
    closed, funded = [e.transaction for e in outcome.events if isinstance(e, TransactionPosted)]
    assert (closed.kind, closed.price, closed.amount) == (TransactionKind.RESET, m("60"), m("600"))
    assert (closed.realized, closed.quote_seq) == (m("100"), floor.quote_seq)
    assert (funded.kind, funded.symbol) == (TransactionKind.RESET, "")
    assert (funded.amount, funded.cash_after) == (m("2000") - m("10110"), m("2000"))
    assert outcome.events[-1] == SeasonBegun(1, 1, 2, floor.now)
    portfolio = floor.desk.portfolio(1)
    assert (portfolio.season, portfolio.season_at) == (2, floor.now)
    assert (portfolio.cash, portfolio.deposited) == (m("2000"), m("2000"))
    assert (portfolio.realized, portfolio.dividends, portfolio.fees) == (0, 0, 0)
    assert portfolio.positions == {}
    floor.hold("1", "60")
    assert floor.desk.portfolio(1).positions["ACME"].realized == 0


def test_a_reset_of_nothing_is_a_season_too(floor: Any) -> None:
    """Without positions and at the same cash nothing is posted; flat positions are forgotten."""
    floor.hold("1", "50")
    floor.order("1", "50", side=Side.SELL)
    floor.quote("50", "50")
    (event,) = asked(floor, "reset_portfolio", cash=m("10000")).events
    assert event == SeasonBegun(1, 1, 2, floor.now)
    assert floor.desk.portfolio(1).positions == {}


def test_without_a_price_a_position_closes_at_its_cost(floor: Any) -> None:
    """So that it realizes nothing."""
    floor.hold("10", "50")
    floor.desk._quotes["ACME"] = floor.quote_of(None, "70")
    outcome = asked(floor, "reset_portfolio", cash=0)
    assert outcome.events[0].transaction.price == m("50")
    assert floor.desk.portfolio(1).cash == 0


def test_what_a_reset_refuses(floor_class: Any) -> None:
    """Another's portfolio, more cash than allowed, worth beyond counting; less than 0 raises."""
    floor = floor_class(rules=DeskRules(cash_max=m("20000")))
    refused = asked(floor, "reset_portfolio", account=2, cash=0)
    assert refused.refusal == Refusal.NO_SUCH_PORTFOLIO
    assert asked(floor, "reset_portfolio", cash=m("20001")).refusal == Refusal.AMOUNT_OVERFLOW
    floor.hold("1000", "1")
    floor.desk.note_quote(floor.quote_of("90000000", "90000001", last="99999999"))
    refused = asked(floor, "reset_portfolio", cash=0)
    assert refused.refusal == Refusal.AMOUNT_OVERFLOW
    assert "sell some" in refused.text
    with pytest.raises(ValueError, match="less than 0"):
        asked(floor, "reset_portfolio", cash=-1)


@pytest.mark.parametrize("lot", [1, SCALE])
def test_the_unit_that_is_rounded_off_goes_to_the_house(floor_class: Any, lot: int) -> None:
    """Closing a fraction rounds as a sale does, and the books add up."""
    floor = floor_class(lot=lot, quantity_min=lot)
    floor.hold("3" if lot == SCALE else "0.33333333", "7")
    floor.desk.note_quote(floor.quote_of("7.01", "7.03", last="7.01000001"))
    asked(floor, "reset_portfolio", cash=m("1"))
    assert find_violations(floor.desk.state) == []


def test_events_that_do_not_follow_are_not_applied(floor: Any) -> None:
    """Names and seasons of nobody's portfolio, seasons out of turn or with things still held."""
    floor.open(2, 2)
    floor.hold("1", "50")
    bad = [
        PortfolioNamed(2, 1, "x", 5),
        PortfolioNamed(1, 9, "x", 5),
        SeasonBegun(2, 1, 2, 5),
        SeasonBegun(1, 1, 3, 5),
        SeasonBegun(1, 1, 2, 5),
    ]
    for event in bad:
        with pytest.raises(InvariantViolated):
            floor.desk.apply(event)
    floor.order("1", "1", account=2, portfolio=2)
    with pytest.raises(InvariantViolated, match="open orders"):
        floor.desk.apply(SeasonBegun(2, 2, 2, 5))


def test_the_hash_of_an_older_state_stays_good(floor: Any) -> None:
    """What came later counts only where it is used; then it does count."""
    before = floor.desk.state_hash()
    portfolio = floor.desk.portfolio(1)
    for field, value in (("name", "x"), ("season", 2), ("season_at", 7)):
        kept = getattr(portfolio, field)
        setattr(portfolio, field, value)
        assert floor.desk.state_hash() != before
        setattr(portfolio, field, kept)
    assert floor.desk.state_hash() == before


def test_the_audit_counts_the_open_orders_of_each_portfolio(floor: Any) -> None:
    """One that is listed but not open is told."""
    floor.desk.state.open_orders[1] = {99}
    assert find_violations(floor.desk.state) == ["portfolio 1 lists order 99 as open"]
