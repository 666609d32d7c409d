"""Lists: their pages, filters and parts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from papertrader.core.allorders import Orders
from papertrader.core.instants import SECOND
from papertrader.core.money import SCALE
from papertrader.core.orders import Order, OrderState, OrderType
from papertrader.core.quotes import QuoteFlag
from papertrader.wire import limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import Direction, FrameFlag, Status, TxKind
from tests.master_kit import START, Answer, MasterClient, MasterKit

ORDERS = 600


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MasterClient]:
    """A trader with 600 filled orders of one share each, for tests that only ask."""
    path: Path = tmp_path_factory.mktemp("rich")
    kit = MasterKit(path)
    ann = kit.client()
    ann.register()
    ann.login()
    kit.quote("IBM", "190.00", "190.01")
    for start in range(1, ORDERS, 50):
        for seq in range(start, start + 50):
            symbol = "MSFT" if seq % 3 else "IBM"
            ann.send(m.OrderNew(client_order_id=seq, symbol=symbol, quantity=SCALE), seq=seq)
        kit.turn()
        kit.quote("MSFT", "28.50", "28.51")
        kit.quote("IBM", "190.00", "190.01")
    ann.inbox()
    yield ann
    kit.check()


def orders(client: MasterClient, **fields: Any) -> list[m.OrderRow]:
    """All rows of one ORDER_LIST."""
    return [row for part in client.ask_all(m.OrderList(**fields)) for row in part.message.orders]


def transactions(client: MasterClient, **fields: Any) -> list[m.TransactionRow]:
    """All rows of one TRANSACTIONS_GET."""
    parts = client.ask_all(m.TransactionsGet(**fields))
    return [row for part in parts for row in part.message.transactions]


def check_parts(parts: list[Answer], rows: int) -> None:
    """MORE on all parts but the last, numbers from 1, and totals that are true."""
    assert [bool(part.header.flags & FrameFlag.MORE) for part in parts] == [True] * (
        len(parts) - 1
    ) + [False]
    assert [part.message.part for part in parts] == list(range(1, len(parts) + 1))
    assert {part.message.parts for part in parts} == {len(parts)}
    assert {part.message.total_rows for part in parts} == {rows}
    assert sum(part.message.rows for part in parts) == rows
    assert len({part.header.correlation for part in parts}) == 1
    assert all(len(part.octets) <= limits.PART_BODY_MAX + limits.HEADER_SIZE for part in parts)


@pytest.mark.clause("9.6", "9.7")
def test_a_long_list_comes_in_parts(rich: MasterClient) -> None:
    """600 orders and 601 transactions need two parts each."""
    for parts, rows in (
        (rich.ask_all(m.OrderList(states=0xFFFF, limit=50_000)), ORDERS),
        (rich.ask_all(m.TransactionsGet(limit=50_000)), ORDERS + 1),
    ):
        assert len(parts) == 2
        check_parts(parts, rows)
        assert {part.message.next_after for part in parts} == {0}
        assert {part.message.event_seq for part in parts} == {1 + 3 * ORDERS}


def test_an_empty_list_is_one_part(ann: MasterClient) -> None:
    """With no rows, and nothing to go on with."""
    parts = ann.ask_all(m.OrderList(states=0xFFFF))
    assert len(parts) == 1
    check_parts(parts, 0)
    assert parts[0].message.next_after == 0


def test_without_a_limit_there_are_five_hundred(rich: MasterClient) -> None:
    """LIST_ROWS_DEFAULT, and where to go on."""
    for message in (m.OrderList(states=0xFFFF), m.TransactionsGet()):
        parts = rich.ask_all(message)
        check_parts(parts, limits.LIST_ROWS_DEFAULT)
        assert parts[-1].message.next_after == 500


@pytest.mark.parametrize("limit", [1, 7, 100, 389, 511, 599, 600, 601])
def test_pages_make_the_whole(rich: MasterClient, limit: int) -> None:
    """Each page goes on behind the last; together they are everything, once, in order."""
    for ask, number, whole in (
        (m.OrderList, "orders", ORDERS),
        (m.TransactionsGet, "transactions", ORDERS + 1),
    ):
        start = whole - 2 * limit - 1 if limit < 100 else 0
        seen: list[int] = []
        after = start
        for _ in range(whole // limit + 2):
            extra: dict[str, Any] = {"states": 0xFFFF} if ask is m.OrderList else {}
            parts = rich.ask_all(ask(after=after, limit=limit, **extra))
            rows = [row for part in parts for row in getattr(part.message, number)]
            key = "order" if ask is m.OrderList else "transaction"
            seen += [getattr(row, key) for row in rows]
            after = parts[-1].message.next_after
            if not after:
                break
        assert seen == list(range(start + 1, whole + 1))


NEWEST = (m.DirectionRow(direction=Direction.NEWEST_FIRST),)


@pytest.mark.clause("13.41")
@pytest.mark.parametrize("limit", [7, 389, 600, 601])
def test_pages_from_the_newest_make_the_whole(rich: MasterClient, limit: int) -> None:
    """The same rows the other way round, each once, the last page like the first."""
    for ask, key, whole in (
        (m.OrderList, "order", ORDERS),
        (m.TransactionsGet, "transaction", ORDERS + 1),
    ):
        extra: dict[str, Any] = {"states": 0xFFFF} if ask is m.OrderList else {}
        after = 2 * limit if limit < 100 else 0
        seen = list(range(whole, after - 1, -1)) if after else []
        for _ in range(whole // limit + 2):
            parts = rich.ask_all(ask(after=after, limit=limit, direction=NEWEST, **extra))
            rows = [row for part in parts for row in getattr(part.message, f"{key}s")]
            seen += [getattr(row, key) for row in rows]
            after = parts[-1].message.next_after
            if not after:
                break
        assert seen == list(range(whole, 0, -1))


def test_each_page_of_orders_looks_at_its_own_rows(rich: MasterClient) -> None:
    """Wherever in the list it is, either way; open orders are found without those that ended."""
    state = rich.kit.main.transactions.desk.state

    class Counted(Orders):
        looks = 0

        def __getitem__(self, number: int) -> Order:
            self.looks += 1
            return super().__getitem__(number)

    counted = Counted()
    for number, order in state.orders.items():
        counted[number] = order
    state.orders = counted
    for wish in (
        m.OrderList(states=0xFFFF, limit=5, after=ORDERS - 20),
        m.OrderList(states=0xFFFF, limit=5, after=20, direction=NEWEST),
        m.OrderList(states=0xFFFF, limit=5, direction=NEWEST),
        m.OrderList(),
    ):
        counted.looks = 0
        rich.ask_all(wish)
        assert counted.looks <= 5


@pytest.mark.clause("9.7")
@pytest.mark.parametrize("message", [m.OrderList(limit=50_001), m.TransactionsGet(limit=65_535)])
def test_too_many_rows_are_refused(ann: MasterClient, message: Any) -> None:
    """RANGE_TOO_LARGE beyond ROWS_MAX."""
    assert ann.ask(message).status == Status.RANGE_TOO_LARGE


def test_transactions_by_kind(rich: MasterClient) -> None:
    """kinds is a set of bits; 0 is all."""
    assert [row.kind for row in transactions(rich, kinds=1 << TxKind.DEPOSIT)] == [TxKind.DEPOSIT]
    assert len(transactions(rich, kinds=1 << TxKind.BUY, limit=1_000)) == ORDERS
    both = 1 << TxKind.BUY | 1 << TxKind.DEPOSIT
    assert len(transactions(rich, kinds=both, limit=1_000)) == ORDERS + 1
    assert transactions(rich, kinds=1 << TxKind.SELL) == []


def test_transactions_by_time(rich: MasterClient) -> None:
    """from_time <= executed_at < to_time."""
    rows = transactions(rich, limit=1_000)
    first, last = rows[100].executed_at, rows[400].executed_at
    inside = [row for row in rows if first <= row.executed_at < last]
    assert 0 < len(inside) < len(rows)
    assert transactions(rich, from_time=first, to_time=last, limit=1_000) == inside
    upto = [row for row in rows if row.executed_at < last]
    assert transactions(rich, to_time=last, limit=1_000) == upto
    assert transactions(rich, from_time=2**62) == []


def test_balances_of_the_list_follow_from_each_other(rich: MasterClient) -> None:
    """cash_after is the one before plus amount, row by row; the last is the portfolio's."""
    cash = 0
    for row in transactions(rich, limit=1_000):
        cash += row.amount
        assert row.cash_after == cash
    assert rich.ask(m.PortfolioGet()).message.cash == cash


