"""Assets in another currency at the master: a market of files, the day's rate, the journal."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from papertrader.core.instants import DAY, MINUTE, from_datetime
from papertrader.core.marketclock import ClockField
from papertrader.core.money import NULL, SCALE, parse_amount
from papertrader.core.orders import OrderState, TimeInForce
from papertrader.core.quotes import QuoteFlag, QuoteProvider
from papertrader.core.terms import AccountKind
from papertrader.master.providers.base import load_rates
from papertrader.wire import messages as m
from papertrader.wire.kinds import Status
from tests.master.test_assets import at, go_to
from tests.master.test_margin import choose
from tests.master_kit import MasterClient, MasterKit

PRICES = """Date,Open,High,Low,Close,Volume
2012-01-03,40.00,40.50,39.90,40.20,1000000
2012-01-04,40.20,40.40,40.10,40.30,1200000
2012-01-05,40.30,40.60,40.00,40.50,900000
"""
ASSETS = """symbol,name,kind,calendar,currency
SAPX,Software of Walldorf,stock,XETR,EUR
HOME,At home,stock,XNYS,USD
"""
ACTIONS = "symbol,ex_date,kind,value\nSAPX,2012-01-05,cash_dividend,0.333\n"
RATE = parse_amount("1.3014")
"""Dollars for a euro on 2012-01-03, published that afternoon."""


def write_market(place: Path) -> Path:
    """Write the files of a market with one asset in euros and one in dollars."""
    data = place / "market"
    data.mkdir()
    for symbol in ("SAPX", "HOME"):
        (data / f"{symbol}.csv").write_text(PRICES)
    (data / "assets.csv").write_text(ASSETS)
    (data / "actions.csv").write_text(ACTIONS)
    return data


def begin(tmp_path: Path, start: str, currency: str = "USD") -> MasterKit:
    """Begin a master on that market."""
    state = tmp_path / "state"
    state.mkdir()
    return MasterKit(state, currency=currency, start=at(start), data=write_market(tmp_path))


@pytest.fixture
def kit(tmp_path: Path) -> MasterKit:
    """Give a master on the first afternoon."""
    return begin(tmp_path, "2012-01-03 15:30")


def trader(kit: MasterKit) -> MasterClient:
    """Give a client that is logged in."""
    ann = kit.client()
    ann.register()
    ann.login()
    return ann


def transactions(ann: MasterClient) -> list[tuple[m.TransactionRow, m.TransactionDetailRow]]:
    """Return all transactions with their details, in order."""
    rows: list[tuple[m.TransactionRow, m.TransactionDetailRow]] = []
    for part in ann.ask_all(m.TransactionsGet()):
        details = {row.transaction: row for row in part.message.details}
        rows += [(row, details[row.transaction]) for row in part.message.transactions
                 if row.symbol]  # fmt: skip
    return sorted(rows, key=lambda row: row[0].transaction)


def positions(ann: MasterClient) -> list[m.PositionRow]:
    """Return what is held."""
    return list(ann.ask(m.PortfolioGet()).message.positions)


def test_a_trade_in_euros_is_told_in_dollars(kit: MasterKit) -> None:
    """Clause 13.38: the rate of the day converts; worth, curve and journal agree with it."""
    ann = trader(kit)
    kit.turn(1.0)
    assert ann.order("SAPX", "10").status == 0
    kit.turn(2.0)
    (bought, detail) = transactions(ann)[0]
    assert (detail.rate, detail.asset_currency, bought.currency) == (RATE, "EUR", "USD")
    cost = -(-bought.price * 10 * RATE // SCALE)
    assert bought.amount == -cost
    assert bought.cash_after == 100_000 * SCALE - cost
    (held,) = positions(ann)
    assert held.cost_basis == cost
    assert NULL < held.market_value < cost
    assert held.mark > bought.price
    found = ann.ask(m.PortfolioGet()).message
    assert found.equity == found.cash + held.market_value
    parts = ann.ask_all(m.EquityGet(interval_s=86_400))
    last = [row for part in parts for row in part.message.equity][-1]
    assert abs(last.equity - found.equity) < 10 * SCALE
    kit.crash()
    again = trader_again(kit)
    assert positions(again)[0].cost_basis == cost
    assert again.order("SAPX", "10", side=2, client_order_id=99).status == 0
    kit.turn(2.0)
    (sold, detail) = transactions(again)[-1]
    assert sold.amount == sold.price * 10 * detail.rate // SCALE
    assert sold.realized == sold.amount - cost
    kit.check()


def trader_again(kit: MasterKit) -> MasterClient:
    """Give the same client after a restart of the master."""
    ann = kit.client()
    ann.login()
    kit.turn(1.0)
    return ann


def test_a_dividend_in_euros_is_paid_in_dollars(tmp_path: Path) -> None:
    """Converted at the newest rate published then, and rounded to a cent once."""
    kit = begin(tmp_path, "2012-01-04 15:30")
    ann = trader(kit)
    kit.turn(1.0)
    assert ann.order("SAPX", "10").status == 0
    kit.turn(2.0)
    go_to(kit, "2012-01-05 09:00")
    (paid, detail) = transactions(ann)[-1]
    rate = load_rates().rate("EUR", "USD", at("2012-01-05 08:00"))
    assert rate is not None
    assert detail.rate == rate.bid == parse_amount("1.2948")
    assert (paid.price, paid.amount) == (parse_amount("0.333"), parse_amount("4.31"))
    kit.check()


def test_what_is_reserved_is_one_percent_more(kit: MasterKit) -> None:
    """A limit order shows its reservation in dollars, and the currency of its prices."""
    ann = trader(kit)
    kit.turn(1.0)
    limit = parse_amount("30")
    order = ann.order("SAPX", "10", order_type=2, limit_price=limit, time_in_force=2).message
    rate = -(-RATE * 10_100 // 10_000)
    assert order.reserved_cash == limit * 10 * rate // SCALE
    assert order.order_terms[0].currency == "EUR"
    assert ann.order("HOME", "10", order_type=2, limit_price=limit).message.order_terms == ()
    kit.check()


def test_margin_stays_at_home(kit: MasterKit) -> None:
    """Clause 13.38: a margin portfolio is refused what trades in another currency."""
    ann = trader(kit)
    kit.turn(1.0)
    choose(ann, account_kind=AccountKind.MARGIN)
    refused = ann.order("SAPX", "10")
    assert refused.status == Status.NO_SUCH_SYMBOL
    assert refused.message.text == (
        "SAPX trades in EUR, and a margin portfolio trades only in its own currency, USD; use a"
        " cash portfolio of your own."
    )
    kit.check()


def test_the_table_that_comes_with_the_package() -> None:
    """It rises, has known figures, bridges holidays, and its last day counts behind its end."""
    table = load_rates()
    assert len(table.lines) == 7_126
    christmas = table.rate("EUR", "USD", at("2011-12-26 12:00"))
    friday = table.rate("EUR", "USD", at("2011-12-23 15:00"))
    assert christmas == friday
    assert table.rate("EUR", "USD", at("1999-01-04 14:59")) is None
    first = table.rate("EUR", "USD", at("1999-01-04 15:00"))
    assert first is not None
    assert first.bid == first.ask == parse_amount("1.1789")
    after = table.rate("USD", "GBP", at("2027-06-01 12:00"))
    assert after is not None
    assert after.bid + 1 == after.ask
    assert after.source_time < at("2026-10-31 00:00") < after.source_time + 2 * DAY
    assert table.rate("CNY", "USD", at("2000-01-10 12:00")) is None
    assert table.rate("XAU", "USD", at("2012-01-10 12:00")) is None


def test_what_the_central_bank_publishes_is_added(kit: MasterKit) -> None:
    """The provider's quote is the rate from then on; no other's, and never over a known day."""
    rates = kit.main.transactions.desk.rates
    last = load_rates()
    day = from_datetime(datetime.fromisoformat(f"{last.lines[-1][:10]}T14:00:00Z")) + DAY
    before = rates.peek("EUR", "USD", day + DAY)
    assert before is not None

    def published(provider: QuoteProvider, price: str, when: int, **fields: Any) -> int:
        flags = {"flags": QuoteFlag.STALE} | fields
        kit.quote("EUR/USD", price, price, source_time=when, provider=int(provider), **flags)
        found = rates.peek("EUR", "USD", day + DAY)
        assert found is not None
        return found.bid

    assert published(QuoteProvider.TWELVEDATA, "1.99", day) == before.bid
    assert published(QuoteProvider.ECB, "1.99", day, flags=QuoteFlag.SUSPECT) == before.bid
    assert published(QuoteProvider.ECB, "1.99", day - 2 * DAY) == before.bid
    assert published(QuoteProvider.ECB, "1.2345", day) == parse_amount("1.2345")
    assert published(QuoteProvider.ECB, "1.99", day) == parse_amount("1.2345")
    assert rates.peek("EUR", "USD", day) == before
    assert rates.peek("JPY", "USD", day + DAY) == last.rate("JPY", "USD", day + DAY)
    assert len(rates.table.lines) == len(last.lines) + 1
    kit.check()


def test_a_step_over_the_close_of_another_exchange_meets_its_last_quote(kit: MasterKit) -> None:
    """Frankfurt closes at 16:30 UTC, when New York goes on: its day's last price is what counts."""
    ann = trader(kit)
    kit.turn(1.0)
    order = ann.order("SAPX", "1", time_in_force=TimeInForce.CLS).message
    assert order.expire_at == at("2012-01-03 16:30")
    ann.seq += 1
    step = m.ClockSet(fields=ClockField.STEP, step=120 * MINUTE)
    assert ann.ask(step, seq=ann.seq).status == 0
    kit.turn(0.25)
    found = ann.ask(m.OrderGet(order=order.order)).message
    assert found.state == OrderState.FILLED
    (receipt,) = ann.ask(m.ReceiptGet(order=order.order)).message.receipts
    assert at("2012-01-03 16:29") <= receipt.source_time < at("2012-01-03 16:30")
    assert receipt.last == parse_amount("40.20"), "the price at which the day closed"
    kit.check()


