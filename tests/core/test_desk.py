"""The desk: what orders, quotes and time do, told as short stories."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from papertrader.core.desk import Desk
from papertrader.core.events import OrderChanged, PortfolioOpened, TransactionPosted
from papertrader.core.fills import LimitingRule
from papertrader.core.ledger import TransactionKind
from papertrader.core.money import AMOUNT_MAX, NULL, AmountOverflow, parse_amount
from papertrader.core.orders import OrderEventKind, OrderState, Side, TimeInForce
from papertrader.core.quotes import AssetStatus, QuoteFlag
from papertrader.core.refusals import Refusal

m = parse_amount


def test_opening_a_portfolio_pays_the_deposit_in(floor_class: Any) -> None:
    """First the portfolio, then the transaction; without a deposit, the portfolio alone."""
    floor = floor_class()
    opened, posted = floor.events
    assert opened == PortfolioOpened(1, 1, "USD", 10)
    assert isinstance(posted, TransactionPosted)
    assert posted.transaction.kind == TransactionKind.DEPOSIT
    assert posted.transaction.amount == posted.transaction.cash_after == m("10000")
    assert floor.desk.portfolio(1).deposited == m("10000")
    assert len(floor.open(2, 2, "0")) == 1
    assert floor.desk.next_event_seq(1) == 2
    assert floor.desk.next_event_seq(2) == floor.desk.next_event_seq(3) == 1


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"portfolio": 1}, ValueError, "exists already"),
        ({"portfolio": 0}, ValueError, "portfolio number"),
        ({"account": 0}, ValueError, "account number"),
        ({"currency": "usd"}, ValueError, "currency"),
        ({"deposit": -1}, ValueError, "less than 0"),
        ({"deposit": AMOUNT_MAX + 1}, AmountOverflow, "64 bits"),
        ({"seq": 1}, ValueError, "must be greater"),
    ],
)
def test_a_faulty_opening_changes_nothing(
    floor: Any, change: dict[str, Any], error: type[Exception], text: str
) -> None:
    """What only a faulty caller can send raises, and the state is as it was."""
    before = floor.desk.state_hash()
    arguments: dict[str, Any] = {"account": 1, "portfolio": 2, "currency": "USD", "deposit": 1}
    with pytest.raises(error, match=text):
        floor.desk.open_portfolio(**(floor.tick() | arguments | change))
    assert floor.desk.state_hash() == before


def test_a_later_deposit(floor: Any) -> None:
    """More may be paid in; not nothing, not to nobody, and not beyond what can be counted."""
    events = floor.keep(floor.desk.deposit(**floor.tick(), portfolio=1, amount=m("5")))
    assert events[0].transaction.cash_after == m("10005")
    for portfolio, amount in ((1, 0), (9, 1)):
        with pytest.raises(ValueError, match="cannot pay"):
            floor.desk.deposit(**floor.tick(), portfolio=portfolio, amount=amount)
    with pytest.raises(AmountOverflow):
        floor.desk.deposit(**floor.tick(), portfolio=1, amount=AMOUNT_MAX)


@pytest.mark.parametrize(
    "change", [{"symbol": "a"}, {"currency": "$"}, {"tick": 0}, {"lot": 0}, {"quantity_min": 0}]
)
def test_a_faulty_asset_is_not_listed(floor: Any, change: dict[str, Any]) -> None:
    """An asset needs a symbol, a currency, and bounds above 0."""
    with pytest.raises(ValueError, match=r"symbol|currency|above 0"):
        floor.desk.list_asset(attrs.evolve(floor.asset, **change))


def test_a_market_buy_fills_on_the_next_quote(floor: Any) -> None:
    """It waits with the collar reserved, then buys at the ask, and what is over is released."""
    floor.quote("99", "100")
    order = floor.order("10")
    assert (order.state, order.collar_price) == (OrderState.PENDING, m("102.5"))
    assert order.reserved_cash == m("1025")
    assert floor.desk.portfolio(1).available_cash == m("8975")
    changed, posted = floor.quote("100", "101")
    assert (changed.kind, changed.fill, changed.fill_price) == (
        OrderEventKind.FILL,
        1,
        m("101"),
    )
    assert changed.order.state == OrderState.FILLED
    assert changed.order.avg_price == m("101")
    assert changed.receipt.limiting == LimitingRule.NONE
    assert changed.transaction == posted.transaction.transaction_id == 2
    assert posted.transaction.amount == m("-1010")
    assert posted.position.quantity == m("10")
    portfolio = floor.desk.portfolio(1)
    assert (portfolio.cash, portfolio.reserved_cash) == (m("8990"), 0)
    assert [floor.events[1].event_seq, changed.event_seq, posted.event_seq] == [1, 3, 4]


def test_worked_case_of_buying_power(floor: Any) -> None:
    """Power 10,000: an open buy of 3,000 leaves 7,000, and a further 8,000 is refused."""
    floor.order("30", "100")
    assert floor.desk.portfolio(1).available_cash == m("7000")
    outcome = floor.submit("80", "100")
    assert outcome.refusal == Refusal.INSUFFICIENT_CASH
    assert "needs 8,000.00 USD, available 7,000.00 USD" in outcome.text
    floor.order("70", "100")
    assert floor.desk.portfolio(1).available_cash == 0


def test_a_sell_reserves_shares_and_realizes(floor: Any) -> None:
    """Shares in an open sell cannot be sold twice; selling realizes against average cost."""
    floor.hold("10", "100")
    sell = floor.order("6", side=Side.SELL)
    assert (sell.reserved_quantity, sell.reserved_cash) == (m("6"), 0)
    assert sell.collar_price == m("97.5")
    outcome = floor.submit("5", side=Side.SELL)
    assert outcome.refusal == Refusal.INSUFFICIENT_POSITION
    assert "you hold 10, of which 6 are" in outcome.text
    floor.order("4", "110", side=Side.SELL)
    _, posted, waiting = floor.quote("105", "106")
    assert posted.transaction.kind == TransactionKind.SELL
    assert posted.transaction.realized == m("30")
    assert waiting.order.state == OrderState.WORKING
    assert floor.desk.portfolio(1).available_quantity("ACME") == 0


def test_no_order_uses_a_quote_seen_before_it(floor: Any) -> None:
    """A quote observed at or before the order's stamp does nothing to it, even if applied later."""
    order = floor.order("1", "100", received_at=1000)
    for observed_at in (999, 1000):
        assert floor.quote("99", "100", observed_at=observed_at) == []
    assert floor.now_is(order).state == OrderState.PENDING
    assert floor.quote("99", "100", observed_at=1001)[0].order.state == OrderState.FILLED


