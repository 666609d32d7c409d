"""Corporate actions: splits and dividends on positions, open orders and quotes."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from papertrader.core.actions import RATIO_MAX, plan_dividend
from papertrader.core.events import ActionApplied
from papertrader.core.ledger import TransactionKind
from papertrader.core.money import AMOUNT_MAX, NULL, SCALE, AmountOverflow, parse_amount
from papertrader.core.orders import OrderEventKind, OrderState, Side
from papertrader.core.portfolio import PortfolioState, Position
from papertrader.core.quotes import ActionKind, CorporateAction
from papertrader.core.refusals import Refusal
from papertrader.core.rules import DeskRules

m = parse_amount


def test_worked_case_3_fraction_in_cash(floor: Any) -> None:
    """7 shares at 30.00 in a 3-for-2: 10 at 20.00, half a share in cash at the price after it."""
    floor.hold("7", "30")
    floor.quote("32", "33", last="33")
    applied, posted = floor.split(3, 2)
    assert isinstance(applied, ActionApplied)
    transaction = posted.transaction
    assert transaction.kind == TransactionKind.SPLIT
    assert (transaction.quantity, transaction.price) == (m("3"), m("22"))
    assert (transaction.amount, transaction.realized) == (m("11"), m("1"))
    assert transaction.quote_seq == 2
    position = floor.desk.portfolio(1).positions["ACME"]
    assert (position.quantity, position.avg_cost, position.realized) == (m("10"), m("20"), m("1"))


def test_worked_case_3_where_fractions_are_allowed(floor_class: Any) -> None:
    """7 shares at 30.00 become 10.5 at 20.00, and no cash moves."""
    floor = floor_class(lot=SCALE // 2, quantity_min=1)
    floor.hold("7", "30")
    _, posted = floor.split(3, 2)
    assert (posted.transaction.amount, posted.transaction.price) == (0, NULL)
    position = floor.desk.portfolio(1).positions["ACME"]
    assert (position.quantity, position.avg_cost) == (m("10.5"), m("20"))


def test_the_price_of_a_fraction(floor: Any) -> None:
    """Last price if known, else the bid, else the average cost, in this order; in cents."""
    floor.hold("7", "30")
    other = floor.recovered()
    action = CorporateAction(
        symbol="ACME", kind=ActionKind.SPLIT, at=10**6, numerator=3, denominator=2
    )
    _, posted = other.act(seq=100, at=1000, action=action)
    assert (posted.transaction.amount, posted.transaction.realized) == (m("10"), 0)
    assert posted.transaction.quote_seq == 0
    floor.quote(None, "34")
    third = floor.recovered()
    third.note_quote(floor.desk.last_quote("ACME"))
    assert third.act(seq=100, at=1000, action=action)[1].transaction.amount == m("10")
    floor.quote("31", "34")
    assert floor.act(action)[1].transaction.amount == m("10.33")


def test_a_split_adjusts_open_orders(floor: Any) -> None:
    """Quantity, limit, collar, fills and reservations are in new shares; prices stay on ticks."""
    floor.hold("10", "100")
    floor.quote("99", "100")
    partly = floor.order("10", "100.01")
    floor.quote("99", "100", ask_size="4")
    market = floor.order("5")
    sell = floor.order("7", "120.01", side=Side.SELL)
    before = floor.desk.portfolio(1).available_cash
    events = floor.split(2, 1)
    assert [event.kind for event in events[2:]] == [OrderEventKind.ADJUSTED] * 3
    now = floor.now_is(partly)
    assert (now.quantity, now.filled, now.limit_price) == (m("20"), m("8"), m("50"))
    assert (now.reserved_cash, now.avg_price) == (m("600"), m("50"))
    assert now.state == OrderState.PARTIALLY_FILLED
    now = floor.now_is(market)
    assert (now.quantity, now.collar_price) == (m("10"), m("51.25"))
    assert now.reserved_cash == m("512.5")
    now = floor.now_is(sell)
    assert (now.quantity, now.limit_price, now.reserved_quantity) == (m("14"), m("60.01"), m("14"))
    assert (now.version, now.state) == (sell.version + 1, OrderState.PENDING)
    assert floor.desk.portfolio(1).available_cash >= before
    floor.quote("60.01", "61")
    assert floor.now_is(sell).state == OrderState.FILLED


def test_a_reverse_split_ends_orders_that_become_nothing(floor: Any) -> None:
    """Less than a lot is left: the order is cancelled, and says why; the larger one is cut."""
    floor.hold("25", "10")
    small, large = floor.order("3", "10"), floor.order("25", "10", side=Side.SELL)
    floor.split(1, 10)
    now = floor.now_is(small)
    assert (now.state, now.reason) == (OrderState.CANCELLED, Refusal.BAD_LOT)
    assert (now.quantity, now.reserved_cash) == (m("3"), 0)
    now = floor.now_is(large)
    assert (now.quantity, now.reserved_quantity, now.limit_price) == (m("2"), m("2"), m("100"))
    assert floor.desk.portfolio(1).positions["ACME"].quantity == m("2")


def test_a_split_ends_orders_whose_price_or_quantity_does_not_fit(floor_class: Any) -> None:
    """A buy limit below a tick, and a quantity beyond 64 bits, are cancelled with their reason."""
    floor = floor_class(cash="90000000000", quantity_max=AMOUNT_MAX, lot=SCALE)
    cheap = floor.order("1", "0.01")
    floor.desk.list_asset(attrs.evolve(floor.asset, tick=1, quantity_max=AMOUNT_MAX))
    many = floor.order("1000000000", "1")
    action = CorporateAction(symbol="ACME", kind=ActionKind.SPLIT, at=10**6, numerator=RATIO_MAX)
    floor.desk.list_asset(floor.asset)
    floor.act(action)
    assert floor.now_is(cheap).reason == Refusal.BAD_TICK
    assert floor.now_is(many).reason == Refusal.AMOUNT_OVERFLOW
    assert floor.desk.portfolio(1).reserved_cash == 0


def test_the_last_quote_is_split_too(floor: Any) -> None:
    """Collars are right between the split and the first new price; unknown prices stay unknown."""
    floor.quote("99", "100", ask_size="30")
    floor.split(2, 1)
    quote = floor.desk.last_quote("ACME")
    assert (quote.bid, quote.ask, quote.last) == (m("49.5"), m("50"), NULL)
    assert quote.ask_size == m("60")
    assert floor.order("1").collar_price == m("51.25")


def test_worked_case_4_dividend(floor_class: Any) -> None:
    """0.24 a share on 10.5 shares pays 2.52, once."""
    floor = floor_class(lot=SCALE // 2, quantity_min=1)
    floor.hold("10.5", "20")
    floor.open(2, 2)
    action = CorporateAction(
        symbol="ACME", kind=ActionKind.CASH_DIVIDEND, at=10**6, amount=m("0.24")
    )
    assert not floor.desk.has_applied(action)
    _, posted = floor.act(action)
    transaction = posted.transaction
    assert (transaction.kind, transaction.amount) == (TransactionKind.DIVIDEND, m("2.52"))
    assert (transaction.quantity, transaction.price) == (m("10.5"), m("0.24"))
    portfolio = floor.desk.portfolio(1)
    assert (portfolio.dividends, portfolio.realized) == (m("2.52"), 0)
    assert floor.desk.has_applied(action)
    assert floor.act(action) == []
    assert floor.recovered().has_applied(action)


def test_worked_case_4_a_short_position_pays() -> None:
    """A short of 4 pays 0.96."""
    portfolio = PortfolioState(1, 1, "USD", cash=m("100"))
    portfolio.positions["ACME"] = Position("ACME", quantity=m("-4"), cost_basis=m("-80"))
    action = CorporateAction(symbol="ACME", kind=ActionKind.CASH_DIVIDEND, at=1, amount=m("0.24"))
    posting = plan_dividend(portfolio, action)
    assert posting is not None
    assert posting.amount == m("-0.96")


def test_nothing_held_nothing_posted(floor: Any) -> None:
    """Flat portfolios, and dividends below half a cent, get no transaction."""
    floor.hold("1", "30")
    floor.order("1", "30", side=Side.SELL)
    floor.quote("30", "30")
    assert len(floor.split(2, 1)) == 1
    assert len(floor.dividend("1")) == 1
    floor.hold("1", "30")
    assert len(floor.dividend("0.004")) == 1


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"numerator": 0}, "0:1 of ACME is not possible"),
        ({"denominator": 0}, "1:0 of ACME"),
        ({"numerator": RATIO_MAX + 1}, "10001:1"),
        ({"denominator": RATIO_MAX + 1}, "1:10001"),
        ({"kind": ActionKind.CASH_DIVIDEND}, "more than 0"),
        ({"symbol": "NONE", "numerator": 2}, "NONE is not listed"),
    ],
)
def test_impossible_actions_are_refused(floor: Any, fields: dict[str, Any], text: str) -> None:
    """A fault of the feed raises, and nothing is applied."""
    before = floor.desk.state_hash()
    given: dict[str, Any] = {"symbol": "ACME", "kind": ActionKind.SPLIT, "at": 10}
    with pytest.raises(ValueError, match=text):
        floor.act(CorporateAction(**(given | fields)))
    assert floor.desk.state_hash() == before


def test_an_action_that_does_not_fit_is_not_applied_at_all(floor_class: Any) -> None:
    """If one portfolio cannot take it, none does, and it may be tried again."""
    rules = DeskRules(quantity_max=AMOUNT_MAX)
    floor = floor_class(cash="90000000000", quantity_max=AMOUNT_MAX, rules=rules)
    floor.hold("80000000000", "1")
    floor.open(2, 2)
    before = floor.desk.state_hash()
    with pytest.raises(AmountOverflow):
        floor.split(2, 1)
    with pytest.raises(AmountOverflow):
        floor.dividend("2")
    assert floor.desk.state_hash() == before
    assert len(floor.dividend("0.1")) == 2