def test_an_installation_in_euros(tmp_path: Path) -> None:
    """Accounts and contests are in the setting's currency; an account that there is keeps its own,
    and so do the portfolios that it opens, when the setting changes."""
    kit = begin(tmp_path, "2012-01-03 15:30", "EUR")
    ann = trader(kit)
    kit.turn(1.0)
    assert ann.order("SAPX", "10").status == ann.order("HOME", "10").status == 0
    kit.turn(2.0)
    home, sapx = sorted(transactions(ann), key=lambda row: row[0].symbol)
    assert {row.currency for row, _ in (home, sapx)} == {"EUR"}
    assert (sapx[1].rate, sapx[0].amount) == (NULL, -10 * sapx[0].price)
    # A buyer of dollars pays the rate's other side, rounded up.
    rate = -(-SCALE * SCALE // RATE)
    assert (home[1].rate, home[1].asset_currency) == (rate, "USD")
    assert -home[0].amount == -(-home[0].price * 10 * rate // SCALE)
    kit.currency = "JPY"
    kit.crash()
    ann.resume()
    ann.seq = 10
    made = ann.ask(m.PortfolioCreate(name="more"), seq=11)
    assert made.status == 0
    assert ann.ask(m.PortfolioGet(portfolio=made.message.portfolio)).message.currency == "EUR"
    bob = kit.client(connection=2)
    refused = bob.ask(m.Register(username="bob", password="a good password", currency="EUR"))
    assert refused.status == Status.INVALID_FIELD
    bob.register("bob")
    bob.login("bob")
    assert bob.ask(m.AccountGet()).message.currency == "JPY"
    kit.check()
