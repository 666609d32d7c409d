"""Stops: what a new quote does to the orders that wait for a trigger or for an opening.

It is a part of the desk (`papertrader.core.desk`): the same machine, in which inputs are decided
into events and only events change the state. With each quote the old stops are checked first; then
trailing stops move; then those are looked at that have met no quote yet.
"""

from __future__ import annotations

from typing import Final

import attrs

from papertrader.core.book import Book
from papertrader.core.combinations import Combinations
from papertrader.core.events import MarksMoved
from papertrader.core.fillmodels import Offer
from papertrader.core.fills import Fill, LimitingRule, collar_basis_points, collar_price
from papertrader.core.money import NULL
from papertrader.core.orders import (
    IMMEDIATE,
    Order,
    OrderEventKind,
    OrderTerms,
    OrderType,
    Side,
    TimeInForce,
    next_state,
)
from papertrader.core.quotes import Quote
from papertrader.core.reserving import reserve_rest
from papertrader.core.terms import FillModelKind
from papertrader.core.triggers import Prices, better_mark, reaches, with_mark

ONE_CHANCE: Final = frozenset({*IMMEDIATE, TimeInForce.OPG})
"""Times in force that end an order with the first quote it may use."""


def prices_of(quote: Quote) -> Prices:
    """Return what triggers look at of a quote."""
    return Prices(quote.bid, quote.ask, quote.last)


class Stops(Combinations):
    """Triggers orders, moves trailing stops, and lets orders in at the opening."""

    def _stirs(self, book: Book, offer: Offer) -> bool:
        """Tell, cheaply, whether a quote may yield events for a book though it fills nothing."""
        quote = offer.quote
        at = quote.observed_at
        if book.unmet and any(stamp < at for stamp, _ in book.unmet.values()):
            return True
        if book.opening and book.opens(offer.latest):
            return True
        if not book.triggers:
            return False
        prices = prices_of(quote)
        return book.triggers.touched_by(prices) or book.triggers.moved_by(prices, at)

    def _trigger(self, offers: list[tuple[Book, Offer]], quote: Quote) -> list[Order]:
        """Trigger what ``quote`` triggers; return the orders that have this one chance only."""
        fired = []
        prices, at = prices_of(quote), quote.observed_at
        for book, offer in offers:
            if book.triggers and book.triggers.touched_by(prices):
                due = [self.state.orders[number] for number in book.triggers.due(prices)]
                eligible = [order for order in due if order.since < at]
                fired += [self._fire(order, offer) for order in sorted(eligible, key=_turn)]
        if any(book.triggers and book.triggers.moved_by(prices, at) for book, _ in offers):
            self._emit(MarksMoved(quote.symbol, quote.bid, quote.ask, quote.last, at))
        for book, offer in offers:
            fired += self._meet(book, offer)
            fired += self._open_orders(book, offer)
        return [order for order in fired if order.time_in_force in ONE_CHANCE]

    def _meet(self, book: Book, offer: Offer) -> list[Order]:
        """Look at the waiting orders that meet their first quote; return those that it triggers."""
        if not book.unmet:
            return []
        quote = offer.quote
        prices, at = prices_of(quote), quote.observed_at
        numbers = [number for number, (stamp, _) in book.unmet.items() if stamp < at]
        fired = []
        for order in sorted((self.state.orders[number] for number in numbers), key=_turn):
            terms = order.terms or OrderTerms()
            price = prices.seen_by(order.side, terms.source)
            if reaches(order, order.stop_price, price):
                fired.append(self._fire(order, offer))
                continue
            changed = order.snapshot()
            if order.order_type == OrderType.TRAILING_STOP:
                mark = better_mark(order.side, terms.mark, price)
                changed = with_mark(order, mark, at)
            changed.state = next_state(order.state, OrderEventKind.WORKING)
            changed.version += 1
            changed.updated_at = at
            fill = Fill(0, NULL, LimitingRule.TRIGGER)
            receipt = offer.receipt(order, fill, self.state.portfolios[order.portfolio].terms)
            self._change(OrderEventKind.WORKING, changed, at, receipt)
        return fired

    def _fire(self, order: Order, offer: Offer) -> Order:
        """Trigger an order: from now on it is a market or a limit order."""
        quote = offer.quote
        at = quote.observed_at
        shown = self.shown(order)
        terms = shown.terms or OrderTerms()
        owner = self.state.portfolios[order.portfolio].terms
        if owner.fill_model == FillModelKind.BAR:
            # A bar that began before the stop was reached is no price for what comes after.
            terms = attrs.evolve(terms, active_at=at)
        changed = shown.snapshot()
        changed.terms = attrs.evolve(terms, triggered_at=at)
        changed.state = next_state(order.state, OrderEventKind.TRIGGERED)
        if order.order_type == OrderType.TRAILING_STOP and order.side == Side.BUY:
            asset = self._assets[order.symbol]
            stop = changed.stop_price
            points = collar_basis_points(stop, self.rules.collars)
            collar = collar_price(order.side, stop, points, asset.tick)
            changed.collar_price = min(order.collar_price, collar)
            reserve_rest(changed, owner, shown)
        changed.version += 1
        changed.updated_at = at
        receipt = offer.receipt(order, Fill(0, NULL, LimitingRule.NONE), owner)
        self._change(OrderEventKind.TRIGGERED, changed, at, receipt)
        return changed

    def _open_orders(self, book: Book, offer: Offer) -> list[Order]:
        """Let the orders in that waited for this opening."""
        at, latest = offer.quote.observed_at, offer.latest
        opened = []
        for works_from, _, number in book.opening[:]:
            if works_from > latest:
                break
            order = self.state.orders[number]
            if order.since >= offer.stamp:
                continue
            changed = order.snapshot()
            changed.state = next_state(order.state, OrderEventKind.WORKING)
            changed.version += 1
            changed.updated_at = at
            self._change(OrderEventKind.WORKING, changed, at)
            opened.append(changed)
        return opened


def _turn(order: Order) -> tuple[int, int, int]:
    return order.since, order.sequence, order.order_id
