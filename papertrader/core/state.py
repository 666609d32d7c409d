"""The desk's state, and the one function that changes it: ``apply(event)``.

A live desk decides events and applies them; a recovering one only applies those of the journal.
Both end in the same state. `DeskState.apply` checks every event against the state before it
changes anything, and raises `InvariantViolated` rather than put wrong books right.
"""

from __future__ import annotations

import heapq
from typing import Final, cast

import attrs

from papertrader.core.allorders import Orders
from papertrader.core.book import Book
from papertrader.core.contestevents import apply_contest
from papertrader.core.contests import Contest
from papertrader.core.events import (
    ActionApplied,
    ClockSet,
    ContestEnded,
    ContestJoined,
    ContestOpened,
    Event,
    MarksMoved,
    OrderChanged,
    PortfolioFrozen,
    PortfolioMarked,
    PortfolioNamed,
    PortfolioOpened,
    SeasonBegun,
    TermsSet,
    TransactionPosted,
)
from papertrader.core.fillmodels import FAMILIES
from papertrader.core.ledger import (
    FUNDING,
    InvariantViolated,
    Ledger,
    TransactionKind,
)
from papertrader.core.orders import (
    IllegalTransitionError,
    Order,
    OrderEventKind,
    OrderFlag,
    OrderState,
    OrderType,
    next_state,
)
from papertrader.core.portfolio import PortfolioState
from papertrader.core.quotes import ActionKind
from papertrader.core.takings import Takings
from papertrader.core.terms import DEFAULT_TERMS, FillModelKind
from papertrader.core.touched import ACCOUNTS_TOGETHER, ORDERS_TOGETHER, Touched
from papertrader.core.triggers import Prices, with_mark

# Python 3.11 looks the members of an enumeration up slowly: each costs as much as a call.
_QUOTE: Final = FillModelKind.QUOTE
_ACCEPTED: Final = OrderEventKind.ACCEPTED
_ACTIVATED: Final = OrderEventKind.ACTIVATED
_EXTENDED: Final = int(OrderFlag.EXTENDED_HOURS)
_SPLIT: Final = TransactionKind.SPLIT
_DIVIDEND: Final = TransactionKind.DIVIDEND

_BIRTHS: Final = frozenset({OrderState.PENDING, OrderState.HELD})


@attrs.define
class AccountState:
    """An account's counters: the last event and transaction numbers, and its open orders."""

    account: int
    event_seq: int = 0
    transaction_id: int = 0
    open_orders: int = 0
    open_orders_by_symbol: dict[str, int] = attrs.Factory(dict)
    portfolios: list[int] = attrs.Factory(list)


class _Orders(dict[int, list[int]]):
    """Orders by portfolio. One that never had any takes no room, and has an empty tuple."""

    def __missing__(self, portfolio: int) -> list[int]:
        return cast("list[int]", ())


class _OpenOrders(dict[int, set[int]]):
    """Open orders by portfolio. One that never had any takes no room, and has a frozen set."""

    def __missing__(self, portfolio: int) -> set[int]:
        return cast("set[int]", _NOTHING)


_NOTHING: Final[frozenset[int]] = frozenset()


