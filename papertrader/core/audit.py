"""Audit: the invariants of the desk's state, checked from the ground up, and its hash.

The numbers (I-01 ...) are those of the specification of the ledger. I-01 and the sequence rules
are checked with every event by `papertrader.core.state`; here everything is counted again.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import attrs

from papertrader.core.added import ADDED, NAMED
from papertrader.core.allorders import Orders, Row
from papertrader.core.ledger import LedgerKind, cash_asset
from papertrader.core.moneyaudit import reservation_violations
from papertrader.core.orders import Order, OrderState
from papertrader.core.portfolio import PortfolioState, Position
from papertrader.core.state import DeskState

if TYPE_CHECKING:
    from _hashlib import HASH

ENCODED_TOGETHER: Final = 1_024
"""Orders that are encoded, and remembered, in one piece."""


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


def state_hash(state: DeskState) -> bytes:
    """Return SHA-256 over a canonical encoding of everything that events have made.

    Quotes and assets are not part of it, nor what only speeds things up. The same events in the
    same order give the same 32 bytes on any machine.
    """
    return state_hash_later(state)()


def state_hash_later(
    state: DeskState, encodings: OrderEncodings | None = None
) -> Callable[[], bytes]:
    """Return what works out the hash of the state as it is now, whenever and wherever it is called.

    The orders are what takes the time, seven microseconds each, and no order is ever changed:
    events put others in their places. So a thread may encode them while the state goes on.
    ``encodings`` remembers them for the next time.
    """
    digest = hashlib.sha256()
    for section in (_by_key(state.accounts), _by_key(state.portfolios)):
        _encode_section(section, digest)
    orders = state.orders.kept()
    rest = _encoded_rest(state)

    def finish() -> bytes:
        for octets in (encodings or OrderEncodings()).of(orders, state.orders):
            digest.update(octets)
        digest.update(b";")
        digest.update(rest)
        return digest.digest()

    return finish


def _encoded_rest(state: DeskState) -> bytes:
    """Return the encoding of what comes after the orders."""
    octets: list[bytes] = []
    for section in (
        sorted(
            (account.kind, account.portfolio, asset, amount)
            for account, asset, amount in state.ledger.balances()
        ),
        sorted(state.applied),
    ):
        for row in section:
            _write(row, octets)
        octets.append(b";")
    # Nothing for clocks never set: checkpoints of older journals still compare.
    for market in sorted(state.clocks):
        _write(state.clocks[market], octets)
    for row in _by_key(state.contests):
        _write(row, octets)
    symbols = sorted({*state.books, *state.model_books})
    books = [book for symbol in symbols for _, book in state.books_in(symbol)]
    marks = sorted(mark for book in books for mark in book.triggers.marks())
    if marks:
        _write(marks, octets)
    return b"".join(octets)


class OrderEncodings:
    """The encodings of orders that have ended, for who takes the hash again and again.

    An order that has ended stays as it is, so that a whole piece of them is encoded once. Not so
    when the clock is turned back: `clear` then.
    """

    def __init__(self) -> None:
        self._pieces: dict[int, bytes] = {}

    def clear(self) -> None:
        """Forget all of them."""
        self._pieces.clear()

    def of(self, orders: list[Order | Row], among: Orders) -> Iterator[bytes]:
        """Give the encodings of all orders, which come by number as they are kept, in pieces."""
        for begun in range(0, len(orders), ENCODED_TOGETHER):
            piece = self._pieces.get(begun)
            if piece is None:
                some = orders[begun : begun + ENCODED_TOGETHER]
                piece = b"".join([_encoded_kept(kept, among) for kept in some])
                if len(some) == ENCODED_TOGETHER and not any(map(_is_open, some)):
                    self._pieces[begun] = piece
            yield piece


_ORDER_NAMES: Final = tuple(
    field.name for field in attrs.fields(Order) if ADDED not in field.metadata
)
_ORDER_VALUES: Final = attrgetter(*_ORDER_NAMES)
_SYMBOL: Final = _ORDER_NAMES.index("symbol")
_ORDER_FORMAT: Final = b"(%d:" % len(_ORDER_NAMES) + b"".join(
    b"s%d:%b" if name == "symbol" else b"i%d," for name in _ORDER_NAMES
)


def encoded_order(order: Order) -> bytes:
    """Return the encoding of an order.

    Nearly all are plain: integers but for the symbol, no terms and no tag. Of them it is put
    together at once, which takes a third of the time.
    """
    if order.terms is not None or order.tag:
        return encoded(order)
    return _encoded_values(_ORDER_VALUES(order))


def _encoded_kept(kept: Order | Row, among: Orders) -> bytes:
    """Return the encoding of an order as it is kept: of most rows without making the order."""
    values = among.plain_values(kept)
    return encoded_order(among.read(kept)) if values is None else _encoded_values(values)


def _is_open(kept: Order | Row) -> bool:
    return isinstance(kept, Order) and kept.is_open


def _encoded_values(values: tuple[Any, ...]) -> bytes:
    symbol = values[_SYMBOL].encode()
    return _ORDER_FORMAT % (
        *values[:_SYMBOL], len(symbol), symbol, *values[_SYMBOL + 1 :],
    )  # fmt: skip


def encoded(value: Any) -> bytes:
    """Return the encoding of any part of the state, by its declaration."""
    octets: list[bytes] = []
    _write(value, octets)
    return b"".join(octets)


def _encode_section(rows: list[Any], digest: HASH) -> None:
    for row in rows:
        digest.update(encoded(row))
    digest.update(b";")


def _by_key(rows: dict[int, Any]) -> list[Any]:
    return [rows[key] for key in sorted(rows)]


def _write(value: Any, octets: list[bytes]) -> None:
    """Append the encoding of ``value``, each part with its type and length."""
    if isinstance(value, dict):
        parts = [part for key in sorted(value) for part in (key, value[key])]
    elif isinstance(value, list | tuple):
        parts = value  # type: ignore[assignment]
    else:
        parts = []
        for name, added, default in _fields_of(value.__class__):
            part = getattr(value, name)
            if added:
                if part == default:
                    continue
                if added == NAMED:
                    parts.append(name)
            parts.append(part)
    octets.append(b"(%d:" % len(parts))
    for part in parts:
        # Nearly all parts are one of these; to call for each is what a hash would cost most.
        if isinstance(part, int):
            octets.append(b"i%d," % part)
        elif isinstance(part, str):
            data = part.encode()
            octets.append(b"s%d:%b" % (len(data), data))
        else:
            _write(part, octets)


@cache
def _fields_of(kind: type[Any]) -> tuple[tuple[str, Any, Any], ...]:
    """Return the fields of a class: name, whether it came later and how, and its default.

    What is not compared follows from the others, and is left out.
    """
    return tuple(
        (field.name, field.metadata.get(ADDED), field.default)
        for field in attrs.fields(kind)
        if field.eq
    )
