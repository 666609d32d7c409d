"""What an account holds: totals and positions at the newest prices, and lists of orders."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from papertrader.core.desk import Desk
from papertrader.core.money import NULL
from papertrader.core.orders import OPEN_STATES, Order
from papertrader.core.portfolio import Position
from papertrader.core.quotes import Quote
from papertrader.core.state import DeskState
from papertrader.master.commands import Command, Refused
from papertrader.master.refusalrecords import notes_section, notes_size
from papertrader.master.sessions import Session
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.derived import Message
from papertrader.wire.kinds import Direction, Status

_OPEN: Final = sum(1 << state for state in OPEN_STATES)


@attrs.frozen(kw_only=True)
class Summary:
    """Totals of one portfolio, money in 1e-8 units; a position without a quote counts at cost."""

    portfolio: int
    currency: str
    cash: int
    reserved_cash: int
    equity: int
    market_value: int
    unrealized: int
    realized: int
    as_of: int
    open_orders: int
    positions: list[m.PositionRow]


def _mark(position: Position, quote: Quote | None) -> int:
    """Return the price at which the position could be closed now; `NULL` if unknown."""
    if quote is None:
        return NULL
    side = quote.bid if position.quantity > 0 else quote.ask
    return side if side != NULL else quote.last


def _row(position: Position, quote: Quote | None, reserved: int) -> m.PositionRow:
    mark = _mark(position, quote)
    value = NULL if mark == NULL else position.value_at(mark)
    return m.PositionRow(
        symbol=position.symbol,
        quantity=position.quantity,
        reserved=reserved,
        average_cost=position.avg_cost,
        cost_basis=position.cost_basis,
        mark=mark,
        last=NULL if quote is None else quote.last,
        market_value=value,
        unrealized_pnl=NULL if value == NULL else value - position.cost_basis,
        realized_pnl=position.realized,
        opened_at=position.opened_at,
        updated_at=position.updated_at,
        fifo_cost_basis=position.fifo_cost_basis,
        fifo_realized=position.fifo_realized,
    )


def summarize(desk: Desk, portfolio: int, now: int, market_at: int) -> Summary:
    """Value one portfolio at liquidation prices (trading rules, part 6), all in its own money."""
    state = desk.state.portfolios[portfolio]
    rows = [
        _row(
            position,
            desk.worth(state, symbol, market_at),
            state.reserved_quantity.get(symbol, 0),
        )
        for symbol, position in sorted(state.positions.items())
        if position.quantity
    ]
    value = sum(r.cost_basis if r.market_value == NULL else r.market_value for r in rows)
    gain = sum(0 if r.unrealized_pnl == NULL else r.unrealized_pnl for r in rows)
    return Summary(
        portfolio=portfolio,
        currency=state.currency,
        cash=state.cash,
        reserved_cash=state.reserved_cash,
        equity=state.cash + value,
        market_value=value,
        unrealized=gain,
        realized=state.earned,
        as_of=now,
        open_orders=desk.state.accounts[state.account].open_orders,
        positions=rows,
    )


@attrs.define
class Totals:
    """What a portfolio has in all, of one look that makes no rows."""

    cash: int
    reserved_cash: int
    equity: int
    realized: int
    open_orders: int
    positions: int


def totals(desk: Desk, portfolio: int, market_at: int) -> Totals:
    """Value one portfolio as `summarize` does, without a row for each position."""
    state = desk.state.portfolios[portfolio]
    value = held = 0
    for symbol, position in state.positions.items():
        if position.quantity:
            held += 1
            mark = _mark(position, desk.worth(state, symbol, market_at))
            value += position.cost_basis if mark == NULL else position.value_at(mark)
    return Totals(
        state.cash,
        state.reserved_cash,
        state.cash + value,
        state.earned,
        desk.state.accounts[state.account].open_orders,
        held,
    )


def newest_first(message: m.OrderList | m.TransactionsGet | m.RefusalsGet) -> bool:
    """Tell which way a list is to go."""
    way = message.direction
    return bool(way) and way[0].direction == Direction.NEWEST_FIRST


def orders_wanted(state: DeskState, portfolio: int, message: m.OrderList) -> Iterator[Order]:
    """Give the orders that an ORDER_LIST asks for, in its direction.

    None before its page is looked at, and for open ones alone none that has ended: each page
    costs what its own rows cost.
    """
    wanted = message.states or _OPEN
    numbers: Sequence[int] = state.orders_by_portfolio[portfolio]
    if not wanted & ~_OPEN:
        numbers = sorted(state.open_orders[portfolio])
    if newest_first(message):
        end = bisect_left(numbers, message.after) if message.after else len(numbers)
        places = range(end - 1, -1, -1)
    else:
        places = range(bisect_right(numbers, message.after), len(numbers))
    for place in places:
        status, symbol = state.orders.standing(numbers[place])
        if wanted >> status & 1 and message.symbol in ("", symbol):
            yield state.orders[numbers[place]]


def rows_limit(limit: int) -> int:
    """Return how many rows a list may have; raises `Refused` for more than the protocol allows."""
    if limit > limits.ROWS_MAX:
        raise Refused(
            Status.RANGE_TOO_LARGE, f"At most {limits.ROWS_MAX} rows are sent; page with `after`."
        )
    return limit or limits.LIST_ROWS_DEFAULT


@attrs.frozen
class Details:
    """Further rows of a list: ``rows`` has one for each main row, empty where there is none."""

    tag: int
    row_size: int
    rows: list[bytes]


def parts(
    command: Command,
    session: Session,
    tag: int,
    row_size: int,
    rows: list[bytes],
    head: Message,
    details: Sequence[Details] = (),
    first: bytes = b"",
    notes: Sequence[str] = (),
) -> list[bytes]:
    """Return the frames of a reply in parts: ``head`` is repeated with its part numbers.

    ``head`` has the attributes part, parts, rows and total_rows. Empty lists are one part.
    ``details`` stand in the part in which their rows do, the sections ``first`` in the first one.
    ``notes`` has the text of each row, all of them empty or none given: NOTES of the same part.
    """
    details = [each for each in details if any(each.rows)]
    groups = len(details) + 2
    room = limits.PART_BODY_MAX - head.SIZE - groups * (codec.SECTION.size + codec.GROUP.size)
    room -= len(first)
    size = row_size + sum(each.row_size for each in details)
    begins = _part_begins(len(rows), size, room, notes if any(notes) else ())
    chunks = [rows[begin:end] for begin, end in zip(begins, [*begins[1:], len(rows)], strict=True)]
    frames = []
    for number, (begin, chunk) in enumerate(zip(begins, chunks, strict=True), 1):
        head.part, head.parts = number, len(chunks)  # type: ignore[attr-defined]
        head.rows, head.total_rows = len(chunk), len(rows)  # type: ignore[attr-defined]
        sections = codec.group(tag, row_size, chunk) if chunk else b""
        if number == 1:
            sections += first
        for each in details:
            known = [row for row in each.rows[begin : begin + len(chunk)] if row]
            if known:
                sections += codec.group(each.tag, each.row_size, known)
        if notes:
            sections += notes_section(notes[begin : begin + len(chunk)])
        flags = codec.RESPONSE | (codec.MORE if number < len(chunks) else 0)
        frames.append(
            codec.frame(
                head.CATEGORY,
                command.opcode,
                head.pack(),
                sections,
                flags=flags,
                session=session.handle,
                correlation=command.correlation,
            )
        )
    return frames


def _part_begins(count: int, size: int, room: int, notes: Sequence[str]) -> list[int]:
    """Return with which row each part begins, of rows of ``size`` octets and their notes."""
    if not notes:
        return list(range(0, count, room // size)) or [0]
    begins, left = [0], room
    for row, text in enumerate(notes):
        needed = size + notes_size(text)
        if needed > left:
            begins.append(row)
            left = room
        left -= needed
    return begins


def page_end(rows: list[int], limit: int) -> int:
    """Return what to give as `after` for the next page; 0 if there is none."""
    return rows[-1] if len(rows) == limit else 0
