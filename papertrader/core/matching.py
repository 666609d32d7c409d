"""Matching: what a new quote does to the open orders of its symbol.

It is a part of the desk (`papertrader.core.desk`), between the cashier and the orders' own
inputs: the same machine, in which inputs are decided into events and only events change the state.
"""

from __future__ import annotations

from typing import Final

from papertrader.core.book import Book
from papertrader.core.events import Event
from papertrader.core.fillmodels import Offer, offer_of
from papertrader.core.fills import Fill, LimitingRule, Receipt, may_fill
from papertrader.core.intervals import Interval, Intervals
from papertrader.core.money import NULL, AmountOverflow
from papertrader.core.orders import (
    IMMEDIATE,
    Order,
    OrderEventKind,
    Side,
    TimeInForce,
    next_state,
)
from papertrader.core.postings import Unaffordable, fill_events
from papertrader.core.quotes import Quote, QuoteFlag, market_time
from papertrader.core.reasons import NOT_TRADING
from papertrader.core.refusals import Refusal
from papertrader.core.reserving import affordable, money_left
from papertrader.core.rules import DeskRules
from papertrader.core.stops import Stops
from papertrader.core.terms import PortfolioTerms

# Python 3.11 looks the members of an enumeration up slowly: each costs as much as a call.
_FOK: Final = TimeInForce.FOK

_EXTENDED: Final = int(QuoteFlag.EXTENDED)


