"""The ledger: nothing moves unless both sides are written."""

from __future__ import annotations

import pytest

from papertrader.core.ledger import (
    CORPORATE,
    EQUITY,
    FEES,
    MARKET,
    ROUNDING,
    Entry,
    InvariantViolated,
    Ledger,
    LedgerAccount,
    LedgerKind,
    trade_entries,
    transfer_entries,
)

CASH = LedgerAccount(LedgerKind.CASH, 1)
POSITION = LedgerAccount(LedgerKind.POSITION, 1)


def test_unbalanced_entries_are_not_posted() -> None:
    """One asset off by one unit: the whole transaction raises, and no balance has moved (I-01)."""
    ledger = Ledger()
    entries = [Entry(CASH, "$USD", 5), Entry(EQUITY, "$USD", -5), Entry(POSITION, "ACME", 1)]
    with pytest.raises(InvariantViolated, match="ACME"):
        ledger.post(entries)
    assert list(ledger.balances()) == []
    assert ledger.balance(CASH, "$USD") == 0


def test_a_trade_with_a_fee_and_a_rounded_unit() -> None:
    """The fee and the unit that was rounded off go to accounts of their own."""
    ledger = Ledger()
    ledger.post(
        trade_entries(
            cash=CASH,
            position=POSITION,
            symbol="ACME",
            currency="USD",
            quantity=3,
            gross=-1001,
            market=1000,
            fees=7,
        )
    )
    assert {(each.kind, asset): amount for each, asset, amount in ledger.balances()} == {
        (LedgerKind.CASH, "$USD"): -1008,
        (MARKET.kind, "$USD"): 1000,
        (FEES.kind, "$USD"): 7,
        (ROUNDING.kind, "$USD"): 1,
        (LedgerKind.POSITION, "ACME"): 3,
        (MARKET.kind, "ACME"): -3,
    }


def test_a_trade_without_either_writes_four_entries() -> None:
    """No entry of zero is written."""
    entries = trade_entries(
        cash=CASH,
        position=POSITION,
        symbol="ACME",
        currency="USD",
        quantity=-3,
        gross=1000,
        market=-1000,
    )
    assert len(entries) == 4


def test_a_transfer_moves_cash_or_shares_or_both() -> None:
    """A deposit moves cash alone; a split may move both."""
    deposit = transfer_entries(
        source=EQUITY, cash=CASH, position=POSITION, currency="USD", amount=5
    )
    assert deposit == (Entry(CASH, "$USD", 5), Entry(EQUITY, "$USD", -5))
    shares = transfer_entries(
        source=CORPORATE,
        cash=CASH,
        position=POSITION,
        currency="USD",
        amount=0,
        symbol="ACME",
        quantity=2,
    )
    assert shares == (Entry(POSITION, "ACME", 2), Entry(CORPORATE, "ACME", -2))
