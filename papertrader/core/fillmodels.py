"""Fill models: what one update of the market offers to the orders of a book (trading rules, 4).

A portfolio's terms choose the model. ``quote`` and ``conservative`` take from the displayed size,
one side's orders after one another; ``volume-share`` and ``bar`` take from the volume; what one
order took is gone for the next one, whoever sent it. ``ideal`` takes whatever it wants.

No model looks ahead: an order may use an update that the master observed after the order was
received, and a bar that began after that. At a close the bar that goes on is complete, and orders
for the close get its last price.
"""

from __future__ import annotations

import hashlib
from math import isqrt
from typing import ClassVar, Final

from papertrader.core.fills import (
    Fill,
    LimitingRule,
    Receipt,
    Working,
    beyond,
    bound_rule,
    displayed_size,
    fill_from_quote,
    receipt_for,
    touch_price,
)
from papertrader.core.intervals import BAR_NS, Interval
from papertrader.core.money import NULL
from papertrader.core.orders import Order, OrderState, Side, TimeInForce
from papertrader.core.quotes import Asset, Bar, Quote, market_time
from papertrader.core.terms import BASIS_POINTS, FillModelKind, PortfolioTerms

# Python 3.11 looks the members of an enumeration up slowly: each costs as much as a call.
_QUOTE: Final = FillModelKind.QUOTE

FAMILIES: Final = {
    FillModelKind.QUOTE: FillModelKind.QUOTE,
    FillModelKind.CONSERVATIVE: FillModelKind.QUOTE,
    FillModelKind.IDEAL: FillModelKind.IDEAL,
    FillModelKind.VOLUME_SHARE: FillModelKind.VOLUME_SHARE,
    FillModelKind.BAR: FillModelKind.BAR,
}
"""Models whose orders take turns in the same book, since they take from the same size."""
_NO_INTERVAL: Final = Interval()


class Offer:
    """What a quote offers to the models ``quote`` and ``conservative``, and what is left of it.

    ``stamp``: an order may use the offer if it was received before; 0 if nobody may. ``source``
    names what is taken from: the quote, by its number.
    """

    __slots__ = ("_left", "asset", "interval", "quote", "source", "stamp")

    family: ClassVar[FillModelKind] = FillModelKind.QUOTE
    """The models that take from it."""

    def __init__(self, quote: Quote, asset: Asset, interval: Interval = _NO_INTERVAL) -> None:
        self.quote = quote
        self.asset = asset
        self.interval = interval
        self.stamp = quote.observed_at
        self.source = quote.quote_seq
        self._left = 0

    @property
    def latest(self) -> int:
        """The last market time that the offer is about: orders for an opening until then use it."""
        return market_time(self.quote)

    def reach(self, side: Side) -> int:
        """Return the price that a limit of ``side`` must touch to take part; `NULL` for none."""
        return touch_price(side, self.quote)

    def begin(self, side: Side) -> None:
        """Let the orders of ``side`` take their turns."""
        self._left = displayed_size(side, self.quote)

    def is_used_up(self) -> bool:
        """Tell whether nothing is left for the orders whose turn comes later."""
        return self._left < self.asset.lot

    def take(self, quantity: int) -> None:
        """Note that an order took ``quantity``."""
        self._left -= quantity

    def refusal(self, order: Order, terms: PortfolioTerms) -> Fill:
        """Return the fill of nothing that says why an order that took nothing did not.

        If its bound would have let it, what was offered was gone.
        """
        kept, self._left = self._left, 0
        fill = self.fill(order, terms)
        self._left = kept
        return fill

    def fill(self, order: Order, terms: PortfolioTerms) -> Fill:
        """Return what ``order`` takes of what is left; ``begin`` must have chosen its side."""
        if terms.fill_model == _QUOTE:
            return fill_from_quote(order, self.quote, self._left, self.asset.lot)
        return self._conservative(order, terms)

    def receipt(self, order: Order, fill: Fill, terms: PortfolioTerms) -> Receipt:
        """Write the receipt of ``fill``, which may be one of nothing."""
        receipt = receipt_for(order, self.quote, fill)
        if terms.fill_model != _QUOTE:
            receipt.working = self._working(order, terms)
        return receipt

    def _working(self, order: Order, terms: PortfolioTerms) -> Working:
        touch = touch_price(order.side, self.quote)
        return Working(terms.fill_model, touch, 0, self.interval)

    def _conservative(self, order: Order, terms: PortfolioTerms) -> Fill:
        """As ``quote``, but a limit must be traded through, and others are served before us."""
        side, quote, bound = order.side, self.quote, order.bound_price
        touch = touch_price(side, quote)
        if touch == NULL:
            return Fill(0, NULL, LimitingRule.NO_PRICE)
        if beyond(side, touch, bound):
            return Fill(0, NULL, bound_rule(order))
        is_limit = bound_rule(order) == LimitingRule.LIMIT
        if is_limit and touch == bound:
            return Fill(0, NULL, LimitingRule.THROUGH)
        price = worsened(side, touch, terms.slippage, self.asset.tick)
        if beyond(side, price, bound):
            if not is_limit:
                return Fill(0, NULL, LimitingRule.COLLAR)
            price = bound
        left, rule = self._left, LimitingRule.SIZE
        if is_limit and _rested(order, quote):
            left, rule = left - _queue_ahead(order, quote, terms.seed), LimitingRule.QUEUE
        return _limited(order, price, left, self.asset.lot, rule)