class DeskState:
    """Accounts, portfolios, orders, books and the ledger.

    Orders, finished ones too, stay in memory for ever (see `Orders` for how): they are what makes a
    client order id unique for ever. What bounds them is the rate at which the caller lets commands
    in.
    """

    def __init__(self) -> None:
        self.accounts: dict[int, AccountState] = {}
        self.portfolios: dict[int, PortfolioState] = {}
        self.orders = Orders()
        self.orders_by_portfolio: dict[int, list[int]] = _Orders()
        self.open_orders: dict[int, set[int]] = _OpenOrders()
        """The open orders of each portfolio."""
        self.children: dict[int, list[int]] = {}
        """From each order that legs wait for to those of them that are open."""
        self.pairs: dict[int, list[int]] = {}
        """From each pair of which one cancels the other to its orders that are open."""
        self.replaced_by: dict[int, int] = {}
        """From each order that was replaced to the one in its place."""
        self.tagged: dict[tuple[int, str], int] = {}
        """From each tag in a portfolio to the newest order that has it."""
        self.books: dict[str, Book] = {}
        self.model_books: dict[str, dict[FillModelKind, Book]] = {}
        """By symbol and family of fill models, the orders that do not take from displayed sizes."""
        self.extended_books: dict[str, dict[FillModelKind, Book]] = {}
        """By symbol and family, the orders that work in extended hours too; each has its turn in
        its other book as well, beside those that wait for the session."""
        self.margin_portfolios: set[int] = set()
        """The portfolios that may borrow."""
        self.ledger = Ledger()
        self.takings = Takings()
        self.applied: set[tuple[str, ActionKind, int]] = set()
        self.clocks: dict[str, ClockSet] = {}
        """The newest setting of each market's clock; none for one that was never set."""
        self.contests: dict[int, Contest] = {}
        self.ended: set[str] = set()
        """Symbols that an action has ended: changed or delisted."""
        self.order_last = 0
        self.sequence_last = 0
        self.touched = Touched()
        """What the next hash is to look at: `papertrader.core.statehash` begins it anew."""
        self.expiries: list[tuple[int, int]] = []
        """Heap of (market time, order id). One that ended otherwise stays until its time."""

    def apply(self, event: Event) -> None:
        """Change the state as ``event`` says.

        Raises `InvariantViolated`, with nothing changed, if the event does not follow from the
        state: a gap in its account's stream, an illegal transition, money that does not add up.
        """
        if isinstance(event, OrderChanged):
            self._apply_order(event)
        elif isinstance(event, TransactionPosted):
            self._apply_transaction(event)
        elif isinstance(event, MarksMoved):
            prices = Prices(event.bid, event.ask, event.last)
            for _, book in self.books_in(event.symbol):
                book.triggers.move(prices, event.at)
        elif isinstance(event, PortfolioOpened):
            self._apply_opening(event)
        elif isinstance(event, PortfolioNamed):
            self._named(event).name = event.name
        elif isinstance(event, ClockSet):
            self._apply_clock(event)
        elif isinstance(event, SeasonBegun):
            self._apply_season(event)
        elif isinstance(event, TermsSet):
            self._apply_terms(event)
        elif isinstance(event, PortfolioMarked):
            self._apply_mark(event)
        elif isinstance(event, PortfolioFrozen):
            self._apply_freeze(event)
        elif isinstance(event, ContestOpened | ContestJoined | ContestEnded):
            apply_contest(self, event)
        else:
            self._apply_action(event)

    def is_empty(self, portfolio: int) -> bool:
        """Tell whether a portfolio has neither positions nor open orders."""
        held = self.portfolios[portfolio].positions.values()
        return not self.open_orders[portfolio] and not any(each.quantity for each in held)

    def owners_orders(self, portfolio: int) -> list[int]:
        """Return the open orders of a portfolio that are its owner's to end, oldest first.

        All but those that carry out a margin call.
        """
        numbers = sorted(self.open_orders[portfolio])
        return [each for each in numbers if not self.orders[each].is_liquidation]

    def marked(self, order: Order) -> Order:
        """Return an order with its stop where the market has moved it by now."""
        if (
            order.order_type != OrderType.TRAILING_STOP
            or order.state != OrderState.WORKING
            or order.is_triggered
        ):
            return order
        triggers = self.book_of(order).triggers
        mark = triggers.mark_of(order)
        if order.terms is not None and order.terms.mark == mark:
            # What other orders have seen since is nothing of this one's: made anew it would differ.
            return order
        return with_mark(order, mark, triggers.newest)

    def due(self, market_at: int) -> Order | None:
        """Return the open order that expires first, if that is at or before ``market_at``."""
        order = self._expiring()
        return order if order is not None and order.expire_at <= market_at else None

    def next_expiry(self) -> int:
        """Return the market time at which the next open order expires; 0 if none will."""
        order = self._expiring()
        return 0 if order is None else order.expire_at

    def book_of(self, order: Order) -> Book:
        """Return the book that an order belongs to by its symbol and its portfolio's terms."""
        terms = self.portfolios[order.portfolio].terms
        family = _QUOTE if terms is DEFAULT_TERMS else FAMILIES[terms.fill_model]
        if family is _QUOTE:
            book = self.books.get(order.symbol)
            if book is None:
                book = self.books[order.symbol] = Book()
            return book
        books = self.model_books.setdefault(order.symbol, {})
        if family not in books:
            books[family] = Book()
        return books[family]

    def places_of(self, order: Order) -> list[Book]:
        """Return every book in which an order has a place."""
        book = self.book_of(order)
        if not order.flags & _EXTENDED:
            return [book]
        family = FAMILIES[self.portfolios[order.portfolio].terms.fill_model]
        return [book, self.extended_books.setdefault(order.symbol, {}).setdefault(family, Book())]

    def books_in(self, symbol: str) -> list[tuple[FillModelKind, Book]]:
        """Return the books of a symbol, each with its family of fill models."""
        book = self.books.get(symbol)
        first = [(_QUOTE, book)] if book is not None else []
        return [*first, *sorted(self.model_books.get(symbol, {}).items())]

    def _expiring(self) -> Order | None:
        while self.expiries:
            order = self.orders[self.expiries[0][1]]
            if order.is_open:
                return order
            heapq.heappop(self.expiries)
        return None

    def _owner(
        self, event: OrderChanged | TransactionPosted
    ) -> tuple[AccountState, PortfolioState]:
        """Return whose event this is, having checked that it is the next one of its stream."""
        portfolio = self.portfolios.get(event.portfolio)
        if portfolio is None or portfolio.account != event.account:
            raise InvariantViolated(
                f"account {event.account} has no portfolio {event.portfolio}, but an event for it"
            )
        account = self.accounts[event.account]
        if event.event_seq != account.event_seq + 1:
            raise InvariantViolated(
                f"account {event.account}: event {event.event_seq} follows {account.event_seq}"
            )
        self.touched.accounts.add(event.account // ACCOUNTS_TOGETHER)
        self.touched.portfolios.add(event.portfolio // ACCOUNTS_TOGETHER)
        return account, portfolio

    def _apply_opening(self, event: PortfolioOpened) -> None:
        if event.portfolio in self.portfolios:
            raise InvariantViolated(f"portfolio {event.portfolio} is opened twice")
        account = self.accounts.get(event.account)
        if account is None:
            account = self.accounts[event.account] = AccountState(event.account)
        account.portfolios.append(event.portfolio)
        self.portfolios[event.portfolio] = PortfolioState(
            event.portfolio, event.account, event.currency
        )
        self.touched.portfolio(event.portfolio, event.account)

    def _named(
        self, event: PortfolioNamed | SeasonBegun | TermsSet | PortfolioMarked | PortfolioFrozen
    ) -> PortfolioState:
        portfolio = self.portfolios.get(event.portfolio)
        if portfolio is None or portfolio.account != event.account:
            raise InvariantViolated(
                f"account {event.account} has no portfolio {event.portfolio}, but an event for it"
            )
        self.touched.portfolio(event.portfolio, event.account)
        return portfolio

    def _apply_season(self, event: SeasonBegun) -> None:
        portfolio = self._named(event)
        name = f"season {event.season} of portfolio {event.portfolio}"
        if event.season != portfolio.season + 1:
            raise InvariantViolated(f"{name} follows season {portfolio.season}")
        if not self.is_empty(event.portfolio):
            raise InvariantViolated(f"{name} begins with positions or open orders")
        portfolio.season, portfolio.season_at = event.season, event.at
        portfolio.deposited = portfolio.cash
        portfolio.realized = portfolio.dividends = portfolio.fees = 0
        portfolio.purse = portfolio.purse.in_new_season()
        portfolio.positions.clear()

    def _apply_terms(self, event: TermsSet) -> None:
        portfolio = self._named(event)
        if not self.is_empty(event.portfolio):
            raise InvariantViolated(
                f"the terms of portfolio {event.portfolio} change under positions or open orders"
            )
        portfolio.terms = event.terms
        portfolio.purse = attrs.evolve(portfolio.purse, margin=portfolio.is_margin)
        if portfolio.is_margin:
            self.margin_portfolios.add(event.portfolio)
        else:
            self.margin_portfolios.discard(event.portfolio)

    def _apply_mark(self, event: PortfolioMarked) -> None:
        portfolio = self._named(event)
        if event.carried_to < portfolio.purse.carried_to:
            raise InvariantViolated(
                f"portfolio {event.portfolio} is marked for {event.carried_to}, after"
                f" {portfolio.purse.carried_to}"
            )
        portfolio.purse = portfolio.purse.marked(
            carried_to=event.carried_to,
            called_at=event.called_at,
            due_at=event.due_at,
            shortfall=event.shortfall,
        )

    @property
    def epoch(self) -> int:
        """The epoch of market time: 1, and one more each time a clock was turned back."""
        return max((clock.epoch for clock in self.clocks.values()), default=1)

    def _apply_clock(self, event: ClockSet) -> None:
        name = f"epoch {event.epoch} of market time"
        if event.epoch != self.epoch + event.back:
            raise InvariantViolated(f"{name} follows epoch {self.epoch}")
        if event.back:
            if any(self.open_orders.values()):
                raise InvariantViolated(f"{name} begins with open orders of the one before")
            self.applied = {key for key in self.applied if key[2] <= event.market_at}
            self.note_ended()
            for portfolio in self.portfolios.values():
                portfolio.purse = portfolio.purse.turned_back(event.market_at)
                self.touched.portfolios.add(portfolio.portfolio // ACCOUNTS_TOGETHER)
            self.touched.actions = True
        self.clocks[event.market] = event

    def note_ended(self) -> None:
        """Work out from the actions that were applied which symbols have ended."""
        ends = (ActionKind.SYMBOL_CHANGE, ActionKind.DELISTING)
        self.ended = {symbol for symbol, kind, _ in self.applied if kind in ends}

    def _apply_freeze(self, event: PortfolioFrozen) -> None:
        portfolio = self._named(event)
        if event.frozen and self.owners_orders(event.portfolio):
            raise InvariantViolated(f"portfolio {event.portfolio} freezes with open orders")
        portfolio.frozen = event.frozen

    def _apply_action(self, event: ActionApplied) -> None:
        action = event.action
        key = (action.symbol, action.kind, action.at)
        if key in self.applied:
            raise InvariantViolated(f"{action.kind.name} of {action.symbol} is applied twice")
        self.applied.add(key)
        self.touched.actions = True
        if action.kind in (ActionKind.SYMBOL_CHANGE, ActionKind.DELISTING):
            self.ended.add(action.symbol)

    def _apply_order(self, event: OrderChanged) -> None:
        account, portfolio = self._owner(event)
        order = event.order
        old = self.orders.find(order.order_id)
        self._check_order(event, old, portfolio)
        if old is None:
            self._enter(order, account, portfolio)
        else:
            self._replace(old, order, account)
        account.event_seq = event.event_seq
        self.orders[order.order_id] = order
        self.touched.orders.add(order.order_id // ORDERS_TOGETHER)
        if event.fill and event.receipt is not None:
            terms = portfolio.terms
            family = _QUOTE if terms is DEFAULT_TERMS else FAMILIES[terms.fill_model]
            taken = event.fill_quantity
            self.takings.note(order.symbol, family, order.side, event.receipt, taken)
        was_cash = was_quantity = 0
        if old is not None:
            was_cash, was_quantity = old.reserved_cash, old.reserved_quantity
        portfolio.reserved_cash += order.reserved_cash - was_cash
        if order.reserved_quantity != was_quantity:
            reserved = portfolio.reserved_quantity
            total = reserved.get(order.symbol, 0) + order.reserved_quantity - was_quantity
            if total:
                reserved[order.symbol] = total
            else:
                del reserved[order.symbol]

    def _check_order(
        self, event: OrderChanged, old: Order | None, portfolio: PortfolioState
    ) -> None:
        order = event.order
        # The name is put together where it is needed: this runs with every event.
        number = order.order_id
        if not 0 <= order.filled <= order.quantity:
            raise InvariantViolated(f"order {number} has filled {order.filled} of {order.quantity}")
        if (order.reserved_cash or order.reserved_quantity) and not order.is_open:
            raise InvariantViolated(f"order {number} is {order.state.name} and still reserves")
        if old is None:
            if event.kind != _ACCEPTED or order.state not in _BIRTHS:
                raise InvariantViolated(f"order {number} begins with {event.kind.name}")
            if order.order_id <= self.order_last:
                raise InvariantViolated(f"order {number} comes after order {self.order_last}")
            if order.client_order_id in portfolio.client_order_ids:
                raise InvariantViolated(
                    f"order {number} has a client order id that was used before"
                )
            self._check_covered(order, portfolio)
            if order.replaces:
                self._check_replacing(order)
            return
        try:
            expected = next_state(old.state, event.kind, order.filled == order.quantity)
        except IllegalTransitionError as wrong:
            raise InvariantViolated(f"order {number}: {wrong}") from wrong
        if order.state != expected or order.version != old.version + 1:
            raise InvariantViolated(
                f"order {number}: {event.kind.name} of version {old.version} made it"
                f" {order.state.name}, version {order.version}"
            )
        if event.kind == _ACTIVATED:
            self._check_covered(order, portfolio)
        elif order.reserved_cash > old.reserved_cash:
            raise InvariantViolated(f"order {number} reserves more cash than when it was accepted")

    @staticmethod
    def _check_covered(order: Order, portfolio: PortfolioState) -> None:
        number, cash, quantity = order.order_id, order.reserved_cash, order.reserved_quantity
        if cash > portfolio.cash - portfolio.reserved_cash and not portfolio.is_margin:
            raise InvariantViolated(f"order {number} reserves more cash than there is")
        if quantity and quantity > portfolio.available_quantity(order.symbol):
            raise InvariantViolated(f"order {number} reserves more {order.symbol} than there is")

    def _check_replacing(self, order: Order) -> None:
        old = self.orders.find(order.replaces)
        if (
            old is None
            or old.state != OrderState.REPLACED
            or old.order_id in self.replaced_by
            or (old.portfolio, old.symbol, old.side) != (order.portfolio, order.symbol, order.side)
        ):
            raise InvariantViolated(f"order {order.order_id} cannot replace order {order.replaces}")

    def _enter(self, order: Order, account: AccountState, portfolio: PortfolioState) -> None:
        symbol = order.symbol
        for book in self.places_of(order) if order.flags else (self.book_of(order),):
            book.add(order)
        account.open_orders += 1
        self.open_orders.setdefault(order.portfolio, set()).add(order.order_id)
        if order.replaces:
            self.replaced_by[order.replaces] = order.order_id
        if order.terms is not None:
            self.link(order)
        if order.tag:
            self.tagged[order.portfolio, order.tag] = order.order_id
        by_symbol = account.open_orders_by_symbol
        by_symbol[symbol] = by_symbol.get(symbol, 0) + 1
        portfolio.client_order_ids[order.client_order_id] = order.order_id
        self.orders_by_portfolio.setdefault(order.portfolio, []).append(order.order_id)
        self.order_last = order.order_id
        self.sequence_last = max(self.sequence_last, order.sequence)
        if order.expire_at:
            heapq.heappush(self.expiries, (order.expire_at, order.order_id))

    def link(self, order: Order) -> None:
        """Note which combination an open order belongs to."""
        terms = order.terms
        if terms is None:
            return
        for table, number in ((self.children, terms.parent), (self.pairs, terms.pair)):
            if number and order.order_id not in table.get(number, ()):
                table.setdefault(number, []).append(order.order_id)

    def _replace(self, old: Order, order: Order, account: AccountState) -> None:
        is_open = order.is_open
        for book in self.places_of(order) if order.flags else (self.book_of(order),):
            if is_open:
                _move(book, old, order)
            else:
                book.remove(old)
        if not is_open:
            if old.terms is not None:
                _unlink(self.children, old.terms.parent, old.order_id)
                _unlink(self.pairs, old.terms.pair, old.order_id)
            account.open_orders -= 1
            self.orders.has_ended(order.order_id)
            self.open_orders[order.portfolio].remove(order.order_id)
            left = account.open_orders_by_symbol[order.symbol] - 1
            if left:
                account.open_orders_by_symbol[order.symbol] = left
            else:
                del account.open_orders_by_symbol[order.symbol]
        elif (
            order.terms is not None
            and old.terms is not None
            and old.terms.parent != order.terms.parent
        ):
            _unlink(self.children, old.terms.parent, old.order_id)
            self.link(order)

    def _apply_transaction(self, event: TransactionPosted) -> None:
        account, portfolio = self._owner(event)
        transaction, position = event.transaction, event.position
        self._check_transaction(event, account, portfolio)
        self.ledger.post(event.entries)
        for entry in event.entries:
            self.touched.assets.add(entry.asset)
        account.event_seq = event.event_seq
        account.transaction_id = transaction.transaction_id
        portfolio.cash = transaction.cash_after
        portfolio.realized += transaction.realized
        portfolio.fees += transaction.fees
        if portfolio.purse.concerns(transaction):
            portfolio.purse = portfolio.purse.after(transaction)
        if transaction.kind in FUNDING and not transaction.symbol:
            portfolio.deposited += transaction.amount
        elif transaction.kind == _DIVIDEND:
            portfolio.dividends += transaction.amount
        if position is not None:
            portfolio.positions[position.symbol] = position

    def _check_transaction(
        self, event: TransactionPosted, account: AccountState, portfolio: PortfolioState
    ) -> None:
        transaction, position = event.transaction, event.position
        if transaction.transaction_id != account.transaction_id + 1:
            raise _misposted(event, f"follows {account.transaction_id}")
        if transaction.cash_after != portfolio.cash + transaction.amount:
            raise _misposted(event, f"leaves {transaction.cash_after}, which does not add up")
        if transaction.cash_after < portfolio.reserved_cash and not portfolio.is_margin:
            raise _misposted(event, "leaves less cash than is reserved")
        # A split moves the position before it moves the orders that reserve it.
        if position is not None and transaction.kind != _SPLIT:
            reserved = portfolio.reserved_quantity.get(position.symbol, 0)
            held = abs(position.quantity) if portfolio.is_margin else position.quantity
            if held < reserved:
                raise _misposted(event, f"leaves less {position.symbol} than is reserved")


def _move(book: Book, old: Order, order: Order) -> None:
    """Give an open order that changed its new place in a book."""
    if order.terms is not None:
        book.change(old, order)
    elif order.limit_price != old.limit_price:
        book.remove(old)
        book.add(order)
    elif order.state != OrderState.PENDING:
        book.met(order)


def _misposted(event: TransactionPosted, what: str) -> InvariantViolated:
    # Put together only when it is needed: the checks run with every event.
    number = event.transaction.transaction_id
    return InvariantViolated(f"transaction {number} of account {event.account} {what}")


def _unlink(table: dict[int, list[int]], number: int, order_id: int) -> None:
    members = table.get(number)
    if members is not None:
        members.remove(order_id)
        if not members:
            del table[number]
