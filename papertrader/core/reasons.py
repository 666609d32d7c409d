"""Reasons: the receipt of an order that ends without a fill, by the newest quote of its symbol."""

from __future__ import annotations

from typing import Final

from papertrader.core.fillmodels import FAMILIES, Offer, offer_of
from papertrader.core.fills import Fill, LimitingRule, Receipt, may_fill
from papertrader.core.money import NULL
from papertrader.core.orders import Order, OrderFlag, OrderState, TimeInForce
from papertrader.core.quotes import Asset, AssetStatus, Quote, QuoteFlag, market_time
from papertrader.core.terms import PortfolioTerms

NOT_TRADING: Final = frozenset({AssetStatus.HALTED, AssetStatus.DELISTED})
"""Assets of which nothing fills."""


def last_receipt(
    order: Order,
    quote: Quote | None,
    asset: Asset | None,
    terms: PortfolioTerms,
    offer: Offer | None = None,
) -> Receipt:
    """Write why the newest quote left ``order``, which ends now, waiting.

    Without a quote, or where the asset is not listed any more, it has no prices, and the quote's
    number is 0. ``offer`` is what the end of the session offered beside the quote.
    """
    if quote is None or asset is None:
        rule = LimitingRule.HELD if order.state == OrderState.HELD else LimitingRule.WAITING
        return Receipt(0, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, rule)
    if offer is None:
        offer = offer_of(FAMILIES[terms.fill_model], quote, asset)
    if order.state == OrderState.HELD:
        fill = Fill(0, NULL, LimitingRule.HELD)
    elif asset.status in NOT_TRADING or quote.flags & QuoteFlag.HALTED:
        fill = Fill(0, NULL, LimitingRule.HALTED)
    elif not may_fill(quote):
        fill = Fill(0, NULL, LimitingRule.UNUSABLE)
    elif order.since >= quote.observed_at:
        fill = Fill(0, NULL, LimitingRule.WAITING)
    elif quote.flags & QuoteFlag.EXTENDED and not order.flags & OrderFlag.EXTENDED_HOURS:
        fill = Fill(0, NULL, LimitingRule.EXTENDED)
    elif not order.is_triggered:
        fill = Fill(0, NULL, LimitingRule.TRIGGER)
    elif _waits_for_session(order, quote):
        fill = Fill(0, NULL, LimitingRule.SESSION)
    else:
        fill = offer.refusal(order, terms)
    return offer.receipt(order, fill, terms)


def _waits_for_session(order: Order, quote: Quote) -> bool:
    """Tell whether no quote until now was one of the opening, or the close, that it is for."""
    if order.time_in_force == TimeInForce.CLS:
        return True
    terms = order.terms
    return terms is not None and 0 <= market_time(quote) < terms.works_from