class LastOffer(Offer):
    """The ``ideal`` model: as much as is wanted, at the last price."""

    __slots__ = ()

    family = FillModelKind.IDEAL

    def reach(self, side: Side) -> int:
        """Return the last price; `NULL` if there is none."""
        return self.quote.last if self.quote.last > 0 else NULL

    def begin(self, side: Side) -> None:
        """Let the orders of ``side`` take their turns: there is always a lot left."""
        self._left = self.asset.lot

    def take(self, quantity: int) -> None:
        """Leave as much as there was: the model takes from nobody."""

    def fill(self, order: Order, terms: PortfolioTerms) -> Fill:
        """Return the whole order at the last price, if its bound allows."""
        price = self.reach(order.side)
        if price == NULL:
            return Fill(0, NULL, LimitingRule.NO_PRICE)
        if beyond(order.side, price, order.bound_price):
            return Fill(0, NULL, bound_rule(order))
        if self._left == 0:
            return Fill(0, price, LimitingRule.SIZE)
        return Fill(order.remaining, price, LimitingRule.NONE)

    def receipt(self, order: Order, fill: Fill, terms: PortfolioTerms) -> Receipt:
        """Write the receipt: the model pays no spread and no slippage."""
        receipt = super().receipt(order, fill, terms)
        receipt.spread_cost = receipt.slippage = 0
        return receipt

    def _working(self, order: Order, terms: PortfolioTerms) -> Working:
        return Working(terms.fill_model, self.reach(order.side), 0, self.interval)


