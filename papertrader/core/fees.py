"""Fees: what a fill costs besides its price, by the portfolio's terms and the regulators' rates.

Commission is worked out on an order's running totals, and a fill is charged the difference that it
makes: an order that fills in ten pieces costs what it costs in one. It is rounded up to a unit.
Regulators' fees are for sales of US shares, rounded up to a cent on the same totals; where the
portfolio has another currency, what a fill adds to them is converted at its rate, rounded up to a
unit. No fee takes more than what a sale brings.
"""

from __future__ import annotations

from typing import Final

import attrs

from papertrader.core.exchange import converted_notional
from papertrader.core.instants import to_datetime
from papertrader.core.money import CENT, NULL, SCALE, checked
from papertrader.core.orders import Order, OrderState, OrderType, TimeInForce
from papertrader.core.quotes import Asset, AssetKind
from papertrader.core.rates import TAF_RATES, in_force, sec_rate, trading_day
from papertrader.core.terms import BASIS_POINTS, FeeModelKind, PortfolioTerms, TermsFlag

TIERS: Final = (
    (0, 7),
    (300_000, 4),
    (3_000_000, 3),
    (20_000_000, 2),
    (100_000_000, 1),
)
"""Of the TIERED model: from so many shares in the month on, so many sevenths of the rate. The
steps are those of Interactive Brokers' tiered schedule (0.0035 to 0.0005 a share)."""
_SEVENTHS: Final = 7
_CENTS_PER_MILLION: Final = 100 * 1_000_000
_COVERED: Final = frozenset({AssetKind.STOCK, AssetKind.ETF})
_DOLLAR: Final = "USD"


@attrs.frozen
class Fees:
    """What one fill is charged, by line; money in 1e-8 units. Commission may be a rebate."""

    commission: int = 0
    sec_fee: int = 0
    taf_fee: int = 0

    @property
    def total(self) -> int:
        """All lines together."""
        return self.commission + self.sec_fee + self.taf_fee


NO_FEES: Final = Fees()


def month_of(market_at: int) -> int:
    """Return the month (UTC) of a market time as a number: 12 times the year plus the month."""
    moment = to_datetime(market_at)
    return 12 * moment.year + moment.month


def tier_sevenths(shares: int) -> int:
    """Return sevenths of the rate that are charged after ``shares`` (1e-8 units) in the month."""
    return next(part for start, part in reversed(TIERS) if shares >= start * SCALE)


