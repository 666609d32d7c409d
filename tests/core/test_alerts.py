"""The book of price alerts: what a quote triggers, what expires, what a split does."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from papertrader.core.alerts import (
    Alert,
    AlertBook,
    AlertCondition,
    AlertState,
    adjusted,
    price_seen,
)
from papertrader.core.money import NULL
from papertrader.core.quotes import ActionKind, CorporateAction, Quote, QuoteFlag

AT_LEAST = (1, 3, 5)


def alert(number: int, condition: int, price: int, symbol: str = "A", expires_at: int = 0) -> Alert:
    """An open alert."""
    return Alert(
        alert=number, account=1, symbol=symbol, condition=AlertCondition(condition), price=price,
        asked=price, created_at=1, expires_at=expires_at,
    )  # fmt: skip


def wanted(each: Alert, quote: Quote) -> bool:
    """What the condition says, word for word."""
    price = price_seen(quote, each.condition)
    if price == NULL or each.symbol != quote.symbol:
        return False
    return price >= each.price if each.condition in AT_LEAST else price <= each.price


PRICES = st.integers(1, 12)
ALERTS = st.lists(
    st.tuples(st.integers(1, 6), PRICES, st.sampled_from("AB"), st.integers(0, 5)), max_size=30
)
QUOTES = st.lists(
    st.tuples(
        st.sampled_from("AB"), *(st.one_of(st.just(NULL), PRICES) for _ in range(3)),
        st.integers(0, 30),
    ),
    max_size=12,
)  # fmt: skip


@given(ALERTS, QUOTES)
def test_a_quote_triggers_exactly_those_whose_condition_holds(
    made: list[tuple[int, int, str, int]], quotes: list[tuple[str, int, int, int, int]]
) -> None:
    """As if each alert was looked at, whatever was taken out or removed before."""
    book = AlertBook()
    left = {}
    for number, (condition, price, symbol, expires_at) in enumerate(made, 1):
        left[number] = alert(number, condition, price, symbol, expires_at)
        book.add(left[number])
    for symbol, bid, ask, last, dropped in quotes:
        if left.pop(dropped, None) is not None:
            assert book.remove(dropped) is not None
        assert book.remove(dropped) is None
        quote = Quote(symbol=symbol, bid=bid, ask=ask, last=last)
        found = book.take_triggered(quote)
        assert {each.alert for each in found} == {n for n, a in left.items() if wanted(a, quote)}
        for each in found:
            del left[each.alert]
        assert len(book) == len(left)
        assert set(book.symbols()) == {each.symbol for each in left.values()}
    expired = book.take_expired(3)
    assert {e.alert for e in expired} == {n for n, a in left.items() if 0 < a.expires_at <= 3}
    stay = [n for n, a in left.items() if not 0 < a.expires_at <= 3]
    assert [each.alert for each in book.take_all()] == stay
    assert len(book) == 0


def test_the_nearest_comes_first_and_of_equals_the_oldest() -> None:
    """Whoever waited for the lower price was reached first."""
    book = AlertBook()
    for number, price in ((1, 30), (2, 10), (3, 20), (4, 10)):
        book.add(alert(number, AlertCondition.LAST_AT_LEAST, price))
    found = book.take_triggered(Quote(symbol="A", last=25))
    assert [each.alert for each in found] == [2, 4, 3]


@pytest.mark.parametrize("flag", [QuoteFlag.STALE, QuoteFlag.CLOSED, QuoteFlag.SUSPECT])
def test_a_quote_that_fills_nothing_triggers_nothing(flag: QuoteFlag) -> None:
    """Clause 14.14: what is stale, closed or suspect says nothing of the market."""
    book = AlertBook()
    book.add(alert(1, AlertCondition.LAST_AT_LEAST, 10))
    assert book.take_triggered(Quote(symbol="A", last=11, flags=int(flag))) == []
    assert len(book.take_triggered(Quote(symbol="A", last=11))) == 1


class Counted(int):
    """A price that counts how often it is compared."""

    comparisons = 0

    def __neg__(self) -> Counted:
        return Counted(-int(self))

    def __ge__(self, other: int) -> bool:
        Counted.comparisons += 1
        return int(self) >= int(other)

    def __le__(self, other: int) -> bool:
        Counted.comparisons += 1
        return int(self) <= int(other)


def test_a_quote_that_triggers_none_costs_the_same_however_many_there_are() -> None:
    """One comparison for each condition in use, with 10 alerts or 10,000."""
    spent = []
    for many in (10, 10_000):
        book = AlertBook()
        for number in range(many):
            book.add(alert(number + 1, AlertCondition.LAST_AT_LEAST, Counted(1_000 + number)))
        Counted.comparisons = 0
        assert book.take_triggered(Quote(symbol="A", last=Counted(999))) == []
        spent.append(Counted.comparisons)
    assert spent[0] == spent[1] <= 2


def test_a_split_moves_the_price_and_a_change_of_symbol_the_alert() -> None:
    """Clause 14.17: seven for one divides by seven, half to even; what was asked stays."""
    one = alert(1, AlertCondition.LAST_AT_MOST, 700)
    split = CorporateAction(symbol="A", kind=ActionKind.SPLIT, at=1, numerator=7, denominator=1)
    after = adjusted(one, split)
    assert (after.price, after.asked, after.state) == (100, 700, AlertState.OPEN)
    assert adjusted(attrs.evolve(one, price=3), split).price == 1
    two = CorporateAction(symbol="A", kind=ActionKind.SPLIT, at=1, numerator=2, denominator=1)
    assert [adjusted(attrs.evolve(one, price=p), two).price for p in (5, 7)] == [2, 4]
    huge = attrs.evolve(one, price=2**63 - 1)
    reverse = CorporateAction(symbol="A", kind=ActionKind.SPLIT, at=1, numerator=1, denominator=9)
    assert adjusted(huge, reverse).price == 2**63 - 1
    renamed = CorporateAction(symbol="A", kind=ActionKind.SYMBOL_CHANGE, at=1, successor="B")
    assert adjusted(one, renamed).symbol == "B"
    dividend = CorporateAction(symbol="A", kind=ActionKind.CASH_DIVIDEND, at=1, amount=5)
    assert adjusted(one, dividend) == one
