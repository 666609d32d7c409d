"""Putting a desk's state together again from what it consists of, instead of from every event.

What comes in was kept by the views at one input sequence; the journal's later events are applied
after it. `papertrader.core.audit.find_violations` and the state's hash tell whether it is right.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

import attrs

from papertrader.core.contests import Contest
from papertrader.core.events import ClockSet, MarksMoved
from papertrader.core.ledger import LedgerAccount
from papertrader.core.orders import Order, OrderState, OrderType
from papertrader.core.portfolio import PortfolioState, Position
from papertrader.core.quotes import ActionKind
from papertrader.core.state import AccountState, DeskState


@attrs.frozen(kw_only=True)
class StateImage:
    """What a desk's state consists of.

    ``accounts`` holds (account, last event number, last transaction number); ``portfolios`` come
    in the order in which they were opened, without positions and reservations; ``orders`` in the
    order of their numbers; ``balances`` holds (ledger account, asset, amount).
    """

    accounts: Iterable[tuple[int, int, int]]
    portfolios: Iterable[PortfolioState]
    positions: Iterable[tuple[int, Position]]
    orders: Iterable[Order]
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
    trails = []
    for order in image.orders:
        _restore_order(state, order)
        if _trails(order):
            trails.append(order)
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


def _restore_order(state: DeskState, order: Order) -> None:
    portfolio = state.portfolios[order.portfolio]
    state.orders[order.order_id] = order
    state.orders_by_portfolio.setdefault(order.portfolio, []).append(order.order_id)
    portfolio.client_order_ids[order.client_order_id] = order.order_id
    state.order_last = max(state.order_last, order.order_id)
    state.sequence_last = max(state.sequence_last, order.sequence)
    books = state.places_of(order)
    if order.replaces:
        state.replaced_by[order.replaces] = order.order_id
    if order.tag:
        state.tagged[order.portfolio, order.tag] = order.order_id
    if not order.is_open:
        return
    account, symbol = state.accounts[order.account], order.symbol
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
