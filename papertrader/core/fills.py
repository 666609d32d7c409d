"""Fills: what a quote gives an order under the ``quote`` fill model, and the receipt for it.

The model crosses the spread: a buy fills at the ask, a sell at the bid, a limit at the better of
its limit and the quote. The displayed size bounds what all orders together take from one quote; a
size of 0 is unknown and bounds nothing (trading rules, part 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

import attrs

from papertrader.core.intervals import Interval
from papertrader.core.money import AMOUNT_MAX, NULL, SCALE, checked
from papertrader.core.orders import Order, Side
from papertrader.core.quotes import Quote, QuoteFlag
from papertrader.core.terms import BASIS_POINTS, FillModelKind

# Python 3.11 looks the members of an enumeration up slowly: each costs as much as a call.
_BUY: Final = Side.BUY

_FILLS_NOTHING: Final = int(
    QuoteFlag.STALE | QuoteFlag.CLOSED | QuoteFlag.SUSPECT | QuoteFlag.HALTED
)
_MARKET_STAMPED: Final = int(QuoteFlag.SYNTHETIC | QuoteFlag.REPLAYED)


class LimitingRule(IntEnum):
    """What stopped the rest of an order from filling on a quote."""

    NONE = 0
    SIZE = 1
    """The displayed size was used up, by this order or by those before it."""
    COLLAR = 2
    """A market order may not fill beyond its collar."""
    LIMIT = 3
    """The quote did not touch the limit."""
    NO_PRICE = 4
    """The quote has no price on the side that the order needs."""
    THROUGH = 5
    """The quote touched the limit, and the fill model wants it traded through."""
    QUEUE = 6
    """Others stood in the queue before a resting order, and took what was there."""
    VOLUME = 7
    """The part of the volume that the fill model gives was used up."""
    BAR = 8
    """No further bar that began after the order was received is complete."""
    UNUSABLE = 9
    """The newest quote is stale, suspect, crossed or of a closed market."""
    HALTED = 10
    """The asset did not trade."""
    WAITING = 11
    """No quote was observed after the order was received."""
    TRIGGER = 12
    """The market did not reach the price that the order waited for."""
    HELD = 13
    """The order waited for another one."""
    EXTENDED = 14
    """The quote was of extended hours, and the order works in the session only."""
    FUNDS = 15
    """The portfolio could not pay for what the quote offered."""
    OVERFLOW = 16
    """What the fill leads to is more than can be counted."""
    SESSION = 17
    """The order waited for the opening or the close of its session."""


_UNLIMITED: Final = LimitingRule.NONE


@attrs.define
class Working:
    """What a fill was worked out from besides the quote.

    ``reference`` is the price that the model began from, ``taken`` what orders before this one had
    taken of the interval's volume.
    """

    model: FillModelKind
    reference: int
    taken: int
    interval: Interval


@attrs.define
class Receipt:
    """Which quote decided, and what it cost: enough to compute the fill again to the last unit.

    ``age`` is how old the source's stamp was when the master received the quote, in nanoseconds;
    0 for replayed and synthetic quotes, whose stamps are market time. ``spread_cost`` is half the
    spread times the quantity, rounded up to a unit; 0 if one side is unknown. ``slippage`` is the
    money paid beyond the quote's own price, rounded up.
    """

    quote_seq: int
    bid: int
    ask: int
    last: int
    bid_size: int
    ask_size: int
    observed_at: int
    source_time: int
    age: int
    spread_cost: int
    slippage: int
    limiting: LimitingRule
    working: Working | None = None
    """What a fill model other than ``quote`` went by besides."""


@attrs.define
class Fill:
    """What an order takes from a quote; ``quantity`` 0 for nothing, and ``limiting`` says why."""

    quantity: int
    price: int
    limiting: LimitingRule


def may_fill(quote: Quote) -> bool:
    """Tell whether orders may use ``quote`` at all: not stale, closed, suspect, halted, crossed.

    A crossed quote (bid above ask) would let a round trip win; it is refused here too, even if
    its source did not flag it.
    """
    return not quote.flags & _FILLS_NOTHING and not quote.bid > quote.ask > 0


def touch_price(side: Side, quote: Quote) -> int:
    """Return the price that ``side`` trades at: the ask for a buy, else the bid; `NULL` if none."""
    price = quote.ask if side == _BUY else quote.bid
    return price if price > 0 else NULL


def displayed_size(side: Side, quote: Quote) -> int:
    """Return how much of ``quote`` may be taken by ``side``; `AMOUNT_MAX` where it is unknown."""
    size = quote.ask_size if side == _BUY else quote.bid_size
    return size if size > 0 else AMOUNT_MAX


def beyond(side: Side, price: int, bound: int) -> bool:
    """Tell whether ``price`` is worse for ``side`` than the ``bound`` that it accepts."""
    return price > bound if side == _BUY else price < bound


def bound_rule(order: Order) -> LimitingRule:
    """Return the rule by which an order's own bound stops it."""
    return LimitingRule.COLLAR if order.limit_price == NULL else LimitingRule.LIMIT


