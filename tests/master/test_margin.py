"""A portfolio that may borrow, over the wire and through restarts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from papertrader.core.instants import SECOND
from papertrader.core.money import parse_amount
from papertrader.core.orders import Side
from papertrader.core.quotes import QuoteFlag
from papertrader.core.terms import AccountKind, FeeModelKind, PortfolioTerms, TermsFlag
from papertrader.master.termrecords import terms_block
from papertrader.wire import messages as m
from papertrader.wire.kinds import Status, TxKind
from tests.master.test_assets import at
from tests.master_kit import START, MasterClient, MasterKit

SHORT = int(Side.SELL_SHORT)


def choose(client: MasterClient, **terms: Any) -> None:
    """Give the first portfolio its terms."""
    client.seq += 1
    wish = terms_block(m.PortfolioTermsSet, PortfolioTerms(**terms))
    assert client.ask(wish, seq=client.seq).status == 0


def portfolio(client: MasterClient) -> m.PortfolioPart:
    """The portfolio as it is shown."""
    shown: m.PortfolioPart = client.ask(m.PortfolioGet()).message
    return shown


def kinds(client: MasterClient) -> list[int]:
    """The kinds of all transactions."""
    parts = client.ask_all(m.TransactionsGet())
    return [row.kind for part in parts for row in part.message.transactions]


@pytest.mark.clause("13.31")
def test_a_short_sale_is_shown_charged_and_recovered(kit: MasterKit, ann: MasterClient) -> None:
    """Sold short, margin in the reply; a day later the fee for the shares is paid."""
    stamps = {"source_time": START + SECOND, "flags": QuoteFlag.REPLAYED}
    choose(ann, account_kind=AccountKind.MARGIN)
    kit.quote("IBM", "190.00", "190.01", **stamps)
    answer = ann.order("IBM", "10", side=SHORT)
    assert answer.status == 0
    assert answer.message.reserved_cash == parse_amount("978.5515")
    kit.quote("IBM", "190.00", "190.01", **stamps)
    shown = portfolio(ann)
    assert shown.positions[0].quantity == parse_amount("-10")
    # What buying it back would cost.
    assert shown.positions[0].mark == parse_amount("190.01")
    assert shown.margin[0].short_value < 0
    assert shown.margin[0].called_at == 0
    assert shown.plan == ()
    assert kinds(ann) == [TxKind.DEPOSIT, TxKind.SHORT]
    # A day of the replay, which runs sixty times as fast as the clock.
    kit.turn(420.0)
    assert TxKind.BORROW in kinds(ann)
    shown = portfolio(ann)
    assert shown.earnings[0].borrow < 0
    before = kit.main.transactions.desk.state_hash()
    kit.crash()
    assert kit.main.transactions.desk.state_hash() == before


@pytest.mark.clause("13.29", "13.30")
def test_fees_and_settlement_are_shown_and_recovered(kit: MasterKit, ann: MasterClient) -> None:
    """Each fee in its line; what a sale brought has not settled, and cannot be taken out."""
    choose(
        ann,
        fee_model=FeeModelKind.PERCENT,
        fee_rate=parse_amount("0.001"),
        flags=int(TermsFlag.DELAYED_SETTLEMENT | TermsFlag.REGULATORY_FEES),
    )
    kit.quote("IBM", "190.00", "190.00")
    assert ann.order("IBM", "10").status == 0
    kit.quote("IBM", "190.00", "190.00")
    assert ann.order("IBM", "10", side=int(Side.SELL)).status == 0
    kit.quote("IBM", "190.00", "190.00")
    details = [row for part in ann.ask_all(m.TransactionsGet()) for row in part.message.details]
    sale = details[-1]
    assert (sale.commission, sale.taf_fee) == (parse_amount("1.9"), parse_amount("0.01"))
    assert sale.settles_at > 0
    row = portfolio(ann).earnings[0]
    assert row.fees == 2 * parse_amount("1.9") + sale.sec_fee + sale.taf_fee
    assert (
        row.unsettled_cash == parse_amount("1900") - sale.commission - sale.sec_fee - sale.taf_fee
    )
    ann.seq += 1
    refused = ann.ask(m.PortfolioCash(amount=parse_amount("-99000")), seq=ann.seq)
    assert refused.status == Status.INSUFFICIENT_CASH
    before = kit.main.transactions.desk.state_hash()
    kit.crash()
    assert kit.main.transactions.desk.state_hash() == before


def test_a_preview_shows_the_fees(kit: MasterKit, ann: MasterClient) -> None:
    """What comes on top of the cost."""
    choose(ann, fee_model=FeeModelKind.PERCENT, fee_rate=parse_amount("0.001"))
    kit.quote("IBM", "190.00", "190.00")
    shown = ann.ask(
        m.OrderNew(client_order_id=9, symbol="IBM", quantity=parse_amount("10"), flags=2)
    )
    assert shown.status == 0
    assert shown.message.preview[0].fees == parse_amount("1.9")


@pytest.mark.clause("13.31")
def test_what_cannot_be_borne_is_refused(kit: MasterKit, ann: MasterClient) -> None:
    """INSUFFICIENT_MARGIN, with the figures."""
    choose(ann, account_kind=AccountKind.MARGIN)
    kit.quote("IBM", "190.00", "190.00")
    refused = ann.order("IBM", "2000")
    assert refused.status == Status.INSUFFICIENT_MARGIN
    assert "in margin, available 100,000.00" in refused.message.text


@pytest.mark.clause("13.32")
def test_a_margin_call_is_shown_then_carried_out(kit: MasterKit, ann: MasterClient) -> None:
    """After the close with its plan; an hour after the next opening the master sells by itself.

    Whoever would cancel or replace that order is refused, and shown it as it stands.
    """
    kit.quote("IBM", "190.00", "190.00", source_time=START, flags=QuoteFlag.REPLAYED)
    choose(ann, account_kind=AccountKind.MARGIN)
    assert ann.order("IBM", "1000").status == 0
    kit.quote("IBM", "190.00", "190.00", source_time=START, flags=QuoteFlag.REPLAYED)
    kit.quote("IBM", "125.00", "125.00", source_time=START, flags=QuoteFlag.REPLAYED)
    shown = portfolio(ann)
    assert shown.margin[0].shortfall > 0
    assert shown.margin[0].called_at == 0
    kit.turn(375.0)
    shown = portfolio(ann)
    assert 0 < shown.margin[0].called_at < shown.margin[0].due_at
    assert [row.symbol for row in shown.plan] == ["IBM"]
    assert shown.plan[0].quantity < 0
    orders = ann.ask_all(m.OrderList(states=0xFFFF))
    assert len([row for part in orders for row in part.message.orders]) == 1
    for _ in range(900):
        # Step by step, to meet the order before it meets a quote.
        kit.turn(0.1)
        resting = ann.ask(m.OrderList()).message.orders
        if resting:
            break
    (forced,) = resting
    assert forced.client_order_id > 1 << 63
    assert (forced.side, forced.symbol) == (int(Side.SELL), "IBM")
    cancel = m.OrderCancel(order=forced.order)
    replace = m.OrderReplace(order=forced.order, client_order_id=77, quantity=parse_amount("1"))
    for command in (cancel, replace):
        ann.seq += 1
        refused = ann.ask(command, seq=ann.seq)
        assert refused.status == Status.INSUFFICIENT_MARGIN
        assert (refused.message.order, refused.message.state) == (forced.order, forced.state)


COIN_MARKET = {
    "COIN.csv": "Date,Open,High,Low,Close,Volume\n2012-01-03,50,51,49,50,1000\n"
    "2012-01-04,50,51,49,50,1000\n",
    "HOME.csv": "Date,Open,High,Low,Close,Volume\n2012-01-03,40,41,39,40,1000000\n"
    "2012-01-04,40,41,39,40,1000000\n",
    "assets.csv": "symbol,name,kind,calendar,currency\nCOIN,A coin,crypto,24/7,USD\n"
    "HOME,At home,stock,XNYS,USD\n",
}


@pytest.mark.clause("13.31", "13.32")
@pytest.mark.parametrize("marked", [False, True])
def test_coins_are_asked_for_in_full(tmp_path: Path, marked: bool) -> None:
    """Bought without credit, not sold short; the journal alone decides the same, calls as well."""
    data = tmp_path / "market"
    data.mkdir()
    for name, text in COIN_MARKET.items():
        (data / name).write_text(text)
    (tmp_path / "state").mkdir()
    kit = MasterKit(tmp_path / "state", start=at("2012-01-03 15:30"), data=data)
    ann = kit.client()
    ann.register()
    ann.login()
    flags = int(TermsFlag.MARK_TO_MARKET) if marked else 0
    choose(ann, account_kind=AccountKind.MARGIN, flags=flags)
    stamps = {"source_time": at("2012-01-03 15:31"), "flags": QuoteFlag.REPLAYED}
    for symbol, price in (("COIN", "50"), ("HOME", "40")):
        kit.quote(symbol, price, price, **stamps)
    assert ann.order("COIN", "1", side=SHORT).status == Status.SHORT_NOT_ALLOWED
    refused = ann.order("COIN", "2001", order_type=2, limit_price=parse_amount("50"))
    assert refused.status == Status.INSUFFICIENT_MARGIN
    bought = ann.order("COIN", "1200", order_type=2, limit_price=parse_amount("50"))
    assert bought.message.reserved_cash == parse_amount("60000")
    bought = ann.order("HOME", "1900", order_type=2, limit_price=parse_amount("40"))
    assert bought.message.reserved_cash == parse_amount("38000")
    for symbol, price in (("COIN", "50"), ("HOME", "40")):
        kit.quote(symbol, price, price, **stamps)
    (row,) = portfolio(ann).margin
    assert row.initial == parse_amount("98000")
    assert row.maintenance == parse_amount("82800")
    assert row.available == parse_amount("2000")
    kit.quote("COIN", "10", "10", **stamps)
    assert portfolio(ann).margin[0].shortfall == 0
    kit.quote("HOME", "22", "22", **stamps)
    assert portfolio(ann).margin[0].shortfall == parse_amount("6740")
    kit.turn(400.0)
    assert portfolio(ann).margin[0].called_at > 0
    kit.crash()
    kit.check()
