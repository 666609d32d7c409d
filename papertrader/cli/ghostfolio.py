"""What Ghostfolio imports: its activities, made of a portfolio's transactions.

All money is in the portfolio's currency, so that what Ghostfolio adds up is what the ledger says;
what it holds in the end is what the portfolio holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Final

import attrs

from papertrader.client import results as r
from papertrader.wire.kinds import TxKind

_NOTHING: Final = Decimal(0)
_LEFT: Final = ""
"""Under it stands what has just left its old symbol, until the next transaction gives the new."""
_TRADES: Final = {
    TxKind.BUY: "BUY", TxKind.COVER: "BUY", TxKind.SELL: "SELL", TxKind.SHORT: "SELL",
}  # fmt: skip
_CLOSED: Final = frozenset({TxKind.DELISTING, TxKind.RESET})
"""Kinds that close a position where they name a symbol; the quantity is what was held."""
_EARNED: Final = {
    TxKind.DIVIDEND: "DIVIDEND", TxKind.INTEREST: "INTEREST", TxKind.BORROW: "INTEREST",
}  # fmt: skip
"""Kinds of money alone. Less than 0, as a short position's dividend is, it is a FEE."""


@attrs.define
class _Held:
    """A position as its transactions tell it; ``paid`` is the cost of what is held."""

    quantity: Decimal = _NOTHING
    paid: Decimal = _NOTHING


def activities_of(transactions: Iterable[r.Transaction]) -> dict[str, Any]:
    """Return what Ghostfolio's import takes: activities with a manual data source.

    Deposits and the rest of what moves cash alone are none. It has no splits and no changes of a
    symbol: of a split, what came is bought and what went is sold for nothing, and the cash for a
    fraction is a dividend; of a change, the old is sold and the new is bought at what it had cost.
    """
    activities: list[dict[str, Any]] = []
    held: dict[str, _Held] = {}
    for each in transactions:
        activities += _activities(each, held)
    return {"meta": {"version": "papertrader"}, "activities": activities}


def _activities(each: r.Transaction, held: dict[str, _Held]) -> Iterator[dict[str, Any]]:
    kind, gross = each.kind, each.amount + each.fees
    if kind in _EARNED:
        yield _money(each, _EARNED[TxKind(kind)])
        return
    if not each.symbol:
        return
    if kind in _TRADES:
        moved = each.quantity if _TRADES[TxKind(kind)] == "BUY" else -each.quantity
        yield _trade(each, moved, gross)
    elif kind in _CLOSED:
        moved = -each.quantity
        yield _trade(each, moved, gross)
    elif kind == TxKind.SPLIT:
        moved = each.quantity
        if moved:
            yield _trade(each, moved, _NOTHING)
        if each.amount:
            yield _money(each, "DIVIDEND")
    elif kind == TxKind.SYMBOL_CHANGE:
        moved = each.quantity
        gross = held.get(each.symbol, _Held()).paid
        if held.get(each.symbol, _Held()).quantity + moved:
            gross = -held.pop(_LEFT, _Held()).paid
        else:
            held[_LEFT] = _Held(-moved, gross)
        yield _trade(each, moved, gross)
    else:
        return
    position = held.setdefault(each.symbol, _Held())
    position.quantity += moved
    position.paid += each.realized - gross


def _trade(each: r.Transaction, moved: Decimal, gross: Decimal) -> dict[str, Any]:
    """Return a purchase, or a sale where ``moved`` is less than 0, for ``gross`` before fees."""
    quantity = abs(moved)
    return _activity(
        each,
        "BUY" if moved > 0 else "SELL",
        fee=each.fees,
        quantity=quantity,
        price=abs(gross) / quantity,
    )


def _money(each: r.Transaction, kind: str) -> dict[str, Any]:
    """Return what was earned, or paid where it is less than 0."""
    if each.amount < 0:
        return _activity(each, "FEE", fee=-each.amount)
    return _activity(each, kind, price=each.amount)


def _activity(
    each: r.Transaction,
    kind: str,
    *,
    fee: Decimal = _NOTHING,
    quantity: Decimal = Decimal(1),
    price: Decimal = _NOTHING,
) -> dict[str, Any]:
    when = each.market_at or each.executed_at
    return {
        "currency": each.currency,
        "dataSource": "MANUAL",
        "date": when.isoformat() if when is not None else "",
        "fee": float(fee),
        "quantity": float(quantity),
        "symbol": each.symbol or each.currency,
        "type": kind,
        "unitPrice": float(price),
        "comment": f"PaperTrader transaction {each.transaction}",
    }
