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
_NOTHING: Final = Decimal(0)


@attrs.frozen(kw_only=True)
class CostTable:
    """Money of the portfolio's currency; what was paid is less than 0.

    ``price`` is what prices alone would have brought, had every fill been at the middle of its
    quote: what was realized on average cost, without ``spread`` and ``slippage``. ``total`` is
    what the transactions earned in all, positions that are open not counted.

    What was paid to open a position is in the lines at once, what its price brings when it is
    closed. ``open_spread``, ``open_slippage`` and ``open_commission`` tell how much of those lines
    is of positions that are still open, by average like their cost; they are no further lines.
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
    open_spread: Decimal = _NOTHING
    open_slippage: Decimal = _NOTHING
    open_commission: Decimal = _NOTHING

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

    @property
    def open_lines(self) -> tuple[tuple[str, Decimal], ...]:
        """How much of some lines is of open positions; empty if nothing is."""
        lines = (
            ("spread", self.open_spread),
            ("slippage", self.open_slippage),
            ("commission", self.open_commission),
        )
        return tuple(line for line in lines if line[1])


@attrs.define
class _Opened:
    """A position as its transactions tell it: what is held, and what opening it has cost."""

    held: Decimal = _NOTHING
    costs: tuple[Decimal, ...] = (_NOTHING, _NOTHING, _NOTHING)

    def trade(self, moved: Decimal, paid: tuple[Decimal, ...]) -> None:
        """Count a trade of ``moved`` (less than 0: sold), which cost ``paid`` line by line."""
        before, self.held = self.held, self.held + moved
        kept, opening = Decimal(1), Decimal(1)
        if before * moved < 0:
            closed = min(abs(before), abs(moved))
            kept, opening = 1 - closed / abs(before), 1 - closed / abs(moved)
        lines = zip(self.costs, paid, strict=True)
        self.costs = tuple(had * kept + new * opening for had, new in lines)


def cost_table(
    transactions: Iterable[Transaction],
    receipts: Mapping[int, Receipt],
    earlier: Iterable[Transaction] = (),
) -> CostTable:
    """Attribute what some transactions earned; ``receipts`` are of their fills, by transaction.

    What a fill in another currency cost is converted at the transaction's rate, to a unit.
    ``earlier`` are the portfolio's transactions before: of them only counts what they left open.
    """
    opened: dict[str, _Opened] = {}
    for each in earlier:
        _open(opened, each, (_NOTHING,) * 3)
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
        spread = slippage = _NOTHING
        if receipt is not None:
            spread = -_converted(receipt.spread_cost, each.rate)
            slippage = -_converted(receipt.slippage, each.rate)
            sums["spread"] += spread
            sums["slippage"] += slippage
        _open(opened, each, (spread, slippage, each.sec_fee + each.taf_fee - each.fees))
    left = [each.costs for each in opened.values() if each.held]
    still = [sum(line, _NOTHING).quantize(_UNIT) for line in zip(*left, strict=True)]
    still = still or [_NOTHING] * 3
    return CostTable(
        open_spread=still[0],
        open_slippage=still[1],
        open_commission=still[2],
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


_BOUGHT: Final = frozenset({int(TransactionKind.BUY), int(TransactionKind.COVER)})
_SOLD: Final = frozenset({int(TransactionKind.SELL), int(TransactionKind.SHORT)})
_CLOSED: Final = frozenset({int(TransactionKind.RESET), int(TransactionKind.DELISTING)})
"""Kinds after which nothing is held of the transaction's symbol."""
_LEFT: Final = ""
"""Under it stands what has just left its old symbol, until the next transaction gives the new."""


def _open(opened: dict[str, _Opened], each: Transaction, paid: tuple[Decimal, ...]) -> None:
    """Count one transaction in the positions that it moves."""
    if not each.symbol:
        return
    position = opened.setdefault(each.symbol, _Opened())
    if each.kind in _BOUGHT or each.kind in _SOLD:
        position.trade(each.quantity if each.kind in _BOUGHT else -each.quantity, paid)
    elif each.kind == TransactionKind.SPLIT:
        position.held += each.quantity
    elif each.kind in _CLOSED:
        opened[each.symbol] = _Opened()
    elif each.kind == TransactionKind.SYMBOL_CHANGE:
        position.held += each.quantity
        if position.held:
            position.costs = opened.pop(_LEFT, position).costs
        else:
            opened[_LEFT] = opened.pop(each.symbol)


def _converted(amount: Decimal, rate: Decimal | None) -> Decimal:
    if rate is None:
        return amount
    return (amount * rate).quantize(_UNIT, ROUND_HALF_EVEN)
