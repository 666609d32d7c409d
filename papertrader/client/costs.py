"""Costs: what a portfolio earned and paid, in one table whose lines add up to the last unit.

Made of the ledger's transactions and of the receipts of their fills, both of which anyone who may
read them can compute again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

import attrs

from papertrader.client.results import Receipt, Transaction
from papertrader.core.ledger import TransactionKind

_UNIT: Final = Decimal("0.00000001")


@attrs.frozen(kw_only=True)
class CostTable:
    """Money of the portfolio's currency; what was paid is less than 0.

    ``price`` is what prices alone would have brought, had every fill been at the middle of its
    quote: what was realized on average cost, without ``spread`` and ``slippage``. ``total`` is
    what the transactions earned in all, positions that are open not counted.
    """

    price: Decimal
    spread: Decimal
    slippage: Decimal
    commission: Decimal
    regulatory: Decimal
    borrow: Decimal
    interest: Decimal
    dividends: Decimal
    total: Decimal

    @property
    def lines(self) -> tuple[tuple[str, Decimal], ...]:
        """The lines in their order; their sum is the total."""
        return (
            ("prices, at the middle", self.price),
            ("spread", self.spread),
            ("slippage", self.slippage),
            ("commission", self.commission),
            ("regulators' fees", self.regulatory),
            ("borrowed shares", self.borrow),
            ("interest", self.interest),
            ("dividends", self.dividends),
        )


def cost_table(transactions: Iterable[Transaction], receipts: Mapping[int, Receipt]) -> CostTable:
    """Attribute what some transactions earned; ``receipts`` are of their fills, by transaction.

    What a fill in another currency cost is converted at the transaction's rate, to a unit.
    """
    sums = dict.fromkeys(("realized", "spread", "slippage", "commission", "regulatory"), Decimal(0))
    by_kind: dict[int, Decimal] = {}
    total = Decimal(0)
    for each in transactions:
        sums["realized"] += each.realized
        sums["commission"] -= each.fees - each.sec_fee - each.taf_fee
        sums["regulatory"] -= each.sec_fee + each.taf_fee
        total += each.realized - each.fees
        if each.kind in _PAID:
            by_kind[int(each.kind)] = by_kind.get(int(each.kind), Decimal(0)) + each.amount
            total += each.amount
        receipt = receipts.get(each.transaction)
        if receipt is not None:
            sums["spread"] -= _converted(receipt.spread_cost, each.rate)
            sums["slippage"] -= _converted(receipt.slippage, each.rate)
    return CostTable(
        price=sums["realized"] - sums["spread"] - sums["slippage"],
        spread=sums["spread"],
        slippage=sums["slippage"],
        commission=sums["commission"],
        regulatory=sums["regulatory"],
        borrow=by_kind.get(int(TransactionKind.BORROW), Decimal(0)),
        interest=by_kind.get(int(TransactionKind.INTEREST), Decimal(0)),
        dividends=by_kind.get(int(TransactionKind.DIVIDEND), Decimal(0)),
        total=total,
    )


_PAID: Final = frozenset(
    {
        int(TransactionKind.BORROW),
        int(TransactionKind.INTEREST),
        int(TransactionKind.DIVIDEND),
    }
)


def _converted(amount: Decimal, rate: Decimal | None) -> Decimal:
    if rate is None:
        return amount
    return (amount * rate).quantize(_UNIT, ROUND_HALF_EVEN)