def test_an_earlier_order_may_use_what_a_later_one_may_not(floor: Any) -> None:
    """Eligibility is each order's own: the better-priced late one is passed over."""
    late = floor.order("1", "101", received_at=1000)
    early = floor.order("1", "100", received_at=500)
    floor.quote("99", "100", observed_at=900)
    assert floor.now_is(late).state == OrderState.PENDING
    assert floor.now_is(early).state == OrderState.FILLED


@pytest.mark.parametrize("flag", [QuoteFlag.STALE, QuoteFlag.CLOSED, QuoteFlag.SUSPECT])
def test_an_unusable_quote_does_nothing(floor: Any, flag: QuoteFlag) -> None:
    """The order stays pending, and can be cancelled."""
    order = floor.order("1", "100")
    assert floor.quote("99", "100", flags=flag) == []
    assert floor.now_is(order).state == OrderState.PENDING
    assert floor.cancel(order.order_id).order.state == OrderState.CANCELLED


def test_which_quote_is_remembered(floor: Any) -> None:
    """The newest that is not suspect; closed ones count for collars; old ones change nothing."""
    closed = floor.quote_of("99", "100", flags=QuoteFlag.CLOSED)
    floor.desk.note_quote(closed)
    floor.desk.note_quote(floor.quote_of("9", "10", flags=QuoteFlag.SUSPECT))
    floor.desk.note_quote(attrs.evolve(closed, bid=1))
    assert floor.desk.last_quote("ACME") == closed
    assert floor.order("1").collar_price == m("102.5")


def test_the_same_quote_fills_only_once(floor: Any) -> None:
    """A quote that is not newer than the last is not worked: its size is gone."""
    order = floor.order("30", "100")
    quote = floor.quote_of("99", "100", ask_size="10")
    assert len(floor.observe(quote)) == 2
    assert floor.observe(quote) == []
    assert floor.now_is(order).filled == m("10")


