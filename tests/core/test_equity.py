"""The equity curve: folded from the ledger, valued by prices, thinned to periods."""

from __future__ import annotations

from papertrader.core.equity import Fold, curve_start, thinned, value
from papertrader.core.instants import DAY
from papertrader.core.ledger import Transaction, TransactionKind
from papertrader.core.money import NULL, SCALE
from papertrader.core.performance import EquityPoint

T = 1_000 * DAY
ENDS = [T + day * DAY for day in range(1, 10)]


class Book:
    """Transactions of one portfolio, with the cash that follows."""

    def __init__(self) -> None:
        self.cash = 0
        self.posted: list[Transaction] = []

    def post(
        self,
        kind: TransactionKind,
        at: int,
        amount: int,
        symbol: str = "",
        quantity: int = 0,
        price: int = NULL,
    ) -> None:
        """One more."""
        self.cash += amount
        self.posted.append(
            Transaction(
                transaction_id=len(self.posted) + 1, portfolio=1, kind=kind, currency="USD",
                amount=amount, cash_after=self.cash, executed_at=5, market_at=at, symbol=symbol,
                quantity=quantity, price=price,
            )
        )  # fmt: skip

    def curve(self, now: int, price: int = NULL) -> list[EquityPoint]:
        """Its curve with one price for everything."""
        fold = Fold(ENDS)
        fold.take(self.posted)
        return [value(each, lambda _symbol, _at: price) for each in fold.finish(now)]