class VolumeOffer(Offer):
    """The ``volume-share`` model: a part of the volume, at a price that moves as it is taken.

    The price moves by ``impact * (taken / volume) ** 2``, where ``taken`` is what all orders of
    one side took of this interval, with the present one: no cutting up of an order evades it.
    """

    __slots__ = ("_taken",)

    family = FillModelKind.VOLUME_SHARE

    def __init__(self, quote: Quote, asset: Asset, interval: Interval = _NO_INTERVAL) -> None:
        super().__init__(quote, asset, interval)
        self._taken = 0

    def begin(self, side: Side) -> None:
        """Let the orders of ``side`` take their turns: nothing of the volume is taken yet."""
        self._taken = 0
        self._left = 1

    def is_used_up(self) -> bool:
        """Tell whether the whole volume was taken."""
        return self.interval.volume <= self._taken

    def take(self, quantity: int) -> None:
        """Note that an order took ``quantity`` of the volume."""
        self._taken += quantity

    def fill(self, order: Order, terms: PortfolioTerms) -> Fill:
        """Return the order's share of what is left, at the price that this moves to."""
        side, bound, volume = order.side, order.bound_price, self.interval.volume
        touch = touch_price(side, self.quote)
        if touch == NULL:
            return Fill(0, NULL, LimitingRule.NO_PRICE)
        if beyond(side, touch, bound):
            return Fill(0, NULL, bound_rule(order))
        left = volume * terms.participation // BASIS_POINTS - self._taken if self._left else 0
        rule = LimitingRule.VOLUME
        if terms.impact:
            # As much as can be had before the price moves beyond what the order may pay.
            square = abs(bound - touch) * BASIS_POINTS * volume * volume
            affordable = isqrt(square // (terms.impact * touch)) - self._taken
            if affordable < max(left, self.asset.lot) and volume:
                left, rule = min(affordable, left), bound_rule(order)
        fill = _limited(order, touch, left, self.asset.lot, rule)
        if fill.quantity:
            fill.price = self._moved(side, touch, fill.quantity, terms.impact)
        return fill

    def _moved(self, side: Side, touch: int, quantity: int, impact: int) -> int:
        volume, taken, tick = self.interval.volume, self._taken + quantity, self.asset.tick
        scale = BASIS_POINTS * volume * volume
        moved = touch * impact * taken * taken
        if side == Side.BUY:
            return -(-(touch * scale + moved) // (scale * tick)) * tick
        return max((touch * scale - moved) // (scale * tick), 1) * tick

    def _working(self, order: Order, terms: PortfolioTerms) -> Working:
        touch = touch_price(order.side, self.quote)
        return Working(terms.fill_model, touch, self._taken, self.interval)


class BarOffer(Offer):
    """The ``bar`` model: the bar that this quote completed, if one was.

    A market order fills at its open; a limit at its own price if high or low touched it, and at
    the open if that was better. It is the bar that is taken from, named by its ``stamp``.
    """

    __slots__ = ("_taken",)

    family = FillModelKind.BAR

    def __init__(self, quote: Quote, asset: Asset, interval: Interval = _NO_INTERVAL) -> None:
        super().__init__(quote, asset, interval)
        self.stamp = self.source = interval.bar_observed_at
        self._taken = 0

    @property
    def latest(self) -> int:
        """The last instant of the bar, so that an opening meets the first bar behind it."""
        bar = self.interval.bar
        return 0 if bar is None else bar.time + BAR_NS - 1

    def reach(self, side: Side) -> int:
        """Return the low for a buy, the high for a sell; `NULL` while no bar is complete."""
        bar = self.interval.bar
        if bar is None:
            return NULL
        return bar.low if side == Side.BUY else bar.high

    def begin(self, side: Side) -> None:
        """Let the orders of ``side`` take their turns: nothing of the bar's volume is taken yet."""
        self._taken = 0
        self._left = 1

    def is_used_up(self) -> bool:
        """Tell whether the bar's whole volume was taken, or there is no bar."""
        bar = self.interval.bar
        return bar is None or bar.volume <= self._taken

    def take(self, quantity: int) -> None:
        """Note that an order took ``quantity`` of the bar's volume."""
        self._taken += quantity

    def fill(self, order: Order, terms: PortfolioTerms) -> Fill:
        """Return what the bar gives: at its open, or at the limit that it touched."""
        bar = self.interval.bar
        if bar is None or order.since >= self.stamp:
            return Fill(0, NULL, LimitingRule.BAR)
        price = self._price(order, bar)
        if price == NULL:
            return Fill(0, NULL, bound_rule(order))
        left = bar.volume * terms.participation // BASIS_POINTS - self._taken if self._left else 0
        return _limited(order, price, left, self.asset.lot, LimitingRule.VOLUME)

    def _price(self, order: Order, bar: Bar) -> int:
        """Return the price at which ``order`` trades in ``bar``; `NULL` if its bound forbids."""
        side, bound = order.side, order.bound_price
        if not beyond(side, bar.open, bound):
            return bar.open
        touched = not beyond(side, self.reach(side), bound)
        return bound if touched and bound_rule(order) == LimitingRule.LIMIT else NULL

    def receipt(self, order: Order, fill: Fill, terms: PortfolioTerms) -> Receipt:
        """Write the receipt: the model pays no spread and no slippage."""
        receipt = super().receipt(order, fill, terms)
        receipt.spread_cost = receipt.slippage = 0
        return receipt

    def _working(self, order: Order, terms: PortfolioTerms) -> Working:
        bar = self.interval.bar
        reference = NULL if bar is None else self._reference(bar)
        return Working(terms.fill_model, reference, self._taken, self.interval)

    def _reference(self, bar: Bar) -> int:
        """Return the price that the model begins from."""
        return bar.open


class ClosingBarOffer(BarOffer):
    """The ``bar`` model at the close: the bar that the close completes, at its last price."""

    __slots__ = ()

    def reach(self, side: Side) -> int:
        """Return the close of the bar; `NULL` if there is none."""
        return NULL if self.interval.bar is None else self.interval.bar.close

    def _price(self, order: Order, bar: Bar) -> int:
        return NULL if beyond(order.side, bar.close, order.bound_price) else bar.close

    def _reference(self, bar: Bar) -> int:
        return bar.close


_OFFERS: Final = {each.family: each for each in (Offer, LastOffer, VolumeOffer, BarOffer)}


def offer_of(
    family: FillModelKind, quote: Quote, asset: Asset, interval: Interval = _NO_INTERVAL
) -> Offer:
    """Return what ``quote``, with its ``interval``, offers to a family of models."""
    return _OFFERS[family](quote, asset, interval)


def closing_offer(
    family: FillModelKind, quote: Quote, asset: Asset, interval: Interval = _NO_INTERVAL
) -> Offer:
    """Return what the last ``quote`` of a session offers at the close (`Intervals.closing`)."""
    if family == FillModelKind.BAR:
        return ClosingBarOffer(quote, asset, interval)
    return offer_of(family, quote, asset, interval)


def worsened(side: Side, price: int, basis_points: int, tick: int) -> int:
    """Return ``price`` moved against ``side`` by so much, to a tick; one tick at least."""
    if side == Side.BUY:
        return -(-price * (BASIS_POINTS + basis_points) // (BASIS_POINTS * tick)) * tick
    return max(price * (BASIS_POINTS - basis_points) // (BASIS_POINTS * tick), 1) * tick


def _limited(order: Order, price: int, left: int, lot: int, rule: LimitingRule) -> Fill:
    """Return the fill of all that remains or, by ``rule``, of the whole lots that are left."""
    if order.remaining <= left:
        return Fill(order.remaining, price, LimitingRule.NONE)
    return Fill(max(0, left - left % lot), price, rule)


def _rested(order: Order, quote: Quote) -> bool:
    """Tell whether a limit stood in the market before a quote came.

    One whose stop that quote reached, or that waited for its opening, comes in with it.
    """
    if order.state == OrderState.PENDING or order.time_in_force == TimeInForce.OPG:
        return False
    return order.terms is None or order.terms.triggered_at != quote.observed_at


def _queue_ahead(order: Order, quote: Quote, seed: int) -> int:
    """Return how much of a level stands before a resting order: what its own side displays.

    With a ``seed`` the order's place in that queue is drawn, once; with 0 it is the last.
    """
    size = quote.bid_size if order.side == Side.BUY else quote.ask_size
    if not seed:
        return size
    label = f"{seed}/{order.order_id}".encode()
    draw = int.from_bytes(hashlib.sha256(label).digest()[:4], "big")
    return size * draw >> 32