def commission(
    terms: PortfolioTerms, quantity: int, notional: int, rate: int, sevenths: int = _SEVENTHS
) -> int:
    """Return what an order has cost in all after ``quantity``, ``notional`` (16 decimals) filled.

    ``rate`` is the terms' rate for taking or for resting. A maximum goes before a minimum.
    """
    if terms.fee_model == FeeModelKind.FREE or quantity == 0:
        return 0
    if terms.fee_model in (FeeModelKind.PER_SHARE, FeeModelKind.TIERED):
        charge = -(-rate * quantity * sevenths // (SCALE * _SEVENTHS))
    else:
        charge = -(-rate * notional // (SCALE * SCALE))
    if terms.fee_minimum:
        charge = max(charge, terms.fee_minimum)
    if terms.fee_maximum:
        charge = min(charge, -(-notional * terms.fee_maximum // (SCALE * BASIS_POINTS)))
    return checked(charge)


def _dearest(terms: PortfolioTerms) -> int:
    if terms.fee_model == FeeModelKind.MAKER_TAKER:
        return max(terms.fee_rate, terms.fee_maker)
    return terms.fee_rate


def fee_reserve(terms: PortfolioTerms, order: Order, bound: int) -> int:
    """Return what the rest of an order will cost in commission at most, at the price ``bound``."""
    if terms.fee_model == FeeModelKind.FREE:
        return 0
    rate, notional = _dearest(terms), order.notional_filled
    whole = commission(terms, order.quantity, notional + bound * order.remaining, rate)
    return whole - commission(terms, order.filled, notional, rate)


def money_fees(terms: PortfolioTerms, order: Order) -> int:
    """Return the same for the rest of an order for an amount of money; not for fees per share."""
    if terms.fee_model == FeeModelKind.FREE or order.terms is None:
        return 0
    rate, spent = _dearest(terms), order.notional_filled
    whole = max(order.terms.notional * SCALE, spent)
    return commission(terms, 1, whole, rate) - commission(terms, order.filled, spent, rate)


def rests(order: Order) -> bool:
    """Tell whether an order's next fill makes the market: a limit that has met a quote before.

    One for the opening never has: it is let in, and fills, with the first quote of a session.
    """
    if order.time_in_force == TimeInForce.OPG:
        return False
    return order.order_type == OrderType.LIMIT and order.state != OrderState.PENDING


def _commission_of_fill(
    terms: PortfolioTerms, order: Order, quantity: int, notional: int, month_shares: int, rate: int
) -> int:
    total = order.notional_filled + notional
    before = (order.filled, converted_notional(order.notional_filled, rate))
    after = (order.filled + quantity, converted_notional(total, rate))

    def difference(rate: int, sevenths: int = _SEVENTHS) -> int:
        had = commission(terms, *before, rate, sevenths)
        return commission(terms, *after, rate, sevenths) - had

    most = difference(_dearest(terms))
    if terms.fee_model == FeeModelKind.MAKER_TAKER:
        rate = terms.fee_maker if rests(order) else terms.fee_rate
        return min(most, difference(rate))
    if terms.fee_model == FeeModelKind.TIERED:
        return min(most, difference(terms.fee_rate, tier_sevenths(month_shares)))
    return most


def regulatory_fees(quantity: int, notional: int, market_at: int) -> tuple[int, int]:
    """Return (SEC fee, TAF) of a sale of ``quantity`` for ``notional`` (16 decimals), in cents."""
    day = trading_day(market_at)
    sec = _cents_up(notional * sec_rate(day), SCALE * _CENTS_PER_MILLION)
    row = in_force(TAF_RATES, day)
    return sec, 0 if row is None else min(_cents_up(row.per_share * quantity, SCALE), row.most)


def regulatory_fees_of_fill(
    order: Order, quantity: int, notional: int, market_at: int, rate: int
) -> tuple[int, int]:
    """Return (SEC fee, TAF) that a fill adds to those of ``order``, as it was before.

    ``rate`` is what a dollar is worth in the portfolio's currency, `NULL` if that is the dollar.
    """
    had = regulatory_fees(order.filled, order.notional_filled, market_at)
    now = regulatory_fees(order.filled + quantity, order.notional_filled + notional, market_at)
    # The rates may have fallen between two fills of one order.
    sec, taf = max(0, now[0] - had[0]), max(0, now[1] - had[1])
    return checked(converted_notional(sec, rate)), checked(converted_notional(taf, rate))


def _cents_up(amount: int, divisor: int) -> int:
    """Return ``amount / divisor`` rounded up to a whole cent."""
    return checked(-(-amount // (divisor * CENT)) * CENT)


def fees_of_fill(
    terms: PortfolioTerms,
    order: Order,
    *,
    quantity: int,
    notional: int,
    gross: int,
    asset: Asset | None,
    market_at: int,
    month_shares: int,
    rate: int = NULL,
) -> Fees:
    """Return what a fill of ``order``, as it was before, is charged.

    ``gross`` is the change of cash before fees, in the portfolio's currency like all fees;
    ``month_shares`` what the portfolio has traded in the month. ``rate`` is what one unit of the
    currency of ``notional`` is worth in the portfolio's, `NULL` if that is the same: commission is
    worked out on the converted totals. Regulators charge for what trades in dollars.
    """
    charge = 0
    if terms.fee_model != FeeModelKind.FREE:
        charge = _commission_of_fill(terms, order, quantity, notional, month_shares, rate)
    if gross < 0:
        return Fees(charge) if charge else NO_FEES
    sec = taf = 0
    covered = asset is not None and asset.kind in _COVERED and asset.currency == _DOLLAR
    if covered and terms.has(TermsFlag.REGULATORY_FEES):
        sec, taf = regulatory_fees_of_fill(order, quantity, notional, market_at, rate)
    sec = min(sec, gross)
    taf = min(taf, gross - sec)
    return Fees(min(charge, gross - sec - taf), sec, taf)