def fill_from_quote(order: Order, quote: Quote, size_left: int, lot: int) -> Fill:
    """Return what ``order`` takes from ``quote`` when ``size_left`` of it is still there.

    The quantity is the whole rest of the order, or as many whole ``lot`` as are left.
    """
    buys = order.side == _BUY
    price = quote.ask if buys else quote.bid
    if price <= 0:
        return Fill(0, NULL, LimitingRule.NO_PRICE)
    bound = order.bound_price
    if price > bound if buys else price < bound:
        return Fill(0, NULL, bound_rule(order))
    remaining = order.quantity - order.filled
    if remaining <= size_left:
        return Fill(remaining, price, _UNLIMITED)
    return Fill(size_left - size_left % lot, price, LimitingRule.SIZE)


def quote_age(quote: Quote) -> int:
    """Return how old the stamp of ``quote`` was when the master received it, in nanoseconds.

    0 for replayed and synthetic quotes, whose stamps are market time.
    """
    return 0 if quote.flags & _MARKET_STAMPED else max(0, quote.observed_at - quote.source_time)


def receipt_for(order: Order, quote: Quote, fill: Fill) -> Receipt:
    """Write the receipt of ``fill``, taken by ``order`` from ``quote``."""
    bid, ask = quote.bid, quote.ask
    spread_cost = slippage = 0
    if fill.quantity:
        if bid > 0 and ask > 0:
            spread_cost = checked(-(-(ask - bid) * fill.quantity // (2 * SCALE)))
        worse = fill.price - touch_price(order.side, quote)
        if worse:
            slippage = checked(-(-abs(worse) * fill.quantity // SCALE))
    return Receipt(
        quote.quote_seq,
        bid,
        ask,
        quote.last,
        quote.bid_size,
        quote.ask_size,
        quote.observed_at,
        quote.source_time,
        quote_age(quote),
        spread_cost,
        slippage,
        fill.limiting,
    )


def collar_basis_points(price: int, table: Sequence[tuple[int, int]]) -> int:
    """Return the collar for ``price`` out of ``table``: rows (price from, basis points), rising."""
    found = table[0][1]
    for start, points in table:
        if price < start:
            break
        found = points
    return found


def collar_price(side: Side, price: int, basis_points: int, tick: int) -> int:
    """Return the worst price of a market order, ``basis_points`` beyond the quote's ``price``.

    A buy's is rounded up to a tick; a sell's down, and it is one tick at least.
    """
    if side == _BUY:
        ticks = -(-price * (BASIS_POINTS + basis_points) // (BASIS_POINTS * tick))
        return ticks * tick
    ticks = price * (BASIS_POINTS - basis_points) // (BASIS_POINTS * tick)
    return max(ticks, 1) * tick
