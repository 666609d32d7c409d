"""Positions: the worked cases of the trading rules, and what must hold for any trades."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from papertrader.core.ledger import (
    EQUITY,
    InvariantViolated,
    Ledger,
    LedgerAccount,
    LedgerKind,
    cash_asset,
    trade_entries,
    transfer_entries,
)
from papertrader.core.money import (
    AMOUNT_MAX,
    NULL,
    SCALE,
    AmountOverflow,
    cost_of,
    parse_amount,
    proceeds_of,
)
from papertrader.core.portfolio import LOTS_MAX, PortfolioState, Position, split, trade

m = parse_amount
CASH, HELD = LedgerAccount(LedgerKind.CASH, 1), LedgerAccount(LedgerKind.POSITION, 1)


def traded(position: Position, quantity: str, price: str, number: int = 1) -> tuple[Position, int]:
    """Trade whole shares, so that money is exact."""
    units = m(quantity)
    gross = -m(price) * units // SCALE
    return trade(
        position, quantity=units, price=m(price), gross=gross, at=number, transaction=number
    )


def test_worked_case_1_average_and_fifo_with_fees() -> None:
    """Deposit 100,000; buy 100 @ 50 and 50 @ 56, sell 120 @ 60, each with a fee of 1.00."""
    ledger = Ledger()
    ledger.post(
        transfer_entries(
            source=EQUITY, cash=CASH, position=HELD, currency="USD", amount=m("100000")
        )
    )
    position = Position("ACME")

    def fill(quantity: str, price: str) -> int:
        nonlocal position
        gross = -m(price) * m(quantity) // SCALE
        ledger.post(
            trade_entries(
                cash=CASH,
                position=HELD,
                symbol="ACME",
                currency="USD",
                quantity=m(quantity),
                gross=gross,
                market=-gross,
                fees=m("1"),
            )
        )
        position, realized = traded(position, quantity, price)
        return realized

    assert fill("100", "50") == fill("50", "56") == 0
    assert position.avg_cost == m("52")
    assert ledger.balance(CASH, cash_asset("USD")) == m("92198")
    assert fill("-120", "60") == m("960")
    assert ledger.balance(CASH, cash_asset("USD")) == m("99397")
    assert position.realized == m("960")
    assert position.avg_cost == m("52")
    assert position.quantity == m("30")
    assert position.fifo_realized == m("1080")
    assert position.fifo_avg_cost == m("56")


def test_a_position_keeps_when_it_was_opened() -> None:
    """Buying more and selling some move only the last change; a new lot has its own instant."""
    position, _ = traded(Position("ACME"), "5", "10", number=3)
    position, _ = traded(position, "5", "10", number=4)
    position, _ = traded(position, "-6", "10", number=5)
    assert (position.opened_at, position.updated_at) == (3, 5)
    assert [lot.opened_at for lot in position.lots] == [4]


def test_worked_case_2_through_zero_in_two_steps() -> None:
    """Short 10 @ 100, cover 10 and buy 5 @ 90: realized +100, then long 5 @ 90."""
    short, _ = traded(Position("ACME"), "-10", "100")
    assert (short.avg_cost, short.cost_basis) == (m("100"), m("-1000"))
    assert short.value_at(m("90")) - short.cost_basis == m("100")
    with pytest.raises(InvariantViolated, match="ACME"):
        traded(short, "15", "90")
    flat, realized = traded(short, "10", "90")
    assert (realized, flat.quantity, flat.cost_basis, flat.lots) == (m("100"), 0, 0, ())
    long, _ = traded(flat, "5", "90", number=9)
    assert (long.quantity, long.avg_cost, long.realized) == (m("5"), m("90"), m("100"))
    assert long.opened_at == 9


@pytest.mark.parametrize(
    ("lot", "kept", "basis", "released"),
    [("0.5", "10.5", "210", "0"), ("1", "10", "200", "10")],
    ids=["fractions allowed", "whole shares"],
)
def test_worked_case_3_split(lot: str, kept: str, basis: str, released: str) -> None:
    """3-for-2 on 7 shares at 30.00: 10.5 at 20.00, or 10 at 20.00 and half a share in cash."""
    position, _ = traded(Position("ACME"), "7", "30")
    result = split(position, numerator=3, denominator=2, lot=m(lot), at=5)
    assert result.position.quantity == m(kept)
    assert result.position.avg_cost == result.position.fifo_avg_cost == m("20")
    assert (result.position.cost_basis, result.released) == (m(basis), m(released))
    new_shares = Fraction(result.fraction_numerator, 2)
    assert new_shares == m("10.5") - m(kept)


def test_a_reverse_split_may_leave_nothing() -> None:
    """3 shares in a 1-for-10 are less than a share: all of the basis goes with the cash."""
    position, _ = traded(Position("ACME"), "3", "30")
    result = split(position, numerator=1, denominator=10, lot=SCALE, at=5)
    assert (result.position.quantity, result.position.lots) == (0, ())
    assert (result.position.cost_basis, result.released) == (0, m("90"))


def test_tiny_lots_leave_their_cost_to_their_neighbors() -> None:
    """A lot that a reverse split wipes out hands its cost on; no cost is lost."""
    position = Position("ACME")
    for number in range(3):
        position, _ = trade(position, quantity=1, price=SCALE, gross=-1, at=1, transaction=number)
    position, _ = traded(position, "1", "5", number=4)
    position, _ = trade(position, quantity=1, price=SCALE, gross=-1, at=1, transaction=5)
    result = split(position, numerator=1, denominator=10, lot=1, at=5)
    assert [lot.transaction for lot in result.position.lots] == [4]
    assert result.position.fifo_cost_basis == position.fifo_cost_basis


def test_a_split_of_a_short_position() -> None:
    """Signs carry through: short 3 at 30 become short 6 at 15."""
    position, _ = traded(Position("ACME"), "-3", "30")
    result = split(position, numerator=2, denominator=1, lot=SCALE, at=5)
    assert (result.position.quantity, result.position.avg_cost) == (m("-6"), m("15"))
    assert result.position.lots[0].quantity == m("-6")


def test_lots_are_bounded() -> None:
    """Beyond the limit the two oldest lots become one, and nothing is lost."""
    position = Position("ACME")
    for number in range(LOTS_MAX + 1):
        position, _ = traded(position, "1", "10" if number % 2 else "20", number)
    assert len(position.lots) == LOTS_MAX
    assert sum(lot.quantity for lot in position.lots) == position.quantity
    assert position.lots[0].price == m("15")
    assert position.fifo_cost_basis == position.cost_basis


def test_what_does_not_fit_raises() -> None:
    """A position beyond 64 bits raises, and the position given is as it was."""
    position = Position("ACME", quantity=AMOUNT_MAX)
    with pytest.raises(AmountOverflow):
        trade(position, quantity=1, price=1, gross=-1, at=1, transaction=1)
    with pytest.raises(AmountOverflow):
        split(position, numerator=2, denominator=1, lot=1, at=1)


def test_equity_is_cash_and_what_positions_are_worth() -> None:
    """A position without a price counts at cost; a flat one has no average."""
    portfolio = PortfolioState(1, 1, "USD", cash=m("100"))
    portfolio.positions["ACME"], _ = traded(Position("ACME"), "3", "30")
    portfolio.positions["FLAT"] = Position("FLAT")
    assert portfolio.equity({}) == m("190")
    assert portfolio.equity({"ACME": m("40"), "FLAT": m("1")}) == m("220")
    assert Position("FLAT").avg_cost == NULL
    assert portfolio.quantity("NONE") == portfolio.available_quantity("NONE") == 0


FILLS = st.lists(
    st.tuples(st.integers(-(10**9), 10**9).filter(bool), st.integers(1, 10**11)), max_size=12
)


@settings(deadline=None)
@given(FILLS)
def test_both_views_account_for_all_money(fills: list[tuple[int, int]]) -> None:
    """Cash in and out = realized - cost basis, on average and first in first out alike."""
    position, cash = Position("ACME"), 0
    for number, (quantity, price) in enumerate(fills):
        held = position.quantity
        if held and (held > 0) != (quantity > 0) and abs(quantity) > abs(held):
            quantity = -held  # noqa: PLW2901 (close: crossing zero takes two fills)
        gross = -cost_of(price, quantity) if quantity > 0 else proceeds_of(price, -quantity)
        position, _ = trade(
            position, quantity=quantity, price=price, gross=gross, at=1, transaction=number
        )
        cash += gross
    assert cash == position.realized - position.cost_basis
    assert cash == position.fifo_realized - position.fifo_cost_basis
    assert sum(lot.quantity for lot in position.lots) == position.quantity
    if position.quantity == 0:
        assert position.cost_basis == position.fifo_cost_basis == 0


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 10**10), min_size=1, max_size=6),
    st.integers(1, 50),
    st.integers(1, 50),
    st.sampled_from([1, SCALE // 2, SCALE]),
)
def test_a_split_keeps_shares_and_cost(
    quantities: list[int], numerator: int, denominator: int, lot: int
) -> None:
    """What is kept and the fraction make up exactly the scaled quantity; no cost is lost."""
    position = Position("ACME")
    for number, quantity in enumerate(quantities):
        position, _ = trade(
            position,
            quantity=quantity,
            price=3 * SCALE,
            gross=-3 * quantity,
            at=1,
            transaction=number,
        )
    result = split(position, numerator=numerator, denominator=denominator, lot=lot, at=2)
    after = result.position
    exact = Fraction(position.quantity * numerator, denominator)
    assert after.quantity + Fraction(result.fraction_numerator, denominator) == exact
    assert 0 <= exact - after.quantity < lot
    assert sum(each.quantity for each in after.lots) == after.quantity
    assert all(each.quantity > 0 for each in after.lots)
    assert after.cost_basis + result.released == position.cost_basis
    assert Fraction(result.fraction_numerator, result.fraction_denominator) <= position.quantity