class Matching(Stops):
    """Quotes in, fills out."""

    def __init__(self, rules: DeskRules | None = None) -> None:
        super().__init__(rules)
        self._intervals = Intervals(self._closes_at)
        self._interval: Interval | None = None

    # Inputs

    def note_quote(self, quote: Quote) -> None:
        """Remember ``quote`` as the newest of its symbol without working any order.

        For a quote that `would_act` does not need. One that is SUSPECT, or not newer than the one
        known, is not remembered.
        """
        known = self._quotes.peek(quote.symbol)
        if quote.flags & QuoteFlag.SUSPECT or not _is_news(quote, known):
            return
        volumes = quote.symbol in self.state.model_books and not quote.flags & _EXTENDED
        if volumes and may_fill(quote):
            self._intervals.follow(known, quote)
        self._quotes[quote.symbol] = quote

    def would_act(self, quote: Quote) -> bool:
        """Tell, cheaply, whether `observe` may yield events; False when it certainly yields none.

        So that only quotes that do something need a sequence number and a place in the journal;
        the others go to `note_quote`.
        """
        if not self._can_work(quote):
            return False
        for book, offer in self._offers(quote, None):
            if concerns(book, offer) or self._stirs(book, offer):
                return True
        return False

    def observe(self, *, seq: int, quote: Quote, interval: Interval | None = None) -> list[Event]:
        """Work the open orders of one symbol against a new quote.

        An order uses it only if the master observed it after the order was received. Orders take
        turns by price and then by time; what one took of the displayed size is gone for the next.
        A quote that is not newer than the last one of its symbol does nothing. ``interval`` is
        given to decide an input again; otherwise it is worked out, and `interval_used` returns it.
        """
        self._begin(seq)
        self._interval = None
        offers = self._offers(quote, interval) if self._can_work(quote) else []
        self.note_quote(quote)
        fired = self._trigger(offers, quote) if offers else []
        for book, offer in offers:
            self._take_turns(book, offer, fired)
        return self._finish()

    def interval_used(self) -> Interval | None:
        """Return the interval of the quote observed last, if some order's fill model needs it."""
        return self._interval

    # Deciding

    def _can_work(self, quote: Quote) -> bool:
        """Tell whether ``quote`` may fill anything."""
        symbol = quote.symbol
        if quote.flags & _EXTENDED:
            if symbol not in self.state.extended_books:
                return False
        elif symbol not in self.state.books and symbol not in self.state.model_books:
            return False
        asset = self._assets.get(symbol)
        if asset is None or asset.status in NOT_TRADING or not may_fill(quote):
            return False
        return _is_news(quote, self._quotes.peek(symbol))

    def _offers(self, quote: Quote, interval: Interval | None) -> list[tuple[Book, Offer]]:
        """Return the books that ``quote`` may work, each with what the quote offers to it.

        Outside the session there is neither a volume nor a bar: those who need them wait.
        """
        symbol = quote.symbol
        if quote.flags & _EXTENDED:
            self._interval = None
            books = sorted(self.state.extended_books[symbol].items())
            return [(book, offer_of(kind, quote, self._assets[symbol])) for kind, book in books]
        asset, book = self._assets[symbol], self.state.books.get(symbol)
        offers = [(book, Offer(quote, asset))] if book is not None else []
        self._interval = None
        if symbol in self.state.model_books:
            if interval is None:
                interval = self._intervals.peek(self._quotes.peek(symbol), quote)
            self._interval = interval
            for family, other in sorted(self.state.model_books[symbol].items()):
                offers.append((other, offer_of(family, quote, asset, interval)))
        return offers

    def _closes_at(self, quote: Quote) -> int:
        """Return the close of the session in which a quote's market time lies.

        Between sessions it is the next close below 0, so that what lies between two of them is one.
        """
        asset, at = self._assets.peek(quote.symbol), market_time(quote)
        if asset is None:
            return 0
        calendar = self.calendars.of(asset)
        session = calendar.session_at(at)
        return -calendar.next_session(at).close if session is None else session.close

    def _take_turns(self, book: Book, offer: Offer, fired: list[Order]) -> None:
        """Let the orders of a book take from ``offer``; ``fired`` have this chance only."""
        self._work(book, Side.BUY, offer)
        self._work(book, Side.SELL, offer)
        self._wake(book, offer)
        self._end_chances(fired, book, offer)

    def _work(self, book: Book, side: Side, offer: Offer) -> None:
        """Let the orders of one side take from ``offer`` in their turn until it is used up."""
        price = offer.reach(side)
        if not book.touches(side, price):
            return
        offer.begin(side)
        if offer.interval.bar is not None:
            # A quote of the session may come after its close, at which others took of the bar.
            offer.take(self._taken_of(offer, side))
        for order_id in book.candidates(side, price):
            if offer.is_used_up():
                break
            order = self.state.orders[order_id]
            if order.since < offer.stamp:
                self._fill(order, offer)

    def _fill(self, order: Order, offer: Offer) -> None:
        """Let one order take from ``offer`` what it may."""
        quote = offer.quote
        at = quote.observed_at
        owner = self.state.portfolios[order.portfolio]
        terms = owner.terms
        if order.terms is not None and order.terms.notional:
            order, fill = self._fill_for_money(order, offer, terms)
        else:
            fill = offer.fill(order, terms)
        if fill.quantity == 0:
            return
        exchange = None
        if offer.asset.currency != owner.currency:
            exchange = self._exchange(offer.asset, owner, market_time(quote))
            if exchange is None:
                return  # It waits until a rate is known.
        is_part = fill.quantity < order.remaining
        if is_part and order.time_in_force == _FOK:
            return
        if order.terms is not None:
            self._yield(order, fill.quantity, at)
        try:
            receipt = offer.receipt(order, fill, terms)
            changed, posted = fill_events(
                self.state,
                order,
                fill,
                quote,
                receipt,
                offer.asset,
                self._settles_at(terms, offer.asset, quote) if terms.flags else 0,
                exchange,
            )
        except Unaffordable:
            self._forsake(order, offer, Refusal.INSUFFICIENT_CASH, LimitingRule.FUNDS)
            return
        except AmountOverflow:
            # The trader has grown beyond what can be counted: give the order up, not the desk.
            self._forsake(order, offer, Refusal.AMOUNT_OVERFLOW, LimitingRule.OVERFLOW)
            return
        self._emit(changed)
        self._emit(posted)
        offer.take(fill.quantity)
        if not changed.order.is_open:
            self._follow(changed.order, at)
        elif is_part and order.time_in_force in IMMEDIATE:
            self._give_up(changed.order, offer, terms)

    def _forsake(self, order: Order, offer: Offer, reason: Refusal, rule: LimitingRule) -> None:
        """Cancel an order whose fill cannot be posted."""
        terms = self.state.portfolios[order.portfolio].terms
        receipt = offer.receipt(order, Fill(0, NULL, rule), terms)
        at = offer.quote.observed_at
        self._end(order, OrderEventKind.CANCELLED, int(reason), at, receipt)

    def _taken_of(self, offer: Offer, side: Side) -> int:
        """Return how much of an offer was taken before its turn came."""
        return self.state.takings.of(offer.asset.symbol, offer.family, side, offer.source)

    def _fill_for_money(
        self, order: Order, offer: Offer, terms: PortfolioTerms
    ) -> tuple[Order, Fill]:
        """Work out how much an order for an amount of money takes, at the price that it gets.

        What comes back is the order for that quantity: it is complete unless the size was gone.
        """
        best, lot, left = offer.reach(order.side), offer.asset.lot, money_left(order)
        wanted = order.snapshot()
        if best > 0:
            wanted.quantity = order.filled + max(affordable(left, best, lot), lot)
        fill = offer.fill(wanted, terms)
        if fill.quantity == 0:
            return order, fill
        whole = affordable(left, fill.price, lot)
        if order.side != Side.BUY:
            whole = min(whole, order.remaining)
        elif order.reserved_quantity and not order.reserved_cash:
            # It closes a short, and at a better price than it was reckoned at it closes no more
            # than there is, nor what another order has reserved.
            owner = self.state.portfolios[order.portfolio]
            whole = min(whole, order.reserved_quantity + owner.available_quantity(order.symbol))
        fill.quantity = min(fill.quantity, whole)
        wanted.quantity = order.filled + (whole if fill.limiting else fill.quantity)
        return wanted, fill

    def _end_chances(self, fired: list[Order], book: Book, offer: Offer) -> None:
        """End the orders that had this quote only, and are open still.

        One that a bar is too old for waits for its first: `_wake` ends it then.
        """
        for order in fired:
            now = self.state.orders[order.order_id]
            is_its_chance = now.is_open and now.since < offer.stamp
            if is_its_chance and self.state.book_of(now) is book:
                self._give_up(now, offer, self.state.portfolios[now.portfolio].terms)

    def _give_up(self, order: Order, offer: Offer, terms: PortfolioTerms) -> None:
        """Cancel what ``offer``, the only one that an IOC or FOK order may use, did not fill."""
        receipt = self._refusal_of(order, offer, terms)
        reason, at = int(Refusal.NOT_FILLABLE), offer.quote.observed_at
        self._end(order, OrderEventKind.CANCELLED, reason, at, receipt)

    def _refusal_of(self, order: Order, offer: Offer, terms: PortfolioTerms) -> Receipt:
        """Write why ``order`` got nothing more of an offer, by what its own side took of it."""
        offer.begin(order.side)
        offer.take(self._taken_of(offer, order.side))
        return offer.receipt(order, offer.refusal(order, terms), terms)

    def _wake(self, book: Book, offer: Offer) -> None:
        """Let orders that met their first eligible offer, and took nothing, rest in the book."""
        if not book.pending:
            return
        at = offer.quote.observed_at
        eligible = [
            (stamp, sequence, order_id)
            for order_id, (stamp, sequence) in book.pending.items()
            if stamp < offer.stamp
        ]
        for _, _, order_id in sorted(eligible):
            order = self.state.orders[order_id]
            terms = self.state.portfolios[order.portfolio].terms
            if order.time_in_force in IMMEDIATE:
                self._give_up(order, offer, terms)
                continue
            receipt = self._refusal_of(order, offer, terms)
            changed = order.snapshot()
            changed.state = next_state(order.state, OrderEventKind.WORKING)
            changed.version += 1
            changed.updated_at = at
            self._change(OrderEventKind.WORKING, changed, at, receipt)


def concerns(book: Book, offer: Offer) -> bool:
    """Tell, cheaply, whether some order may take from ``offer``, or meets its first one in it."""
    if book.touches(Side.BUY, offer.reach(Side.BUY)):
        return True
    if book.touches(Side.SELL, offer.reach(Side.SELL)):
        return True
    return bool(book.pending) and any(stamp < offer.stamp for stamp, _ in book.pending.values())


def _is_news(quote: Quote, known: Quote | None) -> bool:
    return known is None or quote.quote_seq > known.quote_seq