def test_orders_by_symbol_and_state(kit: MasterKit, ann: MasterClient) -> None:
    """Open ones by default; states is a set of bits; filters add up with pages."""
    far = {"order_type": OrderType.LIMIT, "limit_price": SCALE}
    for number, symbol in enumerate(("AAPL", "MSFT", "AAPL", "MSFT", "AAPL"), 1):
        ann.order(symbol, "1", **far)
        if number == 2:
            ann.seq += 1
            ann.ask(m.OrderCancel(order=2), seq=ann.seq)
    ann.order("IBM", "1")
    kit.quote("IBM", "190.00", "190.01")
    assert [row.order for row in orders(ann)] == [1, 3, 4, 5]
    assert [row.order for row in orders(ann, symbol="AAPL")] == [1, 3, 5]
    assert [row.order for row in orders(ann, symbol="AAPL", after=1, limit=1)] == [3]
    backwards = orders(ann, symbol="AAPL", after=5, direction=NEWEST)
    assert [row.order for row in backwards] == [3, 1]
    assert [row.order for row in orders(ann, states=1 << OrderState.CANCELLED)] == [2]
    assert [row.order for row in orders(ann, states=1 << OrderState.FILLED)] == [6]
    done = 1 << OrderState.FILLED | 1 << OrderState.CANCELLED
    assert [row.order for row in orders(ann, states=done)] == [2, 6]
    assert orders(ann, symbol="GOOG", states=0xFFFF) == []