def test_a_curve_has_each_session_and_now() -> None:
    """The first point is the first deposit; a later one is a flow of its period."""
    book = Book()
    book.post(TransactionKind.DEPOSIT, T, 100 * SCALE)
    book.post(TransactionKind.BUY, T + 10, -60 * SCALE, "A", 3 * SCALE, 20 * SCALE)
    book.post(TransactionKind.WITHDRAWAL, T + DAY + 5, -10 * SCALE)
    book.post(TransactionKind.SELL, T + 2 * DAY + 5, 25 * SCALE, "A", SCALE, 25 * SCALE)
    found = book.curve(T + 3 * DAY - 1, 30 * SCALE)
    assert [(p.at, p.equity // SCALE, p.cash // SCALE, p.flow // SCALE) for p in found] == [
        (T, 100, 100, 0),
        (T + DAY, 130, 40, 0),
        (T + 2 * DAY, 120, 30, -10),
        (T + 3 * DAY - 1, 115, 55, 0),
    ]


def test_splits_shorts_dividends_and_fees() -> None:
    """A split changes what is held, a dividend only the cash; a short counts against."""
    book = Book()
    book.post(TransactionKind.DEPOSIT, T, 100 * SCALE)
    book.post(TransactionKind.BUY, T + 1, -20 * SCALE, "A", 2 * SCALE, 10 * SCALE)
    book.post(TransactionKind.SPLIT, T + 2, 0, "A", 2 * SCALE, 5 * SCALE)
    book.post(TransactionKind.DIVIDEND, T + 3, 4 * SCALE, "A", 4 * SCALE, SCALE)
    book.post(TransactionKind.SHORT, T + 4, 30 * SCALE, "B", 3 * SCALE, 10 * SCALE)
    book.post(TransactionKind.COVER, T + 5, -10 * SCALE, "B", SCALE, 10 * SCALE)
    book.post(TransactionKind.FEE, T + 6, -SCALE)
    now = book.curve(T + 7)[-1]
    # Nothing is known but what it traded at itself: A at 5 after the split, B at 10.
    assert (now.cash // SCALE, now.equity // SCALE) == (103, 103 + 4 * 5 - 2 * 10)


def test_what_was_paid_is_of_new_shares_after_a_split() -> None:
    """No fraction was paid for, so that the split has no price: what was paid before is divided."""
    for held in (2, -2):
        book = Book()
        book.post(TransactionKind.DEPOSIT, T, 100 * SCALE)
        kind = TransactionKind.BUY if held > 0 else TransactionKind.SHORT
        book.post(kind, T + 1, -held * 10 * SCALE, "A", 2 * SCALE, 10 * SCALE)
        book.post(TransactionKind.SPLIT, T + 2, 0, "A", held * SCALE)
        assert book.curve(T + 7)[-1].equity == 100 * SCALE


def test_a_split_that_was_heard_of_late() -> None:
    """Prices are of new shares from its own time on, and so are the holdings of the curve."""
    book = Book()
    book.post(TransactionKind.DEPOSIT, T, 100 * SCALE)
    book.post(TransactionKind.BUY, T + 1, -20 * SCALE, "A", 2 * SCALE, 10 * SCALE)
    book.post(TransactionKind.DIVIDEND, T + 3 * DAY + 5, SCALE)
    book.post(TransactionKind.SPLIT, T + 2 * DAY - 5, 0, "A", 2 * SCALE)
    fold = Fold(ENDS)
    fold.take(book.posted)
    found = fold.finish(T + 4 * DAY + 5)
    assert [each.quantities.get("A", 0) // SCALE for each in found] == [0, 2, 4, 4, 4, 4]


def test_a_clock_turned_back_begins_the_curve_anew() -> None:
    """What was held stays; what was before is not part of the curve."""
    book = Book()
    book.post(TransactionKind.DEPOSIT, T + 5 * DAY, 100 * SCALE)
    book.post(TransactionKind.BUY, T + 6 * DAY, -50 * SCALE, "A", SCALE, 50 * SCALE)
    book.post(TransactionKind.DEPOSIT, T + DAY + 1, 10 * SCALE)
    assert curve_start(book.posted) == T + DAY + 1
    found = book.curve(T + 2 * DAY + 1, 50 * SCALE)
    assert [(p.at, p.equity // SCALE, p.flow // SCALE) for p in found] == [
        (T + DAY + 1, 100, 0),
        (T + 2 * DAY, 110, 10),
        (T + 2 * DAY + 1, 110, 0),
    ]


def test_a_curve_that_begins_at_the_end_of_a_session_has_that_end() -> None:
    """The clock was turned back to just then: what was done at that instant is of its end."""
    book = Book()
    book.post(TransactionKind.DEPOSIT, T + 5 * DAY, 100 * SCALE)
    book.post(TransactionKind.DEPOSIT, T + DAY, 10 * SCALE)
    book.post(TransactionKind.DEPOSIT, T + DAY + 1, 5 * SCALE)
    found = book.curve(T + DAY + 2)
    assert [(p.at, p.equity // SCALE, p.flow // SCALE) for p in found] == [
        (T + DAY, 100, 0),
        (T + DAY, 110, 10),
        (T + DAY + 2, 115, 5),
    ]


def test_a_clock_that_goes_back_by_just_a_day_does_not_begin_it_anew() -> None:
    """More than a day is a turn."""
    for back, begins in ((DAY, T + 5 * DAY), (DAY + 1, T + 4 * DAY - 1)):
        book = Book()
        book.post(TransactionKind.DEPOSIT, T + 5 * DAY, 100 * SCALE)
        book.post(TransactionKind.DEPOSIT, T + 5 * DAY - back, 10 * SCALE)
        assert curve_start(book.posted) == begins


def test_sources_out_of_order_do_not_begin_it_anew() -> None:
    """Symbols are stamped by themselves: a second earlier is the same day."""
    book = Book()
    book.post(TransactionKind.DEPOSIT, T + 10, SCALE)
    book.post(TransactionKind.DEPOSIT, T + 9, SCALE)
    assert curve_start(book.posted) == T + 10
    assert [p.flow for p in book.curve(T + 20)] == [0, SCALE]


def test_an_empty_ledger_has_no_curve() -> None:
    """Neither points nor a start."""
    assert Book().curve(T + DAY) == []
    assert curve_start([]) == 0


def test_periods_keep_their_last_point_and_all_flows() -> None:
    """The first point stays, the flows of what is left out are added up."""
    points = [EquityPoint(n, 100 + n, n, 1 if n else 0) for n in range(8)]
    found = thinned(points, lambda at: at // 3)
    assert [(p.at, p.flow) for p in found] == [(0, 0), (2, 2), (5, 3), (7, 2)]
    assert thinned(points[:1], lambda at: at) == points[:1]
