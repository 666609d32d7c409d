"""Orders that were refused on arrival: the request for their receipts with its result."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

import attrs

from papertrader.client import results as r
from papertrader.client.commands import ROWS_ASKED_MAX, Command, direction_of, whole_number
from papertrader.client.conversion import notes_of
from papertrader.client.errors import status_name
from papertrader.client.results import decimal_of, decimal_or_none, moment_of
from papertrader.core.orders import OrderType, Side, TimeInForce
from papertrader.core.quotes import QuoteFlag
from papertrader.core.refusals import FigureUnit
from papertrader.wire import messages as m
from papertrader.wire.kinds import OrderFlag

Figure: TypeAlias = Decimal | datetime | None


@attrs.frozen(kw_only=True)
class RefusedOrder:
    """Why an order was refused on arrival, with the figures that the rule compared.

    ``asked`` is what the order asked for and ``there`` what there was, is allowed, or must divide
    it, in ``unit``; None where no numbers were compared. ``price`` is the worst one that the order
    was reckoned with. A rule that is dated data says ``points`` basis points since ``rule_since``.
    The quote is the newest of the symbol then, 0 and None where none was known.
    """

    refusal: int
    client_order_id: int
    portfolio: int
    replaces: int
    symbol: str
    side: Side | int
    order_type: OrderType | int
    time_in_force: TimeInForce | int
    flags: OrderFlag
    quantity: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None
    reason: str
    text: str
    unit: FigureUnit | int
    asked: Figure
    there: Figure
    price: Decimal | None
    points: int
    rule_since: datetime | None
    received_at: datetime | None
    at: datetime | None
    market_at: datetime | None
    works_from: datetime | None
    expire_at: datetime | None
    quote_seq: int
    quote_flags: QuoteFlag
    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    bid_size: Decimal
    ask_size: Decimal
    observed_at: datetime | None
    source_time: datetime | None
    age_ns: int


@attrs.frozen(kw_only=True)
class RefusalPage(r.Page[RefusedOrder]):
    """Some refused orders. ``kept_from``: those before this number are no longer kept; 0: all."""

    kept_from: int = 0


def refusals(
    client_order_id: int, portfolio: int, after: int, limit: int, newest_first: bool = False
) -> Command[RefusalPage]:
    """Read orders that were refused on arrival; 0 for any id or portfolio."""
    message = m.RefusalsGet(
        client_order_id=whole_number(client_order_id, "client_order_id"),
        portfolio=whole_number(portfolio, "portfolio"),
        after=whole_number(after, "after"),
        limit=whole_number(limit, "limit", ROWS_ASKED_MAX),
        direction=direction_of(newest_first),
    )
    return Command(message=message, read=_read)


def _read(parts: Sequence[m.RefusalsPart]) -> RefusalPage:
    last = parts[-1]
    items = []
    for part in parts:
        notes = notes_of(part.notes)
        items += [_refused(row, notes.get(at, "")) for at, row in enumerate(part.refusals)]
    return RefusalPage(
        items=tuple(items),
        next_after=last.next_after,
        event_seq=last.event_seq,
        as_of=moment_of(last.as_of),
        kept_from=last.kept_from,
    )


def _figure(unit: int, value: int) -> Figure:
    if unit == FigureUnit.NONE:
        return None
    if unit == FigureUnit.INSTANT:
        return moment_of(value)
    return Decimal(value) if unit == FigureUnit.NUMBER else decimal_of(value)


def _refused(row: m.RefusalRow, text: str) -> RefusedOrder:
    return RefusedOrder(
        refusal=row.refusal,
        client_order_id=row.client_order_id,
        portfolio=row.portfolio,
        replaces=row.replaces,
        symbol=row.symbol,
        side=row.side,
        order_type=row.order_type,
        time_in_force=row.time_in_force,
        flags=OrderFlag(row.flags),
        quantity=decimal_of(row.quantity),
        limit_price=decimal_or_none(row.limit_price),
        stop_price=decimal_or_none(row.stop_price),
        reason=status_name(row.reason),
        text=text,
        unit=row.unit,
        asked=_figure(row.unit, row.asked),
        there=_figure(row.unit, row.there),
        price=decimal_or_none(row.price),
        points=row.points,
        rule_since=moment_of(row.rule_since),
        received_at=moment_of(row.received_at),
        at=moment_of(row.at),
        market_at=moment_of(row.market_at),
        works_from=moment_of(row.works_from),
        expire_at=moment_of(row.expire_at),
        quote_seq=row.quote_seq,
        quote_flags=QuoteFlag(row.quote_flags),
        bid=decimal_or_none(row.bid),
        ask=decimal_or_none(row.ask),
        last=decimal_or_none(row.last),
        bid_size=decimal_of(row.bid_size),
        ask_size=decimal_of(row.ask_size),
        observed_at=moment_of(row.observed_at),
        source_time=moment_of(row.source_time),
        age_ns=row.age,
    )