def test_one_order_by_either_number(ann: MasterClient) -> None:
    """ORDER_GET by the master's number or by the client's own; unknown ones do not exist."""
    order = ann.order("AAPL", "1", client_order_id=4_711).message
    by_number = ann.ask(m.OrderGet(order=order.order)).message
    by_own = ann.ask(m.OrderGet(client_order_id=4_711)).message
    assert by_number == by_own == order
    for message in (m.OrderGet(order=9), m.OrderGet(client_order_id=9), m.OrderGet()):
        assert ann.ask(message).status == Status.NO_SUCH_ORDER


def test_a_portfolio_is_valued_at_what_it_would_fetch(kit: MasterKit, ann: MasterClient) -> None:
    """Positions at the bid; equity is cash and value; a position sold out is not listed."""
    ann.order("AAPL", "10")
    ann.order("MSFT", "5")
    kit.quote("AAPL", "560.00", "560.10")
    kit.quote("MSFT", "28.50", "28.51")
    kit.quote("AAPL", "570.00", "570.10")
    got = ann.ask(m.PortfolioGet()).message
    aapl, msft = got.positions
    assert (aapl.symbol, aapl.mark, aapl.market_value) == ("AAPL", 570 * SCALE, 5_700 * SCALE)
    assert (aapl.cost_basis, aapl.unrealized_pnl) == (5_601 * SCALE, 99 * SCALE)
    assert got.market_value == aapl.market_value + msft.market_value
    assert got.equity == got.cash + got.market_value
    assert got.unrealized_pnl == aapl.unrealized_pnl + msft.unrealized_pnl
    ann.order("MSFT", "5", side=2)
    kit.quote("MSFT", "29.50", "29.51")
    got = ann.ask(m.PortfolioGet()).message
    assert [row.symbol for row in got.positions] == ["AAPL"]
    assert got.realized_pnl == 495_000_000


def test_every_transaction_tells_the_markets_time(kit: MasterKit, ann: MasterClient) -> None:
    """In a replay it is 2012 there; the history, the event and the restarted master agree."""
    stamps = {"source_time": START + SECOND, "flags": QuoteFlag.REPLAYED}
    kit.quote("IBM", "190.00", "190.01", **stamps)
    ann.follow()
    assert ann.order("IBM", "1").status == 0
    kit.quote("IBM", "190.00", "190.01", **stamps)
    events = [a.message for a in ann.events() if isinstance(a.message, m.TransactionEvent)]
    parts = ann.ask_all(m.TransactionsGet())
    details = [row for part in parts for row in part.message.details]
    rows = [row for part in parts for row in part.message.transactions]
    assert [row.transaction for row in details] == [row.transaction for row in rows] == [1, 2]
    assert list(events[0].details) == details[1:]
    assert START <= details[0].market_at < START + 3_600 * SECOND
    assert details[1].market_at == START + SECOND
    before = kit.main.transactions.desk.state_hash()
    kit.crash()
    assert kit.main.transactions.desk.state_hash() == before


def test_in_a_live_market_there_is_no_detail(kit: MasterKit, ann: MasterClient) -> None:
    """What happens at the master's own time, without fees, costs no further row."""
    kit.quote("IBM", "190.00", "190.01")
    assert ann.order("IBM", "1").status == 0
    kit.quote("IBM", "190.00", "190.01")
    parts = ann.ask_all(m.TransactionsGet(after=1))
    assert [len(part.message.transactions) for part in parts] == [1]
    assert [part.message.details for part in parts] == [()]
