"""Orders for the close: what others took of the last quote is not there for them again."""

from __future__ import annotations

from typing import Any

import pytest

from papertrader.core.money import parse_amount
from papertrader.core.orders import Order, OrderState, Side, TimeInForce
from papertrader.core.quotes import AssetFlag
from papertrader.core.terms import AccountKind, FillModelKind, PortfolioTerms

m = parse_amount
CLOSE = 10**6


def closing(floor: Any, quantity: str, **fields: Any) -> Order:
    """Send an order for the close."""
    given = {"time_in_force": TimeInForce.CLS, "works_from": 1, "expire_at": CLOSE, **fields}
    order: Order = floor.order(quantity, **given)
    return order


def close(floor: Any, market_at: int = CLOSE) -> None:
    """Let market time go on to the close."""
    floor.keep(floor.desk.advance(**floor.tick(), market_at=market_at))


def filled(floor: Any, *orders: Order) -> list[int]:
    """Return how much of each order has filled."""
    return [floor.now_is(order).filled for order in orders]


def test_what_was_taken_when_the_quote_came_is_gone(floor: Any) -> None:
    """Of 10 displayed 6 went to the order that met the quote: 4 are left for the close."""
    floor.quote("99", "100", last="100")
    first, last = floor.order("6", "100"), closing(floor, "10")
    floor.quote("99", "100", last="100", ask_size="10", bid_size="10")
    close(floor)
    assert filled(floor, first, last) == [m("6"), m("4")]
    assert floor.now_is(last).state == OrderState.EXPIRED


def test_nothing_is_left_where_all_was_taken(floor: Any) -> None:
    """Not one share; the other side of the quote is another matter."""
    floor.hold("5", "100")
    first, last = floor.order("10", "100"), closing(floor, "1")
    sold = closing(floor, "5", side=Side.SELL)
    floor.quote("99", "100", last="100", ask_size="10", bid_size="10")
    close(floor)
    assert filled(floor, first, last, sold) == [m("10"), 0, m("5")]


def test_closes_of_one_quote_share_its_size(floor_class: Any) -> None:
    """Sales and short sales take from the same bid, one after the other."""
    floor = floor_class(flags=AssetFlag.SHORTABLE)
    terms = PortfolioTerms(account_kind=AccountKind.MARGIN)
    floor.open(1, 2)
    floor.keep(floor.desk.set_terms(**floor.tick(), account=1, portfolio=2, terms=terms).events)
    floor.hold("20", "100")
    sold = closing(floor, "6", side=Side.SELL)
    short = closing(floor, "6", side=Side.SELL_SHORT, portfolio=2)
    again = closing(floor, "6", side=Side.SELL)
    floor.quote("99", "100", last="100", bid_size="10")
    close(floor)
    assert filled(floor, sold, short, again) == [m("6"), m("4"), 0]


def test_two_steps_of_a_clock_share_a_quote(floor: Any) -> None:
    """A close that is worked in two inputs gives no more than in one."""
    floor.quote("99", "100", last="100")
    first, second = closing(floor, "6"), closing(floor, "6", expire_at=CLOSE + 1)
    floor.quote("99", "100", last="100", ask_size="10")
    close(floor)
    close(floor, CLOSE + 1)
    assert filled(floor, first, second) == [m("6"), m("4")]


@pytest.mark.parametrize("model", [FillModelKind.IDEAL, FillModelKind.CONSERVATIVE])
def test_by_model(floor: Any, model: FillModelKind) -> None:
    """The ideal one takes from nobody; the conservative one from the same size as all."""
    floor.open(1, 2)
    terms = PortfolioTerms(fill_model=model)
    floor.keep(floor.desk.set_terms(**floor.tick(), account=1, portfolio=2, terms=terms).events)
    floor.quote("99", "100", last="100")
    first, last = floor.order("10", "100"), closing(floor, "4", portfolio=2)
    floor.quote("99", "100", last="100", ask_size="10")
    close(floor)
    expected = m("4") if model == FillModelKind.IDEAL else 0
    assert filled(floor, first, last) == [m("10"), expected]


def test_a_recovered_desk_knows_what_was_taken(floor: Any) -> None:
    """By the events alone, though the quote is told anew."""
    floor.quote("99", "100", last="100")
    floor.order("6", "100")
    last = closing(floor, "10")
    quote = floor.quote_of("99", "100", last="100", ask_size="10")
    floor.observe(quote)
    again = floor.recovered()
    again.note_quote(quote)
    assert again.advance(**floor.tick(), market_at=CLOSE)
    assert again.order(last.order_id).filled == m("4")
