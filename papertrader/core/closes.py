"""Closes: what the end of a session gives to the orders that wait for it, and to those that rest.

It is a part of the desk (`papertrader.core.desk`), above the matching of quotes. At a close the
bar that goes on is complete, for everybody who trades by bars and in this order: resting orders
take from it in their turn, as from any bar; then orders for the close, in the order of their
numbers, get its last price; then what is left of the day's orders expires.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from papertrader.core.fillmodels import FAMILIES, Offer, closing_offer, offer_of
from papertrader.core.fills import may_fill
from papertrader.core.instants import NEVER
from papertrader.core.intervals import Interval
from papertrader.core.matching import Matching, concerns
from papertrader.core.orders import Order, OrderEventKind
from papertrader.core.quotes import Asset, Quote, QuoteFlag, market_time
from papertrader.core.reasons import NOT_TRADING, last_receipt
from papertrader.core.rules import DeskRules
from papertrader.core.stops import ONE_CHANCE
from papertrader.core.terms import FillModelKind

_BAR: Final = FillModelKind.BAR
_BY_INTERVAL: Final = frozenset({FillModelKind.VOLUME_SHARE, _BAR})
"""Families of models that take from the time between quotes."""
_NO_INTERVAL: Final = Interval()


class Closes(Matching):
    """Ends of sessions in, fills and expiries out."""

    def __init__(self, rules: DeskRules | None = None) -> None:
        super().__init__(rules)
        self._closings: Mapping[str, Interval] | None = None
        self._closings_used: dict[str, Interval] = {}
        self._bars_due: list[tuple[int, str]] = []
        """Closes that complete bars, and their symbols, of the present input; the first is last."""

    def forget_used(self) -> None:
        """Begin to note anew which assets, quotes, rates and closes the decisions look at."""
        super().forget_used()
        self._closings_used.clear()

    def closings_used(self) -> dict[str, Interval]:
        """Return, by symbol, the intervals with which sessions closed since `forget_used`."""
        return dict(self._closings_used)

    def next_bar_close(self) -> int:
        """Return the first close (market time) that completes a bar; 0 if none is to come."""
        books = self.state.model_books
        going_on = self._intervals.to_close()
        return min((at for symbol, at in going_on if _BAR in books.get(symbol, ())), default=0)

    # Deciding

    def _begin_closes(self, market_at: int, closings: Mapping[str, Interval] | None) -> None:
        """Find the closes until ``market_at`` that complete bars, or take them from a journal."""
        self._closings = closings
        going_on = self._intervals.to_close() if closings is None else self._told(closings)
        due = ((at, symbol) for symbol, at in going_on if at <= market_at)
        self._bars_due = sorted(due, reverse=True)

    def _told(self, closings: Mapping[str, Interval]) -> Iterator[tuple[str, int]]:
        """Give what `Intervals.to_close` gave for the closes that used a bar."""
        for symbol, interval in closings.items():
            quote = self._quotes.peek(symbol)
            at = 0 if quote is None or interval.bar is None else self._closes_at(quote)
            if at > 0:
                yield symbol, at

    def _bars_before(self, *others: int) -> bool:
        """Tell whether a close completes a bar before, or when, the first of other things is due.

        They are market times; 0 stands for never.
        """
        if not self._bars_due:
            return False
        at, _ = self._bars_due[-1]
        return all(each == NEVER or at <= each for each in others)

    def _close_bar(self) -> None:
        """Let resting orders take from the next bar that a close completes."""
        _, symbol = self._bars_due.pop()
        self._intervals.close(symbol)
        book = self.state.model_books.get(symbol, {}).get(_BAR)
        quote, asset = self._quotes.peek(symbol), self._assets.peek(symbol)
        if book is None or quote is None or asset is None or not _may_close(quote, asset):
            return
        offer = offer_of(_BAR, quote, asset, self._interval_at_close(quote))
        if not (concerns(book, offer) or book.opens(offer.latest)):
            return
        self._closings_used[symbol] = offer.interval
        # That they are asked for is noted: the decision needs them.
        self._quotes.get(symbol)
        self._assets.get(symbol)
        opened = self._open_orders(book, offer)
        self._take_turns(book, offer, [each for each in opened if each.time_in_force in ONE_CHANCE])

    def _close_out(self, order: Order, at: int) -> None:
        """End an order for the close, which has come, with what its session's end gives it.

        What others took of that is gone: when the last quote came, or at this close.
        """
        offer, receipt = self._closing_offer(order), None
        if offer is not None:
            offer.begin(order.side)
            offer.take(self._taken_of(offer, order.side))
            if not offer.is_used_up():
                self._fill(order, offer)
            order = self.state.orders[order.order_id]
        if not order.is_open:
            return
        if offer is not None:
            terms = self.state.portfolios[order.portfolio].terms
            receipt = offer.receipt(order, offer.refusal(order, terms), terms)
        self._end(order, OrderEventKind.EXPIRED, 0, at, receipt)

    def _closing_offer(self, order: Order) -> Offer | None:
        """Return what the last quote of an order's session offers it, if there was one for it."""
        quote, asset = self._quotes.get(order.symbol), self._assets.get(order.symbol)
        opened = order.terms.works_from if order.terms is not None else 0
        if quote is None or asset is None or not _may_close(quote, asset):
            return None
        if quote.observed_at <= order.since:
            return None
        if not opened <= market_time(quote) <= order.expire_at:
            return None
        family = FAMILIES[self.state.portfolios[order.portfolio].terms.fill_model]
        if family not in _BY_INTERVAL:
            return closing_offer(family, quote, asset)
        return closing_offer(family, quote, asset, self._closing_interval(quote))

    def _expire(self, order: Order, at: int) -> None:
        """End an order whose time is over. By bars, the last one of its session says why."""
        terms, receipt = self.state.portfolios[order.portfolio].terms, None
        if terms.fill_model == _BAR:
            quote, asset = self._quotes.get(order.symbol), self._assets.get(order.symbol)
            if (
                quote is not None
                and asset is not None
                and _may_close(quote, asset)
                and self._closes_at(quote) == order.expire_at
            ):
                offer = offer_of(_BAR, quote, asset, self._closing_interval(quote))
                offer.begin(order.side)
                offer.take(self._taken_of(offer, order.side))
                receipt = last_receipt(order, quote, asset, terms, offer)
        self._end(order, OrderEventKind.EXPIRED, 0, at, receipt)

    def _closing_interval(self, quote: Quote) -> Interval:
        """Return the interval with which a session closed, and note that it was used."""
        interval = self._closings_used[quote.symbol] = self._interval_at_close(quote)
        return interval

    def _interval_at_close(self, quote: Quote) -> Interval:
        if self._closings is None:
            return self._intervals.closing(quote)
        return self._closings.get(quote.symbol, _NO_INTERVAL)


def _may_close(quote: Quote | None, asset: Asset | None) -> bool:
    """Tell whether a session may close with a quote: not while its symbol is halted."""
    if quote is None or asset is None or asset.status in NOT_TRADING:
        return False
    return may_fill(quote) and not quote.flags & QuoteFlag.EXTENDED