def test_displayed_size_is_shared_in_turn(floor: Any) -> None:
    """Market first, then the better limit, then the earlier stamp; the rest waits for more."""
    floor.quote("99", "100")
    late = floor.order("10", "101", received_at=500)
    early = floor.order("10", "101", received_at=400)
    better = floor.order("10", "102", received_at=600)
    market = floor.order("10", received_at=700)
    floor.quote("99", "100", ask_size="25", observed_at=800)
    filled = [floor.now_is(each).filled // m("1") for each in (market, better, early, late)]
    assert filled == [10, 10, 5, 0]
    changes = [event for event in floor.events[-7:] if isinstance(event, OrderChanged)]
    assert [event.kind for event in changes] == [OrderEventKind.FILL] * 3 + [OrderEventKind.WORKING]
    assert [event.receipt.limiting for event in changes] == [
        LimitingRule.NONE,
        LimitingRule.NONE,
        LimitingRule.SIZE,
        LimitingRule.SIZE,
    ]
    assert floor.now_is(early).state == OrderState.PARTIALLY_FILLED
    floor.quote("99", "100", observed_at=900)
    assert {floor.now_is(each).state for each in (early, late)} == {OrderState.FILLED}


def test_partial_fills_release_their_share(floor: Any) -> None:
    """After each fill, what stays reserved is the rest at the limit; each fill has its number."""
    order = floor.order("10", "100")
    floor.quote("89", "90", ask_size="4")
    part = floor.now_is(order)
    assert (part.filled, part.reserved_cash, part.fills) == (m("4"), m("600"), 1)
    floor.quote("99", "100", ask_size="6")
    done = floor.now_is(order)
    assert (done.state, done.reserved_cash, done.fills) == (OrderState.FILLED, 0, 2)
    assert done.avg_price == m("96")
    assert done.version == 3


def test_less_than_a_lot_is_nothing(floor: Any) -> None:
    """A displayed size below one lot fills nothing, and the order rests."""
    order = floor.order("10", "100")
    (event,) = floor.quote("99", "100", ask_size="0.5")
    assert event.kind == OrderEventKind.WORKING
    assert floor.now_is(order).reserved_cash == m("1000")


def test_a_market_order_waits_at_its_collar(floor: Any) -> None:
    """Beyond the collar nothing fills and the order works; it fills when the price comes back."""
    floor.hold("10", "100")
    buy, sell = floor.order("1"), floor.order("1", side=Side.SELL)
    events = floor.quote("97", "103")
    assert [event.order.state for event in events] == [OrderState.WORKING] * 2
    assert {event.receipt.limiting for event in events} == {LimitingRule.COLLAR}
    assert floor.quote("97", "103") == []
    floor.quote("97.5", "102.5")
    assert floor.now_is(buy).state == floor.now_is(sell).state == OrderState.FILLED


def test_a_quote_without_the_needed_side(floor: Any) -> None:
    """A buy that meets no ask rests, and its receipt says why."""
    floor.order("1", "100")
    (event,) = floor.quote("99", None)
    assert event.receipt.limiting == LimitingRule.NO_PRICE


def test_a_quote_of_another_symbol_touches_nothing(floor: Any) -> None:
    """Books are per symbol, and a symbol that is not listed has none."""
    floor.order("1", "100")
    assert floor.quote("99", "100", symbol="OTHER") == []


def test_halted_symbols_do_not_trade(floor: Any) -> None:
    """While halted nothing fills and nobody wakes; afterwards the next quote does."""
    order = floor.order("1", "100")
    floor.desk.list_asset(attrs.evolve(floor.asset, status=AssetStatus.HALTED))
    assert floor.quote("99", "100") == []
    floor.desk.list_asset(floor.asset)
    floor.quote("99", "100")
    assert floor.now_is(order).state == OrderState.FILLED


def test_cancel_by_either_name(floor: Any) -> None:
    """Cancelling releases the reservation; by order id or by client order id."""
    first, second = floor.order("1", "100"), floor.order("1", "100", client_order_id=55)
    outcome = floor.cancel(first.order_id)
    assert (outcome.refusal, outcome.order.state) == (None, OrderState.CANCELLED)
    assert outcome.events[0].kind == OrderEventKind.CANCELLED
    floor.cancel(client_order_id=55)
    assert floor.now_is(second).state == OrderState.CANCELLED
    assert floor.desk.portfolio(1).reserved_cash == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"order_id": 99},
        {"client_order_id": 99},
        {},
        {"order_id": 1, "account": 2},
        {"order_id": 1, "portfolio": 2},
        {"order_id": 1, "account": 2, "portfolio": 2},
        {"client_order_id": 77, "account": 2},
        {"client_order_id": 77, "portfolio": 9},
    ],
)
def test_no_such_order_says_nothing_of_others(floor: Any, fields: dict[str, Any]) -> None:
    """An order of another account or portfolio is as unknown as one that never was."""
    floor.open(2, 2)
    floor.order("1", "100", client_order_id=77)
    outcome = floor.cancel(**fields)
    assert (outcome.refusal, outcome.order, outcome.events) == (Refusal.NO_SUCH_ORDER, None, [])


