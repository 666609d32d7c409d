"""Putting a desk's state together again from what it consists of, instead of from every event.

What comes in was kept by the views at one input sequence; the journal's later events are applied
after it. `papertrader.core.audit.find_violations` and the state's hash tell whether it is right.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

import attrs

from papertrader.core.allorders import OrderRows, Row
from papertrader.core.contests import Contest
from papertrader.core.events import ClockSet, MarksMoved
from papertrader.core.ledger import LedgerAccount
from papertrader.core.orders import OPEN_STATES, Order, OrderState, OrderType
from papertrader.core.portfolio import PortfolioState, Position
from papertrader.core.quotes import ActionKind
from papertrader.core.state import AccountState, DeskState


@attrs.frozen(kw_only=True)
class StateImage:
    """What a desk's state consists of.

    ``accounts`` holds (account, last event number, last transaction number); ``portfolios`` come
    in the order in which they were opened, without positions and reservations; ``orders`` are rows,
    in the order of their numbers, that ``form`` reads; ``balances`` holds (ledger account, asset,
    amount).
    """

    accounts: Iterable[tuple[int, int, int]]
    portfolios: Iterable[PortfolioState]
    positions: Iterable[tuple[int, Position]]
    orders: Iterable[Row]
    form: OrderRows
    balances: Iterable[tuple[LedgerAccount, str, int]]
    applied: Iterable[tuple[str, ActionKind, int]]
    clocks: Iterable[ClockSet] = ()
    contests: Iterable[Contest] = ()
    marks: Iterable[MarksMoved] = ()


def restore_state(image: StateImage) -> DeskState:
    """Return the state that consists of ``image``."""
    state = DeskState()
    for account, event_seq, transaction_id in image.accounts:
        state.accounts[account] = AccountState(account, event_seq, transaction_id)
    for portfolio in image.portfolios:
        state.portfolios[portfolio.portfolio] = portfolio
        state.accounts[portfolio.account].portfolios.append(portfolio.portfolio)
        if portfolio.is_margin:
            state.margin_portfolios.add(portfolio.portfolio)
    for number, position in image.positions:
        state.portfolios[number].positions[position.symbol] = position
    trails = _restore_orders(state, image)
    for ledger_account, asset, amount in image.balances:
        state.ledger.restore(ledger_account, asset, amount)
    state.applied.update(image.applied)
    state.note_ended()
    for contest in image.contests:
        state.contests[contest.contest] = contest
        for number in contest.entries:
            state.portfolios[number].contest = contest.contest
    state.clocks.update((clock.market, clock) for clock in image.clocks)
    heapq.heapify(state.expiries)
    _restore_trails(state, trails, image.marks)
    return state


def _restore_trails(state: DeskState, trails: Iterable[Order], marks: Iterable[MarksMoved]) -> None:
    """Put trailing stops in their books and move them, each by the prices seen after its own."""
    steps: list[tuple[int, int, Order | MarksMoved]] = []
    steps += [(moved.at, 0, moved) for moved in marks]
    steps += [(order.terms.marked_at if order.terms else 0, 1, order) for order in trails]
    for _, _, step in sorted(steps, key=lambda each: each[:2]):
        if isinstance(step, Order):
            state.book_of(step).add(step)
        else:
            state.apply(step)


def _trails(order: Order) -> bool:
    return (
        order.order_type == OrderType.TRAILING_STOP
        and order.state == OrderState.WORKING
        and not order.is_triggered
    )


def _restore_orders(state: DeskState, image: StateImage) -> list[Order]:
    """Put all orders in their places; return those whose place in a book the marks decide.

    Those that have ended are looked at no closer than is needed: they are most of what a start
    reads.
    """
    form, orders, portfolios = image.form, state.orders, state.portfolios
    trails, places = [], set()
    number = latest = 0
    for row in image.orders:
        (
            number, client_order_id, portfolio, symbol, flags, status, replaces, sequence, tag,
        ) = form.glance(row)  # fmt: skip
        portfolios[portfolio].client_order_ids[client_order_id] = number
        of_portfolio = state.orders_by_portfolio.get(portfolio)
        if of_portfolio is None:
            of_portfolio = state.orders_by_portfolio[portfolio] = []
        of_portfolio.append(number)
        latest = max(latest, sequence)
        if replaces:
            state.replaced_by[replaces] = number
        if tag:
            state.tagged[portfolio, tag] = number
        if status in OPEN_STATES:
            order = orders[number] = form.order(row)
            _restore_open(state, order)
            if _trails(order):
                trails.append(order)
            continue
        orders.keep(number, row, form)
        place = (portfolio, symbol, flags)
        if place not in places:
            # A book remembers what its orders have seen, even if it has none now.
            places.add(place)
            state.places_of(form.order(row))
    state.order_last, state.sequence_last = number, latest
    return trails


def _restore_open(state: DeskState, order: Order) -> None:
    account, symbol = state.accounts[order.account], order.symbol
    portfolio = state.portfolios[order.portfolio]
    books = state.places_of(order)
    if not _trails(order):
        for book in books:
            book.add(order)
    state.link(order)
    account.open_orders += 1
    state.open_orders.setdefault(order.portfolio, set()).add(order.order_id)
    by_symbol = account.open_orders_by_symbol
    by_symbol[symbol] = by_symbol.get(symbol, 0) + 1
    portfolio.reserved_cash += order.reserved_cash
    if order.reserved_quantity:
        reserved = portfolio.reserved_quantity
        reserved[symbol] = reserved.get(symbol, 0) + order.reserved_quantity
    if order.expire_at:
        state.expiries.append((order.expire_at, order.order_id))
