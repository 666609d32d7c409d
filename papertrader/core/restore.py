"""Putting a desk's state together again from what it consists of, instead of from every event.

What comes in was kept by the views at one input sequence; the journal's later events are applied
after it. `papertrader.core.audit.find_violations` and the state's hash tell whether it is right.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

import attrs

from papertrader.core.book import Book
from papertrader.core.ledger import LedgerAccount
from papertrader.core.orders import Order, OrderState
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


def restore_state(image: StateImage) -> DeskState:
    """Return the state that consists of ``image``."""
    state = DeskState()
    for account, event_seq, transaction_id in image.accounts:
        state.accounts[account] = AccountState(account, event_seq, transaction_id)
    for portfolio in image.portfolios:
        state.portfolios[portfolio.portfolio] = portfolio
        state.orders_by_portfolio[portfolio.portfolio] = []
        state.open_orders[portfolio.portfolio] = set()
        state.accounts[portfolio.account].portfolios.append(portfolio.portfolio)
    for number, position in image.positions:
        state.portfolios[number].positions[position.symbol] = position
    for order in image.orders:
        _restore_order(state, order)
    for ledger_account, asset, amount in image.balances:
        state.ledger.restore(ledger_account, asset, amount)
    state.applied.update(image.applied)
    heapq.heapify(state.expiries)
    return state


def _restore_order(state: DeskState, order: Order) -> None:
    portfolio = state.portfolios[order.portfolio]
    state.orders[order.order_id] = order
    state.orders_by_portfolio[order.portfolio].append(order.order_id)
    portfolio.client_order_ids[order.client_order_id] = order.order_id
    state.order_last = max(state.order_last, order.order_id)
    state.sequence_last = max(state.sequence_last, order.sequence)
    book = state.books.setdefault(order.symbol, Book())
    if order.replaces:
        state.replaced_by[order.replaces] = order.order_id
    if not order.is_open:
        return
    account, symbol = state.accounts[order.account], order.symbol
    book.add(order)
    if order.state != OrderState.PENDING:
        book.pending.pop(order.order_id, None)
    account.open_orders += 1
    state.open_orders[order.portfolio].add(order.order_id)
    by_symbol = account.open_orders_by_symbol
    by_symbol[symbol] = by_symbol.get(symbol, 0) + 1
    portfolio.reserved_cash += order.reserved_cash
    if order.reserved_quantity:
        reserved = portfolio.reserved_quantity
        reserved[symbol] = reserved.get(symbol, 0) + order.reserved_quantity
    if order.expire_at:
        state.expiries.append((order.expire_at, order.order_id))
