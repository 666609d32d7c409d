"""Fees, rates, settlement and margin by themselves, and what the audit says of wrong figures."""

from __future__ import annotations

from datetime import date
from typing import Any

import attrs
import pytest

from papertrader.core.events import OrderChanged
from papertrader.core.fees import commission, fees_of_fill, regulatory_fees, tier_sevenths
from papertrader.core.ledger import Transaction, TransactionKind
from papertrader.core.margin import liquidation_plan, maintenance_of, short_price
from papertrader.core.money import NULL, SCALE, parse_amount
from papertrader.core.moneyaudit import FeeAudit
from papertrader.core.orders import OrderFlag, Side
from papertrader.core.portfolio import PortfolioState, Position, moved, trade_through
from papertrader.core.purse import UNSETTLED_MAX, Purse
from papertrader.core.quotes import Asset, AssetFlag, AssetKind, Quote
from papertrader.core.rates import (
    CARRY_RATES,
    COIN_REQUIREMENTS,
    MARGIN_REQUIREMENTS,
    SEC_RATES,
    SETTLEMENT_CYCLES,
    TAF_RATES,
    in_force,
    sec_rate,
    settlement_sessions,
    trading_day,
)
from papertrader.core.refusals import Refusal
from papertrader.core.settlement import Calendars
from papertrader.core.terms import AccountKind, FeeModelKind, PortfolioTerms, TermsFlag
from papertrader.master.providers.base import load_calendars
from tests.golden import parse_instant

m = parse_amount
RULE = MARGIN_REQUIREMENTS[0]


def choose(floor: Any, **terms: Any) -> None:
    """Give the floor's portfolio terms of its own."""
    given = PortfolioTerms(**terms)
    outcome = floor.desk.set_terms(**floor.tick(), account=1, portfolio=1, terms=given)
    assert outcome.refusal is None
    floor.keep(outcome.events)


@pytest.mark.parametrize(
    "table",
    [SEC_RATES, TAF_RATES, SETTLEMENT_CYCLES, MARGIN_REQUIREMENTS, COIN_REQUIREMENTS, CARRY_RATES],
)
def test_a_table_rises_and_every_row_has_its_source(table: Any) -> None:
    """Rows by the day from which they hold, none twice."""
    days = [row.effective_from for row in table]
    assert days == sorted(set(days))
    assert all(row.source for row in table)
    assert in_force(table, date(1900, 1, 1)) is None
    assert in_force(table, days[-1]) is table[-1]


def test_the_rate_of_a_day_is_that_of_new_york() -> None:
    """At midnight UTC it is still the day before there."""
    assert trading_day(parse_instant("2024-05-22T03:59:59Z")) == date(2024, 5, 21)
    assert sec_rate(date(2024, 5, 21)) == 800
    assert sec_rate(date(2024, 5, 22)) == 2780
    assert sec_rate(date(1990, 1, 1)) == 0
    assert [settlement_sessions(date(year, 6, 3)) for year in (1990, 2012, 2018, 2025)] == [
        3, 3, 2, 1,
    ]  # fmt: skip


def test_the_most_of_the_activity_fee() -> None:
    """100,000 shares in 2024 pay 8.30, not 16.60; before the fee there was none."""
    notional = 100_000 * SCALE * SCALE
    sec, taf = regulatory_fees(100_000 * SCALE, notional, parse_instant("2024-06-03T14:00:00Z"))
    assert (sec, taf) == (m("2.78"), m("8.30"))
    assert regulatory_fees(SCALE, SCALE * SCALE, parse_instant("1999-06-03T14:00:00Z")) == (0, 0)


@pytest.mark.parametrize(
    ("price", "lines"),
    [
        ("0.05", ("0.02", "0.01", "0.01")),
        ("0.02", ("0.00", "0.01", "0.01")),
        ("0.015", ("0.00", "0.01", "0.005")),
        ("0.005", ("0.00", "0.005", "0.00")),
    ],
)
def test_no_line_takes_more_than_is_left_of_a_sale(
    floor: Any, price: str, lines: tuple[str, ...]
) -> None:
    """The regulators' cents first, then the commission; none of the lines is below 0."""
    terms = PortfolioTerms(
        fee_model=FeeModelKind.PER_SHARE, fee_minimum=m("0.02"), flags=TermsFlag.REGULATORY_FEES
    )
    floor.quote("1", "1.01")
    floor.hold("1", "1")
    order = floor.order("1", "0.01", side=Side.SELL)
    fees = fees_of_fill(
        terms, order, quantity=SCALE, notional=m(price) * SCALE, gross=m(price),
        asset=floor.desk.asset("ACME"), market_at=parse_instant("2024-06-03T14:00:00Z"),
        month_shares=0,
    )  # fmt: skip
    assert (fees.commission, fees.sec_fee, fees.taf_fee) == tuple(map(m, lines))


