"""What Ghostfolio imports: the same holdings, and the same money, as the ledger has."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from papertrader.cli.ghostfolio import activities_of
from papertrader.client.results import Transaction
from papertrader.wire.kinds import TxKind

AT = datetime(2020, 1, 2, 15, 0, tzinfo=UTC)


def made(number: int, kind: TxKind, symbol: str, quantity: str, amount: str, **more: Any) -> Any:
    """A transaction of a portfolio in euros."""
    fields: dict[str, Any] = {
        "price": None,
        "fees": Decimal(0),
        "realized": Decimal(0),
        "cash_after": Decimal(0),
        "order_id": 0,
        "fill": 0,
        "received_at": AT,
        "executed_at": AT,
        "quote_seq": 0,
    }
    fields |= {name: Decimal(text) for name, text in more.items()}
    return Transaction(
        transaction=number, portfolio=1, kind=kind, currency="EUR", symbol=symbol,
        quantity=Decimal(quantity), amount=Decimal(amount), **fields,
    )  # fmt: skip


def told(*transactions: Transaction) -> list[tuple[str, str, float, float, float]]:
    """What each activity says."""
    made = activities_of(transactions)["activities"]
    assert all(each["currency"] == "EUR" for each in made)
    return [
        (each["type"], each["symbol"], each["quantity"], each["unitPrice"], each["fee"])
        for each in made
    ]


def test_a_price_in_another_currency_is_what_was_paid() -> None:
    """98.84 dollars were 88.463259867 euros a share, whatever the price beside it says."""
    bought = made(2, TxKind.BUY, "USDA", "10", "-884.63259867", price="98.84", rate="0.89501477")
    sold = made(3, TxKind.SELL, "USDA", "4", "350.00", price="98", rate="0.9", fees="2.80")
    assert told(bought, sold) == [
        ("BUY", "USDA", 10.0, 88.463259867, 0.0),
        ("SELL", "USDA", 4.0, 88.2, 2.8),
    ]


def test_what_is_paid_is_no_income() -> None:
    """Interest and borrow fees that are charged, and a short position's dividend."""
    assert told(
        made(1, TxKind.DEPOSIT, "", "0", "1000"),
        made(2, TxKind.DIVIDEND, "A", "10", "2.52"),
        made(3, TxKind.DIVIDEND, "A", "-4", "-0.96"),
        made(4, TxKind.INTEREST, "", "0", "-1.25"),
        made(5, TxKind.BORROW, "A", "4", "-0.10"),
    ) == [
        ("DIVIDEND", "A", 1.0, 2.52, 0.0),
        ("FEE", "A", 1.0, 0.0, 0.96),
        ("FEE", "EUR", 1.0, 0.0, 1.25),
        ("FEE", "A", 1.0, 0.0, 0.1),
    ]


def test_splits_changes_of_symbol_and_delistings_leave_what_is_held() -> None:
    """Shares come and go for nothing, or at what they cost; a delisting and a reset sell."""
    assert told(
        made(1, TxKind.BUY, "OLD", "7", "-210"),
        made(2, TxKind.SPLIT, "OLD", "3", "11", realized="1"),
        made(3, TxKind.SYMBOL_CHANGE, "OLD", "-10", "0"),
        made(4, TxKind.SYMBOL_CHANGE, "NEW", "10", "0"),
        made(5, TxKind.SELL, "NEW", "4", "100", realized="20"),
        made(6, TxKind.DELISTING, "NEW", "6", "90", realized="-30"),
        made(7, TxKind.SHORT, "B", "4", "40"),
        made(8, TxKind.SYMBOL_CHANGE, "B", "4", "0"),
        made(9, TxKind.SYMBOL_CHANGE, "C", "-4", "0"),
        made(10, TxKind.RESET, "C", "-4", "-44", realized="-4"),
    ) == [
        ("BUY", "OLD", 7.0, 30.0, 0.0),
        ("BUY", "OLD", 3.0, 0.0, 0.0),
        ("DIVIDEND", "OLD", 1.0, 11.0, 0.0),
        ("SELL", "OLD", 10.0, 20.0, 0.0),
        ("BUY", "NEW", 10.0, 20.0, 0.0),
        ("SELL", "NEW", 4.0, 25.0, 0.0),
        ("SELL", "NEW", 6.0, 15.0, 0.0),
        ("SELL", "B", 4.0, 10.0, 0.0),
        ("BUY", "B", 4.0, 10.0, 0.0),
        ("SELL", "C", 4.0, 10.0, 0.0),
        ("BUY", "C", 4.0, 11.0, 0.0),
    ]
