"""Audit: the invariants of the desk's state, checked from the ground up.

The numbers (I-01 ...) are those of the specification of the ledger. I-01 and the sequence rules
are checked with every event by `papertrader.core.state`; here everything is counted again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from papertrader.core.ledger import LedgerKind, cash_asset
from papertrader.core.moneyaudit import reservation_violations
from papertrader.core.orders import Order, OrderState
from papertrader.core.portfolio import PortfolioState, Position
from papertrader.core.state import DeskState


def find_violations(state: DeskState) -> list[str]:
    """Return one sentence for each invariant that does not hold; none if the books are right.

    An order that is kept as a row had ended and is in no book: the hash of the state tells whether
    it is right.
    """
    orders = sorted(state.orders.here(), key=_order_id)
    found = [*_ledger_violations(state), *_order_violations(orders)]
    found.extend(_counter_violations(state, orders))
    found.extend(reservation_violations(state))
    found.extend(_combination_violations(state, orders))
    cash, quantities = _reserved(orders)
    for number, portfolio in state.portfolios.items():
        if (cash[number], quantities[number]) != (
            portfolio.reserved_cash, portfolio.reserved_quantity
        ):  # fmt: skip
            found.append(f"I-05: portfolio {number} does not reserve what its open orders do")
        found.extend(_portfolio_violations(state, portfolio))
    return found


def _ledger_violations(state: DeskState) -> Iterator[str]:
    totals: Counter[str] = Counter()
    for ledger_account, asset, amount in state.ledger.balances():
        totals[asset] += amount
        if ledger_account.kind == LedgerKind.ROUNDING and amount < 0:
            yield f"rounding of {asset} has favored the users by {-amount}"
    for asset, total in totals.items():
        if total:
            yield f"I-02: all balances of {asset} sum to {total}, not 0"


def _portfolio_violations(state: DeskState, portfolio: PortfolioState) -> Iterator[str]:
    name, ledger = f"portfolio {portfolio.portfolio}", state.ledger
    posted = ledger.balance(portfolio.cash_account, cash_asset(portfolio.currency))
    if portfolio.cash != posted:
        yield f"I-03: {name} has {portfolio.cash} in cash, its entries sum to {posted}"
    covered = portfolio.is_margin or portfolio.reserved_cash <= portfolio.cash
    if portfolio.reserved_cash < 0 or not covered:
        yield f"I-04: {name} has {portfolio.cash} and reserves {portfolio.reserved_cash}"
    bases = 0
    for symbol, position in portfolio.positions.items():
        bases += position.cost_basis
        posted = ledger.balance(portfolio.position_account, symbol)
        if position.quantity != posted:
            yield f"I-03: {name} holds {position.quantity} {symbol}, its entries sum to {posted}"
        held = abs(position.quantity) if portfolio.is_margin else position.quantity
        if held < portfolio.reserved_quantity.get(symbol, 0):
            yield f"I-04: {name} holds {position.quantity} {symbol} and reserves more"
        yield from _position_violations(name, position)
    earned = portfolio.deposited + portfolio.realized + portfolio.dividends - portfolio.fees
    earned += portfolio.purse.borrow + portfolio.purse.interest
    if portfolio.cash != earned - bases:
        yield f"I-14: {name} has {portfolio.cash}, its profits account for {earned - bases}"


def _position_violations(name: str, position: Position) -> Iterator[str]:
    lots = sum(lot.quantity for lot in position.lots)
    if lots != position.quantity:
        yield f"I-03: {name} holds {position.quantity} {position.symbol}, its lots sum to {lots}"
    if position.quantity == 0 and position.cost_basis:
        yield f"I-14: {name} holds no {position.symbol}, at a cost of {position.cost_basis}"


def _reserved(orders: list[Order]) -> tuple[Counter[int], dict[int, dict[str, int]]]:
    """Return what orders reserve of each portfolio: cash, and quantities by symbol."""
    cash: Counter[int] = Counter()
    quantities: dict[int, dict[str, int]] = defaultdict(Counter)
    for order in orders:
        if order.reserved_cash:
            cash[order.portfolio] += order.reserved_cash
        if order.reserved_quantity:
            quantities[order.portfolio][order.symbol] += order.reserved_quantity
    return cash, quantities


def _order_violations(orders: list[Order]) -> Iterator[str]:
    for order in orders:
        is_full = order.filled == order.quantity
        if (
            0 <= order.filled <= order.quantity
            and (order.state == OrderState.FILLED) == is_full
            and (order.is_open or not (order.reserved_cash or order.reserved_quantity))
        ):
            continue
        name = f"I-06: order {order.order_id}"
        if not 0 <= order.filled <= order.quantity:
            yield f"{name} has filled {order.filled} of {order.quantity}"
        if (order.state == OrderState.FILLED) != is_full:
            yield f"{name} is {order.state.name} with {order.filled} of {order.quantity}"
        if not order.is_open and (order.reserved_cash or order.reserved_quantity):
            yield f"{name} is {order.state.name} and still reserves"


def _counter_violations(state: DeskState, orders: list[Order]) -> Iterator[str]:
    open_orders: dict[int, Counter[str]] = {account: Counter() for account in state.accounts}
    listed = {portfolio: set(orders) for portfolio, orders in state.open_orders.items()}
    in_books: dict[int, list[int]] = {}
    for order in orders:
        if order.is_open:
            listed.get(order.portfolio, set()).discard(order.order_id)
            open_orders[order.account][order.symbol] += 1
            for book in state.places_of(order):
                in_books.setdefault(id(book), []).append(order.order_id)
    for symbol in sorted({*state.books, *state.model_books}):
        extended = state.extended_books.get(symbol, {}).values()
        for book in (*(book for _, book in state.books_in(symbol)), *extended):
            if book.order_ids() != in_books.get(id(book), []):
                yield f"the book of {symbol} does not have the open orders"
    for portfolio, left in listed.items():
        if left:
            yield f"portfolio {portfolio} lists order {min(left)} as open"
    for account in state.accounts.values():
        counted = open_orders[account.account]
        if account.open_orders != counted.total() or account.open_orders_by_symbol != counted:
            yield f"account {account.account} counts {account.open_orders} open orders wrongly"


def _combination_violations(state: DeskState, orders: list[Order]) -> Iterator[str]:
    children: dict[int, list[int]] = {}
    pairs: dict[int, list[int]] = {}
    for order in orders:
        terms = order.terms
        if terms is None or not order.is_open:
            continue
        name = f"I-20: order {order.order_id}"
        if terms.parent:
            children.setdefault(terms.parent, []).append(order.order_id)
        if terms.pair:
            pairs.setdefault(terms.pair, []).append(order.order_id)
        parent = state.orders.find(terms.parent)
        if order.state == OrderState.HELD and (parent is None or not parent.is_open):
            yield f"{name} waits for order {terms.parent}, which has ended"
    for pair, numbers in pairs.items():
        members = [state.orders[number] for number in numbers]
        name = f"I-21: pair {pair}"
        if len(members) > 2:
            yield f"{name} has {len(members)} open orders"
        for order in members:
            if order.terms is not None and order.terms.shares:
                others = [each for each in members if each is not order]
                if not others or others[0].reserved_quantity < order.remaining:
                    yield f"{name} does not reserve what order {order.order_id} sells"
    found = {key: sorted(each) for key, each in state.children.items()}
    if found != children or {key: sorted(each) for key, each in state.pairs.items()} != pairs:
        yield "I-22: the combinations do not have the open orders"


def _order_id(order: Order) -> int:
    return order.order_id
