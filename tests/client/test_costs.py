"""The table of costs: its lines add up to what the transactions earned, to the last unit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs

from papertrader.client.costs import cost_table
from papertrader.client.results import Receipt, Transaction
from papertrader.core.ledger import TransactionKind


def transaction(number: int, kind: TransactionKind, **fields: Any) -> Transaction:
    """A transaction with figures as text."""
    usual: dict[str, Any] = dict.fromkeys(
        ("quantity", "amount", "fees", "cash_after", "realized"), Decimal(0)
    )
    given = {name: Decimal(value) for name, value in fields.items()}
    return Transaction(
        transaction=number, portfolio=1, kind=kind, currency="USD", symbol="ACME", price=None,
        order_id=number, fill=1, received_at=None, executed_at=None, quote_seq=1,
        **(usual | given),
    )  # fmt: skip


def receipt(spread: str, slippage: str) -> Receipt:
    """A receipt of which only the costs matter."""
    nothing: dict[str, Any] = dict.fromkeys(
        field.name
        for field in Receipt.__attrs_attrs__  # type: ignore[attr-defined]
    )
    costs = {"spread_cost": Decimal(spread), "slippage": Decimal(slippage)}
    return Receipt(**(nothing | costs))


def test_the_lines_add_up() -> None:
    """Buy, sell with fees of all kinds, a dividend, interest and a borrow fee; a converted sale."""
    rows = [
        transaction(1, TransactionKind.DEPOSIT, amount="1000"),
        transaction(2, TransactionKind.BUY, amount="-100.01", fees="0.01"),
        transaction(
            3, TransactionKind.SELL, amount="109.95", fees="0.05", realized="10",
            sec_fee="0.01", taf_fee="0.02",
        ),
        transaction(4, TransactionKind.DIVIDEND, amount="1.5"),
        transaction(5, TransactionKind.INTEREST, amount="-0.25"),
        transaction(6, TransactionKind.BORROW, amount="-0.125"),
        transaction(7, TransactionKind.SELL, amount="3", realized="3", rate="1.12345678"),
    ]  # fmt: skip
    receipts = {2: receipt("0.5", "0.1"), 3: receipt("0.4", "0"), 7: receipt("0.33333333", "0")}
    found = cost_table(rows, receipts)
    assert (found.spread, found.slippage) == (Decimal("-1.27448559"), Decimal("-0.1"))
    assert (found.commission, found.regulatory) == (Decimal("-0.03"), Decimal("-0.03"))
    assert (found.dividends, found.interest, found.borrow) == (
        Decimal("1.5"), Decimal("-0.25"), Decimal("-0.125"),
    )  # fmt: skip
    assert found.price == Decimal("14.37448559")
    assert found.total == Decimal("14.065")
    assert sum(amount for _, amount in found.lines) == found.total


def test_what_is_of_open_positions() -> None:
    """By average like their cost: through parts, zero, a split, a change of symbol and a reset."""

    def still(rows: list[Transaction], earlier: list[Transaction] | None = None) -> list[str]:
        paid = {each.transaction: receipt("1", "0.5") for each in rows}
        found = cost_table(rows, paid, earlier or [])
        return [str(amount.normalize()) for _, amount in found.open_lines]

    buy = transaction(1, TransactionKind.BUY, quantity="10", fees="0.2")
    assert still([buy]) == ["-1", "-0.5", "-0.2"]
    sell = transaction(2, TransactionKind.SELL, quantity="4", fees="0.2")
    assert still([buy, sell]) == ["-0.6", "-0.3", "-0.12"]
    split = transaction(3, TransactionKind.SPLIT, quantity="6")
    rest = transaction(4, TransactionKind.SELL, quantity="3")
    assert still([buy, sell, split, rest]) == ["-0.45", "-0.225", "-0.09"]
    flip = transaction(5, TransactionKind.SELL, quantity="12", fees="0.2")
    assert still([buy, sell, flip]) == ["-0.5", "-0.25", "-0.1"]
    left = transaction(6, TransactionKind.SYMBOL_CHANGE, quantity="-10")
    come = attrs.evolve(left, transaction=7, symbol="NEW", quantity=Decimal(10))
    assert still([buy, left, come]) == ["-1", "-0.5", "-0.2"]
    assert still([buy, transaction(8, TransactionKind.RESET, quantity="10")]) == []
    assert still([sell], [buy]) == []
    assert still([transaction(9, TransactionKind.BUY, quantity="1")], [buy]) == ["-1", "-0.5"]
