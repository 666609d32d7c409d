"""The desk's rules that an operator may set: limits on orders, and the collar of market orders."""

from __future__ import annotations

import attrs

from papertrader.core.money import SCALE
from papertrader.core.terms import BASIS_POINTS


def _check_collars(
    _rules: object,
    _attribute: attrs.Attribute[tuple[tuple[int, int], ...]],
    table: tuple[tuple[int, int], ...],
) -> None:
    starts = [start for start, _ in table]
    if not starts or starts[0] != 0 or starts != sorted(set(starts)):
        raise ValueError(
            "the collar table must begin at price 0 and rise; correct its first column"
        )
    if not all(0 <= points < BASIS_POINTS for _, points in table):
        raise ValueError("a collar must lie between 0 and 9,999 basis points")


@attrs.frozen(kw_only=True)
class DeskRules:
    """Limits and collars. Quantities and prices in 1e-8 units.

    ``collars`` holds rows (price from, basis points). The default is what Alpaca documents for
    the market and stop buys that it holds cash for: 4 % below 50.00, 2.5 % from there.
    """

    open_orders_max: int = attrs.field(default=200, validator=attrs.validators.ge(1))
    """Open orders of one account; one more is refused with OPEN_ORDER_LIMIT."""
    open_orders_symbol_max: int = attrs.field(default=50, validator=attrs.validators.ge(1))
    """Open orders of one account in one symbol; likewise."""
    quantity_max: int = attrs.field(default=1_000_000_000 * SCALE, validator=attrs.validators.ge(1))
    """Quantity of one order, beside the asset's own bound; more is QUANTITY_LIMIT."""
    price_max: int = attrs.field(default=100_000_000 * SCALE, validator=attrs.validators.ge(1))
    """Limit price; more is PRICE_BAND."""
    portfolios_max: int = attrs.field(default=16, validator=attrs.validators.ge(1))
    """Portfolios of one account; one more is PORTFOLIO_LIMIT."""
    cash_max: int = attrs.field(default=1_000_000_000 * SCALE, validator=attrs.validators.ge(1))
    """Cash up to which an owner may pay into a portfolio; more is AMOUNT_OVERFLOW."""
    collars: tuple[tuple[int, int], ...] = attrs.field(
        default=((0, 400), (50 * SCALE, 250)), validator=_check_collars
    )
