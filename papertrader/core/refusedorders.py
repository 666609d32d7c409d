"""Refused orders: the receipt of an order that was refused on arrival.

Such an order has no number and no event; what is kept of it is what was asked for, why not, the
figures that the rule compared, and the newest quote of its symbol then.
"""

from __future__ import annotations

import attrs

from papertrader.core.fills import quote_age
from papertrader.core.money import NULL
from papertrader.core.orders import NewOrder, Order, Replacement
from papertrader.core.quotes import Quote
from papertrader.core.refusals import Figures, Refusal, Refused


@attrs.frozen(kw_only=True)
class QuoteThen:
    """What a receipt shows of a quote; ``age`` is that of its stamp when it came, in nanoseconds.

    Without a quote there are no prices, and its number is 0.
    """

    quote_seq: int = 0
    bid: int = NULL
    ask: int = NULL
    last: int = NULL
    bid_size: int = 0
    ask_size: int = 0
    observed_at: int = 0
    source_time: int = 0
    age: int = 0
    quote_flags: int = 0


@attrs.frozen(kw_only=True)
class RefusedOrder:
    """Why an order was refused on arrival, with all that decided it.

    ``replaces`` is the order in whose place it was to come, 0 for none. ``at`` is the master's
    instant, ``market_at`` market time; ``works_from`` and ``expire_at`` are the bounds of the
    session that it would have worked in, 0 where none bounds it. ``side``, ``order_type`` and
    ``time_in_force`` are 0 where nothing is known of them. ``text`` says it in a sentence.
    """

    account: int
    portfolio: int
    client_order_id: int
    replaces: int
    symbol: str
    side: int
    order_type: int
    time_in_force: int
    flags: int
    quantity: int
    limit_price: int
    stop_price: int
    received_at: int
    at: int
    market_at: int
    works_from: int
    expire_at: int
    refusal: Refusal
    figures: Figures
    quote: QuoteThen
    text: str


def quote_then(quote: Quote | None) -> QuoteThen:
    """Return what a receipt shows of ``quote``."""
    if quote is None:
        return QuoteThen()
    return QuoteThen(
        quote_seq=quote.quote_seq,
        bid=quote.bid,
        ask=quote.ask,
        last=quote.last,
        bid_size=quote.bid_size,
        ask_size=quote.ask_size,
        observed_at=quote.observed_at,
        source_time=quote.source_time,
        age=quote_age(quote),
        quote_flags=int(quote.flags),
    )


def refused_order(wish: NewOrder, refused: Refused, quote: Quote | None) -> RefusedOrder:
    """Write the receipt of a new order that is refused by the newest ``quote`` of its symbol."""
    return RefusedOrder(
        account=wish.account,
        portfolio=wish.portfolio,
        client_order_id=wish.client_order_id,
        replaces=0,
        symbol=wish.symbol,
        side=int(wish.side),
        order_type=int(wish.order_type),
        time_in_force=int(wish.time_in_force),
        flags=wish.flags,
        quantity=wish.quantity,
        limit_price=wish.limit_price,
        stop_price=wish.stop_price,
        received_at=wish.received_at,
        at=wish.at,
        market_at=wish.market_at,
        works_from=wish.works_from,
        expire_at=wish.expire_at,
        refusal=refused.refusal,
        figures=refused.figures.bounded(),
        quote=quote_then(quote),
        text=refused.text,
    )


def refused_replacement(
    wish: Replacement, refused: Refused, old: Order | None, quote: Quote | None
) -> RefusedOrder:
    """Write the receipt of an order that was to replace ``old``, None for none of the trader's.

    What the wish leaves as it was is shown as it was; without an order to replace there is no
    symbol, and nothing of a side or a type.
    """
    receipt = RefusedOrder(
        account=wish.account,
        portfolio=wish.portfolio,
        client_order_id=wish.client_order_id,
        replaces=wish.order_id,
        symbol="",
        side=0,
        order_type=0,
        time_in_force=0,
        flags=0,
        quantity=wish.quantity,
        limit_price=wish.limit_price,
        stop_price=wish.stop_price,
        received_at=wish.received_at,
        at=wish.at,
        market_at=wish.market_at,
        works_from=0,
        expire_at=wish.expire_at,
        refusal=refused.refusal,
        figures=refused.figures.bounded(),
        quote=quote_then(quote),
        text=refused.text,
    )
    if old is None:
        return receipt
    return attrs.evolve(
        receipt,
        symbol=old.symbol,
        side=int(old.side),
        order_type=int(old.order_type),
        time_in_force=int(old.time_in_force),
        flags=old.flags,
        quantity=wish.quantity or old.quantity,
        limit_price=old.limit_price if wish.limit_price == NULL else wish.limit_price,
        stop_price=old.stop_price if wish.stop_price == NULL else wish.stop_price,
        expire_at=wish.expire_at or old.expire_at,
    )