def test_credit_begins_with_just_two_thousand(floor: Any) -> None:
    """2,000.00 in equity buy for twice as much; a unit less for the cash alone."""
    choose(floor, account_kind=AccountKind.MARGIN)
    for amount, has_credit, power in (
        (m("-8000"), True, m("4000")),
        (-1, False, m("1999.99999999")),
    ):
        paid = floor.desk.move_cash(
            **floor.tick(), account=1, portfolio=1, amount=amount, market_at=floor.now
        )
        floor.keep(paid.events)
        standing = floor.desk.standing(floor.desk.portfolio(1), floor.now)
        assert (standing.has_credit, standing.buying_power) == (has_credit, power)


def test_commission_of_nothing_is_nothing() -> None:
    """A minimum is charged with the first fill, not before."""
    terms = PortfolioTerms(fee_model=FeeModelKind.PER_SHARE, fee_minimum=SCALE)
    assert commission(terms, 0, 0, 0) == 0
    assert commission(terms, 1, 1, 0) == SCALE
    assert commission(PortfolioTerms(), SCALE, SCALE * SCALE, SCALE) == 0


def test_tiers_fall() -> None:
    """Sevenths of the rate."""
    assert [tier_sevenths(shares * SCALE) for shares in (0, 299_999, 300_000, 10**9)] == [
        7, 7, 4, 1,
    ]  # fmt: skip