def test_a_finished_order_cannot_be_cancelled(floor: Any) -> None:
    """The answer shows how it ended."""
    order = floor.order("1", "100")
    floor.quote("99", "100")
    outcome = floor.cancel(order.order_id)
    assert outcome.refusal == Refusal.ORDER_DONE
    assert outcome.order.state == OrderState.FILLED
    assert "FILLED" in outcome.text


def test_expiry_in_order_of_time(floor: Any) -> None:
    """DAY orders end at their session's close, partly filled or not, the earliest first."""
    day = {"time_in_force": TimeInForce.DAY, "market_at": 0}
    later = floor.order("10", "100", expire_at=2000, **day)
    sooner = floor.order("10", "90", expire_at=1000, **day)
    gone = floor.order("10", "90", expire_at=500, **day)
    keeper = floor.order("10", "90")
    floor.cancel(gone.order_id)
    floor.quote("99", "100", ask_size="4")
    assert floor.desk.next_expiry() == 1000
    assert floor.keep(floor.desk.advance(**floor.tick(), market_at=999)) == []
    events = floor.keep(floor.desk.advance(**floor.tick(), market_at=2000))
    assert [event.order.order_id for event in events] == [sooner.order_id, later.order_id]
    assert {event.kind for event in events} == {OrderEventKind.EXPIRED}
    assert floor.now_is(later).filled == m("4")
    assert floor.now_is(keeper).is_open
    assert floor.desk.next_expiry() == 0
    assert floor.desk.portfolio(1).reserved_cash == m("900")


def test_a_fill_that_cannot_be_counted_ends_the_order(floor: Any) -> None:
    """Proceeds that would push the cash beyond 64 bits cancel the order; the desk goes on."""
    floor.hold("100", "100")
    floor.keep(floor.desk.deposit(**floor.tick(), portfolio=1, amount=AMOUNT_MAX - m("1000")))
    order = floor.order("100", "50", side=Side.SELL)
    other = floor.order("1", "100")
    floor.quote("100", "100")
    ended = floor.now_is(order)
    assert (ended.state, ended.reason) == (OrderState.CANCELLED, Refusal.AMOUNT_OVERFLOW)
    assert ended.reserved_quantity == 0
    assert floor.now_is(other).state == OrderState.FILLED


def test_inputs_come_in_sequence(floor: Any) -> None:
    """A sequence number that does not rise raises for every input."""
    order = floor.command("1", "100", seq=1)
    inputs = [
        lambda: floor.desk.submit(order),
        lambda: floor.desk.cancel(seq=1, at=1, account=1, portfolio=1, order_id=1),
        lambda: floor.desk.observe(seq=1, quote=floor.quote_of("1", "2")),
        lambda: floor.desk.advance(seq=1, at=1, market_at=1),
        lambda: floor.desk.deposit(seq=1, at=1, portfolio=1, amount=1),
    ]
    for each in inputs:
        with pytest.raises(ValueError, match="must be greater"):
            each()


def test_queries_know_what_is_there(floor: Any) -> None:
    """Orders by account and portfolio, finished ones too; None or nothing for the unknown."""
    floor.open(1, 2)
    floor.open(2, 3)
    first = floor.order("1", "100")
    second = floor.order("1", "100", portfolio=2)
    third = floor.order("1", "100", account=2, portfolio=3)
    ended = floor.cancel(first.order_id).order
    desk: Desk = floor.desk
    assert desk.orders_of(account=1) == [ended, second]
    assert desk.orders_of(portfolio=3) == [third]
    assert desk.orders_of(account=9) == desk.orders_of(portfolio=9) == []
    assert list(desk.state.accounts[1].portfolios) == [1, 2]
    assert 9 not in desk.state.accounts
    assert desk.order(9) is None
    assert desk.order_by_client_id(9, 1) is None
    assert desk.order_by_client_id(1, first.client_order_id) == ended
    assert desk.asset("ACME") == floor.asset
    assert desk.asset("NONE") is None
    assert desk.portfolio(9) is None
    assert desk.last_quote("ACME") is None


def test_fractions_never_overdraw(floor_class: Any) -> None:
    """Many tiny fills of an order cost together what one would: not a unit more than reserved."""
    floor = floor_class(cash="0.00000002", tick=1, lot=1, quantity_min=1)
    order = floor.order("0.00000003", "0.5")
    assert order.reserved_cash == 2
    for _ in range(3):
        floor.quote("0.5", "0.5", ask_size="0.00000001")
    assert floor.now_is(order).state == OrderState.FILLED
    portfolio = floor.desk.portfolio(1)
    assert (portfolio.cash, portfolio.reserved_cash) == (0, 0)
    assert portfolio.positions["ACME"].quantity == 3
    assert order.limit_price != NULL
