"""Money: every rounding goes the way its name says."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from papertrader.core import money
from papertrader.core.money import SCALE, AmountOverflow, parse_amount

UNITS = st.integers(0, 10**14)


def test_text_and_units_agree() -> None:
    """Decimal text becomes exact units, and back."""
    assert parse_amount("12.5") == 1_250_000_000
    assert parse_amount("-0.00000001") == -1
    assert money.format_amount(-1) == "-0.00000001"
    assert money.format_amount(123_456_700_000_000, group=True) == "1,234,567.00"
    assert money.format_amount(3 * SCALE, 0) == "3"


@pytest.mark.parametrize("text", ["", "1e3", "1.123456789", "123456789012", "٣", "1.", ".5", "+-1"])
def test_bad_text_is_refused(text: str) -> None:
    """Anything but a plain decimal number is refused, never rounded."""
    with pytest.raises(ValueError, match="decimal"):
        parse_amount(text)


@pytest.mark.clause("3.3")
def test_range_ends_at_64_bits() -> None:
    """The range is symmetric, and what lies beyond it raises."""
    assert money.checked(money.AMOUNT_MAX) == -money.checked(money.AMOUNT_MIN)
    for amount in (money.AMOUNT_MAX + 1, money.AMOUNT_MIN - 1):
        with pytest.raises(AmountOverflow):
            money.checked(amount)


@settings(deadline=None)
@given(UNITS, st.integers(0, 10**4))
def test_a_cost_is_rounded_up_and_proceeds_down(price: int, quantity: int) -> None:
    """Neither is off by a whole unit, and both go against the user."""
    exact = Fraction(price * quantity, SCALE)
    assert 0 <= money.cost_of(price, quantity) - exact < 1
    assert 0 <= exact - money.proceeds_of(price, quantity) < 1
    assert money.cost_of_notional(price * quantity) == money.cost_of(price, quantity)
    assert money.proceeds_of_notional(price * quantity) == money.proceeds_of(price, quantity)


@settings(deadline=None)
@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6))
def test_half_even_is_that_of_fractions(numerator: int, denominator: int) -> None:
    """Division half to even agrees with the rounding of exact fractions."""
    assert money.divide_half_even(numerator, denominator) == round(Fraction(numerator, denominator))


@settings(deadline=None)
@given(st.integers(-(10**12), 10**12), st.integers(-(10**12), 10**12))
def test_cents_are_rounded_once(price: int, quantity: int) -> None:
    """A posting in cents is rounded once, from the exact product, half to even."""
    exact = Fraction(price * quantity, SCALE * money.CENT)
    assert money.cents_of(price, quantity) == round(exact) * money.CENT
    assert money.to_cents(price) == round(Fraction(price, money.CENT)) * money.CENT