def test_money_for_shares_not_known_is_refused(floor: Any) -> None:
    """An order for an amount of money, where the fee is by the share."""
    choose(floor, fee_model=FeeModelKind.PER_SHARE, fee_rate=SCALE // 100)
    floor.quote("99", "100")
    outcome = floor.submit("500", "100", flags=int(OrderFlag.NOTIONAL))
    assert outcome.refusal == Refusal.TYPE_UNSUPPORTED
    assert "fees per share" in outcome.text


@pytest.mark.parametrize("price", ["100", "0.5"])
@pytest.mark.parametrize("kind", [AccountKind.CASH, AccountKind.MARGIN])
def test_money_reserves_the_fees_of_that_money(floor: Any, price: str, kind: AccountKind) -> None:
    """One percent of 500 is 5, however many shares it may be."""
    choose(floor, account_kind=kind, fee_model=FeeModelKind.PERCENT, fee_rate=SCALE // 100)
    floor.quote(price, price)
    order = floor.order("500", price, flags=int(OrderFlag.NOTIONAL))
    needed = m("505") if kind == AccountKind.CASH else m("255")
    assert order.reserved_cash == needed
    floor.quote(price, price)
    assert floor.desk.portfolio(1).cash == m("9495")


def test_who_owes_money_gets_no_cash_portfolio(floor: Any) -> None:
    """Nobody would charge interest any more; when all is paid in, the terms are taken."""
    choose(floor, account_kind=AccountKind.MARGIN)
    floor.quote("100", "100")
    floor.order("190", "100")
    floor.quote("100", "100")
    floor.order("190", "80", side=Side.SELL)
    floor.quote("80", "80")
    assert floor.desk.portfolio(1).cash == m("6200")
    floor.order("140", "80")
    floor.quote("80", "80")
    floor.order("140", "30", side=Side.SELL)
    floor.quote("30", "30")
    assert floor.desk.portfolio(1).cash == m("-800")
    owned = {"account": 1, "portfolio": 1}
    outcome = floor.desk.set_terms(**floor.tick(), **owned, terms=PortfolioTerms())
    assert outcome.refusal == Refusal.INSUFFICIENT_CASH
    assert "owes 800.00 USD" in outcome.text
    terms = PortfolioTerms(account_kind=AccountKind.MARGIN, slippage=1)
    for amount, wanted in ((0, terms), (m("800"), PortfolioTerms())):
        if amount:
            paid = floor.desk.move_cash(**floor.tick(), **owned, amount=amount)
            floor.keep(paid.events)
        outcome = floor.desk.set_terms(**floor.tick(), **owned, terms=wanted)
        assert outcome.refusal is None
        floor.keep(outcome.events)


def test_what_trades_around_the_clock_settles_at_once() -> None:
    """And what has no calendar of its own by the weekdays."""
    coin = Asset(
        symbol="BTC",
        name="",
        kind=AssetKind.CRYPTO,
        currency="USD",
        tick=1,
        lot=1,
        quantity_min=1,
        quantity_max=SCALE,
        calendar="24/7",
    )
    friday = parse_instant("2024-06-07T15:00:00Z")
    assert Calendars().settles_at(coin, friday) == 0
    share = attrs.evolve(coin, calendar="XXXX")
    assert Calendars().settles_at(share, friday) == parse_instant("2024-06-10T13:30:00Z")


def test_what_trades_after_the_close_settles_as_of_its_day(floor: Any) -> None:
    """One session later, as all of the day; before the opening it is that of the coming session."""
    calendars = Calendars()
    calendars.know_all(load_calendars(extended=True))
    for traded in ("2024-06-10T12:00:00Z", "2024-06-10T15:00:00Z", "2024-06-10T21:00:00Z"):
        settles_at = calendars.settles_at(floor.asset, parse_instant(traded))
        assert settles_at == parse_instant("2024-06-11T13:30:00Z")


def test_sums_that_wait_are_bounded() -> None:
    """The two that settle last are put together, to settle with the later one."""
    purse = Purse(unsettled=tuple((number, 1) for number in range(10, 10 + UNSETTLED_MAX)))
    sale = Transaction(
        transaction_id=1,
        portfolio=1,
        kind=TransactionKind.SELL,
        currency="USD",
        amount=5,
        cash_after=5,
        executed_at=1,
        settles_at=10_000,
    )
    after = purse.after(sale)
    assert len(after.unsettled) == UNSETTLED_MAX
    assert after.unsettled[-1] == (10_000, 6)
    assert after.unsettled_at(1) == purse.unsettled_at(1) + 5
    assert after.next_settlement(10_000) == 0


@pytest.mark.parametrize(
    ("quantity", "mark", "asked"),
    [
        ("100", "2.49", "249"),
        ("100", "2.50", "75"),
        ("-100", "1", "250"),
        ("-100", "4.99", "499"),
        ("-100", "5", "500"),
        ("-100", "16", "500"),
        ("-100", "20", "600"),
    ],
)
def test_maintenance(quantity: str, mark: str, asked: str) -> None:
    """The table of the trading rules, at its corners."""
    assert maintenance_of(m(quantity), m(mark), RULE) == m(asked)


def test_the_price_of_a_short_sale() -> None:
    """1.03 times the ask, the last price without one, or the order's own."""
    quote = Quote(symbol="A", ask=m("100"))
    assert short_price(NULL, quote) == m("103")
    assert short_price(m("104"), quote) == m("104")
    assert short_price(NULL, Quote(symbol="A", last=m("10"))) == m("10.3")
    assert short_price(NULL, None) == NULL


def test_the_plan_closes_losers_first_and_no_more_than_needed() -> None:
    """The position with the greatest loss, then the next; whole lots."""
    positions = {
        symbol: Position(symbol, quantity=m("100"), cost_basis=m(cost))
        for symbol, cost in (("WIN", "5000"), ("LOSE", "20000"), ("EVEN", "10000"))
    }
    owner = PortfolioState(1, 1, "USD", cash=m("-25000"), positions=positions)
    quotes = {symbol: Quote(symbol=symbol, bid=m("100"), ask=m("100")) for symbol in positions}
    plan = liquidation_plan(owner, quotes.get, lambda _: RULE, lambda _: SCALE)
    assert [(step.symbol, step.quantity) for step in plan] == [
        ("LOSE", m("-100")),
        ("EVEN", m("-34")),
    ]


def test_through_zero_money_is_split_to_the_unit() -> None:
    """What closes and what opens sum to what was paid."""
    short = Position("A", quantity=-3, cost_basis=-7, lots=())
    after, realized = trade_through(
        short, quantity=10, price=SCALE // 3, gross=-4, at=1, transaction=1
    )
    assert after.quantity == 7
    assert realized + 4 == after.cost_basis + 7


def test_a_symbol_moves_into_a_position_that_is_there() -> None:
    """Quantities, costs and lots add up."""
    old = Position("A", quantity=5, cost_basis=50, realized=3, opened_at=2)
    after, realized = moved(old, Position("B", quantity=2, cost_basis=30, realized=1), "B", 9, 1)
    assert (after.quantity, after.cost_basis, after.realized, realized) == (7, 80, 1, 0)


def test_the_audit_works_fees_out_again(floor: Any) -> None:
    """Right fees pass; a wrong line, and an order that says otherwise, are told."""
    choose(floor, fee_model=FeeModelKind.PERCENT, fee_rate=SCALE // 100)
    floor.order("10", "100")
    before = floor.recovered()
    changed, posted = floor.quote("99", "100")
    audit = FeeAudit()
    assert list(audit.check(before.state, changed)) == []
    assert list(audit.check(before.state, posted)) == []
    wrong = attrs.evolve(posted, transaction=attrs.evolve(posted.transaction, fees=m("9")))
    assert isinstance(changed, OrderChanged)
    list(audit.check(before.state, changed))
    told = list(audit.check(before.state, wrong))
    assert [line[:4] for line in told] == ["I-15", "I-15"]


def test_a_reservation_too_small_is_found(floor: Any, floor_class: Any) -> None:
    """In cash and on margin."""
    order = floor.order("10", "100")
    floor.desk.state.orders[order.order_id].reserved_cash -= 1
    assert any("I-07" in line for line in floor.desk.check_invariants())
    other = floor_class(flags=AssetFlag.SHORTABLE)
    choose(other, account_kind=AccountKind.MARGIN)
    order = other.order("10", "100")
    other.desk.state.orders[order.order_id].reserved_cash = m("499")
    assert any("I-07" in line for line in other.desk.check_invariants())
